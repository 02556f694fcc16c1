"""The zip of a model file, as strangers make it and as disks damage it."""

import gzip
import io
import os
import pickle
import tempfile
import zipfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from forged_model import contents, forge, small_factorizer, why_refused
from slow_cases import few_fast

import skmmgenre

MB = 10**6


@pytest.fixture(scope="module")
def factorizer():
    return small_factorizer()


@pytest.fixture(scope="module")
def small_file(factorizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.skmmgenre"
    skmmgenre.save(factorizer[0], path)
    return path


def small(factorizer):
    return factorizer[0].transform(factorizer[1])


class Boom:
    """A pickle that leaves a mark when it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


class TestStrangers:
    @pytest.fixture
    @staticmethod
    def refused(tmp_path):
        """A function that tells why a file is refused; nothing ran, and little memory was used."""
        return partial(why_refused, mark=tmp_path / "mark")

    @pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("lzma", 3), ("bz2", 3), ("xz", 3)])
    def test_a_pickle(self, refused, tmp_path, compress):
        joblib.dump(Boom(tmp_path / "mark"), tmp_path / "m", compress=compress)
        assert "looks like a pickle" in refused(tmp_path / "m")

    def test_a_pickle_as_an_array(self, refused, small_file, tmp_path):
        members = contents(small_file)
        buffer = io.BytesIO()
        np.save(buffer, np.array([Boom(tmp_path / "mark")], dtype=object))
        for name in members:
            if name.endswith(".npy"):
                path = forge(tmp_path / "m", members | {name: buffer.getvalue()})
                assert f"{name!r} is an array of dtype('O')" in refused(path)
                path = forge(tmp_path / "m", members | {name: pickle.dumps(Boom("mark"))})
                assert f"{name!r} is not an array" in refused(path)

    def test_a_member_more(self, refused, small_file, tmp_path):
        path = tmp_path / "m"
        path.write_bytes(small_file.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("data.pkl", pickle.dumps(Boom(tmp_path / "mark")))
        assert "it contains 'data.pkl', which skmmgenre.save did not write" in refused(path)
        members = contents(small_file) | {"data.pkl": pickle.dumps(Boom(tmp_path / "mark"))}
        assert "'data.pkl' is not an array" in refused(forge(path, members))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_member_twice(self, refused, small_file, tmp_path):
        path = tmp_path / "m"
        path.write_bytes(small_file.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("schema.json", "{}")
        assert "it contains 'schema.json' twice" in refused(path)

    def test_a_member_less(self, refused, small_file, tmp_path):
        members = contents(small_file)
        for name in members.keys() - {"skmmgenre.json"}:
            others = {other: content for other, content in members.items() if other != name}
            path = forge(tmp_path / "m", others)
            assert f"{name!r} is missing" in refused(path)
            with zipfile.ZipFile(path, "w") as archive:  # the manifest still has it
                for other, content in others.items():
                    archive.writestr(other, content)
            assert f"{name!r} is missing" in refused(path)

    @pytest.mark.parametrize("shape", [(10**10,), (10**5, 10**5, 2), (-1,), (2**63, 2**63)])
    def test_an_array_that_declares_10_gb(self, refused, small_file, tmp_path, shape):
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        members = contents(small_file)
        (name,) = [name for name in members if name == "0.npy"]
        path = forge(tmp_path / "m", members | {name: buffer.getvalue() + bytes(100)})
        assert "declares an array of" in refused(path)

    def test_an_array_of_nothing_many_times(self, refused, small_file, tmp_path):
        header = {"descr": "<U0", "fortran_order": False, "shape": (10**12,)}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        path = forge(tmp_path / "m", contents(small_file) | {"0.npy": buffer.getvalue()})
        refused(path)

    @pytest.mark.parametrize(
        "name", few_fast(["skmmgenre.json", "schema.json", "0.npy"], "schema.json")
    )
    def test_a_zip_bomb(self, refused, small_file, tmp_path, name):
        """200 MB of spaces in 200 kB; with the declared size as it is, and with a small one."""
        members = contents(small_file) | {name: b" " * (200 * MB)}
        path = tmp_path / "m"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, content in members.items():
                archive.writestr(other, content)
        assert path.stat().st_size < MB
        assert f"{name!r} declares 200,000,000 bytes" in refused(path)
        size = (200 * MB).to_bytes(4, "little")
        assert path.read_bytes().count(size) == 2
        path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
        refused(path)

    @pytest.mark.parametrize("content", [b"?", b"PK", b"PK\x03\x04", b"RIFF", b"\x00" * 100])
    def test_other_files(self, refused, tmp_path, content):
        (tmp_path / "m").write_bytes(content)
        refused(tmp_path / "m")

    def test_a_file_of_skops_and_of_torch(self, refused, factorizer, tmp_path):
        import skops.io

        skops.io.dump(factorizer[0], tmp_path / "m")
        assert "skops.io.load" in refused(tmp_path / "m")

    def test_an_empty_file(self, tmp_path):
        (tmp_path / "m").touch()
        with pytest.raises(ValueError, match="m': it was not written by skmmgenre.save"):
            skmmgenre.load(tmp_path / "m")

    def test_no_file(self, tmp_path):
        for opened in (skmmgenre.load, skmmgenre.model_info):
            with pytest.raises(FileNotFoundError):
                opened(tmp_path / "m")
            with pytest.raises(IsADirectoryError):
                opened(tmp_path)


class TestDamage:
    def refused_or_same(self, path, content, factorizer):
        """Whether it was refused, in memory, too; if not, it must answer as before."""
        path.write_bytes(content)
        reasons = []
        for given, name in ((path, repr(str(path))), (io.BytesIO(content), "<BytesIO>")):
            try:
                model = skmmgenre.load(given)
            except ValueError as error:
                assert str(error).startswith(f"Model file {name}: "), error
                reasons.append(str(error).partition(": ")[2])
        if reasons:
            assert len(reasons) == 2
            return True
        np.testing.assert_array_equal(model.transform(factorizer[1]), small(factorizer))
        return False

    @pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
    def test_every_byte(self, small_file, factorizer, tmp_path, step):
        content = small_file.read_bytes()
        refused = 0
        for place in range(0, len(content), step):
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            refused += self.refused_or_same(tmp_path / "m", flipped, factorizer)
        # The rest is dates and the like in the zip's headers.
        assert refused > 0.8 * len(content[::step])

    @pytest.mark.slow
    def test_every_bit(self, small_file, factorizer, tmp_path):
        content = small_file.read_bytes()
        for place in range(len(content)):
            for bit in range(8):
                flipped = bytearray(content)
                flipped[place] ^= 1 << bit
                self.refused_or_same(tmp_path / "m", flipped, factorizer)

    def test_cut_off_anywhere(self, small_file, factorizer, tmp_path):
        content = small_file.read_bytes()
        for length in range(0, len(content), 7):
            assert self.refused_or_same(tmp_path / "m", content[:length], factorizer)

    def test_an_array_that_is_not_its_own(self, small_file, tmp_path):
        """Whole by the zip's own sums, but not what was saved."""
        members = contents(small_file)
        array = np.load(io.BytesIO(members["0.npy"]))
        buffer = io.BytesIO()
        np.save(buffer, np.zeros_like(array))
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            for name, content in (members | {"0.npy": buffer.getvalue()}).items():
                archive.writestr(name, content)
        with pytest.raises(ValueError, match=r"the checksum of '0.npy' does not match\. It is dam"):
            skmmgenre.load(tmp_path / "m")


class TestFileObjects:
    """What stands in the place of a path."""

    def test_the_bytes_of_a_file(self, factorizer, small_file):
        stream = io.BytesIO()
        skmmgenre.save(factorizer[0], stream)
        assert stream.getvalue() == small_file.read_bytes()

    @pytest.mark.parametrize(
        "opened",
        [
            io.BytesIO,
            tempfile.TemporaryFile,
            tempfile.NamedTemporaryFile,
            tempfile.SpooledTemporaryFile,
            partial(tempfile.TemporaryFile, buffering=0),
        ],
        ids=["BytesIO", "temporary", "named", "spooled", "unbuffered"],
    )
    def test_behind_other_content(self, opened, factorizer, small_file):
        with opened() as file:
            file.write(b"header")
            skmmgenre.save(factorizer[0], file)
            file.seek(6)
            info = skmmgenre.model_info(file)
            assert file.tell() == 6 and info == skmmgenre.model_info(small_file)
            model = skmmgenre.load(file)
            assert file.tell() == 6 and not file.closed
        np.testing.assert_array_equal(model.transform(factorizer[1]), small(factorizer))

    def test_one_that_can_only_be_written_to(self, factorizer, small_file):
        """As a pipe, and in parts."""
        parts = []

        class Pipe:
            def write(self, data):
                parts.append(bytes(data[:1000]))
                return len(parts[-1])

        skmmgenre.save(factorizer[0], Pipe())
        assert len(parts) > 1 and b"".join(parts) == small_file.read_bytes()

    @pytest.mark.parametrize("opened", [skmmgenre.load, skmmgenre.model_info])
    def test_one_that_cannot_be_sought_in(self, opened, small_file):
        reader, writer = os.pipe()
        with open(reader, "rb") as pipe:
            os.write(writer, small_file.read_bytes()[:1000])
            os.close(writer)
            with pytest.raises(ValueError, match=r"is not seekable.*io\.BytesIO\("):
                opened(pipe)

    def test_one_for_text(self, factorizer, small_file, tmp_path):
        with open(small_file, encoding="latin-1") as file:
            with pytest.raises(TypeError, match="small.skmmgenre' is open in text mode.*'rb'"):
                skmmgenre.load(file)
        with open(tmp_path / "m", "w") as file:
            with pytest.raises(TypeError, match="open in text mode.*'wb'"):
                skmmgenre.save(factorizer[0], file)
        with pytest.raises(TypeError, match="<StringIO> is open in text mode"):
            skmmgenre.save(factorizer[0], io.StringIO())

    @pytest.mark.parametrize(
        "opened",
        [open, partial(open, buffering=0), gzip.open],
        ids=["buffered", "unbuffered", "gzip"],
    )
    def test_one_for_the_other_purpose(self, opened, factorizer, tmp_path):
        with opened(tmp_path / "m", "wb") as file:
            skmmgenre.save(factorizer[0], file)
            with pytest.raises(ValueError, match="m' is not open for reading.*mode 'rb'"):
                skmmgenre.load(file)
        before = (tmp_path / "m").read_bytes()
        with opened(tmp_path / "m", "rb") as file:
            with pytest.raises(ValueError, match="m' is not open for writing.*mode 'wb'"):
                skmmgenre.save(factorizer[0], file)
            skmmgenre.load(file)
        assert (tmp_path / "m").read_bytes() == before

    def test_a_closed_one(self, factorizer):
        stream = io.BytesIO()
        stream.close()
        with pytest.raises(ValueError, match="<BytesIO> is closed.*'wb'"):
            skmmgenre.save(factorizer[0], stream)
        with pytest.raises(ValueError, match="<BytesIO> is closed.*'rb'"):
            skmmgenre.load(stream)

    @pytest.mark.parametrize("opened", [skmmgenre.load, skmmgenre.model_info])
    def test_one_at_another_position(self, opened, factorizer):
        stream = io.BytesIO()
        skmmgenre.save(factorizer[0], stream)
        end = f"{stream.tell():,}"
        with pytest.raises(
            ValueError, match=rf"nothing after its current position, {end}\..* seek\(0\)"
        ):
            opened(stream)
        stream.seek(10)
        with pytest.raises(
            ValueError, match=r"no model begins at its current position, 10\..* seek\(0\)"
        ):
            opened(stream)
        stream.seek(0)
        opened(stream)
        with pytest.raises(ValueError, match="<BytesIO>: it is empty"):
            opened(io.BytesIO())

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_content_in_place_of_a_path(self, kind, factorizer, small_file):
        for content in (kind(small_file.read_bytes()), kind(b"")):
            expected = rf"got the content of a file \({kind.__name__}\)\. Pass .*io\.BytesIO\("
            for call in (skmmgenre.load, skmmgenre.model_info):
                with pytest.raises(TypeError, match=expected):
                    call(content)
            with pytest.raises(TypeError, match=expected):
                skmmgenre.save(factorizer[0], content)
        assert skmmgenre.model_info(os.fsencode(small_file))  # a path may be of bytes

    @pytest.mark.parametrize("given", [None, 3, {}, object(), io.BytesIO])
    def test_something_else(self, given, factorizer):
        expected = f"must be a path or a binary file object, got {type(given).__name__}"
        with pytest.raises(TypeError, match=expected):
            skmmgenre.load(given)
        with pytest.raises(TypeError, match=expected):
            skmmgenre.save(factorizer[0], given)


class TestWhereToSave:
    """What cannot be written is named as the user named it."""

    @pytest.fixture(params=[str, os.fsencode, Path], ids=["str", "bytes", "Path"])
    @staticmethod
    def save(request, factorizer):
        def save(path):
            return skmmgenre.save(factorizer[0], request.param(path))

        return save

    def test_a_missing_folder(self, save, tmp_path):
        with pytest.raises(FileNotFoundError) as caught:
            save(f"{tmp_path}/absent/m.skmmgenre")
        folder = f"{tmp_path}/absent"
        expected = f"'{folder}/m.skmmgenre' cannot be written: there is no folder '{folder}'."
        assert str(caught.value) == expected

    def test_a_file_in_place_of_a_folder(self, save, small_file):
        with pytest.raises(NotADirectoryError, match="small.skmmgenre' is not a folder"):
            save(f"{small_file}/m.skmmgenre")

    def test_a_folder(self, save, tmp_path):
        with pytest.raises(
            IsADirectoryError, match=f"{tmp_path}' is a folder. Pass the path of a file"
        ):
            save(str(tmp_path))
        assert not list(tmp_path.iterdir())

    def test_what_only_the_system_refuses(self, save, tmp_path):
        name = "m" * 300
        with pytest.raises(OSError) as caught:
            save(f"{tmp_path}/{name}")
        assert caught.value.filename == f"{tmp_path}/{name}"
        assert "skmmgenre_new" not in str(caught.value) and not list(tmp_path.iterdir())

    def test_a_place_that_is_there(self, save, tmp_path, monkeypatch):
        save(f"{tmp_path}/m.skmmgenre")
        assert skmmgenre.model_info(tmp_path / "m.skmmgenre")
        monkeypatch.chdir(tmp_path)
        save("other.skmmgenre")
        assert skmmgenre.model_info("other.skmmgenre")


@pytest.mark.parametrize("path, error", [("", ValueError), ("absent/", IsADirectoryError)])
def test_a_path_without_a_name(factorizer, tmp_path, monkeypatch, path, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match="Pass the path of a file"):
        skmmgenre.save(factorizer[0], path)
