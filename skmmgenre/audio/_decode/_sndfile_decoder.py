"""Decoder for formats that libsndfile supports: MP3, WAV, FLAC, Ogg, AIFF.

If the header of a file does not match its content, libsndfile gets a corrected header.
"""

import contextlib
import io
import itertools
import os
import re
import struct

import soundfile

from ...utils import BadItem
from ._c_stderr import can_quiet_c_stderr, quiet_c_stderr
from ._claims import GET_AGAIN, check_format, truncated
from ._flac_length import true_flac_header
from ._mp3_frames import count_mp3_frames, starts_with_mp3_frame
from ._ogg_pages import ogg_links
from ._view import View, size_of
from ._wav_chunks import plain_wav, samples_of_wav, wav_header

# A seek in a compressed file is exact, but the first packets after it depend on earlier ones, so
# decode this much more and discard it. In MP3, a packet may use 511 bytes (255 below 32 kHz) of
# earlier packets, which are 0.6 s at the lowest bit rate, 8 kbit/s; in Ogg, it overlaps the
# previous packet, of at most 8192 samples.
_MP3_PREROLL = 0.65  # seconds
_OGG_PREROLL = 8192  # frames
# The MP3 decoder writes a line to standard error for every missing packet. If that cannot be
# silenced, seek only if it saves much time: not in previews of 30 s.
_NOISY_SEEK_FROM = 15.0  # seconds
# A seek to the very last block of a FLAC sometimes decodes the whole file.
_FLAC_END = 2 * 4608  # frames: two blocks of the usual size
_BLOCK = 1 << 21  # samples decoded at a time, over all channels: 23 s of stereo at 44,100 Hz
_MOST_LINKS = 1_000
# libsndfile's error codes. The second refers to a file next to it that it checks for the format.
_UNRECOGNISED = 1, 7
# A longer file that declares no samples was not finished by the program that wrote it.
_LONGEST_HEADER = 1 << 14  # bytes
_UNFILLED = {"AIFF", "AU", "CAF", "RF64", "W64", "WAV", "WAVEX"}
_MP3_FRAME = 1152  # maximum number of audio frames per MP3 frame
_CONVERT = (
    "Supported formats: WAV, FLAC, OGG, MP3 and, with PyAV, M4A, AAC, WMA, WebM and APE, detected "
    "from the content, not the name. Convert other files (ffmpeg -i INPUT out.flac)."
)
# Patterns in libsndfile's log of the declared size of the samples and the size that it found.
_DATA_SIZE = {
    "WAV": r"^data : (\d+) \(should be (\d+)\)",
    "WAVEX": r"^data : (\d+) \(should be (\d+)\)",
    "CAF": r"^data : (\d+) \(should be (\d+)\)",
    "AIFF": r"^ SSND : (\d+) \(should be (\d+)\)",
    "AU": r"^  Data Size   : (\d+) \(should be (\d+)\)",
}
# For these formats of long files, it only logs the declared size.
_LONG_DATA_SIZE = {"W64": r"^data : (\d+)", "RF64": r"^  Data size : (\d+)"}
# Encodings in which all frames have the same number of bytes.
_FRAME_BY_FRAME = {
    *("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
}


def open_with_sndfile(file, signature):
    """Open a file with libsndfile.

    Parameters
    ----------
    file : FileIO or View
        It is not closed with the decoder.
    signature : bytes
        See `signature_of`.

    Returns
    -------
    decoder : SndfileDecoder or ChainedDecoder

    Raises
    ------
    BadItem
        See `SndfileDecoder`.
    """
    if signature.startswith(b"OggS"):
        links = ogg_links(file)
        if len(links) > 1:
            return ChainedDecoder(file, links)
        return SndfileDecoder(file, link=links[0] if links else None)
    if signature.startswith(b"fLaC"):
        start, header = true_flac_header(file)
        return SndfileDecoder(View(file, start + len(header), head=header) if header else file)
    if starts_with_mp3_frame(signature):
        return _open_mp3(file)
    try:
        decoder = SndfileDecoder(file)
    except _Malformed:
        decoder = _open_malformed(file)
        if decoder is None:
            raise
    if decoder.subtype.startswith("MPEG"):  # in a WAV file, which does not declare its length
        decoder.close()
        return _open_mp3(samples_of_wav(file) or file)
    return decoder


def _open_malformed(file):
    """Open a WAV with a malformed header, or an MP3 after other bytes; None if it is neither."""
    if (view := plain_wav(file)) is not None:
        return SndfileDecoder(view)
    return _open_mp3(file) if count_mp3_frames(file) is not None else None


def _open_mp3(file):
    """Open an MPEG audio file, with a header that declares the counted number of frames."""
    frames = count_mp3_frames(file)
    if frames is None:
        return SndfileDecoder(file, is_mp3=True)
    declared, n_frames = frames.declared_frames, frames.n_frames
    if not frames.is_gapless:  # let the decoder determine how far it gets
        source = View(file, frames.start)
        return SndfileDecoder(source, is_mp3=True, is_counted=declared is None)
    if declared is not None and declared > n_frames and frames.is_cut_short(size_of(file)):
        raise truncated(frames.n_samples, declared * frames.samples_per_frame, frames.sample_rate)
    if declared == n_frames and frames.start == frames.begin:
        source = file
    elif frames.layer == 3:
        head = frames.true_declaration()
        source = View(file, frames.start_of_sound, frames.stop, head)
    else:  # layers 1 and 2 have no declaration
        source = View(file, frames.start, frames.stop)
    options = {"is_mp3": True, "is_counted": frames.layer != 3}
    try:
        return SndfileDecoder(source, **options)
    except _Malformed:
        # libsndfile mistakes files in the working directory (._ or .AppleDouble) for a part of a
        # bare MP3, but not of a WAV. 85 is the code of MP3; the rate and the number of channels do
        # not matter here, because the decoder reads them from the frames.
        description = struct.pack("<HHIIHHHHIHHH", 85, 2, 44100, 0, 1, 0, 12, 0, 0, 0, 0, 0)
        return SndfileDecoder(
            View(source, head=wav_header(description, size_of(source))), **options
        )


class _SoundFile(soundfile.SoundFile):
    """A file that is read sequentially without seeks.

    soundfile seeks to the current position after every read, which makes the MP3 decoder discard
    data of earlier packets that the next packets need.
    """

    def seekable(self):
        """Return False, so that a read does not seek; `seek` works."""
        return False


class SndfileDecoder:
    """An open file with one stream.

    Parameters
    ----------
    source : FileIO or View
        Not closed with the decoder.
    is_mp3 : bool, default=False
        Whether it is MPEG audio.
    is_counted : bool, default=False
        Whether to determine the length by decoding the file.
    link : OggLink, default=None
        Declarations in the pages of an Ogg file.

    Attributes
    ----------
    n_frames, sample_rate : int
        As in `AudioFile`.
    n_channels : int
    subtype : str
        libsndfile's name of the encoding.

    Raises
    ------
    BadItem
        If the file is not audio or is truncated, or if its header is not plausible.
    """

    def __init__(self, source, *, is_mp3=False, is_counted=False, link=None):
        self._source, self._is_mp3, self._link = source, is_mp3, link
        self.n_frames = None
        self._n_bytes = size_of(source)  # now, because copies of a descriptor share its position
        self._file = self._open()
        try:
            self.sample_rate, self.n_channels = self._file.samplerate, self._file.channels
            self.subtype = self._file.subtype
            check_format(self.sample_rate, self.n_channels)
            self.n_frames = self._file.frames
            self._seekable = self.n_frames  # last frame to which a seek is exact
            if is_counted:
                self.n_frames = self._count_frames()
            self._inspect()
        except BaseException:
            self._file.close()
            raise

    def close(self):
        """Close the decoder, not the file."""
        self._file.close()

    def blocks(self, start, stop):
        """Decode frames of the file.

        Parameters
        ----------
        start, stop : int
            At the file's own rate; `stop` must not be beyond its end.

        Yields
        ------
        block : ndarray of float32, shape (n, n_channels)
            Consecutive frames. At the end of an MP3 there may be fewer than requested.

        Raises
        ------
        BadItem
            If the file is truncated before `stop`.
        """
        place = start
        if self._is_mp3:
            place = max(0, start - int(_MP3_PREROLL * self.sample_rate))
            if not can_quiet_c_stderr() and start < _NOISY_SEEK_FROM * self.sample_rate:
                place = 0
        elif self._link is not None:
            place = max(0, min(start, self._seekable) - _OGG_PREROLL)
        # The last declared frames of an MP3 may be empty.
        slack = 2 * _MP3_FRAME if self._is_mp3 else 0
        quiet = _quiet if self._is_mp3 else contextlib.nullcontext
        n_per_block = max(1, _BLOCK // self.n_channels)
        try:
            # Quiet only while libsndfile runs, not while the caller uses a block.
            with quiet():
                self._go_to(place)
            while place < stop:
                with quiet():
                    y = self._file.read(
                        min(n_per_block, stop - place), dtype="float32", always_2d=True
                    )
                if not len(y):
                    break
                begin, place = place, place + len(y)
                if place > start:
                    yield y[max(0, start - begin) :]
        except soundfile.LibsndfileError as error:
            raise self._truncated(error.error_string) from error
        if place < stop - slack or place <= start:
            raise self._truncated()

    def _open(self):
        """Open the file again.

        It is opened by its descriptor, not its path, because libsndfile would use the extension,
        and mistake a file called ._NAME next to it for a part of it.
        """
        source = self._source
        try:
            with _quiet() if self._is_mp3 else contextlib.nullcontext():
                if not isinstance(source, io.FileIO) or os.name != "posix":
                    source.seek(0)
                    return _SoundFile(source)
                # A copy, because soundfile closes the descriptor that it gets.
                descriptor = os.dup(source.fileno())
                os.lseek(descriptor, 0, os.SEEK_SET)
                return _SoundFile(descriptor)
        except soundfile.LibsndfileError as error:
            raise _refused(error) from error

    def _go_to(self, frame):
        if frame == self._file.tell():
            return
        if self._link is not None and self._file.tell() > 0:
            # After a read, libsndfile (1.2.2) may seek to a wrong position.
            self._reopen()
        self._file.seek(frame)

    def _reopen(self):
        self._file.close()
        self._file = self._open()

    def _inspect(self):
        """Determine the length of the file and check whether it is truncated."""
        kind, log = self._file.format, self._file.extra_info
        if self._link is not None:
            self._inspect_ogg(log)
        elif kind == "FLAC" and self.n_frames > 0:
            try:
                # A FLAC does not declare its size in bytes, so check that its end can be decoded.
                self._file.seek(max(0, self.n_frames - _FLAC_END))
                wanted = self.n_frames - self._file.tell()
                complete = len(self._file.read(wanted, dtype="int16")) == wanted
            except soundfile.LibsndfileError:
                complete = False
            if not complete:
                raise self._truncated()
        elif kind in _DATA_SIZE and (sizes := re.search(_DATA_SIZE[kind], log, re.MULTILINE)):
            declared, found = map(int, sizes.groups())
            # Programs that do not know the size write one near 2 or 4 GB.
            if found < declared < 0x7FFF0000:
                # For the message: libsndfile only counts the frames that are there.
                self.n_frames = int(self.n_frames * declared / max(found, 1))
                raise self._truncated()
        elif kind in _LONG_DATA_SIZE and self.subtype in _FRAME_BY_FRAME:
            size = re.search(_LONG_DATA_SIZE[kind], log, re.MULTILINE)
            frame = re.search(r"^  Block Align   : (\d+)", log, re.MULTILINE)
            # Sizes written by programs that do not know it; libsndfile rounds up to 8 bytes.
            none = (0, 0xFFFFFFFF, 1 << 32)
            if size and frame and int(size[1]) not in none and int(size[1]) < 1 << 62:
                # W64 includes its header of 24 bytes, and padding to a multiple of 8.
                declared = int(size[1]) - (24 + 7 if kind == "W64" else 1)
                if self.n_frames * int(frame[1]) < declared:
                    self.n_frames = declared // int(frame[1])
                    raise self._truncated()
        if not self.n_frames and kind in _UNFILLED and self._n_bytes > _LONGEST_HEADER:
            raise _Malformed(
                f"its header declares no samples, although the file has {self._n_bytes:,} bytes: "
                "the program that wrote it may have stopped before it filled in the sizes",
                GET_AGAIN,
            )

    def _inspect_ogg(self, log):
        if not self._link.is_ended or "lacks an end-of-stream" in log:
            self.n_frames = None
            raise self._truncated("no end-of-stream mark")
        if not self._link.rises:
            raise BadItem("its pages declare inconsistent positions", GET_AGAIN)
        if self._link.fits:
            # After a seek into the last page, libsndfile (1.2.2) returns wrong samples.
            self._seekable = self.n_frames - self._link.n_frames_on_last_page
        else:
            self.n_frames, self._seekable = self._count_frames(), 0

    def _count_frames(self):
        """Return the number of frames by decoding the file to its end."""
        try:
            count = sum(self._decode_to_end())
        except soundfile.LibsndfileError as error:
            self.n_frames = None
            raise self._truncated(error.error_string) from error
        self._reopen()
        return count

    def _truncated(self, detail=None):
        """Return the error that reports how much of the file could be decoded."""
        count = 0
        try:
            self._reopen()
            for n_read in self._decode_to_end():
                count += n_read
        except soundfile.LibsndfileError as error:
            detail = detail or error.error_string
        self._reopen()
        return truncated(count, self.n_frames, self.sample_rate, detail)

    def _decode_to_end(self):
        """Yield the number of frames of each read until the end."""
        with _quiet():
            # One second at a time, because a read that fails loses everything it decoded.
            second = self.sample_rate
            while n_read := len(self._file.read(second, dtype="float32", always_2d=True)):
                yield n_read


class ChainedDecoder:
    """An open Ogg file with several chained streams, of which libsndfile only reads the first.

    Parameters
    ----------
    file : FileIO or View
        Not closed with the decoder.
    links : list of OggLink

    Attributes
    ----------
    n_frames, sample_rate : int
        As in `AudioFile`.

    Raises
    ------
    BadItem
        If a stream is truncated, or differs from the first in its format.
    """

    def __init__(self, file, links):
        if len(links) > _MOST_LINKS:
            raise BadItem(
                f"it is a chain of {len(links):,} streams, more than the maximum of "
                f"{_MOST_LINKS:,}",
                "Re-encode it as one stream (ffmpeg -i INPUT out.flac).",
            )
        self._file, self._links, self._ends = file, links, [0]
        kinds = set()
        for link in links:
            with contextlib.closing(self._decoder(link)) as decoder:
                kinds.add((decoder.sample_rate, decoder.n_channels))
                self._ends.append(self._ends[-1] + decoder.n_frames)
            if len(kinds) > 1:
                raise BadItem(
                    "its chained streams differ in sampling rate or number of channels",
                    "Re-encode it as one stream (ffmpeg -i INPUT out.flac).",
                )
        (self.sample_rate, _), self.n_frames = *kinds, self._ends[-1]

    def close(self):
        """Do nothing: a stream is open only while it is read."""

    def blocks(self, start, stop):
        """Decode frames of the file; see `SndfileDecoder.blocks`."""
        for link, (begin, end) in zip(self._links, itertools.pairwise(self._ends), strict=True):
            if begin < stop and start < end:
                with contextlib.closing(self._decoder(link)) as decoder:
                    yield from decoder.blocks(max(0, start - begin), min(stop, end) - begin)

    def _decoder(self, link):
        return SndfileDecoder(View(self._file, link.start, link.stop), link=link)


class _Malformed(BadItem):
    """A file that libsndfile cannot use as it is."""


def _refused(error):
    if error.code in _UNRECOGNISED:
        return _Malformed("it is not audio, or has an unknown format", _CONVERT)
    reason = error.error_string.rstrip(".") or "its header is malformed"
    return _Malformed(f"it cannot be decoded ({reason})", GET_AGAIN)


def _quiet():
    """Silence the MP3 decoder, which reports missing packets, if that is possible."""
    return quiet_c_stderr() if can_quiet_c_stderr() else contextlib.nullcontext()
