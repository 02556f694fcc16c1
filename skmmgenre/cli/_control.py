"""The plain control of a model: logistic regressions trained on the same items."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .._model_summary import has_several_genres
from ..compose._plain_control import PlainControl, plain_modalities, tells_by_tuned_thresholds
from ..inspection._report._scores import COMPARED
from ..metrics import bootstrap_interval
from ..utils import is_missing, read_groups
from ._model import Answers, errors_of

_N_RESAMPLES = 1000
_FEW = 20  # artists (or items); with fewer, the interval is rough
_SHOWN = {"f1": "F1", "macro_auc": "AUC"}


@dataclass
class Control:
    """Baselines without networks, trained on the items that a model was trained on.

    Parameters
    ----------
    shares : Series
        Share of the items that have each genre.
    n_items : int
    plain : PlainControl or None
    regressions : dict of tuple of str to LogisticFusionClassifier
        One regression per subset of the modalities. The model has one fusion layer for all
        subsets, while each regression is trained on its subset, which makes it harder to beat.
    reason : str
        Why there is no regression.
    errors : list of (str, str)
        Item and reason of each cell that the regressions treat as missing.
    """

    shares: pd.Series
    n_items: int
    plain: PlainControl | None = None
    regressions: dict = field(default_factory=dict)
    reason: str = ""
    errors: list = field(default_factory=list)

    @property
    def majority(self):
        """The most frequent genre."""
        return self.shares.idxmax()


def fit_control(model, table, y, subsets, groups=None):
    """Train the plain control of a model.

    Parameters
    ----------
    model : GenrePipeline
        The model, fitted or not; the control reads the same cells in the same way.
        See `match_decision`, which needs a fitted one.
    table : DataFrame
    y : ndarray of shape (n,), or DataFrame of shape (n, n_labels)
    subsets : sequence of (tuple of str)
        Modalities of each regression. If empty, only the shares of the genres are computed.
    groups : sequence of str or None, default=None
        Artists, for tuning multilabel thresholds.

    Returns
    -------
    control : Control

    Raises
    ------
    ValueError
        If the control cannot be trained on the table.
    """
    shares = y.mean() if y.ndim == 2 else pd.Series(y).value_counts(normalize=True, sort=False)
    control = Control(shares.sort_index(), len(table))
    if subsets:
        modalities = plain_modalities(model.named_steps["modalities"])
        control.plain = PlainControl(*modalities, tuned=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the model warns of the same cells
            control.plain.fit(table, y, groups)
        control.regressions = {subset: control.plain.regress(subset) for subset in subsets}
        control.errors = errors_of(control.plain.modalities)
    return control


def match_decision(control, model):
    """Let the control predict genres above a probability of 0.5 if the model tunes no thresholds.

    Parameters
    ----------
    control : Control
        Changed in place.
    model : GenrePipeline
        The fitted model.
    """
    # Only a fitted model tells: if it has no unseen rows, it tunes nothing.
    if has_several_genres(model) and not tells_by_tuned_thresholds(model[-1]):
        for regression in control.regressions.values():
            regression.target_.decide(0.5)


def answer_plain(control, table, classes):
    """Return the predictions of the plain control.

    Parameters
    ----------
    control : Control
        A control with regressions.
    table : DataFrame
    classes : list of str
        Genres of the model, in its order. Genres that the control does not have get the score 0.

    Returns
    -------
    answers : dict of tuple of str to Answers
        Predictions by subset of the modalities; no item counts as empty.
    errors : list of (str, str)
        Item and reason of each cell that was treated as missing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors = control.plain.transform(table)
    answers = {}
    for subset, regression in control.regressions.items():
        part = control.plain.part(vectors, subset)
        places = [classes.index(genre) for genre in regression.classes_]
        scores = np.zeros((len(table), len(classes)))
        scores[:, places] = regression.predict_proba(part)
        predicted = regression.predict(part)
        several = predicted.ndim == 2
        if several:
            indicator = np.zeros(scores.shape, dtype=int)
            indicator[:, places] = predicted
            predicted = indicator
        none_empty = np.zeros(len(table), dtype=bool)
        answers[subset] = Answers(classes, several, predicted, scores, none_empty)
    return answers, errors_of(control.plain.modalities)


def answer_prior(control, several, classes, n_items):
    """Return the predictions of a baseline that knows only the class frequencies.

    Single-label: always the majority class. Multilabel: the genres that more than half of the
    items have. Scores are the shares of the genres.
    """
    shares = control.shares.reindex(classes, fill_value=0).to_numpy(dtype=float)
    scores = np.tile(shares, (n_items, 1))
    predicted = (scores > 0.5).astype(int) if several else np.full(n_items, control.majority)
    return Answers(classes, several, predicted, scores, np.zeros(n_items, dtype=bool))


def interval_of_difference(truth, ours, plain, artists):
    """Return the 95 % interval of the difference in metric between a model and the plain control.

    Parameters
    ----------
    truth : ndarray of shape (n,), or DataFrame of shape (n, n_labels)
    ours, plain : Answers
        Predictions for the same items.
    artists : ndarray or None
        Artist of each item. Artists are resampled with all their items; if None, items are
        resampled.

    Returns
    -------
    low, high : float
        NaN if there are fewer than two artists or items.
    """
    if count_drawn(len(truth), artists) < 2:
        return np.nan, np.nan
    if ours.several:
        said, labels = [ours.scores, plain.scores], None
    else:
        said, labels = [ours.predicted, plain.predicted], ours.classes
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # if the metric is undefined in all resamples
        found = bootstrap_interval(
            np.asarray(truth),
            *said,
            metric=COMPARED[ours.several],
            groups=artists,
            labels=labels,
            n_resamples=_N_RESAMPLES,
        )
    return found.low, found.high


def count_drawn(n_items, artists):
    """Return the number of artists that are resampled, or of items if artists are unknown."""
    return n_items if artists is None else len(set(read_groups(artists).codes))


def knows_artists(artists):
    """Return whether any artist is known; a folder without tags of artists has a column of None."""
    return artists is not None and not all(map(is_missing, artists))


def in_words(comparison, *, by_artist=True, n_drawn=None):
    """Return sentences on which side is better, or that the difference could be chance.

    Parameters
    ----------
    comparison : mapping
        Keys metric, difference (model minus plain), low and high; None or NaN if unknown.
    by_artist : bool
        Whether artists were resampled, and not items.
    n_drawn : int or None
        Number of artists or items, if known; with few, the interval is called rough.

    Returns
    -------
    sentences : str
    """
    difference, low, high = (comparison[name] for name in ("difference", "low", "high"))
    of_whom = "artists" if by_artist else "items"
    if pd.isna([difference, low, high]).any():
        return f"Too few {of_whom} to say whether the model is better than plain."
    found = (
        f"{_SHOWN[comparison['metric']]} {difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
    )
    if low == high == 0:
        sentences = "There is no difference between the model and plain on these items."
    elif low > 0:
        sentences = f"The model is better than plain: {found}."
    elif high < 0:
        sentences = f"Plain is better than the model: {found}."
    else:
        sentences = f"The difference between the model and plain could be chance: {found}."
    if n_drawn is not None and n_drawn < _FEW:
        sentences += f" The interval is rough, because there are only {n_drawn} {of_whom}."
    return sentences
