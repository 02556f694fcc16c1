"""Files that were cut short, in every format that declares its length; what their error says."""

import pytest
import soundfile
from made_sounds import cut, make_chirp

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._claims import truncated
from skmmgenre.utils import BadItem

SR = 22050


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((SR, 2 * SR, SR), "truncated: 1.0 s of 2.0 s could be decoded"),
        ((0, None, SR), "truncated: 0.0 s could be decoded"),
        ((SR, None, SR, "no end."), "truncated: 1.0 s could be decoded (no end)"),
    ],
)
def test_what_the_error_says(arguments, reason):
    error = truncated(*arguments)
    assert isinstance(error, BadItem) and error.reason == reason
    assert "Get the file again" in error.remedy


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.wav", r"truncated: 10\.0 s of 20\.0 s"),
        ("a.flac", r"truncated: \d+\.\d s of 20\.0 s"),
        ("a.ogg", r"truncated: \d+\.\d s could be decoded \(no end-of-stream"),
        ("a.mp3", r"truncated: 10\.0 s of 20\.1 s"),
    ],
)
def test_truncated(tmp_path, name, reason):
    soundfile.write(tmp_path / name, make_chirp(20), SR)
    with pytest.raises(BadItem, match=reason):
        AudioFile(cut(tmp_path / name))


@pytest.mark.parametrize("share", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("seconds", [0.1, 2, 20])
def test_a_flac_cut_short_near_its_end(tmp_path, seconds, share):
    soundfile.write(tmp_path / "a.flac", make_chirp(seconds), SR)
    AudioFile(tmp_path / "a.flac").__exit__()
    with pytest.raises(BadItem, match="truncated"):
        AudioFile(cut(tmp_path / "a.flac", share))
