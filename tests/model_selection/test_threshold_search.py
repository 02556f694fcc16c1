import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score

from skmmgenre.model_selection._label_thresholds import (
    best_f1_threshold,
    lowest_threshold_of_precision,
)

cases = st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=1, max_size=25)


def cuts(scores):
    return [np.inf, *np.unique(scores), -np.inf]


@settings(max_examples=60, deadline=None)
@given(cases)
def test_no_other_threshold_has_a_better_f1(rows):
    truth, scores = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    threshold = best_f1_threshold(truth, scores)
    best = max(f1_score(truth, scores > cut, zero_division=0) for cut in cuts(scores))
    assert f1_score(truth, scores > threshold, zero_division=0) == pytest.approx(best)
    assert threshold not in scores


@settings(max_examples=60, deadline=None)
@given(cases, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_the_precision_is_reached_by_as_many_rows_as_can_be(rows, precision):
    truth, scores = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    threshold = lowest_threshold_of_precision(truth, scores, precision)
    reached = [
        (scores > cut).sum()
        for cut in cuts(scores)
        if (scores > cut).any() and precision_score(truth, scores > cut) >= precision
    ]
    assert (scores > threshold).sum() == max(reached, default=0)


def test_by_hand():
    truth = np.array([1, 1, 0, 1, 0, 0], dtype=bool)
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1])
    assert best_f1_threshold(truth, scores) == pytest.approx(0.4)
    assert lowest_threshold_of_precision(truth, scores, 1.0) == pytest.approx(0.75)
    assert lowest_threshold_of_precision(truth, scores, 0.5) == -np.inf
    assert lowest_threshold_of_precision(~truth, scores, 1.0) == np.inf


def test_labels_that_all_or_none_have():
    scores = np.array([0.1, 0.2, 0.3])
    assert best_f1_threshold(np.ones(3, dtype=bool), scores) == -np.inf
    assert best_f1_threshold(np.zeros(3, dtype=bool), scores) == np.inf


def test_neighbouring_numbers_have_no_middle():
    low = 1.0
    high = np.nextafter(low, 2)
    threshold = best_f1_threshold(np.array([True, False]), np.array([high, low]))
    assert low <= threshold < high


def cosine_threshold(truth, scores):
    """What targets of cosine took before they shared `best_f1_threshold`: known answers."""
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(truth[order])
    told = np.arange(1, len(scores) + 1)
    f1 = 2 * found / (told + found[-1])
    f1[:-1][scores[:-1] == scores[1:]] = -1
    best = int(f1.argmax())
    below = scores[best + 1] if best + 1 < len(scores) else np.float32(-1)
    between = (scores[best] + below) / 2
    return float(between if between > below else scores[best])


neighbours = [np.float32(1), np.nextafter(np.float32(1), np.float32(0)), np.float32(-1)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from(neighbours) | st.floats(-1, 1, width=32, allow_subnormal=False),
        ),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
def test_inclusive_thresholds_keep_their_bits(rows, tied):
    truth = np.array([True, *(row[0] for row in rows)]).astype(np.int8)
    scores = np.array([rows[0][1], *(row[1] for row in rows)], dtype=np.float32)
    scores = np.round(scores * 3) / np.float32(3) if tied else scores
    threshold = best_f1_threshold(truth, scores, inclusive=True, lowest=-1)
    assert threshold == cosine_threshold(truth, scores)
