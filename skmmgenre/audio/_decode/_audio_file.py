"""Audio files of any format: choose the decoder and read parts of the file."""

import functools
import itertools
import math
import os
from importlib import metadata

import numpy as np
import soxr

from ...utils import EMPTY_FILE, BadItem, open_file
from ._containers import container_of, signature_of
from ._pyav_decoder import PyAVDecoder
from ._sndfile_decoder import open_with_sndfile
from ._view import View, size_of

# With this margin, a resampled piece is the same as if the whole file were resampled.
_RESAMPLING_MARGIN = 0.05  # seconds
_LONGEST = 2 * 3600  # most seconds that are read at once: 635 MB at 22,050 Hz


class AudioFile:
    """An open audio file with any sampling rate and number of channels.

    It is a context manager.

    Parameters
    ----------
    source : str, bytes, PathLike or seekable binary file
        Supported formats: WAV, FLAC, OGG, MP3 and others that libsndfile decodes; MP4 (m4a: AAC,
        Apple Lossless), AAC, WMA, WebM and APE if PyAV is installed. The format is detected from
        the content, not the name. A file object is read from its start, left at any position, and
        not closed.

    Attributes
    ----------
    n_frames : int
        Length of the file, in samples per channel at its own rate.
    sample_rate : int
        Sampling rate of the file in Hz.

    Raises
    ------
    BadItem
        If the file does not exist, is empty, is not audio, is truncated or has 0 samples; if its
        header is not plausible; or if it requires PyAV, which is not installed.
    """

    def __init__(self, source):
        is_path = isinstance(source, (str, bytes, os.PathLike))
        # Decoders get no file names, because libsndfile would use the name, and files next to it.
        file = _open(source) if is_path else _view(source)
        self._close = file.close if is_path else _nothing
        try:
            self._decoder = _decoder_of(file)
        except BaseException:
            self._close()
            raise
        self.sample_rate, self.n_frames = self._decoder.sample_rate, self._decoder.n_frames
        if self.n_frames <= 0:
            self.__exit__()
            raise BadItem("the file contains 0 samples of audio", "Leave the cell empty.")

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._decoder.close()
        self._close()

    def n_samples(self, sr):
        """Return the length of the file in samples at `sr`."""
        return max(1, int(self.n_frames * sr // self.sample_rate))

    def read(self, start, n_samples, sr):
        """Read a piece of the file, mixed down to mono.

        Parameters
        ----------
        start, n_samples : int
            Start and length of the piece, in samples at `sr`.
        sr : int
            Target sampling rate in Hz.

        Returns
        -------
        y : ndarray of float32, shape (at most n_samples,)
            The mean of the channels, resampled. Shorter if the file ends earlier.

        Raises
        ------
        BadItem
            If the file is truncated within the piece, or contains NaN or infinite samples there;
            or if the piece is longer than two hours.
        """
        rate = self.sample_rate
        # What is requested beyond the end of the file does not count.
        seconds = min(n_samples, self.n_samples(sr) - start) / sr
        if seconds > _LONGEST:
            raise BadItem(
                f"{seconds / 3600:,.1f} hours are too long to be read at once (the maximum is "
                f"{_LONGEST // 3600})",
                "Use ref='patch', which only reads the patch, or split the file.",
            )
        if rate == sr:
            return _joined([*self._blocks(start, start + n_samples)])[:n_samples]
        # Start at a sample common to both rates, so that the phase is that of the whole file.
        common = math.gcd(rate, sr)
        step_in, step_out = rate // common, sr // common
        margin = math.ceil(_RESAMPLING_MARGIN * sr / step_out)
        step = max(0, start // step_out - margin)
        stop = math.ceil((start + n_samples + _RESAMPLING_MARGIN * sr) * rate / sr)
        y = _resampled(self._blocks(step * step_in, stop), rate, sr)
        start -= step * step_out
        return y[start : start + n_samples]

    def _blocks(self, start, stop):
        """Yield blocks of the mean of the channels, from a frame to another."""
        for block in self._decoder.blocks(start, min(stop, self.n_frames)):
            y = _mean_of_channels(block)
            if not np.isfinite(y).all():
                raise BadItem(
                    "it contains NaN or infinite samples",
                    "Write the file again with finite samples in [-1, 1].",
                )
            yield y


def _decoder_of(file):
    signature = signature_of(file)
    container = container_of(signature)
    if container is None:
        return open_with_sndfile(file, signature)
    return PyAVDecoder(file, container)


def version_of_decoder(signature):
    """Return the version of the decoder of a file, unless that is libsndfile.

    Parameters
    ----------
    signature : bytes
        See `signature_of`.

    Returns
    -------
    version : bytes
        Empty if libsndfile decodes the file, or if PyAV is not installed.
    """
    try:
        return b"" if container_of(signature) is None else f"PyAV {_pyav_version()}\0".encode()
    except metadata.PackageNotFoundError:
        return b""


@functools.cache
def _pyav_version():
    return metadata.version("av")


def _mean_of_channels(y):
    """Return the mean over the second axis; numpy's mean is ten times slower on a short axis."""
    if y.shape[1] == 1:
        return y[:, 0]
    with np.errstate(over="ignore"):  # reported by the caller
        mean = y[:, 0] + y[:, 1]
        for channel in range(2, y.shape[1]):
            mean += y[:, channel]
    mean /= y.shape[1]
    return mean


def _resampled(blocks, rate, sr):
    """Resample and join blocks, without storing a long piece at the rate of its file."""
    some = [*itertools.islice(blocks, 2)]
    if len(some) == 1:  # same bits, but faster
        return soxr.resample(some[0], rate, sr, quality="HQ")
    stream = soxr.ResampleStream(rate, sr, 1, dtype="float32", quality="HQ")
    y = [stream.resample_chunk(block) for block in itertools.chain(some, blocks)]
    y.append(stream.resample_chunk(np.empty(0, np.float32), last=True))
    return np.concatenate(y)


def _joined(blocks):
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def check_file(path):
    """Check that a path is a file that can be opened and is not empty.

    Parameters
    ----------
    path : str, bytes or PathLike

    Raises
    ------
    BadItem
        If it is not.
    """
    _open(path).close()


def _open(path):
    # Unbuffered, because decoders read through a copy of the descriptor, which shares its position.
    return open_file(
        path, buffering=0, if_folder="Pass a file; MeanOverTracks accepts a list of files per row."
    )


def _view(file):
    """Return a view of a file opened by the user, or raise BadItem if it cannot be read."""
    try:
        file.seek(0)
        is_binary = isinstance(file.read(1), bytes)
        view = View(file) if is_binary else None
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise BadItem(
            f"the open file cannot be read ({error})",
            "Open it again, or pass io.BytesIO(file.read()) for a stream that cannot be rewound.",
        ) from error
    if view is None:
        raise BadItem("the file is open as text", "Open it with mode 'rb'.")
    if not size_of(view):
        raise BadItem(*EMPTY_FILE)
    return view


def _nothing():
    """Do nothing: a file opened by the user stays open."""
