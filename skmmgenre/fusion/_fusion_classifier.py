"""The fusion classifier of the paper (section 4)."""

from numbers import Real
from typing import Literal, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .._typing import (
    Auto,
    Blocks,
    ClassWeight,
    Column,
    Decision,
    Genres,
    LabelFactorizer,
    Matrix,
    Precision,
    Preset,
    RandomState,
    Target,
)
from ..model_selection import inner_folds
from ..nets import ArrayFeed, NetClassifier
from ..nets._linear_path import STRENGTH
from ..utils import as_pandas, fit_context, refuse_repeated_columns
from ._blocks import find_blocks, missing_in_block, vectors_of_blocks

_STRENGTHS = np.geomspace(1e-2, 1e4, 13)  # candidate values of C
_MOST_ROWS_TO_SOLVE = 50_000
# Dropout of the paper (section 6.2 for softmax, 7.4 for multilabel targets).
_DROPOUT = {"softmax": 0.5, "logistic": 0.0, "cosine": 0.7}


class FusionClassifier(NetClassifier):
    """Linear classifier on the vectors of several modalities, any of which may be missing.

    Each block of columns is divided by its l2 norm, and a single linear layer on the
    concatenated blocks predicts the genres: multinomial logistic regression for single-label y
    (section 4), one sigmoid per label or regression of the label factors for multilabel y
    (section 5). With ``C="auto"``, the evidence of a separate layer for each block is added,
    weighted by how well it predicts unseen artists. The result is still one linear layer, so
    the model cannot learn interactions between modalities.

    Parameters
    ----------
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is "softmax" for single-label y and "logistic" for multilabel y. "cosine"
        regresses the label factors of a multilabel y (section 5): solver "lbfgs" minimizes
        their squared distance, which is ridge regression, and "adam" minimizes 1 - cosine.
    solver : {"auto", "lbfgs", "adam"}, default="auto"
        "lbfgs" finds the optimal weights under an l2 penalty. "adam" has no penalty and uses
        dropout and early stopping, as in the paper. "auto" is "lbfgs" for up to 50,000 rows,
        unless `preset` is "paper", `dropout` or `modality_dropout` is set, or `device` is
        "accelerate".
    C : float or "auto", default="auto"
        Inverse strength of the l2 penalty, as in scikit-learn's `LogisticRegression`. "auto"
        chooses the value from 1e-2 to 1e4 with the smallest loss on unseen artists: on the
        marked validation rows, or else in three folds. If there are several blocks, it chooses
        one value for the layer of all blocks and one for a layer of each block, and adds up the
        evidence of these layers; see `block_weights_`. Only used when the solver is "lbfgs".
    label_factorizer : estimator or None, default=None
        `PPMILabelFactorizer` that computes the label factors for target "cosine". None uses one
        with min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as is.
    dropout : float or "auto", default="auto"
        Dropout rate of the input. "auto" is 0.5 for softmax (section 6.2), 0 for logistic and
        0.7 for cosine (section 7.4). Only used when the solver is "adam".
    normalize : bool, default=True
        Whether to divide each block of each row by its l2 norm.
    blocks : "auto" or dict of str to int, default="auto"
        Columns of each block. "auto" groups the columns by the prefix before the first ``__`` of
        their names: those of a DataFrame, or the `feature_names` that `GenrePipeline` passes to
        `fit`. An array without names is one block. A dict gives the number of columns of each
        block, in order: ``{"audio": 256, "text": 2048}``.
    modality_dropout : float, default=0.0
        Probability that a block of a row is set to zero in a training step, so that the layer
        learns to predict without it. At least one block of a row is always kept. Only used when
        the solver is "adam".
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, for single-label y. The logarithm of each weight is added to the
        logit of its class after training (logit adjustment, Menon et al. 2021). With many rows
        this approaches training on weighted rows; for classes with few rows it is less noisy.
        With ``preset="paper"``, the rows are weighted in the loss instead.
    max_epochs : int, default=100
        Maximum number of epochs. Increase it if a ConvergenceWarning reports that the loss was
        still decreasing. Only used when the solver is "adam".
    batch_size : int, default=32
        Number of rows per training step. Decrease it if memory runs out. Only used when the
        solver is "adam".
    lr : float, default=1e-3
        Learning rate. Only used when the solver is "adam".
    patience : int, default=10
        Number of epochs without a lower loss on unseen rows after which training stops. Only
        used when the solver is "adam".
    validation_fraction : float, default=0.1
        Fraction of the artists held out for early stopping when there are no inner folds. If 0,
        no rows are held out, all epochs are run, and nothing is tuned on unseen rows; "lbfgs"
        then replaces ``C="auto"`` by 10.
    decision : {"auto", "tuned", "top1"} or float, default="auto"
        How `predict` chooses labels. For multilabel y, "tuned" predicts the labels whose scores
        exceed thresholds tuned on unseen artists, or the label closest to its threshold if there
        are none; "top1" predicts the label with the highest score; a float predicts the labels
        whose probability (similarity for target "cosine") exceeds it. For single-label y, "tuned"
        subtracts from each logit the fraction of the log prior that maximizes macro F1 on unseen
        artists, unless `class_weight` is given; all other values predict the most likely class.
        "auto" is "tuned", or with ``preset="paper"`` 0.5 (for target "cosine", the similarity
        with the best micro F1).
    preset : {"auto", "paper"}, default="auto"
        "paper" trains as Oramas et al. (2018) did, with solver "adam".
    device : str, default="auto"
        Device used for training and prediction. "auto" is the GPU if there is one, else the CPU;
        "accelerate" trains on the devices of all processes started by ``accelerate launch``; any
        other value is the name of a torch device, such as "cpu" or "cuda:0".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Floating-point type of the computations. "auto" trains in bfloat16 on GPUs with native
        support for it and in float32 otherwise, and predicts in float32. Weights and outputs are
        always float32.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the rows and dropout (solver "adam"), and of the
        choice of held-out artists. Pass an int for the same weights in every run with the same
        number of threads; None draws a new seed in each `fit`.
    verbose : int, default=0
        Verbosity: 0 is silent, 1 shows a progress bar, 2 also shows skorch's table of epochs and
        progress of batches.

    Attributes
    ----------
    classes_ : ndarray
        Genres in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    blocks_ : dict of str to list of int
        Columns of each block.
    n_features_in_ : int
        Number of columns of X, over all blocks.
    feature_names_in_ : ndarray of str
        Column names of X. Defined only when X has column names.
    n_parameters_ : int
        Number of weights and biases of the layer.
    n_iter_, best_iter_ : int
        Number of epochs run, and the epoch whose weights were kept, counted from 1. With solver
        "lbfgs", both are the number of steps.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch or, with solver "lbfgs",
        of each step. With solver "adam" and inner validation rows, also ``valid_loss`` and the
        metric on these rows.
    weights_ : dict of ndarray
        ``head.weight`` and ``head.bias`` of the layer.
    C_ : float
        Value of C used for the layer of all blocks. Defined only for solver "lbfgs".
    tried_ : list of dict
        ``C`` and ``valid_loss`` of each value of C that was tried for that layer. Defined only for
        solver "lbfgs".
    joint_weight_ : float
        Weight of the evidence of the layer of all blocks. Defined only for solver "lbfgs" with
        ``C="auto"``, several blocks, and unseen rows to tune on.
    block_weights_ : dict of str to float
        Weight of the evidence of each block's own layer. Defined only if `joint_weight_` is.

    Notes
    -----
    A missing block (NaN throughout) is replaced by zeros after normalization. A block of zeros
    has no direction, so it is missing too, unless `normalize` is False. A row without any block
    is not used for training, and its prediction is the class prior.

    X may be sparse or dense. Both give the same model and predictions: bit for bit up to 30
    million cells or with solver "adam", otherwise up to rounding. A larger sparse X is never made
    dense as a whole.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.fusion import FusionClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 5))
    >>> y = np.where(X[:, 0] > 0, "Jazz", "Rock")
    >>> X[::4, 3:] = np.nan
    >>> fusion = FusionClassifier(
    ...     blocks={"audio": 3, "text": 2}, validation_fraction=0, random_state=0
    ... )
    >>> fusion.fit(X, y).predict(X).shape
    (60,)
    """

    blocks_: dict[str, list[int]]
    C_: float
    block_weights_: dict[str, float]

    __metadata_request__fit = {"feature_names": True, "folds": True}

    _parameter_constraints = {
        **NetClassifier._parameter_constraints,
        "solver": [StrOptions({"auto", "lbfgs", "adam"})],
        "C": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "normalize": ["boolean"],
        "blocks": [StrOptions({"auto"}), dict],
        "modality_dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        *,
        target: Target = "auto",
        solver: Literal["auto", "lbfgs", "adam"] = "auto",
        C: Auto | float = "auto",
        label_factorizer: LabelFactorizer | None = None,
        dropout: Auto | float = "auto",
        normalize: bool = True,
        blocks: Blocks = "auto",
        modality_dropout: float = 0.0,
        class_weight: ClassWeight = None,
        max_epochs: int = 100,
        batch_size: int = 32,
        lr: float = 1e-3,
        patience: int = 10,
        validation_fraction: float = 0.1,
        decision: Decision = "auto",
        preset: Preset = "auto",
        device: str = "auto",
        precision: Precision = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ):
        self.target = target
        self.solver = solver
        self.C = C
        self.label_factorizer = label_factorizer
        self.dropout = dropout
        self.normalize = normalize
        self.blocks = blocks
        self.modality_dropout = modality_dropout
        self.class_weight = class_weight
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.decision = decision
        self.preset = preset
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: Genres,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
        feature_names: Column | None = None,
        folds: Column | None = None,
    ) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The concatenated blocks. Rows without any block are ignored.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres, single-label or multilabel.
        groups : array-like of shape (n_rows,), default=None
            Artist of each row. No artist is in both the training and the inner validation rows.
        validation : array-like of bool, shape (n_rows,), default=None
            Mask of the inner validation rows, for a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row in the loss, at least 0. None gives all rows the same weight.
        feature_names : array-like of str, shape (n_features,), default=None
            Column names, for X without names such as a sparse matrix; their prefixes are the
            names of the blocks. `GenrePipeline` passes the names that its steps return.
        folds : array-like of int, shape (n_rows,), default=None
            Inner fold of each row, counted from 0; -1 for rows that are not used for training.
            None makes the folds from `y` and `groups`.

        Returns
        -------
        self : object
            The fitted classifier.
        """
        for name in ("C_", "tried_", "joint_weight_", "block_weights_"):  # of an earlier fit
            vars(self).pop(name, None)
        plan = self._plan(
            X, y, groups, validation, sample_weight, folds=folds, feature_names=feature_names
        )
        if self._solves(len(plan.y)):
            self._solve(plan)
        else:
            self._learn(plan, self.target_.n_outputs)
        return self

    def add_genre(self, X: Matrix, y: Column, name: str, groups: Column | None = None) -> Self:
        """Add a genre to a fitted multilabel classifier without changing the other genres.

        Only the weights of the new genre are fitted, with the penalty of the others (`C_`), which
        takes a fraction of a second. Pass all available rows: rows of other genres serve as
        negative examples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The columns of `fit`.
        y : array-like of bool, shape (n_rows,)
            Mask of the rows that have the genre.
        name : str
            Name of the genre.
        groups : array-like of shape (n_rows,), default=None
            Artist of each row, used to tune the threshold of the genre. A genre with fewer than 5
            rows gets the median threshold of the others.

        Returns
        -------
        self : FusionClassifier
            The classifier with the added genre.

        Raises
        ------
        ValueError
            If the target is not "logistic" (other models must be refitted with all genres), if
            the genre is already in `classes_`, or if all rows or no rows have it.

        Notes
        -----
        The scores of the other genres stay the same, up to rounding. With decision "tuned", a row
        that passes no threshold gets the label closest to its threshold, which may be the new one.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skmmgenre.fusion import FusionClassifier
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(80, 6))
        >>> genres = pd.DataFrame({"Jazz": X[:, 0] > 0, "Rock": X[:, 1] > 0}).astype(int)
        >>> model = FusionClassifier().fit(X, genres, groups=range(80))
        >>> model.add_genre(X, X[:, 2] > 0.5, "Dub", groups=range(80)).classes_.tolist()
        ['Jazz', 'Rock', 'Dub']
        """
        check_is_fitted(self)
        if self.target_.name != "logistic":
            raise ValueError(
                "A genre can only be added to a multilabel model with target='logistic'. This one "
                f"has target={self.target_.name!r}, whose genres depend on each other: refit it "
                "on the rows of all genres."
            )
        if name in self.classes_:
            raise ValueError(
                f"The model already has a genre {name!r}; its genres are {self.classes_.tolist()}."
            )
        y = np.asarray(y).astype(int)
        if y.min() == y.max():
            raise ValueError(
                f"{'All rows have' if y.all() else 'No row has'} the genre {name!r}. Pass both "
                "rows that have it and rows that do not."
            )
        # The genre and its complement, because an indicator matrix needs at least two columns.
        labels = pd.DataFrame({name: y, f"not {name}": 1 - y})
        # A model that was fitted with solver "adam" has no `C_`.
        strength = getattr(self, "C_", STRENGTH)
        own = clone(self).set_params(solver="lbfgs", C=strength, preset="auto", target="logistic")
        # The names let an array without names be divided into the fitted blocks.
        own.fit(X, labels, groups=groups, feature_names=self._column_names())
        weight, bias = self.weights_["head.weight"], self.weights_["head.bias"]
        # The columns that indicate the presence of blocks stay 0.
        row = np.zeros((1, weight.shape[1]), dtype=weight.dtype)
        row[:, : self.n_features_in_] = own.weights_["head.weight"][0]
        self.weights_ = {
            "head.weight": np.vstack([weight, row]),
            "head.bias": np.append(bias, own.weights_["head.bias"][0]),
        }
        self.target_ = self.target_.with_label(own.target_, n_rows=y.sum())
        self.classes_ = self.target_.classes_
        self._keep_target()
        self.module_recipe_ = {**self.module_recipe_, "n_outputs": self.target_.n_outputs}
        self.n_parameters_ += row.shape[1] + 1
        return self

    def _column_names(self):
        """Return column names with the prefixes of the fitted blocks."""
        names = np.empty(self.n_features_in_, dtype=object)
        for block, columns in self.blocks_.items():
            names[columns] = [f"{block}__{column}" for column in columns]
        return names

    def _solves(self, n_rows):
        """Return whether the solver is "lbfgs"."""
        if self.solver != "auto":
            return self.solver == "lbfgs"
        drops = self.dropout != "auto" or self.modality_dropout > 0
        if self.preset == "paper" or drops or self.device == "accelerate":
            return False
        return n_rows <= _MOST_ROWS_TO_SOLVE

    def _folds_choose(self, n_rows):
        return self._solves(n_rows)

    def _solve(self, plan):
        """Fit the optimal weights on all rows that are not held out."""
        from ..nets._devices import own_settings
        from ..nets._modules import count_parameters

        rows = self._rows_to_learn(plan, ~plan.held_out)
        with own_settings():
            together, alone = self._try_layers(plan)
            self.tried_, self.C_ = together.tried, together.C
            weight, bias, self.history_, prior = together.solve(rows)
            output = together.output
            if alone:
                output = self._weigh(plan, together, alone)
                weight, bias = self._add_up(plan, rows, weight, bias, prior, alone)
        self.weights_ = {"head.weight": weight, "head.bias": bias}
        self._shift_outputs(plan)
        self.sample_shape_ = weight.shape[1:]
        recipe = self._recipe(self.sample_shape_, self.target_.n_outputs)
        # The dropout parameters have no effect on this solver.
        self.module_recipe_ = {**recipe, "dropout": 0.0, "modality_dropout": 0.0}
        self.n_iter_ = self.best_iter_ = len(self.history_)
        self.n_parameters_ = count_parameters(self._make_module, self.module_recipe_)
        # Without unseen rows, layers of single blocks are not fitted, so the final layer has no
        # presence columns and can be applied to `plan.feed`.
        if output is None:
            output = self._forward(plan.feed, None, rows)
            self._decide(plan, rows, output, unseen=False)
        else:
            self._decide(plan, together.unseen, output + plan.shift, unseen=True)

    def _try_layers(self, plan):
        """Choose the penalty of the layer of all blocks and of the layer of each block."""
        from ..nets._devices import resolve_device
        from ._evidence import TriedLayer

        settings = {"target": self.target_, "device": resolve_device(self.device)}
        strengths = _STRENGTHS if self.C == "auto" else [self.C]
        splits = self._splits(plan, "the penalty is not chosen")
        together = TriedLayer(plan, slice(None), splits, strengths, **settings)
        alone = {}
        if splits and self.C == "auto" and len(self.blocks_) > 1:
            for (block, columns), there in zip(self.blocks_.items(), plan.feed.there, strict=True):
                # The layer of a block is trained and evaluated on the rows that have the block.
                splits = plan.splits(there)
                if splits:
                    # A coarser grid is enough, because the layers are weighted afterwards.
                    alone[block] = TriedLayer(plan, columns, splits, strengths[::2], **settings)
        return together, alone

    def _weigh(self, plan, together, alone):
        """Set the weight of each layer's evidence; return the outputs for unseen rows."""
        from ._evidence import weigh

        unseen, prior = together.unseen, together.prior
        layers = [together, *alone.values()]
        # The layers predict different rows; all are aligned with those of `together`.
        evidence = np.stack([layer.evidence(len(plan.y))[unseen] for layer in layers])
        weights = weigh(self.target_, plan.truth[unseen], plan.weight[unseen], prior, evidence)
        self.joint_weight_, *weights_of_blocks = weights.tolist()
        self.block_weights_ = dict.fromkeys(self.blocks_, 0.0)
        self.block_weights_.update(zip(alone, weights_of_blocks, strict=True))
        return prior + np.tensordot(weights.astype(np.float32), evidence, axes=1)

    def _add_up(self, plan, rows, weight, bias, prior, alone):
        """Return weight and bias of the layer that adds all evidence to the prior.

        Each block has a column after those of X, which is 1 where the block is present.
        """
        weight = self.joint_weight_ * weight
        of_presence = np.zeros((len(weight), len(self.blocks_)))
        for number, (block, columns) in enumerate(self.blocks_.items()):
            counts = self.block_weights_[block]
            if counts > 0:
                own_rows = rows[plan.feed.there[number][rows]]
                own_weight, own_bias, _, own_prior = alone[block].solve(own_rows)
                weight[:, columns] += counts * own_weight
                # The bias of this layer is evidence, too, but only where the block is present.
                of_presence[:, number] = counts * (own_bias - own_prior)
        weight = np.hstack([weight, of_presence]).astype(np.float32)
        return weight, (prior + self.joint_weight_ * (bias - prior)).astype(np.float32)

    def _inner_folds(self, labels, groups, held_out):
        # With a given C, a single-label model is plain logistic regression: nothing to choose.
        chosen = self.C == "auto" or (labels.several and self.decision in ("auto", "tuned"))
        if not chosen or held_out.any() or self.validation_fraction == 0:
            return None
        return inner_folds(labels, groups=groups) if self._solves(len(labels)) else None

    def _read(self, X, *, reset, feature_names=None):
        refuse_repeated_columns(X)
        X = as_pandas(X)
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
        )
        if reset:
            # The names of a DataFrame take precedence over those that a pipeline passes.
            names = getattr(self, "feature_names_in_", feature_names)
            self.blocks_ = {
                block: columns.tolist()
                for block, columns in find_blocks(self.blocks, X.shape[1], names).items()
            }
        missing = {
            block: missing_in_block(X, columns, block, zeros=self.normalize)
            for block, columns in self.blocks_.items()
        }
        vectors = vectors_of_blocks(X, self.blocks_, missing, normalize=self.normalize)
        there = ~np.array(list(missing.values()))
        # Presence columns belong to the sum of the layers (`_add_up`), not to the single ones.
        if not reset and hasattr(self, "block_weights_"):
            stack = sparse.hstack if sparse.issparse(vectors) else np.hstack
            vectors = stack([vectors, there.T.astype(np.float32)])
        feed = ArrayFeed(vectors, ~there.any(axis=0))
        feed.there = there  # (n_blocks, n_rows)
        return feed

    def _recipe(self, sample_shape, n_outputs):
        block_of_column = np.empty(sample_shape[0], dtype=int)
        for number, columns in enumerate(self.blocks_.values()):
            block_of_column[columns] = number
        n_others = sample_shape[0] - self.n_features_in_  # one presence column per block, or none
        block_of_column[self.n_features_in_ :] = np.arange(n_others)
        dropout = self.dropout
        if dropout == "auto":
            dropout = _DROPOUT[self.target_.name]
        return {
            "block_of_column": block_of_column.tolist(),
            "n_outputs": n_outputs,
            "dropout": float(dropout),
            "modality_dropout": float(self.modality_dropout),
        }

    @staticmethod
    def _make_module(**recipe):
        from ._nets import FusionNet

        return FusionNet(**recipe)

    def _prepare(self, module, plan, rows):
        # Start the biases at the prior, so that training need not learn first how rare genres are.
        import torch

        prior = self.target_.prior_output(plan.truth[rows], plan.weight[rows])
        with torch.no_grad():
            module.head.bias.copy_(torch.from_numpy(prior))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
