"""MeanOverTracks: the mean of an album's tracks, and everything of albums handed to tracks."""

import re
import tracemalloc
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from other_tables import OTHER_LIBRARIES
from scipy.sparse import coo_matrix, csr_array
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

import skmmgenre.compose._mean_over_tracks as module
from skmmgenre.audio import AudioCNN, AudioStatistics, CQTExtractor
from skmmgenre.compose import MeanOverTracks
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.model_selection import inner_folds, inner_validation_mask
from skmmgenre.nets import NetClassifier, NetEstimator, _embedder
from skmmgenre.utils import find_steps

SR = 22050


def stack(tracks):
    return np.array(list(tracks), dtype=float)


def track(*values):
    return np.array(values, dtype=float)


def lengths(tracks):
    return np.array([[len(track)] for track in tracks], dtype=float)


class TestWarningOfSetAside:
    """Tracks that are set aside are warned of once, by the row of the album and the track."""

    albums = [None, *([f"https://x.org/{k}a.mp3", f"https://x.org/{k}b.mp3"] for k in range(5))]
    told = r"^10 of 10 tracks .* row 1, track 0, 'https://x.org/0a.mp3': it is a URL"

    def extractor(self):
        means = FunctionTransformer(lambda patches: patches.mean(axis=2))
        return Pipeline([("cqt", CQTExtractor(duration=0.5, on_error="missing")), ("means", means)])

    def warnings_of(self, call):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        return [str(warning.message) for warning in caught]

    def test_transform_in_parts(self, monkeypatch):
        monkeypatch.setattr(module, "_TRACKS_AT_ONCE", 4)
        model = MeanOverTracks(self.extractor()).fit([np.sin(np.arange(SR), dtype=np.float32)])
        (message,) = self.warnings_of(lambda: model.transform(self.albums))
        assert re.match(self.told, message)
        assert model.errors_.row.tolist() == [k for k in range(1, 6) for _ in range(2)]

    @pytest.mark.parametrize("method", ["fit", "fit_transform"])
    def test_fit(self, method):
        model = MeanOverTracks(self.extractor())
        (message,) = self.warnings_of(lambda: getattr(model, method)(self.albums))
        assert re.match(self.told, message)

    def test_no_track_is_left_to_learn_from(self):
        steps = [("cqt", CQTExtractor(duration=8, on_error="missing")), ("cnn", AudioCNN())]
        model = MeanOverTracks(Pipeline(steps))

        def fit():
            with pytest.raises(ValueError, match="no rows to train on"):
                model.fit(self.albums, ["Jazz", "Folk"] * 3)

        assert sum(bool(re.match(self.told, message)) for message in self.warnings_of(fit)) == 1


def test_lists_of_other_libraries():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    albums = [["a.mp3", "bcd.mp3"], [], None, ["efghi.mp3"]]
    expected = [[6.0], [np.nan], [np.nan], [9.0]]
    for column in (albums, pa.array(albums), pa.table({"audio": albums}), pl.Series(albums)):
        means = MeanOverTracks(FunctionTransformer(lengths)).fit_transform(column)
        assert_array_equal(means, expected)


def test_indicators_of_other_libraries():
    albums = [["a.mp3"], ["bc.mp3", "d.mp3"]]
    Y = pd.DataFrame({"Jazz": [1, 0], "Pop": [1, 1]})
    for convert in OTHER_LIBRARIES:
        mean = MeanOverTracks(LabelsSeen()).fit(albums, convert(Y))
        assert np.asarray(mean.estimator_.y_).tolist() == [[1, 1], [0, 1], [0, 1]]


class LabelsSeen(TransformerMixin, BaseEstimator):
    """Keeps the labels of the tracks."""

    def fit(self, X, y):
        self.y_ = y
        return self

    def transform(self, X):
        return lengths(X)


class Recorder(TransformerMixin, BaseEstimator):
    """Answers tracks as they are and keeps what it was given."""

    __metadata_request__fit = {"groups": True, "validation": True, "sample_weight": True}

    def __init__(self, validation_fraction=0.0, random_state=None):
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X, y=None, groups=None, validation=None, sample_weight=None):
        self.X_, self.y_ = list(X), y
        self.groups_, self.validation_, self.weight_ = groups, validation, sample_weight
        return self

    def transform(self, X):
        self.sizes_ = [*getattr(self, "sizes_", []), len(X)]
        return stack(X)


ALBUMS = [[track(0, 1), track(2, 3)], [], [track(5, 6)], None, [track(1, 1), None, track(4, 0)]]
OWNER = [0, 0, 2, 4, 4]


class TestMeans:
    expected = np.array([[1, 2], [np.nan, np.nan], [5, 6], [np.nan, np.nan], [2.5, 0.5]])

    @pytest.mark.parametrize("container", [list, pd.Series], ids=["list", "Series"])
    def test_known_answer(self, container):
        mean = MeanOverTracks(FunctionTransformer(stack))
        found = mean.fit_transform(container(ALBUMS))
        assert found.dtype == np.float32
        assert_array_equal(found, self.expected)
        assert_array_equal(mean.transform(container(ALBUMS)), self.expected)
        assert_array_equal(clone(mean).fit(ALBUMS).transform(ALBUMS), self.expected)

    def test_cells_of_one_track_and_arrays_of_paths(self, tmp_path):
        lengths = FunctionTransformer(lambda X: stack([[len(x)] for x in X]))
        cells = ["ab", ("a", "abc"), np.array(["abcd", "ab"], dtype=object), ""]
        found = MeanOverTracks(lengths).fit_transform(cells)
        assert_array_equal(found, [[2], [2], [3], [np.nan]])

    def test_a_track_without_vector_is_left_out(self):
        albums = [[track(0, 1), track(np.nan, np.nan)], [track(np.nan, np.nan)]]
        found = MeanOverTracks(FunctionTransformer(stack)).fit_transform(albums)
        assert_array_equal(found, [[0, 1], [np.nan, np.nan]])

    def test_albums_without_a_track(self):
        mean = MeanOverTracks(FunctionTransformer(stack)).fit(ALBUMS)
        assert_array_equal(mean.transform([None, []]), np.full((2, 2), np.nan))
        with pytest.raises(ValueError, match="None of the 2 albums has a track"):
            clone(mean).fit([None, [None, ""]])

    def test_an_empty_column(self):
        with pytest.raises(ValueError, match="empty"):
            MeanOverTracks(FunctionTransformer(stack)).fit([])

    def test_needs_a_transformer(self):
        with pytest.raises(ValueError, match="estimator.*MeanOverTracks"):
            MeanOverTracks("cnn").fit(ALBUMS)

    def test_names_of_features(self):
        mean = MeanOverTracks(
            Pipeline([("stack", FunctionTransformer(stack)), ("scale", StandardScaler())])
        ).fit(ALBUMS)
        assert len(mean.estimator_[-1].mean_) == mean.n_features_out_ == 2


class TestLearning:
    y = np.array(["a", "b", "a", "b", "b"])

    def test_tracks_have_the_labels_of_their_album(self):
        mean = MeanOverTracks(Recorder()).fit(ALBUMS, self.y)
        assert len(mean.estimator_.X_) == 5
        assert_array_equal(mean.estimator_.y_, self.y[OWNER])
        several = pd.DataFrame({"rock": [0, 1, 1, 0, 1], "jazz": [1, 0, 1, 0, 0]})
        mean.fit(ALBUMS, several)
        assert_array_equal(mean.estimator_.y_, several.iloc[OWNER])

    def test_artists_and_weights_of_tracks(self):
        weight = np.arange(1.0, 6.0)
        mean = MeanOverTracks(Recorder()).fit(
            ALBUMS, self.y, groups=pd.Series(list("vwxyz"), index=[9] * 5), sample_weight=weight
        )
        assert_array_equal(mean.estimator_.groups_, list("vvxzz"))
        assert_array_equal(mean.estimator_.weight_, weight[OWNER])

    def test_validation_albums_are_chosen_among_all_albums(self):
        """Those without a track count, as they do in the other modalities."""
        rng = np.random.default_rng(0)
        albums = [[track(1, i)] * int(n) for i, n in enumerate(rng.integers(0, 4, 60))]
        y, artists = rng.integers(0, 2, 60), rng.integers(0, 20, 60)
        mean = MeanOverTracks(Recorder(validation_fraction=0.2, random_state=5))
        mean.fit(albums, y, groups=artists)
        mask = inner_validation_mask(y, groups=artists, validation_fraction=0.2, random_state=5)
        owner = np.repeat(np.arange(60), [len(album) for album in albums])
        assert mask.any()
        assert_array_equal(mean.estimator_.validation_, mask[owner])

    def test_published_marks(self):
        marks = np.array([True, False, False, True, False])
        mean = MeanOverTracks(Recorder(validation_fraction=0.5))
        mean.fit(ALBUMS, self.y, groups=list("abcde"), validation=marks)
        assert_array_equal(mean.estimator_.validation_, marks[OWNER])

    @pytest.mark.filterwarnings("ignore:.*nner validation")
    @pytest.mark.parametrize("fraction", [0, 0.3])
    def test_a_missing_artist_is_one_artist_for_all_tracks_of_the_album(self, fraction):
        """Else cross_fit would put tracks of one album into two folds."""
        mean = MeanOverTracks(Recorder(validation_fraction=fraction))
        mean.fit(ALBUMS, self.y)
        groups = mean.estimator_.groups_
        assert groups[0] == groups[1] and groups[3] == groups[4]
        assert len(set(groups)) == 3
        mean.fit(ALBUMS, self.y, groups=["x", "y", "x", "y", None])
        assert list(mean.estimator_.groups_[:3]) == ["x", "x", "x"]
        assert mean.estimator_.groups_[3] == mean.estimator_.groups_[4]

    def test_nothing_is_handed_to_what_does_not_take_it(self):
        mean = MeanOverTracks(FunctionTransformer(stack))
        mean.fit(ALBUMS, self.y, groups=list("abcde"), sample_weight=np.ones(5))

    @pytest.mark.parametrize("name", ["y", "groups", "validation", "sample_weight"])
    def test_wrong_lengths(self, name):
        arguments = {"y": self.y, "groups": list("abcde")} | {name: self.y[:4] == "a"}
        with pytest.raises(ValueError, match=r"\[5, 4\]|4 rows|shape"):
            MeanOverTracks(Recorder()).fit(ALBUMS, **arguments)


def network(**params):
    sizes = {"width": (4, 4, 4), "max_epochs": 2, "lr": 1e-2, "random_state": 0}
    return AudioCNN(architecture="time", **{**sizes, **params})


def take_patches(positions):
    """Patches seeded by their position: standing in for an extractor."""
    patches = []
    for position in positions:
        patches.append(np.random.default_rng(position).normal(-40, 9, (6, 96)))
    return np.array(patches, dtype=np.float32)


@pytest.fixture(scope="module")
def tracks():
    """60 albums of 0 to 3 tracks with labels and artists."""
    rng = np.random.default_rng(3)
    albums, position = [], 0
    for n in rng.integers(0, 4, 60):
        albums.append(list(range(position, position + int(n))))
        position += int(n)
    return albums, rng.integers(0, 2, 60), rng.integers(0, 20, 60)


def road(**params):
    return MeanOverTracks(
        Pipeline([("take", FunctionTransformer(take_patches)), ("cnn", network(**params))])
    )


class TestNetworks:
    def test_cross_fit_goes_through(self, tracks, monkeypatch):
        albums, y, artists = tracks
        trained = []
        train = NetEstimator._train

        def note(self, plan, *, train_=train, **kwargs):
            trained.append(kwargs["train"])
            return train_(self, plan, **kwargs)

        monkeypatch.setattr(NetEstimator, "_train", note)
        mean = road(cross_fit=3, preset="paper")
        folded = mean.fit_transform(albums, y, groups=artists)
        assert len(trained) == 1 + 3
        owner = np.repeat(np.arange(60), [len(album) for album in albums])
        for rows in trained[1:]:  # no artist on both sides of a fold
            left_out = ~rows & trained[0]
            assert left_out.any()
            assert not set(artists[owner[left_out]]) & set(artists[owner[rows]])
        whole = mean.transform(albums)
        held_out = inner_validation_mask(y, groups=artists, random_state=0)
        assert_array_equal(folded[held_out], whole[held_out])
        assert not np.allclose(folded[~held_out], whole[~held_out], equal_nan=True)
        plain = road(preset="paper").fit(albums, y, groups=artists)
        assert_array_equal(plain.transform(albums), whole)

    def test_by_default_the_folds_are_those_of_albums(self, tracks, monkeypatch):
        """So that tracks are unseen where their albums are, in the other modalities too."""
        albums, y, artists = tracks
        owner = np.repeat(np.arange(60), [len(album) for album in albums])
        plans, make = [], NetClassifier._plan

        def note(self, *args, **kwargs):
            plans.append(make(self, *args, **kwargs))
            return plans[-1]

        monkeypatch.setattr(NetClassifier, "_plan", note)
        # Labels are noise, so a network would have no share in the vectors.
        monkeypatch.setattr(_embedder, "choose_share", lambda *arguments: 0.5)
        mean = road()
        folded = mean.fit_transform(albums, y, groups=artists)
        (plan,) = plans
        assert_array_equal(plan.folds, inner_folds(y, groups=artists)[owner])
        # Vectors of networks that have not seen the album; later of the one of all.
        there = np.isin(np.arange(60), owner)
        assert_array_equal(np.isnan(folded).all(axis=1), ~there)
        assert (folded[there] != mean.transform(albums)[there]).any(axis=1).all()

    def test_chunks_answer_as_the_whole(self, tracks, monkeypatch):
        albums, y, artists = tracks
        mean = road().fit(albums, y, groups=artists)
        whole = mean.transform(albums)
        for size in (1, 2, 7):
            monkeypatch.setattr(module, "_TRACKS_AT_ONCE", size)
            assert_array_equal(mean.transform(albums), whole)

    def test_alone_and_in_any_order(self, tracks):
        albums, y, artists = tracks
        mean = road().fit(albums, y, groups=artists)
        whole = mean.transform(albums)
        order = np.random.default_rng(0).permutation(60)
        assert_array_equal(mean.transform([albums[row] for row in order]), whole[order])
        for row in (0, 7, 31):
            assert_array_equal(mean.transform([albums[row]]), whole[[row]])

    def test_it_is_the_mean_of_what_the_network_says(self, tracks):
        albums, y, artists = tracks
        mean = road().fit(albums, y, groups=artists)
        whole = mean.transform(albums)
        for album, vector in zip(albums, whole, strict=True):
            if album:
                each = mean.estimator_.transform(album)
                assert_allclose(vector, each.mean(axis=0), rtol=1e-5, atol=1e-6)
            else:
                assert np.isnan(vector).all()

    def test_pickle_and_names(self, tracks, tmp_path):
        albums, y, artists = tracks
        mean = road().fit(albums, y, groups=artists)
        joblib.dump(mean, tmp_path / "mean.joblib")
        again = joblib.load(tmp_path / "mean.joblib")
        assert_array_equal(again.transform(albums), mean.transform(albums))
        names = MeanOverTracks(network(validation_fraction=0)).fit(
            [take_patches([0])[0], take_patches([1])[0]] * 4, [0, 1] * 4, groups=list("abcdefgh")
        )
        assert list(names.get_feature_names_out()[:2]) == ["audiocnn0", "audiocnn1"]
        assert len(names.get_feature_names_out()) == names.n_features_out_


def test_transform_holds_few_tracks_at_a_time():
    albums = [[track(i, j) for j in range(3)] for i in range(300)]
    mean = MeanOverTracks(Recorder()).fit(albums)
    mean.estimator_.sizes_ = []
    found = mean.transform(albums)
    assert_array_equal(found, [[i, 1] for i in range(300)])
    sizes = mean.estimator_.sizes_
    assert sum(sizes) == 900 and max(sizes) <= 256 and len(sizes) == 4
    mean.estimator_.sizes_ = []
    mean.transform([None] * 5 + [[track(0, 1)] * 1000] + [track(0, 1)] * 3)
    assert mean.estimator_.sizes_ == [256, 256, 256, 235]  # an album is cut where need be


def flat_patches(tracks):
    """As an extractor and a network do: a patch of 124 kB a track, and few numbers of it."""
    patches = np.zeros((len(tracks), 96, 323), dtype=np.float32)
    return patches[:, :2, 0].copy()


class TestMemory:
    """What transform needs beside its answer is the patches of 256 tracks, 32 MB."""

    bound = 256 * 96 * 323 * 4 + 2_000_000

    @staticmethod
    def transform(albums):
        mean = MeanOverTracks(FunctionTransformer(flat_patches)).fit([[0]])
        tracemalloc.start()
        try:
            found = mean.transform(albums)
            return found, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("n_tracks", [1, 12, 2000], ids="{} an album".format)
    def test_it_does_not_grow_with_the_tracks(self, n_tracks):
        """The patches of 2000 tracks would be 248 MB."""
        found, peak = self.transform([[0] * n_tracks] * (2000 // n_tracks))
        assert (found == 0).all()
        assert self.bound / 2 < peak < self.bound

    def test_albums_without_tracks_cost_nothing(self):
        found, peak = self.transform([None, []] * 1000)
        assert np.isnan(found).all() and peak < 2_000_000


class TestTold:
    """What is shown and warned of, once."""

    @staticmethod
    def warnings_of(mean, *arguments, **metadata):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            # Two epochs are few, and labels are noise.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message=".*not learned to distinguish the classes")
            mean.fit(*arguments, **metadata)
        return [str(warning.message) for warning in told]

    def test_without_artists(self, tracks):
        albums, y, _ = tracks
        (told,) = self.warnings_of(road(), albums, y)
        assert "without regard to artists" in told

    @pytest.mark.parametrize(
        ("preset", "message"),
        [("paper", "no artist can be held out"), ("auto", "60 rows of 2 artists are too few")],
    )
    def test_nothing_to_hold_out(self, tracks, preset, message):
        """The artists are those of the labels; the network stops at the last epoch."""
        albums, y, _ = tracks
        mean = road(preset=preset)
        (told,) = self.warnings_of(mean, albums, y, groups=[f"artist {label}" for label in y])
        assert message in told
        assert mean.estimator_["cnn"].n_iter_ == mean.estimator_["cnn"].best_iter_ == 2
        assert mean.estimator["cnn"].validation_fraction == 0.1  # ours is left alone

    def test_marks_that_mark_nothing(self, tracks):
        albums, y, artists = tracks
        marks = np.zeros(60, dtype=bool)
        given = {"groups": artists, "validation": marks}
        (told,) = self.warnings_of(road(preset="paper"), albums, y, **given)
        assert "`validation` marks no row" in told
        assert not self.warnings_of(road(), albums, y, **given)  # there are folds

    def test_validation_albums_without_a_track(self, tracks):
        albums, y, artists = tracks
        marks = np.arange(60) < 2
        mean = road()
        (told,) = self.warnings_of(
            mean, [None, None, *albums[2:]], y, groups=artists, validation=marks
        )
        assert told.startswith("AudioCNN: none of the albums held out for validation has a track")
        assert mean.estimator_["cnn"].n_iter_ == mean.estimator_["cnn"].best_iter_ == 2

    def mean(self, n_jobs=None):
        extractor = CQTExtractor(**TestBadTracks.extractor, verbose=1, n_jobs=n_jobs)
        steps = [("cqt", extractor), ("flat", FunctionTransformer(flatten))]
        return MeanOverTracks(Pipeline(steps))

    def test_one_bar_over_all_tracks(self, capsys, monkeypatch):
        tone = np.sin(np.arange(6000) / 9).astype(np.float32)
        albums = [[tone, tone], None, [tone] * 3]
        mean = self.mean().fit(albums)
        told = capsys.readouterr().err
        assert told.count("constant-Q") == 1 and "5/5" in told
        whole = mean.transform(albums)
        told = capsys.readouterr().err
        assert told.count("constant-Q") == 1 and "5/5" in told
        monkeypatch.setattr(module, "_TRACKS_AT_ONCE", 2)
        assert_array_equal(mean.transform(albums), whole)
        told = capsys.readouterr().err
        assert "constant-Q" not in told
        assert told.count("Tracks") == 1 and "5/5" in told
        assert mean.estimator_["cqt"].verbose == 1

    def test_no_bar_unless_asked_for(self, capsys, monkeypatch):
        monkeypatch.setattr(module, "_TRACKS_AT_ONCE", 1)
        MeanOverTracks(FunctionTransformer(stack)).fit(ALBUMS).transform(ALBUMS)
        assert not capsys.readouterr().err


class TestCosine:
    """Factors are of albums, as in the other modalities, not of their tracks."""

    @pytest.fixture
    def labels(self):
        Y = np.random.default_rng(1).random((60, 5)) < 0.4
        Y[:, 4] = Y[:, 0] & Y[:, 1]
        return pd.DataFrame(Y.astype(int), columns=list("abcde"))

    @pytest.mark.parametrize("form", [pd.DataFrame, np.asarray, csr_array, coo_matrix])
    def test_factors_of_albums(self, tracks, labels, form):
        albums, _, artists = tracks
        mean = road(target="cosine", label_factorizer=PPMILabelFactorizer(n_components=3))
        mean.fit(albums, form(labels), groups=artists)
        found = mean.estimator_["cnn"].label_factorizer_
        expected = PPMILabelFactorizer(n_components=3).fit(labels)
        assert_array_equal(found.label_factors_, expected.label_factors_)
        assert isinstance(mean.estimator["cnn"].label_factorizer, PPMILabelFactorizer)

    def test_a_label_that_nobody_has_is_told_of_once(self, tracks, labels):
        albums, _, artists = tracks
        mean = road(target="cosine")
        told = TestTold.warnings_of(mean, albums, labels.assign(f=0), groups=artists)
        assert len(told) == 1 and "'f'" in told[0]

    def test_one_genre_a_row(self, tracks):
        albums, y, artists = tracks
        with pytest.raises(ValueError, match="cosine"):
            road(target="cosine").fit(albums, y, groups=artists)


class Wrapper(TransformerMixin, BaseEstimator):
    """Hands everything to the estimator that it wraps."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y=None, **metadata):
        routed = process_routing(self, "fit", **metadata).estimator.fit
        self.estimator_ = clone(self.estimator).fit(X, y, **routed)
        return self

    def transform(self, X):
        return self.estimator_.transform(X)

    def get_metadata_routing(self):
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(self).add(estimator=self.estimator, method_mapping=mapping)


NESTS = {
    "Pipeline": lambda inner: Pipeline([("inner", inner)]),
    "FeatureUnion": lambda inner: FeatureUnion([("inner", inner)]),
    "wrapper": Wrapper,
}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
class TestNested:
    """Networks and extractors are found however deep they are in the transformer of tracks."""

    @staticmethod
    def nested(nest, **params):
        return MeanOverTracks(nest(road(**params).estimator))

    def test_factors_of_albums(self, tracks, nest):
        albums, _, artists = tracks
        Y = (np.random.default_rng(1).random((60, 5)) < 0.4).astype(int)
        factorizer = PPMILabelFactorizer(n_components=3)
        mean = self.nested(nest, target="cosine", label_factorizer=factorizer)
        mean.fit(albums, Y, groups=artists)
        (found,) = find_steps(mean, AudioCNN).values()
        expected = clone(factorizer).fit(Y)
        assert_array_equal(found.label_factorizer_.label_factors_, expected.label_factors_)
        (ours,) = find_steps(mean, AudioCNN, fitted=False).values()
        assert ours.label_factorizer is factorizer

    def test_validation_albums_are_those_that_the_network_asks_for(self, tracks, nest, monkeypatch):
        albums, y, artists = tracks
        plans = []
        learn = NetEstimator._learn

        def note(self, plan, n_outputs):
            plans.append(plan)
            return learn(self, plan, n_outputs)

        monkeypatch.setattr(NetEstimator, "_learn", note)
        mean = self.nested(nest, validation_fraction=0.3, random_state=5, preset="paper")
        told = TestTold.warnings_of(mean, albums, y)
        assert len(told) == 1 and "without regard to artists" in told[0]
        with pytest.warns(UserWarning, match="without regard to artists"):
            mask = inner_validation_mask(y, validation_fraction=0.3, random_state=5)
        owner = np.repeat(np.arange(60), [len(album) for album in albums])
        (plan,) = plans
        assert_array_equal(plan.held_out, mask[owner])

    def test_errors(self, nest):
        mean = MeanOverTracks(nest(TestBadTracks().mean(on_error="missing").estimator))
        tone = np.sin(np.arange(6000) / 9).astype(np.float32)
        albums = [tone, [tone, "gone.wav"]]
        for call in (mean.fit, mean.transform, mean.fit_transform):
            call(albums)
            errors = mean.errors_
            assert errors[["row", "track", "item"]].to_numpy().tolist() == [[1, 1, "'gone.wav'"]]

    def test_one_bar_over_all_tracks(self, nest, capsys, monkeypatch):
        tone = np.sin(np.arange(6000) / 9).astype(np.float32)
        mean = MeanOverTracks(nest(TestTold().mean().estimator)).fit([tone])
        monkeypatch.setattr(module, "_TRACKS_AT_ONCE", 2)
        capsys.readouterr()
        mean.transform([[tone, tone], None, [tone] * 3])
        told = capsys.readouterr().err
        assert "constant-Q" not in told and told.count("Tracks") == 1
        (extractor,) = find_steps(mean, CQTExtractor).values()
        assert extractor.verbose == 1


def test_a_frozen_network_stays_as_it_is(tracks):
    albums, y, artists = tracks
    patches = take_patches(range(20))
    Y = (np.random.default_rng(1).random((60, 3)) < 0.5).astype(int)
    cnn = network(target="cosine").fit(patches, Y[:20], groups=artists[:20])
    before = cnn.get_params()
    steps = [("take", FunctionTransformer(take_patches)), ("cnn", FrozenEstimator(cnn))]
    mean = MeanOverTracks(Pipeline(steps)).fit(albums, Y, groups=artists)
    assert cnn.get_params() == before
    assert mean.transform(albums[:3]).shape == (3, mean.n_features_out_)


@pytest.mark.parametrize("several", [False, True])
def test_an_extractor_that_learns_nothing(several):
    """Its vectors are those of tracks alone; no album is held out, whatever is marked."""
    rng = np.random.default_rng(0)
    sounds = [0.1 * rng.normal(size=SR) for _ in range(12)]
    albums = [sounds[0:2], sounds[2], None, sounds[3:6], sounds[6:7], [sounds[7], None]]
    y = np.eye(2, dtype=int)[[0, 1] * 3] if several else ["Jazz", "Rock"] * 3
    metadata = {"groups": list("aabbcd"), "validation": np.arange(6) == 2}  # it has no track
    of_tracks = AudioStatistics().transform(sounds)
    expected = [of_tracks[rows].mean(axis=0) for rows in ([0, 1], [2], [3, 4, 5], [6], [7])]
    expected.insert(2, np.full(184, np.nan))
    mean = MeanOverTracks(AudioStatistics())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mean.fit_transform(albums, y, **metadata)
        again = MeanOverTracks(AudioStatistics()).fit(albums, y, **metadata).transform(albums)
    assert_allclose(found, expected, rtol=1e-5)
    assert_array_equal(again, found)
    assert mean.get_feature_names_out()[0] == "mean_mfcc_0"


class TestBadTracks:
    extractor = {"duration": 0.2, "hop_length": 256, "n_bins": 6, "fmin": 440.0}

    @pytest.fixture
    def albums(self, tmp_path):
        empty = tmp_path / "empty.wav"
        empty.write_bytes(b"")
        tone = np.sin(np.arange(6000) / 9).astype(np.float32)
        return [tone, [tone, tone], [None, tone, str(empty)], None, [str(tmp_path / "gone.wav")]]

    def mean(self, **params):
        return MeanOverTracks(
            Pipeline(
                [
                    ("cqt", CQTExtractor(**self.extractor, **params)),
                    ("flat", FunctionTransformer(flatten)),
                ]
            )
        )

    def test_raise_names_album_and_track(self, albums):
        mean = self.mean().fit(albums[:2])
        for call in (mean.transform, self.mean().fit, self.mean().fit_transform):
            with pytest.raises(ValueError, match=r"Row 2, track 2: .*empty\.wav.*empty.*Get"):
                call(albums)

    def test_a_chunk_later(self, albums, monkeypatch):
        monkeypatch.setattr(module, "_TRACKS_AT_ONCE", 1)
        mean = self.mean().fit(albums[:2])
        with pytest.raises(ValueError, match=r"Row 2, track 2: "):
            mean.transform(albums)

    @pytest.mark.parametrize("method", ["transform", "fit", "fit_transform"])
    def test_missing_lists_album_and_track(self, albums, method, monkeypatch):
        mean = self.mean(on_error="missing")
        if method == "transform":
            monkeypatch.setattr(module, "_TRACKS_AT_ONCE", 1)
            mean.fit(albums[:1])
            assert mean.errors_.empty
        found = getattr(mean, method)(albums)
        errors = mean.errors_
        assert list(errors.columns) == ["row", "track", "item", "reason", "remedy"]
        assert errors["row"].tolist() == [2, 4]
        assert errors["track"].tolist() == [2, 0]
        assert "empty.wav" in errors["item"][0] and "empty" in errors["reason"][0]
        assert "no such file" in errors["reason"][1]
        if method != "fit":
            assert_array_equal(np.isnan(found).all(axis=1), [False, False, False, True, True])
            assert_allclose(found[2], found[0], rtol=1e-6)
        assert not {"_errors", "errors_"} & set(mean.__getstate__())


def flatten(patches):
    return patches.reshape(len(patches), -1)


def test_what_is_no_network_of_ours_is_left_alone(recwarn):
    """Of others' estimators `validation_fraction` is another thing."""
    select = SelectFromModel(SGDClassifier(early_stopping=True, random_state=0), threshold=-1)
    albums = [[float(i), float(i % 2)] for i in range(40)]
    road = Pipeline([("row", FunctionTransformer(_as_rows)), ("select", select)])
    y, artists = ["Jazz", "Rock"] * 20, np.arange(40) // 2
    vectors = MeanOverTracks(road).fit(albums, y, groups=artists).transform(albums)
    assert vectors.shape == (40, 1)
    assert select.estimator.validation_fraction == 0.1
    assert not [w for w in recwarn if "inner validation" in str(w.message).lower()]


def _as_rows(tracks):
    return np.array(tracks, dtype=float)[:, np.newaxis]


def test_tracks_with_nothing_to_hear_are_named_and_left_out_of_the_mean():
    rng = np.random.default_rng(0)
    sounds = [0.1 * rng.standard_normal(3 * 22050) for _ in range(8)]
    silence = np.zeros(3 * 22050)
    network = AudioCNN(
        architecture="time", width=(4, 4, 4), max_epochs=1, validation_fraction=0, random_state=0
    )
    tracks = Pipeline([("cqt", CQTExtractor(duration=5.0)), ("cnn", network)])
    model = MeanOverTracks(tracks).fit(sounds, np.arange(8) % 2)
    vectors = model.transform([[sounds[0]], [sounds[0], silence], [silence, silence]])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.isnan(vectors[2]).all()
    errors = model.errors_
    assert errors[["row", "track"]].to_numpy().tolist() == [[1, 1], [2, 0], [2, 1]]
    assert errors["item"].str.len().all() and errors["reason"].str.match("nothing to hear").all()
