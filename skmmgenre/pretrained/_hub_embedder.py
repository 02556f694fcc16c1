"""Base class of the transformers that use a pretrained encoder."""

import os
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils._param_validation import Interval

from .._typing import Column, ObjectArray
from ..nets import NetEstimator
from ..store import CellTransformer, FeatureStore, map_cells
from ..utils import SetupError, as_cells, calling_function, require_parameter

_NOT_FINITE = (
    "the model returned NaN or infinity for it",
    "Check the weights of the model, or remove the cell.",
)
# Models that `skmmgenre.save` leaves out, so that `model` is None when they are loaded.
LEFT_OUT = "folders or hub names"
# Parameters that only models of the hub have, with their defaults.
OF_HUB_MODELS = {"revision": None, "layer": None, "trust_remote_code": False}


class HubEmbedder(CellTransformer):
    """Base class of transformers that encode a column of cells with a frozen model.

    The model is a function, a hub name, or a folder. It is not part of the estimator's state: it
    is loaded on first use and shared by all estimators of the process.

    A subclass has the parameters `model`, `batch_size`, `cache`, `name`, `on_error`, `device` and
    `verbose`, may add others, and implements the methods below that raise NotImplementedError.
    """

    _parameter_constraints: dict = {
        "model": [str, callable],
        "revision": [str, None],
        "layer": [Integral, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "trust_remote_code": ["boolean"],
        "cache": [str, os.PathLike, None],
        "name": [str, None],
        "on_error": CellTransformer._parameter_constraints["on_error"],
        "device": NetEstimator._parameter_constraints["device"],
        "verbose": ["verbose"],
    }
    _of_hub_models = OF_HUB_MODELS
    _version = 1  # increment to invalidate stored vectors
    _width = None  # model parameters of the last encoding, and the length of its vectors

    def fit(self, X: Column, y: Any = None) -> Self:
        """Check the parameters, the column and the model; nothing is learned.

        Parameters
        ----------
        X : column of n cells
            Input in the format of `transform`. It is checked, but not encoded.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The embedder, checked and ready to use.
        """
        super().fit(X)
        self._make_encoder()
        return self

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return output feature names: the lower-case name of the class, followed by a number.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (d,)
            "textembedder0", "textembedder1", ... for a TextEmbedder with d-dimensional vectors.
        """
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{i}" for i in range(self._n_features())], dtype=object)

    def __getstate__(self):
        return {key: value for key, value in super().__getstate__().items() if key != "_width"}

    def _validate_params(self):
        require_parameter(self, "model", LEFT_OUT)
        super()._validate_params()

    def _encode(self, X):
        """Compute the vectors of a column, NaN for missing and invalid cells."""
        self._validate_params()
        encoder = self._make_encoder()
        self._errors = []
        values, self._errors = map_cells(
            lambda cell: encoder.prepare(self._read(cell)),
            self._cells(X),
            noun=self._noun,
            on_error=self.on_error,
            verbose=self.verbose,
            description=f"vectors of {self._noun}s",
            store=self._store(encoder),
            fault_of_nan=_NOT_FINITE,
            finish=lambda cells: _finite_or_nan(encoder.vectors(cells)),
        )
        widths = {len(value) for value in values if value is not None}
        if len(widths) > 1:
            raise SetupError(
                f"{_name_model(self.model)} returned vectors of different lengths, such as "
                f"{min(widths)} and {max(widths)}. Return the same length for each {self._noun}."
            )
        width = widths.pop() if widths else self._n_features(encoder)
        self._width = (*self._model_parameters(), width)
        vectors = np.full((len(values), width), np.nan, dtype=np.float32)
        for row, value in enumerate(values):
            if value is not None:
                vectors[row] = value
        return vectors

    def _n_features(self, encoder=None):
        """Return the length of a vector; if it is unknown, a probe is encoded."""
        if self._width is not None and self._width[:-1] == self._model_parameters():
            return self._width[-1]
        if encoder is None:
            self._validate_params()
            encoder = self._make_encoder()
        (vector,) = encoder.vectors([encoder.prepare(self._read(self._probe()))])
        self._width = (*self._model_parameters(), len(vector))
        return len(vector)

    def _model_parameters(self):
        return tuple(getattr(self, name) for name in ("model", *self._of_hub_models))

    def _make_encoder(self):
        if callable(self.model):
            check_function(self, self._of_hub_models)
            return FunctionEncoder(self.model, self._noun, self.batch_size, self.name)
        if self.name is not None:
            raise ValueError(
                f"name={self.name!r} is only for functions; model={self.model!r} is identified by "
                "its files. Omit name."
            )
        options = {name: getattr(self, name) for name in self._of_hub_models}
        return self._load(
            self.model, **options, device=self.device, batch_size=int(self.batch_size)
        )

    def _store(self, encoder):
        if self.cache is None:
            return None
        settings = {
            "model": encoder.fingerprint,
            "version": self._version,
            # Not the revision, because the fingerprint is a hash of the files.
            **{name: getattr(self, name) for name in self._of_hub_models if name != "revision"},
            **self._versions(),
        }
        return FeatureStore(
            self.cache,
            kind=f"vectors of {self._noun}s",
            settings=settings,
            content_of=self._content_of,
        )

    def _cells(self, X):
        """Return the cells of a column; subclasses may override it."""
        return as_cells(X, noun=self._noun)

    def _read(self, cell):
        """Return the content of a cell as a list of inputs of the model."""
        raise NotImplementedError

    def _probe(self):
        """Return a cell that is valid for every model."""
        raise NotImplementedError

    def _load(self, model, **options):
        """Return the encoder of a hub name or folder."""
        raise NotImplementedError

    def _content_of(self, cell):
        """Return a value that identifies the content of a cell; see `FeatureStore`."""
        raise NotImplementedError

    def _versions(self):
        """Return the versions of libraries that prepare a cell."""
        return {}


class FunctionEncoder:
    """Encoder that calls a function from a list of texts or images to their vectors.

    Parameters
    ----------
    function : callable
    noun : str
        Name of the inputs in error messages.
    batch_size : int
        Maximum number of inputs per call.
    name : str or None
        Name that identifies the function in a feature store.
    """

    def __init__(self, function, noun, batch_size, name):
        self.function, self.noun, self.batch_size = function, noun, batch_size
        self.fingerprint = f"function {name}"

    @staticmethod
    def prepare(items):
        """Return the items of a cell unchanged."""
        return items

    def vectors(self, cells):
        """Compute the mean vector of the items of each cell."""
        items = [item for cell in cells for item in cell]
        vectors = []
        for start in range(0, len(items), self.batch_size):
            vectors.extend(self._call(items[start : start + self.batch_size]))
        answers = iter(vectors)
        return [
            np.mean([next(answers) for _ in cell], axis=0, dtype=np.float64).astype(np.float32)
            for cell in cells
        ]

    def _call(self, batch):
        given = f"{len(batch)} {self.noun}s"
        remedy = "Return a numeric array of shape (n, d), one row per input."
        return vectors_of_function(self.function, batch, given, remedy)


def check_function(estimator, of_hub_models):
    """Check that the other parameters of an estimator suit a model that is a function.

    Parameters
    ----------
    estimator : estimator
        It has the parameters `model`, `cache` and `name`.
    of_hub_models : dict
        Parameters that only models of the hub have, with their defaults.

    Raises
    ------
    ValueError
        If one of them is not the default, or if there is a cache and the function has no name.
    """
    for name, default in of_hub_models.items():
        if (value := getattr(estimator, name)) != default:
            raise ValueError(
                f"{name}={value!r} is only for hub names and folders, but "
                f"{_name_model(estimator.model)} is a function. Apply it in the function, and pass "
                f"{name}={default!r}."
            )
    if estimator.cache is not None and estimator.name is None:
        raise ValueError(
            "The cache cannot distinguish functions. Pass name='...' and change it whenever the "
            "function changes, or pass cache=None."
        )


def vectors_of_function(function, batch, given, remedy):
    """Call a user's function on a batch, and check the returned vectors.

    Parameters
    ----------
    function : callable
    batch : sequence
    given, remedy : str
        For error messages: description of the batch, and what to return for it.

    Returns
    -------
    vectors : ndarray of shape (len(batch), d)

    Raises
    ------
    SetupError
        If the function does not return one numeric vector per input.
    """
    with calling_function():
        found = function(batch)
    if hasattr(found, "detach"):  # a tensor
        found = found.detach().cpu()
    try:
        found = np.asarray(found)
    except ValueError as error:  # lists of different lengths
        raise SetupError(
            f"{_name_model(function)} did not return an array for {given} ({error}). {remedy}"
        ) from None
    is_vectors = found.ndim == 2 and len(found) == len(batch) and found.shape[1] > 0
    if not is_vectors or found.dtype.kind not in "fiu":
        raise SetupError(
            f"{_name_model(function)} returned an array of shape {found.shape} and dtype "
            f"{found.dtype} for {given}. {remedy}"
        )
    return found


def _name_model(model):
    return f"model={getattr(model, '__qualname__', None) or type(model).__name__}"


def _finite_or_nan(vectors):
    """Return the vectors, with those that are not finite set to NaN."""
    return [v if np.isfinite(v).all() else np.full_like(v, np.nan) for v in vectors]
