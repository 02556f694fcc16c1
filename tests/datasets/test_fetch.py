"""Downloads of published data sets, from a real server that plays doi.org and Zenodo."""

import hashlib
import io
import json
import shutil
import socket
import tarfile
import threading
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from published_layout import write_msdi, write_mumu

from skmmgenre.datasets import fetch_msdi, fetch_mumu, get_data_home, load_msdi, load_mumu

pooch = pytest.importorskip("pooch")
requests = pytest.importorskip("requests")


class Record(BaseHTTPRequestHandler):
    """A record with files; the path tells doi.org, the API and the files apart."""

    def do_GET(self):
        address = f"http://127.0.0.1:{self.server.server_port}"
        self.server.asked.append(self.path)
        if self.path.startswith("/10.5281/zenodo."):
            self.send_response(302)
            self.send_header("Location", f"{address}/records/{self.path.rpartition('.')[2]}")
            self.end_headers()
            return
        name = self.path.rpartition("/")[2]
        body = b"a page"
        if self.path.startswith("/api/records/"):
            files = [
                {
                    "key": key,
                    "checksum": f"md5:{self.server.checksums.get(key) or md5(data)}",
                    "links": {"self": f"https://zenodo.org/files/{key}"},
                }
                for key, data in self.server.files.items()
            ]
            body = json.dumps({"id": 1, "files": files}).encode()
        elif name in self.server.out_of_order:
            self.send_error(503)
            return
        elif self.path.startswith("/files/"):
            body = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def md5(data):
    return hashlib.md5(data).hexdigest()


def at_home(get, port, url, **options):
    """Ask the server of the test for what is on doi.org or zenodo.org."""
    host, _, path = url.removeprefix("https://").partition("/")
    assert host in ("doi.org", "zenodo.org")
    response = get(f"http://127.0.0.1:{port}/{path}", **options)
    response.url = response.url.replace(f"http://127.0.0.1:{port}", "https://zenodo.org")
    return response


@pytest.fixture
def zenodo(monkeypatch, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Record)
    server.files, server.checksums, server.asked, server.out_of_order = {}, {}, [], set()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(requests, "get", partial(at_home, requests.get, server.server_port))
    monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path / "home"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits before it tries again
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def tar_of(folder):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return packed.getvalue()


def zip_of(folder):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def test_a_table_and_an_archive(zenodo, tmp_path, capsys):
    write_msdi(tmp_path / "source", widths={"audio": 3})
    (table,) = (tmp_path / "source").rglob("MSD-I_dataset.tsv")
    zenodo.files = {"MSD-I_dataset.tsv": table.read_bytes()}
    table.unlink()
    zenodo.files["msdi.tar.gz"] = tar_of(tmp_path / "source")
    data = fetch_msdi(vectors="audio")
    assert len(data.table) == 12 and data.vectors.notna().all(axis=None)
    home = tmp_path / "home" / "msdi"
    assert sorted(path.name for path in home.iterdir()) == [
        "MSD-I_dataset.tsv",
        "checksums.txt",
        "msdi",
    ]
    checksums = (home / "checksums.txt").read_text()
    assert f"md5:{md5(zenodo.files['msdi.tar.gz'])}  msdi.tar.gz" in checksums
    assert "/10.5281/zenodo.1240485" in zenodo.asked
    shown = capsys.readouterr()
    assert "msdi.tar.gz (MB)" in shown.err and shown.out == ""

    asked = len(zenodo.asked)  # what is there is not asked for again
    assert len(fetch_msdi().table) == len(load_msdi().table) == 12
    assert len(zenodo.asked) == asked


def test_a_download_that_was_stopped_goes_on(zenodo, tmp_path):
    write_msdi(tmp_path / "source", widths={"audio": 3})
    (table,) = (tmp_path / "source").rglob("MSD-I_dataset.tsv")
    zenodo.files = {"MSD-I_dataset.tsv": table.read_bytes()}
    table.unlink()
    zenodo.files["msdi.tar.gz"] = tar_of(tmp_path / "source")
    zenodo.out_of_order = {"msdi.tar.gz"}
    with pytest.raises(OSError, match="503"):
        fetch_msdi(verbose=0)  # the table has come, the archive has not
    zenodo.out_of_order = set()
    assert fetch_msdi(verbose=0, vectors="audio").vectors.shape == (12, 3)
    assert zenodo.asked.count("/files/MSD-I_dataset.tsv") == 1


def test_an_archive_that_was_not_unpacked(zenodo, tmp_path):
    """As when the process ends between the two: it is unpacked, but not downloaded again."""
    write_msdi(tmp_path / "source", widths={"audio": 3})
    (table,) = (tmp_path / "source").rglob("MSD-I_dataset.tsv")
    zenodo.files = {"MSD-I_dataset.tsv": table.read_bytes()}
    table.unlink()
    zenodo.files["msdi.tar.gz"] = tar_of(tmp_path / "source")
    fetch_msdi(verbose=0)
    home = tmp_path / "home" / "msdi"
    shutil.rmtree(home / "msdi")
    (home / "msdi.tar.gz").write_bytes(zenodo.files["msdi.tar.gz"])
    assert fetch_msdi(verbose=0, vectors="audio").vectors.shape == (12, 3)
    assert zenodo.asked.count("/files/msdi.tar.gz") == 1
    assert (home / "msdi").is_dir() and not (home / "msdi.tar.gz").exists()


def test_mumu_in_a_zip(zenodo, tmp_path, capsys):
    write_mumu(tmp_path / "source")
    zenodo.files = {"mumu_dataset.zip": zip_of(tmp_path / "source")}
    with pytest.warns(UserWarning, match="no review"):
        data = fetch_mumu(verbose=0)
    assert data.Y.shape == (12, 7)
    assert "/10.5281/zenodo.831189" in zenodo.asked
    assert capsys.readouterr() == ("", "")
    with pytest.warns(UserWarning):
        assert len(load_mumu().table) == 12


def test_a_file_that_does_not_arrive_whole(zenodo, tmp_path):
    write_msdi(tmp_path / "source")
    (table,) = (tmp_path / "source").rglob("MSD-I_dataset.tsv")
    zenodo.files = {"MSD-I_dataset.tsv": table.read_bytes()}
    zenodo.checksums = {"MSD-I_dataset.tsv": md5(b"another")}
    with pytest.raises(OSError, match=r"MSD-I could not be downloaded .*hash.*put MSD-I_dataset"):
        fetch_msdi(verbose=0)
    assert not (tmp_path / "home" / "msdi" / "MSD-I_dataset.tsv").exists()


def test_a_record_that_has_changed(zenodo, tmp_path):
    write_msdi(tmp_path / "source")
    (table,) = (tmp_path / "source").rglob("MSD-I_dataset.tsv")
    zenodo.files = {"MSD-I_dataset.tsv": table.read_bytes()}
    fetch_msdi(verbose=0)
    (tmp_path / "home" / "msdi" / "MSD-I_dataset.tsv").unlink()
    zenodo.files = {"MSD-I_dataset.tsv": table.read_bytes() + b"\n"}
    with pytest.raises(OSError, match="changed since the first download for MSD-I_data"):
        fetch_msdi(verbose=0)
    (tmp_path / "home" / "msdi" / "checksums.txt").unlink()
    assert len(fetch_msdi(verbose=0).table) == 12


def test_an_archive_that_leads_out_of_its_folder(zenodo, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../out.txt"))
    zenodo.files = {"msdi.tar.gz": packed.getvalue()}
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch_msdi(verbose=0)
    assert not list(tmp_path.rglob("out.txt"))
    assert not list(tmp_path.rglob(".skmmgenre_new_*"))


def test_no_network(monkeypatch, tmp_path):
    """A refused connection: the error says which file to put where."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(requests, "get", partial(at_home, requests.get, port))
    home = tmp_path / "home"
    with pytest.raises(OSError) as caught:
        fetch_msdi(data_home=home, verbose=0)
    message = str(caught.value)
    for part in ("MSD-I could not", "doi.org/10.5281/zenodo.1240485", "MSD-I_dataset.tsv"):
        assert part in message
    assert str(home / "msdi") in message and "SKMMGENRE_DATA" in message
    with pytest.raises(OSError, match=r"MuMu could not .*MuMu_dataset_multi-label.csv"):
        fetch_mumu(data_home=home, verbose=0)


def test_a_page_instead_of_a_record(zenodo, monkeypatch):
    monkeypatch.setattr(Record, "do_GET", lambda self: self.send_error(404))
    with pytest.raises(OSError, match="could not be downloaded .*404"):
        fetch_msdi(verbose=0)


def test_without_pooch(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(ImportError, match=r"Downloading MSD-I needs pooch.*skmmgenre\[data\]"):
        fetch_msdi(data_home=tmp_path)


def test_where_data_sets_lie(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SKMMGENRE_DATA", raising=False)
    assert get_data_home() == tmp_path / "skmmgenre_data"
    assert get_data_home("~/music") == tmp_path / "music"
    monkeypatch.setenv("SKMMGENRE_DATA", "~/elsewhere")
    assert get_data_home() == tmp_path / "elsewhere"
    assert get_data_home(tmp_path) == tmp_path and not (tmp_path / "elsewhere").exists()
