"""A cell that cannot be used, and the list of them that an estimator keeps."""

import pandas as pd


class BadItem(ValueError):
    """A cell that cannot be used.

    Parameters
    ----------
    reason : str
        What is wrong, without the name of the item.
    remedy : str
        The way out.
    row : int or str or None
        Where it stands in the table; `map_cells` fills it in.
    """

    def __init__(self, reason, remedy="", row=None):
        super().__init__(reason, remedy, row)
        self.reason = reason
        self.remedy = remedy
        self.row = row

    def __str__(self):
        where = "" if self.row is None else f"Row {self.row}: "
        return f"{where}{self.reason}. {self.remedy}".rstrip()


class SetupError(RuntimeError):
    """What no cell is to blame for, such as the lack of a file that all of them need.

    It ends the loop over cells whatever `on_error` is.
    """


class ErrorsMixin:
    """Adds `errors_`: what the last call set aside because of `on_error="missing"`."""

    _errors = ()

    @property
    def errors_(self):
        """DataFrame with a line for every item treated as missing: row, item, reason, remedy."""
        return pd.DataFrame(list(self._errors), columns=["row", "item", "reason", "remedy"])

    def __getstate__(self):
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_errors"}
