"""The plain control as a model: logistic regression on statistics, words and colours."""

from typing import Any, Literal

from sklearn.compose import ColumnTransformer

from ..fusion import LogisticFusionClassifier
from ._genre_pipeline import GenrePipeline
from ._make_genre_classifier import set_params_of_steps
from ._plain_control import STRENGTHS, plain_branch


def make_plain_classifier(
    audio: str | None = "audio",
    text: str | None = "text",
    image: str | None = "cover",
    combine: Literal["mean", "concatenate"] = "mean",
    **params: Any,
) -> GenrePipeline:
    """Write the plain control: what a few lines of scikit-learn learn from the same table.

    Statistics of the sound, word weights and colours go to logistic regressions. A network that
    is no better than this has learned little.

    Parameters
    ----------
    audio, text, image : str or None
        The column of each modality, as in `make_genre_classifier`; None leaves it out.
    combine : {"mean", "concatenate"}, default="mean"
        "mean": of the probabilities of a regression a modality. "concatenate": one regression
        on all of them.
    **params
        Parameters of the steps, by the names that `make_genre_classifier` takes
        (``on_error="missing"``, ``n_jobs=2``, ``text__ngram_range=(1, 2)``).

    Returns
    -------
    model : GenrePipeline
        Steps ``modalities`` (a ColumnTransformer; ``audio`` is a MeanOverTracks over
        ``statistics`` and ``scale``, ``text`` is ``truncate``, ``tfidf``, ``image`` is
        ``colors``, ``scale``) and ``fusion``.

    Raises
    ------
    TypeError
        If no step has a parameter of a given name.
    ValueError
        If no modality is left.

    See Also
    --------
    make_genre_classifier : The networks that it is the control of.
    ablate_modalities : Compares both (``controls=["plain"]``).

    Notes
    -----
    Its settings are fixed, not tuned: classes weighed alike, C = 0.05 for the statistics of
    sound, 3 for words, 0.01 for colours.

    Examples
    --------
    >>> from skmmgenre.compose import make_plain_classifier
    >>> from skmmgenre.datasets import make_albums
    >>> albums = make_albums(60, random_state=0)
    >>> plain = make_plain_classifier(audio=None, image=None)
    >>> plain.fit(albums.table, albums.y).predict(albums.table).shape
    (60,)
    """
    columns = {"audio": audio, "text": text, "image": image}
    branches = [
        (kind, plain_branch(kind), column) for kind, column in columns.items() if column is not None
    ]
    if not branches:
        raise ValueError("All modalities are None; name the column of at least one.")
    strengths = {kind: STRENGTHS[kind] for kind, _, _ in branches}
    model = GenrePipeline(
        [
            ("modalities", ColumnTransformer(branches)),
            ("fusion", LogisticFusionClassifier(combine=combine, C=strengths)),
        ]
    )
    return set_params_of_steps(model, params, "make_plain_classifier")
