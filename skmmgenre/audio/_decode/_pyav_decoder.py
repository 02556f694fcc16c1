"""Files that PyAV decodes and libsndfile does not: M4A, AAC, WMA, WebM, APE."""

import numpy as np

from ...utils import BadItem, import_from_extra
from ._claims import GET_AGAIN, check_format, truncated
from ._containers import is_cut_short
from ._mp4_boxes import declares_too_many_packets
from ._view import View, size_of

# A packet that is decoded after a seek lacks what came before it: decode this much more and throw
# it away. AAC overlaps the packet before; its extensions for low bit rates remember more.
_PREROLL = 0.5  # seconds
# The last packet may hold less than is declared.
_SLACK = 4096  # frames
_BLOCK = 1 << 14  # frames of silence at a time
# Frames that a packet of MP4 holds at most, if its codec does not say.
_MOST_PER_PACKET = 1 << 16


class PyAVDecoder:
    """An open file of one of the kinds that `container_of` knows.

    Parameters
    ----------
    file : seekable binary file
        It is not closed with the decoder.
    container : Container

    Attributes
    ----------
    n_frames, sample_rate : int
        As of `AudioFile`.

    Raises
    ------
    BadItem
        If PyAV is not installed, or the file holds no sound, is encrypted, or cut short.
    """

    def __init__(self, file, container):
        try:
            self._av = import_from_extra("av", f"Decoding {container.name}", extra="m4a")
        except ImportError as error:
            raise BadItem(
                f"it is {container.name}, which libsndfile does not decode",
                'Install PyAV (pip install "skmmgenre[m4a]"), or convert the file '
                "(ffmpeg -i INPUT out.flac).",
            ) from error
        # A view, because a seek before the start of a file is an error of Python's.
        self._container, self._file, self._options = container, View(file), {}
        if container.demuxer == "mov" and declares_too_many_packets(file):
            raise BadItem("it declares more packets of sound than its bytes can hold", GET_AGAIN)
        self._measure()

    def close(self):
        """Do nothing: the file is open for PyAV only while it is read."""

    def _open(self):
        """Open it anew: a decoder that has read before answers with other bits of noise."""
        self._file.seek(0)
        # A title may be in any encoding, of which PyAV is to be told before its version 19.
        is_old = int(self._av.__version__.partition(".")[0]) < 19
        encoding = {"metadata_errors": "replace"} if is_old else {}
        try:
            return self._av.open(
                self._file, format=self._container.demuxer, options=self._options, **encoding
            )
        except self._av.FFmpegError as error:
            raise BadItem(
                f"it is no whole {self._container.name} file ({_reason(error)})", GET_AGAIN
            ) from error

    def _measure(self):
        with self._open() as container:
            if not container.streams.audio:
                raise BadItem(f"the {self._container.name} file holds no sound", "Leave it out.")
            stream = container.streams.audio[0]
            codec = stream.codec_context
            if codec is None or not codec.sample_rate:
                raise BadItem(
                    "its sound is encrypted or of an unknown kind", "Get the file without a lock."
                )
            check_format(codec.sample_rate, codec.channels)
            self.sample_rate = codec.sample_rate
            step = stream.time_base * self.sample_rate
            index = stream.index_entries
            # Where each packet is, and when, in samples: of MP4 only.
            self._can_seek = len(index) > 1 and step.denominator == 1 and bool(stream.duration)
            if self._can_seek:
                self.n_frames = int(stream.duration * step)
                if index[-1].pos + index[-1].size > size_of(self._file):
                    raise self._truncated()
                if index[-1].timestamp * step < self.n_frames and _fits(
                    self.n_frames, len(index), _frames_per_packet(codec)
                ):
                    return
                # The times that it declares are not those of its packets, nor what it cuts by them.
                self._can_seek, self._options = False, {"ignore_editlist": "1"}
            declared = container.duration if self._container.demuxer != "aac" else None
        self.n_frames = self._count_frames()
        declared = int((declared or 0) * self.sample_rate / self._av.time_base)
        is_cut = is_cut_short(self._file, self._container)
        if is_cut is None:  # it declares no bytes
            is_cut = self.n_frames < declared - self.sample_rate // 2
        if is_cut:
            self.n_frames = max(self.n_frames, declared)
            raise self._truncated()

    def blocks(self, start, stop):
        """Decode frames of the file; see `SndfileDecoder.blocks`."""
        reached = start
        try:
            for place, block in self._blocks(start):
                if place > reached:  # a gap is silence
                    n_missing = min(place, stop) - reached
                    yield from _silence(n_missing, block.shape[1])
                    reached += n_missing
                begin, end = reached - place, min(place + len(block), stop) - place
                if begin < end:
                    yield block[begin:end]
                    reached = place + end
                if reached >= stop:
                    break
        except self._av.FFmpegError as error:
            raise self._truncated(_reason(error)) from error
        if reached == start or reached < stop - _SLACK:
            raise self._truncated()

    def _blocks(self, start=0):
        """Decode from near a frame on: pairs of the place of a block and its samples."""
        with self._open() as container:
            stream = container.streams.audio[0]
            begin = start - int(_PREROLL * self.sample_rate)
            if self._can_seek and begin > 0:
                container.seek(int(begin / self.sample_rate / stream.time_base), stream=stream)
            to_float = self._av.AudioResampler(format="fltp")
            place = 0
            for frame in container.decode(stream):
                if self._can_seek and frame.pts is not None:
                    place = round(frame.pts * frame.time_base * self.sample_rate)
                for part in to_float.resample(frame):
                    samples = part.to_ndarray().T
                    if place + len(samples) > start:
                        yield place, samples
                    place += len(samples)

    def _count_frames(self):
        count = 0
        try:
            for place, block in self._blocks():
                count = place + len(block)
        except self._av.FFmpegError as error:
            self.n_frames = None
            raise self._truncated(_reason(error)) from error
        return count

    def _truncated(self, detail=None):
        """The error that says how much of the file could be decoded."""
        count = 0
        try:
            for place, block in self._blocks():
                count = place + len(block)
        except (self._av.FFmpegError, BadItem):
            pass
        return truncated(count, self.n_frames, self.sample_rate, detail)


def _frames_per_packet(codec):
    """Frames of sound in a packet of MP4, 0 if it is not known."""
    if codec.name == "alac" and codec.extradata:
        return int.from_bytes(codec.extradata[12:16], "big")
    return codec.frame_size or 0


def _fits(n_frames, n_packets, frames_per_packet):
    """Tell whether packets can hold as many frames as an MP4 declares.

    HE-AAC may declare half of the rate, or of the frames, that it is decoded to; the first and
    the last packet may be cut.
    """
    least = (n_packets - 2) * frames_per_packet // 2
    most = n_packets * 2 * (frames_per_packet or _MOST_PER_PACKET)
    return least <= n_frames <= most


def _silence(n_frames, n_channels):
    """Yield frames of silence."""
    for start in range(0, n_frames, _BLOCK):
        yield np.zeros((min(_BLOCK, n_frames - start), n_channels), np.float32)


def _reason(error):
    return (error.strerror or type(error).__name__).rstrip(".")
