"""Small sound files, and the genres that the command writes into them and takes back."""

import contextlib
import io
import json

from odd_folder import write_sound
from odd_folder import write_tags as put_tags

from skmmgenre.cli import main
from skmmgenre.datasets import load_music_folder

NAME = ".skmmgenre_tags.jsonl"  # as the help of the command says


def genres_of(folder):
    table = load_music_folder(str(folder), cover_directory=str(folder.parent / "covers")).table
    return dict(zip(table["audio"], table["genres"], strict=True))


def small(tmp_path, *suffixes, **tags):
    """A folder of a file of each format, and what is to be written."""
    files = []
    for number, suffix in enumerate(suffixes):
        path = tmp_path / "small" / f"{number}.{suffix}"
        write_sound(path, "Jazz", number, duration=1.0)
        if tags:
            put_tags(path, **tags)
        files.append(path)
    return tmp_path / "small", files


def undo(folder, code=0):
    """What `skmmgenre tag --undo` does to each file, in their order."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        assert main(["tag", "--undo", str(folder), "--quiet", "--json"]) == code
    return [outcome["action"] for outcome in json.loads(told.getvalue())["files"]]
