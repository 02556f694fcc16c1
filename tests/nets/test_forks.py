"""Networks in a forked process, whose parent has answered with several threads."""

import os
import subprocess
import sys

import pytest

CHILD = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of every fork of a process with threads
import numpy as np, torch
from scipy import sparse
from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.nets import derived
from skmmgenre.text import TextMLP

torch.set_num_threads(2)
rng = np.random.default_rng(0)
training = {"max_epochs": 1, "validation_fraction": 0, "random_state": 0}
vectors, y = rng.normal(size=(40, 600)), np.arange(40) % 2
patches = rng.normal(size=(40, 96, 130)).astype(np.float32)
words = sparse.random_array((40, 3000), density=0.1, rng=rng, format="csr")
covers = list(rng.integers(0, 255, (40, 36, 36, 3)).astype(np.uint8))
halves = {"audio": 300, "image": 300}
model, X = {
    "audio": lambda: (AudioCNN(architecture="time", **training), patches),
    "cover": lambda: (ResNetEmbedder(depth=18, weights=None, image_size=32, **training), covers),
    "text": lambda: (TextMLP(**training), words),
    "fusion": lambda: (FusionClassifier(blocks=halves, **training), vectors),
    "joint": lambda: (JointSpaceProjector(blocks=halves, **training), vectors),
}[sys.argv[1]]()
method = "transform" if hasattr(model, "transform") else "predict_proba"
expected = getattr(model.fit(X, y), method)(X)

# A thread of the parent builds a module while the process forks.
begun, end = threading.Event(), threading.Event()
def build():
    begun.set()
    end.wait(60)
builder = threading.Thread(target=derived, args=(model, model.weights_, "other", build))
builder.start()
begun.wait(60)

pid = os.fork()
if pid == 0:
    signal.alarm(60)
    # The last number of a vector is the root of a difference: so is its rounding.
    np.testing.assert_allclose(getattr(model, method)(X), expected, rtol=1e-4, atol=1e-3)
    model.fit(X, y)
    assert np.isfinite(getattr(model, method)(X)).all()
    assert torch.get_num_threads() == 1
    os._exit(0)
status = os.waitpid(pid, 0)[1]
end.set()
builder.join()
assert torch.get_num_threads() == 2
np.testing.assert_array_equal(getattr(model, method)(X), expected)
sys.exit(status != 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(
    "network",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("audio", "cover", "joint", "text")),
        "fusion",
    ],
)
def test_a_forked_child_answers_and_learns(network):
    subprocess.run([sys.executable, "-c", CHILD, network], check=True, timeout=180)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_imports_no_torch():
    code = """
import os, sys
import skmmgenre.nets
assert "torch" not in sys.modules
pid = os.fork()
if pid == 0:
    os._exit("torch" in sys.modules)
sys.exit(os.waitpid(pid, 0)[1] != 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
