"""The table of an ablation: figures of each row, and differences to its reference."""

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ..metrics import bootstrap_interval, genre_scores, ranking_scores
from ._ablation_rows import controlled_row

_KS = (1, 3, 5)  # of Table 6


def tabulate(answers, rows, controls, reference, *, own_reference, n_resamples):
    """Figures of all rows and controls.

    Parameters
    ----------
    answers : OneGenre or SeveralGenres
    rows : list of Row
    controls : list of str
    reference : str
        "auto", or the row that all are compared with.
    own_reference : dict of str to str
        With "auto", the row that those of an input are compared with; None is for the
        other inputs. Empty: the best single modality.
    n_resamples : int

    Returns
    -------
    figures : DataFrame
    """
    inputs = {row.name: row.input for row in rows} | dict.fromkeys(controls, "Control")
    lines = {}
    for name, kind in inputs.items():
        runs = answers.figures(name)
        both = pd.concat([runs.mean(), runs.std().add_suffix("_std")])
        order = [part for figure in runs.columns for part in (figure, f"{figure}_std")]
        lines[name] = {"input": kind, **both[order]}
    figures = pd.DataFrame.from_dict(lines, orient="index").rename_axis("model")
    if reference != "auto":
        references = dict.fromkeys(inputs, reference)
    else:
        references = _references(figures[answers.main], inputs, rows, controls, own_reference)
    differences = {}
    for name, other in references.items():
        estimate, low, high = answers.interval(name, other, n_resamples)
        differences[name] = {"reference": other, "difference": estimate, "low": low, "high": high}
    return figures.join(pd.DataFrame.from_dict(differences, orient="index"))


def _references(figure, inputs, rows, controls, own_reference):
    """The row that each row is compared with."""
    if own_reference:
        others = own_reference[None]
        references = {name: own_reference.get(kind, others) for name, kind in inputs.items()}
    else:
        best = figure[_single_modalities(rows) or list(inputs)].idxmax()
        references = dict.fromkeys(inputs, best)
    # A control is compared with the row it is the control of, where that is there.
    for control in controls:
        row = controlled_row(control, rows)
        if row is not None:
            references[control] = row.name
    return references


def _single_modalities(rows):
    """Rows of one modality; where there is one without the joint space, only that."""
    alone = {row.input for row in rows if len(row.blocks) == 1}
    return [
        row.name
        for row in rows
        if " + " not in row.input and (len(row.blocks) == 1 or row.input not in alone)
    ]


class OneGenre:
    """Predicted genres of the test rows of all runs.

    Parameters
    ----------
    rows : DataFrame
        run, split, row and group of each answer.
    y : ndarray of shape (n_table_rows,)
    answers : dict of str to ndarray of shape (n,)
        Predicted genres by name of the row.
    """

    main = "f1"  # what rows are compared by

    def __init__(self, rows, y, answers):
        self.labels = np.unique(y)
        truth = rows.drop(columns="split").assign(true=y[rows["row"]])
        self.predictions = pd.concat([truth, pd.DataFrame(answers)], axis=1)

    def figures(self, name):
        """Figures of a row, a line a run; all splits of a run together."""
        runs = []
        for _, part in self.predictions.groupby("run"):
            scores = genre_scores(part["true"], part[name], labels=self.labels)
            macro = scores.loc["macro", ["precision", "recall", "f1"]]
            runs.append({**macro, "accuracy": scores.attrs["accuracy"]})
        return pd.DataFrame(runs)

    def interval(self, name, other, n_resamples):
        """Difference in macro F1 of two rows, with its interval over artists."""
        return bootstrap_interval(
            self.predictions["true"],
            self.predictions[name],
            self.predictions[other],
            metric=self.main,
            groups=self.predictions["group"],
            runs=self.predictions["run"],
            labels=self.labels,
            n_resamples=n_resamples,
        )


class SeveralGenres:
    """Scores of all labels for the test rows of all runs.

    Parameters
    ----------
    rows : DataFrame
        run, split, row and group of each answer.
    y : DataFrame of shape (n_table_rows, n_labels)
    answers : dict of str to ndarray of shape (n, n_labels)
        Scores by name of the row.
    """

    main = "macro_auc"

    def __init__(self, rows, y, answers):
        true = y.iloc[rows["row"]].reset_index(drop=True)
        self.predictions = Bunch(rows=rows, true=true, scores=answers)

    def figures(self, name):
        """Figures of a row, a line a run: the mean over its splits."""
        true, scores = self.predictions.true, self.predictions.scores[name]
        ks = [k for k in _KS if k <= true.shape[1]]
        splits = {
            split: ranking_scores(true.iloc[rows], scores[rows], ks, references=False).loc["scores"]
            for split, rows in self.predictions.rows.groupby(["run", "split"]).indices.items()
        }
        return pd.DataFrame.from_dict(splits, orient="index").groupby(level=0).mean()

    def interval(self, name, other, n_resamples):
        """Difference in macro AUC of two rows, with its interval over artists."""
        rows = self.predictions.rows
        return bootstrap_interval(
            self.predictions.true,
            self.predictions.scores[name],
            self.predictions.scores[other],
            metric=self.main,
            groups=rows["group"],
            runs=rows.groupby(["run", "split"]).ngroup(),
            n_resamples=n_resamples,
        )
