import io

import numpy as np
import pytest
from made_sounds import make_sound

from skmmgenre.audio._signals import (
    check_transformed,
    content_of,
    digest_of,
    signal_of,
    store_of_features,
)
from skmmgenre.utils import BadItem

SR = 22050


def test_signals_of_arrays():
    y = make_sound("speech", 1.0)[: SR // 2]
    np.testing.assert_array_equal(signal_of(y.astype(np.float64), SR), y)
    np.testing.assert_array_equal(signal_of({"array": y, "sampling_rate": SR}, SR), y)
    assert len(signal_of({"array": y, "sampling_rate": SR // 2}, SR)) == 2 * len(y)


@pytest.mark.parametrize(
    "cell, reason",
    [
        (np.float64(1), "a single number"),
        ([0.1, 0.2], "got list"),
        (np.zeros(9, int), "not floating point"),
        (np.zeros((2, 9)), "expected a 1-D signal"),
        (np.zeros(0), "0 samples"),
        (np.array([0, np.nan]), "NaN or infinite"),
        (np.array([1e300]), "NaN or infinite"),
        ({"array": np.zeros(9), "sampling_rate": 8000.0}, "sampling_rate is float"),
    ],
    ids=["number", "list", "integers", "stereo", "empty", "NaN", "huge", "rate"],
)
def test_cells_that_are_no_signals(cell, reason):
    with pytest.raises(BadItem, match=reason):
        signal_of(cell, SR)


def test_content_is_told_by_its_values():
    y = np.arange(4.0)
    cell = {"array": y, "sampling_rate": SR}
    assert content_of(cell) == content_of({"array": y.copy(), "sampling_rate": SR, "path": "a.wav"})
    assert content_of(cell) != content_of({"array": y, "sampling_rate": 2 * SR})
    assert content_of(cell) != content_of({"array": y + 1, "sampling_rate": SR})
    assert content_of({"array": np.array([object()]), "sampling_rate": SR}) is None
    files = [io.BytesIO(content) for content in (b"one", b"one", b"two")]
    assert digest_of(files[0]) == digest_of(files[1]) != digest_of(files[2])


def test_no_path_no_store():
    assert store_of_features(None, settings={}, kind="patches") is None


def test_what_is_not_finite_was_too_large():
    check_transformed(np.ones(3, dtype=np.float32))
    for values in (np.array([1, np.inf]), np.array([[1j * np.nan]])):
        with pytest.raises(BadItem, match="its samples are too large to be transformed"):
            check_transformed(values)
