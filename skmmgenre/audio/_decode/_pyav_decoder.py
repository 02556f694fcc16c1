"""Decoder for formats that libsndfile does not support: M4A, AAC, WMA, WebM, APE."""

import numpy as np

from ...utils import BadItem, import_from_extra
from ._claims import GET_AGAIN, check_format, truncated
from ._containers import is_cut_short
from ._mp4_boxes import declares_too_many_packets
from ._view import View, size_of

# The first packets after a seek depend on earlier ones, so decode this much more and discard it.
# AAC overlaps the previous packet; its extensions for low bit rates depend on more.
_PREROLL = 0.5  # seconds
# The last packet may have fewer frames than declared.
_SLACK = 4096  # frames
_BLOCK = 1 << 14  # frames of silence at a time
# Maximum number of frames per MP4 packet, if the codec does not declare it.
_MOST_PER_PACKET = 1 << 16


class PyAVDecoder:
    """An open file in one of the formats that `container_of` detects.

    Parameters
    ----------
    file : seekable binary file
        Not closed with the decoder.
    container : Container

    Attributes
    ----------
    n_frames, sample_rate : int
        As in `AudioFile`.

    Raises
    ------
    BadItem
        If PyAV is not installed, or if the file contains no audio, is encrypted or truncated.
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
        # A view, because Python raises an error for a seek before the start of a file.
        self._container, self._file, self._options = container, View(file), {}
        if container.demuxer == "mov" and declares_too_many_packets(file):
            raise BadItem("it declares more audio packets than fit into its size", GET_AGAIN)
        self._measure()

    def close(self):
        """Do nothing: PyAV opens the file only while it is read."""

    def _open(self):
        """Open the file again, because a decoder that was used before returns different noise."""
        self._file.seek(0)
        # Tags may have any encoding, an error in PyAV before 19 unless it is told to replace.
        is_old = int(self._av.__version__.partition(".")[0]) < 19
        encoding = {"metadata_errors": "replace"} if is_old else {}
        try:
            return self._av.open(
                self._file, format=self._container.demuxer, options=self._options, **encoding
            )
        except self._av.FFmpegError as error:
            raise BadItem(
                f"it is not a complete {self._container.name} file ({_reason(error)})", GET_AGAIN
            ) from error

    def _measure(self):
        with self._open() as container:
            if not container.streams.audio:
                raise BadItem(
                    f"the {self._container.name} file contains no audio", "Leave the cell empty."
                )
            stream = container.streams.audio[0]
            codec = stream.codec_context
            if codec is None or not codec.sample_rate:
                raise BadItem(
                    "its audio is encrypted or in an unknown format",
                    "Get the file without DRM, or convert it (ffmpeg -i INPUT out.flac).",
                )
            check_format(codec.sample_rate, codec.channels)
            self.sample_rate = codec.sample_rate
            step = stream.time_base * self.sample_rate
            index = stream.index_entries
            # The index gives position and time of each packet in samples; only MP4 has one.
            self._can_seek = len(index) > 1 and step.denominator == 1 and bool(stream.duration)
            if self._can_seek:
                self.n_frames = int(stream.duration * step)
                if index[-1].pos + index[-1].size > size_of(self._file):
                    raise self._truncated()
                if index[-1].timestamp * step < self.n_frames and _fits(
                    self.n_frames, len(index), _frames_per_packet(codec)
                ):
                    return
                # The declared times do not match the packets, so ignore edits based on them, too.
                self._can_seek, self._options = False, {"ignore_editlist": "1"}
            # ffmpeg only estimates the duration of bare AAC, from its bit rate.
            declared = container.duration if self._container.demuxer != "aac" else None
        self.n_frames = self._count_frames()
        declared = int((declared or 0) * self.sample_rate / self._av.time_base)
        is_cut = is_cut_short(self._file, self._container)
        if is_cut is None:  # the size is not declared
            is_cut = self.n_frames < declared - self.sample_rate // 2
        if is_cut:
            self.n_frames = max(self.n_frames, declared)
            raise self._truncated()

    def blocks(self, start, stop):
        """Decode frames of the file; see `SndfileDecoder.blocks`."""
        reached = start
        try:
            for place, block in self._blocks(start):
                if place > reached:  # fill a gap with silence
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
        """Yield the positions and samples of blocks, from shortly before a frame."""
        with self._open() as container:
            stream = container.streams.audio[0]
            begin = start - int(_PREROLL * self.sample_rate)
            if self._can_seek and begin > 0:
                container.seek(int(begin / self.sample_rate / stream.time_base), stream=stream)
            to_float = self._av.AudioResampler(format="fltp")
            place = 0
            for frame in container.decode(stream):
                # Times are exact to a sample if there is an index; otherwise, samples are counted.
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
        """Return the error that reports how much of the file could be decoded."""
        count = 0
        try:
            for place, block in self._blocks():
                count = place + len(block)
        except (self._av.FFmpegError, BadItem):
            pass
        return truncated(count, self.n_frames, self.sample_rate, detail)


def _frames_per_packet(codec):
    """Return the number of frames per MP4 packet, 0 if unknown."""
    if codec.name == "alac" and codec.extradata:
        return int.from_bytes(codec.extradata[12:16], "big")
    return codec.frame_size or 0


def _fits(n_frames, n_packets, frames_per_packet):
    """Return whether the packets of an MP4 file match the declared number of frames.

    HE-AAC may declare half of the decoded rate or number of frames, and the first and the last
    packet may be trimmed.
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
