"""The plain control as a model: logistic regression on audio statistics, words and colours."""

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
    """Build the plain control: logistic regressions on simple features of the same table.

    The features are statistics of the audio, tf-idf weights of words and statistics of colours. A
    network that does not outperform this baseline has learned little.

    Parameters
    ----------
    audio, text, image : str or None
        The column of each modality, as in `make_genre_classifier`; None excludes it.
    combine : {"mean", "concatenate"}, default="mean"
        "mean" averages the probabilities of one regression per modality. "concatenate" trains one
        regression on the features of all modalities.
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
        If all modalities are None.

    See Also
    --------
    make_genre_classifier : Build the networks that it is the control for.
    ablate_modalities : Compare both (``controls=["plain"]``).

    Notes
    -----
    The settings are fixed, not tuned: balanced class weights, C = 0.05 for the statistics of
    audio, 3 for words, 0.01 for colours.

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
        raise ValueError("All modalities are None; pass the column of at least one.")
    strengths = {kind: STRENGTHS[kind] for kind, _, _ in branches}
    model = GenrePipeline(
        [
            ("modalities", ColumnTransformer(branches)),
            ("fusion", LogisticFusionClassifier(combine=combine, C=strengths)),
        ]
    )
    return set_params_of_steps(model, params, "make_plain_classifier")
