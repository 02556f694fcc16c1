"""`preset="paper"` trains as it did before there was another preset."""

import json

import numpy as np
import pytest
from paper_steps import FILE, NETWORKS, TARGETS, first_losses


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_first_steps_are_those_of_before(network, target):
    known = json.loads(FILE.read_text())[f"{network}, {target}"]
    found = first_losses(network, target, preset="paper")
    np.testing.assert_allclose(found, known, rtol=1e-5, atol=1e-6)
