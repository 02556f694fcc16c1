"""Contributions of the modalities to the scores of the genres."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import normalize

from .._typing import Table
from ..fusion import FusionClassifier
from ..labels import PPMILabelFactorizer
from ._steps import input_of, paths_of


def modality_contributions(model: Any, table: Table) -> pd.DataFrame:
    """Compute the contribution of each modality to the score of each genre.

    Use it to see which modality determined a prediction. The fusion layer is linear, so the
    contributions add up to the score exactly; nothing is estimated.

    Parameters
    ----------
    model : estimator
        A fitted `FusionClassifier`, or an estimator that contains one: a `GenrePipeline`, a
        search, `LabelThresholds`.
    table : DataFrame or array-like of n rows
        Input of `model`.

    Returns
    -------
    contributions : DataFrame of float64, n * n_genres rows
        Indexed by row (the label in the index of `table`, or its position) and genre. Column
        "bias" is the same for all rows that have a modality; for rows without any, it is the class
        prior. It is followed by one column per block in the order of `blocks_`, such as "audio",
        "text", "image", "mm_audio": the contribution of the block, 0 if it is missing. Column
        "score" is their sum: the logit (target "softmax" or "logistic"), or the similarity
        ("cosine").

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If the model contains no `FusionClassifier`, or several; or if it predicts label factors
        of another class than `PPMILabelFactorizer`, whose scores need not be sums.

    See Also
    --------
    explain : Explain the prediction of a single row.
    skmmgenre.compose.ablate_modalities : Measure the value of each modality over a whole table.

    Notes
    -----
    Let x_b be the vector of block b, divided by its norm, and p_b = 1 if the block is present,
    else 0. The score of genre g is

    .. math:: s_g = c_g + \\sum_b (w_{gb} \\cdot x_b + v_{gb} p_b)

    where v is 0 unless the fusion weighted the predictions of each block on its own
    (``block_weights_``). The contribution of a block is the term in parentheses. For logits, it is
    exactly the decrease of the score if this modality were missing, as long as the row has another
    one.

    With target "softmax", only differences between genres matter: adding a constant to the scores
    of all genres does not change the probabilities. For two genres, `decision_function` returns
    the difference of their scores.

    With target "cosine", the fusion predicts label factors. The similarity of a genre is the sum
    of the blocks' contributions to these factors, projected on the genre's factors and divided by
    the norm of the predicted factors. The contributions add up, but the norm depends on all
    blocks, so a missing modality also changes the contributions of the others.

    A model with ``precision="bfloat16"`` rounds its own scores; the contributions are computed
    with its weights in float32.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.fusion import FusionClassifier
    >>> from skmmgenre.inspection import modality_contributions
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 5))
    >>> y = np.where(X[:, 0] > 0, "Jazz", "Rock")
    >>> X[::4, 3:] = np.nan
    >>> fusion = FusionClassifier(blocks={"audio": 3, "text": 2}, random_state=0)
    >>> contributions = modality_contributions(fusion.fit(X, y, groups=range(60)), X[:2])
    >>> list(contributions.columns)
    ['bias', 'audio', 'text', 'score']
    >>> contributions.loc[0, "text"].tolist()
    [0.0, 0.0]
    """
    paths = paths_of(model, FusionClassifier)
    if len(paths) != 1:
        raise ValueError(
            f"{type(model).__name__} contains {len(paths) or 'no'} FusionClassifier"
            f"{'s' * (len(paths) > 1)}; expected exactly one. Pass a model of "
            "make_genre_classifier, or its fusion step and the vectors."
        )
    X, fusion = input_of(model, paths[0], table)
    index = getattr(table, "index", None)
    if not isinstance(index, pd.Index):  # lists have a method called index
        index = None
    return contributions_of(fusion, X, index)


def contributions_of(fusion, X, index=None):
    """Compute the result of `modality_contributions` from the input of the fusion layer.

    Parameters
    ----------
    fusion : FusionClassifier
        Fitted.
    X : array-like or sparse matrix of shape (n_rows, n_features)
    index : Index, default=None
        Labels of the rows. None: their positions.

    Returns
    -------
    contributions : DataFrame
    """
    parts = fusion_parts(fusion, X)
    index = pd.RangeIndex(parts.shape[1]) if index is None else index
    n_genres = len(fusion.classes_)
    rows = np.repeat(index.to_flat_index(), n_genres)
    genres = np.tile(fusion.classes_, len(index))
    names = [index.name or "row", "genre"]
    contributions = pd.DataFrame(
        parts.reshape(len(parts), -1).T,
        columns=["bias", *fusion.blocks_],
        index=pd.MultiIndex.from_arrays([rows, genres], names=names),
    )
    contributions["score"] = contributions.sum(axis=1)
    return contributions


def fusion_parts(fusion, X):
    """Compute the contributions to the scores of a fitted `FusionClassifier`.

    Parameters
    ----------
    fusion : FusionClassifier
    X : array-like or sparse matrix of shape (n_rows, n_features)

    Returns
    -------
    parts : ndarray of float64, shape (1 + n_blocks, n_rows, n_genres)
        The bias, then each block in the order of `blocks_`.
    """
    from ..nets._forward import apply_layer

    feed = fusion._read(X, reset=False)
    weight, bias = fusion.weights_["head.weight"], fusion.weights_["head.bias"]
    # The columns of X may be followed by one column per block that marks its presence.
    block_of_column = np.array(fusion.module_recipe_["block_of_column"])
    nothing = np.zeros(len(weight), dtype=np.float32)
    parts = [np.where(feed.missing[:, np.newaxis], fusion.target_.empty_output_, bias)]
    for number in range(len(fusion.blocks_)):
        columns = np.flatnonzero(block_of_column == number)
        own_weight = np.ascontiguousarray(weight[:, columns], dtype=np.float32)
        parts.append(apply_layer(feed.X[:, columns], own_weight, nothing))
    parts = np.stack(parts).astype(np.float64)
    if fusion.target_.name == "cosine":
        # If the predicted factors are nearly 0, their direction depends on the rounding of the
        # sum, so use the direction of the fusion's own scores.
        parts[0] += fusion._output_of(feed) - parts.sum(axis=0)
        return _parts_of_similarity(parts, fusion.target_.label_factorizer_)
    return parts


def _parts_of_similarity(parts, factorizer):
    """Split the cosine of predicted factors and each label's factors into contributions."""
    factorizer = ppmi_factorizer(factorizer)
    length = np.linalg.norm(parts.sum(axis=0), axis=1)[:, np.newaxis]
    parts = parts @ normalize(factorizer.label_factors_).T / np.where(length > 0, length, 1)
    # Labels of no training row, or of all, have no factors, but a fixed score.
    for share, score in ((0, -1), (1, 1)):
        told = factorizer.label_share_ == share
        parts[:, :, told] = 0
        parts[0][:, told] = score
    return parts


def ppmi_factorizer(factorizer):
    """Return a fitted `PPMILabelFactorizer`, unwrapped from a `FrozenEstimator`."""
    if isinstance(factorizer, FrozenEstimator):
        factorizer = factorizer.estimator
    if not isinstance(factorizer, PPMILabelFactorizer):
        raise ValueError(
            f"The model predicts label factors of a {type(factorizer).__name__}, whose scores "
            "need not be cosines, so they cannot be split into contributions. Supported are "
            "PPMILabelFactorizer, and the targets 'softmax' and 'logistic'."
        )
    return factorizer
