"""`skmmgenre demo`: run the whole pipeline on synthetic albums, from files to metrics."""

import shlex
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import check_cv

from .. import __version__
from ..compose import GenrePipeline, ablate_modalities, make_genre_classifier
from ..datasets import make_albums
from ..inspection import ConfusionMatricesDisplay, LearningCurvesDisplay
from ..inspection import report as write_report
from ..metrics import bootstrap_interval, genre_scores
from ..model_selection import ArtistShuffleSplit
from ..nets import interruption_ends_all
from ..text import EntityEnricher, GazetteerLinker, ReviewTruncator, ReviewVectorizer, TextMLP
from ._control import answer_plain, fit_control
from ._music import MODALITIES
from ._options import JOBS, SEED, WholeNumber, example
from ._terminal import plain_table

_ALBUMS = WholeNumber(
    lambda number: number >= 60, "at least 60 albums are needed to split by artist"
)


@click.command(epilog=example("skmmgenre demo --albums 800 --output my_report"))
@click.option(
    "--albums", "n_albums", type=_ALBUMS, default=400, show_default=True, help="Number of albums."
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of data and training.")
@click.option(
    "--jobs", "n_jobs", type=JOBS, default=2, show_default=True, help="Number of workers."
)
@click.option(
    "--output", metavar="DIR", default="demo_report", show_default=True, help="Folder to write to."
)
def demo(n_albums, seed, n_jobs, output):
    """Make synthetic albums and train a model on them.

    The command makes albums (sound, reviews, covers), splits them by artist, trains all networks,
    prints what each modality adds next to the best attainable scores, and writes a report, the
    model, tables and figures.
    """

    from ..nets._devices import one_thread  # imports torch, which `--help` does not need

    began = time.perf_counter()
    console = Console()
    report = Path(output)
    report.mkdir(parents=True, exist_ok=True)
    # One thread is as fast at this size, with the same metrics on any number of cores. With small
    # networks, threads that share cores with other programs mostly wait.
    with interruption_ends_all(), tempfile.TemporaryDirectory() as folder, one_thread:
        console.rule(f"[bold]Making {n_albums} synthetic albums: sound, reviews and covers")
        albums = make_albums(
            n_albums,
            n_genres=6,
            missing=0.1,
            entity_signal=1.0,
            directory=folder,
            random_state=seed,
            n_jobs=n_jobs,
            verbose=1,
        )
        splitter = ArtistShuffleSplit(1, test_size=0.25, random_state=seed)
        ((train, test),) = splitter.split(albums.table, albums.y, albums.groups)

        console.rule("[bold]Training a network for each modality, and their fusion")
        model = _demo_model(seed, n_jobs)
        vectors = _fit_and_transform(model, albums, train, test)
        predicted = model[-1].predict(vectors.iloc[test])

        console.rule("[bold]Training the fusion of every subset of the modalities")
        metrics, predictions = ablate_modalities(
            _on_vectors(model, vectors),
            vectors,
            albums.y,
            albums.groups,
            n_runs=1,
            cv=check_cv([(train, test)]),
            controls=("missing pattern", "mean of probabilities"),
            random_state=seed,
            return_predictions=True,
        )
        metrics = _with_plain(metrics, predictions, model, albums, train, test)
        metrics.insert(6, "ceiling", _ceilings(albums, metrics, test))

        console.rule("[bold]Multilabel: every modality and their fusion, with two targets")
        several = _several_genres(albums, train, test, seed, n_jobs)

        console.rule("[bold]Reviews: words only, and words with categories of entities")
        enrichment = _enrichment(albums, train, test, seed)

        console.rule("[bold]Writing the report")
        card = _card(albums, train, test, metrics)
        write_report(
            model,
            albums.table.iloc[test],
            albums.y[test],
            albums.groups[test],
            report / "report.html",
            card={name: value for name, value in card.items() if name != "held_out"},
            seen_groups=albums.groups[train],
            ablation=metrics,
            title="Genres of synthetic albums",
        )
        # Before the files of the albums are deleted, because `save` hashes them.
        _save(model, report / "genres.skmmgenre", albums, train, card)
    _print_metrics(console, metrics, n_test=len(test))
    scores = genre_scores(albums.y[test], predicted, labels=model.classes_)
    _print_genres(console, scores)
    _print_several(console, several, n_labels=albums.Y.shape[1])
    _print_enrichment(console, enrichment)
    _write(report, model, metrics, predictions)
    several.to_csv(report / "table_multi_label.csv")
    enrichment.to_csv(report / "table_entities.csv")
    _print_closing(console, report, time.perf_counter() - began)


# Multilabel metrics by column heading.
_SEVERAL = {
    "AUC": "macro_auc",
    "AP": "macro_average_precision",
    **{f"ADiv@{k}": f"diversity@{k}" for k in (1, 3, 5)},
    **{f"P@{k}": f"precision@{k}" for k in (1, 3, 5)},
}


# The small network for covers needs no ImageNet weights.
_SMALL = {"verbose": 1, "text__hidden_units": (512, 512), "image__depth": "small"}


def _demo_model(seed, n_jobs):
    """Return a model of all modalities that trains in minutes on two cores."""
    return make_genre_classifier(random_state=seed, n_jobs=n_jobs, **_SMALL)


def _fit_and_transform(model, albums, train, test):
    """Fit a model; return the embeddings of all albums, those of `train` out-of-fold.

    Out-of-fold embeddings come from networks that were not trained on the artist. `transform` would
    return overconfident embeddings for the training rows.
    """
    networks, y, artists = model[:-1], albums.y[train], albums.groups[train]
    learned = networks.fit_transform(albums.table.iloc[train], y, groups=artists)
    model[-1].fit(learned, y, groups=artists)
    asked = networks.transform(albums.table.iloc[test])
    # In the order of the albums, as `train` and `test` are positions.
    return pd.concat([learned, asked]).loc[albums.table.index]


def _on_vectors(model, vectors):
    """Return the fusion of a model as a pipeline over embeddings; no network is trained again."""
    columns = vectors.columns
    blocks = columns.str.split("__").str[0]
    branches = [(name, "passthrough", columns[blocks == name]) for name in blocks.unique()]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    return GenrePipeline([("modalities", modalities), ("fusion", clone(model[-1]))])


def _with_plain(metrics, predictions, model, albums, train, test):
    """Add a row of the plain control below each subset of the modalities."""
    names = metrics.index[metrics["input"] != "Control"]
    subsets = [tuple(name.split(" + ")) for name in names]
    classes = model.classes_.tolist()
    control = fit_control(model, albums.table.iloc[train], albums.y[train], subsets)
    answers, _ = answer_plain(control, albums.table.iloc[test], classes)
    truth, lines = albums.y[test], {}
    for name, said in zip(names, answers.values(), strict=True):
        scores = genre_scores(truth, said.predicted, labels=classes, y_score=said.scores)
        macro = scores.loc["macro"]
        difference, low, high = bootstrap_interval(
            truth, said.predicted, predictions[name], groups=albums.groups[test], labels=classes
        )
        lines[f"plain {name}"] = {
            "input": "Control",
            **macro[["precision", "recall", "f1"]],
            "accuracy": scores.attrs["accuracy"],
            "macro_auc": macro["auc"],
            "macro_average_precision": macro["average_precision"],
            "reference": name,
            "difference": difference,
            "low": low,
            "high": high,
        }
    order = [row for name in names for row in (name, f"plain {name}")]
    order += [name for name in metrics.index if name not in names]
    plain = pd.DataFrame.from_dict(lines, orient="index", columns=metrics.columns)
    return pd.concat([metrics, plain]).loc[order].rename_axis("model")


def _several_genres(albums, train, test, seed, n_jobs):
    """Return the metrics of Table 6 of the paper on the test albums, with smaller networks."""
    model = make_genre_classifier(
        target="cosine",
        random_state=seed,
        n_jobs=n_jobs,
        image__target="logistic",  # as in the paper
        **_SMALL,
    )
    metrics = ablate_modalities(
        model,
        albums.table,
        albums.Y,
        albums.groups,
        subsets="paper",
        n_runs=1,
        cv=check_cv([(train, test)]),
        controls=("half of log prior removed", "random scores"),
        random_state=seed,
        n_resamples=500,
    )
    best = albums.oracle.label_metrics(rows=test).rename("exact posterior")
    return pd.concat([metrics, best.to_frame().T]).rename_axis("model")


def _enrichment(albums, train, test, seed):
    """Return metrics of the text network on words (VSM) and on words and categories (VSM + SEM)."""
    linker = GazetteerLinker(albums.knowledge_base)
    cut = ReviewTruncator().transform(albums.table["text"])
    texts = {"VSM": cut, "VSM + SEM": EntityEnricher(linker).transform(cut)}
    lines = []
    for target, metric, y in (
        ("softmax", "f1", pd.Series(albums.y)),
        ("logistic", "macro_auc", albums.Y),
        ("cosine", "macro_auc", albums.Y),
    ):
        answers = {}
        for name, column in texts.items():
            hidden_units = _SMALL["text__hidden_units"]
            mlp = TextMLP(hidden_units=hidden_units, target=target, random_state=seed, verbose=1)
            model = GenrePipeline([("tfidf", ReviewVectorizer()), ("mlp", mlp)])
            model.fit(column[train], y.iloc[train], groups=albums.groups[train])
            answer = model.predict if target == "softmax" else model.decision_function
            answers[name] = answer(column[test])
        labels = albums.oracle.classes if metric == "f1" else None
        asked = {"metric": metric, "groups": albums.groups[test], "labels": labels}
        truth = y.iloc[test].to_numpy()
        line = {
            name: bootstrap_interval(truth, answer, n_resamples=1, **asked).estimate
            for name, answer in answers.items()
        }
        line["ceiling"] = albums.oracle.ceiling(
            "text", test, metric="macro_f1" if metric == "f1" else metric
        )
        gain = bootstrap_interval(truth, answers["VSM + SEM"], answers["VSM"], **asked)
        lines.append({"target": target, "metric": metric, **line, **gain._asdict()})
    return pd.DataFrame(lines).set_index("target")


def _ceilings(albums, metrics, test):
    """Return the best attainable macro F1 of each row; NaN for controls."""
    ceilings = []
    for name, kind in metrics["input"].items():
        columns = [] if kind == "Control" else [MODALITIES[part] for part in name.split(" + ")]
        ceiling = albums.oracle.ceiling(columns, test, metric="macro_f1") if columns else np.nan
        ceilings.append(ceiling)
    return ceilings


def _print_metrics(console, metrics, *, n_test):
    title = f"What each modality adds ({n_test} albums of unseen artists)"
    table = plain_table(title, "input", ("F1", "ceiling", "accuracy", "gain in F1 [95 %]"))
    for name, line in metrics.iterrows():
        ceiling = "" if np.isnan(line["ceiling"]) else f"{line['ceiling']:.3f}"
        gain = f"{line['difference']:+.3f} [{line['low']:+.3f}, {line['high']:+.3f}]"
        gain = "" if name == line["reference"] else gain
        table.add_row(name, f"{line['f1']:.3f}", ceiling, f"{line['accuracy']:.3f}", gain)
    console.print(table)
    console.print(
        f"F1 is macro F1. Gains are relative to [bold]{metrics['reference'].iloc[0]}[/bold], those "
        "of plain to the row above it, with a paired bootstrap interval over artists. Plain is "
        "logistic regression on statistics of the sound, words and colours. The ceiling is the "
        "macro F1 of the exact posterior that the synthetic albums were drawn from."
    )


def _print_genres(console, scores):
    heads = ("precision", "recall", "F1", "albums")
    table = plain_table("Genres, all modalities", "genre", heads)
    for genre, line in scores.iterrows():
        metrics = [f"{line[name]:.3f}" for name in ("precision", "recall", "f1")]
        table.add_row(str(genre), *metrics, f"{line['support']:.0f}")
    console.print(table)


def _print_several(console, metrics, *, n_labels):
    # Nine columns fit into 80 characters only with narrow padding.
    title = f"Multilabel: the {n_labels} labels of the same albums"
    table = plain_table(title, "input and target", _SEVERAL, space=0)
    for name, line in metrics.iterrows():
        digits = {head: 3 if head in ("AUC", "AP") else 2 for head in _SEVERAL}
        table.add_row(name, *(f"{line[_SEVERAL[head]]:.{n}f}" for head, n in digits.items()))
    console.print(table)
    console.print(
        "A is audio, T text, I image. P@k is the share of an album's k best labels that are right, "
        "ADiv@k the share of all labels that occur among the k best of any album. The exact "
        "posterior is the ceiling for AUC, AP and P@k. Compare ADiv@k together with P@k: random "
        "scores have full diversity, and logistic models gain some by favouring common labels less."
    )


def _print_enrichment(console, metrics):
    title = "Reviews only: words, and words with categories of entities"
    table = plain_table(title, "target", ("metric", "VSM", "VSM + SEM", "ceiling", "gain [95 %]"))
    for target, line in metrics.iterrows():
        gain = f"{line['estimate']:+.3f} [{line['low']:+.3f}, {line['high']:+.3f}]"
        values = [f"{line[name]:.3f}" for name in ("VSM", "VSM + SEM", "ceiling")]
        table.add_row(target, {"f1": "F1", "macro_auc": "AUC"}[line["metric"]], *values, gain)
    console.print(table)
    console.print(
        "VSM is tf-idf over the words of the reviews. SEM adds the categories of the people and "
        "places they mention, as words. In these albums all categories belong to the genre that "
        "the review reflects, and the words of a name alone carry no information."
    )


def _card(albums, train, test, metrics):
    together = metrics[metrics["input"] != "Control"].iloc[-1]
    return {
        "made_by": f"skmmgenre {__version__}, skmmgenre demo",
        "trained_on": "synthetic albums",
        "items": len(train),
        "artists": len(set(albums.groups[train])),
        "items_by_genre": dict(Counter(albums.y[train].tolist()).most_common()),
        "limits": "trained on synthetic sounds, words and covers; do not use it on real music",
        "held_out": {
            "items": len(test),
            "metrics": {"f1": together["f1"], "accuracy": together["accuracy"]},
        },
    }


def _save(model, path, albums, train, card):
    from .. import save  # imports skops and torch

    save(model, path, card=card, table=albums.table.iloc[train], groups=albums.groups[train])


def _write(report, model, metrics, predictions):
    from matplotlib.figure import Figure

    metrics.to_csv(report / "table.csv")
    names = [name for name, kind in metrics["input"].items() if kind != "Control"]
    shown = [name for name in names if " + " not in name] + names[-1:]
    # Not pyplot figures, which might open a window on a desktop.
    picture = Figure(figsize=(4.6 * len(shown), 4.8), layout="compressed")
    ConfusionMatricesDisplay.from_predictions(
        predictions["true"], predictions[shown], labels=model.classes_, figure=picture
    )
    picture.savefig(report / "confusion_matrices.png", dpi=110)
    picture = Figure(figsize=(3.6 * len(shown), 3.2), layout="compressed")
    LearningCurvesDisplay.from_estimator(model, figure=picture)
    picture.savefig(report / "learning_curves.png", dpi=110)


def _print_closing(console, report, seconds):
    console.print(
        f"\nDone in {seconds:.0f} s. Files in [bold]{escape(str(report))}[/bold]: report.html, "
        "genres.skmmgenre, table.csv, table_multi_label.csv, table_entities.csv, "
        "confusion_matrices.png, learning_curves.png."
    )
    model = escape(shlex.quote(str(report / "genres.skmmgenre")))
    # Soft wrapping keeps long paths in one line, so that the command can be copied.
    console.print(
        "Next:\n"
        f"  the model         skmmgenre info {model}\n"
        "  your own music    model = make_genre_classifier(\n"
        "                        audio='path', text='review', image='cover'\n"
        "                    )\n"
        "                    model.fit(table, table.genre, groups=table.artist)\n"
        "  the paper's rows  ablate_modalities(model, table, y, artists, subsets='paper')\n"
        "  the guide         make docs",
        soft_wrap=True,
    )
