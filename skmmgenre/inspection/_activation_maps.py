"""Which part of a cover, or of a sound, speaks for a genre."""

from typing import Any

import numpy as np
from PIL import Image
from sklearn.preprocessing import normalize

from .._typing import Float32Array
from ..audio import AudioCNN, AudioEmbedder
from ..image import ImageEmbedder, ResNetEmbedder
from ..nets import NetEstimator
from ..utils import as_cells, as_pandas, is_missing, safe_indexing
from ._encoder_parts import parts_of_cells, picture_of_cell
from ._modality_contributions import ppmi_factorizer
from ._score_slopes import ScoresBehind
from ._steps import input_of, paths_of


def class_activation_map(model: Any, X: Any, genre: Any = None) -> Float32Array:
    """Return which part of each cover, or of each sound, speaks for a genre.

    Parameters
    ----------
    model : estimator
        A fitted `ResNetEmbedder` or `AudioCNN`, or whatever holds one: a `GenrePipeline`, its
        branch, a search. Or a fitted model with an `ImageEmbedder` of the hub or an
        `AudioEmbedder` of musicnn in it, such as `load_ready_model` returns. Where covers and
        sound are looked at, the covers are shown; for the sound of an `AudioCNN` pass the branch,
        ``model["modalities"].named_transformers_["audio"]``, and its column.
    X : DataFrame, column or array of n rows
        What `model` takes. A row of one track each where `model` takes tracks.
    genre : str, array-like of shape (n,), or None, default=None
        The genre to ask for, one for all rows or one per row. None: the one that the network
        scores highest in each row.

    Returns
    -------
    maps : ndarray of float32
        Of covers, shape (n, height, width), at the size that the network sees: the shorter side
        of the cover is scaled to 256/224 of it and the centre is cropped. Of sound, shape
        (n, bins, frames), as the patches that `AudioCNN` takes; of musicnn 96 mel bands and 187
        frames of 16 ms for each window that it hears, one behind the other, NaN behind the last
        of a short track. From 0, does not speak for the genre, to 1, the strongest of the row.
        Zeros throughout where nothing speaks for it, NaN where the cover or the sound is missing.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If there is no such network in it, or several; if `genre` is not one of the network's
        classes; if a row has several tracks.

    See Also
    --------
    ActivationMapDisplay : Draws the maps over the covers.
    explain : Everything that can be said of one row.

    Notes
    -----
    Covers: the class activation map of section 6.5.2 of Oramas et al. (2018) (Zhou et al. 2016).
    The network averages its last feature map over all places, and one layer leads to the genres,
    so each place has its own share in the genre's score: the sum over all places is the score but
    for the bias. Negative shares are cut off. With target "softmax" the share is that in the
    genre's logit above the mean of all logits, as only differences count; with target "cosine" it
    is the slope of the similarity. The map has few places (7 x 7 for 224 pixels, 4 x 4 for the
    small network) and is scaled up.

    Sound: a filter of `AudioCNN` spans all bands, or most of them, so that the last feature map
    knows seconds only. The map is the slope of the genre's score times the input, at the input,
    where both bands and frames are left: what this band at this time adds to the score because it
    is louder or softer than its mean over the training set (``standardize``). It is then averaged
    over 5 bins and 5 frames, and negative values are cut off. Where several patches of a row are
    averaged, the map spans all of them; frames that no patch covers are 0.

    Encoders that others have trained know no genres of yours. How the score of the whole model
    rises with the encoder's vector is measured by small steps along each of its numbers, other
    modalities as they are. Covers: Grad-CAM (Selvaraju et al. 2017), each feature map weighed by
    the mean of the score's slope over its places; of a transformer, the tokens that enter its
    last layer. Sound: slope times input, behind musicnn's first batch norm.

    The map of an own network is of the network alone. With ``preset="auto"`` the network is mixed
    with a linear model, of colours or of the mean spectrum, by ``share_``; and in a pipeline with a
    fusion layer other modalities have their say. With ``share_`` near 0 a map tells little about
    the answer.

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
    found = find_maps(model, X)
    return found.maps(codes_of(genre, found.classes_, found.n_rows))


def find_maps(model, X):
    """Return what makes maps of rows: of the network of covers in a fitted model, or of sound.

    See `class_activation_map`.

    Returns
    -------
    found : MapsOfNetwork or MapsOfEncoder
    """
    kinds = ResNetEmbedder, ImageEmbedder, AudioCNN, AudioEmbedder
    for kind in kinds:
        paths = paths_of(model, kind)
        if len(paths) > 1:
            raise ValueError(
                f"{type(model).__name__} holds {len(paths)} networks of class {kind.__name__}. "
                "Pass the one that is meant, and what it takes."
            )
        if paths and issubclass(kind, NetEstimator):
            return MapsOfNetwork(*input_of(model, paths[0], X))
        if paths:
            return MapsOfEncoder(model, paths[0], X)
    names = ", ".join(kind.__name__ for kind in kinds)
    raise ValueError(
        f"{type(model).__name__} holds no network to look into ({names}). For others, use "
        "explain, which hides parts of the input in turn."
    )


class MapsOfNetwork:
    """Maps of a network that has learned genres itself.

    Parameters
    ----------
    X : what the network takes, of n rows
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
        """Return the score of each genre of each row, (n_rows, n_genres)."""
        scores_of = getattr(self.network, "predict_proba", self.network.decision_function)
        return scores_of(self.X)

    def of_rows(self, rows):
        """Return the same of some rows, given by position."""
        return MapsOfNetwork(safe_indexing(self.X, rows), self.network)

    def maps(self, codes):
        """Return the maps; `codes` are genres as positions in `classes_`, -1 for the best."""
        of_covers = isinstance(self.network, ResNetEmbedder)
        compute = _maps_of_covers if of_covers else _maps_of_sound
        return compute(self.network, self.X, codes)

    def pictures(self):
        """Return what the network sees of each row, as one would draw it."""
        if isinstance(self.network, AudioCNN):
            return list(np.asarray(self.X))
        size = self.network.sample_shape_[1]
        return [seen_of_cover(cell, size) for cell in as_cells(self.X, noun="image")]


_LEAST_SIDE = 224  # pixels of a cover that is drawn


def seen_of_cover(cell, size):
    """Return the part of a cover that a network of `size` pixels sees, in at least 224 pixels."""
    from ..image._augment import centre_crop
    from ..image._decode import decode_image

    return centre_crop(decode_image(cell), max(size, _LEAST_SIDE))


class MapsOfEncoder:
    """Maps of an encoder that others have trained, by the classifier behind it.

    Parameters
    ----------
    model : estimator
        What holds both.
    path : tuple of str
        Of the encoder in it.
    X : what the model takes, of n rows

    Attributes
    ----------
    classes_, n_rows, missing
        As of `MapsOfNetwork`.
    """

    def __init__(self, model, path, X):
        if not path:
            raise ValueError(
                f"{type(model).__name__} tells no genres: a map is of what speaks for one. Pass "
                "the model that it is a part of, and the table of that."
            )
        self.model, self.path, self.X = model, path, as_pandas(X)
        column, self.encoder = input_of(model, path, X)
        noun = "image" if isinstance(self.encoder, ImageEmbedder) else "track"
        self.cells = as_cells(column, noun=noun)
        self.classes_ = np.asarray(model.classes_)
        self.n_rows = len(self.cells)
        self.missing = np.array([is_missing(cell) for cell in self.cells], dtype=bool)

    def scores(self):
        """Return the score of each genre of each row, (n_rows, n_genres)."""
        behind, vectors = self._answer()
        return np.concatenate([behind(row, vectors[row : row + 1]) for row in range(self.n_rows)])

    def of_rows(self, rows):
        """Return the same of some rows, given by position."""
        return MapsOfEncoder(self.model, self.path, safe_indexing(self.X, rows))

    def maps(self, codes):
        """Return the maps; `codes` are genres as positions in `classes_`, -1 for the best."""
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
        """Return what the encoder is given of each row, as one would draw it."""
        return [picture_of_cell(self.encoder, cell) for cell in self.cells]


def _maps_of_covers(network, X, codes):
    from ..nets._devices import inference_device
    from ..nets._forward import padded

    feed = network._read(X, reset=False)
    maps = np.full((len(feed), *feed.sample_shape[1:]), np.nan, dtype=np.float32)
    rows = np.flatnonzero(~feed.missing)
    n_rows = padded(network._rows_at_once(inference_device(network.device)))
    for start in range(0, len(rows), n_rows):
        some = rows[start : start + n_rows]
        # Not by the network's own `_forward`: a store has no feature maps.
        features = NetEstimator._forward(network, feed, "feature_map", some)
        outputs = network._head(features.mean(axis=(2, 3)), network.weights_)
        slopes = slopes_of_scores(network.target_, outputs, codes[some])
        for row, feature_map, slope in zip(some, features, slopes, strict=True):
            shares = np.tensordot(slope @ network.weights_["head.weight"], feature_map, axes=1)
            maps[row] = _scaled_up(shares, maps.shape[1:])
    maps[feed.missing] = np.nan  # some may have turned out to be bad on the way
    return maps


def _scaled_up(shares, shape):
    """A map of a few places as one of an image's size, its maximum 1."""
    image = Image.fromarray(np.maximum(shares, 0).astype(np.float32))
    scaled = np.asarray(image.resize(shape[::-1], Image.Resampling.BILINEAR))
    return _up_to_one(scaled)


def _up_to_one(values):
    """Positive values, the largest as 1; zeros if there are none."""
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
    """Return what each band adds to the score of a genre at each time.

    Parameters
    ----------
    network : AudioCNN
    X : ndarray of shape (n, bins, frames)
    codes : ndarray of int, shape (n,)
        Genres as positions in `classes_`; -1 for the one of the highest score.

    Returns
    -------
    parts : ndarray of float32, shape (n, bins, frames)
        Slope of the score times standardized input; NaN where a patch is missing.
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
        slopes = np.repeat(slopes / counts[:, np.newaxis], counts, axis=0)
        found = slope_times_input(network, patches, slopes)
        parts[some] = 0
        for patch, row, first in zip(
            found, np.repeat(some, counts), np.concatenate(starts), strict=True
        ):
            parts[row, :, first : first + n_frames] += patch
    return parts


def slopes_of_scores(target, outputs, codes):
    """Return how the score of one genre of each row rises with the outputs of a network.

    Parameters
    ----------
    target : target
    outputs : ndarray of shape (n, n_outputs)
    codes : ndarray of int, shape (n,)
        Genres as positions in `classes_`; -1 for the one of the highest score.

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
        slopes = (factors[codes] - along * direction) / length
    else:
        slopes = np.eye(len(target.classes_))[codes]
        if target.name == "softmax":
            slopes -= 1 / slopes.shape[1]
    return slopes.astype(np.float32)


def codes_of(genre, classes, n_rows):
    """Genres that are asked for as positions in `classes`, -1 for the best."""
    if genre is None:
        return np.full(n_rows, -1)
    position = {name: code for code, name in enumerate(classes.tolist())}
    # A genre may be a number; a text is one genre, and no list of letters.
    genres = np.asarray(genre, dtype=object)
    genres = [genre] * n_rows if genres.ndim == 0 else genres.tolist()
    if len(genres) != n_rows:
        raise ValueError(
            f"genre names {len(genres)} genres for {n_rows} rows: give one, or one each."
        )
    unknown = [name for name in dict.fromkeys(genres) if name not in position]
    if unknown:
        raise ValueError(f"The network does not know {unknown}; its genres are {list(position)}.")
    return np.array([position[name] for name in genres], dtype=int)
