"""Effect of cross-fitted vectors on the fusion, studied on the text network.

Text of synthetic albums, and as second modality the perceived genre of the cover itself (one
of nine columns is 1), so that only the text network is trained. The fusion layer is trained on
vectors of the text network for its own training rows ("in-sample", the paper), on those of k fold
networks ("3 folds, drifted"), and on those of fold networks aligned with the network of all rows
by ridge regression on shared training rows ("cross_fit=3"). Differences to "in-sample" have paired
95 % intervals over artists and seeds.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import compare
from _results import FOLDER, command_of, verdict, write_result

from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics import genre_scores
from skmmgenre.model_selection import ArtistKFold, ArtistShuffleSplit
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

SETTINGS = {"preset": "paper", "hidden_units": (256, 256), "test_size": 0.2}
CODE = ["benchmarks/evaluate_cross_fit.py", "skmmgenre/datasets/_synthetic"]
_BASE = "in-sample"


def drifted_vectors(network, X, y, artists, n_folds):
    """Return out-of-fold vectors of fold networks, without alignment."""
    parts = {}
    for seen, unseen in ArtistKFold(n_folds).split(X, y, artists):
        fold = network().fit(X[seen], y[seen], groups=artists[seen])
        parts |= dict(zip(unseen, fold.transform(X[unseen]), strict=True))
    return np.stack([parts[row] for row in range(len(y))])


def one_run(albums, texts, seed, folds):
    """Return the predictions of each way of training for unseen artists, one line per album."""
    train, test = next(
        ArtistShuffleSplit(1, test_size=SETTINGS["test_size"], random_state=seed).split(
            texts, albums.y, albums.groups
        )
    )
    X = ReviewVectorizer().fit(texts[train]).transform(texts)
    y, artists = albums.y[train], albums.groups[train]
    perceived = albums.oracle.perceived["cover"].to_numpy()
    cover = (perceived[:, None] == albums.oracle.classes).astype(np.float32)
    width = SETTINGS["hidden_units"][-1]

    def network(**parameters):
        hidden_units, preset = SETTINGS["hidden_units"], SETTINGS["preset"]
        return TextMLP(hidden_units=hidden_units, preset=preset, random_state=seed, **parameters)

    full = network().fit(X[train], y, groups=artists)
    tested = full.transform(X[test])

    def fused(vectors):
        blocks = {"text": width, "cover": cover.shape[1]}
        fusion = FusionClassifier(blocks=blocks, preset=SETTINGS["preset"], random_state=seed)
        fusion.fit(np.hstack([vectors, cover[train]]), y, groups=artists)
        return fusion.predict(np.hstack([tested, cover[test]]))

    said = {"text alone": full.predict(X[test]), _BASE: fused(full.transform(X[train]))}
    for n_folds in folds:
        drifted = drifted_vectors(network, X[train], y, artists, n_folds)
        said[f"{n_folds} folds, drifted"] = fused(drifted)
        aligned = network(cross_fit=n_folds).fit_transform(X[train], y, groups=artists)
        said[f"cross_fit={n_folds}"] = fused(aligned)
    about = {"run": seed, "row": test, "group": albums.groups[test], "true": albums.y[test]}
    return pd.DataFrame({**about, **said})


def tabulate(albums, answers):
    """Return one line per way of training: macro F1, and the difference to the paper."""
    runs = [part for _, part in answers.groupby("run")]
    asked = {"groups": answers["group"], "runs": answers["run"], "seeds": answers["run"]}
    lines = []
    for name in answers.columns[4:]:
        f1 = [
            genre_scores(part["true"], part[name], labels=albums.oracle.classes).loc["macro", "f1"]
            for part in runs
        ]
        line = {"vectors": name, "f1": np.mean(f1), "f1_std": np.std(f1)}
        if name != _BASE:
            labels = albums.oracle.classes
            line |= compare(answers["true"], answers[name], answers[_BASE], labels=labels, **asked)
            line["verdict"] = verdict(line["low"], line["high"])
        lines.append(line)
    ceilings = [
        albums.oracle.ceiling(("text", "cover"), part["row"].to_numpy(), metric="macro_f1")
        for part in runs
    ]
    lines.append({"vectors": "ceiling", "f1": np.mean(ceilings)})
    return pd.DataFrame(lines)


def main():
    """Print and write one line per way of training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=1500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    arguments = parser.parse_args()
    began = time.perf_counter()
    albums = make_albums(arguments.albums, random_state=7, duration=0.5, cover_size=16, n_jobs=2)
    texts = ReviewTruncator().fit_transform(albums.table["text"])
    answers = pd.concat(
        [one_run(albums, texts, seed, arguments.folds) for seed in range(arguments.runs)],
        ignore_index=True,
    )
    lines = tabulate(albums, answers)
    print(lines.round(3).to_string(index=False))
    sizes = {"albums": arguments.albums, "runs": arguments.runs, "folds": arguments.folds}
    written = write_result(
        lines,
        "cross_fit",
        command=command_of(parser, arguments),
        settings={**SETTINGS, **sizes},
        code=CODE,
        seconds=time.perf_counter() - began,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
