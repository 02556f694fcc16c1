"""Labels as numpy knows them."""

import numpy as np
import pandas as pd


def plain_labels(y, name="y"):
    """Return a numpy array of numbers or of strings; with missing labels one of objects.

    Parameters
    ----------
    y : array-like of any shape
        Labels as list, tuple, ndarray, Series or Index.
    name : str
        What the argument is called, for the error.

    Raises
    ------
    ValueError
        If a row holds a list of labels, or labels are of types that cannot be sorted.
    """
    # numpy would turn the NaN of ["Jazz", nan] into the label "nan", so objects first.
    labels = np.array(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if labels.dtype.kind not in "OT":
        return labels
    labels = labels.astype(object)
    if not labels.size:
        return labels.astype(float)
    if any(isinstance(label, (list, tuple, set, np.ndarray)) for label in labels.flat):
        raise ValueError(
            f"{name} holds a list of genres in a row. Several genres are passed as an indicator "
            "matrix: use sklearn.preprocessing.MultiLabelBinarizer."
        )
    if pd.isna(labels).any():
        return labels
    is_string = [isinstance(label, str) for label in labels.flat]
    if all(is_string):
        return labels.astype(str)
    if any(is_string):
        kinds = sorted({type(label).__name__ for label in labels.flat})
        raise ValueError(
            f"{name} mixes types that cannot be sorted: {kinds}. Make all genres strings."
        )
    return np.array(labels.tolist())
