"""What one model for every pattern loses to a model of each pattern."""

from itertools import compress

import evaluate_missing as evaluation
import numpy as np
import pytest
from _results import read_result

from skmmgenre.datasets import make_albums


@pytest.fixture(scope="module")
def albums(tmp_path_factory):
    small = {"duration": 0.5, "cover_size": 8, "audio_format": "wav", "random_state": 0}
    return make_albums(60, 3, directory=tmp_path_factory.mktemp("albums"), **small)


def test_the_regret_is_what_the_one_model_loses(albums):
    rng = np.random.default_rng(0)
    truth = (albums.y[:, np.newaxis] == albums.oracle.classes).astype(float)
    rows = np.arange(60)
    knowing, silent = truth + 0.1 * rng.random(truth.shape), np.full(truth.shape, 0.5)
    runs = []
    for rate in evaluation.RATES:
        for pattern in evaluation.PATTERNS:
            names = tuple(compress(evaluation.MODALITIES, pattern))
            for seed in range(2):
                one = silent if len(names) == 1 else knowing
                part = {"run": seed, "row": rows, "one": one, "special": knowing}
                runs.append((rate, names, part))
    lines = evaluation.tabulate(albums, runs).set_index(["missing", "pattern"])
    assert lines["estimate"][0.3, "audio"] == pytest.approx(0.5)
    assert lines["low"][0.3, "audio"] == lines["high"][0.3, "audio"] == pytest.approx(0.5)
    assert lines["estimate"][0.3, "audio + text"] == 0
    assert lines["estimate"][0.3, "mean"] == pytest.approx(0.5 * 3 / 7)
    assert lines["estimate"]["all", "mean"] == pytest.approx(0.5 * 3 / 7)
    assert lines["low"]["all", "mean"] == pytest.approx(0.5 * 3 / 7)  # of each resample, too
    assert (lines["verdict"].dropna() == "misses").all() and lines["verdict"].count() == 6
    assert lines["special"][0.3, "text"] == 1 and 0.5 < lines["oracle"][0.3, "text"] <= 1
    assert len(lines) == 5 * 8 + 1


def test_the_mean_regret_has_the_interval_of_its_resamples():
    rng = np.random.default_rng(0)
    lines = [{"one": 0.9, "special": 0.9, "oracle": 1, "estimate": shift} for shift in (0, 0.004)]
    noise = rng.normal(0, 0.01, 2000)
    against = evaluation._mean(lines, [noise, 0.004 - noise])  # what one loses the other gains
    assert against["low"] == pytest.approx(against["high"]) == pytest.approx(0.002)
    assert against["verdict"] == "holds"
    along = evaluation._mean(lines, [noise, 0.004 + noise])
    assert along["high"] - along["low"] > 0.03 and along["verdict"] == "open"


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    words = ["--albums", "120", "--train", "50", "--runs", "1", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["evaluate_missing.py", *words, "--jobs", "1"])
    evaluation.main()
    lines, head = read_result(tmp_path / "missing.csv")
    assert len(lines) == 41 and (lines["estimate"].abs() < 0.5).all()
    assert head["command"].startswith("python benchmarks/evaluate_missing.py")
