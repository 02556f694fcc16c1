"""Workers that need much memory."""

import subprocess
import sys

import pytest

GROW = """
import math, time
from skmmgenre.items import map_cells

def grow(cell):
    time.sleep(0.15)
    if cell >= 16:
        math.kept = bytearray(b"x") * 400_000_000
    return cell

if __name__ == "__main__":
    values, _ = map_cells(grow, list(range(64)), n_jobs=2)
    assert values == list(range(64))
"""


@pytest.mark.slow
def test_growing_workers_are_no_leak(tmp_path):
    """Where warnings are errors, the one of joblib would end its thread: a call without end."""
    pytest.importorskip("psutil")
    script = tmp_path / "grow.py"
    script.write_text(GROW)
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
