"""Stratification of splits by artist, and their duration.

The deviation is the mean over genres and parts of |n_part / n - size| / size, for parts of 70, 15
and 15 %. MSD-I, single-label (msdi/msdi_per_album.csv), is compared with the published split
and scikit-learn's GroupShuffleSplit. 31,471 albums of 10,000 artists with 250 labels as frequent
as in MuMu (drawn from mumu/genre_counts.txt) are compared with iterative stratification, which
ignores artists. The labels of an album are either independent of its artist, or half of them are
shared by all albums of the artist, which is harder.

    python benchmarks/bench_splits.py [FOLDER OF THE DATA]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit
from scipy import sparse
from sklearn.model_selection import GroupShuffleSplit

from skmmgenre.model_selection import train_validation_test_split

SIZES = (0.7, 0.15, 0.15)
SEEDS = range(3)


def deviation(indicator, parts):
    """Return the relative deviation from the sizes, averaged over labels and parts."""
    total = np.asarray(indicator.sum(axis=0)).ravel()
    counts = np.array([np.asarray(indicator[part].sum(axis=0)).ravel() for part in parts])
    sizes = np.array(SIZES)[:, None]
    return np.mean(np.abs(counts / total - sizes) / sizes)


def in_two_steps(splitter, indicator, groups):
    """Return three parts from a splitter that returns two."""
    rows = np.arange(indicator.shape[0])
    parts = []
    for size in (SIZES[0], 0.5):
        part, rest = next(splitter(train_size=size).split(rows, indicator[rows], groups[rows]))
        parts.append(rows[part])
        rows = rows[rest]
    return [*parts, rows]


def report(name, indicator, splits):
    """Print deviation and seconds of a splitter, averaged over seeds."""
    deviations, seconds = [], []
    for split in splits:
        start = time.perf_counter()
        parts = split()
        seconds.append(time.perf_counter() - start)
        deviations.append(deviation(indicator, parts))
    print(f"  {name:<38} {np.mean(deviations):.4f}  {np.mean(seconds):6.1f} s")


def ours(y, artists):
    """Return the splits of this package, one per seed."""
    return [
        lambda seed=seed: train_validation_test_split(artists, y, artists, SIZES, seed)
        for seed in SEEDS
    ]


def bench_msdi(folder):
    """Compare splits of single-label data."""
    table = pd.read_csv(folder / "msdi" / "msdi_per_album.csv")
    artists = table["msd_artist_id"].to_numpy(dtype=object)
    indicator = pd.get_dummies(table["genre_label"]).to_numpy(dtype=float)
    print(f"MSD-I: {len(table)} albums, {len(set(artists))} artists, {indicator.shape[1]} genres")
    report("by artist", indicator, ours(table["genre_label"], artists))
    published = [np.flatnonzero(table["set"] == part) for part in ("train", "val", "test")]
    report("published split", indicator, [lambda: published])
    group_shuffle = [
        lambda seed=seed: in_two_steps(
            lambda train_size: GroupShuffleSplit(1, train_size=train_size, random_state=seed),
            indicator,
            artists,
        )
        for seed in SEEDS
    ]
    report("GroupShuffleSplit", indicator, group_shuffle)


def draw_labels(folder, shared, n=31_471, n_artists=10_000, n_labels=250):
    """Return labels as frequent as in MuMu, a share of them drawn by artist, not by album."""
    lines = (folder / "mumu" / "genre_counts.txt").read_text(encoding="utf-8").splitlines()
    counts = sorted((int(line.rpartition(":")[2]) for line in lines if line.strip()), reverse=True)
    shares = np.array(counts[:n_labels]) / n
    rng = np.random.default_rng(0)
    artists = np.r_[np.arange(n_artists), rng.integers(0, n_artists, n - n_artists)]
    of_artist = (rng.random((n_artists, n_labels)) < shares)[artists]
    of_album = rng.random((n, n_labels)) < shares
    by_artist = rng.random((n, n_labels)) < shared
    return np.where(by_artist, of_artist, of_album).astype(np.int8), artists


def bench_mumu(folder, shared):
    """Compare splits of multilabel data."""
    Y, artists = draw_labels(folder, shared)
    print(
        f"MuMu's genres: {Y.shape[0]} albums, {artists.max() + 1} artists, {Y.shape[1]} labels, "
        f"{shared:.0%} of an album's labels drawn by artist"
    )
    report("by artist", Y, ours(sparse.csr_array(Y), artists))
    iterative = [
        lambda seed=seed: in_two_steps(
            lambda train_size: MultilabelStratifiedShuffleSplit(
                1, train_size=train_size, test_size=1 - train_size, random_state=seed
            ),
            Y,
            artists,
        )
        for seed in SEEDS
    ]
    report("iterative stratification, no artists", Y, iterative)


def main():
    """Print all results, or that the data is absent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("folder", type=Path, nargs="?", default=beside)
    folder = parser.parse_args().folder
    missing = [
        name
        for name in ("msdi/msdi_per_album.csv", "mumu/genre_counts.txt")
        if not (folder / name).exists()
    ]
    if missing:
        print(f"bench_splits: nothing measured, the data is absent: {', '.join(missing)}")
        sys.exit(0)
    bench_msdi(folder)
    bench_mumu(folder, shared=0.0)
    bench_mumu(folder, shared=0.5)


if __name__ == "__main__":
    main()
