"""Modules rebuilt from arrays, one an estimator, kept outside of its state (rule 4)."""

import threading
import weakref

_modules = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def cached_module(estimator, arrays, device, build):
    """Return the module of an estimator, built again when its arrays or device are others."""
    with _lock:
        known = _modules.get(estimator)
        if known is None or known[0] is not arrays or known[1] != device:
            known = _modules[estimator] = (arrays, device, build())
        return known[2]
