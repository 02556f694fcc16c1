"""Count the frames of an MPEG audio file (MP3, MP2) from their headers, without decoding."""

import functools
from dataclasses import dataclass

from ._containers import length_of_id3
from ._view import size_of

_BLOCK = 1 << 16  # bytes read at a time
_MOST_JUNK = 1 << 16  # bytes that are searched for the next frame
_PROOF = 4  # this many adjacent frames in a row cannot be a coincidence
# The decoder, libmpg123, gives up if there are more bytes between two frames.
_MOST_LOST = 1023
_ROOM = 192  # bytes, minimum size of a frame with a declaration
_TAGS_AT_THE_END = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
# Sampling rates in Hz by their code, for each code of the version (MPEG 2.5, 2, 1).
_RATES = {0: (11025, 12000, 8000), 2: (22050, 24000, 16000), 3: (44100, 48000, 32000)}
# Bit rates in kbit/s by their code, counted from 1, for each (layer, is MPEG 1).
_BIT_RATES = {
    (1, True): range(32, 449, 32),
    (2, True): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, True): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (1, False): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, False): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (3, False): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True)
class Mp3Frames:
    """Content of the frame headers, and the declaration in the first frame."""

    begin: int  # end of the leading tags in bytes
    start: int  # position of the first frame
    stop: int  # end of the last complete frame
    first: bytes  # the first frame
    n_frames: int  # frames of sound; a first frame with a declaration has no sound
    layer: int
    samples_per_frame: int
    sample_rate: int
    is_cut: bool  # whether the file ends within a frame
    is_gapless: bool  # whether the decoder can skip all bytes between frames

    @property
    def n_samples(self):
        """Return the number of samples, including the padding that encoders add."""
        return self.n_frames * self.samples_per_frame

    @property
    def declared_frames(self):
        """Return the declared number of frames, or None."""
        return self._declared(1, 8)

    @property
    def declared_bytes(self):
        """Return the declared number of bytes, or None."""
        # A field is only present if its flag is set, so the bytes are at 8 if there are no frames.
        return self._declared(2, 12 if self._declared(1, 8) is not None else 8)

    def _declared(self, flag, offset):
        at = _place_of_xing(self.first)
        if not at or not self._number(at + 4) & flag:
            return None
        return self._number(at + offset)

    def _number(self, at):
        return int.from_bytes(self.first[at : at + 4], "big")

    def is_cut_short(self, length):
        """Return whether declared frames are missing because the file is truncated.

        Parameters
        ----------
        length : int
            Size of the file in bytes.

        Returns
        -------
        is_cut_short : bool
        """
        n_missing = (self.declared_frames or 0) - self.n_frames
        if n_missing < 1 or self.is_cut:
            return n_missing > 0
        if n_missing == 1:  # some encoders also count the frame with the declaration
            return False
        # The number of frames may also be declared wrongly; then all declared bytes are in the
        # file.
        return self.declared_bytes is None or self.declared_bytes > length - self.start

    @property
    def start_of_sound(self):
        """Return the position of the first frame with sound."""
        return self.start + len(self.first) * _holds_declaration(self.first)

    def true_declaration(self):
        """Return a first frame that declares the number of frames that were counted."""
        n_frames = self.n_frames.to_bytes(4, "big")
        if self.declared_frames is not None:  # keep its other fields, such as the encoder padding
            at = _place_of_xing(self.first) + 8
            n_bytes = (self.stop - self.start).to_bytes(4, "big")
            after = n_bytes if self.declared_bytes is not None else b""
            fields = n_frames + after
            return self.first[:at] + fields + self.first[at + len(fields) :]
        # Without a checksum, at the smallest bit rate at which a declaration fits.
        sizes = _sizes(*_kind(self.first))
        size, third = min((size, third) for third, size in enumerate(sizes) if size >= _ROOM)
        header = bytes((0xFF, self.first[1] | 1, third, self.first[3]))
        frame = header + bytes(_length_of_side_info(self.first)) + b"Info\0\0\0\1" + n_frames
        return frame.ljust(size, b"\0")


def count_mp3_frames(file):
    """Count the frames of an MPEG audio file.

    Parameters
    ----------
    file : seekable binary file
        Left at any position.

    Returns
    -------
    frames : Mp3Frames or None
        None if there are no frames of sound near the start of the file, or if they do not declare
        their size.
    """
    length, begin = size_of(file), length_of_id3(file)
    file.seek(begin)
    block = file.read(_MOST_JUNK)
    at = _next_frame(block)
    if at is None:
        return None
    kind = _kind(block[at:])
    first = block[at : at + _sizes(*kind)[block[at + 2]]]
    start = place = stop = begin + at
    n_frames, is_cut, is_gapless = 0, False, True
    while place < length:
        file.seek(place)
        block = file.read(_BLOCK)
        # Only headers are parsed: each gives the size of its frame, and so the position of the
        # next.
        count, size, last = _follow(block, kind)
        n_frames += count
        place += size
        # The last frame extends beyond the end of the file.
        if place > length:
            n_frames, stop, is_cut = n_frames - 1, place - last, True
            break
        stop = place if count else stop
        # The block ended, not the frames: a header takes four bytes.
        if count and size >= len(block) - 3:
            continue
        if length - place < 4:  # too few bytes for a header, but they may begin one
            is_cut = _begins_header(block, kind)
            break
        file.seek(place)
        rest = file.read(_MOST_JUNK)
        # A tag between joined files may be longer than what is searched, so it is skipped by its
        # size.
        junk = length_of_id3(file, place) - place or _next_frame(rest, kind)
        if not junk:  # tags, or other bytes, to the end
            # If these bytes are neither tags nor the rest of the file, the decoder may find more
            # frames.
            is_gapless = rest.startswith(_TAGS_AT_THE_END) or place + len(rest) == length
            break
        if junk > _MOST_LOST and not rest.startswith(b"ID3"):
            is_gapless = False
            break
        place += junk
    n_frames -= _holds_declaration(first)
    if n_frames < 1:
        return None
    version, layer, rate = kind
    return Mp3Frames(
        begin=begin,
        start=start,
        stop=stop,
        first=first,
        n_frames=n_frames,
        layer=layer,
        samples_per_frame=_samples_per_frame(version, layer),
        sample_rate=_RATES[version][rate],
        is_cut=is_cut,
        is_gapless=is_gapless,
    )


def starts_with_mp3_frame(signature):
    """Return whether the first bytes of a file look like the header of a frame."""
    return len(signature) > 1 and signature[0] == 0xFF and _is_second_byte(signature[1])


def _is_second_byte(byte):
    """Return whether a byte completes the sync word and has a valid version and layer."""
    return byte >= 0xE0 and byte >> 3 & 3 != 1 and byte >> 1 & 3 != 0


def _kind(header):
    """Return the version, layer and rate code of a frame, which are the same in a whole file."""
    return header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3), header[2] >> 2 & 3


@functools.cache
def _sizes(version, layer, rate):
    """Return frame sizes in bytes, indexed by the third header byte; 0 for another kind."""
    sizes = [0] * 256
    if rate == 3:
        return sizes
    for code, kbits in enumerate(_BIT_RATES[layer, version == 3], start=1):
        for padding in (0, 1):
            # Layer 1 counts in slots of four bytes.
            slot = 4 if layer == 1 else 1
            bits = _samples_per_frame(version, layer) * kbits * 1000 // _RATES[version][rate]
            size = (bits // (8 * slot) + padding) * slot
            for private in (0, 1):
                sizes[code << 4 | rate << 2 | padding << 1 | private] = size
    return sizes


def _samples_per_frame(version, layer):
    return 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152


def _marks(kind):
    """Return the first two bytes of a frame: with a checksum, and without."""
    version, layer, _ = kind
    plain = 0xE0 | version << 3 | 4 - layer << 1
    return bytes((0xFF, plain)), bytes((0xFF, plain | 1))


def _begins_header(rest, kind):
    """Return whether one to three bytes are the start of a frame header."""
    is_mark = any(mark.startswith(rest[:2]) for mark in _marks(kind))
    return is_mark and all(_sizes(*kind)[byte] for byte in rest[2:])


def _follow(block, kind, most=None):
    """Follow frames from the start of a block; return their number, total size and last size.

    The last frame may extend beyond the block.
    """
    sizes, marks = _sizes(*kind), _marks(kind)
    at = count = size = 0
    end = len(block) - 3
    while at < end and block[at : at + 2] in marks and sizes[block[at + 2]] and count != most:
        size = sizes[block[at + 2]]
        at += size
        count += 1
    return count, at, size


def _next_frame(block, kind=None):
    """Return the position of the first frame that is followed by others, None if there is none.

    A block that starts with frames may have fewer if they extend to its end.
    """
    at = block.find(b"\xff")
    while 0 <= at < len(block) - 3:
        if _is_second_byte(block[at + 1]) and kind in (None, _kind(block[at:])):
            # More than enough: no frame is as long as 8192 bytes.
            rest = block[at : at + _PROOF * 8192]
            count, size, _ = _follow(rest, _kind(rest), most=_PROOF)
            if count == _PROOF or (count and at == 0 and size >= len(rest)):
                return at
        at = block.find(b"\xff", at + 1)
    return None


def _length_of_side_info(frame):
    is_mono = frame[3] >> 6 == 3
    if _kind(frame)[0] == 3:
        return 17 if is_mono else 32
    return 9 if is_mono else 17


def _place_of_xing(frame):
    """Return the position of the word Xing or Info, which starts a declaration; 0 if missing."""
    if _kind(frame)[1] != 3:
        return 0
    at = 4 + _length_of_side_info(frame)
    return at if frame[at : at + 4] in (b"Xing", b"Info") and len(frame) >= at + 16 else 0


def _holds_declaration(frame):
    """Return whether a frame is a declaration (Xing, or VBRI by Fraunhofer) without sound."""
    return bool(_place_of_xing(frame)) or frame[36:40] == b"VBRI"
