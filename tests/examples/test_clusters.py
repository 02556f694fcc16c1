"""Real clusters on this machine, dask's and ray's, answer what its own cores answer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from strict_python import WARNINGS_ARE_ERRORS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run an example in a process of its own and return its output folder."""
    # Workers of dask and ray have a thread each, and training has other bits with more. Ray is
    # asked for no token, which it would write into the home folder.
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"}

    def run(name):
        output = tmp_path_factory.mktemp(name)
        done = subprocess.run(
            [sys.executable, *WARNINGS_ARE_ERRORS, str(EXAMPLES / f"{name}.py")]
            + ["--output", str(output)],
            capture_output=True,
            text=True,
            timeout=1800,
            env=alone,
        )
        assert done.returncode == 0, done.stderr
        return output

    return run


@pytest.fixture(scope="module")
def here(run):
    return run("extract_link_search")


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_cluster_answers_what_one_machine_answers(run, here, engine):
    pytest.importorskip("distributed" if engine == "dask" else "ray")
    there = run(f"on_a_{engine}_cluster")
    patches = np.load(there / "patches.npy")
    assert patches.shape[0] == 100 and np.isfinite(patches).all()
    for name in ("patches.npy", "probabilities.npy"):
        np.testing.assert_array_equal(np.load(there / name), np.load(here / name))
    texts = (there / "texts.csv").read_text()
    assert "cat_" in texts and texts == (here / "texts.csv").read_text()
    found, expected = (pd.read_csv(folder / "search.csv") for folder in (there, here))
    assert len(found) == 4 and found["mean_test_score"].nunique() > 1
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
