"""Which libraries decide the numbers of a model, and which of their versions differ."""

import re
import subprocess
import sys
from importlib.metadata import requires, version

import pytest

from skmmgenre import _library_versions
from skmmgenre._library_versions import (
    USED_BY,
    differences,
    in_words,
    names_to_record,
    names_used_by,
    versions_of,
)
from skmmgenre._model_file import ModelVersionWarning
from skmmgenre._model_types import estimator_types
from skmmgenre.audio import CQTExtractor
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import ReviewTruncator, TextMLP

# Classes whose numbers come from scikit-learn, NumPy, SciPy and Python's own code alone.
OF_NUMBERS = {
    "ArtistKFold",
    "ArtistShuffleSplit",
    "CosineTarget",
    "GenrePipeline",
    "GenreTaxonomy",
    "LabelThresholds",
    "LogisticFusionClassifier",
    "LogisticTarget",
    "MeanOverTracks",
    "PPMILabelFactorizer",
    "ReadyVectors",
    "SoftmaxTarget",
    "TagClassifier",
    "TimbreStatistics",
}


def test_every_class_is_looked_at():
    """A new class is put into one of the two lists."""
    classes = {
        cls.__name__ for name, cls in estimator_types().items() if name.startswith("skmmgenre.")
    }
    assert classes <= USED_BY.keys() | OF_NUMBERS
    assert not USED_BY.keys() & OF_NUMBERS


def test_by_the_classes_of_a_model():
    assert names_used_by([]) == ["skmmgenre", "scikit-learn", "numpy", "scipy"]
    text = names_used_by([TextMLP, ReviewTruncator])
    assert {"torch", "spacy", "python", "machine"} <= set(text)
    assert not {"librosa", "soundfile", "pillow", "torchvision", "libavcodec"} & set(text)
    sound, cover = names_used_by([CQTExtractor]), names_used_by([ResNetEmbedder])
    assert {"librosa", "soxr", "soundfile", "libsndfile", "av", "libavcodec"} <= set(sound)
    assert {"pillow", "torchvision", "torch"} <= set(cover)
    assert not {"torch", "pillow"} & set(sound) and not {"librosa", "spacy"} & set(cover)


def test_all_are_recorded_but_what_must_be_imported():
    of_sound = {"libsndfile", "libavcodec"}
    assert set(names_to_record([CQTExtractor])) - set(names_to_record([TextMLP])) == of_sound
    used = {name for names in USED_BY.values() for name in names}
    assert used <= set(names_to_record([CQTExtractor]))


def test_versions():
    found = versions_of(["numpy", "python", "libsndfile", "machine"])
    assert list(found) == ["numpy", "python", "libsndfile", "machine"]
    assert found["numpy"] == version("numpy")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["libsndfile"].count(".") == 2


def test_distributions_are_those_that_the_package_requires():
    """A name that is spelt wrong would count as not installed, for ever."""
    required = {re.match(r"[\w-]+", line)[0] for line in requires("skmmgenre")}
    assert set(_library_versions._DISTRIBUTIONS) <= required


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from skmmgenre._library_versions import names_to_record, versions_of; "
        "before = set(sys.modules); assert versions_of(names_to_record([]))['torch']; "
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "torchvision", "librosa", "av", "soundfile", "spacy", "PIL"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(
    ("saved", "here", "differs"),
    [
        ("2.4.1", "2.4.6", False),
        ("2.4", "2.4.6", False),
        ("2.3.6", "2.4.6", True),
        ("1.4.6", "2.4.6", True),
        ("2.14.1+cu130", "2.14.1", False),
        ("2.4.6", None, True),
        (None, "2.4.6", True),
    ],
)
def test_differences(monkeypatch, saved, here, differs):
    monkeypatch.setattr(_library_versions, "_version", {"numpy": here}.get)
    expected = {"numpy": (str(saved), here)} if differs else {}
    assert differences({"numpy": saved, "torch": "1.0"}, ["numpy", "scipy"]) == expected


def test_in_words():
    text = in_words({"numpy": ("1.26.4", "2.4.6"), "av": ("18.1.0", None)})
    assert text == "numpy 1.26.4 (here 2.4.6), av 18.1.0 (here not installed)"


def test_the_warning_is_one_of_scikit_learn():
    from sklearn.exceptions import InconsistentVersionWarning

    warning = ModelVersionWarning("told", {"numpy": ("1.0", "2.0")})
    assert isinstance(warning, InconsistentVersionWarning) and str(warning) == "told"
    assert warning.differences == {"numpy": ("1.0", "2.0")}
