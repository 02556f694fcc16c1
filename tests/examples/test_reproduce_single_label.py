"""The script that prints Tables 2 and 3: its options, its tables, its pictures."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skmmgenre.compose import make_plain_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.nets import _training

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "reproduce_single_label.py"
GENRES = ["Jazz", "Rap", "Rock"]


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def predictions(script):
    """Two runs: sound is right about Jazz and Rap, covers about Jazz and Rock, together all."""
    true = np.array(GENRES * 8, dtype=object)
    audio = np.where(true == "Rock", "Rap", true)
    visual = np.where(true == "Rap", "Rock", true)
    answers = dict(zip(script["SETTINGS"].values(), (audio, visual, true), strict=True))
    return pd.DataFrame({"run": np.repeat([0, 1], 12), "true": true, **answers})


def test_table_3_by_hand(script, predictions):
    by_genre = script["scores_by_genre"](predictions, GENRES)
    assert by_genre.loc["Jazz"].tolist() == [1, 1, 1]
    assert by_genre.loc["Rap"].tolist() == pytest.approx([2 / 3, 0, 1])
    assert by_genre.loc["Rock"].tolist() == pytest.approx([0, 2 / 3, 1])
    text = script["table_3"](by_genre)
    expected = np.corrcoef([1, 2 / 3, 0], [1, 0, 2 / 3])[0, 1]
    assert f"over 3 genres: {expected:.2f} " in text
    average = next(line for line in text.splitlines() if line.startswith("Average"))
    assert average.split() == ["Average", "0.56", "0.56", "1.00"]


def test_a_correlation_that_does_not_exist(script):
    for audio in ([0.0, 0.0, 0.0], [0.0, 0.7, 0.0]):
        by_genre = pd.DataFrame({"Audio": audio, "Visual": [0, 1, 0.5], "A + V": 0.0})
        assert ": undefined " in script["table_3"](by_genre)


def test_table_2_stands_beside_the_paper(script):
    names = list(script["PAPER_TABLE_2"])
    metrics = pd.DataFrame({"input": ["A + V"] * 9}, index=names)
    for metric in ("precision", "recall", "f1"):
        metrics[metric], metrics[f"{metric}_std"] = 0.25, 0.01
    text = script["table_2"](metrics)
    line = next(line for line in text.splitlines() if " CNN_Audio + MM_Audio " in line)
    assert "0.250 ± 0.010" in line and line.endswith("0.346 ± 0.002")
    assert len({len(line) for line in text.splitlines()[4:]} - {len(text.splitlines()[4])}) == 1


def test_one_run_has_no_deviation(script):
    names = list(script["PAPER_TABLE_2"])
    metrics = pd.DataFrame({"input": ["A + V"] * 9}, index=names)
    for metric in ("precision", "recall", "f1"):
        metrics[metric], metrics[f"{metric}_std"] = 0.25, np.nan
    text = script["table_2"](metrics)
    assert "nan" not in text
    # The paper's columns stay below their head.
    head, *lines = text.splitlines()[4:]
    paper = [line[head.rindex("P ") :] for line in lines]
    assert paper == list(script["PAPER_TABLE_2"].values())


def test_plain_rows_stand_below_the_paper_in_table_2(script):
    rows = {name: ("A + V", "CNN_Audio", 0.0) for name in script["PAPER_TABLE_2"]}
    rows["CNN_Audio"] = ("Audio", "CNN_Audio", 0.0)
    rows["plain audio"] = ("Control", "CNN_Audio", -0.125)
    both = "CNN_Audio + CNN_Visual"
    rows |= dict.fromkeys(
        ["plain audio + image", "plain audio + image, concatenated"], ("Control", both, 0.25)
    )
    columns = ["input", "reference", "difference"]
    metrics = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    metrics[["low", "high"]] = metrics[["difference"]].to_numpy() + [-0.5, 0.5]
    for metric in ("precision", "recall", "f1"):
        metrics[metric], metrics[f"{metric}_std"] = 0.25, 0.01
    text = script["table_2"](metrics)
    lines = [line for line in text.splitlines() if " plain" in line]
    assert [line.split("0.250")[0].split() for line in lines] == [
        ["Audio", "plain"],
        ["A", "+", "V", "plain"],
        ["A", "+", "V", "plain,", "concatenated"],
    ]
    assert lines[0].endswith("  0.250 ± 0.010  -0.125 [-0.625, +0.375]  CNN_Audio")
    assert lines[2].endswith(f"+0.250 [-0.250, +0.750]  {both}")
    assert text.index(script["PAPER_TABLE_2"]["All"]) < text.index(lines[0])
    without = script["table_2"](metrics.drop(index=metrics.index[9:]))
    assert text.startswith(without) and "plain" not in without


def test_figure_3_is_a_picture(script, predictions, tmp_path):
    script["write_confusion_matrices"](predictions, GENRES, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def read(script, folder, rows, *arguments):
    """Read a table of the columns sound, cover, style, by and set."""
    (folder / "music.csv").write_text("\n".join(["sound,cover,style,by,set", *rows]))
    columns = ["--audio", "sound", "--genre", "style", "--artist", "by"]
    options = script["read_options"]([str(folder / "music.csv"), *columns, *arguments])
    return script["read_table"](options)


def test_the_table_is_read(script, tmp_path, capsys):
    rows = ["a.ogg,,Rock; Pop/Rock,Nina,train", ",b.png,Rap,Otis,TEST", "c.ogg,,Rap,Kim,valid"]
    table, genres, artists, parts = read(script, tmp_path, rows, "--split", "set")
    assert table["sound"].isna().tolist() == [False, True, False]
    assert table["sound"][0] == str(tmp_path / "a.ogg")
    assert table["cover"].isna().tolist() == [True, False, True]
    assert table["cover"][1] == str(tmp_path / "b.png")
    assert (genres.tolist(), artists.tolist()) == (["Rock", "Rap", "Rap"], ["Nina", "Otis", "Kim"])
    assert parts.tolist() == ["train", "test", "val"]
    assert capsys.readouterr().out == "1 row has several genres; the first is used.\n"
    assert read(script, tmp_path, rows)[3] is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("d.ogg,,,Ella,val", r"1 of 3 rows have no genre .*row 2, counted from 0"),
        ("d.ogg,,Other,Ella,val", "1 of 3 rows have no genre in column 'style'"),
        ("d.ogg,,Rap,Ella,", "1 of 3 rows are neither train, val nor test in column 'set'"),
        ("d.ogg,,Rap,Ella,tset", "1 of 3 rows are neither train, val nor test"),
    ],
)
def test_rows_left_out_are_an_error_unless_asked_for(script, tmp_path, capsys, row, message):
    rows = ["a.ogg,,Rock,Nina,train", ",b.png,Rap,Otis,test", row]
    with pytest.raises(ValueError, match=f"{message}.*--skip-unlabelled"):
        read(script, tmp_path, rows, "--split", "set")
    capsys.readouterr()
    answer = read(script, tmp_path, rows, "--split", "set", "--skip-unlabelled")
    assert [len(part) for part in answer] == [2, 2, 2, 2]
    assert "1 of 3 rows " in (told := capsys.readouterr().out) and "are skipped." in told


def test_a_split_without_a_part(script, tmp_path):
    rows = ["a.ogg,,Rock,Nina,val", ",b.png,Rap,Otis,test"]
    with pytest.raises(ValueError, match="'set' must have both train and test rows"):
        read(script, tmp_path, rows, "--split", "set")


def write_albums(folder):
    """Eighteen albums with the column split, as music.csv; return the table."""
    albums = make_albums(
        18,
        3,
        tracks_per_album=1,
        duration=2.4,
        audio_format="wav",
        cover_size=32,
        directory=folder,
        random_state=0,
    )
    table = albums.table[["audio", "cover", "artist"]].assign(genre=albums.y)
    table["split"] = ["train", "val", "Train", "test", "train", "Validation"] * 3
    table.to_csv(folder / "music.csv", index=False)
    return table


QUICK = ["--split", "split", "--quick", "--epochs", "1"]


@pytest.mark.filterwarnings("ignore:JointSpaceProjector. of 6 unseen pairs")  # too few to tell
def test_the_plain_control_learns_and_is_tested_on_the_same_rows(script, tmp_path):
    table = write_albums(tmp_path)
    for column in ("audio", "cover"):
        table[column] = [str(tmp_path / path) for path in table[column]]
    command = [str(tmp_path / "music.csv"), *QUICK, "--output", str(tmp_path / "out")]
    assert script["main"](command) == 0
    counts = pd.read_csv(tmp_path / "out" / "table_1.csv", index_col="genre")
    assert counts["count"].to_dict() == table["genre"].value_counts().to_dict()
    assert counts["test_count"].sum() == (table["split"] == "test").sum()
    metrics = pd.read_csv(tmp_path / "out" / "table_2.csv", index_col="model")
    assert metrics.index.tolist() == [
        *script["PAPER_TABLE_2"],
        "plain audio",
        "plain image",
        "plain audio + image",
        "plain audio + image, concatenated",
    ]
    train, test = (table["split"].str.lower() == name for name in ("train", "test"))
    for name, columns in [
        ("plain audio", {"image": None}),
        ("plain image", {"audio": None}),
        ("plain audio + image", {}),
        ("plain audio + image, concatenated", {"combine": "concatenate"}),
    ]:
        plain = make_plain_classifier(text=None, **columns).fit(table[train], table.genre[train])
        accuracy = np.mean(plain.predict(table[test]) == table.genre[test])
        assert metrics["accuracy"][name] == pytest.approx(accuracy)
        row, reference = metrics.loc[name], metrics.loc[metrics["reference"][name]]
        assert row["difference"] == pytest.approx(row["f1"] - reference["f1"])
        assert row["low"] <= row["high"]


@pytest.mark.filterwarnings("ignore:JointSpaceProjector. of 6 unseen pairs")  # too few to tell
def test_published_val_rows_stop_the_training_and_are_not_trained_on(
    script, tmp_path, monkeypatch, capsys
):
    write_albums(tmp_path)
    trained = []

    def note(module, plan, *args, train_rows, valid_rows, **kwargs):
        trained.append((len(plan.held_out), train_rows.tolist(), valid_rows.tolist()))
        return train(module, plan, *args, train_rows=train_rows, valid_rows=valid_rows, **kwargs)

    train = _training.train
    monkeypatch.setattr(_training, "train", note)
    command = [str(tmp_path / "music.csv"), *QUICK, "--output", str(tmp_path / "out")]
    assert script["main"]([*command, "--no-plain"]) == 0
    told = capsys.readouterr().out
    assert "Column 'split': train 9, val 6, test 3" in told and "plain" not in told
    names = pd.read_csv(tmp_path / "out" / "table_2.csv")["model"]
    assert names.tolist() == list(script["PAPER_TABLE_2"])
    fit = [row for row in range(18) if row % 6 != 3]
    val = {place for place, row in enumerate(fit) if row % 6 in (1, 5)}
    assert len(trained) == 12  # sound, cover, joint space, and the fusion of each row of Table 2
    for n_rows, train_rows, valid_rows in trained:
        assert n_rows == len(fit)  # no test row
        assert set(train_rows) == set(range(len(fit))) - val and set(valid_rows) == val


def test_a_missing_column_is_named(script, tmp_path, capsys):
    (tmp_path / "music.csv").write_text("audio,genre\na.ogg,Rock\n")
    assert script["main"]([str(tmp_path / "music.csv")]) == 1
    message = capsys.readouterr().err
    assert "no column ['cover', 'artist']" in message and "--artist" in message


class TestAnnotations:
    """The left of Table 3 and Figure 3."""

    @pytest.fixture
    def said(self):
        """Two people on rows 0 to 11: Ann hears and sees all rightly but Rap, Bo hears only."""
        true = np.array(GENRES * 4, dtype=object)
        ann = np.where(true == "Rap", "Rock", true)
        rows = [
            ("Ann", str(row), mode, ann[row])
            for mode in ("sound", "cover", "both")
            for row in range(12)
        ]
        rows += [("Bo", str(row), "sound", true[row]) for row in range(11)]
        rows += [("Bo", "11", "sound", "")]
        return pd.DataFrame(rows, columns=["annotator", "item", "mode", "genre"])

    @pytest.fixture
    def told(self, script, predictions, said, tmp_path, capsys):
        predictions = predictions.assign(row=[*range(12), *range(100, 112)])
        said = said.assign(row=said["item"].astype(int))
        outside = said.iloc[[0]].assign(item="99", row=99)
        said = pd.concat([said, outside], ignore_index=True)
        options = script["read_options"](["t.csv", "--output", str(tmp_path)])
        names = script["compare_with_people"](said, predictions, GENRES, options)
        assert all((tmp_path / name).stat().st_size > 100 for name in names)
        return capsys.readouterr().out

    def test_by_hand(self, told):
        assert "1 annotations are skipped because their rows are not test rows." in told
        ann, bo = told.split("\nBo ")
        lines = {line.split("  ")[0]: line for line in ann.splitlines()}
        # Human in three modes, then the model.
        assert lines["Rap"].split()[1:] == ["0.00", "0.00", "0.00", "0.67", "0.00", "1.00"]
        assert lines["Rock"].split()[1:] == ["0.67", "0.67", "0.67", "0.00", "0.67", "1.00"]
        assert lines["Average"].split()[1:4] == ["0.56"] * 3
        assert lines["the paper's average"].split("average")[1].split() == [
            *("0.41", "0.32", "0.46"),
            *("0.35", "0.25", "0.43"),
        ]
        expected = np.corrcoef([1, 0, 2 / 3], [1, 2 / 3, 0])[0, 1]
        assert f"human Audio, model Audio      {expected:.2f} [" in ann
        assert "(the paper: 0.87)" in ann and "(the paper: 0.24)" in ann
        assert "human A + V, model A + V      undefined  (the paper: not printed)" in ann
        assert "Visual, difference" in ann and "12 (0)" in ann
        assert "Visual" not in bo.split("Cohen")[0] and "11 (1)" in bo

    def test_kappa_between_people(self, told):
        assert "Ann, Bo: Audio  0." in told and "(11 items)" in told

    def test_rows_are_found_by_id_sound_or_cover(self, script, tmp_path, said):
        rows = ["a.ogg,x.png,Rock,Nina,train", ",b.png,Rap,Otis,test", "c.ogg,,Jazz,Ann,test"]
        table, _, artists, _ = read(script, tmp_path, rows)
        some = said.head(3).assign(item=["a.ogg", "b.png", "c.ogg"])
        some.to_csv(tmp_path / "said.csv", index=False)
        found = script["annotated_rows"](table, [tmp_path / "said.csv"])
        assert found["row"].tolist() == [0, 1, 2]
        some.assign(item="z.ogg").to_csv(tmp_path / "said.csv", index=False)
        with pytest.raises(
            ValueError, match="1 annotated items are not rows of the table: 'z.ogg'"
        ):
            script["annotated_rows"](table, [tmp_path / "said.csv"])

    def test_artists_of_annotated_items_are_not_trained_on(self, script):
        said = pd.DataFrame({"row": [0, 3]})
        artists = np.array(["A", "A", "B", "", "", "B"], dtype=object)
        is_test = script["rows_of_annotators"](said, artists)
        assert is_test.tolist() == [True, True, False, True, False, False]
        with pytest.raises(ValueError, match="There are no training rows"):
            script["rows_of_annotators"](pd.DataFrame({"row": [0, 2, 3, 4]}), artists)

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:JointSpaceProjector. of .* unseen pairs")
    @pytest.mark.parametrize("split", [[], ["--split", "split"]], ids=["artists", "split"])
    def test_the_whole_script(self, script, tmp_path, capsys, split):
        table = write_albums(tmp_path)
        rows = [
            ("Ann", table["audio"].iloc[row], mode, "Jazz")
            for number, row in enumerate((3, 9, 15))
            for mode in [("sound", "cover", "both")[number]]
        ]
        said = pd.DataFrame(rows, columns=["annotator", "item", "mode", "genre"])
        said["genre"] = table["genre"].iloc[[3, 9, 15]].to_numpy()
        said.to_csv(tmp_path / "said.csv", index=False)
        command = [str(tmp_path / "music.csv"), "--quick", "--epochs", "1", "--no-plain", *split]
        command += ["--annotations", str(tmp_path / "said.csv")]
        assert script["main"]([*command, "--output", str(tmp_path / "out")]) == 0
        told = capsys.readouterr().out
        assert ("annotated or by an artist" in told) == (not split)
        assert "Table 3, left" in told and "A + V, human" in told
        assert (tmp_path / "out" / "figure_3_annotators.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_whole_script(tmp_path):
    command = [sys.executable, str(SCRIPT), "--demo", "--quick", "--output", str(tmp_path)]
    command.append("--heat-maps")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout and "Pearson correlation" in done.stdout
    assert len(pd.read_csv(tmp_path / "table_2.csv")) == 13
    assert len(pd.read_csv(tmp_path / "table_3.csv")) == 5
    for name in ("figure_3.png", "figure_5.png"):
        assert (tmp_path / name).stat().st_size > 10_000
