"""The space that two modalities share."""

import warnings

import numpy as np
import pandas as pd
import pytest
from other_tables import EVERY_KIND
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from skmmgenre.fusion import JointSpaceProjector
from skmmgenre.fusion._joint_space import _mean_and_scale
from skmmgenre.fusion._retrieval import search, summarize

NAMES = ["audio__0", "audio__1", "audio__2", "text__0", "image__0", "image__1"]


def joint(**params):
    defaults = {"n_components": 4, "hidden_units": 8, "max_epochs": 3, "random_state": 0}
    return JointSpaceProjector(**{"validation_fraction": 0, **defaults, **params})


@pytest.fixture
def table():
    X = np.random.default_rng(0).normal(size=(30, 6))
    X[::5, 4:] = np.nan  # no cover
    X[1::5, :3] = np.nan  # no sound
    return pd.DataFrame(X, columns=NAMES, index=[f"album {i}" for i in range(30)])


def test_duplicate_columns(table):
    table.columns = [*NAMES[:5], NAMES[4]]
    with pytest.raises(ValueError, match=r"duplicate columns: \['image__0'\]. Rename or drop"):
        joint().fit(table)


def test_training_brings_the_views_of_an_item_together():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(120, 3))
    X = np.hstack([shared @ rng.normal(size=(3, 8)), shared @ rng.normal(size=(3, 6))])
    blocks = {"audio": 8, "image": 6}
    Z = joint(blocks=blocks, max_epochs=40, hidden_units=32).fit(X[:100]).transform(X[100:])
    Z = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (Z[:, :4], Z[:, 4:])]
    similarity = Z[0] @ Z[1].T
    own = similarity.diagonal().mean()
    other = (similarity.sum() - similarity.trace()) / (20 * 19)
    assert own > 0.7 and own > other + 0.5


def test_columns_and_names(table):
    model = joint().fit(table)
    mm = [f"mm_{view}__{i}" for view in ("audio", "image") for i in range(4)]
    Z = model.transform(table)
    assert isinstance(Z, pd.DataFrame) and Z.index.equals(table.index)
    assert Z.columns.tolist() == model.get_feature_names_out().tolist() == ["text__0", *mm]
    np.testing.assert_allclose(Z["text__0"], table["text__0"], rtol=1e-6)
    whole = joint(passthrough=True).fit(table)
    Z_whole = whole.transform(table)
    assert Z_whole.columns.tolist() == [*NAMES[:3], "text__0", *NAMES[4:], *mm]
    np.testing.assert_array_equal(Z_whole[mm], Z[mm])
    np.testing.assert_allclose(Z_whole[NAMES], table, rtol=1e-6)


def test_missing_views_are_nan(table):
    Z = joint().fit_transform(table)
    no_cover, no_sound = table["image__0"].isna(), table["audio__0"].isna()
    assert Z.filter(like="mm_image").isna().all(axis=1).equals(no_cover)
    assert Z.filter(like="mm_audio").isna().all(axis=1).equals(no_sound)
    assert Z.filter(like="mm_image")[~no_cover].notna().all(axis=None)


def test_views_of_zeros_are_missing(table):
    zeros = table.copy()
    zeros.iloc[:5, zeros.columns.str.startswith("audio__")] = 0
    gone = table.copy()
    gone.iloc[:5, gone.columns.str.startswith("audio__")] = np.nan
    found, expected = joint().fit(zeros), joint().fit(gone)
    np.testing.assert_array_equal(found.transform(zeros), expected.transform(gone))
    assert found.transform(zeros).filter(like="mm_audio")[:5].isna().all(axis=None)


def test_mm_audio_needs_no_cover(table):
    model = joint().fit(table)
    mm_audio = model.transform(table).filter(like="mm_audio")
    blind = table.copy()
    blind[["image__0", "image__1"]] = np.nan
    np.testing.assert_array_equal(model.transform(blind).filter(like="mm_audio"), mm_audio)


def test_only_rows_with_both_views_are_learned_from(table):
    other = table.copy()
    other.loc[table["image__0"].isna(), ["audio__0", "audio__1", "audio__2"]] *= -3
    first, second = (joint().fit(X) for X in (table, other))
    assert first.history_[-1]["train_loss"] == second.history_[-1]["train_loss"]


def test_no_row_has_both_views(table):
    table.loc[table["audio__0"].notna(), ["image__0", "image__1"]] = np.nan
    with pytest.raises(ValueError, match="no rows to train on: of 30 rows 30 are missing"):
        joint().fit(table)


def test_set_output(table):
    model = joint().set_output(transform="pandas").fit(table)
    assert isinstance(model.transform(table), pd.DataFrame)
    X = table.to_numpy()
    blocks = {"audio": 3, "text": 1, "image": 2}
    bare = joint(blocks=blocks).set_output(transform="pandas").fit(X)
    Z = bare.transform(X)
    assert Z.columns[:2].tolist() == ["text__x3", "mm_audio__0"]
    plain = joint(blocks=blocks).fit(X).transform(X)
    assert type(plain) is np.ndarray and plain.dtype == np.float32
    np.testing.assert_array_equal(plain, Z)


def test_a_bare_array_is_two_halves():
    X = np.random.default_rng(0).normal(size=(12, 7))
    model = joint().fit(X)
    assert model.blocks_ == {"audio": [0, 1, 2, 3], "image": [4, 5, 6]}
    assert model.transform(X).shape == (12, 8)
    assert model.n_parameters_ == (4 * 8 + 8 + 8 * 4 + 4) + (3 * 8 + 8 + 8 * 4 + 4)


def test_other_views(table):
    X = table.dropna().rename(columns=lambda name: name.replace("image", "video"))
    model = joint(views=("video", "text")).fit(X)
    assert model.get_feature_names_out()[3:5].tolist() == ["mm_video__0", "mm_video__1"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"views": ("audio", "lyrics")}, r"no block 'lyrics'; its blocks are \['audio'"),
        ({"views": ("audio", "audio")}, "must name two different blocks"),
        ({"views": ("audio",)}, "must name two different blocks"),
        ({"margin": 2}, "'margin' parameter"),
    ],
)
def test_bad_parameters(table, params, message):
    with pytest.raises(ValueError, match=message):
        joint(**params).fit(table)


def test_partly_nan_is_an_error(table):
    for column in ("audio__1", "image__1"):
        bad = table.copy()
        bad.iloc[2, table.columns.get_loc(column)] = np.nan
        with pytest.raises(ValueError, match="first in row 2"):
            joint().fit(bad)


def test_early_stopping_with_artists(table):
    artists = [f"artist {i // 3}" for i in range(30)]
    model = joint(validation_fraction=0.3, max_epochs=50, patience=2, lr=0.05, refit=False)
    model.fit(table, groups=artists)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.best_iter_ == 1 + int(np.argmin(losses))


def test_views_that_are_all_alike_have_no_negatives():
    """One cover for all items: only the pull is left of its terms, or sounds are ranked."""
    X = np.hstack([np.random.default_rng(0).normal(size=(20, 3)), np.ones((20, 2))])
    for preset in ("auto", "paper"):
        model = joint(blocks={"audio": 3, "image": 2}, max_epochs=50, preset=preset).fit(X)
        assert np.isfinite(model.history_[-1]["train_loss"])
        assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(table, convert):
    expected, model = joint().fit(table), joint().fit(convert(table))
    assert model.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()
    np.testing.assert_array_equal(model.transform(convert(table)), expected.transform(table))


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("passthrough", [True, False])
def test_sparse_tables(table, form, passthrough):
    X = table.to_numpy(copy=True)
    X[:, :4] = np.where(np.abs(X[:, :4]) < 0.5, 0, X[:, :4])
    stored = getattr(sparse, f"{form}_array")(X)
    params = {"passthrough": passthrough, "views": ("audio", "image")}
    dense = joint(**params, blocks={"audio": 3, "text": 1, "image": 2}).fit(X)
    ours = joint(**params).fit(stored, feature_names=NAMES)
    assert ours.blocks_ == dense.blocks_
    for name, weights in dense.weights_.items():
        np.testing.assert_array_equal(ours.weights_[name], weights)
    answer = ours.transform(stored)
    assert sparse.issparse(answer) and answer.format == "csr" and answer.dtype == np.float32
    np.testing.assert_array_equal(answer.toarray(), dense.transform(X))
    assert len(ours.get_feature_names_out(NAMES)) == answer.shape[1]
    np.testing.assert_array_equal(ours.transform(X), dense.transform(X))


# ---- what is learned --------------------------------------------------------------------


def pairs(n, *, noise=5.0, seed=0, widths=(20, 15)):
    """Two views of what they share, far from the origin, with noise of their own."""
    rng = np.random.default_rng(1)
    maps = [rng.normal(size=(4, width)) for width in widths]
    means = [8 * rng.normal(size=width) for width in widths]
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 4))
    views = [
        shared @ A + mean + noise * rng.normal(size=(n, len(mean)))
        for A, mean in zip(maps, means, strict=True)
    ]
    return np.hstack(views), dict(zip(("audio", "image"), widths, strict=True))


def weak_pairs(n, seed=0):
    """Views of two genres, which agree in 8 of 10 items: no cover is twice as likely as another."""
    rng = np.random.default_rng(seed)
    sound = rng.integers(0, 2, n)
    cover = np.where(rng.random(n) < 0.8, sound, 1 - sound)
    X = np.hstack([np.eye(2)[sound], np.eye(2)[cover]])[:, [0, 1, 0, 1, 2, 3, 2, 3]]
    return X + 3 + 0.2 * rng.normal(size=X.shape), {"audio": 4, "image": 4}


def searched(model, X):
    """The figures of retrieval among rows that `model` has not seen."""
    first, second = np.hsplit(model.transform(X), 2)
    codes = np.tile(np.arange(len(X))[:, np.newaxis], 2)
    return summarize([search(first, second, codes)])


def artists(n):
    return [f"artist {i // 2}" for i in range(n)]


@pytest.mark.parametrize("n_pairs", [70, pytest.param(300, marks=pytest.mark.slow)])
def test_the_defaults_find_the_other_view_of_unseen_items(n_pairs):
    X, blocks = pairs(n_pairs + 200, noise=1.5)
    model = JointSpaceProjector(blocks=blocks, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pyproject lets the one of chance pass
        model.fit(X[:n_pairs], groups=artists(n_pairs))
    found = searched(model, X[n_pairs:])
    assert found["chance_recall_at_10"] == 0.05
    assert found["recall_at_10"] > 0.4 and found["median_rank"] < 25
    assert min(epoch["valid_loss"] for epoch in model.history_) < 0.4  # of 1 - margin
    inner = model.retrieval_
    assert inner["n_pairs"] == n_pairs
    assert inner["recall_at_10"] > inner["chance_recall_at_10"] + 0.25
    assert inner["median_rank"] < inner["chance_median_rank"] / 2
    assert all(type(number) in (int, float) for number in inner.values())


@pytest.mark.slow
def test_a_weak_relation_is_learned_where_the_loss_of_the_paper_knows_nothing():
    """It is least where all are at a cosine of m, if no pair is twice as likely as by chance."""
    X, blocks = weak_pairs(600)
    params = {"blocks": blocks, "hidden_units": 32, "n_components": 8, "random_state": 0}
    paper = JointSpaceProjector(preset="paper", **params).fit(X[:400], groups=artists(400))
    assert min(epoch["valid_loss"] for epoch in paper.history_) == pytest.approx(0.5, abs=0.01)
    model = JointSpaceProjector(**params).fit(X[:400], groups=artists(400))
    assert min(epoch["valid_loss"] for epoch in model.history_) < 0.45
    # The likelier genre's covers come first: 0.8 * 0.25 + 0.2 * 0.75 of all.
    found = searched(model, X[400:])
    assert found["median_rank"] < 0.35 * found["n_candidates"]


def test_the_training_of_the_paper_is_what_it_was():
    """Losses of a version before there was a choice; also `preset` is all that is needed."""
    X, blocks = pairs(60)
    model = JointSpaceProjector(
        blocks=blocks, preset="paper", max_epochs=3, hidden_units=16, n_components=4, random_state=0
    ).fit(X, groups=artists(60))
    assert sorted(model.weights_)[:4] == [
        "first.0.bias", "first.0.weight", "first.2.bias", "first.2.weight"
    ]  # fmt: skip
    losses = [(epoch["train_loss"], epoch["valid_loss"]) for epoch in model.history_]
    known = [
        (0.7879767212374457, 0.6925364136695862),
        (0.6661337819592706, 0.656974196434021),
        (0.6479268998935305, 0.6254370212554932),
    ]
    np.testing.assert_allclose(losses, known, rtol=1e-5)


def test_columns_are_centred_by_the_training_rows():
    X, blocks = pairs(40)
    X[0, :20] = np.nan
    held_out = np.arange(40) % 4 == 1
    model = joint(blocks=blocks).fit(X, validation=held_out)
    there = ~held_out & (np.arange(40) > 0)
    for name, part in (("first", X[:, :20]), ("second", X[:, 20:])):
        part = part[there] / np.linalg.norm(part[there], axis=1, keepdims=True)
        np.testing.assert_allclose(model.weights_[f"{name}.0.mean"], part.mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(model.weights_[f"{name}.0.scale"], part.std(axis=0), rtol=1e-4)


def test_a_column_that_was_constant_says_nothing():
    """Even if it is not constant later on."""
    values = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    values[:, 1] = 0.25
    mean, scale = _mean_and_scale(values, np.arange(600))
    np.testing.assert_allclose(mean[[0, 2]], values[:600, [0, 2]].mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(scale[[0, 2]], values[:600, [0, 2]].std(axis=0), rtol=1e-4)
    assert (1000 - mean[1]) / scale[1] < 1e-30
    stored = _mean_and_scale(sparse.csr_array(values), np.arange(600))
    np.testing.assert_array_equal(stored, (mean, scale))


def test_all_pairs_are_learned_from_for_as_many_steps_as_folds_ask_for():
    X, blocks = pairs(120)
    params = {"blocks": blocks, "hidden_units": 8, "n_components": 4, "random_state": 0}
    params |= {"max_epochs": 40}
    model = JointSpaceProjector(**params).fit(X, groups=artists(120))
    assert model.retrieval_["n_pairs"] == 120  # each was unseen once
    assert 25 <= model.n_iter_ == model.best_iter_ <= 40  # of 4 steps: at least 100
    other = X.copy()
    for rows in np.split(np.arange(120), 12):  # whatever rows a fold has
        other[rows[0]] += 1
    changed = JointSpaceProjector(**params).fit(other, groups=artists(120))
    assert (changed.weights_["first.0.mean"] != model.weights_["first.0.mean"]).all()


@pytest.mark.parametrize("marked", [True, False])
def test_held_out_pairs_are_not_learned_from(marked):
    X, blocks = pairs(120)
    given = {"validation": np.arange(120) < 30} if marked else {"groups": artists(120)}
    params = {"blocks": blocks, "max_epochs": 5, "patience": 9, "validation_fraction": 0.3}
    model = joint(**params, refit=marked).fit(X, **given)
    n_held_out = model.retrieval_["n_pairs"]
    assert n_held_out == 30 if marked else 0 < n_held_out < 60
    other = X.copy()
    other[:30] *= np.random.default_rng(0).uniform(0.5, 2, size=(30, 35))
    changed = joint(**params, refit=marked).fit(other, **given)
    same = changed.weights_["first.0.mean"] == model.weights_["first.0.mean"]
    assert same.all() if marked else not same.any()


def test_without_unseen_pairs_nothing_is_searched():
    X, blocks = pairs(30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = joint(blocks=blocks).fit(X)
    assert model.retrieval_ is None and model.n_iter_ == 3
    assert "valid_loss" not in model.history_[0]


# ---- retrieval --------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["auto", "paper"])
def test_views_that_do_not_belong_together_are_warned_of(preset):
    X, blocks = pairs(200, noise=0.5)
    X[:, 20:] = X[np.random.default_rng(0).permutation(200), 20:]
    params = {"blocks": blocks, "preset": preset, "max_epochs": 10, "hidden_units": 16}
    model = joint(**params, validation_fraction=0.2)
    with pytest.warns(UserWarning, match="among the 10 nearest, .* above chance .* Add rows"):
        model.fit(X, groups=artists(200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joint(**params, validation_fraction=0).fit(X, groups=artists(200))


@pytest.mark.filterwarnings("ignore:.*(find|validation loss|other view)")
def test_memorised_covers_are_not_handed_on():
    """The sound is noise: what its embedding tells of its own cover is memorised."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    X = np.hstack([rng.normal(size=(120, 60)), 3 * np.eye(2)[y] + rng.normal(size=(120, 2))])
    model = JointSpaceProjector(blocks={"audio": 60, "image": 2}, random_state=0, n_components=10)
    crossed = model.fit_transform(X, groups=np.arange(120))[:, :10]
    own = model.transform(X)[:, :10]
    assert (crossed != own).any(axis=1).all()
    told = [
        cross_val_score(LogisticRegression(), vectors, y, cv=4).mean() for vectors in (own, crossed)
    ]
    assert told[0] > 0.7 and told[1] < 0.62


def test_rows_of_one_view_get_the_embeddings_of_all_pairs(table):
    params = {"preset": "auto", "validation_fraction": 0.1, "max_epochs": 3}
    X = np.vstack([table.to_numpy()] * 4)
    model = joint(blocks={"audio": 3, "text": 1, "image": 2}, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crossed = model.fit_transform(X, groups=np.arange(120))
    own = model.transform(X)
    pairs_of = ~np.isnan(X).any(axis=1)
    np.testing.assert_array_equal(crossed[~pairs_of], own[~pairs_of])
    assert (crossed[pairs_of] != own[pairs_of]).any(axis=1).all()


@pytest.mark.filterwarnings("ignore:.*the validation loss was still decreasing")
def test_few_candidates_are_judged_by_the_nearest_one():
    """Ten of ten are found by chance."""
    X, blocks = pairs(30, noise=0)
    params = {"blocks": blocks, "hidden_units": 32, "n_components": 8, "random_state": 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*other view")
        model = JointSpaceProjector(**params).fit(X, groups=artists(30))
    assert model.retrieval_["chance_recall_at_10"] == 1
    X[:, 20:] = X[np.random.default_rng(0).permutation(30), 20:]
    with pytest.warns(UserWarning, match="other view among the 1 nearest"):
        JointSpaceProjector(**params).fit(X, groups=artists(30))


# ---- rows without a genre ---------------------------------------------------------------

KNOWN = np.arange(60) % 3 > 0
INDICATOR = np.eye(3)[np.arange(60) % 3]


def one_genre(missing):
    return [f"genre {i % 2}" if known else missing for i, known in enumerate(KNOWN)]


def several(value):
    Y = INDICATOR.copy()
    Y[~KNOWN] = value
    return Y


MISSING_LABELS = {
    "list of None": one_genre(None),
    "array with NaN": np.array(one_genre(np.nan), dtype=object),
    "numbers with NaN": np.where(KNOWN, np.arange(60) % 2, np.nan),
    "column": pd.DataFrame({"genre": one_genre(None)}),
    "Series with NA": pd.Series(one_genre(pd.NA), dtype="string"),
    "categorical": pd.Series(pd.Categorical(one_genre(None))),
    "integers with NA": pd.Series(np.where(KNOWN, 1.0, np.nan)).astype("Int64"),
    "no label at all": [None] * 60,
    "indicator of zeros": several(0),
    "indicator with NaN": several(np.nan),
    "nested lists": several(np.nan).tolist(),
    "table": pd.DataFrame(several(np.nan), columns=["a", "b", "c"]),
    "table of Int64": pd.DataFrame(several(np.nan), columns=["a", "b", "c"]).astype("Int64"),
    "table of booleans": pd.DataFrame(several(np.nan)).astype("boolean"),
    "table with None": pd.DataFrame(np.where(KNOWN[:, np.newaxis], INDICATOR.astype(object), None)),
    "sparse zeros": sparse.csr_array(several(0)),
    "sparse NaN": sparse.coo_array(several(np.nan)),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("kind", MISSING_LABELS)
@pytest.mark.parametrize("how", ["folds", "rows of artists", "rows", "marked", "paper"])
def test_rows_without_a_genre_are_pairs(kind, how):
    X, blocks = pairs(60)
    given = {
        "folds": {"groups": artists(60)},
        "rows of artists": {"groups": artists(60)},
        "rows": {},
        "marked": {"validation": np.arange(60) < 20},
        "paper": {"groups": artists(60)},
    }[how]
    params = {"blocks": blocks, "validation_fraction": 0.3, "max_epochs": 2}
    params |= {"preset": "paper" if how == "paper" else "auto", "refit": how != "rows"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*drawn without regard to artists")
        model = joint(**params).fit(X, MISSING_LABELS[kind], **given)
    n_unseen = model.retrieval_["n_pairs"]
    assert n_unseen == 60 if how.startswith(("folds", "rows of")) else 10 < n_unseen < 30


def test_a_row_of_nan_is_a_row_of_zeros():
    X, blocks = pairs(60)
    params = {"blocks": blocks, "validation_fraction": 0.3}
    zeros = joint(**params).fit(X, several(0), groups=artists(60))
    for kind in ("indicator with NaN", "table of booleans", "sparse NaN"):
        found = joint(**params).fit(X, MISSING_LABELS[kind], groups=artists(60))
        np.testing.assert_array_equal(found.transform(X), zeros.transform(X))


@pytest.mark.parametrize("convert", [np.array, pd.DataFrame, sparse.csr_array])
def test_a_row_that_is_partly_nan_is_an_error(convert):
    Y = several(np.nan)
    Y[4, 1] = np.nan
    with pytest.raises(ValueError, match="y is NaN in row 4"):
        joint(blocks={"audio": 20, "image": 15}).fit(pairs(60)[0], convert(Y))
