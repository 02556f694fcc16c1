"""The report by the command: from a model file and a table or a folder to one page."""

import json
from pathlib import Path

import pandas as pd
import pytest
from parsed_page import ParsedPage
from small_settings import settings

import skmmgenre
from skmmgenre.cli import main
from skmmgenre.cli._terminal import size_of


def parsed_of(path):
    return ParsedPage(Path(path).read_text(encoding="utf-8"))


def column_of(page, head):
    heads, *rows = page.table("t-metrics")
    return {row[0]: row[heads.index(head)] for row in rows}


def test_whom_the_model_has_seen_is_left_out(table, texts, tmp_path, capsys):
    path = tmp_path / "r.html"
    assert main(["report", texts, table, "-o", str(path), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{path}: {size_of(path.stat().st_size)}\n" and not err
    page, rows = parsed_of(path), pd.read_csv(table)
    learned = rows[rows["split"] != "test"]
    named = {item["text"].partition(" (")[0] for item in page.by_id("seen-artists")["inside"]}
    assert named == set(learned["artist"])
    assert f"{len(rows) - len(learned)} of {len(rows)} rows scored" in page.all("header")[0]["text"]
    assert main(["evaluate", texts, table, "--split", "test", "--quiet", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]["text"]
    told = column_of(page, "model")
    assert told["Macro AUC"] == f"{metrics['macro_auc']:.3f}"
    assert told["Precision at 1"] == f"{metrics['precision@1']:.3f}"
    assert [title["text"] for title in page.all("h4")][0].startswith("i")  # their ids


def test_plain_of_evaluate(table, texts, tmp_path, capsys):
    words = [texts, table, "--split", "test", "--quiet"]
    assert main(["evaluate", *words, "--train", table, "--json"]) == 0
    found = capsys.readouterr().out
    (tmp_path / "e.json").write_text(found)
    more = ["--evaluation", str(tmp_path / "e.json"), "-o", str(tmp_path / "r.html")]
    assert main(["report", *words, *more, "--title", "A <title>"]) == 0
    page, plain = parsed_of(tmp_path / "r.html"), json.loads(found)["plain"]
    told = column_of(page, "plain control")
    assert told["Macro AUC"] == f"{plain['metrics']['text']['macro_auc']:.3f}"
    difference = plain["differences"]["text"]
    assert f"Macro AUC {difference['difference']:+.3f}" in page.by_id("verdict")["text"]
    assert page.all("h1")[0]["text"] == "A <title>"


@pytest.mark.slow
def test_plain_of_train_stands_beside_the_same_items(table, tmp_path, capsys):
    """The report on the table of the training scores exactly the items that train held out."""
    rows = pd.read_csv(table).drop(columns=["split", "validation"])
    rows["genres"] = rows["genres"].str.partition(";")[0]
    rows.to_csv(tmp_path / "all.csv", index=False)
    source, model = str(tmp_path / "all.csv"), str(tmp_path / "m.skmmgenre")
    words = ["train", source, "-o", model, "--test-size", "0.3", "--quiet", "--json"]
    assert main([*words, *settings("text", "fusion")]) == 0
    card = json.loads(capsys.readouterr().out)
    assert main(["report", model, source, "-o", str(tmp_path / "r.html"), "--quiet"]) == 0
    page = parsed_of(tmp_path / "r.html")
    plain = card["held_out"]["plain"]["metrics"]
    told = column_of(page, "plain control")
    assert (
        told["Macro F1"] == f"{plain['f1']:.3f}" and told["Accuracy"] == f"{plain['accuracy']:.3f}"
    )
    most = max(card["items_by_genre"], key=card["items_by_genre"].get)
    prior = column_of(page, f"always {most}")
    assert prior["Macro F1"] == f"{card['held_out']['prior']['f1']:.3f}"
    assert f"of {card['held_out']['artists']} artists" in page.all("header")[0]["text"]
    # On other items it stands by itself.
    few = rows[rows["artist"].isin(sorted(set(rows["artist"]))[:8])]
    few.to_csv(tmp_path / "few.csv", index=False)
    words = ["report", model, str(tmp_path / "few.csv"), "-o", str(tmp_path / "f.html"), "--quiet"]
    assert main(words) == 0
    page = parsed_of(tmp_path / "f.html")
    assert "plain control" not in page.table("t-metrics")[0]
    assert "Other items: stored by skmmgenre train" in page.by_id("metrics")["text"]


def test_a_folder_whose_places_stay_here(odd, model, tmp_path, capsys):
    """A report that is sent does not say where the music lies."""
    path = tmp_path / "r.html"
    assert main(["report", model, str(odd.path), "-o", str(path), "--quiet"]) == 1
    assert "were seen in training" in capsys.readouterr().err
    assert not path.exists()
    old = str(tmp_path / "old.skmmgenre")
    skmmgenre.save(skmmgenre.load(model), old)  # as a file of an earlier version
    assert main(["report", old, str(odd.path), "-o", str(path), "--quiet"]) == 0
    page = parsed_of(path)
    assert "does not record its training artists" in page.by_id("unknown-training")["text"]
    assert str(odd.path) not in path.read_text(encoding="utf-8")
    assert len(page.all("h4")) == 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "no/r.html"], "there is no folder 'no' for the report"),
        (["-o", "r.html", "--evaluation", "bad.json"], "--evaluation 'bad.json' is not valid JSON"),
        (["-o", "r.html", "--evaluation", "list.json"], "is not a JSON object"),
        (["-o", "r.html", "--evaluation", "{}.json"], "Pass the output of skmmgenre evaluate"),
        (["-o", "r.html", "--split", "dev set"], "no row has the split 'dev set'"),
    ],
)
def test_what_cannot_be_done(table, texts, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    for name, content in {"bad": "f1: 3", "list": "[]", "{}": "{}"}.items():
        Path(f"{name}.json").write_text(content)
    assert main(["report", texts, table, "--quiet", *words]) == 1
    err = capsys.readouterr().err
    assert err.startswith("skmmgenre report: ") and message in err and err.count("\n") == 1
    assert not Path("r.html").exists()
