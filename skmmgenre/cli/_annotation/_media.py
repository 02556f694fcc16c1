"""Sound and cover as the page gets them: decoded and written anew, with nothing else in them."""

import io

import numpy as np
import soundfile
from PIL import Image

from ...audio._decode import AudioFile
from ...image._decode import decode_image

_SR = 44100
_FADE = 0.01  # seconds at both ends, where an excerpt would click
_SIDE = 800  # pixels


def sound_of(path, seconds):
    """Return the middle of a sound file as WAV of one channel, 16 bits at 44.1 kHz.

    Parameters
    ----------
    path : str
    seconds : float
        At most; a shorter file is whole.

    Returns
    -------
    content : bytes
        A header of 44 bytes, and samples.

    Raises
    ------
    BadItem
        If it cannot be decoded.
    """
    with AudioFile(path) as file:
        n_all = file.n_samples(_SR)
        n = min(n_all, int(seconds * _SR))
        y = file.read((n_all - n) // 2, n, _SR)
    y = y / max(1.0, np.abs(y).max(initial=0.0))
    ramp = np.linspace(0, 1, min(int(_FADE * _SR), len(y) // 2), dtype=y.dtype)
    if len(ramp):
        y[: len(ramp)] *= ramp
        y[-len(ramp) :] *= ramp[::-1]
    content = io.BytesIO()
    soundfile.write(content, y, _SR, format="WAV", subtype="PCM_16")
    return content.getvalue()


def cover_of(path):
    """Return a cover as JPEG of at most 800 pixels a side.

    Parameters
    ----------
    path : str

    Returns
    -------
    content : bytes

    Raises
    ------
    BadItem
        If it cannot be decoded.
    """
    image = decode_image(path, min_side=_SIDE)
    image.thumbnail((_SIDE, _SIDE))
    image = Image.fromarray(np.asarray(image))  # pixels only: Pillow would write comments again
    content = io.BytesIO()
    image.save(content, format="JPEG", quality=90)
    return content.getvalue()
