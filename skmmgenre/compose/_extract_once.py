"""Run the steps that learn nothing once, whatever is fitted behind them how often."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from ..utils import ErrorsMixin, as_cells, walk
from ._mean_over_tracks import MeanOverTracks, flatten_tracks, naming_albums


def extract_once(modalities, table):
    """Replace the leading stateless steps of every branch by what they answer.

    Parameters
    ----------
    modalities : ColumnTransformer
        Not changed.
    table : DataFrame

    Returns
    -------
    modalities : ColumnTransformer
        Its branches start where learning starts.
    table : DataFrame
        Cells of the replaced columns are positions in what was extracted.
    errors : list of dict
        Cells that ``on_error="missing"`` set aside: modality, row, track (None where there
        is one cell a row), item, reason, remedy.
    """
    table, branches, errors = table.copy(), [], []
    for name, branch, column in modalities.transformers:
        if branch == "drop":
            continue
        over_tracks = isinstance(branch, MeanOverTracks)
        road = branch.estimator if over_tracks else branch
        steps = _chain(road)
        n_stateless = _count_stateless(steps)
        if n_stateless and n_stateless < len(steps) and isinstance(column, str):
            cells = as_cells(table[column])
            if over_tracks:
                items, owner, place, n_albums = flatten_tracks(cells)
                positions = [[] for _ in range(n_albums)]
                for position, album in enumerate(owner):
                    positions[album].append(position)
                naming = naming_albums(owner, place)
            else:
                items, positions, naming = cells, list(range(len(cells))), nullcontext()
                owner, place = positions, [None] * len(cells)
            if items:
                extracted = items
                with naming:
                    for _, step in steps[:n_stateless]:
                        step = clone(step).set_output(transform="default").fit(extracted)
                        extracted = step.transform(extracted)
                        if isinstance(step, ErrorsMixin):
                            errors += _of_table(step.errors_, name, owner, place)
                column = f"{column} of {name}"  # another branch may read the same column
                table[column] = _object_column(positions)
                # A function that answers patches, say, names nothing.
                named = hasattr(step, "get_feature_names_out")
                names = step.get_feature_names_out() if named else None
                take = ("extracted", TakeExtracted(_Shared(extracted, names)))
                branch = Pipeline([take, *steps[n_stateless:]])
                branch = MeanOverTracks(branch) if over_tracks else branch
        branches.append((name, branch, column))
    answer = clone(modalities).set_params(transformers=branches)
    return answer.set_output(transform="pandas"), table, errors


def _of_table(errors, modality, owner, place):
    """Errors of items, by the rows of the table they are in."""
    return [
        {
            "modality": modality,
            **error,
            "row": int(owner[error["row"]]),
            "track": None if place[error["row"]] is None else int(place[error["row"]]),
        }
        for error in errors.to_dict("records")
    ]


def _chain(road):
    """The steps one after the other, those of Pipelines in Pipelines in their places."""
    chain, opened = [], {id(None)}
    for path, step, parent in walk(road, fitted=False):
        if id(parent) in opened and isinstance(step, Pipeline):
            opened.add(id(step))
        elif id(parent) in opened:
            chain.append(("-".join(path) or "only", step))
    return chain


def _count_stateless(steps):
    for number, (_, step) in enumerate(steps):
        if isinstance(step, str) or get_tags(step).requires_fit:  # a string: "passthrough"
            return number
    return len(steps)


def _object_column(values):
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):  # numpy would take lists of one length for a matrix
        column[row] = value
    return column


class _Shared:
    """Holds what was extracted; clones share it."""

    def __init__(self, values, names):
        self.values, self.names = values, names

    def __deepcopy__(self, memo):
        return self


class TakeExtracted(TransformerMixin, BaseEstimator):
    """Answer positions with what was extracted there."""

    def __init__(self, extracted):
        self.extracted = extracted

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def transform(self, X):
        """Return the extracted items at positions X."""
        values = self.extracted.values
        positions = np.asarray(as_cells(X), dtype=int)
        if not isinstance(values, np.ndarray):
            return [values[position] for position in positions]
        if values.ndim == 2 and hasattr(X, "index"):  # a table: its rows keep their names
            names = self.extracted.names
            return pd.DataFrame(values[positions], index=X.index, columns=names)
        return values[positions]

    def set_output(self, *, transform=None):
        """Do nothing: rows and columns of a table keep their names anyway."""
        return self

    def get_feature_names_out(self, input_features=None):
        """Return the names that the last replaced step gives, if it gives any."""
        return input_features if self.extracted.names is None else self.extracted.names
