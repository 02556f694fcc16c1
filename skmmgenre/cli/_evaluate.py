"""`skmmgenre evaluate`: the paper's metrics, for all modalities and for each subset of them."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from sklearn.preprocessing import MultiLabelBinarizer

from ..metrics import genre_scores, ranking_scores
from ._genre_names import GenreNames
from ._model import answer, genres_of, has_several_genres, load_model, modalities_of, vectors_of
from ._music import open_music
from ._options import (
    as_json,
    example,
    genres_file,
    jobs,
    quiet,
    source_options,
    tell_only_first,
    tell_readings,
    tell_set_aside,
    tell_unlisted,
)
from ._terminal import one_line, plain_table


@click.command(epilog=example("skmmgenre evaluate genres.skmmgenre test.csv --json > figures.json"))
@click.argument("model")
@click.argument("source", metavar="TABLE_OR_FOLDER")
@source_options
@genres_file
@click.option("--split", metavar="NAME", help='Only rows with NAME in the column "split".')
@jobs
@quiet
@as_json
def evaluate(model, source, split, names, jobs, quiet, as_json, **reading):
    """Tell the paper's figures of a MODEL on music whose genres are known.

    Of one genre an item: precision, recall and F1 (means over the genres), accuracy; of several:
    macro AUC, and precision, nDCG and diversity among the best 1, 3 and 5. For all modalities and
    each subset of them (the others called missing), and for each genre.
    """

    fitted, card = load_model(model, on_error="missing", verbose=int(not quiet), n_jobs=jobs)
    with open_music(source, verbose=not quiet, **reading) as music:
        if split is not None:
            music = music.of_split(split)
        tell_readings(music)
        tell_unlisted(names, music.genres)
        names = names or GenreNames(aliases=card.get("aliases"))
        found = evaluate_model(fitted, music, names=names)
    tell_set_aside(music.errors + found.errors)
    tell_only_first(found.n_first_only)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
    else:
        print_evaluation(found)


_KS = (1, 3, 5)  # of Table 6


@dataclass
class Evaluation:
    """Figures, all in [0, 1].

    Parameters
    ----------
    several : bool
    n_items : int
    figures : DataFrame
        A row a subset of the modalities; of one genre an item precision, recall, f1 (macro),
        accuracy and macro_auc, of several f1 and those of `ranking_scores`.
    genres : DataFrame
        `genre_scores` with all modalities.
    unknown : dict of str to int
        Genres that the model does not know, and how many items have them.
    n_left_out : int
        Items without a genre that the model knows.
    errors : list of (str, str)
        Item and reason of what was treated as missing.
    n_first_only : int, default=0
        Items of several genres of which the first is compared.
    """

    several: bool
    n_items: int
    figures: pd.DataFrame
    genres: pd.DataFrame
    unknown: dict
    n_left_out: int
    errors: list
    n_first_only: int = 0

    def figures_of_all(self):
        """Return the figures with all modalities by their names."""
        return {name: _plain(value) for name, value in self.figures.iloc[-1].items()}

    def as_dict(self):
        """Return all of it as plain values; a figure that cannot be had is None."""
        return {
            "items": self.n_items,
            "left_out": self.n_left_out,
            "first_genre_only": self.n_first_only,
            "unknown_genres": self.unknown,
            "figures": _plain_table(self.figures),
            "genres": _plain_table(self.genres.drop(index="macro")),
            "set_aside": [{"item": item, "reason": reason} for item, reason in self.errors],
        }


def evaluate_model(model, music, *, names=None):
    """Compare what a model says with the genres that music has.

    Parameters
    ----------
    model : GenrePipeline
    music : Music
    names : GenreNames or None
        Applied to the genres of the music. Of a genre of the model capitals do not matter.

    Returns
    -------
    evaluation : Evaluation
        A modality is left out by calling its cells missing; nothing is trained anew.

    Raises
    ------
    ValueError
        If not one item has a genre that the model knows.
    """
    known = set(genres_of(model))
    spelled = {name.casefold(): name for name in sorted(known)}
    genres = [names.map(item) for item in music.genres] if names else music.genres
    genres = [
        # A model of a table may know both "techno" and "Techno".
        list(dict.fromkeys(n if n in known else spelled.get(n.casefold(), n) for n in item))
        for item in genres
    ]
    several = has_several_genres(model)
    n_first_only = 0
    if not several:
        n_first_only = sum(len(item) > 1 for item in genres)
        genres = [item[:1] for item in genres]
    unknown = Counter(name for item in genres for name in item if name not in known)
    kept = [[name for name in item if name in known] for item in genres]
    rows = np.flatnonzero([bool(item) for item in kept])
    if not len(rows):
        raise ValueError(
            "no item has a genre that the model knows. The model's are "
            f"{sorted(known)[:8]}, the table's {sorted(unknown)[:8]}; --genres FILE gives aliases."
        )
    truth = [kept[row] for row in rows]
    vectors, errors = vectors_of(model, music.table.iloc[rows])
    parts = list(modalities_of(model))
    subsets = [s for n in range(1, len(parts) + 1) for s in combinations(parts, n)]
    answers = {" + ".join(subset): answer(model, vectors, subset) for subset in subsets}
    figures, by_genre = (_several_genres if several else _one_genre)(truth, answers)
    return Evaluation(
        several,
        len(rows),
        figures,
        by_genre,
        dict(unknown.most_common()),
        len(genres) - len(rows),
        errors,
        n_first_only,
    )


def _one_genre(truth, answers):
    truth = np.array([item[0] for item in truth], dtype=object)
    lines = {}
    for name, said in answers.items():
        scores = genre_scores(truth, said.predicted, labels=said.classes, y_score=said.scores)
        macro = scores.loc["macro"]
        lines[name] = {
            **macro[["precision", "recall", "f1"]],
            "accuracy": scores.attrs["accuracy"],
            "macro_auc": macro["auc"],
        }
    return pd.DataFrame.from_dict(lines, orient="index"), scores


def _several_genres(truth, answers):
    classes = next(iter(answers.values())).classes
    Y = pd.DataFrame(MultiLabelBinarizer(classes=classes).fit_transform(truth), columns=classes)
    ks = [k for k in _KS if k <= len(classes)]
    scores = {name: said.scores for name, said in answers.items()}
    figures = ranking_scores(Y, scores, ks=ks, references=False)
    f1 = {}
    for name, said in answers.items():
        predicted = pd.DataFrame(said.predicted, columns=classes)
        by_genre = genre_scores(Y, predicted, y_score=said.scores)
        f1[name] = by_genre.loc["macro", "f1"]
    figures.insert(0, "f1", pd.Series(f1))
    return figures, by_genre


def _plain(value):
    return None if pd.isna(value) else round(float(value), 6)


def _plain_table(table):
    return {
        str(name): {column: _plain(value) for column, value in line.items()}
        for name, line in table.iterrows()
    }


_ONE = {
    "precision": "precision",
    "recall": "recall",
    "F1": "f1",
    "accuracy": "accuracy",
    "AUC": "macro_auc",
}
_SEVERAL = {
    "F1": "f1",
    "AUC": "macro_auc",
    "AP": "macro_average_precision",
    **{f"P@{k}": f"precision@{k}" for k in _KS},
    **{f"ADiv@{k}": f"diversity@{k}" for k in _KS},
}
_SHORT = {"audio": "A", "text": "T", "image": "I"}


def print_evaluation(found):
    """Print the figures by modality, then those of each genre.

    Parameters
    ----------
    found : Evaluation
    """
    console = Console()
    heads = _SEVERAL if found.several else _ONE
    heads = {head: column for head, column in heads.items() if column in found.figures}
    # Nine columns fit into 80 characters with short names and little space.
    space = 0 if found.several else 1
    table = plain_table(f"{found.n_items:,} items", "modalities", heads, space=space)
    for name, line in found.figures.iterrows():
        if found.several:
            name = " + ".join(_SHORT.get(part, part) for part in name.split(" + "))
        table.add_row(name, *(_number(line[column]) for column in heads.values()))
    console.print(table)
    if found.several:
        console.print("A is sound, T text, I cover. P@k: share of the k best that are right.")
    heads = ("precision", "recall", "F1", "AUC", "items")
    table = plain_table("Genres, all modalities", "genre", heads, overflow="fold", max_width=30)
    for genre, line in found.genres.drop(index="macro").iterrows():
        figures = [_number(line[name]) for name in ("precision", "recall", "f1", "auc")]
        table.add_row(escape(one_line(str(genre))), *figures, f"{line['support']:.0f}")
    console.print(table)
    if found.n_left_out:
        console.print(f"{found.n_left_out:,} items without a genre that the model knows left out.")
    if found.unknown:
        named = ", ".join(one_line(name) for name in list(found.unknown)[:8])
        console.print(escape(f"Unknown to the model: {named}."))


def _number(value):
    return f"{value:.2f}" if value == value else "-"
