"""The multimodal feature space of the paper as an estimator, and the pairs it learns from."""

from hashlib import blake2b
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import TransformerMixin, _fit_context
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ..model_selection import inner_validation_mask
from ..nets import ArrayFeed, NetEstimator, Plan, draw_seeds
from ..utils import (
    Labels,
    as_pandas,
    check_feature_names_in,
    check_rows,
    check_sample_weight,
    has_default_output,
    read_groups,
    read_labels,
    refuse_repeated_columns,
)
from ._blocks import find_blocks, missing_in_block, vectors_of_block


class JointSpaceProjector(TransformerMixin, NetEstimator):
    """Vectors of two modalities in one space, each reached without the other.

    Two small networks, one a view, are trained so that the two views of an item lie close
    together and away from those of other items (section 3.4). Afterwards each view is
    embedded by its own network: MM_Audio needs no cover.

    Parameters
    ----------
    n_components : int, default=200
        Dimensions of the shared space.
    hidden_units : int, default=1024
        Units of the first layer of each network.
    margin : float, default=0.5
        m of the loss, in [0, 1]: at 0 negatives count in full, at 1 not at all.
    views : tuple of two str, default=("audio", "image")
        The two blocks to embed.
    passthrough : bool, default=False
        Whether the views' own columns are answered too.
    blocks : "auto" or dict of str to int, default="auto"
        As in `FusionClassifier`; a bare array is two halves.
    max_epochs : int, default=100
    batch_size : int, default=32
    lr : float, default=1e-3
        Learning rate of Adam.
    patience : int, default=10
    validation_fraction : float, default=0.1
        Share of the artists held out for early stopping; 0 for none.
    device : str, default="auto"
    precision : {"auto", "float32", "bfloat16"}, default="auto"
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    blocks_ : dict of str to list of int
        Columns of each block.
    views_ : tuple of two str
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has column names.
    n_parameters_ : int
    n_iter_, best_iter_ : int
    history_ : list of dict
    weights_ : dict of ndarray

    Notes
    -----
    Inputs are l2-normalised. A negative is another training item, drawn anew in every
    epoch, whose vector differs (tracks of one album share a cover). Only rows with both
    views are learned from; a view of zeros is missing, as one of NaN is. y is not learned
    from; it serves to choose the inner validation rows as the other steps of a pipeline do. A
    DataFrame is answered with a DataFrame, so that the blocks keep their names, and a sparse
    matrix with a sparse one, whose names `get_feature_names_out` has.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.fusion import JointSpaceProjector
    >>> X = np.random.default_rng(0).normal(size=(40, 5))
    >>> joint = JointSpaceProjector(
    ...     n_components=4, hidden_units=8, blocks={"audio": 3, "image": 2},
    ...     max_epochs=2, validation_fraction=0, random_state=0,
    ... )
    >>> joint.fit_transform(X).shape
    (40, 8)
    >>> joint.get_feature_names_out()[:2].tolist()
    ['mm_audio__0', 'mm_audio__1']
    """

    __metadata_request__fit = {"feature_names": True}

    _parameter_constraints = {
        **NetEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_units": [Interval(Integral, 1, None, closed="left")],
        "margin": [Interval(Real, 0, 1, closed="both")],
        "views": [tuple, list],
        "passthrough": ["boolean"],
        "blocks": [StrOptions({"auto"}), dict],
    }

    def __init__(
        self,
        *,
        n_components=200,
        hidden_units=1024,
        margin=0.5,
        views=("audio", "image"),
        passthrough=False,
        blocks="auto",
        max_epochs=100,
        batch_size=32,
        lr=1e-3,
        patience=10,
        validation_fraction=0.1,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.hidden_units = hidden_units
        self.margin = margin
        self.views = views
        self.passthrough = passthrough
        self.blocks = blocks
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, groups=None, validation=None, sample_weight=None, feature_names=None):
        """Learn the shared space from the rows that have both views.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
        y : array-like, default=None
            Genres; they only help to choose the inner validation rows.
        groups : array-like of shape (n_rows,), default=None
            Artists.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the inner validation rows of a published split.
        sample_weight : array-like of shape (n_rows,), default=None
        feature_names : array-like of str, shape (n_features,), default=None
            As in `FusionClassifier`.

        Returns
        -------
        self : object
        """
        from ._nets import MarginLoss

        _, vectors, missing = self._views(X, reset=True, feature_names=feature_names)
        labels = Labels(np.zeros(len(missing), dtype=int)) if y is None else read_labels(y)
        check_consistent_length(missing, labels.values)
        groups = None if groups is None else read_groups(groups, len(missing))
        check_rows(X, labels, groups)
        weight = check_sample_weight(
            sample_weight, np.empty((len(missing), 1)), dtype=np.float32, ensure_non_negative=True
        )
        held_out = inner_validation_mask(
            labels,
            groups=groups,
            validation=validation,
            validation_fraction=self.validation_fraction,
            random_state=self.random_state,
        )
        both = ~missing.any(axis=1)
        *seeds, negatives_seed = draw_seeds(self.random_state, 4)
        feed = PairFeed(
            vectors,
            missing=~both,
            train_pool=np.flatnonzero(both & ~held_out),
            valid_pool=np.flatnonzero(both & held_out),
            seed=negatives_seed,
        )
        plan = Plan(
            feed=feed,
            loss=MarginLoss(self.margin),
            y=labels,
            groups=groups,
            truth=feed.has_negatives(held_out),
            weight=weight,
            held_out=held_out,
            seeds=seeds,
        )
        self._learn(plan, self.n_components)
        return self

    def transform(self, X):
        """Embed each view that a row has.

        Returns
        -------
        X_out : ndarray, DataFrame or csr_array of shape (n_rows, n_features_out)
            Columns outside the views, the views' own if `passthrough`, then
            ``mm_<view>__<i>``; NaN where the view is missing.
        """
        check_is_fitted(self)
        values, vectors, missing = self._views(X, reset=False)
        parts = [values.astype(np.float32)[:, self._kept_columns()]]
        for number, part in enumerate(("first", "second")):
            present = np.flatnonzero(~missing[:, number])
            embedded = np.full((len(missing), self._width), np.nan, dtype=np.float32)
            if len(present):
                feed = ArrayFeed(vectors[number], missing[:, number])
                embedded[present] = self._forward(feed, part, present)
            parts.append(embedded)
        if sparse.issparse(values):
            return sparse.hstack(parts, format="csr")
        answer = np.hstack(parts)
        if has_default_output(self) and isinstance(X, pd.DataFrame):
            return pd.DataFrame(answer, index=X.index, columns=self.get_feature_names_out())
        return answer

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` answers with.

        Parameters
        ----------
        input_features : array-like of str or None, default=None

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        names = [str(name) for name in check_feature_names_in(self, input_features)]
        block_of = {column: b for b, columns in self.blocks_.items() for column in columns}
        kept = [
            names[column] if "__" in names[column] else f"{block_of[column]}__{names[column]}"
            for column in self._kept_columns()
        ]
        embedded = [f"mm_{view}__{i}" for view in self._fitted_views for i in range(self._width)]
        return np.array(kept + embedded, dtype=object)

    @property
    def _width(self):
        """Dimensions of the fitted space."""
        return self.module_recipe_["n_components"]

    @property
    def _fitted_views(self):
        return getattr(self, "views_", self.views)  # model files of old do not have it

    def _kept_columns(self):
        """Columns of X that are answered as they are."""
        return [
            column
            for block, columns in self.blocks_.items()
            for column in columns
            if self.passthrough or block not in self._fitted_views
        ]

    def _views(self, X, *, reset, feature_names=None):
        """X as an array; normalised vectors of both views, zeros where missing; what is missing."""
        refuse_repeated_columns(X)
        X = as_pandas(X)
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )
        if reset:
            names = getattr(self, "feature_names_in_", feature_names)
            self.blocks_ = self._find_blocks(X.shape[1], names)
            self.views_ = tuple(self.views)
        for block in self.blocks_.keys() - set(self._fitted_views):
            missing_in_block(X, self.blocks_[block], block)  # partly NaN is an error here too
        missing = np.stack(
            [missing_in_block(X, self.blocks_[view], view) for view in self._fitted_views], axis=1
        )
        vectors = [
            vectors_of_block(X, self.blocks_[view], absent)
            for view, absent in zip(self._fitted_views, missing.T, strict=True)
        ]
        return X, vectors, missing

    def _find_blocks(self, n_features, names):
        if len(self.views) != 2 or len(set(self.views)) != 2:
            raise ValueError(f"views={self.views!r} must name two blocks.")
        blocks = self.blocks
        if blocks == "auto" and names is None:
            if n_features < 2:
                raise ValueError("X has n_features = 1; two views take at least one column each.")
            half = n_features - n_features // 2
            blocks = dict(zip(self.views, (half, n_features - half), strict=True))
        found = {
            block: columns.tolist()
            for block, columns in find_blocks(blocks, n_features, names).items()
        }
        lacking = [view for view in self.views if view not in found]
        if lacking:
            raise ValueError(
                f"X has no block {lacking[0]!r}; its blocks are {list(found)}. Name two of them "
                "in views=, or give the columns of each block in blocks=."
            )
        return found

    def _recipe(self, sample_shape, n_outputs):
        return {
            "widths": [len(self.blocks_[view]) for view in self._fitted_views],
            "hidden_units": int(self.hidden_units),
            "n_components": int(n_outputs),
        }

    @staticmethod
    def _make_module(**recipe):
        from ._nets import JointNet

        return JointNet(**recipe)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class PairFeed:
    """Feed of both views of an item and of one negative a view (see `JointNet`).

    In training, negatives are training rows drawn anew in every epoch; outside of it they
    are validation rows, always the same.
    """

    reads_files = False

    def __init__(self, vectors, *, missing, train_pool, valid_pool, seed):
        self.vectors, self.missing, self.seed = vectors, missing, seed
        self._drawn = None
        self.sample_shape = (2 * sum(part.shape[1] for part in vectors),)
        codes = [_vector_codes(part) for part in vectors]
        self.train = [_Negatives(c, train_pool) for c in codes]
        self.valid = [_Negatives(c, valid_pool) for c in codes]

    def has_negatives(self, held_out):
        """1 for each row and view with a negative; views all alike have none."""
        train, valid = (
            np.array([part.enough for part in parts], dtype=np.float32)
            for parts in (self.train, self.valid)
        )
        return np.where(held_out[:, None], valid, train)

    def batch(self, rows, epoch=None):
        """Return the vectors of both views, then those of both negatives."""
        pools = self.valid if epoch is None else self.train
        drawn = self._draws(epoch)[:, rows]
        negatives = [pool.pick(rows, of_view) for pool, of_view in zip(pools, drawn, strict=True)]
        chosen = [part[rows] for part in self.vectors]
        chosen += [part[other] for part, other in zip(self.vectors, negatives, strict=True)]
        return np.hstack([part.toarray() if sparse.issparse(part) else part for part in chosen])

    def _draws(self, epoch):
        """Numbers in [0, 1), one a view and row: the same however an epoch is shared out."""
        if self._drawn is None or self._drawn[0] != epoch:
            rng = np.random.default_rng([self.seed, 0 if epoch is None else epoch + 1])
            self._drawn = epoch, rng.random((len(self.vectors), len(self.missing)))
        return self._drawn[1]


class _Negatives:
    """Rows of a pool whose vector differs from that of a given row."""

    def __init__(self, codes, pool):
        self.codes = codes
        self.pool = pool[np.argsort(codes[pool], kind="stable")]
        self.pool_codes = codes[self.pool]
        self.enough = len(pool) > 0 and self.pool_codes[0] != self.pool_codes[-1]

    def pick(self, rows, drawn):
        """Return one for each of `rows`, by numbers drawn from [0, 1)."""
        if not self.enough:
            return rows
        # The pool is sorted by vector, so that those to leave out stand side by side.
        first = np.searchsorted(self.pool_codes, self.codes[rows], side="left")
        last = np.searchsorted(self.pool_codes, self.codes[rows], side="right")
        place = (drawn * (len(self.pool) - (last - first))).astype(int)
        return self.pool[np.where(place >= first, place + last - first, place)]


def _vector_codes(vectors):
    """An integer a row, the same for equal vectors."""
    known = {}
    if sparse.issparse(vectors):
        ends = zip(vectors.indptr[:-1], vectors.indptr[1:], strict=True)
        rows = (
            vectors.indices[start:end].tobytes() + vectors.data[start:end].tobytes()
            for start, end in ends
        )
    else:
        rows = (row.tobytes() for row in vectors)
    return np.array([known.setdefault(blake2b(row).digest(), len(known)) for row in rows])
