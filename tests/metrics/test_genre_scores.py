import numpy as np
import pandas as pd
import pytest
from drawn_labels import drawn
from hypothesis import given, settings
from hypothesis import strategies as st
from other_tables import EVERY_KIND
from scipy import sparse
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from skmmgenre.metrics import genre_scores, macro_auc_score


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
        (["a", "b"], ["a", "c"], ["a", "b"], "y_pred contains 'c' in row 1"),
        ([], [], None, "0 rows"),
        (["a"], ["a"], ["a", "a"], "more than once"),
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


# ---- with scores --------------------------------------------------------------------------


def test_genre_scores_with_scores():
    Y, scores = drawn()
    Y[:, 1] = 0
    Y = pd.DataFrame(Y, columns=list("abcdef"))
    table = genre_scores(Y, (scores > 0.5).astype(int), y_score=scores)
    assert table.index.tolist() == [*"abcdef", "macro"]
    assert table.columns.tolist() == [
        "precision", "recall", "f1", "support", "auc", "average_precision",
    ]  # fmt: skip
    for label in "acdef":
        column = scores[:, "abcdef".index(label)]
        assert table.loc[label, "auc"] == pytest.approx(roc_auc_score(Y[label], column))
        expected = average_precision_score(Y[label], column)
        assert table.loc[label, "average_precision"] == pytest.approx(expected)
    assert table.loc["b", ["auc", "average_precision"]].isna().all()
    assert table.loc["macro", "auc"] == pytest.approx(macro_auc_score(Y, scores))
    assert table["support"].dtype.kind == "i"
    plain = genre_scores(Y, (scores > 0.5).astype(int))
    pd.testing.assert_frame_equal(table[plain.columns], plain)
    with pytest.raises(ValueError, match="columns of y_score"):
        genre_scores(Y, Y, y_score=pd.DataFrame(scores, columns=list("fedcba")))


def test_genre_scores_of_one_genre_a_row_with_scores():
    y = ["b", "a", "c", "a"]
    scores = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])
    table = genre_scores(y, ["b", "a", "c", "b"], labels=list("abc"), y_score=scores)
    assert table.loc["a", "auc"] == 0.75


def test_genre_scores_names_what_is_no_indicator():
    Y = pd.DataFrame({"Jazz": [0, 1], "Pop": [5, 0]})
    with pytest.raises(ValueError, match="y_pred .* got 5 in row 0, label 'Pop'"):
        genre_scores(Y % 5, Y)


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(convert):
    Y = pd.DataFrame({"Jazz": [0, 1, 1], "Pop": [1, 0, 1]})
    scores = pd.DataFrame({"Jazz": [0.1, 0.3, 0.2], "Pop": [0.1, 0.2, 0.3]})
    found = genre_scores(convert(Y), convert(1 - Y), y_score=convert(scores))
    pd.testing.assert_frame_equal(found, genre_scores(Y, 1 - Y, y_score=scores))
    with pytest.raises(ValueError, match="columns of y_pred are not the labels"):
        genre_scores(convert(Y), convert(Y[["Pop", "Jazz"]]))
    with pytest.raises(ValueError, match="columns of y_score are not the labels"):
        genre_scores(convert(Y), convert(Y), y_score=convert(scores[["Pop", "Jazz"]]))


@pytest.mark.parametrize("labels", [None, [0, 1], [False, True]])
@pytest.mark.parametrize("other", [bool, int, float])
def test_true_and_false_are_1_and_0(other, labels):
    truth, predicted = np.array([1, 0, 1, 0]), np.array([True, False, False, False])
    expected = genre_scores(truth, predicted.astype(int))
    for one, second in ((truth.astype(other), predicted), (truth, predicted.astype(other))):
        found = genre_scores(one, second, labels)
        np.testing.assert_array_equal(found, expected)
    assert found.index[1] == 1
