"""The metrics of a report: with intervals over artists, of controls, and of each genre."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.preprocessing import MultiLabelBinarizer

from ...metrics import bootstrap_interval, genre_scores, ranking_scores
from ...utils import read_groups
from ._answers import Answers

_ONE = {
    "f1": "Macro F1",
    "accuracy": "Accuracy",
    "macro_auc": "Macro AUC",
    "macro_average_precision": "Macro average precision",
    "precision": "Macro precision",
    "recall": "Macro recall",
}
_KS = (1, 3, 5)
_SEVERAL = {
    "f1": "Macro F1",
    "macro_auc": "Macro AUC",
    "macro_average_precision": "Macro average precision",
    **{f"precision@{k}": f"Precision at {k}" for k in _KS},
    **{f"diversity@{k}": f"Diversity at {k}" for k in _KS},
}
_OF_PREDICTIONS = ("f1", "precision", "recall", "accuracy")
# The metric that compares model and plain, by whether the model is multilabel.
COMPARED = {False: "f1", True: "macro_auc"}


@dataclass
class Scores:
    """Metrics of the predictions for some rows.

    Parameters
    ----------
    several : bool
    n_items, n_drawn : int
        Number of rows, and of the units that are bootstrapped: artists, or else rows.
    by_artist : bool
    metrics : DataFrame
        By metric: label, value, low, high (NaN without an interval).
    genres : DataFrame
        Result of `genre_scores`, without the means.
    prior : dict of str to float
        Metrics of the class prior; empty if the genre frequencies are unknown.
    majority : str
        The genre that the class prior predicts; single-label only.
    """

    several: bool
    n_items: int
    n_drawn: int
    by_artist: bool
    metrics: pd.DataFrame
    genres: pd.DataFrame
    prior: dict = field(default_factory=dict)
    majority: str = ""


class Judge:
    """Compare predictions with the genres of the items.

    Parameters
    ----------
    items : Items
    classes : list of str
    several : bool
    n_resamples, random_state : int
        Parameters of the bootstrap.
    """

    def __init__(self, items, classes, several, *, n_resamples, random_state):
        matrix = MultiLabelBinarizer(classes=classes).fit_transform(items.genres)
        self.matrix = pd.DataFrame(matrix, columns=classes)
        self.classes, self.several = classes, several
        self.column = np.array([item[0] for item in items.genres], dtype=object)
        self.artists = items.artists
        self.by_artist = self.artists is not None and not all(a is None for a in self.artists)
        codes = read_groups(self.artists if self.by_artist else None, len(self.column)).codes
        self.n_drawn = len(set(codes))
        self._drawing = {"n_resamples": n_resamples, "random_state": random_state}

    def scores(self, answers, shares=None):
        """Compute the metrics of predictions, with intervals.

        Parameters
        ----------
        answers : Answers
        shares : dict of str to float or None
            Share of the training items per genre.

        Returns
        -------
        scores : Scores
        """
        values = self.values(answers)
        lines = {}
        for metric, value in values.items():
            low, high = self.interval(answers, metric)
            lines[metric] = {"label": self._labels()[metric], "value": value}
            lines[metric] |= {"low": low, "high": high}
        genres = self._genre_scores(answers).drop(index="macro")
        found = Scores(
            self.several,
            len(self.column),
            self.n_drawn,
            self.by_artist,
            pd.DataFrame.from_dict(lines, orient="index"),
            genres,
        )
        if shares:
            known = self._prior(shares)
            found.prior = self.values(known)
            found.majority = "" if self.several else str(known.predicted[0])
        return found

    def values(self, answers):
        """Compute the value of each metric."""
        scores = self._genre_scores(answers)
        macro = scores.loc["macro"]
        values = {name: macro[name] for name in ("f1", "precision", "recall")}
        values |= {"accuracy": scores.attrs["accuracy"], "macro_auc": macro["auc"]}
        values["macro_average_precision"] = macro["average_precision"]
        if self.several:
            ks = [k for k in _KS if k <= len(self.classes)]
            ranked = ranking_scores(self.matrix, answers.scores, ks=ks, references=False)
            values |= ranked.iloc[0].to_dict()
        return {name: float(values[name]) for name in self._labels() if name in values}

    def interval(self, answers, metric):
        """Compute the bounds of the 95 % interval of a metric; NaN if it has none.

        Diversity grows with the number of distinct items, so it cannot be bootstrapped with
        replacement.
        """
        if self.n_drawn < 2 or metric.startswith("diversity"):
            return np.nan, np.nan
        asked = {"metric": metric, "groups": self.artists if self.by_artist else None}
        if metric not in _OF_PREDICTIONS:
            truth, said = self.matrix.to_numpy(), answers.scores
        elif self.several:
            truth, said = self.matrix.to_numpy(), answers.predicted
        else:
            truth, said = self.column, answers.predicted
            asked["labels"] = self.classes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # if a metric is undefined in all draws
            found = bootstrap_interval(truth, said, **asked, **self._drawing)
        return found.low, found.high

    def confusion(self, answers, n_most):
        """Compute the share of each genre's items for which each genre is predicted.

        Parameters
        ----------
        answers : Answers
        n_most : int
            Maximum number of genres, the most frequent first.

        Returns
        -------
        confusion : DataFrame
            Rows are true genres, columns predicted ones.
        """
        said = answers.predicted
        if not self.several:
            said = (said[:, np.newaxis] == np.array(self.classes, dtype=object)).astype(int)
        truth = self.matrix.to_numpy()
        counts = truth.sum(axis=0)
        shares = truth.T @ said / np.maximum(counts, 1)[:, np.newaxis]
        shown = np.sort(np.argsort(-counts, kind="stable")[:n_most])
        shown = [k for k in shown if counts[k]]
        names = [self.classes[k] for k in shown]
        return pd.DataFrame(shares[np.ix_(shown, shown)], index=names, columns=names)

    def _labels(self):
        return _SEVERAL if self.several else _ONE

    def _genre_scores(self, answers):
        if self.several:
            said = pd.DataFrame(answers.predicted, columns=self.classes)
            return genre_scores(self.matrix, said, y_score=answers.scores)
        return genre_scores(
            self.column, answers.predicted, labels=self.classes, y_score=answers.scores
        )

    def _prior(self, shares):
        scores = np.array([shares.get(name, 0.0) for name in self.classes])
        n = len(self.column)
        predicted = np.tile((scores > 0.5).astype(int), (n, 1))
        if not self.several:
            predicted = np.full(n, self.classes[int(np.argmax(scores))], dtype=object)
        return Answers(self.classes, self.several, predicted, np.tile(scores, (n, 1)))
