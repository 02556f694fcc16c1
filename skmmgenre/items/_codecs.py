"""How arrays become bytes, and come back."""

import io

import numpy as np


class RawCodec:
    """Keeps an array as it is, or as another type of floats."""

    def __init__(self, dtype=None):
        self.dtype = dtype
        self.name = f"raw {dtype}"

    def encode(self, array):
        """Array to bytes."""
        buffer = io.BytesIO()
        stored = np.ascontiguousarray(array, dtype=self.dtype)
        np.lib.format.write_array(buffer, stored, allow_pickle=False)
        return buffer.getbuffer()

    def decode(self, value):
        """Bytes to array."""
        return np.lib.format.read_array(io.BytesIO(value), allow_pickle=False)


class StepCodec:
    """Keeps values of a known range as uint8, in 255 steps; the error is half a step at most."""

    def __init__(self, low, high):
        self.low, self.step = low, (high - low) / 255
        self.name = f"uint8 {low} {high}"
        self._raw = RawCodec("uint8")

    def encode(self, array):
        """Array to bytes."""
        steps = np.rint((np.asarray(array, dtype=np.float64) - self.low) / self.step)
        return self._raw.encode(np.clip(steps, 0, 255))

    def decode(self, value):
        """Bytes to array of float32."""
        return (self._raw.decode(value) * self.step + self.low).astype(np.float32)
