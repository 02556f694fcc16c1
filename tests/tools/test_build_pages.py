"""The pages of results hold what the files hold, and nothing else."""

import re

import build_pages as pages
import pandas as pd
import pytest
from _claims import PRIMARY
from _results import FOLDER, MARGIN, write_result

TEMPLATES = {name: (pages.TEMPLATES / name).read_text(encoding="utf-8") for name in pages.PAGES}
SECTIONS = re.compile(r"\bsections? \d+(\.\d+)*((,| and) \d+(\.\d+)*)*")


def figures_of(text):
    """Decimals and percentages outside of placeholders; numbers of sections are no figures."""
    text = SECTIONS.sub("", pages._PLACEHOLDER.sub("", text))
    return re.findall(r"(?<![\w.])\d*\.\d+|\d+ ?%", text.replace("95 %", ""))


@pytest.mark.parametrize("text", ["an F1 of 0.427", "by .010", "12 % of them", "- 0.5 [0.1, 2]"])
def test_figures_are_found(text):
    assert figures_of(text)


@pytest.mark.parametrize(
    "text", ["sections 3, 4.2 and 7.3.2", "{{a / 0.1 / b}}", "a 95 % interval"]
)
def test_what_is_no_figure(text):
    assert not figures_of(text)


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_hold_no_figure(name):
    assert not figures_of(TEMPLATES[name])


def test_the_pages_are_those_of_the_results():
    for path, text in pages.build_pages().items():
        assert path.read_text(encoding="utf-8") == text, "run `make pages`"


def test_the_pages_show_every_result():
    shown = "".join(TEMPLATES.values())
    assert "{{table primary_claims" in shown
    for path in FOLDER.glob("*.csv"):
        assert path.stem in shown or path.stem in PRIMARY


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_margin_is_the_one_that_the_page_names(name):
    assert MARGIN == 0.02 and "two hundredths" in TEMPLATES[name]


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_figure_without_its_command(name):
    (page,) = [text for path, text in pages.build_pages().items() if path.name == name]
    shown = set(re.findall(r"\{\{(?:table |settings )?(\w+)", TEMPLATES[name]))
    for result in shown:
        assert result.startswith("paper_") or f"`{pages.command_for(result)}`" in page


def test_every_command_is_that_of_a_script():
    names = set(re.findall(r"\{\{(?:table |settings )?(\w+)", "".join(TEMPLATES.values())))
    assert len(names) > 10
    printed = {path.stem for path in FOLDER.glob("paper_*.csv")}
    for name in names - printed - set(pages._OF_ALL_RESULTS):
        _, script, *_ = pages.command_for(name).split()
        assert (pages.ROOT / script).exists()


@pytest.fixture
def results(tmp_path):
    frame = pd.DataFrame(
        {
            "claim": ["a + b beats b", "the other, of two"],
            "kind": ["exploratory", None],
            "k": [1, 3],
            "lr": [0.001, 0.0001],
            "value": [0.5, 0.25],
            "other_value": [0.25, None],
            "estimate": [0.25, -0.125],
            "low": [0.125, -0.5],
            "high": [0.5, 0.25],
        }
    )
    made_by = {"settings": {"albums": 20, "runs": 3}, "code": [], "folder": tmp_path}
    command = "python benchmarks/evaluate_single_label.py"
    write_result(frame, "single_label_claims", command=command, seconds=90, **made_by)
    write_result(frame, "table_some", command="python table", seconds=900, **made_by)
    lines = ["# source: them\n", "model,f1\n", "All,0.40\n"]
    (tmp_path / "paper_table.csv").write_text("".join(lines))
    return pages.Results(tmp_path)


@pytest.mark.parametrize(
    "template, text",
    [
        ("{{single_label_claims / a + b beats b / value}}", "0.500"),
        ("{{single_label_claims / a + b beats b / k}}", "1"),
        ("{{single_label_claims / the other, of two / lr}}", "0.0001"),
        ("{{single_label_claims / the other, of two / other_value}}", ""),
        (
            "{{single_label_claims / a + b\nbeats b}}",
            "0.500 against 0.250: +0.250 [+0.125, +0.500]",
        ),
        ("{{single_label_claims / the other, of two}}", "0.250: -0.125 [-0.500, +0.250]"),
        (
            "{{settings single_label_claims}}",
            "`python benchmarks/evaluate_single_label.py`, 20 albums, 3 seeds",
        ),
        (
            "{{settings entities_claims}}",
            "not measured yet (`python benchmarks/evaluate_entities.py`)",
        ),
        ("{{paper_table / All / f1}}", "0.40"),
        (
            "{{entities_claims / a / value}}",
            "not measured yet (`python benchmarks/evaluate_entities.py`)",
        ),
        (
            "{{table entities_metrics: model}}",
            "Not measured yet: run `python benchmarks/evaluate_entities.py`.",
        ),
    ],
)
def test_placeholders(results, template, text):
    assert results.build(template) == text


def test_tables(results):
    table = results.build("{{table single_label_claims: claim, estimate as difference, k}}")
    assert table.splitlines() == [
        "| claim | difference | k |",
        "| --- | --- | --- |",
        "| a + b beats b | +0.250 [+0.125, +0.500] | 1 |",
        "| the other, of two | -0.125 [-0.500, +0.250] | 3 |",
        "",
        "(`python benchmarks/evaluate_single_label.py`, 90 s)",
    ]
    some = results.build('{{table single_label_claims where kind = "" and k = 3: claim}}')
    assert some.splitlines()[2:-2] == ["| the other, of two |"]
    assert results.build("{{table paper_table: model, f1}}").endswith("\n(them)")


def test_durations(results, tmp_path):
    """A run that wrote two results counts once; two runs of one command are added."""
    about = {"settings": {}, "code": [], "folder": tmp_path, "command": "python table"}
    for name, seconds in (("table_some_claims", 900), ("table_part", 330)):
        write_result(pd.DataFrame({"a": [1]}), name, seconds=seconds, **about)
    assert results.build("{{table durations: command, minutes}}").splitlines() == [
        "| command | minutes |",
        "| --- | --- |",
        "| `python benchmarks/evaluate_single_label.py` | 2 |",
        "| `python table` | 20 |",
        "| sum | 22 |",
        "",
        "(`make evaluate`)",
    ]


@pytest.mark.parametrize("name", ["table_some", "table_missing", "patches_missing"])
def test_tables_of_clips_say_that_modalities_are_of_other_music(results, name):
    text = results.build(f"{{{{table {name}: claim}}}}")
    assert text.startswith("**In the tables of clips a row's text and cover belong")


def test_pages_with_tables_of_clips_say_it_too():
    for path, text in pages.build_pages().items():
        if re.search(r"\{\{(table )?(table|patches)_", TEMPLATES[path.name]):
            assert pages.OTHER_MUSIC in text


@pytest.mark.parametrize(
    "template, message",
    [
        ("{{single_label_claims / nobody / value}}", "0 rows"),
        ("{{single_label_claims / a + b beats b / f1}}", "no 'f1'"),
        ("{{table single_label_claims: model}}", "no 'model'"),
        ("{{table single_label_claims where k = 9: claim}}", "no rows"),
    ],
)
def test_what_is_in_no_file_is_an_error(results, template, message):
    with pytest.raises(ValueError, match=message):
        results.build(template)


def test_primary_claims_stand_there_before_they_are_measured(tmp_path):
    text = pages.Results(tmp_path).build("{{table primary_claims: claim, p_holm, verdict}}")
    n_claims = len(pages.primary_claims(tmp_path))
    assert text.count("not measured yet (`python benchmarks/evaluate_") == n_claims


OTHERS = {
    str(path.relative_to(pages.ROOT)): path.read_text(encoding="utf-8")
    for path in [pages.ROOT / "README.md", *sorted((pages.ROOT / "docs").rglob("*.md"))]
    if path.relative_to(pages.ROOT).parts[1:2] not in [("_build",), ("api",), ("_pages",)]
    and path not in [parent / name for name, parent in pages.PAGES.items()]
}


def paragraphs(text):
    return re.split(r"\n\s*\n", text)


@pytest.mark.parametrize("name", OTHERS)
def test_other_pages_leave_results_to_these(name):
    """So that no two pages say two things of one evaluation."""
    for paragraph in paragraphs(OTHERS[name]):
        if re.search(r"\bevaluate_\w+\.py|make evaluate", paragraph):
            assert not figures_of(paragraph)


@pytest.mark.parametrize("name", OTHERS)
def test_judgements_are_kept(name):
    for paragraph in paragraphs(OTHERS[name]):
        if re.search(r"\bjudged (by hand|one by one)", paragraph):
            (kept,) = re.findall(r"`(tests/\S+\.csv)`", paragraph)
            assert (pages.ROOT / kept).exists()


def test_pages_do_not_speak_for_what_is_measured():
    """Whether verdicts changed, or conditions were fixed before a run, no file could show."""
    scripts = (pages.ROOT / "benchmarks").glob("evaluate_*.py")
    texts = [*TEMPLATES.values(), *(path.read_text(encoding="utf-8") for path in scripts)]
    assert not re.search(r"no verdict|(?<!not )fixed before", " ".join(" ".join(texts).split()))
