"""The single-label claims of the paper, tested on synthetic albums (`make evaluate`).

Every claim is reported with the ceiling of the exact posterior and with controls in which it must
vanish; every subset of the modalities with a plain control (logistic regression on statistics of
the audio, word weights and colours) on the same albums. Intervals are paired, 95 %,
over artists and seeds. The networks have a size for two cores. The best single modality of a
condition is chosen on the test albums, which favours it.
"""

from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
from _claims import CLAIM, MUST_SHOW, MUST_VANISH, compare, run_conditions
from _results import verdict
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import ShuffleSplit

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.datasets import make_albums

_COLUMNS = {"audio": "audio", "text": "text", "image": "cover"}
_EVERYTHING = ("audio", "text", "image")
_SUBSETS = [some for size in (1, 2, 3) for some in combinations(_EVERYTHING, size)]
_FUSION = " + ".join(_EVERYTHING)
_JOINT = "audio + mm_audio"
# The paper's networks at a size for two cores.
NETWORKS = {
    "preset": "paper",
    "audio__architecture": "time",
    "audio__max_epochs": 25,
    "audio__patience": 6,
    "text__hidden_units": (512, 512),
    "text__max_epochs": 40,
    "image__depth": 18,
    "image__weights": None,
    "image__image_size": 32,
    "image__lr": 1e-3,
    "image__max_epochs": 10,
    "image__patience": 4,
}
SETTINGS = {"networks": NETWORKS, "missing": 0.1, "test_size": 0.2, "cross_fit": 3}
CODE = ["benchmarks/evaluate_single_label.py", "skmmgenre/datasets/_synthetic"]


def build_model(*, joint_space):
    """The paper's networks at a size for two cores."""
    return make_genre_classifier(joint_space=joint_space, verbose=1, n_jobs=2, **NETWORKS)


def modalities_of(row):
    """Return the modalities that a row of an ablation sees: "audio + mm_audio" -> ("audio",)."""
    if row == "shuffled covers":  # seen while the joint space is trained, not in the answer
        return ("audio",)
    blocks = row.removeprefix("plain ").removesuffix(", concatenated").split(" + ")
    seen = dict.fromkeys(block.removeprefix("mm_") for block in blocks)
    return tuple(seen) if set(seen) <= set(_EVERYTHING) else _EVERYTHING


@dataclass
class Condition:
    """Albums of one kind, and the ablation of a model on them."""

    albums: object
    metrics: pd.DataFrame
    predictions: pd.DataFrame

    @classmethod
    def run(
        cls, name, arguments, folder, *, data=None, joint_space=False, shuffle=False, **ablation
    ):
        """Make the albums, train on them, and keep what was predicted, in files too."""
        albums = make_albums(
            arguments.albums,
            directory=folder,
            random_state=7,
            n_jobs=2,
            verbose=1,
            **({"missing": SETTINGS["missing"]} | (data or {})),
        )
        y = np.random.default_rng(0).permutation(albums.y) if shuffle else albums.y
        metrics, predictions = ablate_modalities(
            build_model(joint_space=joint_space),
            albums.table,
            y,
            n_runs=arguments.runs,
            test_size=SETTINGS["test_size"],
            n_jobs=arguments.runs,  # a run is one process with one thread
            return_predictions=True,
            **({"groups": albums.groups} | ablation),
        )
        predictions.to_csv(arguments.predictions / f"single_label_{name}.csv", index=False)
        return cls(albums, metrics, predictions)

    def best_of(self, modalities):
        """The best modality alone, by mean F1 on the test rows."""
        return self.metrics.loc[list(modalities), "f1"].idxmax()

    def ceiling(self, row):
        """Macro F1 of the exact posterior's likeliest genre on the same test rows."""
        columns = [_COLUMNS[modality] for modality in modalities_of(row)]
        return np.mean(
            [
                self.albums.oracle.ceiling(columns, part["row"].to_numpy(), metric="macro_f1")
                for _, part in self.predictions.groupby("run")
            ]
        )

    def table(self):
        """Return one line per row: metrics, ceiling, and difference in F1 to its reference row."""
        lines = self.metrics.reset_index()
        lines["ceiling"] = [self.ceiling(row) for row in lines["model"]]
        lines.loc[lines["model"] == "missing pattern", "ceiling"] = np.nan  # it reads no cell
        lines["verdict"] = [verdict(*pair) for pair in lines[["low", "high"]].to_numpy()]
        itself = lines["model"] == lines["reference"]
        lines.loc[itself, ["difference", "low", "high"]] = np.nan
        lines.loc[itself, ["reference", "verdict"]] = ""
        metrics = ["f1", "f1_std", "accuracy", "macro_auc", "macro_average_precision", "ceiling"]
        compared = ["reference", "difference", "low", "high", "verdict"]
        return lines[["model", *metrics, *compared]]

    def gain(self, name, other):
        """Difference in macro F1 of two rows, and the ceilings of both."""
        line = {"metric": "f1"}
        for key, row in (("", name), ("other_", other)):
            line[f"{key}model"], line[f"{key}value"] = row, self.metrics.loc[row, "f1"]
            line[f"{key}ceiling"] = self.ceiling(row)
        return line | self._compare(name, other, metric="f1", labels=np.unique(self.albums.y))

    def above_chance(self):
        """Cohen's kappa of the fusion: 0 is what its predictions would give in any order."""
        compared = self._compare(_FUSION, metric=cohen_kappa_score, n_resamples=1000)
        return {"metric": "kappa", "model": _FUSION, "value": compared["estimate"], **compared}

    def _compare(self, name, other=None, **parameters):
        predictions = self.predictions
        return compare(
            predictions["true"],
            predictions[name],
            None if other is None else predictions[other],
            groups=self.albums.groups[predictions["row"]],
            runs=predictions["run"],
            seeds=predictions["run"],
            **parameters,
        )


def claims(arguments, folder):
    """The paper's claims, and what must vanish when covers are shuffled."""
    condition = Condition.run(
        "claims",
        arguments,
        folder,
        joint_space=True,
        subsets=[*_SUBSETS, ("audio", "mm_audio")],
        controls=["plain", "shuffled covers", "cross_fit", "mean of probabilities"]
        + ["missing pattern"],
        n_folds=SETTINGS["cross_fit"],
    )
    arguments.write(condition.table(), "single_label_metrics")
    print(condition.table().round(3).to_string(index=False))
    gain, plain = condition.gain, f"plain {_FUSION}"
    better = condition.best_of(("audio", "image"))
    yield "F1: sound and cover beat the better of the two", CLAIM, gain("audio + image", better)
    best = condition.best_of(_EVERYTHING)
    yield "F1: all three beat the best of them", CLAIM, gain(_FUSION, best)
    yield "F1: all three beat the plain mean of all three", CLAIM, gain(_FUSION, plain)
    yield "F1: CNN_Audio + MM_Audio beats CNN_Audio", CLAIM, gain(_JOINT, "audio")
    yield "F1: cross-fitted vectors beat the paper's", CLAIM, gain("cross_fit", _FUSION)
    yield (
        "F1: MM_Audio of shuffled covers beats CNN_Audio",
        MUST_VANISH,
        gain("shuffled covers", "audio"),
    )


def labels_shuffled(arguments, folder):
    """Nothing to learn, with everything else as it was."""
    condition = Condition.run(
        "labels_shuffled", arguments, folder, shuffle=True, subsets=[_EVERYTHING]
    )
    yield "labels shuffled: above chance", MUST_VANISH, condition.above_chance()


def complementarity_0(arguments, folder):
    """Yield the control in which all modalities have the same information.

    No cell is missing here: where some are, a fusion sees albums that one modality does not.
    """
    condition = Condition.run(
        "complementarity_0",
        arguments,
        folder,
        data={"complementarity": 0.0, "missing": 0.0},
        subsets=[*_EVERYTHING, _EVERYTHING],
    )
    best = condition.best_of(_EVERYTHING)
    yield (
        "complementarity 0, no cell missing: all three beat the best of them",
        MUST_VANISH,
        condition.gain(_FUSION, best),
    )


# Artists as loud as they can be, so that what leaks with a random split is seen.
_NO_GENRE = {"genre_strength": 0.0, "artist_strength": 1.0}


def genre_strength_0(arguments, folder):
    """Yield the control without any genre signal: unseen artists cannot be predicted."""
    condition = Condition.run(
        "genre_strength_0", arguments, folder, data=_NO_GENRE, subsets=[_EVERYTHING]
    )
    yield "genre strength 0, split by artist: above chance", MUST_VANISH, condition.above_chance()


def genre_strength_0_random(arguments, folder):
    """Rows split at random, for early stopping too: what leaks is the artist."""
    condition = Condition.run(
        "genre_strength_0_random",
        arguments,
        folder,
        data=_NO_GENRE,
        subsets=[_EVERYTHING],
        groups=None,
        cv=partial(ShuffleSplit, 1, test_size=SETTINGS["test_size"]),
    )
    yield "genre strength 0, split at random: above chance", MUST_SHOW, condition.above_chance()


def main():
    """Run the conditions and write the tables."""
    run_conditions(
        (claims, labels_shuffled, complementarity_0, genre_strength_0, genre_strength_0_random),
        name="single_label",
        description=__doc__.splitlines()[0],
        code=CODE,
        settings=SETTINGS,
    )


if __name__ == "__main__":
    main()
