import copy
import io
import os
import pickle
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.error import URLError

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io as sio
import torch
from evaluate_known_tasks import CLEAR, WITHIN, run_cell
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from slow_cases import few_fast
from torchvision.models import get_model

import skmmgenre
from skmmgenre.image import ColorStatistics, ResNetEmbedder, _image_feed, _resnet
from skmmgenre.image._resnet import ResNet, folded
from skmmgenre.nets._modules import from_arrays
from skmmgenre.store import Store
from skmmgenre.utils import BadItem, SetupError

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
@pytest.mark.parametrize(
    ("optimizer", "max_epochs"), [("adam", 5), pytest.param("sgd", 20, marks=pytest.mark.slow)]
)
def test_learns_red_from_blue(table, optimizer, max_epochs):
    net = ResNetEmbedder(
        **{
            **SMALL,
            "max_epochs": max_epochs,
            "lr": 1e-3,
            "optimizer": optimizer,
            "augment": False,
            "validation_fraction": 0.2,
            "preset": "paper",
        }
    ).fit(table["cover"][:16], table["genre"][:16], groups=table["artist"][:16])
    assert net.score(table["cover"][16:], table["genre"][16:]) == 1
    assert net.predict(table["cover"][16:]).dtype.kind == "U"
    proba = net.predict_proba(table["cover"][16:])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert 1 <= net.best_iter_ <= net.n_iter_ <= max_epochs
    assert net.n_parameters_ == 11_177_538


@pytest.mark.slow
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
            "preset": "paper",
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


@pytest.mark.parametrize("preset", ["auto", pytest.param("paper", marks=pytest.mark.slow)])
def test_weights_are_read_once_a_fit_and_not_kept(table, resnet18, monkeypatch, preset):
    path, _ = resnet18
    read, reads = _resnet.read_weights, []
    monkeypatch.setattr(
        _resnet, "read_weights", lambda *args, **kw: reads.append(args) or read(*args, **kw)
    )
    net = ResNetEmbedder(**{**SMALL, "weights": path, "max_epochs": 1, "cross_fit": 2})
    net.set_params(preset=preset)
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


@pytest.mark.slow
def test_torchvision_is_first_imported_on_the_cpu(tmp_path, fitted):
    """A model that is loaded builds its network on the meta device; an import may not be there."""
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    code = """if True:
        import pickle, sys
        from pathlib import Path
        import numpy as np, torch

        class Witness:
            def find_spec(self, name, path=None, target=None):
                if name == "torchvision":
                    print(torch.get_default_device())

        sys.meta_path.insert(0, Witness())
        model = pickle.loads(Path(sys.argv[1]).read_bytes())
        print(model.transform([np.zeros((32, 32, 3), np.uint8)]).shape)
    """
    command = [sys.executable, "-c", code, str(tmp_path / "model.pickle")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["cpu", "(1, 512)"], done.stderr


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


def test_models_of_before_these_were_derived_answer(table, fitted):
    """Depth and fine-tuning were parameters alone in earlier model files."""
    model = copy.deepcopy(fitted)
    del model.depth_, model.fine_tune_
    model.set_params(depth=fitted.depth_, fine_tune=fitted.fine_tune_)
    np.testing.assert_array_equal(
        model.predict_proba(table["cover"]), fitted.predict_proba(table["cover"])
    )
    np.testing.assert_array_equal(model.transform(table["cover"]), fitted.transform(table["cover"]))


def test_wrong_weights_are_told_before_covers_are_read(table, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"weights\.pth.*does not match depth=18"):
        ResNetEmbedder(**{**SMALL, "weights": path}).fit(["gone.png"] * 4, list("abab"))


@pytest.mark.parametrize(
    "params",
    [{"depth": 20}, {"depth": "big"}, {"weights": 3}, {"image_size": 4}, {"image_size": "small"},
     {"optimizer": "lbfgs"}, {"on_error": "skip"}, {"weight_decay": -1}, {"fine_tune": "yes"},
     {"lr": "fast"}],
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


@pytest.mark.parametrize("preset", ["auto", pytest.param("paper", marks=pytest.mark.slow)])
@pytest.mark.parametrize("fine_tune", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_cover_found_to_be_cut_on_the_way(table, bad_files, fine_tune, preset):
    """Its header is good: what is read once is told of when its turn comes."""
    covers = [*table["cover"][:9], bad_files["cut.jpg"], *table["cover"][9:]]
    genres = [*table["genre"][:9], "Jazz", *table["genre"][9:]]
    net = ResNetEmbedder(**{**SMALL, "fine_tune": fine_tune, "preset": preset})
    with pytest.raises(BadItem, match=r"Row 9: cannot use image .*cut\.jpg"):
        net.fit(covers, genres)
    net.set_params(on_error="missing")
    vectors = net.fit_transform(covers, genres)
    assert list(net.errors_["row"]) == [9]
    empty = [*covers[:9], None, *covers[10:]]
    expected = ResNetEmbedder(**{**SMALL, "fine_tune": fine_tune, "preset": preset}).fit_transform(
        empty, genres
    )
    np.testing.assert_array_equal(vectors, expected)
    for method in (net.transform, net.predict_proba):
        np.testing.assert_array_equal(method(covers), method(empty))
        method(covers)
        assert list(net.errors_["row"]) == [9]


@pytest.mark.parametrize("preset", ["auto", "paper"])
def test_a_frozen_network_decodes_each_cover_once(table, monkeypatch, preset):
    decoded, decode = [], _image_feed.decode_image
    monkeypatch.setattr(
        _image_feed, "decode_image", lambda cell, **kw: decoded.append(cell) or decode(cell, **kw)
    )
    net = ResNetEmbedder(**{**SMALL, "fine_tune": False, "preset": preset})
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


# ---- what "auto" stands for ---------------------------------------------------------------


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Torch hub's folder of checkpoints, empty, on a machine without network."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", _no_network)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def _no_network(url, *args, **options):
    raise URLError(f"no network to fetch {url} by")


QUICK = {"max_epochs": 2, "validation_fraction": 0, "random_state": 0}


def test_without_weights_at_hand_a_small_network_is_trained(table, hub):
    told = (
        r"^ResNetEmbedder: ImageNet weights of ResNet-101 are not .* 64 x 64 pixels "
        r".*weights='imagenet' to download the weights once, or depth='small'"
    )
    with pytest.warns(UserWarning, match=told) as caught:
        net = ResNetEmbedder(**QUICK).fit(table["cover"], table["genre"])
    assert len(caught) == 1 and caught[0].filename == __file__
    assert (net.depth_, net.fine_tune_, net.sample_shape_) == ("small", True, (3, 64, 64))
    assert net.transform(table["cover"]).shape == (24, 512)
    asked_for = ResNetEmbedder(**QUICK, depth="small", weights=None)  # without a warning
    vectors = asked_for.fit_transform(table["cover"], table["genre"])
    np.testing.assert_array_equal(vectors, net.transform(table["cover"]))


def test_a_small_network_is_kept_as_arrays(table, hub, monkeypatch):
    net = ResNetEmbedder(**QUICK, depth="small").fit(table["cover"], table["genre"])
    content = pickle.dumps(net)
    assert b"torch" not in content
    assert len(content) < 1.5 * sum(value.nbytes for value in net.weights_.values())
    monkeypatch.setattr(_resnet, "read_weights_at_hand", None)  # is not asked any more
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.transform(table["cover"]), net.transform(table["cover"]))
    order = np.random.default_rng(0).permutation(24)[:7]
    np.testing.assert_array_equal(
        again.predict_proba(table["cover"].iloc[order]), net.predict_proba(table["cover"])[order]
    )


def test_weights_at_hand_are_taken_as_they_are(table, hub, resnet18):
    path, net = resnet18
    at_hand = hub / "resnet18-f37072fd.pth"
    shutil.copy(path, at_hand)
    found = ResNetEmbedder(**QUICK, depth=18, image_size=32)
    vectors = found.fit_transform(table["cover"], table["genre"])
    assert (found.depth_, found.fine_tune_, found.sample_shape_) == (18, False, (3, 32, 32))
    for name, value in net.state_dict().items():
        if not name.startswith("fc."):
            np.testing.assert_array_equal(found.weights_[f"trunk.{name}"], value.numpy())
    # The linear model learns from what they see, too.
    assert found._linear["weight"].shape == (2, 240 + 512)

    tuned = ResNetEmbedder(**QUICK, depth=18, image_size=32, fine_tune=True)
    tuned.fit(table["cover"], table["genre"])
    assert tuned.fine_tune_ and tuned._linear["weight"].shape == (2, 240)

    at_hand.unlink()
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.transform(table["cover"]), vectors)


def test_weights_at_hand_are_of_the_depth_and_at_224_pixels(table, hub, resnet18):
    path, _ = resnet18
    shutil.copy(path, hub / "resnet18-f37072fd.pth")
    covers, genres = table["cover"][:4], table["genre"][:4]
    assert ResNetEmbedder(**QUICK, depth=18).fit(covers, genres).sample_shape_ == (3, 224, 224)
    with pytest.warns(UserWarning, match="weights of ResNet-34 are not"):
        assert ResNetEmbedder(**QUICK, depth=34).fit(covers, genres).depth_ == "small"


def test_a_broken_file_at_hand_is_named(table, hub):
    (hub / "resnet18-f37072fd.pth").write_bytes(b"half of it")
    with pytest.raises(ValueError, match=r"resnet18-f37072fd\.pth.* delete the file and pass w"):
        ResNetEmbedder(**QUICK, depth=18).fit(table["cover"], table["genre"])


def test_the_paper_starts_from_imagenet(table, hub):
    net = ResNetEmbedder(**QUICK, preset="paper")
    with pytest.raises(OSError, match=r"ResNet-101 cannot be downloaded.*no network") as caught:
        net.fit(table["cover"], table["genre"])
    assert "resnet101-63fe2227.pth" in str(caught.value)
    with pytest.raises(OSError, match="ResNet-101 cannot be downloaded"):
        ResNetEmbedder(**QUICK, weights="imagenet").fit(table["cover"], table["genre"])


def test_the_paper_trains_all_of_imagenets_weights(table, hub, resnet18):
    path, _ = resnet18
    shutil.copy(path, hub / "resnet18-f37072fd.pth")
    net = ResNetEmbedder(**QUICK, preset="paper", depth=18, image_size=32)
    net.fit(table["cover"], table["genre"])
    assert net.fine_tune_
    same = ResNetEmbedder(
        **QUICK, preset="paper", depth=18, image_size=32, weights=path, fine_tune=True, lr=1e-4
    ).fit(table["cover"], table["genre"])
    for name, value in same.weights_.items():
        np.testing.assert_array_equal(net.weights_[name], value)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"fine_tune": False}, "ResNet-101 are not .*random weights.*weights='imagenet'"),
        ({"fine_tune": False, "depth": "small"}, "^fine_tune=False would use"),
        (
            {"cache": "store"},
            "ResNet-101 are not .*cache='store' requires a frozen.*weights='imagenet', which",
        ),
        ({"depth": "small", "weights": "imagenet"}, "weights='imagenet' requires a ResNet"),
    ],
)
def test_what_a_small_network_cannot_do(table, hub, params, told):
    with pytest.raises(ValueError, match=told):
        ResNetEmbedder(**QUICK, **params).fit(table["cover"], table["genre"])


def test_a_small_network_learns_what_colours_do_not_tell():
    """Which way stripes of any colour run."""
    rng = np.random.default_rng(0)
    genres = np.array(["across", "down"])[np.arange(90) % 2]
    covers = [_stripes(genre, rng) for genre in genres]
    net = ResNetEmbedder(depth="small", image_size=32, batch_size=16, max_epochs=12, random_state=0)
    net.fit(covers[:60], genres[:60], groups=np.arange(60) // 3)
    assert net.score(covers[60:], genres[60:]) >= 0.9
    colours = ColorStatistics().transform(covers)
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(colours[:60], genres[:60])
    assert plain.score(colours[60:], genres[60:]) < 0.8


def _stripes(genre, rng):
    width, shift = rng.integers(3, 7), rng.integers(14)
    mask = (np.arange(64) + shift) // width % 2
    pixels = rng.integers(0, 256, (2, 3))[mask][:, np.newaxis].repeat(64, axis=1).astype(np.uint8)
    return pixels if genre == "across" else pixels.swapaxes(0, 1)


# ---- the store of vectors ----------------------------------------------------------------

GENRES = ["Rock", "Jazz"] * 5


@pytest.fixture
def covers(tmp_path):
    folder = tmp_path / "covers"
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(10):
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray(rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)).save(paths[-1])
        os.utime(paths[-1], (1e9, 1e9))
    return paths


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """State dicts in files: two of depth 18, and the first once more."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        for seed, name in enumerate(("one", "two")):
            torch.manual_seed(seed)
            torch.save(get_model("resnet18", weights=None).state_dict(), folder / name)
    shutil.copy(folder / "one", folder / "copy")
    return folder


@pytest.fixture
def embedder(tmp_path, weights):
    def make(**changes):
        settings = {
            "depth": 18, "weights": weights / "one", "fine_tune": False, "image_size": 32,
            "max_epochs": 2, "validation_fraction": 0, "random_state": 0,
            "cache": str(tmp_path / "store"),
        }  # fmt: skip
        return ResNetEmbedder(**(settings | changes))

    return make


@pytest.fixture
def work(monkeypatch):
    """What was decoded, and how many images the network saw."""
    done = {"decoded": [], "seen": 0}
    decode, see = _image_feed.decode_image, ResNet.feature_map

    def watched_decode(cell, **options):
        done["decoded"].append(cell)
        return decode(cell, **options)

    def watched_see(module, x):
        done["seen"] += len(x)
        return see(module, x)

    monkeypatch.setattr(_image_feed, "decode_image", watched_decode)
    monkeypatch.setattr(ResNet, "feature_map", watched_see)
    return done


def n_vectors(tmp_path):
    with Store(tmp_path / "store") as store:
        return store.info()["vectors of images"][0]


@pytest.mark.parametrize("preset", ["auto", pytest.param("paper", marks=pytest.mark.slow)])
def test_answers_do_not_depend_on_the_store(tmp_path, covers, embedder, preset):
    plain = embedder(cache=None, preset=preset)
    vectors = plain.fit_transform(covers, GENRES)
    for _ in range(2):
        kept = embedder(preset=preset)
        np.testing.assert_array_equal(kept.fit_transform(covers, GENRES), vectors)
        for method in ("transform", "predict_proba", "predict", "decision_function"):
            np.testing.assert_array_equal(
                getattr(kept, method)([*covers, None]), getattr(plain, method)([*covers, None])
            )
        for name, value in plain.weights_.items():
            np.testing.assert_array_equal(kept.weights_[name], value)
    assert n_vectors(tmp_path) == 10


def test_nothing_is_decoded_or_seen_twice(tmp_path, covers, embedder, work):
    """Neither by the next fit, nor by any answer, nor in another folder."""
    first = embedder().fit(covers, GENRES)
    assert sorted(work["decoded"]) == covers and work["seen"] == 16  # 10, filled up
    work |= {"decoded": [], "seen": 0}
    vectors = first.transform(covers)
    second = embedder(n_jobs=2, on_error="missing").fit(covers, GENRES)
    moved = shutil.copytree(tmp_path / "covers", tmp_path / "moved")
    np.testing.assert_array_equal(second.transform(sorted(map(str, moved.iterdir()))), vectors)
    second.predict(covers)
    assert work == {"decoded": [], "seen": 0}
    second.transform([*covers, str(shutil.copy(tmp_path / "covers/0.png", tmp_path / "0.png"))])
    assert work == {"decoded": [], "seen": 0}


def test_only_what_is_new_is_seen(tmp_path, covers, embedder, work):
    net = embedder().fit(covers[:6], GENRES[:6])
    work |= {"decoded": [], "seen": 0}
    found = net.transform([covers[9], *covers[:8], None, covers[9]])
    assert sorted(work["decoded"]) == [covers[6], covers[7], covers[9]] and work["seen"] == 16
    expected = net.set_params(cache=None).transform([covers[9], *covers[:8], None, covers[9]])
    np.testing.assert_array_equal(found, expected)
    assert n_vectors(tmp_path) == 9


@pytest.mark.parametrize(
    "change",
    few_fast(
        [
            {"image_size": 40},
            {"depth": 34, "weights": None},
            {"weights": None},
            {"weights": "two"},
            {"precision": "bfloat16"},
            {"preset": "paper"},  # without colours
        ],
        {"image_size": 40},
        {"weights": "two"},
    ),
)
def test_every_parameter_that_matters_counts(tmp_path, covers, weights, embedder, change):
    if change.get("weights"):
        change = {"weights": weights / change["weights"]}
    embedder().fit(covers, GENRES)
    found = embedder(**change).fit_transform(covers, GENRES)
    assert n_vectors(tmp_path) == 20
    plain = embedder(cache=None, **change).fit_transform(covers, GENRES)
    np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize(
    "change",
    few_fast(
        [
            {"n_jobs": 2},
            {"on_error": "missing"},
            {"batch_size": 3},
            {"lr": 1e-3},
            {"random_state": 1},
            {"target": "logistic"},
            {"weights": "copy"},
            {"precision": "float32"},
        ],
        {"batch_size": 3},
        {"weights": "copy"},
    ),
)
def test_what_does_not_matter_does_not_count(tmp_path, covers, weights, embedder, change):
    if "weights" in change:
        change = {"weights": weights / change["weights"]}
    y = GENRES
    if "target" in change:
        y = np.eye(2, dtype=int)[[0, 1] * 5]
    embedder().fit(covers, GENRES)
    embedder(**change).fit(covers, y)
    assert n_vectors(tmp_path) == 10


def test_off_the_processor_the_shape_of_a_batch_counts(covers, embedder, monkeypatch):
    """Kernels, and with them last bits, depend on it; on a processor it is always the same."""
    net = embedder().fit(covers, GENRES)

    def refuse(path, *, settings, **params):
        asked.append(settings)
        raise SetupError("nothing is computed on such a device")

    def settings(device, batch_size):
        with pytest.raises(SetupError):
            net.set_params(device=device, batch_size=batch_size).transform(covers)
        return asked.pop()

    asked = []
    monkeypatch.setattr("skmmgenre.image._resnet_embedder.FeatureStore", refuse)
    monkeypatch.setattr("skmmgenre.nets._devices.inference_device", torch.device)

    assert settings("cpu", 50) == settings("cpu", 16) == settings("cpu", 3)
    assert settings("cuda", 50) == settings("cuda", 64) != settings("cuda", 65)
    assert settings("cuda", 50) != settings("cpu", 50)


def test_images_and_arrays_are_kept_by_their_values(tmp_path, covers, embedder, work):
    arrays = [np.asarray(Image.open(path)) for path in covers]
    images = [Image.open(path) for path in covers]
    plain = embedder(cache=None).fit(covers, GENRES).transform(covers)
    net = embedder().fit(arrays, GENRES)
    for cells in (arrays, images):
        np.testing.assert_array_equal(net.transform(cells), plain)
    assert n_vectors(tmp_path) == 20
    work["decoded"].clear()
    net.transform([*arrays, *images])
    assert work["decoded"] == []


@pytest.mark.parametrize("cache", [True, False])
def test_progress_is_shown(covers, embedder, capsys, cache):
    """Of the longest step, in fit and after it."""
    net = embedder(verbose=1, **({} if cache else {"cache": None}))
    net.fit(covers, GENRES)
    assert "Vectors of images ━━━━━━━━━━━━━━━━━━━━━━━━ 10/10" in capsys.readouterr().err
    net.transform([*covers[:7], None])
    assert "Vectors of images ━━━━━━━━━━━━━━━━━━━━━━━━ 7/7" in capsys.readouterr().err
    net.set_params(verbose=0).transform(covers)
    assert capsys.readouterr().err == ""


def test_images_stay_as_they_are(tmp_path, covers, embedder):
    """A large photo that is not loaded yet, whatever saw it before, with a store or without."""
    rng = np.random.default_rng(0)
    path = tmp_path / "large.jpg"
    coarse = Image.fromarray(rng.integers(0, 256, (50, 50, 3), dtype=np.uint8))
    coarse.resize((900, 900)).save(path)
    small, large = (embedder(cache=None, image_size=n).fit(covers, GENRES) for n in (32, 128))
    expected = small.transform([Image.open(path)])
    image = Image.open(path)
    large.transform([image])
    assert image.size == (900, 900)
    np.testing.assert_array_equal(small.transform([image]), expected)
    kept = embedder().fit(covers, GENRES)
    for cell in (image, Image.open(path)):
        np.testing.assert_array_equal(kept.transform([cell]), expected)
    assert n_vectors(tmp_path) == 11


def test_images_that_differ_in_how_their_values_are_read(tmp_path, covers, embedder):
    rng = np.random.default_rng(0)
    plain = Image.fromarray(rng.integers(0, 256, (40, 36), dtype=np.uint8)).convert("P")
    recoloured, clear, turned = plain.copy(), plain.copy(), plain.copy()
    recoloured.putpalette(rng.integers(0, 256, 768, dtype=np.uint8).tobytes())
    clear.info["transparency"] = 7
    turned.getexif()[0x0112] = 3
    cells = [plain, recoloured, clear, turned]
    net = embedder().fit(covers, GENRES)
    found = net.transform(cells)
    assert n_vectors(tmp_path) == 14
    np.testing.assert_array_equal(found, net.set_params(cache=None).transform(cells))


@pytest.mark.parametrize("again", [pytest.param(False, marks=pytest.mark.slow), True])
def test_bad_covers_with_a_store(tmp_path, covers, bad_files, embedder, again):
    """What is bad is told with the store as without it, and twice where it stands twice."""
    cut = bad_files["cut.jpg"]
    table = [covers[0], cut, *covers[1:4], bad_files["gone.png"], cut, *covers[4:]]
    genres = ["Rock", "Jazz"] * 6 + ["Rock"]
    if again:
        embedder().fit(covers, GENRES)
    with pytest.raises(BadItem, match=r"Row 5: cannot use image .*gone\.png"):
        embedder().fit(table, genres)
    with pytest.raises(BadItem, match=r"Row 1: cannot use image .*cut\.jpg.*on_error='missing'"):
        embedder().fit([path for path in table if path != bad_files["gone.png"]], genres[1:])
    plain = embedder(cache=None, on_error="missing")
    net = embedder(on_error="missing")
    vectors = plain.fit_transform(table, genres)
    for _ in range(2):
        np.testing.assert_array_equal(net.fit_transform(table, genres), vectors)
        np.testing.assert_array_equal(net.predict_proba(table), plain.predict_proba(table))
        assert list(net.errors_["row"]) == [1, 5, 6]
        assert net.errors_.equals(plain.errors_)
    assert n_vectors(tmp_path) == 10


def test_broken_images(tmp_path, covers, bad_files, embedder):
    """They are not files: told with the store as without it, and again."""
    nets = [embedder(**changes).fit(covers, GENRES) for changes in ({}, {"cache": None})]
    with Image.open(bad_files["cut.jpg"]) as first, Image.open(bad_files["cut.jpg"]) as second:
        for net in nets * 2:
            with pytest.raises(BadItem, match="Row 1: cannot use image .*on_error='missing'"):
                net.transform([covers[0], first])
            net.set_params(on_error="missing")
            found = net.transform([covers[0], first, second, first])
            net.set_params(on_error="raise")
            assert np.isnan(found[1:]).all() and not np.isnan(found[0]).any()
            assert list(net.errors_["row"]) == [1, 2, 3]
    assert n_vectors(tmp_path) == 10


def test_an_image_of_broken_metadata(covers, embedder):
    """It says nothing, as in a file. Pillow complains of it once, then is silent."""
    plain = Image.open(covers[0]).convert("RGB")
    broken = plain.copy()
    broken.info["exif"] = b"no TIFF header"
    for net in [embedder(**changes).fit(covers, GENRES) for changes in ({}, {"cache": None})] * 2:
        expected, answer = net.transform([plain, broken])
        np.testing.assert_array_equal(answer, expected)


def test_a_network_that_is_fine_tuned_has_no_store(tmp_path, covers, embedder):
    refused = (
        {"fine_tune": True},
        {"fine_tune": "auto", "weights": None},
        {"fine_tune": "auto", "preset": "paper"},
        {"fine_tune": "auto", "depth": "small", "weights": None},
    )
    for changes in refused:
        with pytest.raises(ValueError, match=r"^cache='.*store' .*fine_tune=False, or cache=None"):
            embedder(**changes).fit(covers, GENRES)
    assert not (tmp_path / "store").exists()


def test_a_store_leaves_given_weights_as_they_are(tmp_path, covers, embedder):
    net = embedder(fine_tune="auto").fit(covers, GENRES)
    assert not net.fine_tune_ and n_vectors(tmp_path) == 10


def test_no_file_holds_a_path_but_the_one_given(tmp_path, covers, embedder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = embedder(cache="store", weights=None).fit(covers, GENRES)
    assert str(tmp_path).encode() not in pickle.dumps(net)
    with open("store", "rb") as file:
        content = file.read()
    assert str(tmp_path).encode() not in content and b".png" not in content


def test_model_files_leave_the_store_out(tmp_path, covers, embedder, work):
    net = embedder(weights=None).fit(covers, GENRES)
    assert skmmgenre.save(net, tmp_path / "net") == ["ResNetEmbedder.cache"]
    assert skmmgenre.load(tmp_path / "net").cache is None
    store = str(tmp_path / "store")
    again = skmmgenre.load(tmp_path / "net", params={"ResNetEmbedder.cache": store})
    work |= {"decoded": [], "seen": 0}
    np.testing.assert_array_equal(again.transform(covers), net.transform(covers))
    assert work == {"decoded": [], "seen": 0}


_FITTER = """
import sys
from skmmgenre.image import ResNetEmbedder
ResNetEmbedder(
    depth=18, weights=sys.argv[2], fine_tune=False, image_size=32, max_epochs=1,
    validation_fraction=0, cache=sys.argv[1],
).fit(sys.argv[3:], ["Rock", "Jazz"] * 5)
"""


@pytest.mark.slow
def test_two_processes_share_the_work(tmp_path, covers, weights, embedder):
    command = [sys.executable, "-c", _FITTER, str(tmp_path / "store"), weights / "one", *covers]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert n_vectors(tmp_path) == 10
    plain = embedder(cache=None).fit(covers, GENRES)
    np.testing.assert_array_equal(
        embedder().fit(covers, GENRES).transform(covers), plain.transform(covers)
    )


def test_the_defaults_learn_what_logistic_regression_learns():
    answer = run_cell("one_colour", n_rows=30, n_genres=2, seed=0)
    assert answer["plain"] > CLEAR and answer["ours"] >= answer["plain"] - WITHIN
