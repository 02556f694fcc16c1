"""Every subset of the modalities on a table of one's own, by artist-wise cross-validation.

The CSV has the columns audio, text, cover (paths relative to it; empty cells are missing),
genre and artist. One run is a cross-validation over all rows; runs differ in the seeds of
the networks and in the folds. Whether the modalities of a row belong to the same music is
for the reader to know: where they do not, nothing follows about fusion.

    python benchmarks/evaluate_table.py TABLE.csv
"""

import argparse
from functools import partial
from pathlib import Path

import pandas as pd

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.model_selection import ArtistKFold


def main():
    """Print the table of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--weights", default=None, help="of the ResNet; default: random")
    parser.add_argument("--depth", type=int, default=18)
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.table, keep_default_na=False)
    folder = arguments.table.parent
    for column in ("audio", "cover"):
        table[column] = [str(folder / cell) if cell else None for cell in table[column]]
    model = make_genre_classifier(
        class_weight="balanced",
        n_jobs=2,
        audio__architecture="time",
        text__hidden_units=(512, 512),
        text__max_epochs=40,
        audio__max_epochs=40,
        image__depth=arguments.depth,
        image__weights=arguments.weights,
        image__image_size=32,
        image__lr=1e-3 if arguments.weights is None else 1e-4,
        image__max_epochs=10,
    )
    figures = ablate_modalities(
        model,
        table,
        table["genre"].to_numpy(),
        table["artist"],
        n_runs=arguments.runs,
        cv=partial(ArtistKFold, arguments.folds),
        controls=["missing pattern", "mean of probabilities"],
        n_jobs=2,
        verbose=1,
    )
    print(figures.drop(columns="input").round(3).to_string())
    if arguments.output is not None:
        figures.to_csv(arguments.output)


if __name__ == "__main__":
    main()
