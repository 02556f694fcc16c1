"""One model for all patterns of missing modalities, compared with a model for each pattern.

Ready vectors of synthetic albums (statistics of the sound, main directions of tf-idf, colours of
the cover), so that only the fusion layer is trained. In training, each modality of each album is
missing at random, at several rates. One FusionClassifier is trained on these albums. It predicts
further albums of other artists in each of the seven patterns, and so does a model that was trained
on the modalities of that pattern only, on the same albums. The difference in macro AUC is the
regret. It is reported with the oracle of the albums for the pattern. Intervals are paired, over
artists and seeds. The mean regret over patterns and rates should be at most 0.01: this holds if the
whole interval is below, and is missed if the whole interval is above.
"""

import argparse
import tempfile
from functools import partial
from itertools import compress, product
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import compare
from _kept import Kept
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
MOST = 0.01  # of macro AUC, on average
SETTINGS = {"rates": RATES, "albums": ALBUMS, "directions": 200, "most": MOST}
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


def read_vectors(arguments):
    """The albums, whose files do not stay, and the vectors of each modality."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"n_jobs": arguments.jobs, "verbose": 1, "directory": folder}
        albums = make_albums(arguments.albums, **options, **ALBUMS)
        return albums, make_vectors(albums, arguments.jobs)


def side_by_side(vectors, there):
    """The blocks of all albums, NaN where `there`, a column a block, says that one is missing."""
    parts = [
        np.where(there[:, [number]], part, np.nan) for number, part in enumerate(vectors.values())
    ]
    return np.hstack(parts).astype(np.float32)


def learn(vectors, there, y, groups, rows, seed):
    """Return a fusion layer for some blocks."""
    blocks = {name: part.shape[1] for name, part in vectors.items()}
    X = side_by_side(vectors, there)[rows]
    return FusionClassifier(blocks=blocks, random_state=seed).fit(X, y[rows], groups=groups[rows])


def one_run(albums, vectors, seed, n_train):
    """Scores of both models for test albums: a part for each rate and pattern."""
    parts = []
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
            asked = {"one": side_by_side(vectors, seen), "special": side_by_side(own, everything)}
            answers = {
                who: _answers(model, asked[who][test], albums.oracle.classes)
                for who, model in (("one", one), ("special", special))
            }
            parts.append((rate, names, {"run": seed, "row": test, **answers}))
    return parts


def _answers(model, X, classes):
    """Probabilities of all classes; of one without a training row it is 0."""
    answers = np.zeros((len(X), len(classes)))
    answers[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return answers


def tabulate(albums, runs):
    """Return one line per rate and pattern, one per rate (mean over patterns), one in total."""
    classes, lines, draws = albums.oracle.classes, [], {}
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
            # The same resamples in each pattern and at each rate, so that their mean has some too.
            asked = {"groups": albums.groups[rows], "runs": run, "seeds": run, "draws_too": True}
            line, draws[rate, names] = compare(truth, special, one, metric="macro_auc", **asked)
            aucs = [
                [macro_auc_score(truth[run == seed], scores[run == seed]) for seed in set(run)]
                for scores in (one, special, albums.oracle.posterior(names, rows))
            ]
            of_rate.append(
                {
                    "missing": rate,
                    "pattern": " + ".join(names),
                    **dict(zip(("one", "special", "oracle"), np.mean(aucs, axis=1), strict=True)),
                    **{key: line[key] for key in ("estimate", "low", "high")},
                }
            )
        of_this = [some for (found, _), some in draws.items() if found == rate]
        lines += [*of_rate, {"missing": rate, "pattern": "mean", **_mean(of_rate, of_this)}]
    single = [line for line in lines if line["pattern"] != "mean"]
    lines.append({"missing": "all", "pattern": "mean", **_mean(single, list(draws.values()))})
    return pd.DataFrame(lines)


def _mean(lines, draws):
    """The means over some lines, with the interval of the mean regret and what it says."""
    mean = pd.DataFrame(lines)[["one", "special", "oracle", "estimate"]].mean()
    low, high = np.nanpercentile(np.mean(draws, axis=0), [2.5, 97.5])
    said = "holds" if high <= MOST else "misses" if low > MOST else "open"
    return {**mean, "low": low, "high": high, "verdict": said}


def main():
    """Print and write one line per rate and pattern."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=2400)
    parser.add_argument("--train", type=int, default=800)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    kept = Kept(arguments.keep, "missing", f"{arguments.albums} {arguments.train}")
    albums, vectors = kept("vectors", partial(read_vectors, arguments))
    runs = []
    for seed in range(arguments.runs):
        runs += kept(seed, partial(one_run, albums, vectors, seed, arguments.train))
    lines = tabulate(albums, runs)
    print(lines.round(4).to_string(index=False))
    sizes = {name: getattr(arguments, name) for name in ("albums", "train", "runs")}
    written = write_result(
        lines,
        "missing",
        command=command_of(parser, arguments),
        settings={**SETTINGS, "sizes": sizes},
        code=CODE,
        seconds=kept.seconds,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
