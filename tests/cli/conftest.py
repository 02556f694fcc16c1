"""Music and a small model that the tests of the command share."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from odd_folder import write_odd_folder
from small_settings import settings

from skmmgenre.cli import main


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory):
    """A data home of the tests: `tag` keeps its answers there."""
    home = tmp_path_factory.mktemp("data_home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKMMGENRE_DATA", str(home))
        yield


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    return write_odd_folder(tmp_path_factory.mktemp("music") / "odd", 75, big_cover=100_000)


@pytest.fixture(scope="session")
def model(odd, tmp_path_factory):
    """A file of a model of one genre an item, from sound and text."""
    path = tmp_path_factory.mktemp("model") / "genres.skmmgenre"
    words = ["train", str(odd.path), "-o", str(path), "--target", "softmax", "--quiet"]
    words += ["--modality", "audio", "--modality", "text"]
    assert main([*words, *settings("audio", "text", "fusion")]) == 0
    return str(path)


@pytest.fixture(scope="session")
def predicted(odd, model):
    """What predict writes into a file, as CSV."""
    command = [sys.executable, "-m", "skmmgenre", "predict", model, str(odd.path)]
    done = subprocess.run([*command, "--format", "csv"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A table of texts, several genres an item, with a published split."""
    rng = np.random.default_rng(0)
    words = {"Jazz": "sax swing", "Rock": "guitar loud", "Pop": "tune catchy", "Folk": "fiddle"}
    lines = []
    for row in range(120):
        genres = rng.choice(list(words), size=rng.integers(1, 3), replace=False)
        text = " ".join([*(words[genre] for genre in genres), *rng.choice(list("abcdef"), 4)])
        split = ("train", "train", "val", "test")[row // 5 % 4]
        genres = "; ".join(genres) + ("; Polka" if row == 0 else "")
        lines.append((f"i{row}", text, genres, f"artist {row // 5}", split, split == "val"))
    names = ["id", "text", "genres", "artist", "split", "validation"]
    path = tmp_path_factory.mktemp("table") / "albums.csv"
    pd.DataFrame(lines, columns=names).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="session")
def texts(table, tmp_path_factory):
    """A file of a model of several genres an item, from the texts of the table."""
    path = str(tmp_path_factory.mktemp("model") / "texts.skmmgenre")
    words = ["train", table, "-o", path, "--min-items", "3", "--quiet"]
    more = ["--set", "text__max_epochs=25", "--set", "fusion__max_epochs=40"]
    assert main([*words, *settings("text", "fusion"), *more]) == 0
    return path
