"""README's code on further albums: what is learned from, what is compared."""

import argparse

import evaluate_albums
import numpy as np
import pytest

from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a small run predicts, by the text alone, and its further albums."""
    folder = tmp_path_factory.mktemp("albums")
    arguments = argparse.Namespace(albums=80, further=50, seeds=2, jobs=None)
    fit_on, make = [], evaluate_albums.make_albums

    def silent_albums(n_albums, **options):
        missing = {"audio": 1.0, "text": 0.1, "cover": 1.0}
        return make(n_albums, **{**options, "missing": missing, "n_genres": 3, "verbose": 0})

    def small_model(**options):
        assert set(options) == {"n_jobs"}  # nothing is set by hand
        return make_genre_classifier(audio=None, image=None, text__hidden_units=(8,), max_epochs=2)

    def note(model, table, y, groups, **options):
        fit_on.append([next(options["cv"](random_state=seed).split()) for seed in range(2)])
        fit_on.append(groups)
        return evaluate_albums_ablate(model, table, y, groups, **options)

    evaluate_albums_ablate = evaluate_albums.ablate_modalities
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate_albums, "make_albums", silent_albums)
        patch.setattr(evaluate_albums, "make_genre_classifier", small_model)
        patch.setattr(evaluate_albums, "ablate_modalities", note)
        known, further = evaluate_albums.make(arguments, folder)
        return evaluate_albums.run(known, further, arguments), further, fit_on


def test_further_albums_are_of_other_artists(run):
    _, _, ((first, second), groups) = run
    assert not np.array_equal(first[0], second[0])  # split by the seed
    for train, test in (first, second):
        assert list(test) == list(range(80, 130)) and train.max() < 80
        assert len(train) == pytest.approx(56, abs=8)
        assert not set(groups[train]) & set(groups[test])


def test_every_row_stands_beside_plain_and_the_posterior(run):
    predictions, further, _ = run
    assert (predictions["true"] == further.y[predictions["row"]]).all()
    (line,) = evaluate_albums.tabulate(predictions, further).to_dict("records")
    assert line["modalities"] == "text"
    assert line["estimate"] == pytest.approx(line["f1"] - line["plain"], abs=1e-9)
    assert line["low"] <= line["estimate"] <= line["high"]
    ceiling = further.oracle.ceiling(["text"], np.arange(50), metric="macro_f1")
    assert line["ceiling"] == pytest.approx(ceiling)


def test_a_model_that_is_right_is_better(run):
    predictions, further, _ = run
    lines = evaluate_albums.tabulate(predictions.assign(text=predictions["true"]), further)
    assert lines["f1"][0] == 1 and lines["verdict"][0] == "better"


def test_the_albums_are_those_of_the_first_page(tmp_path):
    """README makes 200 albums with the seed 0, a tenth of the cells missing."""
    readme = (evaluate_albums.FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"make_albums(n_albums=200, missing={evaluate_albums.MISSING}, random_state=0)" in readme
    assert f"sizes={evaluate_albums.SIZES}" in readme
    silent = {"missing": {"audio": 1.0, "cover": 1.0}, "directory": tmp_path}
    one, other = (make_albums(12, random_state=seed, **silent) for seed in (0, 1))
    assert list(one.oracle.classes) == list(other.oracle.classes)  # and of one kind
