import io

import joblib
import numpy as np
import pytest
from PIL import Image
from torch_threads import torch_threads

from skmmgenre.image import ColorStatistics, _image_feed
from skmmgenre.utils import BadItem


@pytest.fixture
def cells(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for row in range(7):
        path = tmp_path / f"{row}.png"
        Image.fromarray(rng.integers(0, 256, (24 + row, 30, 3), dtype=np.uint8)).save(path)
        paths.append(str(path))
    return [paths[0], None, *paths[1:], np.nan, rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)]


def feed(cells, *, seed=0, on_error="raise", n_jobs=None, **params):
    params = {"image_size": 16, "verbose": 0} | params
    return _image_feed.ImageFeed(cells, seed=seed, on_error=on_error, n_jobs=n_jobs, **params)


def test_what_a_feed_has(cells):
    images = feed(cells)
    assert len(images) == 10
    assert images.sample_shape == (3, 16, 16)
    np.testing.assert_array_equal(np.flatnonzero(images.missing), [1, 8])
    batch = images.batch(np.array([0, 2]))
    assert batch.dtype == np.float32
    assert batch.shape == (2, 3, 16, 16)


@pytest.mark.parametrize("epoch", [None, 0, 3])
def test_a_row_is_the_same_alone_and_among_others(cells, monkeypatch, epoch):
    images = feed(cells)
    rows = np.flatnonzero(~images.missing)
    together = images.batch(rows, epoch=epoch)
    backwards = images.batch(rows[::-1], epoch=epoch)[::-1]
    monkeypatch.setattr(_image_feed, "_MAX_THREADS", 1)
    alone = np.concatenate([images.batch([row], epoch=epoch) for row in rows])
    np.testing.assert_array_equal(together, backwards)
    np.testing.assert_array_equal(together, alone)


def test_every_epoch_and_row_draws_anew(cells):
    images = feed([cells[0], cells[0]])
    first, second = images.batch([0, 1], epoch=0), images.batch([0, 1], epoch=1)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, feed([cells[0], cells[0]], seed=1).batch([0, 1], epoch=0))


def test_without_seed_training_is_not_augmented(cells):
    images = feed(cells, seed=None)
    np.testing.assert_array_equal(images.batch([0, 2], epoch=5), images.batch([0, 2]))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_bad_images(cells, bad_files, n_jobs):
    names = sorted(bad_files)
    table = [cells[0], *(bad_files[name] for name in names), None]
    with pytest.raises(BadItem, match=rf"Row 1: .*{names[0]}.*on_error='missing'"):
        feed(table, n_jobs=n_jobs)
    images = feed(table, on_error="missing", n_jobs=n_jobs)
    assert not images.missing[0]
    assert images.missing[1:].all()
    assert [error["row"] for error in images.errors] == list(range(1, len(names) + 1))
    for error, name in zip(images.errors, names, strict=True):
        assert name in error["item"]
        assert error["reason"]
        assert error["remedy"]


def test_a_file_that_goes_away_is_named(cells, tmp_path):
    images = feed(cells)
    (tmp_path / "0.png").unlink()
    with pytest.raises(BadItem, match=r"Row 0: image .*0\.png.* has changed"):
        images.batch([0])


@pytest.fixture
def decoded(monkeypatch):
    """Cells that were decoded, in order."""
    cells, decode_image = [], _image_feed.decode_image

    def decode(cell, **options):
        cells.append(cell)
        return decode_image(cell, **options)

    monkeypatch.setattr(_image_feed, "decode_image", decode)
    return cells


@pytest.mark.parametrize("kept", [True, False])
def test_without_augmentation_little_is_decoded_once(cells, monkeypatch, decoded, kept):
    """With the same pixels as if it were decoded again."""
    whole = feed(cells).batch([0, 2, 9])
    if not kept:
        monkeypatch.setattr(_image_feed, "_KEPT_BYTES", 10 * 3 * 16**2 - 1)
    decoded.clear()
    images = feed(cells, seed=None)
    assert len(decoded) == 8
    np.testing.assert_array_equal(images.batch([0, 2, 9]), whole)
    np.testing.assert_array_equal(images.batch([0, 2, 9], epoch=1), whole)
    assert len(decoded) == (8 if kept else 14)


def test_what_is_asked_for_once_is_decoded_once(cells, decoded):
    whole = feed(cells).batch([0, 2, 9])
    decoded.clear()
    images = feed(cells, seed=None, once=True)
    assert decoded == []
    np.testing.assert_array_equal(images.missing, feed(cells).missing)
    decoded.clear()
    np.testing.assert_array_equal(images.batch([0, 2, 9]), whole)
    assert len(decoded) == 3


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_what_is_asked_for_once_is_bad_early_or_late(cells, bad_files, n_jobs):
    """What a header tells is found first, what it does not in its batch."""
    late = sorted(name for name in bad_files if name.startswith("cut"))
    names = ["text.png", *late, "gone.png"]
    table = [cells[0], *(bad_files[name] for name in names)]
    with pytest.raises(BadItem, match=r"Row 1: cannot use image .*text\.png"):
        feed(table, once=True)
    images = feed(table, on_error="missing", n_jobs=n_jobs, once=True)
    assert [error["row"] for error in images.errors] == [1, 4]
    assert images.missing.tolist() == [False, True, False, False, True]
    batch = images.batch(np.array([0, 2, 3]))
    assert batch[0].any() and not batch[1:].any()
    assert images.missing.tolist() == [False, True, True, True, True]
    assert [error["row"] for error in images.errors] == [1, 2, 3, 4]
    assert all(error["reason"] and error["remedy"] for error in images.errors)
    with pytest.raises(BadItem, match=r"Row 1: cannot use image .*cut\.jpg.*on_error='missing'"):
        feed([cells[0], bad_files["cut.jpg"]], once=True).batch(np.array([0, 1]))


@pytest.fixture
def four_threads():
    with torch_threads(4):
        yield


@pytest.mark.parametrize("once", [False, True])
def test_an_image_in_many_rows(tmp_path, four_threads, once):
    """It is not loaded yet, and batches are decoded by several threads."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    expected = feed([noise]).batch([0])
    for _ in range(10):
        with joblib.parallel_config("threading"):
            images = feed([Image.open(tmp_path / "noise.png")] * 8, n_jobs=4, once=once)
        np.testing.assert_array_equal(images.batch(np.arange(8)), np.repeat(expected, 8, axis=0))


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "flipped.png"])
def test_a_broken_image_in_many_rows(tmp_path, bad_files, name, n_jobs, once):
    """Asked again, Pillow answers with what it had read."""
    bad_files["flipped.png"] = tmp_path / "flipped.png"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(bad_files["flipped.png"])
    content = bytearray(bad_files["flipped.png"].read_bytes())
    content[60_000:63_000] = bytes(3000)
    bad_files["flipped.png"].write_bytes(content)
    broken = Image.open(io.BytesIO(bad_files[name].read_bytes()))
    for _ in range(2):
        images = feed([noise, broken, broken], on_error="missing", n_jobs=n_jobs, once=once)
        assert images.missing.tolist() == [False, True, True]
        assert {"truncated or broken (" in error["reason"] for error in images.errors} == {True}
    with pytest.raises(BadItem, match="Row 1: cannot use image"):
        feed([noise, broken, bad_files["gone.png"]], n_jobs=n_jobs, once=once)


def test_all_images_found_broken_in_their_batch_are_warned_of(bad_files):
    images = feed([bad_files["cut.png"], None, bad_files["cut.png"]], on_error="missing", once=True)
    images.batch([0])
    with pytest.warns(UserWarning, match="^2 of 2 images .* row 0, .*cut.png.*truncated"):
        images.batch([2])


def test_no_more_threads_than_the_network_has(cells, monkeypatch):
    """n_jobs workers of a search share the processor; torch has been told each one's part."""
    import torch

    pools = []

    class Pool(_image_feed.ThreadPoolExecutor):
        def __init__(self, threads):
            pools.append(threads)
            super().__init__(threads)

    monkeypatch.setattr(_image_feed, "ThreadPoolExecutor", Pool)
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            feed(cells).batch([0, 2, 3, 4])
    finally:
        torch.set_num_threads(before)
    assert pools == [1, 3]


@pytest.mark.parametrize("once", [True, False])
def test_colours_are_those_of_the_whole_image(cells, decoded, once):
    expected = ColorStatistics().transform(cells)
    decoded.clear()
    images = feed(cells, seed=None, once=once, colours=True)
    rows = np.array([9, 0, 2])
    images.batch(rows[:2])
    np.testing.assert_array_equal(images.colours(rows), expected[rows].astype(np.float32))
    assert len(decoded) == (3 if once else 8)  # the third row's when it was asked for
    assert images.has_colours and not feed(cells).has_colours


def test_colours_of_an_image_that_turns_out_to_be_cut_are_zeros(cells, bad_files):
    images = feed([cells[0], bad_files["cut.png"]], on_error="missing", once=True, colours=True)
    assert not images.missing.any()
    rows = np.arange(2)
    for _ in range(2):
        np.testing.assert_array_equal(images.colours(rows).any(axis=1), [True, False])
    assert list(images.missing) == [False, True] and len(images.errors) == 1


@pytest.mark.parametrize("kept", [True, False])
def test_large_images_are_shrunk_for_training(tmp_path, monkeypatch, decoded, kept):
    """And kept, if they are few: no file is decoded once an epoch, and no pixel changes."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    coarse.resize((300, 200)).save(tmp_path / "large.png")
    strip = Image.fromarray(rng.integers(0, 256, (4000, 8, 3), dtype=np.uint8))
    strip.save(tmp_path / "strip.png")
    monkeypatch.setattr(_image_feed, "_KEPT_BYTES", 3 * 90_000)
    table = [str(tmp_path / "large.png"), str(tmp_path / "strip.png"), None]
    rows = np.arange(2)
    plain = feed(table)
    shrinking = feed(table, shrinks=True)
    expected = shrinking.batch(rows, epoch=3)
    # What is answered is that of the whole image; what is trained on is much the same.
    np.testing.assert_array_equal(shrinking.batch(rows), plain.batch(rows))
    assert 0 < np.abs(expected - plain.batch(rows, epoch=3))[0].mean() < 0.1
    if not kept:
        monkeypatch.setattr(_image_feed, "_KEPT_BYTES", 0)
    images = feed(table, shrinks=True)
    decoded.clear()
    np.testing.assert_array_equal(images.batch(rows, epoch=3), expected)
    assert decoded == ([table[1]] if kept else table[:2])  # a strip is too long to be kept


@pytest.mark.parametrize("kept_bytes", [0, 10_000, 30_000, 60_000, 90_000, 200_000])
@pytest.mark.parametrize("shape", [(60, 60), (60, 90), (60, 230), (12, 700)])
def test_what_is_kept_is_bounded_whatever_the_shape(monkeypatch, kept_bytes, shape):
    """Both pictures and inputs; a table of squares is kept as long as it fits."""
    monkeypatch.setattr(_image_feed, "_KEPT_BYTES", kept_bytes)
    images = feed([np.full((*shape, 3), shade, dtype=np.uint8) for shade in range(5)], shrinks=True)
    kept = [array for seen in images._seen for array in (seen.crop, seen.picture)]
    sizes = [0 if array is None else array.nbytes for array in kept]
    assert sum(sizes) <= kept_bytes
    crop, square = 3 * 16**2, 3 * 57**2
    if shape == (60, 60):
        assert sum(sizes) == 5 * (
            crop * (5 * crop <= kept_bytes) + square * (5 * (crop + square) <= kept_bytes)
        )


def test_the_number_of_covers_that_are_kept(monkeypatch):
    """As the docstring says."""
    asked = []

    def look(function, cells, **options):
        asked.append(function.args[1:3])
        return [None] * len(cells), []

    monkeypatch.setattr(_image_feed, "map_cells", look)
    for n_covers in (1608, 1609):
        feed([None] * n_covers, image_size=64, shrinks=True)
    for n_covers in (1783, 1784):
        feed([None] * n_covers, image_size=224, seed=None)
    assert [bool(picture_bytes) for _, picture_bytes in asked] == [True, False, False, False]
    assert [keeps_crop for keeps_crop, _ in asked] == [True, True, True, False]
