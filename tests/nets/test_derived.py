import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skmmgenre.fusion import FusionClassifier
from skmmgenre.nets import derived


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
