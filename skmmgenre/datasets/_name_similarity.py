"""How similar names are, many pairs at a time."""

import numpy as np

from ..utils import import_from_extra


def text_similarity(texts, others):
    """Compare texts pair by pair.

    Parameters
    ----------
    texts, others : list of str, shape (n,)

    Returns
    -------
    similarity : ndarray of float32, shape (n,)
        1 minus the number of letters put in, taken out, replaced or swapped with their
        neighbour, over the length of the longer text.
    """
    if not texts:
        return np.empty(0, dtype=np.float32)
    process = import_from_extra("rapidfuzz.process", "Matching records", extra="data")
    distance = import_from_extra("rapidfuzz.distance", "Matching records", extra="data")
    scorer = distance.OSA.normalized_similarity
    return process.cpdist(texts, others, scorer=scorer, dtype=np.float32)


def key_similarity(keys, others):
    """Compare names pair by pair.

    Parameters
    ----------
    keys, others : list of NameKey, shape (n,)

    Returns
    -------
    similarity : ndarray of float32, shape (n,)
        Of the words as they stand or sorted, in Latin letters if the scripts differ; 0 where
        numbers or marks of a version do.
    """
    pairs = [_same_script(key, other) for key, other in zip(keys, others, strict=True)]
    texts, other_texts = [text for text, _ in pairs], [text for _, text in pairs]
    similarity = np.maximum(
        text_similarity(texts, other_texts),
        text_similarity(_sorted_words(texts), _sorted_words(other_texts)),
    )
    similarity[[key.marks != other.marks for key, other in zip(keys, others, strict=True)]] = 0.0
    return similarity


def _same_script(key, other):
    if key.words.isascii() == other.words.isascii():
        return key.words, other.words
    return key.latin, other.latin


def _sorted_words(texts):
    return [" ".join(sorted(text.split())) for text in texts]
