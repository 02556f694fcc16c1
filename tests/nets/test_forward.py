"""Batches of a feed through a module, and its answers back."""

import numpy as np
import pytest
import torch
from scipy import sparse
from small_nets import net, two_genres

from skmmgenre.nets import ArrayFeed


def forward(function, X, rows, **params):
    """Answers of any function of a batch, and how many rows were said to be done at a time."""
    feed, done = ArrayFeed(X, np.zeros(X.shape[0], dtype=bool)), []
    model = net(device="cpu", **params)
    return model._forward(feed, None, rows, function, done.append), done


def test_every_batch_is_filled_up_to_a_multiple_of_16():
    X, batches = np.arange(1, 121, dtype=np.float32).reshape(40, 3), []

    def function(x):
        batches.append(x.clone())
        return 2 * x

    rows = np.arange(40)[::-1]
    answers, done = forward(function, X, rows, batch_size=17)
    np.testing.assert_array_equal(answers, 2 * X[rows])
    assert [tuple(x.shape) for x in batches] == [(32, 3), (32, 3)] and done == [32, 8]
    assert not batches[1][8:].any() and batches[1][:8].all()


def test_a_row_answers_the_same_alone_as_among_others():
    X, y = two_genres(70, n_features=501)
    model = net(max_epochs=2, batch_size=20).fit(X, y)
    among = model.predict_proba(X)
    np.testing.assert_array_equal(np.vstack([model.predict_proba(row[None]) for row in X]), among)


def test_sparse_rows_are_computed_as_dense_ones():
    X = sparse.random_array((20, 6), density=0.3, rng=np.random.default_rng(0), format="csr")
    layouts = []

    def function(x):
        layouts.append(x.layout)
        return x.sum(dim=1)

    thin, _ = forward(function, X, np.arange(20))
    dense, _ = forward(function, X.toarray(), np.arange(20))
    assert set(layouts) == {torch.strided}
    np.testing.assert_array_equal(thin, dense)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("auto", torch.float32), ("float32", torch.float32), ("bfloat16", torch.bfloat16)],
)
def test_answers_are_float32_whatever_layers_compute_in(precision, dtype):
    found = []

    def function(x):
        found.append((x @ x.T).dtype)
        return x @ x.T

    answers, _ = forward(function, np.eye(16), np.arange(16), batch_size=16, precision=precision)
    assert found == [dtype] and answers.dtype == np.float32
    np.testing.assert_array_equal(answers, np.eye(16))


def test_no_rows_no_answers():
    assert forward(torch.abs, np.eye(3), np.arange(0)) == (None, [])
