"""Effect of another patch in every epoch, and of averaging several patches in predictions.

Cross-validation by artist over the audio of a table (multilabel). Every clip is extracted
once, in full; networks see patches of 15 s of it. The metric is the macro AUC, the mean
over folds; intervals are of the difference to one fixed patch, over artists and seeds.

    python benchmarks/evaluate_patches.py TABLE.csv [--seconds 20] [--epochs 40] [--runs 3]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import compare
from _results import FOLDER, command_of, hash_of_file, verdict, write_result
from evaluate_table import read_table
from joblib import Parallel, delayed

from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import ArtistKFold
from skmmgenre.utils import is_missing

# Trained on, answered from.
TRAINED = {"one fixed patch": "center", "a patch an epoch": "epoch", "all of the clip": "whole"}
ANSWERED = {"one patch": 1, "mean of 5": 5}
CODE = ["benchmarks/evaluate_patches.py"]


def run_fold(patches, Y, train, test, *, architecture, epochs, seed):
    """Return scores of the test rows for each way to train and predict."""
    scores = {}
    for trained, option in TRAINED.items():
        model = AudioCNN(
            architecture=architecture,
            patches=option,
            preset="paper",
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
    """Print the table of metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--architecture", default="time")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    arguments = parser.parse_args()
    began = time.perf_counter()
    table, Y = read_table(arguments.table)
    if Y.ndim == 1:
        parser.error(f"{arguments.table} has one genre a row: give a table with a column genres")
    heard = ~table["audio"].map(is_missing).to_numpy()
    table, Y = table[heard].reset_index(drop=True), Y[heard].to_numpy()
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
    scores = {name: np.concatenate([fold[name] for fold in found]) for name in found[0]}
    rows = pd.DataFrame(
        {"fold": number, "run": run, "row": row}
        for number, (run, _, test) in enumerate(folds)
        for row in test
    )
    lines = tabulate(scores, Y[rows["row"]], artists[rows["row"]], rows)
    print(f"{len(Y)} clips, {artists.nunique()} artists, {Y.shape[1]} genres, {options}")
    print(lines.round(3).to_string(index=False))
    settings = {
        **options,
        **{name: getattr(arguments, name) for name in ("seconds", "runs", "folds")},
        "clips": len(Y),
        "artists": int(artists.nunique()),
    }
    written = write_result(
        lines,
        f"patches_{arguments.table.stem}",
        command=command_of(parser, arguments, positional=("table",)),
        settings=settings,
        code=CODE,
        data=hash_of_file(arguments.table),
        seconds=time.perf_counter() - began,
        folder=arguments.output,
    )
    print(f"written to {written}")


def tabulate(scores, truth, artists, rows):
    """Return one line per way to train and predict: macro AUC, and difference to one patch."""
    base = scores["one fixed patch", "one patch"]
    lines = []
    for (trained, answered), said in scores.items():
        of_folds = pd.Series(
            {
                fold: macro_auc_score(truth[part], said[part])
                for fold, part in rows.groupby("fold").indices.items()
            }
        )
        of_runs = of_folds.groupby(rows.groupby("fold")["run"].first()).mean()
        line = {"trained": trained, "answered": answered, "macro_auc": of_runs.mean()}
        line["macro_auc_std"] = of_runs.std(ddof=0)
        if said is not base:
            line |= compare(
                truth,
                said,
                base,
                metric="macro_auc",
                groups=artists,
                runs=rows["fold"],
                seeds=rows["run"],
            )
            line["verdict"] = verdict(line["low"], line["high"])
        lines.append(line)
    return pd.DataFrame(lines)


if __name__ == "__main__":
    main()
