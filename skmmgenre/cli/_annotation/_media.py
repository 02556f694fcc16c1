"""Re-encode sound and covers for the page, without their metadata."""

import io

import numpy as np
import soundfile
from PIL import Image

from ...audio._decode import AudioFile
from ...image._decode import decode_image

_SR = 44100
_FADE = 0.01  # seconds at both ends, so that the excerpt does not click
_SIDE = 800  # pixels


def sound_of(path, seconds):
    """Return the middle of a sound file as mono WAV, 16 bits at 44.1 kHz.

    Parameters
    ----------
    path : str
    seconds : float
        Maximum length; a shorter file is returned whole.

    Returns
    -------
    content : bytes
        A header of 44 bytes and the samples.

    Raises
    ------
    BadItem
        If the file cannot be decoded.
    """
    with AudioFile(path) as file:
        n_all = file.n_samples(_SR)
        n = min(n_all, int(seconds * _SR))
        y = file.read((n_all - n) // 2, n, _SR)
    # Only if it is too loud: 16 bits would clip values above 1.
    y = y / max(1.0, np.abs(y).max(initial=0.0))
    ramp = np.linspace(0, 1, min(int(_FADE * _SR), len(y) // 2), dtype=y.dtype)
    if len(ramp):
        y[: len(ramp)] *= ramp
        y[-len(ramp) :] *= ramp[::-1]
    content = io.BytesIO()
    soundfile.write(content, y, _SR, format="WAV", subtype="PCM_16")
    return content.getvalue()


def cover_of(path):
    """Return a cover as JPEG, at most 800 pixels per side.

    Parameters
    ----------
    path : str

    Returns
    -------
    content : bytes

    Raises
    ------
    BadItem
        If the file cannot be decoded.
    """
    image = decode_image(path, min_side=_SIDE)
    image.thumbnail((_SIDE, _SIDE))
    image = Image.fromarray(np.asarray(image))  # pixels only, as Pillow would keep comments
    content = io.BytesIO()
    image.save(content, format="JPEG", quality=90)
    return content.getvalue()
