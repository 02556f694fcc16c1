"""Model files of versions whose classes had other parameters."""

import json
import warnings

import numpy as np
import pytest
from forged_model import attributes, forge_schema
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

import skmmgenre
from skmmgenre._model_parameters import fit_parameters
from skmmgenre._model_schema import check_schema, estimator_types
from skmmgenre.text import BabelfyLinker, EntityEnricher, ReviewVectorizer, TextMLP

X, Y = np.eye(6), ["a", "b"] * 3


@pytest.fixture(scope="module")
def mlp_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mlp") / "mlp"
    mlp = TextMLP(hidden_units=(4,), max_epochs=1, validation_fraction=0, random_state=0)
    skmmgenre.save(mlp.fit(X, Y), path)
    return path


def drop(node, *names):
    for name in names:
        del attributes(node)[name]
    del node["content"]["key_types"]["content"][: len(names)]
    node["content"]["key_types"].pop("__id__", None)


def add(node, name, value):
    attributes(node)[name] = value
    kinds = node["content"]["key_types"]["content"]
    kinds.append(kinds[0])
    node["content"]["key_types"].pop("__id__", None)


def test_what_a_class_has_got_since_is_its_default(mlp_file, tmp_path):
    plain = ("cross_fit", "device", "dropout", "hidden_units", "label_factorizer")
    path = forge_schema(tmp_path / "m", mlp_file, lambda schema: drop(schema, *plain))
    model = skmmgenre.load(path)
    defaults = TextMLP().get_params()
    params = model.get_params()
    assert {n: params[n] for n in plain} == {n: defaults[n] for n in plain}
    assert type(params["hidden_units"]) is tuple and type(params["cross_fit"]) is int
    assert params["max_epochs"] == 1
    expected = skmmgenre.load(mlp_file).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_in_every_estimator_scikit_learns_among_them(tmp_path):
    texts = ["slow guitar", "loud machines", "slow voice"]
    model = make_pipeline(ReviewVectorizer(min_df=1)).fit(texts)
    skmmgenre.save(model, tmp_path / "s")

    def change(schema):
        drop(schema, "memory")
        ((_, step),) = [part["content"] for part in attributes(schema)["steps"]["content"]]
        drop(step, "dtype", "ngram_range", "min_df")  # a type, a tuple, a number

    again = skmmgenre.load(forge_schema(tmp_path / "m", tmp_path / "s", change))
    assert again.memory is None
    params, defaults = again[0].get_params(), ReviewVectorizer().get_params()
    assert {n: p for n, p in params.items() if n != "min_df"} == {
        n: p for n, p in model[0].get_params().items() if n != "min_df"
    }
    assert params["min_df"] == defaults["min_df"]
    assert (again.transform(texts) != model.transform(texts)).nnz == 0


def test_one_that_was_left_out_can_still_be_given(tmp_path):
    skmmgenre.save(EntityEnricher(BabelfyLinker()), tmp_path / "s")

    def change(schema):
        drop(attributes(schema)["linker"], "cache")

    path = forge_schema(tmp_path / "m", tmp_path / "s", change)
    assert skmmgenre.load(path).linker.cache is None
    model = skmmgenre.load(path, params={"BabelfyLinker.cache": tmp_path / "links"})
    assert model.linker.cache == str(tmp_path / "links")


def test_what_a_class_has_no_longer_is_told_and_taken_away(mlp_file, tmp_path):
    def change(schema):
        value = attributes(schema)["patience"]
        add(schema, "shortcuts", value | {"__id__": 7777})
        add(schema, "\x1b[2J", value | {"__id__": 7778})

    path = forge_schema(tmp_path / "m", mlp_file, change)
    with pytest.warns(UserWarning, match="sets .*TextMLP.shortcuts, which this version") as caught:
        model = skmmgenre.load(path)
    assert all(str(warning.message).isprintable() for warning in caught)
    assert vars(model).keys() == vars(skmmgenre.load(mlp_file)).keys()
    skmmgenre.save(model, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == mlp_file.read_bytes()


def test_one_that_has_no_default(tmp_path):
    skmmgenre.save(EntityEnricher(BabelfyLinker()), tmp_path / "s")
    path = forge_schema(tmp_path / "m", tmp_path / "s", lambda s: drop(s, "linker"))
    with pytest.raises(ValueError, match=r"holds a EntityEnricher without linker.*do not use it"):
        skmmgenre.load(path)


def node_of(name, loader="ObjectNode"):
    module, _, cls = name.rpartition(".")
    content = {"__loader__": "DictNode", "__module__": "builtins", "__class__": "dict"}
    content["content"] = {}
    return {"__loader__": loader, "__module__": module, "__class__": cls, "content": content}


@pytest.mark.parametrize("name", sorted(estimator_types()))
def test_every_class_on_the_list_can_be_filled(name):
    """Also those of scikit-learn, whose defaults are of any kind."""
    schema = node_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert fit_parameters(schema) == []
        except ValueError as error:
            assert " without " in str(error)  # it has a parameter without default
            return
    assert "__id__" not in json.dumps(schema)
    if issubclass(estimator_types()[name], BaseEstimator) and name.startswith("skmmgenre."):
        check_schema(schema)
