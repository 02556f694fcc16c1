"""Match two catalogues: seconds, memory, precision and recall.

Two generated catalogues of 100,000 albums each, 60,000 of them in both, with the default
errors of the generator (one title or name in seven is mistyped) and with twice as many. For
comparison: a join on equal titles and artists in lower case, and all pairs of a fiftieth of the
records with rapidfuzz, from which the time for all pairs is extrapolated.

    python benchmarks/bench_matching.py [--n-albums 100000]
"""

import argparse
import resource
import time

import numpy as np
from rapidfuzz import distance, process

from skmmgenre.datasets import make_catalogues, match_records


def figures(found, pairs):
    """Return precision and recall of pairs of labels."""
    truth = set(pairs.itertuples(index=False, name=None))
    found = set(found.itertuples(index=False, name=None))
    right = len(found & truth)
    return f"precision {right / max(len(found), 1):.4f}, recall {right / len(truth):.4f}"


def join(data):
    """Match records whose title and artist are equal, in lower case."""
    sides = [
        table[["title", "artist"]]
        .apply(lambda column: column.str.lower())
        .reset_index(names=side)
        .drop_duplicates(["title", "artist"])
        for side, table in (("left", data.left), ("right", data.right))
    ]
    return sides[0].merge(sides[1], on=["title", "artist"])[["left", "right"]]


def seconds_of_all_pairs(data, part=50):
    """Extrapolate the seconds for all pairs from a part of the records."""
    start = time.perf_counter()
    for column in ("title", "artist"):
        texts = [table[column].tolist()[::part] for table in (data.left, data.right)]
        process.cdist(*texts, scorer=distance.OSA.normalized_similarity, dtype=np.float32)
    return (time.perf_counter() - start) * part**2


def main():
    """Print one line per matching method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-albums", type=int, default=100_000)
    n = parser.parse_args().n_albums
    for typos in (0.15, 0.3):
        data = make_catalogues(n, typos=typos, random_state=0)
        print(f"{n:,} x {n:,} albums, {len(data.pairs):,} in both, typos {typos}")
        start = time.perf_counter()
        result = match_records(data.left, data.right)
        seconds = time.perf_counter() - start
        # Memory of the whole process, including imports and both catalogues.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        found = result.matches[["left", "right"]]
        all_pairs = seconds_of_all_pairs(data)
        print(f"  match_records  {seconds:6.1f} s  {peak:.2f} GB  {figures(found, data.pairs)}")
        print(f"  all pairs      {all_pairs:6.0f} s, {all_pairs / seconds:.0f} times as long")
        print(f"  join on equal  {figures(join(data), data.pairs)}")
        share = result.matches["ambiguous"].mean()
        clear = result.matches[~result.matches["ambiguous"]][["left", "right"]]
        print(f"  ambiguous      {share:.2%}; without them {figures(clear, data.pairs)}")


if __name__ == "__main__":
    main()
