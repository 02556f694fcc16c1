"""Patches that are moved over the bins and masked, in every epoch differently."""

import numpy as np
import pytest

from skmmgenre.audio import AudioCNN
from skmmgenre.audio._augment import AugmentedFeed, augment_patch
from skmmgenre.nets import ArrayFeed


def feed(seed=0):
    X = np.random.default_rng(1).normal(-40, 10, (6, 24, 100)).astype(np.float32)
    return X, AugmentedFeed(ArrayFeed(X, np.zeros(6, dtype=bool)), seed)


def test_outside_of_training_patches_stay_as_they_are():
    X, augmented = feed()
    np.testing.assert_array_equal(augmented.batch(np.array([4, 2])), X[[4, 2]])


def test_what_happens_follows_from_seed_epoch_and_row():
    X, augmented = feed()
    rows = np.arange(6)
    together = augmented.batch(rows, 3)
    alone = np.vstack([augmented.batch(rows[[row]], 3) for row in rows])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, feed()[1].batch(rows, 3))
    for other in (augmented.batch(rows, 4), feed(seed=1)[1].batch(rows, 3), X):
        assert (together != other).any(axis=(1, 2)).all()
    np.testing.assert_array_equal(X, feed()[0])  # the rows themselves are left alone


@pytest.mark.parametrize("shape", [(96, 323), (12, 40), (2, 9), (1, 1)])
def test_moved_by_two_bins_at_most_and_a_tenth_masked(shape):
    n_bins, n_frames = shape
    moves = set()
    for seed in range(200):
        # Each value tells its bin and frame; the least of all stands where nothing moves in.
        patch = 1 + np.arange(n_bins * n_frames, dtype=np.float32).reshape(shape)
        least = patch.min()
        bins, frames = np.divmod(patch - 1, n_frames)
        found = patch.copy()
        augment_patch(found, np.random.default_rng(seed))
        there = np.isin(found, patch) & (found != least)
        bins_found, frames_found = np.divmod(found - 1, n_frames)
        same_frame = frames_found == frames
        up = (bins - bins_found)[there & same_frame]
        assert len(up) == 0 or np.abs(np.median(up)) <= 2
        moves |= {int(np.median(up))} if len(up) else set()
        changed = ~(there & same_frame & (bins - bins_found == np.median(up))) if len(up) else 1
        assert np.mean(changed) <= 0.1 + 0.1 + 2 / n_bins + 0.01
    if shape == (96, 323):
        assert moves == {-2, -1, 0, 1, 2}


def test_of_preset_auto_only():
    X, _ = feed()
    y = np.arange(6) % 2
    options = {"width": (4, 4, 4), "max_epochs": 2, "validation_fraction": 0, "random_state": 0}
    weights = {}
    for preset in ("auto", "paper"):
        for augment in (True, False):
            cnn = AudioCNN(architecture="time", preset=preset, augment=augment, **options)
            weights[preset, augment] = cnn.fit(X, y).weights_["head.weight"]
    assert (weights["auto", True] != weights["auto", False]).any()
    np.testing.assert_array_equal(weights["paper", True], weights["paper", False])
