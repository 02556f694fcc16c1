"""The metrics of a model as tables for people."""

import pandas as pd
import pytest
from command_output import CONTROL

from skmmgenre.cli._control import Control
from skmmgenre.cli._evaluate import Evaluation
from skmmgenre.cli._evaluation_tables import print_evaluation, print_held_out

GENRES = ["[b]Rock[/b]", "a genre with a name so long that no table of a terminal has room for it"]
GENRES += ["tab\tand\x1bescape", "Jazz"]


def evaluation(several, **more):
    columns = ["f1", "macro_auc", "macro_average_precision"]
    columns += [f"{name}@{k}" for name in ("precision", "diversity") for k in (1, 3, 5)]
    if not several:
        columns = ["precision", "recall", "f1", "accuracy", "macro_auc"]
    subsets = ["audio", "text", "image", "audio + text", "audio + text + image"]
    metrics = pd.DataFrame(0.5, index=subsets, columns=columns)
    genres = pd.DataFrame(0.25, index=[*GENRES, "macro"], columns=["precision", "recall", "f1"])
    genres["auc"], genres["support"] = float("nan"), 12345
    shares = pd.Series([0.1, 0.7, 0.1, 0.1], index=GENRES)
    given = {
        "several": several,
        "n_items": 12345,
        "metrics": metrics,
        "genres": genres,
        "unknown": dict.fromkeys(GENRES, 2),
        "n_left_out": 3,
        "errors": [],
        "n_first_only": 0,
        "never_predicted": GENRES,
        "min_scores": pd.DataFrame(
            {"share": [1.0, 0.256, 0.0], "precision": [0.5, 0.75, float("nan")]},
            index=[0.0, 0.3, 0.9],
        ),
        "by_artist": True,
        "n_drawn": 50,
        "control": Control(shares, 321),
        "prior": metrics.iloc[0],
    }
    return Evaluation(**given | more)


def with_plain(several, **more):
    found = evaluation(several, **more)
    found.plain = found.metrics - 0.1
    line = {"metric": "macro_auc" if several else "f1", "difference": 0.1, "low": 0.05, "high": 0.2}
    found.differences = pd.DataFrame([line] * len(found.metrics), index=found.metrics.index)
    return found


@pytest.mark.parametrize("several", [False, True], ids=["one genre", "several"])
@pytest.mark.parametrize("show", [print_evaluation, print_held_out])
def test_width_and_odd_names(capsys, several, show):
    show(with_plain(several))
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80 and not CONTROL.search(told)
    assert "[b]Rock[/b]" in told and "tab and\\x1bescape" in told
    assert "The model is better than plain" in told and "Never predicted: [b]Rock[/b]" in told


def test_rows_of_an_evaluation(capsys):
    print_evaluation(with_plain(False))
    told = capsys.readouterr().out
    rows = [" ".join(line.split()) for line in told.splitlines()]
    for name in ("audio", "audio + text + image"):
        assert f"{name} 0.50 0.50 0.50 0.50 0.50" in rows
        assert f"plain {name} 0.40 0.40 0.40 0.40 0.40" in rows
        assert f"{name} 0.50 0.40 +0.100 +0.050 +0.200" in rows
    assert "trained on 321 items" in " ".join(rows) and "--train" not in told


def test_how_to_get_a_control(capsys):
    print_evaluation(evaluation(False, control=None, prior=None))
    told = capsys.readouterr().out
    assert "To compare with a plain control" in told
    assert told.count("plain") == 1 and "always" not in told


def test_rows_of_held_out_items(capsys):
    print_held_out(with_plain(True))
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    nine = " ".join(["0.50"] * 9)
    for row in (f"model {nine}", f"plain {nine.replace('5', '4')}", f"class prior {nine}"):
        assert row in rows
    assert "12,345 held-out items" in rows
    assert "any 100 % 0.50" in rows and "0.3 26 % 0.75" in rows and "0.9 0 % -" in rows


def test_a_control_that_could_not_learn(capsys):
    control = Control(pd.Series([1.0], index=["Jazz"]), 3, reason="no words [remain]")
    print_held_out(evaluation(False, control=control))
    told = capsys.readouterr().out
    assert "No plain control: no words [remain]" in told and " plain  " not in told
    assert "always Jazz" in told


def test_no_interval(capsys):
    found = with_plain(False, by_artist=False)
    found.differences[["low", "high"]] = float("nan")
    print_evaluation(found)
    told = capsys.readouterr().out
    assert "Too few items to say" in told and "+0.100              -" in told


@pytest.mark.parametrize("show", [print_evaluation, print_held_out])
def test_what_the_verdict_says(capsys, show):
    def told(found):
        show(found)
        return " ".join(capsys.readouterr().out.split())

    assert "rough" not in told(with_plain(False))
    assert "The interval is rough, because there are only 7 artists." in told(
        with_plain(False, n_drawn=7)
    )
    assert "Macro F1" not in told(with_plain(False))
    of_several = with_plain(True)
    of_several.metrics.loc[of_several.metrics.index[-1], "f1"] = 0.04
    assert "Macro F1 of the predictions: model 0.04, plain 0.40." in told(of_several)


def test_no_verdict_on_items_that_were_learned(capsys):
    print_evaluation(with_plain(True, n_learned=1234))
    told = " ".join(capsys.readouterr().out.split())
    assert "No verdict, because --train contains 1,234 of the 12,345 items" in told
    assert "better than" not in told and "Macro F1" not in told
