"""Train one network on several devices with Hugging Face accelerate.

Every process runs this script. It has all of X, preferably as a memory-mapped file, trains on its
part of every batch, and ends with the same weights as the others. `batch_size` is the total over
all processes, so the network is the same on any number of devices, up to rounding, if it has
neither dropout (each process drops different units) nor batch norm (computed on the process's part
of a batch), as here. With dropout or batch norm the weights differ.

    accelerate launch --num_processes 2 examples/train_on_several_devices.py
    accelerate launch --cpu --num_processes 2 examples/train_on_several_devices.py
    torchrun --nproc_per_node 2 examples/train_on_several_devices.py
    python examples/train_on_several_devices.py

Requires ``pip install ".[distributed]"``. To use your own patches, write them with `numpy.save` and
pass ``--patches`` and ``--labels``, a text file with one line per patch.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from accelerate import PartialState

from skmmgenre.audio import AudioCNN


def make_patches(n=400, seed=0):
    """Return noisy patches of four genres, each with more energy in other bins."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    X = rng.normal(-40, 10, (n, 96, 323)).astype(np.float32)
    for row, genre in enumerate(y):
        X[row, 10 + 20 * genre : 20 + 20 * genre] += 4
    return X, np.array(["Blues", "Folk", "Jazz", "Rock"])[y]


def main():
    """Train; one process prints and writes the losses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patches", type=Path, default=None, help="a .npy file")
    parser.add_argument("--labels", type=Path, default=None)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=None, help="JSON file for the losses")
    arguments = parser.parse_args()
    if arguments.patches is not None and arguments.labels is None:
        parser.error("--patches needs --labels")
    if arguments.patches is None:
        X, y = make_patches()
    else:
        X = np.load(arguments.patches, mmap_mode="r")
        y = np.array(arguments.labels.read_text(encoding="utf-8").splitlines())
    model = AudioCNN(
        architecture="time",
        width=(16, 32, 64),
        dropout=0,
        max_epochs=arguments.epochs,
        device="accelerate",
        random_state=0,
        verbose=1,
    )
    model.fit(X, y, groups=np.arange(len(X)))
    if PartialState().is_main_process:
        for epoch in model.history_:
            print(f"epoch {epoch['epoch']}: validation loss {epoch['valid_loss']:.4f}")
        if arguments.output is not None:
            weights = float(np.abs(model.weights_["head.weight"]).sum())
            record = {"processes": PartialState().num_processes, "history": model.history_}
            arguments.output.write_text(json.dumps({**record, "weights": weights}))


if __name__ == "__main__":
    main()
