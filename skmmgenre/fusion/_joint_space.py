"""The multimodal feature space of the paper (section 3.4)."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self, overload

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import TransformerMixin
from sklearn.utils import check_consistent_length, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .._typing import (
    Auto,
    Blocks,
    Column,
    Float32Array,
    Genres,
    Matrix,
    ObjectArray,
    Precision,
    Preset,
    RandomState,
)
from ..model_selection import inner_folds, read_folds
from ..nets import ArrayFeed, NetEstimator, Plan, draw_seeds
from ..nets._budget import add_losses_of_folds, mean_losses, n_batches, n_epochs
from ..nets._embedder import fit_coordinates
from ..utils import (
    Labels,
    as_pandas,
    check_feature_names_in,
    check_rows,
    check_sample_weight,
    fit_context,
    has_default_output,
    interruption_ends_all,
    read_groups,
    read_labels,
    refuse_repeated_columns,
)
from ._blocks import find_blocks, missing_in_block, vectors_of_block
from ._pairs import FeedOfNegatives, PairFeed, dense, vector_codes
from ._retrieval import LARGEST_GALLERY, search, summarize, warn_of_chance

_ROWS_AT_ONCE = 512
_DROPOUT = 0.5
# On 70 to 2,000 pairs, 80 steps are enough and 1,000 do no harm. If folds with few pairs choose
# fewer steps, that is chance.
_FEWEST_STEPS = 100


class JointSpaceProjector(TransformerMixin, NetEstimator):
    """Projector of two modalities into a shared space, in which each is embedded on its own.

    Two small networks, one per view, are trained on items that have both views, so that the two
    embeddings of an item are close to each other and far from those of other items (section 3.4
    of the paper). After training, each network embeds its view alone: MM_Audio needs no cover.

    Parameters
    ----------
    n_components : int, default=200
        Number of dimensions of the shared space.
    hidden_units : int, default=1024
        Number of units in the first layer of each network.
    margin : float, default=0.5
        Margin m of the loss, in [0, 1]. At 0, most negatives contribute fully. At 1, only
        negatives that are closer than the item's other view contribute; with ``preset="paper"``,
        none do.
    dropout : float or "auto", default="auto"
        Dropout rate of the input columns. "auto" is 0.5, or 0 with ``preset="paper"``. With
        dropout, the number of epochs matters little, even with only 70 pairs.
    views : tuple of two str, default=("audio", "image")
        Names of the two blocks to embed.
    passthrough : bool, default=False
        Whether `transform` also returns the original columns of the views.
    blocks : "auto" or dict of str to int, default="auto"
        Columns of each block, as in `FusionClassifier`, except that an array without column names
        is split into two halves.
    max_epochs : int, default=100
        Maximum number of epochs. Increase it if a ConvergenceWarning reports that the loss was
        still decreasing.
    batch_size : int, default=32
        Number of pairs per training step. Decrease it if memory runs out. With ``preset="auto"``,
        the other pairs of a batch are the negatives, so it also affects the loss.
    lr : float, default=1e-3
        Learning rate.
    patience : int, default=10
        Number of epochs without a lower loss on unseen rows after which training stops.
    validation_fraction : float, default=0.1
        Fraction of the artists held out for early stopping when there are no inner folds. If 0,
        no rows are held out, all epochs are run, and nothing is tuned on unseen rows.
    preset : {"auto", "paper"}, default="auto"
        "auto" standardizes each column over the training pairs, uses all other pairs of a batch
        as negatives, and minimizes a ranking loss (see Notes). "paper" trains as Oramas et al.
        (2018) did.
    refit : bool, default=True
        Whether to choose the number of training steps in three folds that share no artist, and
        then train on all pairs for that many steps. If False, or if `validation` marks rows,
        inner validation rows are held out and not used for training. Only used with
        ``preset="auto"``.
    device : str, default="auto"
        Device used for training and prediction. "auto" is the GPU if there is one, else the CPU;
        "accelerate" trains on the devices of all processes started by ``accelerate launch``; any
        other value is the name of a torch device, such as "cpu" or "cuda:0".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Floating-point type of the computations. "auto" trains in bfloat16 on GPUs with native
        support for it and in float32 otherwise, and predicts in float32. Weights and outputs are
        always float32.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the rows, dropout and, with ``preset="paper"``,
        the negatives. Pass an int for the same weights in every run with the same number of
        threads; None draws a new seed in each `fit`.
    verbose : int, default=0
        Verbosity: 0 is silent, 1 shows a progress bar, 2 also shows skorch's table of epochs and
        progress of batches.

    Attributes
    ----------
    blocks_ : dict of str to list of int
        Columns of each block.
    views_ : tuple of two str
        The embedded blocks.
    retrieval_ : dict of str to number, or None
        Retrieval metrics of unseen items: ``recall_at_1`` and ``recall_at_10`` (fraction of items
        whose other view is the nearest, or among the 10 nearest; mean over both directions) and
        ``median_rank`` of the other view, their values at chance (``chance_recall_at_1``,
        ``chance_recall_at_10``, ``chance_median_rank``), ``n_candidates`` (mean number of
        vectors searched) and ``n_pairs`` (number of items). Items are unseen in their fold, or
        are inner validation rows; at most 2,000 are searched at once. None if there are no unseen
        items. With inner validation rows, the metrics are slightly too optimistic, because
        training stopped where the loss on these rows was smallest.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch. If there are unseen
        pairs, also ``valid_loss`` and ``valid_recall_at_10``; with folds, these are the means over
        the folds after as many steps. A loss of 1 - `margin` is that of a space in which any two
        items are as close as the two views of one item.
    n_iter_, best_iter_ : int
        Number of epochs run, and the epoch whose weights were kept, counted from 1.
    n_parameters_ : int
        Number of parameters of both networks.
    weights_ : dict of ndarray
        Parameters of both networks. With ``preset="auto"``, also the mean and scale of each
        column: ``first.0.mean``, ``first.0.scale``, ``second.0.mean``, ``second.0.scale``.
    sample_shape_, module_recipe_ : tuple, dict
        Shape of an input row and settings from which the networks are built.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Column names of X. Defined only when X has column names.

    Warns
    -----
    UserWarning
        If retrieval between the views of unseen items is no better than chance.

    Notes
    -----
    Inputs are l2-normalized. A negative is another item whose vector differs (tracks of one
    album share a cover). Only rows with both views are used for training; a view of zeros is
    missing, like a view of NaN. The networks ignore y, so rows without a genre are used like all
    others; y only serves to make folds or to choose inner validation rows, as in the other steps
    of a pipeline. `transform` returns a DataFrame for a DataFrame, so that the blocks keep their
    names, and a sparse matrix for a sparse matrix, whose column names `get_feature_names_out`
    returns.

    The loss of the paper is ``1 - cos(a, v) + max(0, cos(r_a, v) - m) + max(0, cos(a, r_v) - m)``.
    An uninformative space, in which all cosines are m, has a loss of 1 - m, and no space has a
    smaller one if, given the sound of an item, its cover is never more than twice as likely as by
    chance. "auto" therefore uses the mean of ``max(0, 1 - m + cos(a, r) - cos(a, v))`` over the
    negatives of both views, which collapsing all items to one point does not decrease.

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

    blocks_: dict[str, list[int]]
    views_: tuple[str, str]
    retrieval_: dict[str, float] | None

    __metadata_request__fit = {"feature_names": True, "folds": True}

    _parameter_constraints = {
        **NetEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_units": [Interval(Integral, 1, None, closed="left")],
        "margin": [Interval(Real, 0, 1, closed="both")],
        "dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "views": [tuple, list],
        "passthrough": ["boolean"],
        "preset": [StrOptions({"auto", "paper"})],
        "refit": ["boolean"],
        "blocks": [StrOptions({"auto"}), dict],
    }

    def __init__(
        self,
        *,
        n_components: int = 200,
        hidden_units: int = 1024,
        margin: float = 0.5,
        dropout: Auto | float = "auto",
        views: tuple[str, str] | list[str] = ("audio", "image"),
        passthrough: bool = False,
        blocks: Blocks = "auto",
        max_epochs: int = 100,
        batch_size: int = 32,
        lr: float = 1e-3,
        patience: int = 10,
        validation_fraction: float = 0.1,
        preset: Preset = "auto",
        refit: bool = True,
        device: str = "auto",
        precision: Precision = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ):
        self.n_components = n_components
        self.hidden_units = hidden_units
        self.margin = margin
        self.dropout = dropout
        self.views = views
        self.passthrough = passthrough
        self.blocks = blocks
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.preset = preset
        self.refit = refit
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: Genres | None = None,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
        feature_names: Column | None = None,
        folds: Column | None = None,
    ) -> Self:
        """Learn the shared space from the rows that have both views.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The concatenated blocks, including those of the views. A view of NaN or zeros is
            missing.
        y : array-like of shape (n_rows,) or (n_rows, n_labels), default=None
            Genres, only used to make folds or to choose inner validation rows. A row may have no
            genre: None or NaN, or a row of NaN or zeros in an indicator matrix.
        groups : array-like of shape (n_rows,), default=None
            Artist of each row. No artist is in two folds, or in both the training and the inner
            validation rows.
        validation : array-like of bool, shape (n_rows,), default=None
            Mask of the inner validation rows, for a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each pair in the loss, at least 0. None gives all pairs the same weight.
        feature_names : array-like of str, shape (n_features,), default=None
            Column names, for X without names; see `FusionClassifier.fit`.
        folds : array-like of int, shape (n_rows,), default=None
            Inner fold of each row, counted from 0; -1 for rows that are not used for training.
            None makes the folds from `y` and `groups`.

        Returns
        -------
        self : object
            The fitted projector.
        """
        self._fit(X, y, groups, validation, sample_weight, feature_names, folds)
        return self

    @overload
    def fit_transform(
        self, X: pd.DataFrame, y: Genres | None = None, **fit_params: Any
    ) -> pd.DataFrame: ...
    @overload
    def fit_transform(
        self, X: np.ndarray, y: Genres | None = None, **fit_params: Any
    ) -> Float32Array: ...
    @overload
    def fit_transform(self, X: Matrix, y: Genres | None = None, **fit_params: Any) -> Any: ...

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Matrix, y: Genres | None = None, **fit_params: Any) -> Any:
        """Learn the shared space and embed the rows.

        With folds, the embeddings of a pair are out-of-fold: they come from networks that were not
        trained on it, mapped to the coordinates of the final networks. A classifier trained on
        these embeddings therefore does not rely on memorized pairs.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            As in `fit`.
        y : array-like of shape (n_rows,) or (n_rows, n_labels), default=None
            As in `fit`.
        **fit_params : dict
            Other parameters of `fit`, such as `groups`.

        Returns
        -------
        X_out : ndarray, DataFrame or csr_array of shape (n_rows, n_features_out)
            Same columns as those of `transform`.
        """
        (values, vectors, missing), plan, trials = self._fit(X, y, **fit_params)
        embedded = self._embed_views(vectors, missing)
        # The maps are fitted to the embeddings of the final networks, which are replaced in
        # `embedded` fold by fold. Rows with one view are in no trial and keep theirs.
        own = [part.copy() for part in embedded]
        for trial in trials:
            self._replace_unseen(plan, trial, own, embedded)
        return self._answer(X, values, embedded)

    def _fit(
        self, X, y, groups=None, validation=None, sample_weight=None, feature_names=None, folds=None
    ):
        """Train; return the views of X, the plan, and the trials of the folds, if any."""
        views = self._views(X, reset=True, feature_names=feature_names)
        plan = self._plan(X, views, y, groups, validation, sample_weight, folds)
        splits = [] if plan.folds is None else self._splits(plan, "all epochs are run")
        if splits:
            trials = self._learn_as_folds_say(plan, splits)
            unseen = [(trial.unseen, trial.weights) for trial in trials]
        else:
            trials = []
            self._learn(plan, self.n_components)
            losses = [epoch["valid_loss"] for epoch in self.history_ if "valid_loss" in epoch]
            self._check_convergence(losses)
            unseen = [(plan.held_out, self.weights_)]
        self._search(plan, unseen)
        return views, plan, trials

    def _replace_unseen(self, plan, trial, own, embedded):
        """Replace the embeddings of a fold's unseen pairs by out-of-fold embeddings."""
        seen, unseen = np.flatnonzero(trial.learned), np.flatnonzero(trial.unseen)
        theirs = [
            self._embed(number, plan.feed.vectors[number], np.r_[seen, unseen], trial.weights)
            for number in range(2)
        ]
        # One map for both views, because they share one space.
        to_own = fit_coordinates(
            np.vstack([part[: len(seen)] for part in theirs]), np.vstack([p[seen] for p in own])
        )
        for part, answers in zip(theirs, embedded, strict=True):
            answers[unseen] = to_own.predict(part[len(seen) :])

    def _plan(self, X, views, y, groups, validation, sample_weight, folds):
        """Return the plan: what is trained on which rows."""
        _, vectors, missing = views
        n_rows = len(missing)
        labels = Labels(np.zeros(n_rows, dtype=int)) if y is None else _read_known_labels(y)
        check_consistent_length(missing, labels.values)
        groups = None if groups is None else read_groups(groups, n_rows)
        check_rows(X, labels, groups)
        weight = check_sample_weight(
            sample_weight, np.empty((n_rows, 1)), dtype=np.float32, ensure_non_negative=True
        )
        held_out = self._hold_out(labels, groups, validation)
        both = ~missing.any(axis=1)
        *seeds, negatives_seed = draw_seeds(self.random_state, 4)
        codes = np.stack([vector_codes(part) for part in vectors], axis=1)
        if self.preset == "paper":
            from ._nets import MarginLoss as Loss

            feed = FeedOfNegatives(
                vectors,
                codes,
                missing=~both,
                train_pool=np.flatnonzero(both & ~held_out),
                valid_pool=np.flatnonzero(both & held_out),
                seed=negatives_seed,
            )
            truth = feed.has_negatives(held_out)
        else:
            from ._nets import RankingLoss as Loss

            # The loss finds negatives in the batch: rows whose codes differ.
            feed, truth = PairFeed(vectors, codes, missing=~both), codes
        return Plan(
            feed=feed,
            loss=Loss(self.margin),
            y=Labels(np.arange(n_rows)),  # row numbers, for the metric
            groups=groups,
            truth=truth,
            weight=weight,
            held_out=held_out,
            seeds=seeds,
            metric=("valid_recall_at_10", feed.recall),
            folds=self._inner_folds(labels, groups, held_out, folds),
        )

    def _folds_choose(self, n_rows):
        return self.preset == "auto" and self.refit

    def _inner_folds(self, labels, groups, held_out, folds):
        """Return the fold of each row, or None without folds."""
        wanted = self._folds_choose(len(labels)) and self.validation_fraction > 0
        if not wanted or held_out.any():
            return None
        return inner_folds(labels, groups=groups) if folds is None else read_folds(folds, held_out)

    def _learn_as_folds_say(self, plan, splits):
        """Train on all pairs for the best number of steps in the folds; return the trials."""
        self._set_recipe(plan, self.n_components)
        n_pairs = len(self._rows_to_learn(plan, ~plan.held_out))
        name, trials = type(self).__name__, []
        for number, (learned, unseen, _) in enumerate(splits, start=1):
            with interruption_ends_all():
                weights, history, _ = self._train(
                    plan,
                    train=learned,
                    unseen=unseen,
                    # A trial runs at least as long as `_n_epochs` may require.
                    patience=max(self.patience, self._fewest_epochs(learned.sum())),
                    description=f"{name} fold {number} of {len(splits)}",
                )
            trials.append(_Trial(learned, unseen, weights, history))
        self._check_convergence(mean_losses(trials))
        self.weights_, self.history_, self.best_iter_ = self._train(
            plan,
            train=~plan.held_out,
            unseen=np.zeros(len(plan.y), dtype=bool),
            max_epochs=self._n_epochs(trials, n_pairs),
            description=name,
        )
        add_losses_of_folds(self.history_, trials, n_pairs, self.batch_size)
        self.n_iter_ = len(self.history_)
        return trials

    def _n_epochs(self, trials, n_pairs):
        """Return the best number of epochs in the folds, raised to a minimum number of steps."""
        best = n_epochs(trials, n_pairs, self.batch_size)
        if best is None:
            return None
        # The minimum is limited to the steps of the shortest trial, beyond which no loss is known.
        n_run = min(
            len(trial.history) * n_batches(trial.learned.sum(), self.batch_size) for trial in trials
        )
        n_most = n_run // n_batches(n_pairs, self.batch_size)
        return max(best, min(self._fewest_epochs(n_pairs), n_most))

    def _fewest_epochs(self, n_pairs):
        return -(-_FEWEST_STEPS // n_batches(n_pairs, self.batch_size))

    def _prepare(self, module, plan, rows):
        """Set the mean and scale of the columns of both views."""
        if self.preset == "paper":
            return
        import torch

        for network, vectors in zip((module.first, module.second), plan.feed.vectors, strict=True):
            mean, scale = _mean_and_scale(vectors, rows)
            network[0].mean.copy_(torch.from_numpy(mean))
            network[0].scale.copy_(torch.from_numpy(scale))

    def _search(self, plan, unseen):
        """Compute the retrieval metrics of unseen items; warn if they are not above chance."""
        found = []
        # Each fold has a space of its own, so only its own unseen items can be compared.
        for mask, weights in unseen:
            rows = np.flatnonzero(mask & ~plan.feed.missing)[:LARGEST_GALLERY]
            if len(rows):
                embedded = [
                    self._embed(number, plan.feed.vectors[number], rows, weights)
                    for number in range(2)
                ]
                found.append(search(*embedded, plan.feed.codes[rows]))
        self.retrieval_ = summarize(found) if found else None
        if found and self.validation_fraction > 0:
            warn_of_chance(type(self).__name__, self.retrieval_)

    def _embed(self, number, vectors, rows, weights=None):
        """Embed some rows of a view, with the given weights instead of the fitted ones."""
        module = None
        if weights is not None and weights is not self.weights_:
            from ..nets._devices import inference_device
            from ..nets._modules import from_arrays

            device = inference_device(self.device)
            module = from_arrays(self._make_module, self.module_recipe_, weights, device)
        feed = ArrayFeed(vectors, np.zeros(vectors.shape[0], dtype=bool))
        return self._forward(feed, ("first", "second")[number], rows, module)

    @overload
    def transform(self, X: pd.DataFrame) -> pd.DataFrame: ...
    @overload
    def transform(self, X: np.ndarray) -> Float32Array: ...
    @overload
    def transform(self, X: Matrix) -> Any: ...
    def transform(self, X: Matrix) -> Any:
        """Embed the views of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The columns of `fit`. A view of NaN or zeros is missing.

        Returns
        -------
        X_out : ndarray, DataFrame or csr_array of shape (n_rows, n_features_out)
            Columns outside the views, the columns of the views if `passthrough`, then
            ``mm_<view>__<i>``, which are NaN where the view is missing.
        """
        check_is_fitted(self)
        values, vectors, missing = self._views(X, reset=False)
        return self._answer(X, values, self._embed_views(vectors, missing))

    def _embed_views(self, vectors, missing):
        """Return the embeddings of both views, NaN where a view is missing."""
        parts = []
        for number in range(2):
            present = np.flatnonzero(~missing[:, number])
            embedded = np.full((len(missing), self._width), np.nan, dtype=np.float32)
            if len(present):
                embedded[present] = self._embed(number, vectors[number], present)
            parts.append(embedded)
        return parts

    def _answer(self, X, values, embedded):
        """Return the kept columns followed by the embeddings, in the container type of X."""
        parts = [values.astype(np.float32)[:, self._kept_columns()], *embedded]
        if sparse.issparse(values):
            return sparse.hstack(parts, format="csr")
        answer = np.hstack(parts)
        if has_default_output(self) and isinstance(X, pd.DataFrame):
            return pd.DataFrame(answer, index=X.index, columns=self.get_feature_names_out())
        return answer

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Column names of X. None uses those seen in `fit`, or x0, x1, ... if there were none.

        Returns
        -------
        names : ndarray of str
            Names of the kept columns, then ``mm_<view>__0``, ``mm_<view>__1``, ... for each view.
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
        return getattr(self, "views_", self.views)  # missing in old model files

    def _kept_columns(self):
        """Return the columns of X that `transform` returns unchanged."""
        return [
            column
            for block, columns in self.blocks_.items()
            for column in columns
            if self.passthrough or block not in self._fitted_views
        ]

    def _views(self, X, *, reset, feature_names=None):
        """Return X as an array, the normalized vectors of both views, and which are missing."""
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
            missing_in_block(X, self.blocks_[block], block)  # raises if partly NaN
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
            raise ValueError(f"views={self.views!r} must name two different blocks.")
        blocks = self.blocks
        if blocks == "auto" and names is None:
            if n_features < 2:
                raise ValueError("X has n_features = 1, but each of the two views needs a column.")
            half = n_features - n_features // 2
            blocks = dict(zip(self.views, (half, n_features - half), strict=True))
        found = {
            block: columns.tolist()
            for block, columns in find_blocks(blocks, n_features, names).items()
        }
        lacking = [view for view in self.views if view not in found]
        if lacking:
            raise ValueError(
                f"X has no block {lacking[0]!r}; its blocks are {list(found)}. Set views to "
                "two of them, or pass blocks as a dict with the number of columns of each block."
            )
        return found

    def _recipe(self, sample_shape, n_outputs):
        dropout = self.dropout
        if dropout == "auto":
            dropout = 0 if self.preset == "paper" else _DROPOUT
        return {
            "widths": [len(self.blocks_[view]) for view in self._fitted_views],
            "hidden_units": int(self.hidden_units),
            "n_components": int(n_outputs),
            "standardized": self.preset == "auto",
            "dropout": float(dropout),
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


@dataclass
class _Trial:
    """Networks trained on some rows (a mask), and the rows that they have not seen (a mask)."""

    learned: np.ndarray
    unseen: np.ndarray
    weights: dict
    history: list


def _mean_and_scale(vectors, rows):
    """Return the mean and standard deviation of each column over some rows, float32.

    The deviation of a constant column is set to the largest float, so that the column is ignored.
    """
    total, squares = np.zeros((2, vectors.shape[1]))
    batches = [rows[batch] for batch in gen_batches(len(rows), _ROWS_AT_ONCE)]
    for batch in batches:
        total += dense(vectors[batch]).sum(axis=0, dtype=np.float64)
    # Squares are summed in a second pass: mean(x^2) - mean(x)^2 would lose digits. Batches limit
    # the memory for dense copies of sparse rows.
    mean = total / len(rows)
    for batch in batches:
        squares += np.square(dense(vectors[batch]) - mean).sum(axis=0)
    scale = np.sqrt(squares / len(rows))
    scale[scale < 1e-6] = np.finfo(np.float32).max  # vectors have length 1
    return mean.astype(np.float32), scale.astype(np.float32)


def _read_known_labels(y):
    """Read y like `read_labels`; indicator rows that are NaN throughout have no label."""
    y = as_pandas(y)
    if sparse.issparse(y):
        y = sparse.csr_array(y, copy=True)
        n_labels = np.diff(y.indptr)
        is_nan = sparse.csr_array((np.isnan(y.data), y.indices, y.indptr), shape=y.shape)
        # Only rows that are NaN throughout; `read_labels` raises for any other NaN.
        unknown = np.asarray(is_nan.sum(axis=1)).ravel() == y.shape[1]
        y.data[np.repeat(unknown, n_labels)] = 0
    elif np.asarray(y, dtype=object).ndim == 2:
        frame = pd.DataFrame(y)
        unknown = frame.isna().all(axis=1).to_numpy()
        if frame.shape[1] > 1 and unknown.any():
            values = frame.to_numpy(dtype=float, na_value=np.nan, copy=True)
            values[unknown] = 0
            y = pd.DataFrame(values, index=frame.index, columns=frame.columns)
    return read_labels(y, allow_missing=True)
