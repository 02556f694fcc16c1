import numpy as np
import pytest

from skmmgenre.model_selection import best_f1_threshold, labels_above, tune_thresholds


def test_a_label_is_above_its_threshold():
    scores = np.array([[0.5, 0.2], [0.1, 0.1], [0.3, 0.9]])
    found = labels_above(scores, np.array([0.3, 0.2]), at_least_one=False)
    np.testing.assert_array_equal(found, [[1, 0], [0, 0], [0, 1]])


def test_the_nearest_where_there_is_none():
    scores = np.array([[0.29, 0.1], [0.1, 0.15], [0.4, 0.1]])
    found = labels_above(scores, np.array([0.3, 0.2]), at_least_one=True)
    np.testing.assert_array_equal(found, [[1, 0], [0, 1], [1, 0]])
    # One that is never predicted stays so, unless that is all there is.
    found = labels_above(scores, np.array([np.inf, 0.2]), at_least_one=True)
    np.testing.assert_array_equal(found, [[0, 1]] * 3)
    found = labels_above(scores, np.array([np.inf, np.inf]), at_least_one=True)
    np.testing.assert_array_equal(found, [[1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize("min_positives", [1, 8, 100])
def test_rare_labels_share_a_threshold(min_positives):
    rng = np.random.default_rng(0)
    truth = (rng.random((200, 4)) < [0.5, 0.3, 0.03, 0.02]).astype(int)
    scores = rng.normal(size=(200, 4)) + truth
    thresholds, tuned = tune_thresholds(
        truth, scores, best_f1_threshold, min_positives=min_positives
    )
    np.testing.assert_array_equal(tuned, truth.sum(axis=0) >= min_positives)
    for label in np.flatnonzero(tuned):
        assert thresholds[label] == best_f1_threshold(truth[:, label], scores[:, label])
    assert len(set(thresholds[~tuned])) <= 1
    if not tuned.all():
        few = truth[:, ~tuned].sum() < min_positives
        pool = slice(None) if few else ~tuned
        expected = best_f1_threshold(truth[:, pool].ravel(), scores[:, pool].ravel())
        assert thresholds[~tuned][0] == expected
