"""Feature store: the second pass over some tracks compared with the first, and two writers.

    python benchmarks/bench_store.py

The tracks are synthetic, 22,050 Hz mono, 30 s, as mp3 and flac; each pass is one call of
`CQTExtractor.transform` in this process, with one thread. Three rounds, medians of ratios.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _counted_puts import count_puts, puts_and_patches
from _tracks import make_tracks

from skmmgenre.audio import CQTExtractor
from skmmgenre.store import Store


def seconds_of(call):
    """Return processor time and wall time of a call, and its result."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = call()
    return time.process_time() - cpu, time.perf_counter() - wall, answer


def compare_passes(folder, tracks, cache_dtype):
    """Print one line: first pass, second pass, their ratio, disk space."""
    ratios, firsts, seconds = [], [], []
    for number in range(3):
        cache = folder / f"{cache_dtype}_{number}_{Path(tracks[0]).suffix[1:]}"
        extractor = CQTExtractor(cache=cache, cache_dtype=cache_dtype)
        first, _, fresh = seconds_of(lambda: extractor.transform(tracks))  # noqa: B023
        second, _, found = seconds_of(lambda: extractor.transform(tracks))  # noqa: B023
        assert np.array_equal(fresh, found)
        ratios.append(first / second)
        firsts.append(first)
        seconds.append(second)
    per_track = 1000 / len(tracks)
    with Store(cache) as store:
        room = store.info()["constant-Q patches"][1] / len(tracks)
    plain = CQTExtractor().transform(tracks)
    print(
        f"{Path(tracks[0]).suffix[1:]:5} {cache_dtype or 'float32':8} "
        f"first {statistics.median(firsts) * per_track:6.2f} ms a track, "
        f"second {statistics.median(seconds) * per_track:5.2f} ms, "
        f"ratio {statistics.median(ratios):5.1f}; {room / 1000:.0f} kB a track, "
        f"largest error {np.abs(plain - found).max():.3f} dB"
    )


def two_writers(folder, tracks):
    """Print whether two processes on the same tracks agree and compute each track once."""
    cache = folder / "shared"
    count_puts(cache)
    code = (
        "import sys, hashlib; from skmmgenre.audio import CQTExtractor; "
        "X = CQTExtractor(cache=sys.argv[1]).transform(sys.argv[2:]); "
        "print(hashlib.sha256(X.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-c", code, str(cache), *tracks]
    before = os.times()
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {writer.communicate()[0] for writer in writers}
    after = os.times()
    seconds = sum(after[2:4]) - sum(before[2:4])  # of the children
    puts, _ = puts_and_patches(cache)
    print(
        f"two writers on {len(tracks)} tracks: {len(told)} answer, {puts} patches computed in "
        f"{seconds:.1f} s of the processor with all imports, "
        f"exit codes {[writer.returncode for writer in writers]}"
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for suffix in ("mp3", "flac"):
            tracks = make_tracks(folder, arguments.tracks, suffix)
            for cache_dtype in (None, "float16", "uint8"):
                compare_passes(folder, tracks, cache_dtype)
        two_writers(folder, tracks)


if __name__ == "__main__":
    main()
