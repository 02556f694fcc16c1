"""A Pipeline that passes artists to every network inside it."""

import functools
import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.base import TransformerMixin, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.multiclass import check_classification_targets

from .._typing import Column, Float64Array, Genres, Table
from ..audio import AudioEmbedder
from ..utils import (
    NamesBetweenSteps,
    as_pandas,
    available_if,
    check_rows,
    check_sample_weight,
    find_steps,
    read_groups,
    read_labels,
    refuse_repeated_columns,
    rows_checked,
    walk,
)
from ._mean_over_tracks import errors_inside
from ._parameters import RUNTIME, by_precedence, find_parameter, find_runtime_parameter

_SPLITS = (ColumnTransformer, FeatureUnion)
_SONGS_OF_MSD = ("MSD-I", "MuMu")  # attrs["source"] of what the loaders return


def _ends_in_a_transformer(pipeline):
    last = pipeline.steps[-1][1]
    return last == "passthrough" or hasattr(last, "transform")


def _taking_any_table(name):
    """Return a method of `Pipeline` that also accepts pyarrow and polars tables."""
    inherited = getattr(Pipeline, name)

    # super() asks Pipeline; `hasattr(pipeline, name)` would call this check again, endlessly.
    @available_if(lambda pipeline: hasattr(super(GenrePipeline, pipeline), name))
    @functools.wraps(inherited)
    def method(self, X, *args, **params):
        return inherited(self, as_pandas(X), *args, **params)

    return method


def _ends_in_what_grows(pipeline):
    return hasattr(pipeline.steps[-1][1], "add_genre")


class GenrePipeline(NamesBetweenSteps, Pipeline):
    """A `sklearn.pipeline.Pipeline` whose `fit` accepts artists.

    `groups`, `validation` and `sample_weight` are passed to every network inside, however deeply
    nested, so that all of them hold out the same artists; metadata routing does not have to be
    enabled. Before any step is fitted, the method `check_setup` of every nested step that has one
    checks that everything the step needs is available. `set_params` accepts short parameter names,
    and so does a search (``{"text__hidden_units": [...]}``). A step whose `fit` takes
    `feature_names`, such as `FusionClassifier`, receives the output names of the preceding steps,
    so that blocks keep their names in arrays and sparse matrices. Everything else is inherited
    from `Pipeline`.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and estimators in the order they are applied; all but the last are transformers.
    transform_input : list of str, default=None
        Names of `fit` parameters that the preceding steps transform in the same way as X before
        they reach the step that takes them; see :class:`sklearn.pipeline.Pipeline`. Requires
        metadata routing.
    memory : str or joblib.Memory, default=None
        Cache for fitted transformers: the path of a folder, or a joblib.Memory object. None
        disables caching. The last step is never cached.
    verbose : bool, default=False
        Whether to print the time in seconds that each step took to fit.

    Attributes
    ----------
    errors_ : DataFrame
        Items that the last call treated as missing because of ``on_error="missing"``: modality
        (the name of the branch, or of the step if there are no branches), track (in an album of
        several, else None), row, item, reason, remedy. Not stored in saved models.

    See Also
    --------
    make_genre_classifier : Build the usual pipeline.

    Notes
    -----
    In `cross_validate` and `GridSearchCV`, artists are passed by scikit-learn's metadata routing:
    call ``sklearn.set_config(enable_metadata_routing=True)`` and pass
    ``params={"groups": table.artist}`` (for a search, ``fit(table, y, groups=table.artist)``).

    A branch may end in tf-idf weights. A DataFrame cannot store these as a sparse matrix, so `fit`
    resets ``set_output(transform="pandas")`` to the default for a ColumnTransformer or FeatureUnion
    with such a branch.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from skmmgenre.compose import GenrePipeline
    >>> from skmmgenre.text import TextMLP
    >>> texts = ["loud guitars", "slow sax", "loud drums", "slow piano"] * 5
    >>> artists = [f"artist {i // 2}" for i in range(20)]
    >>> mlp = TextMLP(hidden_units=(8,), max_epochs=5, random_state=0)
    >>> model = GenrePipeline([("tfidf", TfidfVectorizer()), ("mlp", mlp)])
    >>> model.fit(texts, ["Rock", "Jazz"] * 10, groups=artists).predict(texts).shape
    (20,)
    """

    def fit(
        self,
        X: Table,
        y: Genres | None = None,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
        folds: Column | None = None,
    ) -> Self:
        """Fit all steps.

        Parameters
        ----------
        X : DataFrame or list
            The table, one row per item; a pandas, polars or pyarrow table.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres.
        groups : array-like of shape (n_rows,), default=None
            Artists. Each row without an artist is a group of its own.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the inner validation rows of a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row in the loss of every network; must not be negative. None gives all
            rows the same weight.
        folds : array-like of int, shape (n_rows,), default=None
            Inner fold of each row, counted from 0; see `NetEmbedder`. By default, the networks
            derive the folds from y and groups.

        Returns
        -------
        self : GenrePipeline
            The fitted pipeline.

        Raises
        ------
        ValueError
            If the table is empty, has two columns with the same name, or does not match y or
            groups.
        SetupError
            If something that a step needs is not available, such as the knowledge base of a linker.

        Warns
        -----
        UserWarning
            If the table comes from `load_msdi` or `load_mumu` and an encoder was trained on its
            songs.
        """
        table = as_pandas(X)
        # X as given: only its own index can be compared with that of y
        metadata = self._checked(X, y, groups, validation, sample_weight, folds)
        with config_context(enable_metadata_routing=True), rows_checked():
            return super().fit(table, y, **self._of_use(metadata))

    @available_if(_ends_in_a_transformer)
    def fit_transform(
        self,
        X: Table,
        y: Genres | None = None,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
        folds: Column | None = None,
    ) -> Any:
        """Fit all steps and return the output of the last one.

        Parameters
        ----------
        X : DataFrame or list
            The table, as in `fit`.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels), default=None
            As in `fit`.
        groups : array-like of shape (n_rows,), default=None
            Artists, as in `fit`.
        validation : array-like of bool, shape (n_rows,), default=None
            As in `fit`.
        sample_weight : array-like of shape (n_rows,), default=None
            As in `fit`.
        folds : array-like of int, shape (n_rows,), default=None
            As in `fit`.

        Returns
        -------
        vectors : ndarray, DataFrame or sparse matrix of shape (n_rows, n_features_out)
            The output of the last step's `fit_transform`.
        """
        table = as_pandas(X)
        metadata = self._checked(X, y, groups, validation, sample_weight, folds)
        with config_context(enable_metadata_routing=True), rows_checked():
            return super().fit_transform(table, y, **self._of_use(metadata))

    @available_if(_ends_in_what_grows)
    def add_genre(self, X: Table, y: Column, name: str, groups: Column | None = None) -> Self:
        """Add a genre to the fitted pipeline; the other genres are not changed.

        Only the last step is trained; see :meth:`skmmgenre.fusion.FusionClassifier.add_genre`. The
        preceding steps should therefore be pretrained encoders (``audio_model="musicnn"``) or
        networks that were trained on many genres.

        Parameters
        ----------
        X : DataFrame or list
            A table as in `fit`, with rows of the new genre and of all other genres available.
        y : array-like of bool, shape (n_rows,)
            Whether each row has the genre.
        name : str
            Name of the genre.
        groups : array-like of shape (n_rows,), default=None
            Artists.

        Returns
        -------
        self : GenrePipeline
            The pipeline, which now also predicts the genre.

        Raises
        ------
        ValueError
            If the model is single-label, the genre is already known, or all rows or no rows have
            it.
        """
        vectors = self[:-1].transform(X) if len(self.steps) > 1 else as_pandas(X)
        self.steps[-1][1].add_genre(vectors, y, name, groups=groups)
        return self

    if TYPE_CHECKING:
        # Available if the last step has them; `classes_` is an attribute of the last step.
        classes_: np.ndarray

        def __init__(
            self,
            steps: list[tuple[str, Any]],
            *,
            transform_input: list[str] | None = None,
            memory: Any = None,
            verbose: bool = False,
        ): ...
        def transform(self, X: Table, **params: Any) -> Any: ...
        def predict(self, X: Table, **params: Any) -> np.ndarray: ...
        def predict_proba(self, X: Table, **params: Any) -> Float64Array: ...
        def predict_log_proba(self, X: Table, **params: Any) -> Float64Array: ...
        def decision_function(self, X: Table, **params: Any) -> np.ndarray: ...
        def score(self, X: Table, y: Genres, sample_weight: Column | None = None) -> float: ...

    else:
        transform = _taking_any_table("transform")
        predict = _taking_any_table("predict")
        predict_proba = _taking_any_table("predict_proba")
        predict_log_proba = _taking_any_table("predict_log_proba")
        decision_function = _taking_any_table("decision_function")
        score = _taking_any_table("score")

    @property
    def errors_(self) -> pd.DataFrame:
        """DataFrame with one row for each item of each modality that was treated as missing."""
        lines = [{"modality": part, "track": None, **line} for part, line in errors_inside(self)]
        columns = ["modality", "track", "row", "item", "reason", "remedy"]
        return pd.DataFrame(lines, columns=columns, dtype=object).astype({"row": int})

    def set_params(self, **params: Any) -> Self:
        """Set parameters by the names of `get_params`, or by short names.

        Parameters
        ----------
        **params : dict
            ``modalities__text__mlp__lr=1e-4`` as in any Pipeline, or ``text__lr=1e-4``: a part
            (a branch, or a step after the branches) and a parameter. If several steps of the part
            have the parameter, it is set on the network, or on the last of these steps if none
            is a network. A name of `get_params` takes precedence over a short name. A name without
            a part is a parameter of the pipeline itself (``verbose``), or one that controls how a
            model runs but not what it predicts: ``device``, ``n_jobs``, ``batch_size``,
            ``precision``, ``on_error``, ``cache``, ``keep_mentions``. The latter is set on every
            step that has it. However these runtime parameters are named, they are also set on the
            fitted copies of the steps, so that a fitted model uses them immediately.

        Returns
        -------
        self : GenrePipeline
            The pipeline itself.

        Raises
        ------
        ValueError
            If no step has a parameter of a given name.
        """
        own = Pipeline.get_params(self, deep=False).keys()
        runtime = {
            name: value
            for name, value in params.items()
            if name.rpartition("__")[2] in RUNTIME and name not in own
        }
        short = {name: value for name, value in params.items() if name not in runtime}
        # Setting a parameter may add steps whose own parameters are set in the same call.
        while own := short.keys() & self.get_params().keys():
            super().set_params(**{name: short.pop(name) for name in sorted(own)})
        for name, value in short.items():
            parts = find_parameter(self, name, bare_names=False)
            if "__" not in name:
                addressed = dict.fromkeys(f"{part}__{name}" for part in parts.values())
                raise ValueError(
                    f"{name!r} is a parameter of steps, not of {type(self).__name__} itself; "
                    f"add a prefix: {' or '.join(map(repr, addressed))}."
                )
            # A full name in the same call takes precedence over a short one.
            super().set_params(**{place: value for place in parts if place not in params})
        for name in by_precedence(self, runtime):
            for step, parameter in find_runtime_parameter(self, name):
                step.set_params(**{parameter: runtime[name]})
        return self

    def _checked(self, X, y, *metadata):
        if y is None and is_classifier(self):
            read_labels(y)  # raises the error that y is missing
        metadata = check_table(X, y, *metadata)
        for _, step in self.steps:
            if isinstance(step, _SPLITS) and _has_branch_of_words(step):
                TransformerMixin.set_output(step, transform="default")  # not that of its branches
        # Checked first: otherwise a later step fails only after the earlier ones are trained.
        for step in self.get_params().values():
            if hasattr(step, "fit") and hasattr(step, "check_setup"):
                step.check_setup()
        self._warn_of_songs_heard_before(X)
        return metadata

    def _warn_of_songs_heard_before(self, X):
        source = getattr(X, "attrs", {}).get("source")
        if source not in _SONGS_OF_MSD:
            return
        encoders = find_steps(self, AudioEmbedder, fitted=False).values()
        if any(encoder.model == "musicnn" for encoder in encoders):
            warnings.warn(
                f"Scores on {source} will be too optimistic: musicnn was trained on the Million "
                f"Song Dataset, from which the songs of {source} come, with tags that are close "
                'to genres. Use AudioEmbedder(model="musicnn-mtt"), which was trained on other '
                "music, or evaluate on another data set.",
                UserWarning,
                stacklevel=4,
            )

    def _metadata_from_steps_before(self, number):
        step = self.steps[number][1]
        # In a nested Pipeline, a step follows other steps than this one does.
        if any(isinstance(inner, Pipeline) for _, inner, _ in walk(step, fitted=False)):
            return {}
        takes_names = get_routing_for_object(step).consumes("fit", ["feature_names"])
        if not takes_names or getattr(step, "blocks", "auto") != "auto":
            return {}
        names = None
        for name, before in self.steps[:number]:
            if before is not None and before != "passthrough":
                names = _names_out(name, before, names)
        # Words of a vocabulary are not names of blocks, even if some contain "__".
        if names is None or not all("__" in name for name in names):
            return {}
        # As a single row, so that code that splits rows does not mistake them for one name per row.
        return {"feature_names": np.array([names], dtype=object)}

    def _of_use(self, metadata):
        """Drop metadata that no step takes, such as artists if there are only ready vectors.

        Weights are kept, so that a step that does not support them raises instead of silently
        ignoring them.
        """
        taken = get_routing_for_object(self).consumes("fit", metadata)
        return {name: metadata[name] for name in metadata if name in {*taken, "sample_weight"}}


def _has_branch_of_words(split):
    """Return whether a branch ends in word counts or tf-idf weights."""
    for path, last, _ in walk(split, fitted=False):
        while isinstance(last, Pipeline):
            last = last.steps[-1][1]
        if len(path) == 1 and isinstance(last, CountVectorizer):
            return True
    return False


def _names_out(name, step, names_in):
    """Return the names of the output columns of a fitted step, or None if they are not known."""
    try:
        return step.get_feature_names_out(names_in)
    except (AttributeError, ValueError) as error:
        if isinstance(step, ColumnTransformer):  # it knows the branch of each column
            slices = step.output_indices_.items()
            return [
                f"{branch}__{i}" for branch, part in slices for i in range(part.stop - part.start)
            ]
        if isinstance(step, FeatureUnion):
            warnings.warn(
                f"Step {name!r} does not name its output columns, so all branches are treated as "
                f"one block, which is missing only as a whole: {error} Implement "
                "get_feature_names_out in each branch, or pass the number of columns of each block "
                "as blocks= of the next step.",
                UserWarning,
                stacklevel=2,
            )
    return None


def check_table(X, y, groups=None, validation=None, sample_weight=None, folds=None, *, noun="X"):
    """Validate the table and its metadata before feature extraction, which may take hours."""
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if n_rows == 0:
        raise ValueError("The table is empty: it has 0 rows (0 samples) while 1 is required.")
    refuse_repeated_columns(X, "The table")
    labels = None
    if y is not None:
        labels = read_labels(y)
        if len(labels) != n_rows:
            raise ValueError(
                f"y has {len(labels)} rows, the table has {n_rows} (inconsistent numbers of "
                "samples). Pass one genre for each row of the table, in the same order."
            )
        if not labels.several:
            check_classification_targets(labels.values)
            if (labels.values == labels.values[0]).all():
                raise ValueError(
                    f"y has one class only ({labels.values.tolist()[0]!r}); at least 2 classes are "
                    "required."
                )
    check_rows(X, labels, None if groups is None else read_groups(groups, n_rows), noun=noun)
    given = {"groups": groups, "validation": validation}
    given |= {"sample_weight": sample_weight, "folds": folds}
    for name, values in given.items():
        if values is not None and not hasattr(values, "__len__"):
            raise ValueError(f"{name} must contain one value per row, got {values!r}.")
        if values is not None and len(values) != n_rows:
            raise ValueError(
                f"{name} has {len(values)} rows, the table has {n_rows}. Pass one value for "
                "each row of the table, in the same order."
            )
    if sample_weight is not None:
        check_sample_weight(sample_weight, np.empty((n_rows, 1)), ensure_non_negative=True)
    return {name: values for name, values in given.items() if values is not None}
