"""Albums like this one, like these, and of a mix of genres."""

import io

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.compose import GenrePipeline, make_genre_classifier
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector, LogisticFusionClassifier
from skmmgenre.inspection import NearestAlbums

N = 90
GENRES = ["Dub", "Funk", "Jazz"]
NAMES = [f"album {row}" for row in range(N)]
ARTISTS = np.array([f"artist {row // 3}" for row in range(N)], dtype=object)
CODES = np.arange(N) % 3
BLOCKS = {"audio": 4, "image": 5}


@pytest.fixture(scope="module")
def table():
    """Two blocks that know the genre; the first album lacks its cover, the second everything."""
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(N, width)) + 4 * np.eye(width)[CODES] for width in (4, 5)])
    X[0, 4:] = np.nan
    X[1] = np.nan
    names = [f"{block}__{i}" for block, width in BLOCKS.items() for i in range(width)]
    return pd.DataFrame(X, columns=names, index=NAMES)


@pytest.fixture(scope="module")
def Y():
    """The genre, and Jazz for half of those that are Funk."""
    Y = pd.DataFrame(np.eye(3, dtype=int)[CODES], columns=GENRES, index=NAMES)
    Y.loc[(CODES == 1) & (np.arange(N) % 2 == 0), "Jazz"] = 1
    return Y


@pytest.fixture(scope="module")
def nearest(table, Y):
    model = FusionClassifier(C=10.0).fit(table, Y, groups=ARTISTS)
    return NearestAlbums(model).fit(table, groups=ARTISTS)


def row_of(name):
    return NAMES.index(name)


def test_vectors_are_searched_by_their_cosine():
    X = np.random.default_rng(1).normal(size=(30, 4))
    nearest = NearestAlbums(n_neighbors=29).fit(X)
    similarity = cosine_similarity(X)
    found = nearest.like([3, 7])
    assert found.columns.tolist() == ["query", "rank", "album", "similarity"]
    for row in (3, 7):
        of_row = found[found["query"] == row]
        order = [other for other in np.argsort(-similarity[row]) if other != row]
        assert of_row["album"].tolist() == order
        np.testing.assert_allclose(of_row["similarity"], similarity[row, order], atol=1e-6)
        assert of_row["rank"].tolist() == list(range(1, 30))


def test_one_name_is_one_query(nearest):
    found = nearest.like("album 5", n_neighbors=4)
    pd.testing.assert_frame_equal(found, nearest.like(["album 5"], n_neighbors=4))
    assert "album 5" not in set(found["album"]) and len(found) == 4
    assert [CODES[row_of(album)] for album in found["album"]] == [2] * 4
    assert found["artist"].tolist() == [ARTISTS[row_of(album)] for album in found["album"]]


def test_albums_without_a_modality(nearest):
    assert nearest.rows_.tolist() == [0, *range(2, N)]
    everything = nearest.like("album 5", n_neighbors=200)
    assert len(everything) == N - 2 and "album 1" not in set(everything["album"])
    assert len(nearest.like("album 0")) == 10  # by its sound alone
    with pytest.raises(ValueError, match="'album 1' has no vector in the space 'fused'"):
        nearest.like("album 1")


def test_other_artists():
    # Albums of an artist are copies of each other, so they are nearest.
    X = np.repeat(np.random.default_rng(2).normal(size=(30, 4)), 3, axis=0)
    nearest = NearestAlbums(n_neighbors=2).fit(X, groups=ARTISTS)
    assert sorted(nearest.like(4)["album"]) == [3, 5]
    others = nearest.like([4, 40], other_artists=True)
    assert len(others) == 4
    assert (ARTISTS[others["query"].astype(int)] != others["artist"]).all()
    rows = nearest.like(X[[4]], other_artists=True, groups=["artist 1"])
    assert rows["album"].tolist() == others["album"].tolist()[:2]
    # An album without an artist has none that could be left out but itself.
    unknown = ARTISTS.copy()
    unknown[:9] = None
    nearest = NearestAlbums(n_neighbors=2).fit(X, groups=unknown)
    assert sorted(nearest.like(4, other_artists=True)["album"]) == [3, 5]


def test_new_rows(nearest, table):
    new = table.iloc[[4, 8]].rename(index={"album 4": "new"})
    found = nearest.like(new, n_neighbors=1)
    assert found["query"].tolist() == ["new", "album 8"]
    assert found["album"].tolist() == [
        "album 4",
        "album 8",
    ]  # they are new rows, and find themselves
    np.testing.assert_allclose(found["similarity"], 1, atol=1e-6)
    distances, rows = nearest.kneighbors(new, n_neighbors=3)
    assert rows[:, 0].tolist() == [4, 8] and distances.shape == (2, 3)
    with pytest.raises(ValueError, match=r"Row 1 \('album 1'\) has no vector.*Remove such rows"):
        nearest.like(table.iloc[:2])


def test_a_playlist_is_of_the_largest_mean_similarity(nearest):
    seeds = ["album 2", "album 3", "album 7"]
    found = nearest.playlist(seeds, n_neighbors=5)
    assert found.columns.tolist() == ["rank", "album", "similarity", "artist"]
    similarity = cosine_similarity(nearest.vectors_)
    places = [nearest.rows_.tolist().index(row_of(seed)) for seed in seeds]
    mean = similarity[places].mean(axis=0)
    mean[places] = -1
    order = nearest.rows_[np.argsort(-mean)[:5]]
    assert found["album"].tolist() == [NAMES[row] for row in order]
    others = nearest.playlist(seeds, n_neighbors=80, other_artists=True)
    assert not set(others["artist"]) & {"artist 0", "artist 1", "artist 2"}
    assert len(others) == 80


def test_a_mix_by_probabilities(nearest, Y):
    found = nearest.mix({"Funk": 0.5, "Jazz": 0.5}, n_neighbors=10)
    both = (Y[["Funk", "Jazz"]] == 1).all(axis=1)
    assert both[found["album"]].mean() > 2 * both.mean()
    for genre in GENRES:
        assert Y.loc[nearest.mix({genre: 2.0})["album"], genre].mean() == 1
    # Only ratios count.
    weights = {"Funk": 0.7, "Dub": 0.3}
    again = nearest.mix({genre: 10 * weight for genre, weight in weights.items()})
    pd.testing.assert_frame_equal(nearest.mix(weights), again)
    assert nearest.genre_vectors_.shape == (N - 1, 3)


def test_a_mix_by_label_factors(table, Y):
    model = FusionClassifier(C=10.0, target="cosine").fit(table, Y, groups=ARTISTS)
    nearest = NearestAlbums(model, space="factors").fit(table, groups=ARTISTS)
    assert nearest.vectors_.shape == (N - 1, model.label_factorizer_.n_components_)
    for genre in GENRES:
        found = nearest.mix({genre: 1})
        assert Y.loc[found["album"], genre].mean() == 1
        # It is the similarity that the model itself gives the genre.
        scores = model.decision_function(table)[:, GENRES.index(genre)]
        expected = [scores[row_of(album)] for album in found["album"]]
        np.testing.assert_allclose(found["similarity"], expected, atol=1e-5)
    assert CODES[[row_of(album) for album in nearest.like("album 6")["album"]]].tolist() == [0] * 10


def test_the_space_of_genres(nearest, table, Y):
    genres = NearestAlbums(nearest.model, space="genres").fit(table)
    assert genres.rows_.tolist() == nearest.rows_.tolist()
    proba = nearest.model.predict_proba(table)[nearest.rows_]
    np.testing.assert_allclose(genres.genre_vectors_, proba)
    similarity = cosine_similarity(proba)
    place = genres.rows_.tolist().index(8)
    expected = np.sort(np.delete(similarity[place], place))[::-1][:10]
    np.testing.assert_allclose(genres.like("album 8")["similarity"], expected, atol=1e-6)
    cosine = FusionClassifier(C=10.0, target="cosine").fit(table, Y, groups=ARTISTS)
    with pytest.raises(ValueError, match="Unknown space 'genres'; .*'factors'.* no probabil"):
        NearestAlbums(cosine, space="genres").fit(table)


def test_the_plain_control(table, Y):
    plain = LogisticFusionClassifier().fit(table, Y)
    nearest = NearestAlbums(plain).fit(table)
    expected = NearestAlbums(FusionClassifier(C=1.0).fit(table, Y, groups=ARTISTS)).fit(table)
    pd.testing.assert_frame_equal(nearest.like("album 9"), expected.like("album 9"))
    assert Y.loc[nearest.mix({"Dub": 1})["album"], "Dub"].mean() == 1


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (
            {"Polka": 1.0, "Jazz": 1.0},
            "genres 'Polka'; the genres of the model are Dub, Funk, Jazz",
        ),
        ({"Jazz": "much"}, "weight of 'Jazz' must be finite, got 'much'"),
        ({"Jazz": np.nan}, "must be finite"),
        ({"Jazz": 0.0}, "is a zero vector"),
        ({}, "is a zero vector"),
    ],
)
def test_mixes_that_are_refused(nearest, mix, message):
    with pytest.raises(ValueError, match=message):
        nearest.mix(mix)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda nearest: nearest.like("album 90"), "album 'album 90'.* in the index.*its row"),
        (lambda nearest: nearest.like([]), "albums is empty"),
        (lambda nearest: nearest.like("album 2", n_neighbors=0), "must be an integer >= 1, got 0"),
        (lambda nearest: nearest.like("album 2", groups=["A"]), "groups is only for new rows"),
        (lambda nearest: nearest.like(pd.DataFrame({"audio__0": [1.0]})), "names should match"),
    ],
)
def test_queries_that_are_refused(nearest, call, message):
    with pytest.raises(ValueError, match=message):
        call(nearest)


def test_what_fit_refuses(table, nearest):
    vectors = np.ones((3, 2))
    with pytest.raises(ValueError, match="index of X contains 'a' more than once.*reset_index"):
        NearestAlbums().fit(pd.DataFrame(vectors, index=["a", "b", "a"]))
    with pytest.raises(ValueError, match="None of the 3 albums has a vector"):
        NearestAlbums().fit(vectors * np.nan)
    with pytest.raises(
        ValueError, match="space 'text'; the spaces .* are 'fused', 'audio', 'image'"
    ):
        NearestAlbums(nearest.model, space="text").fit(table)
    with pytest.raises(ValueError, match=r"must have shape \(n, d\)"):
        NearestAlbums().fit([1.0, 2.0])
    with pytest.raises(ValueError, match="groups has 2 rows"):
        NearestAlbums().fit(vectors, groups=["A", "B"])
    with pytest.raises(NotFittedError):
        NearestAlbums().like("a")
    with pytest.raises(NotFittedError):
        NearestAlbums(FusionClassifier()).fit(table)
    plain = NearestAlbums().fit(vectors * [1, -1])
    with pytest.raises(ValueError, match="needs a model that predicts genres"):
        plain.mix({"Jazz": 1})
    with pytest.raises(ValueError, match="needs groups"):
        plain.like(0, other_artists=True)
    with pytest.raises(ValueError, match="have 3 columns, but those of fit have 2"):
        plain.like(np.ones((1, 3)))


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_vectors(container):
    X = np.random.default_rng(3).normal(size=(20, 6)) * (np.arange(120).reshape(20, 6) % 4 == 0)
    dense, thin = NearestAlbums().fit(X), NearestAlbums().fit(container(X))
    for call in (lambda nearest: nearest.like([1, 2]), lambda nearest: nearest.playlist([1, 2])):
        np.testing.assert_allclose(call(thin)["similarity"], call(dense)["similarity"], atol=1e-6)


def test_the_joint_space_compares_sound_with_covers(table):
    params = {"max_epochs": 30, "n_components": 8, "hidden_units": 32, "random_state": 0}
    model = GenrePipeline(
        [
            ("joint", JointSpaceProjector(passthrough=True, **params)),
            ("fusion", FusionClassifier(C=1.0)),
        ]
    ).fit(table, np.array(GENRES)[CODES], groups=ARTISTS)
    nearest = NearestAlbums(model, space="joint").fit(table)
    sound, cover = table.iloc[60:].copy(), table.iloc[60:].copy()
    sound.loc[:, cover.columns[4:]] = np.nan
    cover.loc[:, cover.columns[:4]] = np.nan
    for new in (sound, cover):
        _, rows = nearest.kneighbors(new, n_neighbors=5)
        assert (CODES[rows] == CODES[60:, np.newaxis]).mean() > 0.9


def test_a_transformer_a_search_around_a_pipeline_and_a_copy(table):
    X = table.iloc[2:]
    pipeline = make_pipeline(StandardScaler()).fit(X)
    nearest = NearestAlbums(FrozenEstimator(pipeline)).fit(X)
    expected = NearestAlbums().fit(pd.DataFrame(pipeline.transform(X), index=X.index))
    pd.testing.assert_frame_equal(nearest.like("album 9"), expected.like("album 9"))
    pd.testing.assert_frame_equal(clone(nearest).fit(X).like("album 9"), nearest.like("album 9"))
    assert nearest.genres_ is None
    with pytest.raises(ValueError, match="LogisticRegression contains no fusion layer"):
        NearestAlbums(LogisticRegression().fit(X, CODES[2:])).fit(X)


def test_stored_and_loaded(nearest):
    buffer = io.BytesIO()
    joblib.dump(nearest, buffer)
    assert b"torch" not in buffer.getvalue()
    buffer.seek(0)
    again = joblib.load(buffer)
    pd.testing.assert_frame_equal(again.like("album 9"), nearest.like("album 9"))
    pd.testing.assert_frame_equal(again.mix({"Jazz": 1}), nearest.mix({"Jazz": 1}))


def test_a_table_of_reviews():
    words = {"Jazz": "sax trio swing", "Rock": "drums riff loud", "Dub": "echo bass slow"}
    rng = np.random.default_rng(4)
    genres = np.repeat(list(words), 12)
    texts = [" ".join(rng.choice(words[genre].split(), 6)) for genre in genres]
    table = pd.DataFrame({"text": texts})
    table.loc[0, "text"] = None
    model = make_genre_classifier(
        audio=None, image=None, text__max_epochs=5, text__hidden_units=(8,), random_state=0
    ).fit(table, genres, groups=range(36))
    nearest = NearestAlbums(model).fit(table)
    assert (genres[nearest.like(20, n_neighbors=5)["album"].astype(int)] == genres[20]).all()
    assert (genres[nearest.mix({"Dub": 1})["album"].astype(int)] == "Dub").mean() >= 0.9
