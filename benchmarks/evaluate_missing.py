"""One model for every pattern of missing modalities, beside a model of exactly that pattern.

Ready vectors of synthetic albums (statistics of the sound, main directions of tf-idf, colours of
the cover), so that nothing but the fusion layer is learned. In training each modality of each album
is missing by chance, at several rates. One FusionClassifier learns from these albums as they are.
It answers for further albums of other artists in each of the seven patterns; so does one that has
learned the modalities of that pattern only, from the same albums. What the one loses to the other
in macro AUC is its regret. Beside it stands what the albums' oracle can know of the pattern.
Intervals are paired, over artists and seeds.
"""

import argparse
import tempfile
import time
from itertools import compress, product
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import compare
from _results import FOLDER, command_of, write_result
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import StandardScaler

from skmmgenre.audio import AudioStatistics
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ColorStatistics
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import ArtistShuffleSplit
from skmmgenre.text import ReviewTruncator, ReviewVectorizer

RATES = (0.1, 0.3, 0.5, 0.7, 0.9)
ALBUMS = {"duration": 1.5, "cover_size": 24, "random_state": 5}
SETTINGS = {"rates": RATES, "albums": ALBUMS, "directions": 200}
CODE = ["benchmarks/evaluate_missing.py", "skmmgenre/datasets/_synthetic"]
MODALITIES = ("audio", "text", "cover")
PATTERNS = [pattern for pattern in product([True, False], repeat=3) if any(pattern)]


def make_vectors(albums, n_jobs):
    """The vectors of each modality, scaled without looking at genres."""
    texts = ReviewVectorizer().fit_transform(ReviewTruncator().fit_transform(albums.table["text"]))
    directions = TruncatedSVD(SETTINGS["directions"], random_state=0)
    sound = AudioStatistics(n_jobs=n_jobs).fit_transform(albums.table["audio"])
    cover = ColorStatistics(n_jobs=n_jobs).fit_transform(albums.table["cover"])
    return {
        "audio": StandardScaler().fit_transform(np.asarray(sound)),
        "text": directions.fit_transform(texts),
        "cover": StandardScaler().fit_transform(np.asarray(cover)),
    }


def side_by_side(vectors, there):
    """The blocks of all albums, NaN where `there`, a column a block, says that one is missing."""
    parts = [
        np.where(there[:, [number]], part, np.nan) for number, part in enumerate(vectors.values())
    ]
    return np.hstack(parts).astype(np.float32)


def learn(vectors, there, y, groups, rows, seed):
    """A fusion layer of some blocks."""
    blocks = {name: part.shape[1] for name, part in vectors.items()}
    X = side_by_side(vectors, there)[rows]
    return FusionClassifier(blocks=blocks, random_state=seed).fit(X, y[rows], groups=groups[rows])


def one_run(albums, vectors, seed, n_train):
    """Scores of both models for test albums: a frame for each rate and pattern."""
    y, groups = albums.y, albums.groups
    split = ArtistShuffleSplit(1, test_size=0.5, random_state=seed).split(y, y, groups)
    train, test = next(split)
    rng = np.random.default_rng(seed)
    train = rng.permutation(train)[:n_train]
    for rate in RATES:
        there = rng.random((len(y), len(MODALITIES))) >= rate
        one = learn(vectors, there, y, groups, train, seed)
        for pattern in PATTERNS:
            names = tuple(compress(MODALITIES, pattern))
            own = {name: vectors[name] for name in names}
            own_there = there[:, np.flatnonzero(pattern)]
            special = learn(own, own_there, y, groups, train, seed)
            seen = np.tile(pattern, (len(y), 1))
            everything = np.ones((len(y), len(names)), dtype=bool)
            yield (
                rate,
                names,
                {
                    "run": seed,
                    "row": test,
                    "one": _answers(one, side_by_side(vectors, seen)[test], albums.oracle.classes),
                    "special": _answers(
                        special, side_by_side(own, everything)[test], albums.oracle.classes
                    ),
                },
            )


def _answers(model, X, classes):
    """Probabilities of all classes; of one without a training row it is 0."""
    answers = np.zeros((len(X), len(classes)))
    answers[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return answers


def tabulate(albums, runs):
    """A line a rate and pattern, and one of the mean over patterns of each rate."""
    classes, lines = albums.oracle.classes, []
    for rate in RATES:
        of_rate = []
        for names in [tuple(compress(MODALITIES, pattern)) for pattern in PATTERNS]:
            parts = [part for found, who, part in runs if (found, who) == (rate, names)]
            rows = np.concatenate([part["row"] for part in parts])
            run = np.repeat([part["run"] for part in parts], [len(part["row"]) for part in parts])
            truth = (albums.y[rows][:, None] == classes).astype(int)
            one, special = (
                np.concatenate([part[who] for part in parts]) for who in ("one", "special")
            )
            asked = {"groups": albums.groups[rows], "runs": run, "seeds": run}
            line = compare(truth, special, one, metric="macro_auc", **asked)
            aucs = [
                [macro_auc_score(truth[run == seed], scores[run == seed]) for seed in set(run)]
                for scores in (one, special, albums.oracle.posterior(names, rows))
            ]
            of_rate.append(
                {
                    "missing": rate,
                    "pattern": " + ".join(names),
                    **dict(zip(("one", "special", "oracle"), np.mean(aucs, axis=1), strict=True)),
                    "estimate": line["estimate"],
                    "low": line["low"],
                    "high": line["high"],
                }
            )
        mean = pd.DataFrame(of_rate)[["one", "special", "oracle", "estimate"]].mean()
        lines += [*of_rate, {"missing": rate, "pattern": "mean", **mean}]
    return pd.DataFrame(lines)


def main():
    """Print and write a line a rate and pattern."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=2400)
    parser.add_argument("--train", type=int, default=800)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        options = {"n_jobs": arguments.jobs, "verbose": 1, "directory": folder}
        albums = make_albums(arguments.albums, **options, **ALBUMS)
        vectors = make_vectors(albums, arguments.jobs)
    runs = [
        part
        for seed in range(arguments.runs)
        for part in one_run(albums, vectors, seed, arguments.train)
    ]
    lines = tabulate(albums, runs)
    print(lines.round(4).to_string(index=False))
    sizes = {name: getattr(arguments, name) for name in ("albums", "train", "runs")}
    written = write_result(
        lines,
        "missing",
        command=command_of(parser, arguments),
        settings={**SETTINGS, "sizes": sizes},
        code=CODE,
        seconds=time.perf_counter() - began,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
