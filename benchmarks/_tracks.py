"""Audio files for benchmarks."""

import os

import numpy as np
import soundfile

SR, SECONDS = 22050, 30


def make_tracks(folder, n_tracks, suffix):
    """Write mono chords with noise, with old modification times."""
    rng = np.random.default_rng(0)
    t = np.arange(SR * SECONDS) / SR
    paths = []
    for number in range(n_tracks):
        tones = sum(np.sin(2 * np.pi * f * t) for f in rng.uniform(60, 4000, 4))
        y = 0.1 * tones + 0.02 * rng.normal(size=t.size)
        paths.append(str(folder / f"{number}.{suffix}"))
        soundfile.write(paths[-1], y, SR)
        os.utime(paths[-1], (1e9, 1e9))
    return paths
