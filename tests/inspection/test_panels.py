"""Panels of one size side by side, as all three displays have them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from skmmgenre.inspection import (
    ConfusionMatricesDisplay,
    InformativeWordsDisplay,
    LearningCurvesDisplay,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def confusion(n):
    return ConfusionMatricesDisplay({f"model {i}": np.eye(2) for i in range(n)})


def words(n):
    columns = {"kind": "word", "share": 0.5, "share_of_others": 0.1, "sign": 1}
    lines = [(f"genre {i}", word, 0.1) for i in range(n) for word in ("sax", "drum")]
    table = pd.DataFrame(lines, columns=["genre", "word", "information_gain"])
    return InformativeWordsDisplay(table.assign(**columns))


def curves(n):
    return LearningCurvesDisplay({f"net {i}": [{"train_loss": 1.0}] for i in range(n)})


DISPLAYS = pytest.mark.parametrize("make", [confusion, words, curves])


@DISPLAYS
@pytest.mark.parametrize(
    ("n", "n_cols", "shape"), [(1, 4, (1, 1)), (3, 3, (1, 3)), (5, 3, (2, 3)), (3, 1, (3, 1))]
)
def test_rows_of_panels(make, n, n_cols, shape):
    panels = make(n).plot(n_cols=n_cols, figure=Figure()).axes_
    assert panels.shape == (n,)
    grids = {panel.get_subplotspec().get_gridspec().get_geometry() for panel in panels}
    assert grids == {shape}
    places = [panel.get_subplotspec() for panel in panels]
    found = [(place.rowspan.start, place.colspan.start) for place in places]
    assert found == [divmod(i, shape[1]) for i in range(n)]


@DISPLAYS
def test_places_without_a_panel_are_empty(make):
    figure = Figure()
    panels = make(5).plot(n_cols=3, figure=figure).axes_
    drawn = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert drawn == list(panels)


@DISPLAYS
def test_a_figure_grows_with_its_panels(make):
    one = make(1).plot(n_cols=2).figure_.get_size_inches()
    four = make(4).plot(n_cols=2).figure_.get_size_inches()
    np.testing.assert_allclose(four, 2 * one)
    assert len(plt.get_fignums()) == 2
    assert make(4).plot(figure=Figure(figsize=(3, 2))).figure_.get_size_inches().tolist() == [3, 2]
