"""The text network of the paper as an estimator."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from .._typing import (
    Auto,
    ClassWeight,
    Decision,
    LabelFactorizer,
    Precision,
    Preset,
    RandomState,
    Target,
)
from ..nets import ArrayFeed, NetEmbedder
from ..utils import as_pandas, refuse_repeated_columns


class TextMLP(NetEmbedder):
    """Feedforward network over word weights.

    Learns the genres from tf-idf rows and answers with its last hidden layer (section
    3.3): two dense layers of 2048 units with ReLU, dropout of 0.5 after the input and each
    of them.

    Parameters
    ----------
    hidden_units : tuple of int, default=(2048, 2048)
        Units of each dense layer.
    dropout : float, default=0.5
        After the input and after every dense layer.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is softmax for one column of labels, logistic for an indicator matrix. "cosine"
        regresses the label factors of an indicator matrix (section 5).
    label_factorizer : estimator or None, default=None
        Of target "cosine": a `PPMILabelFactorizer` of your own; None takes one with
        min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as it is.
    max_epochs : int, default=100
        Most passes over the training rows. Early stopping usually ends training sooner; raise it
        where a ConvergenceWarning says that the loss was still falling.
    batch_size : int, default=32
        Rows in one training step, and at once in predictions.
    lr : float, default=1e-3
        Learning rate of Adam.
    patience : int, default=10
        Epochs without a better loss on unseen rows after which training stops.
    validation_fraction : float, default=0.1
        Share of the artists held out for early stopping where there are no inner folds. 0: no
        row is held out, all epochs are run, and nothing is chosen.
    decision : {"auto", "tuned", "top1"} or float, default="auto"
        Which of several genres `predict` tells. "tuned": those above thresholds that are best
        for unseen artists, the nearest one where none is. "top1": the best. A number: those
        whose probability (target "cosine": similarity) is above it. Of one genre a row, "tuned"
        takes a part of their prior's logarithm from frequent genres, the part with which macro
        F1 is best for unseen artists, unless there are class weights; all others take the
        likeliest. "auto" is "tuned", with
        ``preset="paper"`` 0.5 (target "cosine": the similarity of the best micro F1).
    preset : {"auto", "paper"}, default="auto"
        "paper" trains as Oramas et al. (2018) did. "auto" learns more from few rows: a linear
        model of the same word weights learns beside the network, and how long, how
        strongly penalised and in which shares both are heard is chosen on unseen artists, in
        three inner folds; then both learn from all rows. The vectors hold what the linear
        model sees, too. See `NetEmbedder`.
    refit : bool, default=True
        Of "auto": False holds out inner validation rows instead, as "paper" does, and does
        not learn from them.
    cross_fit : int or "auto", default="auto"
        Folds of `fit_transform`; see `NetEmbedder`.
    class_weight : dict, "balanced" or None, default=None
        Of one genre a row. Its logarithm is added to the logit of each class after training
        (logit adjustment, Menon et al. 2021): what rows of such weights tend to where they are
        many, without their noise where a class has few. With ``preset="paper"`` it is the rows
        that are weighted.
    device : str, default="auto"
        Where the network is trained and applied. "auto" takes the GPU if there is one, else the
        processor; "accelerate" trains on the devices of all processes that ``accelerate launch``
        has started; else the name of a torch device, such as "cpu" or "cuda:0".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What layers compute in. "auto" trains in bfloat16 on a graphics card that has it
        natively, else (on any processor, too) in float32, and answers in float32. Weights
        are float32 always.
    random_state : int, RandomState or None, default=None
        Seed of the first weights, the order of the rows and dropout. An int gives the same weights
        in every run with the same number of threads; None draws a new seed in each `fit`.
    verbose : int, default=0
        0 shows nothing, 1 a progress bar, 2 also skorch's table of epochs and bar of batches.

    Attributes
    ----------
    classes_ : ndarray
        The genres, in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    n_features_in_ : int
        Columns of X: the number of words.
    n_parameters_ : int
        Parameters of the network, the output layer's among them.
    n_iter_, best_iter_ : int
        Epochs run, and the epoch whose weights were kept, counted from 1.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch; where there are unseen
        rows also ``valid_loss``, and ``valid_f1`` (macro F1) or ``valid_macro_auc``.
    share_ : float
        Of the network in the answer; the rest is the linear model's. With ``preset="auto"``.
    C_ : float
        Inverse strength of the linear model's penalty. With ``preset="auto"``.
    thresholds_ : ndarray of float64, shape (n_labels,), or None
        Of several genres.
    weights_ : dict of ndarray
        Parameters and buffers of the network by their names, from which it is built again.

    Notes
    -----
    X may be sparse or dense; both learn and answer the same. A sparse X is never made dense as a
    whole; in training its rows are sums of the first layer's weights of the words that are
    there, which takes a fraction of the time. A row of zeros (a text without a known word)
    counts as missing: it is not learned from, `transform` answers NaN, and `predict_proba`
    the class prior.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from skmmgenre.text import TextMLP
    >>> X = TfidfVectorizer().fit_transform(["loud guitars", "slow sax", "loud drums"])
    >>> mlp = TextMLP(hidden_units=(8, 8), max_epochs=1, validation_fraction=0)
    >>> mlp.fit_transform(X, ["Rock", "Jazz", "Rock"]).shape
    (3, 8)
    """

    _parameter_constraints = {
        **NetEmbedder._parameter_constraints,
        "hidden_units": [tuple, list],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        *,
        hidden_units: tuple[int, ...] | list[int] = (2048, 2048),
        dropout: float = 0.5,
        target: Target = "auto",
        label_factorizer: LabelFactorizer | None = None,
        max_epochs: int = 100,
        batch_size: int = 32,
        lr: float = 1e-3,
        patience: int = 10,
        validation_fraction: float = 0.1,
        decision: Decision = "auto",
        preset: Preset = "auto",
        refit: bool = True,
        cross_fit: Auto | int = "auto",
        class_weight: ClassWeight = None,
        device: str = "auto",
        precision: Precision = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ):
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.target = target
        self.label_factorizer = label_factorizer
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.decision = decision
        self.preset = preset
        self.refit = refit
        self.cross_fit = cross_fit
        self.class_weight = class_weight
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def _read(self, X, *, reset):
        refuse_repeated_columns(X)
        X = as_pandas(X)
        X = validate_data(self, X, reset=reset, accept_sparse="csr", dtype=[np.float32, np.float64])
        if sparse.issparse(X):
            empty = np.asarray(abs(X).sum(axis=1)).ravel() == 0
        else:
            empty = ~X.any(axis=1)
        return ArrayFeed(X, empty)

    def _recipe(self, sample_shape, n_outputs):
        units = list(self.hidden_units)
        if not units or not all(isinstance(n, Integral) and n > 0 for n in units):
            raise ValueError(
                f"hidden_units={self.hidden_units!r} must name the units of at least one layer."
            )
        return {
            "n_features": sample_shape[0],
            "hidden_units": [int(n) for n in units],
            "n_outputs": n_outputs,
            "dropout": float(self.dropout),
        }

    # Rows of word weights are of length 1 or so as they are.
    _scales_summary = False

    def _summarise(self, feed, rows):
        return feed.batch(rows)

    @staticmethod
    def _make_module(**recipe):
        from ._text_net import TextNet

        return TextNet(**recipe)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
