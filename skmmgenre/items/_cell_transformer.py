"""What the transformers that answer cell by cell have in common."""

from numbers import Integral

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions

from ._cells import as_cells
from ._errors import ErrorsMixin
from ._loop import map_cells


class CellTransformer(ErrorsMixin, TransformerMixin, BaseEstimator):
    """Base class of transformers that learn nothing and answer each cell of one column.

    A subclass has the parameters `on_error`, `n_jobs` and `verbose`.
    """

    _parameter_constraints: dict = {
        "on_error": [StrOptions({"raise", "missing"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def _map(self, function, X, *, noun, description, store=None, values=None):
        """Values of the cells of `X`, see `map_cells`; keeps what `errors_` tells."""
        self._errors = []
        values, self._errors = map_cells(
            function,
            as_cells(X, noun=noun),
            noun=noun,
            on_error=self.on_error,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            description=description,
            store=store,
            values=values,
        )
        return values

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
