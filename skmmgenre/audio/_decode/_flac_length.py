"""Determine the length of a FLAC file from its last block, to check the declared length."""

from ._containers import length_of_id3
from ._view import size_of

_END = 1 << 17  # bytes searched at the end of a file; a block is seldom a quarter as long
_MOST_TRIES = 8  # maximum number of blocks whose checksum is computed, which takes up to 10 ms
_HEADER = 42  # bytes up to the end of the first metadata block
_BLOCK_SIZES = {
    1: 192,
    **{k: 576 << k - 2 for k in range(2, 6)},
    **{k: 1 << k for k in range(8, 16)},
}
# Bytes of the number of samples, preceded by four bits of another number.
_TOTAL = slice(21, 26)
_MOST = (1 << 36) - 1


def true_flac_header(file):
    """Return a header with the true length of a FLAC file if the file declares a wrong one.

    Parameters
    ----------
    file : seekable binary file
        Left at any position.

    Returns
    -------
    start : int
        Position of the file's own header in bytes.
    header : bytes or None
        Replacement for the same number of bytes. None if the declared length is correct, or if
        no complete last block is found, because the file is truncated.
    """
    start = length_of_id3(file)
    file.seek(start)
    header = file.read(_HEADER)
    # The first metadata block must be of type 0, which declares the length.
    if len(header) < _HEADER or not header.startswith(b"fLaC") or header[4] & 127:
        return start, None
    total = int.from_bytes(header[_TOTAL], "big")
    length = size_of(file)
    file.seek(max(start + _HEADER, length - _END))
    end = _without_id3v1(file.read())
    # The minimum block size. If sizes are fixed, all blocks but the last have it.
    usual = int.from_bytes(header[8:10], "big")
    found = _end_of_last_block(end, usual, total & _MOST)
    if found is None or found == total & _MOST or not 0 < found <= _MOST:
        return start, None
    total = (total & ~_MOST | found).to_bytes(5, "big")
    return start, header[: _TOTAL.start] + total + header[_TOTAL.stop :]


def _end_of_last_block(end, usual, declared):
    """Return the number of samples up to the end of the last block, None if it is not found.

    A block header that matches the declared length is sufficient; otherwise, the checksum of the
    block must be valid.
    """
    at, n_tries = len(end), 0
    while n_tries < _MOST_TRIES and (at := end.rfind(b"\xff", 0, at)) >= 0:
        n_samples = _end_of_block(end[at : at + 16], usual)
        if n_samples is None:
            continue
        # The checksum is 0 only if the block ends where the file does.
        if n_samples == declared or not _crc16(end[at:]):
            return n_samples
        n_tries += 1
    return None


def _end_of_block(header, usual):
    """Return the number of samples up to the end of a block from its header, None if invalid."""
    # After 14 bits of sync word, the reserved bits, here and in the fourth byte, must be 0.
    if len(header) < 6 or header[1] & 0xFE != 0xF8 or header[3] & 1:
        return None
    length = _length_of_number(header[4])
    size_code, rate_code = header[2] >> 4, header[2] & 15
    # Sizes and rates without a code of their own follow the number, in one or two bytes each.
    n_size = {6: 1, 7: 2}.get(size_code, 0)
    n_rate = {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    end = 4 + length + n_size + n_rate
    if not length or not size_code or rate_code == 15 or len(header) <= end:
        return None
    if _crc8(header[: end + 1]):
        return None
    number = header[4] & (0x7F >> length if length > 1 else 0x7F)
    for byte in header[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    after = header[4 + length : 4 + length + n_size]
    size = int.from_bytes(after, "big") + 1 if n_size else _BLOCK_SIZES[size_code]
    # With a fixed block size the header gives the block number, otherwise that of the first sample.
    return (number if header[1] & 1 else number * usual) + size


def _length_of_number(first):
    """Return the length of a number coded like UTF-8, from its first byte; 0 if invalid."""
    n_ones = 8 - (first ^ 0xFF).bit_length()
    return 1 if n_ones == 0 else n_ones if 2 <= n_ones <= 7 else 0


def _without_id3v1(end):
    return end[:-128] if end[-128:-125] == b"TAG" else end


def _crc8(data):
    """Return the checksum of a header, 0 for one followed by its checksum."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc16(data):
    """Return the checksum of a block, 0 for one followed by its checksum."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc


def _crc_table(n_bits, polynomial):
    table = []
    for byte in range(256):
        crc = byte << n_bits - 8
        for _ in range(8):
            crc = crc << 1 ^ (polynomial if crc >> n_bits - 1 else 0)
        table.append(crc & (1 << n_bits) - 1)
    return table


_CRC8, _CRC16 = _crc_table(8, 0x107), _crc_table(16, 0x18005)
