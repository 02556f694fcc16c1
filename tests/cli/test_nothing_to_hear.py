"""Files without sound get no genre from the commands that predict and tag."""

import json

import mutagen
import numpy as np
import pytest
import soundfile
from command_output import rows_of

from skmmgenre.cli import main

SR = 22050
SECONDS = 6


def within_silence(y):
    whole = np.zeros(SECONDS * SR)
    whole[SR : SR + len(y)] = y
    return whole


def noise(seconds):
    return 0.2 * np.random.default_rng(0).standard_normal(int(seconds * SR))


SOUNDS = {
    "silence": np.zeros(SECONDS * SR),
    "dither": np.random.default_rng(0).integers(-1, 2, SECONDS * SR) / 32768,
    "blip": within_silence(noise(0.2)),
    "fragment": noise(0.4),
    "click": within_silence(np.array([0.9])),
}


@pytest.fixture(scope="module", params=["wav", "mp3", "flac", "ogg"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"silence {request.param}")
    for name, y in {**SOUNDS, "music": noise(SECONDS)}.items():
        soundfile.write(folder / f"{name}.{request.param}", y, SR)
    return folder


def test_predict(folder, model, capsys):
    assert main(["predict", model, str(folder), "--format", "csv", "--quiet"]) == 0
    told = capsys.readouterr()
    found = {row["item"]: row for row in rows_of(told.out)}
    assert len(found) == 6
    for name in SOUNDS:
        (item,) = (item for item in found if f"/{name}." in item)
        assert not any(value for key, value in found[item].items() if key != "item")
        assert f"{item!r}: nothing to hear: silence, or less than 0.9 s" in told.err
    (music,) = (row for item, row in found.items() if "/music." in item)
    assert music["genres"]
    assert "no prediction for 5 items" in told.err


def test_tag_writes_nothing(folder, model, capsys):
    content = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["tag", model, str(folder), "--write", "--json", "--quiet"]) == 0
    told = capsys.readouterr()
    outcomes = {outcome["file"]: outcome for outcome in json.loads(told.out)["files"]}
    for path, before in content.items():
        outcome = outcomes[str(path)]
        if path.stem == "music":
            assert outcome["action"] == "write" and path.read_bytes() != before
        else:
            assert outcome["action"] == "skip" and outcome["genres"] == []
            assert path.read_bytes() == before and "genre" not in (mutagen.File(path).tags or {})
            assert f"{str(path)!r}: nothing to hear" in told.err


def test_a_text_without_a_word(texts, tmp_path, capsys):
    table = tmp_path / "albums.csv"
    table.write_text("id,text\na,sax swing\nb,... --- !!!\nc,the of and\n")
    assert main(["predict", texts, str(table), "--json", "--quiet"]) == 0
    told = capsys.readouterr()
    first, *others = json.loads(told.out)
    assert first["scores"] and [line["scores"] for line in others] == [{}, {}]
    assert "no prediction for 2 items" in told.err
