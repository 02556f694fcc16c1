"""Losses of the first steps of the paper's training, for each network and target.

`python tests/helpers/paper_steps.py` writes tests/data/paper_steps.json anew: only where the
paper's training is meant to change.
"""

import json
import warnings
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[1] / "data" / "paper_steps.json"
NETWORKS = ["AudioCNN", "AudioCNN time", "TextMLP", "ResNetEmbedder", "FusionClassifier"]
TARGETS = ["softmax", "logistic", "cosine"]


def first_losses(network, target, **preset):
    """Return the losses of five steps of 24 rows each, and of the rows held out after each."""
    from skmmgenre.audio import AudioCNN
    from skmmgenre.fusion import FusionClassifier
    from skmmgenre.image import ResNetEmbedder
    from skmmgenre.labels import PPMILabelFactorizer
    from skmmgenre.text import TextMLP

    rng = np.random.default_rng(0)
    y, Y = np.arange(30) % 3, (rng.random((30, 5)) < 0.4).astype(int)
    Y[:, 0] |= ~Y.any(axis=1)
    sound = rng.normal(-40, 10, size=(30, 96, 130)).astype(np.float32)
    words = rng.random((30, 40))
    covers = list(rng.integers(0, 256, size=(30, 40, 40, 3), dtype=np.uint8))
    # "auto" would be bfloat16 on a processor that has it.
    common = {"target": target, "random_state": 0, "precision": "float32"}
    common |= {"max_epochs": 5, "patience": 5, "batch_size": 32}
    if target == "cosine":
        common["label_factorizer"] = PPMILabelFactorizer(n_components=3)
    common |= preset
    model, X = {
        "AudioCNN": (AudioCNN(width="low", architecture="4x70", **common), sound),
        "AudioCNN time": (AudioCNN(width="low", architecture="time", **common), sound),
        "TextMLP": (TextMLP(hidden_units=(32, 16), **common), words),
        "ResNetEmbedder": (ResNetEmbedder(depth=18, image_size=32, weights=None, **common), covers),
        "FusionClassifier": (FusionClassifier(blocks={"a": 30, "b": 10}, **common), words),
    }[network]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y if target == "softmax" else Y, validation=np.arange(30) >= 24)
    return [[epoch["train_loss"], epoch["valid_loss"]] for epoch in model.history_]


if __name__ == "__main__":
    known = {
        f"{network}, {target}": first_losses(network, target, preset="paper")
        for network in NETWORKS
        for target in TARGETS
    }
    FILE.write_text(json.dumps(known, indent=1) + "\n")
