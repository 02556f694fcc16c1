"""t-SNE for the maps of displays and reports."""

import numpy as np
from sklearn.manifold import TSNE


def project(vectors, *, perplexity=30.0, random_state=None, n_jobs=None):
    """Project vectors to two dimensions by t-SNE, initialized with their principal components.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
    perplexity : float, default=30.0
        Reduced to a third of the number of other vectors, if these are few.
    random_state : int or None
    n_jobs : int or None

    Returns
    -------
    positions : ndarray of shape (n, 2), float32
        All zeros if the vectors are equal.
    perplexity : float
        The one that was used.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    perplexity = min(perplexity, (len(vectors) - 1) / 3)
    if not np.ptp(vectors, axis=0).any():
        # TSNE divides the principal components by their standard deviation; positions of NaN
        # then crash the interpreter.
        return np.zeros((len(vectors), 2), dtype=np.float32), perplexity
    tsne = TSNE(init="pca", perplexity=perplexity, random_state=random_state, n_jobs=n_jobs)
    return tsne.fit_transform(vectors), perplexity
