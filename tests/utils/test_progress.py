"""The progress bar of long work, its lines in the log, and Ctrl-C."""

import logging
import random
import re
import subprocess
import sys
import threading
import warnings

import joblib
import pytest

from skmmgenre.utils import (
    TrainingInterrupted,
    interruption_ends_all,
    logger,
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


class TestLog:
    """What long work did, by the standard library, whether there is a bar or not."""

    @pytest.fixture
    @staticmethod
    def told(caplog):
        """A function that returns the lines so far, without the seconds, and forgets them."""
        caplog.set_level(logging.DEBUG, logger="skmmgenre")

        def lines(level=logging.INFO):
            found = [r.getMessage() for r in caplog.records if r.levelno >= level]
            caplog.clear()
            return [re.sub(r"\d+\.\d s", "0.0 s", line) for line in found]

        return lines

    @pytest.mark.parametrize("verbose", [0, 1])
    def test_begin_and_end(self, told, verbose):
        with progress_bar(8, "work", verbose=verbose) as advance:
            assert told() == ["work: started, 8 steps"]
            advance(5, note="loss 0.5")
            assert told() == []
            advance(0, note="stopped early", total=5)
        assert told() == ["work: done, 5 of 5 steps in 0.0 s (stopped early)"]

    def test_each_note_for_debugging(self, told):
        with progress_bar(8, "work", verbose=0) as advance:
            advance()
            advance(note="loss 0.5")
        assert "work: step 2 of 8, loss 0.5" in told(logging.DEBUG)

    def test_an_error_ends_it(self, told):
        with pytest.raises(KeyError), progress_bar(8, "work", verbose=0) as advance:
            advance(2)
            raise KeyError
        assert told()[1:] == ["work: stopped by KeyError, 2 of 8 steps in 0.0 s"]

    @pytest.mark.parametrize("total", [0, None])
    def test_nothing_where_there_is_nothing_to_do(self, told, total):
        with progress_bar(total, "work"):
            pass
        assert told(logging.DEBUG) == []

    def test_work_inside_other_work_is_for_debugging(self, told):
        with progress_hidden(), progress_bar(1, "work") as advance:
            advance()
        assert told() == []

    def test_workers_tell_nothing(self, told):
        """What sent them does. Processes among them have no handlers of this one."""
        with joblib.parallel_config(backend="threading"):
            joblib.Parallel(n_jobs=2)(joblib.delayed(_work)() for _ in range(4))
        assert told() == []
        _work()
        assert len(told()) == 3

    def test_silent_until_logging_is_configured(self):
        code = (
            "from skmmgenre.utils import logger, progress_bar; logger.warning('here'); "
            "exec('with progress_bar(3, \\'work\\', verbose=0): pass')"
        )
        ways = {"": "", "import logging; logging.basicConfig(level='INFO'); ": "here work work"}
        for before, expected in ways.items():
            done = subprocess.run(
                [sys.executable, "-c", before + code], capture_output=True, text=True, check=True
            )
            assert re.findall(r"here|work", done.stderr) == expected.split(), done.stderr
            assert done.stdout == ""


def _work():
    logger.warning("at work")
    with progress_bar(1, "work", verbose=0) as advance:
        advance()
