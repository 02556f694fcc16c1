import io

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.fusion import FusionClassifier
from skmmgenre.inspection import LearningCurvesDisplay
from skmmgenre.model_selection import LabelThresholds
from skmmgenre.text import TextMLP

X = np.random.default_rng(0).normal(size=(40, 4))
Y = np.where(X[:, 0] > 0, "Jazz", "Rock")
TRAINING = {"max_epochs": 3, "validation_fraction": 0, "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def titles(display):
    return [panel.get_title() for panel in display.axes_]


def curves(panel):
    return {line.get_label(): line.get_xydata().tolist() for line in panel.lines}


def test_one_network():
    net = FusionClassifier(preset="paper", max_epochs=6, patience=2, lr=0.5, random_state=0)
    net.fit(X, Y, groups=np.arange(40))
    display = LearningCurvesDisplay.from_estimator(net)
    assert titles(display) == ["FusionClassifier"]
    drawn = curves(display.axes_[0])
    for label, key in (("training", "train_loss"), ("validation", "valid_loss")):
        expected = [[epoch["epoch"], epoch[key]] for epoch in net.history_]
        np.testing.assert_allclose(drawn[label], expected)
    assert {x for x, _ in drawn["kept"]} == {net.best_iter_}


@pytest.mark.parametrize(
    ("several", "key", "name"),
    [(False, "valid_f1", "macro F1"), (True, "valid_macro_auc", "macro AUC")],
)
def test_the_validation_metric_has_a_scale_of_its_own(several, key, name):
    y = np.column_stack([Y == "Jazz", X[:, 1] > 0]).astype(int) if several else Y
    params = {"preset": "paper", "validation_fraction": 0.3, "random_state": 0}
    net = FusionClassifier(max_epochs=6, lr=0.1, **params)
    display = LearningCurvesDisplay.from_estimator(net.fit(X, y, groups=np.arange(40)))
    (metric_axes,) = display.metric_axes_
    expected = [[epoch["epoch"], epoch[key]] for epoch in net.history_]
    np.testing.assert_allclose(curves(metric_axes)[name], expected)
    assert metric_axes.get_ylabel() == f"validation {name}" and metric_axes.get_ylim() == (0, 1)
    legend = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert legend == ["training", "validation", "kept", name]


def test_a_network_that_is_trained_on_all_rows():
    """By default: what is shown of unseen rows is the mean over the inner folds."""
    net = TextMLP(hidden_units=(4, 4), max_epochs=4, lr=0.1, random_state=0)
    net.fit(X, Y, groups=np.arange(40))
    display = LearningCurvesDisplay.from_estimator(net)
    drawn = curves(display.axes_[0])
    for label, key in (("training", "train_loss"), ("validation", "valid_loss")):
        expected = [[epoch["epoch"], epoch[key]] for epoch in net.history_]
        np.testing.assert_allclose(drawn[label], expected)
    assert {x for x, _ in drawn["kept"]} == {net.n_iter_} == {net.best_iter_}
    assert len(curves(display.metric_axes_[0])["macro F1"]) == net.n_iter_


def test_a_layer_whose_best_weights_are_found_at_once():
    """Nothing is stopped by unseen rows, so no loss of theirs is shown."""
    net = FusionClassifier(random_state=0).fit(X, Y, groups=np.arange(40))
    display = LearningCurvesDisplay.from_estimator(net)
    assert set(curves(display.axes_[0])) == {"training", "kept"}
    assert display.metric_axes_ == [None]


def test_without_a_metric_there_is_no_second_scale():
    net = FusionClassifier(**TRAINING).fit(X, Y)
    display = LearningCurvesDisplay.from_estimator(net)
    assert display.metric_axes_ == [None] and len(display.figure_.axes) == 1
    # A model that was saved by an older version, and one whose labels cannot be judged.
    losses = {"train_loss": 2.0, "valid_loss": 3.0}
    histories = {"old": [losses], "undefined": [losses | {"valid_macro_auc": np.nan}] * 2}
    display = LearningCurvesDisplay(histories).plot()
    assert display.metric_axes_ == [None, None] and len(display.figure_.axes) == 2


def test_a_metric_that_is_undefined_in_some_epochs_is_drawn_in_the_others():
    values = [np.nan, 0.25, 0.5]
    history = [{"train_loss": 1.0, "valid_macro_auc": value} for value in values]
    display = LearningCurvesDisplay({"net": history}).plot()
    drawn = display.metric_axes_[0].lines[0]
    np.testing.assert_array_equal(drawn.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(drawn.get_ydata(), values)


def test_a_pipeline_of_modalities(fitted):
    display = LearningCurvesDisplay.from_estimator(fitted)
    assert titles(display) == ["audio", "text", "image", "fusion"]
    assert display.histories["fusion"] == fitted.named_steps["fusion"].history_
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    again = LearningCurvesDisplay.from_estimator(joblib.load(buffer))
    assert again.histories == display.histories


def test_networks_are_named_after_their_branch_or_step():
    def net():
        return TextMLP(hidden_units=(2, 2), **TRAINING)

    branches = ColumnTransformer(
        [
            ("words", make_pipeline(StandardScaler(), net()), [0, 1]),
            ("twice", Pipeline([("first", net()), ("second", net())]), [2]),
            ("plain", StandardScaler(), [3]),
            ("rest", "drop", []),
        ]
    )
    model = Pipeline([("parts", branches), ("none", "passthrough"), ("last", net())]).fit(X, Y)
    display = LearningCurvesDisplay.from_estimator(model)
    assert titles(display) == ["words", "twice", "twice / second", "last"]
    search = GridSearchCV(make_pipeline(net()), {"textmlp__dropout": [0.0]}, cv=2).fit(X, Y)
    display = LearningCurvesDisplay.from_estimator(search)
    assert titles(display) == ["textmlp"]
    assert display.best_iters == {"textmlp": search.best_estimator_[0].best_iter_}


def test_networks_in_wrappers_and_unions():
    def net():
        return TextMLP(hidden_units=(2, 2), **TRAINING)

    union = FeatureUnion([("one", net()), ("two", GridSearchCV(net(), {"lr": [1e-3]}, cv=2))])
    model = Pipeline([("union", union), ("last", LabelThresholds(net(), cv=2))])
    with pytest.warns(UserWarning, match="without regard to artists"):
        model.fit(X, np.column_stack([Y == "Jazz", Y == "Rock"]).astype(int))
    assert titles(LearningCurvesDisplay.from_estimator(model)) == ["one", "two", "last"]
    several = OneVsRestClassifier(net()).fit(X, Y)
    with pytest.raises(ValueError, match="OneVsRestClassifier contains no network"):
        LearningCurvesDisplay.from_estimator(several)


def test_histories_of_ones_own():
    histories = {
        "with": [{"train_loss": 2.0, "valid_loss": 3.0}, {"train_loss": 1.0, "valid_loss": 2.5}],
        "without": [{"train_loss": 0.5}],
    }
    display = LearningCurvesDisplay(histories).plot()
    assert curves(display.axes_[0]) == {
        "training": [[1, 2], [2, 1]],
        "validation": [[1, 3], [2, 2.5]],
    }
    assert curves(display.axes_[1]) == {"training": [[1, 0.5]]}
    assert display.axes_[1].lines[0].get_marker() == "o"  # a line of one point is not seen
    own = Figure()
    assert display.plot(figure=own, n_cols=1).figure_ is own
    assert [panel.get_subplotspec().rowspan.start for panel in own.axes] == [0, 1]


def test_without_a_network():
    with pytest.raises(ValueError, match="Pipeline contains no network"):
        LearningCurvesDisplay.from_estimator(make_pipeline(LogisticRegression()).fit(X, Y))


def test_not_fitted():
    with pytest.raises(NotFittedError):
        LearningCurvesDisplay.from_estimator(FusionClassifier())
