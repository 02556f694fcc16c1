"""Build a multilabel data set of albums from two catalogues, as MuMu was built (section 7.1).

The shop has genres, and the encyclopedia identifies artists. Albums are matched by title and
artist. The genres of the shop become labels, with all labels on a branch of its genre tree; labels
with few albums are dropped; and the albums are split by artist.

    python examples/build_dataset.py
    python examples/build_dataset.py shop.csv encyclopedia.csv --output dataset.csv

The shop is a CSV with the columns title, artist and genres ("Pop/Oldies|Jazz"), the encyclopedia
one with title, artist and artist_id; other columns of both are kept. Without catalogues, two
synthetic ones are matched. Their true matches are known, so precision and recall are printed. The
result is a table for examples/reproduce_multi_label.py (--split set).
"""

import argparse
from pathlib import Path

import pandas as pd

from skmmgenre.datasets import describe_genres, make_catalogues, match_records
from skmmgenre.labels import GenreTaxonomy, read_genres
from skmmgenre.model_selection import train_validation_test_split


def read_options(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shop", nargs="?", type=Path)
    parser.add_argument("encyclopedia", nargs="?", type=Path)
    parser.add_argument(
        "--n-albums", type=int, default=5000, help="albums in the synthetic catalogues"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.8, help="minimum similarity of a match"
    )
    parser.add_argument(
        "--min-items", type=int, default=12, help="minimum number of albums per label"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("dataset.csv"))
    options = parser.parse_args(arguments)
    if (options.shop is None) != (options.encyclopedia is None):
        parser.error("give both catalogues, or none for synthetic ones")
    return options


def read_catalogues(options):
    """Return the shop, the encyclopedia, and the true pairs or None."""
    if options.shop is None:
        data = make_catalogues(options.n_albums, n_genres=96, random_state=options.seed)
        return data.left, data.right, data.pairs
    shop, encyclopedia = (
        pd.read_csv(path, dtype=str, keep_default_na=False)
        for path in (options.shop, options.encyclopedia)
    )
    shop["genres"], _ = read_genres(shop["genres"])
    return shop, encyclopedia, None


def report_matches(result, shop, encyclopedia, pairs):
    """Print how many albums matched and, if the true pairs are known, precision and recall."""
    matches = result.matches
    print(
        f"matched: {len(matches):,} of {len(shop):,} albums of the shop, to {len(encyclopedia):,} "
        f"of the encyclopedia; {matches['ambiguous'].sum():,} matches are ambiguous"
    )
    if pairs is not None:
        truth = set(pairs.itertuples(index=False, name=None))
        found = set(matches[["left", "right"]].itertuples(index=False, name=None))
        right = len(truth & found)
        print(f"precision {right / len(found):.4f}, recall {right / len(truth):.4f}")


def join_catalogues(result, shop, encyclopedia):
    """Return one row per match with the columns of both, without ambiguous matches."""
    sure = result.matches[~result.matches["ambiguous"]]
    ours = shop.loc[sure["left"]].reset_index(drop=True)
    theirs = encyclopedia.loc[sure["right"]].reset_index(drop=True)
    more = theirs[theirs.columns.difference(ours.columns, sort=False)]
    table = pd.concat([ours.drop(columns="artist"), more], axis=1)
    # The shop spells an artist in several ways, so split by the id of the encyclopedia.
    return table.rename(columns={"artist_id": "artist"})


def main(arguments=None):
    """Match, label, filter, split, write; return the table and its labels."""
    options = read_options(arguments)
    shop, encyclopedia, pairs = read_catalogues(options)

    result = match_records(shop, encyclopedia, threshold=options.threshold, verbose=1)
    report_matches(result, shop, encyclopedia, pairs)
    table = join_catalogues(result, shop, encyclopedia)

    whole = GenreTaxonomy.from_items(table["genres"])
    taxonomy = whole.filter(table["genres"], min_items=options.min_items)
    Y = taxonomy.label_matrix(table["genres"])
    labelled = Y.to_numpy().any(axis=1)
    print(f"dropped: {(~labelled).sum():,} of {len(table):,} albums have none of these labels")
    table, Y = table[labelled].reset_index(drop=True), Y[labelled].reset_index(drop=True)
    print(
        f"labels: {len(taxonomy.labels)} of {len(whole.labels)} have {options.min_items} albums or "
        f"more; {len(table):,} albums have {Y.to_numpy().sum(axis=1).mean():.2f} labels on average"
    )

    parts = dict(
        zip(
            ("train", "val", "test"),
            train_validation_test_split(
                table, Y, table["artist"], (0.8, 0.1, 0.1), random_state=options.seed
            ),
            strict=True,
        )
    )
    table["set"] = ""
    for part, rows in parts.items():
        table.loc[rows, "set"] = part
    n_parts = table.groupby("artist")["set"].nunique().max()
    sizes = ", ".join(f"{part} {len(rows):,}" for part, rows in parts.items())
    print(f"split: {sizes}; each artist is in at most {n_parts}")
    columns = ["count", "train_count", "val_count", "test_count"]
    print(describe_genres(Y, parts)[columns].head(5).to_string())

    written = table.assign(genres=["|".join(branches) for branches in table["genres"]])
    written.to_csv(options.output, index=False)
    print(f"written: {options.output}")
    return table, Y


if __name__ == "__main__":
    main()
