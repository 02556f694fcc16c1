"""Small sounds and covers whose names, tags and comments tell what an annotator must not see."""

import json
import os
import re
import socket
import subprocess
import sys
import time

import httpx
import pandas as pd
from odd_folder import write_sound, write_tags
from PIL import Image
from PIL.PngImagePlugin import PngInfo

GENRES = ("Jazz", "Rap", "Rock", "Zydeco")
SECRET = re.compile(rb"secret", re.IGNORECASE)
_SOUNDS, _COVERS = ("mp3", "flac", "ogg", "wav"), ("jpg", "png")


def write_items(folder, n_items, *, duration=1.0, n_files=None):
    """Write a table of items, each with a sound and a cover, as t.csv; return the DataFrame.

    Parameters
    ----------
    folder : Path
    n_items : int
    duration : float
        Of a sound, in seconds.
    n_files : int or None
        Items share so many sounds and covers; None gives each its own.
    """
    (folder / "in").mkdir(parents=True)
    files = [write_item(folder, number, duration) for number in range(n_files or n_items)]
    rows = []
    for number in range(n_items):
        audio, cover = files[number % len(files)]
        genre = GENRES[number % len(files) % len(GENRES)]
        rows.append((f"secret id {number}", audio, cover, genre, f"artist {number // 2}"))
    table = pd.DataFrame(rows, columns=["id", "audio", "cover", "genre", "artist"])
    table.to_csv(folder / "t.csv", index=False)
    return table


def write_item(folder, number, duration):
    """Write a sound and a cover full of secrets; return their paths in the folder."""
    genre = GENRES[number % len(GENRES)]
    audio = f"in/secret {genre} {number}.{_SOUNDS[number // 4 % 4]}"
    cover = f"in/secret {genre} {number}.{_COVERS[number // 4 % 2]}"
    write_sound(folder / audio, "Jazz", number, duration=duration)
    told = {"title": f"secret title {number}", "artist": "Secret Artist", "genre": [genre]}
    write_tags(folder / audio, **told)
    image = Image.effect_noise((900, 60), 80).convert("RGB")
    image.paste((number % 256, 90, 160), (0, 0, 450, 60))
    exif = Image.Exif()
    exif[0x010E] = f"secret {genre}"  # its description
    if cover.endswith("png"):
        comment = PngInfo()
        comment.add_text("Comment", f"secret {genre}")
        image.save(folder / cover, pnginfo=comment, exif=exif)
    else:
        image.save(folder / cover, comment=f"secret {genre}".encode(), exif=exif)
    return audio, cover


def items_of(folder, output="annotations.csv"):
    """Return the name of each item by its id on the page."""
    path = folder / output.replace(".csv", ".items.json")
    return {one["id"]: one["item"] for one in json.loads(path.read_text())["items"]}


class Server:
    """`skmmgenre annotate` as a process of its own, on a port that stays the same.

    Parameters
    ----------
    folder : Path
        Of `write_items`.
    *options : str
    """

    def __init__(self, folder, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder, self._options = folder, options
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        command = [sys.executable, "-W", "error", "-m", "skmmgenre", "annotate", "t.csv"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *self._options],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for _ in range(600):
            try:
                httpx.get(f"{self.address}/state").raise_for_status()
                return
            except httpx.TransportError:
                assert self.process.poll() is None, self.process.stderr.read()
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def kill(self):
        """As `kill -9` does."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self.process.returncode is None:
            self.process.terminate()
            _, errors = self.process.communicate()
            assert "Traceback" not in errors, errors
