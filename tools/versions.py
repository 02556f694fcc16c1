"""Run the tests with the lowest and the newest versions of all packages that setup.cfg allows.

Builds the sdist and from it the wheel, unpacks the sdist in an empty folder, and for each
environment: installs the wheel with the required versions, uses it from another empty folder
(a sound, a cover, the demo), and runs the tests of the unpacked sdist. Prints a table, and keeps
the logs and the versions that were installed in version_report/.

An environment is kept in .venv-NAME (6 GB if PyTorch includes CUDA) and updated when it is used
again. Interpreters are those that uv or pyenv finds.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "version_report"
UV = Path(sys.executable).with_name("uv")

# Name: Python version, and which of the allowed package versions.
ENVIRONMENTS = {
    "lowest": ("3.11", "lowest-direct"),
    "newest-3.12": ("3.12", "highest"),
    "newest-3.13": ("3.13", "highest"),
    "newest-3.14": ("3.14", "highest"),
}

# Packages that affect numbers, or break most often.
PACKAGES = [
    *("numpy", "scipy", "pandas", "scikit-learn", "skorch", "skops", "torch", "torchvision"),
    *("librosa", "soundfile", "soxr", "av", "pillow", "spacy"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ENVIRONMENTS))
    parser.add_argument("--python", help="test only the unpacked sdist, with this interpreter")
    parser.add_argument("--tests", nargs="+", default=[], help="what pytest runs; default: all")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    unknown = set(options.names) - set(ENVIRONMENTS)
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(ENVIRONMENTS)}")
    names = ["here"] if options.python else options.names or list(ENVIRONMENTS)
    REPORT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="skmmgenre_") as folder:
        folder = Path(folder)
        source, wheel = build(folder)
        rows = []
        for name in names:
            print(f"{name}: logs in {REPORT / name}.*.log", flush=True)
            rows.append(run(name, source, wheel, options))
    table = as_table(rows)
    (REPORT / "table.md").write_text(table, encoding="utf-8")
    print(table)
    return any(row["result"] not in ("passed", "not at hand") for row in rows)


def build(folder):
    """Build the sdist and from it the wheel, check their metadata, unpack the sdist.

    Returns
    -------
    source : Path
        The folder of the unpacked sdist.
    wheel : Path
    """
    copy_of_tracked(folder / "copy")
    command = [UV, "build", "--quiet", "--out-dir", folder / "dist", folder / "copy"]
    subprocess.run(command, check=True)
    (sdist,), (wheel,) = (list((folder / "dist").glob(f"*.{end}")) for end in ("tar.gz", "whl"))
    subprocess.run([UV.with_name("twine"), "check", "--strict", sdist, wheel], check=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz"), wheel


def copy_of_tracked(target):
    """Copy the files of the project that git tracks, without output of commands or old builds."""
    for name in tracked_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def tracked_files():
    """Return the files of the project that git tracks and that exist."""
    command = ["git", "-C", ROOT, "ls-files", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).exists()]


def run(name, source, wheel, options):
    """Install, check the wheel, run the tests; return the row of the table."""
    row = {"environment": name, "result": "failed"}
    if options.python:
        python = Path(options.python).absolute()
    else:
        version, resolution = ENVIRONMENTS[name]
        base = interpreter(version)
        if base is None:
            return row | {"result": "not at hand", "python": version}
        python = ROOT / f".venv-{name}" / "bin" / "python"
        if not python.exists():
            subprocess.run([UV, "venv", "--quiet", "--python", base, python.parents[1]], check=True)
        if not install(python, source, wheel, resolution, name):
            return row | {"result": "not installed", "python": version}
        check = [python, "-I", source / "tools" / "check_wheel.py", source / "tests"]
        row["wheel"] = "failed" if logged(f"{name}.wheel", check) else "passed"
    row |= versions_of(python)
    began = time.monotonic()
    results = REPORT / f"{name}.xml"
    results.unlink(missing_ok=True)
    failed = logged(
        f"{name}.tests",
        [python, "-m", "pytest", f"--numprocesses={options.workers}", "--dist=worksteal"]
        + ["-p", "no:cacheprovider", f"--junitxml={results}", *options.tests],
        cwd=source,
    )
    row |= counts(results) | {"minutes": f"{(time.monotonic() - began) / 60:.1f}"}
    if not failed and row.get("wheel") != "failed":
        row["result"] = "passed"
    return row


def interpreter(version):
    """Return the path of a Python of this version that uv or pyenv has, None if neither does."""
    uv, pyenv = [UV, "python", "find", "--system", version], ["pyenv", "prefix", version]
    found = subprocess.run(uv, capture_output=True, text=True)
    if found.returncode == 0:
        return Path(found.stdout.strip())
    if shutil.which("pyenv"):
        found = subprocess.run(pyenv, capture_output=True, text=True)
        if found.returncode == 0:
            return Path(found.stdout.strip()) / "bin" / "python"
    return None


def install(python, source, wheel, resolution, name):
    """Bring an environment up to date; return whether it can be used."""
    pip = [UV, "pip", "install", "--python", python]
    # uv treats requirements of a folder as direct, but not those of a wheel.
    requirements = ["--resolution", resolution, "--upgrade", f"{source}[test]"]
    its_wheel = ["--no-deps", "--reinstall-package", "skmmgenre", wheel]
    return not any(
        logged(f"{name}.{log}", [*pip, *arguments])
        for log, arguments in {"install": requirements, "install_wheel": its_wheel}.items()
    )


def logged(name, command, **options):
    """Run a command that writes to a log; return its exit status."""
    # Do not test what the environment of the caller adds to Python.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env |= {"OMP_NUM_THREADS": "1"}
    with open(REPORT / f"{name}.log", "w", encoding="utf-8") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=env, **options)
    return done.returncode


def versions_of(python):
    """Return the versions of Python and of `PACKAGES` in an environment."""
    code = "import platform, sys; from importlib.metadata import version; "
    code += "print(platform.python_version(), *map(version, sys.argv[1:]))"
    done = subprocess.run([python, "-c", code, *PACKAGES], capture_output=True, text=True)
    return dict(zip(["python", *PACKAGES], done.stdout.split(), strict=False))


def counts(path):
    """Return the counts of a JUnit file; none if the tests ended before it was written."""
    if not path.exists():
        return {}
    suite = ElementTree.parse(path).getroot().find("testsuite")
    total, failed, errors, skipped = (
        int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")
    )
    return {
        "passed": total - failed - errors - skipped,
        "failed": failed + errors,
        "skipped": skipped,
    }


def as_table(rows):
    """Return rows as a Markdown table, one column per environment."""
    keys = ["environment", "result", "passed", "failed", "skipped", "wheel", "minutes", "python"]
    lines = [[key, *(str(row.get(key, "")) for row in rows)] for key in [*keys, *PACKAGES]]
    lines.insert(1, ["---"] * len(lines[0]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join("| " + " | ".join(map(str.ljust, line, widths)) + " |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
