"""How a network is trained: when it stops, what it keeps, what it says."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from small_nets import net, two_genres

from skmmgenre.fusion import JointSpaceProjector
from skmmgenre.model_selection import inner_validation_mask
from skmmgenre.nets import ArrayFeed
from skmmgenre.text import TextMLP

TARGETS = pytest.mark.parametrize("target", ["softmax", "logistic", "cosine"])


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
        ["epoch", "train_loss", "valid_loss", "valid_f1", "duration"]
    ] * 2
    assert {type(value) for epoch in history for value in epoch.values()} == {int, float}


def metric_of_predictions(model, X, y):
    """The metric that `history_` should hold, from scikit-learn and the model's answers."""
    if model.target_.name == "softmax":
        return f1_score(y, model.predict(X), average="macro", labels=model.classes_)
    judged = y.any(axis=0) & ~y.all(axis=0)
    scores = model.decision_function(X)
    return roc_auc_score(y[:, judged], scores[:, judged], average="macro")


@TARGETS
@pytest.mark.parametrize("weighted", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_metric_is_that_of_the_held_out_rows(albums, target, weighted):
    """Of the kept epoch, whichever it is; in batches of which the last is smaller."""
    X, Y, groups = albums
    Y = Y.assign(Rare=np.arange(300) < 6).to_numpy(int)  # no held-out row has it: no AUC
    several = target != "softmax"
    y = Y if several else np.array(["Indie", "Jazz", "Rock"])[Y[:, 0] + Y[:, 1]]
    counted = Y.any(axis=1) if target == "cosine" else np.full(len(X), True)
    weight = np.ones(len(X))
    if weighted:  # rows of weight 0 are not learned from, and not looked at
        weight[::3] = 0
    params = {"validation_fraction": 0.3, "random_state": 5, "patience": 3, "max_epochs": 40}
    model = net(target=target, batch_size=7, lr=0.02, **params)
    model.fit(X, y, groups=groups, sample_weight=weight)
    rows = inner_validation_mask(y, groups=groups, validation_fraction=0.3, random_state=5)
    rows &= counted & (weight > 0)
    assert rows.sum() > 7 and rows.sum() % 7 and not Y[rows, -1].any()
    key = "valid_macro_auc" if several else "valid_f1"
    values = [epoch[key] for epoch in model.history_]
    expected = metric_of_predictions(model, X[rows], y[rows])
    assert values[model.best_iter_ - 1] == pytest.approx(expected, abs=1e-9)
    assert len(set(values)) > 3 and {type(value) for value in values} == {float}
    other = {"valid_macro_auc", "valid_f1"} - {key}
    assert not other & set(model.history_[0])


def test_the_metric_of_the_last_epoch_of_a_sparse_network(albums):
    X, Y, groups = albums
    model = TextMLP(hidden_units=(16, 8), max_epochs=3, lr=1e-3, preset="paper", random_state=0)
    model.fit(X, Y, groups=groups)
    assert model.best_iter_ == model.n_iter_ == 3
    rows = inner_validation_mask(Y, groups=groups, random_state=0)
    expected = metric_of_predictions(model, X[rows], Y.to_numpy()[rows])
    assert model.history_[-1]["valid_macro_auc"] == pytest.approx(expected, abs=1e-9)


def test_a_genre_without_a_validation_row_counts_as_zero():
    X, y = two_genres(60)
    y = np.where(np.arange(60) < 10, "Folk", y)
    validation = np.arange(60) >= 40
    model = net(lr=0.1, max_epochs=30).fit(X, y, validation=validation)
    found = model.history_[model.best_iter_ - 1]["valid_f1"]
    of_three = f1_score(
        y[validation],
        model.predict(X[validation]),
        average="macro",
        labels=["Folk", "Jazz", "Rock"],
        zero_division=0,
    )
    assert found == pytest.approx(of_three) and 0.3 < found <= 2 / 3


@pytest.mark.parametrize("target", ["logistic", "cosine"])
def test_where_no_label_can_be_judged_the_metric_is_nan(albums, target):
    X, Y, _ = albums
    validation = (Y.to_numpy() == [1, 0, 0, 0, 0]).all(axis=1)  # these rows have the same labels
    assert validation.sum() > 10
    model = net(target=target, max_epochs=3).fit(X, Y, validation=validation)  # without a warning
    assert np.isnan([epoch["valid_macro_auc"] for epoch in model.history_]).all()


@TARGETS
def test_the_metric_takes_no_forward_pass_of_its_own(albums, monkeypatch, target):
    """One after training tells thresholds, and what is never predicted."""
    X, Y, groups = albums
    y = Y["Rock"].to_numpy() if target == "softmax" else Y
    seen, batch = [], ArrayFeed.batch
    monkeypatch.setattr(
        ArrayFeed,
        "batch",
        lambda self, rows, epoch=None: (
            (seen.append(len(rows)) if epoch is None else None) or batch(self, rows, epoch)
        ),
    )
    model = net(target=target, max_epochs=4, validation_fraction=0.3)
    model.fit(X, y, groups=groups)
    held_out = inner_validation_mask(y, groups=groups, validation_fraction=0.3, random_state=0)
    rows = held_out
    if target == "cosine":  # rows without a label have no direction
        rows = held_out & Y.any(axis=1)
    assert sum(seen) == 4 * rows.sum() + held_out.sum()


@pytest.mark.parametrize("preset", ["auto", "paper"])
def test_without_labels_the_metric_is_of_the_pairs(albums, preset):
    X, _, groups = albums
    params = {"n_components": 4, "hidden_units": 8, "max_epochs": 2, "random_state": 0}
    joint = JointSpaceProjector(**params, preset=preset).fit(X, groups=groups)
    measured = {"valid_loss", "valid_recall_at_10"}
    assert all(
        set(epoch) == {"epoch", "train_loss", "duration"} | measured for epoch in joint.history_
    )


def test_without_validation_all_epochs_run(overfitting):
    X, y, _ = overfitting
    model = net(max_epochs=30, patience=1, lr=0.05).fit(X, y)  # a warning would fail the test
    assert model.n_iter_ == model.best_iter_ == 30
    assert set(model.history_[0]) == {"epoch", "train_loss", "duration"}
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_a_loss_that_becomes_nan_raises():
    X, y = two_genres()
    with pytest.raises(ValueError, match="became .*Decrease lr"):
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


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize(
    ("several", "name", "key"),
    [(False, "macro F1", "valid_f1"), (True, "macro AUC", "valid_macro_auc")],
)
def test_progress_shows_the_metric(albums, capfd, verbose, several, name, key):
    X, Y, groups = albums
    y = Y if several else Y["Rock"]
    model = net(max_epochs=3, validation_fraction=0.3, verbose=verbose)
    model.fit(X, y, groups=groups)
    out, err = capfd.readouterr()
    last = model.history_[-1]
    assert f"{name} {last[key]:.3f}" in " ".join(err.split())
    assert (key in out) == (verbose == 2)
    if verbose == 2:
        assert f"{last[key]:.4f}" in out


def test_progress_without_validation_shows_no_metric(capfd):
    X, y = two_genres()
    net(max_epochs=3, verbose=2).fit(X, y)
    out, err = capfd.readouterr()
    assert "loss" in err and "macro" not in err and "valid" not in out


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


@pytest.mark.parametrize(
    ("n_rows", "sizes"), [(33, {16, 17}), (32, {32}), (5, {5}), (65, {21, 22})]
)
def test_batches_of_the_defaults_are_equally_large(n_rows, sizes, monkeypatch):
    """A rest of one row would take as long a step as any; the paper's has it."""
    X, y = two_genres(n_rows)
    seen, batch = [], ArrayFeed.batch
    monkeypatch.setattr(
        ArrayFeed,
        "batch",
        lambda self, rows, epoch=None: (
            (seen.append(len(rows)) if epoch is not None else None) or batch(self, rows, epoch)
        ),
    )
    options = {"hidden_units": (2,), "max_epochs": 2, "validation_fraction": 0, "random_state": 0}
    TextMLP(**options).fit(X, y)
    assert set(seen) == sizes and sum(seen) == 2 * n_rows
    seen.clear()
    TextMLP(preset="paper", **options).fit(X, y)
    assert seen[: -(-n_rows // 32)] == [32] * (n_rows // 32) + [n_rows % 32] * (n_rows % 32 > 0)
