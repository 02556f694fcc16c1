import io
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io as sio
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from torchvision.models import get_model

from skmmgenre.image import ResNetEmbedder, _image_feed, _resnet
from skmmgenre.image._resnet import ResNet, folded
from skmmgenre.nets._modules import from_arrays
from skmmgenre.utils import BadItem

SMALL = {
    "depth": 18, "weights": None, "image_size": 32, "batch_size": 8, "max_epochs": 2,
    "validation_fraction": 0, "random_state": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """24 covers of 32 x 32: reddish rock, bluish jazz, two an artist."""
    folder = tmp_path_factory.mktemp("covers")
    rng = np.random.default_rng(0)
    rows = []
    for row in range(24):
        genre = ("Rock", "Jazz")[row % 2]
        colour = {"Rock": (200, 40, 40), "Jazz": (40, 40, 200)}[genre]
        pixels = np.clip(rng.normal(colour, 25, (32, 32, 3)), 0, 255).astype(np.uint8)
        path = folder / f"{row}.png"
        Image.fromarray(pixels).save(path)
        rows.append({"cover": str(path), "genre": genre, "artist": f"artist {row // 2 // 2}"})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fitted(table):
    return ResNetEmbedder(**SMALL).fit(table["cover"], table["genre"])


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    """A state dict in a file, and the network of torchvision it is from."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = get_model("resnet18", weights=None).eval()
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(net.state_dict(), path)
    return path, net


# With sgd, 5 epochs depend on the seed and on the processor's last bits; 20 learn for any seed.
@pytest.mark.parametrize(("optimizer", "max_epochs"), [("adam", 5), ("sgd", 20)])
def test_learns_red_from_blue(table, optimizer, max_epochs):
    net = ResNetEmbedder(
        **{
            **SMALL,
            "max_epochs": max_epochs,
            "lr": 1e-3,
            "optimizer": optimizer,
            "augment": False,
            "validation_fraction": 0.2,
        }
    ).fit(table["cover"][:16], table["genre"][:16], groups=table["artist"][:16])
    assert net.score(table["cover"][16:], table["genre"][16:]) == 1
    assert net.predict(table["cover"][16:]).dtype.kind == "U"
    proba = net.predict_proba(table["cover"][16:])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert 1 <= net.best_iter_ <= net.n_iter_ <= max_epochs
    assert net.n_parameters_ == 11_177_538


def test_learns_several_genres_with_augmentation(table):
    Y = pd.DataFrame({"Rock": table["genre"] == "Rock", "Jazz": table["genre"] == "Jazz"})
    net = ResNetEmbedder(**{**SMALL, "max_epochs": 5, "lr": 1e-3}).fit(table["cover"], Y * 1)
    assert list(net.classes_) == ["Rock", "Jazz"]
    assert net.score(table["cover"], Y * 1) > 0.9


def test_fine_tuning_trains_everything(table, resnet18):
    path, net = resnet18
    tuned = ResNetEmbedder(**{**SMALL, "weights": path}).fit(table["cover"], table["genre"])
    for name, value in net.state_dict().items():
        if not name.startswith("fc."):
            assert not np.array_equal(tuned.weights_[f"trunk.{name}"], value.numpy()), name


@pytest.mark.parametrize("cross_fit", [0, 2])
def test_frozen_trains_only_the_head(table, resnet18, cross_fit):
    path, net = resnet18
    frozen = ResNetEmbedder(
        **{
            **SMALL,
            "weights": str(path),
            "fine_tune": False,
            "max_epochs": 60,
            "lr": 1e-2,
            "cross_fit": cross_fit,
        }
    )
    vectors = frozen.fit_transform(table["cover"], table["genre"], groups=table["artist"])
    for name, value in net.state_dict().items():
        if not name.startswith("fc."):
            np.testing.assert_array_equal(
                frozen.weights_[f"trunk.{name}"].reshape(value.shape), value.numpy()
            )
    assert frozen.score(table["cover"], table["genre"]) == 1
    np.testing.assert_array_equal(vectors, frozen.transform(table["cover"]))
    assert frozen.get_params()["weights"] == str(path)

    # What comes out is torchvision's own forward pass of what the feed gives.
    x = torch.from_numpy(frozen._read(table["cover"], reset=False).batch(np.arange(24)))
    headless = net
    head, headless.fc = net.fc, torch.nn.Identity()
    with torch.no_grad():
        expected = headless(x).numpy()
    headless.fc = head
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_weights_are_read_once_a_fit_and_not_kept(table, resnet18, monkeypatch):
    path, _ = resnet18
    read, reads = _resnet.read_weights, []
    monkeypatch.setattr(
        _resnet, "read_weights", lambda *args, **kw: reads.append(args) or read(*args, **kw)
    )
    net = ResNetEmbedder(**{**SMALL, "weights": path, "max_epochs": 1, "cross_fit": 2})
    net.fit_transform(table["cover"], table["genre"], groups=table["artist"])
    assert len(reads) == 1
    net.transform(table["cover"])
    net.fit(table["cover"], table["genre"])
    assert len(reads) == 2
    file = io.BytesIO()
    joblib.dump(net, file)
    assert b"torch" not in file.getvalue()
    size = sum(value.nbytes for value in net.weights_.values())
    assert len(file.getvalue()) < 1.05 * size  # what was read is not in there a second time


def test_shapes_and_names(table, fitted):
    vectors = fitted.transform(table["cover"])
    assert vectors.shape == (24, 512)
    assert vectors.dtype == np.float32
    assert fitted.get_feature_names_out()[-1] == "resnetembedder511"
    transformer = ColumnTransformer([("image", clone(fitted), "cover")])
    framed = transformer.set_output(transform="pandas").fit_transform(table, table["genre"])
    assert framed.columns[0] == "image__resnetembedder0"
    np.testing.assert_array_equal(framed.to_numpy(), vectors)


def test_deep_network_gives_2048_features(table):
    net = ResNetEmbedder(**{**SMALL, "depth": 50, "max_epochs": 1, "fine_tune": False})
    assert net.fit_transform(table["cover"][:4], table["genre"][:4]).shape == (4, 2048)


def test_same_bits_alone_in_any_order_and_with_jobs(table, fitted):
    vectors = fitted.transform(table["cover"])
    proba = fitted.predict_proba(table["cover"])
    order = np.random.default_rng(0).permutation(24)
    np.testing.assert_array_equal(fitted.transform(table["cover"].iloc[order]), vectors[order])
    for row in (0, 9, 23):
        one = table["cover"].iloc[[row]]
        np.testing.assert_array_equal(fitted.transform(one), vectors[[row]])
        np.testing.assert_array_equal(fitted.predict_proba(one), proba[[row]])
    parallel = pickle.loads(pickle.dumps(fitted)).set_params(n_jobs=2)
    np.testing.assert_array_equal(parallel.transform(table["cover"]), vectors)


def test_paths_images_and_arrays_give_the_same_bits(table, fitted):
    paths = list(table["cover"][:3])
    vectors = fitted.transform(paths)
    arrays = []
    for path in paths:
        with Image.open(path) as image:
            arrays.append(np.asarray(image))
    np.testing.assert_array_equal(fitted.transform(arrays), vectors)
    np.testing.assert_array_equal(fitted.transform(np.stack(arrays)), vectors)
    np.testing.assert_array_equal(
        fitted.transform([Image.fromarray(array) for array in arrays]), vectors
    )


def test_same_seed_same_bits_also_in_two_threads(table, fitted):
    def fit(_):
        return ResNetEmbedder(**SMALL).fit(table["cover"], table["genre"]).weights_

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(fit, range(2)))
    for weights in both:
        for name, value in fitted.weights_.items():
            np.testing.assert_array_equal(weights[name], value, err_msg=name)
    other = ResNetEmbedder(**{**SMALL, "random_state": 1}).fit(table["cover"], table["genre"])
    assert not np.array_equal(other.weights_["head.weight"], fitted.weights_["head.weight"])


def test_global_random_state_is_neither_read_nor_written(table, fitted):
    # That it is not written is what conftest checks of every test.
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(5)
        again = ResNetEmbedder(**SMALL).fit(table["cover"], table["genre"])
        vectors = again.transform(table["cover"])
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.set_rng_state(kept[2])
    np.testing.assert_array_equal(vectors, fitted.transform(table["cover"]))


def test_state_is_numpy_and_plain_python(fitted, table):
    file = io.BytesIO()
    joblib.dump(fitted, file)
    assert b"torch" not in file.getvalue()
    untrusted = sio.get_untrusted_types(data=sio.dumps(fitted))
    assert all(name.startswith("skmmgenre.") for name in untrusted)
    size = sum(value.nbytes for value in fitted.weights_.values())
    assert len(file.getvalue()) < 1.05 * size
    for value in fitted.weights_.values():
        assert type(value) is np.ndarray
    file.seek(0)
    np.testing.assert_array_equal(
        joblib.load(file).transform(table["cover"]), fitted.transform(table["cover"])
    )


@pytest.mark.parametrize("fine_tune", [True, False])
def test_missing_covers(table, fine_tune):
    covers = table["cover"].astype(object).copy()
    covers[[1, 4, 5]] = [None, np.nan, ""]
    net = ResNetEmbedder(**{**SMALL, "fine_tune": fine_tune})
    vectors = net.fit_transform(covers, table["genre"])
    np.testing.assert_array_equal(
        np.flatnonzero(np.isnan(vectors).all(axis=1)), np.flatnonzero(np.isnan(vectors).any(axis=1))
    )
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(vectors[:, 0])), [1, 4, 5])
    np.testing.assert_allclose(net.predict_proba([None]), [[0.5, 0.5]])
    assert np.isnan(net.transform([None, ""])).all()
    assert net.errors_.empty


def test_bad_covers(table, bad_files, fitted):
    names = sorted(bad_files)
    covers = [*table["cover"], *(bad_files[name] for name in names)]
    genres = [*table["genre"], *(["Jazz"] * len(names))]
    net = ResNetEmbedder(**SMALL)
    with pytest.raises(BadItem, match=rf"Row 24: cannot use image .*{names[0]}"):
        net.fit(covers, genres)
    net.set_params(on_error="missing").fit(covers, genres)
    assert list(net.errors_["row"]) == list(range(24, 24 + len(names)))
    assert net.errors_.notna().all().all()
    assert "30,000 x 30,000" in net.errors_.set_index("row")["reason"][24 + names.index("huge.png")]
    # They count as missing rows: the rest is learned from as if they were None.
    empty = ResNetEmbedder(**SMALL).fit([*table["cover"], *[None] * len(names)], genres)
    np.testing.assert_array_equal(empty.weights_["head.bias"], net.weights_["head.bias"])
    vectors = net.transform([bad_files["cut.jpg"], covers[0]])
    assert list(np.isnan(vectors).any(axis=1)) == [True, False]
    assert list(net.errors_["row"]) == [0]
    assert "_errors" not in net.__getstate__()


def test_odd_images_are_handled(tmp_path, fitted):
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    deep = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    covers = []
    for name, image, options in [
        ("dot.png", Image.new("RGB", (1, 1)), {}),
        ("print.jpg", rgb.convert("CMYK"), {}),
        ("palette.png", rgb.quantize(8), {"transparency": 0}),
        ("deep.png", Image.fromarray(deep), {}),
        ("moving.gif", rgb, {"save_all": True, "append_images": [rgb.rotate(90)]}),
        ("alpha.png", rgb.convert("RGBA"), {}),
        ("grey.jpg", rgb.convert("L"), {}),
        ("strip.png", Image.new("RGB", (1, 3000)), {}),
    ]:
        image.save(tmp_path / name, **options)
        covers.append(tmp_path / name)
    assert np.isfinite(fitted.transform(covers)).all()
    genres = ["Rock", "Jazz"] * 4
    assert np.isfinite(ResNetEmbedder(**SMALL).fit_transform(covers, genres)).all()


def test_wrong_weights_are_told_before_covers_are_read(table, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"weights\.pth.*does not fit depth=18"):
        ResNetEmbedder(**{**SMALL, "weights": path}).fit(["gone.png"] * 4, list("abab"))


@pytest.mark.parametrize(
    "params",
    [{"depth": 20}, {"weights": 3}, {"image_size": 4}, {"optimizer": "lbfgs"}, {"on_error": "skip"},
     {"weight_decay": -1}, {"fine_tune": "yes"}],
)  # fmt: skip
def test_parameters_are_validated(table, params):
    with pytest.raises(InvalidParameterError, match=next(iter(params))):
        ResNetEmbedder(**{**SMALL, **params}).fit(table["cover"], table["genre"])


def test_not_fitted(table):
    net = clone(ResNetEmbedder())
    for method in (net.transform, net.predict):
        with pytest.raises(NotFittedError):
            method(table["cover"])
    with pytest.raises(NotFittedError):
        net.get_feature_names_out()


def test_a_batch_of_one_row_at_the_end(table):
    net = ResNetEmbedder(**{**SMALL, "max_epochs": 1}).fit(table["cover"][:9], table["genre"][:9])
    assert np.isfinite(net.transform(table["cover"])).all()


@pytest.mark.parametrize("fine_tune", [True, False])
def test_a_cover_found_to_be_cut_on_the_way(table, bad_files, fine_tune):
    """Its header is good: what is read once is told of when its turn comes."""
    covers = [*table["cover"][:9], bad_files["cut.jpg"], *table["cover"][9:]]
    genres = [*table["genre"][:9], "Jazz", *table["genre"][9:]]
    net = ResNetEmbedder(**{**SMALL, "fine_tune": fine_tune})
    with pytest.raises(BadItem, match=r"Row 9: cannot use image .*cut\.jpg"):
        net.fit(covers, genres)
    net.set_params(on_error="missing")
    vectors = net.fit_transform(covers, genres)
    assert list(net.errors_["row"]) == [9]
    empty = [*covers[:9], None, *covers[10:]]
    expected = ResNetEmbedder(**{**SMALL, "fine_tune": fine_tune}).fit_transform(empty, genres)
    np.testing.assert_array_equal(vectors, expected)
    for method in (net.transform, net.predict_proba):
        np.testing.assert_array_equal(method(covers), method(empty))
        method(covers)
        assert list(net.errors_["row"]) == [9]


def test_a_frozen_network_decodes_each_cover_once(table, monkeypatch):
    decoded, decode = [], _image_feed.decode_image
    monkeypatch.setattr(
        _image_feed, "decode_image", lambda cell, **kw: decoded.append(cell) or decode(cell, **kw)
    )
    net = ResNetEmbedder(**{**SMALL, "fine_tune": False})
    net.fit_transform(table["cover"], table["genre"])
    assert sorted(decoded) == sorted(table["cover"])
    net.transform(table["cover"])
    assert len(decoded) == 48


def test_bfloat16_answers_when_asked_for(table, fitted):
    vectors = fitted.transform(table["cover"])
    low = pickle.loads(pickle.dumps(fitted)).set_params(precision="bfloat16")
    found = low.transform(table["cover"])
    assert found.dtype == np.float32 and not np.array_equal(found, vectors)
    assert np.linalg.norm(found - vectors) < 0.03 * np.linalg.norm(vectors)
    order = np.random.default_rng(0).permutation(24)
    np.testing.assert_array_equal(low.transform(table["cover"].iloc[order]), found[order])
    np.testing.assert_array_equal(low.transform(table["cover"].iloc[[9]]), found[[9]])


def test_batch_norm_folded_into_convolutions_answers_the_same(table, fitted):
    module = from_arrays(ResNet, fitted.module_recipe_, fitted.weights_, torch.device("cpu"))
    x = torch.from_numpy(fitted._read(table["cover"], reset=False).batch(np.arange(24)))
    with torch.no_grad():
        short = folded(module)
        assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in short.modules())
        torch.testing.assert_close(short.embed(x), module.embed(x), rtol=1e-4, atol=1e-5)
    assert any(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules())
