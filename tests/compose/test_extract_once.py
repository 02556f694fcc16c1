"""What learns nothing is done once, and nothing that is learned changes by it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmmgenre.audio import AudioCNN, TimbreStatistics
from skmmgenre.compose import GenrePipeline, MeanOverTracks
from skmmgenre.compose._ablation_trial import extract_once
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import ReviewVectorizer, TextMLP


def test_the_same_bits_as_the_whole_pipeline(albums, small_model, fitted, probabilities):
    model = small_model()
    branches, table, _ = extract_once(model["modalities"], albums.table)
    behind = GenrePipeline([("modalities", branches), ("fusion", model["fusion"])])
    behind.fit(table, albums.y, groups=albums.groups)
    np.testing.assert_array_equal(behind.predict_proba(table), probabilities)


def test_the_same_bits_with_cells_missing(albums, small_model):
    table = albums.table.copy()
    for number, column in enumerate(("audio", "text", "cover")):
        table[column] = [None if i % 4 == number else c for i, c in enumerate(table[column])]
    rows = np.arange(40) % 3 > 0
    model, answers = small_model(), []
    branches, extracted, _ = extract_once(model["modalities"], table)
    for front, cells in ((model["modalities"], table), (branches, extracted)):
        whole = GenrePipeline([("modalities", front), ("fusion", model["fusion"])])
        whole.fit(cells[rows], albums.y[rows], groups=np.asarray(albums.groups)[rows])
        answers.append(whole.predict_proba(cells))
    np.testing.assert_array_equal(*answers)


def test_roads_start_where_learning_starts(albums, small_model):
    branches, _, _ = extract_once(small_model()["modalities"], albums.table)
    roads = {name: branch for name, branch, _ in branches.transformers}
    assert isinstance(roads["audio"], MeanOverTracks)
    assert [type(step) for _, step in roads["audio"].estimator.steps[1:]] == [AudioCNN]
    assert isinstance(roads["text"].steps[1][1], ReviewVectorizer)
    assert isinstance(roads["image"], ResNetEmbedder)


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_steps_of_nested_pipelines_are_replaced_too(albums, small_model, modality):
    others = {name: None for name in ("audio", "text", "image") if name != modality}
    model = small_model(**others)
    plain = model.fit(albums.table, albums.y, groups=albums.groups).predict_proba(albums.table)
    ((name, branch, column),) = model["modalities"].transformers
    road = branch.estimator if modality == "audio" else branch
    nested = Pipeline([("first", Pipeline([("inner", road[:-1])])), ("last", road[-1])])
    nested = MeanOverTracks(nested) if modality == "audio" else nested
    nested = model["modalities"].set_params(transformers=[(name, nested, column)])
    branches, table, _ = extract_once(nested, albums.table)
    ((_, behind, _),) = branches.transformers
    behind = behind.estimator if modality == "audio" else behind
    learning = [type(step) for _, step in behind.steps[1:]]
    assert learning == ([AudioCNN] if modality == "audio" else [ReviewVectorizer, TextMLP])
    again = GenrePipeline([("modalities", branches), ("fusion", model["fusion"])])
    again.fit(table, albums.y, groups=albums.groups)
    np.testing.assert_array_equal(again.predict_proba(table), plain)


def test_model_and_table_are_left_alone(albums, small_model):
    model = small_model()
    before, cells = repr(model), albums.table.copy(deep=True)
    extract_once(model["modalities"], albums.table)
    assert repr(model) == before
    assert cells.equals(albums.table)


def test_other_branches_stay(albums):
    table = albums.table.assign(length=1.0, width=2.0)
    branches = ColumnTransformer(
        [
            ("scaled", StandardScaler(), ["length"]),
            ("plain", "passthrough", ["length", "width"]),
            ("none", "drop", ["title"]),
            ("only", FunctionTransformer(), ["width"]),
            ("road", Pipeline([("a", FunctionTransformer()), ("b", "passthrough")]), ["width"]),
        ]
    )
    answer, cells, _ = extract_once(branches, table)
    assert [name for name, _, _ in answer.transformers] == ["scaled", "plain", "only", "road"]
    assert cells.equals(table)
    assert answer.fit_transform(cells).shape == (40, 5)


def test_a_bad_track_names_its_album(albums, small_model, tmp_path):
    table = albums.table.copy()
    table["audio"] = [None, *table["audio"][1:]]
    gone = [None, str(tmp_path / "gone.wav")]
    table["audio"] = [gone if i == 9 else cell for i, cell in enumerate(table["audio"])]
    model = small_model()
    with pytest.raises(ValueError, match=r"Row 9, track 1: .*gone\.wav.*no such file"):
        extract_once(model["modalities"], table)


def test_a_column_with_nothing_in_it(albums, small_model):
    table = albums.table.assign(audio=None)
    branches, extracted, _ = extract_once(small_model()["modalities"], table)
    assert extracted["audio"].isna().all()
    assert extracted["text of text"].tolist() == list(range(40))


def test_two_branches_may_read_one_column(albums, small_model):
    """Each gets its own positions; what else the ColumnTransformer was told stays."""
    model = small_model(audio=None, image=None)
    (name, road, column), *_ = model["modalities"].transformers
    twice = [(name, road, column), ("again", road, column)]
    both = model["modalities"].set_params(transformers=twice, n_jobs=1)
    branches, extracted, _ = extract_once(both, albums.table)
    assert branches.n_jobs == 1
    columns = [column for _, _, column in branches.transformers]
    assert columns == ["text of text", "text of again"]
    assert extracted[columns[0]].tolist() == extracted[columns[1]].tolist()


def test_a_step_that_answers_a_table(albums):
    rng = np.random.default_rng(0)
    segments = [None if i == 3 else rng.normal(size=(9, 12)) for i in range(40)]
    table = albums.table.assign(timbre=pd.Series(segments, dtype=object))
    road = Pipeline([("statistics", TimbreStatistics()), ("scale", StandardScaler())])
    branches = ColumnTransformer([("timbre", road, "timbre"), ("other", "passthrough", ["length"])])
    branches.set_output(transform="pandas")
    table = table.assign(length=np.arange(40.0))
    rows = np.flatnonzero(np.arange(40) % 3)
    expected = branches.fit(table.iloc[rows]).transform(table)
    behind, extracted, _ = extract_once(branches, table)
    found = behind.fit(extracted.iloc[rows]).transform(extracted)
    pd.testing.assert_frame_equal(found, expected)


def test_a_step_that_names_nothing(albums):
    patches = np.random.default_rng(0).normal(size=(40, 96, 95)).astype(np.float32)
    take = FunctionTransformer(lambda positions: patches[np.asarray(positions, dtype=int)])
    cnn = AudioCNN(width=(2, 2, 2), architecture="time", validation_fraction=0, max_epochs=1)
    road = MeanOverTracks(Pipeline([("take", take), ("cnn", cnn.set_params(random_state=0))]))
    branches = ColumnTransformer([("audio", road, "patch")]).set_output(transform="pandas")
    table = albums.table.assign(patch=np.arange(40))
    expected = branches.fit(table, albums.y).transform(table)
    behind, extracted, _ = extract_once(branches, table)
    found = behind.fit(extracted, albums.y).transform(extracted)
    np.testing.assert_array_equal(found, expected)
    assert [name.partition("__")[0] for name in found] == ["audio"] * found.shape[1]
