import struct
import zlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo():
    """A smooth 60 x 48 picture in which every place has a colour of its own."""
    y, x = np.mgrid[:48, :60]
    return np.stack([x * 4, y * 5, (x + y) * 2], axis=2).astype(np.uint8)


@pytest.fixture
def bad_files(tmp_path, photo):
    """Files that are no image to be had: {name: path}."""
    paths = {
        name: tmp_path / f"{name}"
        for name in (
            "gone.png",
            "empty.png",
            "text.png",
            "cut.jpg",
            "cut.png",
            "huge.png",
            "wide.png",
        )
    }
    paths["empty.png"].write_bytes(b"")
    paths["text.png"].write_text("A fine album, said the reviewer.")
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for name in ("cut.jpg", "cut.png"):
        Image.fromarray(noise).save(paths[name])
        paths[name].write_bytes(paths[name].read_bytes()[:8000])
    paths["huge.png"].write_bytes(_declared_png(30_000, 30_000))
    paths["wide.png"].write_bytes(_declared_png(9_000, 9_000))
    paths["folder"] = tmp_path / "folder"
    paths["folder"].mkdir()
    return paths


def _declared_png(width, height):
    """A PNG of some hundred bytes whose header declares many pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)
