"""What each modality brings: ablations in the manner of Tables 2 and 6, and their results."""

import warnings
from functools import partial
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import Bunch

from ..metrics import bootstrap_interval, genre_scores, ranking_scores
from ..model_selection import ArtistShuffleSplit, inner_validation_mask
from ..nets import interruption_ends_all
from ..utils import (
    as_pandas,
    first_few,
    is_missing,
    progress_bar,
    read_groups,
    read_labels,
    rows_checked,
    safe_indexing,
    workers,
)
from ._ablation_rows import controlled_row, own_reference, resolve_controls, resolve_rows
from ._ablation_trial import Trial, extract_once
from ._genre_pipeline import check_table


def ablate_modalities(
    model,
    table,
    y,
    groups=None,
    subsets="all",
    n_runs=3,
    *,
    controls=(),
    reference="auto",
    cv=None,
    test_size=0.2,
    n_folds=5,
    random_state=0,
    n_resamples=2000,
    n_jobs=None,
    verbose=0,
    return_predictions=False,
    validation=None,
):
    """Tell what each modality, and each subset of them, brings.

    The networks are trained once a run; every row of the answer is a fusion layer trained
    on a subset of their vectors. What learns nothing (decoding, constant-Q transforms) is
    done once for all runs.

    Parameters
    ----------
    model : GenrePipeline
        As `make_genre_classifier` writes it: steps ``modalities``, maybe ``joint``, and
        ``fusion``. It is cloned, not fitted.
    table : DataFrame
    y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
        One genre a row, or several: an ndarray, DataFrame or sparse matrix of 0 and 1.
    groups : array-like of shape (n_rows,), default=None
        Artists. They may be left out only where `cv` needs none.
    subsets : "all", "paper" or list, default="all"
        "all": every subset of the modalities (with the joint space's vectors of those that
        are in it). "paper": for one genre a row the nine rows of Table 2; for several the
        eight fusions of Table 6 ("A + T logistic", ..., "A + T + I cosine") beside each
        modality alone. Which targets the networks of the modalities have is the model's
        affair: in the paper cosine for audio and text, logistic for images. A list names
        blocks: ``["audio", ("audio", "text"), "audio + mm_audio"]``.
    n_runs : int, default=3
        Runs with seeds ``random_state``, ``random_state + 1``, ...
    controls : sequence of str or "all", default=()
        Rows that show what is not due to the modalities; "all" leaves out, with a warning,
        those that the model has no modalities for:
        "missing pattern" (a logistic regression that sees only which cells are there),
        "mean of probabilities" (of the modalities, without a fusion layer; there are none
        with target "cosine"),
        "two seeds" (two networks of one modality fused; "two seeds of audio" for one only),
        "shuffled covers" (CNN_Audio + MM_Audio, the joint space trained with the covers of
        other items) and "cross_fit" (the largest row, trained on vectors of fold networks).
        For several genres also "random scores" and "half of log prior removed" (the largest
        row as a logistic one, common labels favoured less), since diversity can be had
        cheaply.
    reference : str, default="auto"
        The row the others are compared with. "auto": the best single modality by mean F1
        (macro AUC for several genres); for Table 2 each input's own CNN row, and CNN_Audio
        for A + V.
    cv : cross-validation splitter or callable, default=None
        All its splits together are one run. A callable makes the splitter of a run:
        ``cv(random_state=seed)``. None is one `ArtistShuffleSplit` a run.
    test_size : float, default=0.2
        Share of the test rows where `cv` is None.
    n_folds : int, default=5
        Folds of the control "cross_fit".
    random_state : int, default=0
    n_resamples : int, default=2000
        Of the bootstrap; that of macro AUC takes its time on thousands of rows and hundreds
        of labels.
    n_jobs : int or None, default=None
        joblib workers, each of which does whole runs. A worker trains with one thread, and
        the last bits of what is learned depend on the number of threads.
    verbose : int, default=0
        1 shows a progress bar of the runs.
    return_predictions : bool, default=False
    validation : array-like of bool, shape (n_rows,), default=None
        Marks the inner validation rows of a published split, which stop the training of every
        network. Those that `cv` tests on are not used.

    Returns
    -------
    figures : DataFrame
        A row a model (index), with ``input``, mean and standard deviation over the runs of
        macro ``precision``, ``recall``, ``f1`` and ``accuracy`` (``f1_std``, ...), the
        ``reference`` it is compared with, the ``difference`` in F1, and ``low`` and
        ``high``, its paired 95 % bootstrap interval over artists. For several genres the
        figures are those of `ranking_scores`, and the difference is in macro AUC.
        ``figures.attrs["errors"]`` lists the cells that ``on_error="missing"`` set aside
        (make a DataFrame of it).
    predictions : DataFrame or Bunch
        If asked for. One genre a row: a DataFrame of ``run``, ``row`` (position in the
        table), ``group``, ``true`` and a column of predicted genres for each model.
        Several: a Bunch of ``rows`` (DataFrame: run, split, row, group), ``true``
        (DataFrame: the labels of these rows) and ``scores`` (dict: for each model an
        ndarray of shape (len(rows), n_labels); logits, cosine similarities, or, of the
        first two controls, probabilities).

    Raises
    ------
    ValueError
        If a subset, or a control asked for by name, needs what the model lacks.

    Warns
    -----
    UserWarning
        If ``controls="all"`` leaves one out, or if cells are treated as missing because of
        ``on_error="missing"``.

    Notes
    -----
    The best single modality is chosen on the test rows, which favours it, not the fusion.

    Where `cv` has several splits, predicted genres of a run are judged together; scores are
    judged split by split, since those of different networks cannot be ranked together, and
    a run's figure is the mean.

    Examples
    --------
    >>> from skmmgenre.compose import ablate_modalities, make_genre_classifier
    >>> from skmmgenre.datasets import make_albums
    >>> albums = make_albums(60, random_state=0)
    >>> model = make_genre_classifier(audio=None, image=None, text__hidden_units=(16, 16))
    >>> figures = ablate_modalities(
    ...     model, albums.table, albums.y, albums.groups, n_runs=1, n_resamples=100
    ... )
    >>> list(figures.index)
    ['text']
    """
    steps = getattr(model, "named_steps", {})
    if not {"modalities", "fusion"} <= set(steps):
        raise ValueError(
            "ablate_modalities takes a GenrePipeline with the steps modalities and fusion, as "
            f"make_genre_classifier writes it; this model has the steps {list(steps)}."
        )
    if not isinstance(n_runs, Integral) or n_runs < 1:
        raise ValueError(f"n_runs must be an integer above 0, got {n_runs!r}.")
    if groups is None and cv is None:
        raise ValueError(
            "Without groups (the artist of each row) rows cannot be split by artist: pass "
            "groups=table['artist'], or a cv that needs none."
        )
    labels = read_labels(y)
    given, table = table, as_pandas(table)
    groups = None if groups is None else read_groups(groups, len(table))
    check_table(given, labels, groups, noun="table")
    if validation is not None:
        validation = inner_validation_mask(labels, validation=validation)
    y, several = labels.values, labels.several
    if several:
        y = pd.DataFrame(y, columns=labels.names)  # so that what is told of a label has its name
    branches = {
        name: branch for name, branch, _ in steps["modalities"].transformers if branch != "drop"
    }
    views = steps["joint"].views if "joint" in steps else ()
    rows = resolve_rows(subsets, list(branches), views, several=several)
    own_target = getattr(steps["fusion"], "target", None)
    targets = {row.target or own_target for row in rows}
    for target in targets - {own_target}:
        clone(steps["fusion"]).set_params(target=target)._validate_params()
    controls = resolve_controls(controls, branches, views, targets, several=several)
    names = [row.name for row in rows] + controls
    if reference != "auto" and reference not in names:
        raise ValueError(f"reference {reference!r} is no row; rows are {names}.")
    missing = np.column_stack(
        [
            _missing_rows(table, columns)
            for name, _, columns in steps["modalities"].transformers
            if name in branches
        ]
    )
    behind, extracted, errors = extract_once(steps["modalities"], table)
    _warn_of_errors(errors)
    run = partial(
        _run,
        model=model,
        branches=behind,
        table=extracted,
        y=y,
        groups=None if groups is None else groups.artists,
        validation=validation,
        missing=missing,
        rows=rows,
        controls=controls,
        cv=cv,
        test_size=test_size,
        n_folds=n_folds,
    )
    seeds = [(number, random_state + number) for number in range(n_runs)]
    trials = []
    with (
        progress_bar(n_runs, "Runs", verbose=verbose) as advance,
        workers(n_jobs) as (parallel, n_workers),
        rows_checked(),
    ):
        for start in range(0, n_runs, n_workers):
            some = seeds[start : start + n_workers]
            for done in parallel(joblib.delayed(run)(*run_seed) for run_seed in some):
                trials += done
            advance(len(some))
    abouts, answers, set_aside = zip(*trials, strict=True)
    while_training = _distinct([error for found in set_aside for error in found])
    _warn_of_errors(while_training)
    judged = (SeveralGenres if several else OneGenre)(
        pd.concat(abouts, ignore_index=True),
        y,
        {name: np.concatenate([answer[name] for answer in answers]) for name in names},
    )
    figures = tabulate(judged, rows, controls, reference, n_resamples)
    figures.attrs["errors"] = errors + while_training
    return (figures, judged.predictions) if return_predictions else figures


def _run(number, seed, *, y, groups, rows, controls, cv, test_size, n_folds, **shared):
    """What is answered where, and what was set aside, for each split of one run."""
    if cv is None:
        cv = partial(ArtistShuffleSplit, 1, test_size=test_size)
    splitter = cv(random_state=seed) if callable(cv) else cv
    trials = []
    for split, (train, test) in enumerate(splitter.split(shared["table"], y, groups)):
        trial = Trial(y=y, groups=groups, train=train, test=test, seed=seed, **shared)
        about = pd.DataFrame(
            {
                "run": number,
                "split": split,
                "row": test,
                "group": test if groups is None else groups[test],
            }
        )
        with interruption_ends_all():
            trials.append((about, trial.run(rows, controls, n_folds), trial.errors))
    return trials


def _missing_rows(table, columns):
    """Tell in which rows all cells of a branch's columns are missing."""
    cells = safe_indexing(table, columns(table) if callable(columns) else columns, axis=1)
    columns = [cells] if cells.ndim == 1 else [column for _, column in cells.items()]
    return np.all([[is_missing(cell) for cell in column] for column in columns], axis=0)


def _distinct(errors):
    """A cell is met in every run: list it once, in order of the table."""
    of_cell = {(error["modality"], error["row"], error["track"]): error for error in errors}
    return [of_cell[cell] for cell in sorted(of_cell, key=lambda c: (c[0], c[1], c[2] or 0))]


def _warn_of_errors(errors):
    """Say how many cells are treated as missing, and name the first of them."""
    if not errors:
        return
    counts = pd.Series([error["modality"] for error in errors]).value_counts(sort=False)

    def name(error):
        track = "" if error["track"] is None else f", track {error['track']}"
        cell = f"{error['modality']} of row {error['row']}{track}"
        return f"{cell}: {error['item']} ({error['reason']})"

    listed = first_few(errors, count=True, name=name, separator="; ")
    warnings.warn(
        "Treated as missing because of on_error='missing': "
        + ", ".join(f"{count} of {modality}" for modality, count in counts.items())
        + f". {listed}. All of them are in the answer: pandas.DataFrame(figures.attrs['errors']).",
        UserWarning,
        stacklevel=3,
    )


_KS = (1, 3, 5)  # of Table 6


def tabulate(answers, rows, controls, reference, n_resamples):
    """Figures of all rows and controls.

    Parameters
    ----------
    answers : OneGenre or SeveralGenres
    rows : list of Row
    controls : list of str
    reference : str
        "auto", or the row that all are compared with.
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
        references = _references(figures[answers.main], inputs, rows, controls)
    differences = {}
    for name, other in references.items():
        estimate, low, high = answers.interval(name, other, n_resamples)
        differences[name] = {"reference": other, "difference": estimate, "low": low, "high": high}
    return figures.join(pd.DataFrame.from_dict(differences, orient="index"))


def _references(figure, inputs, rows, controls):
    """The row that each row is compared with."""
    if own := own_reference(rows):
        references = {name: own.get(kind, own[None]) for name, kind in inputs.items()}
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
