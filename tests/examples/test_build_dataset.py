"""The script that makes a data set from two catalogues."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

from skmmgenre.datasets import make_catalogues

pytest.importorskip("rapidfuzz")

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "build_dataset.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_from_generated_catalogues(script, tmp_path, capsys):
    path = tmp_path / "dataset.csv"
    table, Y = script["main"](["--n-albums", "1500", "--output", str(path)])
    shown = capsys.readouterr().out
    precision, recall = map(float, re.search(r"precision (\S+), recall (\S+)", shown).groups())
    assert precision >= 0.98 and recall >= 0.9
    assert (Y.sum() >= 1).all() and Y.shape[0] == len(table)
    assert (Y.sum(axis=1) >= 1).all()
    written = pd.read_csv(path, dtype=str)
    assert set(written["set"]) == {"train", "val", "test"}
    assert written.groupby("artist")["set"].nunique().max() == 1
    assert "each artist is in at most 1" in shown
    # What the paper's condition is about: labels that few albums have are gone.
    kept, n_labels = map(int, re.search(r"labels: (\d+) of (\d+) have 12", shown).groups())
    assert kept == Y.shape[1] < n_labels


def test_from_catalogues_of_ones_own(script, tmp_path, capsys):
    data = make_catalogues(400, random_state=1)
    shop = data.left.assign(genres=data.left["genres"].str.join("|"), price="9")
    shop.to_csv(tmp_path / "shop.csv", index=False)
    data.right.to_csv(tmp_path / "encyclopedia.csv", index=False)
    options = [str(tmp_path / name) for name in ("shop.csv", "encyclopedia.csv")]
    options += ["--min-items", "5", "--output", str(tmp_path / "dataset.csv")]
    table, Y = script["main"](options)
    assert "precision" not in capsys.readouterr().out
    assert len(table) > 200 and (table["price"] == "9").all()
    assert (Y.sum() >= 5).sum() > 5
    with pytest.raises(SystemExit):
        script["main"](options[:1])
