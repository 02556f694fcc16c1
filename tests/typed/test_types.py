"""The types of the package, as mypy sees them from a user's script and as Python does."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import types
import typing
from pathlib import Path

import pytest
from public_names import BESIDE_THE_ROOMS, MODULES, function_of, public_objects
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions, make_constraint

import skmmgenre

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = Path(skmmgenre.__file__).parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_CONFIG = """\
[mypy]
# Of the package only its types count, as for a user who has installed it.
follow_imports = silent
# scikit-learn and others have no types.
disable_error_code = import-untyped, import-not-found
# No signature of the package names what these hold, and following them takes a minute.
[mypy-torch.*,torchvision.*,matplotlib.*,librosa.*,spacy.*,transformers.*]
follow_imports = skip
follow_imports_for_stubs = true
"""
_SHORT = [
    (r"(?:\w+\.)+(\w+)", r"\1"),  # without modules
    (r"floating\[_(\d+)Bit\]", r"float\1"),  # numpy names some types by their bits
    (r"signedinteger\[_(\d+)Bit\]", r"int\1"),
    (r"ndarray\[tuple\[Any, \.\.\.\], dtype\[Any\]\]", "ndarray"),  # genres may be of any type
    (r"ndarray\[tuple\[Any, \.\.\.\], dtype\[(.+)\]\]", r"ndarray[\1]"),
]


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Take files and options; return what mypy says: file, line, severity, text."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("mypy")

    def check(*files, options=(), config=""):
        (folder / "mypy.ini").write_text(_CONFIG + config, encoding="utf-8")
        command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary"]
        command += ["--cache-dir", "cache", "--hide-error-context", *options, *files]
        done = subprocess.run(
            command, cwd=folder, env={"MYPYPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert not done.stderr, done.stderr
        found = re.findall(r"^(.+?):(\d+): (\w+): (.*)$", done.stdout, flags=re.MULTILINE)
        return [(Path(file).name, int(line), kind, text) for file, line, kind, text in found]

    return check


def comments(file):
    """The last comment of each line that has one behind code."""
    lines = file.read_text(encoding="utf-8").splitlines()
    parts = {number: line.partition("  # ") for number, line in enumerate(lines, start=1)}
    return {number: comment for number, (code, _, comment) in parts.items() if comment}


@pytest.mark.slow
def test_a_users_script_has_types(mypy):
    script = HERE / "user_script.py"
    shown = {}
    for _, line, kind, text in mypy(script):
        assert kind == "note", (line, text)
        shown[line] = re.fullmatch(r'Revealed type is "(.*)"', text)[1]
        for pattern, short in _SHORT:
            shown[line] = re.sub(pattern, short, shown[line])
    expected = {line: comment.partition(":")[0] for line, comment in comments(script).items()}
    assert shown == expected
    assert len(shown) >= 40


@pytest.mark.slow
def test_mistakes_are_refused(mypy):
    script = HERE / "mistakes.py"
    errors = {}
    for _, line, kind, text in mypy(script):
        if kind == "error":
            errors[line] = text.rpartition("[")[2].rstrip("]")
    assert errors == comments(script)


def python_of(document):
    """The Python of a document, on the lines where it stands."""
    lines, inside, kept = document.read_text(encoding="utf-8").splitlines(), False, []
    for line in lines:
        if line.startswith("```"):
            inside = line == "```python"
            line = ""
        kept.append(line if inside else "")
    return "\n".join(kept) + "\n"


@pytest.mark.slow
def test_documents_have_no_mistake(mypy, tmp_path):
    files = []
    for document in DOCUMENTS:
        code = python_of(document)
        if code.strip():
            files.append(tmp_path / f"{document.parent.name}_{document.stem}.py".replace("-", "_"))
            files[-1].write_text(code, encoding="utf-8")
    assert len(files) > 15
    # A page goes on with other models under the same name, and takes some names for given. It need
    # not say what is in an empty dict, nor that what it shows is there.
    left_out = ["name-defined", "var-annotated", "union-attr"]
    options = [f"--disable-error-code={code}" for code in left_out]
    # How strictly pandas is typed is not what is tested here.
    config = "[mypy-pandas.*]\nfollow_imports = skip\nfollow_imports_for_stubs = true\n"
    found = mypy(*files, options=["--allow-redefinition", *options], config=config)
    assert [line for line in found if line[2] == "error"] == []


# ---- as Python sees them ------------------------------------------------------------------

# Files whose text is hashed with stored results, so that their types are in a stub beside them.
STUBS = sorted(PACKAGE.rglob("*.pyi"))


def has_types(function):
    """Whether all parameters have types, or those of its overloads do."""
    if Path(inspect.getsourcefile(function)).with_suffix(".pyi").exists():
        return True
    # The rooms give public names a module of their own; overloads are known by the first one.
    place = {"__module__": function.__globals__["__name__"], "__qualname__": function.__qualname__}
    overloads = typing.get_overloads(types.SimpleNamespace(**place))
    return all(
        parameter.annotation is not parameter.empty
        for one in overloads or [function]
        for name, parameter in inspect.signature(one).parameters.items()
        if name not in ("self", "cls")
    )


# Targets are for those who extend the package.
@pytest.mark.parametrize("name", [name for name in MODULES if name != "nets.targets"])
def test_public_signatures_have_types(name):
    module = importlib.import_module(f"skmmgenre.{name}")
    lacking = set()
    for path, value in public_objects(module):
        function = inspect.unwrap(function_of(value))
        if inspect.isclass(value):
            function = value.__init__
            if not inspect.isfunction(function) or not function.__module__.startswith("skmmgenre"):
                continue
        if not has_types(function):
            lacking.add(path)
    assert lacking == set()


@pytest.mark.parametrize("name", BESIDE_THE_ROOMS)
def test_functions_beside_the_rooms_have_types(name):
    assert has_types(getattr(skmmgenre, name))


ESTIMATORS = {
    value.__name__: value
    for name in MODULES
    for path, value in public_objects(importlib.import_module(f"skmmgenre.{name}"))
    if inspect.isclass(value) and issubclass(value, BaseEstimator)
    if "__init__" in vars(value) and value.__init__.__annotations__
}


def literals_of(hint):
    """The options of strings and numbers in a type, and whether it takes None."""
    if typing.get_origin(hint) is typing.Literal:
        return set(typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return set().union(*map(literals_of, typing.get_args(hint)))
    return {None} if hint is type(None) else set()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_types_agree_with_constraints(name):
    """The options that a type names are those that `fit` takes, and so is None."""
    estimator = ESTIMATORS[name]
    hints = typing.get_type_hints(estimator.__init__)
    for parameter, constraints in estimator._parameter_constraints.items():
        if hints.get(parameter, typing.Any) is typing.Any or not isinstance(constraints, list):
            continue
        if parameter in ("device", "random_state", "verbose", "cv"):  # of scikit-learn
            continue
        expected = set()
        for constraint in map(make_constraint, constraints):
            if isinstance(constraint, StrOptions):
                expected |= constraint.options
            if constraint.is_satisfied_by(None):
                expected.add(None)
        found = {option for option in literals_of(hints[parameter]) if not isinstance(option, int)}
        assert found == expected, parameter


def signature_of(node):
    args = node.args
    named = [arg.arg for arg in args.posonlyargs + args.args if arg.arg != "self"]
    defaults = [ast.unparse(value) for value in args.defaults + args.kw_defaults if value]
    return named, [arg.arg for arg in args.kwonlyargs], defaults, args.kwarg and args.kwarg.arg


@pytest.mark.parametrize("stub", STUBS, ids=lambda path: path.stem)
def test_stubs_agree_with_the_code(stub):
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    name = ".".join(stub.relative_to(PACKAGE.parent).with_suffix("").parts)
    module = importlib.import_module(name)
    count = 0
    for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        holder = module if owner is tree else getattr(module, owner.name, None)
        for node in owner.body:
            if isinstance(node, ast.FunctionDef):
                signature = inspect.signature(getattr(holder, node.name))
                parameters = [p for p in signature.parameters.values() if p.name != "self"]
                expected = (
                    [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD],
                    [p.name for p in parameters if p.kind is p.KEYWORD_ONLY],
                    [repr(p.default) for p in parameters if p.default is not p.empty],
                    next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None),
                )
                named, keywords, defaults, others = signature_of(node)
                found = named, keywords, [repr(ast.literal_eval(d)) for d in defaults], others
                assert found == expected, node.name
                count += 1
    assert count


def test_the_package_says_that_it_has_types():
    assert (PACKAGE / "py.typed").exists()
