"""What decoders make of small files whose bytes never change, and which versions agree.

    python tests/helpers/golden_files.py

adds the installed decoders to tests/data/golden/values.json: to the versions that gave the same
numbers before, or with numbers of their own, which shows that a release decodes in another way.
The sounds were written by soundfile 0.14 and PyAV 18, the covers by Pillow 13.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile
from PIL import features

from skmmgenre.audio import constant_q
from skmmgenre.audio._decode import AudioFile
from skmmgenre.image._decode import decode_image

FOLDER = Path(__file__).resolve().parents[1] / "data" / "golden"
VALUES = FOLDER / "values.json"

SOUNDS = ["sound.wav", "sound.flac", "sound.ogg", "sound.mp3", "sound.m4a"]
COVERS = ["cover.png", "cover.jpg", "cover.webp"]
TRANSFORM = "constant-Q of sound.wav"
NAMES = [*SOUNDS, *COVERS, TRANSFORM]

# How far numbers may be apart: of one version on two processors, and of two versions that decode
# the same format. Samples in [-1, 1], pixels of 0 to 255, levels in dB.
SAME = dict.fromkeys(SOUNDS, 1e-5) | dict.fromkeys(COVERS, 0) | {TRANSFORM: 0.01}
ALIKE = dict.fromkeys(SOUNDS, 1e-3) | dict.fromkeys(COVERS, 3) | {TRANSFORM: 0.1}


def main():
    recorded = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    for name in NAMES:
        add(recorded.setdefault(name, []), decoder_of(name), numbers_of(name), SAME[name])
    # A line a file.
    VALUES.write_text(json.dumps(recorded).replace("}], ", "}],\n") + "\n", encoding="utf-8")


def add(entries, decoder, numbers, tolerance):
    """Add a version to the entry with its numbers, or an entry of its own.

    Parameters
    ----------
    entries : list of dict
        Each has "by", the versions, and "numbers". Changed in place.
    decoder : str
    numbers : list of float
    tolerance : float
    """
    for entry in entries:
        if decoder in entry["by"]:
            entry["by"].remove(decoder)
    for entry in entries:
        if distance(entry["numbers"], numbers) <= tolerance:
            entry["by"].append(decoder)
            break
    else:
        entries.append({"by": [decoder], "numbers": numbers})
    entries[:] = [entry for entry in entries if entry["by"]]


def distance(numbers, others):
    """Return the largest difference; infinite where the sizes, which come first, differ."""
    if numbers[0] != others[0]:
        return np.inf
    return np.abs(np.subtract(numbers, others)).max()


def decoder_of(name):
    """Return the library that makes the numbers of a file, with its version."""
    if name == TRANSFORM:
        return f"soxr {version('soxr')}, librosa {version('librosa')}"
    if name == "sound.m4a":
        import av

        return "libavcodec " + ".".join(map(str, av.library_versions["libavcodec"]))
    if name in SOUNDS:
        return f"libsndfile {soundfile.__libsndfile_version__}"
    if name == "cover.jpg" and features.check_feature("libjpeg_turbo"):
        return f"libjpeg-turbo {features.version_feature('libjpeg_turbo')}"
    codec = {"cover.png": "zlib", "cover.jpg": "jpg", "cover.webp": "webp"}[name]
    return f"{codec} {features.version(codec)}"


def numbers_of(name):
    """Return the size of what a file holds, and 40 of its values, evenly spread."""
    values = _values_of(name).ravel()
    some = values[np.linspace(0, values.size - 1, 40).astype(int)]
    return [values.size, *(round(float(value), 6) for value in some)]


def _values_of(name):
    if name in COVERS:
        return np.asarray(decode_image(FOLDER / name))
    sr = 22050 if name == TRANSFORM else None
    with AudioFile(FOLDER / name.split()[-1]) as file:
        sr = sr or file.sample_rate
        y = file.read(0, file.n_samples(sr), sr)
    if name != TRANSFORM:
        return y
    levels = np.abs(constant_q(y, n_bins=36, fmin=220.0, hop_length=1024))
    return 20 * np.log10(np.maximum(levels, 1e-4))


if __name__ == "__main__":
    main()
