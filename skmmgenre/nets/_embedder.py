"""A network whose last hidden layer is of use to others."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import Interval, Options
from sklearn.utils.validation import check_is_fitted

from ..model_selection import ArtistKFold
from ..utils import in_container, interruption_ends_all, read_groups
from ._classifier import NetClassifier

# Ridge penalty of a row, as a share of the mean square of an activation (1e-4 to 0.1 do alike).
_PENALTY = 1e-2


def _fit_coordinates(theirs, own):
    """Learn the linear map from one network's vectors to another's on the same rows."""
    power = np.mean(theirs.astype(np.float64) ** 2)
    return Ridge(alpha=_PENALTY * len(theirs) * max(power, 1e-12)).fit(theirs, own)


class NetEmbedder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetClassifier, auto_wrap_output_keys=None
):
    """A `NetClassifier` that is a transformer too: X to its last hidden layer's activations.

    Parameters
    ----------
    cross_fit : int
        0 is the paper: `fit_transform` answers with vectors of rows the network learned
        from. k > 1 lets k networks, started from the same weights, each answer for the
        artists it has not seen, so that what learns from the vectors does not learn from
        memorised ones. Hidden units of two networks drift apart even from the same start,
        so a fold's vectors are brought into the coordinates of the network of all rows,
        which `transform` uses, by ridge regression on the rows that both learned from.
        Inner validation rows, never learned from, are answered by the network of all rows.
    """

    _parameter_constraints = {
        **NetClassifier._parameter_constraints,
        "cross_fit": [Options(Integral, {0}), Interval(Integral, 2, None, closed="left")],
    }

    # Whether training changes what `transform` answers; if not, no fold needs a network.
    _learns_vectors = True

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y, groups=None, validation=None, sample_weight=None):
        """Train the network and return the vector of every row; see `cross_fit`."""
        plan = self._plan(X, y, groups, validation, sample_weight)
        folds = self._folds(plan)  # too many for the artists is told before training
        self._learn(plan, self.target_.n_outputs)
        own = self._transform(plan.feed)
        vectors = own.copy() if len(folds) else own
        for fold, rows in enumerate(folds, start=1):
            learned = ~plan.held_out & ~rows
            with interruption_ends_all():
                weights, _, _ = self._train(
                    plan,
                    train=learned,
                    description=f"{type(self).__name__} fold {fold} of {self.cross_fit}",
                )
            seen = np.flatnonzero(learned & ~plan.feed.missing)
            unseen = np.flatnonzero(rows & ~plan.feed.missing)
            if len(unseen):
                answers = self._embed(plan.feed, np.concatenate([seen, unseen]), weights)
                to_own = _fit_coordinates(answers[: len(seen)], own[seen])
                vectors[unseen] = to_own.predict(answers[len(seen) :])
        return self._in_container(vectors, X)

    def _folds(self, plan):
        """Masks of the training rows, an artist in one fold only; none without cross_fit."""
        if not self.cross_fit or not self._learns_vectors:
            return []
        rows = np.flatnonzero(~plan.held_out)
        groups = read_groups(plan.groups, len(plan.y)).take(rows)
        masks = np.zeros((self.cross_fit, len(plan.y)), dtype=bool)
        folds = ArtistKFold(self.cross_fit).split(rows, plan.y.take(rows), groups)
        for mask, (_, fold) in zip(masks, folds, strict=True):
            mask[rows[fold]] = True
        return masks

    @property
    def _n_features_out(self):
        """Width of the last hidden layer: the output layer's weights are (outputs, width)."""
        return self.weights_["head.weight"].shape[1]

    def transform(self, X):
        """Return the activations of the last hidden layer.

        Returns
        -------
        vectors : ndarray of float32, shape (n_rows, n_features_out)
            NaN in a row that is missing.
        """
        check_is_fitted(self)
        return self._in_container(self._transform(self._read(X, reset=False)), X)

    def _in_container(self, vectors, X):
        """Do what `set_output` asks for, unless the rows of X have lost their names.

        Behind a step that answers in sparse or 3-D arrays, rows would be numbered anew; a
        ColumnTransformer could not put them beside those of other branches. It names the
        rows and columns of a plain array itself.
        """
        nameless = not hasattr(X, "index") and getattr(X, "ndim", 0) != 2
        if nameless or sparse.issparse(X):
            return vectors
        return in_container(vectors, X, self)

    def _transform(self, feed):
        present = np.flatnonzero(~feed.missing)
        if 0 < len(present) == len(feed):
            vectors = self._embed(feed, present)
        else:
            vectors = np.full((len(feed), self._n_features_out), np.nan, dtype=np.float32)
            if len(present):
                vectors[present] = self._embed(feed, present)
        vectors[feed.missing] = np.nan  # some may have turned out to be bad on the way
        return vectors

    def _embed(self, feed, rows, weights=None):
        if weights is None:
            return self._forward(feed, "embed", rows)
        from ._devices import inference_device
        from ._modules import from_arrays

        device = inference_device(self.device)
        module = from_arrays(self._make_module, self.module_recipe_, weights, device)
        return self._forward(feed, "embed", rows, module)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
