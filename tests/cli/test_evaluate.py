"""Figures of a model, on a folder with every oddity and on tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_output import CONTROL, rows_of

import skmmgenre
from skmmgenre.cli import main
from skmmgenre.cli._evaluate import with_errors_of_plain
from skmmgenre.compose import make_plain_classifier
from skmmgenre.metrics import bootstrap_interval, macro_auc_score


def test_evaluate(odd, model, predicted, capsys):
    assert main(["evaluate", model, str(odd.path), "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["metrics"]) == ["audio", "text", "audio + text"]
    said = {row["item"]: row["genres"] for row in rows_of(predicted.stdout)}
    labelled = {path: genres[0] for path, genres in odd.genres.items() if genres}
    said[str(odd.odd["truncated"])] = "Jazz"  # which the model guesses where it has nothing
    right = [
        said[str(path).replace("\n", "\\n").replace("\udce9", "\\udce9")] == genre
        for path, genre in labelled.items()
    ]
    assert told["items"] == len(labelled)
    assert told["left_out"] == len(odd.files) - len(labelled)
    assert told["metrics"]["audio + text"]["accuracy"] == pytest.approx(np.mean(right), abs=1e-6)
    assert main(["evaluate", model, str(odd.path), "--quiet"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80 and not CONTROL.search(table)
    for words in ("audio + text", "accuracy", "Reggae"):
        assert words in table


def test_min_scores_are_those_of_tag(odd, model, capsys):
    words = ["tag", model, str(odd.path), "--replace", "--json", "--quiet"]
    assert main(["evaluate", model, str(odd.path), "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    labelled = {str(path): genres for path, genres in odd.genres.items() if genres}
    assert main(["predict", model, str(odd.path), "--json", "--quiet"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    said = {line["item"]: line["genres"] for line in predicted}
    best = {line["item"]: max(line["scores"].values(), default=-1) for line in predicted}
    shares = []
    for line in told["min_scores"]:
        main([*words, "--min-score", str(line["min_score"])])
        files = json.loads(capsys.readouterr().out)["files"]
        outcomes = {outcome["file"]: outcome for outcome in files if outcome["file"] in labelled}
        least = ("the best score", "all inputs of the model are missing or empty")
        tagged = [
            name
            for name, outcome in outcomes.items()
            if not outcome["reason"].startswith(least)
            # Of a file that cannot be written the score is not computed.
            and not (outcome["reason"].startswith("read-only") and best[name] < line["min_score"])
        ]
        assert line["share"] == pytest.approx(len(tagged) / len(labelled), abs=1e-6)
        shares.append(line["share"])
        right = [said[name] == labelled[name][:1] for name in tagged]
        precision = pytest.approx(np.mean(right), abs=1e-6) if right else None
        assert line["precision"] == precision
    assert len(set(shares)) > 1 and shares == sorted(shares, reverse=True)


class TestPlain:
    """--train compares with a plain control that learns from the same music."""

    def test_rows_of_a_published_split(self, table, texts, capsys):
        words = ["evaluate", texts, table, "--split", "test", "--train", table, "--quiet"]
        assert main([*words, "--json"]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        rows = pd.read_csv(table).drop(columns=["split", "validation"]).assign(audio=None)
        is_test = pd.read_csv(table)["split"] == "test"
        classes = [str(name) for name in skmmgenre.load(texts).classes_]
        Y = pd.DataFrame(
            [[int(name in cell.split("; ")) for name in classes] for cell in rows["genres"]],
            columns=classes,
        )
        plain = make_plain_classifier(audio=None, image=None).fit(rows[~is_test], Y[~is_test])
        scores = plain.predict_proba(rows[is_test])
        found = told["plain"]["metrics"]["text"]
        assert told["plain"]["items"] == 90 and not err
        expected = macro_auc_score(Y[is_test], scores)
        assert found["macro_auc"] == pytest.approx(expected, abs=1e-6)
        ours = skmmgenre.load(texts).decision_function(rows[is_test].assign(cover=None))
        interval = bootstrap_interval(
            Y[is_test].to_numpy(), ours, scores, metric="macro_auc", n_resamples=1000,
            groups=rows.loc[is_test, "artist"],
        )  # fmt: skip
        difference = told["plain"]["differences"]["text"]
        shown = [difference[name] for name in ("difference", "low", "high")]
        assert shown == pytest.approx(list(interval), abs=2e-6)
        assert main(words) == 0
        assert "plain T" in capsys.readouterr().out

    def test_a_column_of_artists_without_entries(self, table, texts, tmp_path, capsys):
        """Intervals are drawn over items, and are called so."""
        rows = pd.read_csv(table).assign(artist=None)
        rows[rows["split"] == "train"].to_csv(tmp_path / "train.csv", index=False)
        rows[rows["split"] == "test"][:12].to_csv(tmp_path / "test.csv", index=False)
        words = ["evaluate", texts, str(tmp_path / "test.csv"), "--quiet"]
        assert main([*words, "--train", str(tmp_path / "train.csv")]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert "there are only 12 items." in told and "artists" not in told

    def test_without_it_the_output_says_how(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--quiet"]) == 0
        assert "To compare with a plain control" in capsys.readouterr().out
        assert main(["evaluate", texts, table, "--quiet", "--json"]) == 0
        assert "plain" not in json.loads(capsys.readouterr().out)

    def test_items_that_the_control_knows(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--train", table, "--quiet", "--json"]) == 0
        out, err = capsys.readouterr()
        assert "--train also contains some of these items (90 with genres)" in err
        assert "and so was the model if it was trained on --train. The metrics" in err
        told = json.loads(out)["plain"]
        assert told["items"] == told["items_in_both"] == 90
        assert main(["evaluate", texts, table, "--train", table, "--quiet"]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "--train contains 90 of the 120 items" in out and "better than" not in out

    def test_music_of_the_name_that_the_model_was_trained_on(self, table, texts, tmp_path, capsys):
        same = "the model was trained on music named 'albums.csv', which may be the same"
        other = tmp_path / "others.csv"
        other.write_bytes(Path(table).read_bytes())
        cases = [(table, [], 1), (str(other), [], 0), (table, ["--split", "test"], 0)]
        cases += [(table, ["--split", "train"], 1), (table, ["--split", "val"], 1)]
        for path, words, n in cases:
            assert main(["evaluate", texts, path, "--quiet", "--json", *words]) == 0
            assert capsys.readouterr().err.count(same) == n, (path, words)

    def test_every_subset_and_each_item_once(self, odd, model, capsys):
        words = ["evaluate", model, str(odd.path), "--train", str(odd.path), "--quiet"]
        assert main([*words, "--json"]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        assert list(told["plain"]["metrics"]) == ["audio", "text", "audio + text"]
        assert list(told["plain"]["differences"]) == ["audio", "text", "audio + text"]
        for name, difference in told["plain"]["differences"].items():
            ours, plain = told["metrics"][name]["f1"], told["plain"]["metrics"][name]["f1"]
            assert difference["difference"] == pytest.approx(ours - plain, abs=2e-6)
        n = told["items"]  # covers from inside files are in other places each time
        assert f"--train also contains some of these items ({n} with genres)" in err
        listed = [line["item"] for line in told["set_aside"]]
        assert len(listed) == len(set(listed))
        assert main(words) == 0
        table = capsys.readouterr().out
        assert max(map(len, table.splitlines())) <= 80 and "plain audio + text" in table

    @pytest.mark.parametrize(
        "lines, said",
        [
            ("text,genre\na,Ska\nb,Dub\n", "--train: no item has a genre of the model"),
            ("text,genre\nsax,Jazz\n", "--train: No words remain in the 1 texts"),
        ],
    )
    def test_nothing_to_learn_from(self, texts, table, tmp_path, capsys, lines, said):
        (tmp_path / "t.csv").write_text(lines)
        words = ["evaluate", texts, table, "--train", str(tmp_path / "t.csv"), "--quiet"]
        assert main(words) == 1
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1

    def test_what_only_the_control_cannot_use(self):
        ours, plain = [("a", "broken")], [("a", "broken, too"), ("b", "gone"), ("b", "gone")]
        found = with_errors_of_plain(ours, plain)
        assert found == [("a", "broken"), ("b", "gone (plain control)")]


class TestSeveralGenres:
    """A table of texts, several genres an item, with a published split."""

    def test_evaluate_on_the_test_rows(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--split", "test", "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["items"] == 30
        metrics = told["metrics"]["text"]
        assert {f"{name}@{k}" for name in ("precision", "diversity") for k in (1, 3)} <= set(
            metrics
        )
        rows = pd.read_csv(table)
        test = rows[rows["split"] == "test"].reset_index(drop=True)
        fitted = skmmgenre.load(texts)
        test["audio"] = test["cover"] = None
        truth = np.array([[g in cell for g in fitted.classes_] for cell in test["genres"]])
        found = skmmgenre.metrics.macro_auc_score(truth, fitted.predict_proba(test))
        assert metrics["macro_auc"] == pytest.approx(found, abs=1e-6)
        assert found > 0.9

    def test_genres_that_the_model_does_not_know(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--quiet"]) == 0
        told = capsys.readouterr().out
        assert "Not genres of the model: Polka." in told and "ADiv@1" in told
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
