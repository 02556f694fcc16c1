"""Frozen audio encoders with FusionClassifier at its defaults, compared with the plain baseline.

    python benchmarks/evaluate_encoders.py TABLE.csv

Each system is trained and tested on the same folds: `ArtistKFold(5)` with seeds 0 to 4, and
`GroupKFold(5)`, which is not random. Macro AUC, average precision and F1 are means over folds; the
interval of a difference is paired, over artists and seeds. musicnn (trained on the Million Song
Dataset) is compared with musicnn-mtt (trained on the music of an independent label), both together,
the same network with random weights, shuffled labels, and logistic regression on statistics.

- few rows: trained on 50, 100 and 200 rows of the training artists (20 draws); a genre without a
  training row counts as 0.5.
- a genre from ten artists: a genre is hidden from the model and added with `add_genre` from the
  rows of ten artists (20 draws, of each genre with 20 artists or more), compared with plain
  regression on the same rows and the model that was trained with all rows of the genre.
- with text: `make_genre_classifier` on the vectors and on the texts of the table.

musicnn may have been trained on some of these clips, with tags that are close to genres; the layer
that is trained here was not. The texts of the table belong to other music of the genre.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import compare
from _kept import Kept
from _results import FOLDER, command_of, hash_of_file, verdict, write_result
from evaluate_table import read_table
from joblib import Parallel, delayed
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.audio import AudioEmbedder, AudioStatistics
from skmmgenre.audio._musicnn import SHAPES
from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics import macro_auc_score, macro_average_precision_score
from skmmgenre.metrics._ranking import auc_by_label, average_precision_by_label, row_weights
from skmmgenre.model_selection import ArtistKFold

CODE = ["benchmarks/evaluate_encoders.py", "skmmgenre/compose/_plain_control.py"]
SEEDS, DRAWS, ROWS = 5, 20, (50, 100, 200)
PLAIN, BEST = "statistics, plain", "musicnn"
ARTISTS = 10  # that a hidden genre is learned from


def vectors_of(table, n_jobs):
    """Return the audio vectors of each system, and whether there is any audio."""
    options = {"n_jobs": n_jobs, "on_error": "missing"}
    cells = table["audio"]
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.safetensors"
        save_file(random_weights(), weights)
        vectors = {
            PLAIN: AudioStatistics(**options).fit_transform(cells),
            BEST: AudioEmbedder(**options).fit_transform(cells),
            "musicnn-mtt": AudioEmbedder(model="musicnn-mtt", **options).fit_transform(cells),
            "random weights": AudioEmbedder(weights=weights, **options).fit_transform(cells),
        }
    frames = {
        name: pd.DataFrame(values).add_prefix(f"{name.split(',')[0].replace(' ', '_')}__")
        for name, values in vectors.items()
    }
    frames["musicnn + musicnn-mtt"] = pd.concat([frames[BEST], frames["musicnn-mtt"]], axis=1)
    heard = np.all([frame.notna().all(axis=1) for frame in frames.values()], axis=0)
    return frames, heard


def random_weights():
    """Return the network of musicnn with random weights."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape in SHAPES.items():
        if name.endswith("/kernel"):
            scale = np.sqrt(2 / np.prod(shape[:-1]))
            arrays[name] = (scale * rng.normal(size=shape)).astype(np.float32)
        else:
            ones = name.endswith(("/gamma", "/moving_variance"))
            arrays[name] = (np.ones if ones else np.zeros)(shape, dtype=np.float32)
    return arrays


def plain_regression():
    """Return a plain logistic regression with the penalty of `make_plain_classifier`."""
    regression = LogisticRegression(C=0.05, class_weight="balanced", max_iter=2000)
    return make_pipeline(StandardScaler(), OneVsRestClassifier(regression))


def scores_of(name, X, Y, artists, train, test):
    """Train a system on some rows; return the scores of others."""
    if name == PLAIN:
        return plain_regression().fit(X.iloc[train], Y[train]).predict_proba(X.iloc[test])
    names = [str(label) for label in range(Y.shape[1])]
    model = FusionClassifier().fit(
        X.iloc[train], pd.DataFrame(Y[train], columns=names), groups=artists[train]
    )
    return model.decision_function(X.iloc[test])


def all_folds(Y, artists):
    """Protocol, seed, training and test rows of each fold."""
    codes = pd.factorize(artists)[0]
    for seed in range(SEEDS):
        for train, test in ArtistKFold(5, random_state=seed).split(Y, Y, artists):
            yield "ArtistKFold", seed, train, test
    for train, test in GroupKFold(5).split(Y, Y, codes):
        yield "GroupKFold", 0, train, test


def system_lines(frames, Y, artists, n_jobs):
    """Return one line per system and protocol, compared with plain regression on statistics."""
    folds = list(all_folds(Y, artists))
    order = np.random.default_rng(0).permutation(len(Y))
    asked = [(name, name, Y) for name in frames] + [("labels shuffled", BEST, Y[order])]
    lines = []
    scores = {
        title: Parallel(n_jobs)(
            delayed(scores_of)(name, frames[name], truth, artists, train, test)
            for *_, train, test in folds
        )
        for title, name, truth in asked
    }
    for title, _, truth in asked:
        for protocol in ("ArtistKFold", "GroupKFold"):
            of = [k for k, fold in enumerate(folds) if fold[0] == protocol]
            tests = [folds[k][3] for k in of]
            figures = [
                (
                    macro_auc_score(truth[test], scores[title][k]),
                    macro_average_precision_score(truth[test], scores[title][k]),
                )
                for k, test in zip(of, tests, strict=True)
            ]
            line = dict(
                zip(("macro_auc", "macro_average_precision"), np.mean(figures, 0), strict=True)
            )
            line = {"system": title, "protocol": protocol, **line}
            if title not in (PLAIN, "labels shuffled"):
                rows = np.concatenate(tests)
                found = compare(
                    truth[rows],
                    np.concatenate([scores[title][k] for k in of]),
                    np.concatenate([scores[PLAIN][k] for k in of]),
                    metric="macro_auc",
                    groups=artists[rows],
                    runs=np.repeat(of, [len(test) for test in tests]),
                    seeds=np.repeat([folds[k][1] for k in of], [len(test) for test in tests]),
                )
                line |= {"difference": found["estimate"], "low": found["low"]}
                line |= {"high": found["high"], "verdict": verdict(found["low"], found["high"])}
            lines.append(line)
    return pd.DataFrame(lines)


def few_rows_line(X, Y, artists, n_rows, draw):
    """Return AUC and average precision; a genre without a training row counts as 0.5."""
    train, test = next(ArtistKFold(5, random_state=draw).split(Y, Y, artists))
    train = np.random.default_rng(draw).permutation(train)[:n_rows]
    known = Y[train].any(axis=0) & ~Y[train].all(axis=0)
    scores = np.zeros((len(test), Y.shape[1]))
    scores[:, known] = scores_of(BEST, X, Y[:, known], artists, train, test)
    weight = row_weights(None, len(test))
    auc = auc_by_label(Y[test].astype(bool), scores, weight)
    precision = average_precision_by_label(Y[test].astype(bool), scores, weight)
    return {"rows": n_rows, "macro_auc": np.nanmean(auc), "ap": np.nanmean(precision)}


def few_rows_lines(X, Y, artists, n_jobs):
    """Return one line per number of rows: mean and spread of the draws."""
    found = pd.DataFrame(
        Parallel(n_jobs)(
            delayed(few_rows_line)(X, Y, artists, n_rows, draw)
            for n_rows in ROWS
            for draw in range(DRAWS)
        )
    )
    of_rows = found.groupby("rows")
    return of_rows.mean().join(of_rows["macro_auc"].std().rename("std")).reset_index()


def hidden_genre(X, Y, artists, genre, draw):
    """AUC of one genre: from all rows, added from ten artists, and plain on the same rows."""
    train, test = next(ArtistKFold(5, random_state=draw).split(Y, Y, artists))
    has = Y[:, genre].astype(bool)
    own = np.unique(artists[train][has[train]])
    if len(own) < ARTISTS or not has[test].any():
        return None
    rng = np.random.default_rng([draw, genre])
    chosen = rng.choice(own, ARTISTS, replace=False)
    kept = train[~has[train] | np.isin(artists[train], chosen)]
    others = np.delete(np.arange(Y.shape[1]), genre)
    names = others.astype(str)
    first = train[~has[train]]  # the model has never met the genre
    model = FusionClassifier().fit(
        X.iloc[first], pd.DataFrame(Y[first][:, others], columns=names), groups=artists[first]
    )
    before = model.decision_function(X.iloc[test])
    began = time.perf_counter()
    model.add_genre(X.iloc[kept], has[kept], "new", groups=artists[kept])
    seconds = time.perf_counter() - began
    after = model.decision_function(X.iloc[test])
    everything = scores_of(BEST, X, Y, artists, train, test)[:, genre]
    plain = plain_regression().fit(X.iloc[kept], has[kept].astype(int))
    said = {
        "all rows": everything,
        "ten artists": after[:, -1],
        "plain, ten artists": plain.predict_proba(X.iloc[test])[:, 1],
    }
    truth = has[test][:, np.newaxis]
    return {
        "genre": genre,
        "draw": draw,
        **{name: macro_auc_score(truth, one[:, np.newaxis]) for name, one in said.items()},
        "seconds": seconds,
        "change": np.abs(after[:, :-1] - before).max(),
    }


def hidden_genre_lines(X, Y, artists, n_jobs):
    """Return means over genres and draws, and intervals over draws of the differences."""
    n_artists = [len(np.unique(artists[Y[:, genre] > 0])) for genre in range(Y.shape[1])]
    found = Parallel(n_jobs)(
        delayed(hidden_genre)(X, Y, artists, genre, draw)
        for genre, n in enumerate(n_artists)
        if n >= 20
        for draw in range(DRAWS)
    )
    found = pd.DataFrame([line for line in found if line is not None])
    by_draw = found.groupby("draw")[["all rows", "ten artists", "plain, ten artists"]].mean()
    lines = []
    for name in by_draw:
        line = {"trained on": name, "auc": by_draw[name].mean()}
        if name != "all rows":
            apart = (by_draw[name] - by_draw["all rows"]).to_numpy()
            draws = np.random.default_rng(0).choice(apart, (2000, len(apart))).mean(axis=1)
            low, high = np.quantile(draws, [0.025, 0.975])
            line |= {"difference": apart.mean(), "low": low, "high": high}
        if name == "ten artists":
            line |= {"seconds": found["seconds"].max(), "change": found["change"].max()}
        lines.append(line | {"genres": found["genre"].nunique(), "draws": len(by_draw)})
    return pd.DataFrame(lines)


def fused_lines(X, table, Y, n_jobs):
    """Compare vectors and texts alone and together with `ablate_modalities`."""
    model = make_genre_classifier(
        audio="vectors", audio_model="vectors", text="text", image=None, random_state=0
    )
    table = table.assign(vectors=list(X.to_numpy()))
    figures = ablate_modalities(
        model,
        table,
        Y,
        groups=table["artist"],
        cv=lambda random_state: ArtistKFold(5, random_state=random_state),
        n_runs=SEEDS,
        metric="macro_auc",
        n_jobs=n_jobs,
        verbose=1,
    )
    lines = figures.reset_index().rename(columns={"model": "system"})
    kept = ["system", "macro_auc", "macro_average_precision", "f1", "without_label"]
    return lines[[*kept, "reference", "difference", "low", "high"]]


def main():
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    table, labels = read_table(arguments.table)
    data, n_jobs = hash_of_file(arguments.table), arguments.jobs
    kept = Kept(arguments.keep, "encoders", data)
    frames, heard = kept("vectors", lambda: vectors_of(table, n_jobs))
    frames = {name: frame[heard].reset_index(drop=True) for name, frame in frames.items()}
    table, labels = table[heard].reset_index(drop=True), labels[heard].reset_index(drop=True)
    Y, X = labels.to_numpy(), frames[BEST]
    artists = np.array([artist or f"row {row}" for row, artist in enumerate(table["artist"])])
    print(f"{len(Y)} clips, {len(set(artists))} artists, {Y.shape[1]} genres")
    parts = {
        "encoders": lambda: system_lines(frames, Y, artists, n_jobs),
        "encoders_few_rows": lambda: few_rows_lines(X, Y, artists, n_jobs),
        "encoders_new_genre": lambda: hidden_genre_lines(X, Y, artists, n_jobs),
        "encoders_with_text": lambda: fused_lines(X, table, labels, n_jobs),
    }
    for name, compute in parts.items():
        began = time.perf_counter()
        lines = kept(name, compute)
        print(lines.round(3).to_string(index=False))
        written = write_result(
            lines,
            name,
            command=command_of(parser, arguments, positional=("table",)),
            settings={"clips": len(Y), "seeds": SEEDS, "draws": DRAWS},
            code=CODE,
            data=data,
            seconds=time.perf_counter() - began,
            folder=arguments.output,
        )
        print(f"written to {written}")


if __name__ == "__main__":
    main()
