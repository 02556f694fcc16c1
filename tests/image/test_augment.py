import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.models import ResNet18_Weights

from skmmgenre.image import _augment
from skmmgenre.image._augment import centre_crop, for_evaluation, for_training

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize("size", [(300, 260), (256, 256), (64, 64), (500, 301)])
def test_evaluation_is_what_the_weights_were_made_for(size):
    y, x = np.mgrid[: size[1], : size[0]]
    image = Image.fromarray(np.stack([x % 256, y % 256, (x * y) % 256], axis=2).astype(np.uint8))
    expected = ResNet18_Weights.IMAGENET1K_V1.transforms(interpolation=3)(image).numpy()
    got = for_evaluation(centre_crop(image, 224))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(8, 40), st.integers(0, 99))
def test_every_size_gives_the_shape(width, height, size, seed):
    image = Image.new("RGB", (width, height), (9, 99, 199))
    expected = ((np.array([9, 99, 199]) / 255 - MEAN) / STD)[:, None, None]
    plain = for_evaluation(centre_crop(image, size))
    assert plain.shape == (3, size, size)
    np.testing.assert_allclose(plain, np.broadcast_to(expected, plain.shape), atol=1e-5)
    drawn = for_training(image, size, np.random.default_rng(seed))
    assert drawn.shape == (3, size, size)
    assert drawn.dtype == np.float32
    assert drawn.flags.c_contiguous
    assert np.isfinite(drawn).all()


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_a_strip_does_not_fill_the_memory(size):
    image = Image.new("RGB", size, "white")
    assert for_evaluation(centre_crop(image, 224)).shape == (3, 224, 224)
    assert for_training(image, 224, np.random.default_rng(0)).shape == (3, 224, 224)


def test_same_generator_same_bits(photo):
    image = Image.fromarray(photo)
    first, second = (for_training(image, 32, np.random.default_rng([3, 1, 4])) for _ in "12")
    other = for_training(image, 32, np.random.default_rng([3, 1, 5]))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_crops_have_8_to_100_percent_of_the_area():
    # Red holds the column, green the row: a crop's span can be read from its pixels.
    y, x = np.mgrid[:200, :200]
    image = Image.fromarray(np.stack([x, y, 0 * x], axis=2).astype(np.uint8))
    rng = np.random.default_rng(0)
    areas, aspects = [], []
    for _ in range(400):
        crop = np.asarray(_augment._random_sized_crop(image, 32, rng)).astype(float)
        width = (crop[:, -1, 0] - crop[:, 0, 0]).mean() * 32 / 31
        height = (crop[-1, :, 1] - crop[0, :, 1]).mean() * 32 / 31
        areas.append(width * height / 40_000)
        aspects.append(width / height)
    assert 0.07 < min(areas) < 0.12
    assert 0.9 < max(areas) < 1.02
    assert 0.70 < min(aspects) < 0.80
    assert 1.25 < max(aspects) < 1.42
    # Drawn uniformly; large crops fail the tries a little more often.
    assert 0.45 < np.mean(areas) < 0.58
    assert abs(np.mean(np.log(aspects))) < 0.03


def test_half_are_flipped(monkeypatch):
    monkeypatch.setattr(_augment, "_JITTER", 0)
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[np.newaxis, :, np.newaxis] * 4, 64, axis=0)
    image = Image.fromarray(np.repeat(ramp, 3, axis=2))
    rng = np.random.default_rng(0)
    flipped = [np.diff(for_training(image, 16, rng)[0].mean(axis=0)).mean() < 0 for _ in range(400)]
    assert 0.42 < np.mean(flipped) < 0.58


def test_jitter_and_lighting_statistics():
    image = np.zeros((8, 8, 3), dtype=np.float32)
    image[:4] = [0.8, 0.4, 0.2]
    image[4:] = [0.2, 0.3, 0.4]
    rng = np.random.default_rng(0)
    jittered = np.array([_augment._colour_jitter(image, rng) for _ in range(600)])
    # Every factor has mean 1: colours stay the same on average, their spread does not.
    np.testing.assert_allclose(jittered.mean(axis=0), image, atol=0.04)
    brightness = jittered.mean(axis=(1, 2, 3)) / image.mean()
    assert 0.59 < brightness.min() < 0.65
    assert 1.35 < brightness.max() < 1.41
    assert jittered.std(axis=0)[0, 0, 0] > 0.05

    black = np.zeros((4, 4, 3), dtype=np.float32)
    shifts = np.array([_augment._lighting(black, rng)[0, 0] for _ in range(4000)])
    expected = _augment._PCA_VECTORS @ np.diag((0.1 * _augment._PCA_VALUES) ** 2)
    np.testing.assert_allclose(np.cov(shifts.T), expected @ _augment._PCA_VECTORS.T, atol=2e-5)


def test_order_of_the_colour_steps_is_drawn():
    image = np.random.default_rng(0).random((4, 4, 3)).astype(np.float32)

    class Draws:
        """Fixed amounts, a given order."""

        def __init__(self, order):
            self.order, self.amounts = order, dict(zip((0, 1, 2), (0.3, -0.3, 0.2), strict=True))

        def permutation(self, n):
            self.left = [self.amounts[kind] for kind in self.order]
            return self.order

        def uniform(self, low, high):
            assert (low, high) == (-0.4, 0.4)
            return self.left.pop(0)

    bright, contrast = (
        _augment._colour_jitter(image, Draws(order)) for order in ([0, 1, 2], [1, 0, 2])
    )
    # All three are linear; brightness and contrast commute, so the same comes out.
    np.testing.assert_allclose(bright, contrast, atol=1e-6)
    assert {tuple(np.random.default_rng(seed).permutation(3)) for seed in range(60)} >= {
        (0, 1, 2),
        (2, 1, 0),
    }
