"""Maps of encoders that others have trained: musicnn, and models of the hub."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from made_sounds import make_sound
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from tiny_models import save_clip, save_resnet, save_vit

from skmmgenre.audio import AudioEmbedder
from skmmgenre.audio._musicnn import SR, log_mel
from skmmgenre.compose import load_ready_model, make_genre_classifier
from skmmgenre.image import ImageEmbedder
from skmmgenre.inspection import ActivationMapDisplay, class_activation_map
from skmmgenre.inspection._maps._slopes import parts_of_musicnn

SIDE = 64


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    pytest.importorskip("transformers", minversion="5", reason="needs skmmgenre[pretrained]")
    folder = tmp_path_factory.mktemp("models")
    return {
        "clip": save_clip(folder / "clip"),
        "vit": save_vit(folder / "vit"),
        "resnet": save_resnet(folder / "resnet"),
    }


def make_covers(n_covers, seed=0):
    """Grey covers with a red or blue square somewhere, their genres, masks of the squares."""
    rng = np.random.default_rng(seed)
    covers = rng.integers(100, 156, size=(n_covers, SIDE, SIDE, 3), dtype=np.uint8)
    masks = np.zeros((n_covers, SIDE, SIDE), dtype=bool)
    genres = np.arange(n_covers) % 2
    for cover, mask, genre in zip(covers, masks, genres, strict=True):
        top, left = rng.integers(SIDE - 20, size=2)
        square = slice(top, top + 20), slice(left, left + 20)
        cover[square] = (255, 0, 0) if genre else (0, 0, 255)
        mask[square] = True
    return list(covers), np.array(["Blues", "Red"])[genres], masks


# ---- covers --------------------------------------------------------------------------


def test_mass_lies_where_the_genre_is(models):
    covers, genres, masks = make_covers(80)
    model = Pipeline(
        [
            ("encoder", ImageEmbedder(model=str(models["resnet"]))),
            ("last", LogisticRegression(C=100, max_iter=2000)),
        ]
    ).fit(covers[:60], genres[:60])
    assert model.score(covers[60:], genres[60:]) > 0.9
    # Of a network that nobody has trained, one genre may be what the other is not.
    covers, masks = covers[61::2], masks[61::2]
    maps = class_activation_map(model, covers, "Red")
    assert maps.shape == (10, SIDE, SIDE) and maps.max() == 1 and maps.min() >= 0
    inside = share_inside(maps, masks)
    assert inside > 2 * masks.mean()

    rng = np.random.default_rng(0)
    model["last"].coef_ = rng.permutation(model["last"].coef_, axis=1)
    assert share_inside(class_activation_map(model, covers, "Red"), masks) < inside / 1.5


def share_inside(maps, masks):
    """The share of the mass of all maps that lies in the masks, each map counting the same."""
    mass = maps.sum(axis=(1, 2))
    return ((maps * masks).sum(axis=(1, 2)) / np.maximum(mass, 1e-9)).mean()


@pytest.mark.parametrize("name", ["clip", "vit"])
@pytest.mark.parametrize("layer", [None, -1])
def test_transformers(models, name, layer):
    covers, genres, _ = make_covers(12)
    encoder = ImageEmbedder(model=str(models[name]), layer=layer)
    model = Pipeline([("encoder", encoder), ("last", LogisticRegression(C=100))])
    model.fit(covers, genres)
    maps = class_activation_map(model, covers, "Red")
    assert maps.shape == (12, 32, 32)
    assert (maps.max(axis=(1, 2)) == 1).any()
    alone = class_activation_map(model, covers[3:4], "Red")
    np.testing.assert_allclose(alone[0], maps[3], atol=1e-5)


def test_models_of_the_package(models):
    covers, genres, _ = make_covers(24)
    table = pd.DataFrame({"cover": covers})
    model = make_genre_classifier(
        audio=None, text=None, image_model=str(models["resnet"]), random_state=0
    ).fit(table, genres, groups=range(24))
    table = pd.DataFrame({"cover": [*covers[:3], None]})
    maps = class_activation_map(model, table)
    assert maps.shape == (4, SIDE, SIDE)
    assert np.isnan(maps[3]).all() and not np.isnan(maps[:3]).any()
    display = ActivationMapDisplay.from_estimator(model, table, n_items=2)
    assert len(display.axes_) == 4 and display.pictures[0].shape == (SIDE, SIDE, 3)
    assert display.pictures[0].dtype == np.uint8 and set(display.rows_) <= {0, 1, 2}


def test_hooks_are_taken_off(models):
    covers, genres, _ = make_covers(4)
    embedder = ImageEmbedder(model=str(models["resnet"]))
    model = Pipeline([("encoder", embedder), ("last", LogisticRegression())]).fit(covers, genres)
    before = model["encoder"].transform(covers)
    class_activation_map(model, covers)
    network = embedder._make_encoder().network
    assert not any(module._forward_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    np.testing.assert_array_equal(model["encoder"].transform(covers), before)


# ---- sound ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def songs():
    kinds = ["drums", "trumpet", "chords"]
    return [make_sound(kind, seconds, SR) for kind in kinds for seconds in (3.5, 7.0)]


def test_parts_of_musicnn_are_its_slopes(made_musicnn_weights, songs):
    """Louder by a thousandth throughout, a score rises by a thousandth of all parts."""
    encoder = AudioEmbedder(weights=made_musicnn_weights)._encoder()
    (patch,) = log_mel(songs[0][np.newaxis, : encoder.n_samples])
    rng = np.random.default_rng(0)
    for part, width in ((slice(200), 200), (slice(200, None), 50)):
        slope = rng.normal(size=width).astype(np.float32)
        (parts,) = parts_of_musicnn(encoder, [patch], slope, part)
        assert parts.shape == patch.shape
        _, network = encoder.network()
        with torch.no_grad():
            x = network.input(torch.from_numpy(patch)).double()
            network = network.double()
            up, down = (network.answer(x * (1 + step))[part].numpy() for step in (1e-4, -1e-4))
            network.float()
        expected = (up - down) @ slope / 2e-4
        assert parts.sum() == pytest.approx(expected, rel=1e-2, abs=1e-3)


def test_maps_of_musicnn(made_musicnn_weights, songs):
    table = pd.DataFrame({"audio": [*songs * 4, None]})
    genres = np.array([*["Beat", "Beat", "Tone", "Tone", "Hiss", "Hiss"] * 4, "Hiss"])
    model = make_genre_classifier(
        text=None, image=None, audio_model="musicnn", random_state=0,
        audio__weights=made_musicnn_weights,
    )  # fmt: skip
    model.fit(table, genres, groups=np.arange(25))
    table = table.iloc[[0, 1, 24]]
    maps = class_activation_map(model, table)
    assert maps.shape == (3, 96, 374)  # two windows of 3 s
    assert np.isnan(maps[0, :, 187:]).all() and not np.isnan(maps[0, :, :187]).any()
    assert not np.isnan(maps[1]).any() and np.isnan(maps[2]).all()
    assert np.nanmax(maps[:2]) == 1 and np.nanmin(maps[:2]) >= 0
    display = ActivationMapDisplay.from_estimator(model, table, n_items=1)
    assert display.axes_[0].get_ylabel() == "band"


def test_a_ready_model_explains_itself(made_musicnn_weights, songs):
    model = load_ready_model(weights=made_musicnn_weights)
    table = pd.DataFrame({"audio": songs[:2]})
    genre = model.classes_[0]
    maps = class_activation_map(model, table, genre)
    assert maps.shape == (2, 96, 374)


# ---- what is refused -----------------------------------------------------------------


def test_what_is_refused(made_musicnn_weights, songs):
    with pytest.raises(ValueError, match="AudioEmbedder does not predict genres.*Pass the model"):
        class_activation_map(AudioEmbedder(weights=made_musicnn_weights).fit(songs), songs)

    def mean_color(images):
        return [np.asarray(image).mean(axis=(0, 1)) for image in images]

    covers, genres, _ = make_covers(6)
    model = Pipeline([("encoder", ImageEmbedder(model=mean_color)), ("last", LogisticRegression())])
    with pytest.raises(ValueError, match="model is a function are not available.*Use explain"):
        class_activation_map(model.fit(covers, genres), covers)

    def loudness(windows):
        return np.abs(windows).mean(axis=1, keepdims=True)

    encoder = AudioEmbedder(model=loudness, sr=SR, window=1.0)
    model = Pipeline([("encoder", encoder), ("last", LogisticRegression())])
    with pytest.raises(ValueError, match="only available for musicnn. .*use explain"):
        class_activation_map(model.fit(songs, list("ababab")), songs)
