import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit
from scipy import sparse
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, cross_validate

from skmmgenre.model_selection import ArtistKFold, ArtistShuffleSplit, train_validation_test_split


@st.composite
def tables(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = draw(st.integers(6, 60))
    artists = rng.integers(0, draw(st.integers(4, 40)), n).astype(object)
    artists[rng.random(n) < 0.2] = None
    artists[:5] = list("abcde")  # at least five
    y = rng.integers(0, 3, n)
    if draw(st.booleans()):
        y = rng.integers(0, 2, (n, 4))
        y = draw(st.sampled_from([np.asarray, pd.DataFrame, sparse.csr_array]))(y)
    return y, artists


def shared_artists(artists, one, other):
    named = set(artists[one][artists[one] != None])  # noqa: E711
    return named & set(artists[other])


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(2, 5), st.integers(0, 3))
def test_folds_are_a_partition_that_keeps_artists_whole(table, n_splits, seed):
    y, artists = table
    splitter = ArtistKFold(n_splits, random_state=seed)
    splits = list(splitter.split(artists, y, artists))
    assert len(splits) == splitter.get_n_splits() == n_splits
    tested = np.sort(np.concatenate([test for _, test in splits]))
    np.testing.assert_array_equal(tested, np.arange(len(artists)))
    for train, test in splits:
        assert len(train) and len(test)
        np.testing.assert_array_equal(np.union1d(train, test), np.arange(len(artists)))
        assert not shared_artists(artists, train, test)
    for (train, test), again in zip(splits, splitter.split(artists, y, artists), strict=True):
        np.testing.assert_array_equal(train, again[0])
        np.testing.assert_array_equal(test, again[1])


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(0, 3))
def test_three_parts(table, seed):
    y, artists = table
    parts = train_validation_test_split(artists, y, artists, (0.5, 0.25, 0.25), seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(artists)))
    for i, one in enumerate(parts):
        assert len(one)
        for other in parts[:i]:
            assert not shared_artists(artists, one, other)
    for one, again in zip(
        parts,
        train_validation_test_split(artists, y, artists, (0.5, 0.25, 0.25), seed),
        strict=True,
    ):
        np.testing.assert_array_equal(one, again)


@pytest.fixture(scope="module")
def albums():
    rng = np.random.default_rng(0)
    n = 1500
    artists = rng.choice(500, n, p=(weight := 1 / np.arange(1, 501) ** 0.5) / weight.sum())
    taste = rng.random((500, 8))[artists]
    Y = (rng.random((n, 8)) < np.geomspace(0.02, 0.4, 8) * 2 * taste).astype(int)
    y = np.argmax(taste + rng.random((n, 8)) * 0.5, axis=1)
    return y, Y, artists


@pytest.mark.parametrize("several", [False, True])
def test_shares_and_sizes_are_kept(albums, several):
    y, Y, artists = albums
    indicator = Y if several else np.eye(8)[y]
    parts = train_validation_test_split(y, Y if several else y, artists, random_state=0)
    for part, size in zip(parts, (0.7, 0.15, 0.15), strict=True):
        assert len(part) / len(y) == pytest.approx(size, abs=0.005)
        share = indicator[part].sum(axis=0) / indicator.sum(axis=0)
        assert np.abs(share - size).mean() / size < 0.05
    for _, test in ArtistKFold(4).split(y, Y if several else y, artists):
        assert len(test) / len(y) == pytest.approx(0.25, abs=0.01)


def test_prolific_artists_are_in_every_part(albums):
    y, _, artists = albums
    parts = train_validation_test_split(y, y, artists, random_state=0)
    means = [pd.Series(artists[part]).value_counts().mean() for part in parts]
    assert max(means) / min(means) < 1.4


def test_the_splits_of_a_shuffle_differ(albums):
    y, _, artists = albums
    splitter = ArtistShuffleSplit(4, test_size=0.3, random_state=0)
    tests = [test for _, test in splitter.split(y, y, artists)]
    for i, one in enumerate(tests):
        assert len(one) / len(y) == pytest.approx(0.3, abs=0.01)
        for other in tests[:i]:
            assert 0.15 < len(np.intersect1d(one, other)) / len(one) < 0.5
    for one, again in zip(tests, splitter.split(y, y, artists), strict=True):
        np.testing.assert_array_equal(one, again[1])
    fresh = [next(ArtistShuffleSplit(1).split(y, y, artists))[1] for _ in range(2)]
    assert not np.array_equal(*fresh)


def test_test_size_may_be_a_number_of_rows(albums):
    y, _, artists = albums
    _, test = next(ArtistShuffleSplit(1, test_size=300, random_state=0).split(y, y, artists))
    assert abs(len(test) - 300) < 10


def test_y_may_be_left_out(albums):
    y, _, artists = albums
    for _, test in ArtistKFold(5).split(y, groups=artists):
        assert abs(len(test) - 300) < 10


@pytest.mark.parametrize("splitter", [ArtistKFold(3), ArtistShuffleSplit(3, random_state=0)])
@pytest.mark.parametrize("routing", [False, True])
def test_scikit_learn_hands_the_artists_on(albums, splitter, routing):
    y, _, artists = albums
    X = np.zeros((len(y), 1))
    groups = {"params": {"groups": artists}} if routing else {"groups": artists}
    with sklearn.config_context(enable_metadata_routing=routing):
        result = cross_validate(DummyClassifier(), X, y, cv=splitter, return_indices=True, **groups)
        strategies = {"strategy": ["prior", "most_frequent"]}
        search = GridSearchCV(DummyClassifier(), strategies, cv=splitter)
        search.fit(X, y, groups=artists)
    for train, test in zip(*result["indices"].values(), strict=True):
        assert not set(artists[train]) & set(artists[test])
    assert search.n_splits_ == 3


def test_repr_and_clone():
    assert repr(ArtistKFold(4)) == "ArtistKFold(n_splits=4, random_state=None)"
    assert repr(ArtistShuffleSplit(2, test_size=0.1)) == (
        "ArtistShuffleSplit(n_splits=2, random_state=None, test_size=0.1)"
    )
    assert clone(ArtistKFold(4), safe=False).n_splits == 4


@pytest.mark.parametrize(
    "splitter, groups, message",
    [
        (ArtistKFold(3), list("aabb"), "Cannot split 2 artists into 3 parts"),
        (ArtistKFold(2), None, "groups parameter"),
        (ArtistKFold(2), list("abc"), "groups has 3 rows, X has 4"),
        (ArtistKFold(1), list("abcd"), "n_splits"),
        (ArtistShuffleSplit(0), list("abcd"), "n_splits"),
        (ArtistShuffleSplit(1), list("aaaa"), "Cannot split 1 artists"),
        (ArtistShuffleSplit(1, test_size=4), list("abcd"), "test_size"),
        (ArtistShuffleSplit(1, test_size=1.0), list("abcd"), "test_size"),
    ],
)
def test_bad_input(splitter, groups, message):
    with pytest.raises(ValueError, match=message):
        next(splitter.split([0] * 4, [0, 1, 0, 1], groups))


@pytest.mark.parametrize("sizes", [(0.7, 0.3), (0.7, 0.2, 0.2), (1.0, 0.0, 0.0)])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match="sizes must be"):
        train_validation_test_split([0] * 3, [0, 1, 0], list("abc"), sizes)


def test_y_of_another_length():
    with pytest.raises(ValueError, match="y has 2 rows, but the table has 3"):
        train_validation_test_split([0] * 3, [0, 1], list("abc"))


@pytest.mark.parametrize(
    "y, message",
    [
        (np.array([[0, 1], [2, 0], [1, 1]]), "got 2 in row 1, column 0"),
        (pd.DataFrame({"Jazz": [0, 1, 1], "Pop": [0, np.nan, 1]}), "NaN in row 1, label 'Pop'"),
        (sparse.csr_array([[0, 1], [5, 0], [1, 1]]), "got 5 in row 1"),
        ([["Jazz", "Pop"], ["Pop"], []], "lists of genres.*MultiLabelBinarizer"),
        (pd.Series([["Jazz", "Pop"], ["Pop"], []]), "lists of genres.*MultiLabelBinarizer"),
    ],
)
def test_what_is_no_indicator(y, message):
    with pytest.raises(ValueError, match=message):
        train_validation_test_split([0] * 3, y, list("abc"))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.coo_array, pd.DataFrame])
def test_labels_that_all_or_none_have(form):
    Y = np.eye(4, dtype=int)[np.arange(40) % 4]
    Y[:, 0], Y[:, 1] = 0, 1
    parts = train_validation_test_split(Y, form(Y), np.arange(40), random_state=0)
    assert sorted(map(len, parts)) == [6, 6, 28]


def test_many_labels_are_kept_as_well_as_without_artists():
    rng = np.random.default_rng(0)
    artists = rng.integers(0, 1000, 3000)
    Y = (rng.random((3000, 60)) < np.geomspace(0.005, 0.5, 60)).astype(np.int8)

    def deviation(parts):
        shares = np.array([Y[part].sum(axis=0) for part in parts]) / Y.sum(axis=0)
        return np.mean(np.abs(shares - [[0.75], [0.25]]) / [[0.75], [0.25]])

    ours = next(ArtistShuffleSplit(1, test_size=0.25, random_state=0).split(Y, Y, artists))
    theirs = next(MultilabelStratifiedShuffleSplit(1, test_size=0.25, random_state=0).split(Y, Y))
    assert deviation(ours) <= 1.5 * deviation(theirs)


def made_msdi():
    """Albums of fifteen genres as common as those of MSDI, an artist of one genre mostly."""
    rng = np.random.default_rng(0)
    shares = 0.25 / np.arange(1, 16) ** 1.2
    genres = rng.choice(15, 9000, p=shares / shares.sum())  # of each artist
    artists = np.repeat(np.arange(9000), np.minimum(rng.geometric(0.54, 9000), 17))
    other = rng.random(len(artists)) < 0.03
    labels = np.where(other, rng.integers(0, 15, len(artists)), genres[artists])
    return pd.DataFrame({"genre_label": labels, "msd_artist_id": artists})


@pytest.mark.parametrize("source", ["made", "real"])
def test_msdi(source, request):
    if source == "made":
        table = made_msdi()
    else:
        folder = request.getfixturevalue("shared_data") / "msdi"
        table = pd.read_csv(folder / "msdi_per_album.csv")
    parts = train_validation_test_split(
        table, table.genre_label, table.msd_artist_id, random_state=0
    )
    counts = np.array([table.genre_label.iloc[part].value_counts().sort_index() for part in parts])
    sizes = np.array([[0.7], [0.15], [0.15]])
    assert np.mean(np.abs(counts / counts.sum(axis=0) - sizes) / sizes) <= 0.005
