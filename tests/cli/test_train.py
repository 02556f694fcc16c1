"""Models of a folder with every oddity and of tables, and what cannot be trained."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from odd_folder import write_sound, write_tags
from small_settings import settings

import skmmgenre
from skmmgenre._model_summary import read_seen
from skmmgenre.audio import AudioEmbedder
from skmmgenre.cli import main
from skmmgenre.cli._music import Music
from skmmgenre.cli._train import _split
from skmmgenre.compose import GenrePipeline, make_plain_classifier
from skmmgenre.metrics import bootstrap_interval, genre_scores
from skmmgenre.model_selection import ArtistShuffleSplit
from skmmgenre.nets import NetClassifier
from skmmgenre.utils import find_steps


class TestSeveralGenres:
    """A table of texts, several genres an item, with a published split."""

    def test_aliases_are_kept_in_the_model(self, table, tmp_path, capsys):
        names = tmp_path / "names.yaml"
        names.write_text("aliases: {jazz: Bop}")
        path = str(tmp_path / "m.skmmgenre")
        words = ["train", table, "-o", path, "--genres", str(names), "--json", "--quiet"]
        small = [*settings("text", "fusion"), "--set", "text__max_epochs=1"]
        assert main([*words, *small]) == 0
        assert json.loads(capsys.readouterr().out)["aliases"] == {"jazz": "Bop"}
        assert main(["evaluate", path, table, "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert "Bop" in told["genres"] and told["unknown_genres"] == {}

    def test_held_out_metrics(self, table, tmp_path, capsys):
        path = str(tmp_path / "m.skmmgenre")
        words = ["train", table, "-o", path, "--test-size", "0.3", "--target", "softmax"]
        words += ["--min-items", "3", *settings("text", "fusion"), "--quiet"]
        assert main(words) == 0
        told = capsys.readouterr().out
        assert main([*words, "--json"]) == 0
        card = json.loads(capsys.readouterr().out)
        held_out = card["held_out"]
        assert held_out["items"] + card["items"] == 90
        assert 0 <= held_out["metrics"]["accuracy"] <= 1
        assert not card["several_genres"]
        for line in (
            "  skipped: items of the test split: 30\n",
            "  skipped: genres with too few items: Polka\n",
        ):
            assert line in told
        assert f"{held_out['items']} held-out items" in told
        (shown,) = (line.split() for line in told.splitlines() if line.startswith(" model "))
        names = ("precision", "recall", "f1", "accuracy", "macro_auc")
        assert shown == ["model", *(f"{held_out['metrics'][name]:.2f}" for name in names)]


SMALL = [*settings("text", "fusion"), "--set", "text__max_epochs=1"]
SMALL += ["--set", "text__max_df=1.0", "--set", "validation_fraction=0"]


def train(tmp_path, cells, *words):
    """Train on a table of 4 rows a cell of genres; return what is printed as JSON."""
    table = pd.DataFrame({"text": [f"word{i}" for i in range(len(cells))], "genres": cells})
    pd.concat([table] * 4).to_csv(tmp_path / "t.csv", index=False)
    path = str(tmp_path / "m.skmmgenre")
    return main(["train", str(tmp_path / "t.csv"), "-o", path, "--quiet", *SMALL, *words])


class TestHowGenresAreRead:
    def test_what_is_not_taken_as_it_is_written_is_told(self, tmp_path, capsys):
        cells = ["Pop/Rock", "Jazz, Blues", "Other", "Blues"]
        words = ["--target", "softmax", "--json", "--skip-unlabelled"]
        assert train(tmp_path, cells, *words) == 0
        out, err = capsys.readouterr()
        card = json.loads(out)
        assert card["items_by_genre"] == {"Pop/Rock": 4, "Jazz": 4, "Blues": 4}
        assert card["left_out"]["without_genre"] == 4 and card["first_genre_only"] == 4
        assert err == (
            "4 rows: 'Jazz, Blues' read as 'Jazz', 'Blues'\n"
            "4 rows: 'Other' is not a genre\n"
            "(change this with --separators and --not-genres)\n"
            "4 items have several genres; only the first is used\n"
        )

    def test_separators_and_names_that_are_not_genres(self, tmp_path, capsys):
        cells = ["Pop/Rock", "Jazz, Blues", "Other", "Blues"]
        words = ["--json", "--separators", "/", "--not-genres", "blues; Zydeco"]
        words += ["--skip-unlabelled"]
        assert train(tmp_path, cells, *words) == 0
        out, err = capsys.readouterr()
        card = json.loads(out)
        names = {"Pop", "Rock", "Jazz, Blues", "Other"}
        assert set(card["items_by_genre"]) == names and card["first_genre_only"] == 0
        assert err.startswith("4 rows: 'Blues' is not a genre\n") and "first" not in err

    def test_all_names_may_be_genres(self, tmp_path, capsys):
        assert train(tmp_path, ["Other", "Jazz"], "--json", "--not-genres", "") == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["items_by_genre"] == {"Other": 4, "Jazz": 4} and not err

    def test_evaluate_tells_the_same(self, tmp_path, capsys):
        assert train(tmp_path, ["Rock", "Jazz"]) == 0
        table = {"text": ["a", "b", "c"], "genres": ["Jazz; Rock", "Misc", "Rock, Jazz"]}
        pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
        capsys.readouterr()
        words = ["evaluate", str(tmp_path / "m.skmmgenre"), str(tmp_path / "t.csv"), "--quiet"]
        assert main([*words, "--json"]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        assert (told["items"], told["left_out"], told["first_genre_only"]) == (2, 1, 2)
        assert "1 row: 'Misc' is not a genre\n" in err
        assert "2 items have several genres; only the first is used\n" in err


class TestClassWeight:
    """Genres count alike where an item has one, and this can be switched off."""

    def weights(self, tmp_path, capsys, cells, *words):
        """Return what the networks and the card say."""
        assert train(tmp_path, cells, "--json", *words) == 0
        model = skmmgenre.load(tmp_path / "m.skmmgenre")
        networks = find_steps(model, NetClassifier)
        weights = {name: network.class_weight for name, network in networks.items()}
        return weights, json.loads(capsys.readouterr().out)["class_weight"]

    @pytest.mark.parametrize(
        "cells, words, expected",
        [
            (["Jazz", "Rock"], [], "balanced"),
            (["Jazz", "Rock"], ["--set", "class_weight=None"], None),
            (["Jazz", "Rock"], ["--set", "class_weight={'Jazz': 2}"], {"Jazz": 2}),
            (["Jazz", "Rock; Pop"], ["--target", "softmax"], "balanced"),
            (["Jazz", "Rock; Pop"], [], None),
            (["Jazz", "Rock; Pop"], ["--set", "class_weight=None"], None),
            (["Jazz", "Rock"], ["--target", "logistic"], None),
        ],
    )
    def test_what_networks_get(self, tmp_path, capsys, cells, words, expected):
        weights, of_card = self.weights(tmp_path, capsys, cells, *words)
        assert weights == {"text": expected, "fusion": expected} and of_card == expected

    def test_of_one_network(self, tmp_path, capsys):
        words = ["--set", "text__class_weight=None"]
        weights, _ = self.weights(tmp_path, capsys, ["Jazz", "Rock"], *words)
        assert weights == {"text": None, "fusion": "balanced"}

    @pytest.mark.parametrize("name", ["class_weight", "fusion__class_weight"])
    def test_not_for_several_genres(self, tmp_path, capsys, name):
        words = ["--set", f"{name}=balanced"]
        assert train(tmp_path, ["Jazz", "Rock; Pop"], *words) == 1
        error = capsys.readouterr().err
        assert f"--set {name}=balanced is not supported for multilabel models" in error
        assert "--target softmax" in error and not (tmp_path / "m.skmmgenre").exists()

    def test_rare_genres_are_predicted(self, tmp_path, capsys):
        """A word that 8 of 36 items of a genre have, and all 6 of a rare one."""
        table = pd.DataFrame({"genre": ["Blues"] * 36 + ["Techno"] * 6})
        loud = [*range(8), *range(36, 42)]
        table["text"] = ["loud slow" if row in loud else "soft slow" for row in range(42)]
        table.to_csv(tmp_path / "t.csv", index=False)
        path = str(tmp_path / "m.skmmgenre")
        words = ["train", str(tmp_path / "t.csv"), "-o", path, "--quiet", *SMALL]
        found = {}
        for weight in ("balanced", "None"):
            assert main([*words, "--set", f"class_weight={weight}"]) == 0
            found[weight] = list(
                skmmgenre.load(path).predict(pd.DataFrame({"text": ["loud slow"]}))
            )
        assert found == {"balanced": ["Techno"], "None": ["Blues"]}


class TestRowsLeftOut:
    """Rows of a table that would be left out are an error, unless that is asked for."""

    cells = ["Jazz", "Rock", "", "Other"]

    def test_rows_without_a_genre(self, tmp_path, capsys):
        assert train(tmp_path, self.cells) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert "8 of 16 items have no genre (the first is 'row 2')" in error
        assert "--skip-unlabelled" in error and not (tmp_path / "m.skmmgenre").exists()
        assert train(tmp_path, self.cells, "--skip-unlabelled") == 0
        assert "skipped: items without a genre: 8\n" in capsys.readouterr().out

    def test_genres_that_are_left_out_on_request(self, tmp_path, capsys):
        (tmp_path / "names.yaml").write_text("genres: [Jazz, Rock]")
        words = ["--genres", str(tmp_path / "names.yaml"), "--json"]
        assert train(tmp_path, ["Jazz", "Rock", "Ska"], *words) == 0
        assert json.loads(capsys.readouterr().out)["left_out"]["without_genre"] == 4

    @pytest.mark.parametrize("split", ["tset", "", "fold 1"])
    def test_rows_without_a_part_of_the_split(self, tmp_path, capsys, split):
        parts = ["train", split, "Train", "val", " Test", "test"]
        assert train_split(tmp_path, parts) == 1
        error = capsys.readouterr().err
        assert (
            "4 of 24 items have a split that is neither train, val nor test" in error
            and "'row 1'" in error
        )
        assert "--skip-unlabelled" in error
        assert train_split(tmp_path, parts, "--skip-unlabelled") == 0
        told = capsys.readouterr().out
        assert "items without a valid split: 4\n" in told
        assert "items of the test split: 8\n" in told

    def test_a_column_split_without_entries(self, tmp_path, capsys):
        assert train_split(tmp_path, [None] * 4, "--json") == 0
        card = json.loads(capsys.readouterr().out)
        assert card["items"] == 16 and "without_split" not in card["left_out"]

    @pytest.mark.parametrize("part", ["test", "tset"])
    def test_min_items_counts_the_rows_that_are_trained_on(self, tmp_path, capsys, part):
        """Jazz and Rock have four such rows, Ska one beside four others, Dub only others."""
        genres = ["Jazz", "Rock"] * 4 + ["Ska"] * 5 + ["Dub"] * 4
        table = pd.DataFrame({"genre": genres, "split": ["train"] * 9 + [part] * 8})
        table["text"] = [f"word{row % 4}" for row in range(17)]
        table.to_csv(tmp_path / "t.csv", index=False)
        words = ["train", str(tmp_path / "t.csv"), "-o", str(tmp_path / "m"), "--quiet", "--json"]
        words += ["--skip-unlabelled", *SMALL]
        assert main([*words, "--min-items", "2"]) == 0
        card = json.loads(capsys.readouterr().out)
        assert card["items_by_genre"] == {"Jazz": 4, "Rock": 4} and card["items"] == 8
        left_out = card["left_out"]
        assert left_out["rare_genres"] == ["Ska"] and left_out["without_genre"] == 1
        assert main([*words, "--min-items", "5"]) == 1
        assert (
            "no genre has that many training items (9 items, 3 genres)" in capsys.readouterr().err
        )


def train_split(tmp_path, parts, *words):
    """Train on a table of 4 rows a cell of the column split, two of "Jazz" and two of "Rock"."""
    table = pd.DataFrame({"text": [f"word{i}" for i in range(len(parts))], "split": parts})
    table = pd.concat([table] * 4)
    table["genre"] = ["Jazz"] * (len(table) // 2) + ["Rock"] * (len(table) // 2)
    table.to_csv(tmp_path / "t.csv", index=False)
    path = str(tmp_path / "m.skmmgenre")
    return main(["train", str(tmp_path / "t.csv"), "-o", path, "--quiet", *SMALL, *words])


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A table of 32 sounds with texts by 16 artists, two genres."""
    folder = tmp_path_factory.mktemp("songs")
    lines = []
    for row in range(32):
        genre = ("Blues", "Techno")[row % 2]
        write_sound(folder / f"{row}.wav", genre, row)
        words = {"Blues": "slow sad", "Techno": "machine loud"}[genre]
        text = f"{words} word{row % 3}"
        lines.append((str(folder / f"{row}.wav"), text, genre, f"artist {row // 2}"))
    return pd.DataFrame(lines, columns=["audio", "text", "genre", "artist"])


class TestHeldOut:
    """What --test-size says of the model, beside the plain control."""

    def train(self, tmp_path, capsys, table, *words, size=0.25):
        """Return the card and what was told."""
        table.to_csv(tmp_path / "t.csv", index=False)
        parts = [part for part in ("audio", "text") if part in table]
        words = [*settings(*parts, "fusion"), "--set", "validation_fraction=0", *words]
        words += ["--test-size", str(size)]
        path = str(tmp_path / "m.skmmgenre")
        words = ["train", str(tmp_path / "t.csv"), "-o", path, "--json", "--quiet", *words]
        assert main(words) == 0
        out, err = capsys.readouterr()
        card = json.loads(out)
        assert skmmgenre.model_info(path)["card"]["held_out"] == card["held_out"]
        return card, err

    def test_plain_learns_from_the_same_rows(self, songs, tmp_path, capsys):
        table = songs.copy()
        rng = np.random.default_rng(0)
        table["genre"] = np.where(rng.random(32) < 0.3, "Techno", table["genre"])
        table.loc[::3, "audio"], table.loc[1::4, "text"] = None, None
        card, _ = self.train(tmp_path, capsys, table)
        y = table["genre"].to_numpy(dtype=object)
        splitter = ArtistShuffleSplit(1, test_size=0.25, random_state=0)
        ((learn, test),) = splitter.split(table, y, table["artist"])
        plain = make_plain_classifier(image=None).fit(table.iloc[learn], y[learn])
        predicted, rows = plain.predict(table.iloc[test]), table.iloc[test].assign(cover=None)
        scores = plain.predict_proba(rows)
        expected = genre_scores(y[test], predicted, labels=plain.classes_, y_score=scores)
        found = card["held_out"]["plain"]
        macro = expected.loc["macro"]
        assert found["metrics"]["f1"] == pytest.approx(macro["f1"], abs=1e-6)
        assert found["metrics"]["macro_auc"] == pytest.approx(macro["auc"], abs=1e-6)
        assert found["metrics"]["accuracy"] == pytest.approx(expected.attrs["accuracy"], abs=1e-6)
        ours = skmmgenre.load(tmp_path / "m.skmmgenre").predict(rows)
        interval = bootstrap_interval(
            y[test], ours, predicted, labels=plain.classes_, n_resamples=1000,
            groups=table["artist"].iloc[test],
        )  # fmt: skip
        assert found["metric"] == "f1"
        shown = [found[name] for name in ("difference", "low", "high")]
        assert shown == pytest.approx(list(interval), abs=1e-6)

    def test_rows_by_genre_and_the_majority(self, songs, tmp_path, capsys):
        table = songs.assign(genre=["Blues"] * 20 + ["Techno"] * 12)
        card, _ = self.train(tmp_path, capsys, table)
        held_out = card["held_out"]
        assert sum(line["support"] for line in held_out["genres"].values()) == held_out["items"]
        mean = np.mean([line["f1"] for line in held_out["genres"].values()])
        assert held_out["metrics"]["f1"] == pytest.approx(mean, abs=1e-6)
        share = held_out["genres"]["Blues"]["support"] / held_out["items"]
        assert held_out["prior"]["accuracy"] == pytest.approx(share, abs=1e-6)
        assert held_out["prior"]["macro_auc"] == 0.5
        predicted = {name for name, line in held_out["genres"].items() if line["precision"]}
        assert predicted.isdisjoint(held_out["never_predicted"])

    def test_several_genres(self, songs, tmp_path, capsys):
        table = songs.assign(genre=["Blues; Ska", "Techno", "Ska", "Blues"] * 8)
        card, _ = self.train(tmp_path, capsys, table)
        held_out = card["held_out"]
        assert held_out["plain"]["metric"] == "macro_auc"
        assert held_out["plain"]["metrics"].keys() == held_out["metrics"].keys()
        difference = held_out["metrics"]["macro_auc"] - held_out["plain"]["metrics"]["macro_auc"]
        assert held_out["plain"]["difference"] == pytest.approx(difference, abs=2e-6)
        assert held_out["prior"]["macro_auc"] == 0.5
        card, _ = self.train(tmp_path, capsys, table, "--target", "cosine")
        assert card["held_out"]["plain"] != held_out["plain"]  # the difference is another
        assert card["held_out"]["plain"]["metrics"] == held_out["plain"]["metrics"]

    def test_without_plain(self, songs, tmp_path, capsys):
        card, _ = self.train(tmp_path, capsys, songs, "--no-plain")
        assert "plain" not in card["held_out"] and card["held_out"]["prior"]["accuracy"] == 0.5

    def test_no_artists(self, songs, tmp_path, capsys):
        card, err = self.train(tmp_path, capsys, songs.drop(columns="artist"))
        assert card["held_out"]["items"] == 8 and card["held_out"]["plain"]["low"] is not None
        assert not err

    def test_a_column_of_artists_without_entries(self, songs, tmp_path, capsys):
        card, _ = self.train(tmp_path, capsys, songs.assign(artist=None))
        assert card["artists"] == 0 and card["held_out"]["artists"] is None
        assert main(["info", str(tmp_path / "m.skmmgenre")]) == 0
        assert "held out    8 items, not used for training" in capsys.readouterr().out

    def test_artists_in_parquet(self, songs, tmp_path, capsys):
        """An artist 0 is known, a missing one is not."""
        pytest.importorskip("pyarrow")
        table = songs.drop(columns="audio").assign(artist=[row // 4 for row in range(32)])
        table.loc[28:, "artist"] = np.nan
        table.to_parquet(tmp_path / "t.parquet")
        words = ["train", str(tmp_path / "t.parquet"), "-o", str(tmp_path / "m"), "--json"]
        words += ["--quiet", *SMALL]
        assert main(words) == 0
        assert json.loads(capsys.readouterr().out)["artists"] == 7
        for seed in range(6):
            music = Music(table, list(range(32)), [], table["artist"].to_numpy(dtype=object))
            learn, _ = _split(music, table["genre"].to_numpy(), 0.25, seed)
            assert np.isin([0, 1, 2, 3], learn).sum() in (0, 4)

    def test_one_item_of_one_artist(self, songs, tmp_path, capsys):
        table = songs.assign(artist=["many"] * 31 + ["one"])
        card, _ = self.train(tmp_path, capsys, table)
        held_out = card["held_out"]
        assert held_out["items"] == 1 and held_out["metrics"]["macro_auc"] is None
        assert held_out["plain"]["low"] is held_out["plain"]["high"] is None
        assert held_out["plain"]["difference"] is not None

    def test_one_genre_in_the_held_out_part(self, songs, tmp_path, capsys):
        # The artist of two songs is held out, the other has too many.
        table = songs.assign(genre=["Blues", "Techno"] * 15 + ["Blues"] * 2)
        table["artist"] = ["many"] * 30 + ["few"] * 2
        card, _ = self.train(tmp_path, capsys, table, size=0.06)
        held_out = card["held_out"]
        assert held_out["genres"]["Techno"]["support"] == 0
        assert held_out["genres"]["Techno"]["auc"] is None
        assert held_out["metrics"]["macro_auc"] is None

    def test_no_genre_of_the_held_out_part_is_learned(self, songs, tmp_path, capsys):
        table = songs.assign(genre=["Blues", "Techno"] * 15 + ["Ska"] * 2)
        table["artist"] = ["many"] * 30 + ["few"] * 2
        table.to_csv(tmp_path / "t.csv", index=False)
        words = ["train", str(tmp_path / "t.csv"), "-o", str(tmp_path / "m"), "--quiet"]
        assert main([*words, "--set", "audio_model=cnn", "--test-size", "0.06"]) == 1
        told = capsys.readouterr().err
        assert "--test-size holds out all items of some genres" in told and told.count("\n") == 1

    @pytest.mark.filterwarnings("ignore:.* count as missing")
    def test_sounds_that_cannot_be_used_are_listed_once(self, songs, tmp_path, capsys):
        table = songs.copy()
        soundfile.write(tmp_path / "silent.wav", np.zeros(2 * 22050), 22050)
        (tmp_path / "broken.wav").write_bytes(b"RIFF no sound")
        for rows, name in (([0, 3], "gone"), ([5, 8, 20], "broken"), ([10, 13, 31], "silent")):
            table.loc[rows, "audio"] = str(tmp_path / f"{name}.wav")
        card, err = self.train(tmp_path, capsys, table)
        lines = [line for line in err.splitlines() if line.startswith("skipped or unusual")]
        for name in ("gone", "broken", "silent"):
            assert sum(f"{name}.wav" in line for line in lines) == 1
        assert len(lines) == 3 and "plain control" not in err
        assert card["held_out"]["plain"]["metrics"]["accuracy"] > 0.5

    @pytest.mark.filterwarnings("ignore:.* count as missing")
    def test_all_held_out_sounds_are_silent(self, songs, tmp_path, capsys):
        splitter = ArtistShuffleSplit(1, test_size=0.25, random_state=0)
        ((_, test),) = splitter.split(songs, songs["genre"], songs["artist"])
        soundfile.write(tmp_path / "silent.wav", np.zeros(2 * 22050), 22050)
        table = songs.drop(columns="text")
        table.loc[test, "audio"] = str(tmp_path / "silent.wav")
        card, err = self.train(tmp_path, capsys, table)
        held_out = card["held_out"]
        assert held_out["min_scores"][0] == {"min_score": 0, "share": 0, "precision": None}
        assert held_out["plain"]["metrics"]["macro_auc"] == 0.5
        assert err.count("skipped or unusual") == 1

    def test_a_control_that_can_learn_nothing_does_not_end_the_training(
        self, songs, tmp_path, capsys
    ):
        # Words that all texts have: the model is told to take them, the control leaves them out.
        table = songs.assign(text="the same words in every text").drop(columns="audio")
        words = ["--set", "text__max_df=1.0"]
        card, _ = self.train(tmp_path, capsys, table, *words)
        assert list(card["held_out"]["plain"]) == ["reason"]
        assert "words" in card["held_out"]["plain"]["reason"]

    def test_what_is_printed(self, songs, tmp_path, capsys):
        songs.to_csv(tmp_path / "t.csv", index=False)
        words = ["--test-size", "0.25", *settings("audio", "text", "fusion"), "--quiet"]
        path = str(tmp_path / "m.skmmgenre")
        assert main(["train", str(tmp_path / "t.csv"), "-o", path, *words]) == 0
        told = capsys.readouterr().out
        assert max(map(len, told.splitlines()[1:])) <= 80
        for words in ("plain", "always Blues", "Genres, all", "Items tagged by --min-score"):
            assert words in told


@pytest.mark.parametrize("column", ["split", "validation"])
def test_val_rows_stop_the_training(tmp_path, monkeypatch, column):
    marked = []
    monkeypatch.setattr(
        GenrePipeline,
        "fit",
        lambda self, X, y, groups, validation: marked.append(
            (X["text"].tolist(), validation.tolist())
        ),
    )
    monkeypatch.setattr("skmmgenre.cli._train.errors_of", lambda model: [])
    monkeypatch.setattr("skmmgenre.save", lambda *args, **kwargs: [])
    table = {"text": list("abcdef"), "genre": ["Jazz", "Rock"] * 3}
    parts = ["train", "train", "Validation", "train", "val", "test"]
    table["split"] = parts
    if column == "validation":  # where it is there, it is what counts
        table["validation"] = [False, True, False, False, False, False]
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    words = ["train", str(tmp_path / "t.csv"), "-o", str(tmp_path / "m"), "--quiet"]
    assert main(words) == 0
    texts, validation = marked[0]
    assert texts == list("abcde")
    expected = {"split": "ce", "validation": "b"}[column]
    assert [text for text, mark in zip(texts, validation, strict=True) if mark] == list(expected)


@pytest.mark.parametrize(
    "words, told",
    [
        (["train", "absent", "-o", "m"], "no folder or table 'absent'"),
        (["train", "t.csv", "-o", "m", "--set", "lr"], "--set 'lr' is not NAME=VALUE"),
        (["train", "absent", "-o", "m", "--set", "speed=1"], "--set: "),
        (
            ["train", "absent", "-o", "m", "--set", "audio__epoch=1"],
            "did you mean 'audio__max_epochs'",
        ),
        (["train", "absent", "-o", "m", "--set", "audio__max_epochs=one"], "'max_epochs' param"),
        (["train", "absent", "-o", "m", "--set", "dropout=9"], "--set: The 'dropout' parameter"),
        (
            ["train", "t.csv", "-o", "m", "--modality", "audio"],
            "--modality audio: the column 'audio' is empty",
        ),
        (["train", "one.csv", "-o", "m", "--quiet"], "one class only"),
        (
            ["train", "none.csv", "-o", "m", "--quiet"],
            "no item has a genre. Fill the column genres",
        ),
        (
            ["train", "t.csv", "-o", "m", "--min-items", "2"],
            "no genre has that many training items (2 items, 2",
        ),
    ],
    ids=" ".join,
)
def test_told_in_one_line(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text,genre\nslow,Jazz\nloud,Rock\n")
    (tmp_path / "one.csv").write_text("text,genre\nslow,Jazz\nloud,Jazz\n")
    (tmp_path / "none.csv").write_text("text,genre\nslow,\nloud,\n")
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"skmmgenre {words[0]}: ") and told in error
    assert error.count("\n") == 1 and not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "words, told",
    [
        (["train", "t.csv"], "Missing option '-o'"),
        (["train", "t.csv", "-o", "m", "--target", "best"], "'best' is not one of"),
        (["train", "t.csv", "-o", "m", "--test-size", "1"], "is not in the range"),
    ],
    ids=" ".join,
)
def test_wrong_arguments(capsys, words, told):
    assert main(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* artists are too few for inner folds")
def test_all_modalities(odd, tmp_path, capsys):
    path = str(tmp_path / "m.skmmgenre")
    images = {"depth": 18, "weights": None, "image_size": 32, "max_epochs": 1}
    more = [word for k, v in images.items() for word in ("--set", f"image__{k}={v}")]
    words = ["train", str(odd.path), "-o", path, "--by", "album", "--quiet", "--json"]
    assert main([*words, *settings("audio", "text", "fusion"), *more]) == 0
    assert json.loads(capsys.readouterr().out)["modalities"] == ["audio", "text", "image"]
    words = ["evaluate", path, str(odd.path), "--by", "album", "--quiet", "--json"]
    assert main(words) == 0
    assert len(json.loads(capsys.readouterr().out)["metrics"]) == 7


class TestSound:
    """musicnn hears it where its weights are; what it hears is learned from."""

    @pytest.fixture
    def examples(self, tmp_path):
        """A folder of two genres, and what lies beside them."""
        folder = tmp_path / "examples"
        for row in range(12):
            place = folder / ("Dub", "Bebop")[row % 2] / f"Album {row}"
            place.mkdir(parents=True)
            write_sound(place / "1.flac", ("Jazz", "Metal")[row % 2], row, duration=4)
            write_tags(place / "1.flac", genre="Other", artist=f"Artist {row}")
        write_sound(folder / "beside.flac", "Jazz", 12, duration=4)
        return folder

    def words(self, folder, path):
        words = ["train", str(folder), "-o", str(path), "--genres-from", "folders", "--quiet"]
        return [*words, "--set", "validation_fraction=0", "--json"]

    def test_a_folder_of_examples(self, examples, tmp_path, musicnn_home, monkeypatch, capsys):
        monkeypatch.setenv("SKMMGENRE_DATA", str(musicnn_home))
        path = tmp_path / "m.skmmgenre"
        assert main(self.words(examples, path)) == 0
        out, err = capsys.readouterr()
        assert err == (
            "Sound: musicnn (pretrained); --set audio_model=cnn trains a network from scratch\n"
        )
        card = json.loads(out)
        assert card["items_by_genre"] == {"Bebop": 6, "Dub": 6} and card["artists"] == 12
        assert (card["audio_model"], card["audio_n_patches"]) == ("musicnn", 6)
        assert card["left_out"]["without_genre"] == 1
        (encoder,) = find_steps(skmmgenre.load(path), AudioEmbedder).values()
        assert (encoder.model, encoder.n_patches, encoder.n_jobs) == ("musicnn", 6, None)
        assert main(["info", str(path)]) == 0
        assert "musicnn, pretrained, 6 windows per track" in capsys.readouterr().out
        assert main(["predict", str(path), str(examples), "--quiet", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        told = [item for item in told if "beside" not in item["item"]]
        right = [item["genres"][0] == item["item"].split("/")[-3] for item in told]
        assert np.mean(right) > 0.9
        words = ["evaluate", str(path), str(examples), "--quiet", "--json"]
        assert main([*words, "--genres-from", "folders"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["metrics"]["audio"]["accuracy"] == pytest.approx(np.mean(right), abs=1e-6)
        assert main(words) == 1
        assert "no item has a genre. Write genres into the tags" in capsys.readouterr().err
        # On a machine without the weights they are fetched, or it says how to get them.
        monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path / "other"))
        assert main(["predict", str(path), str(examples), "--quiet"]) == 1
        assert "could not be downloaded" in capsys.readouterr().err

    def test_without_the_weights(self, examples, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path / "other"))
        path = tmp_path / "m.skmmgenre"
        assert main([*self.words(examples, path), "--set", "max_epochs=1"]) == 0
        out, err = capsys.readouterr()
        fetching, sound, *_ = err.splitlines()
        assert fetching.startswith("Fetching the weights of musicnn once")
        assert sound.startswith("Sound: cnn (trained from scratch), because musicnn could")
        assert json.loads(out)["audio_model"] == "cnn"

    @pytest.mark.parametrize("setting", ["audio_model=cnn", "audio__lr=0.01", "preset=paper"])
    def test_another_network_is_asked_for(self, examples, tmp_path, capsys, setting):
        words = [*self.words(examples, tmp_path / "m.skmmgenre"), *settings("audio")]
        settled = ["--set", setting, "--set", "fusion__max_epochs=1"]
        assert main([*words, *settled]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["audio_model"] == "cnn" and "musicnn" not in err

    def test_genres_from_folders_of_what_has_none(self, examples, tmp_path, capsys):
        assert main(self.words(examples / "Dub" / "Album 0", tmp_path / "m.skmmgenre")) == 1
        assert "contains sound files" in capsys.readouterr().err


def test_the_file_remembers_whom_it_has_learned_from(table, texts):
    rows = pd.read_csv(table)
    is_train = (rows["split"] != "test").to_numpy()
    seen = read_seen(texts)
    np.testing.assert_array_equal(seen.artists_among(rows["artist"]), is_train)
    np.testing.assert_array_equal(seen.items_among(rows[["text"]]), is_train)
