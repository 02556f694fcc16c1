"""The audio networks of the paper."""

import numpy as np
import pytest

from skmmgenre.audio import AudioCNN


def patches(n=6, n_bins=96, n_frames=323, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(-40, 20, (n, n_bins, n_frames)).astype(np.float32)


def cnn(**params):
    defaults = {"architecture": "4x96", "width": (4, 4, 4, 4), "max_epochs": 1}
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
    + [(name, "low", 256) for name in ("4x70", "4x96", "3x3")],
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
    with pytest.raises(ValueError, match=rf"at least .* {least} frames.*Raise duration of the"):
        model.fit(patches(4, n_frames=least - 1), [0, 0, 1, 1])
    assert untrained(2, least, architecture=architecture).head.in_features > 0


def test_too_few_bins_names_the_least():
    with pytest.raises(ValueError, match=r"at least 93 bins.*Raise n_bins of the extractor\."):
        cnn(architecture="4x70").fit(patches(4, n_bins=80), [0, 0, 1, 1])
    assert untrained(2, n_bins=93, architecture="4x70").head.in_features > 0


def test_a_patch_cut_too_short_names_patch_frames():
    model = cnn(architecture="4x96", patches="center", patch_frames=100)
    with pytest.raises(ValueError, match=r"127 frames .*Raise patch_frames\."):
        model.fit(patches(4, n_frames=400), [0, 0, 1, 1])


def test_other_numbers_of_bins():
    X = patches(4, n_bins=48, n_frames=130)
    assert cnn(architecture="4x96").fit_transform(X, [0, 0, 1, 1]).shape == (4, 4)


def test_the_layers_compute_what_the_paper_says():
    """4x96 by hand: all bins at once, then ReLU and pooling, three times over, and 1x1."""
    X = patches(2, n_frames=140)
    model = cnn(standardize=None, width=(3, 5, 7, 2)).fit(X, [0, 1])
    kernels = [w for name, w in model.weights_.items() if name.startswith("blocks") and w.ndim > 1]
    biases = [w for name, w in model.weights_.items() if name.startswith("blocks") and w.ndim == 1]
    x = X
    for kernel, bias, pool in zip(kernels, biases, [4, 4, 4, 1], strict=True):
        kernel = kernel.reshape(*kernel.shape[:2], -1)  # filters, channels, frames
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2], axis=2)
        x = np.maximum(np.einsum("nctk,fck->nft", windows, kernel) + bias[:, None], 0)
        n_frames = x.shape[2] // pool * pool
        x = x[:, :, :n_frames].reshape(*x.shape[:2], -1, pool).max(axis=3)
    np.testing.assert_allclose(model.transform(X), x.reshape(2, -1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", ["time", "4x70", "4x96", "3x3"])
def test_every_network_is_the_plain_one(architecture, precision):
    """Convolution, ReLU, pooling in the paper's order on a map of one channel: same gradients."""
    import torch
    from torch import nn

    from skmmgenre.nets._devices import computing_in, to_device
    from skmmgenre.nets._modules import build_empty, initialize

    width = (4, 6, 8) if architecture == "time" else (4, 6, 8, 8)
    model = AudioCNN(architecture=architecture, width=width, dropout=0)
    recipe = model._recipe((96, 323), 3)
    ours = build_empty(model._make_module, recipe)
    initialize(ours, 0)
    ours = to_device(ours, torch.device("cpu"))
    blocks, channels = [], 1
    with torch.device("meta"):  # no weight is drawn
        for filters, (frames, bins), pool in recipe["layers"]:
            blocks += [nn.Conv2d(channels, filters, (bins, frames)), nn.ReLU()]
            blocks += [] if pool is None else [nn.MaxPool2d((pool[1], pool[0]))]
            channels = filters
        plain = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(recipe["n_features"], 3))
    plain.to_empty(device="cpu")
    arrays = list(ours.parameters())
    with torch.no_grad():
        for theirs, value in zip(plain.parameters(), arrays, strict=True):
            theirs.copy_(value.reshape(theirs.shape))
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 96, 323)).astype(np.float32))
    expected = plain(x.unsqueeze(1))
    dtype = getattr(torch, precision)
    with computing_in(dtype, torch.device("cpu")):
        found = ours(x).float()
    error = 1e-4 if precision == "float32" else 0.05
    assert (found - expected).norm() < error * expected.norm()
    found.square().sum().backward()
    expected.square().sum().backward()
    for theirs, value in zip(plain.parameters(), arrays, strict=True):
        difference = value.grad.reshape(theirs.shape) - theirs.grad
        assert difference.norm() < 4 * error * theirs.grad.norm()


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
    with pytest.raises(ValueError, match=f"Row 2 of X holds {what} values in part"):
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
