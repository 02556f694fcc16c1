import io
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from named_pipes import named_pipe
from PIL import Image

from skmmgenre.image import ImageEmbedder
from skmmgenre.image._decode import MAX_PIXELS, content_of_image, decode_image
from skmmgenre.utils import BadItem


def pixels(cell, **kwargs):
    image = decode_image(cell, **kwargs)
    assert image.mode == "RGB"
    return np.asarray(image)


def test_lossless_file_array_and_image_agree(tmp_path, photo):
    path = tmp_path / "cover.png"
    Image.fromarray(photo).save(path)
    for cell in (path, str(path), photo, Image.fromarray(photo), np.asfortranarray(photo)):
        np.testing.assert_array_equal(pixels(cell), photo)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp", "tif", "ppm", "gif", "jp2"])
def test_formats(tmp_path, photo, suffix):
    path = tmp_path / f"cover.{suffix}"
    Image.fromarray(photo).save(path)
    assert np.abs(pixels(path).astype(int) - photo).mean() < 12


def test_name_of_the_file_does_not_matter(tmp_path, photo):
    path = tmp_path / "cover.jpg"
    Image.fromarray(photo).save(path, format="PNG")
    np.testing.assert_array_equal(pixels(path), photo)


def test_one_pixel(tmp_path):
    path = tmp_path / "dot.png"
    Image.new("RGB", (1, 1), (10, 20, 30)).save(path)
    np.testing.assert_array_equal(pixels(path), [[[10, 20, 30]]])


def test_grey_becomes_rgb(photo):
    grey = photo[:, :, 0]
    np.testing.assert_array_equal(pixels(grey), np.repeat(grey[:, :, np.newaxis], 3, axis=2))


def test_cmyk(tmp_path, photo):
    path = tmp_path / "print.jpg"
    Image.fromarray(photo).convert("CMYK").save(path, quality=95)
    assert np.abs(pixels(path).astype(int) - photo).mean() < 4


@pytest.mark.parametrize("transparency", [None, 0, bytes([0, 255, 128])])
def test_palette(tmp_path, transparency):
    image = Image.new("P", (3, 1))
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.putdata([0, 1, 2])
    path = tmp_path / "palette.png"
    image.save(path, **({} if transparency is None else {"transparency": transparency}))
    expected = np.array([[[200, 0, 0], [0, 200, 0], [0, 0, 200]]])
    if transparency is not None:
        expected[0, 0] = 255
    if isinstance(transparency, bytes):
        expected[0, 2] = [127, 127, 227]
    np.testing.assert_allclose(pixels(path), expected, atol=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_white(tmp_path, mode):
    clear = Image.new(mode, (4, 4), (0,) * len(mode))
    path = tmp_path / "clear.png"
    clear.save(path)
    assert (pixels(path) == 255).all()
    assert (pixels(clear) == 255).all()


def test_rgba_array(photo):
    opaque = np.dstack([photo, np.full(photo.shape[:2], 255, dtype=np.uint8)])
    np.testing.assert_array_equal(pixels(opaque), photo)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_are_scaled_not_clipped(tmp_path, suffix):
    values = np.array([[0, 257, 30_000, 65_535]], dtype=np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    np.testing.assert_array_equal(pixels(path)[0, :, 0], [0, 1, 117, 255])
    wide = Image.fromarray(values.astype(np.int32))
    assert wide.mode == "I"
    np.testing.assert_array_equal(pixels(wide)[0, :, 0], [0, 1, 117, 255])


def test_one_bit():
    image = Image.fromarray(np.array([[True, False]]))
    assert image.mode == "1"
    np.testing.assert_array_equal(pixels(image)[0, :, 0], [255, 0])


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animation_gives_its_first_frame(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / f"moving.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    with Image.open(path) as image:
        assert image.n_frames == 3
    np.testing.assert_allclose(pixels(path).mean(axis=(0, 1)), [255, 0, 0], atol=4)


def test_exif_orientation(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    path = tmp_path / "phone.png"
    Image.fromarray(photo).save(path, exif=exif)
    np.testing.assert_array_equal(pixels(path), np.rot90(photo, -1))


def test_large_jpeg_is_decoded_smaller(tmp_path, photo):
    path = tmp_path / "large.jpg"
    Image.fromarray(photo).resize((960, 768)).save(path)
    assert decode_image(path, min_side=100).size == (240, 192)
    assert decode_image(path, min_side=500).size == (960, 768)
    assert decode_image(path).size == (960, 768)


def test_image_of_the_user_stays_as_it_is(photo):
    image = Image.fromarray(photo).convert("RGBA")
    before = image.tobytes()
    decode_image(image, min_side=1)
    assert (image.mode, image.tobytes()) == ("RGBA", before)


REASONS = {
    "gone.png": "there is no such file",
    "empty.png": "^the file is empty",
    "text.png": "not an image",
    "cut.jpg": "truncated",
    "cut.png": "truncated",
    "huge.png": "30,000 x 30,000 pixels",
    "wide.png": "9,000 x 9,000 pixels",
    "folder": "it is a folder",
}


@pytest.mark.parametrize("name", REASONS)
def test_bad_files(bad_files, name):
    with pytest.raises(BadItem, match=REASONS[name]) as caught:
        decode_image(bad_files[name], min_side=64)
    assert caught.value.remedy


def test_a_pipe_is_not_waited_for(tmp_path):
    with named_pipe(tmp_path / "cover.jpg") as path:
        with pytest.raises(BadItem, match="it is a pipe or a device"):
            decode_image(path)
        embedder = ImageEmbedder(
            model=lambda images: [[image.width] for image in images],
            name="width",
            cache=tmp_path / "store",
            on_error="missing",
        )
        assert embedder.transform([path, np.zeros((8, 9, 3), dtype=np.uint8)])[1:].tolist() == [[9]]
    assert embedder.errors_["reason"].tolist() == ["it is a pipe or a device, not a file"]


def test_webp_beyond_pillows_own_limit(tmp_path, monkeypatch, photo):
    """Newer plugins of Pillow for WebP check the limit themselves; older ones do not."""
    Image.fromarray(photo).save(tmp_path / "cover.webp")
    Image.init()
    opener, accepts = Image.OPEN["WEBP"]

    def open_and_ask(file, name):
        image = opener(file, name)
        Image._decompression_bomb_check(image.size)
        return image

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    monkeypatch.setitem(Image.OPEN, "WEBP", (open_and_ask, accepts))
    with pytest.raises(BadItem, match="exceeds limit .* Scale the image down"):
        decode_image(tmp_path / "cover.webp")


def test_too_many_pixels_are_refused_before_decoding(bad_files):
    tracemalloc.start()
    with pytest.raises(BadItem, match="30,000 x 30,000"):
        decode_image(bad_files["huge.png"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bad_files["huge.png"].stat().st_size < 1000
    assert peak < 10e6
    with pytest.raises(BadItem, match="pixels, more than the maximum"):
        decode_image(np.broadcast_to(np.uint8(0), (MAX_PIXELS + 1, 1)))


def test_pillows_own_limit_is_not_asked(monkeypatch, tmp_path, photo):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    path = tmp_path / "cover.png"
    Image.fromarray(photo).save(path)
    np.testing.assert_array_equal(pixels(path), photo)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (np.zeros((4, 4, 3)), "dtype float64"),
        (np.zeros((4, 4, 3), dtype=np.float32), "dtype float32"),
        (np.zeros((4, 4), dtype=np.uint16), "dtype uint16"),
        (np.zeros((3, 4, 4, 3), dtype=np.uint8), "shape"),
        (np.zeros((4, 4, 2), dtype=np.uint8), "shape"),
        (np.zeros((0, 4, 3), dtype=np.uint8), "without pixels"),
        (Image.new("F", (2, 2)), "floating-point"),
        (3, "expected an image, got int"),
        ("cover\0.png", "cannot be opened"),
        (os.devnull, "it is a pipe or a device"),
    ],
)
def test_bad_cells(cell, reason):
    with pytest.raises(BadItem, match=reason):
        decode_image(cell)


def test_content_of_images(bad_files):
    plain, turned = Image.new("RGB", (2, 3)), Image.new("RGB", (2, 3))
    turned.getexif()[0x0112] = 3
    images = [plain, turned, Image.new("RGB", (3, 2)), Image.new("RGBA", (2, 3))]
    contents = [content_of_image(image) for image in images]
    assert len({repr(content) for content in contents}) == 4
    assert content_of_image(plain.copy()) == contents[0]
    with Image.open(bad_files["cut.png"]) as broken:
        assert content_of_image(broken) is None
    assert content_of_image(object()) is None


def test_a_mode_that_pillow_does_not_convert():
    image = Image.new("La", (8, 8))
    with pytest.raises(BadItem, match="mode is 'La'") as error:
        decode_image(image)
    assert 'convert("LA")' in error.value.remedy
    decode_image(image.convert("LA"))


def test_threads_load_an_image_once(tmp_path):
    """Feeds of their own, as those of the folds of a search in threads."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    for _ in range(10):
        image = Image.open(tmp_path / "noise.png")
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(decode_image, [image] * 8):
                np.testing.assert_array_equal(np.asarray(found), noise)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_content_of_a_file_is_the_image_in_it(tmp_path, photo, suffix):
    path = tmp_path / f"cover.{suffix}"
    Image.fromarray(photo).save(path)
    content = path.read_bytes()
    forms = [content, io.BytesIO(content), {"bytes": content, "path": None}]
    for cell in [*forms, {"bytes": None, "path": str(path)}]:
        for _ in range(2):
            np.testing.assert_array_equal(pixels(cell), pixels(path))
    assert len({content_of_image(cell) for cell in forms}) == 1
    assert content_of_image(path) is None


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("https://x.org/a.jpg", "it is a URL"),
        (b"\0" * 99, "not an image"),
        (io.BytesIO(), "the file is empty"),
        (["a.jpg"], "expected an image, got list"),
    ],
)
def test_what_is_no_image_is_refused_by_name(cell, told):
    with pytest.raises(BadItem, match=told):
        decode_image(cell)


def test_a_broken_exif_turns_nothing(tmp_path, photo):
    path = tmp_path / "cover.png"
    Image.fromarray(photo).save(path, exif=b"Exif\0\0\0\x08\0\x02\x01\x12\0\x03")
    np.testing.assert_array_equal(pixels(path), photo)
    with Image.open(path) as image:
        np.testing.assert_array_equal(pixels(image), photo)
        assert content_of_image(image) is not None
