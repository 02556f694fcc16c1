"""A cell of covers as 8-bit RGB."""

import io
import os
import threading
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from ..utils import BadItem, BadType, file_in

# A cover of 7,000 x 7,000 pixels. Decoded to RGB it takes 150 MB.
MAX_PIXELS = 50_000_000

# The formats of covers. Pillow reads more, some of them by running other programs.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")

# Threads may share an image that is not loaded yet; Pillow loads it for one of them.
_loading = threading.Lock()

_EXPORT_AGAIN = "Export it again as JPEG or PNG."
_SCALE_DOWN = "Scale the image down; networks look at a few hundred pixels a side."


def decode_image(cell, *, min_side=None):
    """Return what a cell holds as an RGB image.

    Parameters
    ----------
    cell : path, content of a file, PIL image, or ndarray of uint8, shape (height, width[, 3 or 4])
        See `skmmgenre.utils.file_in` for what the content of a file may be. Transparent parts
        are laid on white; of an animation the first frame counts; 16 bits are scaled to 8; a
        photo is turned as its EXIF orientation says.
    min_side : int, default=None
        JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size as long as no side gets
        shorter than this. A PIL image is the caller's, and is left at its size.

    Returns
    -------
    image : PIL.Image.Image
        Of mode RGB.

    Raises
    ------
    BadItem
        If there is no image to be had; more than `MAX_PIXELS` pixels are refused before
        anything is decoded.
    """
    with _opened(cell) as image:
        if min_side is not None and image is not cell and hasattr(image, "draft"):
            image.draft("RGB", (min_side, min_side))
        return _decode(image)


def check_header(cell):
    """Refuse what need not be decoded to see that it is no image; see `decode_image`.

    A PIL image is loaded.
    """
    with _opened(cell):
        return True


def content_of_image(cell):
    """Return what tells one PIL image, or one file's content, from another.

    Parameters
    ----------
    cell : object

    Returns
    -------
    content : tuple or None
        What its values mean (colours, what is transparent, which way is up), and their bytes.
        None for anything else, or a broken image.
    """
    if not isinstance(cell, Image.Image):
        try:
            file, _ = file_in(cell)
        except BadItem:  # said when it is decoded
            return None
        return ("file", file.getvalue()) if isinstance(file, io.BytesIO) else None
    try:
        _load(cell)
    except BadItem:  # said when it is decoded
        return None
    palette = cell.getpalette(None) if "P" in cell.mode else None
    transparent = cell.info.get("transparency")
    meaning = cell.mode, cell.size, palette, transparent, _orientation(cell)
    return meaning, cell.tobytes()


@contextmanager
def _opened(cell):
    """A cell as a PIL image of a size that may be decoded; of a file, its header is read."""
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
            "Pass paths, the bytes of files, PIL images or uint8 arrays of shape "
            "(height, width, 3).",
        )


def _from_array(array):
    if array.dtype != np.uint8:
        raise BadItem(
            f"pixels of dtype {array.dtype}",
            "Pass uint8 from 0 to 255; for floats from 0 to 1: "
            "np.rint(image * 255).astype(np.uint8).",
        )
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise BadItem(
            f"an array of shape {array.shape}",
            "Pass (height, width), (height, width, 3) or (height, width, 4).",
        )
    if array.size == 0:
        raise BadItem(f"an array of shape {array.shape} has no pixel", "")
    _check_size((array.shape[1], array.shape[0]))
    return Image.fromarray(np.ascontiguousarray(array))


def _open_file(source):
    try:
        file = source if isinstance(source, io.BytesIO) else open(source, "rb")
    except FileNotFoundError:
        raise BadItem(
            "there is no such file",
            "Check the path; a relative one starts from the working directory.",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise BadItem(f"the file cannot be read ({reason})", "Check the path.") from None
    if not file.seek(0, os.SEEK_END):
        file.close()
        raise BadItem("the file is empty (0 bytes)", "Fetch it again.")
    return file


def _open_lazily(file):
    """Read the header only.

    Image.open does the same, but checks the declared size against a limit that is global
    to the process, and warns. `_check_size` is ours.
    """
    file.seek(0)
    start = file.read(16)
    Image.init()
    for name in _FORMATS:
        if name not in Image.OPEN:  # Pillow may be built without it
            continue
        opener, accepts = Image.OPEN[name]
        try:
            # A string, instead of True or False, is a reason why it cannot.
            if accepts is None or accepts(start) is True:
                file.seek(0)
                return opener(file, "")
        except Image.DecompressionBombError as error:  # of WebP, Pillow asks on its own
            raise BadItem(str(error).rstrip("."), _SCALE_DOWN) from None
        except (OSError, ValueError, MemoryError) as error:
            raise BadItem(f"a broken {name} header ({error})", _EXPORT_AGAIN) from None
        except Exception:  # of any kind, which Pillow's own open takes for "another format"
            continue
    raise BadItem(
        "not an image",
        f"Its first bytes are {start[:8]!r}; known formats are {', '.join(_FORMATS)}.",
    )


def _check_size(size):
    width, height = size
    if width * height > MAX_PIXELS:
        raise BadItem(
            f"{width:,} x {height:,} pixels are declared; at most {MAX_PIXELS:,} in all "
            "are decoded",
            _SCALE_DOWN,
        )
    if width < 1 or height < 1:
        raise BadItem(f"{width} x {height} pixels", _EXPORT_AGAIN)


def _load(image):
    """Load an image of the caller's.

    What it failed of is kept with it: asked again, Pillow answers with what it had read.
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
    except Exception as error:  # Pillow's decoders raise many kinds for broken data
        raise BadItem(*_broken(error)) from None
    try:
        return _to_rgb(_turned(image))
    except (OSError, ValueError, MemoryError) as error:
        raise error if isinstance(error, BadItem) else BadItem(*_broken(error)) from None


def _turned(image):
    """The image as its EXIF orientation says; a broken EXIF says nothing."""
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
        f"Fetch the file again. {_EXPORT_AGAIN}",
    )


def _to_rgb(image):
    if image.mode == "F":
        raise BadItem("pixels are floating-point numbers", _EXPORT_AGAIN)
    if image.mode == "La":  # Pillow converts it to nothing but LA
        raise BadItem("pixels of mode 'La'", 'Convert the image: image.convert("LA").')
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion to 8 bits clips at 255 instead of scaling.
        wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
