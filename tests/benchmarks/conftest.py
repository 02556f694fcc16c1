"""What tests of benchmarks share."""

from functools import cache

import _results
import pytest

_code_lines = _results._code_lines


@cache
def _lines(source):
    return list(_code_lines(source))


@pytest.fixture(autouse=True)
def code_is_parsed_once(monkeypatch):
    """Hashes of the whole package are those of before, and take less time."""
    monkeypatch.setattr(_results, "_code_lines", _lines)
