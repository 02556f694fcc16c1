"""Synthetic albums that several of the room's tests look at."""

import pytest
from simulated_albums import SHORT

from skmmgenre.datasets import make_albums


@pytest.fixture(scope="session")
def albums(tmp_path_factory):
    """More albums than those of all tests, without labels to learn: short, and of small covers."""
    return make_albums(120, random_state=0, directory=tmp_path_factory.mktemp("albums"), **SHORT)
