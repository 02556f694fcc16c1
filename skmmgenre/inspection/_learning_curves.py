"""Display of the losses and validation metric of a model's networks per epoch."""

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
# The legend is below the panel: losses fall and metrics rise, so no corner is free.
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
    """Training loss, validation loss and validation metric per epoch, one panel per network.

    Use :meth:`from_estimator`, which finds the networks of a fitted model and draws them.

    Parameters
    ----------
    histories : dict of str to list of dict
        `history_` of each network by the title of its panel. Each epoch has ``train_loss`` and,
        with validation rows, ``valid_loss`` and ``valid_f1`` (macro F1, single-label) or
        ``valid_macro_auc`` (multilabel).
    best_iters : dict of str to int, default=None
        The epoch whose weights each network kept, counted from 1. It is marked in the panel.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        The figure that contains the panels.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_networks,)
        The panels, in the order of the networks, with the scale of the loss on the left.
    metric_axes_ : list of matplotlib.axes.Axes or None
        The axes of the metric on the right of each panel, from 0 to 1. None if the history
        contains no metric: without validation rows or labels, or in models saved by older
        versions.

    See Also
    --------
    ConfusionMatricesDisplay : Confusion matrices of several models.
    sklearn.model_selection.LearningCurveDisplay : Scores by number of training rows.

    Notes
    -----
    If the training loss still falls while training stopped long before `max_epochs`, the network
    overfits. If the validation loss still falls at the end, increase `max_epochs`.

    Early stopping monitors the validation loss, not the metric, and the two need not agree: when
    a network becomes overconfident, its loss rises while the ranking of the genres, and with it
    the AUC, still improves.

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
            A fitted network, or a Pipeline, ColumnTransformer or meta-estimator that contains
            networks. For a search, the networks of the best estimator are shown. Each panel is
            titled by its branch or step, such as "audio" and "fusion".
        **plot_params : dict
            Parameters passed to :meth:`plot`.

        Returns
        -------
        display : LearningCurvesDisplay
            The drawn display.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If the model contains no network.
        """
        check_is_fitted(estimator)
        found = find_steps(estimator, NetEstimator)
        # A wrapper that fits several clones has no single fitted network.
        networks = {name: net for name, net in found.items() if hasattr(net, "history_")}
        if not networks:
            raise ValueError(
                f"{type(estimator).__name__} contains no network of skmmgenre, so there are no "
                "losses to draw. For other losses use LearningCurvesDisplay(histories).plot()."
            )
        display = cls(
            {name: network.history_ for name, network in networks.items()},
            best_iters={name: network.best_iter_ for name, network in networks.items()},
        )
        return display.plot(**plot_params)

    def plot(self, *, figure: "Figure | SubFigure | None" = None, n_cols: int = 4) -> Self:
        """Draw one panel per network.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            Figure to draw in. None creates one with pyplot.
        n_cols : int, default=4
            Maximum number of panels per row.

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
    """Draw a value of `history_` per epoch, if present."""
    values = [epoch[key] for epoch in history if key in epoch]
    if values:
        # A line through a single point is invisible.
        marker = "o" if len(values) == 1 else None
        axes.plot(np.arange(1, len(values) + 1), values, label=label, marker=marker, **style)


def _draw_metric(panel, history):
    """Draw the validation metric on a separate scale; return its axes, or None."""
    for key, name in METRICS.items():
        if not np.isnan([epoch.get(key, np.nan) for epoch in history]).all():
            axes = panel.twinx()
            _draw_curve(axes, history, key, name, color="C2", linestyle="--")
            axes.set(ylim=(0, 1), ylabel=f"validation {name}")
            return axes
    return None
