"""Private parts of other packages: that they are there, and what the package makes of them."""

import ast
import mmap
import subprocess
import sys
from configparser import ConfigParser
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline

import skmmgenre
from skmmgenre.utils import (
    NamesBetweenSteps,
    TrainingSetOnce,
    has_default_output,
    import_from_extra,
    in_container,
    mapped_file,
    processor_has_bfloat16,
    safe_indexing,
    without_stop_words_id,
)

PACKAGE = Path(skmmgenre.__file__).parent

# Each private part: distribution, module, name in it.
PARTS = [
    ("scikit-learn", "sklearn.base", "_fit_context"),
    ("scikit-learn", "sklearn.base", "BaseEstimator._validate_params"),
    ("scikit-learn", "sklearn.feature_extraction.text", "TfidfVectorizer._parameter_constraints"),
    ("scikit-learn", "sklearn.pipeline", "Pipeline._get_metadata_for_step"),
    ("scikit-learn", "sklearn.utils", "_safe_indexing"),
    ("scikit-learn", "sklearn.utils._param_validation", "HasMethods"),
    ("scikit-learn", "sklearn.utils._param_validation", "Interval"),
    ("scikit-learn", "sklearn.utils._param_validation", "InvalidParameterError"),
    ("scikit-learn", "sklearn.utils._param_validation", "Options"),
    ("scikit-learn", "sklearn.utils._param_validation", "StrOptions"),
    ("scikit-learn", "sklearn.utils._param_validation", "validate_parameter_constraints"),
    ("scikit-learn", "sklearn.utils._param_validation", "validate_params"),
    ("scikit-learn", "sklearn.utils._set_output", "_get_output_config"),
    ("scikit-learn", "sklearn.utils._set_output", "_wrap_data_with_container"),
    ("scikit-learn", "sklearn.utils.validation", "_check_feature_names_in"),
    ("scikit-learn", "sklearn.utils.validation", "_check_sample_weight"),
    ("skorch", "skorch.net", "NeuralNet._set_training"),
    # Not marked as private, and not documented.
    ("joblib", "joblib.parallel", "ThreadingBackend"),
    ("joblib", "joblib.parallel", "get_active_backend"),
    ("iterative-stratification", "iterstrat.ml_stratifiers", "MultilabelStratifiedShuffleSplit"),
]
BOUNDED = ["scikit-learn", "skorch", "skops", "iterative-stratification", "av"]


@pytest.mark.parametrize(("package", "module", "name"), PARTS)
def test_part_is_there(package, module, name):
    found = import_module(module)
    for part in name.split("."):
        assert hasattr(found, part), (
            f"{package} {version(package)} has no {module}.{name}, which skmmgenre uses: adapt "
            f"utils/_compat.py, or bound {package} in setup.cfg."
        )
        found = getattr(found, part)


def imports():
    """Module, name and importing file of every import from another package."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
                yield from ((node.module, alias.name, path.name) for alias in node.names)


def test_no_other_private_part_is_imported():
    private = {
        (module, name)
        for module, name, _ in imports()
        if any(part.startswith("_") for part in [*module.split("."), name])
    }
    assert private <= {part[1:] for part in PARTS}


def test_private_parts_that_few_use_are_imported_here_alone():
    everywhere = ("sklearn.base", "sklearn.utils._param_validation")
    private = {module: n for module, n, file in imports() if file != "_compat.py" and n[0] == "_"}
    assert set(private) <= set(everywhere)


def test_iterative_stratification_has_one_importer():
    assert sum(module.startswith("iterstrat") for module, *_ in imports()) == 1


@pytest.mark.parametrize("package", BOUNDED)
def test_bound_is_declared_and_met(package):
    """What a minor release may break has an upper bound, and the installed version is tested."""
    setup = ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    lists = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    found = [Requirement(line) for lines in lists for line in lines.split("\n") if line.strip()]
    (bound,) = [r.specifier for r in found if r.name == package]
    assert any(part.operator == "<" for part in bound)
    assert Version(version(package)) in bound


def test_utils_bring_no_torch():
    code = "import sys, skmmgenre.utils; print('torch' in sys.modules, 'skorch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_address_of_stop_words_is_dropped():
    fitted = TfidfVectorizer(stop_words=["the"]).fit(["the sun", "the moon"])
    state = fitted.__getstate__()
    assert "_stop_words_id" in state, (
        f"scikit-learn {version('scikit-learn')} notes no _stop_words_id any more: remove "
        "without_stop_words_id."
    )
    assert set(state) - set(without_stop_words_id(state)) == {"_stop_words_id"}


class Doubled(TransformerMixin, BaseEstimator, auto_wrap_output_keys=("transform",)):
    def get_feature_names_out(self, input_features=None):
        return np.array(["a", "b"], dtype=object)


def test_container_follows_set_output():
    X = pd.DataFrame({"x": [1, 2], "y": [3, 4]}, index=["r", "s"])
    values = X.to_numpy() * 2
    estimator = Doubled()
    assert has_default_output(estimator)
    assert in_container(values, X, estimator) is values
    estimator.set_output(transform="pandas")
    assert not has_default_output(estimator)
    table = in_container(values, X, estimator)
    assert table.columns.tolist() == ["a", "b"] and table.index.tolist() == ["r", "s"]


def test_rows_and_columns_of_anything():
    table = pd.DataFrame({"x": [1, 2], "y": [3, 4]}, index=["r", "s"])
    assert safe_indexing(table, [1]).index.tolist() == ["s"]
    assert safe_indexing(table, "y", axis=1).tolist() == [3, 4]
    assert safe_indexing(["p", "q"], [1]) == ["q"]


def test_mode_of_a_net_is_set_once():
    class Module:
        training = False

    class Net:
        calls = 0

        def _set_training(self, training=True):
            self.calls += 1
            self.module_.training = training

    class QuickNet(TrainingSetOnce, Net):
        module_ = Module()

    net = QuickNet()
    for training in (True, True, False, False, True):
        net._set_training(training)
    assert net.calls == 3 and net.module_.training


class Adds(TransformerMixin, BaseEstimator):
    """Adds what it is given to what it was given before."""

    def fit(self, X, y=None, more=None):
        self.more_ = more
        return self

    def transform(self, X):
        return X + [self.more_]


def test_metadata_of_a_step_are_asked_for_when_those_before_it_are_fitted():
    class Counting(NamesBetweenSteps, Pipeline):
        def _metadata_from_steps_before(self, number):
            return {"more": [step.more_ for _, step in self.steps[:number]]} if number else {}

    steps = [("a", Adds()), ("b", Adds()), ("c", Adds())]
    assert Counting(steps).fit([]).steps[-1][1].more_ == [None, [None]]
    assert Counting(steps).fit_transform([]) == [None, [None], [None, [None]]]


def test_instructions_for_bfloat16():
    assert processor_has_bfloat16() in (True, False)


def test_mapped_file(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 3)))
    read = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = mapped_file(read[1:][:, :2])
    assert (found is not None) == hasattr(mmap.mmap, "madvise")
    # What is written to a copy is in no file.
    assert mapped_file(np.load(tmp_path / "x.npy", mmap_mode="c")) is None
    assert mapped_file(np.zeros(3)) is None and mapped_file([1, 2]) is None


def test_package_of_an_extra():
    assert import_from_extra("json", "Reading", extra="data").loads("1") == 1
    with pytest.raises(ImportError, match=r'Reading needs absent_pack, .*"skmmgenre\[data\]"'):
        import_from_extra("absent_pack.part", "Reading", extra="data")


def test_what_is_there_is_imported():
    assert import_from_extra("json.decoder", "Reading", extra="data") is sys.modules["json.decoder"]


@pytest.mark.parametrize(
    ("name", "package"), [("rapidfuzz.process", "rapidfuzz"), ("yaml", "pyyaml")]
)
def test_what_is_absent_is_told_with_its_remedy(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, name, None)
    told = rf'Matching needs {package}, which is not installed: pip install "skmmgenre\[cli\]"'
    with pytest.raises(ImportError, match=told):
        import_from_extra(name, "Matching", extra="cli")
