"""The comparison on a folder of tagged files: what is written, what is compared."""

import evaluate_folder
import mutagen
import numpy as np
import pandas as pd
import pytest
from _results import read_result
from odd_folder import write_sound, write_tags
from small_settings import settings

from skmmgenre.datasets import load_music_folder


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    """A table of 40 sounds of 20 artists, with tags that are wrong; some have two genres."""
    folder = tmp_path_factory.mktemp("table")
    lines = []
    for row in range(40):
        genre = ("Blues", "Techno")[row % 2]
        name = f"{row}.{('ogg', 'flac')[row % 3 == 0]}"
        write_sound(folder / name, genre, row)
        write_tags(folder / name, genre="Polka", artist="nobody", comment="a b c d e f")
        cell = {4: "Blues; Techno", 9: "Folk"}.get(row, genre)
        lines.append((name, f"artist {row // 2}" if row != 6 else "", cell))
    table = pd.DataFrame(lines, columns=["audio", "artist", "genres"])
    table.to_csv(folder / "made.csv", index=False)
    return folder / "made.csv"


def test_clips_of_one_genre(csv):
    clips = evaluate_folder.read_clips(csv)
    assert len(clips) == 39 and clips["genre"].value_counts()["Folk"] == 1
    assert set(evaluate_folder.of_many(clips, 9)["genre"]) == {"Blues", "Techno"}


def test_tags_are_those_of_the_table(csv, tmp_path):
    clips = evaluate_folder.read_clips(csv)
    evaluate_folder.write_folder(clips, tmp_path / "music")
    music = load_music_folder(tmp_path / "music")
    assert list(music.y) == list(clips["genre"])
    assert [artist or "" for artist in music.table["artist"]] == list(clips["artist"])
    assert music.table["text"].isna().all()  # no comment is left
    tags = [mutagen.File(path) for path in music.table["audio"]]
    assert all(set(map(str.lower, file.keys())) <= {"artist", "genre"} for file in tags)


def test_all_is_compared(csv, tmp_path, monkeypatch):
    small = [*settings("audio"), "--set", "validation_fraction=0"]
    trained = {name: [*words, *small] for name, words in evaluate_folder.TRAINED.items()}
    monkeypatch.setattr(evaluate_folder, "TRAINED", trained)
    monkeypatch.setattr(evaluate_folder, "CONDITIONS", {"of 9": 9})
    words = [str(csv), "--seeds", "2", "--jobs", "1", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["evaluate_folder.py", *words])
    evaluate_folder.main()
    lines, head = read_result(tmp_path / "folder_made.csv")
    assert head["command"] == "python benchmarks/evaluate_folder.py made.csv --seeds 2"
    assert str(tmp_path) not in (tmp_path / "folder_made.csv").read_text()
    systems = [*trained, "plain", "majority"]
    assert list(lines["system"]) == 2 * systems and list(lines["figure"][::4]) == ["accuracy", "f1"]
    by_name = lines.set_index(["figure", "system"])
    assert by_name.loc[("accuracy", "plain"), "value"] > 0.9  # chords tell the genre
    assert (by_name["genres"] == 2).all()
    assert by_name.loc[("f1", "majority"), "predicted"] == 1
    assert by_name.loc[("f1", "majority"), "verdict"] == "worse"
    plain = lines["system"] == "plain"
    assert list(lines["estimate"].isna()) == list(plain)
    differences = lines["value"] - lines["figure"].map(lines[plain].set_index("figure")["value"])
    np.testing.assert_allclose(lines["estimate"][~plain], differences[~plain], atol=2e-4)


def test_a_genre_that_no_file_of_the_second_folder_has():
    answers = pd.DataFrame(
        {"run": 0, "row": range(4), "group": list("abcd"), "true": ["x", "y"] * 2}
    )
    answers = answers.assign(train=["x", "y", "x", "z"], plain=["x", "y", "x", "x"])
    lines = evaluate_folder.tabulate(answers, "", labels=["x", "y", "z"])
    f1 = lines[lines["figure"] == "f1"].set_index("system")
    assert f1["value"]["train"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert list(f1["genres"]) == [3, 3] and list(f1["predicted"]) == [3, 2]
