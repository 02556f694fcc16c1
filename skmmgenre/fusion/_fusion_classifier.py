"""The multimodal fusion of the paper as an estimator."""

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

_STRENGTHS = np.geomspace(1e-2, 1e4, 13)  # that are tried
_MOST_ROWS_TO_SOLVE = 50_000
# Dropout of the paper (section 6.2 for softmax, 7.4 for several genres).
_DROPOUT = {"softmax": 0.5, "logistic": 0.0, "cosine": 0.7}


class FusionClassifier(NetClassifier):
    """Genres from the vectors of several modalities, any of which may be missing.

    Every block is divided by its l2 norm, the blocks are put side by side, and one layer
    leads to the genres: multinomial logistic regression for one genre a row (section 4),
    one sigmoid a label or the label factors for several (section 5). With ``C="auto"``, what
    each block says on its own is added, weighted by how well it predicts unseen artists. The
    result is one linear layer, so modalities add up: that one means something only together with
    another cannot be learned.

    Parameters
    ----------
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is softmax for one column of labels, logistic for an indicator matrix. "cosine"
        regresses the label factors of an indicator matrix (section 5): "lbfgs" by their squared
        distance, which is ridge regression, "adam" by 1 - cosine.
    solver : {"auto", "lbfgs", "adam"}, default="auto"
        "lbfgs" finds the best weights under an l2 penalty. "adam" approaches those without
        one, with dropout and early stopping, as in the paper. "auto" is "lbfgs" for up to
        50,000 rows, unless `preset` is "paper", a dropout is given or the device is
        "accelerate".
    C : float or "auto", default="auto"
        Of "lbfgs": inverse strength of the penalty, as in scikit-learn's
        `LogisticRegression`. "auto" takes that of 1e-2 to 1e4 whose answers for unseen
        artists have the smallest loss: for the marked validation rows, or else in three
        folds. Of several blocks it takes one for the layer of all of them, and one for a layer of
        each block, and adds up what these layers add to the class prior; see `block_weights_`.
    label_factorizer : estimator or None, default=None
        Of target "cosine": a `PPMILabelFactorizer` of your own; None takes one with
        min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as it is.
    dropout : float or "auto", default="auto"
        Of "adam", after the input; "auto" is 0.5 for softmax (section 6.2), 0 for logistic
        and 0.7 for cosine (section 7.4).
    normalize : bool, default=True
        Divide each block of each row by its l2 norm.
    blocks : "auto" or dict of str to int, default="auto"
        "auto" takes the prefix before the first ``__`` of the column names of a DataFrame
        as the block, or of the `feature_names` that `GenrePipeline` passes to `fit`; a bare
        array is one block. A dict gives the number of columns of each block, in order:
        ``{"audio": 256, "text": 2048}``.
    modality_dropout : float, default=0.0
        Chance that a block of a row is set to zero in a training step (never all of them),
        so that the layer learns to do without.
    class_weight : dict, "balanced" or None, default=None
        Of one genre a row. Its logarithm is added to the logit of each class after training
        (logit adjustment, Menon et al. 2021): what rows of such weights tend to where they are
        many, without their noise where a class has few. With ``preset="paper"`` it is the rows
        that are weighted.
    max_epochs : int, default=100
        Of "adam".
    batch_size : int, default=32
        Of "adam".
    lr : float, default=1e-3
        Learning rate of Adam.
    patience : int, default=10
        Of "adam": epochs without a better validation loss after which training stops.
    validation_fraction : float, default=0.1
        Of "adam": share of the artists held out for early stopping. 0, with either solver:
        no row is held out, and "lbfgs" takes C = 10.
    decision : {"auto", "tuned", "top1"} or float, default="auto"
        Which of several genres `predict` tells. "tuned": those above thresholds that are best
        for unseen artists, the nearest one where none is. "top1": the best. A number: those
        whose probability (target "cosine": similarity) is above it. Of one genre a row, "tuned"
        takes a part of their prior's logarithm from frequent genres, the part with which macro
        F1 is best for unseen artists, unless there are class weights; all others take the
        likeliest. "auto" is "tuned", with
        ``preset="paper"`` 0.5 (target "cosine": the similarity of the best micro F1).
    preset : {"auto", "paper"}, default="auto"
        "paper" is what Oramas et al. (2018) did: solver "adam".
    device : str, default="auto"
        Where the layer is trained and applied. "auto" takes the GPU if there is one, else the
        processor; "accelerate" trains on the devices of all processes that ``accelerate launch``
        has started; else the name of a torch device, such as "cpu" or "cuda:0".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What layers compute in. "auto" trains in bfloat16 on a graphics card that has it
        natively, else (on any processor, too) in float32, and answers in float32. Weights
        are float32 always.
    random_state : int, RandomState or None, default=None
        Of "adam": seed of the first weights, the order of the rows and dropout. With either solver
        an int is also the key by which artists are held out. None draws a new seed in each `fit`.
    verbose : int, default=0
        0 shows nothing, 1 a progress bar, 2 also skorch's table of epochs and bar of batches.

    Attributes
    ----------
    classes_ : ndarray
        The genres, in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    blocks_ : dict of str to list of int
        Columns of each block.
    n_features_in_ : int
        Columns of X: those of all blocks.
    feature_names_in_ : ndarray of str
        Where X has column names.
    n_parameters_ : int
        Weights and biases of the layer.
    n_iter_, best_iter_ : int
        Of "adam" the epochs run, and the epoch whose weights were kept, counted from 1. Of "lbfgs"
        both are the number of steps.
    history_ : list of dict
        Of "adam" ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch, with inner
        validation rows also ``valid_loss`` and their metric. Of "lbfgs" the first three of each
        step.
    weights_ : dict of ndarray
        ``head.weight`` and ``head.bias`` of the layer.
    C_ : float
        Of "lbfgs": the strength that was taken for the layer of all blocks.
    tried_ : list of dict
        Of "lbfgs": ``C`` and ``valid_loss`` of each strength that was tried for that layer.
    joint_weight_ : float
        How much the evidence of the layer of all blocks counts. Only where evidence was
        weighed: with "lbfgs", ``C="auto"``, several blocks, and rows to choose by.
    block_weights_ : dict of str to float
        How much the evidence of each block's own layer counts; where `joint_weight_` is.

    Notes
    -----
    A missing block (NaN throughout) is zeros after the norm. A block of zeros is missing, too,
    unless `normalize` is False: it has no direction. A row with no block at all is not learned
    from, and is answered with the class prior.

    X may be sparse or dense; both learn and answer the same: bit for bit up to 30 million cells
    or with "adam", else up to rounding. A larger sparse X is never made dense as a whole.

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
        """Train the layer.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The blocks side by side. A row without any is not learned from.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres: one a row, or several at once.
        groups : array-like of shape (n_rows,), default=None
            Artists. No artist is in both the training and the inner validation rows.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the inner validation rows of a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row in the loss, 0 or more; None weighs all rows the same.
        feature_names : array-like of str, shape (n_features,), default=None
            Names of the columns where X has none, as sparse matrices do; their prefixes say
            the blocks. `GenrePipeline` passes those that its steps give.
        folds : array-like of int, shape (n_rows,), default=None
            The inner fold of each row, counted from 0, -1 of rows that are not learned from;
            by default they are made of y and groups.

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
        """Learn one more genre; what is known of the others stays as it is.

        Its row of the layer is solved alone, with the penalty of the others (`C_`), which takes a
        fraction of a second. Give all rows at hand: those of other genres are what it is told
        apart from.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The columns of `fit`.
        y : array-like of bool, shape (n_rows,)
            Which rows have the genre.
        name : str
            Of the genre.
        groups : array-like of shape (n_rows,), default=None
            Artists, for the threshold above which `predict` gives the genre. A genre of fewer
            than 5 rows gets the median threshold of the others.

        Returns
        -------
        self : FusionClassifier
            The classifier, which now knows the genre.

        Raises
        ------
        ValueError
            If the model predicts one genre a row, or label factors: these are trained anew with
            all genres. If the genre is known, or all rows have it, or none.

        Notes
        -----
        The scores of the other genres are the same, up to rounding. Where ``decision`` is
        "tuned", a row that passes no threshold gets the nearest genre, which may be the new one.

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
                f"A genre can be added to a model of several genres (target='logistic'), not to "
                f"one of target={self.target_.name!r}, whose genres depend on each other: fit it "
                "again, on the rows of all genres."
            )
        if name in self.classes_:
            raise ValueError(f"The model knows {name!r}: {self.classes_.tolist()}.")
        y = np.asarray(y).astype(int)
        if y.min() == y.max():
            raise ValueError(
                f"{'Every' if y.all() else 'No'} row is {name!r}. Give rows that are, and rows "
                "that are not."
            )
        # A column of its own and its opposite: an indicator matrix has two columns at least.
        labels = pd.DataFrame({name: y, f"not {name}": 1 - y})
        strength = getattr(self, "C_", STRENGTH)
        own = clone(self).set_params(solver="lbfgs", C=strength, preset="auto", target="logistic")
        own.fit(X, labels, groups=groups, feature_names=self._column_names())
        weight, bias = self.weights_["head.weight"], self.weights_["head.bias"]
        row = np.zeros((1, weight.shape[1]), dtype=weight.dtype)  # presence of blocks: no evidence
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
        """Names that say the blocks, for rows whose columns may have none."""
        names = np.empty(self.n_features_in_, dtype=object)
        for block, columns in self.blocks_.items():
            names[columns] = [f"{block}__{column}" for column in columns]
        return names

    def _solves(self, n_rows):
        """Whether the best weights are found at once."""
        if self.solver != "auto":
            return self.solver == "lbfgs"
        drops = self.dropout != "auto" or self.modality_dropout > 0
        if self.preset == "paper" or drops or self.device == "accelerate":
            return False
        return n_rows <= _MOST_ROWS_TO_SOLVE

    def _folds_choose(self, n_rows):
        return self._solves(n_rows)

    def _solve(self, plan):
        """Find the weights that are best for all rows that are not held out."""
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
        self.module_recipe_ = {**recipe, "dropout": 0.0, "modality_dropout": 0.0}
        self.n_iter_ = self.best_iter_ = len(self.history_)
        self.n_parameters_ = count_parameters(self._make_module, self.module_recipe_)
        if output is None:
            output = self._forward(plan.feed, None, rows)
            self._decide(plan, rows, output, unseen=False)
        else:
            self._decide(plan, together.unseen, output + plan.shift, unseen=True)

    def _try_layers(self, plan):
        """Choose the penalties of the layer of all blocks, and of each block's own."""
        from ..nets._devices import resolve_device
        from ._evidence import TriedLayer

        settings = {"target": self.target_, "device": resolve_device(self.device)}
        strengths = _STRENGTHS if self.C == "auto" else [self.C]
        splits = self._splits(plan, "the penalty is not chosen")
        together = TriedLayer(plan, slice(None), splits, strengths, **settings)
        alone = {}
        if splits and self.C == "auto" and len(self.blocks_) > 1:
            for (block, columns), there in zip(self.blocks_.items(), plan.feed.there, strict=True):
                splits = plan.splits(there)
                if splits:
                    # In larger steps: how much it counts is weighed, too.
                    alone[block] = TriedLayer(plan, columns, splits, strengths[::2], **settings)
        return together, alone

    def _weigh(self, plan, together, alone):
        """Set how much the evidence of each layer counts; return the outputs for unseen rows."""
        from ._evidence import weigh

        unseen, prior = together.unseen, together.prior
        layers = [together, *alone.values()]
        evidence = np.stack([layer.evidence(len(plan.y))[unseen] for layer in layers])
        weights = weigh(self.target_, plan.truth[unseen], plan.weight[unseen], prior, evidence)
        self.joint_weight_, *weights_of_blocks = weights.tolist()
        self.block_weights_ = dict.fromkeys(self.blocks_, 0.0)
        self.block_weights_.update(zip(alone, weights_of_blocks, strict=True))
        return prior + np.tensordot(weights.astype(np.float32), evidence, axes=1)

    def _add_up(self, plan, rows, weight, bias, prior, alone):
        """Return the layer that gives the prior and all evidence.

        Behind the columns of X stands one for each block, 1 where it is there.
        """
        weight = self.joint_weight_ * weight
        of_presence = np.zeros((len(weight), len(self.blocks_)))
        for number, (block, columns) in enumerate(self.blocks_.items()):
            counts = self.block_weights_[block]
            if counts > 0:
                own_rows = rows[plan.feed.there[number][rows]]
                own_weight, own_bias, _, own_prior = alone[block].solve(own_rows)
                weight[:, columns] += counts * own_weight
                of_presence[:, number] = counts * (own_bias - own_prior)
        weight = np.hstack([weight, of_presence]).astype(np.float32)
        return weight, (prior + self.joint_weight_ * (bias - prior)).astype(np.float32)

    def _inner_folds(self, labels, groups, held_out):
        # With a C of one's own it is the logistic regression of that C: of one genre, nothing is
        # left to choose.
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
        n_others = sample_shape[0] - self.n_features_in_  # one of each block's presence, or none
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
        # Biases start at the prior: a rare genre need not be unlearned row by row.
        import torch

        prior = self.target_.prior_output(plan.truth[rows], plan.weight[rows])
        with torch.no_grad():
            module.head.bias.copy_(torch.from_numpy(prior))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
