"""The constant-Q transform."""

import warnings

import librosa
import numpy as np
import pytest

from skmmgenre.audio import constant_q


def _noise(n_samples, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)


@pytest.mark.parametrize("k", [0, 9, 45, 95])
def test_a_tone_peaks_at_its_bin(k):
    frequency = 32.70319566257483 * 2 ** (k / 12)
    C = constant_q(np.sin(2 * np.pi * frequency * np.arange(44100) / 22050))
    assert np.abs(C[:, C.shape[1] // 2]).argmax() == k


@pytest.mark.parametrize("backend", ["auto", "multirate", "librosa"])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_bins": 1},
        {"n_bins": 48},
        {"n_bins": 84, "bins_per_octave": 36, "hop_length": 512},
        {"n_bins": 30, "hop_length": 700, "bins_per_octave": 7, "fmin": 100.0},
        {"sr": 44100},
        {"window": ("kaiser", 8.6)},
    ],
)
def test_equals_librosa_without_sparsity(params, backend):
    y = _noise(70000)
    C = constant_q(y, **params, backend=backend)
    params = {"sr": 22050, "hop_length": 1024, "n_bins": 96, **params}
    expected = librosa.cqt(y, **params, sparsity=0)[:, : C.shape[1]]
    assert C.dtype == np.complex64 and C.flags.c_contiguous
    assert C.shape[1] == 1 + len(y) // params["hop_length"]
    assert np.linalg.norm(C - expected) <= 1e-6 * np.linalg.norm(expected)
    assert backend != "librosa" or np.array_equal(C, expected)


def test_auto_is_multirate():
    y = _noise(30000)
    np.testing.assert_array_equal(constant_q(y), constant_q(y, backend="multirate"))
    assert not np.array_equal(constant_q(y), constant_q(y, backend="librosa"))


@pytest.mark.parametrize("backend", ["multirate", "librosa"])
@pytest.mark.parametrize("n_samples", [1, 100, 1023, 1024, 5000, 16383])
def test_short_signals(n_samples, backend):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        C = constant_q(_noise(n_samples), backend=backend)
    assert C.shape == (96, 1 + n_samples // 1024)
    assert np.isfinite(C).all() and np.abs(C).max() > 0


def test_silence():
    assert not constant_q(np.zeros(30000)).any()


@pytest.mark.parametrize(
    ("y", "params", "message"),
    [
        (np.zeros((2, 100)), {}, "1-D"),
        (np.zeros(0), {}, "0 samples"),
        (np.array([0.0, np.nan]), {}, "NaN or infinite"),
        (np.array([0.0, np.inf]), {}, "NaN or infinite"),
        (np.array([0.0, 1e300]), {}, "NaN or infinite"),
        (np.zeros(100, dtype=complex), {}, "real"),
        (np.zeros(100), {"sr": 8000}, "sr >= 16489 or n_bins <= 83"),
        (np.zeros(100), {"backend": "fft"}, "backend"),
        (np.zeros(100), {"window": "hamming window"}, "window='hamming window'"),
        (np.zeros(100), {"window": ["hann"]}, "window"),
        (np.zeros(10), {"n_bins": 12, "backend": "librosa"}, "too short.*multirate"),
        (np.zeros(100), {"hop_length": 0}, "hop_length"),
        (np.zeros(100), {"fmin": 20000.0}, "lower fmin"),
    ],
)
def test_bad_input(y, params, message):
    with pytest.raises(ValueError, match=message):
        constant_q(y, **params)


def test_the_advised_rate_and_bins_work():
    y = _noise(70000)
    constant_q(y, sr=16489)
    constant_q(y, sr=8000, n_bins=83)
    with pytest.raises(ValueError, match="too low"):
        constant_q(y, sr=8000, n_bins=84)
