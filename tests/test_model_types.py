"""Schemas of strangers and of versions whose classes had other parameters; odd names."""

import importlib
import json
import pickle
import re
import warnings
import zipfile
from functools import partial
from itertools import product

import numpy as np
import pytest
from forged_model import (
    DATA,
    FILES,
    attributes,
    contents,
    forge,
    forge_schema,
    private_modules,
    small_factorizer,
    why_refused,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from slow_cases import few_slow

import skmmgenre
from skmmgenre._model_types import check_schema, estimator_types, fit_parameters, parse_schema
from skmmgenre.audio import CQTExtractor
from skmmgenre.text import BabelfyLinker, EntityEnricher, ReviewVectorizer, TextMLP

X, Y = np.eye(6), ["a", "b"] * 3


@pytest.fixture(scope="module")
def mlp_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mlp") / "mlp"
    mlp = TextMLP(hidden_units=(4,), max_epochs=1, validation_fraction=0, random_state=0)
    skmmgenre.save(mlp.fit(X, Y), path)
    return path


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.skmmgenre"
    skmmgenre.save(small_factorizer()[0], path)
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
    plain = ("batch_size", "device", "dropout", "hidden_units", "label_factorizer", "preset")
    path = forge_schema(tmp_path / "m", mlp_file, lambda schema: drop(schema, *plain))
    model = skmmgenre.load(path)
    defaults = TextMLP().get_params()
    params = model.get_params()
    assert {n: params[n] for n in plain} == {n: defaults[n] for n in plain}
    assert type(params["hidden_units"]) is tuple and type(params["batch_size"]) is int
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
    with pytest.warns(UserWarning, match="sets .*TextMLP.shortcuts, which the installed") as caught:
        model = skmmgenre.load(path)
    assert all(str(warning.message).isprintable() for warning in caught)
    assert vars(model).keys() == vars(skmmgenre.load(mlp_file)).keys()
    skmmgenre.save(model, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == mlp_file.read_bytes()


def test_one_that_has_no_default(tmp_path):
    skmmgenre.save(EntityEnricher(BabelfyLinker()), tmp_path / "s")
    path = forge_schema(tmp_path / "m", tmp_path / "s", lambda s: drop(s, "linker"))
    with pytest.raises(
        ValueError, match=r"contains a EntityEnricher without linker.*do not use it"
    ):
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


@pytest.mark.parametrize("name", [n for n in estimator_types() if n.startswith("skmmgenre.")])
def test_types_are_public(name):
    module, _, cls = name.rpartition(".")
    assert "._" not in name and getattr(importlib.import_module(module), cls)
    plain = estimator_types()[name]
    for protocol in (2, 4):
        assert not private_modules(pickle.dumps(plain, protocol))


@pytest.mark.parametrize("name", FILES)
def test_private_modules_are_made_public(name):
    """As if the class had been saved today."""
    text = contents(DATA / f"{name}.skmmgenre")["schema.json"]
    assert b'"skmmgenre.text._' in text and b'"skmmgenre.nets.targets._' in text
    written_today = re.sub(rb'"(skmmgenre[a-z_.]*?)\._[a-z_.]+"', rb'"\1"', text)
    assert parse_schema(text) == json.loads(written_today)


class TestStrangers:
    @pytest.fixture
    @staticmethod
    def refused(tmp_path):
        """A function that tells why a file is refused; nothing ran, and little memory was used."""
        return partial(why_refused, mark=tmp_path / "mark")

    @pytest.mark.parametrize(
        "node",
        [
            {"__loader__": "FunctionNode", "__module__": "os", "__class__": "system"},
            {"__loader__": "TypeNode", "__module__": "builtins", "__class__": "eval"},
            {"__loader__": "TypeNode", "__module__": "skmmgenre.items", "__class__": "Store"},
            {"__loader__": "ObjectNode", "__module__": "subprocess", "__class__": "Popen"},
            {"__loader__": "ObjectNode", "__module__": "skmmgenre.items", "__class__": "Store"},
            {"__loader__": "PartialNode", "__module__": "functools", "__class__": "partial"},
            {"__loader__": "MethodNode", "__module__": "builtins", "__class__": "str"},
            {
                "__loader__": "OperatorFuncNode",
                "__module__": "operator",
                "__class__": "methodcaller",
            },
            {"__loader__": "CachedNode", "__module__": None, "__class__": None},
            {"__loader__": "TreeNode", "__module__": "sklearn.tree._tree", "__class__": "Tree"},
            {"__loader__": ["JsonNode"], "__module__": "builtins", "__class__": "str"},
            {
                "__loader__": "ConstructorFromReduceNode",
                "__module__": "pathlib",
                "__class__": "Path",
            },
        ],
        ids=lambda node: f"{node['__loader__']}-{node['__class__']}",
    )
    def test_a_type_that_is_not_on_the_list(self, refused, small_file, tmp_path, node):
        def change(schema):
            attributes(schema)["n_components"] = node | {"content": {}}

        message = refused(forge_schema(tmp_path / "m", small_file, change))
        name = f"{node['__module__']}.{node['__class__']}"
        assert f"PPMILabelFactorizer.n_components contains a {name}, which is not" in message
        assert "do not use it" in message

    def test_the_root_is_no_estimator(self, refused, small_file, tmp_path):
        def change(schema):
            schema["__loader__"] = "DictNode"

        assert "which is not allowed in model files" in refused(
            forge_schema(tmp_path / "m", small_file, change)
        )

    def test_escape_codes_are_not_told_to_the_terminal(self, refused, small_file, tmp_path):
        def change(schema):
            attributes(schema)["n_components"]["__class__"] = "\x1b]0;title\x07" + 10**6 * "x"

        path = forge_schema(tmp_path / "m", small_file, change)
        message = refused(path)
        assert message.isprintable() and len(message) < 2000
        forged = {"left_out": ["\x1b[2J.kb", ["x"]], "versions": {"skmmgenre": "\x1b[2J"}}
        forge(path, contents(small_file), forged)
        with pytest.warns(UserWarning) as caught:
            skmmgenre.load(path)
        assert all(str(warning.message).isprintable() for warning in caught)
        assert "[2J.kb" not in "".join(str(warning.message) for warning in caught)

    def test_a_state_that_hides_its_names(self, refused, tmp_path):
        """dict.update takes pairs, in which no path would be found."""
        skmmgenre.save(CQTExtractor(), tmp_path / "s")

        def change(schema):
            schema["content"]["__loader__"], schema["content"]["__class__"] = "ListNode", "list"

        path = forge_schema(tmp_path / "m", tmp_path / "s", change)
        assert "has a state of an unexpected type" in refused(path)

    def test_a_number_that_hides_a_path(self, refused, tmp_path):
        """skops takes the first node of a number, and never looks at the second."""
        skmmgenre.save(CQTExtractor(), tmp_path / "s")

        def change(schema):
            values = attributes(schema)
            path = values["cache"] | {"content": '"/tmp/x"', "__id__": 7777}
            values["cache"]["__id__"] = 7777
            schema["content"]["content"] = {"a": path, **values}

        path = forge_schema(tmp_path / "m", tmp_path / "s", change)
        assert "CQTExtractor.cache has the number of another node" in refused(path)

    @pytest.mark.parametrize("number", [0, -1, True, "1", 1.0])
    def test_a_number_that_is_none(self, refused, small_file, tmp_path, number):
        def change(schema):
            attributes(schema)["n_components"]["__id__"] = number

        assert "has the number" in refused(forge_schema(tmp_path / "m", small_file, change))

    def test_one_array_many_times(self, refused, small_file, tmp_path):
        def change(schema):
            (array,) = [
                v for v in attributes(schema).values() if v.get("file", "").startswith("0.")
            ]
            for number in range(1000):
                attributes(schema)[f"a{number}"] = array | {"__id__": 10_000 + number}

        assert "again" in refused(forge_schema(tmp_path / "m", small_file, change))

    def test_deep_json(self, refused, small_file, tmp_path):
        text = b"[" * 10**5 + b"]" * 10**5
        refused(forge(tmp_path / "m", contents(small_file) | {"schema.json": text}))
        deep = b'{"a":' * 400 + b"1" + b"}" * 400
        schema = contents(small_file)["schema.json"][:-1] + b',"deep":' + deep + b"}"
        forge(tmp_path / "m", contents(small_file) | {"schema.json": schema})
        refused(tmp_path / "m")  # save writes no such key

    @pytest.mark.parametrize("schema", [b"", b"[]", b"{}", b"null", b"\xff", b'{"__loader__":1}'])
    def test_no_schema(self, refused, small_file, tmp_path, schema):
        refused(forge(tmp_path / "m", contents(small_file) | {"schema.json": schema}))

    def test_a_state_that_makes_no_model(self, refused, small_file, tmp_path):
        def change(schema):
            attributes(schema)["n_components"] |= {"content": "{", "__id__": 7777}

        message = refused(forge_schema(tmp_path / "m", small_file, change))
        assert "its content is not a valid model" in message


NODE = '{"__class__":"str","__module__":"builtins","__loader__":"%s"%s}'
PADDING = {"dicts": "{}", "lists": "[]", "numbers": "1", "strings": '"ab"'}
# These are counted as nodes, and refused once they are parsed.
ALIKE = [NODE % ("TypeNode", ""), '{"__class__":0,"__module__":0,"__loader__":0}']


class TestPadding:
    """What the writer cannot write is refused at once, before anything is made of it."""

    @pytest.fixture
    @staticmethod
    def refused(tmp_path, small_file):
        members = contents(small_file)

        def why(schema, manifest=None, times=5):
            for compress in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
                path = forge(tmp_path / "m", members | {"schema.json": schema}, manifest, compress)
                most_bytes = 20 * 10**6 + times * len(schema)
                message = why_refused(path, tmp_path / "mark", most_bytes)
            return message

        return why

    @pytest.fixture
    @staticmethod
    def schema(small_file):
        return contents(small_file)["schema.json"].decode()

    @pytest.mark.parametrize("text", PADDING.values(), ids=PADDING)
    @pytest.mark.parametrize("n", [1000, 10**6])
    def test_an_unknown_key(self, refused, schema, text, n):
        text = ",".join([text] * n)
        refused(f'{schema[:-1]},"padding":[{text}]}}'.encode())

    @pytest.mark.parametrize("text", PADDING.values(), ids=PADDING)
    @pytest.mark.parametrize("n", [1, 10**6])
    def test_a_list_of_nodes(self, refused, schema, text, n):
        start = '"__loader__":"ListNode","content":['
        assert start in schema
        refused(schema.replace(start, start + f"{text}," * n, 1).encode())

    @pytest.mark.parametrize(
        ("n", "text"), few_slow(list(product([1, 10**5], ALIKE)), (10**5, ALIKE[0]))
    )
    def test_what_is_like_a_node(self, refused, schema, text, n):
        text = ",".join([text] * n)
        refused(f'{schema[:-1]},"padding":[{text}]}}'.encode(), times=20)

    @pytest.mark.slow
    @pytest.mark.parametrize("text", ["{}", "[]", "1"])
    def test_fifteen_million(self, refused, schema, text):
        text = ",".join([text] * (15 * 10**6))
        refused(f'{schema[:-1]},"padding":[{text}]}}'.encode())

    def test_keys(self, refused, schema):
        keys = ",".join(f'"{number}":1' for number in range(10**6))
        refused(f"{schema[:-1]},{keys}}}".encode())

    @pytest.mark.parametrize("white", [" ", "\n", "\t"])
    def test_white_space(self, refused, schema, white):
        refused((schema[:-1] + white * 10**7 + "}").encode())

    def test_deep(self, refused, schema):
        refused((schema[:-1] + ',"p":' + "[" * 10**6 + "]" * 10**6 + "}").encode())

    def test_a_number_of_a_million_digits(self, refused, schema):
        refused(schema.replace('"__id__":8}', f'"__id__":{"1" * 10**6}}}').encode())

    def test_another_encoding(self, refused, schema):
        for encoding in ("utf-16", "utf-32"):
            refused((schema[:-1] + ',"p":[' + ",".join(["{}"] * 10**5) + "]}").encode(encoding))

    def test_another_encoding_that_looks_like_nodes(self, refused, schema):
        """Of bytes, json detects UTF-16: one character may hold a quote, others look like keys."""
        nodes = b'"__class__":"__module__":"__loader__":'.decode("utf-16-le")
        lists = ",".join(["[]"] * (2 * 10**5))
        padding = f',"\u2201{nodes * 25_000}":[{lists}],"q":1}}'
        message = refused((schema[:-1] + padding).encode("utf-16-le"), times=20)
        assert "Expecting property name" in message  # it is not parsed as UTF-16

    def test_the_text_of_a_value(self, tmp_path, small_file):
        """skops parses it once more."""

        def change(schema):
            node = attributes(schema)["n_components"]
            node |= {"content": f"[{','.join(['{}'] * 10**5)}]", "__id__": 7777}

        path = forge_schema(tmp_path / "m", small_file, change)
        assert "n_components contains a JsonNode that skops would" in why_refused(
            path, tmp_path / "n"
        )

    def test_the_card(self, refused, schema):
        message = refused(schema.encode(), {"card": {"p": [{}] * 10**6}})
        assert "skmmgenre.json has more than 1,048,576 values" in message

    @pytest.mark.parametrize(
        "change",
        [
            lambda node: node | {"more": 1},
            lambda node: node | {"protocol": 2},
            lambda node: {key: value for key, value in node.items() if key != "is_json"},
            lambda node: node | {"content": 1},
            lambda node: node | {"content": ""},
            lambda node: node | {"content": " [1]"},
            lambda node: node | {"is_json": "yes"},
            lambda node: {**node, "__class__": "list", "__loader__": "ListNode", "content": {}},
            lambda node: {**node, "__class__": "slice", "__loader__": "SliceNode", "content": {}},
            lambda node: 1,
            lambda node: None,
            lambda node: [node],
            lambda node: {},
        ],
    )
    def test_a_node_of_another_shape(self, tmp_path, small_file, change):
        def forged(schema):
            node = attributes(schema)["n_components"] | {"__id__": 7777}
            attributes(schema)["n_components"] = change(node)

        path = forge_schema(tmp_path / "m", small_file, forged)
        assert "PPMILabelFactorizer.n_components" in why_refused(path, tmp_path / "mark")

    def test_types_of_keys(self, tmp_path, small_file):
        for change in (list.pop, lambda kinds: kinds.append(kinds[0]), list.clear):
            path = forge_schema(
                tmp_path / "m",
                small_file,
                lambda schema, change=change: change(schema["content"]["key_types"]["content"]),
            )
            assert "one type for each of its keys" in why_refused(path, tmp_path / "mark")


ODD = [
    *(
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[]",
        ",",
        ":",
        '"',
        "\\",
        '\\"',
        '"\\',
        "{[,",
        '\\\\"',
        " ",
        "\n\t\x00",
    ),
    *("__loader__", "__id__", "__class__", '"__class__":', "content", "file", "\u2028", "😀", "我"),
]
NAMES = st.lists(
    st.one_of(
        st.sampled_from(ODD), st.text(st.sampled_from('{}[],:"\\ _a😀'), max_size=30), st.text()
    ),
    min_size=2,
    max_size=20,
    unique=True,
)


class TestOddNames:
    """Words and genres may look like JSON: what holds them is saved, and is opened again."""

    def check(self, words, genres, path):
        model = ReviewVectorizer(min_df=1, max_df=1.0, vocabulary=words, lowercase=False)
        model.fit(["a b"])
        model.genres_, model.named_ = np.array(genres, object), {name: (name,) for name in genres}
        skmmgenre.save(model, path, card={"words": words})
        again = skmmgenre.load(path)
        assert again.vocabulary_ == model.vocabulary_ and again.vocabulary == words
        assert again.genres_.tolist() == genres and again.named_ == model.named_
        assert skmmgenre.model_info(path)["card"]["words"] == words

    @settings(max_examples=50, deadline=None)
    @given(NAMES, NAMES)
    @example(ODD, ODD)
    def test_any(self, tmp_path_factory, words, genres):
        self.check(words, genres, tmp_path_factory.getbasetemp() / "odd")

    def test_a_large_vocabulary(self, tmp_path):
        words = [f"{ODD[i % 15]}{i}{ODD[i // 15 % 15]}" for i in range(10_000)]
        genres = [f"{ODD[i % 15]}{i}" for i in range(250)]
        self.check(words, genres, tmp_path / "m")
        X = np.tile(np.eye(250), (3, 1))
        mlp = TextMLP(hidden_units=(2,), max_epochs=1, validation_fraction=0, random_state=0)
        mlp.fit(X, genres * 3)
        skmmgenre.save(mlp, tmp_path / "m")
        again = skmmgenre.load(tmp_path / "m")
        np.testing.assert_array_equal(again.predict_proba(X), mlp.predict_proba(X))
        assert again.classes_.tolist() == sorted(genres)

    @pytest.mark.slow
    def test_lists_of_one_thing(self, tmp_path):
        """The zip would make them 500 times smaller, as it does padding."""
        model = small_factorizer()[0]
        model.nothing_ = [None] * 50_000
        skmmgenre.save(model, tmp_path / "m")
        assert skmmgenre.load(tmp_path / "m").nothing_ == model.nothing_
