"""`skmmgenre evaluate`: the metrics of the paper for each subset of the modalities."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import click
import numpy as np
import pandas as pd
from sklearn.preprocessing import MultiLabelBinarizer

from .._model_summary import genres_of, has_several_genres, modalities_of
from ..inspection._report._report import _never_predicted
from ..inspection._report._scores import COMPARED
from ..metrics import genre_scores, ranking_scores
from ..model_selection import read_split
from ..utils import is_missing
from ._control import (
    Control,
    answer_plain,
    answer_prior,
    count_drawn,
    fit_control,
    interval_of_difference,
    knows_artists,
    match_decision,
)
from ._evaluation_tables import print_evaluation
from ._genre_names import GenreNames
from ._labelling import Labelling
from ._model import answer, load_model, vectors_of
from ._music import MODALITIES
from ._options import (
    as_json,
    example,
    genres_file,
    jobs,
    label_options,
    left_out,
    quiet,
    report_only_first,
    report_readings,
    report_skipped,
    report_unlisted,
    source_options,
)
from ._terminal import visible


@click.command(
    epilog=example(
        "skmmgenre evaluate genres.skmmgenre test.csv --json > metrics.json\n"
        "  skmmgenre evaluate genres.skmmgenre all.csv --split test --train all.csv"
    )
)
@click.argument("model")
@click.argument("source", metavar="TABLE_OR_FOLDER")
@source_options
@label_options
@genres_file
@click.option("--split", metavar="NAME", help='Use only rows with NAME in the column "split".')
@click.option(
    "--train",
    "learned",
    metavar="TABLE_OR_FOLDER",
    help="Music that the model was trained on. A plain control is trained on it, too, and compared "
    'with the model. Rows whose split is "test" are skipped.',
)
@left_out
@jobs
@quiet
@as_json
def evaluate(
    model,
    source,
    split,
    learned,
    genres_from,
    labels,
    with_tagged,
    names,
    settings,
    jobs,
    quiet,
    as_json,
    **reading,
):
    """Evaluate a MODEL on music whose genres are known, with the metrics of the paper.

    Single-label models: macro precision, recall and F1, accuracy and macro AUC. Multilabel models:
    macro F1 and AUC, and precision, nDCG and diversity at 1, 3 and 5. Metrics are printed for each
    subset of the modalities (the others count as missing) and for each genre. --train adds a plain
    control: logistic regression on statistics of the sound, words and colours.
    """

    labelling = Labelling.of_options(source, genres_from, labels, with_tagged, by=reading["by"])
    fitted, card = load_model(
        model, on_error="missing", verbose=int(not quiet), n_jobs=jobs, settings=settings
    )
    aliases = GenreNames.of_card(card)
    control, of_control = None, None
    if learned is not None:
        opened = labelling.open(learned, of_control=True, verbose=not quiet, **reading)
        with opened as (of_control, *_):
            of_control = of_control.take(of_control.parts() != "test")
            control = control_of(fitted, of_control, names=names or aliases)
    opened = labelling.open(source, verbose=not quiet, **reading)
    with opened as (music, n_written, n_labelled):
        if split is not None:
            music = music.of_split(split)
        report_readings(music)
        report_unlisted(names, music.genres)
        found = evaluate_model(fitted, music, names=names or aliases, control=control)
        found.n_learned = warn_if_learned(music, of_control)
    # Test rows are not trained on, so the same table as in training is no reason to warn.
    if split is None or read_split([split])[0] != "test":
        _warn_if_same_name(card, source)
    errors = music.errors + found.errors
    if control is not None:
        errors = with_errors_of_plain(errors, of_control.errors + control.errors)
    report_skipped(errors)
    report_only_first(found.n_first_only)
    if as_json:
        result = found.as_dict()
        if n_written:
            result["written_by_tag"] = {"items": n_written, "counted": with_tagged}
        if n_labelled:
            result["labelled_by_annotators"] = n_labelled
        click.echo(json.dumps(result, indent=2))
    else:
        print_evaluation(found)


def warn_if_learned(music, learned):
    """Return how many items the plain control was trained on, and warn on standard error."""
    if learned is None:
        return 0
    known = set(_first_cells(learned))
    n = sum(cell in known for cell in _first_cells(music))
    if n:
        click.echo(
            f"--train also contains some of these items ({n:,} with genres): the plain control was "
            "trained on them, and so was the model if it was trained on --train. The metrics of "
            "both are too optimistic and do not show which is better",
            err=True,
        )
    return n


def _warn_if_same_name(card, source):
    """Warn on standard error if a model may have been trained on the evaluated music."""
    name = os.path.basename(os.path.abspath(source))
    if card.get("trained_on") == name:
        click.echo(
            f"the model was trained on music named {visible(repr(name))}, which may be the same: "
            "metrics on training music are too optimistic",
            err=True,
        )


def _first_cells(music):
    """Yield what identifies each item with genres: its sound, or else its text or cover."""
    table = music.table.loc[list(map(bool, music.genres)), list(MODALITIES.values())]
    for cells in table.itertuples(index=False, name=None):
        yield next((repr(cell) for cell in cells if not is_missing(cell)), None)


_KS = (1, 3, 5)  # of Table 6
_MIN_SCORES = (0.0, 0.3, 0.5, 0.7, 0.9)


@dataclass
class Evaluation:
    """Metrics, all in [0, 1].

    Parameters
    ----------
    several : bool
        Whether the model is multilabel.
    n_items : int
    metrics : DataFrame
        One row per subset of the modalities. Columns for single-label models: precision, recall
        and f1 (macro), accuracy and macro_auc; for multilabel models f1 and those of
        `ranking_scores`.
    genres : DataFrame
        `genre_scores` with all modalities.
    unknown : dict of str to int
        Genres that are not among those of the model, and how many items have them.
    n_left_out : int
        Number of items that have no genre of the model.
    errors : list of (str, str)
        Item and reason of each cell that was treated as missing.
    n_first_only : int
        Number of items with several genres, of which only the first is compared.
    never_predicted : list of str
        Genres of the model that it predicts for no item.
    min_scores : DataFrame
        Indexed by the score that the best genre must have (0: any). ``share`` is the share of the
        items that then get a genre, ``precision`` the share of these genres that are right.
    by_artist : bool
        Whether any artist is known, so that intervals are drawn over artists.
    n_drawn : int
        Number of artists, or else of items, that the intervals are drawn over.
    n_learned : int
        Number of items that the control was trained on. If not 0, no verdict is possible.
    control : Control or None
    prior : Series or None
        Metrics of a baseline that knows only the class frequencies of the control.
    plain : DataFrame or None
        Metrics of the plain control, with the columns of `metrics`.
    differences : DataFrame or None
        Model minus plain control by subset: ``metric``, ``difference``, ``low``, ``high``.
    """

    several: bool
    n_items: int
    metrics: pd.DataFrame
    genres: pd.DataFrame
    unknown: dict
    n_left_out: int
    errors: list
    n_first_only: int
    never_predicted: list
    min_scores: pd.DataFrame
    by_artist: bool
    n_drawn: int
    n_learned: int = 0
    control: Control | None = None
    prior: pd.Series | None = None
    plain: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None

    def of_all_modalities(self):
        """Return metrics with all modalities as plain values; undefined metrics are None."""
        result = {
            "items": self.n_items,
            "artists": self.n_drawn if self.by_artist else None,
            "metrics": _plain_line(self.metrics.iloc[-1]),
            **self._of_genres(),
        }
        if self.prior is not None:
            result["prior"] = _plain_line(self.prior)
        if self.plain is not None:
            metrics, difference = self.plain.iloc[-1], self.differences.iloc[-1]
            result["plain"] = {"metrics": _plain_line(metrics), **_plain_line(difference)}
        elif self.control is not None and self.control.reason:
            result["plain"] = {"reason": self.control.reason}
        return result

    def as_dict(self):
        """Return the evaluation as plain values; undefined metrics are None."""
        result = {
            "items": self.n_items,
            "left_out": self.n_left_out,
            "first_genre_only": self.n_first_only,
            "unknown_genres": self.unknown,
            "metrics": _plain_table(self.metrics),
            **self._of_genres(),
            "set_aside": [{"item": item, "reason": reason} for item, reason in self.errors],
        }
        if self.plain is not None:
            result["prior"] = _plain_line(self.prior)
            result["plain"] = {
                "items": self.control.n_items,
                "items_in_both": self.n_learned,
                "metrics": _plain_table(self.plain),
                "differences": _plain_table(self.differences),
            }
        return result

    def _of_genres(self):
        return {
            "genres": _plain_table(self.genres.drop(index="macro")),
            "never_predicted": self.never_predicted,
            "min_scores": [
                {"min_score": least, **_plain_line(line)}
                for least, line in self.min_scores.iterrows()
            ],
        }


def evaluate_model(model, music, *, names=None, control=None, each_subset=True):
    """Evaluate a model on music whose genres are known.

    Parameters
    ----------
    model : GenrePipeline
    music : Music
    names : GenreNames or None
        Applied to the genres of the music. Genres of the model are matched without case.
    control : Control or None
        Plain control that the model is compared with.
    each_subset : bool
        Whether to compute metrics for each subset of the modalities, or only for all of them.

    Returns
    -------
    evaluation : Evaluation
        A modality is excluded by treating its cells as missing; nothing is trained again.

    Raises
    ------
    ValueError
        If no item has a genre of the model.
    """
    several, classes = has_several_genres(model), genres_of(model)
    genres = genres_by_model(model, music, names)
    n_first_only = 0
    if not several:
        n_first_only = sum(len(item) > 1 for item in genres)
        genres = [item[:1] for item in genres]
    unknown = Counter(name for item in genres for name in item if name not in classes)
    truth, rows = _known(genres, classes)
    music = music.take(rows)
    # Files are decoded and encoded once; for each subset, only the steps after the branches run.
    vectors, errors = vectors_of(model, music.table)
    subsets = subsets_of(model) if each_subset else subsets_of(model)[-1:]
    answers = {" + ".join(subset): answer(model, vectors, subset) for subset in subsets}
    judged = (_label_matrix if several else _label_column)(truth, classes)
    metrics = _metrics(judged, answers)
    best = list(answers.values())[-1]
    found = Evaluation(
        several=several,
        n_items=len(rows),
        metrics=metrics,
        genres=_scores_by_genre(judged, best),
        unknown=dict(unknown.most_common()),
        n_left_out=len(genres) - len(rows),
        errors=errors,
        n_first_only=n_first_only,
        never_predicted=_never_predicted(best),
        min_scores=_by_min_score(truth, best),
        control=control,
        by_artist=knows_artists(music.artists),
        n_drawn=count_drawn(len(rows), music.artists),
    )
    if control is not None:
        prior = {"prior": answer_prior(control, several, classes, len(rows))}
        found.prior = _metrics(judged, prior).loc["prior"]
    if control is not None and control.regressions:
        plain, of_plain = answer_plain(control, music.table, classes)
        plain = {" + ".join(subset): plain[subset] for subset in subsets}
        found.plain = _metrics(judged, plain)
        found.differences = _differences(judged, answers, plain, found, music.artists)
        found.errors = with_errors_of_plain(errors, of_plain)
    return found


def control_of(model, music, *, names=None):
    """Train the plain control of a model on the training music of the model.

    Parameters
    ----------
    model : GenrePipeline
    music : Music
    names : GenreNames or None
        As in `evaluate_model`.

    Returns
    -------
    control : Control

    Raises
    ------
    ValueError
        If the control cannot be trained on it.
    """
    classes = genres_of(model)
    try:
        truth, rows = _known(genres_by_model(model, music, names), classes)
        read = _label_matrix if has_several_genres(model) else _label_column
        y = read(truth, classes)
        groups = None if music.artists is None else music.artists[rows]
        control = fit_control(model, music.table.iloc[rows], y, subsets_of(model), groups)
    except ValueError as error:
        raise ValueError(f"--train: {error}") from error
    match_decision(control, model)
    return control


def subsets_of(model):
    """Return all subsets of a model's modalities, the largest last."""
    parts = list(modalities_of(model))
    return [subset for n in range(1, len(parts) + 1) for subset in combinations(parts, n)]


def with_errors_of_plain(errors, of_plain):
    """Add the errors that only the plain control has; each item is listed once."""
    listed = {item for item, _ in errors}
    others = {item: reason for item, reason in of_plain if item not in listed}
    return errors + [(item, f"{reason} (plain control)") for item, reason in others.items()]


def genres_by_model(model, music, names):
    """Return the genres of each item, spelled like those of the model.

    Parameters
    ----------
    model : GenrePipeline
    music : Music
    names : GenreNames or None

    Returns
    -------
    genres : list of list of str
    """
    known = set(genres_of(model))
    spelled = {name.casefold(): name for name in sorted(known)}
    genres = [names.map(item) for item in music.genres] if names else music.genres
    return [
        # A model trained on a table may have both "techno" and "Techno".
        list(dict.fromkeys(n if n in known else spelled.get(n.casefold(), n) for n in item))
        for item in genres
    ]


def _known(genres, classes):
    """Return the genres that a model has, for items with at least one, and their rows."""
    kept = [[name for name in item if name in classes] for item in genres]
    rows = np.flatnonzero([bool(item) for item in kept])
    if not len(rows):
        others = sorted({name for item in genres for name in item})
        if not others:
            raise ValueError(
                "no item has a genre. With --genres, check that its names occur in the music; with "
                "--split, that its rows have genres."
            )
        raise ValueError(
            f"no item has a genre of the model. The model has {sorted(classes)[:8]}, the music has "
            f"{others[:8]}; map them with aliases in --genres FILE."
        )
    return [kept[row] for row in rows], rows


def _label_column(genres, classes):
    return np.array([item[0] for item in genres], dtype=object)


def _label_matrix(genres, classes):
    matrix = MultiLabelBinarizer(classes=classes).fit_transform(genres)
    return pd.DataFrame(matrix, columns=classes)


def _scores_by_genre(truth, said):
    if said.several:
        predicted = pd.DataFrame(said.predicted, columns=said.classes)
        return genre_scores(truth, predicted, y_score=said.scores)
    return genre_scores(truth, said.predicted, labels=said.classes, y_score=said.scores)


def _metrics(truth, answers):
    """Return the metrics of each entry of `answers`."""
    lines = {}
    for name, said in answers.items():
        scores = _scores_by_genre(truth, said)
        macro = scores.loc["macro"]
        if said.several:
            lines[name] = {"f1": macro["f1"]}
        else:
            lines[name] = {
                **macro[["precision", "recall", "f1"]],
                "accuracy": scores.attrs["accuracy"],
                "macro_auc": macro["auc"],
            }
    metrics = pd.DataFrame.from_dict(lines, orient="index")
    if said.several:
        ks = [k for k in _KS if k <= len(said.classes)]
        scores = {name: said.scores for name, said in answers.items()}
        metrics = metrics.join(ranking_scores(truth, scores, ks=ks, references=False))
    return metrics


def _by_min_score(truth, said):
    """Return share and precision of the items that `tag --min-score` would tag, by score."""
    genres = [said.genres(row) for row in range(len(truth))]
    lines = {}
    for least in _MIN_SCORES:
        # 0 means no minimum: similarities can be negative.
        some = [
            row for row in range(len(truth)) if genres[row] and said.reaches(row, least or None)
        ]
        right = [name in truth[row] for row in some for name in genres[row]]
        precision = np.mean(right) if right else np.nan
        lines[least] = {"share": len(some) / len(truth), "precision": precision}
    return pd.DataFrame.from_dict(lines, orient="index")


def _differences(truth, answers, plain, found, artists):
    """Return metric, difference to plain, and interval of the difference for each subset."""
    metric = COMPARED[found.several]
    lines = {}
    for name, ours in answers.items():
        low, high = interval_of_difference(truth, ours, plain[name], artists)
        difference = found.metrics.loc[name, metric] - found.plain.loc[name, metric]
        lines[name] = {"metric": metric, "difference": difference, "low": low, "high": high}
    return pd.DataFrame.from_dict(lines, orient="index")


def _plain_line(line):
    return {
        name: value
        if isinstance(value, str)
        else None
        if pd.isna(value)
        else round(float(value), 6)
        for name, value in line.items()
    }


def _plain_table(table):
    return {str(name): _plain_line(line) for name, line in table.iterrows()}
