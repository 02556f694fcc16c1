"""Music and a small model that the tests of the command share."""

import pytest
from odd_folder import write_odd_folder
from small_settings import settings

from skmmgenre.cli import main


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    return write_odd_folder(tmp_path_factory.mktemp("music") / "odd", 75, big_cover=100_000)


@pytest.fixture(scope="session")
def model(odd, tmp_path_factory):
    """A file of a model of one genre an item, from sound and text."""
    path = tmp_path_factory.mktemp("model") / "genres.skmmgenre"
    words = ["train", str(odd.path), "-o", str(path), "--target", "softmax", "--quiet"]
    words += ["--modality", "audio", "--modality", "text"]
    assert main([*words, *settings("audio", "text", "fusion")]) == 0
    return str(path)
