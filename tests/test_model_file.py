"""Model files: whole, without places, and harmless whoever made them."""

import copy
import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from fixture_model import fixture_model, table_and_labels
from forged_model import attributes, contents, forge, forge_schema
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skmmgenre
from skmmgenre.audio import CQTExtractor
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.text import (
    BabelfyLinker,
    EntityEnricher,
    GazetteerLinker,
    PrecomputedLinker,
    ReviewVectorizer,
    SpotlightLinker,
    TextMLP,
    VotingLinker,
)

DATA = Path(__file__).parent / "data"
MB = 10**6


@pytest.fixture(scope="module")
def factorizer():
    Y = np.random.default_rng(0).random((30, 5)) < 0.4
    return PPMILabelFactorizer(n_components=2).fit(Y), Y


@pytest.fixture(scope="module")
def small_file(factorizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.skmmgenre"
    skmmgenre.save(factorizer[0], path)
    return path


@pytest.fixture(scope="module")
def trained():
    table, labels = table_and_labels()
    return fixture_model().fit(table, labels, groups=np.arange(len(table)) // 2), table


class TestRoundTrip:
    def test_all_modalities(self, fitted, probabilities, albums, tmp_path):
        assert skmmgenre.save(fitted, tmp_path / "m.skmmgenre") == []
        again = skmmgenre.load(tmp_path / "m.skmmgenre")
        assert type(again) is type(fitted)
        np.testing.assert_array_equal(again.predict_proba(albums.table), probabilities)

    def test_several_genres(self, trained, tmp_path):
        model, table = trained
        skmmgenre.save(model, tmp_path / "m")
        again = skmmgenre.load(tmp_path / "m")
        np.testing.assert_array_equal(
            again.decision_function(table), model.decision_function(table)
        )
        assert again.classes_.tolist() == ["Blues", "Jazz", "Techno"]

    def test_in_a_new_process(self, trained, tmp_path):
        model, table = trained
        skmmgenre.save(model, tmp_path / "m")
        code = (
            "import sys, numpy, skmmgenre; from fixture_model import table_and_labels; "
            "table, _ = table_and_labels(); model = skmmgenre.load(sys.argv[1]); "
            "sys.stdout.buffer.write(model.decision_function(table).tobytes())"
        )
        helpers = str(Path(__file__).parent / "helpers")
        paths = os.pathsep.join(filter(None, [helpers, os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "m"],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert done.stdout == model.decision_function(table).tobytes()
        assert os.listdir(tmp_path) == ["m"]

    def test_same_model_same_bytes(self, trained, tmp_path):
        skmmgenre.save(trained[0], tmp_path / "a")
        skmmgenre.save(skmmgenre.load(tmp_path / "a"), tmp_path / "b")
        skmmgenre.save(copy.deepcopy(trained[0]), tmp_path / "c")
        bytes_of = [(tmp_path / name).read_bytes() for name in "abc"]
        assert bytes_of[0] == bytes_of[1] == bytes_of[2]

    def test_a_shared_random_state(self, tmp_path):
        """skops describes the state of one object twice, by arrays of different names."""
        state = np.random.RandomState(0)
        mlp = TextMLP(hidden_units=(4,), max_epochs=1, validation_fraction=0, random_state=state)
        model = make_pipeline(mlp, LogisticRegression(random_state=state))
        X, y = np.eye(6), ["a", "b"] * 3
        model.fit(X, y)
        skmmgenre.save(model, tmp_path / "m")
        again = skmmgenre.load(tmp_path / "m")
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
        assert again[0].random_state is again[1].random_state

    def test_the_model_is_left_as_it_is(self, albums, tmp_path):
        linker = GazetteerLinker(albums.knowledge_base)
        skmmgenre.save(EntityEnricher(linker, cache=tmp_path / "c"), tmp_path / "m")
        assert linker.kb == albums.knowledge_base


class TestOfEarlierVersions:
    """A file that was written once is opened by every later version."""

    @pytest.mark.parametrize("name", ["model_0.1"])
    def test_same_answers(self, name):
        expected = json.loads((DATA / f"{name}.json").read_text())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # scikit-learn goes on meanwhile
            model = skmmgenre.load(DATA / f"{name}.skmmgenre")
        table, _ = table_and_labels()
        scores = model.decision_function(table)
        np.testing.assert_allclose(scores, expected["decision_function"], atol=1e-4)
        np.testing.assert_array_equal(model.predict(table), expected["predict"])
        assert np.ptp(scores, axis=0).min() > 0.1  # it does tell rows apart

    def test_info(self):
        info = skmmgenre.model_info(DATA / "model_0.1.skmmgenre")
        assert info["format"] == 1
        assert info["card"]["genres"] == ["Blues", "Jazz", "Techno"]
        assert info["versions"]["skmmgenre"].startswith("0.1.0")


class TestCard:
    def test_info_tells_it(self, trained, tmp_path):
        card = {"figures": {"macro AUC": np.float32(0.5), "per genre": np.arange(2)}, "by": "我"}
        skmmgenre.save(trained[0], tmp_path / "m", card=card)
        info = skmmgenre.model_info(tmp_path / "m")
        assert info["card"] == {
            "genres": ["Blues", "Jazz", "Techno"],
            "figures": {"macro AUC": 0.5, "per genre": [0, 1]},
            "by": "我",
        }
        assert set(info["versions"]) >= {"skmmgenre", "python", "scikit-learn", "numpy", "skops"}
        assert info["bytes"] == (tmp_path / "m").stat().st_size
        assert "by" in card and "genres" not in card

    def test_info_reads_nothing_but_the_manifest(self, small_file, tmp_path):
        members = contents(small_file)
        del members["schema.json"]
        assert skmmgenre.model_info(forge(tmp_path / "m", members))["format"] == 1

    @pytest.mark.parametrize("card", [{"a": object()}, {1: "a"}, {"a": {(1, 2): 3}}, ["a"]])
    def test_what_json_cannot_hold(self, factorizer, tmp_path, card):
        with pytest.raises(TypeError, match="card"):
            skmmgenre.save(factorizer[0], tmp_path / "m", card=card)
        assert not list(tmp_path.iterdir())


class TestWhatIsNotSaved:
    def test_not_fitted(self, tmp_path):
        with pytest.raises(NotFittedError):
            skmmgenre.save(TextMLP(), tmp_path / "m")

    def test_no_estimator(self, tmp_path):
        with pytest.raises(TypeError, match="must be an estimator, got a dict"):
            skmmgenre.save({}, tmp_path / "m")

    def test_a_function(self, tmp_path):
        model = ReviewVectorizer(min_df=1, max_df=1.0, token_pattern=None, tokenizer=str.split).fit(
            ["a b"]
        )
        with pytest.raises(TypeError, match="cannot be saved.*joblib.dump"):
            skmmgenre.save(model, tmp_path / "m")
        model = ReviewVectorizer(
            min_df=1, max_df=1.0, token_pattern=None, tokenizer=os.fsdecode
        ).fit(["a b"])
        with pytest.raises(TypeError, match=r"ReviewVectorizer.tokenizer holds a os.fsdecode"):
            skmmgenre.save(model, tmp_path / "m")

    def test_a_forest(self, tmp_path):
        model = RandomForestClassifier(n_estimators=1, random_state=0).fit([[0], [1]], [0, 1])
        with pytest.raises(TypeError, match="sklearn.tree._tree.Tree"):
            skmmgenre.save(model, tmp_path / "m")

    def test_what_was_there_stays(self, factorizer, small_file, tmp_path, monkeypatch):
        path = tmp_path / "m"
        path.write_bytes(b"old")

        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            skmmgenre.save(factorizer[0], path)
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["m"]
        monkeypatch.undo()
        skmmgenre.save(factorizer[0], path)
        assert path.read_bytes() == small_file.read_bytes()


class TestLeftOut:
    """No place of a machine is in the file, and none comes from one."""

    @pytest.fixture
    @staticmethod
    def enriched(albums, tmp_path):
        linker = VotingLinker([GazetteerLinker(albums.knowledge_base)], min_votes=1)
        model = make_pipeline(
            EntityEnricher(linker, cache=tmp_path / "links.sqlite"), ReviewVectorizer(min_df=1)
        )
        texts = albums.table["text"].tolist()[:8]
        texts = [text if isinstance(text, str) else " ".join(text or ["a"]) for text in texts]
        return model.fit(texts), texts

    def test_given_back(self, enriched, albums, tmp_path):
        model, texts = enriched
        left_out = skmmgenre.save(model, tmp_path / "m")
        assert left_out == ["EntityEnricher.cache", "GazetteerLinker.kb"]
        assert skmmgenre.model_info(tmp_path / "m")["left_out"] == left_out
        everything = b"".join(contents(tmp_path / "m").values())
        for place in (str(tmp_path), albums.knowledge_base, str(Path.home()), sys.prefix):
            assert place.encode() not in everything
        kb = Path(albums.knowledge_base)
        again = skmmgenre.load(tmp_path / "m", params={"GazetteerLinker.kb": kb})
        assert (again.transform(texts) != model.transform(texts)).nnz == 0
        assert again[0].cache is None

    def test_not_given_back(self, enriched, tmp_path):
        model, texts = enriched
        skmmgenre.save(model, tmp_path / "m")
        with pytest.warns(UserWarning, match=r"came without GazetteerLinker.kb: .* params="):
            again = skmmgenre.load(tmp_path / "m")
        with pytest.raises(ValueError, match="'kb' parameter of GazetteerLinker"):
            again.transform(texts)

    def test_params_that_are_none(self, enriched, small_file, tmp_path):
        skmmgenre.save(enriched[0], tmp_path / "m")
        with pytest.raises(ValueError, match=r"'GazetteerLinker.base'; .* EntityEnricher.cache, "):
            skmmgenre.load(tmp_path / "m", params={"GazetteerLinker.base": "music.kb"})
        with pytest.raises(TypeError, match="must be a str or path"):
            skmmgenre.load(tmp_path / "m", params={"GazetteerLinker.kb": 1})
        with pytest.raises(ValueError, match="of this model it takes none"):
            skmmgenre.load(small_file, params={"GazetteerLinker.kb": "music.kb"})

    @pytest.mark.parametrize(
        ("linker", "expected"),
        [
            (PrecomputedLinker("/home/me/entities"), ["PrecomputedLinker.folder"]),
            (SpotlightLinker(url="http://me:secret@host"), ["SpotlightLinker.url"]),
            (BabelfyLinker(key_env="MY_KEY"), ["BabelfyLinker.key_env"]),
            (BabelfyLinker(cache="/home/me/c"), ["BabelfyLinker.cache"]),
            (BabelfyLinker(), []),
        ],
    )
    def test_linkers(self, linker, expected, tmp_path):
        assert skmmgenre.save(EntityEnricher(linker), tmp_path / "m") == expected
        everything = b"".join(contents(tmp_path / "m").values())
        assert not [w for w in (b"/home/me", b"secret", b"MY_KEY") if w in everything]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            skmmgenre.load(tmp_path / "m")
        assert len(caught) == (bool(expected) and "cache" not in expected[0])

    def test_an_object_with_a_path(self, albums, tmp_path):
        from skmmgenre.text import KnowledgeBase

        kb = KnowledgeBase.open(albums.knowledge_base)
        linker = SpotlightLinker(categories_from=kb)
        voting = VotingLinker([linker, GazetteerLinker(kb)])
        left_out = skmmgenre.save(EntityEnricher(voting), tmp_path / "m")
        assert left_out == ["GazetteerLinker.kb", "SpotlightLinker.categories_from"]

    def test_a_stranger_names_a_host_and_a_secret(self, tmp_path):
        """Or else predict would send what is in any variable of the environment anywhere."""
        skmmgenre.save(EntityEnricher(BabelfyLinker()), tmp_path / "m")

        def change(schema):
            linker = attributes(attributes(schema)["linker"])
            linker["url"] |= {"content": '"http://evil.example"', "__id__": 7777}
            linker["key_env"] |= {"content": '"AWS_SECRET_ACCESS_KEY"', "__id__": 7778}

        forge_schema(tmp_path / "f", tmp_path / "m", change)
        with pytest.warns(UserWarning, match="without BabelfyLinker.key_env, BabelfyLinker.url"):
            model = skmmgenre.load(tmp_path / "f")
        assert model.linker.get_params() == BabelfyLinker().get_params()

    def test_a_stranger_names_a_file(self, tmp_path):
        skmmgenre.save(CQTExtractor(), tmp_path / "m")
        target = tmp_path / "made_by_a_stranger"

        def change(schema):
            attributes(schema)["cache"] |= {"content": json.dumps(str(target)), "__id__": 7777}

        model = skmmgenre.load(forge_schema(tmp_path / "f", tmp_path / "m", change))
        assert model.cache is None


class TestVersions:
    @pytest.mark.parametrize("form", [2, 0, 99])
    def test_of_another_format(self, small_file, tmp_path, form):
        versions = {"skmmgenre": "7.1.0"}
        path = forge(tmp_path / "m", contents(small_file), {"format": form, "versions": versions})
        for opened in (skmmgenre.load, skmmgenre.model_info):
            with pytest.raises(ValueError, match=f"'.*m': it is of format {form}.*skmmgenre 7.1.0"):
                opened(path)

    @pytest.mark.parametrize("form", [None, "1", True, 1.0, [1]])
    def test_of_no_format(self, small_file, tmp_path, form):
        path = forge(tmp_path / "m", contents(small_file), {"format": form})
        with pytest.raises(ValueError, match="names no format"):
            skmmgenre.load(path)

    @pytest.mark.parametrize("library", ["skmmgenre", "scikit-learn"])
    def test_of_another_library(self, small_file, tmp_path, factorizer, library):
        versions = skmmgenre.model_info(small_file)["versions"] | {library: "0.0.7"}
        path = forge(tmp_path / "m", contents(small_file), {"versions": versions})
        with pytest.warns(UserWarning, match=rf"was saved with {library} 0.0.7 \(here "):
            model = skmmgenre.load(path)
        np.testing.assert_array_equal(model.transform(factorizer[1]), small(factorizer))


def small(factorizer):
    return factorizer[0].transform(factorizer[1])


class Boom:
    """A pickle that leaves a mark when it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


class TestStrangers:
    @pytest.fixture
    @staticmethod
    def refused(tmp_path, request):
        """A function that tells why a file is refused; nothing ran, and little memory was used."""
        mark = tmp_path / "mark"
        skmmgenre.load(DATA / "model_0.1.skmmgenre")  # imports are not counted

        def why(path):
            tracemalloc.start()
            try:
                with pytest.raises(ValueError) as error:
                    skmmgenre.load(path)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            message = str(error.value)
            assert not mark.exists()
            assert peak < 30 * MB
            assert message.startswith(f"Model file {str(path)!r}: ")
            assert message.count(". ") >= 1 and message.endswith(".")  # the way out
            return message

        return why

    @pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("lzma", 3), ("bz2", 3), ("xz", 3)])
    def test_a_pickle(self, refused, tmp_path, compress):
        joblib.dump(Boom(tmp_path / "mark"), tmp_path / "m", compress=compress)
        assert "looks like a pickle" in refused(tmp_path / "m")

    def test_a_pickle_as_an_array(self, refused, small_file, tmp_path):
        members = contents(small_file)
        buffer = io.BytesIO()
        np.save(buffer, np.array([Boom(tmp_path / "mark")], dtype=object))
        for name in members:
            if name.endswith(".npy"):
                path = forge(tmp_path / "m", members | {name: buffer.getvalue()})
                assert f"{name!r} is an array of dtype('O')" in refused(path)
                path = forge(tmp_path / "m", members | {name: pickle.dumps(Boom("mark"))})
                assert f"{name!r} is no array" in refused(path)

    def test_a_member_more(self, refused, small_file, tmp_path):
        path = tmp_path / "m"
        path.write_bytes(small_file.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("data.pkl", pickle.dumps(Boom(tmp_path / "mark")))
        assert "it holds 'data.pkl', which skmmgenre.save did not write" in refused(path)
        members = contents(small_file) | {"data.pkl": pickle.dumps(Boom(tmp_path / "mark"))}
        assert "'data.pkl' is no array" in refused(forge(path, members))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_member_twice(self, refused, small_file, tmp_path):
        path = tmp_path / "m"
        path.write_bytes(small_file.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("schema.json", "{}")
        assert "it holds 'schema.json' twice" in refused(path)

    def test_a_member_less(self, refused, small_file, tmp_path):
        members = contents(small_file)
        for name in members.keys() - {"skmmgenre.json"}:
            others = {other: content for other, content in members.items() if other != name}
            path = forge(tmp_path / "m", others)
            assert f"{name!r} is missing" in refused(path)
            with zipfile.ZipFile(path, "w") as archive:  # the manifest still has it
                for other, content in others.items():
                    archive.writestr(other, content)
            assert f"{name!r} is missing" in refused(path)

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
        assert (
            f"PPMILabelFactorizer.n_components holds a {name}, which no model file may hold"
            in message
        )
        assert "do not use it" in message

    def test_the_root_is_no_estimator(self, refused, small_file, tmp_path):
        def change(schema):
            schema["__loader__"] = "DictNode"

        assert "which no model file may hold" in refused(
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
        assert "has a state of another kind" in refused(path)

    def test_a_number_that_hides_a_path(self, refused, tmp_path):
        """skops takes the first node of a number, and never looks at the second."""
        skmmgenre.save(CQTExtractor(), tmp_path / "s")

        def change(schema):
            values = attributes(schema)
            path = values["cache"] | {"content": '"/tmp/x"', "__id__": 7777}
            values["cache"]["__id__"] = 7777
            schema["content"]["content"] = {"a": path, **values}

        path = forge_schema(tmp_path / "m", tmp_path / "s", change)
        assert "CQTExtractor.cache has the number of something else" in refused(path)

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

        assert "once more" in refused(forge_schema(tmp_path / "m", small_file, change))

    @pytest.mark.parametrize("shape", [(10**10,), (10**5, 10**5, 2), (-1,), (2**63, 2**63)])
    def test_an_array_that_declares_10_gb(self, refused, small_file, tmp_path, shape):
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        members = contents(small_file)
        (name,) = [name for name in members if name == "0.npy"]
        path = forge(tmp_path / "m", members | {name: buffer.getvalue() + bytes(100)})
        assert "declares an array of" in refused(path)

    def test_an_array_of_nothing_many_times(self, refused, small_file, tmp_path):
        header = {"descr": "<U0", "fortran_order": False, "shape": (10**12,)}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        path = forge(tmp_path / "m", contents(small_file) | {"0.npy": buffer.getvalue()})
        refused(path)

    @pytest.mark.parametrize("name", ["skmmgenre.json", "schema.json", "0.npy"])
    def test_a_zip_bomb(self, refused, small_file, tmp_path, name):
        """200 MB of spaces in 200 kB; with the declared size as it is, and with a small one."""
        members = contents(small_file) | {name: b" " * (200 * MB)}
        path = tmp_path / "m"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, content in members.items():
                archive.writestr(other, content)
        assert path.stat().st_size < MB
        assert f"{name!r} declares 200,000,000 bytes" in refused(path)
        size = (200 * MB).to_bytes(4, "little")
        assert path.read_bytes().count(size) == 2
        path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
        refused(path)

    def test_deep_json(self, refused, small_file, tmp_path):
        text = b"[" * 10**5 + b"]" * 10**5
        refused(forge(tmp_path / "m", contents(small_file) | {"schema.json": text}))
        deep = b'{"a":' * 400 + b"1" + b"}" * 400
        schema = contents(small_file)["schema.json"][:-1] + b',"deep":' + deep + b"}"
        forge(tmp_path / "m", contents(small_file) | {"schema.json": schema})
        skmmgenre.load(tmp_path / "m")  # nobody reads it

    @pytest.mark.parametrize("schema", [b"", b"[]", b"{}", b"null", b"\xff", b'{"__loader__":1}'])
    def test_no_schema(self, refused, small_file, tmp_path, schema):
        refused(forge(tmp_path / "m", contents(small_file) | {"schema.json": schema}))

    def test_a_state_that_makes_no_model(self, refused, small_file, tmp_path):
        def change(schema):
            attributes(schema)["n_components"] |= {"content": "{", "__id__": 7777}

        message = refused(forge_schema(tmp_path / "m", small_file, change))
        assert "its content makes no model" in message

    @pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04", b"RIFF", b"\x00" * 100])
    def test_other_files(self, refused, tmp_path, content):
        (tmp_path / "m").write_bytes(content)
        refused(tmp_path / "m")

    def test_a_file_of_skops_and_of_torch(self, refused, factorizer, tmp_path):
        import skops.io

        skops.io.dump(factorizer[0], tmp_path / "m")
        assert "skops.io.load" in refused(tmp_path / "m")

    def test_no_file(self, tmp_path):
        for opened in (skmmgenre.load, skmmgenre.model_info):
            with pytest.raises(FileNotFoundError):
                opened(tmp_path / "m")
            with pytest.raises(IsADirectoryError):
                opened(tmp_path)


class TestDamage:
    def refused_or_same(self, path, content, factorizer):
        """Whether it was refused; if not, it must answer as before."""
        path.write_bytes(content)
        try:
            model = skmmgenre.load(path)
        except ValueError as error:
            assert str(error).startswith(f"Model file {str(path)!r}: "), error
            return True
        np.testing.assert_array_equal(model.transform(factorizer[1]), small(factorizer))
        return False

    def test_every_byte(self, small_file, factorizer, tmp_path):
        content = small_file.read_bytes()
        refused = 0
        for place in range(len(content)):
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            refused += self.refused_or_same(tmp_path / "m", flipped, factorizer)
        assert refused > 0.8 * len(content)  # the rest is dates and the like in the zip's headers

    @pytest.mark.slow
    def test_every_bit(self, small_file, factorizer, tmp_path):
        content = small_file.read_bytes()
        for place in range(len(content)):
            for bit in range(8):
                flipped = bytearray(content)
                flipped[place] ^= 1 << bit
                self.refused_or_same(tmp_path / "m", flipped, factorizer)

    def test_cut_off_anywhere(self, small_file, factorizer, tmp_path):
        content = small_file.read_bytes()
        for length in range(0, len(content), 7):
            assert self.refused_or_same(tmp_path / "m", content[:length], factorizer)

    def test_an_array_that_is_not_its_own(self, small_file, tmp_path):
        """Whole by the zip's own sums, but not what was saved."""
        members = contents(small_file)
        array = np.load(io.BytesIO(members["0.npy"]))
        buffer = io.BytesIO()
        np.save(buffer, np.zeros_like(array))
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            for name, content in (members | {"0.npy": buffer.getvalue()}).items():
                archive.writestr(name, content)
        with pytest.raises(ValueError, match=r"the checksum of '0.npy' does not fit\. It is dam"):
            skmmgenre.load(tmp_path / "m")
