"""What all tests share."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import rich.style  # noqa: F401  (its import draws from `random`; here it is before all tests)

# No test opens a window; also set for the processes that tests start.
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data that may lie beside the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not shipped")
    return folder


def _global_random_states():
    kind, keys, position, *rest = np.random.get_state()
    states = {
        "random": random.getstate(),
        "numpy.random": (kind, keys.tobytes(), position, *rest),
    }
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state().numpy().tobytes()
    return states


@pytest.fixture(autouse=True)
def global_randomness_is_left_alone():
    """Every test also shows that our code does not draw from or seed the global generators."""
    before = _global_random_states()
    yield
    after = _global_random_states()
    touched = [name for name, state in before.items() if after[name] != state]
    assert not touched, f"the global state of {touched} was changed"
