"""Load the model of a file with its card, and predict the genres of music."""

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


def load_model(path, *, n_jobs=None, settings=None, **params):
    """Load a model file, and fetch the weights of pretrained networks that it needs.

    Parameters
    ----------
    path : str
    n_jobs : int or None
        As in `n_jobs_for`.
    settings : dict or None
        Values of ``--set``, which take precedence over `params`.
    **params
        Parameters of `skmmgenre.load`, which may differ from those used in training.

    Returns
    -------
    model : GenrePipeline
    card : dict

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the model does not predict genres from a table of music.
    """
    from .. import load, model_info  # imports skops and torch, which `--help` does not need

    require_model(path)
    summary = read_summary(path)  # None for files of earlier versions, which had no encoders
    params["n_jobs"] = n_jobs_for(() if summary is None else summary["estimators"], n_jobs)
    model, card = load(path, params=params | (settings or {})), model_info(path)["card"]
    if "modalities" not in getattr(model, "named_steps", ()) or not hasattr(model, "predict"):
        raise ValueError(
            f"{path!r} contains a {type(model).__name__}, which does not predict genres from a "
            "table of music. Use a file from skmmgenre train, or save the whole GenrePipeline."
        )
    for encoder in encoders_in(model):
        if encoder.weights is None:
            fetch_once(encoder.model)
    return model, card


def n_jobs_for(estimators, n_jobs):
    """Return the number of workers that read files.

    Parameters
    ----------
    estimators : sequence of str
        Names of the classes in a model.
    n_jobs : int or None
        The value of ``--jobs``. None means one per core, at most 8, for models with a pretrained
        encoder of sound, which run in threads, and 1 for other models, whose workers are processes
        and slow to start.

    Returns
    -------
    n_jobs : int
    """
    if n_jobs is not None:
        return n_jobs
    return min(n_threads(), _MOST_THREADS) if _ENCODER in estimators else 1


def in_threads(model):
    """Return a context in which workers are threads if a model has a pretrained encoder of sound.

    Decoding and inference run in C and release the GIL, so threads run in parallel; each process
    would first load torch and the weights.
    """
    if any(encoders_in(model)):
        return joblib.parallel_config(backend="threading")
    return nullcontext()


def encoders_in(model):
    """Yield the pretrained encoders of sound in a model, and their fitted copies."""
    return (step for step in estimators_in(model) if type(step).__name__ == _ENCODER)


def check_place(path, noun="model", option="-o"):
    """Raise an error before hours of work if a file cannot be written.

    Parameters
    ----------
    path : str
    noun : str
        What will be written, for the message.
    option : str
        Option of the path, for the message.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} for the {noun}; make it first")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder; name a file for the {noun}")
    try:  # permissions do not suffice: the disk may be read-only, or the user root
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(
            f"the {noun} {path!r} cannot be written ({error.strerror}); allow writing in its "
            f"folder, or choose another path with {option}"
        ) from error


@dataclass
class Answers:
    """Predictions for each item.

    Parameters
    ----------
    classes : list of str
    several : bool
        Whether the model is multilabel.
    predicted : ndarray
        Genres of shape (n,), or an indicator matrix of shape (n, n_classes).
    scores : ndarray of shape (n, n_classes)
        Probabilities, or similarities if the target of the model is "cosine".
    empty : ndarray of bool of shape (n,)
        Items of which every modality that the model reads is missing or empty (a zero vector), so
        that their predictions do not depend on the item.
    thresholds : dict of str to float, or None
        Threshold of each genre, for messages; None if they are not known.
    """

    classes: list
    several: bool
    predicted: np.ndarray
    scores: np.ndarray
    empty: np.ndarray
    thresholds: dict | None = None

    def genres(self, row):
        """Return the genres of an item, the best first; none for an empty item."""
        if self.empty[row]:
            return []
        if not self.several:
            return [str(self.predicted[row])]
        chosen = np.flatnonzero(self.predicted[row])
        return [self.classes[k] for k in chosen[np.argsort(-self.scores[row, chosen])]]

    def reaches(self, row, min_score):
        """Return whether the best score of an item reaches `min_score`; True for None."""
        return min_score is None or self.best_score(row) >= min_score

    def best_score(self, row):
        """Return the score of the best genre; -inf for an empty item."""
        return max(self.best(row, 1).values(), default=-np.inf)

    def best(self, row, n):
        """Return the `n` best genres with their scores; none for an empty item."""
        if self.empty[row]:
            return {}
        order = np.argsort(-self.scores[row], kind="stable")[:n]
        return {self.classes[k]: float(self.scores[row, k]) for k in order}


def vectors_of(model, table):
    """Return the embeddings of all modalities, and the items that could not be read.

    Returns
    -------
    vectors : DataFrame
        Columns are named by modality, such as "audio__0".
    errors : list of (str, str)
        Item and reason.
    """
    with in_threads(model):
        return model.named_steps["modalities"].transform(table), errors_of(model)


def errors_of(model):
    """Return item and reason of what each modality treated as missing in its last call."""
    return [(str(line.item), line.reason) for line in model.errors_.itertuples()]


def answer(model, vectors, modalities=None):
    """Predict genres from embeddings, or from those of some modalities only.

    Parameters
    ----------
    model : GenrePipeline
    vectors : DataFrame
        As returned by `vectors_of`.
    modalities : sequence of str or None
        The other modalities are treated as missing. None uses all.

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
        if scores.ndim == 1:  # two classes: the score of the second
            scores = np.column_stack([-scores, scores])
    return Answers(
        genres_of(model),
        has_several_genres(model),
        predicted,
        np.asarray(scores),
        vectors.fillna(0).eq(0).all(axis=1).to_numpy(),
    )
