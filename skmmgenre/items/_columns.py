"""Names of the columns of a table."""

from collections import Counter


def refuse_repeated_columns(X, name="X"):
    """Raise an error if two columns of a table have the same name.

    Parameters
    ----------
    X : array-like
        Whatever has no column names is let through.
    name : str
        What X is called, for the error.

    Raises
    ------
    ValueError
        It names the columns.
    """
    repeated = [column for column, n in Counter(getattr(X, "columns", ())).items() if n > 1]
    if repeated:
        raise ValueError(
            f"{name} has duplicate columns: {repeated[:5]}. Rename or drop all but one."
        )
