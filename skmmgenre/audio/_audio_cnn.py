"""The audio networks of the paper as an estimator, and the feed of patches that they learn from."""

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

_MOST_PATCHES = 5  # of a row, whose answers are averaged, if it is for us to say

_N_SHAPES = 25  # of the spectrum, in the linear model's summary

# Rows that are read at once while values are checked and the mean and scale of bins summed:
# few enough to be worked on in the processor's cache.
_CHUNK = 64

# A patch in which fewer frames sound has nothing to tell a genre by. At 21.5 frames a second 20
# are 0.93 s. The filters of the lowest bins are half a second long: 0.2 s of sound in silence
# reach into 15 frames and 0.4 s into 19, a whole second into 24 or more (into 22 without silence
# before it); of 409 recordings, no patch of 15 s has fewer than 81.
_MIN_SOUNDING = 20

# A frame sounds if its loudest bin lies this far up from the row's least value to its greatest, in
# decibels: 30 dB above the floor of 80. Below that lie the leaks of a constant offset (24 dB).
_SOUNDING = 0.375
_RANGE = 80.0  # dB, of what decibels are cut to; magnitudes are compared as if they were, too


class AudioCNN(ErrorsMixin, NetEmbedder):
    """Convolutional network over constant-Q patches.

    Learns the genres from patches and answers with the flattened output of its last
    convolutional block (sections 3.1, 6.2 and 7.3.1, Table 5).

    Parameters
    ----------
    architecture : {"auto", "4x70", "4x96", "3x3", "time"}, default="auto"
        "auto" is "time", with ``preset="paper"`` "4x70".
        "time" is the single-label network of section 6.2 (three layers that convolve in
        time alone); the others are those of Table 5, named after their first filter
        (frames x bins).
    width : {"low", "high"} or tuple of int, default="low"
        Filters of each layer: low is 64, 128, 128, 64 and high 256, 512, 1024, 1024.
        "time" is 64, 128, 256 for both names. A tuple gives the filters of each layer.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is softmax for one column of labels, logistic for an indicator matrix. "cosine"
        regresses the label factors of an indicator matrix (section 5).
    label_factorizer : estimator or None, default=None
        Of target "cosine": a `PPMILabelFactorizer` of your own; None takes one with
        min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as it is.
    dropout : float or "auto", default="auto"
        After every block; "auto" is 0.5 for "time" and for a cosine target with width
        "high", else 0 (section 7.3.1).
    standardize : {"bin", "cell"} or None, default="bin"
        Mean and scale, learned from the training rows, of each frequency bin, or of each
        cell of the patch (as the authors' code does).
    patches : {"auto", "whole", "center", "epoch"}, default="auto"
        What of X the network sees. "whole": all of it. "center": the middle `patch_frames`.
        "epoch": in training `patch_frames` at another random place in every epoch, and else
        the middle. Let the extractor answer more than a patch, for example
        ``CQTExtractor(duration=30)``. Frames at the end of a row that hold nothing but its
        least value, as the extractor pads with, are left out. "auto" is "epoch" where X has
        more than `patch_frames`, else "whole"; with ``preset="paper"`` it is "whole".
    patch_frames : int, default=323
        Frames of a patch; 323 are 15 s. Not more than X has are taken.
    n_patches : int or "auto", default="auto"
        Patches, spread evenly over the row, whose vectors are averaged in `transform` and in
        predictions; 1 is the middle. More than 1 need `patches` other than "whole". "auto" is
        1, and with ``patches="auto"`` as many as cover the row, at most 5.
    augment : bool, default=True
        Of ``preset="auto"``: in training each patch is moved by up to two bins (as if played
        in another key), and a band of bins and a stretch of frames are masked, in every epoch
        differently. What happens follows from `random_state`.
    max_epochs : int, default=100
        Most passes over the training rows. Early stopping usually ends training sooner; raise it
        where a ConvergenceWarning says that the loss was still falling.
    batch_size : int, default=32
        Patches in one training step, and at once in predictions. Lower it where memory is short.
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
        model of means and deviations of the bins learns beside the network, and how long, how
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
        What layers compute in. "auto" trains in bfloat16 where the device has it natively,
        else in float32, and answers in float32. Weights and vectors are float32 always.
    random_state : int, RandomState or None, default=None
        Seed of the first weights, the order of the rows, dropout and augmentation. An int gives the
        same weights in every run with the same number of threads; None draws a new seed in each
        `fit`.
    verbose : int, default=0
        0 shows nothing, 1 a progress bar, 2 also skorch's table of epochs and bar of batches.

    Attributes
    ----------
    classes_ : ndarray
        The genres, in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    n_parameters_ : int
        Parameters of the network, the output layer's among them.
    patches_, n_patches_ : str, int
        What "auto" stood for.
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
    errors_ : DataFrame
        A line for every row of the last X that has nothing to hear: row, item, reason,
        remedy. The item is empty, for a patch has no name; `MeanOverTracks` names the track.

    Notes
    -----
    A patch with nothing to hear counts as missing: one that is silent but for less than 20
    frames (0.93 s), or for half of its frames if it has less than 40. It is not learned from,
    `transform` returns NaN, and predictions are the class prior; `errors_` lists it. Of a row
    longer than a patch, patches are taken where there is something to hear, and the mean of
    `n_patches` leaves silent ones out.

    Table 5's geometry is built as printed; its count of parameters for 3x3 is not that of
    the paper's Table 6, which no geometry gives.

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

    __module__ = "skmmgenre.audio"  # the room imports it later than its other names

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
                f"AudioCNN takes patches of shape (n, bins, frames), got an array of shape "
                f"{X.shape} and dtype {X.dtype}. Put a CQTExtractor in front of it."
            )
        if not len(X):
            raise ValueError("Found array with 0 sample(s) (no patch) while 1 is required.")
        if reset:
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
                f"AudioCNN: no row has more than the {feed.sample_shape[1]} frames of a patch, so "
                f"patches={self.patches!r} has nothing to choose from. Let the extractor answer "
                "more, for example CQTExtractor(duration=30), or pass a smaller patch_frames.",
                UserWarning,
                stacklevel=3,
            )
        return feed

    def _choose_patches(self, n_frames):
        """Say what "auto" stands for, with rows of so many frames."""
        self.patches_, self.n_patches_ = self.patches, 1
        if self.patches == "auto":
            longer = self.preset == "auto" and n_frames > self.patch_frames
            self.patches_ = "epoch" if longer else "whole"
            self.n_patches_ = min(-(-n_frames // self.patch_frames), _MOST_PATCHES) if longer else 1
        self.n_patches_ = self._patches()[1]

    def _patches(self):
        """`patches` and `n_patches` as they are now, or what "auto" stood for in fit."""
        # Models that were saved before there was a choice see the whole.
        patches, n_patches = getattr(self, "patches_", "whole"), getattr(self, "n_patches_", 1)
        patches = patches if self.patches == "auto" else self.patches
        n_patches = n_patches if self.n_patches == "auto" else self.n_patches
        always_whole = self.patches == "whole" or patches != self.patches and self.preset == "paper"
        if always_whole and n_patches > 1:
            raise ValueError(
                f"n_patches={self.n_patches} is for patches='center' or 'epoch'; with "
                "patches='whole' the network sees all of a row at once."
            )
        return patches, 1 if patches == "whole" else n_patches

    def _seed(self):
        """Of what happens to patches in training."""
        return draw_seeds(self.random_state, 1)[0]

    def _training_view(self, module, feed):
        if self.preset == "paper" or not self.augment:
            return module, feed
        return module, AugmentedFeed(feed, self._seed())

    def _set_aside(self, silent, missing, reset):
        """Keep what `errors_` tells of rows with nothing to hear; warn of them in fit."""
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
            for start in range(0, len(rows), _CHUNK):
                some, counts = spread.rows_of(rows[start : start + _CHUNK])
                answers = super()._forward(spread, part, some, module, advance)
                # The output layer is linear: that of the mean vector is the mean of the outputs.
                ends = np.cumsum(counts)
                means += [
                    answers[end - count : end].mean(axis=0)
                    for end, count in zip(ends, counts, strict=True)
                ]
        return np.stack(means)

    def _heard_patches(self, feed, rows):
        """Return the patches whose mean the answer for each row is, and their first frames.

        Returns
        -------
        patches : ndarray of float32, shape (n_patches, n_bins, n_frames)
            Row by row.
        starts : list of list of int
            For each row.
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
        """What "auto" stands for."""
        if self.architecture != "auto":
            return self.architecture
        return "4x70" if self.preset == "paper" else "time"

    def _summarise(self, feed, rows):
        lengths = getattr(feed, "lengths", None)
        chunks = []
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            patches = take_rows(feed.X, some)
            for patch, row in zip(patches, some, strict=True):
                n_frames = patch.shape[1] if lengths is None else lengths[row]
                chunks.append(summarise_patch(patch[:, :n_frames]))
        return np.stack(chunks)

    def _layers(self, n_bins):
        """The layers as (filters, kernel, pool)."""
        shapes = _ARCHITECTURES[self._architecture()]
        filters = self.width
        if isinstance(filters, str):
            filters = _TIME_WIDTH if self._architecture() == "time" else _WIDTHS[filters]
        if len(filters) != len(shapes) or not all(
            isinstance(n, Integral) and n > 0 for n in filters
        ):
            raise ValueError(
                f"width={self.width!r} must give the filters of each of the {len(shapes)} "
                f"layers of architecture {self._architecture()!r}."
            )
        return [
            (int(n), (time, n_bins if bins == BINS else bins), pool)
            for n, ((time, bins), pool) in zip(filters, shapes, strict=True)
        ]

    def _too_small(self, layers, n_frames, n_bins):
        remedies = []
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
            f"Raise {' and '.join(remedies)}."
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


def summarise_patch(patch):
    """Means and deviations of a patch over its frames, float64.

    Of each bin the mean, the deviation and that of its steps from frame to frame; of the 25
    smoothest shapes over the bins (a cosine transform) the latter two.
    """
    patch = patch.astype(np.float64)
    shapes = dct(patch, axis=0, norm="ortho")[:_N_SHAPES]
    parts = [patch.mean(axis=1)]
    for values in (patch, shapes):
        steps = np.diff(values, axis=1) if values.shape[1] > 1 else np.zeros_like(values)
        parts += [values.std(axis=1), steps.std(axis=1)]
    return np.concatenate(parts)


def _n_features(layers, n_frames, n_bins):
    """Size of the flattened output: valid convolutions, pools that floor; 0 if too small."""
    shape = np.array([n_frames, n_bins])
    for _, kernel, pool in layers:
        shape = shape - kernel + 1
        if pool is not None:
            shape = shape // pool
        if (shape < 1).any():
            return 0
    return int(layers[-1][0] * shape.prod())


def _inspect(X):
    """Return which rows are missing, which frames sound, and the frames before the padding.

    A missing row is NaN throughout; one that is partly NaN, or infinite, is an error.
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
                    f"Row {start + row} of X holds {what} values in part. A missing patch is "
                    "NaN throughout; any other value must be finite."
                )
        missing[rows] = ~finite
        rows, chunk = rows[finite], chunk[finite]
        if len(rows):
            loudest = chunk.max(axis=1).astype(np.float32)
            least = chunk.min(axis=(1, 2)).astype(np.float32)[:, np.newaxis]
            # No trailing ones where nothing sounds: nothing is left out.
            lengths[rows] = X.shape[2] - (loudest > least)[:, ::-1].argmax(axis=1)
            sounding[rows] = _sounds(loudest, least)
    return missing, sounding, lengths


def _sounds(loudest, least):
    """Return which frames sound, by the loudest bin of each and the least value of their row."""
    greatest = loudest.max(axis=1, keepdims=True)
    # Magnitudes are at least 0, decibels of what is less than the loudest below it.
    limit = np.where(
        least >= 0,
        greatest * np.float32(10 ** (-_RANGE * (1 - _SOUNDING) / 20)),
        least + _SOUNDING * (greatest - least),
    )
    return (loudest > limit) & (greatest > least)


def _enough(n_frames):
    """Return how many of a patch's frames must sound."""
    return min(_MIN_SOUNDING, -(-n_frames // 2))


def _mean_and_scale(feed, rows, *, per_cell):
    """Mean and standard deviation of each bin, or of each cell, over some rows."""
    axis = 0 if per_cell else (0, 2)
    count = len(rows) * (1 if per_cell else feed.sample_shape[1])
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    mean = sum(feed.batch(chunk).sum(axis, dtype=np.float64) for chunk in chunks) / count
    spread = mean if per_cell else mean[:, None]
    variance = sum(
        np.square(feed.batch(chunk) - spread).sum(axis, dtype=np.float64) for chunk in chunks
    )
    scale = np.sqrt(variance / count)
    scale[scale < 1e-6] = 1  # a constant bin is centred only
    shape = feed.sample_shape if per_cell else (feed.sample_shape[0], 1)
    return mean.reshape(shape).astype(np.float32), scale.reshape(shape).astype(np.float32)


class PatchFeed(ArrayFeed):
    """Feed of `n_frames` frames of each row: another place in every epoch, or the middle.

    A place is one with something to hear; a row without such a place is missing.

    Parameters
    ----------
    X : ndarray or memmap of shape (n_rows, n_bins, at least n_frames)
    missing : ndarray of bool, shape (n_rows,)
    n_frames : int
    lengths : ndarray of int, shape (n_rows,)
        Frames of each row before its padding. Patches reach into the padding only if there
        are fewer than `n_frames`.
    sounding : ndarray of bool, shape (n_rows, frames of X)
        Which frames sound.
    seed : int or None
        Of the places in training; None for the middle.
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
        """Return the first frames of the patches of a row that have something to hear."""
        n_frames = self.sample_shape[1]
        counts = np.concatenate([[0], np.cumsum(self.sounding[row])])
        within = counts[n_frames:] - counts[:-n_frames]
        return np.flatnonzero(within[: self.free[row] + 1] >= _enough(n_frames))

    def nearest(self, row, start):
        """Return the place that is nearest to a frame, the earlier of two."""
        places = self.places(row)
        return places[np.abs(places - start).argmin()]

    def batch(self, rows, epoch=None):
        """Return the patches as float32; a place follows from (seed, epoch, row) alone."""
        if epoch is None or self.seed is None:
            return self.cut(rows, [self.nearest(row, self.free[row] // 2) for row in rows])
        starts = []
        for row in rows:
            places = self.places(row)
            draw = np.random.default_rng([self.seed, epoch, row]).integers(len(places))
            starts.append(places[draw])
        return self.cut(rows, starts)

    def cut(self, rows, starts):
        """Return the patch of each row that begins at a frame."""
        patches = np.empty((len(rows), *self.sample_shape), dtype=np.float32)
        for patch, row, start in zip(patches, rows, starts, strict=True):
            patch[:] = self.X[row, :, start : start + patch.shape[1]]
        release_pages(self.X)
        return patches


class SpreadFeed:
    """Feed of `n_patches` patches of each row of a `PatchFeed`, from its begin to its end.

    The patches of row r are rows r * n_patches to (r + 1) * n_patches - 1 of this one.
    """

    def __init__(self, feed, n_patches):
        self.feed, self.n_patches = feed, n_patches
        self.sample_shape, self.reads_files = feed.sample_shape, feed.reads_files

    def rows_of(self, rows):
        """Return the rows of this feed with something to hear, and how many each row has.

        A row of which no patch has anything gets the one in the middle, moved to where it has.
        """
        chosen, counts = [], []
        for row in rows:
            of_row = row * self.n_patches + np.arange(self.n_patches)
            heard = of_row[np.isin(self._starts(of_row), self.feed.places(row))]
            chosen.append(heard if len(heard) else of_row[[self.n_patches // 2]])
            counts.append(len(chosen[-1]))
        return np.concatenate(chosen), counts

    def starts_of(self, row):
        """Return the first frames of the patches of a row that has something to hear."""
        chosen, _ = self.rows_of([row])
        return [self.feed.nearest(row, start) for start in self._starts(chosen)]

    def batch(self, rows, epoch=None):
        """Return the patches as float32."""
        owners = rows // self.n_patches
        starts = zip(owners, self._starts(rows), strict=True)
        return self.feed.cut(owners, [self.feed.nearest(*start) for start in starts])

    def _starts(self, rows):
        owner, place = np.divmod(rows, self.n_patches)
        return self.feed.free[owner] * place // (self.n_patches - 1)
