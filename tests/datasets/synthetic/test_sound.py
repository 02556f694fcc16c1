"""Tracks of synthetic albums."""

import numpy as np
import pytest
import soundfile
from simulated_albums import SHORT

from skmmgenre.datasets import make_albums


@pytest.mark.parametrize("audio_format", ["flac", "wav", "ogg", "mp3", "mixed"])
def test_audio_decodes(tmp_path, audio_format):
    data = make_albums(
        12,
        random_state=1,
        directory=tmp_path,
        audio_format=audio_format,
        duration=0.8,
        cover_size=16,
    )
    rates = set()
    for path in data.table.audio:
        samples, sr = soundfile.read(path, always_2d=True)
        rates.add((sr, samples.shape[1]))
        assert len(samples) / sr == pytest.approx(0.8, abs=0.1)  # mp3 pads
        assert 0.05 < np.abs(samples).max() <= 1.0
        assert samples.std() > 1e-3
    if audio_format != "mixed":
        assert rates == {(22050, 1)}


def test_tracks_of_an_album_differ(tmp_path):
    data = make_albums(10, tracks_per_album=(2, 3), random_state=0, directory=tmp_path, **SHORT)
    counts = {len(cell) for cell in data.table.audio}
    assert counts == {2, 3}
    for first, second, *_ in data.table.audio:
        assert not np.array_equal(soundfile.read(first)[0], soundfile.read(second)[0])
