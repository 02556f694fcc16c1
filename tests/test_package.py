"""The package as a whole: its import, its version, its floors, its public names."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from graphlib import TopologicalSorter
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import versions

import skmmgenre

PACKAGE = Path(skmmgenre.__file__).parent
ROOT = Path(__file__).resolve().parents[1]

# From the top floor to the ground: a room may use only rooms after it.
FLOORS = [
    "cli",
    "datasets",
    "inspection",
    "compose",
    "audio",
    "image",
    "text",
    "fusion",
    "pretrained",
    "nets",
    "store",
    "model_selection",
    "labels",
    "metrics",
    "utils",
]
BUILT = [room for room in FLOORS if (PACKAGE / room / "__init__.py").exists()]


def modules():
    """Name, syntax tree and whether it is a folder, of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        is_folder = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_folder else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8")), is_folder


def imports(name, nodes, is_folder):
    """Dotted names that `nodes` import, those of `from a import b` as a.b."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - 1 if is_folder else node.level
                parents = name.split(".")[: len(name.split(".")) - up]
                base = ".".join([*parents, *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_brings_nothing_heavy():
    loaded = run_python(
        "import sys; before = set(sys.modules); import skmmgenre; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    ).split()
    assert "skmmgenre" in loaded
    third_party = set(loaded) - set(sys.stdlib_module_names) - {"skmmgenre"}
    assert not third_party


def test_import_is_quick():
    """It loads one module of its own, and importlib with the three that it needs."""
    code = "import sys; old = set(sys.modules); import skmmgenre; print(*set(sys.modules) - old)"
    loaded = run_python(code).split()
    assert [name for name in loaded if name.startswith("skmmgenre")] == ["skmmgenre"]
    assert len(loaded) <= 5


def test_rooms_import_the_heavy_only_where_used():
    """torch and its like are imported when a network is built, not with the room."""
    rooms = ", ".join(f"skmmgenre.{room}" for room in BUILT)
    loaded = run_python(
        f"import sys, {rooms}; print(*{{name.split('.')[0] for name in sys.modules}})"
    ).split()
    heavy = {"torch", "torchvision", "librosa", "spacy", "matplotlib", "skorch"}
    assert not heavy & set(loaded)


def test_rooms_are_reached_lazily():
    assert set(skmmgenre.__all__) <= set(dir(skmmgenre))
    assert (
        run_python("import skmmgenre; print(skmmgenre.metrics.__name__)").strip()
        == "skmmgenre.metrics"
    )
    with pytest.raises(AttributeError, match="no attribute 'kitchen'"):
        _ = skmmgenre.kitchen


def test_every_room_is_on_a_floor_and_listed():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= set(FLOORS)
    assert set(skmmgenre.__all__) == rooms | {"items", "load", "model_info", "save"}


def test_version_is_in_one_place():
    assert version("skmmgenre") == skmmgenre.__version__


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the sdist and the wheel of the files that git keeps."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs the repository")
    folder = tmp_path_factory.mktemp("built")
    versions.copy_of_tracked(folder / "copy")
    # In the environment of the tests: an isolated one would need the network.
    code = "from setuptools import build_meta as b; b.build_sdist('..'); b.build_wheel('..')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder / "copy", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_sdist_is_whole(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = {
            name.partition("/")[2]
            for name in archive.getnames()
            if archive.getmember(name).isfile()
        }
    written = {name for name in members if ".egg-info/" in name} | {"PKG-INFO"}
    assert members - written == set(versions.tracked_files())


def test_the_wheel_holds_the_package_alone(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = (name for name in names if name.endswith("dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(about))
    folder = about.removesuffix("METADATA")
    package = {name for name in versions.tracked_files() if name.startswith("skmmgenre/")}
    assert {name for name in names if not name.startswith(folder)} == package
    assert f"{folder}licenses/LICENSE" in names
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Project-URL"]
    prefix = "Programming Language :: Python :: 3."
    told = {
        name[len(prefix) - 2 :]
        for name in metadata.get_all("Classifier")
        if name.startswith(prefix)
    }
    assert told <= {python for python, _ in versions.ENVIRONMENTS.values()}


def test_the_readme_reads_the_same_on_the_page_of_an_index():
    """Its links lead somewhere from there, and the files that it names exist."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all(link.startswith("https://") for link in links)
    named = re.findall(r"`((?:docs|examples)/[^`]*|[A-Z]+\.md)`", text)
    assert len(named) > 5 and all((ROOT / name).exists() for name in named)


def test_console_script():
    (script,) = entry_points(group="console_scripts", name="skmmgenre")
    assert script.value == "skmmgenre.cli:main"
    assert callable(script.load())


# Checks for the tests of other packages: of a branch inside the pipeline that is above it.
LOOKS_UP = "skmmgenre.utils.estimator_checks"


def test_imports_run_only_downwards():
    upwards = []
    for name, tree, is_folder in modules():
        parts = name.split(".")
        if len(parts) < 2 or parts[1] not in FLOORS or name == LOOKS_UP:
            continue
        allowed = FLOORS[FLOORS.index(parts[1]) :]
        for target in imports(name, ast.walk(tree), is_folder):
            head = target.split(".")
            if head[0] == "skmmgenre" and head[1] in FLOORS and head[1] not in allowed:
                upwards.append(f"{name} imports {target}")
    assert not upwards


def test_no_circular_imports():
    """Among the imports that run when a module is loaded, at the top of it."""
    trees = {name: (tree, is_folder) for name, tree, is_folder in modules()}
    graph = {}
    for name, (tree, is_folder) in trees.items():
        targets = set()
        for target in imports(name, tree.body, is_folder):
            # `from a import b`: the module a.b if there is one, else a.
            found = target if target in trees else target.rpartition(".")[0]
            targets |= {found} & trees.keys()
        graph[name] = targets
    TopologicalSorter(graph).prepare()  # raises CycleError, naming the cycle


@pytest.mark.parametrize("room", [room for room in BUILT if room not in ("cli", "nets")])
def test_public_classes_are_named_by_their_room(room):
    """Model files and pickles name classes by their module; a public one lets files move."""
    module = importlib.import_module(f"skmmgenre.{room}")
    public = [getattr(module, name) for name in getattr(module, "__all__", ())]
    assert [c for c in public if inspect.isclass(c) and c.__module__ != module.__name__] == []


@pytest.mark.parametrize("room", BUILT)
def test_public_names_are_documented(room):
    module = importlib.import_module(f"skmmgenre.{room}")
    assert inspect.getdoc(module), f"skmmgenre.{room} has no docstring"
    undocumented = []
    for name in getattr(module, "__all__", ()):
        public = getattr(module, name)
        if not callable(public):
            continue
        if not inspect.getdoc(public):
            undocumented.append(name)
        if inspect.isclass(public):
            undocumented += [
                f"{name}.{attribute}"
                for attribute, value in vars(public).items()
                if inspect.isfunction(value)
                and not attribute.startswith("_")
                and not inspect.getdoc(getattr(public, attribute))
            ]
    assert not undocumented
