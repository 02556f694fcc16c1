"""The spaces in which a fitted model sees albums."""

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
    """Return the vectors of albums in one of a model's spaces.

    Parameters
    ----------
    model : estimator or None
        A fitted model with a fusion layer; any other fitted transformer, whose vectors are the
        only space; None if `table` holds vectors.
    table : DataFrame or array-like of n rows
    space : str
        "fused", "joint", "factors", "genres", or the name of a block.

    Returns
    -------
    vectors : ndarray or csr_array of float32, shape (n, d)
        Of length 1; zeros where there is nothing.
    there : ndarray of bool, shape (n,)
        Which albums have a vector.
    """
    if model is None:
        return present_vectors(table)
    paths = paths_of(model, FUSIONS)
    if len(paths) != 1:
        if not paths and hasattr(model, "transform"):
            return present_vectors(model.transform(table))
        raise ValueError(
            f"{type(model).__name__} holds {len(paths) or 'no'} fusion layer"
            f"{'s' * (len(paths) > 1)}; one is needed. Pass a model of make_genre_classifier, or a "
            "transformer, or vectors."
        )
    X, fusion = input_of(model, paths[0], table)
    if space in ("factors", "genres") and space not in fusion.blocks_:
        predict = predicted_factors if space == "factors" else predicted_genres
        predicted, there = predict(fusion, X)
        # Of an album with nothing they are the prior, which says nothing of the album.
        return normalize(predicted) * there[:, np.newaxis], there
    blocks = _blocks_of_space(fusion, space)
    return _side_by_side(_checked(fusion, X), blocks, mean=space == "joint")


def _blocks_of_space(fusion, space):
    """Columns of the blocks that a space is made of."""
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
        "joint": " A joint space comes with make_genre_classifier(joint_space=True).",
        "factors": " Label factors come with target='cosine', for several genres per item.",
        "genres": " With target='cosine' there are no probabilities; take 'factors'.",
    }
    raise ValueError(
        f"The model has no space {space!r}; it has {', '.join(map(repr, spaces))}."
        + hints.get(space, "")
    )


def gives_factors(fusion):
    """Whether a fitted fusion layer predicts label factors."""
    return getattr(fusion.target_, "name", None) == "cosine"


def _side_by_side(X, blocks, *, mean):
    """Blocks of length 1 side by side, or their mean; of length 1 again, and where there is one."""
    parts, missing = [], []
    for block, columns in blocks.items():
        absent = missing_in_block(X, columns, block)
        parts.append(vectors_of_block(X, columns, absent))
        missing.append(absent)
    there = ~np.all(missing, axis=0)
    if mean:  # both views of an album lie close together in a joint space
        vectors = sum(parts)
    else:
        vectors = sparse.hstack(parts, format="csr") if sparse.issparse(X) else np.hstack(parts)
    return normalize(vectors), there


def predicted_factors(fusion, X):
    """Return the label factors that a fusion layer predicts, and which rows have a modality.

    Raises
    ------
    ValueError
        If it predicts none.
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
    """X as an array or csr_array, if its columns are those of fit."""
    X = validate_data(
        fusion, as_pandas(X), reset=False, accept_sparse="csr", ensure_all_finite="allow-nan"
    )
    return sparse.csr_array(X) if sparse.issparse(X) else X


def label_directions(fusion):
    """Return the factors of the genres of a fusion layer that predicts such, of length 1."""
    return normalize(ppmi_factorizer(fusion.target_.label_factorizer_).label_factors_)


def present_vectors(vectors):
    """Return ready vectors, of length 1, and which rows have one: neither all NaN nor all 0."""
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
