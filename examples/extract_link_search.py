"""Extract patches, link entities and search a model with any joblib backend.

    python examples/extract_link_search.py

runs on the cores of this machine. examples/on_a_dask_cluster.py and on_a_ray_cluster.py do the same
work on clusters: the only difference is `joblib.parallel_config`. The albums are synthetic. The
results are the same everywhere, to the last bit if all processes train with the same number of
threads.
"""

import argparse
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import GridSearchCV

from skmmgenre.audio import CQTExtractor
from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.model_selection import ArtistKFold
from skmmgenre.text import EntityEnricher, GazetteerLinker, ReviewTruncator

SECONDS = 6.0


def read_options(description, arguments=None, **further):
    """Read the command line; `further` maps the name of an option to its help."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--albums", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path("cluster_output"))
    parser.add_argument("--cache", help="store of patches; by default in the output folder")
    for name, help in further.items():
        parser.add_argument(f"--{name}", help=help)
    return parser.parse_args(arguments)


def extract(table, cache):
    """Return patches of all tracks; only this process, not its workers, opens the store."""
    return CQTExtractor(duration=SECONDS, cache=cache).transform(table["audio"])


def link(table, knowledge_base):
    """Return the reviews with the categories of the entities that they mention."""
    texts = ReviewTruncator().transform(table["text"])
    return EntityEnricher(GazetteerLinker(knowledge_base)).transform(texts)


def search(table, y, groups, cache, epochs):
    """Search over two widths and two penalties, with one task per fit.

    Each task opens the store on the disk of the machine that it runs on.
    """
    model = make_genre_classifier(
        image=None,
        audio__architecture="time",
        audio__duration=SECONDS,
        audio__cache=cache,
        text__hidden_units=(32, 32),
        max_epochs=epochs,
        random_state=0,
    )
    grid = {
        "modalities__audio__estimator__cnn__width": [(4, 8, 8), (8, 16, 16)],
        "fusion__C": [1e-1, 1e1],
    }
    search = GridSearchCV(model, grid, cv=ArtistKFold(n_splits=2), error_score="raise")
    with sklearn.config_context(enable_metadata_routing=True):
        return search.fit(table, y, groups=groups)


def work(options):
    """Run all three steps with the current backend, print their times and write the results."""
    options.output.mkdir(parents=True, exist_ok=True)
    albums = make_albums(
        options.albums,
        n_genres=3,
        accuracy=0.9,
        duration=SECONDS + 1,
        directory=options.output / "albums",
        random_state=0,
    )
    cache = options.cache or str(options.output / "patches.sqlite")
    steps = {
        "patches": lambda: extract(albums.table, cache),
        "texts": lambda: link(albums.table, albums.knowledge_base),
        "search": lambda: search(albums.table, albums.y, albums.groups, cache, options.epochs),
    }
    answers = {}
    for name, step in steps.items():
        start = time.perf_counter()
        answers[name] = step()
        print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
    np.save(options.output / "patches.npy", answers["patches"])
    pd.Series(answers["texts"], name="text").to_csv(options.output / "texts.csv", index=False)
    results = pd.DataFrame(answers["search"].cv_results_)
    results = results[[name for name in results if not name.endswith("_time")]]
    results.to_csv(options.output / "search.csv", index=False)
    found = answers["search"].best_estimator_.predict_proba(albums.table)
    np.save(options.output / "probabilities.npy", found)
    print(results.filter(regex="^param_|mean_test_score").to_string(index=False))


def main(arguments=None):
    """Run the steps on the cores of this machine."""
    options = read_options(__doc__, arguments)
    with joblib.parallel_config(backend="loky", n_jobs=-1):
        work(options)


if __name__ == "__main__":
    main()
