"""Encoders from windows of sound to vectors: a function, or a model of the hub.

An encoder (the third is `MusicnnEncoder`) is small and can be sent to workers; weights are loaded
where they are used. It has these attributes: `sr` (Hz), `n_samples` of a window (None: the whole
sound is one window), `step` between successive windows, `pad` (zeros that count as sound at both
ends), `short` (how to treat a sound that is shorter than a window: "missing", "filled" with zeros,
or used "whole"), `fingerprint` (identifies it in a cache), and ``embed(windows)``, which maps
float32 (n, n_samples) to (n, d).
"""

import functools

import numpy as np

from ..pretrained._hub_embedder import vectors_of_function
from ..utils import BadItem, SetupError

_HUB_WINDOW = 10.0  # seconds, for models that accept sounds of any length


class FunctionEncoder:
    """Encoder by a function from windows to vectors.

    Parameters
    ----------
    function : callable
    sr : int
    window : float or None
        Seconds.
    name : str or None
        Name that identifies the function in a cache.
    """

    pad, short = 0, "filled"

    def __init__(self, function, sr, window, name):
        self.function, self.sr, self.name = function, sr, name
        self.n_samples = self.step = None if window is None else round(window * sr)

    @property
    def fingerprint(self):
        """Return the name that the user gave the function."""
        return f"function {self.name}"

    def embed(self, windows):
        """Return the vectors of the function as an array."""
        given = f"windows of shape {windows.shape}"
        remedy = f"Return one vector of numbers per window, shape ({len(windows)}, d)."
        return _check_finite(vectors_of_function(self.function, windows, given, remedy))


class HubEncoder:
    """Encoder by a model of the hub, or in a folder.

    Parameters
    ----------
    model : str
    window : float or None
        Seconds, at most the input length of the model; None is that length.
    **options
        Passed to `load_hub_audio`.
    """

    pad, short = 0, "whole"  # the model's processor pads it as in training

    def __init__(self, model, window, **options):
        self.model, self.window, self.options = model, window, options

    @functools.cached_property
    def _loaded(self):
        from ..pretrained._hub import load_hub_audio

        loaded = load_hub_audio(self.model, **self.options)
        if self.window and loaded.window and self.window > loaded.window:
            raise SetupError(
                f"window={self.window!r} is too long for model={self.model!r}, whose processor "
                f"truncates windows to {loaded.window:g} s. Omit window, or pass at most "
                f"{loaded.window:g}."
            )
        return loaded

    @property
    def sr(self):
        """Return the sampling rate of the model."""
        return self._loaded.sr

    @property
    def n_samples(self):
        """Return the number of samples of a window."""
        return round((self.window or self._loaded.window or _HUB_WINDOW) * self.sr)

    step = n_samples

    @property
    def fingerprint(self):
        """Return the fingerprint of the loaded model."""
        return self._loaded.fingerprint

    def embed(self, windows):
        """Return the vectors of the model."""
        return _check_finite(self._loaded.embed(windows))

    def __getstate__(self):
        return {key: value for key, value in vars(self).items() if key != "_loaded"}


def _check_finite(vectors):
    if not np.isfinite(vectors).all():
        raise BadItem(
            "the model returned NaN or infinity for it", "Check the model, or leave the cell empty."
        )
    return vectors
