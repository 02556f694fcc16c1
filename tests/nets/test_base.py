"""What all networks share: seeds, rows to learn from, what follows from their arrays."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from small_nets import net, two_genres

from skmmgenre.fusion import FusionClassifier
from skmmgenre.nets import derived, draw_seeds


class Made:
    pass


def test_it_is_made_once_for_the_same_arrays():
    estimator, arrays, other = BaseEstimator(), {}, {}
    first = derived(estimator, arrays, "a", Made)
    assert derived(estimator, arrays, "a", Made) is first
    assert derived(estimator, arrays, "b", Made) is not first
    assert derived(BaseEstimator(), arrays, "a", Made) is not first
    assert derived(estimator, other, "a", Made) is not first


def test_only_what_the_last_key_asked_for_is_kept():
    estimator, arrays = BaseEstimator(), {}
    digest = derived(estimator, arrays, "digest", Made)
    first = weakref.ref(derived(estimator, arrays, "module", Made, "cpu"))
    assert first() is derived(estimator, arrays, "module", Made, "cpu")
    derived(estimator, arrays, "module", Made, "meta")
    gc.collect()
    assert first() is None
    assert derived(estimator, arrays, "digest", Made) is digest


def test_a_network_keeps_the_module_of_its_last_device():
    rng = np.random.default_rng(0)
    net = FusionClassifier(max_epochs=1, validation_fraction=0, random_state=0)
    net.fit(rng.normal(size=(8, 3)).astype(np.float32), [0, 1] * 4)
    kept = weakref.ref(net._module())
    assert net._module() is kept()
    net._module(torch.device("meta"))
    gc.collect()
    assert kept() is None


def test_threads_of_one_estimator_wait_and_others_do_not():
    slow, fast, arrays = BaseEstimator(), BaseEstimator(), {}
    begun, end = threading.Event(), threading.Event()

    def make():
        begun.set()
        assert end.wait(60)
        return Made()

    with ThreadPoolExecutor(3) as pool:
        try:
            both = [pool.submit(derived, slow, arrays, "a", make) for _ in range(2)]
            assert begun.wait(60)
            pool.submit(derived, fast, arrays, "a", Made).result(timeout=60)
            assert not any(task.done() for task in both)
        finally:
            end.set()
        assert both[0].result() is both[1].result()


def test_a_model_that_is_gone_leaves_no_module_behind():
    X, y = two_genres(20)
    model = net().fit(X, y)
    model.predict_proba(X)
    module = weakref.ref(model._module())
    assert derived(model, model.weights_, "module", Made, torch.device("cpu")) is module()
    del model
    assert module() is None


def test_seeds():
    assert draw_seeds(3, 4) == draw_seeds(3, 4) == draw_seeds(np.int64(3), 4)
    assert len(set(draw_seeds(3, 4) + draw_seeds(4, 4))) == 8
    assert draw_seeds(None, 1) != draw_seeds(None, 1)
    state = np.random.RandomState(0)
    first, second = draw_seeds(state, 2), draw_seeds(state, 2)
    assert first != second and first == draw_seeds(np.random.RandomState(0), 2)
    assert all(0 <= seed < 2**63 for seed in first)


def test_no_row_to_learn_from():
    X, y = two_genres(20)
    with pytest.raises(ValueError, match="no rows to train on: of 20 rows 20 are missing"):
        net().fit(np.full_like(X, np.nan), y)


def test_training_rows_of_weight_zero_teach_nothing(overfitting):
    X, y, validation = overfitting
    with pytest.raises(ValueError, match="all 45 training rows have weight 0. Pass"):
        net().fit(X, y, validation=validation, sample_weight=validation)


def test_validation_rows_that_are_all_missing_warn():
    X, y = two_genres()
    validation = np.arange(80) < 8
    X[validation] = np.nan
    with pytest.warns(UserWarning, match="all inner validation rows are missing"):
        model = net().fit(X, y, validation=validation)
    assert model.n_iter_ == 5


def test_validation_rows_of_weight_zero_do_not_stop_the_training(overfitting):
    X, y, validation = overfitting
    with pytest.warns(
        UserWarning, match="missing in this modality or have weight 0; all epochs are run"
    ):
        model = net(max_epochs=20).fit(X, y, validation=validation, sample_weight=~validation)
    assert model.n_iter_ == model.best_iter_ == 20


def test_answers_to_many_rows_show_progress(capfd):
    X, y = two_genres(1200)
    model = net(max_epochs=1, verbose=1).fit(X, y)
    capfd.readouterr()
    model.predict(X[:100])
    assert capfd.readouterr().err == ""
    model.predict(X)
    assert "FusionClassifier, predictions" in (err := capfd.readouterr().err) and "1200/1200" in err
