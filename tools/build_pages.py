"""Build the pages of results from templates and the files in benchmarks/results (`make pages`).

A template contains no numbers. It refers to them by placeholders:

    {{FILE / ROW / COLUMN}}   a value; ROW is in the first column of the file
    {{FILE / ROW}}            a claim: both values, the difference, its interval
    {{settings FILE}}         the command that made it, and the numbers of albums and of seeds
    {{table FILE where COLUMN = VALUE: COLUMN as NAME, ...}}
                              a table, on its own line; `where` and `as` are optional

Two tables are computed from all results: `primary_claims`, and `durations`, the time of each
command.

Intervals are shown with their difference, and the command that reproduces a table below it. For a
missing file the page says "not measured yet", with the command; a row or column that is not in a
file is an error.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from _claims import primary_claims  # noqa: E402
from _results import FOLDER, read_result  # noqa: E402

TEMPLATES = ROOT / "docs" / "_pages"
PAGES = {"claims.md": ROOT / "docs", "evaluation.md": ROOT / "docs" / "guide"}
MADE = "<!-- Made by `make pages` from docs/_pages/{name}: change that, not this. -->\n\n"
# A note for every page that shows a result of the tables of clips.
OTHER_MUSIC = (
    "**In the tables of clips a row's text and cover belong to other music, drawn given its "
    "genre and independent of its sound.** So nothing follows from these numbers about fusion, the "
    "joint space or missing modalities.\n\n"
)
_PLACEHOLDER = re.compile(r"\{\{(.+?)\}\}", flags=re.DOTALL)
_DIFFERENCES = ("estimate", "difference")
_CHOSEN = ("lr", "margin", "patience", "epochs")  # shown with the digits that they have
_INTERVAL = "{:+.3f} [{:+.3f}, {:+.3f}]"
_OF_ALL_RESULTS = ("primary_claims", "durations")


def command_for(name):
    """Return the command that computes a result."""
    if name in _OF_ALL_RESULTS:
        return "make evaluate"
    for kind in ("active_learning", "encoders", "ready_model"):
        if name.startswith(kind):
            return f"python benchmarks/evaluate_{kind}.py audio_text.csv"
    if name.startswith("known_tasks_"):
        task = name.removeprefix("known_tasks_")
        return f"python benchmarks/evaluate_known_tasks.py {task}"
    for kind in ("table", "patches", "folder"):
        if name.startswith(f"{kind}_"):
            table = name.removeprefix(f"{kind}_").removesuffix("_claims")
            return f"python benchmarks/evaluate_{kind}.py {table}.csv"
    scripts = [path.stem for path in (ROOT / "benchmarks").glob("evaluate_*.py")]
    (script,) = [one for one in scripts if name.startswith(one.removeprefix("evaluate_"))]
    return f"python benchmarks/{script}.py"


def durations(folder):
    """Return the minutes that each measured command of `make evaluate` took, and their sum."""
    heads = [read_result(path)[1] for path in sorted(folder.glob("*.csv"))]
    parts = pd.DataFrame(
        [(head["command"], int(head["seconds"])) for head in heads if "seconds" in head],
        columns=["command", "seconds"],
    ).drop_duplicates()  # a run that writes several results has its time in each; or a part's
    minutes = (parts.groupby("command")["seconds"].sum() / 60).round().astype(int)
    rows = [(f"`{command}`", taken) for command, taken in minutes.items()]
    return pd.DataFrame([*rows, ("sum", minutes.sum())], columns=["command", "minutes"])


class Results:
    """The results in a folder, as text for the pages."""

    def __init__(self, folder):
        self.folder = folder

    def build(self, template):
        """Return a template with its placeholders filled."""
        return _PLACEHOLDER.sub(lambda found: self._fill(" ".join(found[1].split())), template)

    def _fill(self, asked):
        if asked.startswith("table "):
            return self._table(asked.removeprefix("table "))
        name, *row_and_column = asked.removeprefix("settings ").split(" / ")
        frame, head = self._read(name)
        if frame is None:
            return f"not measured yet (`{command_for(name)}`)"
        if asked.startswith("settings "):
            settings = json.loads(head["settings"])
            return f"`{head['command']}`, {settings['albums']} albums, {settings['runs']} seeds"
        row, *column = row_and_column
        lines = frame[frame.iloc[:, 0] == row]
        if len(lines) != 1:
            raise ValueError(f"{{{{{asked}}}}}: {len(lines)} rows of this name.")
        line = lines.iloc[0].to_dict()
        if column:
            _only(line, *column, asked)
            return _text(line, *column)
        both = [f"{line[key]:.3f}" for key in ("value", "other_value") if pd.notna(line.get(key))]
        return f"{' against '.join(both)}: {_text(line, 'estimate')}"

    def _table(self, asked):
        source, columns = asked.split(": ", 1)
        name, *conditions = re.split(" where | and ", source)
        frame, head = self._read(name)
        others = ("primary_claims", "encoders_with_text")
        of_clips = name.startswith(("table_", "patches_")) or name in others
        warning = OTHER_MUSIC if of_clips else ""
        if frame is None:
            return f"{warning}Not measured yet: run `{command_for(name)}`."
        for condition in conditions:
            column, value = condition.split(" = ")
            frame = frame[_only(frame, column, asked).fillna("").astype(str) == value.strip('"')]
        if frame.empty:
            raise ValueError(f"{{{{table {asked}}}}}: no rows.")
        pairs = [column.partition(" as ") for column in columns.split(", ")]
        names = [name or column for column, _, name in pairs]
        for column, _, _ in pairs:
            _only(frame, column, asked)
        rows = [
            [_text(line, column) for column, _, _ in pairs] for line in frame.to_dict("records")
        ]
        lines = [names, ["---"] * len(names), *rows]
        table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        return f"{warning}{table}\n{_made_by(head)}"

    def _read(self, name):
        path = self.folder / f"{name}.csv"
        if name == "primary_claims":
            claims = primary_claims(self.folder)
            unknown = [f"not measured yet (`{command_for(one)}`)" for one in claims["result"]]
            claims["verdict"] = claims["verdict"].where(claims["p"].notna(), unknown)
            return claims, {"command": command_for(name)}
        if name == "durations":
            return durations(self.folder), {"command": command_for(name)}
        if not path.exists():
            return None, {}
        frame, head = read_result(path)
        if name.startswith("paper_"):  # as printed, with the digits that it has
            frame = pd.read_csv(path, comment="#", dtype=str)
        return frame, head


def _only(known, key, asked):
    if key not in known:
        raise ValueError(f"{{{{{asked}}}}}: there is no {key!r}; there are {list(known)}.")
    return known[key]


def _text(line, column):
    """Return a value as the pages show it."""
    value = line[column]
    if pd.isna(value):
        return ""
    if column in _DIFFERENCES and not pd.isna(line.get("low", np.nan)):
        return _INTERVAL.format(value, line["low"], line["high"])
    if column in _DIFFERENCES:
        return f"{value:+.3f}" if value == 0 or abs(value) >= 5e-4 else f"{value:.1e}"
    if not isinstance(value, float | np.floating):
        return str(value)
    return f"{value:g}" if column in _CHOSEN else f"{value:.3f}"


def _made_by(head):
    if "source" in head:
        return f"({head['source']})"
    seconds = int(head.get("seconds", 0))
    took = f", {seconds} s" if 0 < seconds < 300 else f", {seconds / 60:.0f} min"
    return f"(`{head['command']}`{took if seconds else ''})"


def build_pages(folder=FOLDER):
    """Return the text of every page, by its path."""
    results = Results(folder)
    return {
        parent / name: MADE.format(name=name)
        + results.build((TEMPLATES / name).read_text(encoding="utf-8"))
        for name, parent in PAGES.items()
    }


def main():
    """Write the pages."""
    for path, text in build_pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
