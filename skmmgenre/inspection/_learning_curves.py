"""Losses and validation metric of the networks of a fitted model, epoch by epoch."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..nets import NetEstimator
from ..nets.targets import METRICS
from ..utils import find_steps
from ._panels import make_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_LOSSES = {"train_loss": "training", "valid_loss": "validation"}
# The legend: losses fall and metrics rise, so no corner of a panel is free.
_BELOW = {
    "loc": "upper center",
    "bbox_to_anchor": (0.5, -0.2),
    "ncols": 4,
    "fontsize": "small",
    "handlelength": 1.5,
    "columnspacing": 1,
    "frameon": False,
}


class LearningCurvesDisplay:
    """Training and validation loss and validation metric by epoch, a panel for each network.

    Use :meth:`from_estimator`, which finds the networks of a fitted model and draws them.

    Parameters
    ----------
    histories : dict of str to list of dict
        `history_` of each network by the name of its panel: ``train_loss`` and, where there
        were validation rows, ``valid_loss`` of each epoch, and ``valid_f1`` (macro F1, one
        genre a row) or ``valid_macro_auc`` (several).
    best_iters : dict of str to int, default=None
        The epoch whose weights each network kept, counted from 1; it is marked.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        What was drawn in.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_networks,)
        The panels, in the order of the networks; their scale on the left is that of the loss.
    metric_axes_ : list of matplotlib.axes.Axes or None
        The scale of the metric on the right of each panel, from 0 to 1; None where the history
        holds no metric: without validation rows or labels, or in models saved by older versions.

    See Also
    --------
    ConfusionMatricesDisplay : What several models confuse.
    sklearn.model_selection.LearningCurveDisplay : Scores by the number of training rows.

    Notes
    -----
    A network that stops long before its last epoch while its training loss still falls has
    learned its training rows by heart. One whose validation loss still falls at the end may
    be given more epochs (`max_epochs`).

    Training stops on the validation loss, not on the metric, and the two need not agree: a
    network that becomes too certain raises its loss while the ranking of the genres, and with
    it the AUC, still improves.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.fusion import FusionClassifier
    >>> from skmmgenre.inspection import LearningCurvesDisplay
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> y = np.where(X[:, 0] > 0, "Jazz", "Rock")
    >>> fusion = FusionClassifier(preset="paper", max_epochs=5, random_state=0)
    >>> display = LearningCurvesDisplay.from_estimator(fusion.fit(X, y, groups=np.arange(60)))
    >>> [panel.get_title() for panel in display.axes_]
    ['FusionClassifier']
    >>> [line.get_label() for line in display.axes_[0].lines]
    ['training', 'validation', 'kept']
    >>> [line.get_label() for line in display.metric_axes_[0].lines]
    ['macro F1']
    """

    def __init__(
        self,
        histories: dict[str, list[dict[str, Any]]],
        *,
        best_iters: dict[str, int] | None = None,
    ):
        self.histories = histories
        self.best_iters = best_iters

    @classmethod
    def from_estimator(cls, estimator: Any, **plot_params: Any) -> Self:
        """Find the networks of a fitted model and draw their losses and metrics.

        Parameters
        ----------
        estimator : estimator
            A fitted network, or a Pipeline, ColumnTransformer or meta-estimator that holds
            some; of a search, the best estimator's are shown. A panel has the name of the
            branch or step, such as "audio" and "fusion".
        **plot_params : dict
            Parameters of :meth:`plot`.

        Returns
        -------
        display : LearningCurvesDisplay
            The drawn display.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If it holds no network.
        """
        check_is_fitted(estimator)
        found = find_steps(estimator, NetEstimator)
        # A wrapper that fits several copies has none that is the fitted one.
        networks = {name: net for name, net in found.items() if hasattr(net, "history_")}
        if not networks:
            raise ValueError(
                f"{type(estimator).__name__} holds no network of this package, so there are no "
                "losses to show. To draw your own: LearningCurvesDisplay(histories).plot()."
            )
        display = cls(
            {name: network.history_ for name, network in networks.items()},
            best_iters={name: network.best_iter_ for name, network in networks.items()},
        )
        return display.plot(**plot_params)

    def plot(self, *, figure: "Figure | SubFigure | None" = None, n_cols: int = 4) -> Self:
        """Draw a panel for each network.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            What to draw in. None makes a figure with pyplot.
        n_cols : int, default=4
            Panels in a row at most.

        Returns
        -------
        display : LearningCurvesDisplay
            The display itself, with `figure_`, `axes_` and `metric_axes_` set.
        """
        self.figure_, self.axes_ = make_panels(
            figure, len(self.histories), n_cols=n_cols, size=(3.6, 3.2)
        )
        self.metric_axes_ = []
        for panel, (name, history) in zip(self.axes_, self.histories.items(), strict=True):
            for key, label in _LOSSES.items():
                _draw_curve(panel, history, key, label)
            if self.best_iters is not None:
                panel.axvline(self.best_iters[name], color="grey", linestyle=":", label="kept")
            panel.set(title=name, xlabel="epoch", ylabel="loss", xlim=(0.5, len(history) + 0.5))
            panel.xaxis.get_major_locator().set_params(integer=True)
            metric_axes = _draw_metric(panel, history)
            self.metric_axes_.append(metric_axes)
            metric_lines = [] if metric_axes is None else metric_axes.lines
            panel.legend(handles=[*panel.lines, *metric_lines], **_BELOW)
        return self


def _draw_curve(axes, history, key, label, **style):
    """Draw a value of `history_` by epoch, if it is there."""
    values = [epoch[key] for epoch in history if key in epoch]
    if values:
        # A line of one point would not be seen.
        marker = "o" if len(values) == 1 else None
        axes.plot(np.arange(1, len(values) + 1), values, label=label, marker=marker, **style)


def _draw_metric(panel, history):
    """Draw the validation metric with a scale of its own, and return its axes, or None."""
    for key, name in METRICS.items():
        if not np.isnan([epoch.get(key, np.nan) for epoch in history]).all():
            axes = panel.twinx()
            _draw_curve(axes, history, key, name, color="C2", linestyle="--")
            axes.set(ylim=(0, 1), ylabel=f"validation {name}")
            return axes
    return None
