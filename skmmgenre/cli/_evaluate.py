"""The paper's figures of a model, of all its modalities and of each subset."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from ..metrics import genre_scores, ranking_scores
from ._answers import answer, genres_of, has_several_genres, modalities_of, vectors_of

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
    """

    several: bool
    n_items: int
    figures: pd.DataFrame
    genres: pd.DataFrame
    unknown: dict
    n_left_out: int
    errors: list

    def figures_of_all(self):
        """Return the figures with all modalities by their names."""
        return {name: _plain(value) for name, value in self.figures.iloc[-1].items()}

    def as_dict(self):
        """Return all of it as plain values; a figure that cannot be had is None."""
        return {
            "items": self.n_items,
            "left_out": self.n_left_out,
            "unknown_genres": self.unknown,
            "figures": _plain_table(self.figures),
            "genres": _plain_table(self.genres.drop(index="macro")),
            "set_aside": [{"item": item, "reason": reason} for item, reason in self.errors],
        }


def evaluate(model, music, *, names=None):
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
    if not several:
        genres = [item[:1] for item in genres]
    unknown = {}
    for name in (name for item in genres for name in item if name not in known):
        unknown[name] = unknown.get(name, 0) + 1
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
    tabulate = _several_genres if several else _one_genre
    figures, by_genre = tabulate(truth, answers)
    return Evaluation(
        several,
        len(rows),
        figures,
        by_genre,
        dict(sorted(unknown.items(), key=lambda pair: -pair[1])),
        len(genres) - len(rows),
        [(item, reason) for _, item, reason in errors],
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
    Y = pd.DataFrame(0, index=range(len(truth)), columns=classes, dtype=np.int8)
    for row, item in enumerate(truth):
        Y.loc[row, item] = 1
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
