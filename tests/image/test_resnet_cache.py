import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import get_model

import skmmgenre
from skmmgenre.image import ResNetEmbedder, _image_feed
from skmmgenre.image._resnet import ResNet
from skmmgenre.store import Store
from skmmgenre.utils import BadItem

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


def test_answers_do_not_depend_on_the_store(tmp_path, covers, embedder):
    plain = embedder(cache=None)
    vectors = plain.fit_transform(covers, GENRES)
    for _ in range(2):
        kept = embedder()
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
    [
        {"image_size": 40},
        {"depth": 34, "weights": None},
        {"weights": None},
        {"weights": "two"},
        {"precision": "bfloat16"},
    ],
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


def test_off_the_processor_the_shape_of_a_batch_counts(covers, embedder):
    """Kernels, and with them last bits, depend on it; on a processor it is always the same."""
    net = embedder().fit(covers, GENRES)
    feed = net._read(covers, reset=False)

    def settings(device, batch_size):
        return net.set_params(device=device, batch_size=batch_size)._vector_settings(feed, None)

    assert settings("cpu", 50) == settings("cpu", 16) == settings("cpu", 3)
    assert settings("meta", 50) == settings("meta", 64) != settings("meta", 65)
    assert settings("meta", 50) != settings("cpu", 50)


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


@pytest.mark.parametrize("again", [False, True])
def test_bad_covers(tmp_path, covers, bad_files, embedder, again):
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
    """Pillow complains of it once, then is silent."""
    image = Image.open(covers[0]).convert("RGB")
    image.info["exif"] = b"no TIFF header"
    for net in [embedder(**changes).fit(covers, GENRES) for changes in ({}, {"cache": None})] * 2:
        with pytest.raises(BadItem, match=r"Row 1: cannot use image .*truncated or broken"):
            net.transform([covers[0], image])


def test_a_network_that_is_fine_tuned_has_no_store(tmp_path, covers, embedder):
    with pytest.raises(ValueError, match=r"cache='.*store' .*fine_tune=False, or cache=None"):
        embedder(fine_tune=True).fit(covers, GENRES)
    assert not (tmp_path / "store").exists()


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
