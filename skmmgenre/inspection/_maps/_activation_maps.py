"""Class activation maps of covers and sound."""

from typing import Any, Literal

import numpy as np
from PIL import Image
from sklearn.preprocessing import normalize

from ..._typing import Float32Array
from ...audio import AudioCNN, AudioEmbedder
from ...image import ImageEmbedder, ResNetEmbedder
from ...nets import NetEstimator
from ...utils import as_cells, as_pandas, is_missing, safe_indexing
from .._modality_contributions import ppmi_factorizer
from .._steps import input_of, paths_of
from ._encoder_parts import parts_of_cells, picture_of_cell
from ._score_slopes import ScoresBehind


def class_activation_map(
    model: Any, X: Any, genre: Any = None, *, modality: Literal["image", "audio"] | None = None
) -> Float32Array:
    """Compute which parts of each cover or track contribute to a genre.

    Parameters
    ----------
    model : estimator
        A fitted `ResNetEmbedder` or `AudioCNN`, or an estimator that contains one: a
        `GenrePipeline`, one of its branches, a search. Or a fitted model that contains an
        `ImageEmbedder` with a hub model or an `AudioEmbedder` with musicnn, such as the models of
        `load_ready_model`.
    X : DataFrame, column or array of n rows
        Input of `model`. For a model of sound, each row must have a single track.
    genre : str, array-like of shape (n,), or None, default=None
        The genre to map: one for all rows, or one per row. None: the genre with the highest
        score of each row: of the network, or of the model if the encoder is pretrained.
    modality : {"image", "audio"} or None, default=None
        Whether to map covers or sound. None: covers if the model uses them, otherwise sound.

    Returns
    -------
    maps : ndarray of float32
        For covers, shape (n, height, width), at the input size of the network: the shorter side
        of the cover is scaled to 256/224 of that size and the centre is cropped. For sound, shape
        (n, bins, frames), like the input patches of `AudioCNN`; for musicnn, 96 mel bands and 187
        frames of 16 ms per input window, concatenated in time and padded with NaN for short
        tracks. Values range from 0 (does not contribute to the genre) to 1 (the largest
        contribution of the row). A map is all zeros if no part contributes to the genre, and NaN
        if the cover or the sound is missing.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If the model contains no such network, or several; if `genre` is not one of the network's
        classes; if a row has several tracks.

    See Also
    --------
    ActivationMapDisplay : Draw the maps over the covers.
    explain : Explain the prediction of a single row.

    Notes
    -----
    Covers: the class activation map of section 6.5.2 of Oramas et al. (2018) (Zhou et al. 2016).
    The network averages its last feature map over all positions and applies a single linear
    layer, so each position has its own share of the genre's score: the shares of all positions
    add up to the score without the bias. Negative shares are clipped. With target "softmax", the
    shares are those of the genre's logit minus the mean of all logits, because only differences
    matter; with target "cosine", they are computed from the gradient of the similarity. The map
    is coarse (7 x 7 for 224 pixels, 4 x 4 for the small network) and is scaled up.

    Sound: the filters of `AudioCNN` span all bands, or most of them, so the last feature map only
    has a time axis. The map is therefore the gradient of the genre's score times the input,
    computed at the input, where both bands and frames are available: what a band at a given time
    adds to the score because it is louder or softer than its mean over the training set
    (``standardize``). It is then averaged over 5 bins and 5 frames, and negative values are
    clipped. If several patches of a row are averaged, the map spans all of them; frames that no
    patch covers are 0.

    Pretrained encoders were not trained on your genres. The gradient of the score of the whole
    model with respect to the encoder's vector is estimated by finite differences, with the other
    modalities unchanged. Covers: Grad-CAM (Selvaraju et al. 2017), where each feature map is
    weighted by the gradient of the score, averaged over positions; for a transformer, the tokens
    that enter its last layer are used. Sound: gradient times input, after the first batch norm of
    musicnn.

    The map of a network trained by this package describes the network only. With
    ``preset="auto"``, the network is mixed with a linear model of colours or of the mean spectrum,
    weighted by ``share_``; and in a pipeline with a fusion layer, other modalities contribute to
    the prediction. With ``share_`` near 0, a map says little about the prediction.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.image import ResNetEmbedder
    >>> from skmmgenre.inspection import class_activation_map
    >>> rng = np.random.default_rng(0)
    >>> covers = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(8)]
    >>> network = ResNetEmbedder(depth="small", max_epochs=1, validation_fraction=0)
    >>> maps = class_activation_map(network.fit(covers, ["Jazz", "Rock"] * 4), [*covers, None])
    >>> maps.shape, bool(np.isnan(maps[-1]).all())
    ((9, 64, 64), True)
    """
    found = find_maps(model, X, modality)
    return found.maps(codes_of(genre, found.classes_, found.n_rows))


def find_maps(model, X, modality=None):
    """Find the network of a modality, by default of covers or else of sound, in a fitted model.

    See `class_activation_map`.

    Returns
    -------
    found : MapsOfNetwork or MapsOfEncoder
    """
    if modality not in (None, *_NETWORKS):
        raise ValueError(f"modality must be 'image', 'audio' or None, got {modality!r}.")
    kinds = sum(_NETWORKS.values(), ()) if modality is None else _NETWORKS[modality]
    for kind in kinds:
        paths = paths_of(model, kind)
        if len(paths) > 1:
            raise ValueError(
                f"{type(model).__name__} contains {len(paths)} networks of class {kind.__name__}. "
                "Pass one of them, and its input."
            )
        if paths and issubclass(kind, NetEstimator):
            return MapsOfNetwork(*input_of(model, paths[0], X))
        if paths:
            return MapsOfEncoder(model, paths[0], X)
    names = ", ".join(kind.__name__ for kind in kinds)
    raise ValueError(
        f"{type(model).__name__} contains none of the networks that activation maps support here "
        f"({names}). Use explain instead, which hides parts of the input in turn."
    )


_NETWORKS = {"image": (ResNetEmbedder, ImageEmbedder), "audio": (AudioCNN, AudioEmbedder)}


class MapsOfNetwork:
    """Maps of a network that was trained on the genres.

    Parameters
    ----------
    X : input of the network, n rows
    network : ResNetEmbedder or AudioCNN

    Attributes
    ----------
    classes_ : ndarray of shape (n_genres,)
    n_rows : int
    missing : ndarray of bool, shape (n_rows,)
    """

    def __init__(self, X, network):
        self.X, self.network = X, network
        self.classes_ = network.classes_
        self.missing = network._read(X, reset=False).missing
        self.n_rows = len(self.missing)

    def scores(self):
        """Return the scores of all rows, (n_rows, n_genres)."""
        scores_of = getattr(self.network, "predict_proba", self.network.decision_function)
        return scores_of(self.X)

    def of_rows(self, rows):
        """Return the object restricted to some rows, given by position."""
        return MapsOfNetwork(safe_indexing(self.X, rows), self.network)

    def maps(self, codes):
        """Return the maps; `codes` are positions in `classes_`, -1 for the best genre."""
        of_covers = isinstance(self.network, ResNetEmbedder)
        compute = _maps_of_covers if of_covers else _maps_of_sound
        return compute(self.network, self.X, codes)

    def pictures(self):
        """Return the input of the network for each row, in a form that can be drawn."""
        if isinstance(self.network, AudioCNN):
            return list(np.asarray(self.X))
        size = self.network.sample_shape_[1]
        return [seen_of_cover(cell, size) for cell in as_cells(self.X, noun="image")]


_LEAST_SIDE = 224  # pixels of a cover that is drawn


def seen_of_cover(cell, size):
    """Return the crop of a cover that a network of `size` pixels sees, at 224 pixels or more."""
    from ...image._augment import centre_crop
    from ...image._decode import decode_image

    return centre_crop(decode_image(cell), max(size, _LEAST_SIDE))


class MapsOfEncoder:
    """Maps of a pretrained encoder, through the classifier that follows it.

    Parameters
    ----------
    model : estimator
        The fitted model that contains both.
    path : tuple of str
        Path of the encoder in `model`.
    X : input of the model, n rows

    Attributes
    ----------
    classes_, n_rows, missing
        See `MapsOfNetwork`.
    """

    def __init__(self, model, path, X):
        if not path or not hasattr(model, "classes_"):
            raise ValueError(
                f"{type(model).__name__} does not predict genres, so there is no score to map. "
                "Pass the model that contains it, and the table of that model."
            )
        self.model, self.path, self.X = model, path, as_pandas(X)
        column, self.encoder = input_of(model, path, X)
        noun = "image" if isinstance(self.encoder, ImageEmbedder) else "track"
        self.cells = as_cells(column, noun=noun)
        self.classes_ = np.asarray(model.classes_)
        self.n_rows = len(self.cells)
        self.missing = np.array([is_missing(cell) for cell in self.cells], dtype=bool)

    def scores(self):
        """Return the scores of all rows, (n_rows, n_genres)."""
        behind, vectors = self._answer()
        # Row by row, because the vectors of the other branches are those of a row.
        return np.concatenate([behind(row, vectors[row : row + 1]) for row in range(self.n_rows)])

    def of_rows(self, rows):
        """Return the object restricted to some rows, given by position."""
        return MapsOfEncoder(self.model, self.path, safe_indexing(self.X, rows))

    def maps(self, codes):
        """Return the maps; `codes` are positions in `classes_`, -1 for the best genre."""
        behind, vectors = self._answer()
        slopes = behind.slopes(vectors, codes).astype(np.float32)
        heard = ~np.isnan(vectors).any(axis=1)
        found = parts_of_cells(self.encoder, self.cells, slopes, heard)
        if isinstance(self.encoder, ImageEmbedder):
            return np.stack([_scaled_up(part, shape) for part, shape in found])
        n_frames = max(part.shape[1] for part in found)
        maps = np.full((len(found), len(found[0]), n_frames), np.nan, dtype=np.float32)
        for one, part in zip(maps, found, strict=True):
            one[:, : part.shape[1]] = _up_to_one(_smoothed(part))
        return maps

    def _answer(self):
        behind = ScoresBehind(self.model, self.path, self.X)
        return behind, np.asarray(self.encoder.transform(self.cells))

    def pictures(self):
        """Return the input of the encoder for each row, in a form that can be drawn."""
        return [picture_of_cell(self.encoder, cell) for cell in self.cells]


def _maps_of_covers(network, X, codes):
    from ...nets._devices import inference_device
    from ...nets._forward import padded

    feed = network._read(X, reset=False)
    maps = np.full((len(feed), *feed.sample_shape[1:]), np.nan, dtype=np.float32)
    rows = np.flatnonzero(~feed.missing)
    n_rows = padded(network._rows_at_once(inference_device(network.device)))
    for start in range(0, len(rows), n_rows):
        some = rows[start : start + n_rows]
        # Bypass the network's own `_forward`: the feature store contains no feature maps.
        features = NetEstimator._forward(network, feed, "feature_map", some)
        outputs = network._head(features.mean(axis=(2, 3)), network.weights_)
        slopes = slopes_of_scores(network.target_, outputs, codes[some])
        # The head is linear in the mean over positions (section 6.5.2), so all positions of a
        # feature map have the same slope.
        for row, feature_map, slope in zip(some, features, slopes, strict=True):
            shares = np.tensordot(slope @ network.weights_["head.weight"], feature_map, axes=1)
            maps[row] = _scaled_up(shares, maps.shape[1:])
    maps[feed.missing] = np.nan  # includes covers that turned out to be unreadable
    return maps


def _scaled_up(shares, shape):
    """Scale a coarse map up to the size of an image, with a maximum of 1."""
    image = Image.fromarray(np.maximum(shares, 0).astype(np.float32))
    scaled = np.asarray(image.resize(shape[::-1], Image.Resampling.BILINEAR))
    return _up_to_one(scaled)


def _up_to_one(values):
    """Clip negative values and scale the largest to 1; all zeros if none is positive."""
    values = np.maximum(values, 0)
    largest = values.max()
    return values / largest if largest > 0 else values


def _maps_of_sound(network, X, codes):
    return np.stack([_up_to_one(_smoothed(one)) for one in parts_of_sound(network, X, codes)])


_SMOOTHED_OVER = 5  # bins and frames
_ROWS_AT_ONCE = 64


def _smoothed(values):
    from scipy.ndimage import uniform_filter

    return uniform_filter(values, _SMOOTHED_OVER, mode="constant")


def parts_of_sound(network, X, codes):
    """Compute what each band adds to the score of a genre at each time.

    Parameters
    ----------
    network : AudioCNN
    X : ndarray of shape (n, bins, frames)
    codes : ndarray of int, shape (n,)
        Genres as positions in `classes_`; -1 for the genre with the highest score.

    Returns
    -------
    parts : ndarray of float32, shape (n, bins, frames)
        Gradient of the score times the standardized input; NaN if a patch is missing.
    """
    from ._slopes import slope_times_input

    X = np.asarray(X)
    feed = network._read(X, reset=False)
    parts = np.full(X.shape, np.nan, dtype=np.float32)
    rows = np.flatnonzero(~feed.missing)
    n_frames = feed.sample_shape[1]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        slopes = slopes_of_scores(network.target_, network._forward(feed, None, some), codes[some])
        patches, starts = network._heard_patches(feed, some)
        counts = np.array([len(of_row) for of_row in starts])
        # The output of a row is the mean over its patches, among which its slope is divided.
        slopes = np.repeat(slopes / counts[:, np.newaxis], counts, axis=0)
        found = slope_times_input(network, patches, slopes)
        parts[some] = 0
        for patch, row, first in zip(
            found, np.repeat(some, counts), np.concatenate(starts), strict=True
        ):
            # Patches may overlap.
            parts[row, :, first : first + n_frames] += patch
    return parts


def slopes_of_scores(target, outputs, codes):
    """Compute the gradient of the score of one genre per row with respect to the outputs.

    Parameters
    ----------
    target : target
    outputs : ndarray of shape (n, n_outputs)
    codes : ndarray of int, shape (n,)
        Genres as positions in `classes_`; -1 for the genre with the highest score.

    Returns
    -------
    slopes : ndarray of float32, shape (n, n_outputs)
    """
    cosine = target.name == "cosine"
    outputs = outputs.astype(np.float64)
    scores = outputs
    if cosine:
        factors = normalize(ppmi_factorizer(target.label_factorizer_).label_factors_)
        scores = target.scores(outputs)
    codes = np.where(codes < 0, scores.argmax(axis=1), codes)
    if cosine:
        length = np.linalg.norm(outputs, axis=1, keepdims=True)
        length = np.where(length > 0, length, 1)
        direction = outputs / length
        along = (direction * factors[codes]).sum(axis=1, keepdims=True)
        # For a unit vector f, the gradient of cos(f, o) is (f - cos(f, o) o / |o|) / |o|.
        slopes = (factors[codes] - along * direction) / length
    else:
        slopes = np.eye(len(target.classes_))[codes]
        if target.name == "softmax":
            # Of the logit minus the mean of all: a constant added to all changes no probability.
            slopes -= 1 / slopes.shape[1]
    return slopes.astype(np.float32)


def codes_of(genre, classes, n_rows):
    """Return the requested genres as positions in `classes`, -1 for the best one."""
    if genre is None:
        return np.full(n_rows, -1)
    position = {name: code for code, name in enumerate(classes.tolist())}
    # A genre may be a number; a str is one genre, not a sequence of letters.
    genres = np.asarray(genre, dtype=object)
    genres = [genre] * n_rows if genres.ndim == 0 else genres.tolist()
    if len(genres) != n_rows:
        raise ValueError(
            f"genre has {len(genres)} genres, but there are {n_rows} rows. Pass one genre for all "
            "rows, or one per row."
        )
    unknown = [name for name in dict.fromkeys(genres) if name not in position]
    if unknown:
        raise ValueError(f"Unknown genres {unknown}; the genres of the model are {list(position)}.")
    return np.array([position[name] for name in genres], dtype=int)
