"""Sound and cover as the page gets them: the same to ears and eyes, with nothing else in them."""

import io
import struct

import numpy as np
import pytest
import soundfile
from blind_items import SECRET, write_item
from odd_folder import write_sound
from PIL import Image

from skmmgenre.cli._annotation._media import cover_of, sound_of
from skmmgenre.utils import BadItem


@pytest.mark.parametrize("number", range(0, 16, 4))
def test_no_metadata_is_left(tmp_path, number):
    (tmp_path / "in").mkdir()
    audio, cover = write_item(tmp_path, number, 1.0)
    assert SECRET.search((tmp_path / audio).read_bytes()) or audio.endswith("wav")
    assert SECRET.search((tmp_path / cover).read_bytes())
    sound, picture = sound_of(str(tmp_path / audio), 30), cover_of(str(tmp_path / cover))
    assert not SECRET.search(sound) and not SECRET.search(picture)
    # A head of 44 bytes, and samples to the end.
    assert sound[:4] == b"RIFF" and sound[36:40] == b"data"
    assert struct.unpack("<I", sound[40:44])[0] == len(sound) - 44
    image = Image.open(io.BytesIO(picture))
    assert image.format == "JPEG" and not image.getexif() and "comment" not in image.info
    assert image.size == (800, 53)


def test_the_middle_of_the_sound(tmp_path):
    sr = 22050
    y = np.concatenate([np.zeros(4 * sr), 0.5 * np.ones(2 * sr), np.zeros(4 * sr)])
    soundfile.write(tmp_path / "a.flac", y * np.sin(np.arange(len(y)) * 0.1), sr)
    heard, rate = soundfile.read(io.BytesIO(sound_of(str(tmp_path / "a.flac"), 2.0)))
    assert rate == 44100 and len(heard) == 2 * rate
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    assert heard[0] == heard[-1] == 0  # no click
    whole, _ = soundfile.read(io.BytesIO(sound_of(str(tmp_path / "a.flac"), 30)))
    assert len(whole) == 10 * rate


def test_loud_sound_is_not_clipped(tmp_path):
    y = 1.6 * np.sin(np.arange(22050) * 0.1)
    soundfile.write(tmp_path / "a.wav", y, 22050, subtype="FLOAT")
    heard, _ = soundfile.read(io.BytesIO(sound_of(str(tmp_path / "a.wav"), 30)))
    assert np.mean(np.abs(heard) > 0.999) < 0.05
    assert np.abs(heard).max() == pytest.approx(1, abs=0.01)


def test_one_sample(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.ones(1), 44100)
    assert len(sound_of(str(tmp_path / "a.wav"), 30)) == 46


def test_what_is_broken_is_said(tmp_path):
    write_sound(tmp_path / "a.ogg", "Jazz", 0)
    (tmp_path / "b.ogg").write_bytes((tmp_path / "a.ogg").read_bytes()[:900])
    with pytest.raises(BadItem):
        sound_of(str(tmp_path / "b.ogg"), 30)
    with pytest.raises(BadItem):
        cover_of(str(tmp_path / "a.ogg"))
