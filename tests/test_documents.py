"""What the documents say in code is true: it parses, names exist, parameters exist."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS += sorted((ROOT / "docs" / "guide").glob("*.md"))


def python_of(document):
    text = document.read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_names_and_parameters_exist(document):
    tree = ast.parse(python_of(document))
    imported = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skmmgenre"):
            room = importlib.import_module(node.module)
            imported |= {alias.name: getattr(room, alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in imported:
            signature = inspect.signature(imported[node.func.id])
            signature.bind(*node.args, **{word.arg: word.value for word in node.keywords})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_links_lead_to_files(document):
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


def anchors_of(document):
    """Anchors of the headings, as MyST and GitHub name them, and those of explicit labels."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return {*slugs, *re.findall(r"^\((.+)\)=$", text, flags=re.M)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_anchors_exist(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", text)
    missing = [
        f"{target}#{anchor}"
        for target, anchor in links
        if anchor not in anchors_of(document.parent / target if target else document)
    ]
    assert not missing


@pytest.mark.parametrize(
    "document",
    [ROOT / "README.md", pytest.param(ROOT / "docs" / "index.md", marks=pytest.mark.slow)],
    ids=str,
)
def test_the_first_page_runs(document, tmp_path, monkeypatch):
    """As written, but with fewer albums and small networks."""
    calls = []

    def few_albums(n_albums, **parameters):
        calls.append(n_albums)
        return make_albums(60, directory=tmp_path, duration=5.0, n_genres=3, **parameters)

    def small_networks(**parameters):
        parameters |= {
            "max_epochs": 1,
            "image__depth": "small",
            "image__image_size": 32,
            "audio__duration": 5.0,
            "audio__architecture": "time",
            "text__hidden_units": (8, 8),
        }
        return make_genre_classifier(**parameters)

    monkeypatch.setattr("skmmgenre.datasets.make_albums", few_albums)
    monkeypatch.setattr("skmmgenre.compose.make_genre_classifier", small_networks)
    names = {}
    exec(compile(python_of(document), str(document), "exec"), names)
    assert calls
    predicted = names["model"].predict(names["albums"].table.iloc[names["test"]])
    assert set(predicted) <= set(names["albums"].y)
