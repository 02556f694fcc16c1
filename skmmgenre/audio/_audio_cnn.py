"""The audio networks of the paper as an estimator, and the feeds of patches they are trained on."""

import warnings
from numbers import Integral, Real
from typing import Literal

import numpy as np
from scipy.fft import dct
from sklearn.utils._param_validation import Interval, StrOptions

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
from ..nets import ArrayFeed, NetEmbedder, draw_seeds, release_pages, take_rows
from ..utils import ErrorsMixin, logger
from ._augment import AugmentedFeed
from ._signals import NOTHING_TO_HEAR

# Kernel and max pooling of each layer as (time, frequency): section 6.2 for "time",
# Table 5 for the others. BINS spans all frequency bins.
BINS = "bins"
_ARCHITECTURES = {
    "time": [((4, BINS), (4, 1)), ((4, 1), (4, 1)), ((4, 1), (2, 1))],
    "3x3": [((3, 3), (4, 2)), ((3, 3), (4, 2)), ((3, 3), (4, 1)), ((1, 1), (4, 5))],
    "4x96": [((4, BINS), (4, 1)), ((4, 1), (4, 1)), ((4, 1), (4, 1)), ((1, 1), None)],
    "4x70": [((4, 70), (4, 4)), ((4, 6), (4, 1)), ((4, 1), (4, 1)), ((1, 1), None)],
}
_TIME_WIDTH = (64, 128, 256)
_WIDTHS = {"low": (64, 128, 128, 64), "high": (256, 512, 1024, 1024)}

_MOST_PATCHES = 5  # of a row, whose outputs are averaged, with n_patches="auto"

_N_SHAPES = 25  # of the spectrum, in the linear model's summary

# Rows that are read at once to check values and to sum the mean and scale of bins: few enough to
# fit into the CPU cache.
_CHUNK = 64

# A patch with fewer audible frames counts as missing. At 21.5 frames per second, 20 frames are
# 0.93 s. The filters of the lowest bins are half a second long: 0.2 s of sound within silence
# spread over 15 frames, 0.4 s over 19, and a whole second over 24 or more (over 22 without silence
# before it). In 409 recordings, no patch of 15 s has fewer than 81 audible frames.
_MIN_SOUNDING = 20

# A frame is audible if its loudest bin is at least this fraction of the way from the smallest to
# the largest value of the row, in decibels: 30 dB above the floor at -80 dB. The leakage of a
# constant offset (24 dB) is below that.
_SOUNDING = 0.375
_RANGE = 80.0  # dB, range to which decibels are clipped; magnitudes are compared as if clipped


class AudioCNN(ErrorsMixin, NetEmbedder):
    """Convolutional network that predicts genres from constant-Q patches.

    `transform` returns the flattened output of the last convolutional block (sections 3.1, 6.2
    and 7.3.1, Table 5).

    Parameters
    ----------
    architecture : {"auto", "4x70", "4x96", "3x3", "time"}, default="auto"
        "time" is the single-label network of section 6.2 (three layers that convolve only in
        time); the others are those of Table 5, named after their first filter (frames x bins).
        "auto" is "time", or "4x70" with ``preset="paper"``.
    width : {"low", "high"} or tuple of int, default="low"
        Number of filters of each layer: "low" is 64, 128, 128, 64 and "high" is 256, 512, 1024,
        1024. For architecture "time", both are 64, 128, 256. A tuple gives the number of filters
        of each layer.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is "softmax" for single-label y and "logistic" for multilabel y. "cosine"
        regresses the label factors of a multilabel y (section 5).
    label_factorizer : estimator or None, default=None
        `PPMILabelFactorizer` that computes the label factors for target "cosine". None uses one
        with min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as is.
    dropout : float or "auto", default="auto"
        Dropout rate after every block. "auto" is 0.5 for architecture "time" and for target
        "cosine" with width "high", else 0 (section 7.3.1).
    standardize : {"bin", "cell"} or None, default="bin"
        Whether to standardize each frequency bin, or each cell of the patch (as the authors' code
        does), with the mean and scale of the training rows.
    patches : {"auto", "whole", "center", "epoch"}, default="auto"
        Part of each row of X that the network sees. "whole": all of it. "center": the middle
        `patch_frames`. "epoch": in training, `patch_frames` at another random position in every
        epoch; otherwise the middle. For "epoch", X must be longer than a patch, for example
        from ``CQTExtractor(duration=30)``. Padding, that is trailing frames that only contain the
        smallest value of the row, is ignored. "auto" is "epoch" if X has more than
        `patch_frames`, else "whole"; with ``preset="paper"`` it is "whole".
    patch_frames : int, default=323
        Number of frames of a patch, at most the number of frames of X; 323 frames are 15 s.
    n_patches : int or "auto", default="auto"
        Number of patches, spread evenly over the row, whose vectors are averaged in `transform`
        and in prediction; 1 uses the middle patch. More than 1 requires `patches` other than
        "whole". "auto" is 1 or, with ``patches="auto"``, as many as cover the row, at most 5.
    augment : bool, default=True
        Whether to shift each training patch by up to two bins (a transposition) and mask a band of
        bins and a range of frames, differently in every epoch and reproducibly for a given
        `random_state`. Only used with ``preset="auto"``.
    max_epochs : int, default=100
        Maximum number of epochs. Increase it if a ConvergenceWarning reports that the loss was
        still decreasing.
    batch_size : int, default=32
        Number of patches per training step, and per batch in prediction. Decrease it if memory
        runs out.
    lr : float, default=1e-3
        Learning rate.
    patience : int, default=10
        Number of epochs without a lower loss on unseen rows after which training stops.
    validation_fraction : float, default=0.1
        Fraction of the artists held out for early stopping when there are no inner folds. If 0,
        no rows are held out, all epochs are run, and nothing is tuned on unseen rows.
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
        "paper" trains as Oramas et al. (2018) did. "auto" learns more from few rows: it also fits
        a linear model on the mean and deviation of each bin. The number of epochs, the penalty of
        the linear model and the weight of each of the two models are chosen on unseen artists, in
        three inner folds; then both are trained on all rows. The vectors also contain the
        features of the linear model. See `NetEmbedder`.
    refit : bool, default=True
        Whether to train on all rows once the inner folds have made these choices. If False, inner
        validation rows are held out, as with "paper", and not used for training. Only used with
        ``preset="auto"``.
    cross_fit : int or "auto", default="auto"
        Number of folds of the out-of-fold vectors that `fit_transform` returns; see `NetEmbedder`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, for single-label y. The logarithm of each weight is added to the
        logit of its class after training (logit adjustment, Menon et al. 2021). With many rows
        this approaches training on weighted rows; for classes with few rows it is less noisy.
        With ``preset="paper"``, the rows are weighted in the loss instead.
    device : str, default="auto"
        Device used for training and prediction. "auto" is the GPU if there is one, else the CPU;
        "accelerate" trains on the devices of all processes started by ``accelerate launch``; any
        other value is the name of a torch device, such as "cpu" or "cuda:0".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Floating-point type of the computations. "auto" trains in bfloat16 on devices with native
        support for it and in float32 otherwise, and predicts in float32. Weights and outputs are
        always float32.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the rows, dropout and augmentation. Pass an int
        for the same weights in every run with the same number of threads; None draws a new seed
        in each `fit`.
    verbose : int, default=0
        Verbosity: 0 is silent, 1 shows a progress bar, 2 also shows skorch's table of epochs and
        progress of batches.

    Attributes
    ----------
    classes_ : ndarray
        Genres in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    n_parameters_ : int
        Number of parameters of the network, including the output layer.
    patches_, n_patches_ : str, int
        Values of `patches` and `n_patches` chosen for "auto".
    n_iter_, best_iter_ : int
        Number of epochs run, and the epoch whose weights were kept, counted from 1.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch. If there are unseen
        rows, also ``valid_loss``, and ``valid_f1`` (macro F1) or ``valid_macro_auc``.
    share_ : float
        Weight of the network in predictions; that of the linear model is 1 - `share_`. Defined
        only with ``preset="auto"``.
    C_ : float
        Inverse strength of the linear model's penalty. Defined only with ``preset="auto"``.
    thresholds_ : ndarray of float64, shape (n_labels,), or None
        Threshold of each label, for multilabel y.
    weights_ : dict of ndarray
        Parameters and buffers of the network by name, from which it is rebuilt.
    errors_ : DataFrame
        One line per silent row of the last X: row, item, reason, remedy. The item is empty,
        because a patch has no name; `MeanOverTracks` names the track.

    Notes
    -----
    A patch counts as missing if it is silent except for less than 20 frames (0.93 s), or less than
    half of its frames if it has less than 40. It is not used for training, `transform` returns
    NaN for it, its prediction is the class prior, and `errors_` lists it. In a row that is longer
    than a patch, patches are taken from audible parts, and silent ones are excluded from the mean
    over `n_patches`.

    The geometry of Table 5 is implemented as printed. The number of parameters of "3x3" differs
    from that in Table 6 of the paper, which no geometry reproduces.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import AudioCNN
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(12, 96, 323)).astype("float32")
    >>> y = np.repeat(["Jazz", "Rock", "Rap"], 4)
    >>> cnn = AudioCNN(architecture="time", max_epochs=1, validation_fraction=0)
    >>> cnn.fit_transform(X, y).shape
    (12, 2048)
    """

    __module__ = "skmmgenre.audio"  # set here, because the package imports this module lazily

    _parameter_constraints = {
        **NetEmbedder._parameter_constraints,
        "architecture": [StrOptions({"auto", *_ARCHITECTURES})],
        "width": [StrOptions(set(_WIDTHS)), tuple, list],
        "dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "standardize": [StrOptions({"bin", "cell"}), None],
        "patches": [StrOptions({"auto", "whole", "center", "epoch"})],
        "patch_frames": [Interval(Integral, 1, None, closed="left")],
        "n_patches": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "augment": ["boolean"],
    }

    _convolutional = True

    def __init__(
        self,
        *,
        architecture: Literal["auto", "4x70", "4x96", "3x3", "time"] = "auto",
        width: Literal["low", "high"] | tuple[int, ...] | list[int] = "low",
        target: Target = "auto",
        label_factorizer: LabelFactorizer | None = None,
        dropout: Auto | float = "auto",
        standardize: Literal["bin", "cell"] | None = "bin",
        patches: Literal["auto", "whole", "center", "epoch"] = "auto",
        patch_frames: int = 323,
        n_patches: Auto | int = "auto",
        augment: bool = True,
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
        self.architecture = architecture
        self.width = width
        self.target = target
        self.label_factorizer = label_factorizer
        self.dropout = dropout
        self.standardize = standardize
        self.patches = patches
        self.patch_frames = patch_frames
        self.n_patches = n_patches
        self.augment = augment
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
        X = X if isinstance(X, np.ndarray) else np.asarray(X)
        if X.ndim != 3 or X.dtype.kind not in "fiu":
            raise ValueError(
                f"AudioCNN expects patches of shape (n, bins, frames), got an array of shape "
                f"{X.shape} and dtype {X.dtype}. Compute them with CQTExtractor."
            )
        if not len(X):
            raise ValueError("Found array with 0 sample(s) (0 patches) while 1 is required.")
        if reset:
            # First, because `_patches` reads what it sets.
            self._choose_patches(X.shape[2])
        patches, _ = self._patches()
        whole = patches == "whole"
        if not reset:
            n_bins, n_frames = self.sample_shape_
            if X.shape[1] != n_bins or X.shape[2] < n_frames or (whole and X.shape[2] > n_frames):
                raise ValueError(
                    f"Patches have {X.shape[1]} bins and {X.shape[2]} frames, AudioCNN was "
                    f"fitted with {n_bins} bins and {n_frames} frames. Extract them with the "
                    "settings of the training."
                )
        missing, sounding, lengths = _inspect(X)
        if reset:
            n_frames = X.shape[2] if whole else min(self.patch_frames, X.shape[2])
        if whole:
            silent = ~missing & (sounding.sum(axis=1) < _enough(n_frames))
            self._set_aside(silent, missing, reset)
            return ArrayFeed(X, missing | silent)
        feed = PatchFeed(
            X,
            missing,
            n_frames=n_frames,
            lengths=lengths,
            sounding=sounding,
            seed=self._seed() if reset and patches == "epoch" else None,
        )
        self._set_aside(feed.missing & ~missing, missing, reset)
        missing = feed.missing
        if reset and self.patches == "epoch" and not feed.free[~missing].any():
            warnings.warn(
                f"AudioCNN: no row is longer than a patch ({feed.sample_shape[1]} frames), so "
                f"patches={self.patches!r} uses the same patch in every epoch. Extract longer "
                "clips (e.g. CQTExtractor(duration=30)) or pass a smaller patch_frames.",
                UserWarning,
                stacklevel=3,
            )
        return feed

    def _choose_patches(self, n_frames):
        """Set `patches_` and `n_patches_` for rows with this many frames."""
        self.patches_, self.n_patches_ = self.patches, 1
        if self.patches == "auto":
            longer = self.preset == "auto" and n_frames > self.patch_frames
            self.patches_ = "epoch" if longer else "whole"
            self.n_patches_ = min(-(-n_frames // self.patch_frames), _MOST_PATCHES) if longer else 1
        # `_patches` lets the parameter `n_patches` take precedence, or raises if it can have no
        # effect.
        self.n_patches_ = self._patches()[1]

    def _patches(self):
        """Return the current `patches` and `n_patches`, with "auto" as resolved in fit."""
        # Models saved before these parameters existed use the whole row.
        patches, n_patches = getattr(self, "patches_", "whole"), getattr(self, "n_patches_", 1)
        patches = patches if self.patches == "auto" else self.patches
        n_patches = n_patches if self.n_patches == "auto" else self.n_patches
        # `patches` differs from the parameter only if that is "auto". With "paper", rows are then
        # always whole; otherwise only short rows are, and `n_patches` is ignored for them.
        always_whole = self.patches == "whole" or patches != self.patches and self.preset == "paper"
        if always_whole and n_patches > 1:
            raise ValueError(
                f"n_patches={self.n_patches} requires patches='center' or 'epoch', because with "
                "patches='whole' the network sees the whole row at once."
            )
        return patches, 1 if patches == "whole" else n_patches

    def _seed(self):
        """Return the seed of augmentation and of random patches."""
        return draw_seeds(self.random_state, 1)[0]

    def _training_view(self, module, feed):
        if self.preset == "paper" or not self.augment:
            return module, feed
        return module, AugmentedFeed(feed, self._seed())

    def _set_aside(self, silent, missing, reset):
        """Record silent rows for `errors_`; warn about them in fit, log them otherwise."""
        reason, remedy = NOTHING_TO_HEAR
        self._errors = [
            {"row": int(row), "item": "", "reason": reason, "remedy": remedy}
            for row in np.flatnonzero(silent)
        ]
        if not self._errors:
            return
        told = (
            f"AudioCNN: {len(self._errors):,} of {int((~missing).sum()):,} patches count as "
            f"missing ({reason}); errors_ lists them."
        )
        if reset:
            warnings.warn(told, UserWarning, stacklevel=5)
        else:
            logger.warning(told)

    def _forward(self, feed, part, rows=None, module=None):
        _, n_patches = self._patches()
        if n_patches == 1:
            return super()._forward(feed, part, rows, module)
        rows = np.flatnonzero(~feed.missing) if rows is None else rows
        spread = SpreadFeed(feed, n_patches)
        means = []
        with self._answers_bar(len(rows) * n_patches) as advance:
            # In chunks, so that the outputs of all patches are never in memory together.
            for start in range(0, len(rows), _CHUNK):
                some, counts = spread.rows_of(rows[start : start + _CHUNK])
                answers = super()._forward(spread, part, some, module, advance)
                # The output layer is linear, so the mean output is the output of the mean vector.
                ends = np.cumsum(counts)
                means += [
                    answers[end - count : end].mean(axis=0)
                    for end, count in zip(ends, counts, strict=True)
                ]
        return np.stack(means)

    def _heard_patches(self, feed, rows):
        """Return the patches over which each row's output is averaged, and their first frames.

        Returns
        -------
        patches : ndarray of float32, shape (n_patches, n_bins, n_frames)
            Row by row.
        starts : list of list of int
            First frames of the patches of each row.
        """
        if not isinstance(feed, PatchFeed):
            return feed.batch(rows), [[0] for _ in rows]
        n_patches = self._patches()[1]
        if n_patches == 1:
            starts = [[feed.nearest(row, feed.free[row] // 2)] for row in rows]
        else:
            spread = SpreadFeed(feed, n_patches)
            starts = [spread.starts_of(row) for row in rows]
        owners = np.repeat(rows, [len(of_row) for of_row in starts])
        return feed.cut(owners, np.concatenate(starts)), starts

    def _recipe(self, sample_shape, n_outputs):
        n_bins, n_frames = sample_shape
        layers = self._layers(n_bins)
        n_features = _n_features(layers, n_frames, n_bins)
        if not n_features:
            raise ValueError(self._too_small(layers, n_frames, n_bins))
        dropout = self.dropout
        if dropout == "auto":
            # 0.5 for the single-label network (section 6.2), and for high width with cosine
            # targets, the only ones of Table 5 that it helped (section 7.3.1).
            is_high = self.width == "high" or tuple(self.width) == _WIDTHS["high"]
            high_cosine = is_high and self.target == "cosine"
            dropout = 0.5 if self._architecture() == "time" or high_cosine else 0.0
        shapes = {"bin": (n_bins, 1), "cell": (n_bins, n_frames), None: (1, 1)}
        return {
            "layers": layers,
            "n_bins": n_bins,
            "n_features": n_features,
            "n_outputs": n_outputs,
            "standardize_shape": shapes[self.standardize],
            "dropout": float(dropout),
        }

    def _architecture(self):
        """Return the architecture, with "auto" resolved."""
        if self.architecture != "auto":
            return self.architecture
        return "4x70" if self.preset == "paper" else "time"

    def _summarize(self, feed, rows):
        lengths = getattr(feed, "lengths", None)
        chunks = []
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            patches = take_rows(feed.X, some)
            for patch, row in zip(patches, some, strict=True):
                n_frames = patch.shape[1] if lengths is None else lengths[row]
                # Padding would lower the means and, where it begins, raise the deviations.
                chunks.append(summarize_patch(patch[:, :n_frames]))
        return np.stack(chunks)

    def _layers(self, n_bins):
        """Return the layers as (filters, kernel, pool)."""
        shapes = _ARCHITECTURES[self._architecture()]
        filters = self.width
        if isinstance(filters, str):
            filters = _TIME_WIDTH if self._architecture() == "time" else _WIDTHS[filters]
        if len(filters) != len(shapes) or not all(
            isinstance(n, Integral) and n > 0 for n in filters
        ):
            raise ValueError(
                f"width={self.width!r} must give the number of filters of each of the "
                f"{len(shapes)} layers of architecture {self._architecture()!r}."
            )
        return [
            (int(n), (time, n_bins if bins == BINS else bins), pool)
            for n, ((time, bins), pool) in zip(filters, shapes, strict=True)
        ]

    def _too_small(self, layers, n_frames, n_bins):
        remedies = []
        # Each minimum is found with the other side too long to matter.
        least_frames = next(t for t in range(1, 10_000) if _n_features(layers, t, 10_000))
        least_bins = next(b for b in range(1, 10_000) if _n_features(layers, 10_000, b))
        if n_bins < least_bins:
            remedies.append("n_bins of the extractor")
        if n_frames < least_frames:
            cut = self._patches()[0] != "whole" and self.patch_frames < least_frames
            remedies.append("patch_frames" if cut else "duration of the extractor")
        return (
            f"Patches of {n_bins} bins and {n_frames} frames are too small for architecture "
            f"{self._architecture()!r}: it needs at least {least_bins} bins and {least_frames} "
            f"frames ({least_frames * 1024 / 22050:.1f} s at hop length 1024 and 22050 Hz). "
            f"Increase {' and '.join(remedies)}."
        )

    @staticmethod
    def _make_module(**recipe):
        from ._audio_net import AudioNet

        return AudioNet(**recipe)

    def _prepare(self, module, plan, rows):
        if self.standardize is None:
            return
        import torch

        mean, scale = _mean_and_scale(plan.feed, rows, per_cell=self.standardize == "cell")
        module.standardize.mean.copy_(torch.from_numpy(mean))
        module.standardize.scale.copy_(torch.from_numpy(scale))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def summarize_patch(patch):
    """Return means and deviations of a patch over its frames, float64.

    For each bin: its mean, its deviation and that of its differences between frames. For the first
    25 coefficients of a cosine transform over the bins: the latter two.
    """
    patch = patch.astype(np.float64)
    shapes = dct(patch, axis=0, norm="ortho")[:_N_SHAPES]
    parts = [patch.mean(axis=1)]
    for values in (patch, shapes):
        steps = np.diff(values, axis=1) if values.shape[1] > 1 else np.zeros_like(values)
        parts += [values.std(axis=1), steps.std(axis=1)]
    return np.concatenate(parts)


def _n_features(layers, n_frames, n_bins):
    """Return the size of the flattened output (valid convolutions, floor pooling), 0 if empty."""
    shape = np.array([n_frames, n_bins])
    for _, kernel, pool in layers:
        shape = shape - kernel + 1
        if pool is not None:
            shape = shape // pool
        if (shape < 1).any():
            return 0
    return int(layers[-1][0] * shape.prod())


def _inspect(X):
    """Return the missing rows, the audible frames, and the length of each row without padding.

    A missing row is NaN throughout; a row that is partly NaN, or infinite, raises ValueError.
    """
    missing, lengths = np.zeros(len(X), dtype=bool), np.full(len(X), X.shape[2])
    sounding = np.zeros((len(X), X.shape[2]), dtype=bool)
    for start in range(0, len(X), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(X)))
        chunk = take_rows(X, rows)
        finite = np.isfinite(chunk).all(axis=(1, 2))
        for row in np.flatnonzero(~finite):
            patch = chunk[row]
            if not np.isnan(patch).all():
                what = "infinite" if np.isinf(patch).any() else "NaN"
                raise ValueError(
                    f"Row {start + row} of X contains {what} values. Values must be finite, except "
                    "that a missing patch is NaN throughout."
                )
        missing[rows] = ~finite
        rows, chunk = rows[finite], chunk[finite]
        if len(rows):
            loudest = chunk.max(axis=1).astype(np.float32)
            least = chunk.min(axis=(1, 2)).astype(np.float32)[:, np.newaxis]
            # In an entirely silent row no frame is padding.
            lengths[rows] = X.shape[2] - (loudest > least)[:, ::-1].argmax(axis=1)
            sounding[rows] = _sounds(loudest, least)
    return missing, sounding, lengths


def _sounds(loudest, least):
    """Return the audible frames, given the loudest bin of each and the smallest value per row."""
    greatest = loudest.max(axis=1, keepdims=True)
    # Magnitudes are at least 0; decibels relative to the maximum are below 0. Either limit is 50 dB
    # below the maximum, if the decibels span 80 dB.
    limit = np.where(
        least >= 0,
        greatest * np.float32(10 ** (-_RANGE * (1 - _SOUNDING) / 20)),
        least + _SOUNDING * (greatest - least),
    )
    return (loudest > limit) & (greatest > least)


def _enough(n_frames):
    """Return the number of frames of a patch that must be audible."""
    return min(_MIN_SOUNDING, -(-n_frames // 2))


def _mean_and_scale(feed, rows, *, per_cell):
    """Return the mean and standard deviation of each bin, or of each cell, over some rows."""
    axis = 0 if per_cell else (0, 2)
    count = len(rows) * (1 if per_cell else feed.sample_shape[1])
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    mean = sum(feed.batch(chunk).sum(axis, dtype=np.float64) for chunk in chunks) / count
    spread = mean if per_cell else mean[:, None]
    # In a second pass: a difference of sums of squares would lose digits.
    variance = sum(
        np.square(feed.batch(chunk) - spread).sum(axis, dtype=np.float64) for chunk in chunks
    )
    scale = np.sqrt(variance / count)
    scale[scale < 1e-6] = 1  # a constant bin is only centred
    shape = feed.sample_shape if per_cell else (feed.sample_shape[0], 1)
    return mean.reshape(shape).astype(np.float32), scale.reshape(shape).astype(np.float32)


class PatchFeed(ArrayFeed):
    """Feed of `n_frames` frames of each row, from a new position in every epoch or the middle.

    Patches start only at positions where enough frames are audible; a row without such a position
    is missing.

    Parameters
    ----------
    X : ndarray or memmap of shape (n_rows, n_bins, at least n_frames)
    missing : ndarray of bool, shape (n_rows,)
    n_frames : int
    lengths : ndarray of int, shape (n_rows,)
        Number of frames of each row without its padding. Patches include padding only if this is
        less than `n_frames`.
    sounding : ndarray of bool, shape (n_rows, frames of X)
        Mask of the audible frames.
    seed : int or None
        Seed of the positions in training; None for the middle.
    """

    def __init__(self, X, missing, *, n_frames, lengths, sounding, seed):
        super().__init__(X, missing)
        self.sample_shape = (X.shape[1], n_frames)
        self.lengths = np.maximum(lengths, np.minimum(n_frames, X.shape[2]))
        self.free = np.maximum(lengths - n_frames, 0)
        self.sounding = sounding
        self.seed = seed
        self.missing = missing | np.array([not len(self.places(row)) for row in range(len(X))])

    def places(self, row):
        """Return the first frames of all audible patches of a row."""
        n_frames = self.sample_shape[1]
        counts = np.concatenate([[0], np.cumsum(self.sounding[row])])
        # Number of audible frames in the patch that starts at each frame.
        within = counts[n_frames:] - counts[:-n_frames]
        return np.flatnonzero(within[: self.free[row] + 1] >= _enough(n_frames))

    def nearest(self, row, start):
        """Return the position that is nearest to a frame, the earlier one in a tie."""
        places = self.places(row)
        return places[np.abs(places - start).argmin()]

    def batch(self, rows, epoch=None):
        """Return the patches as float32; positions depend only on (seed, epoch, row)."""
        if epoch is None or self.seed is None:
            return self.cut(rows, [self.nearest(row, self.free[row] // 2) for row in rows])
        starts = []
        for row in rows:
            places = self.places(row)
            draw = np.random.default_rng([self.seed, epoch, row]).integers(len(places))
            starts.append(places[draw])
        return self.cut(rows, starts)

    def cut(self, rows, starts):
        """Return the patch of each row that starts at the given frame."""
        patches = np.empty((len(rows), *self.sample_shape), dtype=np.float32)
        for patch, row, start in zip(patches, rows, starts, strict=True):
            patch[:] = self.X[row, :, start : start + patch.shape[1]]
        release_pages(self.X)
        return patches


class SpreadFeed:
    """Feed of `n_patches` patches of each row of a `PatchFeed`, spread from start to end.

    The patches of row r are rows r * n_patches to (r + 1) * n_patches - 1 of this feed.
    """

    def __init__(self, feed, n_patches):
        self.feed, self.n_patches = feed, n_patches
        self.sample_shape, self.reads_files = feed.sample_shape, feed.reads_files

    def rows_of(self, rows):
        """Return the audible rows of this feed, and how many there are for each given row.

        If no patch of a row is audible, its middle patch is used, moved to an audible position.
        """
        chosen, counts = [], []
        for row in rows:
            of_row = row * self.n_patches + np.arange(self.n_patches)
            heard = of_row[np.isin(self._starts(of_row), self.feed.places(row))]
            chosen.append(heard if len(heard) else of_row[[self.n_patches // 2]])
            counts.append(len(chosen[-1]))
        return np.concatenate(chosen), counts

    def starts_of(self, row):
        """Return the first frames of the patches of a row that is not missing."""
        chosen, _ = self.rows_of([row])
        return [self.feed.nearest(row, start) for start in self._starts(chosen)]

    def batch(self, rows, epoch=None):
        """Return the patches as float32."""
        owners = rows // self.n_patches
        starts = zip(owners, self._starts(rows), strict=True)
        return self.feed.cut(owners, [self.feed.nearest(*start) for start in starts])

    def _starts(self, rows):
        owner, place = np.divmod(rows, self.n_patches)
        # At least two patches: a single one is the middle patch of the `PatchFeed`.
        return self.feed.free[owner] * place // (self.n_patches - 1)
