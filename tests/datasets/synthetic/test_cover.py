"""Covers of synthetic albums."""

from PIL import Image


def test_covers_decode_and_differ(albums):
    pixels = set()
    for path in albums.table.cover:
        with Image.open(path) as image:
            assert image.size == (32, 32)
            assert image.mode == "RGB"
            assert image.format == "PNG"
            pixels.add(image.tobytes())
    assert len(pixels) == len(albums.table)
