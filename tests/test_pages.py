"""The pages for researchers, engineers and collectors run from begin to end, as written.

Their blocks are taken from the pages in order: Python in one namespace, commands by a shell, YAML
as the file that its first line names. Networks are smaller, and nothing is installed: `change`
says what a test replaces.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from odd_folder import GENRES, image_bytes, write_odd_folder, write_sound, write_tags
from published_layout import write_msdi, write_mumu
from small_settings import settings
from sound_state import state_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^```(python|console|yaml)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


class Page:
    """Runs the blocks of a page in a folder; answers of commands are kept in `told`."""

    def __init__(self, name, folder, change):
        self.blocks = _BLOCK.findall((ROOT / "docs" / name).read_text(encoding="utf-8"))
        self.folder, self.change = folder, change
        self.names, self.told = {}, {}
        (folder / "examples").symlink_to(ROOT / "examples")
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        for name, words in {"python": "", "skmmgenre": "-m skmmgenre"}.items():
            (bin_folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            (bin_folder / name).chmod(0o755)
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.env = {
            **os.environ,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": paths,
            "HOME": str(folder),
        }

    def __iter__(self):
        """Run the blocks; yields each as soon as it has run."""
        assert self.blocks
        for kind, text in self.blocks:
            for old, new in self.change.items():
                text = text.replace(old, new)
            with contextlib.chdir(self.folder):
                {"python": self._run_python, "yaml": self._write, "console": self._run}[kind](text)
            yield text

    def _run_python(self, text):
        exec(compile(text, "page", "exec"), self.names)

    def _write(self, text):
        name = re.match(r"# (\S+)\n", text)[1]
        (self.folder / name).write_text(text, encoding="utf-8")

    def _run(self, text):
        lines = [line.removeprefix("$ ") for line in text.splitlines()]
        lines = [line for line in lines if not line.startswith("pip install")]
        # A service that was started does not outlive an error.
        script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n" + "".join(
            f"echo '=== {n}'\n{line}\n" for n, line in enumerate(lines)
        )
        done = subprocess.run(
            ["bash", "-c", script], env=self.env, capture_output=True, text=True, timeout=1200
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr)
        for part in done.stdout.split("=== ")[1:]:
            number, _, told = part.partition("\n")
            self.told[lines[int(number)]] = told


def small(*parts):
    return " ".join(f"'{word}'" for word in settings(*parts))


def write_examples(folder):
    """Two genres of six artists, a song each, long enough for musicnn."""
    for row in range(12):
        path = folder / ("Dub", "Bebop")[row % 2] / f"{row}.flac"
        write_sound(path, ("Jazz", "Metal")[row % 2], row, duration=4)
        write_tags(path, artist=f"Artist {row}")


def test_the_commands_of_the_readme(tmp_path, musicnn_home):
    """As written: a library in which nothing is labelled, and a folder of examples."""
    for row in range(4):
        write_sound(tmp_path / "Music" / f"{row}.mp3", ("Jazz", "Metal")[row % 2], row, duration=4)
    write_examples(tmp_path / "Examples")
    page = Page("../README.md", tmp_path, {})
    page.blocks = [block for block in page.blocks if block[0] == "console"]
    page.env["SKMMGENRE_DATA"] = str(musicnn_home)
    for _ in page:
        pass
    ready, styles = (told for command, told in page.told.items() if " tag " in command)
    assert "4 files: " in ready and "styles.skmmgenre: 2 genres, trained on 12 items" in "".join(
        page.told.values()
    )
    for row in range(4):
        assert f"{row}.mp3: gets {('Dub', 'Bebop')[row % 2]} " in styles
    assert "4 files: 4 would be tagged\nNothing was written" in styles


def test_collectors(tmp_path, musicnn_home):
    write_examples(tmp_path / "Examples")
    music = write_odd_folder(tmp_path / "Music", 75, big_cover=100_000)
    files = music.files
    before = state_of(files)
    output = "-o genres.skmmgenre"
    change = {
        output: f"{output} {small('audio', 'text', 'fusion')}",
        "--min-score 0.5": "--min-score 0.2",
    }
    page = Page("for_collectors.md", tmp_path, change)
    page.env["SKMMGENRE_DATA"] = str(musicnn_home)
    written = None
    for text in page:
        if "--write" in text:
            after = state_of(files)
            written = [path for path in files if after[path] != before[path]]
            assert [state[0] for state in after.values()] == [s[0] for s in before.values()]
    assert written and all(not music.genres[path] for path in written)
    assert state_of(files) == before
    table = pd.read_csv(tmp_path / "genres.csv")
    assert len(table) == len(files) and set(table.columns) >= set(GENRES)
    told = {command.split()[1]: answer for command, answer in page.told.items()}
    assert "held out" in told["info"] or "accuracy" in "".join(page.told.values())
    assert "restored" in told["tag"]


def test_engineers(tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    page = Page(
        "for_engineers.md",
        tmp_path,
        {
            "8000": port,
            "make_albums(120, 4, ": "make_albums(60, 3, duration=5.0, cover_size=32, ",
            "audio__max_epochs=20": "audio__max_epochs=1, audio__duration=5.0, "
            "text__max_epochs=3, text__hidden_units=(16, 16)",
            "image__image_size=64": "image__image_size=32",
            "image__max_epochs=10": "image__max_epochs=1",
        },
    )
    for _ in page:
        pass
    answers = [told for command, told in page.told.items() if command.startswith("curl")]
    assert len(answers) == 4
    assert '"status":"ok"' in answers[0]
    for answer in answers[1:3]:
        assert '"skipped":{}' in answer and '"genres":["' in answer
    assert '"takes":["audio","cover","text"]' in answers[3]


@pytest.mark.filterwarnings("ignore:M.* is not complete")  # the set is small
def test_researchers(tmp_path):
    msdi, mumu = tmp_path / "msdi", tmp_path / "mumu"
    msdi.mkdir()
    mumu.mkdir()
    widths = {"audio": 8, "visual": 8, "mm-audio": 4, "mm-visual": 4}
    tracks = write_msdi(msdi, 60, widths=widths, held_out=12)
    widths = {"model_audio": 8, "model_text": 8, "model_visual": 8}
    albums = write_mumu(mumu, 60, widths=widths, held_out=12)
    for folder in ("clips", "covers"):
        (tmp_path / folder).mkdir()
    for row, track in enumerate(tracks):
        name = track["msd_track_id"]
        write_sound(tmp_path / "clips" / f"{name}.flac", GENRES[row % 4], row, duration=3)
        picture = image_bytes(color=(60 * (row % 4), 100, 50))
        (tmp_path / "covers" / f"{name}.jpg").write_bytes(picture)
    for row, album in enumerate(albums):
        for track, _ in album["tracks"]:
            write_sound(tmp_path / "clips" / f"{track}.flac", GENRES[row % 3], row, duration=3)
        picture = image_bytes(color=(80 * (row % 3), 100, 50))
        (tmp_path / "covers" / f"{album['amazon_id']}.jpg").write_bytes(picture)
    page = Page(
        "for_researchers.md",
        tmp_path,
        {
            "--split split --jobs -1": "--split split --quick --epochs 1 --output single_label",
            '" > " --jobs -1': '" > " --quick --epochs 1 --min-items 3 --output multi_label '
            "--rows audio/logistic/low-4x96 text/logistic/vsm image/logistic/resnet "
            "fusion/cosine/A+T",
        },
    )
    for _ in page:
        pass
    assert len(page.names["table_2"]) == 9 and len(page.names["table_6"]) == 8 + 2
    assert all(metrics.notna().all() for metrics in page.names["table_2"].values())
    assert page.names["table_6"].notna().all(axis=None)
    told = "".join(page.told.values())
    assert "CNN_Audio + MM_Audio" in told and "fusion/cosine/A+T" in told
    assert (tmp_path / "multi_label" / "table_6.csv").exists()
