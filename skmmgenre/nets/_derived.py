"""What follows from an estimator's arrays, kept outside of its state (rule 4)."""

import threading
import weakref

_known = weakref.WeakKeyDictionary()
_lock = threading.Lock()


class _Derived:
    """What was made of some arrays; by name, the last key and what was made for it."""

    def __init__(self, arrays):
        self.arrays, self.made, self.lock = arrays, {}, threading.Lock()


def derived(estimator, arrays, what, make, key=None):
    """Return what `make` returns, made again when the estimator's arrays are others.

    Threads that ask for the same estimator wait for one of them to make it.

    Parameters
    ----------
    estimator : estimator
    arrays : object
        What is asked for follows from it; told by identity.
    what : str
        Name of what is asked for.
    make : callable
        Without arguments. It must not ask for what follows from this estimator.
    key : object, default=None
        What else it depends on; only what was made for the last key is kept.
    """
    with _lock:
        known = _known.get(estimator)
        if known is None or known.arrays is not arrays:
            known = _known[estimator] = _Derived(arrays)
    with known.lock:
        if what not in known.made or known.made[what][0] != key:
            known.made.pop(what, None)  # two modules need not be in memory at once
            known.made[what] = key, make()
        return known.made[what][1]
