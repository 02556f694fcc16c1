"""The audio networks of the paper, and patches cut from longer ones."""

import doctest
import warnings

import numpy as np
import pytest
from evaluate_known_tasks import CLEAR, WITHIN, run_cell

from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.audio._audio_cnn import PatchFeed, SpreadFeed, _inspect


def patches(n=6, n_bins=96, n_frames=323, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(-40, 20, (n, n_bins, n_frames)).astype(np.float32)


def cnn(**params):
    """The network alone, as in the paper, unless something else is asked for."""
    defaults = {"architecture": "4x96", "width": (4, 4, 4, 4), "max_epochs": 1, "preset": "paper"}
    return AudioCNN(**{"validation_fraction": 0, "random_state": 0, **defaults, **params})


def untrained(n_outputs, n_frames=323, n_bins=96, **params):
    """The module itself, without a weight being drawn: counting needs no training."""
    import torch

    model = AudioCNN(**params)
    model.target_ = None
    with torch.device("meta"):
        return model._make_module(**model._recipe((n_bins, n_frames), n_outputs))


@pytest.mark.parametrize("n_frames", [322, 323])
@pytest.mark.parametrize(
    ("architecture", "width", "n_outputs", "expected"),
    [
        ("4x96", "low", 250, 195_706),
        ("4x96", "high", 250, 4_795_386),
        ("4x70", "low", 250, 352_890),
        ("4x70", "high", 250, 7_390_202),
        ("3x3", "low", 250, 294_586),
        ("3x3", "high", 250, 7_976_186),
        ("4x96", "low", 50, 144_306),
        ("4x96", "high", 50, 3_975_986),
        ("4x70", "low", 50, 301_490),
        ("4x70", "high", 50, 6_570_802),
        ("3x3", "low", 50, 243_186),
        ("3x3", "high", 50, 7_156_786),
        ("time", "low", 15, 188_864 + 30_735),
    ],
)
def test_number_of_parameters(architecture, width, n_outputs, expected, n_frames):
    module = untrained(n_outputs, n_frames, architecture=architecture, width=width)
    assert sum(p.numel() for p in module.parameters()) == expected


@pytest.mark.parametrize(
    ("architecture", "width", "n_features"),
    [("time", "low", 2048), ("time", "high", 2048)]
    + [(name, "low", 256) for name in ("4x70", "4x96")]
    + [pytest.param("3x3", "low", 256, marks=pytest.mark.slow)],
)
def test_fitted_sizes(architecture, width, n_features):
    X, y = patches(4), np.eye(4, 250, dtype=int)
    model = cnn(architecture=architecture, width=width).fit(X, y)
    n_parameters = {"time": 188_864 + 2048 * 250 + 250, "4x70": 352_890, "4x96": 195_706}
    assert model.n_parameters_ == n_parameters.get(architecture, 294_586)
    vectors = model.transform(X)
    assert vectors.shape == (4, n_features) and vectors.dtype == np.float32
    assert (vectors >= 0).all()  # behind a ReLU
    names = model.get_feature_names_out()
    assert len(names) == n_features and names[0] == "audiocnn0"
    assert model.predict_proba(X).shape == (4, 250)


@pytest.mark.parametrize(("architecture", "least"), [("time", 95), ("4x96", 127), ("4x70", 127)])
def test_too_short_names_the_least_length(architecture, least):
    model = cnn(architecture=architecture, width="low")
    with pytest.raises(ValueError, match=rf"at least .* {least} frames.*Increase duration of the"):
        model.fit(patches(4, n_frames=least - 1), [0, 0, 1, 1])
    assert untrained(2, least, architecture=architecture).head.in_features > 0


def test_too_few_bins_names_the_least():
    with pytest.raises(ValueError, match=r"at least 93 bins.*Increase n_bins of the extractor\."):
        cnn(architecture="4x70").fit(patches(4, n_bins=80), [0, 0, 1, 1])
    assert untrained(2, n_bins=93, architecture="4x70").head.in_features > 0


def test_a_patch_cut_too_short_names_patch_frames():
    model = cnn(architecture="4x96", patches="center", patch_frames=100)
    with pytest.raises(ValueError, match=r"127 frames .*Increase patch_frames\."):
        model.fit(patches(4, n_frames=400), [0, 0, 1, 1])


def test_other_numbers_of_bins():
    X = patches(4, n_bins=48, n_frames=130)
    assert cnn(architecture="4x96").fit_transform(X, [0, 0, 1, 1]).shape == (4, 4)


def test_width_as_a_tuple():
    X = patches(4, n_frames=130)
    model = cnn(width=(3, 5, 7, 2)).fit(X, [0, 0, 1, 1])
    assert model.weights_["blocks.0.weight"].shape[0] == 3
    assert cnn(architecture="time", width=[2, 3, 4]).fit(X, [0, 0, 1, 1]).transform(X).shape[1] == 8
    for width in [(3, 5, 7), (3, 5, 7, 0), (3, 5, 7, 2.5)]:
        with pytest.raises(ValueError, match="filters of each of the 4 layers"):
            cnn(width=width).fit(X, [0, 0, 1, 1])


def scales(standardize, X, y=(0, 0, 0, 1, 1, 1)):
    weights = cnn(standardize=standardize).fit(X, y).weights_
    return weights["standardize.mean"], weights["standardize.scale"]


def test_standardize_known_answers():
    X = patches(6, n_frames=130)
    X[:, :, 7] *= 2
    X[:, 5] = -80  # a bin that never sounds
    mean, scale = scales("bin", X)
    assert mean.shape == scale.shape == (96, 1)
    np.testing.assert_allclose(mean[:, 0], X.mean(axis=(0, 2), dtype=float), rtol=1e-5)
    expected = X.std(axis=(0, 2), dtype=float)
    expected[5] = 1  # centred only
    np.testing.assert_allclose(scale[:, 0], expected, rtol=1e-5)
    mean, scale = scales("cell", X)
    np.testing.assert_allclose(mean, X.mean(axis=0, dtype=float), rtol=1e-5)
    expected = X.std(axis=0, dtype=float)
    expected[5] = 1
    np.testing.assert_allclose(scale, expected, rtol=1e-4)
    mean, scale = scales(None, X)
    assert mean.tolist() == [[0]] and scale.tolist() == [[1]]


def test_standardize_learns_from_training_rows_alone():
    X, y = patches(12, n_frames=130), np.arange(12) % 2
    validation = np.arange(12) < 4
    X[4] = np.nan
    model = cnn().fit(X, y, validation=validation)
    expected = X[5:].mean(axis=(0, 2), dtype=float)
    np.testing.assert_allclose(model.weights_["standardize.mean"][:, 0], expected, rtol=1e-5)


def test_missing_patches():
    X, y = patches(8, n_frames=130), np.array(["Jazz", "Rock"] * 4)
    X[[1, 6]] = np.nan
    model = cnn().fit(X, y)
    Z = model.transform(X)
    assert np.isnan(Z).all(axis=1).tolist() == [
        False,
        True,
        False,
        False,
        False,
        False,
        True,
        False,
    ]
    np.testing.assert_allclose(model.predict_proba(X)[[1, 6]], 0.5, rtol=1e-6)
    assert np.isnan(model.transform(np.full((2, 96, 130), np.nan))).all()


@pytest.mark.parametrize(("value", "what"), [(np.nan, "NaN"), (np.inf, "infinite")])
def test_partly_bad_patches_are_refused(value, what):
    X = patches(4, n_frames=130)
    X[2, 3, 4] = value
    with pytest.raises(ValueError, match=f"Row 2 of X contains {what} values"):
        cnn().fit(X, [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((4, 96)), r"shape \(n, bins, frames\).*CQTExtractor"),
        (np.array(["a.wav", "b.wav"]), "CQTExtractor"),
        (np.zeros((0, 96, 130)), "0 sample"),
    ],
)
def test_bad_input(X, message):
    with pytest.raises(ValueError, match=message):
        cnn().fit(X, [0, 1] * 2)


def test_other_length_at_predict():
    model = cnn().fit(patches(4, n_frames=130), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="131 frames, AudioCNN was fitted with 96 bins and 130"):
        model.predict(patches(4, n_frames=131))


def test_dropout_default():
    X, y = patches(4), [0, 0, 1, 1]
    assert cnn().fit(X, y).module_recipe_["dropout"] == 0
    time = cnn(architecture="time", width=(4, 4, 4))
    assert time.fit(X, y).module_recipe_["dropout"] == 0.5
    assert time.set_params(dropout=0.1).fit(X, y).module_recipe_["dropout"] == 0.1


def test_float16_patches():
    """3-D arrays have no row names, so a table could only number the rows anew."""
    X = patches(4, n_frames=130).astype(np.float16)
    Z = cnn().set_output(transform="pandas").fit_transform(X, [0, 0, 1, 1])
    assert type(Z) is np.ndarray and Z.dtype == np.float32


@pytest.mark.parametrize("architecture", ["time", "4x70", "4x96", "3x3"])
def test_each_network_learns_what_is_easy(architecture):
    """Two genres that sound in other bins."""
    X, y = patches(24, n_frames=300), np.arange(24) % 2
    X[y == 1, 20:40] += 60
    width = (8, 8, 32) if architecture == "time" else (8, 8, 8, 16)
    model = cnn(architecture=architecture, width=width, max_epochs=15, lr=5e-3, dropout=0)
    assert model.fit(X, y).score(X, y) == 1


def test_the_example_of_the_docstring():
    """The room imports the network when it is asked for: --doctest-modules does not find it."""
    (example,) = doctest.DocTestFinder(recurse=False).find(AudioCNN, "AudioCNN")
    assert example.examples
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example).failed == 0


# ---- patches cut from longer ones: in training, and averaged in answers ------------------

N_FRAMES = 130


def counting(n=5, n_frames=200):
    """Rows whose frames are numbered, so that a patch tells where it was cut."""
    return np.tile(np.arange(n_frames, dtype=np.float32), (n, 96, 1))


def feed(X, seed=0, lengths=None):
    lengths = np.full(len(X), X.shape[2]) if lengths is None else np.array(lengths)
    missing, sounding, _ = _inspect(X)
    return PatchFeed(X, missing, n_frames=N_FRAMES, lengths=lengths, sounding=sounding, seed=seed)


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


def test_the_frames_before_the_padding():
    X = np.random.default_rng(0).uniform(-70, 0, (5, 96, 200)).astype(np.float32)
    X[0, :, 120:] = -80
    X[1, :, 50:60] = -80  # a pause is no padding
    X[2] = -80  # silence throughout
    X[3] = np.nan
    _, _, lengths = _inspect(X)
    assert lengths.tolist() == [120, 200, 200, 200, 200]


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


def cnn_of_pieces(**params):
    defaults = {"architecture": "4x96", "width": (4, 4, 4, 4), "max_epochs": 2, "batch_size": 8}
    shared = {"validation_fraction": 0, "random_state": 0, "patch_frames": N_FRAMES}
    return AudioCNN(**{"preset": "paper", **defaults, **shared, **params})


def test_the_vector_is_the_mean_over_patches(long_patches, monkeypatch):
    X, y = long_patches
    model = cnn_of_pieces(patches="epoch").fit(X, y)
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


@pytest.mark.parametrize(
    ("patches", "preset"), [("center", "paper"), ("epoch", "paper"), ("epoch", "auto")]
)
def test_a_row_answers_the_same_in_any_company(long_patches, patches, preset):
    X, y = long_patches
    params = {"patches": patches, "preset": preset, "n_patches": 3}
    model = cnn_of_pieces(**params).fit(X, y)
    whole = model.transform(X)
    order = np.random.default_rng(0).permutation(24)
    np.testing.assert_array_equal(model.transform(X[order]), whole[order])
    np.testing.assert_array_equal(model.transform(X[7:8]), whole[7:8])
    again = cnn_of_pieces(**params).fit(X, y)
    np.testing.assert_array_equal(again.transform(X), whole)


@pytest.mark.parametrize(
    ("params", "n_frames", "seen"),
    [
        ({}, 190, ("epoch", 2)),
        ({}, 1000, ("epoch", 5)),
        ({}, N_FRAMES, ("whole", 1)),
        ({"n_patches": 3}, 190, ("epoch", 3)),
        ({"n_patches": 3}, N_FRAMES, ("whole", 1)),
        ({"patches": "center"}, 190, ("center", 1)),
        ({"patches": "whole"}, 190, ("whole", 1)),
        ({"preset": "paper"}, 190, ("whole", 1)),
        ({"preset": "paper", "patches": "epoch"}, 190, ("epoch", 1)),
    ],
    ids=str,
)
def test_what_auto_stands_for(params, n_frames, seen):
    model = cnn_of_pieces(**{"preset": "auto", **params})
    model._read(np.zeros((2, 96, n_frames)) + np.arange(n_frames), reset=True)
    assert (model.patches_, model.n_patches_) == model._patches() == seen


@pytest.mark.parametrize("params", [{}, {"patches": "epoch", "n_patches": 2}], ids=str)
def test_a_network_of_before_there_was_auto(long_patches, params):
    """Its state names no choice: its parameters do, or else it sees the whole."""
    X, y = long_patches
    model = cnn_of_pieces(**params).fit(X, y)
    expected = model.transform(X)
    del model.patches_, model.n_patches_
    np.testing.assert_array_equal(model.transform(X), expected)


def test_by_default_all_vectors_are_of_one_length(long_patches):
    """A fusion layer divides by it, and so changes nothing."""
    X, y = long_patches
    vectors = cnn_of_pieces(preset="auto", width=(4, 4, 4, 32)).fit(X, y).transform(X)
    assert vectors.shape[1] == 32 and np.isnan(vectors[3]).all()
    norm = np.linalg.norm(np.delete(vectors, 3, axis=0), axis=1)
    np.testing.assert_allclose(norm, norm[0], rtol=1e-4)


def test_whole_center_and_epoch_learn_from_other_patches(long_patches):
    X, y = (np.delete(part, 5, axis=0) for part in long_patches)  # padded: its middle is another
    middle = np.ascontiguousarray(X[:, :, 30 : 30 + N_FRAMES])
    expected = cnn_of_pieces().fit(middle, y).weights_
    for patches, same in [("center", True), ("epoch", False)]:
        found = cnn_of_pieces(patches=patches).fit(X, y).weights_
        assert np.array_equal(found["blocks.0.weight"], expected["blocks.0.weight"]) == same


def test_other_lengths_at_predict(long_patches):
    X, y = long_patches
    model = cnn_of_pieces(patches="epoch").fit(X, y)
    assert model.transform(X[:, :, :150]).shape == model.transform(X).shape
    with pytest.raises(ValueError, match="129 frames, AudioCNN was fitted with 96 bins and 130"):
        model.transform(X[:, :, :129])
    # No more frames than there are.
    with pytest.warns(UserWarning, match=r"no row is longer than a patch \(190 frames\)"):
        whole = cnn_of_pieces(patches="epoch", patch_frames=500).fit(X, y)
    assert whole.sample_shape_ == (96, 190)


def test_several_patches_of_the_whole_are_refused(long_patches):
    X, y = long_patches
    with pytest.raises(ValueError, match="n_patches=3 requires patches='center' or 'epoch'"):
        cnn_of_pieces(n_patches=3).fit(X, y)


def test_mapped_patches_give_the_same_bits(long_patches, tmp_path):
    X, y = long_patches
    np.save(tmp_path / "patches.npy", X)
    mapped = np.load(tmp_path / "patches.npy", mmap_mode="r")
    fitted = [cnn_of_pieces(patches="epoch", n_patches=2).fit(data, y) for data in (X, mapped)]
    np.testing.assert_array_equal(fitted[0].transform(X), fitted[1].transform(mapped))


# ---- nothing to hear --------------------------------------------------------------------

SR = 22050


def within(y, seconds=15):
    whole = np.zeros(seconds * SR)
    whole[4 * SR : 4 * SR + len(y)] = y
    return whole


def white(seconds):
    return 0.1 * np.random.default_rng(0).standard_normal(int(seconds * SR))


def tone(seconds, f):
    return 0.3 * np.sin(2 * np.pi * f * np.arange(int(seconds * SR)) / SR)


NOTHING = {
    "silence": np.zeros(15 * SR),
    "dither": np.random.default_rng(0).integers(-1, 2, 15 * SR) / 32768,
    "noise at -90 dB": 10 ** (-90 / 20) * np.random.default_rng(0).standard_normal(15 * SR),
    "offset": np.full(15 * SR, 0.2),
    "small offset": np.full(3 * SR, 1e-3),
    "click": within(np.array([0.9])),
    "0.2 s of a low tone": within(tone(0.2, 60)),
    "0.2 s of a tone": within(tone(0.2, 440)),
    "0.2 s of noise": within(white(0.2)),
    "0.4 s of noise": within(white(0.4)),
    "0.4 s of a low tone": within(tone(0.4, 40)),
    "0.4 s, no more": white(0.4),
    "0.4 s of a tone, no more": tone(0.4, 440),
}
SOMETHING = {
    "1 s of noise": within(white(1)),
    "1 s, no more": white(1),
    "1 s of a tone, no more": tone(1, 440),
    "1 s of a low tone": within(tone(1, 60)),
    "2 s, no more": tone(2, 60),
    "noise": white(15),
    "noise at -60 dB": 10 ** (-60 / 20) * np.random.default_rng(0).standard_normal(15 * SR),
    "a tone that decays": tone(15, 220) * np.exp(-np.arange(15 * SR) / SR),
    "notes and rests": tone(15, 220) * (np.arange(15 * SR) // (SR // 2) % 4 == 0),
    "music below a loud click": within(np.array([1.0])) + 0.02 * white(15),
}


def is_missing(X, **params):
    model = cnn(architecture="time", width=(2, 2, 2), **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return model._read(X, reset=True).missing


@pytest.mark.parametrize(
    "settings",
    [{}, {"ref": "clip"}, {"log": False}, {"dtype": "float16"}, {"cache_dtype": "uint8"}],
    ids=str,
)
def test_what_is_nothing_to_hear(settings, tmp_path):
    if "cache_dtype" in settings:
        settings = {**settings, "cache": tmp_path / "patches.sqlite"}
    extractor = CQTExtractor(patch="start", **settings)
    for sounds, expected in ((NOTHING, True), (SOMETHING, False)):
        missing = is_missing(extractor.transform(list(sounds.values())))
        assert dict(zip(sounds, missing.tolist(), strict=True)) == dict.fromkeys(sounds, expected)


@pytest.mark.parametrize(
    "X",
    [
        np.random.default_rng(0).normal(size=(5, 24, 100)),
        np.random.default_rng(0).normal(size=(5, 24, 100)).astype(np.float16),
        np.random.default_rng(0).random((5, 24, 100)),
        np.random.default_rng(0).integers(0, 255, (5, 24, 100)).astype(np.uint8),
        -np.random.default_rng(0).exponential(size=(5, 24, 100)),
    ],
    ids=["normal", "float16", "uniform", "uint8", "negative"],
)
def test_values_of_other_kinds_are_not_silence(X):
    assert not is_missing(X).any()
    assert is_missing(np.full_like(X, X[0, 0, 0])).all()


def test_silence_is_not_learned_from_and_gets_the_prior():
    X, y = patches(12, n_frames=130), np.repeat(["Jazz", "Rock", "Rap"], 4)
    X[[2, 7]] = -80
    X[7, :, 40:55] = 0  # a blip
    gone = X.copy()
    gone[[2, 7]] = np.nan
    model, expected = cnn(width=(4, 4, 4, 4)), cnn(width=(4, 4, 4, 4)).fit(gone, y)
    with pytest.warns(UserWarning, match="2 of 12 patches count as missing .nothing to hear"):
        model.fit(X, y)
    assert model.errors_["row"].tolist() == [2, 7]
    for name, weight in model.weights_.items():
        np.testing.assert_array_equal(weight, expected.weights_[name])
    for method in ("transform", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(model, method)(X), getattr(expected, method)(gone))
    assert np.isnan(model.transform(X)[[2, 7]]).all()
    np.testing.assert_allclose(model.predict_proba(X)[[2, 7]], 1 / 3)
    assert model.errors_["reason"].str.startswith("nothing to hear").all()
    model.transform(X[[0]])
    assert not len(model.errors_) and "_errors" not in model.__getstate__()


def test_nothing_but_silence():
    with (
        pytest.warns(UserWarning, match="6 of 6 patches count as missing"),
        pytest.raises(ValueError, match="no rows to train on: of 6 rows 6 are missing"),
    ):
        cnn().fit(np.full((6, 96, 323), -80, dtype=np.float32), np.arange(6) % 2)


def test_patches_are_taken_where_there_is_something_to_hear():
    rng = np.random.default_rng(0)
    X = rng.normal(-40, 20, (12, 96, 320)).clip(-79, 0).astype(np.float32)
    X[0, :, :240] = -80  # the begin and the middle are silent
    X[1, :, 100:] = -80  # a short track
    X[2] = -80
    X[3, :, 90:230] = -80  # the middle alone is silent
    model = cnn_of_pieces(patches="center", max_epochs=1)
    with pytest.warns(UserWarning, match="1 of 12 patches"):
        model.fit(X, np.arange(12) % 3)

    def vector(row, start):
        return model.transform(X[[row], :, start : start + N_FRAMES])[0]

    vectors = model.transform(X)
    assert np.isnan(vectors).all(axis=1).tolist() == [False, False, True] + [False] * 9
    # The place nearest to the middle, frame 95, at which 20 frames sound.
    np.testing.assert_array_equal(vectors[0], vector(0, 240 + 20 - N_FRAMES))
    np.testing.assert_array_equal(vectors[1], vector(1, 0))
    np.testing.assert_array_equal(vectors[3], vector(3, 90 - 20))
    np.testing.assert_array_equal(vectors[4], vector(4, 95))

    expected = [vector(0, 190), np.mean([vector(3, 0), vector(3, 190)], axis=0)]
    spread = model.set_params(patches="epoch", n_patches=3).transform(X)
    np.testing.assert_array_equal(spread[[0, 3]], expected)
    np.testing.assert_array_equal(spread[1], vectors[1])
    assert np.isnan(spread[2]).all()
    # None of two patches has anything: the one that is nearest to something is moved there.
    X[4, :, :N_FRAMES] = X[4, :, -N_FRAMES:] = -80
    X[4, :, -1] = -60
    moved = model.set_params(n_patches=2).transform(X)
    assert np.isfinite(moved[4]).all()


def test_no_silent_patch_is_trained_on():
    X = np.full((3, 96, 1000), -80, dtype=np.float32)
    X[:, :, 300:400] = np.random.default_rng(0).uniform(-60, 0, (3, 96, 100))
    X[:, :, -1] = 0
    patches = feed(X)
    for epoch in range(60):
        batch = patches.batch(np.arange(3), epoch=epoch)
        assert ((batch.max(axis=1) > -70).sum(axis=1) >= 20).all()


def test_the_defaults_learn_what_logistic_regression_learns():
    answer = run_cell("one_bin", n_rows=100, n_genres=2, seed=0)
    assert answer["plain"] > CLEAR and answer["ours"] >= answer["plain"] - WITHIN
