"""ablate_modalities for several genres: scores, their figures, and the rows of Table 6."""

from collections import Counter
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skmmgenre.compose import ablate_modalities
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import (
    aggregated_diversity_score,
    bootstrap_interval,
    macro_auc_score,
    precision_at_k_score,
    remove_log_prior,
)
from skmmgenre.model_selection import ArtistKFold
from skmmgenre.nets import NetEstimator

MODALITIES = ("text", "image")
SUBSETS = ["text", "image", "text + image"]
EVERY = [
    "missing pattern",
    "mean of probabilities",
    "two seeds of text",
    "two seeds of image",
    "cross_fit",
    "random scores",
    "half of log prior removed",
]


@pytest.fixture(scope="module")
def labels(albums):
    """Six labels that go together in part, one that nobody has and one that all have."""
    rng = np.random.default_rng(0)
    main = pd.get_dummies(albums.y).to_numpy()
    Y = np.hstack([main, rng.random((40, 3)) < 0.3, np.zeros((40, 1)), np.ones((40, 1))])
    Y[:, 3] = main[:, 0] | main[:, 1]
    return pd.DataFrame(Y.astype(int), columns=list("abcdefgh"))


@pytest.fixture(scope="module")
def table(albums):
    """The albums with a fifth of all reviews and covers missing."""
    table = albums.table.copy()
    rng = np.random.default_rng(5)
    for column in ("text", "cover"):
        gone = rng.random(40) < 0.2
        table[column] = [None if g else c for g, c in zip(gone, table[column], strict=True)]
    return table


@pytest.fixture(scope="module")
def ablate(albums, table, labels):
    return partial(
        ablate_modalities,
        table=table,
        y=labels,
        groups=albums.groups,
        n_resamples=50,
        test_size=0.3,
        return_predictions=True,
    )


@pytest.fixture(scope="module")
def everything(ablate, small_model):
    """Every subset and every control of two modalities, two runs."""
    model = small_model(audio=None)
    with pytest.warns(UserWarning, match="leaves out: 'shuffled covers' needs audio and image"):
        return ablate(model, controls="all", n_runs=2, n_folds=2)


class TestFigures:
    def test_rows_and_columns(self, everything):
        figures, _ = everything
        assert list(figures.index) == SUBSETS + EVERY
        names = ["macro_auc", "macro_average_precision"]
        for base in ("precision", "diversity"):
            names += [f"{base}@{k}" for k in (1, 3, 5)]
        assert set(names) | {f"{name}_std" for name in names} < set(figures.columns)
        assert list(figures.columns[-4:]) == ["reference", "difference", "low", "high"]
        assert figures.drop(columns=["input", "reference"]).notna().all(axis=None)

    def test_they_follow_from_the_scores(self, everything):
        figures, predictions = everything
        by_hand = {
            "macro_auc": macro_auc_score,
            "precision@3": partial(precision_at_k_score, k=3),
            "diversity@5": lambda true, scores: aggregated_diversity_score(scores, 5),
        }
        for name in figures.index:
            for figure, score in by_hand.items():
                runs = [
                    score(predictions.true[run], predictions.scores[name][run])
                    for run in (predictions.rows["run"] == 0, predictions.rows["run"] == 1)
                ]
                assert figures.loc[name, figure] == pytest.approx(np.mean(runs))
                assert figures.loc[name, f"{figure}_std"] == pytest.approx(np.std(runs, ddof=1))

    def test_differences(self, everything):
        figures, predictions = everything
        best = figures.loc[list(MODALITIES), "macro_auc"].idxmax()
        for name, line in figures.iterrows():
            other = line["reference"]
            if name.startswith("two seeds of "):
                assert other == name.removeprefix("two seeds of ")
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
                n_resamples=50,
            )
            assert interval == pytest.approx((line["difference"], line["low"], line["high"]))
            gain = line["macro_auc"] - figures.loc[other, "macro_auc"]
            assert line["difference"] == pytest.approx(gain)

    def test_splits_of_a_run_are_judged_by_themselves(self, ablate, small_model):
        model = small_model(audio=None, image=None)
        figures, predictions = ablate(model, cv=ArtistKFold(2), n_runs=1)
        assert sorted(predictions.rows["row"]) == list(range(40))
        auc = [
            macro_auc_score(predictions.true[split], predictions.scores["text"][split])
            for split in (predictions.rows["split"] == 0, predictions.rows["split"] == 1)
        ]
        assert figures.loc["text", "macro_auc"] == pytest.approx(np.mean(auc))

    def test_fewer_labels_than_the_largest_k(self, ablate, labels, small_model):
        figures, _ = ablate(small_model(audio=None, image=None), y=labels[list("abd")], n_runs=1)
        assert {"precision@1", "precision@3"} < set(figures.columns)
        assert "precision@5" not in figures.columns

    def test_figures_alone(self, ablate, small_model):
        model = small_model(audio=None, image=None)
        answer = ablate(model, n_runs=1, return_predictions=False)
        assert isinstance(answer, pd.DataFrame)


class TestPredictions:
    def test_scores_of_every_row(self, albums, labels, everything):
        figures, predictions = everything
        assert set(predictions) == {"rows", "true", "scores"}
        rows = predictions.rows
        assert list(rows.columns) == ["run", "split", "row", "group"]
        assert set(rows["run"]) == {0, 1} and set(rows["split"]) == {0}
        assert list(predictions.true.columns) == list(labels.columns)
        np.testing.assert_array_equal(predictions.true, labels.iloc[rows["row"]])
        np.testing.assert_array_equal(rows["group"], np.asarray(albums.groups)[rows["row"]])
        assert list(predictions.scores) == list(figures.index)
        for scores in predictions.scores.values():
            assert scores.shape == (len(rows), 8)

    def test_a_row_is_what_a_model_of_these_modalities_says(
        self, albums, table, labels, small_model, everything
    ):
        _, predictions = everything
        second = predictions.rows["run"] == 1
        test = predictions.rows["row"][second].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        artists = np.asarray(albums.groups)[train]
        for name in SUBSETS:
            off = {m: None for m in ("audio", *MODALITIES) if m not in name}
            seeds = {f"{m}__random_state": 1 for m in (*MODALITIES, "fusion") if m not in off}
            model = small_model(**off, **seeds)
            model.fit(table.iloc[train], labels.iloc[train], groups=artists)
            expected = model.decision_function(table.iloc[test])
            np.testing.assert_array_equal(predictions.scores[name][second], expected)

    def test_forms_of_y(self, ablate, labels, small_model):
        model = small_model(audio=None, image=None)
        _, expected = ablate(model, n_runs=1)
        for form in (labels.to_numpy(), sparse.csr_array(labels.to_numpy())):
            _, found = ablate(model, y=form, n_runs=1)
            assert list(found.true.columns) == list(range(8))
            np.testing.assert_array_equal(found.scores["text"], expected.scores["text"])


class TestControls:
    def test_the_missing_pattern(self, table, labels, everything):
        _, predictions = everything
        run = predictions.rows["run"] == 0
        test = predictions.rows["row"][run].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        absent = table[["text", "cover"]].isna().to_numpy()
        found = predictions.scores["missing pattern"][run]
        regression = LogisticRegression().fit(absent[train], labels["d"].iloc[train])
        np.testing.assert_array_equal(found[:, 3], regression.predict_proba(absent[test])[:, 1])
        assert (found[:, 6] == 0).all() and (found[:, 7] == 1).all()

    def test_mean_of_probabilities(self, albums, table, labels, small_model, everything):
        _, predictions = everything
        run = predictions.rows["run"] == 0
        test = predictions.rows["row"][run].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        each = []
        for modality, column in zip(MODALITIES, ("text", "cover"), strict=True):
            off = {other: None for other in ("audio", *MODALITIES) if other != modality}
            model = small_model(**off)
            artists = np.asarray(albums.groups)[train]
            model.fit(table.iloc[train], labels.iloc[train], groups=artists)
            probabilities = model.predict_proba(table.iloc[test])
            there = table[column].notna().to_numpy()[test, None]
            each.append(np.where(there, probabilities, np.nan))
        some = ~np.isnan(each).all(axis=(0, 2))
        found = predictions.scores["mean of probabilities"][run]
        np.testing.assert_allclose(found[some], np.nanmean(np.array(each)[:, some], axis=0))
        assert ((found >= 0) & (found <= 1)).all()

    def test_half_of_the_log_prior_changes_ranks_only_across_labels(self, labels, everything):
        figures, predictions = everything
        run = predictions.rows["run"] == 0
        train = np.setdiff1d(np.arange(40), predictions.rows["row"][run])
        np.testing.assert_array_equal(
            predictions.scores["half of log prior removed"][run],
            remove_log_prior(
                predictions.scores["text + image"][run], labels.iloc[train].mean(axis=0)
            ),
        )
        line = figures.loc["half of log prior removed"]
        assert line["difference"] == pytest.approx(0, abs=1e-12)

    def test_random_scores(self, everything):
        _, predictions = everything
        scores = predictions.scores["random scores"]
        assert np.unique(scores).size == scores.size

    def test_a_control_alone_leaves_the_rest(self, ablate, small_model, everything):
        model = small_model(audio=None)
        _, predictions = ablate(model, subsets=["text"], controls=["random scores"], n_runs=1)
        assert list(predictions.scores) == ["text", "random scores"]
        first = everything[1].rows["run"] == 0
        for name in predictions.scores:
            theirs = everything[1].scores[name][first]
            np.testing.assert_array_equal(predictions.scores[name], theirs)


class TestCosine:
    def test_scores_are_similarities(self, ablate, small_model):
        model = small_model(audio=None, target="cosine")
        with pytest.warns(UserWarning) as told:
            figures, predictions = ablate(
                model, controls=["half of log prior removed", "two seeds of text"], n_runs=1
            )
        # A label that nobody has is told of by the factorisation, and nothing else is.
        assert all("g" in str(warning.message) for warning in told)
        for name in (*SUBSETS, "two seeds of text"):
            scores = predictions.scores[name]
            assert (np.abs(scores) <= 1 + 1e-6).all() and (scores < 0).any()
        assert np.abs(predictions.scores["half of log prior removed"]).max() > 1
        assert figures["macro_auc"].between(0, 1).all()

    def test_no_probabilities(self, ablate, small_model):
        model = small_model(audio=None, target="cosine")
        with pytest.raises(ValueError, match="'mean of probabilities' needs probabilities"):
            ablate(model, controls=["mean of probabilities"])


@pytest.fixture(scope="module")
def table_6(albums, labels, small_model):
    """As in the paper: cosine networks of sound and text, a logistic one of covers."""
    trained = Counter()
    train = NetEstimator._train

    def note(self, plan, *args, **kwargs):
        trained[type(self).__name__, self.target] += 1
        return train(self, plan, *args, **kwargs)

    model = small_model(audio__target="cosine", text__target="cosine", image__target="logistic")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetEstimator, "_train", note)
        answer = ablate_modalities(
            model,
            albums.table,
            labels[list("abcdef")],
            albums.groups,
            subsets="paper",
            controls=["mean of probabilities", "cross_fit", "two seeds of text"],
            n_folds=2,
            n_runs=1,
            n_resamples=10,
            return_predictions=True,
        )
    return *answer, trained


class TestTable6:
    def test_fusions_of_both_targets_share_the_networks(self, table_6):
        figures, predictions, trained = table_6
        parts = [" + ".join(s) for n in (1, 2, 3) for s in combinations("ATI", n)]
        names = [f"{part} {target}" for part in parts for target in ("logistic", "cosine")]
        assert set(figures.index[:-3]) == set(names)
        for name in names:
            similar = (np.abs(predictions.scores[name]) <= 1 + 1e-6).all()
            assert similar == name.endswith("cosine")
            assert figures.loc[name, "input"] == name.rpartition(" ")[0]
        assert trained["AudioCNN", "cosine"] == trained["ResNetEmbedder", "logistic"] == 1 + 2
        assert trained["TextMLP", "cosine"] == 1 + 2 + 1
        # The rows, the mean of three probabilities, cross_fit and two seeds.
        assert trained["FusionClassifier", "cosine"] == 7
        assert trained["FusionClassifier", "logistic"] + trained["FusionClassifier", "auto"] == 12

    def test_what_is_compared_with_what(self, table_6):
        figures, _, _ = table_6
        alone = [f"{part} {target}" for part in "ATI" for target in ("logistic", "cosine")]
        best = figures.loc[alone, "macro_auc"].idxmax()
        assert set(figures["reference"][:-2]) == {best}
        assert figures.loc["cross_fit", "reference"] == "A + T + I logistic"
        assert figures.loc["two seeds of text", "reference"] == "T logistic"

    def test_a_model_without_text(self, ablate, small_model):
        with pytest.raises(ValueError, match="needs audio, text and image"):
            ablate(small_model(text=None), subsets="paper")

    def test_a_fusion_that_knows_no_cosine(self, ablate, small_model):
        model = small_model().set_params(fusion=LogisticRegression())
        with pytest.raises(ValueError, match="target"):
            ablate(model, subsets="paper")


def test_factors_are_those_of_all_training_albums(albums, labels, small_model):
    """One factorisation: that of tracks is that of albums."""
    model = small_model(text=None, image=None, target="cosine", audio__max_epochs=1)
    some = labels[list("abcdef")]
    model.fit(albums.table, some, groups=albums.groups)
    expected = PPMILabelFactorizer(n_components="auto").fit(some).label_factors_
    tracks = model["modalities"].named_transformers_["audio"].estimator_["cnn"]
    for network in (tracks, model["fusion"]):
        np.testing.assert_array_equal(network.label_factorizer_.label_factors_, expected)
