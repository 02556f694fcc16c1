"""One split of one run of an ablation: networks are trained once and used by every row.

Stateless steps run once for all trials (`extract_once`).
"""

from contextlib import nullcontext

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from ..fusion import JointSpaceProjector
from ..metrics import remove_log_prior
from ..model_selection import inner_validation_mask
from ..utils import ErrorsMixin, as_cells, safe_indexing, walk
from ._ablation_metrics import Answer
from ._ablation_rows import controlled_row, find_networks, plain_subset, seeded_modality
from ._genre_pipeline import GenrePipeline
from ._mean_over_tracks import MeanOverTracks, flatten_tracks, naming_albums
from ._plain_control import PlainControl, tells_by_tuned_thresholds

_SECOND_SEED = 100_003  # far from the seeds of other runs


class Trial:
    """Networks trained once on the training rows, and predictions for the test rows.

    Parameters
    ----------
    model : GenrePipeline
    branches : ColumnTransformer
        The model's modalities, without the steps that were run once.
    table : DataFrame
    y : ndarray of shape (n_rows,), or DataFrame of shape (n_rows, n_labels)
    groups : ndarray of shape (n_rows,) or None
    validation : ndarray of bool, shape (n_rows,), or None
    missing : ndarray of bool, shape (n_rows, n_modalities)
    train, test : ndarray of int
        Positions in the table.
    seed : int
        Seed of all networks.
    plain : (ColumnTransformer, DataFrame, dict) or None
        The branches and table of the plain control, in place of `branches` and `table`, and the C
        of each modality.

    Attributes
    ----------
    errors : list of dict
        Cells treated as missing: modality, row, track (None if there is one item per row), item,
        reason, remedy.
    """

    def __init__(
        self, *, model, branches, table, y, groups, validation, missing, train, test, seed, plain
    ):
        self.seed = seed
        self.train, self.test = train, test
        self.table, self.missing, self.plain = table, missing, plain
        self.y = safe_indexing(y, train)
        self.labels = y.columns if y.ndim == 2 else np.unique(y)
        self.several = y.ndim == 2
        self.groups = None if groups is None else groups[train]
        self.validation = None if validation is None else validation[train]
        self.branches = branches
        self.joint = model.named_steps.get("joint", JointSpaceProjector(passthrough=True))
        self.fusion = model.named_steps["fusion"]
        self.tuned = False  # whether a fitted fusion layer uses tuned thresholds
        self.errors = []

    def run(self, rows, controls, n_folds):
        """Return the predictions of each row and control for the test rows.

        Returns
        -------
        answers : dict of str to Answer
        """
        cross_fit = n_folds if "cross_fit" in controls else None
        vectors, tested, folded = self._vectors(self.branches, self.seed, cross_fit)
        if any(block.startswith("mm_") for row in rows for block in row.blocks):
            embedded, embedded_test = self._embed(vectors, tested)
        else:
            embedded, embedded_test = vectors, tested
        answers = {row.name: self._answer_row(row, embedded, embedded_test) for row in rows}
        plain = self._fitted_plain() if any(map(plain_subset, controls)) else None
        for control in controls:
            row = controlled_row(control, rows)
            if asked := plain_subset(control):
                answers[control] = self._plain_answer(*plain, *asked)
            elif control == "missing pattern":
                answers[control] = self._missing_pattern()
            elif control == "mean of probabilities":
                answers[control] = self._mean_of_probabilities(embedded, embedded_test)
            elif control == "random scores":
                shape = len(self.test), self.y.shape[1]
                scores = np.random.default_rng(self.seed).normal(size=shape)
                answers[control] = Answer(scores > 0, scores)
            elif control == "half of log prior removed":
                answers[control] = self._half_of_log_prior_removed(row, embedded, embedded_test)
            elif control == "shuffled covers":
                answers[control] = self._shuffled_covers(row, vectors, tested)
            elif control == "cross_fit":
                # The largest row again, trained on the vectors of fold networks.
                has_joint = any(block.startswith("mm_") for block in row.blocks)
                pair = self._embed(folded, tested) if has_joint else (folded, tested)
                answers[control] = self._answer_row(row, *pair)
            else:
                answers[control] = self._two_seeds(row, seeded_modality(control), vectors, tested)
        return answers

    def _vectors(self, branches, seed, cross_fit=None, held_out=None):
        """Return vectors of training and test rows, and of training rows from fold networks."""
        branches = _seeded(branches, seed)
        if cross_fit is not None:
            for network in find_networks(branches):
                if hasattr(network, "cross_fit"):
                    network.set_params(cross_fit=cross_fit)
        table = self.table.iloc[self.train]
        fitted = _as_pipeline(branches)
        held_out = self.validation if held_out is None else held_out
        answer = fitted.fit_transform(table, self.y, groups=self.groups, validation=held_out)
        answer = _as_frame(answer, fitted)
        self._note_errors(fitted, self.train)
        tested = _as_frame(fitted.transform(self.table.iloc[self.test]), fitted)
        self._note_errors(fitted, self.test)
        if cross_fit is None:
            return answer, tested, None
        # The network trained on all rows exists either way, so it computes both.
        return _as_frame(fitted.transform(table), fitted), tested, answer

    def _note_errors(self, fitted, positions):
        """Store the cells that the last call skipped, by their rows in the table."""
        self.errors += [
            {**error, "row": int(positions[error["row"]])}
            for error in fitted.errors_.to_dict("records")
        ]

    def _embed(self, vectors, tested, learned=None):
        """Add joint-space vectors to both; the joint space is fitted on `learned` if given."""
        # The views' own vectors are kept, because rows select their blocks from this output.
        joint = _seeded(self.joint, self.seed).set_params(passthrough=True)
        learned = vectors if learned is None else learned
        pipeline = _as_pipeline(joint).fit(
            learned, self.y, groups=self.groups, validation=self.validation
        )
        return pipeline.transform(vectors), pipeline.transform(tested)

    def _answer_row(self, row, vectors, tested):
        return self._fuse(_blocks(vectors, row.blocks), _blocks(tested, row.blocks), row.target)

    def _fuse(self, vectors, tested, target=None):
        return self._answer(self._fitted_fusion(vectors, target), tested)

    def _answer(self, model, tested):
        """Return predictions with multilabel scores or single-label probabilities."""
        if self.several:
            return Answer(model.predict(tested), model.decision_function(tested))
        predicted = model.predict(tested)
        if not hasattr(model, "predict_proba"):
            return Answer(predicted, (predicted[:, np.newaxis] == self.labels).astype(float))
        return Answer(predicted, self._scores(model.classes_, model.predict_proba(tested)))

    def _scores(self, classes, probabilities):
        """Return probabilities of all labels; 0 for labels that were not in the training rows."""
        scores = np.zeros((len(probabilities), len(self.labels)))
        scores[:, np.searchsorted(self.labels, classes)] = probabilities
        return scores

    def _fitted_fusion(self, vectors, target=None):
        fusion = _seeded(self.fusion, self.seed)
        if target is not None:
            fusion.set_params(target=target)
        fusion.fit(vectors, self.y, groups=self.groups, validation=self.validation)
        self.tuned |= tells_by_tuned_thresholds(fusion)
        return fusion

    def _fitted_plain(self):
        """Return the fitted plain control, and its vectors of the test rows.

        Called after the rows of the model, whose fusion layers tell whether thresholds are tuned.
        It is fitted on the rows that networks are trained on: it does not need validation rows,
        and given ones are excluded.
        """
        branches, table, strengths = self.plain
        kept = np.arange(len(self.train))
        if self.validation is not None:
            kept = np.flatnonzero(~self.validation)
        plain = PlainControl(branches, strengths, tuned=self.tuned)
        groups = None if self.groups is None else self.groups[kept]
        plain.fit(table.iloc[self.train[kept]], safe_indexing(self.y, kept), groups)
        return plain, plain.transform(table.iloc[self.test])

    def _plain_answer(self, plain, tested, subset, combine):
        return self._answer(plain.regress(subset, combine), plain.part(tested, subset))

    def _missing_pattern(self):
        learned, asked = self.missing[self.train], self.missing[self.test]
        if not self.several:
            return self._answer(LogisticRegression().fit(learned, self.y), asked)
        scores = np.empty((len(asked), self.y.shape[1]))
        for label, truth in enumerate(self.y.to_numpy().T):
            # A label that all or none of the rows have cannot be regressed.
            if truth.min() == truth.max():
                scores[:, label] = truth[0]
            else:
                regression = LogisticRegression().fit(learned, truth)
                scores[:, label] = regression.predict_proba(asked)[:, 1]
        return Answer(scores > 0.5, scores)

    def _mean_of_probabilities(self, vectors, tested):
        """Average over the modalities that a row has; use the class prior if it has none."""
        # Rows of Table 6 have both targets; only one of them has probabilities.
        target = "logistic" if getattr(self.fusion, "target", None) == "cosine" else None
        total, prior, n_there = 0, 0, 0
        for name, _, _ in self.branches.transformers:
            fusion = self._fitted_fusion(_blocks(vectors, (name,)), target)
            block = _blocks(tested, (name,))
            there = block.notna().any(axis=1).to_numpy()[:, None]
            # For a row without the modality this is the prior.
            probabilities = fusion.predict_proba(block)
            total = total + np.where(there, probabilities, 0)
            prior, n_there = prior + probabilities, n_there + there
        n_all = len(self.branches.transformers)
        mean = np.where(n_there, total, prior) / np.where(n_there, n_there, n_all)
        if self.several:
            return Answer(mean > 0.5, mean)
        scores = self._scores(fusion.classes_, mean)
        return Answer(self.labels[scores.argmax(axis=1)], scores)

    def _half_of_log_prior_removed(self, row, vectors, tested):
        """Score the largest row with common labels favoured less, which needs log-odds."""
        log_odds = self._answer_row(row._replace(target="logistic"), vectors, tested)
        scores = remove_log_prior(log_odds.scores, self.y.mean())
        return Answer(scores > 0, scores)

    def _shuffled_covers(self, row, vectors, tested):
        """Predict with CNN_Audio + MM_Audio, the joint space trained on covers of other items."""
        shuffled = vectors.copy()
        cover = _columns(vectors, "image")
        # Covers are exchanged between rows that have one, so the pattern of missing covers stays.
        there = np.flatnonzero(vectors[cover].notna().all(axis=1))
        order = np.random.default_rng(self.seed).permutation(there)
        positions = vectors.columns.get_indexer(cover)
        shuffled.iloc[there, positions] = vectors[cover].to_numpy()[order]
        pair = self._embed(vectors, tested, learned=shuffled)
        target = None if row is None else row.target
        return self._fuse(*(_blocks(part, ("audio", "mm_audio")) for part in pair), target)

    def _two_seeds(self, row, modality, vectors, tested):
        """Predict with two networks of one modality, fused as two modalities would be."""
        only = clone(self.branches).set_params(
            transformers=[t for t in self.branches.transformers if t[0] == modality]
        )
        # The second network is trained on the same rows as the first one and the fusion.
        network, held_out = find_networks(only)[0], None
        if not _learns_from_all(network):
            held_out = inner_validation_mask(
                self.y,
                groups=self.groups,
                validation=self.validation,
                validation_fraction=network.validation_fraction,
                random_state=self.seed,
            )
        again = self._vectors(only, self.seed + _SECOND_SEED, held_out=held_out)
        pair = [
            # With the prefix, the second vectors are a block of their own.
            pd.concat([_blocks(first, (modality,)), second.add_prefix("second_")], axis=1)
            for first, second in zip((vectors, tested), again[:2], strict=True)
        ]
        return self._fuse(*pair, None if row is None else row.target)


def _learns_from_all(network):
    """Return whether a network holds out no rows if none are marked."""
    return getattr(network, "refit", False) and network.preset == "auto"


def _as_frame(vectors, fitted):
    """Return vectors as a DataFrame; they are a sparse matrix if they contain word weights."""
    if isinstance(vectors, pd.DataFrame):
        return vectors
    vectors = vectors.toarray() if sparse.issparse(vectors) else vectors
    return pd.DataFrame(vectors, columns=fitted.get_feature_names_out())


def _as_pipeline(step):
    return GenrePipeline([("only", step)])


def _seeded(estimator, seed):
    """Return a clone whose networks have this seed; extractors keep theirs."""
    estimator = clone(estimator)
    for network in find_networks(estimator):
        network.set_params(random_state=seed)
    return estimator


def _columns(vectors, block):
    columns = [name for name in vectors.columns if name.split("__", 1)[0] == block]
    if not columns:
        raise ValueError(f"The model does not output a block {block!r}.")
    return columns


def _blocks(vectors, blocks):
    """Return the columns of some blocks."""
    return vectors[[name for block in blocks for name in _columns(vectors, block)]]


def extract_once(modalities, table):
    """Replace the leading stateless steps of every branch by their output.

    Parameters
    ----------
    modalities : ColumnTransformer
        Not changed.
    table : DataFrame

    Returns
    -------
    modalities : ColumnTransformer
        The branches without their leading stateless steps.
    table : DataFrame
        Cells of the replaced columns are positions in the extracted items.
    errors : list of dict
        Cells that were skipped because of ``on_error="missing"``: modality, row, track (None if
        there is one item per row), item, reason, remedy.
    """
    table, branches, errors = table.copy(), [], []
    for name, branch, column in modalities.transformers:
        if branch == "drop":
            continue
        over_tracks = isinstance(branch, MeanOverTracks)
        road = branch.estimator if over_tracks else branch
        steps = _chain(road)
        n_stateless = _count_stateless(steps)
        if n_stateless and isinstance(column, str):
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
                        # Not DataFrames: `TakeExtracted` indexes by position.
                        step = clone(step).set_output(transform="default").fit(extracted)
                        extracted = step.transform(extracted)
                        if isinstance(step, ErrorsMixin):
                            errors += _of_table(step.errors_, name, owner, place)
                column = f"{column} of {name}"  # another branch may read the same column
                table[column] = pd.Series(positions, index=table.index, dtype=object)
                # A FunctionTransformer that returns patches, for example, has no names.
                named = hasattr(step, "get_feature_names_out")
                names = step.get_feature_names_out() if named else None
                take = ("extracted", TakeExtracted(_Shared(extracted, names)))
                branch = Pipeline([take, *steps[n_stateless:]])
                branch = MeanOverTracks(branch) if over_tracks else branch
        branches.append((name, branch, column))
    answer = clone(modalities).set_params(transformers=branches)
    return answer.set_output(transform="pandas"), table, errors


def _of_table(errors, modality, owner, place):
    """Return errors of items, by their rows in the table."""
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
    """Return a flat list of the steps, with those of nested Pipelines in their places."""
    # None is the parent of the outermost step.
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


class _Shared:
    """Container of extracted items that clones share."""

    def __init__(self, values, names):
        self.values, self.names = values, names

    def __deepcopy__(self, memo):
        # `clone` would copy the extracted items in every run.
        return self


class TakeExtracted(TransformerMixin, BaseEstimator):
    """Transform positions to the extracted items at these positions."""

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
        is_table = isinstance(X, (pd.Series, pd.DataFrame))
        if values.ndim == 2 and is_table:  # its rows keep their names
            names = self.extracted.names
            return pd.DataFrame(values[positions], index=X.index, columns=names)
        return values[positions]

    def set_output(self, *, transform=None):
        """Do nothing: rows and columns of a table always keep their names."""
        return self

    def get_feature_names_out(self, input_features=None):
        """Return the output names of the last replaced step, if it has any."""
        return input_features if self.extracted.names is None else self.extracted.names
