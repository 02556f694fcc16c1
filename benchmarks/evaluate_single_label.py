"""The claims of the paper for one genre, tested on synthetic albums (`make evaluate`).

Every claim stands beside the ceiling that the exact posterior gives, with a paired 95 %
interval over artists, and beside controls in which it must vanish. A claim holds if its
interval excludes 0. The conditions and the sizes of the networks were fixed before the
first run.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score, f1_score
from sklearn.model_selection import ShuffleSplit

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.metrics import bootstrap_interval

_MODALITIES = {"audio": "audio", "text": "text", "image": "cover"}
_EVERYTHING = ("audio", "text", "image")
_FUSION = " + ".join(_EVERYTHING)
_ROWS = [*_EVERYTHING, ("audio", "mm_audio"), _EVERYTHING]
_JOINT = "audio + mm_audio"


def build_model(*, joint_space):
    """The paper's networks at a size for two cores; the fusion layer and joint space as they are."""
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


class Evaluation:
    """Runs the conditions and collects a line for each claim and control."""

    def __init__(self, n_albums, n_runs, folder):
        self.n_albums, self.n_runs, self.folder = n_albums, n_runs, folder
        self.lines = []

    def albums(self, name, **parameters):
        """Albums of one condition."""
        return make_albums(
            self.n_albums,
            missing=0.1,
            directory=Path(self.folder) / name,
            random_state=7,
            n_jobs=2,
            verbose=1,
            **parameters,
        )

    def ablate(self, albums, *, y=None, joint_space=False, **parameters):
        """Figures and predictions of one condition."""
        parameters.setdefault("groups", albums.groups)
        return ablate_modalities(
            build_model(joint_space=joint_space),
            albums.table,
            albums.y if y is None else y,
            n_runs=self.n_runs,
            test_size=0.2,
            n_jobs=self.n_runs,  # a run is one process with one thread
            return_predictions=True,
            **parameters,
        )

    def compare(self, claim, expected, predictions, name, other, albums, modalities):
        """A difference in macro F1 between two rows, with the ceilings of both."""
        labels = np.unique(albums.y)
        estimate, low, high = bootstrap_interval(
            predictions["true"],
            predictions[name],
            predictions[other],
            metric="f1",
            groups=predictions["group"],
            runs=predictions["run"],
            labels=labels,
        )
        self._tell(
            claim=claim,
            expected=expected,
            measured=f"F1 {_f1(predictions, name, labels):.3f} ({name}) - "
            f"{_f1(predictions, other, labels):.3f} ({other})",
            ceilings=" / ".join(
                f"{_ceiling(albums, predictions, part):.3f}" for part in modalities
            ),
            estimate=estimate,
            low=low,
            high=high,
        )

    def above_chance(self, claim, expected, predictions, albums):
        """Cohen's kappa of the fusion: 0 is what its own predictions shuffled would give."""
        estimate, low, high = bootstrap_interval(
            predictions["true"],
            predictions[_FUSION],
            metric=cohen_kappa_score,
            groups=predictions["group"],
            runs=predictions["run"],
            n_resamples=1000,
        )
        self._tell(
            claim=claim,
            expected=expected,
            measured=f"kappa of {_FUSION}",
            ceilings=f"F1 {_ceiling(albums, predictions, _EVERYTHING):.3f}",
            estimate=estimate,
            low=low,
            high=high,
        )

    def _tell(self, **line):
        found = "yes" if line["low"] > 0 else "reversed" if line["high"] < 0 else "no"
        line["above_0"] = found
        line["as_expected"] = found == line["expected"]
        self.lines.append(line)
        print(
            f"\n>>> {line['claim']}: {line['measured']}; ceilings {line['ceilings']}; "
            f"{line['estimate']:+.3f} [{line['low']:+.3f}, {line['high']:+.3f}] "
            f"above 0: {found} (expected: {line['expected']})\n",
            flush=True,
        )


def _f1(predictions, name, labels):
    """Mean macro F1 over the runs."""
    return np.mean(
        [
            f1_score(part["true"], part[name], labels=labels, average="macro", zero_division=0)
            for _, part in predictions.groupby("run")
        ]
    )


def _ceiling(albums, predictions, modalities):
    """Macro F1 of the exact posterior's likeliest genre on the same test rows."""
    columns = [_MODALITIES[modality] for modality in modalities]
    best = albums.oracle.predict(columns)
    labels = np.unique(albums.y)
    return np.mean(
        [
            f1_score(
                albums.y[part["row"]],
                best[part["row"]],
                labels=labels,
                average="macro",
                zero_division=0,
            )
            for _, part in predictions.groupby("run")
        ]
    )


def _best_single(figures):
    return figures.loc[list(_EVERYTHING), "f1"].idxmax()


def main():
    """Run all conditions and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--albums", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", default="evaluation_report")
    arguments = parser.parse_args()
    began = time.perf_counter()
    report = Path(arguments.output)
    report.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        evaluation = Evaluation(arguments.albums, arguments.runs, folder)
        _claims(evaluation, report)
        _same_confusion(evaluation)
        _no_genre_in_it(evaluation)
    table = pd.DataFrame(evaluation.lines)
    table.to_csv(report / "single_label_claims.csv", index=False)
    print(table.drop(columns="measured").to_string(index=False))
    print(f"\n{time.perf_counter() - began:.0f} s; written to {report}")


def _claims(evaluation, report):
    albums = evaluation.albums("main")
    figures, predictions = evaluation.ablate(
        albums,
        joint_space=True,
        subsets=_ROWS,
        controls=["shuffled covers", "cross_fit", "mean of probabilities", "missing pattern"],
        n_folds=3,
    )
    figures.to_csv(report / "single_label_rows.csv")
    print(figures.round(3).to_string())
    best = _best_single(figures)
    evaluation.compare(
        "fusion beats the best single modality",
        "yes",
        predictions,
        _FUSION,
        best,
        albums,
        [_EVERYTHING, (best,)],
    )
    evaluation.compare(
        "CNN_Audio + MM_Audio beats CNN_Audio",
        "yes",
        predictions,
        _JOINT,
        "audio",
        albums,
        [("audio",), ("audio",)],
    )
    evaluation.compare(
        "cross_fit beats the paper's in-sample vectors",
        "yes",
        predictions,
        "cross_fit",
        _FUSION,
        albums,
        [_EVERYTHING, _EVERYTHING],
    )
    evaluation.compare(
        "control: MM_Audio with shuffled covers beats CNN_Audio",
        "no",
        predictions,
        "shuffled covers",
        "audio",
        albums,
        [("audio",), ("audio",)],
    )
    shuffled = np.random.default_rng(0).permutation(albums.y)
    _, predictions = evaluation.ablate(albums, y=shuffled, subsets=[_EVERYTHING])
    evaluation.above_chance("control: labels shuffled, above chance", "no", predictions, albums)


def _same_confusion(evaluation):
    albums = evaluation.albums("same", complementarity=0.0)
    figures, predictions = evaluation.ablate(albums, subsets=[*_EVERYTHING, _EVERYTHING])
    best = _best_single(figures)
    evaluation.compare(
        "control: complementarity 0, fusion beats the best single modality",
        "no",
        predictions,
        _FUSION,
        best,
        albums,
        [_EVERYTHING, (best,)],
    )


def _no_genre_in_it(evaluation):
    # Artists as loud as they can be, so that what leaks with a random split is seen.
    albums = evaluation.albums("nothing", genre_strength=0.0, artist_strength=1.0)
    _, predictions = evaluation.ablate(albums, subsets=[_EVERYTHING])
    evaluation.above_chance(
        "control: genre_strength 0, artist-wise split, above chance", "no", predictions, albums
    )
    # Rows split at random, for early stopping too: what leaks is the artist.
    _, predictions = evaluation.ablate(
        albums,
        groups=None,
        cv=partial(ShuffleSplit, 1, test_size=0.2),
        subsets=[_EVERYTHING],
    )
    predictions["group"] = albums.groups[predictions["row"]]
    evaluation.above_chance(
        "control: genre_strength 0, random split, above chance",
        "yes",
        predictions,
        albums,
    )


if __name__ == "__main__":
    main()
