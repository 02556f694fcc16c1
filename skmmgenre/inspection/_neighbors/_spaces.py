"""The vector spaces of a fitted model in which albums are compared."""

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize
from sklearn.utils.validation import validate_data

from ...fusion import FusionClassifier, LogisticFusionClassifier
from ...fusion._blocks import missing_in_block, vectors_of_block
from ...metrics import read_vectors
from ...utils import as_pandas
from .._modality_contributions import ppmi_factorizer
from .._steps import input_of, paths_of

FUSIONS = FusionClassifier, LogisticFusionClassifier


def vectors_in_space(model, table, space):
    """Compute the vectors of albums in a space of a model.

    Parameters
    ----------
    model : estimator or None
        A fitted model with a fusion layer; or any other fitted transformer, whose output is the
        only space; or None if `table` contains vectors.
    table : DataFrame or array-like of n rows
    space : str
        "fused", "joint", "factors", "genres", or the name of a block.

    Returns
    -------
    vectors : ndarray or csr_array of float32, shape (n, d)
        Vectors of unit norm; zeros for albums without a vector.
    there : ndarray of bool, shape (n,)
        Whether each album has a vector.
    """
    if model is None:
        return present_vectors(table)
    paths = paths_of(model, FUSIONS)
    if len(paths) != 1:
        if not paths and hasattr(model, "transform"):
            return present_vectors(model.transform(table))
        raise ValueError(
            f"{type(model).__name__} contains {len(paths) or 'no'} fusion layer"
            f"{'s' * (len(paths) > 1)}; expected exactly one. Pass a model of "
            "make_genre_classifier, a transformer, or vectors."
        )
    X, fusion = input_of(model, paths[0], table)
    if space in ("factors", "genres") and space not in fusion.blocks_:
        predict = predicted_factors if space == "factors" else predicted_genres
        predicted, there = predict(fusion, X)
        # Without any modality the prediction is the prior, which says nothing about the album.
        return normalize(predicted) * there[:, np.newaxis], there
    blocks = _blocks_of_space(fusion, space)
    return _side_by_side(_checked(fusion, X), blocks, mean=space == "joint")


def _blocks_of_space(fusion, space):
    """Return the columns of the blocks that make up a space."""
    if space in fusion.blocks_:
        return {space: fusion.blocks_[space]}
    if space == "fused":
        return fusion.blocks_
    joint = {name: columns for name, columns in fusion.blocks_.items() if name.startswith("mm_")}
    if space == "joint" and joint:
        return joint
    spaces = ["fused", *fusion.blocks_]
    spaces += ["joint"] * bool(joint) + ["factors" if gives_factors(fusion) else "genres"]
    hints = {
        "joint": " For a joint space, use make_genre_classifier(joint_space=True).",
        "factors": " For label factors, use target='cosine' (multilabel).",
        "genres": " With target='cosine' there are no probabilities; use 'factors'.",
    }
    raise ValueError(
        f"Unknown space {space!r}; the spaces of the model are {', '.join(map(repr, spaces))}."
        + hints.get(space, "")
    )


def gives_factors(fusion):
    """Return whether a fitted fusion layer predicts label factors."""
    return getattr(fusion.target_, "name", None) == "cosine"


def _side_by_side(X, blocks, *, mean):
    """Concatenate or average unit-norm blocks; return unit-norm vectors and which rows have one."""
    parts, missing = [], []
    for block, columns in blocks.items():
        absent = missing_in_block(X, columns, block)
        parts.append(vectors_of_block(X, columns, absent))
        missing.append(absent)
    there = ~np.all(missing, axis=0)
    if mean:  # in a joint space, the vectors of an album's sound and cover are close
        vectors = sum(parts)
    else:
        vectors = sparse.hstack(parts, format="csr") if sparse.issparse(X) else np.hstack(parts)
    return normalize(vectors), there


def predicted_factors(fusion, X):
    """Return the label factors that a fusion layer predicts, and which rows have a modality.

    Raises
    ------
    ValueError
        If the fusion layer does not predict label factors.
    """
    if not gives_factors(fusion):
        _blocks_of_space(fusion, "factors")
    feed = fusion._read(X, reset=False)
    return fusion._output_of(feed), ~feed.missing


def predicted_genres(fusion, X):
    """Return the probabilities of the genres, and which rows have a modality.

    Raises
    ------
    ValueError
        If the fusion layer predicts label factors instead.
    """
    if gives_factors(fusion):
        _blocks_of_space(fusion, "genres")
    probabilities, X = fusion.predict_proba(X), _checked(fusion, X)
    there = [~missing_in_block(X, columns, block) for block, columns in fusion.blocks_.items()]
    return probabilities, np.any(there, axis=0)


def _checked(fusion, X):
    """Return X as an array or csr_array, after checking its columns against fit."""
    X = validate_data(
        fusion, as_pandas(X), reset=False, accept_sparse="csr", ensure_all_finite="allow-nan"
    )
    return sparse.csr_array(X) if sparse.issparse(X) else X


def label_directions(fusion):
    """Return the unit-norm label factors of the genres of a fusion layer with target "cosine"."""
    return normalize(ppmi_factorizer(fusion.target_.label_factorizer_).label_factors_)


def present_vectors(vectors):
    """Return given vectors with unit norm, and which rows are neither all NaN nor all 0."""
    vectors = as_pandas(vectors)
    vectors = sparse.csr_array(vectors) if sparse.issparse(vectors) else np.asarray(vectors)
    if vectors.dtype.kind not in "fiub":
        vectors = vectors.astype(np.float64)
    if vectors.ndim != 2:
        raise ValueError(f"Vectors must have shape (n, d), got {vectors.shape}.")
    columns = np.arange(vectors.shape[1])
    missing = missing_in_block(vectors, columns, "all")
    vectors = vectors_of_block(vectors, columns, missing)
    return read_vectors(vectors), ~missing
