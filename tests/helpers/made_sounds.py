"""Sounds made by code that behave as recordings do: music, speech, drums, rests, some noise."""

import numpy as np
import soundfile

_CYCLE = 4  # seconds after which the sounds repeat


def make_sound(name, seconds, sr=22050):
    """A sound by its name, float32 between -1 and 1; its last half second is mere noise."""
    rng = np.random.default_rng(0)
    t = np.arange(int(seconds * sr)) / sr
    if name == "sweep":
        y = np.sin(2 * np.pi * 30 * seconds / 5 * (np.exp(5 * t / seconds) - 1))
    else:
        y = np.resize(_SOUNDS[name](t[: _CYCLE * sr], sr, rng), len(t))
    y *= t < seconds - 0.5
    noise = 2e-3 * rng.standard_normal(len(t))
    return (0.7 * y / np.abs(y).max() + noise).astype(np.float32)


def make_chirp(seconds, sr=22050, n_channels=1, seed=0):
    """Tones that rise, an octave apart a channel, and some noise: float32, mono as 1-D."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sr)) / sr
    y = [
        0.4 * np.sin(2 * np.pi * 440 * (1 + k) * t * (1 + 0.02 * t))
        + 0.02 * rng.standard_normal(len(t))
        for k in range(n_channels)
    ]
    return np.stack(y, axis=1).squeeze().astype(np.float32)


def write_sounds(folder, kinds, seconds):
    """Write a sound to each file; `kinds` are triples of suffix, rate and number of channels."""
    names = [*_SOUNDS, "sweep"]
    paths = []
    for number, (suffix, sr, n_channels) in enumerate(kinds):
        name = names[number % len(names)]
        y = make_sound(name, seconds, sr)
        paths.append(folder / f"{number:02} {name}.{suffix}")
        soundfile.write(paths[-1], np.c_[y, np.roll(y, 40) / 2] if n_channels == 2 else y, sr)
    return paths


def _chords(t, sr, rng):
    """Two chords a second, of three decaying tones with overtones."""
    y = np.zeros(len(t))
    for number, root in enumerate((130.8, 174.6, 196.0, 110.0)):
        is_on = (t // 0.5) % 4 == number
        for ratio in (1, 1.26, 1.498):
            for overtone in range(1, 7):
                tone = np.sin(2 * np.pi * root * ratio * overtone * t)
                y += is_on * tone * np.exp(-4 * overtone * (t % 0.5)) / overtone
    return y


def _trumpet(t, sr, rng):
    """A melody of one bright tone with vibrato, and rests."""
    notes = 440 * 2 ** (np.array([0, 4, 7, -np.inf, 5, 2, -5, -np.inf]) / 12)  # 0 Hz is a rest
    f = notes[(t // 0.5).astype(int) % len(notes)]
    phase = 2 * np.pi * np.cumsum(f * (1 + 0.008 * np.sin(2 * np.pi * 5.5 * t))) / sr
    return (f > 0) * sum(np.sin(k * phase) / k for k in range(1, 11))


def _drums(t, sr, rng):
    """A bass drum whose pitch falls, and bursts of noise between."""
    since = t % 0.5
    kick = np.sin(2 * np.pi * (50 * since + 6 * (1 - np.exp(-30 * since)))) * np.exp(-9 * since)
    return kick + 0.6 * rng.standard_normal(len(t)) * np.exp(-40 * ((t + 0.25) % 0.5))


def _speech(t, sr, rng):
    """A buzz through three formants that change four times a second, with hisses and pauses."""
    f0 = 120 + 25 * np.sin(2 * np.pi * 0.75 * t)
    phase = 2 * np.pi * np.cumsum(f0) / sr
    syllable = (t // 0.25).astype(int)
    formants = rng.uniform((300, 900, 2300), (800, 2000, 3000), (syllable[-1] + 1, 3))[syllable]
    y = np.zeros(len(t))
    for overtone in range(1, 26):
        gain = sum(np.exp(-(((overtone * f0 - f) / 150) ** 2)) for f in formants.T)
        y += gain * np.sin(overtone * phase)
    y *= np.sin(np.pi * (t % 0.25) / 0.25) * (syllable % 5 != 4)
    return y + 0.3 * (syllable % 5 == 3) * rng.standard_normal(len(t))


_SOUNDS = {"chords": _chords, "trumpet": _trumpet, "drums": _drums, "speech": _speech}


def cut(path, share=0.5):
    """Leave the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path
