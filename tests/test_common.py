"""What every estimator of the package keeps to: scikit-learn's checks, and our own."""

import inspect
import io
import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
from numpydoc.docscrape import ClassDoc
from PIL import Image
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

import skmmgenre
from skmmgenre.audio import AudioCNN, AudioEmbedder, AudioStatistics, CQTExtractor, TimbreStatistics
from skmmgenre.compose import GenrePipeline, MeanOverTracks, ReadyVectors, TagClassifier
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector, LogisticFusionClassifier
from skmmgenre.image import ColorStatistics, ImageEmbedder, ResNetEmbedder
from skmmgenre.text import (
    EntityEnricher,
    Mention,
    ReviewTruncator,
    ReviewVectorizer,
    TextEmbedder,
    TextMLP,
)

# ---- scikit-learn's ---------------------------------------------------------------------

_PER_ROW = (
    "the order of the rows, their batches and the validation rows are drawn per row, so a row "
    "of weight 2 is not the same as two rows"
)
_RELATIVE = (
    "weights are divided by their mean, so that the penalty of a row of weight 2 beside others is "
    "not that of two rows"
)


def expected_failures(estimator):
    solved = isinstance(estimator, FusionClassifier) and estimator.solver == "auto"
    names = [f"check_sample_weight_equivalence_on_{form}_data" for form in ("dense", "sparse")]
    return dict.fromkeys(names, _RELATIVE if solved else _PER_ROW)


_TEXT = TextMLP(hidden_units=(16, 16), dropout=0, max_epochs=30, random_state=0)

warnings_of_checks = pytest.mark.filterwarnings(
    "ignore:Inner validation rows were drawn without regard to artists",
    "ignore:No inner validation rows",
    "ignore:Inner folds were drawn without regard to artists",
    "ignore:.* artists are too few for inner folds",
    "ignore:.*all inner validation rows are missing",  # sparse views
    "ignore::sklearn.exceptions.SkipTestWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
    "ignore::sklearn.exceptions.EstimatorCheckFailedWarning",
)


def check_of_scikit_learn(estimator, check):
    state = np.random.get_state()  # scikit-learn's checks draw from the global generator
    try:
        check(estimator)
    finally:
        np.random.set_state(state)


@warnings_of_checks
@parametrize_with_checks(
    [
        # Nothing is chosen, which takes most of the time; see below.
        FusionClassifier(C=1.0, random_state=0),
        clone(_TEXT).set_params(validation_fraction=0),
        FusionClassifier(solver="adam", dropout=0, max_epochs=50, random_state=0),
        clone(_TEXT).set_params(preset="paper"),
        # With folds, what fit_transform returns is of networks that have not seen the row.
        JointSpaceProjector(
            n_components=4, hidden_units=8, max_epochs=10, random_state=0, validation_fraction=0
        ),
        LogisticFusionClassifier(),
        LogisticFusionClassifier(combine="concatenate"),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    check_of_scikit_learn(estimator, check)


@pytest.mark.slow
@warnings_of_checks
@parametrize_with_checks(
    [FusionClassifier(random_state=0), _TEXT], expected_failed_checks=expected_failures
)
def test_scikit_learn_checks_at_the_defaults(estimator, check):
    check_of_scikit_learn(estimator, check)


# ---- our own ----------------------------------------------------------------------------

N = 8
Y = np.array(["Jazz", "Rock"] * 4)
TRAINING = {"max_epochs": 1, "validation_fraction": 0, "random_state": 0}


def _first_and_last(tracks):
    return np.array([[track[0], track[-1]] for track in tracks], dtype=float)


def _mean_and_peak(windows):
    return np.stack([windows.mean(axis=1), np.abs(windows).max(axis=1)], axis=1)


class SaxLinker(BaseEstimator):
    """Finds the sax of the texts."""

    def link(self, text):
        start = text.index("sax")
        return [Mention(start, start + 3, "sax", "Saxophone", 0.9, ("Woodwind instruments",))]


def _first_and_last_names(transformer, input_features):
    return np.array(["first", "last"], dtype=object)


def _lengths(texts):
    return [[len(text), text.count("a")] for text in texts]


def _colors(images):
    return [np.asarray(image).mean(axis=(0, 1)) for image in images]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """What each estimator takes: N rows, row 2 missing."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    songs, covers = [], []
    for row in range(N):
        songs.append(str(folder / f"{row}.wav"))
        soundfile.write(songs[-1], 0.1 * rng.normal(size=22050), 22050)
        covers.append(str(folder / f"{row}.png"))
        Image.fromarray(rng.integers(255, size=(12, 12, 3), dtype=np.uint8)).save(covers[-1])
    songs[2] = covers[2] = None
    texts = [f"Loud guitars, take {row}. Then a sax." for row in range(N)]
    texts[2] = None
    patches = rng.normal(size=(N, 96, 130)).astype(np.float32)
    vectors = rng.normal(size=(N, 6))
    words = rng.random((N, 5))
    patches[2] = vectors[2] = np.nan
    words[2] = 0
    names = [f"audio__{i}" for i in range(3)] + [f"image__{i}" for i in range(3)]
    return {
        "songs": songs,
        "covers": covers,
        "texts": texts,
        "segments": [None if row == 2 else rng.normal(size=(5 + row, 12)) for row in range(N)],
        "patches": patches,
        "words": words,
        "vectors": pd.DataFrame(vectors, columns=names),
        "lists": [None if row == 2 else [row, 0.5, 1.0] for row in range(N)],
        "tracks": [None if row == 2 else [np.r_[row, 1.0]] * 2 for row in range(N)],
        "table": pd.DataFrame(vectors, columns=names),
    }


# Each with the input it takes, and one bad value of a parameter.
ESTIMATORS = {
    "CQTExtractor": (CQTExtractor(duration=0.4), "songs", {"hop_length": -1}),
    "AudioCNN": (
        AudioCNN(architecture="4x96", width=(2, 2, 2, 2), **TRAINING),
        "patches",
        {"architecture": "5x5"},
    ),
    "AudioEmbedder": (
        AudioEmbedder(model=_mean_and_peak, sr=22050, window=1.0),
        "songs",
        {"n_patches": 0},
    ),
    "AudioStatistics": (AudioStatistics(), "songs", {"duration": 0}),
    "TimbreStatistics": (TimbreStatistics(), "segments", {"on_error": "skip"}),
    "ColorStatistics": (ColorStatistics(), "covers", {"on_error": "skip"}),
    "ResNetEmbedder": (
        ResNetEmbedder(depth=18, weights=None, image_size=32, fine_tune=False, **TRAINING),
        "covers",
        {"depth": 19},
    ),
    # Their models of transformers: tests/text/test_text_embedder.py, tests/image/...
    "ImageEmbedder": (ImageEmbedder(model=_colors), "covers", {"batch_size": 0}),
    "TextEmbedder": (TextEmbedder(model=_lengths), "texts", {"pooling": "sum"}),
    "ReviewTruncator": (ReviewTruncator(max_chars=30), "texts", {"max_chars": 0}),
    "EntityEnricher": (EntityEnricher(SaxLinker()), "texts", {"min_confidence": 2}),
    "ReviewVectorizer": (ReviewVectorizer(max_df=1.0), "texts", {"max_features": -3}),
    "TextMLP": (TextMLP(hidden_units=(4, 3), **TRAINING), "words", {"dropout": 2}),
    "JointSpaceProjector": (
        JointSpaceProjector(n_components=3, hidden_units=4, **TRAINING),
        "vectors",
        {"margin": -1},
    ),
    "FusionClassifier": (FusionClassifier(**TRAINING), "vectors", {"normalize": "yes"}),
    "LogisticFusionClassifier": (LogisticFusionClassifier(), "vectors", {"combine": "sum"}),
    "MeanOverTracks": (
        MeanOverTracks(
            FunctionTransformer(_first_and_last, feature_names_out=_first_and_last_names)
        ),
        "tracks",
        {"estimator": "cnn"},
    ),
    "ReadyVectors": (ReadyVectors(), "lists", {"on_error": "skip"}),
    "TagClassifier": (
        TagClassifier(genres={"Jazz": ["0"], "Rock": ["1", "2"]}),
        "vectors",
        {"thresholds": 2.0},
    ),
    "GenrePipeline": (
        GenrePipeline([("fusion", FusionClassifier(**TRAINING))]),
        "table",
        {"fusion__lr": -1},
    ),
}
CELLS = ("songs", "covers", "texts", "segments", "lists", "tracks")
EVERY = pytest.mark.parametrize("name", ESTIMATORS)
POSITIONAL = {
    "MeanOverTracks": ["estimator"],
    "GenrePipeline": ["steps"],
    "EntityEnricher": ["linker"],
}


@pytest.fixture
def case(name, inputs):
    estimator, kind, bad = ESTIMATORS[name]
    return clone(estimator), inputs[kind], bad


def answer(estimator, X):
    method = "transform" if hasattr(estimator, "transform") else "predict_proba"
    return getattr(estimator, method)(X)


def plain(found):
    found = found.toarray() if hasattr(found, "toarray") else found
    return np.asarray(found)


def same(a, b):
    a, b = plain(a), plain(b)
    if a.dtype.kind == "f":
        return np.array_equal(a, b, equal_nan=True)
    return [None if pd.isna(x) else x for x in a] == [None if pd.isna(x) else x for x in b]


def test_every_estimator_is_here():
    public = {
        name
        for room in map(skmmgenre.__getattr__, ("audio", "image", "text", "fusion", "compose"))
        for name in room.__all__
        if inspect.isclass(getattr(room, name)) and issubclass(getattr(room, name), BaseEstimator)
        if not hasattr(getattr(room, name), "link")  # linkers: tests/text/entities/test_linker.py
    }
    assert public == set(ESTIMATORS)


@EVERY
def test_init_only_stores(name):
    estimator = type(ESTIMATORS[name][0])
    parameters = inspect.signature(estimator).parameters.values()
    marks = {parameter.name: object() for parameter in parameters}
    stored = {k: v for k, v in vars(estimator(**marks)).items() if not k.startswith("_")}
    if name == "ReviewVectorizer":  # scikit-learn's own code reads what is fixed here
        stored = {key: value for key, value in stored.items() if key in marks}
    assert stored == marks
    positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert positional == POSITIONAL.get(name, [])
    assert all(p.default is not p.empty for p in parameters if p.name not in positional)


@EVERY
def test_params(name, case):
    estimator, _, _ = case
    params = estimator.get_params(deep=False)
    twin = clone(estimator)
    assert list(twin.get_params(deep=False)) == list(params)
    assert twin.set_params(**params) is twin
    # Whose words they are does not matter: scikit-learn's, or GenrePipeline's with its advice.
    with pytest.raises(ValueError, match="(Invalid|Unknown) parameter '?no_such_parameter'?"):
        estimator.set_params(no_such_parameter=1)


@EVERY
def test_docstring(name):
    estimator = type(ESTIMATORS[name][0])
    doc = ClassDoc(estimator)
    assert doc["Summary"] and doc["Parameters"] and doc["Examples"]
    described = [word for line in doc["Parameters"] for word in re.findall(r"\w+", line.name)]
    assert set(inspect.signature(estimator).parameters) <= set(described)


@EVERY
def test_html_picture(name, case):
    estimator, X, _ = case
    assert type(estimator).__name__ in estimator._repr_html_()
    assert type(estimator).__name__ in estimator.fit(X, Y)._repr_html_()


@EVERY
def test_missing_cells_are_accepted(name, case):
    estimator, X, _ = case
    found = plain(answer(estimator.fit(X, Y), X))
    assert len(found) == N
    if name in CLASSIFIERS:
        np.testing.assert_allclose(found[2], 0.5, atol=0.05)  # the prior
    elif name in ("ReviewVectorizer", "TagClassifier"):  # no word, no tag
        assert not found[2].any()
    elif name in ("ReviewTruncator", "EntityEnricher"):
        assert found[2] == ""
    else:
        assert np.all(pd.isna(found[2]))


@pytest.mark.parametrize(
    "name", [name for name, (_, kind, _) in ESTIMATORS.items() if kind in CELLS]
)
@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_every_way_to_leave_a_cell_empty(name, case, missing):
    estimator, X, _ = case
    other = [missing if cell is None else cell for cell in X]
    expected = answer(estimator.fit(X, Y), X)
    assert same(answer(clone(estimator).fit(other, Y), other), expected)
    column = pd.Series(other, index=[f"album {row}" for row in range(N)])
    assert same(answer(clone(estimator).fit(column, Y), column), expected)


@EVERY
def test_an_empty_table_is_refused(name, case):
    estimator, X, _ = case
    with pytest.raises(ValueError, match="0 row|0 sample|empty"):
        answer(estimator.fit(X[:0], Y[:0]), X[:0])


@EVERY
def test_fit_sets_nothing_but_what_was_learned(name, case):
    estimator, X, _ = case
    before = dict(vars(estimator))
    assert estimator.fit(X, Y) is estimator
    answer(estimator, X)
    after = vars(estimator)
    learned = {key for key in after.keys() - before.keys() if not key.startswith("_")}
    assert all(key.endswith("_") for key in learned)
    assert all(
        after[key] is before[key] for key in before if not key.startswith("_") and key != "steps"
    )


@EVERY
def test_stored_and_loaded(name, case):
    estimator, X, _ = case
    expected = answer(estimator.fit(X, Y), X)
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    assert b"torch" not in buffer.getvalue()
    buffer.seek(0)
    assert same(answer(joblib.load(buffer), X), expected)


@EVERY
def test_a_bad_parameter_is_refused(name, case):
    estimator, X, bad = case
    (parameter,) = bad
    with pytest.raises((ValueError, TypeError), match=parameter.rpartition("__")[2]):
        estimator.set_params(**bad).fit(X, Y)


@EVERY
def test_not_fitted(name, case):
    estimator, X, _ = case
    if not get_tags(estimator).requires_fit:
        answer(estimator, X)
        check_is_fitted(estimator)
        return
    with pytest.raises(NotFittedError):
        answer(estimator, X)


@EVERY
def test_names_and_containers(name, case):
    estimator, X, _ = case
    estimator.fit(X, Y)
    if is_classifier(estimator) and not hasattr(estimator, "transform"):
        assert estimator.classes_.tolist() == ["Jazz", "Rock"]
        assert isinstance(estimator.predict(X), np.ndarray)
        return
    names = estimator.get_feature_names_out()
    assert len(set(names)) == len(names)
    plainly = answer(estimator, X)
    if plain(plainly).ndim == 2:
        assert plain(plainly).shape[1] == len(names)
    assert estimator.set_output(transform="pandas") is estimator
    table = answer(estimator, X)
    assert same(table, plainly)
    if isinstance(table, pd.DataFrame):
        assert table.columns.tolist() == list(names)


CLASSIFIERS = {"FusionClassifier", "LogisticFusionClassifier", "GenrePipeline"}
TAKES_SPARSE = {"TextMLP", "JointSpaceProjector", *CLASSIFIERS}


@EVERY
def test_tags_say_what_it_takes(name, case):
    estimator, X, _ = case
    takes = get_tags(estimator).input_tags
    if name == "AudioCNN":
        assert takes.three_d_array and not takes.two_d_array
    elif isinstance(X, list):
        assert takes.one_d_array and not takes.two_d_array
    else:
        assert takes.two_d_array
    assert takes.sparse == (name in TAKES_SPARSE)


@EVERY
def test_no_warning_where_all_is_well(name, case):
    estimator, X, _ = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer(estimator.fit(X, Y), X)
