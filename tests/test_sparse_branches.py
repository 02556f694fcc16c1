"""Branches that answer in sparse matrices: their blocks keep their names in a GenrePipeline."""

import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import skmmgenre
from skmmgenre.compose import GenrePipeline
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.model_selection import LabelThresholds
from skmmgenre.text import ReviewVectorizer

NUMBERS = ["v0", "v1", "v2", "v3"]
N = 48
GENRES = np.array(["Jazz", "Rock"] * (N // 2))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(N, 4)), columns=NUMBERS)
    table["v0"] += 2 * (GENRES == "Jazz")
    words = {"Jazz": ["sax", "swing"], "Rock": ["riff", "amp"]}
    others = rng.permutation(4 * N).reshape(N, 4) % 80
    table["text"] = [
        " ".join([*words[genre], "snake__case", *(f"word{i}" for i in row)])
        for genre, row in zip(GENRES, others, strict=True)
    ]
    table["label"] = np.resize(["Verve", "ECM", "Sub Pop"], N)
    return table


@pytest.fixture(scope="module")
def gaps(table):
    table = table.copy()
    table.loc[::5, "text"] = None
    table.loc[::4, NUMBERS] = np.nan
    return table


def fusion(**params):
    params = {"max_epochs": 20, "lr": 0.05, "validation_fraction": 0, **params}
    return FusionClassifier(random_state=0, **params)


def joint(**params):
    params = {"max_epochs": 1, "n_components": 2, "hidden_units": 4, **params}
    return JointSpaceProjector(validation_fraction=0, random_state=0, **params)


def split(words=None, column="text", **params):
    words = TfidfVectorizer() if words is None else words
    branches = [("audio", StandardScaler(), NUMBERS), ("text", words, column)]
    return ColumnTransformer(branches, **params)


def pipeline(*steps):
    return GenrePipeline([(f"step{number}", step) for number, step in enumerate(steps)])


def sizes(model):
    for name in ("estimator_", "best_estimator_"):
        model = getattr(model, name, model)
    return {block: len(columns) for block, columns in model.blocks_.items()}


def hashed():
    return HashingVectorizer(n_features=512)


N_WORDS = 85  # of `table`: 80, a common one, and two of each genre
BRANCHES = {
    "tf-idf": (TfidfVectorizer, N_WORDS),
    "counts": (CountVectorizer, N_WORDS),
    "counts, then tf-idf": (lambda: make_pipeline(CountVectorizer(), TfidfTransformer()), N_WORDS),
    "reviews": (lambda: ReviewVectorizer(max_df=1.0), N_WORDS),
    "without names": (hashed, 512),
    "without names, then tf-idf": (lambda: make_pipeline(hashed(), TfidfTransformer()), 512),
    "few words: dense": (lambda: TfidfVectorizer(max_features=3), 3),
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_blocks_of_a_column_transformer(table, branch):
    make, n_columns = BRANCHES[branch]
    model = pipeline(split(make()), fusion()).fit(table, GENRES)
    assert sizes(model[-1]) == {"audio": 4, "text": n_columns}
    assert sparse.issparse(model[0].transform(table)) == (not branch.startswith("few words"))
    assert model.score(table, GENRES) > 0.8
    probabilities = model.predict_proba(table)
    alone = np.vstack([model.predict_proba(table.iloc[[row]]) for row in range(5)])
    np.testing.assert_array_equal(alone, probabilities[:5])


def test_blocks_of_one_hot_columns(table):
    model = pipeline(split(OneHotEncoder(), ["label"]), fusion()).fit(table, GENRES)
    assert sizes(model[-1]) == {"audio": 4, "text": 3}


def test_blocks_of_a_feature_union(table):
    union = FeatureUnion(
        [("words", TfidfVectorizer()), ("signs", TfidfVectorizer(analyzer="char"))]
    )
    model = pipeline(union, fusion()).fit(table["text"], GENRES)
    assert sizes(model[-1]) == {"words": N_WORDS, "signs": model[0]["signs"].idf_.size}
    assert model.score(table["text"], GENRES) > 0.8


def test_a_feature_union_that_cannot_name_its_columns_says_so(table):
    union = FeatureUnion([("words", TfidfVectorizer()), ("hashed", hashed())])
    model = pipeline(union, fusion())
    with pytest.warns(UserWarning, match="'step0' does not name .* hashed .* blocks= of the next"):
        model.fit(table["text"], GENRES)
    assert sizes(model[-1]) == {"all": N_WORDS + 512}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(step1__blocks={"words": N_WORDS, "hashed": 512}).fit(table["text"], GENRES)
    assert sizes(model[-1]) == {"words": N_WORDS, "hashed": 512}


def test_words_alone_are_one_block_whatever_is_in_them(table):
    model = pipeline(TfidfVectorizer(), fusion()).fit(table["text"], GENRES)
    assert sizes(model[-1]) == {"all": N_WORDS}
    only = ColumnTransformer([("text", TfidfVectorizer(), "text")])
    assert sizes(pipeline(only, fusion()).fit(table, GENRES)[-1]) == {"text": N_WORDS}


def test_missing_cells(table, gaps):
    dense = FunctionTransformer(lambda X: X.toarray(), feature_names_out="one-to-one")
    dense = make_pipeline(ReviewVectorizer(max_df=1.0), dense)
    expected = pipeline(split(dense), fusion()).fit(gaps, GENRES)
    model = pipeline(split(ReviewVectorizer(max_df=1.0)), fusion()).fit(gaps, GENRES)
    assert sparse.issparse(model[0].transform(gaps)) and sizes(model[-1]) == sizes(expected[-1])
    np.testing.assert_array_equal(model.predict_proba(gaps), expected.predict_proba(gaps))
    nothing = gaps.isna().all(axis=1) | gaps[["v0", "text"]].isna().all(axis=1)
    assert nothing.sum() > 1
    np.testing.assert_allclose(model.predict_proba(gaps[nothing])[0], 0.5)
    assert model.score(gaps[~nothing], GENRES[~nothing]) > 0.8


@pytest.mark.parametrize("where", ["step", "pipeline", "everywhere"])
def test_no_container_can_hold_words_and_none_is_needed(table, where):
    words = TfidfVectorizer() if where == "everywhere" else ReviewVectorizer(max_df=1.0)
    model = pipeline(split(words), fusion())
    if where != "everywhere":
        (model if where == "pipeline" else model[0]).set_output(transform="pandas")
    container = "pandas" if where == "everywhere" else "default"
    with sklearn.config_context(transform_output=container):
        model.fit(table, GENRES).predict(table)
    assert sizes(model[-1]) == {"audio": 4, "text": N_WORDS}


def test_a_container_stays_where_no_branch_ends_in_words(table):
    branches = [("audio", StandardScaler(), NUMBERS[:2]), ("more", "passthrough", NUMBERS[2:])]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    model = pipeline(modalities, fusion()).fit(table, GENRES)
    assert model[-1].feature_names_in_.tolist()[2] == "more__v2"


@pytest.mark.parametrize(
    "between",
    [
        (FunctionTransformer(), split()),
        (split(), "passthrough", None),
        (split(), StandardScaler(with_mean=False)),
        (GenrePipeline([("inner", split())]),),
    ],
)
def test_steps_before_and_between(table, between):
    model = pipeline(*(clone(step) if hasattr(step, "fit") else step for step in between), fusion())
    assert sizes(model.fit(table, GENRES)[-1]) == {"audio": 4, "text": N_WORDS}


@pytest.mark.parametrize("with_memory", [False, True])
def test_a_joint_space_between(table, with_memory, tmp_path):
    parts = [("audio", NUMBERS[:2]), ("image", NUMBERS[2:])]
    branches = [(name, StandardScaler(), columns) for name, columns in parts]
    modalities = ColumnTransformer([*branches, ("text", TfidfVectorizer(), "text")])
    model = pipeline(modalities, joint(passthrough=True), fusion())
    model.memory = str(tmp_path) if with_memory else None
    for _ in range(1 + with_memory):
        model.fit(table, GENRES)
    spaces = {"mm_audio": 2, "mm_image": 2}
    assert sizes(model[-1]) == {"audio": 2, "image": 2, "text": N_WORDS, **spaces}
    model.set_params(step1__passthrough=False).fit(table, GENRES)
    assert sizes(model[-1]) == {"text": N_WORDS, **spaces}
    views = pipeline(split(), joint(views=("audio", "text")), fusion()).fit(table, GENRES)
    assert sizes(views[-1]) == {"mm_audio": 2, "mm_text": 2}
    assert pipeline(split(), joint(views=("audio", "text"))).fit_transform(table).shape == (N, 4)


def test_names_reach_what_wraps_the_fusion(table):
    expected = {"audio": 4, "text": N_WORDS}
    search = GridSearchCV(fusion(), {"dropout": [0.0, 0.5]}, cv=2)
    assert sizes(pipeline(split(), search).fit(table, GENRES)[-1]) == expected
    Y = pd.get_dummies(pd.Series(GENRES)).astype(int)
    thresholds = LabelThresholds(fusion(max_epochs=1), cv=2, min_positives=2)
    artists = np.arange(N) // 2
    model = pipeline(split(), thresholds).fit(table, Y, groups=artists)
    assert sizes(model[-1]) == expected


def test_as_many_columns_as_rows(table):
    """What splits rows must not take names of columns for something of each row."""
    words = TfidfVectorizer(max_features=N - 4)
    model = pipeline(split(words), CalibratedClassifierCV(fusion(), cv=2)).fit(table, GENRES)
    inner = model[-1].calibrated_classifiers_[0].estimator
    assert sizes(inner) == {"audio": 4, "text": N - 4}


def test_steps_that_take_no_names_get_none(table):
    assert pipeline(split(), LogisticRegression()).fit(table, GENRES).score(table, GENRES) > 0.8


def test_searches_and_splits_count_the_words_of_their_rows(table):
    model = pipeline(split(), fusion())
    scores = cross_val_predict(model, table, GENRES, cv=3, method="predict_proba")
    assert np.mean((scores[:, 1] > 0.5) == (GENRES == "Rock")) > 0.8
    grid = {"step0__text__max_features": [20, None], "step1__dropout": [0.0, 0.5]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(table, GENRES)
    assert search.best_score_ > 0.8


def test_fit_again_on_other_words(table):
    model = pipeline(split(), fusion()).fit(table, GENRES)
    again = clone(model).fit(table[:10], GENRES[:10])
    assert sizes(again[-1])["text"] < N_WORDS
    assert model[-1].get_params()["blocks"] == "auto"
    model.fit(table[:10], GENRES[:10])
    assert sizes(model[-1]) == sizes(again[-1])
    np.testing.assert_array_equal(model.predict_proba(table), again.predict_proba(table))


def test_saved_models(table, gaps, tmp_path):
    model = pipeline(split(ReviewVectorizer(max_df=1.0)), fusion()).fit(gaps, GENRES)
    expected = model.predict_proba(gaps)
    skmmgenre.save(model, tmp_path / "model.skmm")
    joblib.dump(model, tmp_path / "model.joblib")
    for back in (skmmgenre.load(tmp_path / "model.skmm"), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(back.predict_proba(gaps), expected)
        assert back[-1].blocks_ == model[-1].blocks_


def test_a_pipeline_of_scikit_learn(table):
    by_size = make_pipeline(split(), fusion(blocks={"audio": 4, "text": N_WORDS}))
    ours = pipeline(split(), fusion()).fit(table, GENRES)
    np.testing.assert_array_equal(
        by_size.fit(table, GENRES).predict_proba(table), ours.predict_proba(table)
    )
    told = re.escape("adds up to 14 columns, but X has 89. In a GenrePipeline, blocks='auto'")
    with pytest.raises(ValueError, match=told):
        make_pipeline(split(), fusion(blocks={"audio": 4, "text": 10})).fit(table, GENRES)
