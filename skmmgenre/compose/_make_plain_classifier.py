"""The plain control beside the networks: logistic regression on statistics, words and colours."""

from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from ..audio import AudioStatistics, CQTExtractor
from ..fusion import LogisticFusionClassifier
from ..image import ColorStatistics, ResNetEmbedder
from ..text import ReviewTruncator, ReviewVectorizer
from ..utils import find_steps, walk
from ._genre_pipeline import GenrePipeline
from ._make_genre_classifier import set_params_of_steps
from ._mean_over_tracks import MeanOverTracks

# What reads sound, texts and covers, so that a branch with it is one of that modality.
_READERS = {
    "audio": (CQTExtractor, AudioStatistics),
    "text": (ReviewTruncator, CountVectorizer),
    "image": (ResNetEmbedder, ColorStatistics),
}
# Inverse strength of the penalties. They are not tuned, on no table that results are told of.
_STRENGTHS = {"audio": 0.05, "text": 3.0, "image": 0.01}
_OF_VECTORS = 0.05
_STATISTICS = {"audio": AudioStatistics, "image": ColorStatistics}
_HOW_TO_READ = {"cache", "n_jobs", "on_error", "verbose"}  # as the model does


def make_plain_classifier(audio="audio", text="text", image="cover", combine="mean", **params):
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
    strengths = {kind: _STRENGTHS[kind] for kind, _, _ in branches}
    model = GenrePipeline(
        [
            ("modalities", ColumnTransformer(branches)),
            ("fusion", LogisticFusionClassifier(combine=combine, C=strengths)),
        ]
    )
    return set_params_of_steps(model, params, "make_plain_classifier")


def plain_branch(kind):
    """Return what makes vectors of a modality without a network."""
    if kind == "audio":
        steps = [("statistics", AudioStatistics()), ("scale", StandardScaler())]
        return MeanOverTracks(Pipeline(steps))
    if kind == "text":
        return Pipeline([("truncate", ReviewTruncator()), ("tfidf", ReviewVectorizer())])
    return Pipeline([("colors", ColorStatistics()), ("scale", StandardScaler())])


def kind_of(branch):
    """Return which modality a branch reads; None for one of ready vectors, or of a user's own."""
    steps = [step for _, step, _ in walk(branch, fitted=False)]
    for kind, readers in _READERS.items():
        if any(isinstance(step, readers) for step in steps):
            return kind
    return None


def plain_modalities(modalities):
    """Return the plain control's branches for the cells that a model's branches read.

    Parameters
    ----------
    modalities : ColumnTransformer
        The model's. A branch that reads no sound, text or cover stays as it is.

    Returns
    -------
    modalities : ColumnTransformer
        Of the same names and columns, reading as the model does.
    strengths : dict of str to float
        C of each branch.
    """
    branches = [branch for branch in modalities.transformers if branch[1] != "drop"]
    plain = [(name, _plain_like(branch), columns) for name, branch, columns in branches]
    strengths = {name: _STRENGTHS.get(kind_of(branch), _OF_VECTORS) for name, branch, _ in branches}
    return ColumnTransformer(plain), strengths


def _plain_like(branch):
    kind = kind_of(branch)
    if kind is None:
        if branch == "passthrough":
            return StandardScaler()
        return Pipeline([("own", clone(branch)), ("scale", StandardScaler())])
    plain = plain_branch(kind)
    if kind in _STATISTICS:
        (reader,) = find_steps(branch, _READERS[kind], fitted=False).values()
        (statistics,) = find_steps(plain, _STATISTICS[kind], fitted=False).values()
        known = statistics.get_params().keys() & _HOW_TO_READ
        statistics.set_params(**{name: getattr(reader, name) for name in known})
    return plain
