"""Which columns belong to which modality.

A block that is missing in a row becomes zeros here. A row without any block gets the class prior
(`NetClassifier._output`). A block of zeros has no direction: where blocks are divided by their
norms, it is missing.
"""

import numpy as np
from sklearn.utils import gen_batches

WHOLE = "all"  # the block that a bare array is
_ROWS_AT_ONCE = 512  # bounds what is held beside the answer, in float64 in part


def find_blocks(blocks, n_features, names=None):
    """Return the columns of each block.

    Parameters
    ----------
    blocks : "auto" or dict of str to int
        "auto" reads the prefix before the first ``__`` of the column names; without names
        all columns are one block, "all". A dict gives the number of columns of each block,
        in order.
    n_features : int
    names : ndarray of str or None
        Column names.

    Returns
    -------
    columns : dict of str to ndarray of int

    Raises
    ------
    ValueError
        If the sizes do not add up, or a column has no prefix.
    """
    if blocks != "auto":
        sizes = list(blocks.values())
        if not sizes or not all(isinstance(n, (int, np.integer)) and n > 0 for n in sizes):
            raise ValueError(f"blocks={blocks!r} must give a number of columns to each block.")
        if sum(sizes) != n_features:
            raise ValueError(
                f"blocks={blocks!r} adds up to {sum(sizes)} columns, X has {n_features}."
            )
        ends = np.cumsum(sizes)
        return {
            name: np.arange(end - size, end)
            for name, size, end in zip(blocks, sizes, ends, strict=True)
        }
    names = () if names is None else names
    prefixes = [name.partition("__")[0] if "__" in name else "" for name in names]
    if not any(prefixes):
        return {WHOLE: np.arange(n_features)}
    if not all(prefixes):
        name = names[prefixes.index("")]
        raise ValueError(
            f"Column {name!r} has no prefix that says its block (such as audio__{name}), while "
            "others have. Rename it, or pass blocks={name: number of columns}."
        )
    prefixes = np.array(prefixes)
    return {str(p): np.flatnonzero(prefixes == p) for p in dict.fromkeys(prefixes)}


def missing_in_block(X, columns, block, *, zeros=True):
    """Return in which rows a block is missing: NaN throughout or, unless `zeros` is False, 0.

    A block that is partly NaN is an error.
    """
    missing, partly = np.empty((2, len(X)), dtype=bool)
    for rows in gen_batches(len(X), _ROWS_AT_ONCE):
        values = X[rows][:, columns]
        is_nan = np.isnan(values)
        missing[rows] = is_nan.all(axis=1)
        partly[rows] = is_nan.any(axis=1) & ~missing[rows]
        if zeros:
            missing[rows] |= ~values.any(axis=1)
    if partly.any():
        row = int(np.flatnonzero(partly)[0])
        raise ValueError(
            f"Input X contains NaN in part of block {block!r}, first in row {row} "
            f"({int(partly.sum())} rows in all). A missing block is NaN throughout."
            + (
                " All columns are one block here: say which belong together with "
                "blocks={'audio': 256, ...}, or by ColumnTransformer(...).set_output("
                "transform='pandas')."
                if block == WHOLE
                else ""
            )
        )
    return missing


def vectors_of_block(X, columns, missing, *, normalize=True):
    """Yield slices of rows and the vectors that they have in a block.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_rows, n_features)
    columns : list of int
    missing : ndarray of bool, shape (n_rows,)
    normalize : bool

    Yields
    ------
    rows : slice
    vectors : ndarray of float32, shape (at most 512, len(columns))
        Divided by their l2 norms if `normalize`; zeros where they are missing.
    """
    for rows in gen_batches(len(X), _ROWS_AT_ONCE):
        vectors = X[rows][:, columns].astype(np.float32, order="C")
        vectors[missing[rows]] = 0
        yield rows, l2_normalize(vectors) if normalize else vectors


def l2_normalize(vectors):
    """Divide each row by its l2 norm, in float32; a row of zeros stays."""
    # In C order: numpy sums the rows of other orders in another way when there is one row.
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    norm = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(norm == 0, 1, norm)).astype(np.float32)
