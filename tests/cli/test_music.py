import sys

import numpy as np
import pandas as pd
import pytest

from skmmgenre.cli._music import open_files, open_music


def read(path, **options):
    with open_music(str(path), verbose=0, **options) as music:
        return music


def test_a_table(tmp_path):
    path = tmp_path / "albums.csv"
    path.write_text(
        "id,audio,cover,text,genre,artist\n"
        '7,"[""a.mp3"", ""b/c.mp3""]",x.jpg,"Fine, [sic]","Jazz; Free  Jazz;Jazz",Ada\n'
        "8,/music/d.mp3,,,,NA\n",
        encoding="utf-8",
    )
    music = read(path)
    assert music.names == ["7", "8"]
    here = f"{tmp_path}/"
    assert music.table["audio"].tolist() == [[here + "a.mp3", here + "b/c.mp3"], "/music/d.mp3"]
    assert music.table["cover"].tolist() == [here + "x.jpg", None]
    assert music.table["text"].tolist() == ["Fine, [sic]", None]
    assert music.genres == [["Jazz", "Free Jazz"], []]
    assert music.artists.tolist() == ["Ada", "NA"]


def test_a_table_as_pandas_writes_it(tmp_path):
    table = pd.DataFrame({"text": [["good", "it's [fine]"], ["bad"]], "genres": [["A/B"], ["C"]]})
    table.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    music = read(tmp_path / "t.tsv")
    assert music.table["text"].tolist() == [["good", "it's [fine]"], ["bad"]]
    assert music.genres == [["A/B"], ["C"]] and music.artists is None
    assert music.names == ["row 0", "row 1"]
    assert read(tmp_path / "t.tsv", separators="/").genres == [["A", "B"], ["C"]]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"audio": [["a.mp3"], None], "text": [None, "x"], "genre": ["A;B", None]})
    table.to_parquet(tmp_path / "t.parquet")
    music = read(tmp_path / "t.parquet")
    assert music.table["audio"].tolist() == [[f"{tmp_path}/a.mp3"], None]
    assert music.genres == [["A", "B"], []]
    assert music.names == [f"{tmp_path}", "row 1"]
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(ValueError, match=r"t.parquet' is not a valid Parquet table"):
        read(tmp_path / "t.parquet")


def test_missing_cells_are_the_same_in_every_format(tmp_path):
    pytest.importorskip("pyarrow")
    columns = {
        "text": ["x", "y", "z"],
        "artist": ["Ada", None, "Bo"],
        "year": [1999, np.nan, 2001],
        "split": pd.array(["train", pd.NA, "test"], dtype="string"),
        "date": pd.to_datetime(["1999-01-01", None, "2001-01-01"]),
    }
    table = pd.DataFrame(columns)
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    music = [read(tmp_path / name) for name in ("t.csv", "t.parquet")]
    for one in music:
        assert one.artists.tolist() == ["Ada", None, "Bo"]
        for column in ("artist", "year", "split", "date"):
            assert one.table[column][1] is None
    assert music[1].table["year"].tolist() == [1999, None, 2001]
    # As numbers, too.
    table.assign(artist=[0, None, 2]).to_parquet(tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").artists.tolist() == [0, None, 2]


def test_parquet_without_the_extra(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'needs pyarrow.*pip install "skmmgenre\[cli\]"'):
        read(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "name, content, options, told",
    [
        ("t.csv", "text,genre\n", {}, "has no row"),
        ("t.csv", "", {}, "is not a valid table"),
        ("t.csv", "review,genre\nfine,Jazz\n", {}, "no value in the columns audio, text and cover"),
        ("t.csv", "review,genre\nfine,Jazz\n", {}, r"columns are \['review', 'genre'\]"),
        ("t.csv", "text\nfine\n", {"genre": "style"}, r"no column 'style'; .* \['text'\]"),
        ("t.csv", "text\nfine\n", {"genre": "cover"}, r"no column 'cover'; .* \['text'\]"),
        ("t.csv", b"text\n\xff\xfe\n", {}, "is not a valid table"),
        ("t.txt", "text\nfine\n", {}, "neither a folder nor a table"),
    ],
)
def test_refused(tmp_path, name, content, options, told):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=told):
        read(tmp_path / name, **options)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder or table"):
        read(tmp_path / "absent")


def test_a_table_of_arrays_through_csv(tmp_path):
    genres = [["Jazz", "Deep House"], ["Blues"], [f"Genre of a long name {i}" for i in range(9)]]
    for kind in (np.array, lambda names: np.array(names, dtype=object), tuple, list):
        table = pd.DataFrame({"text": "x", "genres": [kind(names) for names in genres]})
        table.to_csv(tmp_path / "t.csv", index=False)
        assert read(tmp_path / "t.csv").genres == genres
    paths = pd.DataFrame({"audio": [np.array(["a.mp3", "b c.mp3"])]})
    paths.to_csv(tmp_path / "t.csv", index=False)
    expected = [str(tmp_path / "a.mp3"), str(tmp_path / "b c.mp3")]
    assert read(tmp_path / "t.csv").table["audio"].tolist() == [expected]


def test_what_cannot_be_read_is_named(tmp_path):
    long = str(np.array(["Jazz"] * 2000))
    for column, text, told in (
        ("genres", long, "is a list that was truncated"),
        ("text", long, "is a list that was truncated"),
        ("audio", "['a.mp3' b.mp3]", "begins like a list but cannot be read"),
        ("cover", "['a.png'", "begins like a list but cannot be read"),
    ):
        table = pd.DataFrame({"text": ["x", "y"], "genres": "Jazz"})
        table[column] = ["", text]
        table.to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(ValueError, match=f"t.csv': column '{column}' of row 1 .* {told}"):
            read(tmp_path / "t.csv")


def test_cells_that_are_not_paths(tmp_path):
    pytest.importorskip("pyarrow")
    for cell in (b"RIFF", {"bytes": b"RIFF", "path": None}, 0.5):
        pd.DataFrame({"audio": [cell]}).to_parquet(tmp_path / "t.parquet")
        with pytest.raises(ValueError, match="column 'audio' of row 0 .* does not contain a path"):
            read(tmp_path / "t.parquet")


def test_ready_vectors(tmp_path):
    pytest.importorskip("pyarrow")
    pd.DataFrame({"audio": [[0.5, 0.25], None]}).to_parquet(tmp_path / "t.parquet")
    music = read(tmp_path / "t.parquet")
    assert music.table["audio"][0].tolist() == [0.5, 0.25] and music.table["audio"][1] is None
    assert music.names == ["row 0", "row 1"]


def test_genres_that_are_not_texts(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    pd.DataFrame({"text": ["a", "b"], "genre": [3, 12]}).to_parquet(path)
    assert read(path).genres == [["3"], ["12"]]
    for cell in (b"Rock", {"name": "Rock"}):
        pd.DataFrame({"text": ["a"], "genre": [cell]}).to_parquet(path)
        with pytest.raises(
            ValueError, match="'genre' of row 0 .* does not contain names of genres"
        ):
            read(path)


def test_split(tmp_path):
    (tmp_path / "t.csv").write_text("text,split\na,train\nb,test\nc,test\n")
    music = read(tmp_path / "t.csv")
    assert music.of_split("test").table["text"].tolist() == ["b", "c"]
    with pytest.raises(ValueError, match="no row has the split 'val'.*'test', 'train'"):
        music.of_split("val")
    (tmp_path / "t.csv").write_text("text,split\na,train\nb,Test\nc,test \nd,fold 1\n")
    music = read(tmp_path / "t.csv")
    assert music.of_split("test").table["text"].tolist() == ["b", "c"]
    assert music.of_split("fold 1").table["text"].tolist() == ["d"]


def test_links_and_files_that_are_not_there(odd, tmp_path):
    link = tmp_path / "link.mp3"
    link.symlink_to("nowhere.mp3")
    with open_files([str(link), "absent.mp3", str(odd.odd["slash"])], verbose=0) as music:
        reasons = dict(music.errors)
    assert reasons["absent.mp3"] == "there is no such file"
    assert "a link" in reasons[str(link)] and "broken link" in reasons[str(link)]


def test_files_are_read_as_in_their_folder(odd):
    with open_music(str(odd.path), verbose=0) as whole:
        rows = [3, 1, len(whole.names) - 1]
        paths = [whole.names[row] for row in rows]
        assert "text" in whole.table and whole.table["text"].iloc[1]
        with open_files([*paths, "absent.mp3"], verbose=0) as music:
            assert music.names == paths
            for column in ("audio", "text", "title"):
                expected = whole.table[column].iloc[rows].tolist()
                assert music.table[column].tolist() == expected
            assert music.genres == [whole.genres[row] for row in rows]
            assert np.array_equal(music.artists, whole.artists[rows])
            assert ("absent.mp3", "there is no such file") in music.errors


def test_files_in_other_spellings(odd, monkeypatch):
    """They come under the names that were given; a file that is named twice comes twice."""
    monkeypatch.chdir(odd.path)
    name = str(odd.odd["slash"].relative_to(odd.path))
    paths = [f".//{name}", name, "./absent.mp3", str(odd.odd["slash"])]
    with open_files(paths, verbose=0) as music:
        assert music.names == [paths[0], paths[1], paths[3]]
        assert music.genres == [["Pop/Rock"]] * 3
        assert ("./absent.mp3", "there is no such file") in music.errors


def test_a_folder_with_a_slash_at_its_end(odd):
    with open_music(str(odd.path), verbose=0) as music:
        names = music.names
    with open_music(f"{odd.path}//", verbose=0) as music:
        assert music.names == names


def test_genres_of_a_folder_that_are_not_taken_as_they_are_written(odd):
    with open_music(str(odd.path), verbose=0) as music:
        assert set(music.readings) == {
            "1 file: 'Jazz/Techno' read as 'Jazz', 'Techno'",
            "1 file: 'Other' is not a genre",
        }
        assert music.take([0]).readings == music.readings
