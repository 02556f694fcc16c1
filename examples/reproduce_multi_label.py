"""Tables 4 to 7 and Figures 7 and 8 of Oramas et al. (2018), on your own table of albums.

The table is a CSV with a header and one row per album. These columns are used: audio files, timbre
files (.h5 of the Million Song Dataset), reviews, reviews enriched with the categories of their
entities (used as they are, so truncate them first; --knowledge-base computes them from the reviews
instead), cover, genres and artist. A modality without a column is skipped; any of its cells may be
empty. Several files in a cell are separated by "|". Genres are read as by `skmmgenre train`
("Jazz; Pop/Rock"). A genre may be a branch ("Pop/Oldies/Traditional Pop"), which gives the album
all labels of the branch. An album without any of the genres is an error unless --skip-unlabelled is
given. Paths are relative to the folder of the CSV, or to --root.

    python examples/reproduce_multi_label.py albums.csv --split set --jobs -1
    python examples/reproduce_multi_label.py albums.csv --rows "audio/cosine/*" "fusion/*/A+T"
    python examples/reproduce_multi_label.py albums.csv --knowledge-base dbpedia.kb
    python examples/reproduce_multi_label.py --quick
    python examples/reproduce_multi_label.py albums.csv --describe

With --describe nothing is trained: table_4.csv has the most and least frequent genres, table_5.csv
the layers of the audio networks, and figure_7.png is a map of the albums by their label factors.

Without --describe, Table 6 is computed row by row and printed next to the paper's results: number
of parameters, seconds per epoch, AUC, average precision (AP), aggregated diversity (ADiv@k) and
precision (P@k). Below the rows of the paper there are "plain" rows, which are not in the paper:
logistic regression on statistics of the audio, on word weights and on colours, and the mean of
their probabilities, trained on the train rows and tested on the test rows. Below them are each
logistic row with half of its log prior removed, random scores, and the ceiling: diversity is easy
to gain, and counts only at equal precision. The folder --output gets the same as table_6.csv. The
difference between each plain row and the best row of the paper with the same modalities is printed
below the table and written to plain.csv.

Table 7, the three best genres of the first 20 test albums, is added if both of its rows were run
(audio/logistic/low-4x70 and audio/cosine/high-4x70), and figure_8.png, a map of the test albums by
the vectors of their covers, with image/logistic/resnet. Both maps show the albums with exactly one
genre of the top level, next to the same points with shuffled genres. The purity printed below a map
is computed on the vectors themselves and ignores neighbours by the same artist.

Finished rows are kept in --output, rows/*.npz: scores of the test_rows (counted from 0 in the CSV)
for the labels, and vectors of all rows. An interrupted run resumes with the row that it was
computing; a row whose settings or data have changed is run again. Audio is transformed once, into
patches.npy: 124 kB per track. Linked entities are kept in entities.sqlite, audio statistics in
statistics.sqlite.

A fusion always uses the same parts, whatever their results on this table: audio/cosine/high-4x70,
text/cosine/vsm+sem (vsm if there are no enriched reviews) and image/logistic/resnet.
"""

import argparse
import hashlib
import os
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from scipy.special import expit, logit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skmmgenre
from skmmgenre.audio import AudioCNN, CQTExtractor, TimbreStatistics
from skmmgenre.compose import GenrePipeline, MeanOverTracks, make_plain_classifier
from skmmgenre.datasets import describe_genres, make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ResNetEmbedder
from skmmgenre.inspection import EmbeddingMapDisplay
from skmmgenre.labels import GenreTaxonomy, PPMILabelFactorizer, describe_reading, read_genres
from skmmgenre.metrics import bootstrap_interval, ranking_scores, top_genres
from skmmgenre.model_selection import read_split, train_validation_test_split
from skmmgenre.nets import interruption_ends_all
from skmmgenre.text import (
    EntityEnricher,
    GazetteerLinker,
    ReviewTruncator,
    ReviewVectorizer,
    TextMLP,
)
from skmmgenre.utils import SetupError, first_few, read_groups, refuse_left_out

# As printed in the paper: parameters, seconds per epoch, AUC, ADiv@1, ADiv@3, ADiv@5.
PAPER_TABLE_6 = {
    "audio/logistic/timbre-mlp": ("0.01M", 1, 0.792, 0.04, 0.14, 0.22),
    "audio/logistic/low-3x3": ("0.5M", 390, 0.859, 0.14, 0.34, 0.54),
    "audio/logistic/high-3x3": ("16.5M", 2280, 0.840, 0.20, 0.43, 0.69),
    "audio/logistic/low-4x96": ("0.2M", 140, 0.851, 0.14, 0.32, 0.48),
    "audio/logistic/high-4x96": ("5M", 260, 0.862, 0.12, 0.33, 0.48),
    "audio/logistic/low-4x70": ("0.35M", 200, 0.871, 0.05, 0.16, 0.34),
    "audio/logistic/high-4x70": ("7.5M", 600, 0.849, 0.08, 0.23, 0.38),
    "audio/cosine/low-3x3": ("0.33M", 400, 0.864, 0.26, 0.47, 0.65),
    "audio/cosine/high-3x3": ("15.5M", 2200, 0.881, 0.30, 0.54, 0.69),
    "audio/cosine/low-4x96": ("0.15M", 135, 0.860, 0.19, 0.40, 0.52),
    "audio/cosine/high-4x96": ("4M", 250, 0.884, 0.35, 0.59, 0.75),
    "audio/cosine/low-4x70": ("0.3M", 190, 0.868, 0.26, 0.51, 0.68),
    "audio/cosine/high-4x70": ("6.5M", 590, 0.888, 0.35, 0.60, 0.74),
    "text/logistic/vsm": ("25M", 11, 0.905, 0.08, 0.20, 0.37),
    "text/logistic/vsm+sem": ("25M", 11, 0.916, 0.10, 0.25, 0.44),
    "text/cosine/vsm": ("25M", 11, 0.901, 0.53, 0.44, 0.90),
    "text/cosine/vsm+sem": ("25M", 11, 0.917, 0.42, 0.70, 0.85),
    "image/logistic/resnet": ("1.7M", 4009, 0.743, 0.06, 0.15, 0.27),
    "fusion/logistic/A+T": ("1.5M", 2, 0.923, 0.10, 0.40, 0.64),
    "fusion/logistic/A+I": ("1.5M", 2, 0.900, 0.10, 0.38, 0.66),
    "fusion/logistic/T+I": ("1.5M", 2, 0.921, 0.10, 0.37, 0.63),
    "fusion/logistic/A+T+I": ("2M", 2, 0.936, 0.11, 0.39, 0.66),
    "fusion/cosine/A+T": ("0.3M", 2, 0.930, 0.43, 0.74, 0.86),
    "fusion/cosine/A+I": ("0.3M", 2, 0.896, 0.32, 0.57, 0.76),
    "fusion/cosine/T+I": ("0.3M", 2, 0.919, 0.43, 0.74, 0.85),
    "fusion/cosine/A+T+I": ("0.4M", 2, 0.931, 0.42, 0.72, 0.86),
}
# Rows of the plain control, and the paper's rows of the same modalities.
PLAIN = {
    "plain/logistic/audio": "audio/*",
    "plain/logistic/text": "text/*",
    "plain/logistic/image": "image/*",
    "plain/logistic/A+T+I": "fusion/*/A+T+I",
}
ROWS = [*PAPER_TABLE_6, *PLAIN]
# Rows of Table 7, and how many test albums it has; the row whose vectors are Figure 8.
TABLE_7 = {"logistic": "audio/logistic/low-4x70", "cosine": "audio/cosine/high-4x70"}
N_ALBUMS_OF_TABLE_7 = 20
FIGURE_8 = "image/logistic/resnet"
MODALITIES = {"A": "audio", "T": "text", "I": "image"}
KS = (1, 3, 5)

# Default columns; only the first two are required.
_COLUMNS = {
    "genres": "genres",
    "artist": "artist",
    "album": "album",
    "audio": "audio",
    "timbre": "timbre",
    "text": "text",
    "enriched-text": "enriched_text",
    "image": "cover",
}
# Small networks and few epochs, for --quick.
_QUICK_WIDTHS = {"low": (8, 16, 16, 8), "high": (16, 32, 32, 32)}
_QUICK = {
    "audio": {"max_epochs": 6},
    "text": {"hidden_units": (256, 256), "max_epochs": 30},
    "image": {"depth": 18, "weights": None, "image_size": 32, "lr": 1e-3, "max_epochs": 8},
    "fusion": {"lr": 1e-2},
}
_TRACKS_AT_ONCE = 1024
_SYNTHETIC = "SYNTHETIC albums: the results say nothing about real music or about the paper."
_SMALL = "--quick: small networks and few epochs. The results say nothing about the paper."


@dataclass
class Albums:
    """Data of the table, with the rows for training and validation before the test rows."""

    cells: dict  # column of cells by modality
    Y: pd.DataFrame
    artists: np.ndarray
    validation: np.ndarray | None  # mask of the validation rows among the first n_fit
    n_fit: int
    rows: np.ndarray  # position of each row in the CSV
    key: str  # changes if anything above except the cells changes
    stamps: dict  # per modality, changes if the cells or their files change
    taxonomy: GenreTaxonomy | None = None
    names: np.ndarray | None = None  # names of the albums, for Table 7

    def learn(self, model, X):
        """Fit a model on the training and validation rows; label factors use all of them."""
        return model.fit(
            X[: self.n_fit],
            self.Y[: self.n_fit],
            groups=self.artists[: self.n_fit],
            validation=self.validation,
        )

    def learn_plain(self, model, X):
        """Fit the plain control on the train rows; it does not use validation rows."""
        train = np.arange(self.n_fit)
        if self.validation is not None:
            train = np.flatnonzero(~self.validation)
        return model.fit(X.iloc[train], self.Y.iloc[train])


def main(argv=None):
    """Run the command; return 0, 1 if the table cannot be used, 130 after Ctrl-C."""
    options = read_options(argv)
    if options.list:
        print("\n".join(ROWS))
        return 0
    try:
        if options.synthetic:
            print(_SYNTHETIC, flush=True)
            options.csv = write_synthetic_table(options)
            options.knowledge_base = options.csv.parent / "catalogue.kb"
        (describe if options.describe else reproduce)(read_albums(options), options)
    except (ValueError, OSError, ImportError, SetupError) as error:
        # Print the reason, which names a broken file, and not the row of the reordered table.
        print(f"reproduce_multi_label: {getattr(error, 'reason', error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Finished rows are kept; run the same command to resume.", file=sys.stderr)
        return 130
    return 0


def read_options(argv):
    """Read the command line."""
    about, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("csv", nargs="?", type=Path, help="the table; not needed with --demo or --quick")
    add("--demo", action="store_true", help="run on synthetic albums")
    add("--quick", action="store_true", help="small networks; without a CSV, few synthetic albums")
    add("--albums", type=int, help="synthetic albums to make; default: 2000 (--quick: 450)")
    add("--rows", nargs="+", default=["*"], help='rows to run, by name or pattern ("text/*")')
    add("--list", action="store_true", help="print the names of the rows")
    add(
        "--describe",
        action="store_true",
        help="do not train; describe genres and networks: Tables 4 and 5 and Figure 7",
    )
    columns = parser.add_argument_group("columns of the table")
    for name, column in _COLUMNS.items():
        columns.add_argument(f"--{name}", help=f"default: {column}")
    columns.add_argument("--root", type=Path, help="folder of the paths; default: the CSV's")
    columns.add_argument(
        "--split",
        help="column of a published split (train, val, test); default: 80, 10 and 10 %% of the "
        "albums, no artist in two parts",
    )
    columns.add_argument(
        "--separators",
        metavar="LETTERS",
        help='the only separators of genres; default: ";" and "|", and commas between known names',
    )
    columns.add_argument(
        "--not-genres",
        metavar="NAMES",
        help='names that are not genres, separated by ";"; default: "Other; Unknown; Misc" and '
        'similar names; "" keeps all names',
    )
    columns.add_argument(
        "--branch-separator",
        default="/",
        help='separator in a branch; default: /, which does not split known names ("Pop/Rock"); "" '
        "splits no names, as train does",
    )
    columns.add_argument(
        "--min-items", type=int, default=12, help="minimum number of albums per genre; default: 12"
    )
    columns.add_argument(
        "--knowledge-base",
        type=Path,
        help="knowledge base (skmmgenre kb build) to enrich the reviews with",
    )
    networks = parser.add_argument_group("networks (the paper's by default)")
    networks.add_argument("--depth", type=int, help="depth of the ResNet; default: 101")
    networks.add_argument(
        "--weights", help="'imagenet' (default), 'none', or the path of a state dict"
    )
    networks.add_argument("--image-size", type=int, help="pixels; default: 224")
    networks.add_argument("--epochs", type=int, help="maximum number of epochs of every network")
    networks.add_argument("--device", default="auto", help="default: auto")
    other = parser.add_argument_group("other")
    other.add_argument("--seed", type=int, default=0, help="default: 0")
    other.add_argument("--jobs", type=int, default=1, help="workers that read files; default: 1")
    other.add_argument(
        "--skip-broken",
        dest="on_error",
        action="store_const",
        const="missing",
        default="raise",
        help="treat broken files as missing",
    )
    other.add_argument(
        "--skip-unlabelled",
        action="store_true",
        help="skip albums without a genre of at least --min-items albums, or without a part of "
        "--split",
    )
    other.add_argument(
        "--output", type=Path, default=Path("multi_label"), help="folder; default: multi_label"
    )
    options = parser.parse_args(argv)
    synthetic = options.demo or options.quick or options.list
    if (options.csv is None and not synthetic) or (options.csv is not None and options.demo):
        parser.error("give the CSV of a table, or --demo or --quick for synthetic albums")
    if options.knowledge_base and options.enriched_text:
        parser.error("give --enriched-text or --knowledge-base, not both")
    options.synthetic = options.csv is None
    options.skip_unlabelled |= options.synthetic  # some albums have only rare genres
    return options


def write_synthetic_table(options):
    """Make albums and their CSV, once; return its path."""
    n_albums = options.albums or (450 if options.quick else 2000)
    folder = options.output / f"albums_{n_albums}_seed_{options.seed}"
    csv = folder / "albums.csv"
    if csv.exists():
        return csv
    albums = make_albums(
        n_albums,
        n_genres=42,  # and 14 parents; some of these 56 have too few albums
        tracks_per_album=(1, 2),
        directory=folder,
        random_state=options.seed,
        n_jobs=options.jobs,
        verbose=1,
    )
    branch = {path.rpartition("/")[2]: path for path in albums.taxonomy}
    table = albums.table[["album", "artist"]].copy()
    table["audio"] = [
        "|".join(os.path.relpath(track, folder) for track in cell) for cell in albums.table["audio"]
    ]
    table["text"] = ["\n".join(reviews) for reviews in albums.table["text"]]
    table["cover"] = [os.path.relpath(cover, folder) for cover in albums.table["cover"]]
    table["genres"] = [
        "|".join(branch[label] for label in albums.Y.columns[row] if label in branch)
        for row in albums.Y.to_numpy(dtype=bool)
    ]
    replace_file(csv, lambda file: file.write(table.to_csv(index=False).encode()))
    return csv


def read_albums(options):
    """Read the CSV into `Albums`."""
    table = pd.read_csv(options.csv, dtype=str, keep_default_na=False)
    columns = {}
    for name, default in _COLUMNS.items():
        given = getattr(options, name.replace("-", "_"))
        if (given or default) in table.columns:
            columns[name] = given or default
        elif given or name in ("genres", "artist"):
            raise ValueError(
                f"{options.csv} has no column {given or default!r}; it has "
                f"{list(table.columns)}. Name its column with --{name}."
            )
    items = read_items(table[columns["genres"]], options)
    taxonomy, Y = label_matrix(items, options)
    given = read_parts(table, options)
    known = labelled_rows(items, Y, given, options)
    table, Y = table.iloc[known], Y.iloc[known]
    part = given[known] if options.split else split(table, Y, table[columns["artist"]], options)
    order = np.argsort(part == "test", kind="stable")
    table, Y, part = table.iloc[order], Y.iloc[order], part[order]
    artists = table[columns["artist"]].to_numpy(dtype=object)
    cells = {
        name: read_cells(name, table[column], options)
        for name, column in columns.items()
        if name not in ("genres", "artist", "album")
    }
    if options.knowledge_base:
        if "text" not in cells:
            raise ValueError(f"{options.csv} has no reviews to enrich. Name them with --text.")
        cells["enriched-text"] = enrich(cells["text"], options)
    cells = {name: column for name, column in cells.items() if any(column)}
    print(
        f"{len(table)} albums of {len(set(artists))} artists, {Y.shape[1]} genres; "
        + ", ".join(f"{name} {(part == name).sum()}" for name in ("train", "val", "test"))
        + "".join(f"; without {name} {sum(not c for c in cells[name])}" for name in cells)
    )
    validation = part[part != "test"] == "val"
    return Albums(
        cells=cells,
        Y=Y.reset_index(drop=True),
        artists=artists,
        validation=validation if validation.any() else None,
        n_fit=len(validation),
        rows=table.index.to_numpy(),
        key=digest(Y.columns.tolist(), Y.to_numpy().tobytes(), artists.tolist(), part.tolist()),
        stamps={name: digest(cells[name], stamps(cells[name])) for name in cells},
        taxonomy=taxonomy,
        names=(table[columns["album"]] if "album" in columns else table.index).to_numpy(),
    )


def read_items(column, options):
    """Return the genres of each album, names or branches, and print doubtful readings."""
    reading = {"name": f"{options.csv}: column {column.name!r}"}
    if options.not_genres is not None:
        reading["not_genres"] = options.not_genres.split(";")
    items, readings = read_genres(column, options.separators, **reading)
    if readings:
        lines = first_few(
            readings, 5, count=True, name=lambda r: describe_reading(r, "row"), separator="\n"
        )
        print(f"{lines}\n(--separators and --not-genres change this)")
    return items


def label_matrix(items, options):
    """Return the taxonomy and the label matrix of the albums, without genres of few albums."""
    taxonomy = GenreTaxonomy.from_items(items, separator=options.branch_separator or None)
    if branches := sorted({name for names in items for name in names} - set(taxonomy.labels)):
        print(
            f"{len(branches)} genres are read as branches: for example, {branches[0]!r} gives "
            f"{taxonomy.expand([branches[:1]])[0]} (--branch-separator changes this)"
        )
    taxonomy = taxonomy.filter(items, min_items=options.min_items)
    Y = taxonomy.label_matrix(items)
    if Y.shape[1] < max(KS):
        raise ValueError(
            f"Only {Y.shape[1]} genres have {options.min_items} albums: {', '.join(Y.columns)}; "
            f"{max(KS)} are needed. Pass a smaller --min-items."
        )
    return taxonomy, Y


def labelled_rows(items, Y, parts, options):
    """Return the rows with a label and a split part; others raise or, if allowed, are counted."""
    named = np.array(list(map(bool, items)))
    without = {
        "have no genre": ~named,
        f"have only genres of fewer than {options.min_items} albums": named & ~Y.any(axis=1),
    }
    if parts is not None:
        without[f"are neither train, val nor test in column {options.split!r}"] = parts == ""
    for reason, rows in without.items():
        if not options.skip_unlabelled:
            way_out = "Fill the cells, change --min-items, or pass --skip-unlabelled."
            refuse_left_out(rows, reason, way_out)
        elif np.any(rows):
            print(f"{np.sum(rows)} of {len(items)} rows {reason} and are skipped.")
    return np.flatnonzero(~np.any(list(without.values()), axis=0))


def read_cells(name, column, options):
    """Return the cells of a modality: lists of paths, paths or texts; None for empty cells."""
    root = options.root or options.csv.parent
    if name in ("audio", "timbre"):
        return [[str(root / path) for path in listed_files(cell)] for cell in column]
    if name == "image":
        return [str(root / path) if path else None for path in column]
    return [text or None for text in column]


def enrich(texts, options):
    """Return the truncated reviews with the categories of their entities."""
    pipeline = make_pipeline(
        ReviewTruncator(n_jobs=options.jobs),
        EntityEnricher(
            GazetteerLinker(str(options.knowledge_base)),
            cache=options.output / "entities.sqlite",
            n_jobs=options.jobs,
            verbose=1,
        ),
    )
    return pipeline.fit_transform(texts).tolist()


def listed_files(cell):
    """Return the files in a cell."""
    return [path.strip() for path in cell.split("|") if path.strip()]


def read_parts(table, options):
    """Return the part of every row in the published split: train, val, test or "", or None."""
    if not options.split:
        return None
    if options.split not in table.columns:
        raise ValueError(f"{options.csv} has no column {options.split!r}, given as --split.")
    parts = read_split(table[options.split])
    if not {"train", "test"} <= set(parts):
        raise ValueError(
            f"Column {options.split!r} must be train, val or test in every row, and have train "
            f"and test rows; it has {', '.join(map(repr, sorted(set(table[options.split]))[:8]))}."
        )
    return parts


def split(table, Y, artists, options):
    """Return the part of every row: 80, 10 and 10 % of the rows, with disjoint artists."""
    sizes = (0.8, 0.1, 0.1)  # section 7.3
    _, val, test = train_validation_test_split(table, Y, artists, sizes, options.seed)
    part = np.full(len(table), "train", dtype=object)
    part[val], part[test] = "val", "test"
    return part


def describe(albums, options):
    """Print Tables 4 and 5, and write them and Figure 7."""
    options.output.mkdir(parents=True, exist_ok=True)
    genres, layers = describe_genres(albums.Y), layers_of_networks()
    print(f"\n{table_4(genres)}\n\n{table_5(layers)}\n")
    for name, table in {"table_4.csv": genres, "table_5.csv": layers}.items():
        csv = table.to_csv(index_label="genre" if name == "table_4.csv" else "network").encode()
        replace_file(options.output / name, lambda file, csv=csv: file.write(csv))
    # The label factors of the networks also use the training and validation albums only.
    Y = albums.Y[: albums.n_fit]
    factors = PPMILabelFactorizer(n_components="auto").fit_transform(Y)
    written = ["table_4.csv", "table_5.csv"]
    written += write_map("figure_7.png", factors, slice(0, albums.n_fit), albums, options)
    if options.synthetic:
        print(_SYNTHETIC)
    print(f"In {options.output}: {', '.join(written)}")


def table_4(genres):
    """Return Table 4 as text: the ten most and least frequent genres."""
    width = max(map(len, map(str, genres.index)))
    lines = [f"{genre:{width}}  {100 * share:6.2f}" for genre, share in genres["share"].items()]
    n_shown = min(10, len(lines) // 2)
    return "\n".join(
        [
            f"Table 4: the {n_shown} most and least frequent of {len(lines)} genres, % of "
            f"{genres.attrs['n_items']['all']} albums",
            "(the paper, MuMu: Pop 84.38, Rock 55.29, ... East Coast Blues 0.06, Girl Groups 0.06)",
            "",
            *map("   ".join, zip(lines[:n_shown], lines[-n_shown:], strict=True)),
        ]
    )


def layers_of_networks():
    """Return kernel and max pooling of each layer of the audio networks, as built."""
    noise = np.random.default_rng(0).normal(size=(4, 96, 323)).astype(np.float32)
    layers = {}
    for architecture in ("3x3", "4x96", "4x70"):
        network = AudioCNN(
            architecture=architecture,
            width=(1, 1, 1, 1),
            preset="paper",
            max_epochs=1,
            validation_fraction=0,
            random_state=0,
        ).fit(noise, ["Jazz", "Rock"] * 2)
        for number, (_, kernel, pool) in enumerate(network.module_recipe_["layers"], start=1):
            layers[f"{architecture}, layer {number}"] = {
                "filter": "x".join(map(str, kernel)),
                "max_pooling": "" if pool is None else "x".join(map(str, pool)),
            }
    return pd.DataFrame.from_dict(layers, orient="index")


def table_5(layers):
    """Return Table 5 as text; the numbers are those of the paper."""
    lines = [
        f"{name:14}  {layer.filter:6}  {layer.max_pooling or '-'}"
        for name, layer in zip(layers.index, layers.itertuples(), strict=True)
    ]
    title = "Table 5: filters and max pooling of the audio networks, frames x bins (as printed)"
    return "\n".join([title, "", *lines])


def write_map(name, vectors, rows, albums, options):
    """Draw a map of albums by their vectors, write it and print its purity.

    Returns
    -------
    written : list of str
        The name of the file; empty if too few albums have one genre of the top level.
    """
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    try:
        display = EmbeddingMapDisplay.from_vectors(
            vectors,
            albums.Y[rows],
            taxonomy=albums.taxonomy,
            groups=albums.artists[rows],
            shuffled=True,
            random_state=options.seed,
            figure=figure,
        )
    except ValueError as error:
        print(f"Skipped: {name}. {error}")
        return []
    replace_file(options.output / name, lambda file: figure.savefig(file, dpi=120, format="png"))
    if display.purity is not None:
        print(
            f"{name}: {len(display.genres)} albums with one genre of the top level; share of "
            f"the {display.n_neighbors} nearest by other artists with the same genre: "
            f"{display.purity:.3f} (chance {display.chance:.3f}, shuffled genres "
            f"{display.shuffled_purity:.3f})"
        )
    return [name]


def reproduce(albums, options):
    """Run the rows that are not finished, and print and write the table."""
    if options.quick:
        # Small networks gain nothing from threads, which mostly wait if the cores are busy.
        torch.set_num_threads(1)
    names = choose_rows(albums, options)
    folder = options.output / "rows"
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for number, name in enumerate(names, start=1):
        network = build_network(name, options)
        parts = [rows[part] for part in parts_of(name, albums)]
        key = key_of_row(name, network, parts, albums, options)
        path = folder / f"{name.replace('/', '_')}.npz"
        rows[name] = read_row(path, key)
        print(f"[{number} of {len(names)}] {name}{': kept' if rows[name] else ''}", flush=True)
        if not rows[name]:
            with interruption_ends_all():
                row = run_row(name, network, parts, albums, options)
            row |= {"key": key, "labels": list(albums.Y.columns), "rows": albums.rows}
            row["test_rows"] = albums.rows[albums.n_fit :]
            replace_file(path, lambda file, row=row: np.savez(file, **row))
            rows[name] = read_row(path, key)
            write_metrics(rows, albums, options)
    metrics = write_metrics(rows, albums, options)
    print(f"\n{table_6(metrics, albums, options)}")
    written = ["table_6.csv", "rows"]
    for name in ("plain.csv", "table_7.csv", "figure_8.png"):  # of an earlier run with other rows
        (options.output / name).unlink(missing_ok=True)
    differences = compare_plain(metrics, rows, albums)
    if len(differences):
        print(f"\n{differences_of_plain(differences)}")
        csv = differences.to_csv(index_label="row").encode()
        replace_file(options.output / "plain.csv", lambda file: file.write(csv))
        written.append("plain.csv")
    if set(TABLE_7.values()) <= set(rows):
        best = best_genres(rows, albums)
        print(f"\n{table_7(best)}")
        csv = best.to_csv(index_label="album").encode()
        replace_file(options.output / "table_7.csv", lambda file: file.write(csv))
        written.append("table_7.csv")
    if FIGURE_8 in rows:
        print()
        row = rows[FIGURE_8]
        vectors = read_row(row["path"], row["key"], ["vectors"])["vectors"][albums.n_fit :]
        test = slice(albums.n_fit, None)
        written += write_map("figure_8.png", vectors, test, albums, options)
    print(f"\nIn {options.output}: {', '.join(written)}")


def best_genres(rows, albums):
    """Return the three best genres of the first test albums, and their true ones."""
    some = slice(albums.n_fit, albums.n_fit + N_ALBUMS_OF_TABLE_7)
    scores = {name: rows[row]["scores"][:N_ALBUMS_OF_TABLE_7] for name, row in TABLE_7.items()}
    table = top_genres(scores, Y_true=albums.Y[some])
    return table.set_axis(albums.names[some])


def table_7(best):
    """Return Table 7 as text."""
    lines = [
        f"Table 7: the three best genres of the first {len(best)} test albums, from audio",
        *(f"({name}: {row})" for name, row in TABLE_7.items()),
        "",
    ]
    for album, row in best.iterrows():
        lines += [str(album), *(f"  {name:8}  {genres}" for name, genres in row.items())]
    n_genres = {
        name: len({genre for cell in best[name] for genre in cell.split(", ")}) for name in TABLE_7
    }
    counts = ", ".join(f"{name} {n}" for name, n in n_genres.items())
    return "\n".join([*lines, "", f"Different genres in the table: {counts} (the paper: 11, 24)"])


def parts_of(name, albums):
    """Return the rows that a fusion uses: those of the paper, whatever their results here."""
    modality, _, setting = name.split("/")
    if modality == "plain":
        parts = {letter: f"plain/logistic/{kind}" for letter, kind in MODALITIES.items()}
    else:
        text = "text/cosine/vsm+sem" if "enriched-text" in albums.cells else "text/cosine/vsm"
        parts = {"A": "audio/cosine/high-4x70", "T": text, "I": "image/logistic/resnet"}
    letters = setting.split("+")
    return [parts[letter] for letter in letters] if set(letters) <= set(parts) else []


def source(name):
    """Return the column that a row reads."""
    modality, _, setting = name.split("/")
    if modality == "plain":
        return setting
    return {"timbre-mlp": "timbre", "vsm+sem": "enriched-text"}.get(setting, modality)


def choose_rows(albums, options):
    """Return the rows to run, including the parts of fusions, in the order of the table."""
    missing = {}
    for name in ROWS:
        sources = map(source, parts_of(name, albums) or [name])
        missing[name] = [column for column in sources if column not in albums.cells]
    chosen, skipped = set(), {}
    for pattern in options.rows:
        found = [name for name in missing if fnmatch(name.lower(), pattern.lower())]
        there = [name for name in found if not missing[name]]
        if not there:
            why = (
                f"the table has no {missing[found[0]][0]}" if found else "see --list for the names"
            )
            raise ValueError(f"--rows {pattern!r} matches no row that can be run: {why}.")
        chosen.update(there, *(parts_of(name, albums) for name in there))
        skipped |= {name: missing[name] for name in found if missing[name]}
    for name, columns in skipped.items():
        print(f"Skipped, because the table has no {', no '.join(columns)}: {name}")
    return [name for name in ROWS if name in chosen]


def build_network(name, options):
    """Return the network of a row, with the settings of section 7.3, or the plain control."""
    modality, target, setting = name.split("/")
    if modality == "plain":
        kinds = [MODALITIES.get(part, part) for part in setting.split("+")]
        columns = {kind: kind if kind in kinds else None for kind in MODALITIES.values()}
        return make_plain_classifier(**columns)
    settings = {"target": target, "random_state": options.seed, "device": options.device}
    settings |= {"preset": "paper", "verbose": 1}
    if options.quick:
        settings |= _QUICK["fusion" if setting == "timbre-mlp" else modality]
    if options.epochs:
        settings["max_epochs"] = options.epochs
    if setting == "timbre-mlp":
        return FusionClassifier(normalize=False, **settings)
    if modality == "audio":
        width, architecture = setting.split("-")
        # As dropout="auto" does, which recognizes the wide network only by its name "high".
        settings["dropout"] = 0.5 if (target, width) == ("cosine", "high") else 0.0
        settings["width"] = _QUICK_WIDTHS[width] if options.quick else width
        return AudioCNN(architecture=architecture, **settings)
    if modality == "text":
        return TextMLP(**settings)
    if modality == "image":
        for parameter in ("depth", "image_size", "weights"):
            value = getattr(options, parameter)
            if value is not None:
                settings[parameter] = None if value == "none" else value
        return ResNetEmbedder(n_jobs=options.jobs, on_error=options.on_error, **settings)
    return FusionClassifier(**settings)


def run_row(name, network, parts, albums, options):
    """Train a row; return scores of the test rows, vectors of all rows, size and duration."""
    modality, target, setting = name.split("/")
    if modality == "plain":
        return run_plain(setting, network, parts, albums, options)
    X = albums.cells.get(source(name))
    vectors = np.empty((len(albums.Y), 0), dtype=np.float32)
    if setting == "timbre-mlp":
        timbre = TimbreStatistics(n_jobs=options.jobs, on_error=options.on_error)
        X = MeanOverTracks(timbre).fit_transform(X)
        model = albums.learn(GenrePipeline([("scale", StandardScaler()), ("mlp", network)]), X)
    elif modality == "audio":
        # The steps of section 7.3.1: network on tracks, mean over tracks, output layer.
        vectors, network = mean_vectors(network, albums, options)
        X, model = vectors, albums.learn(build_network(f"fusion/{target}/A", options), vectors)
    elif modality == "text":
        steps = [("truncate", ReviewTruncator())] if setting == "vsm" else []
        model = GenrePipeline([*steps, ("tfidf", ReviewVectorizer()), ("mlp", network)])
        vectors = albums.learn(model, X).transform(X)
    elif modality == "image":
        model = network
        vectors = albums.learn(model, X).transform(X)
    else:
        blocks = [read_row(part["path"], part["key"], ["vectors"])["vectors"] for part in parts]
        X = np.hstack(blocks)
        network.set_params(blocks={f"part {i}": b.shape[1] for i, b in enumerate(blocks)})
        model = albums.learn(network, X)
    return {
        "scores": model.decision_function(X[albums.n_fit :]),
        "vectors": vectors,
        "n_parameters": network.n_parameters_,
        "seconds_an_epoch": np.mean([epoch["duration"] for epoch in network.history_]),
    }


def run_plain(kind, model, parts, albums, options):
    """Train the plain control of a modality, or average the probabilities of its parts."""
    if parts:
        scores = logit(np.mean([expit(part["scores"]) for part in parts], axis=0))
        n_parameters = sum(part["n_parameters"] for part in parts)
    else:
        reading = {"n_jobs": options.jobs, "on_error": options.on_error, "verbose": 1}
        if kind == "audio":
            reading["cache"] = options.output / "statistics.sqlite"
        model.set_params(**{f"{kind}__{name}": value for name, value in reading.items()})
        X = pd.DataFrame({kind: albums.cells[kind]})
        scores = albums.learn_plain(model, X).decision_function(X[albums.n_fit :])
        n_parameters = model["fusion"].coef_.size + model["fusion"].intercept_.size
    return {"scores": scores, "n_parameters": n_parameters, "seconds_an_epoch": np.nan}


def mean_vectors(network, albums, options):
    """Train an audio network on all tracks; return the mean vectors of albums, and the network."""
    tracks = albums.cells["audio"]
    ends = np.cumsum([0, *map(len, tracks)]).tolist()
    positions = [list(range(start, end)) for start, end in pairwise(ends)]
    patches = extract_patches([path for cell in tracks for path in cell], options)
    # MeanOverTracks requests tracks in order and without gaps, so a slice of the mapped file is
    # enough: only the current batch is in memory.
    take = FunctionTransformer(lambda rows: patches[rows[0] : rows[-1] + 1])
    model = MeanOverTracks(Pipeline([("patches", take), ("cnn", network)]))
    vectors = albums.learn(model, positions).transform(positions)
    return vectors, model.estimator_["cnn"]


def extract_patches(paths, options):
    """Transform the remaining tracks; return the patches of all tracks as a memory map."""
    extractor = CQTExtractor(
        n_jobs=options.jobs, on_error=options.on_error, random_state=options.seed
    )
    path, done_path = options.output / "patches.npy", options.output / "patches_done.npy"
    settings = skmmgenre.__version__, options.seed
    wanted = np.array([digest(settings, stamp) for stamp in stamps(paths)], dtype="S")
    done = np.load(done_path) if path.exists() and done_path.exists() else []
    if len(done) != len(paths):
        done_path.unlink(missing_ok=True)
        shape = (len(paths), *extractor.transform([None]).shape[1:])
        np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape).flush()
        done = np.zeros_like(wanted)
    patches = np.load(path, mmap_mode="r+")
    left = np.flatnonzero(done != wanted)
    done[left] = b""
    for start in range(0, len(left), _TRACKS_AT_ONCE):
        replace_file(done_path, lambda file: np.save(file, done))
        print(f"constant-Q: {len(paths) - len(left) + start} of {len(paths)} tracks", flush=True)
        rows = left[start : start + _TRACKS_AT_ONCE]
        patches[rows] = extractor.transform([paths[row] for row in rows])
        patches.flush()
        done[rows] = wanted[rows]
        for error in extractor.errors_.itertuples():
            print(f"Treated as missing: {error.item}: {error.reason}")
            done[rows[error.row]] = b""  # try again in the next run
    replace_file(done_path, lambda file: np.save(file, done))
    return np.load(path, mmap_mode="r")


def key_of_row(name, network, parts, albums, options):
    """Return a key of all that the row depends on: settings, data, keys of its parts."""
    settings = network.get_params()
    for of_no_effect in ("device", "n_jobs", "on_error", "verbose"):
        settings.pop(of_no_effect, None)
    weights = stamps([settings.get("weights")])
    cells = albums.stamps.get(source(name))
    keys = [part["key"] for part in parts]
    common = skmmgenre.__version__, options.quick, albums.key
    return digest(name, settings, weights, cells, keys, common)


def digest(*things):
    """Return a hash of values by their repr."""
    return hashlib.blake2b(repr(things).encode(), digest_size=16).hexdigest()


def stamps(cells):
    """Return the paths in cells with size and modification time of their files."""
    paths = [path for cell in cells for path in (cell if isinstance(cell, list) else [cell])]
    found = [os.stat(path) if path and os.path.isfile(path) else None for path in paths]
    return [
        (path, about and (about.st_size, about.st_mtime_ns))
        for path, about in zip(paths, found, strict=True)
    ]


def replace_file(path, write):
    """Write a file atomically: a reader never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb") as file:
        write(file)
    os.replace(part, path)


def read_row(path, key, wanted=("scores", "n_parameters", "seconds_an_epoch")):
    """Return arrays of a finished row; None if there is none for this key."""
    if not path.exists():
        return None
    with np.load(path) as row:
        if row["key"].item() != key:
            return None
        return {"path": path, "key": key, **{name: row[name] for name in wanted}}


def write_metrics(rows, albums, options):
    """Write the metrics of the finished rows, with those of the paper; return them."""
    metrics = ranking_scores(
        albums.Y[albums.n_fit :],
        {name: row["scores"] for name, row in rows.items()},
        KS,
        prior=albums.Y[: albums.n_fit].mean().to_numpy(),
        # The plain control balances the classes, so there is no prior to remove.
        log_odds=[name for name in rows if "/logistic/" in name and name not in PLAIN],
    )
    attrs = metrics.attrs
    for column in ("n_parameters", "seconds_an_epoch"):
        metrics[column] = pd.Series({name: row[column].item() for name, row in rows.items()})
    columns = ["parameters", "seconds_an_epoch", "macro_auc", *(f"diversity@{k}" for k in KS)]
    paper = pd.DataFrame.from_dict(PAPER_TABLE_6, orient="index", columns=columns)
    metrics = metrics.join(paper.add_prefix("paper_"))
    metrics.attrs = attrs
    # Rows in the order of the paper, then the reference rows.
    order = [*rows, *(name for name in metrics.index if name not in rows)]
    csv = metrics.loc[order].to_csv(index_label="row").encode()
    replace_file(options.output / "table_6.csv", lambda file: file.write(csv))
    return metrics.loc[order]


def compare_plain(metrics, rows, albums):
    """Compare each plain row with the best row of the paper with the same modalities, by AUC."""
    truth, artists = albums.Y[albums.n_fit :], albums.artists[albums.n_fit :]
    differences = {}
    if len(set(read_groups(artists).codes)) < 2 or metrics["macro_auc"].isna().all():
        return pd.DataFrame(differences)  # nothing to resample or to compare
    for name, pattern in PLAIN.items():
        same = [other for other in rows if fnmatch(other, pattern)]
        if name in rows and same:
            best = metrics.loc[same, "macro_auc"].idxmax()
            scores = rows[name]["scores"], rows[best]["scores"]
            found = bootstrap_interval(
                truth, *scores, metric="macro_auc", groups=artists, n_resamples=1000
            )
            differences[name] = {
                "reference": best,
                "difference": found.estimate,
                "low": found.low,
                "high": found.high,
            }
    return pd.DataFrame.from_dict(differences, orient="index")


def differences_of_plain(differences):
    """Return the differences between plain rows and those of the paper as text."""
    lines = [
        "AUC of plain minus AUC of the paper's best row here with the same modalities, with",
        "95 % interval over artists (the best is chosen on these albums, which favours it):",
        "",
    ]
    for name, row in differences.iterrows():
        interval = f"[{row['low']:+.3f}, {row['high']:+.3f}]"
        lines.append(f"{name:21} {row['difference']:+.3f} {interval}  {row['reference']}")
    return "\n".join(lines)


def table_6(metrics, albums, options):
    """Return Table 6 as text: these results and those of the paper."""
    n_test, n_labels = albums.Y[albums.n_fit :].shape
    names = {
        "n_parameters": ("here", "Params", lambda n: f"{n / 1e6:.3f}M"),
        "seconds_an_epoch": ("here", "s/epoch", "{:.2f}".format),
        "macro_auc": ("here", "AUC", "{:.3f}".format),
        "macro_average_precision": ("here", "AP", "{:.3f}".format),
        **{f"diversity@{k}": ("here", f"ADiv@{k}", "{:.2f}".format) for k in KS},
        **{f"precision@{k}": ("here", f"P@{k}", "{:.2f}".format) for k in KS},
        "paper_parameters": ("the paper", "Params", str),
        "paper_seconds_an_epoch": ("the paper", "s/epoch", "{:.0f}".format),
        "paper_macro_auc": ("the paper", "AUC", "{:.3f}".format),
        **{f"paper_diversity@{k}": ("the paper", f"ADiv@{k}", "{:.2f}".format) for k in KS},
    }
    table = pd.DataFrame(
        {
            (side, title): metrics[name].map(form, na_action="ignore").astype(object)
            for name, (side, title, form) in names.items()
        }
    ).fillna("")
    table.index = table.index.str.replace(", half of log prior removed", " *")
    lines = [
        f"Table 6: {n_test} test albums, {n_labels} genres; AUC and AP ignore "
        f"{metrics.attrs['n_skipped']} genres that no test album has, or every one",
        "(the paper used MuMu: 31,471 albums, 250 genres, a single run)",
        "",
        table.to_string(),
        "",
        "* half of the log prior removed: more diversity at the same AUC",
        "The paper's Params of 3x3, T+I and resnet do not follow from its layer sizes.",
    ]
    if metrics.index.isin(PLAIN).any():
        lines += [
            "plain: logistic regression on statistics of the audio, on word weights of the reviews",
            "(without entities) and on colours; A+T+I is the mean of their probabilities.",
        ]
    if "enriched-text" not in albums.cells and any("T" in name for name in metrics.index):
        lines.append("T in fusions is text/cosine/vsm, because there are no enriched reviews.")
    lines += [_SYNTHETIC] * options.synthetic + [_SMALL] * options.quick
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines())


if __name__ == "__main__":
    sys.exit(main())
