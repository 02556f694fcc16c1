import numpy as np
import pandas as pd
import pytest
from drawn_labels import drawn
from hypothesis import given, settings
from hypothesis import strategies as st
from other_tables import EVERY_KIND
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from skmmgenre.metrics import (
    aggregated_diversity_score,
    correct_diversity_score,
    macro_auc_score,
    macro_average_precision_score,
    ndcg_at_k_score,
    precision_at_k_score,
    ranking_scores,
    remove_log_prior,
)

MACRO = [(macro_auc_score, roc_auc_score), (macro_average_precision_score, average_precision_score)]
AT_K = [precision_at_k_score, ndcg_at_k_score, correct_diversity_score]
FORMS = [np.asarray, pd.DataFrame, sparse.csr_array, sparse.coo_matrix, np.ndarray.tolist]


@pytest.mark.parametrize("ours, theirs", MACRO)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans(), weighted=st.booleans())
def test_macro_figures_are_those_of_scikit_learn(ours, theirs, seed, ties, weighted):
    Y, scores = drawn(seed, ties=ties)
    weight = np.random.default_rng(seed).random(len(Y)) if weighted else None
    expected = theirs(Y, scores, average="macro", sample_weight=weight)
    assert ours(Y, scores, sample_weight=weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("ours, theirs", MACRO)
def test_macro_figures_leave_out_labels_without_both_sides(ours, theirs):
    Y, scores = drawn()
    Y[:, 1], Y[:, 4] = 0, 1
    judged = [0, 2, 3, 5]
    score, n_skipped = ours(Y, scores, return_skipped=True)
    assert score == pytest.approx(theirs(Y[:, judged], scores[:, judged], average="macro"))
    assert n_skipped == 2
    with pytest.warns(UndefinedMetricWarning, match="undefined"):
        assert np.isnan(ours(Y[:, [1, 4]], scores[:, [1, 4]]))
    # A row of no weight is not there.
    weight = 1.0 - Y[:, 0]
    assert ours(Y, scores, sample_weight=weight, return_skipped=True)[1] == 3


def test_infinite_scores_are_ranked():
    Y = [[1], [0], [1], [0]]
    assert macro_auc_score(Y, [[np.inf], [np.inf], [0.0], [-np.inf]]) == 0.625


def test_precision_at_k_by_hand():
    Y = [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    scores = [[4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1]]
    found = [precision_at_k_score(Y, scores, k) for k in (1, 2, 3, 4)]
    assert found == pytest.approx([1 / 3, 1 / 3, (2 / 3 + 1 / 3) / 3, (1 / 2 + 1 / 4) / 3])
    assert precision_at_k_score(Y, scores, 1, sample_weight=[3, 1, 0]) == 0.75


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_ndcg_is_that_of_scikit_learn(seed, k):
    Y, scores = drawn(seed, ties=False)
    expected = ndcg_score(Y, scores, k=k)  # the row without a label counts 0 there too
    assert ndcg_at_k_score(Y, scores, k) == pytest.approx(expected)
    weight = np.arange(1.0, len(Y) + 1)
    expected = ndcg_score(Y, scores, k=k, sample_weight=weight)
    assert ndcg_at_k_score(Y, scores, k, sample_weight=weight) == pytest.approx(expected)


def test_ndcg_by_hand():
    scores = [[4, 3, 2, 1]]
    assert ndcg_at_k_score([[0, 1, 0, 1]], scores, 3) == pytest.approx(
        (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    )
    assert ndcg_at_k_score([[1, 1, 0, 0]], scores, 3) == pytest.approx(1)


def test_diversity_by_hand():
    scores = np.array([[3, 2, 1, 0], [3, 1, 2, 0]])
    assert [aggregated_diversity_score(scores, k) for k in (1, 2, 4)] == [0.25, 0.75, 1]
    ceilings = [aggregated_diversity_score(scores, k, return_ceiling=True)[1] for k in (1, 2, 4)]
    assert ceilings == [0.5, 1, 1]
    Y = [[1, 0, 0, 0], [0, 1, 0, 1]]
    assert [correct_diversity_score(Y, scores, k) for k in (1, 2, 3, 4)] == [0.25, 0.25, 0.5, 0.75]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 15), st.integers(1, 8))
def test_diversities_never_fall_as_k_grows(seed, n, n_labels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (n, n_labels))
    Y = rng.integers(0, 2, (n, n_labels))
    named, right = [], []
    for k in range(1, n_labels + 1):
        value, ceiling = aggregated_diversity_score(scores, k, return_ceiling=True)
        assert value <= ceiling == min(1, k * n / n_labels)
        named.append(value)
        right.append(correct_diversity_score(Y, scores, k))
        assert right[-1] <= named[-1]
    assert named == sorted(named) and right == sorted(right)
    assert named[-1] == 1 and right[-1] == Y.any(axis=0).mean()


@pytest.mark.parametrize("metric", AT_K)
def test_of_equal_scores_the_later_label_is_better(metric):
    assert metric([[0, 1, 0]], [[1.0, 1.0, 0.5]], 1) > 0
    assert metric([[1, 0, 0]], [[1.0, 1.0, 0.5]], 1) == 0


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_labels(form):
    Y, scores = drawn()
    for metric in (macro_auc_score, macro_average_precision_score):
        assert metric(form(Y), pd.DataFrame(scores)) == metric(Y, scores)
        assert metric(form(Y.astype(bool)), scores) == metric(Y, scores)
    for metric in AT_K:
        assert metric(form(Y), scores, 2) == metric(Y, scores, 2)
    pd.testing.assert_frame_equal(ranking_scores(form(Y), scores), ranking_scores(Y, scores))


@pytest.mark.parametrize("metric", [macro_auc_score, macro_average_precision_score, *AT_K])
@pytest.mark.parametrize(
    "Y_true, Y_score, message",
    [
        ([[0, 1]], [[0.1, 0.2, 0.3]], "shape"),
        ([[0, 2], [1, 0]], [[0.1, 0.2], [0.3, 0.4]], "Y_true .* got 2 in row 0, column 1"),
        (sparse.csr_array([[0, 1], [0, 3]]), np.eye(2), "got 3 in row 1, column 1"),
        (pd.DataFrame({"Jazz": [0, 1], "Pop": [-1, 0]}), np.eye(2), "row 0, label 'Pop'"),
        ([[0, np.nan], [1, 0]], np.eye(2), "Y_true is NaN in row 0, column 1"),
        (pd.DataFrame({"Jazz": [True, pd.NA]}), [[1], [2]], "Y_true is NaN in row 1, label 'Jazz'"),
        ([["0", "1"]], [[1, 2]], "got '0'"),
        (np.eye(2), [[0.1, 0.2], [np.nan, 0.4]], "Y_score is NaN in row 1, column 0"),
        (np.eye(2), pd.DataFrame({"a": [1, 2], "b": [1, np.nan]}), "row 1, label 'b'"),
        (np.zeros((2, 2, 2)), np.eye(2), "shape"),
        (
            pd.DataFrame(np.eye(2, dtype=int), columns=["a", "b"]),
            pd.DataFrame(np.eye(2), columns=["b", "a"]),
            "columns of Y_score",
        ),
    ],
)
def test_bad_input(metric, Y_true, Y_score, message):
    k = {"k": 1} if metric in AT_K else {}
    with pytest.raises(ValueError, match=message):
        metric(Y_true, Y_score, **k)


@pytest.mark.parametrize("k", [0, 4, 1.5, -1, "1"])
@pytest.mark.parametrize("metric", AT_K)
def test_bad_k(metric, k):
    with pytest.raises(ValueError, match="from 1 to"):
        metric(np.eye(3), np.zeros((3, 3)), k)


@pytest.mark.parametrize("weight", [[1, 2], [1, -1, 1], [0, 0, 0], [1, np.nan, 1]])
def test_bad_weights(weight):
    with pytest.raises(ValueError, match="sample_weight"):
        macro_auc_score(np.eye(3), np.eye(3), sample_weight=weight)


def test_macro_auc_skips_labels_without_both_sides():
    rng = np.random.default_rng(0)
    Y_true = rng.integers(0, 2, (40, 5))
    Y_true[:, 1], Y_true[:, 3] = 0, 1
    scores = rng.integers(-3, 4, (40, 5)) / 3.0  # cosine-like, with ties
    judged = [0, 2, 4]
    expected = roc_auc_score(Y_true[:, judged], scores[:, judged], average="macro")
    score, n_skipped = macro_auc_score(Y_true, scores, return_skipped=True)
    assert score == pytest.approx(expected)
    assert n_skipped == 2
    assert macro_auc_score(sparse.csr_array(Y_true), pd.DataFrame(scores)) == score
    assert isinstance(score, float)


def test_macro_auc_of_nothing_to_judge():
    with pytest.warns(UndefinedMetricWarning, match="undefined"):
        assert np.isnan(macro_auc_score([[0, 1], [0, 1]], [[0.1, 0.2], [0.3, 0.4]]))


@pytest.mark.parametrize(
    "Y_true, Y_score, message",
    [
        ([[0, 1]], [[0.1, 0.2, 0.3]], "shape"),
        ([[0, 2], [1, 0]], [[0.1, 0.2], [0.3, 0.4]], "0 and 1"),
        ([[0, 1], [1, 0]], [[0.1, 0.2], [np.nan, 0.4]], "row 1, column 0"),
    ],
)
def test_macro_auc_of_bad_input(Y_true, Y_score, message):
    with pytest.raises(ValueError, match=message):
        macro_auc_score(Y_true, Y_score)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 5))
def test_diversity_never_falls_with_k(n, n_labels, seed):
    scores = np.random.default_rng(seed).integers(0, 4, (n, n_labels))
    values = [aggregated_diversity_score(scores, k) for k in range(1, n_labels + 1)]
    assert values == sorted(values)
    assert values[-1] == 1
    for k, value in enumerate(values, 1):
        named = {
            label
            for row in scores
            for label in sorted(range(n_labels), key=lambda j: (row[j], j))[-k:]  # noqa: B023
        }
        assert value == len(named) / n_labels


@pytest.mark.parametrize("k", [0, 4, 1.5])
def test_diversity_of_bad_k(k):
    with pytest.raises(ValueError, match="from 1 to"):
        aggregated_diversity_score(np.zeros((2, 3)), k)


# ---- tables -------------------------------------------------------------------------------


def test_ranking_scores():
    Y, scores = drawn(n=60)
    models = {"net": scores, "other": pd.DataFrame(-scores)}
    prior = Y.mean(axis=0)
    table = ranking_scores(Y, models, ks=(1, 2), prior=prior, log_odds=["net"])
    corrected = "net, half of log prior removed"
    assert table.index.tolist() == ["net", corrected, "other", "random scores", "ceiling"]
    assert table.columns.tolist() == [
        "macro_auc", "macro_average_precision", "precision@1", "precision@2", "ndcg@1", "ndcg@2",
        "diversity@1", "diversity@2", "correct_diversity@1", "correct_diversity@2",
    ]  # fmt: skip
    for name, model in (("net", scores), (corrected, remove_log_prior(scores, prior))):
        row = table.loc[name]
        assert row["macro_auc"] == macro_auc_score(Y, model)
        assert row["macro_average_precision"] == macro_average_precision_score(Y, model)
        assert row["precision@2"] == precision_at_k_score(Y, model, 2)
        assert row["ndcg@2"] == ndcg_at_k_score(Y, model, 2)
        assert row["diversity@1"] == aggregated_diversity_score(model, 1)
        assert row["correct_diversity@2"] == correct_diversity_score(Y, model, 2)
    assert (table.le(table.loc["ceiling"] + 1e-12)).all(axis=None)
    assert abs(table.loc["random scores", "macro_auc"] - 0.5) < 0.1
    assert table.loc["ceiling", "precision@2"] == np.minimum(Y.sum(axis=1), 2).mean() / 2
    assert table.attrs["n_skipped"] == 0


def test_ranking_scores_of_one_model():
    Y, scores = drawn()
    Y[:, 2] = 0
    table = ranking_scores(Y, scores, references=False)
    assert table.index.tolist() == ["scores"]
    assert table.attrs["n_skipped"] == 1
    ceiling = ranking_scores(Y, scores).loc["ceiling"]
    assert ceiling["diversity@1"] == 1 and ceiling["correct_diversity@1"] == 5 / 6
    assert len(ranking_scores(Y, scores, prior=Y.mean(axis=0), log_odds=True)) == 4


@pytest.mark.parametrize(
    "change, message",
    [
        ({"ks": (1, 7)}, "from 1 to"),
        ({"log_odds": ["net"]}, "log_odds contains 'net'"),
        ({"log_odds": True}, "requires prior"),
        ({"log_odds": True, "prior": [0.5]}, "prior has shape"),
        ({"Y_score": {}}, "empty"),
        ({"Y_score": {"net": np.zeros((40, 5))}}, r"Y_score\['net'\] has"),
    ],
)
def test_ranking_scores_of_bad_input(change, message):
    Y, scores = drawn()
    with pytest.raises(ValueError, match=message):
        ranking_scores(**({"Y_true": Y, "Y_score": scores} | change))


def test_the_log_prior_buys_diversity_at_the_same_auc():
    """The last claim of the simulation: an ideal scorer of labels as common as MuMu's."""
    rng = np.random.default_rng(0)
    prior = 0.83 / np.arange(1, 251) ** 1.1
    Y = rng.random((1000, 250)) < prior
    log_odds = 1.7 * (rng.normal(size=Y.shape) + 1.7 * Y) - 1.7**2 / 2 + np.log(prior / (1 - prior))
    corrected = remove_log_prior(log_odds, prior)
    assert macro_auc_score(Y, corrected) == pytest.approx(macro_auc_score(Y, log_odds))
    gain = aggregated_diversity_score(corrected, 1) - aggregated_diversity_score(log_odds, 1)
    assert gain > 0.2
    assert precision_at_k_score(Y, corrected, 1) < precision_at_k_score(Y, log_odds, 1)


def test_remove_log_prior():
    log_odds = np.zeros((2, 3))
    found = remove_log_prior(log_odds, [0.5, 0.25, 0.0], share=1)
    np.testing.assert_allclose(found, [[np.log(2), np.log(4), np.log(4)]] * 2)
    np.testing.assert_array_equal(remove_log_prior(log_odds, [1, 0.5, 0.1], share=0), log_odds)
    for prior, message in (
        [[0, 0, 0], "0 for all"],
        [[0.1, 2, 0], "mean of the train"],
        [[0.1], "shape"],
    ):
        with pytest.raises(ValueError, match=message):
            remove_log_prior(log_odds, prior)


def test_sparse_scores():
    Y, scores = drawn()
    assert aggregated_diversity_score(sparse.csr_array(scores), 2) == aggregated_diversity_score(
        scores, 2
    )
    assert macro_auc_score(Y, sparse.csr_array(scores)) == macro_auc_score(Y, scores)


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(convert):
    Y, scores = map(pd.DataFrame, drawn())
    Y, scores = Y.add_prefix("genre "), scores.add_prefix("genre ")
    assert macro_auc_score(convert(Y), convert(scores)) == macro_auc_score(Y, scores)
    with pytest.raises(ValueError, match="columns of Y_score differ from those of Y_true"):
        macro_auc_score(convert(Y), convert(scores.iloc[:, ::-1]))
    scores.iloc[1, 2] = np.nan
    with pytest.raises(ValueError, match="NaN in row 1, label 'genre 2'"):
        macro_auc_score(convert(Y), convert(scores))
