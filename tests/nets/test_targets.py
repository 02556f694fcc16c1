"""What softmax, logistic and cosine make of y."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax
from sklearn.metrics.pairwise import cosine_similarity
from small_nets import LABELS

from skmmgenre.fusion import FusionClassifier
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import genre_scores, macro_auc_score
from skmmgenre.nets.targets import CosineTarget, LogisticTarget, SoftmaxTarget, make_target

GENRES = ["Rap", "Jazz", "Rap", "Folk"]


def test_classes_of_integers_with_gaps():
    target = SoftmaxTarget().fit(np.array([10, 3, 10]))
    assert target.classes_.tolist() == [3, 10]
    assert target.encode(np.array([10, 3, 10])).tolist() == [1, 0, 1]


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


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_softmax_measures_the_macro_f1_of_genre_scores(data):
    target = SoftmaxTarget().fit(np.array(GENRES))
    genres = st.lists(st.integers(0, 2), min_size=1, max_size=12)
    y = target.classes_[data.draw(genres)]
    output = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(-2, 2), min_size=3, max_size=3),
                min_size=len(y),
                max_size=len(y),
            )
        ),
        dtype=np.float32,
    )
    scores = genre_scores(y, target.predict(output), labels=target.classes_)
    assert target.measure(y, output) == pytest.approx(scores.loc["macro", "f1"], abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_several_genres_measure_the_macro_auc(n_rows, seed):
    """Equal scores and labels of all or no rows among them."""
    rng = np.random.default_rng(seed)
    Y = np.column_stack([rng.random((n_rows, 2)) < 0.5, np.arange(n_rows) % 2, np.ones(n_rows)])
    output = rng.integers(-1, 2, (n_rows, 4)).astype(np.float32)
    found = LogisticTarget(np.arange(4)).measure(Y.astype(np.int8), output)
    if np.any(Y.any(axis=0) & ~Y.all(axis=0)):
        assert found == pytest.approx(macro_auc_score(Y, output), abs=1e-12)
    else:
        assert np.isnan(found)


def test_the_macro_auc_of_many_rows_does_not_overflow():
    Y = np.tile(np.array([[1, 0], [0, 1]], dtype=np.int8), (50_000, 1))
    output = np.random.default_rng(0).normal(size=(100_000, 2)).astype(np.float32)
    found = LogisticTarget(np.arange(2)).measure(Y, output)
    assert found == pytest.approx(macro_auc_score(Y, output), abs=1e-12)


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
    with pytest.raises(ValueError, match="not supported for multilabel y"):
        LogisticTarget.row_weight(np.eye(2), "balanced")


def test_class_weights_shift_outputs():
    y = np.array(["a", "b", "b", "b"])
    target = SoftmaxTarget().fit(y)
    np.testing.assert_allclose(target.output_shift(y, "balanced"), np.log([2, 2 / 3]), rtol=1e-6)
    assert target.output_shift(y, None).tolist() == [0, 0]
    assert np.isfinite(target.output_shift(y, {"a": 0})).all()
    with pytest.raises(ValueError, match="not supported for multilabel y"):
        LogisticTarget(np.array(["x", "y"])).output_shift(np.eye(2), "balanced")


class TestHandicapOfFrequentClasses:
    """Three quarters of the rows are "b", and outputs lean towards it as the prior says."""

    y = np.array(["a"] * 10 + ["b"] * 30)

    def outputs(self, evidence):
        """Log posteriors of rows whose likelihood ratios say the right class by `evidence`."""
        sign = np.where(self.y == "a", 1, -1) * evidence
        return np.column_stack([sign / 2 + np.log(0.25), -sign / 2 + np.log(0.75)])

    def test_is_taken_where_macro_f1_gains(self):
        target = SoftmaxTarget().fit(self.y)
        output = self.outputs(0.5)  # less than the prior's log odds
        assert set(target.predict(output)) == {"b"}
        target.decide("tuned", self.y, output)
        assert (target.predict(output) == self.y).all()
        assert target.offsets_[0] > target.offsets_[1]

    def test_is_not_taken_where_nothing_is_gained(self):
        target = SoftmaxTarget().fit(self.y)
        target.decide("tuned", self.y, self.outputs(9))
        assert target.offsets_.tolist() == [0, 0]

    @pytest.mark.parametrize("decision", ["top1", 0.5])
    def test_other_decisions_take_the_likeliest(self, decision):
        target = SoftmaxTarget().fit(self.y)
        target.decide(decision, self.y, self.outputs(0.5))
        assert set(target.predict(self.outputs(0.5))) == {"b"}

    def test_rows_with_nothing_get_the_most_frequent(self):
        target = SoftmaxTarget().fit(self.y)
        target.decide("tuned", self.y, self.outputs(0.5))
        empty = np.tile(target.empty_output_, (2, 1))
        assert list(target.predict(empty, np.array([False, False]))) == ["b", "b"]


def test_make_target():
    names = np.array(["a", "b"])
    assert make_target("auto", None).name == make_target("softmax", None).name == "softmax"
    assert make_target("auto", names).name == make_target("logistic", names).name == "logistic"
    with pytest.raises(ValueError, match="requires single-label y"):
        make_target("softmax", names)
    with pytest.raises(ValueError, match="get_dummies"):
        make_target("logistic", None)


def cosine_net(**params):
    return FusionClassifier(**{"target": "cosine", "random_state": 0, "max_epochs": 25, **params})


def test_target_is_the_unit_factor_of_each_row(albums):
    _, Y, _ = albums
    target = CosineTarget(np.array(LABELS)).fit(Y.to_numpy())
    factors = PPMILabelFactorizer(n_components=target.n_outputs).fit(Y)
    expected = factors.transform(Y)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(target.encode(Y.to_numpy()), expected, atol=1e-6)
    np.testing.assert_allclose(target.empty_output_, expected.mean(axis=0), atol=1e-6)


def test_loss_is_one_minus_cosine():
    rng = np.random.default_rng(0)
    output, truth = rng.normal(size=(2, 7, 4)).astype(np.float32)
    loss = CosineTarget.loss(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    np.testing.assert_allclose(loss, 1 - np.diag(cosine_similarity(output, truth)), atol=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-3, 3), min_size=10, max_size=10), st.integers(1, 1023))
def test_threshold_with_ties(levels, truth_bits):
    target = CosineTarget(np.arange(2), PPMILabelFactorizer(n_components=2))
    scores = np.array(levels, dtype=np.float32).reshape(5, 2) / 3
    y = np.array([truth_bits >> bit & 1 for bit in range(10)]).reshape(5, 2)
    target.scores = lambda output: output
    target.tune(y, scores)

    def micro_f1(told):
        return 2 * (told & (y == 1)).sum() / (told.sum() + y.sum())

    assert micro_f1(target.predict(scores) == 1) == max(
        micro_f1(scores >= s) for s in scores.ravel()
    )


def test_one_column_is_refused(albums):
    X, Y, _ = albums
    with pytest.raises(ValueError, match="target='cosine' requires an indicator matrix"):
        cosine_net().fit(X, Y["Rock"])
    with pytest.raises(ValueError, match="class_weight='balanced'"):
        cosine_net(class_weight="balanced", validation_fraction=0).fit(X, Y)
    assert isinstance(make_target("cosine", np.array(LABELS)), CosineTarget)
