"""The plain control beside a model: logistic regressions that learned from the same items."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..compose._plain_control import PlainControl, plain_modalities, tells_by_tuned_thresholds
from ..metrics import bootstrap_interval
from ..utils import read_groups
from ._model import Answers, errors_of

_N_RESAMPLES = 1000
_FEW = 20  # artists, or items, below which the interval is rough
COMPARED = {False: "f1", True: "macro_auc"}  # metric by which both are, one genre or several
_SHOWN = {"f1": "F1", "macro_auc": "AUC"}


@dataclass
class Control:
    """What the items that a model learned from give without its networks.

    Parameters
    ----------
    shares : Series
        The share of these items that has a genre, by genre.
    n_items : int
    plain : PlainControl or None
    regressions : dict of tuple of str to LogisticFusionClassifier
        Of some modalities together. The model has one fusion layer for all subsets of its
        modalities; these learn each subset anew, which makes them harder to beat.
    reason : str
        Why there are none.
    errors : list of (str, str)
        Item and reason of what they treat as missing.
    """

    shares: pd.Series
    n_items: int
    plain: PlainControl | None = None
    regressions: dict = field(default_factory=dict)
    reason: str = ""
    errors: list = field(default_factory=list)

    @property
    def majority(self):
        """The genre of most items."""
        return self.shares.idxmax()


def fit_control(model, table, y, subsets, groups=None):
    """Train the plain control of a model.

    Parameters
    ----------
    model : GenrePipeline
        It need not be fitted; the control reads the same cells in the same way.
    table : DataFrame
    y : ndarray of shape (n,), or DataFrame of shape (n, n_labels)
    subsets : sequence of (tuple of str)
        Modalities that regressions learn from; none: there are only the shares of the genres.
    groups : sequence of str or None, default=None
        Artists, by which thresholds of several genres are tuned where the model tunes its own.

    Returns
    -------
    control : Control

    Raises
    ------
    ValueError
        If nothing can be learned from the table.
    """
    shares = y.mean() if y.ndim == 2 else pd.Series(y).value_counts(normalize=True, sort=False)
    control = Control(shares.sort_index(), len(table))
    if subsets:
        tuned = tells_by_tuned_thresholds(model[-1])
        modalities = plain_modalities(model.named_steps["modalities"])
        control.plain = PlainControl(*modalities, tuned=tuned)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the model warns of the same cells
            control.plain.fit(table, y, groups)
        control.regressions = {subset: control.plain.regress(subset) for subset in subsets}
        control.errors = errors_of(control.plain.modalities)
    return control


def answer_plain(control, table, classes):
    """Return what the plain control says to items.

    Parameters
    ----------
    control : Control
        With regressions.
    table : DataFrame
    classes : list of str
        Genres of the model, in its order. Those that the control does not know get the score 0.

    Returns
    -------
    answers : dict of tuple of str to Answers
        By modalities; none of the items counts as empty.
    errors : list of (str, str)
        Item and reason of what was treated as missing.
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
    """Return the answers of what knows only how frequent the genres are.

    One genre an item: always the majority; of several those that more than half of the items
    have. Scores are the shares.
    """
    shares = control.shares.reindex(classes, fill_value=0).to_numpy(dtype=float)
    scores = np.tile(shares, (n_items, 1))
    predicted = (scores > 0.5).astype(int) if several else np.full(n_items, control.majority)
    return Answers(classes, several, predicted, scores, np.zeros(n_items, dtype=bool))


def interval_of_difference(truth, ours, plain, artists):
    """Return the 95 % interval of how much better a model is than the plain control.

    Parameters
    ----------
    truth : ndarray of shape (n,), or DataFrame of shape (n, n_labels)
    ours, plain : Answers
        To the same items.
    artists : ndarray or None
        What is drawn, with its items; None: items are drawn.

    Returns
    -------
    low, high : float
        NaN if there is nothing to draw from.
    """
    if count_drawn(len(truth), artists) < 2:
        return np.nan, np.nan
    if ours.several:
        said, labels = [ours.scores, plain.scores], None
    else:
        said, labels = [ours.predicted, plain.predicted], ours.classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # if no draw has a metric
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
    """Return how many artists an interval is over, or items where these are not known."""
    return n_items if artists is None else len(set(read_groups(artists).codes))


def in_words(comparison, *, by_artist=True, n_drawn=None):
    """Say which side is better, or that the difference could be chance.

    Parameters
    ----------
    comparison : mapping
        metric, difference (the model less plain), low and high; None or NaN if unknown.
    by_artist : bool
        Whether artists were drawn, and not items.
    n_drawn : int or None
        How many there are, if known: an interval over few is called rough.

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
        sentences += f" There are few {of_whom} ({n_drawn}): the interval is rough."
    return sentences
