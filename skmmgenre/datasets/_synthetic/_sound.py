"""Synthesised tracks: tempo, rhythm, harmony, timbre and register by genre."""

import zlib
from functools import lru_cache

import numpy as np
import soundfile

from ._genres import genre_traits

SR = 22050

_SCALES = (
    (0, 2, 4, 5, 7, 9, 11),  # major
    (0, 2, 3, 5, 7, 8, 10),  # minor
    (0, 2, 3, 5, 7, 9, 10),  # dorian
    (0, 2, 4, 5, 7, 9, 10),  # mixolydian
    (0, 1, 4, 5, 7, 8, 10),  # phrygian dominant
    (0, 2, 4, 6, 8, 10, 12),  # whole tones
)
_PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 0, 3, 0), (1, 4, 0, 0), (0, 6, 5, 4), (0, 2, 3, 1))
# Kick, snare and hat on the sixteen steps of a bar; hits vary at random.
_DRUMS = (
    ("x...x...x...x...", "....x.......x...", "..x...x...x...x."),
    ("x.......x.......", "....x.......x...", "x.x.x.x.x.x.x.x."),
    ("x..x..x...x.....", "....x..x.x..x..x", "xxxxxxxxxxxxxxxx"),
    ("x...............", "........x.......", "x...x...x...x..."),
    ("x.....x.....x...", "...x......x.....", "x..xx..xx..xx..x"),
    ("x..............x", "....x.......x...", "x...x..xx...x..x"),
    ("x.x.....x.x.....", "....x.......x..x", "..x...x...x...x."),
    ("................", "......x.......x.", "x.......x......."),
)
_COMPING = (
    "x...............",
    "x...x...x...x...",
    "..x...x...x...x.",
    "x..x..x...x.x...",
    "x.x.x.x.x.x.x.x.",
    "x.......x..x....",
)
_BASS = (
    "x.......x.......",
    "x...x...x...x...",
    "x..x..x.x..x..x.",
    "x.x.x.x.x.x.x.x.",
    "x...............",
    "..x...x...x...x.",
)
_TABLE_BITS = 11
_TABLE = 2**_TABLE_BITS  # samples in one period of a wave table


def audio_recipe(genre):
    """Return the sound of a genre, as plain numbers."""
    u = genre_traits(genre, offset=0.11)
    place, family = genre.place, genre.family
    return {
        "tempo": 65.0 * 2.6 ** u[0],  # beats a minute
        "scale": (family + 2 * place) % len(_SCALES),
        "progression": (2 * family + place) % len(_PROGRESSIONS),
        "drums": (3 * family + place) % len(_DRUMS),
        "comping": (family + place) % len(_COMPING),
        "bass": (2 * family + 3 * place) % len(_BASS),
        "drum_level": 0.05 + 0.6 * u[1],
        "rolloff": 0.7 + 2.0 * u[2],  # amplitude of harmonic h is h ** -rolloff
        "even": u[3],  # level of even harmonics: 0 sounds hollow
        "register": int(round(-8 + 16 * u[4])),  # semitones
        "melody_notes": 1 + int(3.99 * u[5]),  # a beat
        "melody_level": 0.15 + 0.35 * u[6],
        "vibrato": 0.012 * u[7],
        "decay": 0.08 * 15.0 ** u[8],  # seconds: pluck to pad
        "swing": 0.33 * (u[9] > 0.55),
        "hiss": 0.0005 * 40.0 ** u[10],
        "hat_decay": 0.01 * 8.0 ** u[11],  # seconds
    }


def audio_style(rng):
    """Draw the sound of an artist: tuning, favourite key, brightness, tempo, loudness of parts."""
    return {
        "tuning": rng.uniform(-0.5, 0.5),  # semitones
        "key": int(rng.integers(12)),
        "brightness": rng.normal(),
        "tempo": rng.normal(),
        "drums": rng.normal(),
        "hiss": rng.normal(),
        "decay": rng.normal(),
    }


def render_track(recipe, style, rng, *, artist_strength, duration, sr=SR):
    """Synthesise one track.

    Parameters
    ----------
    recipe : dict
        Recipe of the perceived genre.
    style : dict
        Style of the artist.
    rng : Generator
    artist_strength : float
    duration : float
        Duration in seconds.
    sr : int
        Sampling rate in Hz.

    Returns
    -------
    ndarray of int16, shape (n_samples,)
    """
    n_samples = max(int(round(duration * sr)), 1)
    own = artist_strength
    tempo = recipe["tempo"] * np.exp(0.04 * rng.normal() + 0.08 * own * style["tempo"])
    step = int(round(15.0 / tempo * sr))  # a sixteenth note
    bar = 16 * step
    key = style["key"] if rng.random() < 0.8 * own else int(rng.integers(12))
    tonic = 48 + key + own * style["tuning"] + rng.normal(0.0, 0.02)
    scale = _SCALES[recipe["scale"]]
    rolloff = recipe["rolloff"] * np.exp(0.05 * rng.normal() + 0.2 * own * style["brightness"])
    decay = recipe["decay"] * np.exp(0.1 * rng.normal() + 0.25 * own * style["decay"])
    drum_level = recipe["drum_level"] * np.exp(0.1 * rng.normal() + 0.3 * own * style["drums"])
    hiss = recipe["hiss"] * np.exp(0.3 * rng.normal() + 0.5 * own * style["hiss"])

    def pitch(degree):
        octave, degree = divmod(int(degree), len(scale))
        return tonic + recipe["register"] + 12 * octave + scale[degree]

    # Chords, bass and drums: four bars in a loop.
    degrees = _PROGRESSIONS[recipe["progression"]]
    wave = _wave_table(rolloff, recipe["even"])
    loop = np.zeros(4 * bar, dtype=np.float32)
    for third in (0, 2, 4):
        loop += _voice(wave, [pitch(d + third) for d in degrees], [bar] * 4, sr)
    bars = loop.reshape(4, bar)  # a view
    bars *= 0.12 * _strokes(_COMPING[recipe["comping"]], step, decay, sr)
    bass_wave = _wave_table(rolloff + 0.6, recipe["even"])
    bass = _voice(bass_wave, [pitch(d) - 12 for d in degrees], [bar] * 4, sr)
    bars += bass.reshape(4, bar) * (0.3 * _strokes(_BASS[recipe["bass"]], step, 1.5 * decay, sr))
    loop += np.float32(drum_level) * _drums(recipe, rng, step, sr)
    loop += np.float32(hiss) * rng.standard_normal(len(loop), dtype=np.float32)

    start = int(rng.integers(len(loop)))
    mix = np.tile(loop, -(-(start + n_samples) // len(loop)))[start : start + n_samples]
    mix += np.float32(recipe["melody_level"]) * _melody(
        recipe, rng, pitch, wave, step, decay, sr, n_samples
    )
    peak = max(float(mix.max()), -float(mix.min()), 1e-6)
    # The peak is at most 6 dB below 0.9 of full scale, independently of the genre.
    mix *= np.float32(32767.0 * 0.9 * 10.0 ** (-0.3 * rng.random()) / peak)
    return mix.astype(np.int16)


def _wave_table(rolloff, even):
    harmonics = np.arange(1, 25)
    amplitudes = harmonics**-rolloff * np.where(harmonics % 2, 1.0, even)
    table = np.sqrt(0.5 / (amplitudes**2).sum()) * (amplitudes @ _sines())
    return table.astype(np.float32)


@lru_cache(maxsize=1)
def _sines():
    return np.sin(2.0 * np.pi * np.outer(np.arange(1, 25), np.arange(_TABLE)) / _TABLE)


def _voice(table, pitches, lengths, sr, bend=None):
    """Synthesise consecutive notes with continuous phase; pitches are MIDI numbers."""
    frequencies = 440.0 * 2.0 ** ((np.asarray(pitches) - 69.0) / 12.0)
    # The phase has 32 bits and a period of 2 ** 32, so that the sum wraps by itself.
    steps = frequencies * (2.0**32 / sr)
    if bend is None:
        steps = np.repeat(steps.astype(np.uint32), lengths)
    else:
        steps = (np.repeat(steps, lengths) * bend).astype(np.uint32)
    phase = np.cumsum(steps, dtype=np.uint32)
    # mode="wrap" and intp: ten times as fast as the defaults.
    return table.take((phase >> np.uint32(32 - _TABLE_BITS)).astype(np.intp), mode="wrap")


@lru_cache(maxsize=8)
def _seconds(n_samples, sr):
    seconds = np.arange(n_samples, dtype=np.float32) / np.float32(sr)
    # Calls share the cached array.
    seconds.setflags(write=False)
    return seconds


def _envelope(n_samples, decay, sr, attack=0.006):
    t = _seconds(n_samples, sr)
    return np.minimum(t * np.float32(1.0 / attack), 1.0) * np.exp(t * np.float32(-1.0 / decay))


def _strokes(pattern, step, decay, sr):
    """Return the loudness over one bar, with a new stroke at every x of the pattern."""
    struck = [position for position, mark in enumerate(pattern) if mark == "x"]
    ends = struck[1:] + [len(pattern)]
    one = _envelope(len(pattern) * step, decay, sr)
    quiet = np.zeros(struck[0] * step, dtype=np.float32)
    return np.concatenate(
        [quiet, *(one[: (end - begin) * step] for begin, end in zip(struck, ends, strict=True))]
    )


def _drums(recipe, rng, step, sr):
    t = _seconds(int(0.25 * sr), sr)
    noise = rng.standard_normal((2, len(t)), dtype=np.float32)
    kick = np.sin(2.0 * np.pi * (48.0 * t + 6.0 * (1.0 - np.exp(-30.0 * t)))) * np.exp(-16.0 * t)
    snare = (0.5 * noise[0] + 0.5 * np.sin(2.0 * np.pi * 190.0 * t)) * np.exp(-22.0 * t)
    hat = 0.25 * np.diff(noise[1], prepend=0.0) * np.exp(-t / recipe["hat_decay"])
    out = np.zeros(64 * step + len(t), dtype=np.float32)
    for hit, pattern, sure in zip(
        (kick, snare, hat), _DRUMS[recipe["drums"]], (0.95, 0.92, 0.85), strict=True
    ):
        hit = hit.astype(np.float32)
        for position in range(64):
            struck = rng.random() < (sure if pattern[position % 16] == "x" else 0.02)
            if struck:
                late = recipe["swing"] * (position % 2)
                begin = int((position + late) * step)
                out[begin : begin + len(hit)] += hit * np.float32(0.8 + 0.2 * rng.random())
    out[: len(t)] += out[64 * step :]  # what rings past the end rings on in the next round
    return out[: 64 * step]


def _melody(recipe, rng, pitch, wave, step, decay, sr, n_samples):
    """Synthesise a random walk on the scale, over the whole track."""
    slot = 4 * step // recipe["melody_notes"]
    n_notes = -(-n_samples // slot)
    moves = rng.choice((-2, -1, -1, 0, 1, 1, 2), size=n_notes)
    degrees = 7 + np.abs((np.cumsum(moves) + 40) % 20 - 10)  # folded into ten degrees
    lengths = np.full(n_notes, slot)
    lengths[-1] = n_samples - slot * (n_notes - 1)
    sounding = (rng.random(n_notes) < 0.8).astype(np.float32)
    sounding *= (0.7 + 0.3 * rng.random(n_notes)).astype(np.float32)
    bend = _vibrato(n_samples, sr) * recipe["vibrato"] + 1.0 if recipe["vibrato"] else None
    voice = _voice(wave, [pitch(d) for d in degrees], lengths, sr, bend)
    envelope = np.multiply.outer(sounding, _envelope(slot, decay, sr)).ravel()[:n_samples]
    return voice * envelope


@lru_cache(maxsize=4)
def _vibrato(n_samples, sr):
    bend = np.sin(2.0 * np.pi * 5.5 * _seconds(n_samples, sr).astype(float))
    bend.setflags(write=False)
    return bend


def write_track(path, samples, sr, file_format, stereo=False):
    """Write samples as "flac", "wav", "mp3" or "ogg"; the same samples give the same bytes."""
    if stereo:  # the right channel hears the left one 5 ms later
        delay = min(int(0.005 * sr), len(samples))
        right = np.concatenate([np.zeros(delay, dtype=samples.dtype), samples])[: len(samples)]
        samples = np.stack([samples, right], axis=1)
    subtype = {"flac": "PCM_16", "wav": "PCM_16", "mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}
    soundfile.write(path, samples, sr, format=file_format.upper(), subtype=subtype[file_format])
    if file_format == "ogg":
        _fix_ogg_serial(path)


def _fix_ogg_serial(path, serial=1):
    """Replace the random stream number that libsndfile writes, so that files are reproducible."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    begin = 0
    while begin < len(data):
        n_segments = data[begin + 26]
        end = begin + 27 + n_segments + sum(data[begin + 27 : begin + 27 + n_segments])
        data[begin + 14 : begin + 18] = serial.to_bytes(4, "little")
        # The checksum is computed with zeros in its own place.
        data[begin + 22 : begin + 26] = bytes(4)
        data[begin + 22 : begin + 26] = _ogg_crc(bytes(data[begin:end])).to_bytes(4, "little")
        begin = end
    with open(path, "wb") as file:
        file.write(data)


_REVERSED_BYTES = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_crc(page):
    # Ogg's checksum is that of zlib with every bit order reversed and no inversion at the ends.
    reflected = zlib.crc32(page.translate(_REVERSED_BYTES), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
