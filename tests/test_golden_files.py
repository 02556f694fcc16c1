"""A release of a decoder that makes other numbers of the same file is noticed."""

import json

import numpy as np
import pytest
from golden_files import (
    ALIKE,
    FOLDER,
    NAMES,
    SAME,
    TRANSFORM,
    VALUES,
    add,
    decoder_of,
    distance,
    numbers_of,
)
from PIL import Image

pytest.importorskip("av", reason="PyAV is not installed")


@pytest.mark.parametrize("name", NAMES)
def test_same_numbers_as_before(name):
    """Of a version that is not recorded yet, numbers that are alike."""
    entries = json.loads(VALUES.read_text(encoding="utf-8"))[name]
    numbers, decoder = numbers_of(name), decoder_of(name)
    known = [entry for entry in entries if decoder in entry["by"]]
    tolerance = SAME[name] if known else ALIKE[name]
    apart = min(distance(entry["numbers"], numbers) for entry in known or entries)
    assert apart <= tolerance, f"{decoder} gives other numbers; see {VALUES.name}"


def test_the_numbers_are_those_of_the_files():
    """They are no constants that any file would have: the WAV's and the PNG's are read here."""
    samples = np.frombuffer((FOLDER / "sound.wav").read_bytes()[44:], "<i2") / 32768
    size, *numbers = numbers_of("sound.wav")
    assert size == samples.size and np.ptp(numbers) > 1
    np.testing.assert_allclose(
        numbers, samples[np.linspace(0, size - 1, 40).astype(int)], atol=1e-6
    )
    assert numbers_of("sound.flac") == [size, *numbers]
    with Image.open(FOLDER / "cover.png") as image:
        pixels = np.asarray(image).ravel()
    size, *numbers = numbers_of("cover.png")
    assert (pixels[np.linspace(0, size - 1, 40).astype(int)] == numbers).all()


def test_tolerances_tell_a_change():
    """A sample later, one bit of 16 louder, a pixel's value brighter: other numbers."""
    numbers = numbers_of("sound.wav")
    assert distance(numbers, [numbers[0], *numbers[2:], 0.0]) > ALIKE["sound.wav"]
    assert distance(numbers, [numbers[0] - 1, *numbers[1:]]) == np.inf
    assert (
        distance(numbers, [numbers[0], *(n + 1 / 32768 for n in numbers[1:])]) > SAME["sound.mp3"]
    )
    assert SAME["cover.jpg"] < 1 < ALIKE["cover.jpg"] and SAME[TRANSFORM] < ALIKE[TRANSFORM]


def test_a_version_joins_those_that_agree():
    entries = [{"by": ["a 1", "a 2"], "numbers": [3, 0.1]}]
    add(entries, "a 3", [3, 0.10001], 0.001)
    add(entries, "a 4", [3, 0.2], 0.001)
    add(entries, "a 2", [4, 0.1], 0.001)
    assert [entry["by"] for entry in entries] == [["a 1", "a 3"], ["a 4"], ["a 2"]]
