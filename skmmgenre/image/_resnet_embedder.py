"""The cover network of the paper as an estimator, with an optional store of its vectors."""

import functools
import hashlib
import os
import warnings
from contextlib import closing
from numbers import Integral, Real
from typing import Literal, get_args

import numpy as np
import PIL
from sklearn.utils._param_validation import Interval, Options, StrOptions

from .._typing import (
    Auto,
    ClassWeight,
    Decision,
    FilePath,
    LabelFactorizer,
    OnError,
    Precision,
    Preset,
    RandomState,
    Target,
)
from ..nets import ArrayFeed, NetEmbedder, derived, draw_seeds
from ..store import FeatureStore, settle_in_rounds
from ..utils import ErrorsMixin, as_cells, progress_bar
from ._color_statistics import N_STATISTICS
from ._decode import content_of_image
from ._image_feed import ImageFeed

Depth = Literal[18, 34, 50, 101, 152]  # of torchvision's ResNets


class ResNetEmbedder(ErrorsMixin, NetEmbedder):
    """Convolutional network that predicts genres from album covers.

    A ResNet pretrained on ImageNet with a new output layer; `transform` returns the input of that
    layer (section 3.2). If the pretrained weights are not available, the default is a small
    network, which trains in minutes.

    Parameters
    ----------
    depth : {"auto", "small", 18, 34, 50, 101, 152}, default="auto"
        Depth of the ResNet. "small" is a network of five convolutions at 64 x 64 pixels, which
        starts from random weights. "auto" is 101, or "small" if ``weights="auto"`` finds no
        weights.
    weights : str, path or None, default="auto"
        Initial weights. "auto" uses the ImageNet weights of this depth if they are in torch hub's
        cache; otherwise it warns and trains a small network instead. It downloads nothing, except
        with ``preset="paper"``, where it is the same as "imagenet". "imagenet" is torchvision's
        "IMAGENET1K_V1", trained as in He et al.; other names of torchvision's weights are also
        accepted, as is the path of a state dict of a torchvision ResNet (with or without its
        head) written by torch.save. None draws random weights. torchvision downloads named
        weights once and keeps them in torch hub's cache.
    fine_tune : bool or "auto", default="auto"
        Whether to train the whole network, including batch norm. If False, the trunk is frozen
        and its batch norm uses the running statistics; each cover passes through it once, without
        augmentation, and only the output layer is trained. "auto" is False for weights found by
        ``weights="auto"``, and for given weights with a `cache`; otherwise, and with
        ``preset="paper"``, it is True.
    augment : bool, default=True
        Whether to train on random crops (8 to 100% of the area, aspect ratio 3/4 to 4/3), with
        random brightness, contrast and saturation (40%), lighting (0.1) and flips.
    image_size : int or "auto", default="auto"
        Side of the network's input in pixels. "auto" is 224, or 64 for the small network. Outside
        training, the shorter side of a cover is scaled to 256/224 of it and the centre is cropped.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is "softmax" for single-label y and "logistic" for multilabel y. "cosine"
        regresses the label factors of a multilabel y (section 5).
    label_factorizer : estimator or None, default=None
        `PPMILabelFactorizer` that computes the label factors for target "cosine". None uses one
        with min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as is.
    batch_size : int, default=50
        Number of rows per training step. Decrease it if memory runs out. Prediction uses the same
        number per batch, but at most 16 on a CPU.
    max_epochs : int, default=90
        Maximum number of epochs. Increase it if a ConvergenceWarning reports that the loss was
        still decreasing.
    lr : float or "auto", default="auto"
        Learning rate, the same for all layers and epochs. "auto" is 1e-4, or 1e-3 for the small
        network.
    weight_decay : float, default=1e-4
        L2 penalty on all trained parameters.
    optimizer : {"adam", "sgd"}, default="adam"
        Optimizer: "adam" as in the paper, or "sgd" (Nesterov momentum of 0.9) as in the authors'
        code.
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
        a linear model on the colours, and on the vectors of the trunk if that is frozen. The
        number of epochs, the penalty of the linear model and the weight of each of the two models
        are chosen on unseen artists, in three inner folds; then both are trained on all rows. The
        vectors also contain the features of the linear model. See `NetEmbedder`.
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
        always float32. With "auto", a frozen trunk computes in float32.
    cache : str, path or None, default=None
        File of a vector store for a frozen trunk, created if it does not exist. A cover whose
        vector was computed before with the same weights and settings is not decoded or passed
        through the network again, whatever its folder. Networks and processes can share a store.
        It must be on a local disk.
    on_error : {"raise", "missing"}, default="raise"
        Whether an image that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers that check the images before training and prediction; None is
        one. Batches are decoded by as many threads as the network uses.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the rows and augmentation. Pass an int for the
        same weights in every run with the same number of threads; None draws a new seed in each
        `fit`.
    verbose : int, default=0
        Verbosity: 0 is silent, 1 shows a progress bar, 2 also shows skorch's table of epochs and
        progress of batches.

    Attributes
    ----------
    classes_ : ndarray
        Genres in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    errors_ : DataFrame
        One line per image that the last call treated as missing because of
        ``on_error="missing"``: row, item, reason, remedy.
    depth_ : int or "small"
        Depth of the network, with "auto" resolved.
    fine_tune_ : bool
        Whether the whole network was trained.
    n_parameters_ : int
        Number of parameters of the network, including the output layer.
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
        Parameters and buffers of the network by name, including the running statistics of batch
        norm.

    Raises
    ------
    BadItem
        If an image cannot be used and ``on_error="raise"``. The message names the row, the file,
        the reason and the remedy.
    OSError
        If weights requested by name cannot be downloaded.
    ValueError
        If the weights do not fit `depth`, if a `cache` is given for a network that is trained, or
        with ``fine_tune=False`` for a small network.

    See Also
    --------
    skmmgenre.audio.AudioCNN : Network for audio.
    skmmgenre.text.TextMLP : Network for reviews.

    Notes
    -----
    X is one column of paths, PIL images, or uint8 arrays of shape (height, width[, 3 or 4]).
    `transform` returns 2048 features, or 512 for a depth of 18, 34 or "small", and a row of NaN
    for a missing cover. Invalid images are found before anything is computed: a `fit` that trains
    the trunk first decodes every image, and all other calls read every header. Images whose header
    declares more than 50 million pixels are rejected. Large JPEG files are decoded at 1/2, 1/4 or
    1/8 of their size, as long as both sides keep twice the length they are scaled to.

    "auto" is resolved once, in `fit`, so a fitted or saved network gives the same predictions on a
    machine with other files.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.image import ResNetEmbedder
    >>> covers = [np.full((16, 16, 3), shade, dtype=np.uint8) for shade in (0, 90, 180, 250)]
    >>> net = ResNetEmbedder(
    ...     depth=18, weights=None, image_size=32, max_epochs=1, validation_fraction=0
    ... )
    >>> net.fit_transform(covers, ["Metal", "Metal", "Pop", "Pop"]).shape
    (4, 512)
    """

    _parameter_constraints = {
        **NetEmbedder._parameter_constraints,
        "depth": [Options(Integral, set(get_args(Depth))), StrOptions({"auto", "small"})],
        "weights": [str, os.PathLike, None],
        "fine_tune": ["boolean", StrOptions({"auto"})],
        "augment": ["boolean"],
        "image_size": [Interval(Integral, 8, None, closed="left"), StrOptions({"auto"})],
        "lr": [*NetEmbedder._parameter_constraints["lr"], StrOptions({"auto"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "optimizer": [StrOptions({"adam", "sgd"})],
        "cache": [str, os.PathLike, None],
        "on_error": [StrOptions({"raise", "missing"})],
        "n_jobs": [Integral, None],
    }

    _convolutional = True
    _most_rows_at_once = 16

    def __init__(
        self,
        *,
        depth: Literal["auto", "small"] | Depth = "auto",
        weights: FilePath | None = "auto",
        fine_tune: Auto | bool = "auto",
        augment: bool = True,
        image_size: Auto | int = "auto",
        target: Target = "auto",
        label_factorizer: LabelFactorizer | None = None,
        batch_size: int = 50,
        max_epochs: int = 90,
        lr: Auto | float = "auto",
        weight_decay: float = 1e-4,
        optimizer: Literal["adam", "sgd"] = "adam",
        patience: int = 10,
        validation_fraction: float = 0.1,
        decision: Decision = "auto",
        preset: Preset = "auto",
        refit: bool = True,
        cross_fit: Auto | int = "auto",
        class_weight: ClassWeight = None,
        device: str = "auto",
        precision: Precision = "auto",
        cache: FilePath | None = None,
        on_error: OnError = "raise",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ):
        self.depth = depth
        self.weights = weights
        self.fine_tune = fine_tune
        self.augment = augment
        self.image_size = image_size
        self.target = target
        self.label_factorizer = label_factorizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.decision = decision
        self.preset = preset
        self.refit = refit
        self.cross_fit = cross_fit
        self.class_weight = class_weight
        self.device = device
        self.precision = precision
        self.cache = cache
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _read(self, X, *, reset):
        cells = as_cells(X, noun="image")
        # Report problems with the weights before all covers are decoded.
        pretrained = self._settle() if reset else None
        augmented = reset and self.augment and self._fine_tunes
        # After fit, colours are needed if a linear model was fitted, whatever `preset` is by now.
        auto = self.preset == "auto" if reset else hasattr(self, "_linear")
        feed = ImageFeed(
            cells,
            image_size=self._side() if reset else self.sample_shape_[1],
            seed=draw_seeds(self.random_state, 1)[0] if augmented else None,
            on_error=self.on_error,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            # Only training the trunk uses an image more than once: in every epoch.
            once=not (reset and self._fine_tunes),
            colours=auto,
            shrinks=auto,
        )
        self._errors = feed.errors  # not a copy: a broken image may be found later
        feed.pretrained = pretrained  # for `_prepare` of each fold; freed with the feed after fit
        feed.vectors = None
        return feed

    def _settle(self):
        """Resolve "auto" and return the initial weights of the trunk, or None."""
        from ._resnet import read_weights, read_weights_at_hand

        depth = _DEPTH if self.depth == "auto" else self.depth
        pretrained, frozen = None, False
        if depth == _SMALL:
            if self.weights not in ("auto", None):
                raise ValueError(
                    f"weights={os.fspath(self.weights)!r} requires a ResNet, but depth='small' "
                    "starts from random weights. Pass the depth of the ResNet, or omit weights."
                )
        elif self.weights == "auto" and self.preset == "auto":
            pretrained = read_weights_at_hand(depth)
            frozen = pretrained is not None
        elif self.weights is not None:
            weights = "imagenet" if self.weights == "auto" else self.weights
            pretrained = read_weights(weights, depth, verbose=self.verbose)
            frozen = self.cache is not None and self.preset == "auto"
        lacking = None
        if pretrained is None and self.weights == "auto" and depth != _SMALL:
            lacking, depth = depth, _SMALL
        self.depth_ = depth if depth == _SMALL else int(depth)
        self.fine_tune_ = not frozen if self.fine_tune == "auto" else bool(self.fine_tune)
        self._check_settled(lacking)
        return pretrained

    def _check_settled(self, lacking):
        """Check that the parameters are compatible; warn of a small network instead of a ResNet.

        `lacking` is the depth of the ImageNet weights that are not available, or None.
        """
        why = ""
        if lacking is not None:
            why = f"ImageNet weights of ResNet-{lacking} are not in torch hub's cache, so "
        if self.depth_ == _SMALL and not self._fine_tunes:
            raise ValueError(
                f"{why}fine_tune=False would use a small network with random weights. Pass "
                "weights='imagenet', which downloads the ImageNet weights, or the path of a state "
                "dict, or fine_tune='auto'."
            )
        if self.cache is not None and self._fine_tunes:
            remedy = "fine_tune=False"
            if why:
                why += "a small network would be trained. "
                remedy = "weights='imagenet', which downloads them"
            raise ValueError(
                f"{why}cache={os.fspath(self.cache)!r} requires a frozen network. Pass {remedy}, "
                "or cache=None."
            )
        if why:
            warnings.warn(
                f"{type(self).__name__}: {why}a small network at {self._side()} x {self._side()} "
                "pixels is trained instead. Pass weights='imagenet' to download the weights once, "
                "or depth='small' to silence this warning.",
                UserWarning,
                stacklevel=7,
            )

    @property
    def _fine_tunes(self):
        return getattr(self, "fine_tune_", self.fine_tune)  # missing in old model files

    @property
    def _fitted_depth(self):
        return getattr(self, "depth_", self.depth)

    def _side(self):
        if self.image_size != "auto":
            return self.image_size
        return _SMALL_SIDE if self.depth_ == _SMALL else _SIDE

    def _recipe(self, sample_shape, n_outputs):
        return {"depth": self._fitted_depth, "n_outputs": n_outputs}

    @staticmethod
    def _make_module(**recipe):
        import torch

        # The caller builds on the meta device, but torchvision before 0.23 creates and reads
        # tensors when it is first imported.
        with torch.device("cpu"):
            from ._resnet import ResNet

        return ResNet(**recipe)

    def _prepare(self, module, plan, rows):
        if plan.feed.pretrained is not None:
            module.trunk.load_state_dict(plan.feed.pretrained)

    @staticmethod
    def _for_inference(module):
        from ._resnet import folded

        return folded(module)

    def _summarize(self, feed, rows):
        colours = feed.colours(rows)
        if self._fine_tunes:
            return colours
        return np.hstack([colours, self._vectors(feed, rows)])

    @property
    def _learns_vectors(self):
        return self._fine_tunes

    def _fit(self, plan, *, vectors):
        if not self._fine_tunes:  # before rows are counted, because some images may be broken
            self._look_at_all(plan)
        return super()._fit(plan, vectors=vectors)

    def _look_at_all(self, plan):
        """Compute the vectors of all rows with the initial trunk, and keep them in the feed."""
        from ..nets._devices import inference_device, own_settings, to_device
        from ..nets._modules import build_empty, initialize

        rows = self._rows_to_learn(plan, ~plan.held_out)
        recipe = self._recipe(plan.feed.sample_shape, self.target_.n_outputs)
        with own_settings():
            module = build_empty(self._make_module, recipe)
            # With the seed of the training, so that a trunk of random weights is the one that is
            # kept.
            initialize(module, plan.seeds[0])
            self._prepare(module, plan, rows)
            device = inference_device(self.device)
            self._vectors(plan.feed, rows, to_device(module, device).eval())

    def _training_view(self, module, feed):
        if self._fine_tunes:
            return module, feed
        # The trunk is frozen: its vectors, computed by `_look_at_all`, are the input of the head.
        return module.head, ArrayFeed(feed.vectors, feed.missing)

    def _forward(self, feed, part, rows=None, module=None):
        if self._fine_tunes:
            return super()._forward(feed, part, rows, module)
        rows = np.flatnonzero(~feed.missing) if rows is None else rows
        vectors = self._vectors(feed, rows)
        if part == "embed":
            return vectors
        missing = np.zeros(len(vectors), dtype=bool)
        return super()._forward(ArrayFeed(vectors, missing), "head")

    def _vectors(self, feed, rows, module=None):
        """Return the vectors of a frozen trunk: that of `module`, or of the fitted network.

        The vectors of all rows are computed on the first call.
        """
        if feed.vectors is None:
            there = np.flatnonzero(~feed.missing)
            width = self._n_features_out if module is None else module.trunk.n_features
            feed.vectors = np.zeros((len(feed), width), dtype=np.float32)
            feed.vectors[there] = self._see(feed, there, width, module)
        return feed.vectors[rows]

    def _see(self, feed, rows, width, module):
        # The method of the base class, because the own one would call this one again. It is looked
        # up here, because super() does not work in a nested function.
        network = super()._forward
        # Lazy, because the store may already have all vectors.
        arranged = functools.cache(lambda: module and self._for_inference(module))

        def forward(some, advance=None):
            return network(feed, "embed", some, arranged(), advance)

        with progress_bar(len(rows), "Vectors of images", verbose=self.verbose) as advance:
            if self.cache is None:
                return forward(rows, advance)
            store = self._store(feed, module)
            if not feed.has_colours:
                return stored_vectors(store, forward, feed, rows, width, advance)

            def forward_and_colours(some):
                return np.hstack([forward(some), feed.colours(some)])

            width += N_STATISTICS
            both = stored_vectors(store, forward_and_colours, feed, rows, width, advance)
            vectors, colours = np.split(both, [-N_STATISTICS], axis=1)
            feed.set_colours(rows, colours)
            return vectors

    def _store(self, feed, module):
        """Return the store of vectors, keyed by all settings and the values of the weights."""
        import torch

        from ..nets._devices import inference_device, inference_dtype
        from ..nets._forward import padded
        from ..nets._modules import to_arrays

        if module is None:
            weights = derived(self, self.weights_, "digest", lambda: _trunk_digest(self.weights_))
        else:
            weights = _trunk_digest(to_arrays(module))
        device = inference_device(self.device)
        settings = {
            "weights": weights,
            "depth": self._fitted_depth,
            "image_size": feed.image_size,
            "precision": str(inference_dtype(self.precision)),
            "device": device.type,
            "version": _VERSION,
            "versions": {"torch": torch.__version__, "pillow": PIL.__version__},
        }
        if feed.has_colours:
            settings["colours"] = True  # stored after the vector
        # GPU kernels depend on the shape of a batch and differ in the last bits. On a CPU, all
        # batches have the same shape.
        if device.type != "cpu":
            settings["rows_at_once"] = padded(self._rows_at_once(device))
        return FeatureStore(
            self.cache, kind="vectors of images", settings=settings, content_of=content_of_image
        )

    def _optimizer(self):
        from torch.optim import SGD, Adam

        lr = self.lr
        if lr == "auto":
            lr = 1e-3 if self.depth_ == _SMALL else 1e-4
        # Fused: one kernel per tensor, at least twice as fast on a CPU as one per operation.
        shared = {"lr": lr, "weight_decay": self.weight_decay, "fused": True}
        if self.optimizer == "adam":
            return Adam, shared
        return SGD, {**shared, "momentum": 0.9, "nesterov": True}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


# Values of "auto", and the name of the small network.
_DEPTH, _SIDE = 101, 224
_SMALL, _SMALL_SIDE = "small", 64

# Version of the computation, here and in what it calls. Increase it after a change, so that vectors
# are computed again; stores keep the old ones until they are pruned.
_VERSION = 1

# Rows per round: initial and maximum. Results are stored before the next round starts.
_PER_ROUND = (64, 64)


def _trunk_digest(weights):
    """Return a hash of the weights of a trunk, without those of the head."""
    digest = hashlib.blake2b(digest_size=20)
    for name, array in sorted(weights.items()):
        if name.startswith("trunk."):
            digest.update(repr((name, array.dtype.str, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def stored_vectors(store, forward, feed, rows, n_features, advance):
    """Return the vectors of some rows; compute and store those that the store lacks.

    Parameters
    ----------
    store : FeatureStore
    forward : callable
        Takes an array of rows and returns their vectors. It marks bad rows as missing in `feed`.
    feed : ImageFeed
    rows : ndarray of int, shape (n,)
    n_features : int
    advance : callable
        Advances a progress bar by the number of rows that are done.

    Returns
    -------
    vectors : ndarray of float32, shape (n, n_features)
        Zeros in rows that turned out to be bad.
    """
    vectors = np.zeros((len(feed), n_features), dtype=np.float32)

    def compute(some):
        answers = forward(np.array(some))
        return [
            (None, feed.fault(row)) if feed.missing[row] else (answer, None)
            for row, answer in zip(some, answers, strict=True)
        ]

    all_rows = rows.tolist()
    with closing(settle_in_rounds(compute, feed.cells, all_rows, _PER_ROUND, store)) as rounds:
        for settled in rounds:
            for row, (vector, fault) in settled.items():
                if fault is None:
                    vectors[row] = vector
                elif not feed.missing[row]:  # another row of the same bad file
                    feed.set_aside(row, fault)
            advance(len(settled))
    return vectors[rows]
