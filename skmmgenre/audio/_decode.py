"""Read seconds of an audio file."""

import errno
import math
import os
import re

import numpy as np
import soundfile
import soxr

from ..items import BadItem

# A seek in a compressed file lands exactly, but the first packets after it lack what came
# before them: decode this much more and throw it away. In mp3, a packet may borrow bits from
# packets of the last second; in Ogg, it overlaps the one before, of 8192 samples at most.
_MP3_PREROLL = 1.0  # seconds
_OGG_PREROLL = 8192  # frames
# The mp3 decoder writes a line to standard error for every packet that it lacks, so a seek is
# made only where it saves something. Previews of 30 s are read from their beginning.
_SEEK_MP3_FROM = 15.0  # seconds
# A seek to the very last block of a FLAC decodes the whole file at times.
_FLAC_END = 2 * 4608  # frames: two blocks of usual size
_OGG_PAGE = 27 + 255 + 255 * 255  # bytes at most
# Beyond it, the resampled piece is the same as if the whole file were resampled.
_RESAMPLING_MARGIN = 0.05  # seconds
_BLOCK = 1 << 18  # frames
_MP3_FRAME = 1152  # frames of audio at most in a frame of mp3
_GET_AGAIN = "Get the file again, or re-encode what is left of it (ffmpeg -i INPUT out.flac)."
_CONVERT = (
    "Readable are WAV, FLAC, OGG and MP3, told by their content, not their name: "
    "convert others (ffmpeg -i INPUT out.flac)."
)


class AudioFile:
    """An open audio file of any rate, channels and format that libsndfile reads.

    A context manager.

    Parameters
    ----------
    path : str, bytes or PathLike
        WAV, FLAC, OGG or MP3.

    Attributes
    ----------
    n_frames : int
        Length of the file, in samples a channel at its own rate.
    sample_rate : int
        Its own rate in Hz.

    Raises
    ------
    BadItem
        If there is no such file, or it is empty, no audio, cut short, or without a sample.
    """

    def __init__(self, path):
        path = os.fspath(path)
        _check_file(path)
        try:
            self._file = soundfile.SoundFile(path)
        except soundfile.LibsndfileError as error:
            raise BadItem("it is not audio, or of an unknown format", _CONVERT) from error
        try:
            self.sample_rate = self._file.samplerate
            self.n_frames = self._file.frames
            self._inspect(path)
            if self.n_frames <= 0:
                raise BadItem("the file holds 0 samples of audio", "Leave the cell empty.")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._file.close()

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
        stop = min(stop, self.n_frames)
        wanted = stop - start
        begin = start
        if self._file.format in ("MP3", "MPEG"):
            late = start > _SEEK_MP3_FROM * self.sample_rate
            begin = start - int(_MP3_PREROLL * self.sample_rate) if late else 0
        elif self._file.format == "OGG":
            begin = max(0, min(start, self._seekable) - _OGG_PREROLL)
        try:
            self._go_to(begin)
            y = self._file.read(stop - begin, dtype="float32", always_2d=True)[start - begin :]
        except soundfile.LibsndfileError as error:
            raise self._truncated(error.error_string) from error
        # The last frames of an mp3 may be declared and hold nothing.
        slack = 2 * _MP3_FRAME if self._file.format in ("MP3", "MPEG") else 0
        if len(y) < wanted - slack or len(y) == 0:
            raise self._truncated()
        y = _mean_of_channels(y)
        if not np.isfinite(y).all():
            raise BadItem(
                "it holds NaN or infinite samples",
                "Write the file again with finite samples in [-1, 1].",
            )
        return y

    def _go_to(self, frame):
        if frame == self._file.tell():
            return
        if self._file.format == "OGG" and self._file.tell() > 0:
            # After a read, libsndfile (1.2.2) may seek to another place.
            self._file.close()
            self._file = soundfile.SoundFile(self._file.name)
        self._file.seek(frame)

    def _inspect(self, path):
        """Settle the length of the file and find out whether it was cut short."""
        kind, log = self._file.format, self._file.extra_info
        if kind in ("MP3", "MPEG"):
            declared, n_bytes = _xing_header(path)
            if declared is None:
                self.n_frames = self._count_frames()  # the decoder could only guess
            elif n_bytes > 1.01 * os.path.getsize(path):
                raise self._truncated()
        elif kind == "OGG":
            if "lacks an end-of-stream" in log:
                self.n_frames = None
                raise self._truncated("no end-of-stream mark")
            self._seekable = self.n_frames - _last_ogg_page(path)
        elif kind == "FLAC" and self.n_frames > 0:
            try:
                self._file.seek(max(0, self.n_frames - _FLAC_END))
                wanted = self.n_frames - self._file.tell()
                complete = len(self._file.read(wanted, dtype="int16")) == wanted
            except soundfile.LibsndfileError:
                complete = False
            if not complete:
                raise self._truncated()
        elif kind in ("WAV", "WAVEX") and (
            sizes := re.search(r"^data : (\d+) \(should be (\d+)\)", log, flags=re.MULTILINE)
        ):
            declared, found = map(int, sizes.groups())
            # A size near 2 or 4 GB is what programs write that cannot know it.
            if found < declared < 0x7FFF0000:
                self.n_frames = int(self.n_frames * declared / max(found, 1))
                raise self._truncated()

    def _count_frames(self):
        count = 0
        while read := len(self._file.read(_BLOCK, dtype="float32", always_2d=True)):
            count += read
        self._file.seek(0)
        return count

    def _truncated(self, detail=None):
        """The error that says how much of the file could be decoded."""
        count = 0
        try:
            with soundfile.SoundFile(self._file.name) as file:
                while read := len(file.read(file.samplerate, dtype="float32", always_2d=True)):
                    count += read
        except soundfile.LibsndfileError as error:
            detail = detail or error.error_string
        reason = f"truncated: {count / self.sample_rate:.1f} s"
        if self.n_frames is not None:
            reason += f" of {self.n_frames / self.sample_rate:.1f} s"
        reason += " could be decoded"
        if detail:
            reason += f" ({detail.rstrip('.')})"
        return BadItem(reason, _GET_AGAIN)


def _mean_of_channels(y):
    """The mean over the second axis, which is short: numpy's own takes ten times as long."""
    mean = np.ascontiguousarray(y[:, 0])
    if y.shape[1] == 1:
        return mean
    for channel in range(1, y.shape[1]):
        mean += y[:, channel]
    mean /= y.shape[1]
    return mean


def _check_file(path):
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


def _xing_header(path):
    """Number of frames and of bytes that an mp3 declares, None where it does not."""
    with open(path, "rb") as file:
        head = file.read(10)
        tag = 0
        if head[:3] == b"ID3":
            size = head[6:10]  # seven bits a byte
            tag = 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
        file.seek(tag)
        start = file.read(4096)
    at = max(start.find(b"Xing"), start.find(b"Info"))
    if at < 0 or len(start) < at + 16:
        return None, 0
    fields = start[at + 4 : at + 16]
    flags = int.from_bytes(fields[:4], "big")
    n_frames = int.from_bytes(fields[4:8], "big") if flags & 1 else None
    n_bytes = int.from_bytes(fields[8:12], "big") if flags & 3 == 3 else 0
    return n_frames, n_bytes


def _last_ogg_page(path):
    """Number of frames on the last page of an Ogg file, infinite if it cannot be told.

    libsndfile (1.2.2) answers a seek into the last page with samples of another place.
    """
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 2 * _OGG_PAGE))
        end = file.read()
    last = end.rfind(b"OggS")
    before = end.rfind(b"OggS", 0, max(0, last))
    if before < 0 or end[before + 14 : before + 18] != end[last + 14 : last + 18]:
        return math.inf  # another stream's page
    # Every page declares the number of frames up to its end.
    begin, stop = (int.from_bytes(end[at + 6 : at + 14], "little") for at in (before, last))
    return stop - begin if begin < stop else math.inf
