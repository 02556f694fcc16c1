import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from skmmgenre.metrics import aggregated_diversity_score, genre_scores, macro_auc_score


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_genre_scores_are_those_of_scikit_learn(pairs):
    y_true, y_pred = map(list, zip(*pairs, strict=True))
    labels = [3, 0, 1, 4, 2]
    scores = genre_scores(y_true, y_pred, labels=labels)
    assert list(scores.index) == [*labels, "macro"]
    expected = precision_recall_fscore_support(y_true, y_pred, labels=labels, zero_division=0)
    np.testing.assert_allclose(scores.iloc[:-1].to_numpy().T, expected)
    macro = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=0, average="macro"
    )
    np.testing.assert_allclose(scores.loc["macro", ["precision", "recall", "f1"]], macro[:3])
    assert scores.attrs["accuracy"] == np.mean(np.equal(y_true, y_pred))


def test_macro_counts_labels_absent_from_the_test_set():
    assert genre_scores(["a"], ["a"], labels=["a", "b"]).loc["macro", "f1"] == 0.5


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, sparse.csr_array])
def test_genre_scores_of_several_labels(form):
    rng = np.random.default_rng(0)
    Y_true, Y_pred = rng.integers(0, 2, (2, 30, 4))
    scores = genre_scores(form(Y_true), form(Y_pred), labels=range(4))
    expected = precision_recall_fscore_support(Y_true, Y_pred, zero_division=0)
    np.testing.assert_allclose(scores.iloc[:-1].to_numpy().T, expected)
    assert scores.attrs["accuracy"] == (Y_true == Y_pred).all(axis=1).mean()


@pytest.mark.parametrize(
    "y_true, y_pred, labels, message",
    [
        (["a", "b"], ["a"], None, "shape"),
        (["a", None], ["a", "a"], None, "y_true contains NaN: the first is in row 1"),
        (["a", "b"], ["a", "c"], ["a", "b"], "y_pred holds 'c' in row 1"),
        ([], [], None, "0 rows"),
        (["a"], ["a"], ["a", "a"], "twice"),
        (["a", 1], ["a", 1], None, "y_true mixes types"),
        (["a", "b"], [0, 1], None, "several types"),
        ([[0, 1]], [[0, 0.3]], None, "indicator"),
        (["a"], [[0, 1]], None, "shape"),
        ([[0, 1]], [[0, 1]], ["x"], "1 names"),
        (["macro"], ["a"], None, "genre is called 'macro'"),
        ([[0, 1]], [[0, 1]], ["a", "macro"], "genre is called 'macro'"),
    ],
)
def test_genre_scores_of_bad_input(y_true, y_pred, labels, message):
    with pytest.raises(ValueError, match=message):
        genre_scores(y_true, y_pred, labels=labels)


def test_columns_in_another_order_are_refused():
    true = pd.DataFrame({"a": [1, 0], "b": [0, 1]})
    with pytest.raises(ValueError, match="y_pred"):
        genre_scores(true, true[["b", "a"]])


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
