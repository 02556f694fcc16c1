"""Compare annotators with a model on the same items (section 6.4 of the paper)."""

import warnings
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ConstantInputWarning, NearConstantInputWarning, pearsonr
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support
from sklearn.utils import Bunch

from .._typing import Column
from ..metrics._genre_scores import precision_recall_f1
from ..utils import first_few
from ._annotations import MODES, read_annotations

_METRICS = ("precision", "recall", "f1", "accuracy")
_F1 = _METRICS.index("f1")
_RATERS = ("human", "model", "difference")


def compare_annotators(
    annotations: Any,
    y_true: pd.Series | dict[Any, Any],
    y_pred: pd.DataFrame | dict[str, Any] | None = None,
    *,
    labels: Column | None = None,
    n_resamples: int = 2000,
    confidence_level: float = 0.95,
    random_state: int | np.random.Generator | None = 0,
) -> Bunch:
    """Compare annotators with the true genres, with a model and with each other.

    Parameters
    ----------
    annotations : path, DataFrame, or list of these
        Files written by ``skmmgenre annotate``, or tables with the columns annotator, item, mode
        ("sound", "cover" or "both") and genre. An empty genre means that the item was skipped. If
        there are several rows for the same annotator, item and mode, the last one counts.
    y_true : Series or dict
        Maps the name of each item to its true genre. It may contain additional items.
    y_pred : DataFrame, or dict of str to Series or dict, default=None
        For each mode that the model supports, maps the name of each item to its predicted genre.
        None: no model is compared.
    labels : array-like, default=None
        All genres over which means are taken; pass the ``classes_`` of the model. None: the
        sorted genres that occur as true, annotated or predicted genres.
    n_resamples : int, default=2000
        Number of bootstrap resamples for the intervals.
    confidence_level : float in (0, 1), default=0.95
        Confidence level of the intervals.
    random_state : int, Generator or None, default=0
        Seed of the bootstrap.

    Returns
    -------
    comparison : Bunch
        ``scores`` : DataFrame
            Indexed by annotator, mode and rater: "human", "model" on the same items, and
            "difference", human minus model. Columns precision, recall and f1 (means over
            `labels`) and accuracy, each with ``_low`` and ``_high``, the bounds of its interval,
            and the counts items and skipped. Skipped items are excluded for both raters.
        ``by_genre`` : DataFrame
            F1 per genre (index) for each annotator, rater and mode (columns).
        ``correlations`` : DataFrame
            Pearson correlation of F1 over genres for pairs of rater and mode: columns
            annotator, first, second, pearson, low, high, genres. Only genres that have items on
            both sides are included. NaN if there are fewer than three genres, or if F1 is constant
            on one side.
        ``kappa`` : DataFrame
            Cohen's kappa of each pair of annotators on the items that both annotated, for each
            mode and for "all" modes: columns first, second, mode, items, kappa, low, high.
        ``answers`` : DataFrame
            One row per annotation: annotator, mode, item, true, human and, with `y_pred`,
            model.
        ``labels`` : list
            The genres that were compared, sorted unless `labels` was given.

    Raises
    ------
    ValueError
        If an item has no true genre or no prediction, a genre is not among `labels`, there are
        no annotations, or a parameter is out of range.

    See Also
    --------
    ConfusionMatricesDisplay.from_comparison : Confusion matrices of annotators and model.
    skmmgenre.metrics.bootstrap_interval : Bootstrap intervals of a model over artists.

    Notes
    -----
    The intervals are percentile intervals of the bootstrap over items: items are drawn with
    replacement. Annotator and model share the same draws, so the interval of their difference is
    paired. The intervals reflect the choice of the items, not the variation between annotators. In
    each resample, the correlation is computed over the genres that occur in it.

    Annotators see a different set of items in each mode, so differences between modes are also
    differences between items.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.inspection import compare_annotators
    >>> items = [f"song {n}" for n in range(40)]
    >>> true = pd.Series(["Jazz", "Rock"] * 20, index=items)
    >>> said = pd.DataFrame({"annotator": "Ann", "item": items, "mode": "sound"})
    >>> said["genre"] = ["Jazz", "Rock"] * 15 + ["Rock", "Rock"] * 5
    >>> comparison = compare_annotators(said, true, {"sound": dict.fromkeys(items, "Rock")})
    >>> comparison.scores["accuracy"].round(3).tolist()
    [0.875, 0.5, 0.375]
    >>> low, high = comparison.scores.loc[("Ann", "sound", "human"), ["f1_low", "f1_high"]]
    >>> bool(low < comparison.scores["f1"].iloc[0] < high)
    True
    """
    if not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise ValueError(f"n_resamples must be an integer above 0, got {n_resamples!r}.")
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must be in (0, 1), got {confidence_level!r}.")
    said = read_annotations(annotations)
    answers = _join(said[said["genre"].notna()], y_true, y_pred)
    labels = _labels_of(answers, labels)
    skipped = said[said["genre"].isna()].groupby(["annotator", "mode"]).size()
    rng = np.random.default_rng(random_state)
    tail = (1 - confidence_level) / 2

    def interval(draws):
        if np.isnan(draws).all():
            return np.nan, np.nan
        return tuple(np.nanquantile(draws, (tail, 1 - tail)))

    scores, by_genre, correlations, kappas = {}, {}, [], []
    for annotator, own in answers.groupby("annotator"):
        drawn = {}
        for mode in (mode for mode in MODES if (own["mode"] == mode).any()):
            rows = own[own["mode"] == mode]
            # Annotator and model share the draws, so the interval of their difference is paired.
            weights = _draw(len(rows), n_resamples, rng)
            for rater in _raters(rows):
                judged = _Judged(rows["true"], rows[rater], labels, weights)
                drawn[rater, mode] = judged
                by_genre[annotator, rater, mode] = judged.genres[_F1]
                counts = len(rows), skipped.get((annotator, mode), 0)
                scores[annotator, mode, rater] = [
                    *_with_intervals(judged.macro, judged.macro_draws, interval),
                    *counts,
                ]
            if ("model", mode) in drawn:
                human, model = drawn["human", mode], drawn["model", mode]
                draws = human.macro_draws - model.macro_draws
                scores[annotator, mode, "difference"] = [
                    *_with_intervals(human.macro - model.macro, draws, interval),
                    *counts,
                ]
        correlations += _correlations(annotator, drawn, interval)
    for first, second in combinations(answers["annotator"].unique(), 2):
        kappas += _kappas(answers, first, second, labels, n_resamples, rng, interval)
    ends = [name + end for name in _METRICS for end in ("", "_low", "_high")]
    scores = pd.DataFrame.from_dict(scores, orient="index", columns=[*ends, "items", "skipped"])
    scores.index = _index(scores.index)
    by_genre = pd.DataFrame(by_genre, index=pd.Index(labels, name="genre"))
    by_genre.columns.names = ["annotator", "rater", "mode"]
    return Bunch(
        scores=scores.astype({"items": int, "skipped": int}),
        by_genre=by_genre,
        correlations=pd.DataFrame(
            correlations,
            columns=["annotator", "first", "second", "pearson", "low", "high", "genres"],
        ),
        kappa=pd.DataFrame(
            kappas, columns=["first", "second", "mode", "items", "kappa", "low", "high"]
        ),
        answers=answers,
        labels=labels,
    )


def _join(said, y_true, y_pred):
    """Join annotations with true and predicted genres, one row per annotation."""
    if said.empty:
        raise ValueError("The annotations contain no genres; all items were skipped.")
    answers = said[["annotator", "mode", "item"]].copy()
    answers["true"] = _look_up(said["item"], y_true, "y_true")
    answers["human"] = said["genre"]
    if y_pred is not None:
        strange = sorted(set(map(str, y_pred)) - set(MODES))
        if strange:
            raise ValueError(f"Unknown mode {strange[0]!r} in y_pred; expected {', '.join(MODES)}.")
        answers["model"] = None
        for mode in y_pred:
            rows = answers["mode"] == mode
            found = _look_up(answers.loc[rows, "item"], y_pred[mode], f"y_pred[{mode!r}]")
            answers.loc[rows, "model"] = found
    order = {mode: place for place, mode in enumerate(MODES)}
    answers = answers.sort_values(
        ["annotator", "mode"],
        key=lambda column: column.map(order) if column.name == "mode" else column,
        kind="stable",
    )
    return answers.reset_index(drop=True)


def _look_up(items, genres, name):
    genres = pd.Series(genres, dtype=object)
    genres.index = genres.index.map(str)
    if genres.index.has_duplicates:
        twice = genres.index[genres.index.duplicated()][0]
        raise ValueError(f"{name} has several genres for item {twice!r}; pass one genre per item.")
    found = items.map(genres).astype(object)
    absent = items[found.isna()].unique()
    if len(absent):
        raise ValueError(
            f"{name} has no genre for {len(absent)} annotated items: {first_few(map(repr, absent))}"
            ". Its index must contain the names in the column 'item' of the annotations."
        )
    return found.map(str)


def _labels_of(answers, labels):
    columns = [column for column in ("true", "human", "model") if column in answers]
    occurring = {genre for column in columns for genre in answers[column].dropna()}
    if labels is None:
        return sorted(occurring)
    labels = list(map(str, labels))
    strange = sorted(map(str, occurring - set(labels)))
    if strange:
        raise ValueError(
            f"The genre {strange[0]!r} occurs as true, annotated or predicted genre, but is not in "
            "labels. Add it, or pass labels=None."
        )
    return labels


def _raters(rows):
    """Return the raters of these items; the model only if it predicts all of them."""
    has_model = "model" in rows and rows["model"].notna().all()
    return ("human", "model") if has_model else ("human",)


def _draw(n_items, n_draws, rng):
    """Draw bootstrap counts of the items, (n_draws, n_items)."""
    return rng.multinomial(n_items, np.full(n_items, 1 / n_items), size=n_draws).astype(float)


class _Judged:
    """Metrics of one rater on some items, and on resamples of these items."""

    def __init__(self, true, said, labels, weights):
        found = precision_recall_fscore_support(true, said, labels=labels, zero_division=0)
        self.genres = np.array(found[:3])  # (3, n_labels)
        self.has_items = found[3] > 0
        self.macro = np.array([*self.genres.mean(axis=1), accuracy_score(true, said)])
        # One-hot, so that the counts of all resamples are matrix products with `weights`, of shape
        # (n_draws, n_items).
        true, said = (pd.Index(labels).get_indexer(genres) for genres in (true, said))
        is_true, is_said = np.eye(len(labels))[true], np.eye(len(labels))[said]
        hits, drawn = weights @ (is_true * is_said), weights @ is_true
        self.genre_draws = np.array(
            precision_recall_f1(hits, weights @ is_said, drawn)
        )  # (3, n_draws, n_labels)
        self.is_drawn = drawn > 0
        right = hits.sum(axis=1) / weights.sum(axis=1)
        self.macro_draws = np.vstack([self.genre_draws.mean(axis=2), right])


def _with_intervals(values, draws, interval):
    for value, drawn in zip(values, draws, strict=True):
        yield from (value, *interval(drawn))


def _index(keys):
    """Return a lexsorted MultiIndex, so that pandas can look up a part of a key."""
    columns = list(zip(*keys, strict=True))
    levels = [list(dict.fromkeys(columns[0])), MODES, _RATERS]
    codes = [
        [level.index(key) for key in column] for level, column in zip(levels, columns, strict=True)
    ]
    return pd.MultiIndex(levels=levels, codes=codes, names=["annotator", "mode", "rater"])


def _correlations(annotator, drawn, interval):
    """Yield the rows of the correlations: human with model, then pairs of modes of each."""
    raters = dict.fromkeys(rater for rater, _ in drawn)
    modes = dict.fromkeys(mode for _, mode in drawn)
    pairs = [(("human", mode), ("model", mode)) for mode in modes if "model" in raters]
    pairs += [
        ((rater, first), (rater, second))
        for rater in raters
        for first, second in combinations(modes, 2)
    ]
    for pair in pairs:
        if not all(key in drawn for key in pair):
            continue
        sides = [drawn[key] for key in pair]
        there = sides[0].has_items & sides[1].has_items
        pearson = _pearson(*(side.genres[_F1][there] for side in sides))
        draws = _pearson_draws(
            *(side.genre_draws[_F1][:, there] for side in sides),
            (sides[0].is_drawn & sides[1].is_drawn)[:, there],
        )
        names = [" ".join(key) for key in pair]
        yield annotator, *names, pearson, *interval(draws), int(there.sum())


def _pearson(first, second):
    """Return the correlation; NaN if there are too few genres or one side is constant."""
    if len(first) < 3:
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        warnings.simplefilter("ignore", NearConstantInputWarning)
        return float(pearsonr(first, second).statistic)


def _pearson_draws(first, second, there):
    """Return the correlation of each draw (row) over the genres that occur in it."""
    n = there.sum(axis=1, keepdims=True)
    sides = [np.where(there, side, 0) for side in (first, second)]
    one, other = (
        np.where(there, side - side.sum(axis=1, keepdims=True) / np.maximum(n, 1), 0)
        for side in sides
    )
    lengths = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    # Where F1 is constant, rounding leaves a length that is not quite 0.
    exists = (n[:, 0] >= 3) & (lengths > 1e-12)
    products = (one * other).sum(axis=1)
    return np.divide(products, lengths, where=exists, out=np.full(len(n), np.nan))


def _kappas(answers, first, second, labels, n_resamples, rng, interval):
    """Yield the rows of the kappas: of each mode and, if there are several, of all modes."""
    keys = ["mode", "item"]
    own, others = (answers[answers["annotator"] == name] for name in (first, second))
    both = own.merge(others[[*keys, "human"]], on=keys, suffixes=("", "_other"))
    parts = {mode: both[both["mode"] == mode] for mode in MODES}
    parts = {mode: rows for mode, rows in parts.items() if len(rows)}
    if len(parts) > 1:
        parts["all"] = both
    for mode, rows in parts.items():
        one, other = rows["human"], rows["human_other"]
        if len({*one, *other}) == 1:  # a single genre throughout: chance agreement is 1
            kappa, draws = np.nan, np.full(1, np.nan)
        else:
            kappa = cohen_kappa_score(one, other, labels=labels)
            weights = _draw(len(rows), n_resamples, rng)
            draws = _kappa_draws(one, other, labels, weights)
        yield first, second, mode, len(rows), float(kappa), *interval(draws)


def _kappa_draws(one, other, labels, weights):
    one, other = (pd.Index(labels).get_indexer(genres) for genres in (one, other))
    n = weights.sum(axis=1)
    agree = weights @ (one == other) / n
    eye = np.eye(len(labels))
    # Agreement of two independent raters with the same shares of genres.
    chance = ((weights @ eye[one]) * (weights @ eye[other])).sum(axis=1) / n**2
    return np.divide(agree - chance, 1 - chance, where=chance < 1, out=np.full(len(n), np.nan))
