"""Cases of a test of which some run in `make test-all` alone."""

import pytest


def few_fast(cases, *fast):
    """Return parameters of a list or of a dict by names; all but those of `fast` are slow."""
    return _marked(cases, lambda case: case not in fast)


def few_slow(cases, *slow):
    """Return parameters of a list or of a dict by names; those of `slow` are slow."""
    return _marked(cases, lambda case: case in slow)


def _marked(cases, is_slow):
    named = cases if isinstance(cases, dict) else dict(enumerate(cases))
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            id=name if named is cases else None,
            marks=pytest.mark.slow if is_slow(name if named is cases else case) else (),
        )
        for name, case in named.items()
    ]
