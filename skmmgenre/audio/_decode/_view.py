"""View of part of a file with another header, for decoders if the file's own header is wrong."""

import io


class View(io.RawIOBase):
    """A corrected header followed by bytes of a file, as a read-only file.

    It has no name, so a decoder uses only its content.

    Parameters
    ----------
    file : seekable binary file
        Left at any position, and not closed.
    start : int, default=0
        First byte of the file to include.
    stop : int, default=None
        End of the bytes to include. None is the end of the file.
    head : bytes, default=b""
        Header before these bytes.
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
        """Return the position of the next byte."""
        return self._place

    def seek(self, offset, whence=io.SEEK_SET):
        """Change the position; see `io.IOBase.seek`."""
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
    """Return the size of a file in bytes; the file is left at its end."""
    return file.seek(0, io.SEEK_END)
