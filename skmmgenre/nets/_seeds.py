"""Seeds of our own generators. The global random state is neither read nor written."""

import numpy as np


def draw_seeds(random_state, n_seeds):
    """Return `n_seeds` integers below 2**63: the same for the same `random_state`.

    Parameters
    ----------
    random_state : int, RandomState or None
        None draws fresh entropy; a RandomState is advanced by one draw.
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    words = np.random.SeedSequence(random_state).generate_state(n_seeds, np.uint64)
    return [int(word >> np.uint64(1)) for word in words]
