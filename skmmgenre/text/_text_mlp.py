"""Text network of the paper as a scikit-learn estimator."""

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

    The network is trained to predict genres from tf-idf rows; `transform` returns the activations
    of its last hidden layer (section 3.3 of Oramas et al. 2018). By default it has two dense
    layers of 2048 units with ReLU, with dropout of 0.5 after the input and after each layer.

    Parameters
    ----------
    hidden_units : tuple of int, default=(2048, 2048)
        Number of units of each dense layer.
    dropout : float, default=0.5
        Dropout rate after the input and after each dense layer.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        Output layer and loss. "auto" uses softmax for one column of labels and logistic for an
        indicator matrix. "cosine" regresses the label factors of an indicator matrix (section 5).
    label_factorizer : estimator or None, default=None
        `PPMILabelFactorizer` to use with ``target="cosine"``. None uses one with min(50, rank)
        components. A fitted one wrapped in `sklearn.frozen.FrozenEstimator` is used as is.
    max_epochs : int, default=100
        Maximum number of passes over the training rows. Early stopping usually ends training
        sooner; increase it if a ConvergenceWarning reports that the loss was still decreasing.
    batch_size : int, default=32
        Number of rows per training step and per forward pass in prediction.
    lr : float, default=1e-3
        Learning rate of Adam.
    patience : int, default=10
        Number of epochs without a better loss on held-out rows after which training stops.
    validation_fraction : float, default=0.1
        Fraction of the artists held out for early stopping when no inner folds are used. With 0,
        no rows are held out, all epochs are run, and nothing is selected on held-out rows.
    decision : {"auto", "tuned", "top1"} or float, default="auto"
        How `predict` turns scores into labels. For multilabel targets, "tuned" predicts the
        labels above thresholds tuned for unseen artists, or the label nearest to its threshold if
        none is above; "top1" predicts the best label; a float predicts the labels whose
        probability (similarity with target "cosine") is above it. For single-label targets,
        "tuned" subtracts a fraction of the log prior from the score of each class, which
        lowers frequent genres; the fraction is the one that maximizes macro F1 on unseen artists.
        It is not applied if class weights are given. All other values predict the most likely
        class. "auto" is "tuned"; with ``preset="paper"`` it is 0.5 (with target "cosine", the
        similarity that maximizes micro F1).
    preset : {"auto", "paper"}, default="auto"
        "paper" trains as Oramas et al. (2018) did. "auto" makes better use of few rows: a linear
        model of the same word weights is trained along with the network. The number of epochs,
        the strength of the penalty and the share of each model in the prediction are selected on
        unseen artists in three inner folds; then both models are refitted on all rows. The
        vectors then also carry the information that the linear model uses. See `NetEmbedder`.
    refit : bool, default=True
        Used with ``preset="auto"``. If False, inner validation rows are held out instead, as with
        "paper", and are not used for training.
    cross_fit : int or "auto", default="auto"
        Number of folds of `fit_transform`; see `NetEmbedder`.
    class_weight : dict, "balanced" or None, default=None
        Class weights for single-label targets. The logarithm of the weight is added to the logit
        of each class after training (logit adjustment, Menon et al. 2021). With many rows this
        tends to the same result as weighting the rows, but it is less noisy for classes with few
        rows. With ``preset="paper"`` the rows are weighted.
    device : str, default="auto"
        Device on which the network is trained and applied. "auto" uses a GPU if there is one, and
        the CPU otherwise; "accelerate" trains on the devices of all processes started by
        ``accelerate launch``; any other value is the name of a torch device, such as "cpu" or
        "cuda:0".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision in which the layers compute. "auto" trains in bfloat16 on GPUs with native
        support and in float32 otherwise (always on a CPU), and predicts in float32. The
        weights are always float32.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the rows and dropout. An int gives the same
        weights in every run with the same number of threads; None draws a new seed in each `fit`.
    verbose : int, default=0
        0 shows nothing, 1 a progress bar, 2 also skorch's table of epochs and bar of batches.

    Attributes
    ----------
    classes_ : ndarray
        Genres in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    n_features_in_ : int
        Number of columns of X, which is the number of words.
    n_parameters_ : int
        Number of parameters of the network, including the output layer.
    n_iter_, best_iter_ : int
        Number of epochs run, and the epoch whose weights were kept, counted from 1.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch; with held-out rows
        also ``valid_loss``, and ``valid_f1`` (macro F1) or ``valid_macro_auc``.
    share_ : float
        Share of the network in the prediction; the rest is the share of the linear model. Only
        with ``preset="auto"``.
    C_ : float
        Inverse regularization strength of the linear model. Only with ``preset="auto"``.
    thresholds_ : ndarray of float64, shape (n_labels,), or None
        Decision thresholds of the labels, for multilabel targets.
    weights_ : dict of ndarray
        Parameters and buffers of the network by name, from which it is rebuilt.

    Notes
    -----
    X may be sparse or dense; both give the same results. A sparse X is never densified as a
    whole: in training, the first layer sums the weights of the words that occur in a row, which
    takes a fraction of the time. A row of zeros (a text without a known word) is treated as
    missing: it is not used for training, `transform` returns NaN for it, and `predict_proba`
    returns the class prior.

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
            # By the values, because a sparse row may store zeros.
            empty = np.asarray(abs(X).sum(axis=1)).ravel() == 0
        else:
            empty = ~X.any(axis=1)
        return ArrayFeed(X, empty)

    def _recipe(self, sample_shape, n_outputs):
        units = list(self.hidden_units)
        if not units or not all(isinstance(n, Integral) and n > 0 for n in units):
            raise ValueError(
                f"hidden_units must be a non-empty sequence of positive int, got "
                f"{self.hidden_units!r}."
            )
        return {
            "n_features": sample_shape[0],
            "hidden_units": [int(n) for n in units],
            "n_outputs": n_outputs,
            "dropout": float(self.dropout),
        }

    # Rows of word weights already have a norm of about 1.
    _scales_summary = False

    def _summarize(self, feed, rows):
        return feed.batch(rows)

    @staticmethod
    def _make_module(**recipe):
        from ._text_net import TextNet

        return TextNet(**recipe)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
