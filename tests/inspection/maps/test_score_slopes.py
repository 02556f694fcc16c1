import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmmgenre.compose import GenrePipeline, MeanOverTracks
from skmmgenre.fusion import FusionClassifier
from skmmgenre.inspection._maps._score_slopes import ScoresBehind
from skmmgenre.inspection._steps import input_of
from skmmgenre.utils import walk

N, WIDTH = 40, 6


def to_vectors(cells):
    return np.stack([np.full(WIDTH, np.nan) if cell is None else cell for cell in cells])


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(N, WIDTH)).astype(np.float32)
    return pd.DataFrame({"sound": list(vectors), "number": rng.normal(size=N)})


def names_of(transformer, names):
    return np.array([f"v{number}" for number in range(WIDTH)], dtype=object)


def make_model(steps, last, *, tracks=False):
    branch = Pipeline(
        [("encoder", FunctionTransformer(to_vectors, feature_names_out=names_of)), *steps]
    )
    branch = MeanOverTracks(branch) if tracks else branch
    modalities = ColumnTransformer(
        [("audio", branch, "sound"), ("other", "passthrough", ["number"])]
    )
    return GenrePipeline([("modalities", modalities), ("fusion", last)])


def encoder_in(model):
    return next(path for path, _, _ in walk(model) if path[-1:] == ("encoder",))


@pytest.mark.parametrize("tracks", [False, True])
def test_slopes_of_a_linear_model_are_its_coefficients(table, tracks):
    steps = [("nothing", "passthrough"), ("scale", StandardScaler())]
    model = make_model(steps, LogisticRegression(), tracks=tracks)
    y = np.array(["Folk", "Jazz", "Rap"])[table["number"].rank().astype(int) % 3]
    model.fit(table, y)
    path = encoder_in(model)
    column, encoder = input_of(model, path, table)
    behind = ScoresBehind(model, path, table)
    codes = np.arange(N) % 3
    slopes = behind.slopes(encoder.transform(column), codes)
    branch = model["modalities"].named_transformers_["audio"]
    scale = (branch.estimator_ if tracks else branch)["scale"].scale_
    coefficients = model["fusion"].coef_
    coefficients = (coefficients - coefficients.mean(axis=0))[:, :WIDTH] / scale
    np.testing.assert_allclose(slopes, coefficients[codes], atol=1e-4)
    best = behind.slopes(encoder.transform(column)[:1], np.array([-1]))
    code = model.decision_function(table[:1]).argmax()
    np.testing.assert_allclose(best[0], coefficients[code], atol=1e-4)


def test_scores_of_the_own_vector_are_those_of_the_model(table):
    genres = pd.DataFrame({"Jazz": table["number"] > 0, "Rap": table["number"] > 1}).astype(int)
    model = make_model([], FusionClassifier(random_state=0))
    model["modalities"].set_output(transform="pandas")
    model.fit(table, genres, groups=range(N))
    path = encoder_in(model)
    column, encoder = input_of(model, path, table)
    behind, vectors = ScoresBehind(model, path, table), encoder.transform(column)
    assert behind.classes_.tolist() == ["Jazz", "Rap"]
    found = np.concatenate([behind(row, vectors[row : row + 1]) for row in range(5)])
    np.testing.assert_allclose(found, model.decision_function(table[:5]), atol=1e-5)


def test_what_is_missing_has_no_slope(table):
    model = make_model([], FusionClassifier(random_state=0))
    table = table.copy()
    table.at[3, "sound"] = None
    model.fit(table, np.where(table["number"] > 0, "Jazz", "Rap"), groups=range(N))
    path = encoder_in(model)
    column, encoder = input_of(model, path, table)
    slopes = ScoresBehind(model, path, table).slopes(encoder.transform(column), np.zeros(N, int))
    assert not slopes[3].any() and slopes[4].any()


def test_a_feature_union_is_refused(table):
    union = FeatureUnion([("encoder", FunctionTransformer(to_vectors))])
    model = Pipeline([("union", union), ("last", LogisticRegression())])
    model.fit(list(table["sound"]), table["number"] > 0)
    with pytest.raises(ValueError, match="part of a FeatureUnion"):
        ScoresBehind(model, ("union", "encoder"), list(table["sound"]))
