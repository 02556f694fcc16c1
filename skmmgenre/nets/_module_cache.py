"""Modules rebuilt from arrays, one an estimator, kept outside of its state (rule 4)."""

import threading
import weakref

_modules = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def cached_module(estimator, arrays, build):
    """Return the module of an estimator, built again when its arrays are other ones."""
    with _lock:
        known = _modules.get(estimator)
        if known is None or known[0] is not arrays:
            known = _modules[estimator] = (arrays, build())
        return known[1]
