"""Speed and error of constant_q compared with librosa and nnAudio: one thread, 96 bins, hop 1024.

Errors are relative, norm of the difference by norm, to ``librosa.cqt(sparsity=0)``. nnAudio
(``pip install "skmmgenre[bench]"``) is skipped if it is not installed; the sign of its
imaginary part is chosen to fit best.

    python benchmarks/bench_constant_q.py [FOLDER OF THE DATA]
"""

import argparse
import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import librosa
import numpy as np
import soundfile
from _side_by_side import measure
from threadpoolctl import threadpool_limits

from skmmgenre.audio import constant_q

SR = 22050
PARAMS = {"sr": SR, "hop_length": 1024, "n_bins": 96}
T = np.arange(15 * SR) / SR
C1 = librosa.note_to_hz("C1")


def music(folder):
    """Return the five recordings by name; empty if they are absent."""
    signals = {}
    for path in sorted((folder / "recordings").glob("*.ogg")):
        y, rate = soundfile.read(path, dtype="float32")
        assert rate == SR
        signals[path.stem[-24:]] = y
    return signals


def made_signals():
    """Return signals that are difficult in one way each."""
    rng = np.random.default_rng(0)
    clicks = np.zeros(len(T))
    clicks[:: SR // 3] = 1
    signals = {
        "sweep, 20 Hz to 11 kHz": np.sin(2 * np.pi * 20 * 15 / np.log(550) * (550 ** (T / 15) - 1)),
        "tone, lowest bin": np.sin(2 * np.pi * C1 * T),
        "tone, A4": np.sin(2 * np.pi * 440 * T),
        "tone, highest bin": np.sin(2 * np.pi * C1 * 2 ** (95 / 12) * T),
        "clicks": clicks,
        "silence": np.zeros(len(T)),
        "noise, 0.1 s": rng.standard_normal(SR // 10),
        "noise, 10 min": 0.1 * rng.standard_normal(600 * SR),
    }
    return {name: y.astype(np.float32) for name, y in signals.items()}


def exact(y):
    """Return the reference of all comparisons."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        return librosa.cqt(y, **PARAMS, sparsity=0)


def error(C, expected, axis=None):
    """Return the relative error in norm; silence must be reproduced exactly."""
    norm = np.linalg.norm(expected, axis=axis)
    difference = np.linalg.norm(C - expected, axis=axis)
    return difference / np.where(norm > 0, norm, 1)


def nnaudio_transforms(y):
    """Return the two transforms of nnAudio for `y`, by name."""
    try:
        import torch
        from nnAudio import features
    except ImportError as missing:
        print(f"left out: nnAudio ({missing}); pip install 'skmmgenre[bench]'")
        return {}
    torch.set_num_threads(1)
    signal = torch.from_numpy(y)[None]
    transforms = {}
    for name in ("CQT2010v2", "CQT1992v2"):
        module = getattr(features, name)(
            **PARAMS, fmin=C1, pad_mode="constant", output_format="Complex", verbose=False
        )

        def call(module=module):
            with torch.no_grad():
                return module(signal, normalization_type="librosa")[0].numpy()

        transforms[f"nnAudio {name}"] = call
    return transforms


def compare_speed(y):
    """Print the table of 15 s."""
    calls = {
        "librosa.cqt": lambda: librosa.cqt(y, **PARAMS),
        "librosa.cqt(sparsity=0)": lambda: exact(y),
        "constant_q": lambda: constant_q(y),
        **nnaudio_transforms(y),
    }
    expected = exact(y)
    with threadpool_limits(1):
        seconds = measure(calls, 30)
    print(
        f"{'15 s, one thread':<26} {'ms':>7} {'times librosa.cqt':>18} {'error':>9} {'of |C|':>9}"
    )
    for name, call in calls.items():
        C = call()
        if C.dtype != np.complex64:  # nnAudio's: real and imaginary on the last axis
            C = C[..., 0] + 1j * C[..., 1]
            C = min(C, C.conj(), key=lambda C: error(C, expected))
        ratio = np.median(seconds["librosa.cqt"] / seconds[name])
        print(
            f"{name:<26} {1000 * np.median(seconds[name]):7.2f} {ratio:18.2f} "
            f"{error(C, expected):9.1e} {error(abs(C), abs(expected)):9.1e}"
        )


def compare_answers(signals):
    """Print the error on each signal, in total and of the worst bin."""
    print(f"\n{'constant_q':<26} {'error':>9} {'worst bin':>10}")
    for name, y in signals.items():
        C, expected = constant_q(y), exact(y)
        print(
            f"{name:<26} {error(C, expected):9.1e} {error(C, expected, axis=1).max():10.1e}"
            + ("" if expected.any() else "   (both are zero)" if not C.any() else "   NOT ZERO")
        )


def peak_memory(transform):
    """Return the increase in peak MB of a new process on ten minutes of audio."""
    y = np.random.default_rng(0).standard_normal(600 * SR, dtype=np.float32)
    transform(y[:SR])
    before = memory_line("VmRSS")
    transform(y)
    return memory_line("VmHWM") - before


def memory_line(name):
    """Return a memory value of this process in MB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


def main():
    """Print both tables, and the memory of ten minutes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("folder", type=Path, nargs="?", default=beside)
    recordings = music(parser.parse_args().folder)
    if not recordings:
        print("left out: the recordings, which are absent; speed is of a sweep")
    signals = {**recordings, **made_signals()}
    compare_speed(max((y[: len(T)] for y in signals.values()), key=len))
    compare_answers(signals)
    print()
    if not Path("/proc/self/status").exists():
        return
    spawn = multiprocessing.get_context("spawn")
    for name, transform in {"constant_q": constant_q, "librosa.cqt(sparsity=0)": exact}.items():
        with ProcessPoolExecutor(1, spawn) as fresh:
            memory = fresh.submit(peak_memory, transform).result()
        print(f"10 min, {600 * SR * 4 / 1e6:.0f} MB: {name} takes {memory:.0f} MB beside them")


if __name__ == "__main__":
    main()
