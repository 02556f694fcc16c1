"""Patches cut from longer ones: in training, and averaged in answers."""

import numpy as np
import pytest

from skmmgenre.audio import AudioCNN
from skmmgenre.audio._audio_cnn import PatchFeed, SpreadFeed, _sounding_frames

N_FRAMES = 130


def counting(n=5, n_frames=200):
    """Rows whose frames are numbered, so that a patch tells where it was cut."""
    return np.tile(np.arange(n_frames, dtype=np.float32), (n, 96, 1))


def feed(X, seed=0, lengths=None):
    lengths = np.full(len(X), X.shape[2]) if lengths is None else np.array(lengths)
    missing = np.zeros(len(X), dtype=bool)
    return PatchFeed(X, missing, n_frames=N_FRAMES, lengths=lengths, seed=seed)


def starts(batch):
    """First frame of each patch, which must be whole."""
    np.testing.assert_array_equal(batch - batch[:, :, :1], counting(len(batch), N_FRAMES))
    return batch[:, 0, 0].astype(int)


def test_the_middle_outside_training():
    patches = feed(counting())
    assert patches.sample_shape == (96, N_FRAMES)
    assert starts(patches.batch(np.arange(5))).tolist() == [35] * 5
    assert starts(feed(counting(), seed=None).batch(np.arange(5), epoch=3)).tolist() == [35] * 5


def test_every_epoch_and_row_has_its_own_place():
    X = counting(n=40)
    epochs = [starts(feed(X).batch(np.arange(40), epoch=epoch)) for epoch in range(30)]
    assert all(len(set(places)) > 10 for places in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    every = np.concatenate(epochs)
    assert set(every) == set(range(200 - N_FRAMES + 1))  # the last one too
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(starts(feed(X).batch(order, epoch=0)), epochs[0][order])
    assert not np.array_equal(starts(feed(X, seed=1).batch(np.arange(40), epoch=0)), epochs[0])


def test_the_padding_is_not_cut_from():
    lengths = [200, 150, 130, 60, 131]
    patches = feed(counting(), lengths=lengths)
    places = [starts(patches.batch(np.arange(5), epoch=epoch)) for epoch in range(50)]
    assert np.max(places, axis=0)[1:].tolist() == [20, 0, 0, 1]
    assert starts(patches.batch(np.arange(5))).tolist() == [35, 10, 0, 0, 0]


def test_sounding_frames():
    X = np.random.default_rng(0).uniform(-70, 0, (5, 96, 200)).astype(np.float32)
    X[0, :, 120:] = -80
    X[1, :, 50:60] = -80  # a pause is no padding
    X[2] = -80  # silence throughout
    X[3] = np.nan
    assert _sounding_frames(X)[[0, 1, 2, 4]].tolist() == [120, 200, 200, 200]


def test_spread_patches_reach_from_begin_to_end():
    spread = SpreadFeed(feed(counting(n=3), lengths=[200, 150, 100]), 3)
    batch = spread.batch(np.arange(9))
    assert starts(batch).tolist() == [0, 35, 70, 0, 10, 20, 0, 0, 0]


@pytest.fixture(scope="module")
def long_patches():
    rng = np.random.default_rng(0)
    X = rng.normal(-40, 20, (24, 96, 190)).astype(np.float32)
    X[5, :, 140:] = X[5].min() - 1
    X[3] = np.nan
    return X, np.arange(24) % 3


def cnn(**params):
    defaults = {"architecture": "4x96", "width": (4, 4, 4, 4), "max_epochs": 2, "batch_size": 8}
    shared = {"validation_fraction": 0, "random_state": 0, "patch_frames": N_FRAMES}
    return AudioCNN(**{**defaults, **shared, **params})


def test_the_vector_is_the_mean_over_patches(long_patches, monkeypatch):
    X, y = long_patches
    model = cnn(patches="epoch").fit(X, y)
    frees = np.where(np.arange(24) == 5, 140 - N_FRAMES, 190 - N_FRAMES)
    by_hand = []
    for k in range(3):
        parts = [
            row[:, free * k // 2 : free * k // 2 + N_FRAMES]
            for row, free in zip(X, frees, strict=True)
        ]
        by_hand.append(model.transform(np.stack(parts)))
    model.set_params(n_patches=3)
    monkeypatch.setattr("skmmgenre.audio._audio_cnn._CHUNK", 5)
    np.testing.assert_allclose(model.transform(X), np.mean(by_hand, axis=0), rtol=1e-5, atol=1e-6)
    weights = model.weights_
    scores = model.transform(X) @ weights["head.weight"].T + weights["head.bias"]
    there = ~np.isnan(scores[:, 0])
    np.testing.assert_allclose(
        model.decision_function(X)[there], scores[there], rtol=1e-4, atol=1e-5
    )
    assert not there[3] and there.sum() == 23


@pytest.mark.parametrize("patches", ["center", "epoch"])
def test_a_row_answers_the_same_in_any_company(long_patches, patches):
    X, y = long_patches
    model = cnn(patches=patches, n_patches=3).fit(X, y)
    whole = model.transform(X)
    order = np.random.default_rng(0).permutation(24)
    np.testing.assert_array_equal(model.transform(X[order]), whole[order])
    np.testing.assert_array_equal(model.transform(X[7:8]), whole[7:8])
    again = cnn(patches=patches, n_patches=3).fit(X, y)
    np.testing.assert_array_equal(again.transform(X), whole)


def test_whole_center_and_epoch_learn_from_other_patches(long_patches):
    X, y = (np.delete(part, 5, axis=0) for part in long_patches)  # padded: its middle is another
    middle = np.ascontiguousarray(X[:, :, 30 : 30 + N_FRAMES])
    expected = cnn().fit(middle, y).weights_
    for patches, same in [("center", True), ("epoch", False)]:
        found = cnn(patches=patches).fit(X, y).weights_
        assert np.array_equal(found["blocks.0.weight"], expected["blocks.0.weight"]) == same


def test_other_lengths_at_predict(long_patches):
    X, y = long_patches
    model = cnn(patches="epoch").fit(X, y)
    assert model.transform(X[:, :, :150]).shape == model.transform(X).shape
    with pytest.raises(ValueError, match="129 frames, AudioCNN was fitted with 96 bins and 130"):
        model.transform(X[:, :, :129])
    # No more frames than there are.
    with pytest.warns(UserWarning, match="no row has more than the 190 frames of a patch"):
        whole = cnn(patches="epoch", patch_frames=500).fit(X, y)
    assert whole.sample_shape_ == (96, 190)


def test_several_patches_of_the_whole_are_refused(long_patches):
    X, y = long_patches
    with pytest.raises(ValueError, match="n_patches=3 is for patches='center' or 'epoch'"):
        cnn(n_patches=3).fit(X, y)


def test_mapped_patches_give_the_same_bits(long_patches, tmp_path):
    X, y = long_patches
    np.save(tmp_path / "patches.npy", X)
    mapped = np.load(tmp_path / "patches.npy", mmap_mode="r")
    fitted = [cnn(patches="epoch", n_patches=2).fit(data, y) for data in (X, mapped)]
    np.testing.assert_array_equal(fitted[0].transform(X), fitted[1].transform(mapped))
