"""Ablations of modalities, as in Tables 2 and 6 of the paper."""

import warnings
from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, Literal, overload

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone

from .._typing import Column, Genres, Table
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
from ._ablation_metrics import METRICS, Answers, tabulate
from ._ablation_rows import PLAIN, resolve_controls, resolve_rows
from ._ablation_trial import Trial, extract_once
from ._genre_pipeline import GenrePipeline, check_table
from ._plain_control import plain_modalities


@overload
def ablate_modalities(
    model: GenrePipeline,
    table: Table,
    y: Genres,
    groups: Column | None = None,
    subsets: Literal["all", "paper"] | list[Any] = "all",
    n_runs: int = 3,
    *,
    controls: Literal["all"] | Sequence[str] = (),
    reference: str = "auto",
    metric: str = "auto",
    cv: Any = None,
    test_size: float = 0.2,
    n_folds: int = 5,
    random_state: int = 0,
    n_resamples: int = 2000,
    n_jobs: int | None = None,
    verbose: int = 0,
    return_predictions: Literal[False] = False,
    validation: Column | None = None,
) -> pd.DataFrame: ...
@overload
def ablate_modalities(
    model: GenrePipeline,
    table: Table,
    y: Genres,
    groups: Column | None = None,
    subsets: Literal["all", "paper"] | list[Any] = "all",
    n_runs: int = 3,
    *,
    return_predictions: Literal[True, "scores"],
    **parameters: Any,
) -> tuple[pd.DataFrame, Any]: ...
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
    metric="auto",
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
    """Compare the scores of each subset of the modalities.

    The networks are trained once per run; every row of the result is a fusion layer trained on a
    subset of their vectors. Stateless steps (decoding, constant-Q transforms) run once for all
    runs.

    Parameters
    ----------
    model : GenrePipeline
        As `make_genre_classifier` builds it: steps ``modalities``, optionally ``joint``, and
        ``fusion``. It is cloned, not fitted.
    table : DataFrame
        One row per item, with the columns that the model reads.
    y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
        Single-label: one genre per row. Multilabel: an ndarray, DataFrame or sparse matrix of 0
        and 1.
    groups : array-like of shape (n_rows,), default=None
        Artists. May be None only if `cv` does not need them.
    subsets : "all", "paper" or list, default="all"
        "all": every subset of the modalities (with the joint-space vectors of those that are in
        the joint space). "paper": single-label, the nine rows of Table 2; multilabel, the eight
        fusions of Table 6 ("A + T logistic", ..., "A + T + I cosine") and each modality alone.
        The targets of the modalities' networks are set in the model; in the paper they are cosine
        for audio and text, logistic for images. A list names blocks:
        ``["audio", ("audio", "text"), "audio + mm_audio"]``.
    n_runs : int, default=3
        Runs with seeds ``random_state``, ``random_state + 1``, ...
    controls : sequence of str or "all", default=()
        Control rows, which show effects that are not due to the modalities; "all" excludes, with
        a warning, those that the model lacks modalities for:
        "plain" (baselines trained on the same rows: for each subset of the modalities, the
        logistic regressions of `make_plain_classifier`; "plain audio + text" averages their
        probabilities, "plain audio + text, concatenated" is one regression on all features; each
        is compared with the model's row of that subset, and its multilabel predictions use
        thresholds of its own if those of the model do),
        "missing pattern" (a logistic regression on nothing but which cells are missing),
        "mean of probabilities" (of the modalities, without a fusion layer; not available with
        target "cosine"),
        "two seeds" (two networks of one modality fused; "two seeds of audio" for one only),
        "shuffled covers" (CNN_Audio + MM_Audio, the joint space trained with the covers of
        other items) and "cross_fit" (the largest row, trained on vectors of fold networks, as
        ``preset="auto"`` does anyway).
        Multilabel only: "random scores" and "half of log prior removed" (the largest row with
        a logistic target, common labels favoured less), since a high diversity is easy to reach.
    reference : str, default="auto"
        The row that the others are compared with. "auto": the best single modality by the mean of
        the `metric`; for Table 2 the CNN row of each input, and CNN_Audio for A + V. Some
        controls are compared with the row that they are a control for.
    metric : str, default="auto"
        The metric that rows are compared by, a column of the result: a metric of predicted genres
        (``"f1"``, ``"accuracy"``) or of scores (``"macro_auc"``,
        ``"macro_average_precision"``). "auto" is f1 in the single-label case, macro_auc in the
        multilabel case.
    cv : cross-validation splitter or callable, default=None
        All its splits together are one run. A callable returns the splitter of a run:
        ``cv(random_state=seed)``. None is one split of `ArtistShuffleSplit` per run.
    test_size : float, default=0.2
        Fraction of test rows if `cv` is None.
    n_folds : int, default=5
        Number of folds of the control "cross_fit".
    random_state : int, default=0
        Seed of the first run's split and networks; each further run takes the next number.
    n_resamples : int, default=2000
        Number of bootstrap resamples. The bootstrap of macro AUC is slow with thousands of rows
        and hundreds of labels.
    n_jobs : int or None, default=None
        Number of joblib workers, each of which computes whole runs; None is one. A worker trains
        with one thread, and the last bits of learned weights depend on the number of threads.
    verbose : int, default=0
        1 shows a progress bar of the runs.
    return_predictions : bool or "scores", default=False
        Whether to also return the predictions. "scores" returns scores in the single-label case
        too.
    validation : array-like of bool, shape (n_rows,), default=None
        Marks the inner validation rows of a published split, which stop the training of every
        network. Validation rows that are test rows of `cv` are not used.

    Returns
    -------
    metrics : DataFrame
        One row per model (index), with ``input``, mean and standard deviation over the runs of
        macro ``precision``, ``recall``, ``f1`` and ``accuracy`` (``f1_std``, ...),
        ``macro_auc`` and ``macro_average_precision``, the ``reference`` it is compared with,
        the ``difference`` in the `metric`, and ``low`` and ``high``, its paired 95 %
        bootstrap interval over artists and, if there are several runs, their seeds. In the
        multilabel case, the metrics are ``f1``, ``without_label`` (the fraction of rows without a
        predicted genre) and those of `ranking_scores`. ``metrics.attrs["errors"]`` lists the cells
        that were skipped because of ``on_error="missing"`` (pass it to ``pandas.DataFrame``).
    predictions : DataFrame or Bunch
        Only if `return_predictions` is not False. Single-label: a DataFrame of ``run``, ``row``
        (position in the table), ``group``, ``true`` and one column of predicted genres per model.
        Multilabel: a Bunch of ``rows`` (DataFrame: run, split, row, group), ``true``
        (DataFrame: the labels of these rows), ``scores`` (dict: for each model an ndarray of
        shape (len(rows), n_labels); logits, cosine similarities, or, for "missing pattern" and
        "mean of probabilities", probabilities) and ``predicted`` (likewise, 0 and 1). With
        "scores", the single-label result is such a Bunch too, with the ``true`` and ``predicted``
        genres, the ``labels``, and the ``scores`` of each label, which are probabilities.

    Raises
    ------
    ValueError
        If a subset, or a control requested by name, needs something that the model lacks.

    Warns
    -----
    UserWarning
        If ``controls="all"`` excludes a control, or if cells are treated as missing because of
        ``on_error="missing"``.

    Notes
    -----
    The best single modality is chosen on the test rows, which favours it over the fusion.

    If `cv` has several splits, metrics of predicted genres are computed over all splits of a run.
    Metrics of scores are computed per split, since scores of different networks cannot be ranked
    together, and averaged over the splits of a run.

    Examples
    --------
    >>> from skmmgenre.compose import ablate_modalities, make_genre_classifier
    >>> from skmmgenre.datasets import make_albums
    >>> albums = make_albums(60, random_state=0)
    >>> model = make_genre_classifier(audio=None, image=None, text__hidden_units=(16, 16))
    >>> metrics = ablate_modalities(
    ...     model, albums.table, albums.y, albums.groups, n_runs=1, n_resamples=100
    ... )
    >>> list(metrics.index)
    ['text']
    """
    steps = getattr(model, "named_steps", {})
    if not {"modalities", "fusion"} <= set(steps):
        raise ValueError(
            "ablate_modalities takes a GenrePipeline with the steps modalities and fusion, as "
            f"make_genre_classifier builds it; this model has the steps {list(steps)}."
        )
    if not isinstance(n_runs, Integral) or n_runs < 1:
        raise ValueError(f"n_runs must be an integer above 0, got {n_runs!r}.")
    if groups is None and cv is None:
        raise ValueError(
            "Without groups (the artist of each row) rows cannot be split by artist: pass "
            "groups=table['artist'], or a cv that does not need groups."
        )
    labels = read_labels(y)
    given, table = table, as_pandas(table)
    groups = None if groups is None else read_groups(groups, len(table))
    check_table(given, labels, groups, noun="table")
    if validation is not None:
        # Given marks, this only checks them and returns them as a mask.
        validation = inner_validation_mask(labels, validation=validation)
    y, several = labels.values, labels.several
    if several:
        y = pd.DataFrame(y, columns=labels.names)  # so that messages about a label name it
    branches = {
        name: branch for name, branch, _ in steps["modalities"].transformers if branch != "drop"
    }
    views = steps["joint"].views if "joint" in steps else ()
    rows = resolve_rows(subsets, list(branches), views, several=several)
    own_target = getattr(steps["fusion"], "target", None)
    targets = {row.target or own_target for row in rows}
    # Before any training: the last step of the model may not support the target of a row.
    for target in targets - {own_target}:
        clone(steps["fusion"]).set_params(target=target)._validate_params()
    controls = resolve_controls(controls, rows, branches, views, targets, several=several)
    names = [row.name for row in rows] + controls
    if metric != "auto" and metric not in METRICS[several]:
        raise ValueError(f"metric must be 'auto' or one of {METRICS[several]}, got {metric!r}.")
    if reference != "auto" and reference not in names:
        raise ValueError(f"reference {reference!r} is not a row; rows are {names}.")
    missing = np.column_stack(
        [
            _missing_rows(table, columns)
            for name, _, columns in steps["modalities"].transformers
            if name in branches
        ]
    )
    # Before the runs, which all use the same extracted items.
    behind, extracted, errors = extract_once(steps["modalities"], table)
    plain = None
    if any(control.startswith(PLAIN) for control in controls):
        modalities, strengths = plain_modalities(steps["modalities"])
        *plain, not_plain = extract_once(modalities, table)
        plain.append(strengths)
        errors = _distinct(errors + not_plain)
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
        plain=plain,
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
        # In rounds of one run per worker, so that the progress bar advances. joblib's generators
        # would do this, too, but ray's backend does not support them.
        for start in range(0, n_runs, n_workers):
            some = seeds[start : start + n_workers]
            for done in parallel(joblib.delayed(run)(*run_seed) for run_seed in some):
                trials += done
            advance(len(some))
    abouts, answers, set_aside = zip(*trials, strict=True)
    while_training = _distinct([error for found in set_aside for error in found])
    _warn_of_errors(while_training)
    judged = Answers(pd.concat(abouts, ignore_index=True), y, answers, metric)
    metrics = tabulate(judged, rows, controls, reference, n_resamples)
    metrics.attrs["errors"] = errors + while_training
    if not return_predictions:
        return metrics
    return metrics, judged.scored if return_predictions == "scores" else judged.predictions


def _run(number, seed, *, y, groups, rows, controls, cv, test_size, n_folds, **shared):
    """Return the test rows, predictions and skipped cells of each split of one run."""
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
                # Without artists, each row is resampled on its own.
                "group": test if groups is None else groups[test],
            }
        )
        with interruption_ends_all():
            trials.append((about, trial.run(rows, controls, n_folds), trial.errors))
    return trials


def _missing_rows(table, columns):
    """Return whether all cells of a branch's columns are missing, for each row."""
    cells = safe_indexing(table, columns(table) if callable(columns) else columns, axis=1)
    columns = [cells] if cells.ndim == 1 else [column for _, column in cells.items()]
    return np.all([[is_missing(cell) for cell in column] for column in columns], axis=0)


def _distinct(errors):
    """Return each cell once, in order of the table; a cell is skipped in every run."""
    of_cell = {(error["modality"], error["row"], error["track"]): error for error in errors}
    return [of_cell[cell] for cell in sorted(of_cell, key=lambda c: (c[0], c[1], c[2] or 0))]


def _warn_of_errors(errors):
    """Warn how many cells are treated as missing, and name the first of them."""
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
        + f". {listed}. For the full list, see pandas.DataFrame(metrics.attrs['errors']).",
        UserWarning,
        stacklevel=3,
    )
