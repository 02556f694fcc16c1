"""What each modality brings: the rows of Table 2 and their controls."""

from functools import partial
from itertools import combinations
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import _safe_indexing

from ..fusion import JointSpaceProjector
from ..items import is_missing, progress_bar
from ..metrics import bootstrap_interval, genre_scores, group_names
from ..model_selection import ArtistShuffleSplit, inner_validation_mask
from ..nets import NetEstimator, interruption_ends_all
from ..nets.targets import read_labels
from ._extract_once import extract_once
from ._genre_pipeline import GenrePipeline, check_table

# The nine rows of Table 2: input, name, blocks.
_PAPER_ROWS = [
    ("Audio", "CNN_Audio", ("audio",)),
    ("Audio", "MM_Audio", ("mm_audio",)),
    ("Audio", "CNN_Audio + MM_Audio", ("audio", "mm_audio")),
    ("Video", "CNN_Visual", ("image",)),
    ("Video", "MM_Visual", ("mm_image",)),
    ("Video", "CNN_Visual + MM_Visual", ("image", "mm_image")),
    ("A + V", "CNN_Audio + CNN_Visual", ("audio", "image")),
    ("A + V", "MM_Audio + MM_Visual", ("mm_audio", "mm_image")),
    ("A + V", "All", ("audio", "image", "mm_audio", "mm_image")),
]
CONTROLS = (
    "missing pattern",
    "mean of probabilities",
    "two seeds",
    "shuffled covers",
    "cross_fit",
)
_SECOND_SEED = 100_003  # far from the seeds of other runs
_FIGURES = ("precision", "recall", "f1", "accuracy")


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
    y : array-like of shape (n_rows,)
        One genre a row.
    groups : array-like of shape (n_rows,), default=None
        Artists. They may be left out only where `cv` needs none.
    subsets : "all", "paper" or list, default="all"
        "all": every subset of the modalities (with the joint space's vectors of those that
        are in it). "paper": the nine rows of Table 2. A list names blocks:
        ``["audio", ("audio", "text"), "audio + mm_audio"]``.
    n_runs : int, default=3
        Runs with seeds ``random_state``, ``random_state + 1``, ...
    controls : sequence of str or "all", default=()
        Rows that show what is not due to the modalities:
        "missing pattern" (a logistic regression that sees only which cells are there),
        "mean of probabilities" (of the modalities, without a fusion layer),
        "two seeds" (two networks of one modality fused; "two seeds of audio" for one only),
        "shuffled covers" (CNN_Audio + MM_Audio, the joint space trained with the covers of
        other items) and "cross_fit" (the largest row, trained on vectors of fold networks).
    reference : str, default="auto"
        The row the others are compared with. "auto": the best single modality by mean F1;
        for "paper" each input's own CNN row, and CNN_Audio for A + V.
    cv : cross-validation splitter or callable, default=None
        All its splits together are one run. A callable makes the splitter of a run:
        ``cv(random_state=seed)``. None is one `ArtistShuffleSplit` a run.
    test_size : float, default=0.2
        Share of the test rows where `cv` is None.
    n_folds : int, default=5
        Folds of the control "cross_fit".
    random_state : int, default=0
    n_resamples : int, default=2000
        Of the bootstrap.
    n_jobs : int or None, default=None
        joblib workers, each of which does whole runs. A worker trains with one thread, and
        the last bits of what is learned depend on the number of threads.
    verbose : int, default=0
        1 shows a progress bar of the runs.
    return_predictions : bool, default=False

    Returns
    -------
    figures : DataFrame
        A row a model (index), with ``input``, mean and standard deviation over the runs of
        macro ``precision``, ``recall``, ``f1`` and ``accuracy`` (``f1_std``, ...), the
        ``reference`` it is compared with, the ``difference`` in F1, and ``low`` and
        ``high``, its paired 95 % bootstrap interval over artists.
    predictions : DataFrame
        If asked for: ``run``, ``row`` (position in the table), ``group``, ``true`` and a
        column of predicted genres for each model.

    Raises
    ------
    ValueError
        If a subset or control needs a modality that the model lacks.

    Notes
    -----
    The best single modality is chosen on the test rows, which favours it, not the fusion.

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
    check_table(table, y, groups)
    modalities = [name for name, branch, _ in steps["modalities"].transformers if branch != "drop"]
    views = steps["joint"].views if "joint" in steps else ()
    rows = _rows(subsets, modalities, views)
    labels, names = read_labels(y)
    if names is not None:
        raise ValueError(
            "ablate_modalities takes one genre a row; y is an indicator matrix of several."
        )
    controls = _resolve_controls(controls, modalities)
    names = [name for _, name, _ in rows] + controls
    if reference != "auto" and reference not in names:
        raise ValueError(f"reference {reference!r} is no row; rows are {names}.")
    if "cross_fit" in controls and _cross_fits(steps["modalities"]):
        raise ValueError(
            "The control 'cross_fit' takes networks with cross_fit=0; the model's are set to more."
        )
    missing = np.column_stack(
        [
            _missing_rows(table, columns)
            for name, _, columns in steps["modalities"].transformers
            if name in modalities
        ]
    )
    branches, extracted = extract_once(steps["modalities"], table)
    run = partial(
        _run,
        model=model,
        branches=branches,
        table=extracted,
        labels=labels,
        groups=None if groups is None else _artists(groups),
        missing=missing,
        rows=rows,
        controls=controls,
        cv=cv,
        test_size=test_size,
        n_folds=n_folds,
    )
    seeds = [random_state + number for number in range(n_runs)]
    n_workers = joblib.effective_n_jobs(n_jobs)
    trials = []
    with progress_bar(n_runs, "Runs", verbose=verbose) as advance:
        for start in range(0, n_runs, n_workers):
            some = seeds[start : start + n_workers]
            trials += joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(run)(seed) for seed in some)
            advance(len(some))
    trials = [trial.assign(run=number) for number, trial in enumerate(trials)]
    predictions = pd.concat(trials, ignore_index=True)
    inputs = {name: kind for kind, name, _ in rows} | {name: "Control" for name in controls}
    figures = _figures(predictions, inputs, np.unique(labels))
    comparison = _references(reference, subsets, rows, figures, modalities)
    figures = figures.join(_differences(predictions, comparison, np.unique(labels), n_resamples))
    return (figures, predictions) if return_predictions else figures


def _run(seed, *, labels, groups, rows, controls, cv, test_size, n_folds, **shared):
    """Predictions of all splits of one run."""
    if cv is None:
        cv = partial(ArtistShuffleSplit, 1, test_size=test_size)
    splitter = cv(random_state=seed) if callable(cv) else cv
    trials = []
    for train, test in splitter.split(shared["table"], labels, groups):
        trial = _Trial(labels=labels, groups=groups, train=train, test=test, seed=seed, **shared)
        about = pd.DataFrame(
            {
                "run": seed,
                "row": test,
                "group": test if groups is None else groups[test],
                "true": labels[test],
            }
        )
        with interruption_ends_all():
            predicted = pd.DataFrame(trial.run(rows, controls, n_folds))
        trials.append(pd.concat([about, predicted], axis=1))
    return pd.concat(trials, ignore_index=True)


def _artists(groups):
    """Artists by name; a row without one is an artist of its own, the same in every run."""
    names = group_names(groups)
    return np.array(
        [f"\0{row}" if name is None else name for row, name in enumerate(names)], dtype=object
    )


def _cross_fits(modalities):
    return any(
        value for name, value in modalities.get_params().items() if name.endswith("cross_fit")
    )


def _missing_rows(table, columns):
    """Tell in which rows all cells of a branch's columns are missing."""
    cells = _safe_indexing(table, columns(table) if callable(columns) else columns, axis=1)
    columns = [cells] if cells.ndim == 1 else [column for _, column in cells.items()]
    return np.all([[is_missing(cell) for cell in column] for column in columns], axis=0)


def _rows(subsets, modalities, views):
    """Rows as (input, name, blocks); `views` are those of the model's joint space."""
    if isinstance(subsets, str) and subsets == "paper":
        if not {"audio", "image"} <= set(modalities) or set(views) - {"audio", "image"}:
            raise ValueError(
                "subsets='paper' needs audio and image, and a joint space of these two if any; "
                f"the model has {modalities}" + (f" and the views {views}." if views else ".")
            )
        return _PAPER_ROWS
    if isinstance(subsets, str):
        if subsets != "all":
            raise ValueError(f"subsets must be 'all', 'paper' or a list, got {subsets!r}.")
        subsets = [
            subset
            for size in range(1, len(modalities) + 1)
            for subset in combinations(modalities, size)
        ]
        embedded = [f"mm_{view}" for view in views]
        return [
            (
                " + ".join(subset),
                " + ".join(subset),
                (*subset, *(mm for mm in embedded if mm.removeprefix("mm_") in subset)),
            )
            for subset in subsets
        ]
    known = set(modalities)
    known |= {f"mm_{view}" for view in views or ("audio", "image") if view in known}
    rows = []
    for subset in subsets:
        blocks = subset.split(" + ") if isinstance(subset, str) else list(subset)
        unknown = [block for block in blocks if block not in known]
        if unknown or not blocks:
            raise ValueError(f"subset {subset!r} names {unknown}; known are {sorted(known)}.")
        inputs = " + ".join(dict.fromkeys(block.removeprefix("mm_") for block in blocks))
        rows.append((inputs, " + ".join(blocks), tuple(blocks)))
    return rows


def _resolve_controls(controls, modalities):
    """Controls by name; "two seeds" is a row a modality."""
    if isinstance(controls, str):
        controls = CONTROLS if controls == "all" else [controls]
    names = []
    for control in controls:
        if control == "two seeds":
            names += [f"two seeds of {modality}" for modality in modalities]
        elif control in CONTROLS or control in [f"two seeds of {m}" for m in modalities]:
            names.append(control)
        else:
            raise ValueError(f"control {control!r} is unknown; known are {list(CONTROLS)}.")
    if "shuffled covers" in names and not {"audio", "image"} <= set(modalities):
        raise ValueError("The control 'shuffled covers' needs audio and image.")
    return names


class _Trial:
    """One split of one run: networks trained once, rows predicted from their vectors."""

    def __init__(self, *, model, branches, table, labels, groups, missing, train, test, seed):
        self.seed = seed
        self.train, self.test = train, test
        self.table, self.labels, self.missing = table, labels, missing
        self.groups = None if groups is None else groups[train]
        self.branches = branches
        self.joint = model.named_steps.get("joint", JointSpaceProjector(passthrough=True))
        self.fusion = model.named_steps["fusion"]

    def run(self, rows, controls, n_folds):
        """Predicted genres of the test rows, by row and control."""
        cross_fit = n_folds if "cross_fit" in controls else None
        vectors, tested, folded = self._vectors(self.branches, self.seed, cross_fit)
        if any(block.startswith("mm_") for _, _, blocks in rows for block in blocks):
            embedded, embedded_test = self._embed(vectors, tested)
        else:
            embedded, embedded_test = vectors, tested
        predicted = {
            name: self._fuse(_blocks(embedded, blocks), _blocks(embedded_test, blocks))
            for _, name, blocks in rows
        }
        for control in controls:
            if control == "missing pattern":
                predicted[control] = self._missing_pattern()
            elif control == "mean of probabilities":
                predicted[control] = self._mean_of_probabilities(embedded, embedded_test)
            elif control == "shuffled covers":
                predicted[control] = self._shuffled_covers(vectors, tested)
            elif control == "cross_fit":
                largest = max((blocks for _, _, blocks in rows), key=len)
                predicted[control] = self._cross_fitted(largest, folded, tested)
            else:
                predicted[control] = self._two_seeds(
                    control.removeprefix("two seeds of "), vectors, tested
                )
        return predicted

    def _vectors(self, branches, seed, cross_fit=None, validation=None):
        """Vectors of training and test rows; of training rows also from fold networks."""
        branches = _seeded(branches, seed)
        if cross_fit is not None:
            networks = [key for key in branches.get_params() if key.endswith("cross_fit")]
            branches.set_params(**{key: cross_fit for key in networks})
        table, labels = self.table.iloc[self.train], self.labels[self.train]
        fitted = _as_pipeline(branches)
        answer = fitted.fit_transform(table, labels, groups=self.groups, validation=validation)
        tested = fitted.transform(self.table.iloc[self.test])
        if cross_fit is None:
            return answer, tested, None
        # The network of all rows is trained either way, so it answers for both.
        return fitted.transform(table), tested, answer

    def _embed(self, vectors, tested):
        joint = _seeded(self.joint, self.seed).set_params(passthrough=True)
        pipeline = _as_pipeline(joint).fit(vectors, self.labels[self.train], groups=self.groups)
        return pipeline.transform(vectors), pipeline.transform(tested)

    def _fuse(self, vectors, tested):
        return self._fitted_fusion(vectors).predict(tested)

    def _fitted_fusion(self, vectors):
        fusion = _seeded(self.fusion, self.seed)
        return fusion.fit(vectors, self.labels[self.train], groups=self.groups)

    def _cross_fitted(self, blocks, vectors, tested):
        """The largest row again, trained on what fold networks answered."""
        if any(block.startswith("mm_") for block in blocks):
            vectors, tested = self._embed(vectors, tested)
        return self._fuse(_blocks(vectors, blocks), _blocks(tested, blocks))

    def _missing_pattern(self):
        regression = LogisticRegression().fit(self.missing[self.train], self.labels[self.train])
        return regression.predict(self.missing[self.test])

    def _mean_of_probabilities(self, vectors, tested):
        """Mean over the modalities that a row has; the class prior if it has none."""
        total, prior, nothing = 0, 0, True
        for name, _, _ in self.branches.transformers:
            fusion = self._fitted_fusion(_blocks(vectors, (name,)))
            block = _blocks(tested, (name,))
            absent = block.isna().all(axis=1).to_numpy()[:, None]
            # A row with nothing gets the prior.
            probabilities = fusion.predict_proba(block)
            total = total + np.where(absent, 0, probabilities)
            prior, nothing = prior + probabilities, nothing & absent
        return fusion.classes_[np.where(nothing, prior, total).argmax(axis=1)]

    def _shuffled_covers(self, vectors, tested):
        """CNN_Audio + MM_Audio with covers of other items in the joint space's training."""
        shuffled = vectors.copy()
        cover = _columns(vectors, "image")
        there = np.flatnonzero(vectors[cover].notna().all(axis=1))
        order = np.random.default_rng(self.seed).permutation(there)
        positions = vectors.columns.get_indexer(cover)
        shuffled.iloc[there, positions] = vectors[cover].to_numpy()[order]
        joint = _seeded(self.joint, self.seed).set_params(passthrough=True)
        pipeline = _as_pipeline(joint)
        pipeline.fit(shuffled, self.labels[self.train], groups=self.groups)
        blocks = ("audio", "mm_audio")
        return self._fuse(
            *(_blocks(pipeline.transform(part), blocks) for part in (vectors, tested))
        )

    def _two_seeds(self, modality, vectors, tested):
        """Two networks of one modality, fused as two modalities would be."""
        only = clone(self.branches).set_params(
            transformers=[t for t in self.branches.transformers if t[0] == modality]
        )
        # The second network learns from the rows that the first and the fusion learn from.
        network = next(v for v in only.get_params().values() if isinstance(v, NetEstimator))
        held_out = inner_validation_mask(
            self.labels[self.train],
            groups=self.groups,
            validation_fraction=network.validation_fraction,
            random_state=self.seed,
        )
        again = self._vectors(only, self.seed + _SECOND_SEED, validation=held_out)
        pairs = zip((vectors, tested), again[:2], strict=True)
        return self._fuse(
            *(
                pd.concat([_blocks(first, (modality,)), second.add_prefix("second_")], axis=1)
                for first, second in pairs
            )
        )


def _as_pipeline(step):
    return GenrePipeline([("only", step)])


def _seeded(estimator, seed):
    """A clone whose networks have this seed; extractors keep theirs."""
    estimator = clone(estimator)
    if isinstance(estimator, NetEstimator):
        return estimator.set_params(random_state=seed)
    params = estimator.get_params()
    networks = [name for name, value in params.items() if isinstance(value, NetEstimator)]
    return estimator.set_params(**{f"{name}__random_state": seed for name in networks})


def _columns(vectors, block):
    columns = [name for name in vectors.columns if name.split("__", 1)[0] == block]
    if not columns:
        raise ValueError(f"The model answers with no block {block!r}.")
    return columns


def _blocks(vectors, blocks):
    """The columns of some blocks."""
    return vectors[[name for block in blocks for name in _columns(vectors, block)]]


def _figures(predictions, inputs, labels):
    """Mean and standard deviation over the runs (NaN for one run)."""
    lines = {}
    for name, kind in inputs.items():
        runs = []
        for _, part in predictions.groupby("run"):
            scores = genre_scores(part["true"], part[name], labels=labels)
            runs.append(scores.loc["macro", ["precision", "recall", "f1"]].tolist())
            runs[-1].append(scores.attrs["accuracy"])
        runs = pd.DataFrame(runs, columns=_FIGURES)
        spread = runs.std().add_suffix("_std")
        both = pd.concat([runs.mean(), spread])
        order = [part for figure in _FIGURES for part in (figure, f"{figure}_std")]
        lines[name] = {"input": kind, **both[order]}
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("model")


def _references(reference, subsets, rows, figures, modalities):
    """The row that each row is compared with."""
    names = list(figures.index)
    if reference != "auto":
        return dict.fromkeys(names, reference)
    if isinstance(subsets, str) and subsets == "paper":
        own = {"Video": "CNN_Visual"}
        comparison = {name: own.get(figures.loc[name, "input"], "CNN_Audio") for name in names}
    else:
        best = figures.loc[_single_modalities(rows) or names, "f1"].idxmax()
        comparison = dict.fromkeys(names, best)
    # A control is compared with the row it is the control of, where that is there.
    by_blocks = {frozenset(blocks): name for _, name, blocks in rows}
    controlled = {f"two seeds of {modality}": {modality} for modality in modalities}
    controlled["shuffled covers"] = {"audio"}  # which MM_Audio is to gain over
    controlled["cross_fit"] = max(by_blocks, key=len)
    for control, blocks in controlled.items():
        if control in comparison and frozenset(blocks) in by_blocks:
            comparison[control] = by_blocks[frozenset(blocks)]
    return comparison


def _single_modalities(rows):
    """Rows of one modality; where there is one without the joint space, only that."""
    alone = {kind for kind, _, blocks in rows if len(blocks) == 1}
    return [
        name
        for kind, name, blocks in rows
        if " + " not in kind and (len(blocks) == 1 or kind not in alone)
    ]


def _differences(predictions, comparison, labels, n_resamples):
    """Difference in F1 to the reference with its paired interval over artists."""
    lines = {}
    for name, other in comparison.items():
        estimate, low, high = bootstrap_interval(
            predictions["true"],
            predictions[name],
            predictions[other],
            metric="f1",
            groups=predictions["group"],
            runs=predictions["run"],
            labels=labels,
            n_resamples=n_resamples,
        )
        lines[name] = {"reference": other, "difference": estimate, "low": low, "high": high}
    return pd.DataFrame.from_dict(lines, orient="index")
