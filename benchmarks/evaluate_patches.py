"""What another patch in every epoch, and the mean over several in answers, bring.

Cross-validation by artist over the sounds of a table (several genres in a cell). Every clip is
extracted once, whole; networks see patches of 15 s of it. The figure is the macro AUC of the
scores of all folds; intervals are of the difference to one fixed patch, over artists.

    python benchmarks/evaluate_patches.py TABLE.csv [--seconds 20] [--epochs 40] [--runs 3]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from evaluate_table import read_table
from joblib import Parallel, delayed

from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.labels import GenreTaxonomy, read_genres
from skmmgenre.metrics import bootstrap_interval, macro_auc_score
from skmmgenre.model_selection import ArtistKFold
from skmmgenre.utils import is_missing

# Trained on, answered from.
TRAINED = {"one fixed patch": "center", "a patch an epoch": "epoch", "all of the clip": "whole"}
ANSWERED = {"one patch": 1, "mean of 5": 5}


def run_fold(patches, Y, train, test, *, architecture, epochs, seed):
    """Scores of the test rows, for each way to train and to answer."""
    scores = {}
    for trained, option in TRAINED.items():
        model = AudioCNN(
            architecture=architecture,
            patches=option,
            max_epochs=epochs,
            validation_fraction=0,
            random_state=seed,
        ).fit(patches[train], Y[train])
        for answered, n_patches in ANSWERED.items():
            if option == "whole" and n_patches > 1:
                continue
            model.set_params(n_patches=n_patches)
            scores[trained, answered] = model.predict_proba(patches[test])
    return scores


def main():
    """Print the table of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--genres", default="genres")
    parser.add_argument("--separators", default=None, help="letters between the genres of a cell")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--architecture", default="time")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    began = time.perf_counter()
    table = read_table(arguments.table)
    table = table[~table["audio"].map(is_missing)].reset_index(drop=True)
    genres, _ = read_genres(table[arguments.genres], arguments.separators)
    Y = GenreTaxonomy.from_items(genres, separator=None).label_matrix(genres).to_numpy()
    artists = table["artist"]
    patches = CQTExtractor(duration=arguments.seconds, n_jobs=arguments.jobs).transform(
        table["audio"]
    )
    folds = [
        (run, train, test)
        for run in range(arguments.runs)
        for train, test in ArtistKFold(arguments.folds, random_state=run).split(patches, Y, artists)
    ]
    options = {"architecture": arguments.architecture, "epochs": arguments.epochs}
    found = Parallel(arguments.jobs)(
        delayed(run_fold)(patches, Y, train, test, seed=run, **options)
        for run, train, test in folds
    )
    stacked = {name: np.zeros((arguments.runs, *Y.shape)) for name in found[0]}
    for (run, _, test), scores in zip(folds, found, strict=True):
        for name, of_rows in scores.items():
            stacked[name][run, test] = of_rows
    base = stacked["one fixed patch", "one patch"]
    runs = np.repeat(np.arange(arguments.runs), len(Y))
    lines = []
    for name, scores in stacked.items():
        of_runs = [macro_auc_score(Y, s) for s in scores]
        line = {"trained": name[0], "answered": name[1], "macro AUC": np.mean(of_runs)}
        line["sd of runs"] = np.std(of_runs)
        if scores is not base:
            line |= bootstrap_interval(
                np.tile(Y, (arguments.runs, 1)),
                scores.reshape(-1, Y.shape[1]),
                base.reshape(-1, Y.shape[1]),
                metric="macro_auc",
                groups=np.tile(artists, arguments.runs),
                runs=runs,
            )._asdict()
        lines.append(line)
    print(f"{len(Y)} clips, {artists.nunique()} artists, {Y.shape[1]} genres, {options}")
    print(pd.DataFrame(lines).round(3).to_string(index=False))
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
