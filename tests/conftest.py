"""What all tests share."""

import os
import random
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

# rich draws from `random` while it is imported, and scikit-learn imports it with many of its
# modules: not our code's doing, so it happens before the first test.
import rich.style  # noqa: F401
from filelock import FileLock
from hypothesis import settings

# No test opens a window; also set for the processes that tests start.
os.environ.setdefault("MPLBACKEND", "Agg")

# Weights of ImageNet that are on this machine are not taken: what is learned would hang on them.
os.environ["TORCH_HOME"] = str(Path(__file__).parent / "data" / "no_weights")
# Nor are models and data sets that were fetched.
os.environ["SKMMGENRE_DATA"] = str(Path(__file__).parent / "data" / "no_downloads")
# Only `musicnn_home` downloads anything. Workers are given the variables of the process that starts
# them, so what was there before is kept in another one.
_KEPT = "SKMMGENRE_TESTS_PIP_NO_INDEX"
os.environ.setdefault(_KEPT, os.environ.get("PIP_NO_INDEX", "0"))
os.environ["PIP_NO_INDEX"] = "1"

# No test measures time: by default Hypothesis fails an example that takes longer than 200 ms.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data that may lie beside the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not shipped")
    return folder


@pytest.fixture(scope="session")
def musicnn_home(tmp_path_factory):
    """A data home with the weights of musicnn, downloaded once for all workers of a run."""
    from skmmgenre.pretrained import fetch

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    home, failed = folder / "musicnn_home", folder / "musicnn_failed.txt"
    with FileLock(folder / "musicnn.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKMMGENRE_DATA", str(home))
        patch.setenv("PIP_NO_INDEX", os.environ[_KEPT])
        patch.setenv("PIP_RETRIES", os.environ.get("PIP_RETRIES", "0"))
        if not failed.exists():
            try:
                fetch("musicnn")
            except OSError as error:
                failed.write_text(str(error), encoding="utf-8")
    if failed.exists():
        pytest.skip(f"needs the weights of musicnn: {failed.read_text(encoding='utf-8')}")
    return home


@pytest.fixture(scope="session")
def made_musicnn_weights(tmp_path_factory):
    """The path of random weights of musicnn's shapes."""
    from made_weights import musicnn_arrays
    from safetensors.numpy import save_file

    path = tmp_path_factory.mktemp("weights") / "made.safetensors"
    save_file(musicnn_arrays(), path)
    return path


def _global_random_states():
    kind, keys, position, *rest = np.random.get_state()
    states = {"random": random.getstate(), "numpy.random": (kind, keys.tobytes(), position, *rest)}
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


@pytest.fixture(scope="session")
def albums(tmp_path_factory):
    """Forty albums of three genres with sound (a list of one or two files), reviews, cover."""
    from skmmgenre.datasets import make_albums

    folder = tmp_path_factory.mktemp("albums")
    return make_albums(
        40,
        3,
        tracks_per_album=(1, 2),
        duration=2.4,
        audio_format="wav",
        cover_size=32,
        directory=folder,
        random_state=1,
    )


@pytest.fixture(scope="session")
def small_model():
    """A function that writes the pipeline at a size for tests; it takes what is to differ."""
    from skmmgenre.compose import make_genre_classifier

    sizes = {
        "audio": {
            "architecture": "time",
            "width": (8, 8, 8),
            "duration": 2.3,
            "hop_length": 512,
            "n_bins": 12,
            "fmin": 261.6,
            "max_epochs": 4,
            "lr": 1e-2,
        },
        "text": {"hidden_units": (16, 16), "max_epochs": 8, "lr": 1e-2},
        "image": {"depth": "small", "image_size": 32, "max_epochs": 1},
        "joint": {"n_components": 8, "hidden_units": 16, "max_epochs": 4},
        "fusion": {"max_epochs": 15, "lr": 5e-2},
    }

    def make(**params):
        parts = {name for name in ("audio", "text", "image") if params.get(name, name)} | {"fusion"}
        parts |= {"joint"} if params.get("joint_space") else set()
        small = {f"{part}__{k}": v for part in parts for k, v in sizes[part].items()}
        return make_genre_classifier(**({"random_state": 0} | small | params))

    return make


@pytest.fixture(scope="session")
def paper_model(small_model):
    """The same as the paper trains it: each network once, stopped on inner validation rows."""
    return partial(small_model, preset="paper")


@pytest.fixture(scope="session")
def fitted(albums, small_model):
    """The small pipeline of all three modalities, fitted; tests leave it as it is."""
    return small_model().fit(albums.table, albums.y, groups=albums.groups)


@pytest.fixture(scope="session")
def probabilities(albums, fitted):
    """What the fitted pipeline says of the rows it learned from."""
    return fitted.predict_proba(albums.table)
