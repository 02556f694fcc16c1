"""The progress bar of long work, and Ctrl-C."""

import random
import subprocess
import sys
import threading
import warnings

import pytest

from skmmgenre.utils import (
    TrainingInterrupted,
    interruption_ends_all,
    progress_bar,
    progress_hidden,
    python_random_kept,
)


def test_no_progress_when_quiet(capsys):
    with progress_bar(3, "work", verbose=0) as advance:
        advance(2, note="x")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("total", [0, None])
def test_no_progress_where_there_is_nothing_to_do(total, capsys):
    with progress_bar(total, "work") as advance:
        advance()
    assert capsys.readouterr() == ("", "")


def test_steps_and_a_note(capsys):
    with progress_bar(8, "work") as advance:
        advance()
        advance(3, note="loss 0.5")
    out, err = capsys.readouterr()
    assert out == "" and "work" in err and "4/8" in err and "loss 0.5" in err


def test_work_that_has_fewer_steps_than_it_seemed(capsys):
    with progress_bar(8, "work") as advance:
        advance(2, total=2)
    assert "2/2" in capsys.readouterr().err


def test_a_bar_is_hidden_inside_and_in_this_thread_only(capsys):
    def work():
        with progress_bar(3, "work") as advance:
            advance(3)

    with progress_hidden():
        with progress_hidden():
            work()
        work()
        assert capsys.readouterr().err == ""
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "3/3" in capsys.readouterr().err
    with pytest.raises(KeyError), progress_hidden():
        raise KeyError
    work()
    assert "3/3" in capsys.readouterr().err


_BAR = """
import random, sys
from skmmgenre.utils import progress_bar

for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
    del sys.modules[name]  # scikit-learn has imported it
state = random.getstate()
with progress_bar(1, "work") as advance:
    advance()
assert "rich" in sys.modules and random.getstate() == state
"""


def test_importing_rich_leaves_python_random_alone():
    subprocess.run([sys.executable, "-c", _BAR], check=True, capture_output=True)


def test_python_random_is_given_back_after_an_error(monkeypatch):
    monkeypatch.delitem(sys.modules, "rich")
    state = random.getstate()
    with pytest.raises(KeyError), python_random_kept():
        random.random()
        raise KeyError
    assert random.getstate() == state


def test_an_interruption_ends_all():
    with pytest.raises(KeyboardInterrupt), interruption_ends_all():
        warnings.warn("stopped", TrainingInterrupted, stacklevel=1)
    with pytest.warns(TrainingInterrupted, match="stopped"):
        warnings.warn("stopped", TrainingInterrupted, stacklevel=1)


def test_other_warnings_end_nothing():
    with pytest.warns(UserWarning, match="few rows"), interruption_ends_all():
        warnings.warn("few rows", UserWarning, stacklevel=1)
