"""The loop over cells, linking and searches on real clusters of this machine: dask's and ray's."""

import os
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import sklearn
from _counted_puts import count_puts, puts_and_patches
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from torch_threads import torch_threads

from skmmgenre.audio import CQTExtractor
from skmmgenre.model_selection import ArtistKFold
from skmmgenre.text import EntityEnricher, GazetteerLinker, ReviewTruncator
from skmmgenre.utils import BadItem, SetupError

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def global_randomness_is_left_alone():
    """Not looked at here: dask's own threads draw from `random` at any time."""


@contextmanager
def dask_cluster():
    """Two processes of dask with a thread each."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        yield {"backend": "dask"}


@contextmanager
def ray_cluster():
    """Ray on two cores."""
    ray = pytest.importorskip("ray")
    joblib_of_ray = pytest.importorskip("ray.util.joblib")
    # Else it writes a token into the home folder.
    os.environ["RAY_AUTH_MODE"] = "disabled"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    joblib_of_ray.register_ray()
    try:
        yield {"backend": "ray", "n_jobs": -1}
    finally:
        ray.shutdown()
        del os.environ["RAY_AUTH_MODE"]


@pytest.fixture(scope="module", params=[dask_cluster, ray_cluster], ids=["dask", "ray"])
def cluster(request):
    """What `joblib.parallel_config` is to be told."""
    with request.param() as config:
        yield config


@pytest.fixture
def one_thread():
    """As many as a worker of dask or ray has: training has other bits with more."""
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def tracks(albums):
    return [path for paths in albums.table["audio"] for path in paths]


def extractor(**params):
    return CQTExtractor(duration=2.0, **params)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_patches_are_the_same_bits(cluster, tracks, n_jobs, capsys):
    here = extractor().transform(tracks)
    with joblib.parallel_config(**cluster):
        there = extractor(n_jobs=n_jobs, verbose=1).transform(tracks)
    np.testing.assert_array_equal(there, here)
    assert f"{len(tracks)}/{len(tracks)}" in capsys.readouterr().err


def test_bad_tracks_are_told(cluster, tracks, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    some = [*tracks[:20], str(bad), None, str(tmp_path / "absent.wav")]
    here = extractor(on_error="missing")
    expected = here.transform(some)
    with joblib.parallel_config(**cluster):
        there = extractor(on_error="missing", n_jobs=2)
        np.testing.assert_array_equal(there.transform(some), expected)
        with pytest.raises(BadItem, match=r"Row 20: cannot use track '.*bad\.wav'") as error:
            extractor(n_jobs=2).transform(some)
    assert "on_error='missing'" in str(error.value)
    assert list(there.errors_.row) == [20, 22]
    assert there.errors_.equals(here.errors_)


def test_a_task_of_dask_does_its_work_itself(cluster):
    """Tasks of a task could be queued behind one that waits for what the first has claimed."""
    if cluster["backend"] != "dask":
        pytest.skip("of dask")
    distributed = pytest.importorskip("distributed")

    def look():
        from skmmgenre.utils import workers

        with joblib.parallel_config(backend="dask"), workers(2) as (parallel, n_workers):
            assert n_workers == 1
            return os.getpid(), set(parallel(joblib.delayed(os.getpid)() for _ in range(8)))

    client = distributed.get_client()
    for own, others in client.gather([client.submit(look, key=f"look{n}") for n in range(4)]):
        assert own != os.getpid() and others == {own}


def test_links_are_the_same(cluster, albums):
    texts = ReviewTruncator().transform(albums.table["text"])
    linker = GazetteerLinker(albums.knowledge_base)
    here = EntityEnricher(linker).transform(texts)
    with joblib.parallel_config(**cluster):
        there = EntityEnricher(linker, n_jobs=2).transform(texts)
    assert "cat_" in "".join(here)
    np.testing.assert_array_equal(there, here)


def make_no_service():
    """A linker that workers can be sent: they cannot import this module."""

    class NoService:
        def link(self, text):
            raise SetupError("the service is not there")

    return NoService()


def test_what_no_cell_is_to_blame_for(cluster, albums):
    texts = ReviewTruncator().transform(albums.table["text"])
    with joblib.parallel_config(**cluster), pytest.raises(SetupError, match="service is not"):
        EntityEnricher(make_no_service(), n_jobs=2, on_error="missing").transform(texts)


@pytest.mark.filterwarnings("ignore:.* artists are too few for inner folds")
@pytest.mark.parametrize("kind", ["grid", "randomized"])
def test_searches_score_the_same_and_decode_once(
    cluster, albums, small_model, one_thread, tmp_path, kind
):
    """Also where the steps of a model ask for workers themselves."""

    def search_with(cache, n_jobs):
        model = small_model(image=None, audio__cache=str(cache), audio__max_epochs=2, n_jobs=n_jobs)
        grid = {
            "modalities__audio__estimator__cnn__width": [(4, 4, 4), (8, 8, 8)],
            "fusion__lr": [1e-3, 1e-1],
        }
        settings = {"cv": ArtistKFold(2), "error_score": "raise"}
        if kind == "grid":
            search = GridSearchCV(model, grid, **settings)
        else:
            search = RandomizedSearchCV(model, grid, n_iter=3, random_state=0, **settings)
        with sklearn.config_context(enable_metadata_routing=True):
            return search.fit(albums.table, albums.y, groups=albums.groups)

    here = search_with(tmp_path / "here", None)
    cache = tmp_path / "there"
    count_puts(cache)
    with joblib.parallel_config(**cluster):
        there = search_with(cache, 2)
    for name in here.cv_results_:
        if name.startswith("split") and name.endswith("_test_score"):
            np.testing.assert_array_equal(there.cv_results_[name], here.cv_results_[name])
    assert there.best_params_ == here.best_params_
    np.testing.assert_array_equal(
        there.best_estimator_.predict_proba(albums.table),
        here.best_estimator_.predict_proba(albums.table),
    )
    n_tracks = sum(map(len, albums.table["audio"]))
    assert puts_and_patches(cache) == (n_tracks, n_tracks)
