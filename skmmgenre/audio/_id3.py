"""ID3v2 tags, which stand in front of the sound."""


def length_of_id3(file):
    """Return how many bytes the tags take, however many there are.

    Parameters
    ----------
    file : binary file
        Is left at any place.

    Returns
    -------
    length : int
    """
    length = 0
    while True:
        file.seek(length)
        head = file.read(10)
        if len(head) < 10 or not head.startswith(b"ID3") or max(head[6:10]) > 127:
            return length
        size = 0
        for byte in head[6:10]:  # seven bits each
            size = size << 7 | byte
        length += 10 + size + 10 * bool(head[5] & 0x10)  # and a footer
