"""Covers: palette, layout, texture and lettering by genre, or a neutral cover with a patch."""

import colorsys
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ._genres import genre_traits

_LAYOUTS = ("columns", "rows", "rings", "grid", "portrait", "rays", "hills", "dots")


def cover_recipe(genre):
    """Return the look of the covers of a genre, as plain numbers."""
    u = genre_traits(genre, offset=0.53)
    return {
        "hue": u[0],
        "second_hue": 0.1 + 0.5 * u[1],  # away from the first
        "saturation": 0.15 + 0.75 * u[2],
        "brightness": 0.2 + 0.65 * u[3],
        "contrast": 0.1 + 0.4 * u[4],
        "layout": _LAYOUTS[(genre.family + 3 * genre.place) % len(_LAYOUTS)],
        "n_shapes": 3 + int(5 * u[5]),
        "gradient": 0.5 * u[6],
        "grain": 0.12 * u[7] ** 2,
        "letters": 0.07 + 0.08 * u[8],  # height over that of the cover
        "letters_at": u[9],  # 0 top, 1 bottom
        "light_letters": bool(u[10] > 0.5),
    }


def cover_style(rng):
    """Draw the look of an artist: hue, brightness, and a sign in a corner."""
    return {
        "hue": rng.normal(),
        "brightness": rng.normal(),
        "sign_hue": rng.random(),
        "sign_corner": (int(rng.integers(2)), int(rng.integers(2))),
        "sign_sides": int(rng.integers(3, 9)),
    }


def render_cover(recipe, style, rng, *, artist_strength, title, size):
    """Draw one cover.

    Parameters
    ----------
    recipe : dict
        Recipe of the perceived genre.
    style : dict
        Style of the artist.
    rng : Generator
    artist_strength : float
    title : str
    size : int
        Width and height in pixels.

    Returns
    -------
    Image
        RGB, `size` x `size`.
    """
    image = _draw_genre(recipe, style, rng, artist_strength, size)
    _draw_sign(image, style, artist_strength)
    _letter(image, recipe, title, rng)
    return image


def render_neutral_cover(recipe, style, rng, *, artist_strength, title, size, box):
    """Draw one cover that shows the genre only inside a box.

    The rest does not depend on the genre: the background has a random hue, and the lettering a
    random position.

    Parameters
    ----------
    recipe, style, rng, artist_strength, title, size
        As in `render_cover`.
    box : tuple of four int
        Left, top, right and bottom edge of the box, in pixels; right and bottom are exclusive.

    Returns
    -------
    Image
        RGB, `size` x `size`.
    """
    neutral = {
        **_NEUTRAL,
        "hue": rng.random(),
        "second_hue": rng.random(),
        "brightness": rng.uniform(0.3, 0.7),
        "layout": _LAYOUTS[rng.integers(len(_LAYOUTS))],
        "letters_at": rng.random(),
        "light_letters": bool(rng.random() < 0.5),
    }
    image = _draw_genre(neutral, style, rng, artist_strength, size)
    _draw_sign(image, style, artist_strength)
    _letter(image, neutral, title, rng)
    # Last, because the sign and the lettering must not cover what shows the genre.
    patch = _draw_genre(recipe, style, rng, artist_strength, box[2] - box[0])
    image.paste(patch, box[:2])
    return image


# Constants of all neutral covers: faint colours and shapes.
_NEUTRAL = {
    "saturation": 0.25,
    "contrast": 0.1,
    "n_shapes": 4,
    "gradient": 0.2,
    "grain": 0.03,
    "letters": 0.1,
}

_PATCH = 0.4  # side of the place over that of the cover


def draw_box(rng, size):
    """Draw the box of the genre on a neutral cover: left, top, right, bottom in pixels."""
    side = max(1, round(_PATCH * size))
    left, top = (int(edge) for edge in rng.integers(0, size - side + 1, 2))
    return left, top, left + side, top + side


def _draw_genre(recipe, style, rng, own, size):
    """Draw the colours, layout and texture of a genre."""
    hue = recipe["hue"] + 0.04 * rng.normal() + 0.06 * own * style["hue"]
    saturation = recipe["saturation"] + 0.06 * rng.normal()
    brightness = recipe["brightness"] + 0.06 * rng.normal() + 0.08 * own * style["brightness"]
    sign = 1.0 if brightness < 0.5 else -1.0
    back = _rgb(hue, saturation, brightness)
    front = _rgb(hue + recipe["second_hue"], saturation, brightness + sign * recipe["contrast"])

    image = Image.new("RGB", (size, size), back)
    draw = ImageDraw.Draw(image)
    _draw_layout(draw, recipe["layout"], recipe["n_shapes"], front, back, size, rng)

    pixels = np.asarray(image, dtype=np.float32)
    slope = recipe["gradient"] * (1.0 + 0.2 * rng.normal())
    light = 1.0 + slope * (np.linspace(-0.5, 0.5, size, dtype=np.float32)[:, None, None])
    grain = 255.0 * recipe["grain"] * rng.standard_normal((size, size, 1), dtype=np.float32)
    pixels = np.clip(pixels * light + grain, 0.0, 255.0)
    return Image.fromarray(pixels.astype(np.uint8))


def _draw_sign(image, style, own):
    """Draw the sign of an artist in a corner."""
    if own > 0.0:
        size = image.width
        radius = 0.08 * size * own
        x, y = (radius + side * (size - 1 - 2 * radius) for side in style["sign_corner"])
        ImageDraw.Draw(image).regular_polygon(
            (x, y, max(radius, 1.0)), style["sign_sides"], fill=_rgb(style["sign_hue"], 0.9, 0.9)
        )


def _rgb(hue, saturation, brightness):
    saturation, brightness = np.clip((saturation, brightness), 0.0, 1.0)
    return tuple(int(255 * part) for part in colorsys.hsv_to_rgb(hue % 1.0, saturation, brightness))


def _draw_layout(draw, layout, n, front, back, size, rng):
    width = size / (2 * n)
    shift = rng.uniform(0.0, 2.0 * width)
    if layout == "columns":
        for i in range(-1, n):
            left = shift + 2 * i * width
            draw.rectangle((left, 0, left + width, size), fill=front)
    elif layout == "rows":
        for i in range(-1, n):
            top = shift + 2 * i * width
            draw.rectangle((0, top, size, top + width), fill=front)
    elif layout == "rings":
        x, y = rng.uniform(0.4, 0.6, 2) * size
        for i in range(n, 0, -1):
            radius = 0.5 * size * i / n
            fill = front if i % 2 else back
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    elif layout == "grid":
        cell = size / n
        for row in range(n):
            for column in range(n):
                if (row + column) % 2 and rng.random() < 0.9:
                    left, top = column * cell, row * cell
                    draw.rectangle((left, top, left + cell, top + cell), fill=front)
    elif layout == "portrait":
        x, y = rng.uniform(0.42, 0.58) * size, rng.uniform(0.35, 0.45) * size
        wide, high = rng.uniform(0.15, 0.2) * size, rng.uniform(0.22, 0.27) * size
        shoulders = (x - 2 * wide, y + 0.8 * high, x + 2 * wide, 1.5 * size)
        draw.ellipse(shoulders, fill=front)
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=front, outline=back)
    elif layout == "rays":
        x, y = rng.uniform(0.35, 0.65, 2) * size
        turn = rng.uniform(0.0, 360.0)
        box = (x - 2 * size, y - 2 * size, x + 2 * size, y + 2 * size)
        for i in range(n):
            begin = turn + 360.0 * i / n
            draw.pieslice(box, begin, begin + 180.0 / n, fill=front)
    elif layout == "hills":
        for _ in range(n):
            x, radius = rng.uniform(0.0, size), rng.uniform(0.2, 0.45) * size
            draw.ellipse((x - radius, size - radius, x + radius, size + radius), fill=front)
    else:  # dots
        for _ in range(3 * n):
            x, y = rng.uniform(0.0, size, 2)
            radius = rng.uniform(0.03, 0.08) * size
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=front)


def _letter(image, recipe, title, rng):
    draw, size = ImageDraw.Draw(image), image.width
    font = _font(max(int(recipe["letters"] * size), 6))
    top = (0.05 + 0.8 * recipe["letters_at"] + 0.02 * rng.normal()) * size
    left = rng.uniform(0.04, 0.12) * size
    draw.text((left, top), title, font=font, fill="white" if recipe["light_letters"] else "black")


@lru_cache(maxsize=64)
def _font(height):
    return ImageFont.load_default(height)


def write_cover(path, image):
    """Write a PNG file."""
    image.save(path, format="PNG", compress_level=1)
