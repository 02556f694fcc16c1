"""Figures of an ablation, and what is compared with what."""

from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import check_cv

from skmmgenre.metrics import (
    aggregated_diversity_score,
    bootstrap_interval,
    macro_auc_score,
    precision_at_k_score,
)
from skmmgenre.model_selection import ArtistKFold

MODALITIES = ("audio", "text", "image")
SUBSETS = [" + ".join(s) for n in (1, 2, 3) for s in combinations(MODALITIES, n)]
TWO = ("text", "image")
SUBSETS_OF_TWO = ["text", "image", "text + image"]
CONTROLS_OF_TWO = [
    "plain text",
    "plain image",
    "plain text + image",
    "plain text + image, concatenated",
    "missing pattern",
    "mean of probabilities",
    "two seeds of text",
    "two seeds of image",
    "cross_fit",
    "random scores",
    "half of log prior removed",
]


class TestFigures:
    def test_they_follow_from_the_predictions(self, albums, subsets):
        metrics, predictions = subsets
        labels = np.unique(albums.y)
        shared = {"labels": labels, "average": "macro", "zero_division": 0}
        assert set(predictions["run"]) == {0, 1}
        for name in SUBSETS:
            runs = []
            for _, run in predictions.groupby("run"):
                true, found = run["true"], run[name]
                runs.append(
                    [
                        precision_score(true, found, **shared),
                        recall_score(true, found, **shared),
                        f1_score(true, found, **shared),
                        accuracy_score(true, found),
                    ]
                )
            columns = ["precision", "recall", "f1", "accuracy"]
            mean = metrics.loc[name, columns].astype(float)
            spread = metrics.loc[name, [c + "_std" for c in columns]].astype(float)
            np.testing.assert_allclose(mean, np.mean(runs, axis=0))
            np.testing.assert_allclose(spread, np.std(runs, axis=0, ddof=1), atol=1e-12)

    def test_differences(self, albums, subsets):
        metrics, predictions = subsets
        for name, line in metrics.iterrows():
            other = line["reference"]
            assert line["difference"] == pytest.approx(line["f1"] - metrics.loc[other, "f1"])
            assert line["low"] <= line["difference"] + 1e-9 or line["low"] <= line["high"]
            interval = bootstrap_interval(
                predictions["true"],
                predictions[name],
                predictions[other],
                groups=predictions["group"],
                runs=predictions["run"],
                seeds=predictions["run"],
                labels=np.unique(albums.y),
                n_resamples=50,
            )
            assert interval == pytest.approx((line["difference"], line["low"], line["high"]))

    @pytest.mark.parametrize("metric", ["accuracy", "macro_auc", "macro_average_precision"])
    def test_another_metric(self, ablate, paper_model, metric):
        """The row that is compared with is the best in it."""
        metrics, _ = ablate(paper_model(audio=None), metric=metric, n_runs=1)
        best = metrics.loc[["text", "image"], metric].idxmax()
        assert set(metrics["reference"]) == {best}
        gain = metrics[metric] - metrics.loc[best, metric]
        np.testing.assert_allclose(metrics["difference"], gain.astype(float), atol=1e-12)

    def test_scores_are_ranked_split_by_split(self, albums, ablate, paper_model, table):
        cv = check_cv([(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))])
        words = paper_model(audio=None, image=None)
        metrics, _ = ablate(words, cv=cv, n_runs=1)
        auc = []
        for train, test in cv.split():
            model = clone(words).set_params(text__random_state=0, fusion__random_state=0)
            model.fit(table.iloc[train], albums.y[train], groups=np.asarray(albums.groups)[train])
            truth = albums.y[test, None] == np.unique(albums.y)
            scores = np.zeros(truth.shape)
            columns = np.searchsorted(np.unique(albums.y), model.classes_)
            scores[:, columns] = model.predict_proba(table.iloc[test])
            auc.append(macro_auc_score(truth, scores))
        assert metrics.loc["text", "macro_auc"] == pytest.approx(np.mean(auc))

    def test_predictions_name_their_rows(self, albums, subsets):
        _, predictions = subsets
        rows = predictions["row"].to_numpy()
        np.testing.assert_array_equal(predictions["true"], albums.y[rows])
        np.testing.assert_array_equal(predictions["group"], np.asarray(albums.groups)[rows])

    def test_a_row_is_what_a_model_of_these_modalities_says(
        self, albums, table, paper_model, subsets
    ):
        _, predictions = subsets
        run = predictions[predictions["run"] == 1]
        test = run["row"].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        artists = np.asarray(albums.groups)[train]
        # Seeds of the runs are the networks' own; what is extracted keeps the model's.
        for name in ("text", "audio + text + image"):
            off = {m: None for m in MODALITIES if m not in name}
            seeds = {f"{m}__random_state": 1 for m in (*MODALITIES, "fusion") if m not in off}
            model = paper_model(**off, **seeds)
            model.fit(table.iloc[train], albums.y[train], groups=artists)
            np.testing.assert_array_equal(run[name], model.predict(table.iloc[test]))


class TestFiguresOfSeveralGenres:
    def test_rows_and_columns(self, everything):
        metrics, _ = everything
        assert list(metrics.index) == SUBSETS_OF_TWO + CONTROLS_OF_TWO
        names = ["f1", "without_label", "macro_auc", "macro_average_precision"]
        for base in ("precision", "diversity"):
            names += [f"{base}@{k}" for k in (1, 3, 5)]
        assert set(names) | {f"{name}_std" for name in names} < set(metrics.columns)
        assert list(metrics.columns[-4:]) == ["reference", "difference", "low", "high"]
        assert metrics.drop(columns=["input", "reference"]).notna().all(axis=None)

    def test_they_follow_from_the_scores(self, everything):
        metrics, predictions = everything
        for name, predicted in predictions.predicted.items():
            runs = [predictions.rows["run"] == run for run in (0, 1)]
            f1 = [
                f1_score(predictions.true[run], predicted[run], average="macro", zero_division=0)
                for run in runs
            ]
            assert metrics.loc[name, "f1"] == pytest.approx(np.mean(f1))
            without = [(predicted[run] == 0).all(axis=1).mean() for run in runs]
            assert metrics.loc[name, "without_label"] == pytest.approx(np.mean(without))
        by_hand = {
            "macro_auc": macro_auc_score,
            "precision@3": partial(precision_at_k_score, k=3),
            "diversity@5": lambda true, scores: aggregated_diversity_score(scores, 5),
        }
        for name in metrics.index:
            for metric, score in by_hand.items():
                runs = [
                    score(predictions.true[run], predictions.scores[name][run])
                    for run in (predictions.rows["run"] == 0, predictions.rows["run"] == 1)
                ]
                assert metrics.loc[name, metric] == pytest.approx(np.mean(runs))
                assert metrics.loc[name, f"{metric}_std"] == pytest.approx(np.std(runs, ddof=1))

    def test_differences(self, everything):
        metrics, predictions = everything
        best = metrics.loc[list(TWO), "macro_auc"].idxmax()
        for name, line in metrics.iterrows():
            other = line["reference"]
            if name.startswith("two seeds of "):
                assert other == name.removeprefix("two seeds of ")
            elif name.startswith("plain "):
                assert other == name.removeprefix("plain ").removesuffix(", concatenated")
            elif name in ("cross_fit", "half of log prior removed"):
                assert other == "text + image"
            else:
                assert other == best
            interval = bootstrap_interval(
                predictions.true,
                predictions.scores[name],
                predictions.scores[other],
                metric="macro_auc",
                groups=predictions.rows["group"],
                runs=predictions.rows["run"],
                seeds=predictions.rows["run"],
                n_resamples=50,
            )
            assert interval == pytest.approx((line["difference"], line["low"], line["high"]))
            gain = line["macro_auc"] - metrics.loc[other, "macro_auc"]
            assert line["difference"] == pytest.approx(gain)

    def test_splits_of_a_run_are_judged_by_themselves(self, ablate_labels, paper_model):
        model = paper_model(audio=None, image=None)
        metrics, predictions = ablate_labels(model, cv=ArtistKFold(2), n_runs=1)
        assert sorted(predictions.rows["row"]) == list(range(40))
        auc = [
            macro_auc_score(predictions.true[split], predictions.scores["text"][split])
            for split in (predictions.rows["split"] == 0, predictions.rows["split"] == 1)
        ]
        assert metrics.loc["text", "macro_auc"] == pytest.approx(np.mean(auc))

    def test_fewer_labels_than_the_largest_k(self, ablate_labels, labels, paper_model):
        metrics, _ = ablate_labels(
            paper_model(audio=None, image=None), y=labels[list("abd")], n_runs=1
        )
        assert {"precision@1", "precision@3"} < set(metrics.columns)
        assert "precision@5" not in metrics.columns

    def test_figures_alone(self, ablate_labels, paper_model):
        model = paper_model(audio=None, image=None)
        answer = ablate_labels(model, n_runs=1, return_predictions=False)
        assert isinstance(answer, pd.DataFrame)
