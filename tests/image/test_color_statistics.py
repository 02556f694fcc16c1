import colorsys

import numpy as np
import pytest
from PIL import Image

from skmmgenre.image import ColorStatistics
from skmmgenre.utils import BadItem

NAMES = ColorStatistics().get_feature_names_out().tolist()


def of(cell, prefix):
    (row,) = ColorStatistics().transform([cell])
    return row[[k for k, name in enumerate(NAMES) if name.startswith(prefix)]]


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 128, 255), (40, 40, 40), (255, 255, 255)])
def test_one_color(color):
    """A hue is told to a 255th of the circle, as Pillow keeps it in 8 bits."""
    cover = np.full((90, 70, 3), color, dtype=np.uint8)
    expected = colorsys.rgb_to_hsv(*np.array(color) / 255)
    for channel, value in zip(("hue", "saturation", "value"), expected, strict=True):
        tiles = of(cover, f"{channel}_")[:64]
        np.testing.assert_allclose(tiles, value, atol=1 / 255)
        histogram = of(cover, f"{channel}_histogram_")
        assert histogram.mean() == pytest.approx(1)
        assert histogram.argmax() == min(15, int(tiles[0] * 16))
        assert np.count_nonzero(histogram) == 1


def test_tiles_are_where_they_are_in_the_image():
    cover = np.zeros((64, 64, 3), dtype=np.uint8)
    cover[8:16, 40:48] = 255  # second row, sixth column
    (row,) = ColorStatistics().transform([cover])
    bright = [name for name, value in zip(NAMES[:192], row, strict=False) if value > 0.5]
    assert bright == ["value_1_5"]


def test_rows_depend_on_nothing_else(tmp_path, photo):
    path = tmp_path / "cover.png"
    Image.fromarray(photo).save(path)
    cells = [photo, None, str(path), "", Image.fromarray(photo)]
    found = ColorStatistics(n_jobs=2).transform(cells)
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False, True, False]
    for row in (2, 4):
        np.testing.assert_array_equal(found[row], found[0])
    np.testing.assert_array_equal(ColorStatistics().transform([photo])[0], found[0])


def test_a_pixel_and_a_large_image(photo):
    large = Image.fromarray(photo).resize((1500, 1200))
    found = ColorStatistics().transform([photo[:1, :1], large, photo])
    assert np.isfinite(found).all()
    assert np.abs(found[1, :192] - found[2, :192]).mean() < 0.05


def test_bad_files(bad_files, photo):
    for path in bad_files.values():
        with pytest.raises(BadItem, match="Row 1: cannot use image"):
            ColorStatistics().transform([photo, str(path)])
    column = [photo, *map(str, bad_files.values())]
    statistics = ColorStatistics(on_error="missing")
    found = statistics.transform(column)
    assert np.isfinite(found[0]).all() and np.isnan(found[1:]).all()
    assert statistics.errors_["row"].tolist() == list(range(1, len(column)))
