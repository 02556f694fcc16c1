"""Track embeddings by pretrained networks."""

import functools
import importlib.metadata
import os
from collections.abc import Callable
from difflib import get_close_matches
from itertools import islice
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._typing import Column, FilePath, Float32Array, ObjectArray, OnError
from ..nets import NetEstimator
from ..pretrained._catalogue import MODELS
from ..pretrained._hub_embedder import LEFT_OUT, OF_HUB_MODELS, check_function
from ..store import CellTransformer
from ..utils import file_in, require_parameter
from ._decode import AudioFile
from ._encoders import FunctionEncoder, HubEncoder
from ._musicnn import N_UNITS, MusicnnEncoder
from ._signals import check_transformed, is_heard, signal_of, store_of_features

_AT_ONCE = 8  # windows that are embedded together
_READ_SECONDS = 600.0  # longest sound that is decoded at once
_NOTHING_TO_HEAR = (  # reason and remedy
    "nothing to hear: silence, less than 0.9 s of sound, or for musicnn less than 3 s",
    "Leave the cell empty, or pass a longer or different part of the track.",
)
_VERSION = 1  # of the computation; increase it to invalidate stored vectors


class AudioEmbedder(CellTransformer):
    """Track embeddings from a pretrained network, which is not trained further.

    The default model is musicnn, which was trained to tag music. Download its weights once with
    ``skmmgenre fetch musicnn``. The estimator is stateless, so `fit` is not required. The vector of
    a track does not depend on the other rows, their order or `n_jobs`.

    Parameters
    ----------
    model : str or callable, default="musicnn"
        "musicnn" was trained on the Million Song Dataset with tags from Last.fm, "musicnn-mtt" on
        MagnaTagATune; see :func:`skmmgenre.pretrained.list_models`. Any other str is the name of
        a model on the Hugging Face hub, or a folder written by ``save_pretrained`` of the model and
        of its feature extractor, and is loaded with transformers
        (``pip install "skmmgenre[pretrained]"``). A callable takes windows, float32 of shape
        (n, samples) at `sr`, at most 8 at a time, and returns one vector per window, shape (n, d).
        For reproducible bits, its output for a window must not depend on the other windows.
    weights : str, path or None, default=None
        Weights of musicnn: a safetensors file, or the wheel. None uses the downloaded ones.
    output : {"embedding", "tags"}, default="embedding"
        "embedding" returns the last hidden layer, 200 values for musicnn. "tags" returns the
        probabilities of musicnn's 50 tags.
    n_patches : int or None, default=None
        Number of windows per track, spread evenly over it; only these are decoded. None uses all
        consecutive windows, as does a track with fewer windows.
    sr : int or None, default=None
        Sampling rate in Hz of the windows passed to a callable. Other models have a fixed rate:
        16000 for musicnn.
    window : float or None, default=None
        Length of a window in seconds, at least 1, for a callable or a hub model. None is the input
        length of the hub model, which is also the maximum, or 10 if the model accepts any length;
        a callable gets the whole track as one window. Windows of musicnn always last 3 s.
    cache : str, path or None, default=None
        File of a vector store, created if it does not exist. A track whose content was embedded
        before by the same model is not decoded again. It may be the store of a
        :class:`CQTExtractor`.
    name : str or None, default=None
        Name that identifies a callable in the cache. Change it whenever the callable changes.
    on_error : {"raise", "missing"}, default="raise"
        Whether a track that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`. An error raised in a callable `model` always ends
        `transform`, unless it is a BadItem or MemoryError.
    n_jobs : int or None, default=None
        Number of joblib workers. The network uses one thread in each.
    device : str, default="auto"
        Device of the network: "auto", "cpu", "cuda", ...; ignored for a callable.
    revision : str or None, default=None
        Branch, tag or commit of a hub model.
    layer : int or None, default=None
        Hidden layer of a hub model, averaged over time. None uses the output that the model was
        trained to return, or else the last layer.
    trust_remote_code : bool, default=False
        Whether code that comes with a hub model may run.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        One line per track that the last `transform` treated as missing, because of
        ``on_error="missing"`` or because it is silent: row, item, reason, remedy.

    See Also
    --------
    AudioStatistics : Baseline without a network.
    skmmgenre.compose.MeanOverTracks : Accepts several tracks per row.
    skmmgenre.pretrained.fetch : Downloads weights.

    Notes
    -----
    The vector of a track is the mean over its windows, and so are its tags. Windows are skipped if
    less than 0.9 seconds of them are louder than 72 dB below full scale. A track counts as missing
    if no window remains, or if it is shorter than a window of musicnn (2.98 s). For a callable, a
    track shorter than `window` is padded with zeros; the processor of a hub model pads it or uses
    it as is. The remainder of a track after its last whole window is ignored.

    musicnn was trained on songs of the Million Song Dataset, so scores on MSD-I, on MuMu or on any
    other collection that shares songs with them are too optimistic.

    The weights are not part of a fitted or saved model: they are read from the data home of each
    machine. A callable cannot be saved by :func:`skmmgenre.save`.

    References
    ----------
    Pons, J. and Serra, X. (2019). musicnn: pre-trained convolutional neural networks for music
    audio tagging. Late-breaking/demo session of the 20th ISMIR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import AudioEmbedder
    >>> def loudness(windows):
    ...     return np.abs(windows).max(axis=1, keepdims=True)
    >>> a4 = np.sin(2 * np.pi * 440 * np.arange(4 * 8000) / 8000)
    >>> embedder = AudioEmbedder(model=loudness, sr=8000, window=2.0)
    >>> embedder.transform([a4, 0.5 * a4, None]).round(2).ravel().tolist()
    [1.0, 0.5, nan]
    >>> AudioEmbedder(output="tags").get_feature_names_out()[:3].tolist()
    ['rock', 'pop', 'alternative']
    """

    _parameter_constraints: dict = {
        **CellTransformer._parameter_constraints,
        # No PathLike, because `save` blanks paths, but must keep names. See `_model_types.py`.
        "model": [str, callable],
        "weights": [str, os.PathLike, None],
        "output": [StrOptions({"embedding", "tags"})],
        "n_patches": [Interval(Integral, 1, None, closed="left"), None],
        "sr": [Interval(Integral, 1000, 768_000, closed="both"), None],
        "window": [Interval(Real, 1, None, closed="left"), None],
        "cache": [str, os.PathLike, None],
        "name": [str, None],
        "device": NetEstimator._parameter_constraints["device"],
        "revision": [str, None],
        "layer": [Integral, None],
        "trust_remote_code": ["boolean"],
    }
    _noun = "track"
    _width = None  # (model identity, width of its vectors), once known

    def __init__(
        self,
        *,
        model: str | Callable[[np.ndarray], Any] = "musicnn",
        weights: FilePath | None = None,
        output: Literal["embedding", "tags"] = "embedding",
        n_patches: int | None = None,
        sr: int | None = None,
        window: float | None = None,
        cache: FilePath | None = None,
        name: str | None = None,
        on_error: OnError = "raise",
        n_jobs: int | None = None,
        device: str = "auto",
        revision: str | None = None,
        layer: int | None = None,
        trust_remote_code: bool = False,
        verbose: int = 0,
    ):
        self.model = model
        self.weights = weights
        self.output = output
        self.n_patches = n_patches
        self.sr = sr
        self.window = window
        self.cache = cache
        self.name = name
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.device = device
        self.revision = revision
        self.layer = layer
        self.trust_remote_code = trust_remote_code
        self.verbose = verbose

    def fit(self, X: Column, y: Any = None) -> Self:
        """Check the parameters, that `X` is one column, and that the model is available.

        Parameters
        ----------
        X : column of tracks as in `transform`, length n
            No file is opened.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The embedder.

        Raises
        ------
        SetupError
            If the weights of musicnn were not downloaded, or if a hub model is refused, cannot be
            downloaded or accepts only shorter windows.
        """
        super().fit(X)
        encoder = self._encoder()
        if not callable(self.model):
            encoder.fingerprint  # noqa: B018  reads the weights
        return self

    def transform(self, X: Column) -> Float32Array:
        """Compute the vector of each track.

        Parameters
        ----------
        X : column of paths, of the content of files, or of 1-D float arrays, length n
            Same inputs as :meth:`CQTExtractor.transform`. Arrays must have the sampling rate of
            the model: `sr`, or 16000 Hz for musicnn; for another rate, pass a dict with "array"
            and "sampling_rate". A cell that is None, NaN or "" is missing.

        Returns
        -------
        vectors : ndarray of float32, shape (n, d)
            For musicnn, d is 200, or 50 with ``output="tags"``. Rows of missing or silent tracks
            are NaN.

        Raises
        ------
        BadItem
            If a track cannot be used and ``on_error="raise"``.
        SetupError
            If the weights of musicnn were not downloaded, if a hub model is refused, cannot be
            downloaded or accepts only shorter windows, or if a callable does not return vectors.
        """
        self._validate_params()
        encoder = self._encoder()
        values = self._map(
            functools.partial(_embed, encoder=encoder, n_patches=self.n_patches),
            X,
            description="embeddings",
            store=self._store(encoder),
            fault_of_nan=_NOTHING_TO_HEAR,
        )
        # The value of a silent track is a single NaN, whatever the width of a vector.
        widths = {len(value) for value in values if value is not None and np.isfinite(value[0])}
        if len(widths) > 1:
            raise ValueError(
                f"The model returned vectors of different lengths, {min(widths)} and "
                f"{max(widths)}. It must return vectors of the same length for all tracks."
            )
        if widths:
            self._width = (self._identity(), *widths)
        vectors = np.full((len(values), self._n_values(encoder)), np.nan, dtype=np.float32)
        for row, value in enumerate(values):
            if value is not None:
                vectors[row] = value  # a single NaN for a silent track
        # The store has units and tags together, so that both values of `output` share its entries.
        return np.ascontiguousarray(vectors[:, self._part()])

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (d,)
            Names of the tags, or "audioembedder0", "audioembedder1", ...
        """
        if self.output == "tags" and self._is_musicnn():
            return np.array(MODELS[self.model].tags, dtype=object)
        n = N_UNITS if self._is_musicnn() else self._n_values()
        return np.array([f"audioembedder{k}" for k in range(n)], dtype=object)

    def __getstate__(self):
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_width"}

    def _validate_params(self):
        require_parameter(self, "model", LEFT_OUT)
        super()._validate_params()

    def _is_musicnn(self):
        return isinstance(self.model, str) and self.model in MODELS

    def _part(self):
        """Return the slice of a track's values that `transform` returns."""
        if not self._is_musicnn():
            return slice(None)
        return slice(N_UNITS, None) if self.output == "tags" else slice(N_UNITS)

    def _identity(self):
        return self.model, self.sr, self.window, self.revision, self.layer

    def _n_values(self, encoder=None):
        """Return the number of values per track; if unknown, embed a second of silence."""
        if self._is_musicnn():
            return N_UNITS + len(MODELS[self.model].tags)
        if self._width is None or self._width[0] != self._identity():
            if encoder is None:
                self._validate_params()
                encoder = self._encoder()
            silence = np.zeros((1, encoder.n_samples or encoder.sr), dtype=np.float32)
            self._width = self._identity(), encoder.embed(silence).shape[1]
        return self._width[1]

    def _encoder(self):
        """Return the encoder, after checking that the parameters are compatible."""
        hub = {name: getattr(self, name) for name in OF_HUB_MODELS}
        if self._is_musicnn():
            self._refuse("is not supported by musicnn", window=None, name=None, **OF_HUB_MODELS)
            if self.sr not in (None, MusicnnEncoder.sr):
                raise ValueError(
                    f"sr={self.sr!r} does not match {self.model}, which takes {MusicnnEncoder.sr} "
                    "Hz. Omit sr; pass arrays of another rate as a dict of 'array' and "
                    "'sampling_rate'."
                )
            return MusicnnEncoder(self.model, self.weights, self.device)
        if self.output == "tags":
            raise ValueError(
                f"output='tags' is only supported by {' and '.join(MODELS)}. Use "
                "output='embedding'."
            )
        if not callable(self.model):
            self._refuse_misspelt()
            self._refuse("is not supported by hub models", weights=None, name=None, sr=None)
            return HubEncoder(self.model, self.window, device=self.device, **hub)
        self._refuse("is not supported by a callable", weights=None)
        check_function(self, OF_HUB_MODELS)
        if self.sr is None:
            raise ValueError(
                "A callable model requires sr, the sampling rate in Hz of the windows it takes."
            )
        return FunctionEncoder(self.model, self.sr, self.window, self.name)

    def _refuse_misspelt(self):
        close = get_close_matches(str(self.model).lower(), MODELS, n=1)
        if close and not os.path.exists(self.model):
            raise ValueError(
                f"model={self.model!r} is neither a folder nor one of {list(MODELS)}. Did you mean "
                f"{close[0]!r}?"
            )

    def _refuse(self, why, **defaults):
        for parameter, default in defaults.items():
            if (value := getattr(self, parameter)) != default:
                raise ValueError(f"{parameter}={value!r} {why}. Use {parameter}={default!r}.")

    def _store(self, encoder):
        if self.cache is None:
            return None
        from ..nets._devices import inference_device

        # A callable ignores `device`. For others, the last bits depend on the type of the device.
        device = None if callable(self.model) else inference_device(self.device).type
        return store_of_features(
            self.cache,
            kind="audio embeddings",
            settings={
                "model": encoder.fingerprint,
                "sr": encoder.sr,
                "n_samples": encoder.n_samples,
                "n_patches": self.n_patches,
                "device": device,
                "torch": importlib.metadata.version("torch"),
                "version": _VERSION,
            },
        )


def _embed(cell, *, encoder, n_patches):
    """Return the mean vector of the windows of a track, or NaN if the track is silent."""
    total, count = 0.0, 0
    for vectors in vectors_of_windows(encoder, windows_of(cell, encoder, n_patches)):
        total, count = total + vectors.sum(axis=0, dtype=np.float64), count + len(vectors)
    return (total / count).astype(np.float32) if count else np.full(1, np.nan, dtype=np.float32)


def vectors_of_windows(encoder, windows):
    """Yield the vectors of windows, of several windows at a time."""
    windows = iter(windows)
    while batch := list(islice(windows, _AT_ONCE)):
        yield encoder.embed(np.stack(batch))


def windows_of(cell, encoder, n_patches):
    """Yield the audible windows of a track."""
    for _, window in placed_windows(cell, encoder, n_patches):
        yield window


def placed_windows(cell, encoder, n_patches):
    """Yield the first sample and the content of each audible window of a track."""
    for start, window in _windows(cell, encoder, n_patches):
        check_transformed(window)  # resampling may overflow
        if is_heard(window, encoder.sr):
            yield start, window


def _windows(cell, encoder, n_patches):
    """Yield the windows of a track, each of `encoder.n_samples`, with their first sample."""
    sr = encoder.sr
    file, _ = file_in(cell)
    if file is None:
        y = signal_of(cell, sr)
        yield from _pieces(lambda start, n: y[start : start + n], len(y), encoder, n_patches)
        return
    with AudioFile(file) as audio:
        read = functools.partial(audio.read, sr=sr)
        yield from _pieces(read, audio.n_samples(sr), encoder, n_patches)


def _pieces(read, length, encoder, n_patches):
    """Yield the windows of a sound of `length` samples, read by ``read(start, n_samples)``."""
    if encoder.n_samples is None or (encoder.short == "whole" and length < encoder.n_samples):
        yield 0, read(0, length)
        return
    # Adjoining windows are read as one piece. Beyond the sound it is zero; windows extend there
    # because of `encoder.pad`, or if the sound is short.
    for starts in _runs(_starts(length, encoder, n_patches), encoder):
        first, end = starts[0], starts[-1] + encoder.n_samples
        y = read(max(0, first), min(end, length) - max(0, first))
        before = max(0, -first)
        y = np.pad(y, (before, end - first - before - len(y)))
        for start in starts:
            yield start, y[start - first : start - first + encoder.n_samples]


def _starts(length, encoder, n_patches):
    """Return the first sample of each window."""
    # Number of samples by which a window can move, counting the zeros at both ends as sound.
    free = length + 2 * encoder.pad - encoder.n_samples
    if free < 0:
        return [] if encoder.short == "missing" else [0]
    n_all = free // encoder.step + 1
    if n_patches is None or n_patches >= n_all:
        return [k * encoder.step - encoder.pad for k in range(n_all)]
    # Centred in `n_patches` equal parts.
    return [free * (2 * k + 1) // (2 * n_patches) - encoder.pad for k in range(n_patches)]


def _runs(starts, encoder):
    """Yield groups of adjoining windows, so that their sound is read only once."""
    run = []
    for start in starts:
        apart = run and start > run[-1] + encoder.n_samples
        if apart or (run and start - run[0] > _READ_SECONDS * encoder.sr):
            yield run
            run = []
        run.append(start)
    if run:
        yield run
