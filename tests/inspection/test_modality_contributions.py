"""The parts of the scores, and that they add up."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skmmgenre.compose import GenrePipeline, ReadyVectors, make_genre_classifier
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.inspection import modality_contributions
from skmmgenre.model_selection import LabelThresholds

SIZES = {"audio": 8, "text": 12, "image": 6}
GENRES = ["Blues", "Jazz", "Pop", "Rock"]
N_ROWS = 120


def make_vectors(rng):
    """Vectors of three blocks, a quarter of each missing, the first row without any."""
    X = rng.normal(size=(N_ROWS, sum(SIZES.values()))).astype(np.float32)
    X[:, :4] += 2 * np.eye(4)[np.arange(N_ROWS) % 4]
    X[:, 8:12] += np.eye(4)[np.arange(N_ROWS) % 4]
    start = 0
    for size in SIZES.values():
        missing = rng.random(N_ROWS) < 0.25
        missing[0] = True
        X[missing, start : start + size] = np.nan
        start += size
    return X


@pytest.fixture(scope="module")
def X():
    return make_vectors(np.random.default_rng(0))


@pytest.fixture(scope="module")
def y():
    genres = np.arange(N_ROWS) % 4
    genres[::3] = np.random.default_rng(1).integers(0, 4, N_ROWS // 3)  # none can be sure
    return np.array(GENRES)[genres]


@pytest.fixture(scope="module")
def Y(y):
    """The genre, and a second one for every third row."""
    labels = (y[:, np.newaxis] == GENRES).astype(int)
    labels[::3, 1] = 1
    return pd.DataFrame(labels, columns=GENRES)


@pytest.fixture(scope="module")
def fusion(X, Y):
    """Of several genres, with the evidence of each block."""
    return FusionClassifier(blocks=SIZES).fit(X, Y, groups=ARTISTS)


ARTISTS = np.arange(N_ROWS) // 2


def scores_of(contributions, classes):
    return contributions["score"].to_numpy().reshape(-1, len(classes))


@pytest.mark.parametrize(
    "params",
    [
        {},
        pytest.param({"class_weight": "balanced"}, marks=pytest.mark.slow),
        {"C": 1.0},
        pytest.param({"normalize": False}, marks=pytest.mark.slow),
        {"validation_fraction": 0},
        {"preset": "paper", "max_epochs": 2, "random_state": 0},
        {"solver": "adam", "max_epochs": 2, "modality_dropout": 0.5, "random_state": 0},
    ],
    ids=str,
)
def test_parts_add_up_to_the_logits_of_one_genre(X, y, params):
    fusion = FusionClassifier(blocks=SIZES, **params).fit(X, y, groups=ARTISTS)
    contributions = modality_contributions(fusion, X)
    assert list(contributions) == ["bias", "audio", "text", "image", "score"]
    scores = scores_of(contributions, GENRES)
    np.testing.assert_allclose(scores, fusion.decision_function(X), atol=1e-5)
    parts = contributions.drop(columns="score").sum(axis=1)
    np.testing.assert_allclose(parts, contributions["score"], atol=1e-12)


def test_evidence_of_blocks_was_weighed(X, fusion):
    """So that tests of it are tests of presence columns too."""
    assert max(fusion.block_weights_.values()) > 0
    assert fusion.weights_["head.weight"].shape[1] == X.shape[1] + 3


@pytest.mark.parametrize("target", ["logistic", "cosine"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_parts_add_up_to_the_scores_of_several_genres(X, Y, target, solver):
    fusion = FusionClassifier(
        blocks=SIZES, target=target, solver=solver, max_epochs=3, random_state=0
    )
    fusion.fit(X, Y, groups=ARTISTS)
    scores = scores_of(modality_contributions(fusion, X), GENRES)
    np.testing.assert_allclose(scores, fusion.decision_function(X), atol=1e-5)


def test_labels_that_nobody_or_everybody_has(X, Y):
    Y = Y.assign(Nobody=0, Everybody=1)
    with pytest.warns(UserWarning, match="No row has the label 'Nobody'"):
        fusion = FusionClassifier(blocks=SIZES, C=1.0, target="cosine")
        fusion.fit(X, Y, groups=ARTISTS)
    contributions = modality_contributions(fusion, X)
    np.testing.assert_allclose(
        scores_of(contributions, fusion.classes_), fusion.decision_function(X), atol=1e-5
    )
    lines = contributions.loc[(slice(None), ["Nobody", "Everybody"]), ["audio", "text", "image"]]
    assert (lines == 0).all(axis=None)
    fusion.weights_ = {name: np.zeros_like(array) for name, array in fusion.weights_.items()}
    contributions = modality_contributions(fusion, X)  # of rows without a direction
    np.testing.assert_allclose(
        scores_of(contributions, fusion.classes_), fusion.decision_function(X), atol=1e-5
    )


@pytest.mark.parametrize("target", ["logistic", "cosine"])
def test_a_missing_block_brings_nothing(X, Y, fusion, target):
    if target == "cosine":
        fusion = FusionClassifier(blocks=SIZES, C=1.0, target=target).fit(X, Y, groups=ARTISTS)
    contributions = modality_contributions(fusion, X)
    start = 0
    for block, size in SIZES.items():
        missing = np.isnan(X[:, start])
        start += size
        values = contributions[block].to_numpy().reshape(N_ROWS, -1)
        assert (values[missing] == 0).all()
        assert (values[~missing] != 0).all()


def test_a_part_is_what_the_logit_loses_without_the_block(X, fusion):
    without = X.copy()
    without[:, 8:20] = np.nan
    others = ~np.isnan(X[:, 0]) | ~np.isnan(X[:, 20])
    lost = fusion.decision_function(X) - fusion.decision_function(without)
    told = modality_contributions(fusion, X)["text"].to_numpy().reshape(N_ROWS, -1)
    np.testing.assert_allclose(told[others], lost[others], atol=1e-5)


def test_rows_are_the_same_alone_and_sparse(X, y):
    fusion = FusionClassifier(blocks=SIZES, C=1.0).fit(np.nan_to_num(X), y, groups=ARTISTS)
    whole = modality_contributions(fusion, np.nan_to_num(X))
    alone = modality_contributions(fusion, np.nan_to_num(X[7:8]))
    np.testing.assert_array_equal(whole.loc[7], alone.loc[0])
    pd.testing.assert_frame_equal(
        whole, modality_contributions(fusion, sparse.csr_array(np.nan_to_num(X)))
    )


def test_two_genres(X):
    y = np.where(np.arange(N_ROWS) % 4 < 2, "Jazz", "Rock")
    fusion = FusionClassifier(blocks=SIZES, C=1.0).fit(X, y, groups=ARTISTS)
    scores = scores_of(modality_contributions(fusion, X), ["Jazz", "Rock"])
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], fusion.decision_function(X), atol=1e-5)


def table_of(X):
    columns, start = {}, 0
    for block, size in SIZES.items():
        cells = list(X[:, start : start + size])
        columns[block] = [None if np.isnan(cell).all() else cell for cell in cells]
        start += size
    table = pd.DataFrame(columns, index=[f"album {row}" for row in range(len(X))])
    return table.rename_axis("album")


def test_pipeline_with_joint_space(X, y):
    modalities = ColumnTransformer([(block, ReadyVectors(), block) for block in SIZES])
    joint = JointSpaceProjector(
        n_components=4, hidden_units=8, passthrough=True, max_epochs=2, random_state=0,
        validation_fraction=0,
    )  # fmt: skip
    model = GenrePipeline(
        [
            ("modalities", modalities.set_output(transform="pandas")),
            ("joint", joint),
            ("fusion", FusionClassifier(C=1.0)),
        ]
    )
    table = table_of(X)
    model.fit(table, y, groups=ARTISTS)
    contributions = modality_contributions(model, table)
    assert list(contributions) == [
        "bias", "audio", "text", "image", "mm_audio", "mm_image", "score",
    ]  # fmt: skip
    assert contributions.index.names == ["album", "genre"]
    scores = contributions["score"].unstack(sort=False).loc[table.index, model.classes_]
    np.testing.assert_allclose(scores, model.decision_function(table), atol=1e-5)


def test_wrapped_models(X, Y):
    table = table_of(X)
    ready = dict.fromkeys(["audio_model", "text_model", "image_model"], "vectors")
    model = make_genre_classifier(image="image", fusion__C=1.0, **ready)
    thresholds = LabelThresholds(model, cv=2).fit(table, Y, groups=ARTISTS)
    scores = scores_of(modality_contributions(thresholds, table), GENRES)
    np.testing.assert_allclose(scores, thresholds.decision_function(table), atol=1e-5)
    fusion = FusionClassifier(blocks=SIZES, validation_fraction=0)
    search = GridSearchCV(fusion, {"C": [1.0]}, cv=2).fit(X, np.array(GENRES)[ARTISTS % 4])
    scores = scores_of(modality_contributions(search, X), GENRES)
    np.testing.assert_allclose(scores, search.decision_function(X), atol=1e-5)


def test_repeated_row_labels(X, y):
    X = pd.DataFrame(np.nan_to_num(X), index=["twice"] * N_ROWS).add_prefix("all__")
    fusion = FusionClassifier(C=1.0).fit(X, y, groups=ARTISTS)
    contributions = modality_contributions(fusion, X)
    scores = scores_of(contributions, GENRES)
    np.testing.assert_allclose(scores, fusion.decision_function(X), atol=1e-5)


def test_what_is_refused(X, y):
    with pytest.raises(NotFittedError):
        modality_contributions(FusionClassifier(), X)
    plain = LogisticRegression().fit(np.nan_to_num(X), y)
    with pytest.raises(ValueError, match="LogisticRegression contains no FusionClassifier"):
        modality_contributions(plain, X)
