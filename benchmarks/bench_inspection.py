"""Times of explanations: activation maps, t-SNE, and the report.

- Class activation maps of covers by a ResNet, compared with its predictions for the same covers.
- Grad-CAM of covers through a vision transformer of the usual size with random weights, compared
  with the vectors of the same covers. (The tests prove the maps; here only the time counts.)
- t-SNE of vectors of 200 dimensions.
- `skmmgenre.inspection.report` of synthetic albums with all three modalities, compared with the
  predictions for the same albums.

    python benchmarks/bench_inspection.py [--covers 100] [--points 10000] [--albums 2000]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _side_by_side import measure
from bench_image import write_covers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.image import ImageEmbedder, ResNetEmbedder
from skmmgenre.inspection import EmbeddingMapDisplay, class_activation_map, report

_TRAINED_ON = 300


def compare_network(covers):
    """Print how much longer maps of a ResNet take than its predictions."""
    network = ResNetEmbedder(
        depth=18, weights=None, preset="paper", validation_fraction=0, max_epochs=1, random_state=0
    ).fit(covers[:8], ["Jazz", "Rock"] * 4)
    calls = {
        "predictions": lambda: network.decision_function(covers),
        "maps": lambda: class_activation_map(network, covers),
    }
    _print_ratio("ResNet-18, class activation maps", calls)


def compare_encoder(covers, folder):
    """Print how much longer Grad-CAM of a vision transformer takes than its vectors."""
    import torch
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    torch.manual_seed(0)
    ViTModel(ViTConfig()).save_pretrained(folder)
    ViTImageProcessor().save_pretrained(folder)
    encoder = ImageEmbedder(model=str(folder))
    genres = ["Jazz", "Rock"] * 4
    model = make_pipeline(encoder, LogisticRegression()).fit(covers[:8], genres)
    calls = {
        "vectors": lambda: encoder.transform(covers),
        "maps": lambda: class_activation_map(model, covers),
    }
    _print_ratio("ViT-B/16, Grad-CAM", calls)


def _print_ratio(title, calls):
    (base, plain), (_, maps) = measure(calls, n_rounds=1).items()
    print(
        f"{title}: {maps[0]:.1f} s of processor time, {base} {plain[0]:.1f} s: "
        f"{maps[0] / plain[0]:.2f} times",
        flush=True,
    )


def time_map(n_points):
    """Print how long t-SNE takes."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 200))
    genres = rng.integers(20, size=n_points)
    vectors = centres[genres] + rng.normal(size=(n_points, 200))
    names = np.array([f"genre {number}" for number in genres], dtype=object)
    start = time.perf_counter()
    EmbeddingMapDisplay.from_vectors(vectors, names, random_state=0)
    print(f"t-SNE of {n_points:,} points: {time.perf_counter() - start:.0f} s", flush=True)


def compare_report(n_albums, folder):
    """Print how much longer the report of some albums takes than the predictions for them."""
    albums = make_albums(
        _TRAINED_ON + 2 * n_albums,  # about half of them are by artists of the first ones
        directory=folder,
        duration=5.0,
        cover_size=64,
        random_state=0,
        n_jobs=2,
    )
    table, y, artists = albums.table, albums.y, albums.groups
    known = np.isin(artists, np.unique(artists[:_TRAINED_ON]))
    model = make_genre_classifier(n_jobs=2, random_state=0, audio__duration=5.0)
    model.fit(table[:_TRAINED_ON], y[:_TRAINED_ON], groups=artists[:_TRAINED_ON])
    others = np.flatnonzero(~known)[:n_albums]
    table, y, artists = table.iloc[others], y[others], artists[others]
    start = time.perf_counter()
    model.predict_proba(table)
    predicted = time.perf_counter() - start
    page = report(model, table, y, artists)
    taken = time.perf_counter() - start - predicted
    print(
        f"report of {len(table):,} albums: {taken:.0f} s, predictions {predicted:.0f} s, so "
        f"{taken - predicted:.0f} s beyond them; {len(page.encode()) / 1e6:.1f} MB"
    )


def main():
    """Print all times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--covers", type=int, default=100)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--albums", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        covers = write_covers(folder, arguments.covers)
        compare_network(covers)
        compare_encoder(covers, folder / "vit")
        time_map(arguments.points)
        compare_report(arguments.albums, folder / "albums")


if __name__ == "__main__":
    main()
