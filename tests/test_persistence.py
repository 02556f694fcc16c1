"""A fitted pipeline is arrays and plain Python: what a file of it holds, and what it says."""

import pickle
import re
import subprocess
import sys

import joblib
import numpy as np
import pytest
import skops.io
from forged_model import contents, private_modules

import skmmgenre
from skmmgenre.compose import GenrePipeline
from skmmgenre.text import GazetteerLinker

NOT_IN_A_FILE = [b"torch", b"skorch", b"optimizer_", b"DataFrame", b"memmap"]

PREDICT = """
import sys
import joblib
import numpy as np
model = joblib.load(sys.argv[1])
assert "torch" not in sys.modules, "loading imported torch"
table = joblib.load(sys.argv[2])
np.save(sys.argv[3], model.predict_proba(table))
"""


@pytest.fixture(scope="module")
def model(albums, small_model):
    """All three modalities and the joint space, with a cell missing here and there."""
    table = albums.table.copy()
    table.loc[3, "cover"] = None
    table.at[5, "audio"] = None
    model = small_model(joint_space=True, image__on_error="missing", audio__on_error="missing")
    model.fit(table, albums.y, groups=albums.groups)
    table.loc[7, "cover"] = "no_such_cover.png"
    answers = model.predict_proba(table)
    return model, table, answers


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.joblib"
    joblib.dump(model[0], path)
    return path


def networks(model):
    front = model["modalities"].named_transformers_
    return [
        front["audio"].estimator_["cnn"],
        front["text"]["mlp"],
        front["image"],
        model["joint"],
        model["fusion"],
    ]


@pytest.mark.slow
def test_the_same_bits_in_a_new_process(model, file, tmp_path):
    _, table, answers = model
    joblib.dump(table, tmp_path / "table.joblib")
    script = tmp_path / "predict.py"
    script.write_text(PREDICT)
    arguments = [file, tmp_path / "table.joblib", tmp_path / "answers.npy"]
    done = subprocess.run(
        [sys.executable, script, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "answers.npy"), answers)


def test_the_file_is_little_more_than_its_weights(model, file):
    fitted = model[0]
    weights = [array for network in networks(fitted) for array in network.weights_.values()]
    n_bytes = 4 * sum(array.size for array in weights)
    tfidf = fitted["modalities"].named_transformers_["text"]["tfidf"]
    assert file.stat().st_size <= 1.1 * n_bytes + len(pickle.dumps(tfidf))


def test_small_networks_too(albums, small_model, tmp_path):
    """Where a ResNet does not hide what else is kept."""
    fitted = small_model(
        audio=None, image=None, text__hidden_units=(64, 64), text__max_features=300
    ).fit(albums.table, albums.y, groups=albums.groups)
    fitted.predict(albums.table)
    mlp = fitted["modalities"].named_transformers_["text"]["mlp"]
    weights = [*mlp.weights_.values(), *fitted["fusion"].weights_.values()]
    # The linear model beside the network, and the axes of what it sees in the vectors.
    linear = [mlp._linear["weight"], mlp._linear["bias"], mlp._units["axes"]]
    assert linear[0].shape == (3, 300) and linear[2].shape[1] == 300
    weights += linear
    tfidf = fitted["modalities"].named_transformers_["text"]["tfidf"]
    joblib.dump(fitted, tmp_path / "m.joblib")
    n_bytes = 4 * sum(array.size for array in weights) + len(pickle.dumps(tfidf))
    assert (tmp_path / "m.joblib").stat().st_size <= 1.1 * n_bytes


@pytest.mark.parametrize("word", NOT_IN_A_FILE)
def test_words_that_are_not_in_the_file(file, word):
    assert word not in file.read_bytes()


def test_no_place_of_this_machine_is_in_the_file(model, file, albums):
    content = file.read_bytes()
    folder = str(albums.table["cover"][0]).rsplit("/", 2)[0]
    for place in (folder, sys.prefix, "no_such_cover"):
        assert place.encode() not in content


def test_errors_of_the_last_call_are_not_in_the_file(model, file):
    fitted = model[0]
    front, again = (m["modalities"].named_transformers_ for m in (fitted, joblib.load(file)))
    assert front["image"].errors_["row"].tolist() == [7]
    assert again["image"].errors_.empty and again["audio"].errors_.empty


def test_a_copy_in_this_process(model, file):
    fitted, table, answers = model
    np.testing.assert_array_equal(joblib.load(file).predict_proba(table), answers)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(table), answers)


def test_state_is_arrays_and_plain_python(model):
    """Everything that a network keeps, at any depth."""
    plain = (str, bytes, int, float, bool, type(None), np.ndarray, np.generic)

    def strangers(value, where):
        if isinstance(value, dict):
            for key, part in value.items():
                yield from strangers(part, f"{where}[{key!r}]")
        elif isinstance(value, (list, tuple, set)):
            for part in value:
                yield from strangers(part, where)
        elif isinstance(value, np.memmap) or not isinstance(value, plain):
            if type(value).__module__.startswith("skmmgenre."):
                yield from strangers(vars(value), f"{where}.{type(value).__name__}")
            else:
                yield f"{where}: {type(value)}"

    for network in networks(model[0]):
        assert not list(strangers(network.__getstate__(), type(network).__name__))


def test_a_model_names_no_private_module(model, tmp_path):
    for protocol in (2, 4):
        assert not private_modules(pickle.dumps(model[0], protocol))
    skmmgenre.save(model[0], tmp_path / "m")
    schema = contents(tmp_path / "m")["schema.json"]
    assert b'"skmmgenre.nets.targets"' in schema and b'"skmmgenre.text"' in schema
    assert not re.findall(rb'"skmmgenre[a-z_.]*\._[^"]*"', schema)


class TestSkops:
    @pytest.fixture(scope="class")
    @staticmethod
    def stored(model):
        return skops.io.dumps(model[0])

    def test_only_this_package_is_not_known(self, stored):
        unknown = skops.io.get_untrusted_types(data=stored)
        assert unknown
        assert not [name for name in unknown if not name.startswith("skmmgenre.")]

    def test_round_trip(self, model, stored):
        _, table, answers = model
        unknown = skops.io.get_untrusted_types(data=stored)
        again = skops.io.loads(stored, trusted=unknown)
        assert type(again) is GenrePipeline
        np.testing.assert_array_equal(again.predict_proba(table), answers)


class TestCosine:
    """Several genres by label factors: those of a factorizer are part of every network."""

    @pytest.fixture(scope="class")
    @staticmethod
    def answers(albums, paper_model):
        small = paper_model(image=None, target="cosine", audio__max_epochs=1, text__max_epochs=2)
        small.fit(albums.table, albums.Y, groups=albums.groups)
        return small, small.decision_function(albums.table), small.predict(albums.table)

    def same(self, again, answers, table):
        np.testing.assert_array_equal(again.decision_function(table), answers[1])
        np.testing.assert_array_equal(again.predict(table), answers[2])

    def test_joblib(self, answers, albums, tmp_path):
        joblib.dump(answers[0], tmp_path / "m.joblib")
        content = (tmp_path / "m.joblib").read_bytes()
        assert not [word for word in NOT_IN_A_FILE if word in content]
        self.same(joblib.load(tmp_path / "m.joblib"), answers, albums.table)

    def test_skops(self, answers, albums):
        stored = skops.io.dumps(answers[0])
        unknown = skops.io.get_untrusted_types(data=stored)
        assert "skmmgenre.labels.PPMILabelFactorizer" in unknown
        assert not [name for name in unknown if not name.startswith("skmmgenre.")]
        self.same(skops.io.loads(stored, trusted=unknown), answers, albums.table)


class TestEnriched:
    """Reviews with categories: the file knows where the knowledge base is, not what is in it."""

    @pytest.fixture(scope="class")
    @staticmethod
    def answers(albums, paper_model):
        linker = GazetteerLinker(albums.knowledge_base)
        small = paper_model(audio=None, image=None, linker=linker, text__keep_mentions=True)
        small.fit(albums.table, albums.y, groups=albums.groups)
        found = small.predict_proba(albums.table)
        assert len(small["modalities"].named_transformers_["text"]["enrich"].mentions_) > 40
        return small, found

    def test_joblib(self, answers, albums, tmp_path):
        joblib.dump(answers[0], tmp_path / "m.joblib")
        content = (tmp_path / "m.joblib").read_bytes()
        assert not [word for word in NOT_IN_A_FILE if word in content]
        assert albums.knowledge_base.encode() in content
        names = [name.encode() for name in albums.catalogue["name"]]
        assert not [
            name for name in names if name in content or name.replace(b" ", b"_") in content
        ]
        again = joblib.load(tmp_path / "m.joblib")
        np.testing.assert_array_equal(again.predict_proba(albums.table), answers[1])

    def test_skops(self, answers, albums):
        stored = skops.io.dumps(answers[0])
        unknown = skops.io.get_untrusted_types(data=stored)
        assert not [name for name in unknown if not name.startswith("skmmgenre.")]
        again = skops.io.loads(stored, trusted=unknown)
        np.testing.assert_array_equal(again.predict_proba(albums.table), answers[1])
