"""Blocks: the columns of each modality.

Blocks are found by the names of columns, if there are any: a ColumnTransformer prefixes each column
with the name of its branch, so that no number of columns needs to be passed.

A block that is missing in a row becomes zeros here. A row without any block gets the class prior
(`NetClassifier._output`). A block of zeros has no direction: where blocks are divided by their
norms, it is missing.
"""

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches

WHOLE = "all"  # name of the single block of an array without column names
# Limit the temporary arrays, some of which are float64.
_ROWS_AT_ONCE = 512
_VALUES_AT_ONCE = 2**22


def find_blocks(blocks, n_features, names=None):
    """Return the columns of each block.

    Parameters
    ----------
    blocks : "auto" or dict of str to int
        "auto" groups columns by the prefix before the first ``__`` of their names; without
        names, all columns are one block, "all". A dict gives the number of columns of each
        block, in order.
    n_features : int
    names : array-like of str, shape (n_features,) or (1, n_features), or None
        Column names.

    Returns
    -------
    columns : dict of str to ndarray of int

    Raises
    ------
    ValueError
        If the sizes or names do not match the number of columns, or a column has no prefix.
    """
    if blocks != "auto":
        sizes = list(blocks.values())
        if not sizes or not all(isinstance(n, (int, np.integer)) and n > 0 for n in sizes):
            raise ValueError(
                f"blocks={blocks!r} must give the number of columns of each block, a positive int."
            )
        if sum(sizes) != n_features:
            raise ValueError(
                f"blocks={blocks!r} adds up to {sum(sizes)} columns, but X has {n_features}. In a "
                "GenrePipeline, blocks='auto' counts the columns of each block."
            )
        ends = np.cumsum(sizes)
        return {
            name: np.arange(end - size, end)
            for name, size, end in zip(blocks, sizes, ends, strict=True)
        }
    names = () if names is None else [str(name) for name in np.ravel(names)]
    if names and len(names) != n_features:
        raise ValueError(
            f"There are {len(names)} column names ({names[0]!r} to {names[-1]!r}), but X has "
            f"{n_features} columns. Pass one name per column, or blocks={{name: number of "
            "columns}."
        )
    prefixes = [name.partition("__")[0] if "__" in name else "" for name in names]
    if not any(prefixes):
        return {WHOLE: np.arange(n_features)}
    if not all(prefixes):
        name = names[prefixes.index("")]
        raise ValueError(
            f"Column {name!r} has no prefix that names its block (such as audio__{name}), but "
            "other columns do. Rename it, or pass blocks={name: number of columns}."
        )
    prefixes = np.array(prefixes)
    # In order of first appearance; the columns of a block need not be adjacent.
    return {str(p): np.flatnonzero(prefixes == p) for p in dict.fromkeys(prefixes)}


def missing_in_block(X, columns, block, *, zeros=True):
    """Return a mask of the rows in which a block is missing.

    A missing block is NaN throughout or, unless `zeros` is False, zero throughout. A block that is
    partly NaN raises ValueError.
    """
    n_nan, n_other = _count_values(X, columns)
    missing = n_nan == len(columns)
    # Some NaN in a block are an error upstream. To count the block as missing would hide it, and
    # to fill in zeros would change its direction.
    partly = (n_nan > 0) & ~missing
    if zeros:  # a vector of zeros has no direction: it cannot be divided by its norm
        missing |= (n_nan == 0) & (n_other == 0)
    if partly.any():
        row = int(np.flatnonzero(partly)[0])
        raise ValueError(
            f"Input X contains NaN in part of block {block!r}, first in row {row} "
            f"({int(partly.sum())} rows in total). A missing block must be NaN throughout."
            + (
                " All columns are one block here. Pass blocks={'audio': 256, ...}, or use a "
                "GenrePipeline or ColumnTransformer(...).set_output(transform='pandas'), which "
                "pass on the column names."
                if block == WHOLE
                else ""
            )
        )
    return missing


def _count_values(X, columns):
    """Return the number of NaN values, and of values that are neither NaN nor 0, per row."""
    X = sparse.csr_array(X) if sparse.issparse(X) else X
    n_nan, n_other = np.empty((2, X.shape[0]), dtype=int)
    for rows in gen_batches(X.shape[0], _ROWS_AT_ONCE):
        values = X[rows][:, columns]
        n_nan[rows] = (values != values).sum(axis=1)  # sparse arrays have no isnan
        # NaN counts as different from 0, so it is subtracted.
        n_other[rows] = (values != 0).sum(axis=1) - n_nan[rows]
    return n_nan, n_other


def vectors_of_block(X, columns, missing, *, normalize=True):
    """Return the vectors of the rows in a block.

    Parameters
    ----------
    X : ndarray or CSR of float32 or float64, shape (n_rows, n_features)
    columns : list of int
    missing : ndarray of bool, shape (n_rows,)
    normalize : bool

    Returns
    -------
    vectors : ndarray or csr_array of float32, shape (n_rows, len(columns))
        Divided by their l2 norms if `normalize`; zeros where they are missing. Sparse if X is
        sparse, with the same values bit for bit.
    """
    if sparse.issparse(X):
        return _sparse_vectors(X, columns, missing, normalize)
    vectors = np.empty((X.shape[0], len(columns)), dtype=np.float32)
    for rows, part in _dense_vectors(X, columns, missing, normalize):
        vectors[rows] = part
    return vectors


def vectors_of_blocks(X, blocks, missing, *, normalize=True):
    """Return X with each block replaced by its vectors; see `vectors_of_block`.

    Parameters
    ----------
    X : ndarray or CSR of float32 or float64, shape (n_rows, n_features)
    blocks : dict of str to list of int
        Columns of each block.
    missing : dict of str to ndarray of bool
        Rows in which each block is missing.
    normalize : bool

    Returns
    -------
    vectors : ndarray or csr_array of float32, shape (n_rows, n_features)
    """
    if sparse.issparse(X):
        parts = [
            vectors_of_block(X, columns, missing[block], normalize=normalize)
            for block, columns in blocks.items()
        ]
        # hstack orders the columns by block; argsort inverts this permutation.
        places = np.argsort(np.concatenate(list(blocks.values())))
        return sparse.hstack(parts, format="csr")[:, places]
    # Filled block by block into one array: X may be large, and a list of blocks to concatenate
    # would hold it twice.
    vectors = np.empty(X.shape, dtype=np.float32)
    for block, columns in blocks.items():
        for rows, part in _dense_vectors(X, columns, missing[block], normalize):
            # `rows` is a slice, so `vectors[rows]` is a view that can be assigned to.
            vectors[rows][:, columns] = part
    return vectors


def _dense_vectors(X, columns, missing, normalize):
    """Yield slices of rows and their vectors in a block."""
    for rows in gen_batches(X.shape[0], _ROWS_AT_ONCE):
        vectors = X[rows][:, columns].astype(np.float32, order="C")
        vectors[missing[rows]] = 0
        yield rows, l2_normalize(vectors) if normalize else vectors


def _sparse_vectors(X, columns, missing, normalize):
    vectors = sparse.csr_array(X)[:, columns]
    # Duplicate entries are parts of one value, so they are added before squares are taken.
    vectors.sum_duplicates()
    vectors = vectors.astype(np.float32)
    lengths = np.diff(vectors.indptr)
    vectors.data[np.repeat(missing, lengths)] = 0
    if normalize:
        # Norms are computed from dense rows, because the last bits of a sum depend on its zeros.
        n_rows = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // len(columns)))
        slices = gen_batches(X.shape[0], n_rows)
        norms = np.concatenate([_norms(vectors[rows].toarray()) for rows in slices])
        vectors.data = (vectors.data / np.repeat(norms, lengths)).astype(np.float32)
    # Last, because `lengths` counts the zeros that were just stored for missing rows.
    vectors.eliminate_zeros()
    return vectors


def l2_normalize(vectors):
    """Divide each row by its l2 norm, in float32; a row of zeros is unchanged."""
    # C order, because numpy sums a single row in another order otherwise.
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    return (vectors / _norms(vectors)[:, None]).astype(np.float32)


def _norms(vectors):
    """Return the l2 norm of each row, or 1 for a row of zeros."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return np.where(norms == 0, 1, norms)
