"""Decode a cell of a cover column to an 8-bit RGB image."""

import io
import threading
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from ..utils import EMPTY_FILE, BadItem, BadType, file_in, open_file

# About 7,000 x 7,000 pixels, which take 150 MB when decoded to RGB.
MAX_PIXELS = 50_000_000

# Supported formats. Pillow reads more, some of them by running other programs.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")

# Threads may share an image that is not loaded yet, and Pillow's loading is not thread-safe.
_loading = threading.Lock()

_EXPORT_AGAIN = "Export it again as JPEG or PNG."
_SCALE_DOWN = "Scale the image down; the networks use a few hundred pixels per side."


def decode_image(cell, *, min_side=None):
    """Return the image in a cell, converted to RGB.

    Parameters
    ----------
    cell : path, content of a file, PIL image, or ndarray of uint8, shape (height, width[, 3 or 4])
        See `skmmgenre.utils.file_in` for the types of file content. Transparency is composited on
        white, the first frame of an animation is used, 16 bits are scaled to 8, and the EXIF
        orientation is applied.
    min_side : int, default=None
        JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size as long as no side becomes
        shorter than this. A PIL image keeps its size, because it belongs to the caller.

    Returns
    -------
    image : PIL.Image.Image
        Image in mode RGB.

    Raises
    ------
    BadItem
        If the cell is not a valid image. Images with more than `MAX_PIXELS` pixels are rejected
        before they are decoded.
    """
    with _opened(cell) as image:
        if min_side is not None and image is not cell and hasattr(image, "draft"):
            image.draft("RGB", (min_side, min_side))
        return _decode(image)


def check_header(cell):
    """Raise BadItem if a cell is invalid, without decoding a file; see `decode_image`.

    A PIL image is loaded.
    """
    with _opened(cell):
        return True


def content_of_image(cell):
    """Return the content of a PIL image or of an in-memory file, as a key of a store.

    Parameters
    ----------
    cell : object

    Returns
    -------
    content : tuple or None
        The interpretation of the pixels (mode, size, palette, transparency, orientation), and their
        bytes. None for other types of cells, or a broken image.
    """
    if not isinstance(cell, Image.Image):
        try:
            file, _ = file_in(cell)
        except BadItem:  # reported when it is decoded
            return None
        return ("file", file.getvalue()) if isinstance(file, io.BytesIO) else None
    try:
        _load(cell)
    except BadItem:  # reported when it is decoded
        return None
    palette = cell.getpalette(None) if "P" in cell.mode else None
    transparent = cell.info.get("transparency")
    meaning = cell.mode, cell.size, palette, transparent, _orientation(cell)
    return meaning, cell.tobytes()


@contextmanager
def _opened(cell):
    """Open a cell as a PIL image of a valid size; only the header of a file is read."""
    if isinstance(cell, np.ndarray):
        yield _from_array(cell)
    elif isinstance(cell, Image.Image):
        _check_size(cell.size)
        _load(cell)
        yield cell
    elif (source := file_in(cell)[0]) is not None:
        with _open_file(source) as file, _open_lazily(file) as image:
            _check_size(image.size)
            yield image
    else:
        raise BadType(
            f"expected an image, got {type(cell).__name__}",
            "Pass a path, the bytes of a file, a PIL image or a uint8 array of shape "
            "(height, width, 3).",
        )


def _from_array(array):
    if array.dtype != np.uint8:
        raise BadItem(
            f"its pixels have dtype {array.dtype}, expected uint8",
            "Pass uint8 from 0 to 255; convert floats in [0, 1] with "
            "np.rint(image * 255).astype(np.uint8).",
        )
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise BadItem(
            f"it is an array of shape {array.shape}",
            "Pass an array of shape (height, width), (height, width, 3) or (height, width, 4).",
        )
    if array.size == 0:
        raise BadItem(f"it is an array of shape {array.shape} without pixels", "")
    _check_size((array.shape[1], array.shape[0]))
    return Image.fromarray(np.ascontiguousarray(array))


def _open_file(source):
    if not isinstance(source, io.BytesIO):
        return open_file(source)
    if not source.getbuffer().nbytes:
        raise BadItem(*EMPTY_FILE)
    return source


def _open_lazily(file):
    """Read only the header of a file.

    Unlike Image.open, this does not compare the size with a limit that is global to the process,
    nor warn. Use `_check_size` instead.
    """
    file.seek(0)
    start = file.read(16)
    Image.init()
    for name in _FORMATS:
        if name not in Image.OPEN:  # Pillow may be built without this format
            continue
        opener, accepts = Image.OPEN[name]
        try:
            # `accepts` may return a string, the reason why it does not accept the file.
            if accepts is None or accepts(start) is True:
                file.seek(0)
                return opener(file, "")
        except Image.DecompressionBombError as error:  # for WebP, Pillow checks the size itself
            raise BadItem(str(error).rstrip("."), _SCALE_DOWN) from None
        except (OSError, ValueError, MemoryError) as error:
            raise BadItem(f"its {name} header is broken ({error})", _EXPORT_AGAIN) from None
        except Exception:  # like Pillow's own open, treat it as another format
            continue
    raise BadItem(
        "it is not an image in a supported format",
        f"Its first bytes are {start[:8]!r}. Supported formats: {', '.join(_FORMATS)}.",
    )


def _check_size(size):
    width, height = size
    if width * height > MAX_PIXELS:
        raise BadItem(
            f"its size is {width:,} x {height:,} pixels, more than the maximum of "
            f"{MAX_PIXELS:,} pixels",
            _SCALE_DOWN,
        )
    if width < 1 or height < 1:
        raise BadItem(f"it is empty: its size is {width} x {height} pixels", _EXPORT_AGAIN)


def _load(image):
    """Load a PIL image of the caller.

    An error is stored as an attribute, because a second call of ``load`` would not fail but return
    the part that was read.
    """
    with _loading:
        fault = getattr(image, "skmmgenre_fault", None)
        if fault is None:
            try:
                image.load()
            except Exception as error:
                fault = image.skmmgenre_fault = _broken(error)
    if fault is not None:
        raise BadItem(*fault)


def _decode(image):
    try:
        image.load()
    except Exception as error:  # Pillow's decoders raise various exceptions for broken data
        raise BadItem(*_broken(error)) from None
    try:
        return _to_rgb(_turned(image))
    except (OSError, ValueError, MemoryError) as error:
        # A BadItem of `_to_rgb` is a ValueError, too, and already says what is wrong.
        raise error if isinstance(error, BadItem) else BadItem(*_broken(error)) from None


def _turned(image):
    """Apply the EXIF orientation; ignore broken EXIF data."""
    try:
        return ImageOps.exif_transpose(image)
    except MemoryError:
        raise
    except Exception:
        return image


def _orientation(image):
    try:
        return image.getexif().get(0x0112)
    except Exception:
        return None


def _broken(error):
    reason = str(error) or type(error).__name__
    return (
        f"the image is truncated or broken ({reason})",
        f"Download the file again. {_EXPORT_AGAIN}",
    )


def _to_rgb(image):
    if image.mode == "F":
        raise BadItem("its pixels are floating-point numbers", _EXPORT_AGAIN)
    if image.mode == "La":  # Pillow can only convert it to LA
        raise BadItem("its mode is 'La'", 'Convert the image: image.convert("LA").')
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion to 8 bits clips at 255 instead of scaling. 65535 / 257 is 255, and
        # adding 128 rounds to the nearest.
        wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
