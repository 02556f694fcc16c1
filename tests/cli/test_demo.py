"""A small demo from files to metrics."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest
from command_output import run
from parsed_page import ParsedPage
from PIL import Image
from sklearn.base import clone

import skmmgenre
from skmmgenre.cli import main
from skmmgenre.cli._demo import _fit_and_transform
from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums


def test_help_of_the_demo(capsys):
    assert main(["demo", "--help"]) == 0
    told = capsys.readouterr().out
    for option in ("--albums", "--seed", "--jobs", "--output", "Example:"):
        assert option in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--loud"], "No such option"),
        (["demo", "--albums", "12"], "at least 60 albums are needed"),
        (["demo", "--albums", "many"], "'many' is not a whole number"),
    ],
    ids=" ".join,
)
def test_bad_arguments(capsys, arguments, message):
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert message in told.err and "Usage: skmmgenre" in told.err
    assert not told.out


def test_a_report_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "taken").write_text("")
    assert main(["demo", "--output", str(tmp_path / "taken")]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("skmmgenre demo: ") and "taken" in told.err
    assert "Traceback" not in told.err


def test_subsets_learn_from_what_the_fusion_learned_from(tmp_path):
    albums = make_albums(
        60, n_genres=3, missing={"audio": 1.0, "cover": 1.0}, directory=tmp_path, random_state=0
    )
    train, test = np.arange(0, 60, 2), np.arange(1, 60, 2)
    model = make_genre_classifier(
        audio=None, image=None, text__hidden_units=(16, 16), text__lr=1e-2, random_state=0
    )
    y, groups = albums.y[train], albums.groups[train]
    fitted = clone(model).fit(albums.table.iloc[train], y, groups=groups)
    vectors = _fit_and_transform(model, albums, train, test)
    assert vectors.index.equals(albums.table.index)
    expected = fitted.predict_proba(albums.table)
    np.testing.assert_array_equal(model.predict_proba(albums.table), expected)
    surer = fitted[:-1].transform(albums.table)
    pd.testing.assert_frame_equal(vectors.iloc[test], surer.iloc[test])
    assert not np.allclose(vectors.iloc[train], surer.iloc[train])


@pytest.mark.slow
class TestDemo:
    @pytest.fixture(scope="class")
    @staticmethod
    def demo(tmp_path_factory):
        folder = tmp_path_factory.mktemp("demo")
        done = run("demo", "--albums", "60", "--output", "my [report]", "--jobs", "1", cwd=folder)
        assert done.returncode == 0, done.stderr
        return done, folder / "my [report]"

    def test_what_it_prints(self, demo):
        done, _ = demo
        for words in ("What each modality adds", "audio + text + image", "ceiling", "macro"):
            assert words in done.stdout
        assert "my [report]" in done.stdout.replace("\n", "")
        assert "Next:" in done.stdout

    def test_the_command_that_it_names_works(self, demo):
        line = re.search(r"the model +skmmgenre (.*)", demo[0].stdout)[1]
        done = run(*shlex.split(line), cwd=demo[1].parent)
        assert done.returncode == 0, done.stderr
        assert "synthetic albums" in done.stdout

    def test_a_file_gets_plain_text(self, demo):
        done, _ = demo
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.stdout)
        assert max(map(len, done.stdout.splitlines())) <= 80

    def test_progress_goes_to_standard_error(self, demo):
        done, _ = demo
        for words in ("TextMLP", "AudioCNN", "ResNetEmbedder", "constant-Q"):
            assert words in done.stderr and words not in done.stdout
        assert "\x1b" not in done.stderr
        assert "Warning" not in done.stderr and "Traceback" not in done.stderr

    def test_table(self, demo):
        table = pd.read_csv(demo[1] / "table.csv", index_col="model")
        assert {"f1", "ceiling", "difference", "low", "high", "reference"} <= set(table.columns)
        assert len(table) == 2 * 7 + 2
        for place in range(0, 14, 2):  # below each subset its plain control
            ours, plain = table.iloc[place], table.iloc[place + 1]
            assert plain.name == f"plain {ours.name}" and plain["reference"] == ours.name
            assert plain["difference"] == pytest.approx(plain["f1"] - ours["f1"])
            assert plain["low"] <= plain["difference"] <= plain["high"]
            assert plain["macro_auc"] > 0.5
        assert table["f1"].between(0, 1).all()
        rows = table[table["input"] != "Control"]
        assert rows["ceiling"].between(0, 1).all()
        for name in table.index:
            assert name in demo[0].stdout

    def test_table_of_several_genres(self, demo):
        table = pd.read_csv(demo[1] / "table_multi_label.csv", index_col="model")
        assert len(table) == 2 * 7 + 2 + 1
        metrics = ["macro_auc", "macro_average_precision"]
        metrics += [f"{name}@{k}" for name in ("diversity", "precision") for k in (1, 3, 5)]
        assert table[metrics].map(lambda value: 0 <= value <= 1).all(axis=None)
        assert table.loc["random scores", "diversity@3"] == 1
        assert table.loc["exact posterior", "macro_auc"] > 0.6
        for name in table.index:
            assert name in demo[0].stdout
        for head in ("AUC", "AP", "ADiv@1", "ADiv@5", "P@1", "P@5"):
            assert head in demo[0].stdout

    def test_table_of_entities(self, demo):
        table = pd.read_csv(demo[1] / "table_entities.csv", index_col="target")
        assert table.index.tolist() == ["softmax", "logistic", "cosine"]
        assert (
            table[["VSM", "VSM + SEM", "ceiling"]].map(lambda value: 0 < value <= 1).all(axis=None)
        )
        np.testing.assert_allclose(table["VSM + SEM"] - table["VSM"], table["estimate"])
        for words in (*table.index, "VSM", "VSM + SEM", "categories of entities"):
            assert words in demo[0].stdout

    @pytest.mark.parametrize("name", ["confusion_matrices.png", "learning_curves.png"])
    def test_pictures(self, demo, name):
        with Image.open(demo[1] / name) as picture:
            picture.load()
            assert min(picture.size) > 200
            assert len(np.unique(np.asarray(picture.convert("L")))) > 10

    def test_model(self, demo, albums):
        model = skmmgenre.load(demo[1] / "genres.skmmgenre")
        found = model.predict_proba(albums.table.iloc[:4])
        assert found.shape == (4, len(model.classes_))
        np.testing.assert_allclose(found.sum(axis=1), 1)
        done = run("info", "genres.skmmgenre", cwd=demo[1])
        assert "synthetic albums: 4" in done.stdout and done.returncode == 0
        card = skmmgenre.model_info(demo[1] / "genres.skmmgenre")["card"]
        table = pd.read_csv(demo[1] / "table.csv", index_col="model")
        f1 = table.loc[table["input"] == "audio + text + image", "f1"].iloc[0]
        assert card["held_out"]["metrics"]["f1"] == pytest.approx(f1)

    def test_report(self, demo):
        page = ParsedPage((demo[1] / "report.html").read_text(encoding="utf-8"))
        table = pd.read_csv(demo[1] / "table.csv", index_col="model")
        told = {line[0]: line[1] for line in page.table("t-ablation")[1:]}
        assert told == {name: f"{f1:.3f}" for name, f1 in table["f1"].items()}
        assert page.by_id("unknown-training") is None and page.by_id("seen-artists") is None
        assert "synthetic sounds" in page.by_id("card")["text"]

    def test_nothing_else_is_left(self, demo):
        left = {path.name for path in demo[1].iterdir()}
        assert left == {
            "genres.skmmgenre",
            "report.html",
            "table.csv",
            "table_multi_label.csv",
            "table_entities.csv",
            "confusion_matrices.png",
            "learning_curves.png",
        }
        assert [path.name for path in demo[1].parent.iterdir()] == ["my [report]"]
