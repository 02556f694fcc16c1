"""Searches over architecture, width and dropout of the whole pipeline."""

import numpy as np
import pytest
import sklearn
from _counted_puts import count_puts, puts_and_patches
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from skmmgenre.model_selection import ArtistKFold
from skmmgenre.text import GazetteerLinker

CNN = "modalities__audio__estimator__cnn"


def search_of(model, albums, grid, n_jobs):
    search = GridSearchCV(model, grid, cv=ArtistKFold(2), n_jobs=n_jobs, error_score="raise")
    with sklearn.config_context(enable_metadata_routing=True):
        return search.fit(albums.table, albums.y, groups=albums.groups)


@pytest.mark.slow
def test_architecture_width_and_dropout_in_two_workers(albums, paper_model):
    model = paper_model(image=None, audio__width=(4, 4, 4), audio__n_bins=96, audio__fmin=None)
    grid = [
        {
            f"{CNN}__architecture": ["time"],
            f"{CNN}__width": [(4, 4, 4), (8, 8, 8)],
            "fusion__dropout": [0.0, 0.5],
        },
        {
            f"{CNN}__architecture": ["4x96"],
            f"{CNN}__width": [(4, 4, 4, 4), "low"],
            "modalities__audio__estimator__cqt__duration": [3.0],
            "fusion__dropout": [0.0, 0.5],
        },
    ]
    search = search_of(model, albums, grid, n_jobs=2)
    assert len(search.cv_results_["params"]) == 8
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    for name, value in search.best_params_.items():
        assert best.get_params()[name] == value
    np.testing.assert_array_equal(
        search.predict_proba(albums.table), best.predict_proba(albums.table)
    )
    # The best model is what these parameters give when fitted alone.
    again = model.set_params(**search.best_params_)
    again.fit(albums.table, albums.y, groups=albums.groups)
    np.testing.assert_allclose(
        again.predict_proba(albums.table), best.predict_proba(albums.table), rtol=1e-4, atol=1e-5
    )


def test_a_small_one(albums, paper_model):
    model = paper_model(image=None)
    grid = {f"{CNN}__width": [(4, 4, 4), (8, 8, 8)], "fusion__normalize": [True]}
    search = search_of(model, albums, grid, n_jobs=1)
    assert search.predict(albums.table).shape == (40,)
    assert search.best_estimator_["modalities"].named_transformers_["audio"].estimator_[
        "cnn"
    ].width in [(4, 4, 4), (8, 8, 8)]


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_store_lets_a_search_decode_every_file_once(albums, paper_model, tmp_path, n_jobs):
    """Every patch that was computed was put; what was put twice was computed twice."""
    cache = tmp_path / "store"
    count_puts(cache)
    model = paper_model(image=None, text=None, audio__cache=str(cache), audio__max_epochs=1)
    search_of(model, albums, {"fusion__normalize": [True, False]}, n_jobs=n_jobs)
    n_tracks = sum(map(len, albums.table.audio))
    assert puts_and_patches(cache) == (n_tracks, n_tracks)


def test_steps_can_be_left_out_and_replaced(albums, paper_model):
    """A search over which modalities there are."""
    model = paper_model(image=None)
    search = RandomizedSearchCV(
        model,
        {"modalities__audio": ["drop"], "fusion__normalize": [True, False]},
        n_iter=2,
        cv=ArtistKFold(2),
        random_state=0,
        error_score="raise",
    )
    with sklearn.config_context(enable_metadata_routing=True):
        search.fit(albums.table, albums.y, groups=albums.groups)
    assert {
        name.split("__")[0] for name in search.best_estimator_[:-1].get_feature_names_out()
    } == {"text"}


@pytest.mark.slow
def test_a_linker_on_or_off(albums, paper_model):
    linker = GazetteerLinker(albums.knowledge_base)
    model = paper_model(audio=None, image=None, linker=linker, text__max_epochs=2)
    step = "modalities__text__enrich"
    grid = [
        {step: ["passthrough"]},
        {f"{step}__min_confidence": [0.0, 1.0], f"{step}__linker__coherence": [1.0]},
    ]
    search = search_of(model, albums, grid, n_jobs=1)
    assert len(search.cv_results_["params"]) == 3
    for params in search.cv_results_["params"]:
        again = clone(model).set_params(**params)
        again.fit(albums.table, albums.y, groups=albums.groups)
        words = again["modalities"].named_transformers_["text"]["tfidf"].vocabulary_
        enriched = any(word.startswith("cat_") for word in words)
        assert enriched == (params.get(step) != "passthrough")
