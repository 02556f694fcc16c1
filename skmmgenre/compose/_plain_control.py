"""The plain control of a model: regressions on the same cells as its networks."""

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from ..audio import AudioEmbedder, AudioStatistics, CQTExtractor
from ..fusion import LogisticFusionClassifier
from ..image import ColorStatistics, ImageEmbedder, ResNetEmbedder
from ..model_selection import inner_folds
from ..text import ReviewTruncator, ReviewVectorizer, TextEmbedder
from ..utils import find_steps, read_labels, safe_indexing, walk
from ._genre_pipeline import GenrePipeline
from ._mean_over_tracks import MeanOverTracks

# Steps that read audio, texts and covers; they determine the modality of a branch.
_READERS = {
    "audio": (CQTExtractor, AudioEmbedder, AudioStatistics),
    "text": (ReviewTruncator, TextEmbedder, CountVectorizer),
    "image": (ResNetEmbedder, ImageEmbedder, ColorStatistics),
}
# Inverse strength of the penalties. Not tuned on any table for which results are reported.
STRENGTHS = {"audio": 0.05, "text": 3.0, "image": 0.01}
_OF_VECTORS = 0.05
_STATISTICS = {"audio": AudioStatistics, "image": ColorStatistics}
_HOW_TO_READ = {"cache", "n_jobs", "on_error", "verbose"}  # as the model does


class PlainControl:
    """Regressions on some modalities of a table, in place of a model's networks.

    Parameters
    ----------
    modalities : ColumnTransformer
        From `plain_modalities`.
    strengths : dict of str to float
        C of each modality.
    tuned : bool, default=False
        Whether multilabel predictions use thresholds tuned on unseen artists, as the model's do;
        else the threshold is 0.5.

    Attributes
    ----------
    modalities : GenrePipeline
        Computes the vectors of the cells.
    """

    def __init__(self, modalities, strengths, *, tuned=False):
        modalities = clone(modalities).set_output(transform="default")
        self.modalities = GenrePipeline([("modalities", modalities)])
        self.strengths, self.tuned = strengths, tuned

    def fit(self, table, y, groups=None):
        """Fit the feature extraction, and keep the vectors of these rows for `regress`."""
        self._vectors, self._y = self.modalities.fit_transform(table, y), y
        self._folds = None
        if self.tuned and y.ndim == 2:
            self._folds = inner_folds(y, groups=groups, warn=False)
        return self

    def transform(self, table):
        """Return the vectors of other rows, an ndarray or a sparse matrix."""
        return self.modalities.transform(table)

    def regress(self, subset, combine="mean"):
        """Return the fitted regression on some modalities.

        Parameters
        ----------
        subset : sequence of str
        combine : {"mean", "concatenate"}

        Returns
        -------
        regression : LogisticFusionClassifier
            Takes vectors that `part` returns.
        """
        slices = self._slices()
        widths = {name: slices[name].stop - slices[name].start for name in subset}
        regression = LogisticFusionClassifier(combine=combine, C=self.strengths, blocks=widths)
        vectors = self.part(self._vectors, subset)
        regression.fit(vectors, self._y)
        if self._folds is not None:
            self._tune(regression, vectors)
        return regression

    def _tune(self, regression, vectors):
        """Tune the thresholds on out-of-fold scores, from regressions fitted on other artists."""
        unseen = [np.flatnonzero(self._folds == fold) for fold in np.unique(self._folds)]
        scores = []
        for rows in unseen:
            others = np.setdiff1d(np.arange(len(self._folds)), rows)
            fold = clone(regression).fit(vectors[others], safe_indexing(self._y, others))
            scores.append(fold.decision_function(vectors[rows]))
        truth = read_labels(self._y).values[np.concatenate(unseen)]
        regression.target_.decide("tuned", truth, np.concatenate(scores))

    def part(self, vectors, subset):
        """Return the columns of some modalities."""
        slices = self._slices()
        columns = np.concatenate([np.arange(vectors.shape[1])[slices[name]] for name in subset])
        if sparse.issparse(vectors):
            vectors = sparse.csr_array(vectors)
        return vectors[:, columns]

    def _slices(self):
        return self.modalities["modalities"].output_indices_


def tells_by_tuned_thresholds(classifier):
    """Return whether the multilabel predictions of a fitted network use tuned thresholds."""
    tuned = getattr(classifier, "decision", None) in ("auto", "tuned")
    return tuned and getattr(classifier, "thresholds_", None) is not None


def plain_branch(kind):
    """Return a transformer that computes the vectors of a modality without a network."""
    if kind == "audio":
        steps = [("statistics", AudioStatistics()), ("scale", StandardScaler())]
        return MeanOverTracks(Pipeline(steps))
    if kind == "text":
        return Pipeline([("truncate", ReviewTruncator()), ("tfidf", ReviewVectorizer())])
    return Pipeline([("colors", ColorStatistics()), ("scale", StandardScaler())])


def kind_of(branch):
    """Return the modality that a branch reads; None for ready vectors and for custom branches."""
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
        The model's modalities. A branch that does not read audio, text or covers is kept.

    Returns
    -------
    modalities : ColumnTransformer
        The same names, columns and settings for reading cells as in the model.
    strengths : dict of str to float
        C of each branch.
    """
    branches = [branch for branch in modalities.transformers if branch[1] != "drop"]
    plain = [(name, _plain_like(branch), columns) for name, branch, columns in branches]
    strengths = {name: STRENGTHS.get(kind_of(branch), _OF_VECTORS) for name, branch, _ in branches}
    return ColumnTransformer(plain), strengths


def _plain_like(branch):
    kind = kind_of(branch)
    if kind is None:
        if branch == "passthrough":
            return StandardScaler()
        return Pipeline([("own", clone(branch)), ("scale", StandardScaler())])
    plain = plain_branch(kind)
    if kind in _STATISTICS:
        reader = next(iter(find_steps(branch, _READERS[kind], fitted=False).values()))
        (statistics,) = find_steps(plain, _STATISTICS[kind], fitted=False).values()
        known = statistics.get_params().keys() & reader.get_params().keys() & _HOW_TO_READ
        statistics.set_params(**{name: getattr(reader, name) for name in known})
    return plain
