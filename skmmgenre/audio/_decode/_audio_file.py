"""An audio file of any kind: the decoder for it is chosen, and seconds of it are read."""

import errno
import functools
import math
import os
from importlib import metadata

import numpy as np
import soxr

from ...utils import BadItem
from ._containers import container_of, signature_of
from ._pyav_decoder import PyAVDecoder
from ._sndfile_decoder import SndfileDecoder

# Beyond it, the resampled piece is the same as if the whole file were resampled.
_RESAMPLING_MARGIN = 0.05  # seconds


class AudioFile:
    """An open audio file of any rate and channels.

    A context manager.

    Parameters
    ----------
    path : str, bytes or PathLike
        WAV, FLAC, OGG, MP3 and what else libsndfile decodes; MP4 (m4a: AAC, Apple Lossless),
        AAC, WMA, WebM and APE by PyAV, where it is installed.

    Attributes
    ----------
    n_frames : int
        Length of the file, in samples a channel at its own rate.
    sample_rate : int
        Its own rate in Hz.

    Raises
    ------
    BadItem
        If there is no such file, or it is empty, no audio, cut short, or without a sample; or if
        it needs PyAV, which is not there.
    """

    def __init__(self, path):
        path = os.fspath(path)
        check_file(path)
        with open(path, "rb") as file:
            container = container_of(signature_of(file))
        self._decoder = SndfileDecoder(path) if container is None else PyAVDecoder(path, container)
        self.sample_rate, self.n_frames = self._decoder.sample_rate, self._decoder.n_frames
        if self.n_frames <= 0:
            self._decoder.close()
            raise BadItem("the file holds 0 samples of audio", "Leave the cell empty.")

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._decoder.close()

    def n_samples(self, sr):
        """Length of the file in samples at `sr`."""
        return max(1, int(self.n_frames * sr // self.sample_rate))

    def read(self, start, n_samples, sr):
        """Read a piece of the file, as one channel.

        Parameters
        ----------
        start, n_samples : int
            Where the piece starts and its length, in samples at `sr`.
        sr : int
            Rate of the answer in Hz.

        Returns
        -------
        y : ndarray of float32, shape (at most n_samples,)
            The mean of the channels, resampled. Shorter where the file ends.

        Raises
        ------
        BadItem
            If the file is cut short within the piece, or holds NaN or infinite samples there.
        """
        rate = self.sample_rate
        if rate == sr:
            return self._read_frames(start, start + n_samples)[:n_samples]
        # Start at a sample that both rates share, so that the piece has the phase of the whole.
        common = math.gcd(rate, sr)
        step_in, step_out = rate // common, sr // common
        margin = math.ceil(_RESAMPLING_MARGIN * sr / step_out)
        step = max(0, start // step_out - margin)
        stop = math.ceil((start + n_samples + _RESAMPLING_MARGIN * sr) * rate / sr)
        y = soxr.resample(self._read_frames(step * step_in, stop), rate, sr, quality="HQ")
        start -= step * step_out
        return y[start : start + n_samples]

    def _read_frames(self, start, stop):
        y = _mean_of_channels(self._decoder.read_frames(start, min(stop, self.n_frames)))
        if not np.isfinite(y).all():
            raise BadItem(
                "it holds NaN or infinite samples",
                "Write the file again with finite samples in [-1, 1].",
            )
        return y


def version_of_decoder(signature):
    """Return the version of what decodes a file, if that is not libsndfile.

    Parameters
    ----------
    signature : bytes
        See `signature_of`.

    Returns
    -------
    version : bytes
        b"" of what libsndfile decodes, and where PyAV is absent.
    """
    try:
        return b"" if container_of(signature) is None else f"PyAV {_pyav_version()}\0".encode()
    except metadata.PackageNotFoundError:
        return b""


@functools.cache
def _pyav_version():
    return metadata.version("av")


def _mean_of_channels(y):
    """The mean over the second axis, which is short: numpy's own takes ten times as long."""
    if y.shape[1] == 1:
        return y[:, 0]
    mean = y[:, 0] + y[:, 1]
    for channel in range(2, y.shape[1]):
        mean += y[:, channel]
    mean /= y.shape[1]
    return mean


def check_file(path):
    """Check that a path is that of a file that can be opened and is not empty.

    Parameters
    ----------
    path : str, bytes or PathLike

    Raises
    ------
    BadItem
        If it is not.
    """
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except IsADirectoryError:
        raise BadItem(
            "it is a folder", "Name a file; MeanOverTracks takes a list of files a row."
        ) from None
    except FileNotFoundError:
        raise BadItem(
            "there is no such file",
            "Check the path; a relative one starts at the current working folder.",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = os.strerror(error.errno) if getattr(error, "errno", None) else str(error)
        remedy = (
            "Check the rights of the file."
            if getattr(error, "errno", None) == errno.EACCES
            else "Check the path."
        )
        raise BadItem(f"the file cannot be opened ({reason})", remedy) from error
    if empty:
        raise BadItem("the file is empty (0 bytes)", "Get the file again.")
