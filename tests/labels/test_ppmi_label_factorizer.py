"""Factors of labels: equation 1 by hand, an independent computation, what is degenerate."""

import io
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from other_tables import EVERY_KIND
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import cosine_similarity

from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import aggregated_diversity_score, macro_auc_score, precision_at_k_score

# Two of four rows have "a", one of them "b"; everybody has "all", nobody "none".
Y_SMALL = pd.DataFrame({"a": [1, 1, 0, 0], "b": [1, 0, 0, 0], "all": 1, "none": 0})


def random_labels(n=300, n_labels=12, seed=0):
    """Labels of which each of the later half comes with one of the first half mostly."""
    rng = np.random.default_rng(seed)
    Y = rng.random((n, n_labels)) < rng.uniform(0.05, 0.4, n_labels)
    half = n_labels // 2
    Y[:, half:] &= Y[:, :half] | (rng.random((n, half)) < 0.2)
    return Y.astype(np.int8)


def independent(Y, d, power):
    """Equation 1 written out for dense probabilities, and numpy's decomposition."""
    Y = np.asarray(Y, dtype=float)
    joint = np.einsum("ni,nj->ij", Y, Y) / len(Y)
    share = Y.mean(axis=0)
    X = np.zeros_like(joint)
    seen = joint > 0
    X[seen] = np.log(joint[seen]) - np.log(np.outer(share, share)[seen])
    u, s, _ = np.linalg.svd(np.maximum(X, 0))
    return u[:, :d] @ np.diag(s[:d] ** power), s[:d]


def assert_equal_up_to_sign(found, expected, tolerance=1e-8):
    sign = np.sign((found * expected).sum(axis=0))
    assert (sign != 0).all()
    np.testing.assert_allclose(found, expected * sign, rtol=0, atol=tolerance)


@pytest.mark.parametrize("power", [0.5, 1.0, 0.0])
@pytest.mark.parametrize("d", [1, 5, 12])
def test_equals_an_independent_computation(d, power):
    Y = random_labels()
    factorizer = PPMILabelFactorizer(n_components=d, sigma_power=power).fit(Y)
    factors, s = independent(Y, d, power)
    assert_equal_up_to_sign(factorizer.label_factors_, factors)
    np.testing.assert_allclose(factorizer.singular_values_, s, atol=1e-10)
    np.testing.assert_allclose(factorizer.transform(Y), Y @ factorizer.label_factors_)


@pytest.mark.parametrize("source", ["made", "real"])
def test_equals_an_independent_computation_on_labels_as_many_as_mumu_has(source, request):
    if source == "made":  # from 26069 albums down to 50, as in MuMu
        counts = (26_069 / np.arange(1, 251) ** 1.133).astype(int).tolist()
    else:
        path = request.getfixturevalue("shared_data") / "mumu" / "genre_counts.txt"
        lines = path.read_text(encoding="utf-8").splitlines()
        counts = sorted((int(line.rpartition(":")[2]) for line in lines), reverse=True)[:250]
    rng = np.random.default_rng(0)
    Y = np.zeros((31471, 250), dtype=np.int8)
    for label, count in enumerate(counts):
        Y[rng.permutation(len(Y))[:count], label] = 1
    factorizer = PPMILabelFactorizer().fit(sparse.csr_array(Y))
    # einsum in float32 is exact for counts below 2^24 and ten times faster
    joint = (Y.T.astype(np.float32) @ Y.astype(np.float32)).astype(float)
    ratio = joint * len(Y) / np.outer(counts, counts)
    X = np.log(ratio, out=np.zeros_like(ratio), where=ratio > 1)
    u, s, _ = np.linalg.svd(X)
    assert factorizer.label_factors_.shape == (250, 50)
    assert_equal_up_to_sign(factorizer.label_factors_, (u * np.sqrt(s))[:, :50])


def test_all_components_give_the_information_back():
    Y = random_labels()
    factorizer = PPMILabelFactorizer(n_components="auto", sigma_power=1.0).fit(Y)
    assert factorizer.n_components_ == factorizer.rank_ == 12
    count = Y.sum(axis=0, dtype=float)
    joint = Y.T.astype(float) @ Y
    X = np.log(np.maximum(joint * len(Y) / np.outer(count, count), 1))
    np.testing.assert_allclose(
        factorizer.label_factors_ @ factorizer.label_factors_.T, X @ X, atol=1e-10
    )
    np.testing.assert_allclose(np.diag(X), -np.log(count / len(Y)))  # the diagonal is kept


def test_by_hand():
    """P(a) = 1/2, P(b) = P(a, b) = 1/4: X = log [[2, 2], [2, 4]]; "all" knows nothing."""
    with pytest.warns(UserWarning, match="No row has the label 'none': the factors are zero"):
        factorizer = PPMILabelFactorizer(n_components=2, sigma_power=1.0).fit(Y_SMALL)
    C = factorizer.label_factors_
    X = np.log([[2, 2], [2, 4]])
    np.testing.assert_allclose(C[:2] @ C[:2].T, X @ X)
    assert not C[2:].any()
    assert factorizer.label_share_.tolist() == [0.5, 0.25, 1.0, 0.0]
    assert factorizer.classes_.tolist() == ["a", "b", "all", "none"]
    np.testing.assert_allclose(
        factorizer.transform(Y_SMALL), [C[0] + C[1], C[0], 0 * C[0]][:2] + [0 * C[0]] * 2
    )


def test_scores_are_cosines_and_never_nan():
    with pytest.warns(UserWarning, match="'none'"):
        factorizer = PPMILabelFactorizer(n_components="auto").fit(Y_SMALL)
    assert factorizer.n_components_ == 2
    items = factorizer.transform(Y_SMALL)
    scores = factorizer.score_labels(items)
    expected = cosine_similarity(items, factorizer.label_factors_)
    np.testing.assert_allclose(scores[:, :2], expected[:, :2], atol=1e-12)
    np.testing.assert_array_equal(scores[2:, :2], 0)  # rows of zero factors
    np.testing.assert_array_equal(scores[:, 2], 1)  # all rows had it
    np.testing.assert_array_equal(scores[:, 3], -1)  # nobody had it
    lengths = np.array([[3.0], [1e-3], [1.0], [1.0]])
    np.testing.assert_allclose(factorizer.score_labels(items * lengths), scores)


def test_warning_names_all_labels_nobody_has():
    Y = pd.DataFrame(random_labels(), columns=list("abcdefghijkl"))
    Y[["b", "e"]] = 0
    with pytest.warns(UserWarning, match="No row has the labels 'b', 'e': the factors are zero"):
        factorizer = PPMILabelFactorizer(n_components=4).fit(Y)
    assert not factorizer.label_factors_[[1, 4]].any()
    assert factorizer.rank_ == 10


def test_a_label_that_the_components_do_not_reach():
    """Isolated and frequent, so of little information: exactly zero, and it is said."""
    alone = np.r_[np.ones(150), np.zeros(150)].astype(int)
    Y = np.c_[random_labels() * (1 - alone[:, None]), alone]
    with pytest.warns(
        UserWarning, match="3 components do not represent the label 12: .*Increase n_c"
    ):
        factorizer = PPMILabelFactorizer(n_components=3).fit(Y)
    assert not factorizer.label_factors_[12].any()
    assert not factorizer.score_labels(factorizer.transform(Y))[:, 12].any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PPMILabelFactorizer(n_components=13).fit(Y)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csc_matrix, pd.DataFrame])
@pytest.mark.parametrize("dtype", [bool, np.int8, float])
def test_any_form_of_labels(form, dtype):
    Y = random_labels()
    expected = PPMILabelFactorizer(n_components=4).fit(Y)
    found = PPMILabelFactorizer(n_components=4).fit(form(Y.astype(dtype)))
    np.testing.assert_array_equal(found.label_factors_, expected.label_factors_)
    items = found.transform(form(Y.astype(dtype)))
    assert type(items) is np.ndarray and items.dtype == np.float64
    np.testing.assert_allclose(items, expected.transform(Y), atol=1e-12)


def test_blocks_dense_and_sparse_count_the_same(monkeypatch):
    module = "skmmgenre.labels._ppmi_label_factorizer."
    Y = sparse.csr_array(random_labels())
    expected = PPMILabelFactorizer(n_components=4).fit(Y).label_factors_
    for block, dense in [(7, 0), (7, 2), (300, 2), (299, 0)]:
        monkeypatch.setattr(module + "_BLOCK", block)
        monkeypatch.setattr(module + "_DENSE", dense)
        found = PPMILabelFactorizer(n_components=4).fit(Y).label_factors_
        np.testing.assert_array_equal(found, expected)


def test_order_of_rows_is_no_matter_and_signs_are_settled():
    Y = random_labels()
    a = PPMILabelFactorizer(n_components=6).fit(Y).label_factors_
    b = PPMILabelFactorizer(n_components=6).fit(Y[::-1]).label_factors_
    np.testing.assert_array_equal(a, b)
    assert (a[np.abs(a).argmax(axis=0), range(6)] > 0).all()


@pytest.mark.parametrize(
    ("Y", "n_components", "message"),
    [
        (np.eye(4), 5, "n_components=5, .* 4 labels has rank 4"),
        (np.tile([[1, 1, 0], [0, 0, 1]], (4, 1)), 3, "n_components=3, .* rank 2"),
        (np.ones((5, 3)), "auto", "rank 0. Every label occurs in all rows or in none"),
        (np.zeros((5, 3)), 1, "rank 0"),
        (np.zeros((0, 3)), 1, "0 rows"),
        ([[0, 2], [1, 0]], 1, "Y must be .* got 2 in row 0, column 1"),
        (["Jazz", "Pop"], 1, "get_dummies"),
        (np.eye(4), 0, "'n_components' parameter"),
        (np.eye(4), "all", "'n_components' parameter"),
    ],
)
def test_what_is_refused(Y, n_components, message):
    with pytest.raises(ValueError, match=message):
        PPMILabelFactorizer(n_components=n_components).fit(Y)


def test_labels_and_factors_must_fit():
    Y = pd.DataFrame(random_labels(), columns=list("abcdefghijkl"))
    with pytest.raises(NotFittedError):
        PPMILabelFactorizer().transform(Y)
    factorizer = PPMILabelFactorizer(n_components=3).fit(Y)
    with pytest.raises(ValueError, match="Pass Y"):
        factorizer.transform(Y[Y.columns[::-1]])
    with pytest.raises(ValueError, match="11 labels, but the factorizer was fitted on 12"):
        factorizer.transform(Y.to_numpy()[:, 1:])
    with pytest.raises(ValueError, match="F has 4 columns, but the factors have 3"):
        factorizer.score_labels(np.ones((2, 4)))
    with pytest.raises(ValueError, match="F contains NaN"):
        factorizer.score_labels(np.full((2, 3), np.nan))


def test_only_rows_of_one_label_or_none():
    """Labels that never meet: each is a direction of its own, and every item is told rightly."""
    Y = np.vstack([np.repeat(np.eye(3, dtype=int), [1, 2, 4], axis=0), np.zeros((3, 3), int)])
    factorizer = PPMILabelFactorizer(n_components="auto").fit(Y)
    np.testing.assert_allclose(factorizer.singular_values_, np.log([10, 5, 2.5]))
    scores = factorizer.score_labels(factorizer.transform(Y))
    np.testing.assert_allclose(scores, Y, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 7))), st.floats(0, 1))
def test_whatever_the_labels_scores_are_finite(Y, power):
    factorizer = PPMILabelFactorizer(n_components="auto", sigma_power=power)
    varied = Y.any(axis=0) & ~Y.all(axis=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No row has the label", UserWarning)
        if not varied.any():
            with pytest.raises(ValueError, match="rank 0"):
                factorizer.fit(Y)
            return
        factorizer.fit(Y)
    scores = factorizer.score_labels(factorizer.transform(Y))
    assert scores.shape == Y.shape
    assert ((scores >= -1) & (scores <= 1)).all()
    assert (factorizer.label_factors_.any(axis=1) == varied).all()


def test_ceiling_is_what_the_true_factors_reach():
    Y = pd.DataFrame(random_labels(), columns=list("abcdefghijkl"))
    factorizer = PPMILabelFactorizer(n_components=4).fit(Y)
    metrics = factorizer.ceiling(Y)
    items = Y.to_numpy() @ factorizer.label_factors_
    scores = cosine_similarity(items, factorizer.label_factors_)
    assert metrics["macro_auc"] == pytest.approx(macro_auc_score(Y, scores))
    for k in (1, 3, 5):
        assert metrics[f"precision@{k}"] == pytest.approx(precision_at_k_score(Y, scores, k))
        assert metrics[f"diversity@{k}"] == pytest.approx(aggregated_diversity_score(scores, k))
    all_components = PPMILabelFactorizer(n_components=12).fit(Y).ceiling(sparse.csr_array(Y))
    assert all_components["macro_auc"] > metrics["macro_auc"]


def test_ceiling_of_few_labels():
    factorizer = PPMILabelFactorizer(n_components=2).fit(np.eye(2))
    assert "precision@1" in factorizer.ceiling(np.eye(2))
    assert "precision@3" not in factorizer.ceiling(np.eye(2))


def test_is_an_estimator_of_plain_state():
    Y = pd.DataFrame(random_labels(), columns=list("abcdefghijkl"), index=range(300, 0, -1))
    factorizer = clone(PPMILabelFactorizer(n_components=3, sigma_power=1.0))
    items = factorizer.fit_transform(Y)
    assert factorizer.n_features_in_ == 12
    names = [f"ppmilabelfactorizer{i}" for i in range(3)]
    assert factorizer.get_feature_names_out().tolist() == names
    assert type(factorizer.classes_) is np.ndarray
    buffer = io.BytesIO()
    joblib.dump(factorizer, buffer)
    buffer.seek(0)
    np.testing.assert_array_equal(joblib.load(buffer).transform(Y), items)
    data = skops.io.dumps(factorizer)
    untrusted = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("skmmgenre.") for name in untrusted)
    np.testing.assert_array_equal(skops.io.loads(data, trusted=untrusted).transform(Y), items)
    table = factorizer.set_output(transform="pandas").transform(Y)
    assert table.columns.tolist() == names and table.index.equals(Y.index)


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(convert):
    Y = pd.DataFrame(random_labels()).add_prefix("genre ")
    factorizer = PPMILabelFactorizer(n_components=3).fit(convert(Y))
    assert factorizer.classes_.tolist() == Y.columns.tolist()
    expected = PPMILabelFactorizer(n_components=3).fit(Y).transform(Y)
    np.testing.assert_array_equal(factorizer.transform(convert(Y)), expected)
    with pytest.raises(ValueError, match="not the labels of fit in the same order"):
        factorizer.transform(convert(Y.iloc[:, ::-1]))
