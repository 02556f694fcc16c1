"""The metrics of an ablation: scores of all rows, and their comparison."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ..metrics import bootstrap_interval, genre_scores, ranking_scores
from ._ablation_rows import controlled_row, own_reference

_KS = (1, 3, 5)  # of Table 6
_OF_SCORES = ("macro_auc", "macro_average_precision")
# The metrics that rows can be compared by, single-label and multilabel.
METRICS = {False: ("precision", "recall", "f1", "accuracy", *_OF_SCORES), True: ("f1", *_OF_SCORES)}


class Answer(NamedTuple):
    """Predictions of a row for the test rows of one split."""

    predicted: np.ndarray  # genres, shape (n,), or an indicator, shape (n, n_labels)
    scores: np.ndarray  # shape (n, n_labels)


class Answers:
    """Predictions of all rows of an ablation for the test rows of all runs.

    Parameters
    ----------
    rows : DataFrame
        run, split, row and group of each prediction.
    y : ndarray of shape (n_table_rows,), or DataFrame of shape (n_table_rows, n_labels)
    answers : list of dict of str to Answer
        Predictions of each split, by name of the row.
    metric : str, default="auto"
        The metric that rows are compared by; "auto" is f1, for multilabel y macro_auc.
    """

    def __init__(self, rows, y, answers, metric="auto"):
        self.rows, self.several = rows, y.ndim == 2
        if metric == "auto":
            metric = "macro_auc" if self.several else "f1"
        self.metric = metric
        self.predicted, self.scores = (
            {name: np.concatenate([split[name][part] for split in answers]) for name in answers[0]}
            for part in range(2)
        )
        if self.several:
            self.labels = y.columns.to_numpy()
            self.true = y.iloc[rows["row"]].reset_index(drop=True)
            self.indicator = self.true.to_numpy()
        else:
            self.labels = np.unique(y)
            self.true = y[rows["row"]]
            self.indicator = (self.true[:, np.newaxis] == self.labels).astype(int)
        self.splits = rows.groupby(["run", "split"]).ngroup().to_numpy()

    @property
    def scored(self):
        """The predictions with their scores, in the single-label and the multilabel case."""
        answers = Bunch(
            rows=self.rows, true=self.true, scores=self.scores, predicted=self.predicted
        )
        if not self.several:
            answers.labels = self.labels
        return answers

    @property
    def predictions(self):
        """The predictions, as `ablate_modalities` returns them."""
        if self.several:
            return self.scored
        rows = self.rows.drop(columns="split").assign(true=self.true)
        return pd.concat([rows, pd.DataFrame(self.predicted)], axis=1)

    def metrics(self, name):
        """Return the metrics of a row, with one line per run.

        Metrics of predicted genres are computed over all splits of a run. Scores of different
        networks cannot be ranked together: their metrics are means over the splits.
        """
        runs = self.rows["run"]
        judged = pd.DataFrame.from_dict(
            {run: self._judge(name, rows) for run, rows in runs.groupby(runs).indices.items()},
            orient="index",
        )
        ranked = pd.DataFrame(
            [self._rank(name, self.splits == split) for split in range(self.splits.max() + 1)]
        )
        run_of_split = runs.groupby(self.splits).first()
        return judged.join(ranked.groupby(run_of_split).mean())

    def _judge(self, name, rows):
        true, predicted = self.indicator[rows], self.predicted[name][rows]
        if self.several:
            f1 = genre_scores(true, predicted).loc["macro", "f1"]
            return {"f1": f1, "without_label": 1 - predicted.any(axis=1).mean()}
        scores = genre_scores(self.true[rows], predicted, labels=self.labels)
        macro = scores.loc["macro", ["precision", "recall", "f1"]]
        return {**macro, "accuracy": scores.attrs["accuracy"]}

    def _rank(self, name, rows):
        ks = [k for k in _KS if k <= len(self.labels)] if self.several else []
        ranked = ranking_scores(self.indicator[rows], self.scores[name][rows], ks, references=False)
        return dict(ranked.loc["scores"])

    def interval(self, name, other, n_resamples):
        """Return the difference of two rows and its interval over artists and runs."""
        runs = self.rows["run"].to_numpy()
        asked = {
            "metric": self.metric,
            "groups": self.rows["group"],
            # Runs are numbered from 0: if all are 0, there is one run, and no seed to resample.
            "seeds": runs if runs.any() else None,
            "n_resamples": n_resamples,
        }
        if self.metric in _OF_SCORES:
            scores = self.scores[name], self.scores[other]
            return bootstrap_interval(self.indicator, *scores, runs=self.splits, **asked)
        predicted = self.predicted[name], self.predicted[other]
        labels = None if self.several else self.labels
        return bootstrap_interval(self.true, *predicted, runs=runs, labels=labels, **asked)


def tabulate(answers, rows, controls, reference, n_resamples):
    """Compute the metrics of all rows and controls.

    Parameters
    ----------
    answers : Answers
    rows : list of Row
    controls : list of str
    reference : str
        "auto", or the row that all are compared with.
    n_resamples : int

    Returns
    -------
    metrics : DataFrame
    """
    inputs = {row.name: row.input for row in rows} | dict.fromkeys(controls, "Control")
    lines = {}
    for name, kind in inputs.items():
        runs = answers.metrics(name)
        both = pd.concat([runs.mean(), runs.std().add_suffix("_std")])
        order = [part for metric in runs.columns for part in (metric, f"{metric}_std")]
        lines[name] = {"input": kind, **both[order]}
    metrics = pd.DataFrame.from_dict(lines, orient="index").rename_axis("model")
    if reference != "auto":
        references = dict.fromkeys(inputs, reference)
    else:
        references = _references(metrics[answers.metric], inputs, rows, controls)
    differences = {}
    for name, other in references.items():
        estimate, low, high = answers.interval(name, other, n_resamples)
        differences[name] = {"reference": other, "difference": estimate, "low": low, "high": high}
    return metrics.join(pd.DataFrame.from_dict(differences, orient="index"))


def _references(metric, inputs, rows, controls):
    """Return the row that each row is compared with."""
    if own := own_reference(rows):
        references = {name: own.get(kind, own[None]) for name, kind in inputs.items()}
    else:
        best = metric[_single_modalities(rows) or list(inputs)].idxmax()
        references = dict.fromkeys(inputs, best)
    # A control is compared with the row that it is a control for, if there is such a row.
    for control in controls:
        row = controlled_row(control, rows)
        if row is not None:
            references[control] = row.name
    return references


def _single_modalities(rows):
    """Return the rows of one modality; the one without the joint space only, if there is one."""
    alone = {row.input for row in rows if len(row.blocks) == 1}
    return [
        row.name
        for row in rows
        if " + " not in row.input and (len(row.blocks) == 1 or row.input not in alone)
    ]
