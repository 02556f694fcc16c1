"""Maps of what speaks for a genre, on data whose telling part is known."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from skmmgenre.audio import AudioCNN
from skmmgenre.compose import GenrePipeline, MeanOverTracks
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ResNetEmbedder
from skmmgenre.image._augment import centre_crop
from skmmgenre.inspection import ActivationMapDisplay, class_activation_map
from skmmgenre.nets._modules import build_empty, initialize, to_arrays
from skmmgenre.utils import BadItem

NETWORK = {"depth": "small", "validation_fraction": 0, "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def albums(tmp_path_factory):
    """Neutral covers with the sign of one of three genres somewhere."""
    return make_albums(
        200, 3, directory=tmp_path_factory.mktemp("patch"), random_state=0, cover_size=64,
        cover_cue="patch", artist_strength=0.0, missing={"audio": 1.0, "text": 1.0},
    )  # fmt: skip


@pytest.fixture(scope="module")
def genres(albums):
    return albums.oracle.perceived["cover"].to_numpy()


@pytest.fixture(scope="module")
def network(albums, genres):
    network = ResNetEmbedder(max_epochs=12, augment=False, **NETWORK)
    return network.fit(albums.table["cover"][:150], genres[:150])


def masks_seen(albums, rows, size=64):
    """The masks as the network sees the covers."""
    masks = albums.oracle.cover_masks(rows)
    images = [Image.fromarray(255 * mask.astype(np.uint8)).convert("RGB") for mask in masks]
    return np.stack([centre_crop(image, size)[:, :, 0] > 127 for image in images])


def share_within(maps, masks):
    """Mean share of the mass of the maps that lies within the masks."""
    mass = maps.sum(axis=(1, 2))
    there = mass > 0
    return ((maps * masks).sum(axis=(1, 2))[there] / mass[there]).mean()


def randomised(network, parts):
    """The network with random weights in the parts that begin so."""
    module = build_empty(network._make_module, network.module_recipe_)
    initialize(module, 1)
    random = to_arrays(module)
    other = ResNetEmbedder(**network.get_params())
    vars(other).update(vars(network))
    other.weights_ = {
        name: random[name] if name.startswith(parts) else array
        for name, array in network.weights_.items()
    }
    return other


def test_mass_lies_where_the_genre_is(albums, genres, network):
    unseen = np.arange(150, 200)
    covers = albums.table["cover"].iloc[unseen]
    assert network.score(covers, genres[unseen]) > 0.7
    masks = masks_seen(albums, unseen)
    found = share_within(class_activation_map(network, covers, genres[unseen]), masks)
    chance = masks.mean()
    random = share_within(
        class_activation_map(randomised(network, ("trunk", "head")), covers, genres[unseen]), masks
    )
    assert chance < 0.3
    assert found > 1.7 * chance
    assert found > random + 0.15


def test_maps_change_when_weights_are_randomised_layer_by_layer(albums, network):
    covers = albums.table["cover"][150:170]
    genres = network.classes_[network.decision_function(covers).argmax(axis=1)]
    maps = class_activation_map(network, covers, genres)
    parts = ["head", *(f"trunk.block{number}" for number in (5, 4, 3, 2, 1))]
    for n_parts in range(1, len(parts) + 1):
        other = randomised(network, tuple(parts[:n_parts]))
        changed = class_activation_map(other, covers, genres)
        alike = [  # a map of zeros is like no other
            np.corrcoef(one.ravel(), another.ravel())[0, 1] if another.any() else 0
            for one, another in zip(maps, changed, strict=True)
        ]
        assert np.mean(alike) < 0.6


def test_hiding_the_map_hurts_more_than_hiding_elsewhere(albums, network):
    """Deletion: the fifth of the pixels that speaks most for the genre, or as many elsewhere."""
    covers = [
        centre_crop(Image.open(path).convert("RGB"), 73) for path in albums.table["cover"][150:200]
    ]
    seen = np.stack([centre_crop(Image.fromarray(cover), 64) for cover in covers])
    before = network.decision_function(covers)
    codes = before.argmax(axis=1)
    maps = class_activation_map(network, covers)
    rng = np.random.default_rng(0)

    def loss_without(order):
        hidden = []
        for image, ranks in zip(seen, order, strict=True):
            image = image.copy()
            image.reshape(-1, 3)[ranks[: 64 * 64 // 5]] = image.mean(axis=(0, 1))
            hidden.append(np.pad(image, ((4, 5), (4, 5), (0, 0)), mode="edge"))
        after = network.decision_function(hidden)
        return (before - after)[np.arange(len(codes)), codes].mean()

    by_map = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")
    # A square of other covers' maps: as compact, elsewhere.
    by_other = by_map[rng.permutation(len(by_map))]
    assert loss_without(by_map) > loss_without(by_other) + 0.1


def test_shape_range_and_missing_covers(albums, network):
    covers = [albums.table["cover"][0], None, albums.table["cover"][1]]
    maps = class_activation_map(network, covers)
    assert maps.shape == (3, 64, 64)
    assert maps.dtype == np.float32
    assert np.isnan(maps[1]).all()
    assert maps[[0, 2]].min() >= 0
    assert set(maps[[0, 2]].max(axis=(1, 2)).tolist()) <= {0.0, 1.0}
    assert class_activation_map(network, [None]).shape == (1, 64, 64)


def test_rows_do_not_depend_on_others_nor_touch_global_state(albums, network):
    covers = albums.table["cover"][:70]
    state = torch.get_rng_state()
    maps = class_activation_map(network, covers)
    np.testing.assert_array_equal(class_activation_map(network, covers[66:68]), maps[66:68])
    np.testing.assert_array_equal(class_activation_map(network, covers[::-1])[::-1], maps)
    assert torch.equal(torch.get_rng_state(), state)


def test_genre_of_all_of_each_and_predicted(albums, network):
    covers = albums.table["cover"][:6]
    classes = network.classes_
    each = class_activation_map(network, covers, [*classes, *classes])
    for code, genre in enumerate(classes):
        of_all = class_activation_map(network, covers, genre)
        np.testing.assert_array_equal(of_all[code::3], each[code::3])
    deep = network._head(
        network._hidden(network._read(covers, reset=False), np.arange(6)), network.weights_
    )
    predicted = classes[deep.argmax(axis=1)]
    np.testing.assert_array_equal(
        class_activation_map(network, covers), class_activation_map(network, covers, predicted)
    )


def test_sum_over_places_is_the_score(albums, network):
    """Of the map before it is cut off and scaled: the definition of the class activation map."""
    from skmmgenre.inspection._maps._activation_maps import slopes_of_scores
    from skmmgenre.nets import NetEstimator

    feed = network._read(albums.table["cover"][:5], reset=False)
    rows = np.arange(5)
    features = NetEstimator._forward(network, feed, "feature_map", rows)
    outputs = network._head(features.mean(axis=(2, 3)), network.weights_)
    slopes = slopes_of_scores(network.target_, outputs, np.zeros(5, dtype=int))
    shares = np.einsum("nk,nkhw->nhw", slopes @ network.weights_["head.weight"], features)
    bias = slopes @ network.weights_["head.bias"]
    expected = outputs[:, 0] - outputs.mean(axis=1)
    np.testing.assert_allclose(shares.mean(axis=(1, 2)) + bias, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("target", ["logistic", "cosine"])
def test_several_genres(albums, genres, target):
    Y = pd.get_dummies(genres).astype(int)
    Y.iloc[::4, 0] = 1
    network = ResNetEmbedder(max_epochs=1, target=target, **NETWORK)
    network.fit(albums.table["cover"][:40], Y[:40])
    maps = class_activation_map(network, albums.table["cover"][:4], Y.columns[1])
    assert maps.shape == (4, 64, 64)
    assert maps.max() == 1


def test_resnet_that_learns_and_one_that_stays(albums, genres, tmp_path):
    covers = albums.table["cover"]
    settings = {"depth": 18, "image_size": 64, "max_epochs": 1, "validation_fraction": 0}
    learns = ResNetEmbedder(weights=None, preset="paper", random_state=0, **settings)
    learns.fit(covers[:12], genres[:12])
    assert class_activation_map(learns, covers[:2]).shape == (2, 64, 64)
    trunk = {
        name.removeprefix("trunk."): torch.from_numpy(array)
        for name, array in learns.weights_.items()
        if name.startswith("trunk.")
    }
    torch.save(trunk, tmp_path / "weights.pt")
    stays = ResNetEmbedder(
        weights=str(tmp_path / "weights.pt"), fine_tune=False, cache=tmp_path / "store",
        random_state=0, **settings,
    ).fit(covers[:12], genres[:12])  # fmt: skip
    maps = class_activation_map(stays, covers[:3])
    assert maps.shape == (3, 64, 64)
    assert maps.max() == 1


def test_bad_covers_are_missing(albums, network, tmp_path):
    """Of one whose header is good, this is known in its batch only."""
    whole = Path(albums.table["cover"][0]).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    lenient = ResNetEmbedder(**network.get_params()).set_params(on_error="missing")
    vars(lenient).update({k: v for k, v in vars(network).items() if k.endswith("_")})
    lenient._linear, lenient._units = network._linear, network._units
    covers = [str(tmp_path / "cut.png"), albums.table["cover"][1]]
    maps = class_activation_map(lenient, covers)
    assert np.isnan(maps[0]).all()
    assert not np.isnan(maps[1]).any()
    with pytest.raises(BadItem, match="cut.png"):
        class_activation_map(network, covers)


# ---- sound ---------------------------------------------------------------------------

BANDS = {"Low": slice(8, 16), "High": slice(60, 68)}


def make_patches(n, n_frames, rng):
    """Noise, and a tone of its genre's band for a sixth of the time; where it is."""
    X = rng.normal(-60, 3, size=(n, 96, n_frames)).astype(np.float32)
    genres = np.array(list(BANDS))[np.arange(n) % 2]
    masks = np.zeros(X.shape, dtype=bool)
    length = n_frames // 6
    for mask, genre, start in zip(
        masks, genres, rng.integers(0, n_frames - length, n), strict=True
    ):
        mask[BANDS[genre], start : start + length] = True
    X[masks] += 25
    return X, genres, masks


@pytest.mark.parametrize("architecture", ["time", "4x70"])
def test_bands_and_seconds_of_sound(architecture):
    X, genres, masks = make_patches(60, 180, np.random.default_rng(0))
    network = AudioCNN(
        architecture=architecture, width=(8, 8, 8) if architecture == "time" else (8, 8, 8, 8),
        max_epochs=15, lr=3e-3, validation_fraction=0, augment=False, random_state=0,
    ).fit(X[:40], genres[:40])  # fmt: skip
    assert network.score(X[40:], genres[40:]) > 0.9
    maps = class_activation_map(network, X[40:], genres[40:])
    assert maps.shape == X[40:].shape
    chance = masks[40:].mean()
    assert share_within(maps, masks[40:]) > 4 * chance
    # Bands and seconds one by one.
    assert share_within_axis(maps, masks[40:], 2) > 2 * masks[40:].any(axis=2).mean()
    assert share_within_axis(maps, masks[40:], 1) > 2 * masks[40:].any(axis=1).mean()


def share_within_axis(maps, masks, summed):
    """The same as `share_within`, of bands or of frames alone."""
    return share_within(maps.sum(axis=summed, keepdims=True), masks.any(axis=summed, keepdims=True))


def test_sound_of_several_patches_a_row():
    X, genres, _ = make_patches(12, 300, np.random.default_rng(0))
    network = AudioCNN(
        width=(4, 4, 4), max_epochs=1, patches="epoch", patch_frames=120, n_patches=3,
        validation_fraction=0, random_state=0,
    ).fit(X, genres)  # fmt: skip
    X[3] = np.nan
    maps = class_activation_map(network, X)
    assert maps.shape == X.shape
    assert np.isnan(maps[3]).all()
    assert (maps[0, :, :100].max(), maps[0, :, -100:].max()) > (0, 0)
    np.testing.assert_array_equal(class_activation_map(network, X[5:6])[0], maps[5])


def test_parts_of_sound_add_up_without_biases():
    """Slope times input is the whole score of a network of ReLU and pooling without biases."""
    from skmmgenre.inspection._maps._activation_maps import parts_of_sound

    X, genres, _ = make_patches(8, 120, np.random.default_rng(0))
    network = AudioCNN(
        width=(4, 4, 4), max_epochs=1, validation_fraction=0, random_state=0, preset="paper",
        architecture="time",
    ).fit(X, genres)  # fmt: skip
    network.weights_ = {
        name: np.zeros_like(array) if name.endswith("bias") else array
        for name, array in network.weights_.items()
    }
    outputs = network._forward(network._read(X, reset=False), None)
    code = network.classes_.tolist().index("Low")
    parts = parts_of_sound(network, X, np.full(len(X), code))
    expected = outputs[:, code] - outputs.mean(axis=1)
    np.testing.assert_allclose(parts.sum(axis=(1, 2)), expected, rtol=1e-3, atol=1e-4)


# ---- what holds a network ------------------------------------------------------------


@pytest.fixture(scope="module")
def pipeline(albums, genres):
    X, _, _ = make_patches(24, 120, np.random.default_rng(0))
    table = pd.DataFrame({"cover": albums.table["cover"][:24], "patch": list(X)})
    table["patch"] = [[patch] for patch in X]
    audio = Pipeline(
        [
            ("stack", Stack()),
            ("cnn", AudioCNN(width=(4, 4, 4), max_epochs=1, validation_fraction=0)),
        ]
    )
    branches = [
        ("audio", MeanOverTracks(audio), "patch"),
        ("image", ResNetEmbedder(max_epochs=1, **NETWORK), "cover"),
    ]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    model = GenrePipeline(
        [("modalities", modalities), ("fusion", FusionClassifier(validation_fraction=0))]
    )
    return model.fit(table, genres[:24], groups=range(24)), table


class Stack:
    """Tracks that are patches to an array of them."""

    def __init__(self):
        pass

    def get_params(self, deep=True):
        return {}

    def set_params(self):
        return self

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        nothing = np.full((96, 120), np.nan, dtype=np.float32)
        return np.stack([nothing if patch is None else patch for patch in X])


def test_pipelines_show_their_covers(pipeline):
    model, table = pipeline
    maps = class_activation_map(model, table)
    network = model["modalities"].named_transformers_["image"]
    np.testing.assert_array_equal(maps, class_activation_map(network, table["cover"]))


def test_branches_of_sound(pipeline):
    model, table = pipeline
    audio = model["modalities"].named_transformers_["audio"]
    maps = class_activation_map(audio, table["patch"])
    assert maps.shape == (24, 96, 120)
    np.testing.assert_array_equal(class_activation_map(model, table, modality="audio"), maps)
    two = table["patch"].map(lambda tracks: tracks * 2)
    with pytest.raises(ValueError, match="Row 0 has 2 tracks"):
        class_activation_map(audio, two)


def test_what_is_refused(albums, network):
    covers = albums.table["cover"][:3]
    with pytest.raises(NotFittedError):
        class_activation_map(ResNetEmbedder(), covers)
    with pytest.raises(ValueError, match="Unknown genres \\['Polka'\\]"):
        class_activation_map(network, covers, "Polka")
    with pytest.raises(ValueError, match="has 2 genres, but there are 3 rows"):
        class_activation_map(network, covers, network.classes_[:2])
    with pytest.raises(ValueError, match="modality must be 'image', 'audio' or None, got 'text'"):
        class_activation_map(network, covers, modality="text")
    with pytest.raises(ValueError, match=r"contains none .*\(AudioCNN, AudioEmbedder\)"):
        class_activation_map(network, covers, modality="audio")
    plain = LogisticRegression().fit([[0], [1]], [0, 1])
    with pytest.raises(ValueError, match="contains none of the networks"):
        class_activation_map(plain, [[0]])


# ---- the display ---------------------------------------------------------------------


def test_display_shows_the_most_convinced_covers(albums, network):
    covers = albums.table["cover"].copy()
    covers[5] = None
    display = ActivationMapDisplay.from_estimator(network, covers, n_items=3)
    assert len(display.axes_) == 9
    scores = network.predict_proba(covers)
    for code, genre in enumerate(network.classes_):
        rows = display.rows_[3 * code : 3 * code + 3]
        best = np.delete(scores[:, code], 5).max()
        assert scores[rows[0], code] == best
        assert (np.diff(scores[rows, code]) <= 0).all()
        assert display.axes_[3 * code].get_title() == f"{genre} {best:.2f}"
    assert [len(panel.images) for panel in display.axes_] == [2] * 9
    assert display.pictures[0].shape == (224, 224, 3)
    one = ActivationMapDisplay.from_estimator(
        network, covers, genres=network.classes_[2], n_items=2
    )
    assert one.rows_ == display.rows_[6:8]
    with pytest.raises(ValueError, match="Polka"):
        ActivationMapDisplay.from_estimator(network, covers, genres="Polka")
    with pytest.raises(ValueError, match="All 2 rows are missing"):
        ActivationMapDisplay.from_estimator(network, [None, None])


def test_display_of_sound():
    X, genres, _ = make_patches(12, 120, np.random.default_rng(0))
    network = AudioCNN(width=(4, 4, 4), max_epochs=1, validation_fraction=0).fit(X, genres)
    display = ActivationMapDisplay.from_estimator(network, X, n_items=2)
    assert display.axes_[0].get_ylabel() == "band"
    assert display.pictures[0].shape == (96, 120)
