"""Files that libsndfile decodes: MP3, WAV, FLAC, Ogg, AIFF. Truncated ones are detected."""

import contextlib
import os
import re

import soundfile

from ...utils import BadItem
from ._c_stderr import can_quiet_c_stderr, quiet_c_stderr
from ._claims import last_ogg_page, truncated, xing_header

# A seek in a compressed file lands exactly, but the first packets after it lack what came
# before them: decode this much more and throw it away. In mp3, a packet may borrow 511 bytes
# (255 below 32 kHz) of those before, which at 8 kbit/s, the least, are those of 0.6 s; in Ogg, it
# overlaps the one before, of 8192 samples at most.
_MP3_PREROLL = 0.65  # seconds
_OGG_PREROLL = 8192  # frames
# The mp3 decoder writes a line to standard error for every packet that it lacks. Where that
# cannot be silenced, a seek is made only if it saves much: not in previews of 30 s.
_NOISY_SEEK_FROM = 15.0  # seconds
# A seek to the very last block of a FLAC decodes the whole file at times.
_FLAC_END = 2 * 4608  # frames: two blocks of usual size
_BLOCK = 1 << 18  # frames
_MP3_FRAME = 1152  # frames of audio at most in a frame of mp3
_CONVERT = (
    "Readable are WAV, FLAC, OGG, MP3 and, with PyAV, M4A, told by their content, not their "
    "name: convert others (ffmpeg -i INPUT out.flac)."
)
# The size of the samples that a file declares and the one that libsndfile finds, in its log.
_DATA_SIZE = {
    "WAV": r"^data : (\d+) \(should be (\d+)\)",
    "WAVEX": r"^data : (\d+) \(should be (\d+)\)",
    "AIFF": r"^ SSND : (\d+) \(should be (\d+)\)",
    "AU": r"^  Data Size   : (\d+) \(should be (\d+)\)",
}
# Of these formats for long files, it logs the declared one alone.
_LONG_DATA_SIZE = {"W64": r"^data : (\d+)", "RF64": r"^  Data size : (\d+)"}
# In these encodings every frame takes as many bytes.
_FRAME_BY_FRAME = {
    *("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
}


class SndfileDecoder:
    """An open WAV, FLAC, OGG, MP3 or AIFF file.

    Parameters
    ----------
    path : str, bytes or PathLike

    Attributes
    ----------
    n_frames, sample_rate : int
        As of `AudioFile`.

    Raises
    ------
    BadItem
        If it is not audio, or cut short.
    """

    def __init__(self, path):
        # A str that stands for bytes that are no UTF-8 is refused by soundfile.
        self._path = os.fsencode(path) if os.name == "posix" else os.fsdecode(path)
        try:
            self._file = _open(self._path)
        except soundfile.LibsndfileError as error:
            raise BadItem("it is not audio, or of an unknown format", _CONVERT) from error
        try:
            self.sample_rate = self._file.samplerate
            self.n_frames = self._file.frames
            self._inspect(self._path)
        except BaseException:
            self._file.close()
            raise

    def close(self):
        """Close the file."""
        self._file.close()

    def read_frames(self, start, stop):
        """Read frames of the file.

        Parameters
        ----------
        start, stop : int
            At the file's own rate; stop is not beyond its end.

        Returns
        -------
        y : ndarray of float32, shape (n, n_channels)
            Fewer than asked for at the end of an mp3 only.

        Raises
        ------
        BadItem
            If the file is cut short before `stop`.
        """
        wanted = stop - start
        begin, quiet = start, contextlib.nullcontext()
        if self._file.format in ("MP3", "MPEG"):
            begin, quiet = max(0, start - int(_MP3_PREROLL * self.sample_rate)), _quiet()
            if not can_quiet_c_stderr() and start < _NOISY_SEEK_FROM * self.sample_rate:
                begin = 0
        elif self._file.format == "OGG":
            begin = max(0, min(start, self._seekable) - _OGG_PREROLL)
        try:
            with quiet:
                self._go_to(begin)
                y = self._file.read(stop - begin, dtype="float32", always_2d=True)
            y = y[start - begin :]
        except soundfile.LibsndfileError as error:
            raise self._truncated(error.error_string) from error
        # The last frames of an mp3 may be declared and hold nothing.
        slack = 2 * _MP3_FRAME if self._file.format in ("MP3", "MPEG") else 0
        if len(y) < wanted - slack or len(y) == 0:
            raise self._truncated()
        return y

    def _go_to(self, frame):
        if frame == self._file.tell():
            return
        if self._file.format == "OGG" and self._file.tell() > 0:
            # After a read, libsndfile (1.2.2) may seek to another place.
            self._file.close()
            self._file = _open(self._path)
        self._file.seek(frame)

    def _inspect(self, path):
        """Settle the length of the file and find out whether it was cut short."""
        kind, log = self._file.format, self._file.extra_info
        if kind in ("MP3", "MPEG"):
            declared, n_bytes = xing_header(path)
            if declared is None:
                self.n_frames = self._count_frames()  # the decoder could only guess
            elif n_bytes > 1.01 * os.path.getsize(path):
                raise self._truncated()
        elif kind == "OGG":
            if "lacks an end-of-stream" in log:
                self.n_frames = None
                raise self._truncated("no end-of-stream mark")
            self._seekable = self.n_frames - last_ogg_page(path)
        elif kind == "FLAC" and self.n_frames > 0:
            try:
                self._file.seek(max(0, self.n_frames - _FLAC_END))
                wanted = self.n_frames - self._file.tell()
                complete = len(self._file.read(wanted, dtype="int16")) == wanted
            except soundfile.LibsndfileError:
                complete = False
            if not complete:
                raise self._truncated()
        elif kind in _DATA_SIZE and (sizes := re.search(_DATA_SIZE[kind], log, re.MULTILINE)):
            declared, found = map(int, sizes.groups())
            # A size near 2 or 4 GB is what programs write that cannot know it.
            if found < declared < 0x7FFF0000:
                self.n_frames = int(self.n_frames * declared / max(found, 1))
                raise self._truncated()
        elif kind in _LONG_DATA_SIZE and self._file.subtype in _FRAME_BY_FRAME:
            size = re.search(_LONG_DATA_SIZE[kind], log, re.MULTILINE)
            frame = re.search(r"^  Block Align   : (\d+)", log, re.MULTILINE)
            # What a program writes that cannot know the size; libsndfile rounds it up to 8 bytes.
            none = (0, 0xFFFFFFFF, 1 << 32)
            if not size or not frame or int(size[1]) in none or int(size[1]) >= 1 << 62:
                return
            # Of W64, its header of 24 bytes is counted, and what fills it to a multiple of 8.
            declared = int(size[1]) - (24 + 7 if kind == "W64" else 1)
            if self.n_frames * int(frame[1]) < declared:
                self.n_frames = declared // int(frame[1])
                raise self._truncated()

    def _count_frames(self):
        count = 0
        try:
            with _quiet():
                while read := len(self._file.read(_BLOCK, dtype="float32", always_2d=True)):
                    count += read
                self._file.seek(0)
        except soundfile.LibsndfileError as error:
            self.n_frames = None
            raise self._truncated(error.error_string) from error
        return count

    def _truncated(self, detail=None):
        """The error that says how much of the file could be decoded."""
        count = 0
        try:
            with _quiet(), _open(self._path) as file:
                while read := len(file.read(file.samplerate, dtype="float32", always_2d=True)):
                    count += read
        except soundfile.LibsndfileError as error:
            detail = detail or error.error_string
        return truncated(count, self.n_frames, self.sample_rate, detail)


def _open(path):
    """Open a file by its content, whatever its name."""
    if os.path.splitext(os.fsdecode(path))[1].lower() != ".raw":
        return soundfile.SoundFile(path)
    # soundfile asks for the rate of what is called so, but a descriptor has no name.
    return soundfile.SoundFile(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))


def _quiet():
    """Silence the mp3 decoder, which writes of what it lacks, where that can be."""
    return quiet_c_stderr() if can_quiet_c_stderr() else contextlib.nullcontext()
