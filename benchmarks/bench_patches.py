"""Time from a file to its log patch: CQTExtractor and librosa.load, librosa.cqt, power_to_db.

Both use the same 15 s of a file, default settings, one thread; then two processes and one.
The files are 30 s of the recordings in the data (of chords where it is absent), written here as
mp3, ogg, flac and wav; where the data is there, also its clips of 20 s.

    python benchmarks/bench_patches.py [FOLDER OF THE DATA] [--clock wall]

One process is measured in processor time, unless --clock wall is given; two processes are
measured in wall time, which means little on a busy machine.
"""

import argparse
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr
from _side_by_side import measure
from threadpoolctl import threadpool_limits

from skmmgenre.audio import CQTExtractor
from skmmgenre.audio._cqt_extractor import _patch_start
from skmmgenre.audio._decode._audio_file import AudioFile

SR, SECONDS, N_FILES = 22050, 30, 12
KINDS = [  # suffix, rate, channels
    ("mp3", 22050, 1),
    ("ogg", 22050, 1),
    ("flac", 22050, 1),
    ("mp3", 44100, 2),
    ("ogg", 44100, 2),
    ("flac", 44100, 2),
    ("wav", 44100, 2),
]


def music(folder):
    """Return all recordings joined, or four minutes of chords."""
    paths = sorted((folder / "recordings").glob("*.ogg"))
    if paths:
        return np.concatenate([soundfile.read(path, dtype="float32")[0] for path in paths])
    rng = np.random.default_rng(0)
    t = np.arange(SR * 10) / SR
    chords = [np.sin(2 * np.pi * np.outer(rng.uniform(60, 4000, 4), t)).sum(0) for _ in range(24)]
    return (0.1 * np.concatenate(chords) + 0.01 * rng.normal(size=24 * len(t))).astype(np.float32)


def write_files(folder, y, suffix, rate, n_channels):
    """`N_FILES` pieces of a signal; the second channel lags behind the first."""
    paths = []
    for number, start in enumerate(np.linspace(0, len(y) - SECONDS * SR, N_FILES).astype(int)):
        piece = y[start : start + SECONDS * SR]
        piece = soxr.resample(piece, SR, rate) if rate != SR else piece
        channels = np.stack([np.roll(piece, 100 * k) for k in range(n_channels)], axis=1)
        paths.append(folder / f"{number}_{rate}_{n_channels}.{suffix}")
        # Write one second at a time: libsndfile's Vorbis writer overflows the stack with more.
        with soundfile.SoundFile(paths[-1], "w", rate, n_channels) as file:
            for begin in range(0, len(channels), rate):
                file.write(channels[begin : begin + rate])
    return paths


def real_clips(folder):
    """Return the clips by format, rate and channels, for kinds with at least four."""
    kinds = {}
    for path in sorted((folder / "multimodal" / "audio").glob("*.*")):
        info = soundfile.info(path)
        kind = f"{path.suffix[1:]} {info.samplerate / 1000:g} kHz {_channels(info.channels)}, clips"
        kinds.setdefault(kind, []).append(path)
    return {kind: paths[:N_FILES] for kind, paths in kinds.items() if len(paths) >= 4}


def _channels(n_channels):
    return {1: "mono", 2: "stereo"}[n_channels]


def start_of_patch(path):
    """Return the start of the patch of CQTExtractor, in seconds."""
    with AudioFile(path) as audio:
        length = audio.n_samples(SR)
    start = _patch_start(length, 15 * SR, patch="random", name=path.name.encode(), key=0)
    return start / SR


def with_librosa(path, start):
    """Return the same patch computed by librosa only."""
    y, _ = librosa.load(path, sr=SR, offset=start, duration=15)
    C = librosa.cqt(y, sr=SR, hop_length=1024, n_bins=96)
    return librosa.power_to_db(np.abs(C) ** 2, ref=np.max, top_db=80)


def compare(kind, paths, clock):
    """Print one line of the table."""
    starts = [start_of_patch(path) for path in paths]
    extractor = CQTExtractor()

    def plain():
        return [with_librosa(path, start) for path, start in zip(paths, starts, strict=True)]

    with threadpool_limits(1):
        seconds = measure({"librosa": plain, "ours": lambda: extractor.transform(paths)}, 7, clock)
    ms = {name: 1000 * np.median(taken) / len(paths) for name, taken in seconds.items()}
    ratio = np.median(seconds["librosa"] / seconds["ours"])
    print(f"{kind:<28} {ms['librosa']:8.2f} {ms['ours']:13.2f} {ratio:6.2f}")


def compare_processes(paths):
    """Print the speed-up of two processes."""
    paths = paths * (1200 // len(paths))
    calls = {f"n_jobs={n}": lambda n=n: CQTExtractor(n_jobs=n).transform(paths) for n in (1, 2)}
    seconds = measure(calls, 3, time.perf_counter)
    one, two = seconds.values()
    print(
        f"{len(paths)} files: {np.median(one):.2f} s in one process, {np.median(two):.2f} s in "
        f"two, {np.median(one / two):.2f} times (by the wall)"
    )


def main():
    """Print the table, and the speed-up of a second process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("folder", type=Path, nargs="?", default=beside)
    parser.add_argument("--clock", choices=["process", "wall"], default="process")
    arguments = parser.parse_args()
    clock = time.perf_counter if arguments.clock == "wall" else time.process_time
    y = music(arguments.folder)
    print(f"{'ms a file':<28} {'librosa':>8} {'CQTExtractor':>13} {'times':>6}")
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            f"{suffix} {rate / 1000:g} kHz {_channels(n)}": write_files(
                Path(folder), y, suffix, rate, n
            )
            for suffix, rate, n in KINDS
        }
        clips = real_clips(arguments.folder)
        if not clips:
            print("left out: the clips, which are absent")
        for kind, paths in {**kinds, **clips}.items():
            compare(kind, paths, clock)
        print(flush=True)
        compare_processes(kinds["mp3 22.05 kHz mono"])


if __name__ == "__main__":
    main()
