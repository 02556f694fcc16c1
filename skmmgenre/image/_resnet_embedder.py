"""The cover network of the paper as an estimator; its vectors may be kept in a store."""

import functools
import hashlib
import os
import warnings
from contextlib import closing
from numbers import Integral, Real
from typing import Literal

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


class ResNetEmbedder(ErrorsMixin, NetEmbedder):
    """Convolutional network over album covers.

    Learns the genres from covers and answers with the input of its last layer (section
    3.2): a ResNet that starts from ImageNet's weights, and a fresh output layer. Where these
    weights are not on the machine, the default is a small network, which trains in minutes.

    Parameters
    ----------
    depth : {"auto", "small", 18, 34, 50, 101, 152}, default="auto"
        "auto" is 101 wherever `weights` gives a ResNet something to start from, or is None.
        "small" is a network of five convolutions at 64 x 64 pixels, which starts from random
        weights.
    weights : str, path or None, default="auto"
        What the network starts from. "auto" is ImageNet's weights of this depth if torch
        hub's cache has them; else a warning says that a small network is trained instead.
        Nothing is downloaded, unless with ``preset="paper"``, where "auto" is "imagenet".
        "imagenet" is torchvision's "IMAGENET1K_V1", trained
        as in He et al.; another name of torchvision's weights may be given, or the path
        of a state dict of a torchvision ResNet (with or without its head), written by
        torch.save. None draws random weights. torchvision downloads named weights once
        and keeps them in torch hub's cache.
    fine_tune : bool or "auto", default="auto"
        Whether all of the network is trained, batch norm included. If not, the trunk stays
        as it starts, its batch norm uses its running statistics, every cover is seen once
        and without augmentation, and only the output layer learns. "auto" is False for the
        weights that ``weights="auto"`` found, and where there is a `cache` for given weights;
        else, and with ``preset="paper"``, True.
    augment : bool, default=True
        Train on random crops (8 to 100 % of the area, aspect 3/4 to 4/3), with random
        brightness, contrast and saturation (40 %), lighting (0.1) and flips.
    image_size : int or "auto", default="auto"
        Side of what the network sees, in pixels; "auto" is 224, and 64 for the small network.
        Outside training the shorter side is scaled to 256/224 of it and the centre cropped.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is softmax for one column of labels, logistic for an indicator matrix. "cosine"
        regresses the label factors of an indicator matrix (section 5).
    label_factorizer : estimator or None, default=None
        Of target "cosine": a `PPMILabelFactorizer` of your own; None takes one with
        min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as it is.
    batch_size : int, default=50
        Covers in one training step; predictions take at most 16 at once on a processor. Lower it
        where memory is short.
    max_epochs : int, default=90
        Most passes over the training rows. Early stopping usually ends training sooner; raise it
        where a ConvergenceWarning says that the loss was still falling.
    lr : float or "auto", default="auto"
        Learning rate, the same for all layers and epochs. "auto" is 1e-4, and 1e-3 for the
        small network.
    weight_decay : float, default=1e-4
        L2 penalty on all parameters that are trained.
    optimizer : {"adam", "sgd"}, default="adam"
        "adam" is the paper; "sgd" (Nesterov momentum of 0.9) is the authors' code.
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
        model of colours (of colours and the trunk's vectors, if the trunk stays as it is)
        learns beside the network, and how long, how strongly penalised and in which shares
        both are heard is chosen on unseen artists, in three inner folds; then both learn from
        all rows. The vectors hold what the linear model sees, too. See `NetEmbedder`.
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
        else in float32, and answers in float32, the vectors of ``fine_tune=False`` among
        them. Weights and answers are float32 always.
    cache : str, path or None, default=None
        For a trunk that stays as it is: file of a store of vectors, made if it is not there.
        A cover whose content was met before, by the same weights and settings, is not decoded
        again nor seen by the network, whatever its folder. Any number of networks and
        processes may share one. It must lie on a disk of this machine.
    on_error : {"raise", "missing"}, default="raise"
        Whether an image that cannot be used ends the call, or counts as missing and is
        listed in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers that check the images before training and prediction; None is
        one. Batches are decoded by as many threads as the network has.
    random_state : int, RandomState or None, default=None
        Seed of the first weights, the order of the rows and augmentation. An int gives the same
        weights in every run with the same number of threads; None draws a new seed in each `fit`.
    verbose : int, default=0
        0 shows nothing, 1 progress bars, 2 also skorch's table of epochs and bar of batches.

    Attributes
    ----------
    classes_ : ndarray
        The genres, in the order of the columns of `predict_proba`: sorted, or the columns of an
        indicator y.
    errors_ : DataFrame
        Row, item, reason and remedy of the images that the last call set aside.
    depth_ : int or "small"
        The network that was taken.
    fine_tune_ : bool
        Whether all of it was trained.
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
        Batch norm's running statistics included.

    Raises
    ------
    BadItem
        For an image that cannot be used, if `on_error="raise"`: it names the row, the
        file, the reason and the way out.
    OSError
        If weights that were asked for by name cannot be fetched.
    ValueError
        If the weights do not fit `depth`; if there is a `cache` for a network that is
        trained, or ``fine_tune=False`` for a small one.

    See Also
    --------
    skmmgenre.audio.AudioCNN : The network of sound.
    skmmgenre.text.TextMLP : The network of reviews.

    Notes
    -----
    X is one column of paths, PIL images, or uint8 arrays of shape (height, width[, 3 or
    4]); transform answers with 2048 features, 512 for a depth of 18, 34 or "small", and a row
    of NaN where the cover is missing. Before anything is computed, a `fit` that trains the
    trunk decodes every image and all else reads every header, so that what is no image is
    found at once; images of more than 50 million pixels are refused by what their header declares.
    Large JPEG files are decoded at 1/2, 1/4 or 1/8 of their size, as long as both sides keep
    twice the length they are scaled to.

    What "auto" stands for is settled once, in `fit`: a fitted network, saved or not, answers
    the same on a machine with other files.

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
        "depth": [Options(Integral, {18, 34, 50, 101, 152}), StrOptions({"auto", "small"})],
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
        depth: Literal["auto", "small", 18, 34, 50, 101, 152] = "auto",
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
        # What is wrong with the weights is told before all covers are decoded, not after.
        pretrained = self._settle() if reset else None
        augmented = reset and self.augment and self._fine_tunes
        auto = self.preset == "auto" if reset else hasattr(self, "_linear")
        feed = ImageFeed(
            cells,
            image_size=self._side() if reset else self.sample_shape_[1],
            seed=draw_seeds(self.random_state, 1)[0] if augmented else None,
            on_error=self.on_error,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            once=not (reset and self._fine_tunes),
            colours=auto,
            shrinks=auto,
        )
        self._errors = feed.errors  # the list itself: a broken image may be found later
        feed.pretrained = pretrained  # for `_prepare`, once a fold; gone with the feed after fit
        feed.vectors = None
        return feed

    def _settle(self):
        """Decide what is trained, and return the weights that the trunk starts from, or None."""
        from ._resnet import read_weights, read_weights_at_hand

        depth = _DEPTH if self.depth == "auto" else self.depth
        pretrained, frozen = None, False
        if depth == _SMALL:
            if self.weights not in ("auto", None):
                raise ValueError(
                    f"weights={os.fspath(self.weights)!r} are those of a ResNet; depth='small' "
                    "starts from random ones. Pass the depth of the ResNet, or leave weights out."
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
        """Refuse what a network cannot do; say if it is small because weights are lacking.

        `lacking` is the depth of ImageNet's weights that are not on the machine, or None.
        """
        why = ""
        if lacking is not None:
            why = f"ImageNet's weights of ResNet-{lacking} are not in torch hub's cache, so "
        if self.depth_ == _SMALL and not self._fine_tunes:
            raise ValueError(
                f"{why}fine_tune=False would leave a small network as random as it starts. Pass "
                "weights='imagenet', which downloads ImageNet's, or the path of a state dict; or "
                "fine_tune='auto'."
            )
        if self.cache is not None and self._fine_tunes:
            remedy = "fine_tune=False"
            if why:
                why += "a small network is trained: "
                remedy = "weights='imagenet', which downloads them"
            raise ValueError(
                f"{why}cache={os.fspath(self.cache)!r} keeps the vectors of a network that stays "
                f"as it is. Pass {remedy}, or cache=None."
            )
        if why:
            warnings.warn(
                f"{type(self).__name__}: {why}a small network of {self._side()} x {self._side()} "
                "pixels is trained instead. weights='imagenet' downloads them once; depth='small' "
                "takes the small network without this warning.",
                UserWarning,
                stacklevel=7,
            )

    @property
    def _fine_tunes(self):
        return getattr(self, "fine_tune_", self.fine_tune)  # model files of old do not have it

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

        # The caller builds on the meta device. torchvision before 0.23 makes tensors when it is
        # first imported, and reads them.
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

    def _summarise(self, feed, rows):
        colours = feed.colours(rows)
        if self._fine_tunes:
            return colours
        return np.hstack([colours, self._vectors(feed, rows)])

    @property
    def _learns_vectors(self):
        return self._fine_tunes

    def _fit(self, plan, *, vectors):
        if not self._fine_tunes:  # before rows are counted: some may turn out to be broken
            self._look_at_all(plan)
        return super()._fit(plan, vectors=vectors)

    def _look_at_all(self, plan):
        """Compute the vectors of all rows by the trunk as it starts, and keep them in the feed."""
        from ..nets._devices import inference_device, own_settings, to_device
        from ..nets._modules import build_empty, initialize

        rows = self._rows_to_learn(plan, ~plan.held_out)
        recipe = self._recipe(plan.feed.sample_shape, self.target_.n_outputs)
        with own_settings():
            module = build_empty(self._make_module, recipe)
            initialize(module, plan.seeds[0])
            self._prepare(module, plan, rows)
            device = inference_device(self.device)
            self._vectors(plan.feed, rows, to_device(module, device).eval())

    def _training_view(self, module, feed):
        if self._fine_tunes:
            return module, feed
        return module.head, ArrayFeed(feed.vectors, feed.missing)

    def _forward(self, feed, part, rows=None, module=None):
        if self._fine_tunes:
            return super()._forward(feed, part, rows, module)
        rows = np.flatnonzero(~feed.missing) if rows is None else rows
        vectors = self._vectors(feed, rows)
        if part == "embed":
            return vectors
        there = np.zeros(len(vectors), dtype=bool)
        return super()._forward(ArrayFeed(vectors, there), "head")

    def _vectors(self, feed, rows, module=None):
        """Vectors by a trunk that stays as it is: of `module`, or of the fitted network.

        Those of all rows are computed when the first are asked for.
        """
        if feed.vectors is None:
            there = np.flatnonzero(~feed.missing)
            width = self._n_features_out if module is None else module.trunk.n_features
            feed.vectors = np.zeros((len(feed), width), dtype=np.float32)
            feed.vectors[there] = self._see(feed, there, width, module)
        return feed.vectors[rows]

    def _see(self, feed, rows, width, module):
        network = super()._forward
        # Not before it is needed: the store may have all.
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
        """The store of vectors by all that they depend on; of weights, not where they are from."""
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
            settings["colours"] = True  # they stand behind the vector
        # Kernels are chosen by the shape of a batch and differ in the last bits. A processor's
        # batches are all of one shape.
        if device.type != "cpu":
            settings["rows_at_once"] = padded(self._rows_at_once(device))
        return FeatureStore(
            self.cache, kind="vectors of images", settings=settings, content_of=content_of_image
        )

    def _optimizer(self):
        from torch.optim import SGD, Adam

        # Fused: one kernel a tensor; on a CPU twice as fast or more as one an operation.
        lr = self.lr
        if lr == "auto":
            lr = 1e-3 if self.depth_ == _SMALL else 1e-4
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


# What "auto" stands for, and the name of the small network.
_DEPTH, _SIDE = 101, 224
_SMALL, _SMALL_SIDE = "small", 64

# Of what is computed here and in what it calls. After a change vectors are computed again, and
# stores keep the old ones until they are pruned.
_VERSION = 1

# Rows of a round: at first, and at most. What it computed is kept before the next one starts.
_PER_ROUND = (64, 64)


def _trunk_digest(weights):
    """A hash of the weights of a trunk, which stay as they are; those of the head do not."""
    digest = hashlib.blake2b(digest_size=20)
    for name, array in sorted(weights.items()):
        if name.startswith("trunk."):
            digest.update(repr((name, array.dtype.str, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def stored_vectors(store, forward, feed, rows, n_features, advance):
    """Return the vectors of some rows; what the store lacks is computed and kept.

    Parameters
    ----------
    store : FeatureStore
    forward : callable
        Takes an array of rows, returns their vectors. What it finds to be bad it sets aside.
    feed : ImageFeed
    rows : ndarray of int, shape (n,)
    n_features : int
    advance : callable
        Of a progress bar; is told the number of rows that are settled.

    Returns
    -------
    vectors : ndarray of float32, shape (n, n_features)
        Zeros in rows that were set aside on the way.
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
