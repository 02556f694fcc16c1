"""The multi-rate constant-Q transform beside librosa's."""

import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from made_sounds import write_sounds
from threadpoolctl import threadpool_limits

from skmmgenre.audio import constant_q
from skmmgenre.audio._multirate_cqt import _octaves

SR = 22050
C1 = 32.70319566257483
T = np.arange(15 * SR) / SR


def _librosa(y, **params):
    params = {"sr": SR, "hop_length": 1024, "n_bins": 96, **params}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        C = librosa.cqt(y, **params, sparsity=0)
    return C[:, : 1 + len(y) // params["hop_length"]]


def _error(C, expected):
    return np.linalg.norm(C - expected) / np.linalg.norm(expected)


def _clicks():
    y = np.zeros(len(T))
    y[:: SR // 3] = 1
    return y


_SIGNALS = {
    "sweep": lambda: np.sin(2 * np.pi * 20 * 15 / np.log(550) * (550 ** (T / 15) - 1)),
    "lowest tone": lambda: np.sin(2 * np.pi * C1 * T),
    "highest tone": lambda: np.sin(2 * np.pi * C1 * 2 ** (95 / 12) * T),
    "tones": lambda: sum(np.sin(2 * np.pi * f * T) for f in (55, 261.6, 440, 3000)),
    "clicks": _clicks,
    "0.1 s": lambda: np.random.default_rng(0).standard_normal(SR // 10),
    "a sample": lambda: np.ones(1),
}


@pytest.mark.parametrize("name", _SIGNALS)
def test_equals_librosa(name):
    y = _SIGNALS[name]().astype(np.float32)
    assert _error(constant_q(y), _librosa(y)) < 1e-6


def test_silence_is_silent():
    assert not constant_q(np.zeros(len(T))).any()


@pytest.mark.parametrize("source", ["made", "real"])
def test_equals_librosa_on_recordings(source, request, tmp_path):
    if source == "made":
        paths = write_sounds(tmp_path, [("ogg", SR, 1)] * 5, seconds=8)
    else:
        folder = request.getfixturevalue("shared_data") / "recordings"
        paths = sorted(folder.glob("*.ogg"))
    assert len(paths) == 5
    for path in paths:
        y, rate = soundfile.read(path, dtype="float32")
        assert rate == SR and y.ndim == 1
        C, expected = constant_q(y), _librosa(y)
        assert _error(C, expected) < 1e-6
        # In every bin, however quiet it is beside the others.
        errors = np.linalg.norm(C - expected, axis=1) / np.linalg.norm(expected, axis=1)
        assert errors.max() < 3e-5


@pytest.mark.slow
def test_ten_minutes():
    y = 0.1 * np.random.default_rng(0).standard_normal(600 * SR).astype(np.float32)
    assert _error(constant_q(y), _librosa(y)) < 1e-6


def _window(length):
    return np.hanning(length + 2)[1:-1]


@settings(max_examples=60, deadline=None)
@given(
    n_samples=st.integers(1, 6000),
    sr=st.sampled_from([1000, 8000, 22050]) | st.floats(500, 50000),
    octaves_below=st.floats(0.5, 7),
    n_bins=st.integers(1, 60),
    bins_per_octave=st.integers(1, 24),
    hop_length=st.sampled_from([64, 128, 512, 1024, 1536]) | st.integers(16, 2048),
    window=st.sampled_from(["hann", "boxcar", ("kaiser", 8.6), 4.0, ("tukey", 0.3), _window]),
    seed=st.integers(0, 2**32 - 1),
)
# The second octave ends at 0.23 of the rate, where librosa 1.0 does not halve and 0.11 does.
@example(1, 1000, 2.75, 21, 8, 64, "hann", 0)
def test_equals_librosa_for_any_parameters(
    n_samples, sr, octaves_below, n_bins, bins_per_octave, hop_length, window, seed
):
    scale = {
        "sr": sr,
        "n_bins": n_bins,
        "bins_per_octave": bins_per_octave,
        "fmin": sr / 2 ** (1 + octaves_below),
        "window": window,
    }
    y = np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)
    try:
        C = constant_q(y, hop_length=hop_length, **scale)
    except ValueError as error:
        assert "is too low for n_bins" in str(error)
        assume(False)
    assert C.shape == (n_bins, 1 + n_samples // hop_length)
    try:
        # In double precision: in single, librosa is itself further than 1e-5 from it at times.
        expected = _librosa(y.astype(float), hop_length=hop_length, **scale)
    except librosa.ParameterError as error:
        assert "too short" in str(error)
        return
    assert _error(C, expected) < 1e-6


@pytest.mark.parametrize(
    "version, factors", [("0.11.0", [1, 2, 2]), ("1.0.0", [1, 1, 2]), ("1.1rc1", [1, 1, 2])]
)
def test_octaves_are_halved_as_by_the_librosa_that_is_installed(version, factors, monkeypatch):
    monkeypatch.setattr(librosa, "__version__", version)
    octaves = _octaves.__wrapped__(1000, 64, 21, 8, 1000 / 2**3.75, "hann")
    assert [octave.factor for octave in octaves] == factors
    defaults = _octaves.__wrapped__(22050, 1024, 96, 12, C1, "hann")
    assert [octave.factor for octave in defaults] == [1, 2, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("fmin", [100.0, 125.0, 200.0])
@pytest.mark.parametrize("bins_per_octave", [1, 2])
def test_filters_of_whole_lengths(fmin, bins_per_octave):
    # Where rounding decides whether a filter is of one sample more.
    y = np.random.default_rng(0).standard_normal(8000)
    params = {"sr": 8000, "n_bins": 4, "bins_per_octave": bins_per_octave, "fmin": fmin}
    assert _error(constant_q(y, **params), _librosa(y, **params)) < 1e-6


@pytest.mark.parametrize(
    "params", [{}, {"hop_length": 441}, {"bins_per_octave": 96, "n_bins": 200, "fmin": 200.0}]
)
@pytest.mark.parametrize("n_samples", [700, SR, 4 * SR])
def test_threads_of_the_blas_change_no_bits(params, n_samples):
    y = np.random.default_rng(0).standard_normal(n_samples)
    answers = []
    for n_threads in (1, 2, 3, 4):
        with threadpool_limits(n_threads):
            answers.append(constant_q(y, **params))
    assert all(np.array_equal(answer, answers[0]) for answer in answers)


def test_threads_share_the_kernels():
    signals = np.random.default_rng(0).standard_normal((16, 20000))
    expected = [constant_q(y) for y in signals]
    _octaves.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(constant_q, signals))
    np.testing.assert_array_equal(answers, expected)
    kernels = [octave.kernel for octave in _octaves(SR, 1024, 96, 12, C1, "hann")]
    assert [kernel.shape for kernel in kernels] == [(128, 24)] * 8
    with pytest.raises(ValueError, match="read-only"):
        kernels[0][0, 0] = 0


@pytest.mark.parametrize("hop_length", [1024, 64])
def test_memory_is_a_small_multiple_of_the_signal_and_its_transform(hop_length):
    y = 0.1 * np.random.default_rng(0).standard_normal(120 * SR).astype(np.float32)
    constant_q(y[:SR], hop_length=hop_length)
    tracemalloc.start()
    C = constant_q(y, hop_length=hop_length)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of frames, only a block at a time; the halved signals, which are not counted, add up to one.
    assert peak < y.nbytes + 2 * C.nbytes + 3 * 2**22
