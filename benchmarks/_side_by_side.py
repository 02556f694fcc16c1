"""Time several functions in turn, so that other load on the machine affects all equally."""

import time

import numpy as np


def measure(calls, n_rounds, clock=time.process_time):
    """Return the seconds of each call in each round.

    Parameters
    ----------
    calls : dict of str to callable
        Called in this order, once before the first round and once per round.
    n_rounds : int
    clock : callable
        `time.process_time`, the default, measures processor time, summed over threads;
        for one thread on an idle machine it equals `time.perf_counter`.

    Returns
    -------
    seconds : dict of str to ndarray, shape (n_rounds,)
    """
    seconds = {name: np.empty(n_rounds) for name in calls}
    for call in calls.values():
        call()
    for k in range(n_rounds):
        for name, call in calls.items():
            begin = clock()
            call()
            seconds[name][k] = clock() - begin
    return seconds
