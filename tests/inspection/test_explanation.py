"""Explanations of single rows: what is hidden must be what was told."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.audio import AudioEmbedder
from skmmgenre.compose import GenrePipeline, MeanOverTracks, make_genre_classifier
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ColorStatistics
from skmmgenre.inspection import (
    Explanation,
    ExplanationDisplay,
    NearestAlbums,
    explain,
    modality_contributions,
)
from skmmgenre.inspection._explanation import _pieces_of_samples
from skmmgenre.model_selection import LabelThresholds
from skmmgenre.text import ReviewVectorizer

SR = 8000
TONES = {"Jazz": 300, "Rock": 1200}
COLOURS = {"Jazz": (30, 30, 220), "Rock": (30, 220, 30)}
WORDS = {"Jazz": "sax", "Rock": "guitar"}
NEUTRAL = "album song band record review listen time year".split()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def noise(rng, seconds):
    return 0.01 * rng.normal(size=round(seconds * SR)).astype(np.float32)


def sound_of(genre, rng, start=3):
    """Nine seconds of noise with a tone of the genre for three of them."""
    samples = noise(rng, 9)
    place = slice(start * SR, (start + 3) * SR)
    samples[place] += 0.5 * np.sin(2 * np.pi * TONES[genre] * np.arange(3 * SR) / SR)
    return samples


def cover_of(genre, rng, corner=(0, 0)):
    """Grey noise with a square of the genre's colour in a corner."""
    pixels = np.repeat(rng.normal(128, 10, (64, 64, 1)), 3, axis=2)
    top, left = (32 * edge for edge in corner)
    pixels[top : top + 32, left : left + 32] = COLOURS[genre]
    return np.clip(pixels, 0, 255).astype(np.uint8)


def make_table(n, seed):
    rng = np.random.default_rng(seed)
    genres = np.array(list(TONES))[np.arange(n) % 2]
    rows = []
    for genre in genres:
        words = [*rng.choice(NEUTRAL, 6), WORDS[genre]]
        rows.append(
            {
                "audio": [sound_of(genre, rng, rng.choice([0, 3, 6]))],
                "text": " ".join(rng.permutation(words)),
                "cover": cover_of(genre, rng, rng.integers(0, 2, 2)),
            }
        )
    index = pd.Index([f"album {row}" for row in range(n)], name="album")
    return pd.DataFrame(rows, index=index), genres


def spectrum(windows):
    """Stands for an encoder: the loudness of 16 bands of each window."""
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    bands = power[:, : power.shape[1] // 16 * 16].reshape(len(windows), 16, -1).sum(axis=2)
    return np.log10(bands + 1e-3) + 4


@pytest.fixture(scope="module")
def table():
    return make_table(40, 0)[0]


@pytest.fixture(scope="module")
def genres():
    return make_table(40, 0)[1]


def make_model():
    """Of branches that need no training, so that what tells the genre is known."""
    branches = [
        ("audio", MeanOverTracks(AudioEmbedder(model=spectrum, sr=SR, window=1.0)), "audio"),
        ("text", ReviewVectorizer(), "text"),
        ("image", ColorStatistics(), "cover"),
    ]
    modalities = ColumnTransformer(branches)
    return GenrePipeline([("modalities", modalities), ("fusion", FusionClassifier(C=10.0))])


@pytest.fixture(scope="module")
def model(table, genres):
    return make_model().fit(table, genres, groups=range(40))


def test_contributions_of_the_row(model, table):
    told = explain(model, table.iloc[[4]])
    assert told.row == "album 4"
    assert told.predicted == ["Jazz"]
    assert told.genres == ["Jazz", "Rock"]
    every = modality_contributions(model, table)
    pd.testing.assert_frame_equal(told.contributions, every.loc["album 4"].loc[told.genres])
    assert told.missing == []


def test_the_nearest_albums_are_named(model, table, genres):
    albums = NearestAlbums(model, n_neighbors=5).fit(table[1:])
    told = explain(model, table.iloc[[0]], albums=albums)
    assert list(told.nearest.columns) == ["rank", "album", "similarity"]
    own = genres[table.index.get_indexer(told.nearest["album"])] == genres[0]
    assert own.all() and "most like: album" in str(told)
    known = explain(model, table.iloc[[3]], albums=albums).nearest
    assert "album 3" not in known["album"].tolist() and len(known) == 5
    display = ExplanationDisplay.from_estimator(model, table.iloc[[0]], albums=albums)
    assert len(display.axes_["nearest"].patches) == 5
    nothing = pd.DataFrame({name: [None] for name in table}, index=["empty"])
    assert explain(model, nothing, albums=albums).nearest is None
    assert explain(model, table.iloc[[0]]).nearest is None


def test_tables_that_use_the_same_labels_for_different_albums(model, table):
    """As two tables of `read_csv` do: the neighbours are those of the row."""
    albums = NearestAlbums(model, n_neighbors=5).fit(table[:30].reset_index(drop=True))
    row = table[35:36].reset_index(drop=True)
    expected = albums.like(row).drop(columns="query")
    pd.testing.assert_frame_equal(explain(model, row, albums=albums).nearest, expected)


def test_a_genre_that_the_network_of_covers_does_not_know():
    table, genres = make_table(24, 1)
    model = make_genre_classifier(
        audio=None, text=None, image__depth="small", image__max_epochs=1,
        validation_fraction=0, random_state=0,
    )  # fmt: skip
    labels = pd.DataFrame({name: (genres == name).astype(int) for name in TONES})
    model.fit(table, labels, groups=range(24))
    model.add_genre(table, np.arange(24) < 12, "Dub")
    told = explain(model, table.iloc[[0]], genres=["Dub", "Jazz"])
    assert list(told.cover_maps) == ["Dub", "Jazz"]
    assert all(one.ndim == 2 for one in told.cover_maps.values())


def test_the_word_of_the_genre_is_told(model, table, genres):
    for row in range(6):
        words = explain(model, table.iloc[[row]]).words
        own = words[words["genre"] == genres[row]]
        assert own["word"].iloc[0] == WORDS[genres[row]]
        assert own["effect"].iloc[0] > 0
        other = words[words["genre"] != genres[row]]
        assert other["word"].iloc[-1] == WORDS[genres[row]]
        assert other["effect"].iloc[-1] < 0


def test_a_words_effect_is_what_the_answer_loses_without_it(model, table):
    row = table.iloc[[0]]
    told = explain(model, row)
    without = row.assign(text=[row["text"].iloc[0].replace("sax", "")])
    before = modality_contributions(model, row).loc["album 0", "score"]
    after = modality_contributions(model, without).loc["album 0", "score"]
    words = told.words[told.words["word"] == "sax"].set_index("genre")["effect"]
    for genre in ("Jazz", "Rock"):
        np.testing.assert_allclose(words[genre], before[genre] - after[genre], atol=1e-5)


def fit_branches(branches, table, genres):
    steps = [("modalities", ColumnTransformer(branches)), ("fusion", FusionClassifier(C=10.0))]
    return GenrePipeline(steps).fit(table, genres, groups=range(len(table)))


def test_a_text_of_unknown_words_whose_vector_is_not_zero(table, genres):
    scaled = make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0), StandardScaler())
    model = fit_branches([("text", scaled, "text")], table, genres)
    for text in ("unheard unseen", ""):
        told = explain(model, table.iloc[[0]].assign(text=[text]))
        assert told.missing == [] and told.words.empty
        assert list(told.words.columns) == ["genre", "word", "kind", "effect"]
        assert "words:" not in str(told)


def test_an_imputed_modality_has_no_parts(table, genres):
    """The file is missing, but the branch has a vector all the same."""
    songs = table.assign(audio=[cell[0] for cell in table["audio"]])
    sound = AudioEmbedder(model=spectrum, sr=SR, window=1.0)
    branches = [
        ("audio", make_pipeline(sound, SimpleImputer()), "audio"),
        ("image", make_pipeline(ColorStatistics(), SimpleImputer()), "cover"),
    ]
    model = fit_branches(branches, songs, genres)
    told = explain(model, songs.iloc[[0]].assign(audio=[None], cover=[None]))
    assert told.sound.empty and told.cover is None and told.cover_maps == {}
    told = explain(model, songs.iloc[[0]])
    assert len(told.sound) and told.cover is not None


def test_a_branch_of_several_columns(table, genres):
    numbers = pd.DataFrame(np.eye(40)[:, :2], columns=["tempo", "loudness"], index=table.index)
    both = pd.concat([table[["text"]], numbers], axis=1)
    for branch in ("passthrough", StandardScaler()):
        branches = [
            ("numbers", branch, ["tempo", "loudness"]),
            ("text", ReviewVectorizer(), "text"),
        ]
        told = explain(fit_branches(branches, both, genres), both.iloc[[0]])
        assert told.words["word"].iloc[0] == "sax" and "numbers" in told.contributions


def test_the_branches_read_a_row_once(model, table, monkeypatch):
    """Once for the explanation, once for the prediction, and once for the nearest albums."""
    albums = NearestAlbums(model, n_neighbors=5).fit(table[:30])
    transform, calls = ColumnTransformer.transform, []
    monkeypatch.setattr(
        ColumnTransformer, "transform", lambda *given: calls.append(1) or transform(*given)
    )
    for row in (3, 35):  # an album of the search, and a new one
        calls.clear()
        explain(model, table.iloc[[row]])
        assert len(calls) == 2
        told = explain(model, table.iloc[[row]], albums=albums)
        assert len(calls) == 5 and len(told.nearest) == 5


def test_nearest_albums_by_sparse_vectors(table, genres):
    model = fit_branches([("text", ReviewVectorizer(), "text")], table, genres)
    albums = NearestAlbums(model, n_neighbors=5).fit(table[:30])
    for row in (3, 35):
        expected = albums.like(["album 3"] if row == 3 else table.iloc[[row]])
        told = explain(model, table.iloc[[row]], albums=albums).nearest
        pd.testing.assert_frame_equal(told, expected.drop(columns="query"))


def test_the_seconds_of_the_tone_are_told(model):
    rng = np.random.default_rng(5)
    for start in (0, 3, 6):
        track = sound_of("Rock", rng, start)
        row = pd.DataFrame({"audio": [[track]], "text": ["guitar"], "cover": [None]})
        sound = explain(model, row, genres="Rock").sound
        assert sound["start"].tolist() == [0, 3, 6]
        assert sound["end"].tolist() == [3, 6, 9]
        assert sound.loc[sound["effect"].idxmax(), "start"] == start


def test_seconds_are_exact_for_an_album_of_two_tracks(model):
    rng = np.random.default_rng(6)
    tracks = [sound_of("Rock", rng, 0), sound_of("Jazz", rng, 6)]
    row = pd.DataFrame({"audio": [tracks], "text": [None], "cover": [None]})
    sound = explain(model, row, genres=["Jazz"]).sound
    assert sound["track"].tolist() == [0, 0, 0, 1, 1, 1]
    hidden = tracks[1].copy()
    hidden[6 * SR :] = 0
    without = row.assign(audio=[[tracks[0], hidden]])
    before, after = (
        modality_contributions(model, one).loc[(0, "Jazz"), "score"] for one in (row, without)
    )
    np.testing.assert_allclose(sound["effect"].iloc[-1], before - after, atol=1e-5)


@pytest.mark.parametrize("n_patches", [None, 2])
def test_what_an_encoder_hears_is_hidden_and_nothing_else(n_patches):
    """Each vector is that of the track with the piece silent, but few windows are embedded."""
    embedded = []

    def counted(windows):
        embedded.extend(windows)
        return spectrum(windows)

    track = np.tile(sound_of("Rock", np.random.default_rng(5)), 4)  # 36 windows of 1 s
    embedder = AudioEmbedder(model=counted, sr=SR, window=1.0, n_patches=n_patches)
    places, variants = _pieces_of_samples([embedder], track)
    assert len(embedded) <= 2 * 36
    if n_patches is None:
        assert places == [(start, start + 3.0) for start in range(0, 36, 3)]
    else:
        assert places == [(8.75, 9.75), (26.25, 27.25)]
    for (start, end), variant in zip(places, variants, strict=True):
        silenced = track.copy()
        silenced[round(start * SR) : round(end * SR)] = 0
        np.testing.assert_allclose(variant, embedder.transform([silenced])[0], rtol=1e-5)


def test_the_corner_of_the_colour_is_told(model):
    rng = np.random.default_rng(7)
    cover = cover_of("Rock", rng, (1, 0))
    row = pd.DataFrame({"audio": [None], "text": ["guitar"], "cover": [cover]})
    told = explain(model, row, genres="Rock")
    np.testing.assert_array_equal(told.cover, cover)
    tiles = told.cover_maps["Rock"]
    assert tiles.shape == (7, 7)
    assert tiles.max() == 1
    corner = tiles[3:, :4].sum() / tiles.sum()
    assert corner > 0.6  # of 16 tiles of 49


def test_missing_modalities_are_named(model, table):
    row = table.iloc[[3]].assign(audio=None, text="")
    told = explain(model, row)
    assert told.missing == ["audio", "text"]
    assert told.contributions[["audio", "text"]].eq(0).all(axis=None)
    assert len(told.words) == len(told.sound) == 0
    assert list(told.words) == ["genre", "word", "kind", "effect"]
    assert list(told.sound) == ["genre", "track", "start", "end", "effect"]
    assert "missing: audio, text" in str(told)
    nothing = explain(model, row.assign(cover=None))
    assert nothing.missing == ["audio", "text", "image"]
    assert nothing.cover is None
    ExplanationDisplay(nothing).plot()


def test_a_series_and_a_wrapped_model(model, table):
    told, of_series = explain(model, table.iloc[[2]]), explain(model, table.iloc[2])
    assert told.row == of_series.row
    pd.testing.assert_frame_equal(told.words, of_series.words)
    pd.testing.assert_frame_equal(told.sound, of_series.sound)


def test_several_genres(table, genres):
    Y = pd.DataFrame({genre: genres == genre for genre in TONES}).astype(int)
    Y["Live"] = np.arange(40) % 3 == 0
    Y = Y.astype(int)
    thresholds = LabelThresholds(make_model(), cv=2, at_least_one=True)
    thresholds.fit(table, Y, groups=range(40))
    told = explain(thresholds, table.iloc[[0]])
    assert "Jazz" in told.predicted
    assert sorted(told.genres) == ["Jazz", "Live", "Rock"]
    scores = thresholds.decision_function(table.iloc[[0]])[0]
    expected = pd.Series(scores, thresholds.classes_)[told.genres]
    np.testing.assert_allclose(told.contributions["score"], expected, atol=1e-5)


def test_networks_and_a_joint_space():
    """The usual pipeline: seconds of a patch, the network's own map."""
    rng = np.random.default_rng(0)
    table, genres = make_table(16, 1)
    table["audio"] = [[noise(rng, 4), sound_of(genre, rng)] for genre in genres]
    model = make_genre_classifier(
        joint_space=True, audio__sr=SR, audio__n_bins=60, audio__hop_length=512,
        audio__duration=8.0, audio__width=(4, 4, 4), audio__max_epochs=1, text__max_epochs=1,
        text__hidden_units=(8,), image__depth="small", image__max_epochs=1, joint__max_epochs=1,
        joint__n_components=4, validation_fraction=0, random_state=0,
    )  # fmt: skip
    model.fit(table, genres, groups=range(16))
    told = explain(model, table.iloc[[0]])
    assert list(told.contributions) == [
        "bias", "audio", "text", "image", "mm_audio", "mm_image", "score",
    ]  # fmt: skip
    of_one = told.sound[told.sound["genre"] == told.genres[0]]
    assert of_one["track"].unique().tolist() == [0, 1]
    second = of_one[of_one["track"] == 1]  # of nine seconds, eight of which are heard
    assert second["end"].iloc[-1] - second["start"].iloc[0] == pytest.approx(8, abs=0.1)
    assert 0 <= second["start"].iloc[0] <= 1
    first = of_one[of_one["track"] == 0]
    assert first["end"].max() == pytest.approx(4, abs=0.2)  # not into the padding
    assert told.cover.shape == (224, 224, 3)
    assert {one.shape for one in told.cover_maps.values()} == {(64, 64)}
    again = explain(model, table.iloc[[0]])
    pd.testing.assert_frame_equal(told.sound, again.sound)
    pd.testing.assert_frame_equal(told.words, again.words)


def test_genres_and_number_of_words(model, table):
    told = explain(model, table.iloc[[0]], genres=["Rock"], n_words=2)
    assert told.genres == ["Rock"]
    assert len(told.words) == 2
    assert isinstance(told, Explanation)


def test_text_of_an_explanation(model, table):
    lines = str(explain(model, table.iloc[[0]])).splitlines()
    assert lines[0] == "album 0: Jazz"
    assert lines[1].startswith("  Jazz ")
    assert "bias " in lines[1]
    assert lines[2].startswith("    words: sax")
    assert lines[3].startswith("    sound: track 1, ")


def test_what_is_refused(model, table):
    with pytest.raises(NotFittedError):
        explain(make_model(), table.iloc[[0]])
    with pytest.raises(ValueError, match="takes one row, got 2"):
        explain(model, table.iloc[:2])
    with pytest.raises(ValueError, match="Unknown genres \\['Polka'\\]"):
        explain(model, table.iloc[[0]], genres="Polka")
    with pytest.raises(ValueError, match="genres is empty"):
        explain(model, table.iloc[[0]], genres=[])
    plain = make_pipeline(LogisticRegression()).fit([[0], [1]], [0, 1])
    with pytest.raises(ValueError, match="contains no pipeline"):
        explain(plain, table.iloc[[0]])


def test_display(model, table):
    display = ExplanationDisplay.from_estimator(model, table.iloc[[0]])
    assert list(display.axes_) == ["modalities", "words", "sound", "cover"]
    assert display.axes_["words"].get_title() == "words: Jazz"
    assert [label.get_text() for label in display.axes_["modalities"].get_yticklabels()] == [
        "Jazz",
        "Rock",
    ]
    figure = Figure(figsize=(12, 4), layout="constrained")
    assert display.plot(figure=figure, genre="Rock").figure_ is figure
    assert display.axes_["cover"].get_title() == "cover: Rock"
    with pytest.raises(ValueError, match="not among the explained"):
        display.plot(genre="Polka")
    without = ExplanationDisplay.from_estimator(model, table.iloc[[0]].assign(cover=None))
    assert list(without.axes_) == ["modalities", "words", "sound"]
    legend = without.axes_["modalities"].get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["bias", "audio", "text", "image (missing)"]
