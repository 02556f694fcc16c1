"""Times of several functions in turn, so that what else the machine does falls on all alike."""

import time

import numpy as np


def measure(calls, n_rounds, clock=time.process_time):
    """Seconds of each call in each round.

    Parameters
    ----------
    calls : dict of str to callable
        Called in this order, once before the first round and once a round.
    n_rounds : int
    clock : callable
        `time.process_time`, the default, counts the time of the processor, all threads added;
        for one thread on an idle machine that is what `time.perf_counter` counts.

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
