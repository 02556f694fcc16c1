"""How a network is trained: when it stops, what it keeps, what it says."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from skmmgenre.fusion import FusionClassifier
from skmmgenre.model_selection import inner_validation_mask
from skmmgenre.nets import ArrayFeed, draw_seeds


def two_genres(n=80, n_features=6, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    X = rng.normal(size=(n, n_features))
    X[:, 0] += 2 * (2 * y - 1) / noise
    return X.astype(np.float32), np.array(["Jazz", "Rock"])[y]


def net(**params):
    defaults = {"max_epochs": 5, "dropout": 0, "validation_fraction": 0, "random_state": 0}
    return FusionClassifier(**{**defaults, **params})


@pytest.fixture
def overfitting():
    """Labels that cannot be learned, so that the validation loss soon rises."""
    X, _ = two_genres(60, 40)
    y = np.random.default_rng(1).permutation(np.arange(60) % 3)
    validation = np.arange(60) % 4 == 0
    return X, y, validation


def test_early_stopping_keeps_the_best_weights(overfitting):
    X, y, validation = overfitting
    model = net(max_epochs=200, patience=4, lr=0.05)
    model.fit(X, y, validation=validation)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.n_iter_ == len(losses) < 200
    assert model.best_iter_ == 1 + int(np.argmin(losses))
    assert model.n_iter_ == model.best_iter_ + 4  # patience
    kept = log_loss(y[validation], model.predict_proba(X[validation]), labels=model.classes_)
    assert kept == pytest.approx(min(losses), rel=1e-5)
    assert kept < losses[-1]


def test_history_is_plain_python(overfitting):
    X, y, validation = overfitting
    history = net(max_epochs=2).fit(X, y, validation=validation).history_
    assert [list(epoch) for epoch in history] == [
        ["epoch", "train_loss", "valid_loss", "duration"]
    ] * 2
    assert {type(value) for epoch in history for value in epoch.values()} == {int, float}


def test_without_validation_all_epochs_run(overfitting):
    X, y, _ = overfitting
    model = net(max_epochs=30, patience=1, lr=0.05).fit(X, y)  # a warning would fail the test
    assert model.n_iter_ == model.best_iter_ == 30
    assert "valid_loss" not in model.history_[0]
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_marked_rows_are_the_validation_rows(overfitting):
    """Other labels in the marked rows change what is stopped on, not what is learned."""
    X, y, validation = overfitting
    other = np.where(validation, (y + 1) % 3, y)
    models = [net(max_epochs=1).fit(X, labels, validation=validation) for labels in (y, other)]
    losses = [model.history_[0] for model in models]
    assert losses[0]["train_loss"] == losses[1]["train_loss"]
    assert losses[0]["valid_loss"] != losses[1]["valid_loss"]
    np.testing.assert_array_equal(
        models[0].weights_["head.weight"], models[1].weights_["head.weight"]
    )


def test_the_same_artists_are_held_out_in_every_step():
    X, y = two_genres(80)
    groups = [f"artist {i // 2}" for i in range(80)]
    expected = inner_validation_mask(y, groups=groups, validation_fraction=0.2, random_state=5)
    assert 0 < expected.sum() < 80
    rng = np.random.default_rng(0)
    for _ in range(3):
        X[rng.integers(80, size=10)] = np.nan  # rows that this step misses
        model = net(validation_fraction=0.2, random_state=5)
        plan = model._plan(X, y, groups, None, None)
        np.testing.assert_array_equal(plan.held_out, expected)


def test_validation_rows_that_are_all_missing_warn():
    X, y = two_genres()
    validation = np.arange(80) < 8
    X[validation] = np.nan
    with pytest.warns(UserWarning, match="all inner validation rows are missing"):
        model = net().fit(X, y, validation=validation)
    assert model.n_iter_ == 5


def test_no_row_to_learn_from():
    X, y = two_genres(20)
    with pytest.raises(ValueError, match="no row to learn from: of 20 rows 20 are missing"):
        net().fit(np.full_like(X, np.nan), y)


@pytest.mark.parametrize("what", ["groups", "validation", "sample_weight", "y"])
def test_lengths_must_agree(what):
    X, y = two_genres(20)
    given = {
        "groups": list("ab") * 10,
        "validation": [True] + [False] * 19,
        "sample_weight": [1] * 20,
    }
    wrong = {what: given[what][:-1]} if what in given else {}
    with pytest.raises(ValueError, match="19"):
        net().fit(X, y[:-1] if what == "y" else y, **wrong)


def test_rows_of_weight_zero_are_as_good_as_absent():
    X, y = two_genres(60)
    bad = np.arange(60) % 3 == 0
    y_bad = np.where(bad, "Soul", y)
    # One batch holds all rows, so the order of the rows does not matter.
    model = net(max_epochs=50, lr=0.05, batch_size=64)
    weighted = model.fit(X, y_bad, sample_weight=(~bad).astype(float)).predict_proba(X)
    absent = net(max_epochs=50, lr=0.05, batch_size=64).fit(X[~bad], y[~bad]).predict_proba(X)
    assert model.classes_.tolist() == ["Jazz", "Rock", "Soul"]
    assert weighted[:, 2].max() < 1e-3
    np.testing.assert_allclose(weighted[:, :2], absent, atol=0.01)


def test_validation_rows_of_weight_zero_do_not_stop_the_training(overfitting):
    X, y, validation = overfitting
    with pytest.warns(UserWarning, match="missing here, or of weight 0; all epochs are run"):
        model = net(max_epochs=20).fit(X, y, validation=validation, sample_weight=~validation)
    assert model.n_iter_ == model.best_iter_ == 20


def test_training_rows_of_weight_zero_teach_nothing(overfitting):
    X, y, validation = overfitting
    with pytest.raises(ValueError, match="all 45 training rows have the weight 0. Pass"):
        net().fit(X, y, validation=validation, sample_weight=validation)


def test_what_another_target_learned_is_forgotten():
    X, y = two_genres(40)
    model = net(target="cosine").fit(X, pd.get_dummies(y))
    assert model.threshold_ is not None and model.label_factorizer_ is not None
    model.set_params(target="logistic").fit(X, pd.get_dummies(y))
    assert not hasattr(model, "threshold_") and not hasattr(model, "label_factorizer_")


def test_sample_weights_move_the_prior_and_the_answer():
    X, y = two_genres(60)
    weight = np.where(y == "Jazz", 9.0, 1.0)
    model = net(max_epochs=30, lr=0.05)
    plain = model.fit(X, y).predict_proba(X)[:, 0].mean()
    heavy = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 0].mean()
    assert heavy > plain + 0.02
    empty = model.predict_proba(np.full((1, X.shape[1]), np.nan))
    np.testing.assert_allclose(empty, [[0.9, 0.1]], atol=1e-6)


def test_class_weight_is_the_same_as_sample_weight():
    X, y = two_genres(60)
    by_class = net(class_weight={"Jazz": 3, "Rock": 1}).fit(X, y)
    by_row = net().fit(X, y, sample_weight=np.where(y == "Jazz", 3.0, 1.0))
    for name, weights in by_class.weights_.items():
        np.testing.assert_array_equal(weights, by_row.weights_[name])


def test_class_weight_is_refused_for_several_genres():
    X, y = two_genres(20)
    with pytest.raises(ValueError, match="one genre a row"):
        net(class_weight="balanced").fit(X, pd.get_dummies(y))


def test_negative_weights_are_refused():
    X, y = two_genres(20)
    with pytest.raises(ValueError, match="[Nn]egative"):
        net().fit(X, y, sample_weight=np.r_[-1, np.ones(19)])


def test_a_loss_that_becomes_nan_raises():
    X, y = two_genres()
    with pytest.raises(ValueError, match="became .*Lower lr"):
        net(normalize=False, lr=1e30).fit(1e15 * X, y)


def test_a_validation_loss_that_becomes_nan_raises(overfitting):
    X, y, validation = overfitting
    X[validation] *= np.float32(1e30)
    with pytest.raises(ValueError, match=r"\(valid_loss\) in epoch 1"):
        net(normalize=False, lr=1e9).fit(X, y, validation=validation)


@pytest.fixture
def interrupt(monkeypatch):
    """Press Ctrl-C at the first batch of an epoch, counted from 1."""

    def at(epoch_to_stop_in):
        batch = ArrayFeed.batch

        def interrupted(self, rows, epoch=None):
            if epoch is not None and epoch + 1 == epoch_to_stop_in:
                raise KeyboardInterrupt
            return batch(self, rows, epoch)

        monkeypatch.setattr(ArrayFeed, "batch", interrupted)

    return at


@pytest.mark.parametrize("stop_in", [3, 9])
def test_ctrl_c_keeps_the_best_so_far(overfitting, interrupt, stop_in):
    X, y, validation = overfitting
    whole = net(max_epochs=stop_in - 1, patience=50, lr=0.05).fit(X, y, validation=validation)
    interrupt(stop_in)
    model = net(max_epochs=50, patience=50, lr=0.05)
    with pytest.warns(UserWarning, match=f"interrupted after epoch {stop_in - 1} of 50"):
        model.fit(X, y, validation=validation)
    assert model.n_iter_ == stop_in - 1 and model.best_iter_ == whole.best_iter_
    np.testing.assert_array_equal(model.predict_proba(X), whole.predict_proba(X))


def test_ctrl_c_in_the_first_epoch_ends_the_call(overfitting, interrupt):
    X, y, validation = overfitting
    interrupt(1)
    with pytest.raises(KeyboardInterrupt):
        net().fit(X, y, validation=validation)


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_is_shown(overfitting, capfd, verbose):
    X, y, validation = overfitting
    net(max_epochs=3, verbose=verbose).fit(X, y, validation=validation)
    out, err = capfd.readouterr()
    assert "FusionClassifier" in err and "3/3" in err
    assert ("train_loss" in out) == (verbose == 2)


def test_early_stopping_fills_the_bar(overfitting, capfd):
    X, y, validation = overfitting
    model = net(max_epochs=200, patience=4, lr=0.05, verbose=1).fit(X, y, validation=validation)
    err = capfd.readouterr().err
    assert f"{model.n_iter_}/{model.n_iter_}" in err
    assert f"stopped early, epoch {model.best_iter_} was best" in " ".join(err.split())


def test_answers_to_many_rows_show_progress(capfd):
    X, y = two_genres(1200)
    model = net(max_epochs=1, verbose=1).fit(X, y)
    capfd.readouterr()
    model.predict(X[:100])
    assert capfd.readouterr().err == ""
    model.predict(X)
    assert "FusionClassifier, answers" in (err := capfd.readouterr().err) and "1200/1200" in err


def test_silent_by_default(overfitting, capfd):
    X, y, validation = overfitting
    net(max_epochs=30, patience=1, lr=0.05).fit(X, y, validation=validation)
    assert capfd.readouterr() == ("", "")


def test_bfloat16_trains_and_float32_answers():
    X, y = two_genres()
    params = {"max_epochs": 30, "lr": 0.05}
    plain = net(**params).fit(X, y)
    low = net(precision="bfloat16", **params).fit(X, y)
    assert low.weights_["head.weight"].dtype == np.float32
    assert low.decision_function(X).dtype == np.float32
    assert not np.array_equal(low.weights_["head.weight"], plain.weights_["head.weight"])
    np.testing.assert_allclose(low.predict_proba(X), plain.predict_proba(X), atol=0.1)


def test_bfloat16_answers_in_bfloat16():
    """Where "auto" answers in float32."""
    X, y = two_genres()
    model = net(precision="bfloat16").fit(X, y)
    low = model.decision_function(X)
    exact = model.set_params(precision="auto").decision_function(X)
    assert low.dtype == exact.dtype == np.float32
    assert not np.array_equal(low, exact)
    np.testing.assert_allclose(low, exact, rtol=0.05, atol=0.02)


def test_precision_of_training_follows_from_device_and_kind():
    import torch

    from skmmgenre.nets._devices import training_dtype

    cpu = torch.device("cpu")
    assert training_dtype("auto", cpu, convolutional=False) == torch.float32
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if native:
        assert training_dtype("auto", cpu, convolutional=True) == torch.bfloat16
    for name in ("float32", "bfloat16"):
        for convolutional in (True, False):
            dtype = training_dtype(name, cpu, convolutional=convolutional)
            assert dtype == getattr(torch, name)


def test_device_cpu():
    X, y = two_genres(20)
    assert net(device="cpu").fit(X, y).predict(X).shape == (20,)


@pytest.mark.parametrize("device", ["cuda:99", "gramophone"])
def test_a_device_that_is_not_there(device):
    X, y = two_genres(20)
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used here.*'cpu'"):
        net(device=device).fit(X, y)


def test_a_fitted_network_moves_to_another_device():
    """A model trained on a GPU answers where there is none."""
    X, y = two_genres(20)
    model = net().fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(device="cuda:99")
    with pytest.warns(UserWarning, match="Answering on the CPU"):
        model.predict_proba(X)
    np.testing.assert_array_equal(model.set_params(device="cpu").predict_proba(X), expected)


def test_several_genres_score_with_the_columns_of_fit():
    X, y = two_genres()
    Y = pd.get_dummies(y)
    model = net(max_epochs=20, lr=0.05).fit(X, Y)
    assert model.classes_.tolist() == ["Jazz", "Rock"]
    assert model.score(X, Y) > 0.9
    with pytest.raises(ValueError, match="same columns in the same order"):
        model.score(X, Y[["Rock", "Jazz"]])


def test_seeds():
    assert draw_seeds(3, 4) == draw_seeds(3, 4) == draw_seeds(np.int64(3), 4)
    assert len(set(draw_seeds(3, 4) + draw_seeds(4, 4))) == 8
    assert draw_seeds(None, 1) != draw_seeds(None, 1)
    state = np.random.RandomState(0)
    first, second = draw_seeds(state, 2), draw_seeds(state, 2)
    assert first != second and first == draw_seeds(np.random.RandomState(0), 2)
    assert all(0 <= seed < 2**63 for seed in first)


def test_biases_start_at_the_prior():
    X, y = two_genres()
    y = np.where(np.arange(80) < 8, "Polka", y)
    model = net(max_epochs=1, lr=1e-12).fit(X, y)
    share = [np.mean(y == genre) for genre in model.classes_]
    np.testing.assert_allclose(softmax(model.weights_["head.bias"]), share, rtol=1e-5)
