"""Download of published data sets from Zenodo, and their location."""

import os
import shutil
import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

from ..utils import get_data_home, import_from_extra, progress_bar, replacing

_CHECKSUMS = "checksums.txt"
_MEGABYTE = 1_000_000
_CHUNK = 1 << 16
# Faults of a download: no record, a wrong checksum, a broken archive, or paths outside the folder.
_FAULTS = (ValueError, KeyError, shutil.ReadError, tarfile.TarError, zipfile.BadZipFile)


def fetch_and_load(load, find, doi, folder, *, name, wanted, data_home, download, verbose, options):
    """Load a data set; download it first if it is missing or its download was interrupted.

    Parameters
    ----------
    load : callable
        Takes `data_home` and `options`.
    find : callable
        Takes the path None and `data_home`; raises FileNotFoundError if the data set is missing.
    doi : str
        DOI of the record, such as "10.5281/zenodo.1240485".
    folder : str
        Its folder in `data_home`.
    name : str
        Name of the data set, for the error message.
    wanted : str
        The files to put into the folder by hand, for the error message.
    data_home : str or path or None
        See `get_data_home`.
    download : bool
        Whether to download missing files; if False, missing files raise an error.
    verbose : int
        1 shows a progress bar.
    options : dict
        Further parameters of `load`.

    Returns
    -------
    data : Bunch

    Raises
    ------
    OSError
        If there is no network connection, or a downloaded file does not match the record.
    """
    folder = get_data_home(data_home) / folder
    try:
        find(None, data_home)
        # Without checksums, files were put here by hand, and need not be the whole record.
        missing = (folder / _CHECKSUMS).exists() and bool(_missing_files(folder))
    except FileNotFoundError:
        if not download:
            raise
        missing = True
    if missing and download:
        _fetch_record(doi, folder, name, wanted, verbose)
    return load(data_home=data_home, **options)


def _fetch_record(doi, folder, name, wanted, verbose):
    """Download every file of a record, compare its checksum, and unpack archives.

    Names and checksums (MD5) are those of the record; those of the first download are written to
    checksums.txt in the folder, and a record with other checksums is refused later. A file or
    archive is either stored completely or not at all.
    """
    pooch = import_from_extra("pooch", f"Downloading {name}", extra="data")
    requests = import_from_extra("requests", f"Downloading {name}", extra="data")
    folder.mkdir(parents=True, exist_ok=True)
    by_hand = (
        f"Download it by hand from https://doi.org/{doi} and put {wanted} into {str(folder)!r}, at "
        "any depth; or set its location with data_home= or the environment variable SKMMGENRE_DATA."
    )
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # the progress bar reports the download
    try:
        record = pooch.create(folder, base_url=f"doi:{doi}/", retry_if_failed=1)
        record.load_registry_from_doi()
        _check_against_the_first(record.registry, folder / _CHECKSUMS, name)
        for file in _missing_files(folder):
            with _DownloadProgress(f"{name}: {file} (MB)", verbose) as progress:
                downloader = pooch.DOIDownloader(progressbar=progress, chunk_size=_CHUNK)
                record.fetch(file, downloader=downloader)
            _unpack(folder / file)
    except (*_FAULTS, requests.exceptions.RequestException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(f"{name} could not be downloaded ({reason[:300]}). {by_hand}") from error
    finally:
        logger.setLevel(level)


def _missing_files(folder):
    """Return the files of the record that are not there, and the archives not yet unpacked."""
    files = _read_checksums(folder / _CHECKSUMS)
    return [file for file in files if not _target(folder / file).exists()]


def _read_checksums(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return {file: checksum for checksum, _, file in (line.partition("  ") for line in lines)}


def _check_against_the_first(registry, path, name):
    """Compare the record's checksums with those of the first download, if there was one."""
    now = {file: str(checksum) for file, checksum in sorted(registry.items())}
    if path.exists():
        then = _read_checksums(path)
        changed = sorted(file for file, checksum in now.items() if then.get(file) != checksum)
        if changed:
            raise ValueError(
                f"the checksum in the record has changed since the first download for "
                f"{', '.join(changed)}; remove {path.name} if this is expected"
            )
    else:
        text = "".join(f"{checksum}  {file}\n" for file, checksum in now.items())
        with replacing(path) as new:
            Path(new).write_text(text, encoding="utf-8")


def _target(path):
    """Return the final path of a file: for an archive, the folder named without its suffixes."""
    ends = tuple(end for _, ends, _ in shutil.get_unpack_formats() for end in ends)
    return path.with_name(path.name.partition(".")[0]) if path.name.endswith(ends) else path


def _unpack(path):
    """Unpack an archive into a folder of its name, completely or not at all, and delete it."""
    target = _target(path)
    if target == path:
        return
    # Not durable: the files can be downloaded again, and waiting for the disk after each is slow.
    with replacing(target, durable=False) as unpacked:
        os.mkdir(unpacked)
        # The filter refuses paths that lead out of the folder; zipfile strips them.
        options = {} if path.suffix == ".zip" else {"filter": "data"}
        shutil.unpack_archive(path, unpacked, **options)
    path.unlink()


class _DownloadProgress:
    """Adapter of this package's progress bar to the interface of pooch, in whole megabytes."""

    def __init__(self, description, verbose):
        self._description, self._verbose = description, verbose
        self._open = ExitStack()
        self._total = self._n_bytes = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    @property
    def total(self):
        """Total number of bytes; setting it starts the bar."""
        return self._total

    @total.setter
    def total(self, n_bytes):
        self.close()
        self._total, self._n_bytes = n_bytes, 0
        bar = progress_bar(-(-n_bytes // _MEGABYTE), self._description, verbose=self._verbose)
        self._advance = self._open.enter_context(bar)

    def update(self, n_bytes):
        """Count received bytes, up to the total: pooch counts the total a second time."""
        before = -(-self._n_bytes // _MEGABYTE)
        self._n_bytes = min(self._total, self._n_bytes + n_bytes)
        self._advance(-(-self._n_bytes // _MEGABYTE) - before)

    def reset(self):
        """Do nothing: received bytes stay counted."""

    def close(self):
        """Close the bar."""
        self._open.close()
