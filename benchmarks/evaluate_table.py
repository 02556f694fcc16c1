"""Every subset of the modalities on a table of one's own, by artist-wise cross-validation.

The CSV has some of the columns audio, text, cover (paths relative to it; empty cells are
missing), the artist, and genre, or a column of several genres in one cell. One run is a
cross-validation over all rows; runs differ in the seeds of the networks and in the folds.
Whether the modalities of a row belong to the same music is for the reader to know: where they
do not, nothing follows about fusion.

    python benchmarks/evaluate_table.py TABLE.csv
    python benchmarks/evaluate_table.py TABLE.csv --genres genres --text-target cosine --epochs 12
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.labels import GenreTaxonomy, read_genres
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import ArtistKFold

_COLUMNS = {"audio": "audio", "text": "text", "image": "cover"}


def read_table(path):
    """The table with paths joined to its folder; empty cells are None."""
    table = pd.read_csv(path, keep_default_na=False)
    for column in {"audio", "cover"} & set(table.columns):
        table[column] = [str(path.parent / cell) if cell else None for cell in table[column]]
    table["artist"] = [artist or None for artist in table["artist"]]
    return table


def build_model(table, arguments):
    """The paper's networks at a size for two cores and a few hundred rows."""
    used = {name: column for name, column in _COLUMNS.items() if column in table}
    parameters = {
        "audio__architecture": "time",
        "audio__max_epochs": 40,
        "text__hidden_units": (512, 512),
        "text__max_epochs": 40,
        "image__depth": arguments.depth,
        "image__weights": arguments.weights,
        "image__image_size": 32,
        "image__lr": 1e-3 if arguments.weights is None else 1e-4,
        "image__max_epochs": 10,
    }
    if arguments.epochs is not None:
        parameters |= {f"{name}__max_epochs": arguments.epochs for name in used}
        parameters["validation_fraction"] = 0
    if arguments.text_target is not None:
        parameters["text__target"] = arguments.text_target
    if arguments.genres is None:
        parameters["class_weight"] = "balanced"
    return make_genre_classifier(
        **{name: used.get(name) for name in _COLUMNS},
        target=arguments.target,
        n_jobs=2,
        **{
            name: value
            for name, value in parameters.items()
            if "__" not in name or name.split("__")[0] in used
        },
    )


def main():
    """Print the table of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--genres", default=None, help="column of several genres in a cell")
    parser.add_argument("--separators", default=None, help="letters between the genres of a cell")
    parser.add_argument("--target", default="auto")
    parser.add_argument("--text-target", default=None, help="of the text network alone")
    parser.add_argument(
        "--epochs",
        type=int,
        default=None,
        help="of every branch, without early stopping: a tenth of a few hundred rows tells little",
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--weights", default=None, help="of the ResNet; default: random")
    parser.add_argument("--depth", type=int, default=18)
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    table = read_table(arguments.table)
    several = arguments.genres is not None
    if several:
        genres, _ = read_genres(table[arguments.genres], arguments.separators)
        y = GenreTaxonomy.from_items(genres, separator=None).label_matrix(genres)
    else:
        y = table["genre"].to_numpy()
    figures, predictions = ablate_modalities(
        build_model(table, arguments),
        table,
        y,
        table["artist"],
        n_runs=arguments.runs,
        cv=partial(ArtistKFold, arguments.folds),
        controls=["missing pattern", *([] if several else ["mean of probabilities"])],
        n_jobs=2,
        verbose=1,
        return_predictions=True,
    )
    print(figures.drop(columns="input").round(3).T.to_string())
    if several:  # beside the mean over folds: the scores of all folds, taken together
        run = predictions.rows["run"].to_numpy()
        for name, scores in predictions.scores.items():
            pooled = [
                macro_auc_score(predictions.true[run == r], scores[run == r])
                for r in np.unique(run)
            ]
            print(f"macro AUC, folds pooled: {name} {np.mean(pooled):.3f} ± {np.std(pooled):.3f}")
    if arguments.output is not None:
        figures.to_csv(arguments.output)


if __name__ == "__main__":
    main()
