import pickle
import shutil
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from tiny_models import save_clip, save_vit

import skmmgenre
from skmmgenre.image import ImageEmbedder
from skmmgenre.utils import BadItem, SetupError
from skmmgenre.utils.estimator_checks import check_branch


def mean_color(images):
    """Stands for a model."""
    return [np.asarray(image).mean(axis=(0, 1)) for image in images]


@pytest.fixture(scope="module")
def covers(tmp_path_factory):
    """Paths of covers of several sizes."""
    folder, rng = tmp_path_factory.mktemp("covers"), np.random.default_rng(0)
    paths = []
    for k in range(11):
        small = rng.integers(256, size=(3, 4, 3), dtype=np.uint8)
        paths.append(str(folder / f"{k}.{'jpg' if k % 2 else 'png'}"))
        Image.fromarray(small).resize((40 + 5 * k, 60)).save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    pytest.importorskip("transformers", minversion="5", reason="needs skmmgenre[pretrained]")
    folder = tmp_path_factory.mktemp("models")
    return {
        "clip": save_clip(folder / "clip"),
        "vit": save_vit(folder / "vit"),
        "classifier": save_vit(folder / "classifier", classifier=True),
    }


def test_function(covers):
    white = np.full((5, 5, 3), 255, dtype=np.uint8)
    found = ImageEmbedder(model=mean_color).transform([covers[0], None, white, ""])
    assert found.dtype == np.float32
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False, True]
    np.testing.assert_allclose(found[0], mean_color([Image.open(covers[0])])[0], rtol=1e-6)
    assert found[2].tolist() == [255.0] * 3
    assert ImageEmbedder(model=mean_color).transform([None]).shape == (1, 3)


def test_bad_images(tmp_path, covers):
    bad = tmp_path / "cut.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(BadItem, match="Row 1: cannot use image .*cut.png"):
        ImageEmbedder(model=mean_color).transform([covers[0], bad])
    embedder = ImageEmbedder(model=mean_color, on_error="missing")
    found = embedder.transform([covers[0], bad, covers[1]])
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False]
    assert embedder.errors_.row.tolist() == [1]


@pytest.mark.parametrize("on_error", ["raise", "missing"])
def test_an_error_of_a_function_is_not_the_fault_of_an_image(covers, on_error):
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        ImageEmbedder(model=lambda images: 1 / 0, on_error=on_error).transform(covers)


def directly(name, folder, path):
    """What transformers itself returns."""
    import torch
    import transformers

    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    with torch.random.fork_rng():
        model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = processor(images=Image.open(path).convert("RGB"), return_tensors="pt")
    with torch.inference_mode():
        if name == "clip":
            return model.get_image_features(**inputs).pooler_output[0].numpy()
        answer = model(**inputs)
        # The pooling layer of a classifier's folder is not in it, and would be random.
        vectors = answer.pooler_output if name == "vit" else answer.last_hidden_state[:, 0]
        return vectors[0].numpy()


@pytest.mark.parametrize("name", ["clip", "vit", "classifier"])
def test_images_are_what_transformers_returns(name, models, covers):
    found = ImageEmbedder(model=str(models[name])).transform(covers)
    for path, vector in zip(covers, found, strict=True):
        np.testing.assert_allclose(vector, directly(name, models[name], path), atol=1e-5)
    assert np.ptp(found, axis=0).max() > 1e-3
    order = np.random.default_rng(0).permutation(len(covers))
    shuffled = ImageEmbedder(model=str(models[name]), batch_size=3).transform(
        [covers[k] for k in order]
    )
    np.testing.assert_array_equal(shuffled, found[order])
    for row, path in enumerate(covers):
        (alone,) = ImageEmbedder(model=str(models[name])).transform([path])
        np.testing.assert_array_equal(alone, found[row])


@pytest.mark.parametrize("name", ["clip", "vit"])
def test_layer(name, models, covers):
    import torch
    import transformers

    (vector,) = ImageEmbedder(model=str(models[name]), layer=1).transform(covers[:1])
    processor = transformers.AutoImageProcessor.from_pretrained(models[name])
    with torch.random.fork_rng():
        model = transformers.AutoModel.from_pretrained(models[name]).eval()
    inputs = processor(images=Image.open(covers[0]), return_tensors="pt")
    with torch.inference_mode():
        states = getattr(model, "vision_model", model)(**inputs, output_hidden_states=True)
    expected = states.hidden_states[1][0].mean(dim=0).numpy()
    np.testing.assert_allclose(vector, expected, atol=1e-5)
    with pytest.raises(SetupError, match="layer=-4 is out of range: .* the layers 0 .* to 2"):
        ImageEmbedder(model=str(models[name]), layer=-4).transform(covers)


def test_as_a_branch(models, covers, tmp_path):
    bad = tmp_path / "empty.png"
    bad.touch()
    check_branch(ImageEmbedder(model=str(models["clip"])), covers[:6], bad_cell=str(bad))


def test_cache(models, covers, tmp_path):
    array = np.full((50, 50, 3), 80, dtype=np.uint8)
    cells = [*covers, None, array, Image.fromarray(array[:20])]
    expected = ImageEmbedder(model=str(models["clip"])).transform(cells)
    embedder = ImageEmbedder(model=str(models["clip"]), cache=tmp_path / "store.sqlite")
    np.testing.assert_array_equal(embedder.transform(cells), expected)
    copy = shutil.copytree(models["clip"], tmp_path / "elsewhere")  # the same model
    again = clone(embedder).set_params(model=str(copy))
    name = "skmmgenre.pretrained._hub_encoders.HubImage.prepare"
    with mock.patch(name, side_effect=AssertionError("it was computed again")):
        np.testing.assert_array_equal(again.transform(cells[::-1]), expected[::-1])
    other = again.set_params(model=str(models["vit"])).transform(cells)
    assert other.shape != expected.shape


def test_state_is_plain(models, covers):
    embedder = ImageEmbedder(model=str(models["clip"])).fit(covers)
    expected = embedder.transform(covers)
    stored = pickle.dumps(embedder)
    assert not any(word in stored for word in (b"torch", b"transformers"))
    assert len(stored) < 2000
    np.testing.assert_array_equal(pickle.loads(stored).transform(covers), expected)


def test_saved_models(tmp_path, covers):
    path = tmp_path / "model.skmmgenre"
    assert skmmgenre.save(ImageEmbedder(), path) == []
    assert skmmgenre.load(path).model == ImageEmbedder().model
    with pytest.raises(TypeError, match="ImageEmbedder.model contains a .*mean_color.*joblib.dump"):
        skmmgenre.save(ImageEmbedder(model=mean_color), path)
    assert skmmgenre.save(ImageEmbedder(model=str(tmp_path)), path) == ["ImageEmbedder.model"]
    with pytest.warns(UserWarning, match="saved without ImageEmbedder.model"):
        loaded = skmmgenre.load(path)
    for method in (loaded.fit, loaded.transform, loaded.get_feature_names_out):
        with pytest.raises(SetupError, match="needs a model: .*Pass ImageEmbedder.model in"):
            method(covers)
    given = skmmgenre.load(path, params={"ImageEmbedder.model": str(tmp_path)})
    assert given.model == str(tmp_path)


def test_a_model_of_texts_is_refused(tmp_path, covers):
    pytest.importorskip("transformers", minversion="5", reason="needs skmmgenre[pretrained]")
    from tiny_models import save_bert

    with pytest.raises(SetupError, match="model_type 'bert'. has no image processor .* of images;"):
        ImageEmbedder(model=str(save_bert(tmp_path / "bert"))).fit(covers)
