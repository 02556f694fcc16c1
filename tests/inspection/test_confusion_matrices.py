import threading

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from skmmgenre.inspection import ConfusionMatricesDisplay

TRUE = ["Jazz", "Jazz", "Jazz", "Jazz", "Rap", "Rock"]
PREDICTED = {
    "audio": ["Jazz", "Jazz", "Jazz", "Rock", "Rock", "Rock"],
    "image": ["Rap", "Jazz", "Rap", "Rap", "Rap", "Rap"],
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def show(y_pred=PREDICTED, **params):
    return ConfusionMatricesDisplay.from_predictions(TRUE, y_pred, **params)


def shown_at(panel):
    """Numbers and colours of a panel's cells."""
    (image,) = panel.images
    numbers = [text.get_text() for text in panel.texts]
    return numbers, image.get_array()


def test_by_hand():
    display = show()
    np.testing.assert_array_equal(
        display.confusion_matrices["audio"], [[0.75, 0, 0.25], [0, 0, 1], [0, 0, 1]]
    )
    np.testing.assert_array_equal(
        display.confusion_matrices["image"], [[0.25, 0.75, 0], [0, 1, 0], [0, 1, 0]]
    )
    assert [panel.get_title() for panel in display.axes_] == ["audio", "image"]
    numbers, values = shown_at(display.axes_[0])
    assert numbers == ["0.75", "0.00", "0.25", "0.00", "0.00", "1.00", "0.00", "0.00", "1.00"]
    np.testing.assert_array_equal(values, display.confusion_matrices["audio"])
    assert {panel.images[0].get_clim() for panel in display.axes_} == {(0, 1)}


@pytest.mark.parametrize("normalize", ["true", "pred", "all", None])
def test_as_scikit_learn_computes_them(normalize):
    weight = np.arange(1.0, 7)
    display = show(normalize=normalize, sample_weight=weight)
    for name, predicted in PREDICTED.items():
        expected = confusion_matrix(TRUE, predicted, sample_weight=weight, normalize=normalize)
        np.testing.assert_array_equal(display.confusion_matrices[name], expected)


def test_counts_share_the_largest_of_all_panels():
    display = show(normalize=None)
    assert shown_at(display.axes_[1])[0] == ["1", "3", "0", "0", "1", "0", "0", "1", "0"]
    assert {panel.images[0].get_clim() for panel in display.axes_} == {(0, 3)}
    assert display.figure_.axes[-1].get_ylabel() == "items"


def test_all_panels_have_all_genres_in_the_order_given():
    names = [text.get_text() for text in show().axes_[0].get_yticklabels()]
    assert names == ["Jazz", "Rap", "Rock"]  # no model and no item alone has all of them
    display = show(labels=["Rock", "Polka", "Jazz"])
    assert [text.get_text() for text in display.axes_[0].get_yticklabels()] == [
        "Rock", "Polka", "Jazz",
    ]  # fmt: skip
    np.testing.assert_array_equal(
        display.confusion_matrices["audio"], [[1, 0, 0], [0, 0, 0], [0.25, 0, 0.75]]
    )
    display = show(display_labels=["J", "R", "O"])
    assert [text.get_text() for text in display.axes_[0].get_xticklabels()] == ["J", "R", "O"]


def test_a_table_of_predictions():
    table = pd.DataFrame({"true": TRUE, **PREDICTED})
    display = ConfusionMatricesDisplay.from_predictions(table["true"], table[["image"]])
    assert list(display.confusion_matrices) == ["image"]
    np.testing.assert_array_equal(
        display.confusion_matrices["image"], show().confusion_matrices["image"]
    )
    numbered = ConfusionMatricesDisplay.from_predictions([0, 1, 1], {"a": [0, 1, 0]})
    assert [text.get_text() for text in numbered.axes_[0].get_xticklabels()] == ["0", "1"]


def test_panels_in_several_rows():
    display = show({name: PREDICTED["audio"] for name in "abcde"}, n_cols=3)
    assert len(display.axes_) == 5
    with_genres_below = [bool(panel.get_xlabel()) for panel in display.axes_]
    assert with_genres_below == [False, False, True, True, True]
    assert [bool(panel.get_ylabel()) for panel in display.axes_] == [
        True,
        False,
        False,
        True,
        False,
    ]
    visible = [any(t.get_text() for t in panel.get_xticklabels()) for panel in display.axes_]
    assert visible == with_genres_below
    places = np.array([panel.get_subplotspec().colspan.start for panel in display.axes_])
    np.testing.assert_array_equal(places, [0, 1, 2, 0, 1])


def test_numbers_can_be_read():
    """Dark on light cells and light on dark ones, whatever the largest value of the panel."""
    display = show({"a": ["Jazz", "Jazz", "Rock", "Rap", "Rap", "Rap"]})
    for text, value in zip(display.axes_[0].texts, display.axes_[0].images[0].get_array().ravel(),
                           strict=True):  # fmt: skip
        assert (np.mean(to_rgb(text.get_color())) > 0.5) == (value > 0.5)
    many = np.arange(11)
    large = ConfusionMatricesDisplay.from_predictions(many, {"a": many})
    assert not large.axes_[0].texts
    assert len(large.plot(include_values=True, values_format=".1f").axes_[0].texts) == 121


def test_drawn_in_a_figure_of_ones_own_without_pyplot():
    own = Figure(figsize=(9, 4), layout="compressed")
    display = show(figure=own, colorbar=False, cmap="Greys")
    assert display.figure_ is own and own.get_size_inches().tolist() == [9, 4]
    assert own.axes == display.axes_.tolist()
    assert display.axes_[0].images[0].get_cmap().name == "Greys"
    left, right = Figure().subfigures(1, 2)
    assert show(figure=right).figure_ is right and not left.axes
    threads = [threading.Thread(target=show, kwargs={"figure": Figure()}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not plt.get_fignums()


def test_drawn_again():
    display = show()
    first = display.figure_
    assert display.plot(n_cols=1) is display
    assert display.figure_ is not first
    assert display.axes_[1].get_subplotspec().rowspan.start == 1
    numbered = ConfusionMatricesDisplay({"a": np.eye(2, dtype=int) * 7}).plot()
    assert shown_at(numbered.axes_[0])[0] == ["7", "0", "0", "7"]
    assert [text.get_text() for text in numbered.axes_[0].get_yticklabels()] == ["0", "1"]


@pytest.mark.parametrize("n_labels", [2, 25])
def test_nothing_is_cut_off(n_labels):
    labels = [f"Alternative and Independent Music {k}" for k in range(n_labels)]
    panels = {f"Audio: CNN_Audio {number}": labels for number in range(3)}
    display = ConfusionMatricesDisplay.from_predictions(labels, panels)
    display.figure_.canvas.draw()
    width, height = display.figure_.bbox.size
    for panel in display.axes_:
        box = panel.get_tightbbox()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


@pytest.mark.parametrize(
    ("y_pred", "message"),
    [
        (TRUE, "by the name of the model.*got list"),
        ({}, "y_pred is empty"),
        ({"audio": TRUE, "text": TRUE[:3]}, r"'text' have shape \(3,\), y_true has \(6,\)"),
        ({"audio": np.zeros((6, 2))}, r"'audio' have shape \(6, 2\)"),
    ],
)
def test_bad_input(y_pred, message):
    with pytest.raises(ValueError, match=message):
        show(y_pred)
