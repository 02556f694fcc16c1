import json

import numpy as np
import pytest

from skmmgenre.audio import CQTExtractor
from skmmgenre.cli import main
from skmmgenre.store import Store


@pytest.fixture
def cache(tmp_path):
    rng = np.random.default_rng(0)
    tracks = [rng.normal(size=11025).astype(np.float32) for _ in range(6)]
    path = tmp_path / "patches.sqlite"
    CQTExtractor(duration=0.5, cache=path).transform(tracks)
    return str(path)


def test_info(cache, capsys):
    assert main(["cache", "info", cache]) == 0
    out = capsys.readouterr().out
    assert "6 constant-Q patches" in out and " kB)\n" in out and " 0.0 MB" not in out
    assert main(["cache", "info", cache, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["entries"] == info["kinds"]["constant-Q patches"]["entries"] == 6
    assert info["bytes_on_disk"] >= info["bytes"] > 6 * 96 * 11 * 4


def test_prune_by_age(cache, capsys):
    with Store(cache) as store, store._connection() as db:
        db.execute("UPDATE entries SET used = used - 864000 WHERE rowid <= 2")
    assert main(["cache", "prune", cache, "--unused-days", "9"]) == 0
    assert "removed 2 entries" in capsys.readouterr().out
    with Store(cache) as store:
        assert len(store) == 4


def test_prune_by_size_keeps_what_was_used_last(cache):
    with Store(cache) as store, store._connection() as db:
        db.execute("UPDATE entries SET used = used - rowid")
        (newest,) = db.execute("SELECT key FROM entries ORDER BY used DESC").fetchone()
        size = len(store.get(newest))
        on_disk = store.size
    assert main(["cache", "prune", cache, "--max-size", str(2 * size)]) == 0
    with Store(cache) as store:
        assert len(store) == 2
        assert store.get(newest) is not None
        assert store.size < on_disk


@pytest.mark.parametrize(
    "words, told",
    [
        (["prune", "{cache}"], "nothing to remove: pass"),
        (["info", "no_such_store"], "there is no store 'no_such_store'; cache= of CQTExtractor"),
    ],
)
def test_told_in_one_line(cache, capsys, words, told):
    assert main(["cache", *(word.format(cache=cache) for word in words)]) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"no database", b"SQLite format 3\0" + bytes(84)],
    ids=["empty", "words", "of something else"],
)
def test_what_is_no_store_is_left_as_it_is(tmp_path, capsys, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    for words in (["info"], ["prune", "--max-size", "0"]):
        assert main(["cache", words[0], str(path), *words[1:]]) == 1
        error = capsys.readouterr().err
        assert "is not a store; cache= of CQTExtractor" in error and error.count("\n") == 1
        assert path.read_bytes() == content and len(list(tmp_path.iterdir())) == 1


def test_no_store_is_emptied_by_a_negative_number(cache, capsys):
    for number, code in {"-1": 2, "-0.5": 2, "nan": 1}.items():
        assert main(["cache", "prune", cache, "--unused-days", number]) == code
        assert number in capsys.readouterr().err
    with Store(cache) as store:
        assert len(store) == 6


def test_help_names_all_that_make_stores(capsys):
    assert main(["cache", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "CQTExtractor, ResNetEmbedder, EntityEnricher or a web linker" in told


def test_a_size_that_is_none(cache, capsys):
    assert main(["cache", "prune", cache, "--max-size", "much"]) == 2
    assert "'much' is not a size" in capsys.readouterr().err
