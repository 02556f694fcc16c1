"""Part of a file behind a header of our own: what a decoder is shown where the header is wrong."""

import io


class View(io.RawIOBase):
    """A header that tells the truth, then bytes of a file, as a file to read.

    It has no name, so a decoder judges it by its content.

    Parameters
    ----------
    file : seekable binary file
        It is left at any place, and not closed.
    start : int, default=0
        First byte of the file to show.
    stop : int, default=None
        The byte behind the last one to show. None shows the file to its end.
    head : bytes, default=b""
        What stands in front of these bytes.
    """

    def __init__(self, file, start=0, stop=None, head=b""):
        self._file, self._start, self._head = file, start, head
        self._stop = max(start, min(size_of(file) if stop is None else stop, size_of(file)))
        self._place = 0

    def readable(self):
        """Return True."""
        return True

    def seekable(self):
        """Return True."""
        return True

    def tell(self):
        """Return the place of the next byte."""
        return self._place

    def seek(self, offset, whence=io.SEEK_SET):
        """Go to a place; see `io.IOBase.seek`."""
        length = len(self._head) + self._stop - self._start
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: length}[whence]
        self._place = max(0, origin + offset)
        return self._place

    def readinto(self, buffer):
        """Fill a buffer; see `io.RawIOBase.readinto`."""
        part = self._head[self._place : self._place + len(buffer)]
        begin = self._start + max(0, self._place - len(self._head))
        n_missing = min(len(buffer) - len(part), self._stop - begin)
        if n_missing > 0:
            self._file.seek(begin)
            part += self._file.read(n_missing)
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)


def size_of(file):
    """Return the number of bytes of a file, which is left at its end."""
    return file.seek(0, io.SEEK_END)
