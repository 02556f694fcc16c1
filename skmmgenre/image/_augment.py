"""Transform an RGB image into the input of the network, with or without augmentation.

The random transforms are those of the authors' training (section 3.2: random sized crop, colour
jitter, lighting, flip). They use a generator that is passed in, because those of torchvision use
the global one.
"""

import math

import numpy as np
from PIL import Image

# Mean and standard deviation of ImageNet's RGB values in [0, 1], as its weights expect.
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)

# Principal axes of ImageNet's RGB values, and their eigenvalues (Krizhevsky et al. 2012).
_PCA_VALUES = np.array([0.2175, 0.0188, 0.0045])
_PCA_VECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

_AREA = (0.08, 1.0)
_ASPECT = (3 / 4, 4 / 3)
_CROP_TRIES = 10
_JITTER = 0.4
_LIGHTING = 0.1


def decoding_side(size, *, training):
    """Return the smallest side at which an image may be decoded below its full size.

    In training, no crop of 8% of the area is scaled up. Otherwise, twice the side it is scaled to;
    pixels then differ by about 1 of 255 from those of the full image scaled down.
    """
    return math.ceil(size / math.sqrt(_AREA[0])) if training else 2 * _scaled_side(size)


def _scaled_side(size):
    """Return the length to which the shorter side is scaled before the centre is cropped."""
    return round(size * 256 / 224)


def centre_crop(image, size):
    """Scale an image and crop its centre.

    Parameters
    ----------
    image : PIL.Image.Image
        Image in mode RGB.
    size : int
        Side of the crop in pixels; the shorter side is scaled to 256/224 of it.

    Returns
    -------
    crop : ndarray of uint8, shape (size, size, 3)
    """
    return np.array(_centre(image, size, _scaled_side(size)))


def for_evaluation(crop):
    """Normalize the output of `centre_crop`.

    Parameters
    ----------
    crop : ndarray of uint8, shape (size, size, 3)

    Returns
    -------
    pixels : ndarray of float32, shape (3, size, size)
    """
    return _normalized(_to_float(crop))


def for_training(image, size, rng):
    """Crop, jitter and flip an image at random, and normalize it.

    Parameters
    ----------
    image : PIL.Image.Image
        Image in mode RGB.
    size : int
        Side of the crop in pixels.
    rng : numpy.random.Generator

    Returns
    -------
    pixels : ndarray of float32, shape (3, size, size)
    """
    pixels = _to_float(_random_sized_crop(image, size, rng))
    pixels = _normalized(_lighting(_colour_jitter(pixels, rng), rng))
    return np.ascontiguousarray(pixels[:, :, ::-1]) if rng.random() < 0.5 else pixels


def _centre(image, size, shorter):
    """Scale the shorter side to `shorter` and crop the central `size` x `size`."""
    width, height = image.size
    # A strip of 1 x 10,000 would be scaled to millions of columns, so first cut off what cannot be
    # in the crop.
    reach = 4 * min(width, height)
    if max(width, height) > reach:
        left, top = max(0, (width - reach) // 2), max(0, (height - reach) // 2)
        image = image.crop((left, top, min(width, left + reach), min(height, top + reach)))
        width, height = image.size
    scale = shorter / min(width, height)
    scaled = (max(shorter, int(width * scale)), max(shorter, int(height * scale)))
    image = image.resize(scaled, Image.Resampling.BICUBIC)
    left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    return image.crop((left, top, left + size, top + size))


def _random_sized_crop(image, size, rng):
    """Return a scaled random crop: 8 to 100% of the area, aspect 3/4 to 4/3, 10 tries."""
    width, height = image.size
    for _ in range(_CROP_TRIES):
        area = rng.uniform(*_AREA) * width * height
        aspect = math.exp(rng.uniform(math.log(_ASPECT[0]), math.log(_ASPECT[1])))
        w = max(1, round(math.sqrt(area * aspect)))
        h = max(1, round(math.sqrt(area / aspect)))
        if w <= width and h <= height:
            left = int(rng.integers(width - w + 1))
            top = int(rng.integers(height - h + 1))
            return image.resize(
                (size, size), Image.Resampling.BICUBIC, box=(left, top, left + w, top + h)
            )
    return _centre(image, size, size)


def _to_float(image):
    return np.asarray(image, dtype=np.float32) / 255


def _colour_jitter(pixels, rng):
    """Change brightness, contrast and saturation by up to 40% each, in random order."""
    for kind in rng.permutation(3):
        amount = np.float32(1 + rng.uniform(-_JITTER, _JITTER))
        if kind == 0:  # brightness: towards black
            pixels = amount * pixels
            continue
        grey = (pixels @ _LUMA)[:, :, np.newaxis]
        target = grey.mean() if kind == 1 else grey  # contrast, saturation
        # An amount above 1 moves the pixels away from the target.
        pixels = amount * pixels + (1 - amount) * target
    return pixels


def _lighting(pixels, rng):
    """Add noise along the principal axes of ImageNet's colours, one draw per image."""
    shift = _PCA_VECTORS @ (rng.normal(0, _LIGHTING, 3) * _PCA_VALUES)
    return pixels + shift.astype(np.float32)


def _normalized(pixels):
    return np.ascontiguousarray(((pixels - _MEAN) / _STD).transpose(2, 0, 1))
