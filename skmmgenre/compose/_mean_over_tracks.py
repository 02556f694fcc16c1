"""Transformer of albums: the mean of the vectors of their tracks."""

import warnings
from contextlib import contextmanager, nullcontext
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import check_is_fitted

from .._typing import Column, Float32Array, Genres, ObjectArray, Transformer
from ..model_selection import inner_validation_mask
from ..nets import NetClassifier
from ..nets.targets import make_target
from ..store import no_warning_of_skipped_cells, warn_of_skipped_cells
from ..utils import (
    BadItem,
    ErrorsMixin,
    artist_names,
    as_cells,
    as_pandas,
    check_rows,
    describe_cell,
    fit_context,
    is_missing,
    progress_bar,
    progress_hidden,
    read_groups,
    read_labels,
    rows_checked,
    safe_indexing,
    walk_parts,
)

# Tracks processed at once by `transform`: enough to keep workers and batches full, few enough for
# their patches (124 kB each) to use little memory compared with a network.
_TRACKS_AT_ONCE = 256


class MeanOverTracks(ErrorsMixin, TransformerMixin, BaseEstimator):
    """Fit a transformer on tracks and return the mean vector of each album.

    In `fit` every track is an example with its album's genres (steps 1 and 2 of section
    7.3.1).

    Parameters
    ----------
    estimator : transformer
        Transforms a column of tracks to vectors, for example
        ``Pipeline([("cqt", CQTExtractor()), ("cnn", AudioCNN())])``.

    Attributes
    ----------
    estimator_ : transformer
        The fitted transformer of tracks.
    errors_ : DataFrame
        Tracks treated as missing; ``row`` is the row of the album, ``track`` the position in its
        list, counted from 0.

    Notes
    -----
    A cell is one track or a list of them. An album without tracks, or whose tracks are all
    missing, gets a row of NaN. Inner validation rows are chosen among albums, so that they are
    the same as those of the other modalities. The label factors of target "cosine" are also fitted
    on albums, so that they do not depend on the number of tracks.

    `transform` processes at most 256 tracks at once (32 MB of patches), however many tracks and
    albums there are. `fit` keeps the patches of all tracks in memory, 124 kB each (half of that
    with ``CQTExtractor(dtype="float16")``), since a network is trained on them many times.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmmgenre.compose import MeanOverTracks
    >>> def ends(tracks):
    ...     return np.array([[track[0], track[-1]] for track in tracks])
    >>> albums = [[np.array([0.0, 1.0]), np.array([2.0, 3.0])], np.array([5.0, 6.0]), None]
    >>> MeanOverTracks(FunctionTransformer(ends)).fit_transform(albums)
    array([[ 1.,  2.],
           [ 5.,  6.],
           [nan, nan]], dtype=float32)
    """

    __metadata_request__fit = {"groups": True, "validation": True, "sample_weight": True}

    _parameter_constraints = {"estimator": [HasMethods(["fit", "transform"])]}

    def __init__(self, estimator: Transformer):
        self.estimator = estimator

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Column,
        y: Genres | None = None,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
    ) -> Self:
        """Fit the transformer on the tracks of all albums.

        Parameters
        ----------
        X : column of tracks or lists of tracks
            One cell per album: a track, or a list of tracks, in the form that the transformer
            takes.
        y : array-like of shape (n_albums,) or (n_albums, n_labels), default=None
            Genres of the albums; each track gets those of its album. None if the transformer does
            not need any.
        groups : array-like of shape (n_albums,), default=None
            Artists.
        validation : array-like of bool, shape (n_albums,), default=None
            Marks the albums that are inner validation rows of a published split.
        sample_weight : array-like of shape (n_albums,), default=None
            Weight of each album, given to each of its tracks; None gives all albums the same
            weight.

        Returns
        -------
        self : object
            The fitted transformer of albums.
        """
        tracks, owner, place, n_albums = self._read(X)
        self.estimator_ = clone(self.estimator)
        y, metadata = self._of_tracks(X, owner, n_albums, y, groups, validation, sample_weight)
        with self._collecting_errors(len(tracks)) as errors:
            _call(self.estimator_, "fit", tracks, owner, place, errors, y, **metadata)
            # Some transformers have no known output width until they have transformed something.
            with progress_hidden():
                first = tracks[:1], owner[:1], place[:1]
                vectors = _call(self.estimator_, "transform", *first, [])
        self.n_features_out_ = np.asarray(vectors).shape[1]
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_transform(
        self,
        X: Column,
        y: Genres | None = None,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
    ) -> Float32Array:
        """Fit, and return the mean over tracks of the output of the transformer's `fit_transform`.

        Parameters
        ----------
        X : column of tracks or lists of tracks
            As in `fit`.
        y : array-like of shape (n_albums,) or (n_albums, n_labels), default=None
            As in `fit`.
        groups : array-like of shape (n_albums,), default=None
            Artists, as in `fit`.
        validation : array-like of bool, shape (n_albums,), default=None
            As in `fit`.
        sample_weight : array-like of shape (n_albums,), default=None
            As in `fit`.

        Returns
        -------
        vectors : ndarray of float32, shape (n_albums, n_features_out)
            NaN in the row of an album without a track.
        """
        tracks, owner, place, n_albums = self._read(X)
        self.estimator_ = clone(self.estimator)
        y, metadata = self._of_tracks(X, owner, n_albums, y, groups, validation, sample_weight)
        everything = tracks, owner, place
        with self._collecting_errors(len(tracks)) as errors:
            # Not fit and transform: `fit_transform` of a network may return out-of-fold vectors.
            if hasattr(self.estimator_, "fit_transform"):
                method, arguments = "fit_transform", (y,)
            else:
                # The errors of `fit` are dropped: `transform` finds the same ones again.
                _call(self.estimator_, "fit", *everything, [], y, **metadata)
                method, arguments, metadata = "transform", (), {}
            vectors = _call(self.estimator_, method, *everything, errors, *arguments, **metadata)
        vectors = np.asarray(vectors, dtype=np.float32)
        self.n_features_out_ = vectors.shape[1]
        return _album_means([(owner, vectors)], n_albums, self.n_features_out_)

    def transform(self, X: Column) -> Float32Array:
        """Return the mean vector of each album.

        Parameters
        ----------
        X : column of tracks or lists of tracks
            As in `fit`.

        Returns
        -------
        vectors : ndarray of float32, shape (n_albums, n_features_out)
            NaN in the row of an album without a track.
        """
        check_is_fitted(self)
        tracks, owner, place, n_albums = self._read(X)
        with self._collecting_errors(len(tracks)) as errors:
            vectors = self._vectors(tracks, owner, place, errors)
            return _album_means(vectors, n_albums, self.n_features_out_)

    def _vectors(self, tracks, owner, place, errors):
        """Yield the albums and vectors of chunks of tracks; append errors."""
        starts = range(0, len(tracks), _TRACKS_AT_ONCE)
        estimator, verbose, hidden = self.estimator_, 0, nullcontext
        if len(starts) > 1:  # one bar over all tracks, not one for each chunk
            verbose = max(getattr(step, "verbose", 0) for *_, step in walk_parts(estimator))
            hidden = progress_hidden
        with progress_bar(len(tracks), "Tracks", verbose=verbose) as advance:
            for start in starts:
                here = slice(start, start + _TRACKS_AT_ONCE)
                some = tracks[here], owner[here], place[here]
                with hidden():
                    vectors = _call(estimator, "transform", *some, errors)
                yield owner[here], np.asarray(vectors, dtype=np.float32)
                advance(len(vectors))

    @contextmanager
    def _collecting_errors(self, n_tracks):
        """Yield the list of errors, and warn about them once, also if an error is raised."""
        self._errors = []
        try:
            with no_warning_of_skipped_cells():
                yield self._errors
        finally:
            warn_of_skipped_cells(self._errors, n_tracks, "track")

    @property
    def errors_(self) -> pd.DataFrame:
        """DataFrame of the tracks treated as missing: row, track, item, reason, remedy."""
        columns = ["row", "track", "item", "reason", "remedy"]
        return pd.DataFrame(list(self._errors), columns=columns)

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the output names of the transformer of tracks.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Passed on to the transformer of tracks.

        Returns
        -------
        names : ndarray of str objects, shape (n_features_out,)
            One name per element of a vector.
        """
        check_is_fitted(self)
        return self.estimator_.get_feature_names_out(input_features)

    def _read(self, X):
        """Return all tracks, the album and position of each, and the number of albums."""
        return flatten_tracks(as_cells(X, noun="album"))

    def _of_tracks(self, X, owner, n_albums, y, groups, validation, sample_weight):
        """Return y and metadata of every track; choose the validation albums."""
        if not len(owner):
            raise ValueError(
                f"None of the {n_albums} albums has a track to learn from. Exclude "
                "this modality, or check that the right column was passed."
            )
        metadata = {"groups": groups, "validation": validation, "sample_weight": sample_weight}
        for values in (y, *metadata.values()):
            if values is not None:
                check_consistent_length(np.empty(n_albums), values)
        y = y.tocsr() if sparse.issparse(y) else y  # not every format has rows to take
        groups = None if groups is None else read_groups(groups, n_albums)
        networks = _networks(self.estimator_)
        # The settings of the last network decide which albums are unseen.
        network = networks[-1] if networks else None
        cosine = [step for step in networks if getattr(step, "target", None) == "cosine"]
        with config_context(enable_metadata_routing=True):
            names = [*metadata, "folds"]
            taken = get_routing_for_object(self.estimator_).consumes("fit", names)
        # A frozen encoder is not trained, so no album has to be held out.
        is_held_out = validation is not None and "validation" in taken
        chosen = y is not None and (network is not None or is_held_out)
        labels = read_labels(y) if chosen else y
        check_rows(X, labels, groups)
        for step in cosine if y is not None else ():
            factors = _factors_of_albums(labels, step.label_factorizer)
            step.set_params(label_factorizer=factors)
        if chosen:
            mask, metadata["folds"] = _unseen_albums(network, labels, groups, validation)
            metadata["validation"] = mask if mask[owner].any() else None
            if not mask[owner].any() and (mask.any() or metadata["folds"] is None):
                # A warning was given before, or is given here. The networks must neither repeat it
                # nor make a choice of their own among the tracks.
                if mask.any():
                    name = type(network or self.estimator_).__name__
                    warnings.warn(
                        f"{name}: none of the albums held out for validation has a track, so there "
                        "is no early stopping: all epochs are run and the last weights are kept. "
                        "Mark other albums with validation=.",
                        stacklevel=2,
                    )
                for step in networks:
                    step.set_params(validation_fraction=0)
        # Tracks of an album stay in one group, even if its artist is not known.
        metadata["groups"] = artist_names(groups, n_albums)
        metadata = {
            name: np.asarray(values)[owner]
            for name, values in metadata.items()
            if name in taken and values is not None
        }
        return None if y is None else safe_indexing(as_pandas(y), owner), metadata

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags


def flatten_tracks(cells):
    """Return tracks that are not missing, their albums and positions, and the number of albums."""
    tracks, owner, place = [], [], []
    for album, cell in enumerate(cells):
        is_list = isinstance(cell, (list, tuple)) or (
            isinstance(cell, np.ndarray) and cell.dtype.kind in "OUST"
        )
        for number, track in enumerate(cell if is_list else [cell]):
            if not is_missing(track):
                tracks.append(track)
                owner.append(album)
                place.append(number)
    return tracks, np.array(owner, dtype=int), np.array(place, dtype=int), len(cells)


def _unseen_albums(network, labels, groups, validation):
    """Return a mask of the inner validation albums, and the inner fold of each album or None."""
    if isinstance(network, NetClassifier):
        mask = network._hold_out(labels, groups, validation)
        return mask, network._inner_folds(labels, groups, mask)
    mask = inner_validation_mask(
        labels,
        groups=groups,
        validation=validation,
        validation_fraction=getattr(network, "validation_fraction", 0),
        random_state=getattr(network, "random_state", None),
    )
    return mask, None


def _factors_of_albums(labels, label_factorizer):
    """Return the label factors, fitted on albums as the other modalities fit them, and frozen."""
    if isinstance(label_factorizer, FrozenEstimator):
        return label_factorizer
    target = make_target("cosine", labels.names, label_factorizer).fit(labels.values)
    return FrozenEstimator(target.label_factorizer_)


@contextmanager
def naming_albums(owner, place):
    """Re-raise errors that name a track by its number so that they name its album and position."""
    try:
        yield
    except BadItem as error:
        if error.row is None:
            raise
        where = f"{owner[error.row]}, track {place[error.row]}"
        raise BadItem(error.reason, error.remedy, where) from None


def _call(estimator, method, tracks, owner, place, errors, y=None, **metadata):
    """Call the transformer of tracks; errors in a track name its album.

    Skipped tracks are appended to `errors`.
    """
    arguments = [tracks] if method == "transform" else [tracks, y]
    routing = config_context(enable_metadata_routing=True)
    try:
        with naming_albums(owner, place), routing, rows_checked():
            answer = getattr(estimator, method)(*arguments, **metadata)
    except ValueError:
        if method != "transform":  # no track may be left to learn from
            errors += _errors_of_albums(estimator, tracks, owner, place)
        raise
    errors += _errors_of_albums(estimator, tracks, owner, place)
    return answer


def _errors_of_albums(estimator, tracks, owner, place):
    errors = []
    for _, error in errors_inside(estimator):
        number = error["row"]
        where = {"row": int(owner[number]), "track": int(place[number])}
        # A step after the extractor sees a patch, and does not know its track.
        item = error["item"] or describe_cell(tracks[number])
        errors.append({**error, **where, "item": item})
    return errors


def errors_inside(model):
    """Yield the items that steps of a model skipped: name of the part ("" for the model), error.

    Items skipped inside a MeanOverTracks are among its own errors, with the row of the album.
    """
    outer = None
    for names, path, step in walk_parts(model):
        if isinstance(step, ErrorsMixin) and (outer is None or path[: len(outer)] != outer):
            outer = path
            yield from (("".join(names[:1]), error) for error in step._errors)


def _networks(estimator):
    """Return the steps that take inner validation rows; a frozen step cannot be changed."""
    steps = [step for _, _, step in walk_parts(estimator, fitted=False)]
    with config_context(enable_metadata_routing=True):
        return [
            step
            for step in steps
            if "validation_fraction" in vars(step)
            and get_routing_for_object(step).consumes("fit", ["validation"])
        ]


def _album_means(chunks, n_albums, n_features):
    """Return the mean over the tracks of each album whose vectors are not missing.

    Chunks are (owner, vectors) of consecutive tracks in order of albums. Tracks are added one by
    one, so that the result does not depend on where an album is divided into chunks.
    """
    means = np.full((n_albums, n_features), np.nan, dtype=np.float32)
    current, total, count = None, None, 0
    for owner, vectors in chunks:
        there = ~np.isnan(vectors).all(axis=1)
        for album, vector in zip(owner[there], vectors[there], strict=True):
            if album != current:
                current, total, count = album, np.zeros(n_features), 0
            total += vector
            count += 1
            means[album] = total / count
    return means
