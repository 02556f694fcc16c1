"""The pages of the API reference: one a room, and one for each of its public names."""

import importlib
import inspect
from pathlib import Path

# Room -> title. The names are those of the room's `__all__`, so that none lacks a page.
USER_ROOMS = {
    "compose": "Items from parts",
    "audio": "Sound to vectors",
    "text": "Reviews to vectors",
    "image": "Covers to vectors",
    "fusion": "Vectors to genres",
    "pretrained": "Weights of others",
    "inspection": "Inside a fitted model",
    "datasets": "Tables to learn from",
    "model_selection": "Splits by artist, and thresholds",
    "metrics": "Figures and their intervals",
    "labels": "The space of genres",
}
DEVELOPER_ROOMS = {
    "nets": "The base of all networks",
    "store": "The loop over cells and the feature store",
    "utils.estimator_checks": "Checks of your own branches",
    "cli": "The command line",
}

# What stands beside the rooms.
_MODEL_FILES = [
    "skmmgenre: model files",
    "======================",
    "",
    "Models in files that are safe to open.",
    "",
    ".. currentmodule:: skmmgenre",
    "",
    ".. autosummary::",
    "   :toctree: generated",
    "   :nosignatures:",
    "",
    "   load",
    "   model_info",
    "   save",
]


def write_pages(folder):
    """Write index.rst and one page a room into `folder`; autosummary makes the rest."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    sections = {"For users": USER_ROOMS, "For those who extend the package": DEVELOPER_ROOMS}
    index = ["API reference", "=============", ""]
    index += [".. toctree::", "   :maxdepth: 2", "", "   model_files", ""]
    for section, rooms in sections.items():
        index += [section, "-" * len(section), "", ".. toctree::", "   :maxdepth: 2", ""]
        for room, title in rooms.items():
            if _public_names(room):
                _remove_pages_of_the_past(folder / "generated", room)
                index.append(f"   {room}")
                _write(folder / f"{room}.rst", _room_page(room, title))
        index.append("")
    _write(folder / "model_files.rst", _MODEL_FILES)
    _write(folder / "index.rst", index)


def _room_page(room, title):
    heading = f"{room}: {title[0].lower()}{title[1:]}"
    doc = inspect.getdoc(importlib.import_module(f"skmmgenre.{room}")) or ""
    # The room's docstring may use MyST or reST; its first paragraph is plain text.
    lines = [heading, "=" * len(heading), "", doc.partition("\n\n")[0], ""]
    lines += [f".. currentmodule:: skmmgenre.{room}", ""]
    lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
    return lines + [f"   {name}" for name in _public_names(room)]


def _remove_pages_of_the_past(folder, room):
    """Drop the pages of names that the room has no longer; Sphinx would warn of them."""
    for page in folder.glob(f"skmmgenre.{room}.*.rst"):
        if page.stem.rpartition(".")[2] not in _public_names(room):
            page.unlink()


def _public_names(room):
    module = importlib.import_module(f"skmmgenre.{room}")
    return sorted(getattr(module, "__all__", ()), key=str.lower)


def _write(path, lines):
    text = "\n".join(lines) + "\n"
    # Left alone when nothing changed: Sphinx then builds only what did.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
