"""The plain control beside a model: logistic regressions that learned from the same items."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from ..compose import GenrePipeline
from ..compose._make_plain_classifier import plain_modalities
from ..fusion import LogisticFusionClassifier
from ..metrics import bootstrap_interval
from ..utils import read_groups
from ._model import Answers, errors_of

_N_RESAMPLES = 1000
COMPARED = {False: "f1", True: "macro_auc"}  # figure by which both are, one genre or several
_SHOWN = {"f1": "F1", "macro_auc": "AUC"}


@dataclass
class Control:
    """What the items that a model learned from give without its networks.

    Parameters
    ----------
    shares : Series
        The share of these items that has a genre, by genre.
    n_items : int
    plain : GenrePipeline or None
        Logistic regressions, as of `make_plain_classifier`.
    reason : str
        Why there are none.
    errors : list of (str, str)
        Item and reason of what they treat as missing.
    """

    shares: pd.Series
    n_items: int
    plain: GenrePipeline | None = None
    reason: str = ""
    errors: list = ()

    @property
    def majority(self):
        """The genre of most items."""
        return self.shares.idxmax()


def fit_control(model, table, y, *, plain=True):
    """Train the plain control of a model.

    Parameters
    ----------
    model : GenrePipeline
        It need not be fitted; the control reads the same cells in the same way.
    table : DataFrame
    y : ndarray of shape (n,), or DataFrame of shape (n, n_labels)
    plain : bool
        Whether there are regressions.

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
    if plain:
        modalities, strengths = plain_modalities(model.named_steps["modalities"])
        fusion = LogisticFusionClassifier(C=strengths)
        control.plain = GenrePipeline([("modalities", modalities), ("fusion", fusion)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the model warns of the same cells
            control.plain.fit(table, y)
        control.errors = errors_of(control.plain)
    return control


def answer_plain(plain, table, subsets, classes):
    """Return what the plain control says to items, from some of the modalities at a time.

    Parameters
    ----------
    plain : GenrePipeline
    table : DataFrame
    subsets : sequence of (sequence of str)
        The modalities; the others are missing.
    classes : list of str
        Genres of the model, in its order. Those that the control does not know get the score 0.

    Returns
    -------
    answers : list of Answers
    errors : list of (str, str)
        Item and reason of what was treated as missing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors = plain.named_steps["modalities"].transform(table)
    fusion = plain.named_steps["fusion"]
    several = fusion.target_.name == "logistic"
    places = [classes.index(genre) for genre in fusion.classes_]
    answers = []
    for subset in subsets:
        left_out = [columns for name, columns in fusion.blocks_.items() if name not in subset]
        some, is_empty = _without(vectors, [column for part in left_out for column in part])
        scores = np.zeros((len(table), len(classes)))
        scores[:, places] = fusion.predict_proba(some)
        predicted = fusion.predict(some)
        if several:
            said = np.zeros(scores.shape, dtype=int)
            said[:, places] = predicted
            predicted = said
        answers.append(Answers(classes, several, predicted, scores, is_empty))
    return answers, errors_of(plain)


def _without(vectors, columns):
    """Call some columns missing; also tell which rows have nothing then."""
    left_out = np.zeros(vectors.shape[1], dtype=bool)
    left_out[columns] = True
    if sparse.issparse(vectors):
        vectors = sparse.csr_array(vectors, copy=True)
        vectors.data[left_out[vectors.indices]] = 0
        filled = vectors.copy()
        filled.data = np.nan_to_num(filled.data)
        return vectors, abs(filled).sum(axis=1) == 0
    vectors = np.where(left_out, np.nan, vectors)
    return vectors, (np.nan_to_num(vectors) == 0).all(axis=1)


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
    n_drawn = len(truth) if artists is None else len(set(read_groups(artists).codes))
    if n_drawn < 2:
        return np.nan, np.nan
    if ours.several:
        said, labels = [ours.scores, plain.scores], None
    else:
        said, labels = [ours.predicted, plain.predicted], ours.classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # if no draw has a figure
        found = bootstrap_interval(
            np.asarray(truth),
            *said,
            metric=COMPARED[ours.several],
            groups=artists,
            labels=labels,
            n_resamples=_N_RESAMPLES,
        )
    return found.low, found.high


def in_words(comparison, *, by_artist=True):
    """Say which side is better, or that the difference could be chance.

    Parameters
    ----------
    comparison : mapping
        metric, difference (the model less plain), low and high; None or NaN if unknown.
    by_artist : bool
        Whether artists were drawn, and not items.

    Returns
    -------
    sentence : str
    """
    difference, low, high = (comparison[name] for name in ("difference", "low", "high"))
    if pd.isna([difference, low, high]).any():
        of_whom = "artists" if by_artist else "items"
        return f"Too few {of_whom} to say whether the model is better than plain."
    found = (
        f"{_SHOWN[comparison['metric']]} {difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
    )
    if low > 0:
        return f"The model is better than plain: {found}."
    if high < 0:
        return f"Plain is better than the model: {found}."
    return f"The difference between the model and plain could be chance: {found}."
