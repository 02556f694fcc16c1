"""Tracks to vectors by a network that has learned from much music."""

import functools
import importlib.metadata
import os
from collections.abc import Callable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._typing import Column, FilePath, Float32Array, ObjectArray, OnError
from ..nets import NetEstimator
from ..pretrained._catalogue import MODELS
from ..store import CellTransformer
from ..utils import file_in
from ._decode import AudioFile
from ._encoders import FunctionEncoder, HubEncoder
from ._musicnn import N_UNITS, MusicnnEncoder
from ._signals import check_transformed, is_heard, signal_of, store_of_features

_AT_ONCE = 8  # windows that are embedded together
_READ_SECONDS = 600.0  # that are decoded together at most
_NOTHING_TO_HEAR = (  # reason and remedy
    "nothing to hear: silence, less than 0.9 s of sound, or for musicnn less than 3 s",
    "Leave the cell empty, or give a longer or another part of the track.",
)
_VERSION = 1  # of what is computed here; after a change stores compute it again
_OF_HUB_MODELS = {"revision": None, "layer": None, "trust_remote_code": False}


class AudioEmbedder(CellTransformer):
    """Vectors of tracks by a pretrained network, which stays as it is.

    The default is musicnn, which was trained to tag music. Its weights are fetched once, by
    ``skmmgenre fetch musicnn``. Needs no fit. The answer for a track does not depend on the other
    rows, on their order or on `n_jobs`.

    Parameters
    ----------
    model : str or callable, default="musicnn"
        "musicnn" was trained on the Million Song Dataset with tags of Last.fm, "musicnn-mtt" on
        MagnaTagATune; see :func:`skmmgenre.pretrained.list_models`. Another str is the name of a
        model on the Hugging Face hub, or a folder, and is read by transformers
        (``pip install "skmmgenre[pretrained]"``). A callable takes windows, float32 of shape
        (n, samples) at `sr`, at most 8 at a time, and returns a vector for each, shape (n, d);
        for the same bits its answer for a window must not depend on the others.
    weights : str, path or None, default=None
        Of musicnn: a safetensors file, or the wheel. None takes what was fetched.
    output : {"embedding", "tags"}, default="embedding"
        "embedding": the last hidden layer, 200 numbers for musicnn. "tags": the probabilities
        of musicnn's 50 tags.
    n_patches : int or None, default=None
        How many windows of a track are heard, spread over it; only these are decoded. None
        takes all, one after the other. A track with fewer is heard whole.
    sr : int or None, default=None
        Sampling rate in Hz that a callable takes. Other models know theirs: 16000 for musicnn.
    window : float or None, default=None
        Seconds of a window, at least 1, for a callable or a hub model. None is what the hub model
        takes, which is also the most, or 10 if it takes any; a callable gets the whole track.
        musicnn takes 3 s.
    cache : str, path or None, default=None
        File of a store of vectors, made if it is not there: a track whose content was met before
        by the same model is not decoded again. It may be that of a :class:`CQTExtractor`.
    name : str or None, default=None
        What the cache knows a callable by. Change it whenever the callable changes.
    on_error : {"raise", "missing"}, default="raise"
        Whether a track that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers. A network computes in one thread of each.
    device : str, default="auto"
        Where the network computes: "auto", "cpu", "cuda", ...; not for a callable.
    revision : str or None, default=None
        Branch, tag or commit of a hub model.
    layer : int or None, default=None
        Hidden layer of a hub model whose mean over time is taken. None is what the model was
        trained to return, else the last.
    trust_remote_code : bool, default=False
        Whether code that comes with a hub model may run.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        A line for every track that the last `transform` treated as missing, because of
        ``on_error="missing"`` or because there is nothing to hear: row, item, reason, remedy.

    See Also
    --------
    AudioStatistics : The plain baseline.
    skmmgenre.compose.MeanOverTracks : Takes several tracks a row.
    skmmgenre.pretrained.fetch : Fetches weights.

    Notes
    -----
    The vector of a track is the mean over its windows, as are its tags. Windows in which less than
    0.9 seconds are louder than 72 dB below full scale are left out. A track counts as missing if
    none is left, or if it is shorter than a window of musicnn (2.98 s). For a callable a shorter
    track is filled up with zeros; a hub model's own processor fills it up, or takes it as it is.
    What remains of a track behind its last whole window is not heard.

    musicnn heard songs of the Million Song Dataset: on MSD-I, on MuMu or on any collection that
    shares songs with them, scores are too optimistic.

    The weights are no part of a fitted model, nor of a saved one: they are read from the data home
    on each machine. A callable cannot be saved by :func:`skmmgenre.save`.

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
        # No PathLike: `save` sets paths back, and a name is none. See `_model_types.py`.
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
    _width = None  # of the vectors of a model, and which

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
        """Check the parameters, that `X` is one column, and that the model is there.

        Parameters
        ----------
        X : column of what `transform` takes, length n
            No file is opened.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The embedder, checked and ready to use.

        Raises
        ------
        SetupError
            If the weights of musicnn were not fetched, or a hub model is refused, cannot be
            fetched or takes shorter windows.
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
            Arrays are at the rate of the model: `sr`, 16000 Hz for musicnn; else give a dict
            of "array" and "sampling_rate". As :meth:`CQTExtractor.transform` takes them. A
            cell that is None, NaN or "" is missing.

        Returns
        -------
        vectors : ndarray of float32, shape (n, d)
            Of musicnn d is 200, or 50 for ``output="tags"``. Rows of tracks that are missing, or
            have nothing to hear, are NaN.

        Raises
        ------
        BadItem
            If a track cannot be used and ``on_error="raise"``.
        SetupError
            If the weights of musicnn were not fetched, a hub model is refused, cannot be fetched
            or takes shorter windows, or a callable returns something else than vectors.
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
        widths = {len(value) for value in values if value is not None and np.isfinite(value[0])}
        if len(widths) > 1:
            raise ValueError(
                f"The model returned vectors of {min(widths)} and of {max(widths)} numbers. Let it "
                "return as many for each track."
            )
        if widths:
            self._width = (self._identity(), *widths)
        vectors = np.full((len(values), self._n_values(encoder)), np.nan, dtype=np.float32)
        for row, value in enumerate(values):
            if value is not None:
                vectors[row] = value  # a single NaN of what has nothing to hear
        return np.ascontiguousarray(vectors[:, self._part()])

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Names of the numbers.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (d,)
            The tags, or "audioembedder0", "audioembedder1", ...
        """
        if self.output == "tags" and self._is_musicnn():
            return np.array(MODELS[self.model].tags, dtype=object)
        n = N_UNITS if self._is_musicnn() else self._n_values()
        return np.array([f"audioembedder{k}" for k in range(n)], dtype=object)

    def __getstate__(self):
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_width"}

    def _is_musicnn(self):
        return isinstance(self.model, str) and self.model in MODELS

    def _part(self):
        """Which of the values of a track are answered."""
        if not self._is_musicnn():
            return slice(None)
        return slice(N_UNITS, None) if self.output == "tags" else slice(N_UNITS)

    def _identity(self):
        return self.model, self.sr, self.window, self.revision, self.layer

    def _n_values(self, encoder=None):
        """How many values a track has; a model of which that is not known hears a second."""
        if self._is_musicnn():
            return N_UNITS + len(MODELS[self.model].tags)
        if self._width is None or self._width[0] != self._identity():
            encoder = self._encoder() if encoder is None else encoder
            silence = np.zeros((1, encoder.n_samples or encoder.sr), dtype=np.float32)
            self._width = self._identity(), encoder.embed(silence).shape[1]
        return self._width[1]

    def _encoder(self):
        """Return what computes vectors, after a look at what fits together."""
        hub = {name: getattr(self, name) for name in _OF_HUB_MODELS}
        if self._is_musicnn():
            self._refuse("is not for musicnn", window=None, name=None, **_OF_HUB_MODELS)
            if self.sr not in (None, MusicnnEncoder.sr):
                raise ValueError(
                    f"sr={self.sr!r}: {self.model} takes {MusicnnEncoder.sr} Hz. Leave sr out; "
                    "give arrays of another rate as a dict of 'array' and 'sampling_rate'."
                )
            return MusicnnEncoder(self.model, self.weights, self.device)
        if self.output == "tags":
            raise ValueError(
                f"output='tags' is for {' and '.join(MODELS)}. Use output='embedding'."
            )
        if not callable(self.model):
            self._refuse_misspelt()
            self._refuse("is not for a model of the hub", weights=None, name=None, sr=None)
            return HubEncoder(self.model, self.window, device=self.device, **hub)
        self._refuse("is not for a callable", weights=None, **_OF_HUB_MODELS)
        if self.sr is None:
            raise ValueError(
                "A callable needs sr, the sampling rate in Hz of the windows that it takes."
            )
        if self.cache is not None and self.name is None:
            raise ValueError(
                "A store cannot tell one callable from another: give it a name (name='MERT layer "
                "7'), and another whenever it changes; or pass cache=None."
            )
        return FunctionEncoder(self.model, self.sr, self.window, self.name)

    def _refuse_misspelt(self):
        close = get_close_matches(str(self.model).lower(), MODELS, n=1)
        if close and not os.path.exists(self.model):
            raise ValueError(
                f"model={self.model!r} is neither a folder nor one of {list(MODELS)}: did you mean "
                f"{close[0]!r}?"
            )

    def _refuse(self, why, **defaults):
        for parameter, default in defaults.items():
            if (value := getattr(self, parameter)) != default:
                raise ValueError(f"{parameter}={value!r} {why}. Leave it at {default!r}.")

    def _store(self, encoder):
        if self.cache is None:
            return None
        return store_of_features(
            self.cache,
            kind="audio embeddings",
            settings={
                "model": encoder.fingerprint,
                "sr": encoder.sr,
                "n_samples": encoder.n_samples,
                "n_patches": self.n_patches,
                "device": self.device,
                "torch": importlib.metadata.version("torch"),
                "version": _VERSION,
            },
        )


def _embed(cell, *, encoder, n_patches):
    """Return the mean vector of the windows of a track, or NaN if there is nothing to hear."""
    total, count = 0.0, 0
    batch = []
    for window in windows_of(cell, encoder, n_patches):
        batch.append(window)
        if len(batch) == _AT_ONCE:
            total, count = total + _sum(encoder, batch), count + len(batch)
            batch = []
    if batch:
        total, count = total + _sum(encoder, batch), count + len(batch)
    return (total / count).astype(np.float32) if count else np.full(1, np.nan, dtype=np.float32)


def _sum(encoder, windows):
    return encoder.embed(np.stack(windows)).sum(axis=0, dtype=np.float64)


def windows_of(cell, encoder, n_patches):
    """Yield the windows of a track in which there is something to hear."""
    for window in _windows(cell, encoder, n_patches):
        check_transformed(window)  # resampled, it may not be finite
        if is_heard(window, encoder.sr):
            yield window


def _windows(cell, encoder, n_patches):
    """Yield the windows of a track, each of `encoder.n_samples`."""
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
    """Yield windows of a sound of a length that ``read(start, n_samples)`` reads."""
    if encoder.n_samples is None or (encoder.short == "whole" and length < encoder.n_samples):
        yield read(0, length)
        return
    for starts in _runs(_starts(length, encoder, n_patches), encoder):
        first, end = starts[0], starts[-1] + encoder.n_samples
        y = read(max(0, first), min(end, length) - max(0, first))
        before = max(0, -first)
        y = np.pad(y, (before, end - first - before - len(y)))
        for start in starts:
            yield y[start - first : start - first + encoder.n_samples]


def _starts(length, encoder, n_patches):
    """First sample of each window that is heard."""
    free = length + 2 * encoder.pad - encoder.n_samples
    if free < 0:
        return [] if encoder.short == "missing" else [0]
    n_all = free // encoder.step + 1
    if n_patches is None or n_patches >= n_all:
        return [k * encoder.step - encoder.pad for k in range(n_all)]
    # In the middle of as many equal parts.
    return [free * (2 * k + 1) // (2 * n_patches) - encoder.pad for k in range(n_patches)]


def _runs(starts, encoder):
    """Yield windows that touch each other together, so that their sound is read once."""
    run = []
    for start in starts:
        apart = run and start > run[-1] + encoder.n_samples
        if apart or (run and start - run[0] > _READ_SECONDS * encoder.sr):
            yield run
            run = []
        run.append(start)
    if run:
        yield run
