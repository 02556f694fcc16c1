"""The one reader of y: every form of y means the same to all who read it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from slow_cases import few_slow

from skmmgenre.compose import (
    GenrePipeline,
    MeanOverTracks,
    ablate_modalities,
    make_genre_classifier,
)
from skmmgenre.datasets import describe_genres
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.metrics import genre_scores, macro_auc_score
from skmmgenre.model_selection import (
    ArtistKFold,
    ArtistShuffleSplit,
    LabelThresholds,
    inner_validation_mask,
    train_validation_test_split,
)
from skmmgenre.text import TextMLP
from skmmgenre.utils import Labels, _groups, _labels, read_indicator, read_labels

GENRES = ["Rap", "Jazz", "Rap", "Folk"]


def values_and_names(y):
    labels = read_labels(y)
    return labels.values, labels.names


def test_tables_of_other_libraries():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    columns = {"Rock": [1, 0, 1], "Jazz": [0, 0, 1]}
    for table in (pa.table(columns), pl.DataFrame(columns), pl.DataFrame(columns).cast(pl.Boolean)):
        values, names = values_and_names(table)
        assert names.tolist() == ["Rock", "Jazz"]
        assert values.tolist() == [[1, 0], [0, 0], [1, 1]]
        assert read_indicator(table)[1].tolist() == ["Rock", "Jazz"]


def test_columns_of_other_libraries():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    for column in (
        pa.array(GENRES),
        pa.chunked_array([GENRES]),
        pa.array(GENRES).dictionary_encode(),
        pl.Series(GENRES),
        pl.Series(GENRES, dtype=pl.Categorical),
    ):
        values, names = values_and_names(column)
        assert values.tolist() == GENRES and values.dtype.kind == "U" and names is None
    for column in (pa.array([5, 3]), pl.Series([5, 3])):
        assert values_and_names(column)[0].dtype.kind == "i"
    with pytest.raises(ValueError, match="NaN: the first is in row 1"):
        read_labels(pl.Series(["Jazz", None]))


# ---- all readers ---------------------------------------------------------------------------

MANY = ["Rap", "Jazz", "Rap", "Folk", "Jazz", "Folk"] * 2
NUMBERS = [10, 3, 10, 5, 3, 5] * 2
Y = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]] * 3)
X = np.random.default_rng(0).normal(size=(12, 4))
ARTISTS = [f"artist {row}" for row in range(12)]


def fit(y):
    model = FusionClassifier(max_epochs=1, validation_fraction=0, random_state=0).fit(X, y)
    return model.classes_.tolist(), model.predict(X).ndim


def split(y):
    return [test.tolist() for _, test in ArtistKFold(2).split(X, y, ARTISTS)]


def mask(y):
    return inner_validation_mask(y, groups=ARTISTS, validation_fraction=0.3).tolist()


def scores(y):
    return genre_scores(y, y).index.tolist()


def describe(y):
    return sorted(describe_genres(y).index.tolist())


READERS = [fit, split, mask, scores, describe]

# What each form is read as. Before there was one reader, those marked * were not read alike.
FORMS = {
    "list": (MANY, MANY),
    "tuple": (tuple(MANY), MANY),
    "array": (np.array(MANY), MANY),
    "objects": (np.array(MANY, dtype=object), MANY),
    "StringDType": (np.array(MANY, dtype=np.dtypes.StringDType()), MANY),
    "Series": (pd.Series(MANY), MANY),
    "Series string": (pd.Series(MANY, dtype="string"), MANY),
    "Series category": (pd.Series(MANY, dtype="category"), MANY),
    "Categorical": (pd.Categorical(MANY), MANY),
    "Index": (pd.Index(MANY), MANY),
    "object ints": (np.array(NUMBERS, dtype=object), NUMBERS),
    "Int64": (pd.Series(NUMBERS, dtype="Int64"), NUMBERS),
    "ints category": (pd.Series(NUMBERS, dtype="category"), NUMBERS),
    "whole floats": (np.array(NUMBERS, dtype=float), NUMBERS),
    "boolean": (pd.Series([True, False, True] * 4, dtype="boolean"), [True, False, True] * 4),
    "one column DataFrame *": (pd.DataFrame({"genre": MANY}), MANY),
    "one column categories *": (pd.DataFrame({"genre": pd.Categorical(MANY)}), MANY),
    "one column of 0 and 1 *": (pd.DataFrame({"Jazz": Y[:, 0]}), Y[:, 0]),
    "one column array *": (np.array(MANY)[:, None], MANY),
    "one column lists *": ([[genre] for genre in MANY], MANY),
    "indicator lists": (Y.tolist(), Y),
    "indicator bool": (Y.astype(bool), Y),
    "indicator objects": (Y.astype(object), Y),
    "indicator Int8": (pd.DataFrame(Y).astype("Int8"), Y),
    "indicator boolean": (pd.DataFrame(Y).astype("boolean"), Y),
    "indicator sparse frame": (pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(Y)), Y),
    "csr": (sparse.csr_array(Y), Y),
    "coo": (sparse.coo_matrix(Y), Y),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_all_readers_read_a_form_alike(form, reader):
    y, plain = FORMS[form]
    if form.startswith("one column"):
        with pytest.warns(DataConversionWarning, match="(?i)column-vector y"):
            assert reader(y) == reader(plain)
    else:
        assert reader(y) == reader(plain)


REFUSED = {
    "one string": ("Rap", "1-D or an indicator matrix"),
    "None": (None, "(?i)requires y.* to be passed"),
    "lists of genres": ([["Rap"], ["Rap", "Jazz"]] * 6, "MultiLabelBinarizer"),
    "Series of lists": (pd.Series([["Rap"], ["Rap", "Jazz"]] * 6), "MultiLabelBinarizer"),
    "mixed types": ([*MANY[:-1], 3], "mixes types"),
    "continuous": (np.arange(12) / 5, "Unknown label type"),
    "infinity": ([*NUMBERS[:-1], np.inf], "contains infinity"),
    "three dimensions": (np.zeros((12, 2, 2)), "1-D or an indicator matrix"),
    "duplicate columns": (pd.DataFrame(Y, columns=list("aba")), "duplicate columns"),
    "counts": (2 * Y, "got 2 in row 0, column 0"),
    "NaN in an indicator": (pd.DataFrame(Y, columns=list("abc")).where(Y < 1), "row 0, label 'a'"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", REFUSED)
def test_all_readers_refuse_alike(form, reader):
    y, message = REFUSED[form]
    if y is None and reader is split:
        pytest.skip("without y a split balances sizes only")
    with pytest.raises(ValueError, match=message):
        reader(y)


@pytest.mark.parametrize(
    "y",
    [[*MANY[:-1], None], pd.Series([*NUMBERS[:-1], pd.NA], dtype="Int64"), [*NUMBERS[:-1], np.nan]],
)
def test_only_splits_take_rows_without_a_genre(y):
    for reader in (fit, scores, describe):
        with pytest.raises(ValueError, match="contains NaN: the first is in row 11, 1 in all"):
            reader(y)
    assert sorted(np.concatenate(split(y))) == list(range(12))
    assert len(mask(y)) == 12


@pytest.mark.parametrize("y", [MANY, pd.DataFrame({"genre": MANY}), pd.Series(MANY)])
def test_metrics_of_scores_send_a_column_of_genres_to_get_dummies(y):
    with pytest.raises(ValueError, match="pandas.get_dummies"):
        macro_auc_score(y, np.zeros((12, 3)))


def test_what_was_read_is_not_read_again():
    labels = read_labels(pd.DataFrame(Y, columns=list("abc")))
    assert read_labels(labels) is labels and labels.several and len(labels) == 12
    some = labels.take([1, 3])
    assert isinstance(some, Labels) and some.values.tolist() == Y[[1, 3]].tolist()
    np.testing.assert_array_equal(some.incidence.toarray(), Y[[1, 3]])


# ---- one column ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        GENRES,
        tuple(GENRES),
        np.array(GENRES),
        np.array(GENRES, dtype=object),
        np.array(GENRES, dtype=np.dtypes.StringDType()),
        pd.Series(GENRES),
        pd.Series(GENRES, dtype=object),
        pd.Series(GENRES, dtype="string"),
        pd.Series(GENRES, dtype="category"),
        pd.Series(GENRES, index=[7, 7, 1, 0]),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_column_of_strings(y):
    labels, names = values_and_names(y)
    assert names is None
    assert type(labels) is np.ndarray and labels.dtype.kind == "U"
    assert labels.tolist() == GENRES


@pytest.mark.parametrize(
    "y",
    [
        [10, 3, 10],
        np.array([10, 3, 10], dtype=object),
        np.array([10, 3, 10], dtype=np.uint8),
        pd.Series([10, 3, 10], dtype="Int64"),
        pd.Series([10, 3, 10], dtype="category"),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_column_of_integers_with_gaps(y):
    labels, names = values_and_names(y)
    assert names is None and labels.dtype.kind in "iu"
    assert labels.tolist() == [10, 3, 10]


def test_one_column_matrix_warns_as_scikit_learn_does():
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        labels, names = values_and_names(pd.DataFrame({"genre": GENRES}))
    assert names is None and labels.tolist() == GENRES


INDICATOR = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    "Y",
    [
        INDICATOR.tolist(),
        INDICATOR.astype(bool),
        INDICATOR.astype(float),
        sparse.csr_array(INDICATOR),
        sparse.csc_matrix(INDICATOR),
    ],
    ids=["list", "bool", "float", "csr_array", "csc_matrix"],
)
def test_indicator_without_names(Y):
    labels, names = values_and_names(Y)
    assert labels.dtype == np.int8
    np.testing.assert_array_equal(labels, INDICATOR)
    assert names.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["int64", "bool", "float32", "boolean", "Int8"])
def test_indicator_keeps_the_names_of_a_dataframe(dtype):
    Y = pd.DataFrame(INDICATOR, columns=["Soul", "Jazz", "Rap"]).astype(dtype)
    labels, names = values_and_names(Y)
    np.testing.assert_array_equal(labels, INDICATOR)
    assert type(names) is np.ndarray and names.dtype.kind == "U"
    assert names.tolist() == ["Soul", "Jazz", "Rap"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (["Rap", None], "contains NaN: the first is in row 1"),
        (["Rap", np.nan], "contains NaN: the first is in row 1"),
        ([1, np.nan], "contains NaN"),
        (pd.Series(["Rap", None, None]), "row 1, 2 in all"),
        (pd.Series(["Rap", pd.NA], dtype="string"), "contains NaN"),
        (pd.Series([1, pd.NA], dtype="Int64"), "contains NaN"),
        ([1.0, np.inf], "contains infinity"),
        ([0.5, 1.5], "Unknown label type"),
        (["Rap", 1], r"mixes types .*\['int', 'str'\]"),
        (np.array(["Rap", 1], dtype=object), "mixes types"),
        ([["Rap"], ["Rap", "Jazz"]], "MultiLabelBinarizer"),
        ([["Rap", "Soul"], ["Rap", "Jazz"]], "MultiLabelBinarizer"),
        ([[0, 2], [1, 0]], "got 2 in row 0, column 1"),
        ([[0, 0.5], [1, 0]], "got 0.5 in row 0"),
        ([[0, 1], [1, np.nan]], "y is NaN in row 1, column 1"),
        ([[0, 1], [1, None]], "y is NaN in row 1, column 1"),
        (pd.DataFrame({"a": [0, 1], "b": [None, 1]}), "row 0, label 'b'"),
        (pd.DataFrame(np.eye(3), columns=list("aba")), r"duplicate columns: \['a'\]"),
        (np.zeros((2, 2, 2)), "1-D or an indicator"),
    ],
)
def test_bad_y_says_what_and_where(y, message):
    with pytest.raises(ValueError, match=message):
        read_labels(y)


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32])
def test_sparse_stays_sparse_on_request(make, dtype):
    matrix, names = read_indicator(make(INDICATOR.astype(dtype)), keep_sparse=True)
    assert isinstance(matrix, sparse.csr_array) and matrix.dtype == np.int8
    np.testing.assert_array_equal(matrix.toarray(), INDICATOR)
    assert names.tolist() == [0, 1, 2]
    dense, _ = read_indicator(make(INDICATOR.astype(dtype)))
    np.testing.assert_array_equal(dense, INDICATOR)
    assert type(dense) is np.ndarray


def test_explicit_zeros_are_no_labels():
    Y = sparse.csr_array((np.array([1.0, 0.0]), ([0, 1], [1, 0])), shape=(2, 2))
    matrix, _ = read_indicator(Y, keep_sparse=True)
    assert matrix.nnz == 1
    assert Y.nnz == 2  # what was passed is left as it is


def test_one_column_is_an_indicator_where_one_is_asked_for():
    matrix, names = read_indicator(pd.DataFrame({"Jazz": [1, 0]}))
    assert matrix.tolist() == [[1], [0]] and names.tolist() == ["Jazz"]


def test_entries_given_twice_are_not_counted_as_one():
    Y = sparse.coo_array((np.ones(3), ([0, 2, 2], [1, 0, 0])), shape=(3, 2))
    with pytest.raises(ValueError, match="got 2.0 in row 2, column 0"):
        read_indicator(Y, keep_sparse=True)
    rows = sparse.csr_array((np.ones(2), [1, 1], [0, 0, 2]), shape=(2, 2))
    with pytest.raises(ValueError, match="got 2.0 in row 1, column 1"):
        read_indicator(rows)
    assert rows.nnz == 2


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (sparse.csr_array([[0, 0], [1, 3]]), "got 3 in row 1, column 1"),
        (sparse.csc_array([[0, 0.5], [1, 0]]), "got 0.5 in row 0, column 1. Pass 1"),
        (sparse.csr_array([[0, 0], [1, np.nan]]), "truth is NaN in row 1, column 1. Drop"),
        (sparse.csr_array([[1j, 0]]), "got 1j in row 0, column 0"),
        ([1, 0, 1], r"truth must be .* one column per label, got shape \(3,\)"),
        ([[-1, 0]], "got -1 in row 0, column 0"),
        ([[0, None]], "truth is NaN in row 0, column 1"),
        ([["0", "1"]], "got '0' in row 0, column 0. For lists of genres use .*MultiLabel"),
        (pd.DataFrame([[0, 1], [7, 0]], columns=["a", "b"]), "got 7 in row 1, label 'a'"),
        (pd.DataFrame({"a": [0, 1], "b": pd.array([1, None], "Int8")}), "NaN in row 1, label 'b'"),
        (pd.DataFrame({"a": [["Jazz"]], "b": [0]}), "got .'Jazz'. in row 0, label 'a'"),
        (pd.DataFrame([["x", "y"]], columns=["a", "b"]), "got 'x' in row 0, label 'a'"),
        (pd.DataFrame(np.eye(2), columns=["a", 1]), "truth.columns mixes types"),
        (
            pd.DataFrame(np.eye(2), columns=[["a", "a"], ["b", "c"]]),
            "column names of 2 levels.*Join",
        ),
        (pd.DataFrame(np.eye(2), columns=["a", "a"]), r"truth has duplicate columns: \['a'\]"),
    ],
)
def test_the_error_names_argument_row_and_label(Y, message):
    with pytest.raises(ValueError, match=message):
        read_indicator(Y, "truth")


# ---- y and groups beside the rows of X: a warning, once in a call ------------------------

SMALL = {"max_epochs": 1, "random_state": 0}


N = 24


INDEX = [f"album {row}" for row in range(N)]


TEXTS = pd.Series(["loud guitars", "slow sax", "loud drums"] * 8, index=INDEX)


VECTORS = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 4)), index=INDEX)


GENRES_OF_ROWS = pd.Series(["Rock", "Jazz", "Rock"] * 8, index=INDEX)


LABELS = pd.get_dummies(GENRES_OF_ROWS)


ARTISTS_OF_ROWS = pd.Series([f"artist {row // 2}" for row in range(N)], index=INDEX)


def pipeline(method):
    def call(X, y, groups):
        mlps = [(name, TextMLP(hidden_units=(4,), cross_fit=2, **SMALL)) for name in "ab"]
        model = GenrePipeline([("tfidf", TfidfVectorizer()), *mlps])
        getattr(model, method)(TEXTS.set_axis(X.index), y, groups=groups)

    return call


def mean_over_tracks(X, y, groups):
    steps = [("tfidf", TfidfVectorizer()), ("mlp", TextMLP(hidden_units=(4,), **SMALL))]
    model = MeanOverTracks(GenrePipeline(steps))
    model.fit(TEXTS.set_axis(X.index), y, groups=groups)


def thresholds(X, y, groups):
    y = pd.get_dummies(y) if y.ndim == 1 else y
    LabelThresholds(OneVsRestClassifier(LogisticRegression()), cv=2).fit(X, y, groups=groups)


def ablation(X, y, groups):
    model = make_genre_classifier(audio=None, image=None, text__hidden_units=(4,), max_epochs=1)
    table = pd.DataFrame({"text": TEXTS.set_axis(X.index)})
    ablate_modalities(model, table, y, groups, n_runs=1, n_resamples=5)


CALLS = {
    "network": lambda X, y, groups: FusionClassifier(**SMALL).fit(X, y, groups=groups),
    "joint space": lambda X, y, groups: JointSpaceProjector(
        n_components=2, hidden_units=4, blocks={"audio": 2, "image": 2}, **SMALL
    ).fit(X, y, groups=groups),
    "fit": pipeline("fit"),
    "fit_transform": pipeline("fit_transform"),
    "MeanOverTracks": mean_over_tracks,
    "ArtistKFold": lambda X, y, groups: list(ArtistKFold(2).split(X, y, groups)),
    "ArtistShuffleSplit": lambda X, y, groups: list(
        ArtistShuffleSplit(3, random_state=0).split(X, y, groups)
    ),
    "three parts": lambda X, y, groups: train_validation_test_split(X, y, groups, random_state=0),
    "LabelThresholds": thresholds,
    "ablation": ablation,
}


def doubts(call, *arguments, **metadata):
    """Messages of the warnings that are about rows of y and groups."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **metadata)
    about = "another order", "joined genres", "column-vector"
    return [str(w.message) for w in caught if any(words in str(w.message) for words in about)]


@pytest.mark.parametrize("call", few_slow(CALLS, "fit_transform", "MeanOverTracks", "ablation"))
def test_rows_in_another_order_warn_once(call):
    order = np.random.default_rng(1).permutation(N)
    (message,) = doubts(call, VECTORS, GENRES_OF_ROWS.iloc[order], ARTISTS_OF_ROWS)
    assert "The index of y has the same labels as" in message and "y.loc[" in message
    (message,) = doubts(call, VECTORS, GENRES_OF_ROWS, ARTISTS_OF_ROWS.iloc[order])
    assert "Pass groups.loc[" in message
    assert not doubts(call, VECTORS, GENRES_OF_ROWS, ARTISTS_OF_ROWS)


@pytest.mark.parametrize(
    "y", [GENRES_OF_ROWS, LABELS, GENRES_OF_ROWS.to_frame()], ids=["labels", "0/1", "column"]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_every_pandas_form_of_y_is_compared(y):
    splits = ArtistKFold(2).split
    with pytest.warns(UserWarning, match="another order"):
        list(splits(VECTORS, y.iloc[::-1], ARTISTS_OF_ROWS))


@pytest.mark.parametrize(
    ("index", "other"),
    [
        (range(N), range(N)),
        (INDEX, INDEX),
        (INDEX, range(N)),
        (range(N), range(N, 2 * N)),
        (INDEX, [*INDEX[1:], "another album"]),
        ([0, 1] * 12, [1, 0] * 12),
    ],
    ids=["default", "equal", "positions", "later rows", "others", "labels that repeat"],
)
def test_indexes_that_say_nothing_are_silent(index, other):
    y, groups = GENRES_OF_ROWS.set_axis(other), ARTISTS_OF_ROWS.set_axis(other)
    assert not doubts(CALLS["ArtistKFold"], VECTORS.set_axis(index), y, groups)
    assert not doubts(CALLS["ArtistKFold"], VECTORS.to_numpy(), y.iloc[::-1], ARTISTS_OF_ROWS)
    assert not doubts(CALLS["ArtistKFold"], VECTORS, y.to_numpy(), ARTISTS_OF_ROWS.tolist())


def test_the_warning_changes_no_row():
    order = np.random.default_rng(1).permutation(N)
    with pytest.warns(UserWarning, match="another order"):
        named = list(ArtistKFold(2).split(VECTORS, GENRES_OF_ROWS.iloc[order], ARTISTS_OF_ROWS))
    plain = list(ArtistKFold(2).split(VECTORS, GENRES_OF_ROWS.to_numpy()[order], ARTISTS_OF_ROWS))
    np.testing.assert_array_equal(named[0][0], plain[0][0])


@pytest.mark.parametrize(
    "call",
    few_slow(
        {name: call for name, call in CALLS.items() if name != "LabelThresholds"},
        "joint space",
        "fit_transform",
        "MeanOverTracks",
        "ablation",
    ),
)
def test_joined_genres_warn_once_and_name_the_way_out(call):
    y = pd.Series(["Rock; Blues", "Jazz", "Rock"] * 8, index=INDEX)
    (message,) = doubts(call, VECTORS, y, ARTISTS_OF_ROWS)
    assert "33% of its rows" in message and "'Rock; Blues'" in message
    assert "pandas.Series(y).str.get_dummies(sep='; ')" in message
    assert pd.Series(y).str.get_dummies(sep="; ").columns.tolist() == ["Blues", "Jazz", "Rock"]


@pytest.mark.parametrize(
    ("y", "separator"),
    [
        (["Country;International", "Jazz", "Rock"], "';'"),
        (["Rock|Pop", "Jazz", "Rock"], r"'\|'"),
        (["Rock, Pop", "Jazz, Pop", "Rock", "Jazz"], "', '"),
    ],
)
def test_separators(y, separator):
    with pytest.warns(UserWarning, match=rf"sep={separator}"):
        list(ArtistKFold(2).split(y, y, range(len(y))))


@pytest.mark.parametrize(
    "y",
    [
        ["R&B/Soul", "Pop/Rock", "Hip-Hop/Rap", "Pop", "Rock"],
        ["Rock & Roll", "Stage & Screen", "Brass & Military"],
        ["Folk, World, & Country", "Funk / Soul", "Folk", "World"],
        ["R&amp;B", "Drum &amp; Bass", "Jazz"],
        ["Rock;", ";", "Jazz"],
        ["Jazz; Blues", *["Jazz", "Blues"] * 20],
    ],
    ids=["slashes", "ampersands", "commas in a name", "entities", "nothing joined", "few rows"],
)
def test_single_genres_are_silent(y):
    assert not doubts(CALLS["ArtistKFold"], y, y, range(len(y)))


def write_albums(folder):
    """A table in the form of the real one, whose genres are joined in 13 of 25 rows."""
    joined = ["Country; International"] * 6 + ["Electronic; International; Pop/Rock"] * 4
    joined += ["Jazz; R&amp;B", "Stage, Screen; Jazz", "Rap; Pop/Rock"]
    genres = [*joined, *["Jazz", "Pop/Rock", "R&amp;B"] * 4]
    albums = [(f"MADE{row:02}", f"Artist {row // 2}", genre) for row, genre in enumerate(genres)]
    table = pd.DataFrame(albums, columns=["id", "artist", "genres"])
    table.to_csv(folder / "audio_text.csv", index=False)
    return folder


@pytest.mark.parametrize(("source", "n_joined"), [("made", 5), ("real", 84)])
def test_albums_whose_genres_are_joined(source, n_joined, request, tmp_path):
    if source == "made":
        folder = write_albums(tmp_path)
    else:
        folder = request.getfixturevalue("shared_data") / "multimodal"
    table = pd.read_csv(folder / "audio_text.csv")
    with pytest.warns(UserWarning, match=rf"52% of its rows.*these {n_joined} combinations"):
        list(ArtistKFold(2).split(table, table.genres, table.artist))


def test_a_column_vector_warns_once_in_a_pipeline():
    with pytest.warns(DataConversionWarning) as caught:
        pipeline("fit")(VECTORS, GENRES_OF_ROWS.to_frame(), ARTISTS_OF_ROWS)
    assert len([w for w in caught if w.category is DataConversionWarning]) == 1


@pytest.mark.slow
def test_every_part_reads_y_and_groups_once_in_a_fit(albums, small_model, monkeypatch):
    """Pipeline, MeanOverTracks, three networks, joint space and fusion: 12 and 13 times before."""
    n_readings = {}
    for module in (_labels, _groups):

        def read(*arguments, name=module.__name__, read=module._read):
            n_readings[name] = n_readings.get(name, 0) + 1
            return read(*arguments)

        monkeypatch.setattr(module, "_read", read)
    model = small_model(joint_space=True, max_epochs=1)
    model.fit(albums.table, albums.y, groups=albums.groups)
    assert list(n_readings.values()) == [7, 7]
