"""What follows from an estimator's arrays, kept outside of its state (rule 4)."""

import threading
import weakref

_known = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def derived(estimator, arrays, what, make):
    """Return what `make` returns, made again when the estimator's arrays are others.

    Parameters
    ----------
    estimator : estimator
    arrays : object
        What is asked for follows from it; told by identity.
    what : hashable
        Name of what is asked for.
    make : callable
        Without arguments.
    """
    with _lock:
        if estimator not in _known or _known[estimator][0] is not arrays:
            _known[estimator] = arrays, {}
        made = _known[estimator][1]
        if what not in made:
            made[what] = make()
        return made[what]
