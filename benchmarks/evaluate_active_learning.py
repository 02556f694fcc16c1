"""How many labels active learning saves, against labels in random order.

    python benchmarks/evaluate_active_learning.py TABLE.csv

A collection is labelled item by item: frozen musicnn vectors, `FusionClassifier` at its defaults,
trained again after every 20 labels. The first 20 items are drawn at random, the same for all
orders. Then an order chooses the next 20 of the training artists:

- random;
- entropy: the items whose probabilities have the largest mean entropy over genres;
- rare: the items with the largest expected share of genres that few labelled items have.

The test rows are of artists that no order can choose. A genre without a labelled row counts as
0.5. For each order: the labels needed until the macro AUC of the test rows first reaches the goal
(240, where it never does), mean of the seeds, and the paired difference
to random order with its interval over seeds.
"""

import argparse
import warnings
from itertools import chain, product
from pathlib import Path

import numpy as np
import pandas as pd
from _kept import Kept
from _results import FOLDER, command_of, hash_of_file, verdict, write_result
from evaluate_table import read_table
from joblib import Parallel, delayed
from scipy.special import entr

from skmmgenre.audio import AudioEmbedder
from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics._ranking import auc_by_label, row_weights
from skmmgenre.model_selection import ArtistKFold

CODE = ["benchmarks/evaluate_active_learning.py"]
SETTINGS = {"batch": 20, "most": 240, "goal": 0.85, "resamples": 10_000}
ORDERS = ("random", "entropy", "rare")


def learn(X, Y, artists, rows):
    """Return a model of the labelled rows, for the genres that it can learn from them."""
    known = np.flatnonzero(Y[rows].any(axis=0) & ~Y[rows].all(axis=0))
    labels = pd.DataFrame(Y[rows][:, known], columns=known.astype(str))
    with warnings.catch_warnings():  # on 20 rows it warns of what the result shows
        warnings.simplefilter("ignore")
        return FusionClassifier(random_state=0).fit(X.iloc[rows], labels, groups=artists[rows])


def probabilities(model, X, n_genres):
    """Probabilities of all genres; of one without a labelled row they are 0."""
    found = np.zeros((len(X), n_genres))
    found[:, model.classes_.astype(int)] = model.predict_proba(X)
    return found


def judge(model, X, Y):
    """Macro AUC over the genres of the test rows; one half for a genre that the model lacks."""
    scores = probabilities(model, X, Y.shape[1])
    return np.nanmean(auc_by_label(Y.astype(bool), scores, row_weights(None, len(Y))))


def wish(order, model, X, Y, labelled, rng):
    """Return how much an order prefers each of some items."""
    if order == "random":
        return rng.random(len(X))
    found = probabilities(model, X, Y.shape[1])
    if order == "rare":
        return found @ (1 / (1 + Y[labelled].sum(axis=0)))
    return (entr(found) + entr(1 - found)).mean(axis=1)


def label_in_order(X, Y, artists, order, seed):
    """Return the macro AUC after each batch of labels, one line per batch."""
    pool, test = next(ArtistKFold(5, random_state=seed).split(Y, Y, artists))
    pool = np.random.default_rng(seed).permutation(pool)  # the same for all orders
    batch, rng, lines = SETTINGS["batch"], np.random.default_rng([seed, 1]), []
    labelled, rest = pool[:batch], pool[batch:]
    while True:
        model = learn(X, Y, artists, labelled)
        auc = judge(model, X.iloc[test], Y[test])
        lines.append({"order": order, "seed": seed, "labels": len(labelled), "macro_auc": auc})
        if not len(rest) or len(labelled) >= SETTINGS["most"]:
            return lines
        wanted = np.argsort(-wish(order, model, X.iloc[rest], Y, labelled, rng), kind="stable")
        labelled = np.concatenate([labelled, rest[wanted[:batch]]])
        rest = np.delete(rest, wanted[:batch])


def tabulate(lines):
    """Return one line per order: labels until the goal, and the difference to random order."""
    reached = lines[lines["macro_auc"] >= SETTINGS["goal"]]
    needed = reached.groupby(["order", "seed"])["labels"].min().unstack()
    needed = needed.reindex(index=ORDERS, columns=sorted(lines["seed"].unique()))
    never = needed.isna().sum(axis=1)
    needed = needed.fillna(lines.groupby("seed")["labels"].max())
    draws = np.random.default_rng(0).integers(
        needed.shape[1], size=(SETTINGS["resamples"], needed.shape[1])
    )
    area = lines.groupby("order")["macro_auc"].mean()
    table = []
    for order in ORDERS:
        apart = (needed.loc[order] - needed.loc["random"]).to_numpy()
        low, high = np.quantile(apart[draws].mean(axis=1), [0.025, 0.975])
        # Fewer labels are better.
        said = "" if order == "random" else verdict(-high, -low, None)
        line = {"order": order, "labels": needed.loc[order].mean(), "never": never[order]}
        line |= {"estimate": apart.mean(), "low": low, "high": high, "mean_auc": area[order]}
        table.append({**line, "verdict": said})
    return pd.DataFrame(table)


def main():
    """Print and write one line per order."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    kept = Kept(arguments.keep, "active_learning", hash_of_file(arguments.table))
    table, labels = read_table(arguments.table)
    encoder = AudioEmbedder(n_jobs=arguments.jobs, on_error="missing")
    vectors = kept("vectors", lambda: encoder.fit_transform(table["audio"]))
    heard = np.isfinite(vectors).all(axis=1)
    X = pd.DataFrame(vectors[heard]).add_prefix("audio__")
    Y = labels.to_numpy()[heard].astype(int)
    names = [artist or f"row {row}" for row, artist in enumerate(table["artist"])]
    artists = np.array(names)[heard]

    def run():
        runs = product(ORDERS, range(arguments.seeds))
        found = Parallel(arguments.jobs)(
            delayed(label_in_order)(X, Y, artists, order, seed) for order, seed in runs
        )
        return pd.DataFrame(list(chain.from_iterable(found)))

    lines = tabulate(kept(f"orders {arguments.seeds}", run))
    print(lines.round(3).to_string(index=False))
    written = write_result(
        lines,
        "active_learning",
        command=command_of(parser, arguments, positional=["table"]),
        settings={**SETTINGS, "seeds": arguments.seeds},
        code=CODE,
        seconds=kept.seconds,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
