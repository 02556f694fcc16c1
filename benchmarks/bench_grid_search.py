"""Search over the audio network on files with a store, compared with the same search on patches.

    python benchmarks/bench_grid_search.py [--tracks 60] [--epochs 10] [--rounds 3]

GridSearchCV of 6 candidates (2 widths, 3 learning rates) by 3 folds, no refit. Training only:
the cells are patches in memory. Store, empty: the cells are mp3 files, and the store is
new in every round. Store, full: the same with the filled store. No store: every fit and score
decodes. All run in turn; ratios are to training only in the same round; scores must be equal.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _counted_puts import count_puts, puts_and_patches
from _tracks import make_tracks
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skmmgenre.audio import AudioCNN, CQTExtractor

ALONE, EMPTY, FULL, NONE = "training alone", "store, empty", "store, full", "no store"


def search(X, y, epochs, extractor=None):
    """Return the scores of all folds of all candidates."""
    # Without held-out rows there is no early stopping, so all epochs run.
    cnn = AudioCNN(preset="paper", max_epochs=epochs, validation_fraction=0, random_state=0)
    model = Pipeline([("cqt", extractor or "passthrough"), ("cnn", cnn)])
    grid = {"cnn__width": ["low", (24, 48, 48, 48)], "cnn__lr": [3e-4, 1e-3, 3e-3]}
    found = GridSearchCV(model, grid, cv=3, refit=False, error_score="raise").fit(X, y).cv_results_
    return np.array([found[f"split{k}_test_score"] for k in range(3)])


def main():
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tracks = make_tracks(Path(folder), arguments.tracks, "mp3")
        patches = CQTExtractor().transform(tracks)
        y = np.arange(len(tracks)) % 4
        search(patches[:12], y[:12], 1)  # warms up
        wall = {name: [] for name in (ALONE, EMPTY, FULL, NONE)}
        busy = {name: [] for name in wall}
        for number in range(arguments.rounds):
            cache = Path(folder) / f"{number}.sqlite"
            count_puts(cache)
            told = []
            for name in wall:
                extractor = CQTExtractor(cache=None if name == NONE else cache)
                start, started = time.perf_counter(), time.process_time()
                if name == ALONE:
                    told.append(search(patches, y, arguments.epochs))
                else:
                    told.append(search(tracks, y, arguments.epochs, extractor))
                busy[name].append(time.process_time() - started)
                wall[name].append(time.perf_counter() - start)
                assert np.array_equal(told[0], told[-1])
            puts, n_patches = puts_and_patches(cache)
    print(
        f"{len(tracks)} tracks, 6 candidates x 3 folds of {arguments.epochs} epochs, "
        f"{arguments.rounds} rounds; {puts} patches computed for {n_patches} files"
    )
    for name in wall:
        ratio = np.median(np.divide(busy[name], busy[ALONE]))
        print(
            f"{name:<15} {np.median(busy[name]):7.1f} s of the processor, "
            f"{np.median(wall[name]):7.1f} s; {ratio:.3f} times training alone "
            f"({np.median(np.divide(wall[name], wall[ALONE])):.3f} by the clock)"
        )


if __name__ == "__main__":
    main()
