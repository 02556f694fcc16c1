"""The cover network of the paper as an estimator; its vectors may be kept in a store."""

import functools
import hashlib
import os
from contextlib import closing
from numbers import Integral, Real

import numpy as np
import PIL
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ..nets import ArrayFeed, NetEmbedder, derived, draw_seeds
from ..store import FeatureStore, settle_in_rounds
from ..utils import ErrorsMixin, as_cells, progress_bar
from ._augment import as_image
from ._color_statistics import statistics_of_image
from ._decode import content_of_image
from ._image_feed import ImageFeed


class ResNetEmbedder(ErrorsMixin, NetEmbedder):
    """Residual network over album covers.

    Learns the genres from covers and answers with the input of its last layer (section
    3.2): a ResNet that starts from ImageNet's weights, and a fresh output layer.

    Parameters
    ----------
    depth : {18, 34, 50, 101, 152}, default=101
    weights : str, path or None, default="imagenet"
        What the network starts from. "imagenet" is torchvision's "IMAGENET1K_V1", trained
        as in He et al.; another name of torchvision's weights may be given, or the path
        of a state dict of a torchvision ResNet (with or without its head), written by
        torch.save. None draws random weights. torchvision downloads named weights once
        and keeps them.
    fine_tune : bool, default=True
        Whether all of the network is trained, batch norm included. If not, the trunk stays
        as it starts, its batch norm uses its running statistics, every cover is seen once
        and without augmentation, and only the output layer learns.
    augment : bool, default=True
        Train on random crops (8 to 100 % of the area, aspect 3/4 to 4/3), with random
        brightness, contrast and saturation (40 %), lighting (0.1) and flips.
    image_size : int, default=224
        Side of what the network sees, in pixels. Outside training the shorter side is
        scaled to 256/224 of it and the centre cropped.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        "auto" is softmax for one column of labels, logistic for an indicator matrix. "cosine"
        regresses the label factors of an indicator matrix (section 5).
    label_factorizer : estimator or None, default=None
        Of target "cosine": a `PPMILabelFactorizer` of your own; None takes one with
        min(50, rank) components. A fitted one inside `sklearn.frozen.FrozenEstimator` is
        used as it is.
    batch_size : int, default=50
    max_epochs : int, default=90
    lr : float, default=1e-4
        Learning rate, the same for all layers and epochs.
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
        whose probability (target "cosine": similarity) is above it. "auto" is "tuned", with
        ``preset="paper"`` 0.5 (target "cosine": the similarity of the best micro F1).
    preset : {"auto", "paper"}, default="auto"
        "paper" trains as Oramas et al. (2018) did. "auto" learns more from few rows: a linear
        model of colours learns beside the network, and how long, how
        strongly penalised and in which shares both are heard is chosen on unseen artists, in
        three inner folds; then both learn from all rows. The vectors hold what the linear
        model sees, too. See `NetEmbedder`.
    refit : bool, default=True
        Of "auto": False holds out inner validation rows instead, as "paper" does, and does
        not learn from them.
    cross_fit : int or "auto", default="auto"
        Folds of `fit_transform`; see `NetEmbedder`.
    class_weight : dict, "balanced" or None, default=None
    device : str, default="auto"
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What layers compute in. "auto" trains in bfloat16 where the device has it natively,
        else in float32, and answers in float32, the vectors of ``fine_tune=False`` among
        them. Weights and answers are float32 always.
    cache : str, path or None, default=None
        With ``fine_tune=False``: file of a store of vectors, made if it is not there. A cover
        whose content was met before, by the same weights and settings, is not decoded again
        nor seen by the network, whatever its folder. Any number of networks and processes
        may share one. It must lie on a disk of this machine.
    on_error : {"raise", "missing"}, default="raise"
        Whether an image that cannot be used ends the call, or counts as missing and is
        listed in `errors_`.
    n_jobs : int or None, default=None
        joblib workers that check the images before training and prediction. Batches are
        decoded by as many threads as the network has.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    classes_ : ndarray
    errors_ : DataFrame
        Row, item, reason and remedy of the images that the last call set aside.
    n_parameters_ : int
    n_iter_, best_iter_ : int
    history_ : list of dict
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
        If the weights cannot be fetched.
    ValueError
        If the weights do not fit `depth`; if there is a `cache` for a network that is
        fine-tuned.

    See Also
    --------
    skmmgenre.audio.AudioCNN : The network of sound.
    skmmgenre.text.TextMLP : The network of reviews.

    Notes
    -----
    X is one column of paths, PIL images, or uint8 arrays of shape (height, width[, 3 or
    4]); transform answers with 2048 features, 512 for a depth of 18 or 34, and a row of
    NaN where the cover is missing. Before anything is computed, `fit` with `fine_tune=True`
    decodes every image and all else reads every header, so that what is no image is found at
    once; images of more than 50 million pixels are refused by what their header declares.
    Large JPEG files are decoded at 1/2, 1/4 or 1/8 of their size, as long as both sides keep
    twice the length they are scaled to.

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
        "depth": [Options(Integral, {18, 34, 50, 101, 152})],
        "weights": [str, os.PathLike, None],
        "fine_tune": ["boolean"],
        "augment": ["boolean"],
        "image_size": [Interval(Integral, 8, None, closed="left")],
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
        depth=101,
        weights="imagenet",
        fine_tune=True,
        augment=True,
        image_size=224,
        target="auto",
        label_factorizer=None,
        batch_size=50,
        max_epochs=90,
        lr=1e-4,
        weight_decay=1e-4,
        optimizer="adam",
        patience=10,
        validation_fraction=0.1,
        decision="auto",
        preset="auto",
        refit=True,
        cross_fit="auto",
        class_weight=None,
        device="auto",
        precision="auto",
        cache=None,
        on_error="raise",
        n_jobs=None,
        random_state=None,
        verbose=0,
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
        if self.cache is not None and self.fine_tune:
            raise ValueError(
                f"cache={os.fspath(self.cache)!r} keeps the vectors of a network that stays as "
                "it is: pass fine_tune=False, or cache=None."
            )
        cells = as_cells(X, noun="image")
        # What is wrong with the weights is told before all covers are decoded, not after.
        pretrained = self._pretrained() if reset else None
        augmented = reset and self.augment and self.fine_tune
        seed = draw_seeds(self.random_state, 1)[0] if augmented else None
        feed = ImageFeed(
            cells,
            image_size=self.image_size if reset else self.sample_shape_[1],
            seed=seed,
            on_error=self.on_error,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            once=not (reset and self.fine_tune),
        )
        self._errors = feed.errors  # the list itself: a broken image may be found later
        feed.pretrained = pretrained  # for `_prepare`, once a fold; gone with the feed after fit
        feed.vectors = None
        return feed

    def _recipe(self, sample_shape, n_outputs):
        return {"depth": int(self.depth), "n_outputs": n_outputs}

    @staticmethod
    def _make_module(**recipe):
        import torch

        # The caller builds on the meta device. torchvision before 0.23 makes tensors when it is
        # first imported, and reads them.
        with torch.device("cpu"):
            from ._resnet import ResNet

        return ResNet(**recipe)

    def _pretrained(self):
        """Weights of the trunk to start from, None for random ones."""
        if self.weights is None:
            return None
        from ._resnet import read_weights

        return read_weights(self.weights, self.depth, verbose=self.verbose)

    def _prepare(self, module, plan, rows):
        if plan.feed.pretrained is not None:
            module.trunk.load_state_dict(plan.feed.pretrained)

    @staticmethod
    def _for_inference(module):
        from ._resnet import folded

        return folded(module)

    def _summarise(self, feed, rows):
        chunks = [rows[start : start + 64] for start in range(0, len(rows), 64)]
        images = (as_image(pixels) for chunk in chunks for pixels in feed.batch(chunk))
        return np.stack([statistics_of_image(image) for image in images])

    @property
    def _learns_vectors(self):
        return self.fine_tune

    def _training_view(self, module, feed):
        if self.fine_tune:
            return module, feed
        rows = np.flatnonzero(~feed.missing)
        vectors = np.zeros((len(feed), module.trunk.n_features), dtype=np.float32)
        vectors[rows] = self._vectors(feed, rows, module.eval())
        feed.vectors = vectors  # for `_forward`; training the head does not change them
        return module.head, ArrayFeed(vectors, feed.missing)

    def _forward(self, feed, part, rows=None, module=None):
        if self.fine_tune:
            return super()._forward(feed, part, rows, module)
        rows = np.flatnonzero(~feed.missing) if rows is None else rows
        vectors = self._vectors(feed, rows)
        if part == "embed":
            return vectors
        there = np.zeros(len(vectors), dtype=bool)
        return super()._forward(ArrayFeed(vectors, there), "head")

    def _vectors(self, feed, rows, module=None):
        """Vectors by a trunk that stays as it is: of `module`, or of the fitted network."""
        if feed.vectors is not None:
            return feed.vectors[rows]
        network = super()._forward
        # Not before it is needed: the store may have all.
        arranged = functools.cache(lambda: module and self._for_inference(module))

        def forward(some, advance=None):
            return network(feed, "embed", some, arranged(), advance)

        with progress_bar(len(rows), "Vectors of images", verbose=self.verbose) as advance:
            if self.cache is None:
                return forward(rows, advance)
            store = self._store(feed, module)
            width = self._n_features_out if module is None else module.trunk.n_features
            return stored_vectors(store, forward, feed, rows, width, advance)

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
            "depth": self.depth,
            "image_size": feed.image_size,
            "precision": str(inference_dtype(self.precision)),
            "device": device.type,
            "version": _VERSION,
            "versions": {"torch": torch.__version__, "pillow": PIL.__version__},
        }
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
        shared = {"lr": self.lr, "weight_decay": self.weight_decay, "fused": True}
        if self.optimizer == "adam":
            return Adam, shared
        return SGD, {**shared, "momentum": 0.9, "nesterov": True}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


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
