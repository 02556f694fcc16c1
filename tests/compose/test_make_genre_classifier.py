"""make_genre_classifier: the steps of the design, and where its parameters go."""

import re
import shutil
from copy import deepcopy
from functools import cache

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV, GroupKFold

import skmmgenre
from skmmgenre.audio import AudioCNN, AudioStatistics, CQTExtractor
from skmmgenre.compose import GenrePipeline, MeanOverTracks, ReadyVectors, make_genre_classifier
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import (
    EntityEnricher,
    GazetteerLinker,
    Mention,
    ReviewTruncator,
    ReviewVectorizer,
    TextMLP,
)
from skmmgenre.utils import SetupError


def branches(model):
    return {name: (branch, column) for name, branch, column in model[0].transformers}


def kinds(steps):
    return [(name, type(step)) for name, step in steps]


def test_steps_and_columns():
    model = make_genre_classifier("path", "review", "front", joint_space=True)
    assert type(model) is GenrePipeline
    assert [name for name, _ in model.steps] == ["modalities", "joint", "fusion"]
    assert isinstance(model["joint"], JointSpaceProjector) and model["joint"].passthrough
    assert isinstance(model["fusion"], FusionClassifier)
    parts = branches(model)
    assert list(parts) == ["audio", "text", "image"]
    assert [column for _, column in parts.values()] == ["path", "review", "front"]
    audio, text, image = (branch for branch, _ in parts.values())
    assert isinstance(audio, MeanOverTracks)
    assert kinds(audio.estimator.steps) == [("cqt", CQTExtractor), ("cnn", AudioCNN)]
    assert kinds(text.steps) == [
        ("truncate", ReviewTruncator),
        ("tfidf", ReviewVectorizer),
        ("mlp", TextMLP),
    ]
    assert isinstance(image, ResNetEmbedder)


def test_without_the_joint_space():
    assert [name for name, _ in make_genre_classifier().steps] == ["modalities", "fusion"]
    columns = [column for _, column in branches(make_genre_classifier()).values()]
    assert columns == ["audio", "text", "cover"]


def test_defaults_are_those_of_the_estimators():
    parts = branches(make_genre_classifier())
    assert parts["image"][0].get_params() == ResNetEmbedder().get_params()
    assert parts["audio"][0].estimator["cnn"].get_params() == AudioCNN().get_params()
    assert parts["text"][0]["mlp"].get_params() == TextMLP().get_params()


@pytest.mark.parametrize("params", [{}, {"preset": "paper"}, {"decision": "top1"}], ids=str)
def test_preset_and_decision_reach_every_step(params):
    model = make_genre_classifier(joint_space=True, **params)
    expected = {"preset": "auto", "decision": "auto"} | params
    for parameter, value in expected.items():
        found = {
            name: getattr(network, parameter)
            for name, network in networks(model).items()
            if parameter in network.get_params()
        }
        assert {"audio", "text", "image", "fusion"} <= set(found)
        assert set(found.values()) == {value}


@pytest.mark.parametrize("off", ["audio", "text", "image"])
def test_none_switches_a_modality_off(off):
    model = make_genre_classifier(**{off: None})
    assert list(branches(model)) == [name for name in ("audio", "text", "image") if name != off]


def test_no_modality_at_all():
    with pytest.raises(ValueError, match="All modalities are None; pass the column"):
        make_genre_classifier(audio=None, text=None, image=None)


@pytest.mark.parametrize("off", ["audio", "image"])
def test_the_joint_space_needs_its_two(off):
    with pytest.raises(ValueError, match="joint_space=True needs both audio and image"):
        make_genre_classifier(joint_space=True, **{off: None})


class SaxLinker(BaseEstimator):
    """Every saxophone is an entity."""

    def __init__(self, category="Reed instruments"):
        self.category = category

    def link(self, text):
        found = re.finditer("saxophone", text)
        return [Mention(*m.span(), m[0], "Saxophone", 1.0, (self.category,)) for m in found]


def test_a_linker_adds_a_step():
    linker = SaxLinker()
    text, _ = branches(make_genre_classifier(linker=linker, n_jobs=2, text__cache="file"))["text"]
    assert kinds(text.steps) == [
        ("truncate", ReviewTruncator),
        ("enrich", EntityEnricher),
        ("tfidf", ReviewVectorizer),
        ("mlp", TextMLP),
    ]
    assert text["enrich"].linker is linker
    assert (text["enrich"].n_jobs, text["enrich"].cache) == (2, "file")
    model = make_genre_classifier(linker=linker, text__min_confidence=0.5)
    twin = clone(model)
    name = "modalities__text__enrich"
    assert twin.get_params()[f"{name}__min_confidence"] == 0.5
    twin.set_params(**{f"{name}__linker__category": "Saxes"})
    assert model.get_params()[f"{name}__linker__category"] == "Reed instruments"


def test_a_linker_needs_texts():
    with pytest.raises(ValueError, match="linker requires texts: pass their column"):
        make_genre_classifier(text=None, linker=SaxLinker())


def test_a_knowledge_base_is_no_linker():
    with pytest.raises(ValueError, match=r"did you mean GazetteerLinker\('my.kb'\)"):
        make_genre_classifier(linker="my.kb")


def test_categories_reach_the_network(albums, paper_model):
    model = paper_model(audio=None, image=None, linker=SaxLinker())
    model.fit(albums.table, albums.y, groups=albums.groups)
    text = model["modalities"].named_transformers_["text"]
    assert "cat_reed_instruments" in text["tfidf"].vocabulary_
    assert model.predict(albums.table).shape == (40,)


class Untouched(BaseEstimator, TransformerMixin):
    """Stands where hours of work would be."""

    def fit(self, X, y=None):
        raise AssertionError("fitted before the set-up was checked")


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_the_linker_is_checked_before_anything_is_fitted(albums, method):
    model = make_genre_classifier(linker=GazetteerLinker("no/where.kb"))
    model.set_params(modalities__audio__estimator__cqt=Untouched(), modalities__image=Untouched())
    model.set_params(fusion="passthrough")
    with pytest.raises(SetupError, match="knowledge base 'no/where.kb' does not exist"):
        getattr(model, method)(albums.table, albums.y)
    deep = GenrePipeline([("first", Untouched()), ("mean", MeanOverTracks(model[:1]))])
    with pytest.raises(SetupError, match="knowledge base 'no/where.kb' does not exist"):
        getattr(deep, method)(albums.table, albums.y)


def test_a_knowledge_base_that_was_moved(albums, paper_model, tmp_path):
    before, after = tmp_path / "before.kb", tmp_path / "after.kb"
    shutil.copy(albums.knowledge_base, before)
    model = paper_model(audio=None, image=None, linker=GazetteerLinker(str(before)))
    model.fit(albums.table, albums.y, groups=albums.groups)
    expected = model.predict_proba(albums.table)
    joblib.dump(model, tmp_path / "model")
    before.rename(after)
    model = joblib.load(tmp_path / "model")
    with pytest.raises(
        SetupError, match="knowledge base .* does not exist.* In a fitted model, change"
    ) as caught:
        model.predict_proba(albums.table)
    place = re.search(r"step: model(\S+)\.linker\.set_params", str(caught.value))[1]
    assert place == '["modalities"].named_transformers_["text"]["enrich"]'
    text = model["modalities"].named_transformers_["text"]
    text["enrich"].linker.set_params(kb=str(after))
    np.testing.assert_array_equal(model.predict_proba(albums.table), expected)


def networks(model):
    parts = branches(model)
    return {
        "audio": parts["audio"][0].estimator["cnn"],
        "text": parts["text"][0]["mlp"],
        "image": parts["image"][0],
        "joint": model["joint"],
        "fusion": model["fusion"],
    }


def test_bare_names_go_to_all_that_have_them():
    model = make_genre_classifier(
        joint_space=True, random_state=3, n_jobs=2, target="softmax", verbose=1, max_epochs=7
    )
    for name, network in networks(model).items():
        assert network.random_state == 3 and network.verbose == 1, name
        assert network.max_epochs == 7
        if name != "joint":
            assert network.target == "softmax"
    cqt = branches(model)["audio"][0].estimator["cqt"]
    assert (cqt.random_state, cqt.n_jobs, cqt.verbose) == (3, 2, 1)
    assert networks(model)["image"].n_jobs == 2


def test_names_with_a_modality():
    model = make_genre_classifier(
        joint_space=True,
        audio__lr=0.1,
        text__lr=0.2,
        image__lr=0.3,
        joint__lr=0.4,
        fusion__lr=0.5,
        fusion__dropout=0.25,
        audio__duration=30.0,
        text__max_chars=900,
        text__max_features=50,
    )
    rates = {name: network.lr for name, network in networks(model).items()}
    assert rates == {"audio": 0.1, "text": 0.2, "image": 0.3, "joint": 0.4, "fusion": 0.5}
    assert model["fusion"].dropout == 0.25
    parts = branches(model)
    assert parts["audio"][0].estimator["cqt"].duration == 30
    assert parts["text"][0]["truncate"].max_chars == 900
    assert parts["text"][0]["tfidf"].max_features == 50


@pytest.mark.parametrize("reverse", [False, True])
def test_a_name_with_its_modality_has_the_last_word(reverse):
    params = [("lr", 1.0), ("text__lr", 2.0)]
    model = make_genre_classifier(joint_space=True, **dict(params[::-1] if reverse else params))
    rates = {name: network.lr for name, network in networks(model).items()}
    assert rates == {"audio": 1, "text": 2, "image": 1, "joint": 1, "fusion": 1}


def test_the_network_comes_before_the_steps_in_front_of_it():
    """`audio__random_state` is the network's: the extractor keeps its own."""
    audio = branches(make_genre_classifier(audio__random_state=5))["audio"][0].estimator
    assert audio["cnn"].random_state == 5
    assert audio["cqt"].random_state is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"audio__epochs": 3}, "'audio__epochs'.*no step has.*'epochs'.*'audio__max_epochs'"),
        ({"epochs": 3}, "'epochs'.*'max_epochs'"),
        ({"sound__lr": 3}, r"no part 'sound'.*\['audio', 'text', 'image', 'fusion'\]"),
        ({"joint__lr": 3}, "no part 'joint'"),
        ({"image": None, "image__lr": 3}, "no part 'image'"),
        ({"audio__cnn__lr": 3}, "no part 'audio__cnn'"),
    ],
    ids=str,
)
def test_unknown_parameters_name_the_known_ones(params, message):
    with pytest.raises(TypeError, match=message):
        make_genre_classifier(**params)


def test_every_call_makes_new_estimators():
    first, second = (
        networks(make_genre_classifier(joint_space=True)),
        networks(make_genre_classifier(joint_space=True)),
    )
    assert not any(first[name] is second[name] for name in first)


def test_columns_of_the_table_are_those_named(albums, paper_model):
    table = albums.table.rename(columns={"text": "review", "cover": "front"})
    table["text"] = "not this one"
    model = paper_model(audio=None, text="review", image="front")
    ours = model.fit(table, albums.y, groups=albums.groups).predict_proba(table)
    theirs = paper_model(audio=None).fit(albums.table, albums.y, groups=albums.groups)
    assert (ours == theirs.predict_proba(albums.table)).all()


def test_several_genres_at_once(albums, small_model):
    model = small_model(audio=None, target="auto").fit(albums.table, albums.Y, groups=albums.groups)
    assert list(model.classes_) == list(albums.Y.columns)
    assert model.predict_proba(albums.table).shape == albums.Y.shape
    assert set(model.predict(albums.table).ravel()) <= {0, 1}


class TestDecision:
    """Which of several genres `predict` names."""

    @pytest.fixture(scope="class")
    @staticmethod
    def table(albums):
        """Every fifth album has no review, the only modality."""
        table = albums.table.copy()
        table["text"] = [None if i % 5 == 0 else text for i, text in enumerate(table["text"])]
        return table

    @pytest.fixture(scope="class")
    @staticmethod
    def fit(albums, table, small_model):
        """A function that fits a model, one of several genres unless `single` is true."""

        @cache
        def fit(single=False, **params):
            model = small_model(audio=None, image=None, **params)
            y = albums.y if single else albums.Y
            return model.fit(table, y, groups=albums.groups)

        return fit

    nothing = np.arange(40) % 5 == 0

    def test_tuned_names_a_label_for_every_row_with_a_review(self, fit, table):
        model = fit()
        fusion = model["fusion"]
        labels, scores = model.predict(table), model.decision_function(table)
        passed = scores > fusion.thresholds_
        assert len(np.unique(fusion.thresholds_)) > 1
        assert labels[~self.nothing].any(axis=1).all()
        # Nothing but what passes its threshold, and the nearest label where none does.
        some = passed.any(axis=1)
        np.testing.assert_array_equal(labels[some], passed[some])
        rest = ~some & ~self.nothing
        nearest = (scores - fusion.thresholds_)[rest].argmax(axis=1)
        np.testing.assert_array_equal(labels[rest].argmax(axis=1), nearest)
        assert (labels[rest].sum(axis=1) == 1).all()

    def test_a_row_without_a_modality_gets_what_passes_its_threshold(self, fit, table):
        model = deepcopy(fit())
        fusion = model["fusion"]
        prior = model.decision_function(table)[0]
        np.testing.assert_array_equal(model.predict(table)[0], prior > fusion.thresholds_)
        high = np.full_like(fusion.thresholds_, 100.0)
        fusion.target_.thresholds_ = high  # which no score passes
        found = model.predict(table)
        assert not found[self.nothing].any()
        assert (found[~self.nothing].sum(axis=1) == 1).all()
        low = high.copy()
        low[1] = -100.0  # which all pass
        fusion.target_.thresholds_ = low
        assert (model.predict(table)[self.nothing] == np.eye(len(low), dtype=int)[1]).all()

    def test_top1_names_one_label_for_every_row_with_a_review(self, fit, table):
        model = fit(decision="top1")
        labels, scores = model.predict(table), model.decision_function(table)
        best = np.eye(labels.shape[1], dtype=int)[scores.argmax(axis=1)]
        np.testing.assert_array_equal(labels[~self.nothing], best[~self.nothing])
        assert not labels[self.nothing].any()

    @pytest.mark.parametrize("decision", [pytest.param(0.5, marks=pytest.mark.slow), 0.2])
    def test_a_number_is_a_probability(self, fit, table, decision):
        model = fit(decision=decision)
        above = model.predict_proba(table) > decision
        np.testing.assert_array_equal(model.predict(table), above)

    def test_of_a_cosine_model_a_number_is_a_similarity(self, fit, table):
        model = fit(decision=0.3, target="cosine")
        above = model.decision_function(table) > 0.3
        np.testing.assert_array_equal(model.predict(table), above)

    def test_thresholds_do_not_touch_the_scores(self, fit, table):
        tuned, top1 = fit(), fit(decision="top1")
        np.testing.assert_array_equal(tuned.predict_proba(table), top1.predict_proba(table))

    @pytest.mark.parametrize("decision", ["tuned", "top1"])
    def test_the_paper(self, fit, table, decision):
        """A half, whatever that names, unless something else is asked for."""
        model = fit(preset="paper", decision=decision)
        labels, probabilities = model.predict(table), model.predict_proba(table)
        if decision == "tuned":
            assert model["fusion"].thresholds_ is None
            np.testing.assert_array_equal(labels, probabilities > 0.5)
        else:
            assert (labels[~self.nothing].sum(axis=1) == 1).all()

    def test_the_paper_with_cosine(self, fit, table):
        model = fit(preset="paper", target="cosine")
        above = model.decision_function(table) >= model["fusion"].threshold_
        np.testing.assert_array_equal(model.predict(table), above)

    def test_one_genre_is_the_likeliest_whatever_is_asked_for(self, fit, table):
        for decision in ("top1", 0.9):
            model = fit(single=True, decision=decision)
            likeliest = model.classes_[model.predict_proba(table).argmax(axis=1)]
            np.testing.assert_array_equal(model.predict(table), likeliest)

    @pytest.mark.parametrize("decision", ["best", 2, None])
    def test_other_values_are_refused(self, fit, decision):
        with pytest.raises(ValueError, match="decision"):
            fit(decision=decision)


class TestEncoders:
    """Ready vectors and encoders that were trained before, in place of networks."""

    @pytest.fixture(scope="class")
    @staticmethod
    def table(albums):
        """Ready vectors that tell the genre in part; a fifth of the rows lack some."""
        table, rng = albums.table.copy(), np.random.default_rng(0)
        centres = dict(zip(sorted(set(albums.y)), rng.normal(size=(3, 6)), strict=True))
        for k, column in enumerate(["audio", "text", "cover"]):
            cells = [centres[genre] + rng.normal(size=6) for genre in albums.y]
            table[column] = [None if row % 5 == k else cell for row, cell in enumerate(cells)]
        return table

    ready = dict.fromkeys(["audio_model", "text_model", "image_model"], "vectors")

    def test_columns_of_ready_vectors(self, albums, table, tmp_path):
        model = make_genre_classifier(**self.ready, on_error="missing", random_state=0)
        parts = branches(model)
        assert all(type(branch) is ReadyVectors for branch, _ in parts.values())
        assert all(branch.on_error == "missing" for branch, _ in parts.values())
        assert [column for _, column in parts.values()] == ["audio", "text", "cover"]
        clone(model)
        model.set_params(fusion__C=1.0)
        model.fit(table, albums.y, groups=albums.groups)
        assert model.score(table, albums.y) > 0.7
        broken = table.copy()
        broken.at[7, "text"] = np.zeros(5)
        model.predict_proba(broken)
        assert model.errors_[["modality", "row"]].values.tolist() == [["text", 7]]
        skmmgenre.save(model, tmp_path / "m.skmmgenre")
        again = skmmgenre.load(tmp_path / "m.skmmgenre")
        np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))

    def test_beside_networks_and_the_joint_space(self, albums, table, small_model):
        table = table.assign(text=albums.table["text"])
        vectors = {"audio_model": "vectors", "image_model": "vectors"}
        model = make_genre_classifier(
            **vectors, joint_space=True, text__hidden_units=(4,), max_epochs=2, preset="paper"
        )
        assert model["modalities"].transformers[1][1]["mlp"].hidden_units == (4,)
        model.fit(table, albums.y, groups=albums.groups)
        assert model.predict(table).shape == (40,)

    def test_a_search_over_branches(self, albums, table):
        """A frozen encoder of lists of paths, and vectors; each is fitted on the folds."""
        table = table.assign(ready=table["audio"], audio=albums.table["audio"])
        model = make_genre_classifier(image=None, text=None, audio_model="vectors", fusion__C=1.0)
        parts = [("audio", "drop", "audio"), ("ready", ReadyVectors(), "ready")]
        model.set_params(modalities__transformers=parts)
        statistics = MeanOverTracks(AudioStatistics(duration=1.0))
        grid = {"modalities__audio": [statistics, "drop"]}
        folds = GroupKFold(2).split(table, groups=albums.groups)
        search = GridSearchCV(model, grid, cv=list(folds)).fit(table, albums.y)
        assert len(search.cv_results_["params"]) == 2
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.best_estimator_.predict(table).shape == (40,)

    @pytest.mark.parametrize(
        ("room", "name", "modality", "models"),
        [
            ("audio", "AudioEmbedder", "audio", ["musicnn", "musicnn-mtt", "owner/name", len]),
            ("text", "TextEmbedder", "text", ["owner/name", len]),
            ("image", "ImageEmbedder", "image", ["owner/name", len]),
        ],
    )
    def test_encoders_by_name(self, room, name, modality, models):
        if not hasattr(getattr(skmmgenre, room), name):
            pytest.skip(f"{name} is not there yet")
        for encoder in models:
            params = {f"{modality}_model": encoder, f"{modality}__cache": "file"}
            model = make_genre_classifier(**params, on_error="missing")
            branch, _ = branches(clone(model))[modality]
            if modality == "audio":
                assert type(branch) is MeanOverTracks
                branch = branch.estimator
            if modality == "text":
                assert [step for step, _ in branch.steps] == ["truncate", "encoder"]
                branch = branch["encoder"]
            assert type(branch).__name__ == name
            assert (branch.model, branch.cache, branch.on_error) == (encoder, "file", "missing")

    @pytest.mark.parametrize("modality", ["audio", "text", "image"])
    @pytest.mark.parametrize("model", [None, "", 3, AudioStatistics()], ids=repr)
    def test_what_is_no_encoder(self, modality, model):
        with pytest.raises(TypeError, match=f"{modality}_model must be .* pass {modality}=None"):
            make_genre_classifier(**{f"{modality}_model": model})

    def test_a_linker_needs_the_network_of_words(self):
        with pytest.raises(ValueError, match='linker requires text_model="mlp"'):
            make_genre_classifier(linker=SaxLinker(), text_model="vectors")
