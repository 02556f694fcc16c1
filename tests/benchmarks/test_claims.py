"""What the evaluations share: p-values, Holm's correction, the table of claims."""

import _claims
import numpy as np
import pandas as pd
import pytest
from _claims import CLAIM, PRIMARY, compare, holm, p_value, primary_claims, run_conditions
from _results import read_result, write_result
from scipy import stats


def test_a_p_value_is_twice_the_share_beyond_0():
    draws = np.concatenate([np.full(97, 0.1), np.full(2, -0.1), [np.nan]])
    assert p_value(draws) == pytest.approx(2 * 3 / 100)
    assert p_value(-draws) == p_value(draws)
    assert p_value(np.full(999, 0.1)) == pytest.approx(2 / 1000)
    assert p_value(np.zeros(9)) == 1


def test_p_values_agree_with_the_t_test():
    rng = np.random.default_rng(0)
    y = np.ones(400)
    one, other = rng.random((2, 400)) < np.array([[0.75], [0.7]])
    line = compare(y, one, other, metric="accuracy", n_resamples=5000)
    expected = stats.ttest_rel(one.astype(float), other.astype(float)).pvalue
    assert line["p"] == pytest.approx(expected, abs=0.02)
    assert (line["p"] < 0.05) == (line["low"] > 0)


def test_p_values_of_equal_models_are_uniform():
    """As many of them are small as ought to be, over seeds and artists."""
    rng = np.random.default_rng(1)
    runs, artists = np.repeat(np.arange(8), 40), np.tile(np.repeat(np.arange(20), 2), 8)
    found = []
    for _ in range(200):
        one, other = rng.random((2, 320)) < 0.7
        asked = {"groups": artists, "runs": runs, "seeds": runs, "n_resamples": 200}
        found.append(compare(np.ones(320), one, other, metric="accuracy", **asked)["p"])
    assert np.mean(np.array(found) < 0.1) < 0.15


def test_a_figure_is_compared_with_chance():
    y = np.ones(100)
    right = np.arange(100) < 60
    line = compare(y, right, metric="accuracy", chance=0.5)
    assert line["estimate"] == pytest.approx(0.1) and line["low"] > -0.05
    assert line["p"] == pytest.approx(0.05, abs=0.04)


def test_one_seed_is_not_resampled():
    y, right = np.ones(40), np.arange(40) < 30
    runs = np.zeros(40)
    line = compare(y, right, metric="accuracy", runs=runs, seeds=runs)
    assert line == compare(y, right, metric="accuracy")


def test_holm():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1, 1])


def test_primary_claims_that_are_not_measured_count(tmp_path):
    empty = primary_claims(tmp_path)
    assert list(empty["claim"]) == list(PRIMARY.values())
    assert empty["p"].isna().all() and empty["p_holm"].isna().all()
    (name, claim), *_ = PRIMARY.items()
    line = {"claim": claim, "estimate": 0.1, "low": 0.05, "high": 0.2, "p": 0.01}
    frame = pd.DataFrame([line | {"kind": "primary", "verdict": "better"}])
    made_by = {"command": "", "settings": {}, "code": [], "folder": tmp_path}
    write_result(frame, name, **made_by)
    found = primary_claims(tmp_path).set_index("result")["p_holm"]
    assert (
        found[name] == pytest.approx(0.01 * len(PRIMARY)) and found.isna().sum() == len(PRIMARY) - 1
    )
    write_result(frame.assign(kind="exploratory"), name, **made_by)
    with pytest.raises(ValueError, match="was not a primary claim when"):
        primary_claims(tmp_path)


def some(arguments, folder):
    (arguments.predictions / "some.txt").write_text("kept")
    arguments.write(pd.DataFrame({"model": ["a"], "f1": [0.5]}), "made_figures")
    rest = {"estimate": 0.01, "low": 0.001, "high": 0.019, "p": 0.01}
    yield "the first", CLAIM, {"metric": "f1", **rest}
    yield "the second", CLAIM, {"metric": "f1", **rest, "low": -0.001}


def diversity(arguments, folder):
    rest = {"estimate": 0.0, "low": -0.001, "high": 0.001, "p": 1.0}
    yield "the third", "control that must vanish", {"metric": "diversity@1", **rest}


def run(monkeypatch, tmp_path, *words):
    out = ["--output", str(tmp_path / "out"), "--predictions", str(tmp_path / "predicted")]
    monkeypatch.setattr("sys.argv", ["evaluate_made.py", *words, *out])
    monkeypatch.setitem(PRIMARY, "made_claims", "the first")
    run_conditions(
        (some, diversity), name="made", description="", code=["benchmarks"], settings={"width": 8}
    )
    return tmp_path / "out"


def test_claims_are_written_with_what_they_are(monkeypatch, tmp_path, capsys):
    claims, head = read_result(run(monkeypatch, tmp_path, "--runs", "2") / "made_claims.csv")
    assert list(claims["kind"]) == ["primary", "exploratory", "control that must vanish"]
    assert list(claims["verdict"]) == ["better", "similar", "open"]
    assert head["command"] == "python benchmarks/evaluate_made.py --runs 2"
    assert head["settings"] == '{"albums": 2000, "margin": 0.02, "runs": 2, "width": 8}'
    figures, _ = read_result(tmp_path / "out" / "made_figures.csv")
    assert list(figures["f1"]) == [0.5]
    assert "the first" in capsys.readouterr().out


def test_finished_conditions_are_kept(monkeypatch, tmp_path):
    words = ["--keep", str(tmp_path / "kept")]
    before = read_result(run(monkeypatch, tmp_path, *words) / "made_claims.csv")
    (tmp_path / "out" / "made_figures.csv").unlink()
    (tmp_path / "predicted" / "some.txt").unlink()
    after = read_result(run(monkeypatch, tmp_path, *words) / "made_claims.csv")
    pd.testing.assert_frame_equal(before[0], after[0])
    assert before[1]["command"] == after[1]["command"] == "python benchmarks/evaluate_made.py"
    assert read_result(tmp_path / "out" / "made_figures.csv")[0]["f1"].tolist() == [0.5]
    assert not (tmp_path / "predicted" / "some.txt").exists()  # the condition was not run again


def test_some_of_the_claims_do_not_take_the_place_of_all(monkeypatch, tmp_path, capsys):
    claims, _ = read_result(run(monkeypatch, tmp_path, "--only", "some") / "made_claims.csv")
    assert len(claims) == 2
    monkeypatch.setattr(_claims, "FOLDER", tmp_path / "out")
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--only", "some")
    assert "--only leaves claims out" in capsys.readouterr().err
