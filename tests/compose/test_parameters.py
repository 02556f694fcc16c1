"""Parameters of a fitted model by short names: what is set, in which copies, what is refused."""

import io

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmmgenre
from skmmgenre._model_types import estimator_types
from skmmgenre.audio import CQTExtractor
from skmmgenre.compose import GenrePipeline, MeanOverTracks, make_genre_classifier
from skmmgenre.compose._parameters import RUNTIME, find_runtime_parameter, set_runtime_params
from skmmgenre.model_selection import LabelThresholds
from skmmgenre.text import (
    BabelfyLinker,
    EntityEnricher,
    GazetteerLinker,
    ReviewTruncator,
    TextMLP,
    VotingLinker,
)
from skmmgenre.utils import estimators_in


@pytest.fixture(scope="module")
def stored(fitted):
    """A function that gives a copy of the fitted pipeline of three modalities."""
    stream = io.BytesIO()
    skmmgenre.save(fitted, stream)

    def load(params=None):
        stream.seek(0)
        return skmmgenre.load(stream, params=params)

    return load


def values(model, parameter):
    """Of the networks and transformers, by class; of each there are one or two copies."""
    found = {}
    for step in estimators_in(model):
        name = type(step).__name__
        if name not in ("GenrePipeline", "Pipeline", "ColumnTransformer"):
            params = step.get_params(deep=False)
            if parameter in params:
                found.setdefault(name, set()).add(params[parameter])
    return {name: next(iter(each)) if len(each) == 1 else each for name, each in found.items()}


NETWORKS = {"AudioCNN", "TextMLP", "ResNetEmbedder", "FusionClassifier"}
WITH_ON_ERROR = {"CQTExtractor", "ReviewTruncator", "ResNetEmbedder"}
EVERYWHERE = {
    "device": ("cpu", NETWORKS),
    "n_jobs": (2, WITH_ON_ERROR),
    "batch_size": (7, NETWORKS),
    "precision": ("float32", NETWORKS),
    "on_error": ("missing", WITH_ON_ERROR),
    "cache": ("kept", {"CQTExtractor"}),
    "verbose": (2, NETWORKS | WITH_ON_ERROR),
}


def test_the_list_is_tested():
    of_linkers = {"timeout", "max_retries", "backoff", "keep_mentions"}
    assert set(RUNTIME) == EVERYWHERE.keys() | of_linkers
    classes = [c for name, c in estimator_types().items() if name.startswith("skmmgenre.")]
    names = {n for c in classes if hasattr(c, "_get_param_names") for n in c._get_param_names()}
    assert set(RUNTIME) <= names


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("way", ["load", "set_params"])
def test_a_bare_name_reaches_all_copies(stored, name, way):
    value, classes = EVERYWHERE[name]
    if way == "load":
        model = stored({name: value})
    elif name == "verbose":
        return  # the pipeline's own, see below
    else:
        model = stored().set_params(**{name: value})
    found = values(model, name)
    assert {step for step, each in found.items() if each == value} == classes
    front = model["modalities"]
    for branches in (front.transformers, front.transformers_):
        audio = branches[0][1]
        for sound in (audio.estimator, getattr(audio, "estimator_", audio.estimator)):
            for step in sound.named_steps.values():
                if name in step.get_params():
                    assert getattr(step, name) == value


@pytest.mark.slow
def test_answers_stay_the_same_bits(stored, albums, probabilities, tmp_path):
    params = {"device": "cpu", "n_jobs": 2, "on_error": "missing", "verbose": 0}
    params["cache"] = tmp_path / "kept.sqlite"
    model = stored(params)
    table = albums.table.copy()
    np.testing.assert_array_equal(model.predict_proba(table), probabilities)
    assert (tmp_path / "kept.sqlite").exists()
    table.loc[3, "cover"] = str(tmp_path / "gone.png")
    table.at[5, "audio"] = str(tmp_path / "gone.wav")
    found = model.predict_proba(table)
    others = np.setdiff1d(np.arange(len(table)), [3, 5])
    np.testing.assert_array_equal(found[others], probabilities[others])
    assert model.errors_[["modality", "row"]].to_numpy().tolist() == [["audio", 5], ["image", 3]]
    model.set_params(on_error="raise", n_jobs=None)
    with pytest.raises(ValueError, match="gone"):
        model.predict_proba(table)


def test_a_part_and_a_class(stored):
    model = stored({"audio__n_jobs": 2, "ReviewTruncator.n_jobs": 3})
    assert values(model, "n_jobs") == {
        "CQTExtractor": 2,
        "ReviewTruncator": 3,
        "ResNetEmbedder": None,
    }
    model.set_params(audio__batch_size=5, modalities__text__mlp__batch_size=6)
    sizes = values(model, "batch_size")
    assert (sizes["AudioCNN"], sizes["TextMLP"], sizes["FusionClassifier"]) == (5, 6, 32)


def test_the_more_exact_name_has_the_last_word(stored):
    params = {"modalities__text__mlp__batch_size": 3, "text__batch_size": 2, "batch_size": 1}
    for model in (stored(params), stored().set_params(**params)):
        assert values(model, "batch_size") == {
            "AudioCNN": 1,
            "TextMLP": 3,
            "ResNetEmbedder": 1,
            "FusionClassifier": 1,
        }


def test_verbose_is_the_pipelines_own_in_set_params(stored):
    model = stored().set_params(verbose=True)
    assert model.verbose is True and set(values(model, "verbose").values()) == {0}
    model = stored({"verbose": 1})
    assert model.verbose is False and set(values(model, "verbose").values()) == {1}


def test_containers_keep_their_own(stored):
    """Branches in processes of their own would each train or load their networks anew."""
    model = stored({"n_jobs": 2})
    assert model["modalities"].n_jobs is None
    assert model.set_params(modalities__n_jobs=3)["modalities"].n_jobs == 3


def test_a_name_that_no_step_has_changes_nothing():
    """A service passes the same for every model."""
    model = LogisticRegression().fit([[0], [1]], [0, 1])
    assert set_runtime_params(model, {"device": "cpu", "on_error": "missing"}) == set()
    with pytest.raises(ValueError, match="Unknown parameter 'LogisticRegression.device'"):
        set_runtime_params(model, {"LogisticRegression.device": "cpu"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("on_eror", "missing", "'on_eror': did you mean 'on_error'. Parameters .*: device, "),
        ("CQTExtractor.n_job", 1, "'CQTExtractor.n_job': did you mean 'n_jobs'"),
        ("Extractor.n_jobs", 1, "Unknown parameter 'Extractor.n_jobs'"),
        ("sound__n_jobs", 1, "no part 'sound'; the parts are"),
        ("fusion__n_jobs", 1, "no step has the parameter 'n_jobs'"),
        ("hidden_units", (3,), "'hidden_units' is fixed once a model is fitted"),
        ("audio__architecture", "3x3", "'audio__architecture' is fixed once a model is fitted"),
        ("target", "cosine", "'target' is fixed once"),
        ("duration", 3, "'duration' is fixed once"),
        ("patch", "start", "'patch' is fixed once"),
        ("random_state", 1, "'random_state' is fixed once"),
        ("steps", [], "'steps' is fixed once"),
        ("n_jobs", "two", "'n_jobs' parameter of .* must be"),
        ("on_error", "skip", "'on_error' parameter of .* must be .*'missing'"),
        ("batch_size", 0, "'batch_size' parameter of .* must be"),
        ("audio__on_error", 3, "'on_error' parameter of CQTExtractor must be"),
        ("device", "nonsense", "'device' parameter of .* must be 'auto', .* Got 'nonsense'"),
        ("audio__device", "cuda:x", "'device' parameter of AudioCNN must be 'auto', "),
        ("TextMLP.device", None, "'device' parameter of TextMLP must be 'auto', "),
    ],
)
def test_refused(stored, name, value, message):
    with pytest.raises(ValueError, match=message):
        stored({name: value})


@pytest.mark.parametrize(
    "params",
    [{1: 2}, {None: 2}, {("device",): "cpu"}, {b"device": "cpu"}, [("device", "cpu")], "cpu"],
)
def test_params_that_are_not_a_dict_of_names(stored, params):
    with pytest.raises(TypeError, match="params must be (a dict|parameter names)"):
        stored(params)


def test_linkers():
    """What a step holds for its own use is not a step."""
    linker = VotingLinker([BabelfyLinker(), GazetteerLinker("old.kb")])
    model = make_pipeline(ReviewTruncator(), EntityEnricher(linker))
    done = set_runtime_params(
        model,
        {"cache": "kept", "timeout": 3.0, "GazetteerLinker.kb": "new.kb"},
        also={"GazetteerLinker.kb"},
    )
    assert done == {
        "EntityEnricher.cache",
        "BabelfyLinker.cache",
        "BabelfyLinker.timeout",
        "GazetteerLinker.kb",
    }
    babelfy, gazetteer = linker.linkers
    assert (babelfy.cache, babelfy.timeout, gazetteer.kb) == ("kept", 3.0, "new.kb")
    alone = make_genre_classifier(audio=None, image=None, linker=BabelfyLinker())
    alone.set_params(modalities__text__enrich__linker__timeout=9.0)
    assert alone["modalities"].transformers[0][1]["enrich"].linker.timeout == 9.0


def test_in_wrappers_frozen_steps_and_ensembles():
    frozen = FrozenEstimator(CQTExtractor())
    front = ColumnTransformer([("audio", MeanOverTracks(frozen), "audio")])
    thresholds = LabelThresholds(TextMLP())
    vote = VotingClassifier([("a", TextMLP()), ("b", thresholds)])
    model = GenrePipeline([("modalities", front), ("vote", vote)])
    assert len(find_runtime_parameter(model, "device")) == 2
    assert len(find_runtime_parameter(model, "n_jobs")) == 3  # with those of the wrappers
    model.set_params(device="cpu", audio__on_error="missing", vote__a__batch_size=3)
    assert (vote.estimators[0][1].device, thresholds.estimator.device) == ("cpu", "cpu")
    assert frozen.estimator.on_error == "missing" and vote.estimators[0][1].batch_size == 3


def test_steps_that_were_replaced_after_the_fit(stored):
    model = stored()
    model.set_params(modalities__transformers=[("words", ReviewTruncator(), "text")])
    model.set_params(words__n_jobs=2, text__batch_size=3)
    assert model["modalities"].transformers[0][1].n_jobs == 2
    assert model["modalities"].named_transformers_["text"]["mlp"].batch_size == 3
    model.set_params(modalities="passthrough", fusion__device="cpu")
    assert model["fusion"].device == "cpu"


def test_a_model_that_is_not_fitted():
    model = make_genre_classifier().set_params(n_jobs=2, image__n_jobs=3)
    assert values(model, "n_jobs") == {"CQTExtractor": 2, "ReviewTruncator": 2, "ResNetEmbedder": 3}
    scaled = GenrePipeline([("scale", StandardScaler()), ("mlp", TextMLP())])
    assert scaled.set_params(device="cpu", mlp__verbose=1)["mlp"].get_params()["verbose"] == 1
