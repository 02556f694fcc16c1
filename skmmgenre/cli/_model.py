"""A model in a file with its card, and what a fitted model predicts for music."""

import os
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass

import joblib
import numpy as np
import pandas as pd

from .._model_summary import genres_of, has_several_genres, read_summary
from ..utils import estimators_in, n_threads
from ._model_source import fetch_once
from ._options import require_model

_ENCODER = "AudioEmbedder"
_MOST_THREADS = 8


def load_model(path, *, n_jobs=None, **params):
    """Open the file of a model; weights that it needs of a pretrained network are fetched.

    Parameters
    ----------
    path : str
    n_jobs : int or None
        As in `n_jobs_for`.
    **params
        As `skmmgenre.load` takes them: how a model was trained does not bind its use.

    Returns
    -------
    model : GenrePipeline
    card : dict

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If it is no model that goes from a table of music to genres.
    """
    from .. import load, model_info  # with skops comes torch, which `--help` does without

    require_model(path)
    summary = read_summary(path)  # None of an earlier version, which knew no encoder
    params["n_jobs"] = n_jobs_for(() if summary is None else summary["estimators"], n_jobs)
    model, card = load(path, params=params), model_info(path)["card"]
    if "modalities" not in getattr(model, "named_steps", ()) or not hasattr(model, "predict"):
        raise ValueError(
            f"{path!r} holds a {type(model).__name__}, which does not go from a table of music to "
            "genres. Use a file that skmmgenre train made, or save the whole GenrePipeline."
        )
    for encoder in encoders_in(model):
        if encoder.weights is None:
            fetch_once(encoder.model)
    return model, card


def n_jobs_for(estimators, n_jobs):
    """Return how many workers read files.

    Parameters
    ----------
    estimators : sequence of str
        Names of the classes in a model.
    n_jobs : int or None
        What the user asked for. None is one for each core, 8 at most, where an encoder of sound
        was trained before: it takes threads. Other models take processes, which are slow to start,
        and so one.

    Returns
    -------
    n_jobs : int
    """
    if n_jobs is not None:
        return n_jobs
    return min(n_threads(), _MOST_THREADS) if _ENCODER in estimators else 1


def in_threads(model):
    """Return a context in which workers are threads if a model has an encoder of sound.

    It decodes and computes in C, and so threads are at work together; processes would each load
    torch and the weights first.
    """
    if any(encoders_in(model)):
        return joblib.parallel_config(backend="threading")
    return nullcontext()


def encoders_in(model):
    """Yield the encoders of sound in a model, and their fitted copies."""
    return (step for step in estimators_in(model) if type(step).__name__ == _ENCODER)


def check_place(path, noun="model", option="-o"):
    """Refuse a path that a file cannot be written to, before hours of work.

    Parameters
    ----------
    path : str
    noun : str
        What is to be written.
    option : str
        That names the path.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} for the {noun}: make it first")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder; name a file for the {noun}")
    try:  # rights alone do not tell: the disk may be read-only, or the user above them
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(
            f"the {noun} {path!r} cannot be written ({error.strerror}): allow writing in its "
            f"folder, or name another place with {option}"
        ) from error


@dataclass
class Answers:
    """Of each item.

    Parameters
    ----------
    classes : list of str
    several : bool
        Whether an item has several genres.
    predicted : ndarray
        Genres, of shape (n,), or an indicator of shape (n, n_classes).
    scores : ndarray of shape (n, n_classes)
        Probabilities; of a model with target "cosine" similarities.
    empty : ndarray of bool of shape (n,)
        Items of which every modality that the model reads is missing or has nothing in it (its
        vector is zero); the model predicts for them what it would guess of anything.
    """

    classes: list
    several: bool
    predicted: np.ndarray
    scores: np.ndarray
    empty: np.ndarray

    def genres(self, row):
        """Return the genres of an item, the best first; of an empty one none."""
        if self.empty[row]:
            return []
        if not self.several:
            return [str(self.predicted[row])]
        chosen = np.flatnonzero(self.predicted[row])
        return [self.classes[k] for k in chosen[np.argsort(-self.scores[row, chosen])]]

    def reaches(self, row, min_score):
        """Tell whether the best score of an item is enough for `tag`; None asks for none."""
        return min_score is None or self.best_score(row) >= min_score

    def best_score(self, row):
        """Return the score of the best genre; of an empty item -inf."""
        return max(self.best(row, 1).values(), default=-np.inf)

    def best(self, row, n):
        """Return the scores of the `n` best genres by their names; of an empty item none."""
        if self.empty[row]:
            return {}
        order = np.argsort(-self.scores[row], kind="stable")[:n]
        return {self.classes[k]: float(self.scores[row, k]) for k in order}


def vectors_of(model, table):
    """Return the vectors of all modalities, a DataFrame, and what was set aside.

    Returns
    -------
    vectors : DataFrame
        Columns named by modality, as in "audio__0".
    errors : list of (str, str)
        Item and reason.
    """
    with in_threads(model):
        return model.named_steps["modalities"].transform(table), errors_of(model)


def errors_of(model):
    """Return what the last call of each modality set aside: item, reason."""
    return [(str(line.item), line.reason) for line in model.errors_.itertuples()]


def answer(model, vectors, modalities=None):
    """Return the answers to vectors, or to those of some modalities alone.

    Parameters
    ----------
    model : GenrePipeline
    vectors : DataFrame
        Of `vectors_of`.
    modalities : sequence of str or None
        The others are missing.

    Returns
    -------
    answers : Answers
    """
    if modalities is not None:
        owners = pd.Index([column.partition("__")[0] for column in vectors.columns])
        vectors = vectors.copy()
        vectors.loc[:, ~owners.isin(modalities)] = np.nan
    rest = model[1:]
    predicted = rest.predict(vectors)
    if hasattr(rest, "predict_proba"):
        scores = rest.predict_proba(vectors)
    else:
        scores = rest.decision_function(vectors)
        if scores.ndim == 1:  # of two classes: that of the second
            scores = np.column_stack([-scores, scores])
    return Answers(
        genres_of(model),
        has_several_genres(model),
        predicted,
        np.asarray(scores),
        vectors.fillna(0).eq(0).all(axis=1).to_numpy(),
    )
