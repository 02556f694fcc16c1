"""What a model file remembers of its training: artists and items, as hashes."""

import io
import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest

import skmmgenre
from skmmgenre._model_summary import read_seen
from skmmgenre._seen import Seen
from skmmgenre.text import TextMLP


def test_an_artist_is_known_by_any_spelling():
    seen = Seen.of(groups=["Björk", "AC/DC", "!!!", None, "Nina Simone", "菊地成孔"])
    asked = ["bjork", "AC DC", "!!!", None, "NINA  SIMONE", "菊地成孔", "Nina", "???", ""]
    assert seen.artists_among(asked) == [True, True, True, False, True, True] + [False] * 3


def test_a_file_is_known_where_it_was_moved(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(rng.bytes(200_000))
    table = pd.DataFrame({"audio": [str(tmp_path / "a"), [str(tmp_path / "b")], None]})
    seen = Seen.of(table)
    shutil.copy(tmp_path / "a", tmp_path / "moved")
    content = bytearray((tmp_path / "a").read_bytes())
    content[-1] ^= 1
    (tmp_path / "changed").write_bytes(content)
    asked = ["moved", "changed", "b", "gone"]
    asked = pd.DataFrame({"audio": [str(tmp_path / name) for name in asked] + [None]})
    assert seen.items_among(asked) == [True, False, False, False, False]
    assert seen.items_among(table) == [True, True, False]


def test_a_row_is_known_by_its_first_cell():
    table = pd.DataFrame({"audio": [None, np.arange(3.0)], "text": ["Slow  and blue.", "Loud."]})
    seen = Seen.of(table)
    asked = pd.DataFrame(
        {
            "audio": [None, np.arange(3.0), np.arange(1.0, 4.0), None],
            "text": ["Slow and blue.", "another", "Loud.", None],
        }
    )
    assert seen.items_among(asked) == [True, True, False, False]


def test_the_file_keeps_hashes_and_no_names(tmp_path):
    mlp = TextMLP(hidden_units=(4,), max_epochs=2, validation_fraction=0, random_state=0)
    mlp.fit([[1, 0], [0, 1], [1, 1]], ["Rock", "Jazz", "Rock"])
    path, artists = tmp_path / "m", ["Nina Simone", "Otis Redding", None]
    skmmgenre.save(mlp, path, groups=artists, table=pd.DataFrame({"text": ["a", "b", "c"]}))
    seen = read_seen(path)
    assert (len(seen.artists), len(seen.items)) == (2, 3)
    assert seen.artists_among(artists) == [True, True, False]
    with zipfile.ZipFile(path) as archive:
        text = archive.read("skmmgenre.json").decode()
    assert "Nina" not in text and "nina" not in text
    skmmgenre.load(path)
    assert "seen" not in skmmgenre.model_info(path)
    stream = io.BytesIO()
    skmmgenre.save(mlp, stream)
    stream.seek(0)
    assert read_seen(stream) is None  # as of a file of an earlier version


@pytest.mark.parametrize(
    "found",
    [None, 1, {}, {"artists": "", "items": 3}, {"artists": "####", "items": ""},
     {"artists": "AAAA", "items": ""}],
)  # fmt: skip
def test_what_save_has_not_written_is_not_known(found):
    assert Seen.of_manifest(json.loads(json.dumps(found))) is None
