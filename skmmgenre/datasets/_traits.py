"""Points spread evenly over a cube: the traits of the genres in sound and in cover."""

import numpy as np

# Generalised golden ratio in many dimensions (the R sequence): neighbours stay apart.
_N_DIMENSIONS = 12


def _spread(index, offset):
    ratio = 2.0
    for _ in range(64):
        ratio = (1.0 + ratio) ** (1.0 / (_N_DIMENSIONS + 1))
    steps = ratio ** -np.arange(1.0, _N_DIMENSIONS + 1)
    return (offset + (index + 1) * steps) % 1.0


def genre_traits(genre, *, offset):
    """Twelve numbers in [0, 1] for a genre; genres of one family lie nearer to each other."""
    family = _spread(genre.family, offset)
    leaf = _spread(6 * genre.family + genre.place, offset + 0.37)
    return 0.4 * family + 0.6 * leaf
