"""Which row has which label, whatever form y comes in."""

import numpy as np
import pandas as pd
from scipy import sparse

from ..metrics import plain_labels, read_indicator


def label_incidence(y):
    """Return the sparse 0/1 matrix of rows and labels.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_labels)
        One label a row, or an indicator matrix (ndarray, DataFrame or sparse).

    Returns
    -------
    incidence : csr_array of float64, shape (n, n_labels)
    several : bool
        Whether a row may have several labels.

    Raises
    ------
    ValueError
        If y has more than two dimensions or holds a list in a row, or an indicator holds other
        values than 0 and 1.
    """
    if not hasattr(y, "ndim"):
        y = plain_labels(y)
    if y.ndim == 2 and y.shape[1] == 1 and not sparse.issparse(y):
        y = np.asarray(y)[:, 0]
    if y.ndim == 2:
        matrix, _ = read_indicator(y, keep_sparse=True)
        return sparse.csr_array(matrix, dtype=np.float64), True
    if y.ndim != 1:
        raise ValueError(
            f"y has shape {tuple(y.shape)}. Pass one column of labels, or an indicator "
            "matrix with one row an item and one column a label."
        )
    codes, labels = pd.factorize(plain_labels(y), use_na_sentinel=False)
    n = len(codes)
    incidence = sparse.csr_array((np.ones(n), (np.arange(n), codes)), shape=(n, len(labels)))
    return incidence, False
