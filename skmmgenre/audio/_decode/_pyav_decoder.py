"""Files that PyAV decodes and libsndfile does not: M4A, AAC, WMA, WebM, APE."""

import os

import numpy as np

from ...utils import BadItem, import_from_extra
from ._claims import GET_AGAIN, truncated

# A packet that is decoded after a seek lacks what came before it: decode this much more and throw
# it away. AAC overlaps the packet before; its extensions for low bit rates remember more.
_PREROLL = 0.5  # seconds
# The last packet may hold less than is declared.
_SLACK = 4096  # frames


class PyAVDecoder:
    """An open file of one of the kinds that `container_of` knows.

    Parameters
    ----------
    path : str or bytes
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

    def __init__(self, path, container):
        try:
            self._av = import_from_extra("av", f"Decoding {container.name}", extra="m4a")
        except ImportError as error:
            raise BadItem(
                f"it is {container.name}, which libsndfile does not decode",
                'Install PyAV (pip install "skmmgenre[m4a]"), or convert the file '
                "(ffmpeg -i INPUT out.flac).",
            ) from error
        self._container = container
        self._file = open(path, "rb")
        try:
            self._measure()
        except BaseException:
            self._file.close()
            raise

    def close(self):
        """Close the file."""
        self._file.close()

    def _open(self):
        """Open it anew: a decoder that has read before answers with other bits of noise."""
        self._file.seek(0)
        try:
            return self._av.open(
                self._file,
                format=self._container.demuxer,
                metadata_errors="replace",  # a title may be in any encoding
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
            if stream.codec_context is None or not stream.codec_context.sample_rate:
                raise BadItem(
                    "its sound is encrypted or of an unknown kind", "Get the file without a lock."
                )
            self.sample_rate = stream.codec_context.sample_rate
            step = stream.time_base * self.sample_rate
            index = stream.index_entries
            # Where each packet is, and when, in samples: of MP4 only.
            self._can_seek = len(index) > 1 and step.denominator == 1 and bool(stream.duration)
            if self._can_seek:
                self.n_frames = int(stream.duration * step)
                if index[-1].pos + index[-1].size > os.fstat(self._file.fileno()).st_size:
                    raise self._truncated()
                return
            declared = container.duration if self._container.demuxer != "aac" else None
        self.n_frames = self._count_frames()
        declared = int((declared or 0) * self.sample_rate / self._av.time_base)
        if self.n_frames < declared - self.sample_rate // 2:
            self.n_frames = declared
            raise self._truncated()

    def read_frames(self, start, stop):
        """Read frames of the file; see `SndfileDecoder.read_frames`."""
        y, reached = None, start
        try:
            for place, block in self._blocks(start):
                if y is None:
                    y = np.zeros((stop - start, block.shape[1]), np.float32)
                begin, end = max(place, start), min(place + len(block), stop)
                y[begin - start : end - start] = block[begin - place : end - place]
                reached = end
                if reached >= stop:
                    break
        except self._av.FFmpegError as error:
            raise self._truncated(_reason(error)) from error
        if reached == start or reached < stop - _SLACK:
            raise self._truncated()
        return y[: reached - start]

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


def _reason(error):
    return (error.strerror or type(error).__name__).rstrip(".")
