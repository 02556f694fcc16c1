"""Where the joint space of sound and cover gets stuck, and what that means for the sound.

Audio and image networks are trained once a seed on synthetic albums; the joint space is then
trained on their vectors with several learning rates and margins. A validation loss of 1 - margin
is that of the solution that knows nothing (all sounds in one direction, all covers in another).
Nothing is chosen here: the settings are the defaults and three others, and all of them are shown.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _results import FOLDER, command_of, write_result
from evaluate_single_label import NETWORKS, build_model
from sklearn.base import clone

from skmmgenre.compose import GenrePipeline
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.metrics import genre_scores
from skmmgenre.model_selection import ArtistShuffleSplit

_SETTINGS = [
    {"lr": lr, "margin": margin, "patience": patience}
    for lr, margin, patience in [(1e-3, 0.5, 10), (1e-3, 0.5, 40), (1e-4, 0.5, 10), (1e-4, 0.2, 10)]
]

CODE = [
    "benchmarks/evaluate_joint_space.py",
    "benchmarks/evaluate_single_label.py",
    "skmmgenre/datasets/_synthetic",
]


def one_run(albums, seed):
    """A line a setting: validation loss of the joint space, and macro F1 on unseen artists."""
    train, test = next(
        ArtistShuffleSplit(1, test_size=0.2, random_state=seed).split(
            albums.table, albums.y, albums.groups
        )
    )
    y, artists = albums.y[train], albums.groups[train]
    modalities = clone(build_model(joint_space=True)["modalities"]).set_params(
        text="drop", audio__estimator__cnn__random_state=seed, image__random_state=seed
    )
    networks = GenrePipeline([("modalities", modalities)])
    vectors = networks.fit_transform(albums.table.iloc[train], y, groups=artists)
    tested = networks.transform(albums.table.iloc[test])

    def f1(learned, asked, blocks):
        columns = [name for name in learned if name.split("__")[0] in blocks]
        fusion = FusionClassifier(random_state=seed).fit(learned[columns], y, groups=artists)
        found = fusion.predict(asked[columns])
        return genre_scores(albums.y[test], found, labels=np.unique(albums.y)).loc["macro", "f1"]

    for setting in _SETTINGS:
        joint = JointSpaceProjector(passthrough=True, random_state=seed, **setting)
        learned = joint.fit(vectors, y, groups=artists).transform(vectors)
        asked = joint.transform(tested)
        yield {
            **setting,
            "epochs": joint.n_iter_,
            "valid_loss": min(epoch["valid_loss"] for epoch in joint.history_),
            "CNN_Audio": f1(learned, asked, {"audio"}),
            "MM_Audio": f1(learned, asked, {"mm_audio"}),
            "CNN_Audio + MM_Audio": f1(learned, asked, {"audio", "mm_audio"}),
        }


def main():
    """Print and write the mean over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    arguments = parser.parse_args()
    began = time.perf_counter()
    albums = make_albums(arguments.albums, random_state=7, n_jobs=2)
    lines = pd.DataFrame([line for seed in range(arguments.runs) for line in one_run(albums, seed)])
    print(lines.round(3).to_string())
    means = lines.groupby(list(_SETTINGS[0]), sort=False).mean().reset_index()
    print(means.round(3).to_string(index=False))
    written = write_result(
        means,
        "joint_space",
        command=command_of(parser, arguments),
        settings={"albums": arguments.albums, "runs": arguments.runs, "networks": NETWORKS},
        code=CODE,
        seconds=time.perf_counter() - began,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
