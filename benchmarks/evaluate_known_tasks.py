"""The defaults of each network and of the fusion layer on tasks with known solutions.

One feature determines the genre, and all others are noise: a block of zeros with a one (fusion),
one of 256 features (fusion), one word of 60 (text), one constant-Q bin (audio), the colour of a
cover. Each row has its own artist. Each network is compared with LogisticRegressionCV (C chosen by
the cross-validated loss) on the input of the network, before normalization: the features, the
words, the means of each bin over frames, of each colour over pixels. The metric is the accuracy on
1,000 further rows, the mean over seeds; seeds in which a genre has no training row are skipped. A
line misses if logistic regression is above 0.9 and the default more than 0.02 below it.

Each task has a result of its own.

    python benchmarks/evaluate_known_tasks.py [one_hot one_feature one_word one_bin one_colour]
"""

import argparse
import time
import warnings
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from _kept import Kept
from _results import FOLDER, command_of, write_result
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import TextMLP

ROWS = (30, 100, 300, 1000)
GENRES = (2, 5, 15)
N_TEST = 1000
CLEAR, WITHIN = 0.9, 0.02
CODE = ["benchmarks/evaluate_known_tasks.py"]

# ---- the tasks: what a network gets, and what logistic regression gets, of labels ----------


def one_hot(y, n_genres, rng):
    """Return a block of zeros with a one, for both sides."""
    X = np.eye(n_genres)[y]
    return X, X


def one_feature(y, n_genres, rng):
    """Return 256 features, of which one tells the genre by its value, twice.

    Beyond two genres one number cannot tell them by a linear model, so each has its own.
    """
    X = rng.normal(size=(len(y), 256))
    if n_genres == 2:
        X[:, 7] = 6 * y - 3
    else:
        X[np.arange(len(y)), y] += 6
    return X, X


def one_word(y, n_genres, rng):
    """Return texts of 60 words of 3,000, of which one is a word of the genre, twice."""
    n_words, n_others = 3000, 59
    columns = np.column_stack([y, rng.integers(n_genres, n_words, size=(len(y), n_others))])
    rows = np.repeat(np.arange(len(y)), n_others + 1)
    X = sparse.csr_array((np.ones(columns.size), (rows, columns.ravel())), shape=(len(y), n_words))
    X.sum_duplicates()
    length = np.sqrt(X.multiply(X).sum(axis=1))
    X = sparse.csr_array(sparse.diags_array(1 / length) @ X)
    return X, X


def one_bin(y, n_genres, rng):
    """Return patches of 130 frames whose bin of the genre is louder, and the means of the bins."""
    X = rng.normal(-40, 10, size=(len(y), 96, 130)).astype(np.float32)
    X[np.arange(len(y)), 6 * y + 3] += 10
    return X, X.mean(axis=2)


def one_colour(y, n_genres, rng):
    """Return noisy covers of a hue, and the means of their colours."""
    turns = 2 * np.pi * np.arange(n_genres) / n_genres
    colours = 128 + 60 * np.column_stack([np.cos(turns + k * 2 * np.pi / 3) for k in range(3)])
    X = colours[y][:, np.newaxis, np.newaxis] + rng.normal(0, 30, size=(len(y), 64, 64, 3))
    X = X.clip(0, 255).astype(np.uint8)
    return X, X.mean(axis=(1, 2))


TASKS = {
    "one_hot": (one_hot, FusionClassifier, False),
    "one_feature": (one_feature, FusionClassifier, False),
    "one_word": (one_word, TextMLP, False),
    "one_bin": (one_bin, AudioCNN, True),
    "one_colour": (one_colour, ResNetEmbedder, True),
}


def run_cell(task, n_rows, n_genres, seed):
    """Return the accuracies of both sides and the seconds of ours; None without a cell."""
    make, network, scales = TASKS[task]
    rng = np.random.default_rng([seed, n_rows, n_genres])
    y = rng.integers(0, n_genres, n_rows + N_TEST)
    learned, asked = slice(n_rows), slice(n_rows, None)
    if len(np.unique(y[learned])) < n_genres:
        return None
    X, given = make(y, n_genres, rng)
    if task == "one_colour":
        X = list(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rare genres, weights of ImageNet that are not there
        began = time.process_time()
        ours = network(random_state=seed).fit(X[learned], y[learned], groups=np.arange(n_rows))
        seconds = time.process_time() - began
        accuracy = ours.score(X[asked], y[asked])
        regression = LogisticRegressionCV(
            Cs=10, cv=3, scoring="neg_log_loss", max_iter=2000, use_legacy_attributes=False,
            l1_ratios=(0,),
        )  # fmt: skip
        if np.bincount(y[learned]).min() < 3:  # too few for folds with each genre
            regression.set_params(scoring="accuracy", cv=_folds(n_rows))
        plain = make_pipeline(StandardScaler(), regression) if scales else regression
        plain.fit(given[learned], y[learned])
    beside = np.mean(plain.predict(given[asked]) == y[asked])  # its score would be the loss
    print(
        f"{task}, {n_rows} rows, {n_genres} genres, seed {seed}: {accuracy:.3f}, logistic "
        f"regression {beside:.3f}; {seconds:.0f} s",
        flush=True,
    )
    return {"ours": accuracy, "plain": beside, "seconds": seconds}


def run_cells(cells, n_jobs):
    """Return the answers of some cells."""
    return Parallel(n_jobs)(delayed(run_cell)(*cell) for cell in cells)


def _folds(n_rows):
    order = np.arange(n_rows) % 3
    return [(np.flatnonzero(order != k), np.flatnonzero(order == k)) for k in range(3)]


def tabulate(cells, found):
    """Return one line per task, number of rows and of genres: means over the seeds."""
    lines = pd.DataFrame(
        {**dict(zip(("task", "rows", "genres", "seed"), cell, strict=True)), **answers}
        for cell, answers in zip(cells, found, strict=True)
        if answers is not None
    )
    about = ["task", "rows", "genres"]
    means = lines.groupby(about, sort=False)[["ours", "plain", "seconds"]].mean()
    means["seeds"] = lines.groupby(about, sort=False).size()
    means["difference"] = means["ours"] - means["plain"]
    missed = (means["plain"] > CLEAR) & (means["difference"] < -WITHIN)
    means["verdict"] = np.where(missed, "misses", np.where(means["plain"] > CLEAR, "holds", ""))
    return means.reset_index()


def main():
    """Print and write the table of each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}; or all")
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--genres", type=int, nargs="+", default=list(GENRES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    if unknown := set(arguments.tasks) - set(TASKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; the tasks are {', '.join(TASKS)}")
    for task in arguments.tasks or TASKS:
        kept = Kept(arguments.keep, f"known_tasks_{task}", "")
        cells, found = [], []
        for seed in range(arguments.seeds):
            some = [(task, *size, seed) for size in product(arguments.rows, arguments.genres)]
            cells += some
            found += kept(some, partial(run_cells, some, arguments.jobs))
        lines = tabulate(cells, found)
        print(lines.round(3).to_string(index=False))
        judged = lines[lines["verdict"] != ""]
        print(f"{(judged['verdict'] == 'holds').sum()} of {len(judged)} lines hold")
        arguments.tasks = [task]
        written = write_result(
            lines,
            f"known_tasks_{task}",
            command=command_of(parser, arguments, positional=["tasks"]),
            settings={
                **{name: getattr(arguments, name) for name in ("rows", "genres", "seeds")},
                "test_rows": N_TEST,
                "within": WITHIN,
            },
            code=CODE,
            seconds=kept.seconds,
            folder=arguments.output,
        )
        print(f"written to {written}")


if __name__ == "__main__":
    main()
