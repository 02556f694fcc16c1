import hashlib
import json
import os
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from made_weights import musicnn_arrays, write_checkpoint
from safetensors import safe_open
from safetensors.numpy import save_file

from skmmgenre.audio._musicnn import SHAPES
from skmmgenre.pretrained import _fetch, fetch
from skmmgenre.pretrained._catalogue import WHEEL
from skmmgenre.pretrained._fetch import path_of, read_weights
from skmmgenre.utils import SetupError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel like the real one, of random weights; its hash counts as the right one."""
    path = tmp_path / "made.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for seed, folder in enumerate(("MSD_musicnn", "MTT_musicnn")):
            arrays = musicnn_arrays(seed)
            arrays |= {"conv2d/bias/Adam_1": np.ones(3), "beta1_power": np.float32(0.9)}
            index, data = write_checkpoint(arrays)
            archive.writestr(f"musicnn/{folder}/.index", index)
            archive.writestr(f"musicnn/{folder}/.data-00000-of-00001", data)
    monkeypatch.setattr(_fetch, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def files_in(home):
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def test_a_wheel_is_converted(home, wheel):
    path = fetch("musicnn", source=wheel)
    assert path == home / "pretrained" / "musicnn.safetensors"
    assert files_in(home) == ["musicnn-mtt.safetensors", "musicnn.safetensors"]
    for seed, name in enumerate(("musicnn", "musicnn-mtt")):
        weights = read_weights(name, None, SHAPES)
        for key, array in musicnn_arrays(seed).items():
            np.testing.assert_array_equal(weights.arrays[key], array)
    with safe_open(path, framework="np") as file:
        told = file.metadata()
    assert told["licence"].startswith("ISC\n\nCopyright (c) Music Technology Group")
    assert "Pons" in told["citation"] and json.loads(told["tags"])[0] == "rock"


def test_what_is_there_is_returned_at_once(home, wheel, monkeypatch):
    first = fetch("musicnn-mtt", source=str(wheel))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    status = first.stat()
    assert fetch("musicnn-mtt") == first and first.stat() == status
    with pytest.raises(ValueError, match="is not musicnn"):  # a source is looked at always
        fetch("musicnn-mtt", source=__file__)


def test_a_wheel_in_the_folder_is_taken(home, wheel):
    (home / "pretrained").mkdir(parents=True)
    wheel.rename(home / "pretrained" / WHEEL)
    assert fetch("musicnn").exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def change(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def write_foreign_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("musicnn/MSD_musicnn/.index", b"")
        archive.writestr("musicnn/__init__.py", "raise SystemExit")


def write_text(path):
    path.write_text("<html>Not found</html>")


@pytest.mark.parametrize("damage", [cut, change, write_foreign_zip, write_text])
def test_another_file_is_refused(home, wheel, damage):
    damage(wheel)
    with pytest.raises(ValueError, match=r"made.whl' is not musicnn-0.1.0.*SHA-256.*pip download"):
        fetch("musicnn", source=wheel)
    assert files_in(home) == []
    with pytest.raises(SetupError, match="does not contain the weights"):
        read_weights("musicnn", wheel, SHAPES)


def test_a_wheel_that_cannot_be_read(home, tmp_path):
    with pytest.raises(OSError, match=r"gone.whl' cannot be read \(No such file.*pip download"):
        fetch("musicnn", source=tmp_path / "gone.whl")
    with pytest.raises(OSError, match="cannot be read"):
        fetch("musicnn", source=tmp_path)


def test_no_network(home, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(OSError, match="No matching distribution") as caught:
        fetch("musicnn")
    told = str(caught.value)
    assert "`python -m pip download --no-deps --only-binary=:all: musicnn==0.1.0`" in told
    assert repr(str(home / "pretrained")) in told and f"--from {WHEEL}" in told
    assert files_in(home) == []


def test_pip_is_asked_with_the_user_s_settings(home, tmp_path, wheel, monkeypatch):
    """Here a folder of wheels in place of an index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheel, "a") as archive:
        about = "Metadata-Version: 2.1\nName: musicnn\nVersion: 0.1.0\n"
        archive.writestr("musicnn-0.1.0.dist-info/METADATA", about)
        archive.writestr("musicnn-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("musicnn-0.1.0.dist-info/RECORD", "")
    (wheels / WHEEL).write_bytes(wheel.read_bytes())
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setattr(_fetch, "SHA256", digest)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    assert fetch("musicnn").exists()
    monkeypatch.setattr(_fetch, "SHA256", "0" * 64)
    fetch("musicnn").unlink()
    with pytest.raises(ValueError, match="is not musicnn-0.1.0"):
        fetch("musicnn")
    assert files_in(home) == ["musicnn-mtt.safetensors"]


def test_without_pip(home, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "bare" / ("Scripts" if os.name == "nt" else "bin") / Path("python")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(OSError, match="pip is not installed in this environment. Run `python -m"):
        fetch("musicnn")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no_python"))
    with pytest.raises(OSError, match="could not be downloaded.*No such file"):
        fetch("musicnn")
    assert files_in(home) == []


def test_a_name_that_is_not_there(home):
    with pytest.raises(ValueError, match="Unknown model 'vggish'"):
        fetch("vggish")
    assert not home.exists()


class TestReadWeights:
    def test_not_fetched(self, home):
        told = "The weights of 'musicnn-mtt' are not in .*pretrained'. .*`skmmgenre fetch musicnn-"
        with pytest.raises(SetupError, match=told):
            read_weights("musicnn-mtt", None, SHAPES)

    def test_the_fingerprint_is_that_of_the_arrays(self, home, wheel, tmp_path):
        path = fetch("musicnn", source=wheel)
        of_file = read_weights("musicnn", None, SHAPES)
        of_wheel = read_weights("musicnn", wheel, SHAPES)
        assert of_file.fingerprint == of_wheel.fingerprint
        other = read_weights("musicnn-mtt", None, SHAPES)
        assert other.fingerprint != of_file.fingerprint
        assert read_weights("musicnn", path, SHAPES) is of_file

    def test_weights_of_the_other_network(self, home, wheel):
        """Its arrays have the same shapes; the tags would have the wrong names."""
        path = fetch("musicnn", source=wheel)
        with pytest.raises(SetupError, match="of musicnn-mtt: the weights are those of musicnn."):
            read_weights("musicnn-mtt", path, SHAPES)

    def test_a_file_that_was_replaced(self, tmp_path):
        path, arrays = tmp_path / "mine.safetensors", musicnn_arrays()
        save_file(arrays, path)
        first = read_weights("musicnn", path, SHAPES)
        save_file(arrays | {"dense_1/bias": np.zeros(50, np.float32)}, tmp_path / "new")
        os.replace(tmp_path / "new", path)
        assert read_weights("musicnn", path, SHAPES).fingerprint != first.fingerprint

    def test_files_that_do_not_fit(self, home, tmp_path):
        path = tmp_path / "mine.safetensors"
        with pytest.raises(SetupError, match="mine.safetensors' cannot be read .*Check the path"):
            read_weights("musicnn", path, SHAPES)
        arrays = musicnn_arrays()
        save_file({k: v for k, v in arrays.items() if k != "dense/bias"}, path)
        with pytest.raises(
            SetupError, match="not match musicnn, such as 'dense/bias'.*another path"
        ):
            read_weights("musicnn", path, SHAPES)
        save_file({k: v.astype(np.float64) for k, v in arrays.items()}, path)
        with pytest.raises(SetupError, match="not float32"):
            read_weights("musicnn", path, SHAPES)
        save_file(arrays, path)
        cut(path)
        with pytest.raises(SetupError, match="not a valid safetensors file"):
            read_weights("musicnn", path, SHAPES)
        path_of("musicnn").parent.mkdir(parents=True)
        path.rename(path_of("musicnn"))
        with pytest.raises(SetupError, match="Remove it and fetch it again"):
            read_weights("musicnn", None, SHAPES)


def test_the_real_weights(musicnn_home, monkeypatch):
    monkeypatch.setenv("SKMMGENRE_DATA", str(musicnn_home))
    assert files_in(musicnn_home) == ["musicnn-mtt.safetensors", "musicnn.safetensors"]
    for name in ("musicnn", "musicnn-mtt"):
        arrays = read_weights(name, None, SHAPES).arrays
        assert sum(array.size for array in arrays.values()) == 792_079
