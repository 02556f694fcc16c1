"""The comparison on tables of one's own: what is read, what is compared, what is written."""

import _kept
import evaluate_table
import numpy as np
import pandas as pd
import pytest
from _results import read_result

from skmmgenre.compose import make_genre_classifier


@pytest.fixture(scope="module", params=["genre", pytest.param("genres", marks=pytest.mark.slow)])
def csv(request, tmp_path_factory):
    """A table of 48 texts by 24 artists; a text is empty, and so is an artist."""
    rng = np.random.default_rng(0)
    genres = rng.choice(["Jazz", "Pop/Rock", "Rap"], 48)
    words = {"Jazz": "a slow sax", "Pop/Rock": "a loud guitar", "Rap": "a tight rhyme"}
    table = pd.DataFrame(
        {
            "artist": [f"artist {row // 2}" for row in range(48)],
            "text": [f"{words[genre]} and {rng.choice(list('uvwxyz'))}" for genre in genres],
            request.param: genres if request.param == "genre" else [f"{g}; Live" for g in genres],
        }
    )
    if request.param == "genres":
        table.loc[::3, "genres"] = genres[::3]
    table.loc[5, "text"] = table.loc[7, "artist"] = ""
    path = tmp_path_factory.mktemp("tables") / "made.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def small(monkeypatch):
    """A small network that learns less than plain, so that a comparison takes seconds."""

    def build(table, n_jobs):
        return make_genre_classifier(
            audio=None, image=None, preset="paper", text__hidden_units=(8, 8), max_epochs=20,
            validation_fraction=0,
        )  # fmt: skip

    monkeypatch.setattr(evaluate_table, "build_model", build)


def test_the_table_is_read(csv):
    table, y = evaluate_table.read_table(csv)
    assert pd.isna(table["artist"][7])
    if y.ndim == 1:
        assert set(y) == {"Jazz", "Pop/Rock", "Rap"}
    else:
        assert sorted(y.columns) == ["Jazz", "Live", "Pop/Rock", "Rap"]


def test_words_of_genres_are_taken_out():
    texts = ["A Rock song, rocking popular jazz.", "Trap and rap"]
    left = evaluate_table.without_genre_words(texts, ["Pop/Rock", "Jazz", "Rap"])
    assert left == ["A  song,   .", "Trap and "]


def test_all_is_compared(csv, small, tmp_path, monkeypatch, capsys):
    arguments = [str(csv), "--folds", "2", "--seeds", "2", "--jobs", "1"]
    monkeypatch.setattr("sys.argv", ["evaluate_table.py", *arguments, "--output", str(tmp_path)])
    evaluate_table.main()
    lines, head = read_result(tmp_path / "table_made.csv")
    command = "python benchmarks/evaluate_table.py made.csv --folds 2 --seeds 2"
    assert head["command"] == command
    assert head["data_hash"] and str(tmp_path) not in (tmp_path / "table_made.csv").read_text()
    lines["condition"] = lines["condition"].fillna("")
    found = list(zip(lines["condition"], lines["system"], strict=True))
    assert found == [
        ("", "text"),
        ("", "plain text"),
        ("", "missing pattern"),
        ("other seeds of the networks", "text"),
        ("labels shuffled", "text"),
        ("labels shuffled", "plain text"),
        ("genre words masked", "text"),
        ("genre words masked", "plain text"),
    ]
    auc = lines["macro_auc"]
    assert auc[1] > 0.8 and (auc[[4, 5]] < 0.75).all()  # words tell the genre
    assert lines["pooled"].between(0, 1).all()
    assert lines["verdict"].isna().tolist() == (lines["system"] == lines["reference"]).tolist()
    (claim,) = read_result(tmp_path / "table_made_claims.csv")[0].to_dict("records")
    assert claim["estimate"] == pytest.approx(-lines["difference"][1], abs=2e-4)  # plain - text
    assert 0 < claim["p"] < 0.1 and claim["verdict"] == "worse"
    assert "of single seeds" in lines["verdict"][3]
    assert (lines["reference"][[1, 5, 7]] == "text").all()


@pytest.mark.slow
def test_the_same_folds_for_other_seeds(csv, small, monkeypatch):
    """The networks differ, and the rows that they are tested on do not."""
    seen = []
    ablate = evaluate_table.ablate_modalities

    def note(*args, **options):
        figures, answers = ablate(*args, **options)
        seen.append(answers)
        return figures, answers

    monkeypatch.setattr(evaluate_table, "ablate_modalities", note)
    evaluate_table.Comparison(csv, n_folds=2, n_seeds=2, n_jobs=1).run()
    first, other = seen[:2]
    pd.testing.assert_frame_equal(first.rows, other.rows)
    assert not np.array_equal(first.scores["text"], other.scores["text"])
    assert first.scores["text"].shape == other.scores["text"].shape


@pytest.mark.slow
def test_finished_parts_are_kept(csv, small, tmp_path, monkeypatch):
    def compared(**options):
        return evaluate_table.Comparison(
            csv, n_folds=2, n_seeds=2, n_jobs=1, keep=tmp_path / "kept", **options
        )

    first = compared()
    lines, claims = first.run()
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} == {".joblib"}
    monkeypatch.setattr(evaluate_table, "ablate_modalities", None)  # nothing is computed again
    second = compared()
    for found, expected in zip(second.run(), (lines, claims), strict=True):
        pd.testing.assert_frame_equal(found, expected)
    assert second.kept.seconds == pytest.approx(first.kept.seconds)
    monkeypatch.setattr(_kept, "hash_of_code", lambda names, settings: f"other {settings}")
    with pytest.raises(TypeError):  # other code: all is
        compared().run()
