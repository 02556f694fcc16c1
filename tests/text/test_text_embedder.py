import json
import pickle
import shutil
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from tiny_models import save_bert

import skmmgenre
from skmmgenre.compose import GenrePipeline
from skmmgenre.fusion import FusionClassifier
from skmmgenre.text import TextEmbedder
from skmmgenre.utils import BadItem, SetupError
from skmmgenre.utils.estimator_checks import check_branch

TEXTS = [
    "a loud guitar and the sax of the night",
    "calm voice",
    "piano , drum . red and blue",
    "sax",
    "the calm of a blue night . the loud drums of the red night , and a guitar in the calm .",
    "guitar , guitar , guitar . " * 40,
    "a blue sax , a red guitar",
]


# ---- functions --------------------------------------------------------------------------


def count(texts):
    """Stands for a model."""
    return np.array([[len(text), text.count("a"), text.count(" ")] for text in texts], dtype=float)


def test_function():
    found = TextEmbedder(model=count).transform(
        [TEXTS[0], None, "", " \n", np.nan, ["a", "", "b a"]]
    )
    assert found.dtype == np.float32
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, True, True, False]
    np.testing.assert_array_equal(found[0], count(TEXTS[:1])[0])
    np.testing.assert_array_equal(found[5], count(["a", "b a"]).mean(axis=0))


def test_function_takes_batches():
    sizes = []

    def embed(texts):
        sizes.append(len(texts))
        return count(texts)

    TextEmbedder(model=embed, batch_size=3).transform(TEXTS)
    assert sizes == [3, 3, 1]


def test_names_without_vectors():
    assert TextEmbedder(model=count).transform([None, ""]).shape == (2, 3)
    names = TextEmbedder(model=count).get_feature_names_out()
    assert names.tolist() == ["textembedder0", "textembedder1", "textembedder2"]
    embedder = TextEmbedder(model=count).fit(TEXTS)
    embedder.transform(TEXTS)
    assert (
        len(embedder.set_params(model=lambda texts: [[1.0]] * len(texts)).transform(TEXTS)[0]) == 1
    )


def test_bad_cells():
    cells = ["calm", 3, ["sax", 4]]
    with pytest.raises(
        BadItem, match="Row 1: cannot use text int object: expected a text, got int"
    ):
        TextEmbedder(model=count).transform(cells)
    embedder = TextEmbedder(model=count, on_error="missing")
    with pytest.warns(UserWarning, match="2 of 3 texts"):
        found = embedder.transform(cells)
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True]
    assert embedder.errors_.row.tolist() == [1, 2]


def test_vectors_that_are_not_finite_are_listed():
    def embed(texts):
        return [[1.0, np.inf if text == "sax" else 2.0] for text in texts]

    embedder = TextEmbedder(model=embed)
    assert np.isnan(embedder.transform(["calm", "sax"])).tolist() == [[False] * 2, [True] * 2]
    assert embedder.errors_["item"].tolist() == ["'sax'"]


@pytest.mark.parametrize(
    "function",
    [
        lambda texts: np.zeros(len(texts)),
        lambda texts: np.zeros((1 + len(texts), 2)),
        lambda texts: np.zeros((len(texts), 0)),
        lambda texts: [["a"]] * len(texts),
        lambda texts: [[1.0], [1.0, 2.0]],
    ],
)
def test_functions_that_return_something_else(function):
    with pytest.raises(SetupError, match="Return a numeric array of shape"):
        TextEmbedder(model=function).transform(TEXTS)


@pytest.mark.parametrize("on_error", ["raise", "missing"])
def test_an_error_of_a_function_is_not_the_fault_of_a_text(on_error):
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        TextEmbedder(model=lambda texts: 1 / 0, on_error=on_error).transform(TEXTS)


def test_function_of_changing_width():
    with pytest.raises(SetupError, match="different lengths, such as 4 and 5"):
        TextEmbedder(model=lambda t: np.zeros((1, len(t[0]))), batch_size=1).transform(
            ["calm", "night"]
        )


@pytest.mark.parametrize("params", [{"layer": 1}, {"pooling": "cls"}, {"revision": "main"}])
def test_parameters_of_hub_models_are_refused_for_functions(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"{name}=.* is a function. Apply it in the function"):
        TextEmbedder(model=count, **params).fit(TEXTS)


def test_cache_of_a_function(tmp_path):
    cells, called = [*TEXTS, [TEXTS[1], TEXTS[3]], None], []

    def embed(texts):
        called.extend(texts)
        return count(texts)

    expected = TextEmbedder(model=count).transform(cells)
    embedder = TextEmbedder(model=embed, cache=tmp_path / "store.sqlite", name="counts")
    np.testing.assert_array_equal(embedder.transform(cells), expected)
    called.clear()
    np.testing.assert_array_equal(clone(embedder).transform(cells[::-1]), expected[::-1])
    assert not called
    np.testing.assert_array_equal(embedder.set_params(name="others").transform(cells), expected)
    assert len(called) == len(TEXTS) + 2
    with pytest.raises(ValueError, match="cannot distinguish functions. Pass name="):
        embedder.set_params(name=None).fit(TEXTS)


def test_saved_models(tmp_path):
    """A function is refused; what a hub is asked for, and if its code may run, is left out."""
    path = tmp_path / "model.skmmgenre"
    with pytest.raises(TypeError, match="TextEmbedder.model contains a .*count.*joblib.dump"):
        skmmgenre.save(TextEmbedder(model=count), path)
    assert skmmgenre.save(TextEmbedder(pooling="cls"), path) == []
    assert skmmgenre.load(path).pooling == "cls"
    for model in ("owner/name", str(tmp_path)):
        left_out = skmmgenre.save(TextEmbedder(model=model, trust_remote_code=True), path)
        assert left_out == ["TextEmbedder.model", "TextEmbedder.trust_remote_code"]
        assert model.encode() not in path.read_bytes()
        with pytest.warns(
            UserWarning, match="saved without TextEmbedder.model, .*trust_remote_code"
        ):
            loaded = skmmgenre.load(path)
        assert not loaded.trust_remote_code
        for method in (loaded.fit, loaded.transform, loaded.get_feature_names_out):
            with pytest.raises(SetupError, match="needs a model: .*Pass TextEmbedder.model in"):
                method(TEXTS)
        params = {"TextEmbedder.model": model, "TextEmbedder.trust_remote_code": True}
        assert skmmgenre.load(path, params=params).model == model


# ---- models of transformers ---------------------------------------------------------------


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    pytest.importorskip("transformers", minversion="5", reason="needs skmmgenre[pretrained]")
    return save_bert(tmp_path_factory.mktemp("models") / "bert")


def states(folder, text, layer=-1, **options):
    """What transformers itself returns of a text's tokens."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = tokenizer(text, return_tensors="pt", **options)
    with torch.inference_mode():
        return model(**inputs, output_hidden_states=True).hidden_states[layer][0].numpy()


SHORT = [text for text in TEXTS if len(text) < 100]


def test_mean_over_tokens(bert):
    found = TextEmbedder(model=str(bert)).transform(SHORT)
    for text, vector in zip(SHORT, found, strict=True):
        np.testing.assert_allclose(vector, states(bert, text).mean(axis=0), atol=1e-6)
    assert np.ptp(found, axis=0).max() > 0.01


@pytest.mark.parametrize("layer", [0, 1, -1])
def test_layer(bert, layer):
    (vector,) = TextEmbedder(model=str(bert), layer=layer).transform(SHORT[:1])
    np.testing.assert_allclose(vector, states(bert, SHORT[0], layer).mean(axis=0), atol=1e-6)
    with pytest.raises(SetupError, match="layer=3 is out of range: .* the layers 0 .* to 2"):
        TextEmbedder(model=str(bert), layer=3).transform(SHORT)


def test_pooling(bert):
    tokens = states(bert, SHORT[0])
    for pooling, expected in {"cls": tokens[0], "max": tokens.max(axis=0)}.items():
        (vector,) = TextEmbedder(model=str(bert), pooling=pooling).transform(SHORT[:1])
        np.testing.assert_allclose(vector, expected, atol=1e-6)


MODULES = ("Transformer", "Pooling", "Normalize")


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ["cls"]),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, ["max", "mean"]),
        ({"pooling_mode": "max"}, ["max"]),
        ({"pooling_mode": "mean", "embedding_dimension": 16}, ["mean"]),
    ],
)
@pytest.mark.parametrize("normalized", [False, True])
def test_settings_of_sentence_transformers(tmp_path, bert, settings, expected, normalized):
    folder = save_bert(tmp_path / "bert", modules=MODULES[: 2 + normalized], pooling=settings)
    tokens = states(bert, SHORT[0])
    parts = {"cls": tokens[0], "max": tokens.max(axis=0), "mean": tokens.mean(axis=0)}
    whole = np.concatenate([parts[name] for name in expected])
    if normalized:
        whole /= np.linalg.norm(whole)
    (vector,) = TextEmbedder(model=str(folder)).transform(SHORT[:1])
    np.testing.assert_allclose(vector, whole, atol=1e-6)


def test_settings_that_are_not_known_are_refused(tmp_path, bert):
    folder = save_bert(tmp_path / "a", modules=("Transformer", "Pooling", "Dense"), pooling={})
    with pytest.raises(SetupError, match="a layer 'Dense' after the network.*Pass pooling='mean'"):
        TextEmbedder(model=str(folder)).fit(TEXTS)
    TextEmbedder(model=str(folder), pooling="mean").fit(TEXTS)
    folder = save_bert(tmp_path / "b", pooling={"pooling_mode_lasttoken": True})
    with pytest.raises(SetupError, match="uses the pooling 'pooling_mode_lasttoken'"):
        TextEmbedder(model=str(folder)).fit(TEXTS)


def test_long_texts_are_read_in_windows(bert):
    """A window has 38 tokens of the text and two of its own; all tokens count the same."""
    words = TEXTS[5].split()
    (vector,) = TextEmbedder(model=str(bert)).transform([TEXTS[5]])
    parts = [states(bert, " ".join(words[k : k + 38])) for k in range(0, len(words), 38)]
    assert len(parts) == 7 and len(parts[-1]) < 20
    np.testing.assert_allclose(vector, np.concatenate(parts).mean(axis=0), atol=1e-5)
    (short,) = TextEmbedder(model=str(bert), max_length=8).transform([TEXTS[5]])
    parts = [states(bert, " ".join(words[k : k + 6])) for k in range(0, len(words), 6)]
    np.testing.assert_allclose(short, np.concatenate(parts).mean(axis=0), atol=1e-5)


def test_length(tmp_path, bert):
    with pytest.raises(ValueError, match="max_length=41 is too large: .* at most 40 tokens"):
        TextEmbedder(model=str(bert), max_length=41).fit(TEXTS)
    folder = shutil.copytree(bert, tmp_path / "bert")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8}))
    expected = TextEmbedder(model=str(bert), max_length=8).transform(TEXTS)
    np.testing.assert_array_equal(TextEmbedder(model=str(folder)).transform(TEXTS), expected)


def test_several_texts_of_an_item(bert):
    embedder = TextEmbedder(model=str(bert))
    found = embedder.transform([TEXTS[:2], TEXTS[0], TEXTS[1], [None, ""], np.array(TEXTS[:2])])
    np.testing.assert_allclose(found[0], found[1:3].mean(axis=0), atol=1e-7)
    assert np.isnan(found[3]).all()
    np.testing.assert_array_equal(found[4], found[0])


def test_same_bits_for_any_rows(bert, tmp_path):
    """Of a network as wide as real ones, whose kernels depend on the shapes of products."""
    wide = save_bert(
        tmp_path / "wide", hidden_size=192, num_attention_heads=12, intermediate_size=768
    )
    rng = np.random.default_rng(0)
    words = " ".join(SHORT).split()
    texts = [" ".join(rng.choice(words, size=n)) for n in rng.integers(1, 90, size=40)]
    texts += [" ".join(rng.choice(words, size=38)) for _ in range(9)]  # windows without padding
    expected = TextEmbedder(model=str(wide)).transform(texts)
    order = rng.permutation(len(texts))
    found = TextEmbedder(model=str(wide), batch_size=5).transform([texts[k] for k in order])
    np.testing.assert_array_equal(found, expected[order])
    for row in range(len(texts)):
        np.testing.assert_array_equal(
            TextEmbedder(model=str(wide)).transform(texts[row : row + 1])[0], expected[row]
        )


def test_as_a_branch(bert):
    check_branch(TextEmbedder(model=str(bert)), TEXTS, bad_cell=3.5)


def test_cache(bert, tmp_path):
    cells = [*TEXTS, None, [TEXTS[0], TEXTS[1]]]
    expected = TextEmbedder(model=str(bert)).transform(cells)
    embedder = TextEmbedder(model=str(bert), cache=tmp_path / "store.sqlite")
    np.testing.assert_array_equal(embedder.transform(cells), expected)
    folder = shutil.copytree(bert, tmp_path / "elsewhere")  # the same model
    again = TextEmbedder(model=str(folder), cache=embedder.cache)
    with mock.patch(
        "skmmgenre.pretrained._hub_encoders.HubText.vectors", side_effect=AssertionError
    ):
        np.testing.assert_array_equal(again.transform(cells[::-1]), expected[::-1])
    other = clone(again).set_params(pooling="cls").transform(cells)
    assert not np.array_equal(other, expected, equal_nan=True)


def test_state_is_plain(bert):
    embedder = TextEmbedder(model=str(bert)).fit(TEXTS)
    expected = embedder.transform(TEXTS)
    stored = pickle.dumps(embedder)
    assert not any(word in stored for word in (b"torch", b"transformers", b"tokenizer"))
    assert len(stored) < 2000
    np.testing.assert_array_equal(pickle.loads(stored).transform(TEXTS), expected)


def test_other_encoders(tmp_path):
    """One with a decoder, and one whose positions begin behind that of padding."""
    transformers = pytest.importorskip("transformers", minversion="5")
    import torch

    folder = save_bert(tmp_path / "t5")
    size = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    with torch.random.fork_rng():
        model = transformers.T5Model(transformers.T5Config(**size)).eval()
    model.save_pretrained(folder)
    (vector,) = TextEmbedder(model=str(folder)).transform(SHORT[:1])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        answer = model.get_encoder()(**tokenizer(SHORT[:1], return_tensors="pt"))
    expected = answer.last_hidden_state[0].mean(dim=0).numpy()
    np.testing.assert_allclose(vector, expected, atol=1e-6)

    folder = save_bert(tmp_path / "roberta", max_length=None)
    config = transformers.RobertaConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=34,
    )
    with torch.random.fork_rng():
        transformers.RobertaModel(config).save_pretrained(folder)
    assert np.isfinite(TextEmbedder(model=str(folder)).transform(TEXTS)).all()
    with pytest.raises(ValueError, match="accepts at most 32 tokens"):
        TextEmbedder(model=str(folder), max_length=33).fit(TEXTS)


def test_models_of_texts_and_images_are_refused(tmp_path):
    transformers = pytest.importorskip("transformers", minversion="5")
    from tiny_models import save_clip

    folder = save_clip(tmp_path / "clip")
    transformers.AutoTokenizer.from_pretrained(save_bert(tmp_path / "bert")).save_pretrained(folder)
    with pytest.raises(SetupError, match="not a text-only model.*get_text_features"):
        TextEmbedder(model=str(folder)).fit(TEXTS)


@pytest.mark.filterwarnings("ignore:.*artists:UserWarning")
def test_a_saved_pipeline_never_uses_the_default_model(bert, tmp_path, monkeypatch):
    model = GenrePipeline(
        [
            (
                "modalities",
                ColumnTransformer([("text", TextEmbedder(model=str(bert)), "text")]).set_output(
                    transform="pandas"
                ),
            ),
            ("fusion", FusionClassifier(C=1.0)),
        ]
    )
    table = pd.DataFrame({"text": TEXTS})
    with np.errstate(all="ignore"):
        model.fit(table, ["Jazz", "Rock", "Jazz", "Rock", "Jazz", "Rock", "Jazz"])
    path = tmp_path / "model.skmmgenre"
    assert skmmgenre.save(model, path) == ["TextEmbedder.model"]
    with pytest.warns(UserWarning, match="saved without TextEmbedder.model, on which"):
        loaded = skmmgenre.load(path)
    with pytest.raises(SetupError, match="needs a model: .*Pass TextEmbedder.model in"):
        loaded.predict(table)
    loaded = skmmgenre.load(path, params={"TextEmbedder.model": str(bert)})
    np.testing.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))


def test_in_a_table(bert):
    table = pd.DataFrame({"text": TEXTS}, index=list("abcdefg"))
    found = TextEmbedder(model=str(bert)).set_output(transform="pandas").fit_transform(table)
    assert found.shape == (7, 16) and found.index.tolist() == list("abcdefg")
