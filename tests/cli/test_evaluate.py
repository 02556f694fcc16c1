"""Figures of a model, on a folder with every oddity and on tables."""

import json

import numpy as np
import pandas as pd
import pytest
from command_output import CONTROL, rows_of

import skmmgenre
from skmmgenre.cli import main


def test_evaluate(odd, model, predicted, capsys):
    assert main(["evaluate", model, str(odd.path), "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["figures"]) == ["audio", "text", "audio + text"]
    said = {row["item"]: row["genres"] for row in rows_of(predicted.stdout)}
    labelled = {path: genres[0] for path, genres in odd.genres.items() if genres}
    said[str(odd.odd["truncated"])] = "Jazz"  # which the model guesses where it has nothing
    right = [
        said[str(path).replace("\n", "\\n").replace("\udce9", "\\udce9")] == genre
        for path, genre in labelled.items()
    ]
    assert told["items"] == len(labelled)
    assert told["left_out"] == len(odd.files) - len(labelled)
    assert told["figures"]["audio + text"]["accuracy"] == pytest.approx(np.mean(right), abs=1e-6)
    assert main(["evaluate", model, str(odd.path), "--quiet"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80 and not CONTROL.search(table)
    for words in ("audio + text", "accuracy", "Reggae"):
        assert words in table


class TestSeveralGenres:
    """A table of texts, several genres an item, with a published split."""

    def test_evaluate_on_the_test_rows(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--split", "test", "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["items"] == 30
        figures = told["figures"]["text"]
        assert {f"{name}@{k}" for name in ("precision", "diversity") for k in (1, 3)} <= set(
            figures
        )
        rows = pd.read_csv(table)
        test = rows[rows["split"] == "test"].reset_index(drop=True)
        fitted = skmmgenre.load(texts)
        test["audio"] = test["cover"] = None
        truth = np.array([[g in cell for g in fitted.classes_] for cell in test["genres"]])
        found = skmmgenre.metrics.macro_auc_score(truth, fitted.predict_proba(test))
        assert figures["macro_auc"] == pytest.approx(found, abs=1e-6)
        assert found > 0.9

    def test_genres_that_the_model_does_not_know(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--quiet"]) == 0
        told = capsys.readouterr().out
        assert "Unknown to the model: Polka." in told and "ADiv@1" in told
        assert max(map(len, told.splitlines())) <= 80

    def test_capitals_do_not_matter(self, table, texts, tmp_path, capsys):
        path = tmp_path / "t.csv"
        rows = pd.read_csv(table)
        rows.assign(genres=rows["genres"].str.upper()).to_csv(path, index=False)
        told = []
        for place in (table, path):
            assert main(["evaluate", texts, str(place), "--json", "--quiet"]) == 0
            told.append(json.loads(capsys.readouterr().out))
        assert told[1].pop("unknown_genres") == {"POLKA": 1}
        assert told[0].pop("unknown_genres") == {"Polka": 1} and told[0] == told[1]
