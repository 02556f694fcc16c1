"""The script that prints Table 6: how it reads a table, its rows, how it goes on after a stop."""

import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from skmmgenre.compose import make_plain_classifier
from skmmgenre.metrics import macro_auc_score
from skmmgenre.text import KnowledgeBase

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "reproduce_multi_label.py"
FAST = ["--quick", "--epochs", "1", "--min-items", "5", "--skip-unlabelled"]


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def albums_csv(script, tmp_path_factory):
    """Sixty synthetic albums with reviews and covers, every third with sound."""
    folder = tmp_path_factory.mktemp("albums")
    command = ["--quick", "--albums", "60", "--output", str(folder)]
    csv = script["write_synthetic_table"](script["read_options"](command))
    table = pd.read_csv(csv, dtype=str)
    assert table["audio"].str.contains("|", regex=False).any()
    table["audio"] = table["audio"].where(table.index % 3 == 0, "")
    table.to_csv(csv, index=False)
    return csv


def run(script, csv, output, *arguments):
    return script["main"]([str(csv), *FAST, "--output", str(output), *arguments])


def finished(output):
    """The finished rows and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in (output / "rows").glob("*.npz")}


def test_every_row_of_the_paper_has_its_network(script):
    options = script["read_options"](["--demo"])
    networks = {name: script["build_network"](name, options) for name in script["PAPER_TABLE_6"]}
    assert len(networks) == 26
    kinds = pd.Series({name: type(network).__name__ for name, network in networks.items()})
    assert kinds.value_counts().to_dict() == {
        "AudioCNN": 12,
        "FusionClassifier": 9,
        "TextMLP": 4,
        "ResNetEmbedder": 1,
    }
    for name, network in networks.items():
        assert network.target == name.split("/")[1]
    # Section 7.3.1: dropout only for high and cosine.
    dropout = {name: net.dropout for name, net in networks.items() if kinds[name] == "AudioCNN"}
    assert {name for name, rate in dropout.items() if rate} == {
        f"audio/cosine/high-{kernel}" for kernel in ("3x3", "4x96", "4x70")
    }
    assert set(dropout.values()) == {0.0, 0.5}
    assert not networks["audio/logistic/timbre-mlp"].normalize


@pytest.mark.parametrize("enriched", [False, True])
def test_parts_of_fusions_are_fixed(script, enriched):
    columns = dict.fromkeys(["audio", "text", "image"] + ["enriched-text"] * enriched, [])
    albums = script["Albums"](columns, *[None] * 7)
    text = "text/cosine/vsm+sem" if enriched else "text/cosine/vsm"
    parts = ["audio/cosine/high-4x70", text, "image/logistic/resnet"]
    for target in ("logistic", "cosine"):
        assert script["parts_of"](f"fusion/{target}/A+T+I", albums) == parts
        assert script["parts_of"](f"fusion/{target}/T+I", albums) == parts[1:]


def read(script, folder, lines, *arguments):
    (folder / "music.csv").write_text("\n".join(lines))
    options = script["read_options"]([str(folder / "music.csv"), *arguments])
    return script["read_albums"](options)


SMALL_TABLE = [
    "audio,words,style,performer,set",
    "a.ogg | b.ogg,loud,Pop/Oldies|Rock/Punk,Nina,test",
    ",calm,Jazz/Bebop,Otis,Train",
    "c.ogg,,Rare,Nick,train",
    "d.ogg,slow,Pop/Oldies|Rock/Punk|Jazz/Bebop,Kim,validation",
]
SMALL_COLUMNS = ["--text", "words", "--genres", "style", "--artist", "performer", "--split", "set"]


def test_the_table_is_read(script, tmp_path, capsys):
    arguments = [*SMALL_COLUMNS, "--min-items", "2", "--skip-unlabelled"]
    albums = read(script, tmp_path, SMALL_TABLE, *arguments)
    assert albums.rows.tolist() == [1, 3, 0]  # the test row last, the one of a rare genre nowhere
    assert albums.n_fit == 2 and albums.validation.tolist() == [False, True]
    assert albums.artists.tolist() == ["Otis", "Kim", "Nina"]
    assert albums.Y.columns.tolist() == ["Bebop", "Jazz", "Oldies", "Pop", "Punk", "Rock"]
    assert albums.Y.to_numpy().tolist() == [[1, 1, 0, 0, 0, 0], [1] * 6, [0, 0, 1, 1, 1, 1]]
    paths = [[], [str(tmp_path / "d.ogg")], [str(tmp_path / "a.ogg"), str(tmp_path / "b.ogg")]]
    assert albums.cells == {"audio": paths, "text": ["calm", "slow", "loud"]}
    told = capsys.readouterr().out
    assert "1 of 4 rows have only genres of fewer than 2 albums and are skipped" in told
    assert "3 genres are read as branches: for example, 'Jazz/Bebop' gives ['Jazz', 'B" in told
    assert "train 1, val 1, test 1; without audio 1; without text 0" in told


@pytest.mark.parametrize("branch_separator", [">", ""])
@pytest.mark.parametrize("separators", [None, ";", "; "])
def test_names_with_slashes(script, tmp_path, separators, branch_separator):
    lines = [line.replace("|R", "; R").replace("|J", "; J") for line in SMALL_TABLE]
    own = ["--branch-separator", branch_separator, "--min-items", "1"]
    own += ["--separators", separators] if separators else []
    with pytest.raises(ValueError, match="Only 4 genres have 1 albums: Jazz/Bebop, Pop/Oldies, R"):
        read(script, tmp_path, lines, *SMALL_COLUMNS, *own)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",calm,,Otis,train", r"1 of 5 rows have no genre \(the first is row 4, counted from 0\)"),
        (",calm,Unknown,Otis,train", "1 of 5 rows have no genre"),
        (",calm,Jazz/Bebop,Otis,tset", r"1 of 5 rows are neither train, val nor test.* row 4"),
        (",calm,Jazz/Bebop,Otis,", "1 of 5 rows are neither train, val nor test in column 'set'"),
        (",calm,Polka,Otis,train", "1 of 5 rows have only genres of fewer than 2 albums"),
    ],
)
def test_rows_left_out_are_an_error_unless_asked_for(script, tmp_path, capsys, row, message):
    lines = [*SMALL_TABLE[:3], SMALL_TABLE[3].replace("Rare", "Jazz/Bebop"), SMALL_TABLE[4], row]
    arguments = [*SMALL_COLUMNS, "--min-items", "2"]
    with pytest.raises(ValueError, match=f"{message}.*--skip-unlabelled"):
        read(script, tmp_path, lines, *arguments)
    assert script["main"]([str(tmp_path / "music.csv"), *arguments]) == 1
    capsys.readouterr()
    albums = read(script, tmp_path, lines, *arguments, "--skip-unlabelled")
    assert sorted(albums.rows) == [0, 1, 2, 3]
    told = capsys.readouterr().out
    assert "1 of 5 rows " in told and "and are skipped" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--genres", "genre"], "has no column 'genre'"),
        (["--image", "front"], "no column 'front'.*Name its column with --image"),
        (["--split", "audio"], "must be train, val or test in every row.*'a.ogg | b.ogg'"),
        (["--split", "sets"], "no column 'sets', given as --split"),
        (["--min-items", "3"], "No label has 3 items"),
    ],
)
def test_bad_tables_are_refused_by_name(script, tmp_path, capsys, arguments, message):
    (tmp_path / "music.csv").write_text("\n".join(SMALL_TABLE))
    columns = [*SMALL_COLUMNS, "--min-items", "2", *arguments]
    with pytest.raises(ValueError, match=message):
        read(script, tmp_path, SMALL_TABLE, *columns)
    assert script["main"]([str(tmp_path / "music.csv"), *columns]) == 1
    assert capsys.readouterr().err.startswith("reproduce_multi_label: ")


@pytest.mark.parametrize(
    ("row", "message"),
    [("audio/cosine/5x5", "see --list"), ("text/cosine/vsm+sem", "the table has no enriched-text")],
)
def test_rows_that_cannot_be_run(script, albums_csv, tmp_path, capsys, row, message):
    assert run(script, albums_csv, tmp_path, "--rows", row) == 1
    assert message in capsys.readouterr().err


def test_list_names_all_rows(script, capsys):
    assert script["main"](["--list"]) == 0
    names = [*script["PAPER_TABLE_6"], *script["PLAIN"]]
    assert capsys.readouterr().out.split() == names and len(names) == 30


def test_a_fusion_brings_its_parts_and_the_table_the_paper(script, albums_csv, tmp_path, capsys):
    assert run(script, albums_csv, tmp_path, "--rows", "fusion/*/a+t") == 0
    told = capsys.readouterr().out
    names = [
        "audio/cosine/high-4x70",
        "text/cosine/vsm",
        "fusion/logistic/A+T",
        "fusion/cosine/A+T",
    ]
    metrics = pd.read_csv(tmp_path / "table_6.csv", index_col="row")
    assert metrics.index.tolist() == [
        *names,
        "fusion/logistic/A+T, half of log prior removed",
        "random scores",
        "ceiling",
    ]
    assert metrics["paper_macro_auc"][names].tolist() == [0.888, 0.901, 0.923, 0.930]
    lines = {line.split()[0]: line.split() for line in told.splitlines() if line[:5] == "audio"}
    shown = lines["audio/cosine/high-4x70"]
    assert shown[3] == f"{metrics['macro_auc'].iloc[0]:.3f}" and shown[-6:-3] == [
        "6.5M",
        "590",
        "0.888",
    ]
    assert "SYNTHETIC" not in told and "--quick: small networks" in told
    assert "T in fusions is text/cosine/vsm" in told
    # What is kept: scores of the test rows, and vectors of all that the fusion learned from.
    kept = {name: np.load(tmp_path / "rows" / f"{name.replace('/', '_')}.npz") for name in names}
    widths = [kept[name]["vectors"].shape[1] for name in names[:2]]
    n_labels = len(kept[names[0]]["labels"])
    assert kept[names[2]]["scores"].shape == (len(kept[names[2]]["test_rows"]), n_labels)
    assert kept[names[2]]["n_parameters"] == (sum(widths) + 1) * n_labels
    for file in kept.values():
        file.close()


PLAIN_ROWS = [f"plain/logistic/{modality}" for modality in ("audio", "text", "image", "A+T+I")]


def kept(output, names):
    """The scores that are kept of some rows."""
    scores = {}
    for name in names:
        with np.load(output / "rows" / f"{name.replace('/', '_')}.npz") as row:
            scores[name] = row["scores"]
    return scores


@pytest.mark.slow
def test_plain_rows_are_the_plain_classifier_on_train_and_test_rows(
    script, albums_csv, tmp_path, capsys
):
    command = ["--rows", "plain/*/A+T+I", "text/*"]
    assert run(script, albums_csv, tmp_path, *command) == 0
    told = capsys.readouterr().out
    albums = script["read_albums"](script["read_options"]([str(albums_csv), *FAST]))
    table = pd.DataFrame({name: albums.cells[name] for name in ("audio", "text", "image")})
    train = np.flatnonzero(~albums.validation)  # no row that stops the networks, no test row
    assert 0 < len(train) < albums.n_fit
    scores = kept(tmp_path, PLAIN_ROWS)
    for name, columns in zip(PLAIN_ROWS, [*map(lambda c: [c], table), list(table)], strict=True):
        switched = {kind: kind if kind in columns else None for kind in table}
        plain = make_plain_classifier(**switched).fit(table.iloc[train], albums.Y.iloc[train])
        expected = plain.decision_function(table[albums.n_fit :])
        np.testing.assert_allclose(scores[name], expected, rtol=1e-6, atol=1e-9)

    metrics = pd.read_csv(tmp_path / "table_6.csv", index_col="row")
    names = ["text/logistic/vsm", "text/cosine/vsm", *PLAIN_ROWS]
    assert metrics.index.tolist() == [
        *names,
        "text/logistic/vsm, half of log prior removed",  # plain has no prior to remove
        "random scores",
        "ceiling",
    ]
    plain = metrics.loc[PLAIN_ROWS]
    assert plain[["paper_macro_auc", "seconds_an_epoch"]].isna().all(axis=None)
    assert plain["n_parameters"].iloc[0] == 185 * albums.Y.shape[1]  # 184 statistics, a constant
    assert plain["n_parameters"].iloc[3] == plain["n_parameters"].iloc[:3].sum()
    # The paper's rows of the same modalities are those of texts only, of which the better counts.
    differences = pd.read_csv(tmp_path / "plain.csv", index_col="row")
    assert differences.index.tolist() == ["plain/logistic/text"]
    (row,) = differences.itertuples()
    assert row.reference == metrics["macro_auc"][names[:2]].idxmax()
    auc = metrics["macro_auc"]
    assert row.difference == pytest.approx(auc["plain/logistic/text"] - auc[row.reference])
    assert row.low <= row.difference <= row.high
    shown = f"plain/logistic/text   {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
    assert f"{shown}  {row.reference}\n" in told


def test_plain_rows_are_kept_until_what_they_read_changes(script, albums_csv, tmp_path, capsys):
    table = pd.read_csv(albums_csv, dtype=str)
    table["audio"] = [
        "|".join(str(albums_csv.parent / path) for path in cell.split("|")) if cell else ""
        for cell in table["audio"].fillna("")
    ]
    table["cover"] = [str(albums_csv.parent / path) for path in table["cover"]]
    table.to_csv(tmp_path / "music.csv", index=False)
    output = tmp_path / "output"
    command = [tmp_path / "music.csv", output, "--rows", "plain/*"]
    assert run(script, *command) == 0
    assert (output / "statistics.sqlite").exists() and not (output / "plain.csv").exists()
    first = finished(output)
    assert len(first) == 4
    # How files are read and what networks are asked for does not concern them.
    (output / "plain.csv").write_text("of an earlier start")
    assert run(script, *command, "--jobs", "2", "--skip-broken", "--epochs", "2") == 0
    assert finished(output) == first and not (output / "plain.csv").exists()
    table.loc[:, "text"] += " Bagpipes."
    table.to_csv(tmp_path / "music.csv", index=False)
    assert run(script, *command) == 0
    second = finished(output)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"plain_logistic_text.npz", "plain_logistic_A+T+I.npz"}

    capsys.readouterr()
    table.drop(columns="cover").to_csv(tmp_path / "music.csv", index=False)
    assert run(script, *command) == 0
    told = capsys.readouterr().out
    assert "Skipped, because the table has no image: plain/logistic/image" in told
    assert "Skipped, because the table has no image: plain/logistic/A+T+I" in told
    assert "[2 of 2] plain/logistic/text: kept" in told


def test_plain_is_compared_with_the_best_row_of_the_same_modalities(script):
    rng = np.random.default_rng(0)
    Y = pd.DataFrame(rng.integers(0, 2, (40, 3)))
    albums = script["Albums"]({}, Y, np.repeat(np.arange(20), 2), None, 0, *[None] * 3)
    right = {  # how much of the truth is in the scores
        "audio/logistic/low-3x3": 3,
        "text/logistic/vsm": 0,
        "text/cosine/vsm": 1,
        "text/cosine/vsm+sem": 0.5,
        "fusion/cosine/A+T": 4,
        "plain/logistic/text": 2,
        "plain/logistic/image": 0,
    }
    rows = {name: {"scores": rng.normal(size=Y.shape) + much * Y} for name, much in right.items()}
    auc = {name: macro_auc_score(Y, row["scores"]) for name, row in rows.items()}
    metrics = pd.DataFrame({"macro_auc": auc})
    differences = script["compare_plain"](metrics, rows, albums)
    (row,) = differences.itertuples()  # there is no row of the paper for images
    assert (row.Index, row.reference) == ("plain/logistic/text", "text/cosine/vsm")
    assert row.difference == pytest.approx(auc[row.Index] - auc[row.reference])
    assert row.low < row.difference < row.high


@pytest.mark.parametrize("lacking", ["artists", "labels"])
def test_nothing_to_compare_plain_rows_by(script, lacking):
    n_test, names = 4, ["text/cosine/vsm", "plain/logistic/text"]
    rng = np.random.default_rng(0)
    Y = pd.DataFrame(np.eye(n_test, 3, dtype=int))
    artists = np.array(["Nina", "Otis", "", ""], dtype=object)
    if lacking == "artists":
        artists[:] = "Nina"
    else:
        Y[:] = 1
    albums = script["Albums"]({}, Y, artists, None, 0, *[None] * 3)
    rows = {name: {"scores": rng.normal(size=Y.shape)} for name in names}
    auc = [np.nan if lacking == "labels" else 0.5] * 2
    metrics = pd.DataFrame({"macro_auc": auc}, index=names)
    assert script["compare_plain"](metrics, rows, albums).empty


@pytest.mark.slow
def test_a_second_start_goes_on_and_what_changed_is_run_again(script, tmp_path, albums_csv, capsys):
    table = pd.read_csv(albums_csv, dtype=str)
    covers = albums_csv.parent / "cover"
    table["cover"] = [str(albums_csv.parent / path) for path in table["cover"]]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    known = script["read_albums"](script["read_options"]([str(albums_csv), *FAST])).rows[0]
    table.loc[known, "cover"] = str(broken)
    table.to_csv(tmp_path / "music.csv", index=False)
    rows = ["--rows", "text/*", "image/*"]
    output = tmp_path / "output"

    assert run(script, tmp_path / "music.csv", output, *rows) == 1
    assert f"cannot use image '{broken}'" in capsys.readouterr().err
    first = finished(output)
    assert len(first) == 2

    broken.write_bytes(next(covers.iterdir()).read_bytes())
    assert run(script, tmp_path / "music.csv", output, *rows) == 0
    second = finished(output)
    assert {name: second[name] for name in first} == first
    assert second.keys() - first.keys() == {"image_logistic_resnet.npz"}
    assert "text/logistic/vsm: kept" in capsys.readouterr().out

    table.loc[known, "text"] += " Bagpipes."
    table.to_csv(tmp_path / "music.csv", index=False)
    assert run(script, tmp_path / "music.csv", output, *rows) == 0
    third = finished(output)
    same = {name for name in second if third[name] == second[name]}
    assert same == {"image_logistic_resnet.npz"}

    assert run(script, tmp_path / "music.csv", output, *rows, "--epochs", "2") == 0
    assert not set(finished(output).values()) & set(third.values())


def test_only_patches_that_are_left_are_extracted(script, albums_csv, tmp_path):
    tracks = sorted(str(path) for path in (albums_csv.parent / "audio").iterdir())[:3]
    options = script["read_options"](["--quick", "--output", str(tmp_path)])
    extract = script["extract_patches"]
    patches = np.array(extract(tracks, options))
    assert patches.shape == (3, 96, 323) and (patches.max(axis=(1, 2)) == 0).all()

    marked = np.load(tmp_path / "patches.npy", mmap_mode="r+")
    marked[:] = 7
    del marked
    done = np.load(tmp_path / "patches_done.npy")
    done[1] = b""
    np.save(tmp_path / "patches_done.npy", done)
    again = extract(tracks, options)
    assert (again[[0, 2]] == 7).all()
    np.testing.assert_array_equal(again[1], patches[1])
    options.seed = 1  # other patches of the same tracks
    assert not np.array_equal(extract(tracks, options)[0], patches[0])


def test_timbre_and_enriched_reviews(script, albums_csv, tmp_path, capsys):
    table = pd.read_csv(albums_csv, dtype=str)[["artist", "genres", "text"]]
    table["enriched_text"] = table.pop("text") + " Jazz_musicians"
    rng = np.random.default_rng(0)
    for row in range(3):
        with h5py.File(tmp_path / f"{row}.h5", "w") as file:
            file["analysis/segments_timbre"] = rng.normal(size=(9, 12))
    table["timbre"] = [("0.h5|1.h5", "2.h5", "")[row % 3] for row in range(len(table))]
    table.to_csv(tmp_path / "music.csv", index=False)
    assert run(script, tmp_path / "music.csv", tmp_path / "output") == 0
    metrics = pd.read_csv(tmp_path / "output" / "table_6.csv", index_col="row")
    names = ["audio/logistic/timbre-mlp", "text/logistic/vsm+sem", "text/cosine/vsm+sem"]
    assert metrics.index[:3].tolist() == names
    with np.load(tmp_path / "output" / "rows" / "audio_logistic_timbre-mlp.npz") as row:
        assert row["n_parameters"] == 49 * len(row["labels"])
    assert "Skipped, because the table has no text: text/logistic/vsm" in capsys.readouterr().out


def test_reviews_enriched_with_a_knowledge_base(script, albums_csv, tmp_path, capsys):
    table = pd.read_csv(albums_csv, dtype=str)[["artist", "genres", "text"]]
    table["enriched_text"] = "not these"
    table.to_csv(tmp_path / "music.csv", index=False)
    base = tmp_path / "people.kb"
    base.write_bytes((albums_csv.parent / "catalogue.kb").read_bytes())
    command = ["--rows", "text/*/vsm+sem", "--knowledge-base", str(base)]
    output = tmp_path / "output"
    options = script["read_options"]([str(tmp_path / "music.csv"), *FAST, *command])
    options.output = output
    texts = script["read_albums"](options).cells["enriched-text"]
    cut, categories = zip(*(text.split("\n")[-2:] for text in texts), strict=True)
    assert all(len(text) <= 1500 for text in cut)
    assert all(word.startswith("cat_") for line in categories for word in line.split())

    assert run(script, tmp_path / "music.csv", output, *command) == 0
    assert "T in fusions is text/cosine/vsm," not in capsys.readouterr().out
    first = finished(output)
    assert set(first) == {"text_logistic_vsm+sem.npz", "text_cosine_vsm+sem.npz"}
    assert (output / "entities.sqlite").exists()
    assert run(script, tmp_path / "music.csv", output, *command) == 0
    assert finished(output) == first
    # Of another knowledge base the rows are run again.
    KnowledgeBase.build(base, records=[("Album", ["album", "record"], ["Discs"], 1)])
    assert run(script, tmp_path / "music.csv", output, *command) == 0
    assert not set(finished(output).values()) & set(first.values())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--knowledge-base", "gone.kb"], 1, "knowledge base 'gone.kb' does not exist"),
        (["--knowledge-base", "a.kb", "--enriched-text", "text"], 2, "not both"),
    ],
)
def test_knowledge_bases_that_cannot_be_used(
    script, albums_csv, tmp_path, capsys, arguments, code, message
):
    try:
        found = run(script, albums_csv, tmp_path, *arguments)
    except SystemExit as ended:
        found = ended.code
    assert found == code
    assert message in capsys.readouterr().err


def test_describe_trains_nothing(script, albums_csv, tmp_path, capsys):
    assert run(script, albums_csv, tmp_path, "--describe") == 0
    told = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "figure_7.png",
        "table_4.csv",
        "table_5.csv",
    ]
    genres = pd.read_csv(tmp_path / "table_4.csv", index_col="genre")
    assert genres["count"].is_monotonic_decreasing
    n_albums = pd.read_csv(albums_csv).shape[0]
    assert f"{100 * genres['count'].iloc[0] / n_albums:6.2f}  " in told or "are skipped" in told
    layers = pd.read_csv(tmp_path / "table_5.csv", index_col="network", keep_default_na=False)
    # As Table 5 prints them.
    filters = {
        "3x3": [("3x3", "4x2"), ("3x3", "4x2"), ("3x3", "4x1"), ("1x1", "4x5")],
        "4x96": [("4x96", "4x1"), ("4x1", "4x1"), ("4x1", "4x1"), ("1x1", "")],
        "4x70": [("4x70", "4x4"), ("4x6", "4x1"), ("4x1", "4x1"), ("1x1", "")],
    }
    for network, expected in filters.items():
        rows = layers[layers.index.str.startswith(f"{network}, ")]
        assert list(rows.itertuples(index=False, name=None)) == expected
    purity = re.search(r"figure_7.png: (\d+) albums .* genre: ([\d.]+) .*chance ([\d.]+)", told)
    assert int(purity[1]) > 10 and float(purity[2]) > 2 * float(purity[3])


@pytest.mark.slow
def test_table_7_and_figure_8_come_with_their_rows(script, albums_csv, tmp_path, capsys):
    table = pd.read_csv(albums_csv, dtype=str)
    table["part"] = np.where(table.index % 2, "test", "train")
    table.to_csv(tmp_path / "music.csv", index=False)
    command = [tmp_path / "music.csv", tmp_path / "out", "--split", "part", "--root"]
    command += [str(albums_csv.parent), "--rows", "audio/*/*-4x70", "image/*"]
    assert run(script, *command) == 0
    told = capsys.readouterr().out
    best = pd.read_csv(tmp_path / "out" / "table_7.csv", index_col="album")
    assert best.columns.tolist() == ["true", "logistic", "cosine"]
    tested = table[table["part"] == "test"]
    assert len(best) == 20 and set(best.index) <= set(tested["album"])
    assert best.index.is_monotonic_increasing  # the first ones, in the order of the CSV
    for name in ("logistic", "cosine"):
        file = f"{script['TABLE_7'][name].replace('/', '_')}.npz"
        with np.load(tmp_path / "out" / "rows" / file) as row:
            order = np.argsort(row["scores"][0], kind="stable")[::-1][:3]
            assert best[name].iloc[0].split(", ") == row["labels"][order].tolist()
    album = tested.set_index("album").loc[best.index[0], "genres"]
    assert set(best["true"].iloc[0].split(", ")) <= set(re.split(r"[|/]", album))
    assert f"{best.index[0]}\n  true      {best['true'].iloc[0]}\n  logistic " in told
    assert "Table 7: the three best genres of the first 20 test albums" in told
    assert "figure_8.png: " in told and (tmp_path / "out" / "figure_8.png").exists()
    # Other rows do not leave them there.
    assert run(script, *command[:-3], "--rows", "text/*/vsm") == 0
    assert not list((tmp_path / "out").glob("*_[78].*"))


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stop_loses_only_the_row_at_work(script, albums_csv, tmp_path, capsys, stop):
    arguments = [str(albums_csv), *FAST[:1], *FAST[3:], "--rows", "text/*", "image/*"]
    arguments += ["--output", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has its background jobs ignore it, and so what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not finished(tmp_path):
        time.sleep(0.005)
    process.send_signal(stop)
    _, told = process.communicate(timeout=60)
    assert process.returncode == (-9 if stop == signal.SIGKILL else 130), told
    first = finished(tmp_path)
    assert 1 <= len(first) < 3
    assert script["main"](arguments) == 0
    second = finished(tmp_path)
    assert len(second) == 3 and first.items() <= second.items()
    assert capsys.readouterr().out.count(": kept") == len(first)


@pytest.mark.slow
def test_the_whole_script(tmp_path):
    command = [sys.executable, str(SCRIPT), "--quick", "--jobs", "-1", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SYNTHETIC") == 2
    metrics = pd.read_csv(tmp_path / "table_6.csv", index_col="row")
    assert metrics["n_parameters"].notna().sum() == 29  # all but timbre
    with np.load(tmp_path / "rows" / "fusion_cosine_A+T+I.npz") as row:
        assert len(row["labels"]) >= 40
