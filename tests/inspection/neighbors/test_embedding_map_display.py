"""Maps of albums: what is on them, in which place and colour, and the number below."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skmmgenre.fusion import FusionClassifier
from skmmgenre.inspection import EmbeddingMapDisplay
from skmmgenre.labels import GenreTaxonomy, PPMILabelFactorizer
from skmmgenre.metrics import neighbor_purity

GENRES = np.repeat(["Dub", "Jazz", "Pop"], [30, 20, 10])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def clusters():
    codes = np.unique(GENRES, return_inverse=True)[1]
    return np.random.default_rng(0).normal(size=(60, 5)) + 9 * np.eye(5)[codes]


def points(panel):
    """Positions of the points of each genre."""
    return {part.get_label(): part.get_offsets() for part in panel.collections}


def test_clusters_are_apart_and_pure(clusters):
    display = EmbeddingMapDisplay.from_vectors(clusters, GENRES, figure=Figure())
    assert display.purity == pytest.approx(1, abs=0.02)  # the smallest cluster has 9 others
    assert (display.n_neighbors, display.chance) == (10, pytest.approx(0.379, abs=1e-3))
    nearest = NearestNeighbors(n_neighbors=1).fit(display.positions).kneighbors()[1][:, 0]
    assert (GENRES[nearest] == GENRES).all()
    assert display.rows_.tolist() == list(range(60))


def test_shuffled_genres_are_at_chance(clusters):
    display = EmbeddingMapDisplay.from_vectors(clusters, GENRES, shuffled=True, figure=Figure())
    assert sorted(display.shuffled_genres) == sorted(GENRES)
    assert display.shuffled_purity == pytest.approx(display.chance, abs=0.06)
    expected, _ = neighbor_purity(clusters, display.shuffled_genres)
    assert display.shuffled_purity == pytest.approx(expected)
    true, shuffled = display.axes_
    assert (true.get_title(), shuffled.get_title()) == ("true genres", "genres shuffled")
    assert f"{display.shuffled_purity:.2f} are of the same genre" in shuffled.get_xlabel()
    assert f"{display.purity:.2f} are of the same genre (by chance 0.38)" in true.get_xlabel()
    for panel, genres in ((true, display.genres), (shuffled, display.shuffled_genres)):
        for name, found in points(panel).items():
            np.testing.assert_allclose(found, display.positions[genres == name])


def test_genres_and_colours(clusters):
    display = EmbeddingMapDisplay.from_vectors(clusters, GENRES, figure=Figure())
    drawn = display.axes_[0].collections
    assert [part.get_label() for part in drawn] == ["Dub", "Jazz", "Pop"]  # the largest first
    colours = [tuple(part.get_facecolor()[0][:3]) for part in drawn]
    assert colours == [to_rgba(f"C{number}")[:3] for number in range(3)]
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Dub", "Jazz", "Pop"]


def test_twelve_genres_are_told_apart_by_their_markers():
    genres = np.repeat([f"genre {i:02d}" for i in range(12)], 2)
    positions = np.arange(48).reshape(24, 2)
    panel = EmbeddingMapDisplay(positions, genres).plot(figure=Figure()).axes_[0]
    assert panel.get_xlabel() == "24 albums"
    styles = {
        (tuple(part.get_facecolor()[0]), len(part.get_paths()[0].vertices))
        for part in panel.collections
    }
    assert len(styles) == 12


def test_seed(clusters):
    one, again, other = (
        EmbeddingMapDisplay.from_vectors(
            clusters, GENRES, shuffled=True, random_state=seed, figure=Figure()
        )
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.positions, again.positions)
    assert one.shuffled_genres.tolist() == again.shuffled_genres.tolist()
    assert one.shuffled_genres.tolist() != other.shuffled_genres.tolist()
    assert one.purity == other.purity


def test_single_parents_alone(clusters):
    taxonomy = GenreTaxonomy(["Dub/Roots", "Jazz/Bebop", "Pop/Oldies"])
    items = [[f"{genre}/{taxonomy.descendants(genre)[0]}"] for genre in GENRES]
    items[0], items[59] = ["Dub", "Pop"], None
    Y = taxonomy.label_matrix(items)
    display = EmbeddingMapDisplay.from_vectors(clusters, Y, taxonomy=taxonomy, figure=Figure())
    assert display.rows_.tolist() == list(range(1, 59))
    assert display.genres.tolist() == GENRES[1:59].tolist()
    # Without a taxonomy two labels are two genres.
    with pytest.raises(ValueError, match="5 columns; 0 of 60 albums have a vector and exa"):
        EmbeddingMapDisplay.from_vectors(clusters, Y.assign(all=1, music=1))
    display = EmbeddingMapDisplay.from_vectors(clusters, Y[["Dub", "Jazz", "Pop"]], figure=Figure())
    assert display.genres.tolist() == GENRES[1:59].tolist()


def test_albums_without_a_vector_are_left_out(clusters):
    vectors = clusters.copy()
    vectors[3], vectors[7] = np.nan, 0
    display = EmbeddingMapDisplay.from_vectors(vectors, GENRES, figure=Figure())
    assert display.rows_.tolist() == [row for row in range(60) if row not in (3, 7)]
    vectors[5, 0] = np.nan
    with pytest.raises(ValueError, match="NaN in part"):
        EmbeddingMapDisplay.from_vectors(vectors, GENRES)


def test_artists_do_not_count_as_neighbours(clusters):
    artists = np.repeat(np.arange(30), 2)
    display = EmbeddingMapDisplay.from_vectors(clusters, GENRES, groups=artists, figure=Figure())
    assert (display.purity, display.chance) == neighbor_purity(clusters, GENRES, groups=artists)
    alone = EmbeddingMapDisplay.from_vectors(clusters, GENRES, groups=["A"] * 60, figure=Figure())
    assert alone.purity is None and alone.axes_[0].get_xlabel() == "60 albums"


def test_few_albums(clusters):
    display = EmbeddingMapDisplay.from_vectors(clusters[28:33], GENRES[28:33], figure=Figure())
    assert len(display.positions) == 5 and display.n_neighbors == 4
    with pytest.raises(ValueError, match="2 columns, and at least 4 albums.* 3 of 3 albums"):
        EmbeddingMapDisplay.from_vectors(clusters[:3], GENRES[:3])
    with pytest.raises(ValueError, match="Got 1 columns"):
        EmbeddingMapDisplay.from_vectors(clusters[:, :1], GENRES)


@pytest.mark.parametrize("n_columns", [20, 80])
def test_sparse_and_wide_vectors(clusters, n_columns):
    wide = np.hstack([clusters, np.zeros((60, n_columns - 5))])
    purities = [
        EmbeddingMapDisplay.from_vectors(container(wide), GENRES, figure=Figure()).purity
        for container in (np.asarray, sparse.csr_array, sparse.csr_matrix)
    ]
    assert purities[0] == pytest.approx(purities[1]) == pytest.approx(purities[2])
    assert purities[0] > 0.95


def test_blocks_of_a_model(clusters):
    X = pd.DataFrame(
        np.hstack([np.random.default_rng(1).normal(size=(60, 4)), clusters]),
        columns=[f"audio__{i}" for i in range(4)] + [f"image__{i}" for i in range(5)],
    )
    X.iloc[:5, 4:] = np.nan
    fusion = FusionClassifier(C=1.0).fit(X, GENRES, groups=range(60))
    noise, covers, fused = (
        EmbeddingMapDisplay.from_estimator(fusion, X, GENRES, space=space, figure=Figure())
        for space in ("audio", "image", "fused")
    )
    assert noise.purity < 0.6 < 0.95 < covers.purity and noise.purity < fused.purity
    assert covers.rows_.tolist() == list(range(5, 60)) and len(fused.rows_) == 60
    genres = EmbeddingMapDisplay.from_estimator(fusion, X, GENRES, space="genres", figure=Figure())
    assert genres.purity > noise.purity and len(genres.rows_) == 60
    nothing = X.copy()
    nothing.iloc[7:9] = np.nan  # its probabilities are the prior
    genres = EmbeddingMapDisplay.from_estimator(
        fusion, nothing, GENRES, space="genres", figure=Figure()
    )
    assert genres.rows_.tolist() == [row for row in range(60) if row not in (7, 8)]
    for space, hint in (("text", ""), ("joint", ".*joint_space"), ("factors", ".*cosine")):
        with pytest.raises(ValueError, match=f"space '{space}'; .* are 'fused', 'audio'{hint}"):
            EmbeddingMapDisplay.from_estimator(fusion, X, GENRES, space=space)


def test_a_transformer_and_label_factors(clusters):
    scaler = StandardScaler().fit(clusters)
    display = EmbeddingMapDisplay.from_estimator(scaler, clusters, GENRES, figure=Figure())
    assert display.purity > 0.95
    with pytest.raises(ValueError, match="y is None"):
        EmbeddingMapDisplay.from_estimator(scaler, clusters)
    taxonomy = GenreTaxonomy(["Dub/Roots", "Jazz/Bebop", "Jazz/Cool", "Pop/Oldies"])
    branches = [["Dub/Roots"], ["Jazz/Bebop"], ["Jazz/Cool"], ["Pop/Oldies"], ["Dub", "Pop"]] * 12
    Y = taxonomy.label_matrix(branches)
    factorizer = PPMILabelFactorizer(n_components=3).fit(Y)
    display = EmbeddingMapDisplay.from_estimator(factorizer, Y, taxonomy=taxonomy, figure=Figure())
    assert display.purity == 1 and len(display.rows_) == 48


def test_drawn_by_pyplot(clusters, tmp_path):
    display = EmbeddingMapDisplay.from_vectors(clusters, GENRES, shuffled=True)
    display.figure_.savefig(tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 10_000
