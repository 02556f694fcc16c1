"""Model files: whole, without places, and readable by other versions."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fixture_model import fixture_model, table_and_labels
from forged_model import DATA, FILES, attributes, contents, forge, forge_schema, small_factorizer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skmmgenre
from skmmgenre._model_archive import Refused
from skmmgenre._model_summary import read_seen, read_summary
from skmmgenre.audio import CQTExtractor
from skmmgenre.text import (
    BabelfyLinker,
    EntityEnricher,
    GazetteerLinker,
    KnowledgeBase,
    PrecomputedLinker,
    ReviewVectorizer,
    SpotlightLinker,
    TextMLP,
    VotingLinker,
)
from skmmgenre.utils import SetupError


@pytest.fixture(scope="module")
def factorizer():
    return small_factorizer()


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

    @pytest.mark.parametrize("name", FILES)
    def test_same_answers(self, name):
        expected = json.loads((DATA / f"{name}.json").read_text())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # scikit-learn goes on meanwhile
            model = skmmgenre.load(DATA / f"{name}.skmmgenre")
        table, _ = table_and_labels()
        scores = model.decision_function(table)
        atol = 1e-4 if name == "model_0.1" else 1e-6  # libraries differ since the first
        np.testing.assert_allclose(scores, expected["decision_function"], atol=atol)
        np.testing.assert_array_equal(model.predict(table), expected["predict"])
        assert np.ptp(scores, axis=0).min() > 0.1  # it does tell rows apart

    @pytest.mark.slow
    def test_a_private_module_is_renamed(self, tmp_path, monkeypatch):
        mlp = TextMLP(hidden_units=(4,), max_epochs=1, validation_fraction=0, random_state=0)
        mlp.fit(np.eye(6), ["a", "b"] * 3)
        skmmgenre.save(mlp, tmp_path / "m")
        module = Path(TextMLP.__init__.__code__.co_filename)
        package = Path(skmmgenre.__file__).parent
        copy_of = tmp_path / "other" / package.name
        shutil.copytree(package, copy_of, ignore=shutil.ignore_patterns("__pycache__"))
        renamed = (copy_of / module.relative_to(package)).with_name("_of_another_name.py")
        (renamed.parent / module.name).rename(renamed)
        for file in copy_of.rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            file.write_text(re.sub(rf"\b{module.stem}\b", renamed.stem, text), encoding="utf-8")
        code = (
            "import sys, json, numpy, skmmgenre; from fixture_model import table_and_labels; "
            "table, _ = table_and_labels(); old, new = map(skmmgenre.load, sys.argv[1:]); "
            "print(json.dumps([type(new).__init__.__code__.co_filename, "
            "new.predict_proba(numpy.eye(6)).tolist(), old.decision_function(table).tolist()]))"
        )
        monkeypatch.setenv(
            "PYTHONPATH", f"{copy_of.parent}{os.pathsep}{Path(__file__).parent}/helpers"
        )
        file = DATA / "model_0.1_private_modules.skmmgenre"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, file, tmp_path / "m"],
            capture_output=True,
            check=True,
            cwd=tmp_path,
        )
        made_by, probabilities, scores = json.loads(done.stdout)
        assert made_by == str(renamed)
        np.testing.assert_array_equal(probabilities, mlp.predict_proba(np.eye(6)))
        expected = json.loads(file.with_suffix(".json").read_text())
        np.testing.assert_allclose(scores, expected["decision_function"], atol=1e-6)

    def test_info(self):
        info = skmmgenre.model_info(DATA / "model_0.1.skmmgenre")
        assert info["format"] == 1
        assert info["card"]["genres"] == ["Blues", "Jazz", "Techno"]
        assert info["versions"]["skmmgenre"].startswith("0.1.0")


class TestCard:
    def test_info_tells_it(self, trained, tmp_path):
        card = {"metrics": {"macro AUC": np.float32(0.5), "per genre": np.arange(2)}, "by": "我"}
        skmmgenre.save(trained[0], tmp_path / "m", card=card)
        info = skmmgenre.model_info(tmp_path / "m")
        assert info["card"] == {
            "genres": ["Blues", "Jazz", "Techno"],
            "metrics": {"macro AUC": 0.5, "per genre": [0, 1]},
            "by": "我",
        }
        assert set(info["versions"]) >= {"skmmgenre", "python", "scikit-learn", "numpy", "skops"}
        assert info["bytes"] == (tmp_path / "m").stat().st_size
        assert "by" in card and "genres" not in card

    def test_info_reads_nothing_but_the_manifest(self, small_file, tmp_path):
        members = contents(small_file)
        del members["schema.json"]
        assert skmmgenre.model_info(forge(tmp_path / "m", members))["format"] == 1

    def test_a_card_that_load_would_refuse(self, factorizer, tmp_path):
        with pytest.raises(ValueError, match="more than 1,048,576 values.*shorten the card"):
            skmmgenre.save(factorizer[0], tmp_path / "m", card={"a": [0] * 2**20})
        assert not list(tmp_path.iterdir())
        card = {"a": [0] * 600_000}  # which the zip would make 400 times smaller
        skmmgenre.save(factorizer[0], tmp_path / "m", card=card)
        assert skmmgenre.model_info(tmp_path / "m")["card"]["a"] == card["a"]

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
        with pytest.raises(TypeError, match="must be an estimator, got dict"):
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
        with pytest.raises(TypeError, match=r"ReviewVectorizer.tokenizer contains a os.fsdecode"):
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
        with pytest.warns(UserWarning, match=r"saved without GazetteerLinker.kb, .* params="):
            again = skmmgenre.load(tmp_path / "m")
        with pytest.raises(SetupError, match="GazetteerLinker needs a kb: .*GazetteerLinker.kb in"):
            again.transform(texts)

    def test_params_that_are_none(self, enriched, small_file, tmp_path):
        skmmgenre.save(enriched[0], tmp_path / "m")
        with pytest.raises(ValueError, match=r"'GazetteerLinker.base'.* EntityEnricher.cache, "):
            skmmgenre.load(tmp_path / "m", params={"GazetteerLinker.base": "music.kb"})
        with pytest.raises((ValueError, TypeError), match="'kb' parameter of GazetteerLinker must"):
            skmmgenre.load(tmp_path / "m", params={"GazetteerLinker.kb": 1})
        with pytest.raises(
            ValueError, match="'GazetteerLinker.kb'.* can be set on this model: none"
        ):
            skmmgenre.load(small_file, params={"GazetteerLinker.kb": "music.kb"})

    def test_a_bare_name_and_an_open_knowledge_base(self, enriched, albums, tmp_path):
        model, texts = enriched
        skmmgenre.save(model, tmp_path / "m")
        kb = KnowledgeBase.open(albums.knowledge_base)
        for params in ({"kb": albums.knowledge_base}, {"GazetteerLinker.kb": kb}):
            again = skmmgenre.load(tmp_path / "m", params={**params, "n_jobs": 2})
            assert (again.transform(texts) != model.transform(texts)).nnz == 0

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
        assert model.linker.get_params() == BabelfyLinker(url=None).get_params()

    def test_texts_are_not_sent_to_another_service(self, tmp_path):
        model = EntityEnricher(SpotlightLinker(url="http://127.0.0.1:9/annotate", max_retries=0))
        skmmgenre.save(model, tmp_path / "m")
        with pytest.warns(UserWarning, match="or as --set SpotlightLinker.url=..."):
            again = skmmgenre.load(tmp_path / "m")
        expected = "needs a url: model files do not contain addresses.* Pass SpotlightLinker.url"
        for on_error in ("raise", "missing"):
            again.set_params(on_error=on_error)
            with pytest.raises(SetupError, match=expected):
                again.transform(["A review of dub."])
        # Saved again, the file still tells what it lacks.
        assert skmmgenre.save(again, tmp_path / "again") == ["SpotlightLinker.url"]
        url = model.linker.url
        given = skmmgenre.load(tmp_path / "m", params={"SpotlightLinker.url": url})
        assert given.linker.url == url

    @pytest.mark.parametrize("names", [["SpotlightLinker.url"], ["SpotlightLinker.url", "a.b", 1]])
    def test_a_file_of_an_earlier_version(self, tmp_path, names):
        """It has the default in place of what was left out, and says so."""
        skmmgenre.save(EntityEnricher(SpotlightLinker()), tmp_path / "m")
        forge(tmp_path / "f", contents(tmp_path / "m"), {"left_out": names})
        with pytest.warns(UserWarning, match="without SpotlightLinker.url, on which"):
            model = skmmgenre.load(tmp_path / "f")
        assert model.linker.url is None

    def test_names_in_a_manifest_are_names(self, tmp_path):
        """`info` prints them as options to copy."""
        skmmgenre.save(EntityEnricher(SpotlightLinker()), tmp_path / "m")
        strange = ["a.b=$(rm x)", "a.b --write", "a", "", "a.b.c", "\n.x"]
        forge(tmp_path / "f", contents(tmp_path / "m"), {"left_out": [*strange, "A_1.b"]})
        assert skmmgenre.model_info(tmp_path / "f")["left_out"] == ["A_1.b"]

    @pytest.mark.parametrize("linker", [GazetteerLinker(None), PrecomputedLinker(None)])
    def test_a_linker_without_its_file_names_the_remedy(self, linker):
        with pytest.raises(SetupError, match=r"Linker needs a \w+: model files do not contain"):
            linker.link("A text.")

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
            with pytest.raises(ValueError, match=f"'.*m': it has format {form}.*skmmgenre 7.1.0"):
                opened(path)

    @pytest.mark.parametrize("content", [["7.1.0"], "7.1.0", None, 7, {}])
    def test_of_another_format_with_any_content(self, small_file, tmp_path, content):
        """Nothing else in the manifest is looked at before the format."""
        manifest = dict.fromkeys(("versions", "card", "left_out", "seen"), content)
        path = forge(tmp_path / "m", contents(small_file), {"format": 2, **manifest})
        for opened in (skmmgenre.load, skmmgenre.model_info, read_summary, read_seen):
            with pytest.raises(Refused, match="has format 2.*install the version of skmmgenre"):
                opened(path)

    @pytest.mark.parametrize("members", [["schema.json"], {"schema.json": None}, "schema.json", 2])
    def test_of_another_format_with_other_members(self, small_file, tmp_path, members):
        manifest = json.loads(contents(small_file)["skmmgenre.json"])
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            text = json.dumps(manifest | {"format": 2, "members": members})
            archive.writestr("skmmgenre.json", text)
        for opened in (skmmgenre.load, skmmgenre.model_info):
            with pytest.raises(Refused, match="has format 2"):
                opened(tmp_path / "m")

    @pytest.mark.parametrize("form", [None, "1", True, 1.0, [1]])
    def test_of_no_format(self, small_file, tmp_path, form):
        path = forge(tmp_path / "m", contents(small_file), {"format": form})
        with pytest.raises(ValueError, match="has no format number"):
            skmmgenre.load(path)

    @pytest.mark.parametrize("library", ["skmmgenre", "scikit-learn", "numpy", "scipy"])
    def test_of_another_library(self, small_file, tmp_path, factorizer, library):
        path = with_versions(tmp_path / "m", small_file, **{library: "0.0.7"})
        with pytest.warns(InconsistentVersionWarning, match=f"saved with {library} 0.0.7 .here "):
            model = skmmgenre.load(path)
        np.testing.assert_array_equal(model.transform(factorizer[1]), small(factorizer))

    def test_of_libraries_that_the_model_does_not_use(self, small_file, tmp_path):
        others = "torch torchvision skorch librosa soxr soundfile av pillow spacy skops".split()
        assert skmmgenre.model_info(small_file)["versions"].keys() >= {*others, "python", "machine"}
        skmmgenre.load(with_versions(tmp_path / "m", small_file, **dict.fromkeys(others, "0.0.7")))

    def test_one_warning_names_all(self, trained, tmp_path):
        """Sounds and texts by networks of the package; no cover, nor an encoder of others."""
        skmmgenre.save(trained[0], tmp_path / "s")
        saved = skmmgenre.model_info(tmp_path / "s")["versions"]
        path = with_versions(tmp_path / "m", tmp_path / "s", **dict.fromkeys(saved, "0.0.7"))
        with pytest.warns(InconsistentVersionWarning) as caught:
            skmmgenre.load(path)
        (warning,) = caught
        assert warning.filename == __file__
        differ = warning.message.differences
        assert {saved for saved, _ in differ.values()} == {"0.0.7"}
        assert set(differ) == saved.keys() - {
            *("torchvision", "pillow", "skorch", "skops", "pyspellchecker", "transformers")
        }
        assert {"torch", "librosa", "soxr", "soundfile", "libsndfile", "spacy"} <= differ.keys()
        assert all(f"{name} 0.0.7 (here {here})" in str(warning.message)
                   for name, (_, here) in differ.items())  # fmt: skip

    def test_of_the_same_minor_release(self, trained, tmp_path):
        skmmgenre.save(trained[0], tmp_path / "s")
        saved = skmmgenre.model_info(tmp_path / "s")["versions"]
        patched = {
            name: ".".join([*text.split(".")[:2], "99"])
            for name, text in saved.items()
            if name != "machine"
        }
        skmmgenre.load(with_versions(tmp_path / "m", tmp_path / "s", **patched))

    def test_of_a_file_that_records_fewer(self, small_file, tmp_path):
        """As version 0.1 wrote them."""
        versions = {"skmmgenre": skmmgenre.__version__, "python": "3.1"}
        skmmgenre.load(forge(tmp_path / "m", contents(small_file), {"versions": versions}))

    def test_what_a_terminal_would_obey_is_not_shown(self, small_file, tmp_path):
        path = with_versions(tmp_path / "m", small_file, numpy="\x1b[2J" + 1000 * "9")
        with pytest.warns(InconsistentVersionWarning) as caught:
            skmmgenre.load(path)
        assert str(caught[0].message).isprintable() and len(str(caught[0].message)) < 1000


def with_versions(path, source, **versions):
    versions = skmmgenre.model_info(source)["versions"] | versions
    return forge(path, contents(source), {"versions": versions})


def small(factorizer):
    return factorizer[0].transform(factorizer[1])
