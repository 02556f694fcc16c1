"""Training in several processes: the same network, whatever their number."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "train_on_several_devices.py"

# One of each kind: convolutions, sparse rows, a layer over vectors with batches that cannot be
# shared out evenly, batch norm.
SCRIPT = """
import json, sys
import numpy as np
from accelerate import PartialState
from scipy import sparse
from sklearn.base import clone
from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import TextMLP

rng = np.random.default_rng(0)
N = 101  # of which a quarter is enough to choose on
y = np.arange(N) % 3
several = np.eye(3, dtype=int)[y] | (rng.random((N, 3)) < 0.2)
validation = np.arange(N) % 4 == 0
shared = {"device": "accelerate", "random_state": 0, "max_epochs": 6, "batch_size": 7}
patches = rng.normal(-40, 10, (N, 96, 130)).astype(np.float32) + y[:, None, None]
words = sparse.random_array((N, 300), density=0.1, rng=rng, format="csr")
vectors = rng.normal(size=(N, 20)) + y[:, None]
covers = list(rng.integers(0, 256, (N, 24, 24, 3), dtype=np.uint8))
small = {"depth": 18, "weights": None, "image_size": 32, "augment": False, "max_epochs": 2}
models = {
    "audio": (AudioCNN(width=(4, 4, 4), dropout=0, precision="float32", **shared), patches),
    "paper": (
        AudioCNN(preset="paper", width=(4,) * 4, precision="float32", **shared), patches
    ),
    "text": (TextMLP(hidden_units=(16, 8), dropout=0, **shared), words),
    "fusion": (FusionClassifier(dropout=0, lr=0.5, patience=2, **shared), vectors),
    "image": (ResNetEmbedder(precision="float32", **{**shared, **small}), covers),
    "several": (FusionClassifier(dropout=0, lr=0.1, **shared), vectors),
}
models["all epochs"] = (clone(models["image"][0]).set_params(validation_fraction=0), covers)
found = {}
for name, (model, X) in models.items():
    unseen = None if name == "all epochs" else validation
    model.fit(X, several if name == "several" else y, validation=unseen)
    answers = model.predict_proba(X)
    found[name] = {"history": model.history_, "best": model.best_iter_, "answers": answers.tolist()}
joint = JointSpaceProjector(n_components=4, hidden_units=8, **shared).fit(vectors)
embedded = joint.transform(vectors).tolist()
found["joint"] = {"history": joint.history_, "best": joint.best_iter_, "answers": embedded}
try:
    FusionClassifier(device="accelerate").fit(vectors, y, validation=validation)
    found["no seed"] = "trained"
except ValueError as error:
    found["no seed"] = str(error)
state = PartialState()
found["processes"] = state.num_processes
with open(f"{sys.argv[1]}/{state.process_index}.json", "w") as file:
    json.dump(found, file)
"""


# Dropout of the default, drawn by each process for its part of a batch, at a size at which
# epochs and rows are enough to learn from and seconds are few.
DROPOUT = """
import json, sys
import numpy as np
from accelerate import PartialState
from scipy import sparse
from skmmgenre.text import TextMLP

rng = np.random.default_rng(0)
N = 3000
y = rng.integers(0, 4, N)
rates = 0.05 * rng.gamma(0.5, size=(4, 300)) + 0.02
words = sparse.csr_array(rng.poisson(rates[y]).astype(np.float32))
validation = np.arange(N) % 4 == 0
best = []
for seed in range(3):
    mlp = TextMLP(hidden_units=(128, 128), max_epochs=20, device="accelerate", random_state=seed)
    mlp.fit(words, y, validation=validation)
    losses = [epoch["valid_loss"] for epoch in mlp.history_]
    best.append((losses[0], min(losses)))
state = PartialState()
if state.is_main_process:
    with open(sys.argv[1], "w") as file:
        json.dump({"processes": state.num_processes, "losses": best}, file)
"""


def run(script, *arguments, n_processes):
    """Run a script in so many processes that know each other over gloo."""
    pytest.importorskip("accelerate")
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={n_processes}"]
    command = [sys.executable, *(launch if n_processes > 1 else []), str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What one process tells, and what each of two."""
    folder = tmp_path_factory.mktemp("accelerate")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    found = []
    for n_processes in (1, 2):
        output = folder / str(n_processes)
        output.mkdir()
        run(script, str(output), n_processes=n_processes)
        found += [json.loads((output / f"{k}.json").read_text()) for k in range(n_processes)]
    return found


def losses(told, name, kind):
    return [epoch[kind] for epoch in told[name]["history"]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["audio", "paper", "text", "fusion", "several"])
def test_two_processes_learn_what_one_does(told, name):
    one, *two = told
    assert one["processes"] == 1 and [part["processes"] for part in two] == [2, 2]
    for part in two:
        assert part[name]["best"] == one[name]["best"]
        kinds = set(one[name]["history"][0]) - {"epoch", "duration"}
        assert len(kinds) == 3  # losses and the metric
        for kind in kinds:
            assert losses(part, name, kind) == pytest.approx(losses(one, name, kind), rel=1e-4)
        np.testing.assert_allclose(
            part[name]["answers"], one[name]["answers"], rtol=1e-3, atol=1e-4
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["audio", "paper", "text", "fusion", "several", "image", "all epochs", "joint"]
)
def test_processes_agree_to_the_last_bit(told, name):
    """Also with batch norm, whose statistics are those of a process's part of a batch."""
    _, first, second = told
    strip = [
        [{k: v for k, v in epoch.items() if k != "duration"} for epoch in part[name]["history"]]
        for part in (first, second)
    ]
    assert strip[0] == strip[1]
    assert first[name].get("answers") == second[name].get("answers")


@pytest.mark.slow
def test_processes_must_draw_alike(told):
    one, *two = told
    assert one["no seed"] == "trained"
    assert all("make the same random draws. Pass an integer" in part["no seed"] for part in two)


@pytest.mark.slow
def test_the_example_reaches_the_loss_of_one_process(tmp_path):
    found = []
    for n_processes in (1, 2):
        output = tmp_path / f"{n_processes}.json"
        run(EXAMPLE, "--output", str(output), n_processes=n_processes)
        found.append(json.loads(output.read_text()))
    one, two = found
    assert (one["processes"], two["processes"]) == (1, 2)
    last = [part["history"][-1]["valid_loss"] for part in (one, two)]
    assert last[1] == pytest.approx(last[0], rel=0.05)  # 0.023 apart on one machine
    assert last[0] < 0.5 * one["history"][0]["valid_loss"]


@pytest.mark.slow
def test_with_dropout_two_processes_reach_the_loss_of_one(tmp_path):
    """Not the same weights, since each process drops units of its own; as good ones."""
    script = tmp_path / "dropout.py"
    script.write_text(DROPOUT)
    found = []
    for n_processes in (1, 2):
        output = tmp_path / f"{n_processes}.json"
        run(script, str(output), n_processes=n_processes)
        found.append(json.loads(output.read_text()))
    assert [part["processes"] for part in found] == [1, 2]
    one, two = (np.array(part["losses"]) for part in found)
    assert np.all(one[:, 1] < 0.5 * one[:, 0])  # something was learned
    assert np.all(one[:, 1] != two[:, 1])
    # The best loss of one seed may differ by 4 %, as it does between seeds of one process.
    assert two[:, 1].mean() == pytest.approx(one[:, 1].mean(), rel=0.02)


def test_one_process_is_as_without():
    pytest.importorskip("accelerate")
    from skmmgenre.fusion import FusionClassifier

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), np.arange(40) % 2
    params = {"max_epochs": 3, "validation_fraction": 0, "random_state": 0, "dropout": 0.5}
    plain = FusionClassifier(device="cpu", **params).fit(X, y)
    spread = FusionClassifier(device="accelerate", **params).fit(X, y)
    np.testing.assert_array_equal(plain.predict_proba(X), spread.predict_proba(X))
    assert spread.set_params(device="cpu").predict(X).shape == (40,)


def test_every_row_counts_once():
    from skmmgenre.nets._skorch_net import _share_of

    for n_rows in (1, 2, 7, 32):
        for n_processes in (1, 2, 3, 8):
            shares = [_share_of(np.arange(n_rows) + 5, k, n_processes) for k in range(n_processes)]
            assert len({len(rows) for rows, _ in shares}) == 1
            counted = sorted(row for rows, counts in shares for row in rows[counts > 0])
            assert counted == list(range(5, 5 + n_rows))
            mean = np.mean([np.mean(rows * counts) for rows, counts in shares])
            assert mean == pytest.approx(np.mean(np.arange(n_rows) + 5), rel=1e-6)


def test_outputs_of_all_processes_are_put_in_the_order_of_the_rows():
    import torch

    from skmmgenre.nets._skorch_net import AcceleratedNet, _share_of

    for n_rows in (1, 2, 7, 32):
        outputs = np.random.default_rng(n_rows).normal(size=(n_rows, 3))
        for n_processes in (1, 2, 3, 8):
            shares = [_share_of(np.arange(n_rows), k, n_processes) for k in range(n_processes)]
            parts = [torch.from_numpy(outputs[rows]) for rows, _ in shares]

            class OneOfSeveral:
                num_processes = n_processes
                gather = staticmethod(lambda part, parts=parts: torch.cat(parts))

            net = AcceleratedNet.__new__(AcceleratedNet)
            net.__dict__["accelerator"] = OneOfSeveral
            whole = net.of_whole_batch(parts[0], n_rows)
            np.testing.assert_array_equal(whole.numpy(), outputs)


def test_the_example_asks_for_labels():
    pytest.importorskip("accelerate")
    told = subprocess.run(
        [sys.executable, EXAMPLE, "--patches", "x.npy"], capture_output=True, text=True
    )
    assert told.returncode == 2 and "--patches needs --labels" in told.stderr
