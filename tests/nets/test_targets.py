"""What is read of y, and what softmax and logistic make of it."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, logit, softmax
from sklearn.exceptions import DataConversionWarning

from skmmgenre.nets.targets import LogisticTarget, SoftmaxTarget, make_target, read_labels

GENRES = ["Rap", "Jazz", "Rap", "Folk"]


@pytest.mark.parametrize(
    "y",
    [
        GENRES,
        tuple(GENRES),
        np.array(GENRES),
        np.array(GENRES, dtype=object),
        np.array(GENRES, dtype=np.dtypes.StringDType()),
        pd.Series(GENRES),
        pd.Series(GENRES, dtype=object),
        pd.Series(GENRES, dtype="string"),
        pd.Series(GENRES, dtype="category"),
        pd.Series(GENRES, index=[7, 7, 1, 0]),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_column_of_strings(y):
    labels, names = read_labels(y)
    assert names is None
    assert type(labels) is np.ndarray and labels.dtype.kind == "U"
    assert labels.tolist() == GENRES


@pytest.mark.parametrize(
    "y",
    [
        [10, 3, 10],
        np.array([10, 3, 10], dtype=object),
        np.array([10, 3, 10], dtype=np.uint8),
        pd.Series([10, 3, 10], dtype="Int64"),
        pd.Series([10, 3, 10], dtype="category"),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_column_of_integers_with_gaps(y):
    labels, names = read_labels(y)
    assert names is None and labels.dtype.kind in "iu"
    target = SoftmaxTarget().fit(labels)
    assert target.classes_.tolist() == [3, 10]
    assert target.encode(labels).tolist() == [1, 0, 1]


def test_one_column_matrix_warns_as_scikit_learn_does():
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        labels, names = read_labels(pd.DataFrame({"genre": GENRES}))
    assert names is None and labels.tolist() == GENRES


INDICATOR = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    "Y",
    [
        INDICATOR.tolist(),
        INDICATOR.astype(bool),
        INDICATOR.astype(float),
        sparse.csr_array(INDICATOR),
        sparse.csc_matrix(INDICATOR),
    ],
    ids=["list", "bool", "float", "csr_array", "csc_matrix"],
)
def test_indicator_without_names(Y):
    labels, names = read_labels(Y)
    assert labels.dtype == np.int8
    np.testing.assert_array_equal(labels, INDICATOR)
    assert names.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["int64", "bool", "float32", "boolean", "Int8"])
def test_indicator_keeps_the_names_of_a_dataframe(dtype):
    Y = pd.DataFrame(INDICATOR, columns=["Soul", "Jazz", "Rap"]).astype(dtype)
    labels, names = read_labels(Y)
    np.testing.assert_array_equal(labels, INDICATOR)
    assert type(names) is np.ndarray and names.dtype.kind == "U"
    assert names.tolist() == ["Soul", "Jazz", "Rap"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (["Rap", None], "contains NaN: the first is in row 1"),
        (["Rap", np.nan], "contains NaN: the first is in row 1"),
        ([1, np.nan], "contains NaN"),
        (pd.Series(["Rap", None, None]), "row 1, 2 in all"),
        (pd.Series(["Rap", pd.NA], dtype="string"), "contains NaN"),
        (pd.Series([1, pd.NA], dtype="Int64"), "contains NaN"),
        ([1.0, np.inf], "contains infinity"),
        ([0.5, 1.5], "Unknown label type"),
        (["Rap", 1], r"mixes types .*\['int', 'str'\]"),
        (np.array(["Rap", 1], dtype=object), "mixes types"),
        ([["Rap"], ["Rap", "Jazz"]], "MultiLabelBinarizer"),
        ([["Rap", "Soul"], ["Rap", "Jazz"]], "MultiLabelBinarizer"),
        ([[0, 2], [1, 0]], "got 2 in row 0, column 1"),
        ([[0, 0.5], [1, 0]], "got 0.5 in row 0"),
        ([[0, 1], [1, np.nan]], "y is NaN in row 1, column 1"),
        ([[0, 1], [1, None]], "y is NaN in row 1, column 1"),
        (pd.DataFrame({"a": [0, 1], "b": [None, 1]}), "row 0, label 'b'"),
        (pd.DataFrame(np.eye(3), columns=list("aba")), r"duplicate columns: \['a'\]"),
        (np.zeros((2, 2, 2)), "1-D or an indicator"),
    ],
)
def test_bad_y_says_what_and_where(y, message):
    with pytest.raises(ValueError, match=message):
        read_labels(y)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"one class only \('Jazz'\)"):
        SoftmaxTarget().fit(np.array(["Jazz", "Jazz"]))


def test_softmax_known_answers():
    target = SoftmaxTarget().fit(np.array(GENRES))
    assert target.classes_.tolist() == ["Folk", "Jazz", "Rap"]
    assert target.n_outputs == 3
    assert target.encode(np.array(["Rap", "Folk"])).tolist() == [2, 0]
    np.testing.assert_allclose(softmax(target.empty_output_), [0.25, 0.25, 0.5], rtol=1e-6)
    output = np.log(np.array([[0.2, 0.5, 0.3], [6, 3, 1]], dtype=np.float32))
    np.testing.assert_allclose(target.proba(output), [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(target.log_proba(output), np.log(target.proba(output)))
    assert target.predict(output).tolist() == ["Jazz", "Folk"]
    assert target.score(["Jazz", "Rap"], output) == 0.5


def test_softmax_of_two_classes_scores_one_column():
    target = SoftmaxTarget().fit(np.array([0, 1]))
    assert target.scores(np.array([[1.0, 3.0], [2.0, 0.5]])).tolist() == [2.0, -1.5]


def test_softmax_log_proba_does_not_underflow():
    target = SoftmaxTarget().fit(np.array([0, 1]))
    assert target.log_proba(np.array([[0.0, 2000.0]])).tolist() == [[-2000.0, 0.0]]


def test_softmax_prior_follows_the_weights():
    target = SoftmaxTarget().fit(np.array(["a", "b", "b"]), np.array([3.0, 1.0, 0.0]))
    np.testing.assert_allclose(softmax(target.empty_output_), [0.75, 0.25], rtol=1e-6)
    with pytest.raises(ValueError, match="sample_weight is zero for all rows"):
        SoftmaxTarget().fit(np.array(["a", "b"]), np.zeros(2))


def test_logistic_known_answers():
    Y = np.array([[1, 0], [1, 1], [1, 0], [1, 0]])
    target = LogisticTarget(np.array(["Rock", "Jazz"])).fit(Y)
    # A label that all have keeps a finite logit: half a row short of certain.
    np.testing.assert_allclose(expit(target.empty_output_), [1 - 0.5 / 4, 0.25], rtol=1e-6)
    assert target.encode(Y).dtype == np.float32
    output = logit(np.array([[0.2, 0.9], [0.6, 0.5]], dtype=np.float64)).astype(np.float32)
    np.testing.assert_allclose(target.proba(output), [[0.2, 0.9], [0.6, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(target.log_proba(output), np.log(target.proba(output)))
    assert target.predict(output).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ValueError, match="sample_weight is zero"):
        LogisticTarget(np.arange(2)).fit(Y, np.zeros(4))


def test_logistic_scores_the_macro_auc():
    target = LogisticTarget(np.arange(2))
    Y = np.array([[1, 0], [0, 1], [1, 1]])
    output = np.array([[2.0, -1.0], [0.0, -2.0], [1.0, 3.0]])
    assert target.score(Y, output) == (1.0 + 0.5) / 2


def test_losses_are_those_of_the_paper():
    torch = pytest.importorskip("torch")
    output = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 3.0]])
    truth = np.array([2, 0])
    loss = SoftmaxTarget.loss(torch.tensor(output), torch.tensor(truth)).numpy()
    np.testing.assert_allclose(loss, -np.log(softmax(output, axis=1)[[0, 1], truth]))
    Y = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    loss = LogisticTarget.loss(torch.tensor(output), torch.tensor(Y)).numpy()
    p = expit(output)
    np.testing.assert_allclose(loss, -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).mean(axis=1))


def test_class_weights():
    y = np.array(["a", "b", "b", "b"])
    assert SoftmaxTarget.row_weight(y, {"a": 2}).tolist() == [2, 1, 1, 1]
    np.testing.assert_allclose(SoftmaxTarget.row_weight(y, "balanced"), [2, 2 / 3, 2 / 3, 2 / 3])
    with pytest.raises(ValueError, match="one genre a row"):
        LogisticTarget.row_weight(np.eye(2), "balanced")


def test_make_target():
    names = np.array(["a", "b"])
    assert make_target("auto", None).name == make_target("softmax", None).name == "softmax"
    assert make_target("auto", names).name == make_target("logistic", names).name == "logistic"
    with pytest.raises(ValueError, match="takes one genre a row"):
        make_target("softmax", names)
    with pytest.raises(ValueError, match="get_dummies"):
        make_target("logistic", None)
