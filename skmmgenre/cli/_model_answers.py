"""Predictions of a model, kept in a store so that they are not computed twice."""

import hashlib
import json
import os
import warnings
from functools import cached_property

import click
import numpy as np

from ..datasets import get_data_home
from ..store import FeatureStore, Store
from ..utils import is_missing, progress_bar, progress_hidden
from ._model import Answers, answer, vectors_of

_KIND = "answers"
_AT_ONCE = 64  # items whose predictions an interrupted run can lose
_COLUMN_OF_COVERS = "cover"


class ModelAnswers:
    """Predictions of a model, which is loaded only if something must be computed.

    Parameters
    ----------
    source : ModelFile or ReadyModel
    store : str or None
        Path of the store; None stores nothing.
    jobs : int or None
        As in `n_jobs_for`.
    verbose : int
    """

    def __init__(self, source, *, store=None, jobs=None, verbose=1):
        self.source, self.verbose, self._jobs = source, verbose, jobs
        self._store_path, self._summary = store, source.summary
        self.genres = self._summary["genres"]

    @cached_property
    def model(self):
        """The fitted model."""
        return self.source.load(jobs=self._jobs, verbose=self.verbose)

    def of_rows(self, music, rows):
        """Return the predictions for some items.

        Parameters
        ----------
        music : Music
        rows : list of int
            Items to predict; the others count as empty.

        Returns
        -------
        answers : Answers
            One row for each item of `music`.
        errors : list of (str, str)
            Item and reason of each cell that was treated as missing.

        Notes
        -----
        Predictions are stored before the next items are computed. If part of an item cannot be
        read, its prediction is not stored, so that every run reports the error.
        """
        found, errors = {}, []
        with self._kept_answers(music, rows) as kept:
            found |= kept.known
            todo = [row for row in rows if row not in found]
            with progress_bar(len(todo), "genres of items", verbose=self.verbose) as advance:
                for start in range(0, len(todo), _AT_ONCE):
                    some = todo[start : start + _AT_ONCE]
                    made, faults = self._compute(music, some)
                    kept.put({row: made[row] for row in made if row not in faults})
                    found |= made
                    errors += [fault for row in faults for fault in faults[row]]
                    advance(len(some))
        return self._as_answers(found, len(music.names)), errors

    def _compute(self, music, rows):
        """Return the prediction and the errors of each item."""
        with progress_hidden(), warnings.catch_warnings():
            # The warning would count only this batch; all errors are reported at the end.
            warnings.filterwarnings("ignore", ".* cannot be used and count as missing")
            vectors, _ = vectors_of(self.model, music.table.iloc[rows])
            answers = answer(self.model, vectors)
        made, faults = {}, {}
        for place, row in enumerate(rows):
            predicted = answers.predicted[place]
            made[row] = {
                "predicted": predicted.tolist() if answers.several else str(predicted),
                "scores": [float(score) for score in answers.scores[place]],
                "empty": bool(answers.empty[place]),
            }
        # `line.row` counts the rows of this batch.
        for line in self.model.errors_.itertuples():
            fault = str(line.item), line.reason
            faults.setdefault(rows[line.row], []).append(fault)
        return made, faults

    def _as_answers(self, found, n_items):
        several, n_genres = self._summary["several_genres"], len(self.genres)
        predicted = np.zeros((n_items, n_genres), int) if several else np.empty(n_items, object)
        scores, empty = np.zeros((n_items, n_genres)), np.ones(n_items, dtype=bool)
        for row, item in found.items():
            predicted[row], scores[row] = item["predicted"], item["scores"]
            empty[row] = item["empty"]
        return Answers(self.genres, several, predicted, scores, empty, self.source.thresholds)

    def _kept_answers(self, music, rows):
        if self._store_path is None or not rows:
            return _KeptAnswers(None, {})
        columns = {
            column for column in self._summary["modalities"].values() if isinstance(column, str)
        }
        columns &= set(music.table.columns)
        keys = self._keys(music.table[sorted(columns)], rows)
        return _KeptAnswers(Store(self._store_path), keys)

    def _keys(self, table, rows):
        """Return the key of each item from the content that the model reads; None if unreadable."""
        model = self.source.key(self._store_path)
        parts = {row: [] for row in rows}
        for column in table:
            of_column = {row: _parts_of(table[column].iloc[row]) for row in rows}
            distinct = list(dict.fromkeys(part for held in of_column.values() for part in held))
            digests = dict(zip(distinct, self._digests(column, distinct), strict=True))
            for row, held in of_column.items():
                parts[row] += [column.encode(), *(digests[part] for part in held)]
        return {
            row: None if model is None or None in held else _digest(model, *held)
            for row, held in parts.items()
        }

    def _digests(self, column, parts):
        if column == "text":
            return [_digest(part.encode("utf-8", "surrogatepass")) for part in parts]
        if column == _COLUMN_OF_COVERS:
            # Many are temporary copies extracted from sound files, and a store would remember the
            # hash of each copy.
            return [_digest_of_file(part) for part in parts]
        # The position of a patch depends on the file name, so the name is part of the key.
        sounds = FeatureStore(self._store_path, kind=_KIND, settings={}, by_name=True)
        return sounds.keys(parts) if parts else []


class _KeptAnswers:
    """Stored predictions for some items; as a context manager it closes the store."""

    def __init__(self, store, keys):
        self._store = store
        self._keys = {row: key for row, key in keys.items() if key is not None}
        self.known = {}
        if store is not None:
            values = store.get_many(self._keys.values())
            pairs = zip(self._keys, values, strict=True)
            self.known = {row: json.loads(value) for row, value in pairs if value is not None}

    def put(self, made):
        """Store predictions, given by row."""
        if self._store is not None:
            entries = [
                (self._keys[row], json.dumps(item).encode())
                for row, item in made.items()
                if row in self._keys
            ]
            self._store.put_many(entries, kind=_KIND)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._store is not None:
            self._store.close()


def usual_store():
    """Return the path of the default store in the data home, or None if it cannot be used."""
    path = os.path.join(get_data_home(), "tag.sqlite")
    try:
        with Store(path) as store:
            len(store)
    except OSError as error:
        click.echo(
            f"predictions are not stored: {error} (choose another file with --cache)", err=True
        )
        return None
    return path


def _parts_of(cell):
    """Return the paths or texts in a cell."""
    held = cell if isinstance(cell, (list, tuple, np.ndarray)) else [cell]
    return [part for part in held if not is_missing(part)]


def _digest(*parts):
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def _digest_of_file(path):
    try:
        with open(path, "rb") as file:
            return _digest(file.read())
    except OSError:
        return None
