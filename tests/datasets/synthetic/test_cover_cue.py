"""Covers that show their genre in one place only."""

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.datasets import make_albums
from skmmgenre.datasets._synthetic._cover import (
    cover_recipe,
    cover_style,
    draw_box,
    render_neutral_cover,
)
from skmmgenre.datasets._synthetic._genres import genre_tree
from skmmgenre.image import ColorStatistics

COVERS_ALONE = {"missing": {"audio": 1.0, "text": 1.0}, "cover_size": 50, "random_state": 0}


def pixels_of(paths):
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(np.asarray(image))
    return np.stack(images)


@pytest.fixture(scope="module")
def albums(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patch")
    return make_albums(
        300, 3, directory=folder, cover_cue="patch", artist_strength=0.0, **COVERS_ALONE
    )


def test_masks_are_squares_of_the_boxes(albums):
    masks = albums.oracle.cover_masks()
    assert masks.shape == (300, 50, 50)
    assert (masks.sum(axis=(1, 2)) == 20 * 20).all()
    boxes = albums.oracle.cover_boxes
    assert list(boxes) == ["left", "top", "right", "bottom"]
    assert (boxes["right"] - boxes["left"] == 20).all()
    assert boxes.min(axis=None) == 0
    assert boxes.max(axis=None) == 50
    left, top, right, bottom = boxes.iloc[7]
    assert masks[7, top, left]
    assert masks[7, bottom - 1, right - 1]
    np.testing.assert_array_equal(albums.oracle.cover_masks([7]), masks[[7]])


def test_the_box_alone_depends_on_the_genre():
    box = (10, 5, 30, 25)
    covers = [
        render_neutral_cover(
            cover_recipe(genre),
            cover_style(np.random.default_rng(1)),
            np.random.default_rng(2),
            artist_strength=0.5,
            title="A title",
            size=50,
            box=box,
        )
        for genre in genre_tree(4)
    ]
    pixels = np.stack([np.asarray(cover) for cover in covers])
    differs = (pixels != pixels[0]).any(axis=(0, 3))
    assert not differs[:5].any()
    assert not differs[25:].any()
    assert not differs[:, :10].any()
    assert not differs[:, 30:].any()
    assert differs[5:25, 10:30].mean() > 0.9


def test_what_is_outside_of_the_boxes_tells_nothing(albums):
    """A linear model of colours knows the genre with the boxes, and nothing without."""
    perceived = albums.oracle.perceived["cover"].to_numpy()
    pixels = pixels_of(albums.table["cover"])
    masks = albums.oracle.cover_masks()
    chance = max(np.unique(perceived, return_counts=True)[1]) / len(perceived)
    insides, outsides = [], []
    for image, mask in zip(pixels, masks, strict=True):
        insides.append(image[mask].reshape(20, 20, 3))
        outside = image.copy()
        outside[mask] = 128
        outsides.append(outside)
    model = make_pipeline(ColorStatistics(), StandardScaler(), LogisticRegression(C=0.01))
    assert cross_val_score(model, insides, perceived).mean() > chance + 0.3
    assert cross_val_score(model, outsides, perceived).mean() < chance + 0.07


def test_usual_covers_show_it_everywhere(tmp_path):
    albums = make_albums(4, 3, directory=tmp_path, **COVERS_ALONE)
    assert albums.oracle.cover_boxes is None
    assert albums.oracle.cover_masks().all()
    assert albums.oracle.cover_masks([0, 1]).shape == (2, 50, 50)


def test_same_seed_same_bytes(albums, tmp_path):
    again = make_albums(
        300, 3, directory=tmp_path, cover_cue="patch", artist_strength=0.0, n_jobs=2, **COVERS_ALONE
    )
    np.testing.assert_array_equal(
        pixels_of(again.table["cover"][:20]), pixels_of(albums.table["cover"][:20])
    )


@pytest.mark.parametrize("size", [8, 9, 128])
def test_boxes_lie_within(size):
    for seed in range(50):
        left, top, right, bottom = draw_box(np.random.default_rng(seed), size)
        assert 0 <= left < right <= size
        assert 0 <= top < bottom <= size
        assert right - left == bottom - top
