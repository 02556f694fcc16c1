"""How a network is trained: when it stops, what it keeps, what it says."""

import numpy as np
import pytest
from sklearn.metrics import log_loss
from small_nets import net, two_genres

from skmmgenre.nets import ArrayFeed


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


def test_silent_by_default(overfitting, capfd):
    X, y, validation = overfitting
    net(max_epochs=30, patience=1, lr=0.05).fit(X, y, validation=validation)
    assert capfd.readouterr() == ("", "")
