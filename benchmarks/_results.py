"""Results of the evaluations as small CSV files, with their provenance.

The first lines of a file, after "#", are the command that reproduces it, its settings, the code
that it comes from (the evaluation and the data generator), and a hash of the settings and of that
code. `stale` detects whether either has changed since, ignoring comments and docstrings.
"""

import ast
import hashlib
import io
import json
from functools import cache
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "results"
MARGIN = 0.02  # of macro AUC and F1: differences whose interval lies within it are "similar"
_DIGITS = 4


def write_result(frame, name, *, command, settings, code, data=None, seconds=None, folder=FOLDER):
    """Write a table of results.

    Parameters
    ----------
    frame : DataFrame
        Written without its index, to four digits.
    name : str
        Name of the file, without its suffix.
    command : str
        Command that reproduces these numbers.
    settings : dict
        All settings; plain values.
    code : list of str
        Files and folders, relative to the project, that the data and the comparison come from.
    data : str, default=None
        Hash of data that are not part of the project.
    seconds : float, default=None
        Duration of the run.
    folder : Path

    Returns
    -------
    path : Path
    """
    settings = json.dumps(settings, sort_keys=True)
    head = {
        "command": command,
        "settings": settings,
        "code": " ".join(code),
        "hash": hash_of_code(code, settings),
    }
    if data is not None:
        head["data_hash"] = data
    if seconds is not None:
        head["seconds"] = f"{seconds:.0f}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    lines = "".join(f"# {key}: {value}\n" for key, value in head.items())
    table = frame.to_csv(index=False, float_format=f"%.{_DIGITS}f", lineterminator="\n")
    path.write_text(lines + table, encoding="utf-8")
    return path


def read_result(path):
    """Return the table in a file, and its first lines as a dict."""
    head, text = {}, Path(path).read_text(encoding="utf-8")
    while text.startswith("# "):
        line, _, text = text.partition("\n")
        key, _, head_value = line[2:].partition(": ")
        head[key] = head_value
    return pd.read_csv(io.StringIO(text)), head


def stale(path):
    """Return why a file is out of date (changed code or settings), or None."""
    _, head = read_result(path)
    code = head["code"].split()
    gone = [name for name in code if not (ROOT / name).exists()]
    if gone:
        return f"{gone[0]} is gone"
    if hash_of_code(code, head["settings"]) != head["hash"]:
        return f"the settings, or this code, have changed since: {head['code']}"
    return None


def command_of(parser, arguments, positional=()):
    """Return the command line for these arguments, without those that do not change the result."""
    words = [f"python benchmarks/{parser.prog}"]
    for name, value in vars(arguments).items():
        if name in ("output", "predictions", "keep", "jobs") or value == parser.get_default(name):
            continue
        words += [] if name in positional else [f"--{name}"]
        values = value if isinstance(value, list) else [value]
        words += [one.name if isinstance(one, Path) else str(one) for one in values]
    return " ".join(words)


def verdict(low, high, margin=MARGIN):
    """Return the verdict for an interval of a difference; "similar" requires a margin."""
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "similar" if margin is not None and -margin < low and high < margin else "open"


def hash_of_code(names, settings=""):
    """Return a hash of Python files that comments, docstrings and empty lines do not change."""
    digest = hashlib.blake2b(settings.encode(), digest_size=8)
    for name in names:
        path = ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
            digest.update("\n".join(_code_lines(file.read_text(encoding="utf-8"))).encode())
    return digest.hexdigest()


@cache  # every part that is kept hashes the whole package
def _code_lines(source):
    """Return the lines of code without docstrings and comments (ast.dump differs by Python)."""
    docstrings, lines = set(), []
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            docstrings |= set(range(body[0].lineno, body[0].end_lineno + 1))
    for number, line in enumerate(source.splitlines(), 1):
        code = line.strip()
        if code and not code.startswith("#") and number not in docstrings:
            lines.append(line.rstrip())
    return lines


def hash_of_file(path):
    """Return a hash of a file's content."""
    return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()


def _is_text(node):
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
