"""The paper's numbers that the pages show are those that it prints."""

import ast
import re
from pathlib import Path

import pandas as pd
import pytest
from _results import FOLDER, ROOT, read_result

PAPER = sorted(FOLDER.glob("paper_*.csv"))


@pytest.fixture(scope="module")
def printed():
    """Lines of the paper, each as its words in small letters and its numbers."""
    path = Path(__file__).resolve().parents[3] / "shared" / "paper" / "oramas2018.txt"
    if not path.exists():
        pytest.skip("needs the text of the paper in ../shared/paper, which is not shipped")
    text = path.read_text(encoding="utf-8").lower().replace("×", "x")
    lines = []
    for line in text.splitlines():
        numbers = re.findall(r"(?<![\w.])\d(?:\.\d+)?(?![\w.])", line)
        lines.append((set(re.findall(r"[a-z_0-9-]+", line)), numbers))
    return lines


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_every_number_is_printed(path, printed):
    frame = pd.read_csv(path, comment="#", dtype=str)
    assert "Oramas" in read_result(path)[1]["source"] and len(frame) >= 9
    for name, *numbers in frame.to_numpy():
        kind, *rest = name.lower().split("/")
        rest = [part for one in rest for part in re.split(r"[+]", one)]
        words = set(re.findall(r"[a-z_0-9-]+", kind)) - {"fusion"} | set(rest)
        rows = [line for line, found in printed if found[-len(numbers) :] == numbers]
        assert any(words <= line for line in rows), f"{name}: {numbers}"


def constants(script):
    tree = ast.parse((ROOT / "examples" / script).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id.startswith("PAPER_TABLE"):
            return ast.literal_eval(node.value)


def test_the_scripts_of_the_tables_have_the_same_numbers():
    table = pd.read_csv(FOLDER / "paper_table_2.csv", comment="#", dtype=str, index_col="model")
    lines = {
        name: "  ".join(f"{line[n]} ± {line[n + 1]}" for n in (0, 2, 4))
        for name, *line in table.reset_index().to_numpy()
    }
    assert lines == constants("reproduce_single_label.py")
    table = pd.read_csv(FOLDER / "paper_table_6.csv", comment="#", index_col="model")
    expected = constants("reproduce_multi_label.py")
    assert {name: tuple(line) for name, *line in table.reset_index().to_numpy()} == {
        name: line[2:] for name, line in expected.items()
    }
