"""The evaluations run, and the pages find what they ask for in the files that they write."""

import os
import re
import subprocess
import sys

import build_pages as pages
import evaluate_cross_fit
import evaluate_patches
import evaluate_single_label
import numpy as np
import pandas as pd
import pytest
import soundfile
from _results import FOLDER, ROOT, read_result

from skmmgenre.datasets import make_albums


@pytest.mark.parametrize(
    "row, seen",
    [
        ("audio", ("audio",)),
        ("audio + mm_audio", ("audio",)),
        ("plain text + image, concatenated", ("text", "image")),
        ("shuffled covers", ("audio",)),
        ("cross_fit", ("audio", "text", "image")),
    ],
)
def test_what_a_row_sees(row, seen):
    assert evaluate_single_label.modalities_of(row) == seen


def test_ways_to_train_are_compared_on_the_same_albums():
    albums = make_albums(60, random_state=0, duration=0.5, cover_size=16, n_genres=3)
    rng = np.random.default_rng(0)
    rows = np.tile(np.arange(30, 60), 2)
    about = {"run": np.repeat([0, 1], 30), "row": rows, "group": albums.groups[rows]}
    true = albums.y[rows]
    half = np.where(rng.random(60) < 0.5, true, rng.permutation(true))
    answers = pd.DataFrame({**about, "true": true, "in-sample": half, "cross_fit=3": true})
    lines = evaluate_cross_fit.tabulate(albums, answers).set_index("vectors")
    assert lines["f1"]["cross_fit=3"] == 1 and lines["verdict"]["cross_fit=3"] == "better"
    difference = 1 - lines["f1"]["in-sample"]
    assert lines["estimate"]["cross_fit=3"] == pytest.approx(difference)
    assert pd.isna(lines["estimate"]["in-sample"]) and 0.5 < lines["f1"]["ceiling"] <= 1


def test_patches_of_a_table(tmp_path, monkeypatch):
    """Clips without a sound are left out; the one fixed patch is what others are compared with."""
    rng = np.random.default_rng(0)
    for row in range(12):
        soundfile.write(tmp_path / f"{row}.wav", 0.1 * rng.normal(size=22050), 22050)
    table = pd.DataFrame({"audio": [f"{row}.wav" for row in range(12)]})
    table["artist"] = [f"artist {row // 2}" for row in range(12)]
    table["genres"] = ["Jazz; Live" if row % 4 < 2 else "Rock" for row in range(12)]
    table.loc[3, "audio"] = ""
    table.to_csv(tmp_path / "made.csv", index=False)

    def answer(patches, Y, train, test, *, architecture, epochs, seed):
        assert patches.shape[:2] == (11, 96) and not set(train) & set(test)
        noise = np.random.default_rng(seed).random((len(test), 3))
        return {
            ("one fixed patch", "one patch"): noise,
            ("a patch an epoch", "mean of 5"): Y[test] + noise,
        }

    monkeypatch.setattr(evaluate_patches, "run_fold", answer)
    words = [str(tmp_path / "made.csv"), "--jobs", "1", "--folds", "2", "--runs", "2"]
    words += ["--seconds", "1", "--output", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["evaluate_patches.py", *words])
    evaluate_patches.main()
    lines, head = read_result(tmp_path / "out" / "patches_made.csv")
    assert list(lines["macro_auc"] > 0.99) == [False, True]
    assert lines["estimate"].isna()[0] and lines["verdict"][1] == "better"
    assert '"clips": 11' in head["settings"] and str(tmp_path) not in str(head)


@pytest.mark.slow
def test_small_runs_fill_the_pages(tmp_path):
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    out = ["--output", str(tmp_path / "out")]
    small = dict.fromkeys(
        ("single_label", "multi_label", "entities", "cross_fit", "joint_space"),
        "--albums 100 --runs 1",
    )
    small["albums"] = "--albums 60 --further 40 --seeds 1"
    small["known_tasks"] = "--rows 30 --genres 2 --seeds 1"
    small["explanations"] = "--albums 60 --runs 1"
    small["missing"] = "--albums 120 --train 50 --runs 1"
    for name, sizes in small.items():
        script = ROOT / "benchmarks" / f"evaluate_{name}.py"
        predictions = ["--predictions", str(tmp_path / "predicted")]
        words = out + (predictions if name in ("single_label", "multi_label", "entities") else [])
        command = [sys.executable, str(script), *sizes.split(), *words]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    for path in FOLDER.glob("paper_*.csv"):
        (tmp_path / "out" / path.name).write_bytes(path.read_bytes())
    for text in pages.build_pages(tmp_path / "out").values():
        unknown = [line for line in text.splitlines() if "ot measured yet" in line]
        scripts = "active_learning|encoders|folder|patches|ready_model|table"
        of_clips = re.compile(f"evaluate_({scripts})")
        assert all(of_clips.search(line) for line in unknown)
