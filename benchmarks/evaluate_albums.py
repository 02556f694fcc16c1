"""The code of README at the defaults, tested on 1,000 further albums of other artists.

The model is trained on the 140 albums that README's code trains on: 70 % of 200, with another split
for each seed. It is tested on 1,000 albums of the same genres and other artists, drawn with another
seed. Every modality and every fusion is compared with plain regressions on the same rows, and with
the exact posterior of the albums. Only the seed is set. Differences in macro F1 to plain have a
paired 95 % interval over artists and seeds; "similar" means that it lies within 0.03.

    python benchmarks/evaluate_albums.py
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import compare
from _results import FOLDER, command_of, verdict, write_result
from sklearn.model_selection import check_cv

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.model_selection import train_validation_test_split

COLUMNS = {"audio": "audio", "text": "text", "image": "cover"}
SIZES = (0.7, 0.15, 0.15)
MISSING = 0.1
MARGIN = 0.03  # of macro F1
CODE = [
    "benchmarks/evaluate_albums.py",
    "skmmgenre/compose/_plain_control.py",
    "skmmgenre/datasets/_synthetic",
]


def make(arguments, folder):
    """Return README's albums, and further ones of other artists."""
    parts = []
    for seed, n_albums in enumerate((arguments.albums, arguments.further)):
        parts.append(
            make_albums(
                n_albums,
                missing=MISSING,
                random_state=seed,
                directory=Path(folder) / str(seed),
                n_jobs=arguments.jobs,
                verbose=1,
            )
        )
    return parts


def run(known, further, arguments):
    """Return the predictions of each subset of the modalities, and of plain, for further albums."""
    tested = len(known.y) + np.arange(len(further.y))

    def split(random_state):
        train, _, _ = train_validation_test_split(
            known.table, known.y, known.groups, sizes=SIZES, random_state=random_state
        )
        return check_cv([(train, tested)])

    groups = [f"{part}: {artist}" for part, albums in enumerate((known, further))
              for artist in albums.groups]  # fmt: skip
    _, predictions = ablate_modalities(
        make_genre_classifier(n_jobs=arguments.jobs),
        pd.concat([known.table, further.table], ignore_index=True),
        np.concatenate([known.y, further.y]),
        np.array(groups, dtype=object),
        cv=split,
        n_runs=arguments.seeds,
        controls=["plain"],
        n_resamples=1,
        verbose=1,
        return_predictions=True,
    )
    return predictions.assign(row=predictions["row"] - len(known.y))


def tabulate(predictions, further):
    """Return one line per subset: macro F1, that of plain and of the posterior, and difference."""
    labels = further.oracle.classes
    lines = []
    for name in predictions.columns[4:]:
        if name.startswith("plain "):
            continue
        plain = f"plain {name}"
        columns = [COLUMNS[block] for block in name.split(" + ")]
        line = {"modalities": name}
        for key, system in (("f1", name), ("plain", plain)):
            values = [
                compare(part["true"], part[system], labels=labels, n_resamples=1)["estimate"]
                for _, part in predictions.groupby("run")
            ]
            line |= {key: np.mean(values), f"{key}_std": np.std(values)}
        rows = predictions["row"][predictions["run"] == predictions["run"].iloc[0]]
        line["ceiling"] = further.oracle.ceiling(columns, rows.to_numpy(), metric="macro_f1")
        found = compare(
            predictions["true"],
            predictions[name],
            predictions[plain],
            groups=predictions["group"],
            runs=predictions["run"],
            seeds=predictions["run"],
            labels=labels,
        )
        line |= {key: found[key] for key in ("estimate", "low", "high")}
        lines.append(line | {"verdict": verdict(found["low"], found["high"], MARGIN)})
    return pd.DataFrame(lines)


def main():
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=200, help="README's, 0.7 of which train")
    parser.add_argument("--further", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        known, further = make(arguments, folder)
        lines = tabulate(run(known, further, arguments), further)
    print(lines.round(3).to_string(index=False))
    written = write_result(
        lines,
        "albums",
        command=command_of(parser, arguments),
        settings={
            "albums": arguments.albums,
            "further": arguments.further,
            "seeds": arguments.seeds,
            "missing": MISSING,
            "sizes": SIZES,
            "margin": MARGIN,
        },
        code=CODE,
        seconds=time.perf_counter() - began,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
