"""Tables 1 to 3 and Figure 3 of Oramas et al. (2018), on your own table of music.

The table is a CSV with a header and one row per item (a track or an album). Four of its columns
are used: path of the audio file, path of the cover, genre and artist. Paths are relative to the
folder of the CSV, or to --root. Audio and cover may be missing. Genres are read as by `skmmgenre
train`; if a cell has several, the first is used. A row without a genre is an error unless
--skip-unlabelled is given.

    python examples/reproduce_single_label.py music.csv --artist performer --jobs -1
    python examples/reproduce_single_label.py music.csv --split set --weights resnet101.pth
    python examples/reproduce_single_label.py music.csv --split set --annotations annotations.csv
    python examples/reproduce_single_label.py --demo --quick
    python examples/reproduce_single_label.py music.csv --heat-maps

The script prints Table 2 next to the paper's results, and Table 3 with the correlation between the
scores of audio and cover. Below the nine rows of Table 2 there are "plain" rows, which are not in
the paper: logistic regression on statistics of the audio and on colours, with the same items,
splits and seeds, and the difference in F1 to the networks' row of the same input, with its 95 %
interval over artists. The folder --output gets both tables as CSV, the confusion matrices as PNG,
and table_1.csv with the number of items per genre, in total and in each part of --split.

--heat-maps trains the network of covers once more, on the training rows of the first run, and
writes figure_5.png: the test covers of each genre with the highest scores, and the regions that
support the genre (Figures 4 to 6 of the paper).

--annotations takes files written by `skmmgenre annotate music.csv --balance table`. Table 3 then
also has the human annotators, with the model of the first run on the same items, and their
confusion matrices are drawn next to those of the model. Without --split, the test rows of every run
are the annotated items and all other items of their artists.

What the results mean depends on the table. If its covers do not belong to its music (for example,
because they were drawn from other records of the same genre), results of fusion and of the joint
space are meaningless: given the genre, such covers are independent of the audio, and real covers
are not. Unless --split says otherwise, test artists are never trained on. With --split, models are
trained on the train rows and tested on the test rows; the val rows are used for early stopping.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import check_cv

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.datasets import describe_genres, make_albums
from skmmgenre.inspection import (
    ActivationMapDisplay,
    ConfusionMatricesDisplay,
    compare_annotators,
    read_annotations,
)
from skmmgenre.labels import describe_reading, read_genres
from skmmgenre.metrics import genre_scores
from skmmgenre.model_selection import read_split
from skmmgenre.utils import first_few, refuse_left_out

# Table 2 as printed: mean and standard deviation of macro precision, recall and F1.
PAPER_TABLE_2 = {
    "CNN_Audio": "0.385 ± 0.006  0.341 ± 0.001  0.336 ± 0.002",
    "MM_Audio": "0.406 ± 0.001  0.342 ± 0.003  0.334 ± 0.003",
    "CNN_Audio + MM_Audio": "0.389 ± 0.005  0.350 ± 0.002  0.346 ± 0.002",
    "CNN_Visual": "0.291 ± 0.016  0.260 ± 0.006  0.255 ± 0.003",
    "MM_Visual": "0.264 ± 0.005  0.241 ± 0.002  0.239 ± 0.002",
    "CNN_Visual + MM_Visual": "0.271 ± 0.001  0.248 ± 0.003  0.245 ± 0.003",
    "CNN_Audio + CNN_Visual": "0.485 ± 0.005  0.413 ± 0.005  0.425 ± 0.005",
    "MM_Audio + MM_Visual": "0.467 ± 0.007  0.393 ± 0.003  0.400 ± 0.004",
    "All": "0.477 ± 0.010  0.413 ± 0.002  0.427 ± 0.000",
}
# The three models of Table 3 and Figure 3, and their averages as printed in the paper.
SETTINGS = {"Audio": "CNN_Audio + MM_Audio", "Visual": "CNN_Visual", "A + V": "All"}
PAPER_AVERAGES = {"Audio": 0.35, "Visual": 0.25, "A + V": 0.43}
PAPER_CORRELATION = "0.80 printed, 0.74 from the rounded rows"
# The left of Table 3: what an annotator gets of an item, the averages as printed in the paper, and
# the correlation of annotator and model.
MODES = {"sound": "Audio", "cover": "Visual", "both": "A + V"}
PAPER_HUMAN_AVERAGES = {"sound": 0.41, "cover": 0.32, "both": 0.46}
PAPER_HUMAN_CORRELATIONS = {"sound": "0.87", "cover": "0.24", "both": "not printed"}

_NAMES = "names of the item"  # a column that is added here

# Small networks, for --quick and --demo. The validation loss of few rows is noisy, so the audio
# network runs all epochs and the best one is kept.
_SMALL = {
    "audio__batch_size": 16,
    "audio__max_epochs": 20,
    "audio__patience": 20,
    "image__depth": 18,
    "image__weights": None,
    "image__image_size": 32,
    "image__max_epochs": 8,
    "image__lr": 1e-3,
    "joint__hidden_units": 128,
    "joint__n_components": 32,
    "fusion__lr": 1e-2,
    "fusion__patience": 30,
}


def main(argv=None):
    """Run the command; return 0, or 1 if the table cannot be used."""
    options = read_options(argv)
    try:
        if options.demo:
            with tempfile.TemporaryDirectory() as folder:
                reproduce(*make_table(options, folder), options)
        else:
            reproduce(*read_table(options), options)
    except (ValueError, OSError) as error:
        print(f"reproduce_single_label: {error}", file=sys.stderr)
        return 1
    return 0


def read_options(argv):
    """Read the command line."""
    about, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("csv", nargs="?", type=Path, help="the table; not needed with --demo")
    add("--demo", action="store_true", help="small networks on synthetic albums")
    add(
        "--quick",
        action="store_true",
        help="one run of small networks, to check the table. The results are not meant to be good: "
        "on few items a model may always predict the most frequent genre",
    )
    columns = parser.add_argument_group("columns of the table")
    for name, column in (
        ("audio", "audio"),
        ("image", "cover"),
        ("genre", "genre"),
        ("artist", "artist"),
    ):
        columns.add_argument(f"--{name}", default=column, help=f"default: {column}")
    columns.add_argument("--root", type=Path, help="folder of the paths; default: the CSV's")
    columns.add_argument(
        "--split",
        help="column of a published split (train, val, test); val rows are used for early stopping "
        "only. Default: a random split by artist for each run",
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
        "--annotations",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="files of skmmgenre annotate for the same table",
    )
    runs = parser.add_argument_group("runs")
    runs.add_argument("--runs", type=int, help="default: 3, as in the paper (--quick: 1)")
    runs.add_argument(
        "--no-plain",
        dest="plain",
        action="store_false",
        help="skip the plain control, the rows below those of the paper in Table 2",
    )
    runs.add_argument(
        "--heat-maps",
        action="store_true",
        help="train the network of covers once more and write figure_5.png",
    )
    runs.add_argument("--test-size", type=float, default=0.15, help="default: 0.15")
    runs.add_argument("--seed", type=int, default=0, help="seed of the first run; default: 0")
    networks = parser.add_argument_group("networks (the paper's by default)")
    networks.add_argument(
        "--architecture",
        default="time",
        choices=("time", "3x3", "4x96", "4x70"),
        help="architecture of the audio network; default: time",
    )
    networks.add_argument("--depth", type=int, help="depth of the ResNet; default: 101")
    networks.add_argument(
        "--weights", help="'imagenet' (default), 'none', or the path of a state dict"
    )
    networks.add_argument("--image-size", type=int, help="pixels; default: 224")
    networks.add_argument("--epochs", type=int, help="maximum number of epochs of every network")
    networks.add_argument("--device", default="auto", help="default: auto")
    other = parser.add_argument_group("other")
    other.add_argument("--jobs", type=int, default=1, help="workers that read files; default: 1")
    other.add_argument("--skip-broken", action="store_true", help="treat broken files as missing")
    other.add_argument(
        "--skip-unlabelled",
        action="store_true",
        help="skip rows without a genre, or without a part of --split",
    )
    other.add_argument(
        "--output", type=Path, default=Path("single_label"), help="folder; default: single_label"
    )
    options = parser.parse_args(argv)
    if options.demo == (options.csv is not None):
        parser.error("give either the CSV of a table or --demo")
    if options.demo and options.annotations:
        parser.error("--annotations needs the CSV of the table that was annotated")
    return options


def read_table(options):
    """Return the table, its genres and artists, and the split part of each row (or None)."""
    table = pd.read_csv(options.csv, dtype=str, keep_default_na=False)
    used = [options.audio, options.image, options.genre, options.artist]
    used += [options.split] if options.split else []
    absent = [column for column in used if column not in table.columns]
    if absent:
        raise ValueError(
            f"{options.csv} has no column {absent}; it has {list(table.columns)}. Name its "
            "columns with --audio, --image, --genre, --artist and --split."
        )
    reading = {"name": f"{options.csv}: column {options.genre!r}"}
    if options.not_genres is not None:
        reading["not_genres"] = options.not_genres.split(";")
    genres, readings = read_genres(table[options.genre], options.separators, **reading)
    if readings:
        lines = first_few(
            readings, 5, count=True, name=lambda r: describe_reading(r, "row"), separator="\n"
        )
        print(f"{lines}\n(--separators and --not-genres change this)")
    parts = read_split(table[options.split]) if options.split else None
    known = labelled_rows(genres, parts, options)
    table, genres = table.iloc[known].reset_index(drop=True), [genres[row] for row in known]
    parts = None if parts is None else parts[known]
    if parts is not None and not {"train", "test"} <= set(parts):
        raise ValueError(
            f"Column {options.split!r} must have both train and test rows, got "
            f"{sorted(set(parts))}."
        )
    if n_several := sum(len(names) > 1 for names in genres):
        rows = f"{n_several} row{'s have' if n_several > 1 else ' has'}"
        print(f"{rows} several genres; the first is used.")
    names = item_names(table, options)
    root = options.root or options.csv.parent
    for column in (options.audio, options.image):
        table[column] = [str(root / path) if path else None for path in table[column]]
    table = table.assign(**{_NAMES: names})
    first = np.array([names[0] for names in genres], dtype=object)
    return table, first, table[options.artist].to_numpy(), parts


def item_names(table, options):
    """Return the names that `skmmgenre annotate` may use for each row: id, audio or cover."""
    columns = [name for name in ("id", options.audio, options.image) if name in table.columns]
    return [[str(cell) for cell in cells if cell] for cells in table[columns].to_numpy()]


def labelled_rows(genres, parts, options):
    """Return the rows with a genre and a split part; others raise or, if allowed, are counted."""
    without = {f"have no genre in column {options.genre!r}": [not names for names in genres]}
    if parts is not None:
        without[f"are neither train, val nor test in column {options.split!r}"] = parts == ""
    for reason, rows in without.items():
        if not options.skip_unlabelled:
            refuse_left_out(rows, reason, "Fill the cells, or pass --skip-unlabelled.")
        elif np.any(rows):
            print(f"{np.sum(rows)} of {len(genres)} rows {reason} and are skipped.")
    return np.flatnonzero(~np.any(list(without.values()), axis=0))


def make_table(options, folder):
    """Return synthetic albums in the format of `read_table`."""
    print("SYNTHETIC albums: the results say nothing about real music.")
    n_albums = 150 if options.quick else 400
    albums = make_albums(
        n_albums,
        directory=folder,
        n_genres=5 if options.quick else 9,
        random_state=options.seed,
        n_jobs=options.jobs,
        verbose=1,
    )
    table = albums.table.rename(columns={"audio": options.audio, "cover": options.image})
    return table, albums.y, albums.groups, None


def build_model(options):
    """Return the pipeline of sections 3 and 4: audio, cover, joint space, fusion."""
    params = dict(_SMALL) if options.quick or options.demo else {}
    if options.weights is not None:
        params["image__weights"] = None if options.weights == "none" else options.weights
    for name, value in (("depth", options.depth), ("image_size", options.image_size)):
        if value is not None:
            params[f"image__{name}"] = value
    if options.epochs is not None:
        params |= {f"{part}__max_epochs": options.epochs for part in ("audio", "image")}
        params["max_epochs"] = options.epochs
    return make_genre_classifier(
        audio=options.audio,
        text=None,
        image=options.image,
        joint_space=True,
        preset="paper",
        audio__architecture=options.architecture,
        device=options.device,
        n_jobs=options.jobs,
        on_error="missing" if options.skip_broken else "raise",
        **params,
    )


def reproduce(table, genres, artists, parts, options):
    """Train, print both tables, and write them and the plots."""
    n_runs = options.runs or (1 if options.quick else 3)
    splits = {"cv": None}  # by artist
    said = annotated_rows(table, options.annotations) if options.annotations else None
    if said is not None and parts is None:
        is_test = rows_of_annotators(said, artists)
        splits["cv"] = check_cv([(np.flatnonzero(~is_test), np.flatnonzero(is_test))])
        print(f"Test rows: {is_test.sum()}, annotated or by an artist of an annotated one")
    if parts is not None:
        is_test, is_val = parts == "test", parts == "val"
        splits["cv"] = check_cv([(np.flatnonzero(~is_test), np.flatnonzero(is_test))])
        splits["validation"] = is_val if is_val.any() else None
        sizes = ", ".join(f"{name} {np.sum(parts == name)}" for name in ("train", "val", "test"))
        print(f"Column {options.split!r}: {sizes}")
    print(
        f"{len(table)} items, {len(np.unique(genres))} genres, "
        f"{len(set(artists) - {''})} artists (items without: {np.sum(artists == '')}); "
        f"without audio {table[options.audio].isna().sum()}, "
        f"without cover {table[options.image].isna().sum()}; runs: {n_runs}"
    )
    metrics, predictions = ablate_modalities(
        build_model(options),
        table,
        genres,
        artists,
        subsets="paper",
        n_runs=n_runs,
        controls=["plain"] if options.plain else [],
        **splits,
        test_size=options.test_size,
        random_state=options.seed,
        verbose=1,
        return_predictions=True,
    )
    by_genre = scores_by_genre(predictions, np.unique(genres))
    print(f"\n{table_2(metrics)}\n\n{table_3(by_genre)}")
    options.output.mkdir(parents=True, exist_ok=True)
    describe_genres(genres, parts).to_csv(options.output / "table_1.csv", index_label="genre")
    metrics.to_csv(options.output / "table_2.csv")
    by_genre.to_csv(options.output / "table_3.csv")
    write_confusion_matrices(predictions, np.unique(genres), options.output / "figure_3.png")
    written = ["table_1.csv", "table_2.csv", "table_3.csv", "figure_3.png"]
    if said is not None:
        written += compare_with_people(said, predictions, np.unique(genres), options)
    if options.heat_maps:
        first = predictions["run"] == predictions["run"].min()
        is_test = np.isin(np.arange(len(table)), predictions.loc[first, "row"])
        network = train_network_of_covers(
            table[~is_test],
            genres[~is_test],
            artists[~is_test],
            None if splits.get("validation") is None else splits["validation"][~is_test],
            options,
        )
        write_heat_maps(network, table[is_test], options)
        written.append("figure_5.png")
    print(f"\nIn {options.output}: {', '.join(written)}")


def train_network_of_covers(table, genres, artists, validation, options):
    """Train the network of covers alone."""
    model = build_model(options).set_params(image__random_state=options.seed)
    if (options.quick or options.demo) and options.image_size is None:
        model.set_params(image__image_size=128)  # at 32 pixels, a map has a single position
    branches = {name: branch for name, branch, _ in model["modalities"].transformers}
    return clone(branches["image"]).fit(
        table[options.image], genres, groups=artists, validation=validation
    )


def write_heat_maps(network, table, options):
    """Draw the covers of each genre with the highest scores, and the regions that support it."""
    display = ActivationMapDisplay.from_estimator(network, table[options.image])
    display.figure_.savefig(options.output / "figure_5.png", dpi=120, bbox_inches="tight")
    plt.close(display.figure_)


def annotated_rows(table, paths):
    """Return the annotations with the column row, their row in the table."""
    said = read_annotations(paths)
    rows = {name: row for row, names in enumerate(table[_NAMES]) for name in names}
    said["row"] = said["item"].map(rows)
    absent = said.loc[said["row"].isna(), "item"].unique()
    if len(absent):
        raise ValueError(
            f"{len(absent)} annotated items are not rows of the table: "
            f"{first_few(map(repr, absent))}. Items are matched by id, audio or cover: pass "
            "annotations of the same table."
        )
    return said.astype({"row": int})


def rows_of_annotators(said, artists):
    """Return a mask of the test rows: annotated rows, and others of their artists."""
    is_test = np.zeros(len(artists), dtype=bool)
    is_test[said["row"]] = True
    is_test |= (artists != "") & np.isin(artists, artists[is_test])
    if is_test.all():
        raise ValueError(
            "There are no training rows: every row is annotated, or by an artist of an annotated "
            "row. Annotate fewer items, or pass a table with more artists."
        )
    return is_test


def compare_with_people(said, predictions, labels, options):
    """Print the left of Table 3, write it and Figure 3; return the file names."""
    first = predictions[predictions["run"] == predictions["run"].min()].set_index("row")
    is_tested = said["row"].isin(first.index)
    if not is_tested.all():
        print(
            f"\n{(~is_tested).sum()} annotations are skipped because their rows are not test rows."
        )
    said = said[is_tested].assign(item=said["row"].astype(str))
    first.index = first.index.astype(str)
    comparison = compare_annotators(
        said,
        first["true"],
        {mode: first[SETTINGS[setting]] for mode, setting in MODES.items()},
        labels=labels,
        random_state=options.seed,
    )
    print(f"\n{table_3_left(comparison)}")
    names = ["annotators.csv", "annotators_by_genre.csv", "figure_3_annotators.png"]
    comparison.scores.to_csv(options.output / names[0])
    comparison.by_genre.to_csv(options.output / names[1])
    display = ConfusionMatricesDisplay.from_comparison(comparison)
    display.figure_.savefig(options.output / names[2], dpi=120, bbox_inches="tight")
    plt.close(display.figure_)
    return names


def table_3_left(comparison):
    """Return the left of Table 3 as text: each annotator, and the model on the same items."""
    lines = ["Table 3, left: F1 of each genre, annotators and the model of the first run on the"]
    lines += ["same items; 95 % intervals over items"]
    for annotator in comparison.answers["annotator"].unique():
        lines += ["", *_lines_of(annotator, comparison)]
    if len(comparison.kappa):
        lines += ["", "Cohen's kappa between annotators"]
        for line in comparison.kappa.itertuples():
            name = MODES.get(line.mode, line.mode)
            kappa = _with_interval(line.kappa, line.low, line.high)
            lines.append(f"{line.first}, {line.second}: {name:6} {kappa} ({line.items} items)")
    return "\n".join(lines)


def _lines_of(annotator, comparison):
    by_genre, scores = comparison.by_genre[annotator], comparison.scores.loc[annotator]
    modes = [mode for mode in MODES if ("human", mode) in by_genre.columns]
    width = max(len("the paper's average"), *(len(str(genre)) for genre in by_genre.index))

    def line(name, values):
        groups = ("".join(f"  {value:>6}" for value in values[rater]) for rater in values)
        return f"{name:{width}}" + "   ".join(groups)

    def numbers(table):
        return {
            rater: [f"{table[rater, mode]:.2f}" for mode in modes] for rater in ("human", "model")
        }

    paper = {
        "human": [f"{PAPER_HUMAN_AVERAGES[mode]:.2f}" for mode in modes],
        "model": [f"{PAPER_AVERAGES[MODES[mode]]:.2f}" for mode in modes],
    }
    head = {rater: [MODES[mode] for mode in modes] for rater in ("human", "model")}
    lines = [
        f"{annotator:{width}}  {'human':{8 * len(modes) + 1}}  model",
        line("Genre", head),
        *(line(str(genre), numbers(row)) for genre, row in by_genre.iterrows()),
        line("Average", numbers(by_genre.mean())),
        line("the paper's average", paper),
        "",
        f"{'':{width}}  {'P [95 %]':20}  {'R [95 %]':20}  {'F1 [95 %]':20}  items (skipped)",
    ]
    for (mode, rater), row in scores.iterrows():
        values = "  ".join(
            f"{_with_interval(row[name], row[f'{name}_low'], row[f'{name}_high']):20}"
            for name in ("precision", "recall", "f1")
        )
        counts = f"{row['items']:.0f} ({row['skipped']:.0f})"
        lines.append(f"{MODES[mode] + ', ' + rater:{width}}  {values}  {counts}")
    lines += ["", "Pearson correlation of F1 over genres [95 %]"]
    correlations = comparison.correlations
    for row in correlations[correlations["annotator"] == annotator].itertuples():
        (one, mode), (other, other_mode) = row.first.split(), row.second.split()
        pair = f"{one} {MODES[mode]}, {other} {MODES[other_mode]}"
        known = PAPER_HUMAN_CORRELATIONS[mode] if mode == other_mode else ""
        known = f"  (the paper: {known})" if known else ""
        lines.append(f"{pair:28}  {_with_interval(row.pearson, row.low, row.high)}{known}")
    return [line.rstrip() for line in lines]


def _with_interval(value, low, high):
    return "undefined" if np.isnan(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def scores_by_genre(predictions, labels):
    """Return the F1 of each genre for the three settings, averaged over the runs."""
    columns = {}
    for setting, model in SETTINGS.items():
        runs = [
            genre_scores(run["true"], run[model], labels=labels)["f1"].loc[labels]
            for _, run in predictions.groupby("run")
        ]
        columns[setting] = np.mean(runs, axis=0)
    return pd.DataFrame(columns, index=pd.Index(labels, name="genre"))


def table_2(metrics):
    """Return Table 2 as text: these results, those of the paper, and the plain control."""
    lines = [
        "Table 2: macro precision, recall and F1, mean ± standard deviation over the runs",
        "(the paper used MSD-I: 15 genres, 4,691 test tracks)",
        "",
        f"{'':6} {'':22}  {'here':^43}  {'the paper':^43}".rstrip(),
        f"{'Input':6} {'Model':22}  " + "  ".join([f"{name:13}" for name in ("P", "R", "F1")] * 2),
    ]
    for name, row in metrics.loc[list(PAPER_TABLE_2)].iterrows():
        lines.append(f"{row['input']:6} {name:22}  {_metrics_here(row)}  {PAPER_TABLE_2[name]}")
    if len(plain := metrics.drop(index=list(PAPER_TABLE_2))):
        lines += plain_rows(plain, metrics["input"])
    return "\n".join(line.rstrip() for line in lines)


def plain_rows(plain, inputs):
    """Return the lines of the plain control, with the difference to a row of the paper."""
    lines = ["", f"{'':75}difference in F1 [95 %] to"]
    for name, row in plain.iterrows():
        model = "plain" + "".join(name.partition(",")[1:])  # the first column has its input
        difference = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        lines.append(
            f"{inputs[row['reference']]:6} {model:22}  {_metrics_here(row)}  "
            f"{difference}  {row['reference']}"
        )
    return [
        *lines,
        "",
        "plain: logistic regression on statistics of the audio and on colours. For A + V, the mean",
        "of their probabilities, or one regression on both (concatenated). The intervals are",
        "paired, over artists and, with several runs, over seeds.",
    ]


def _metrics_here(row):
    return "  ".join(
        f"{_mean_and_deviation(row[metric], row[f'{metric}_std']):13}"
        for metric in ("precision", "recall", "f1")
    )


def _mean_and_deviation(mean, deviation):
    # There is no standard deviation of a single run.
    return f"{mean:.3f}" if np.isnan(deviation) else f"{mean:.3f} ± {deviation:.3f}"


def table_3(by_genre):
    """Return Table 3 as text, with averages and the correlation between the modalities."""
    width = max(len("the paper's average"), *(len(str(genre)) for genre in by_genre.index))

    def line(name, values):
        return f"{name:{width}}  " + "  ".join(f"{value:>6}" for value in values)

    lines = [
        "Table 3: F1 of each genre, mean over the runs",
        "(Audio: CNN_Audio + MM_Audio; Visual: CNN_Visual; A + V: All)",
        "",
        line("Genre", by_genre.columns),
        *(line(str(genre), [f"{f1:.2f}" for f1 in row]) for genre, row in by_genre.iterrows()),
        line("Average", [f"{f1:.2f}" for f1 in by_genre.mean()]),
        line("the paper's average", [f"{PAPER_AVERAGES[name]:.2f}" for name in by_genre.columns]),
        "",
    ]
    two = by_genre[["Audio", "Visual"]]
    # The correlation means nothing if a model predicts a single genre.
    if len(two) > 2 and (two.std() > 0).all() and ((two > 0).sum() > 1).all():
        correlation = f"{two['Audio'].corr(two['Visual']):.2f}"
    else:
        correlation = "undefined"
    lines.append(
        f"Pearson correlation of Audio and Visual over {len(by_genre)} genres: {correlation} "
        f"(the paper: {PAPER_CORRELATION})"
    )
    return "\n".join(lines)


def write_confusion_matrices(predictions, labels, path):
    """Draw Figure 3: rows are true genres, normalized by row, over all runs."""
    panels = {
        f"{setting}: {model}" if setting != model else model: predictions[model]
        for setting, model in SETTINGS.items()
    }
    display = ConfusionMatricesDisplay.from_predictions(predictions["true"], panels, labels=labels)
    # bbox_inches makes room for long names of genres.
    display.figure_.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(display.figure_)


if __name__ == "__main__":
    sys.exit(main())
