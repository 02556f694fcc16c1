"""What computes vectors from windows of sound: a function, or a model of the hub.

An encoder (the third is `MusicnnEncoder`) is small and can be sent to workers; what it computes
with is read where it is used. It has `sr` (Hz), `n_samples` of a window (None: a window is the
whole sound), `step` between windows that follow each other, `pad` (zeros that count as sound at
both ends), `short` (what becomes of a sound shorter than a window: it is "missing", "filled" up
with zeros, or taken "whole"), `fingerprint` (tells it from others in a cache), and
``embed(windows)``: float32 (n, n_samples) to (n, d).
"""

import functools

import numpy as np

from ..pretrained._hub_embedder import vectors_of_function
from ..utils import BadItem, SetupError

_HUB_WINDOW = 10.0  # seconds, of models that take a sound of any length


class FunctionEncoder:
    """A function from windows to vectors.

    Parameters
    ----------
    function : callable
    sr : int
    window : float or None
        Seconds.
    name : str or None
        What a cache knows it by.
    """

    pad, short = 0, "filled"

    def __init__(self, function, sr, window, name):
        self.function, self.sr, self.name = function, sr, name
        self.n_samples = self.step = None if window is None else round(window * sr)

    @property
    def fingerprint(self):
        """The name that the user gave it."""
        return f"function {self.name}"

    def embed(self, windows):
        """Return the function's vectors, as an array."""
        given = f"windows of shape {windows.shape}"
        remedy = f"Return a vector of numbers for each window, shape ({len(windows)}, d)."
        return _check_finite(vectors_of_function(self.function, windows, given, remedy))


class HubEncoder:
    """A model of the hub, or in a folder.

    Parameters
    ----------
    model : str
    window : float or None
        Seconds, at most the model's own; None takes that.
    **options
        Of `load_hub_audio`.
    """

    pad, short = 0, "whole"  # the model's processor fills it up as in training

    def __init__(self, model, window, **options):
        self.model, self.window, self.options = model, window, options

    @functools.cached_property
    def _loaded(self):
        from ..pretrained._hub import load_hub_audio

        loaded = load_hub_audio(self.model, **self.options)
        if self.window and loaded.window and self.window > loaded.window:
            raise SetupError(
                f"window={self.window!r}: model={self.model!r} takes {loaded.window:g} s at once, "
                "and its processor would cut off the rest. Leave window out, or pass less."
            )
        return loaded

    @property
    def sr(self):
        """Sampling rate that the model takes."""
        return self._loaded.sr

    @property
    def n_samples(self):
        """Samples of a window."""
        return round((self.window or self._loaded.window or _HUB_WINDOW) * self.sr)

    step = n_samples

    @property
    def fingerprint(self):
        """The loader's."""
        return self._loaded.fingerprint

    def embed(self, windows):
        """Return the model's vectors."""
        return _check_finite(self._loaded.embed(windows))

    def __getstate__(self):
        return {key: value for key, value in vars(self).items() if key != "_loaded"}


def _check_finite(vectors):
    if not np.isfinite(vectors).all():
        raise BadItem(
            "the model returned NaN or infinity for it", "Check the model, or leave the cell empty."
        )
    return vectors
