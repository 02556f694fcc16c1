"""The claims of the paper for one genre, tested on synthetic albums (`make evaluate`).

Every claim stands beside the ceiling that the exact posterior gives, with a paired 95 %
interval over artists, and beside controls in which it must vanish. A claim holds if its
interval excludes 0. The conditions and the sizes of the networks were fixed before the
first run.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from _claims import run_conditions
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import ShuffleSplit

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.metrics import bootstrap_interval

_COLUMNS = {"audio": "audio", "text": "text", "image": "cover"}
_EVERYTHING = ("audio", "text", "image")
_FUSION = " + ".join(_EVERYTHING)
_ROWS = [*_EVERYTHING, ("audio", "mm_audio"), _EVERYTHING]
_JOINT = "audio + mm_audio"


def build_model(*, joint_space):
    """The paper's networks at a size for two cores."""
    return make_genre_classifier(
        joint_space=joint_space,
        verbose=1,
        n_jobs=2,
        audio__architecture="time",
        audio__max_epochs=25,
        audio__patience=6,
        text__hidden_units=(512, 512),
        text__max_epochs=40,
        image__depth=18,
        image__weights=None,
        image__image_size=32,
        image__lr=1e-3,
        image__max_epochs=10,
        image__patience=4,
    )


@dataclass
class Condition:
    """Albums of one kind, and what the ablation of a model says of them."""

    albums: object
    figures: pd.DataFrame
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
            **({"missing": 0.1} | (data or {})),
        )
        y = np.random.default_rng(0).permutation(albums.y) if shuffle else albums.y
        figures, predictions = ablate_modalities(
            build_model(joint_space=joint_space),
            albums.table,
            y,
            n_runs=arguments.runs,
            test_size=0.2,
            n_jobs=arguments.runs,  # a run is one process with one thread
            return_predictions=True,
            **({"groups": albums.groups} | ablation),
        )
        figures.to_csv(arguments.output / f"{name}_figures.csv")
        predictions.to_csv(arguments.output / f"{name}_predictions.csv", index=False)
        return cls(albums, figures, predictions)

    def best_single(self):
        """The best modality alone, by mean F1 on the test rows."""
        return self.figures.loc[list(_EVERYTHING), "f1"].idxmax()

    def ceiling(self, modalities):
        """Macro F1 of the exact posterior's likeliest genre on the same test rows."""
        columns = [_COLUMNS[modality] for modality in modalities]
        return np.mean(
            [
                self.albums.oracle.ceiling(columns, part["row"].to_numpy(), metric="macro_f1")
                for _, part in self.predictions.groupby("run")
            ]
        )

    def agreement(self, name):
        """Share of test rows on which a row says what the exact posterior of all says."""
        best = self.albums.oracle.predict()[self.predictions["row"]]
        return (best == self.predictions[name].to_numpy()).mean()

    def gain(self, name, other, modalities, others):
        """Difference in macro F1 of two rows, its interval, and the ceilings of both."""
        interval = self._interval(name, other, metric="f1", labels=np.unique(self.albums.y))
        f1 = self.figures["f1"]
        return {
            "measured": f"F1 {f1[name]:.3f} ({name}) - {f1[other]:.3f} ({other})",
            "ceilings": f"{self.ceiling(modalities):.3f} - {self.ceiling(others):.3f}",
            "agreement": f"{self.agreement(name):.3f} - {self.agreement(other):.3f}",
            **interval,
        }

    def above_chance(self):
        """Cohen's kappa of the fusion: 0 is what its predictions would give in any order."""
        return {
            "measured": f"kappa of {_FUSION}",
            "ceilings": f"F1 {self.ceiling(_EVERYTHING):.3f}",
            **self._interval(_FUSION, metric=cohen_kappa_score, n_resamples=1000),
        }

    def _interval(self, name, other=None, **parameters):
        predictions = self.predictions
        return bootstrap_interval(
            predictions["true"],
            predictions[name],
            None if other is None else predictions[other],
            groups=self.albums.groups[predictions["row"]],
            runs=predictions["run"],
            **parameters,
        )._asdict()


def claims(arguments, folder):
    """The paper's claims, and what must vanish when covers are shuffled."""
    condition = Condition.run(
        "claims",
        arguments,
        folder,
        joint_space=True,
        subsets=_ROWS,
        controls=["shuffled covers", "cross_fit", "mean of probabilities", "missing pattern"],
        n_folds=3,
    )
    best = condition.best_single()
    yield (
        "fusion beats the best single modality",
        True,
        condition.gain(_FUSION, best, _EVERYTHING, (best,)),
    )
    yield (
        "CNN_Audio + MM_Audio beats CNN_Audio",
        True,
        condition.gain(_JOINT, "audio", ("audio",), ("audio",)),
    )
    yield (
        "cross_fit beats the paper's in-sample vectors",
        True,
        condition.gain("cross_fit", _FUSION, _EVERYTHING, _EVERYTHING),
    )
    yield (
        "control: MM_Audio of shuffled covers beats CNN_Audio",
        False,
        condition.gain("shuffled covers", "audio", ("audio",), ("audio",)),
    )
    print(condition.figures.round(3).to_string())


def labels_shuffled(arguments, folder):
    """Nothing to learn, with everything else as it was."""
    condition = Condition.run(
        "labels_shuffled", arguments, folder, shuffle=True, subsets=[_EVERYTHING]
    )
    yield "control: labels shuffled, above chance", False, condition.above_chance()


def complementarity_0(arguments, folder):
    """All modalities tell the same: a fusion can know no more than one of them.

    No cell is missing here: where some are, a fusion sees albums that one modality does not.
    """
    condition = Condition.run(
        "complementarity_0",
        arguments,
        folder,
        data={"complementarity": 0.0, "missing": 0.0},
        subsets=[*_EVERYTHING, _EVERYTHING],
    )
    best = condition.best_single()
    yield (
        "control: complementarity 0, fusion beats the best single modality",
        False,
        condition.gain(_FUSION, best, _EVERYTHING, (best,)),
    )
    print(condition.figures.round(3).to_string())


# Artists as loud as they can be, so that what leaks with a random split is seen.
_NO_GENRE = {"genre_strength": 0.0, "artist_strength": 1.0}


def genre_strength_0(arguments, folder):
    """No genre in anything: what is known of unseen artists is nothing."""
    condition = Condition.run(
        "genre_strength_0", arguments, folder, data=_NO_GENRE, subsets=[_EVERYTHING]
    )
    yield (
        "control: genre_strength 0, artist-wise split, above chance",
        False,
        condition.above_chance(),
    )


def genre_strength_0_random(arguments, folder):
    """Rows split at random, for early stopping too: what leaks is the artist."""
    condition = Condition.run(
        "genre_strength_0_random",
        arguments,
        folder,
        data=_NO_GENRE,
        subsets=[_EVERYTHING],
        groups=None,
        cv=partial(ShuffleSplit, 1, test_size=0.2),
    )
    yield ("control: genre_strength 0, random split, above chance", True, condition.above_chance())


def main():
    """Run the conditions and write the table."""
    run_conditions(
        (claims, labels_shuffled, complementarity_0, genre_strength_0, genre_strength_0_random),
        description=__doc__.splitlines()[0],
        table="single_label_claims.csv",
    )


if __name__ == "__main__":
    main()
