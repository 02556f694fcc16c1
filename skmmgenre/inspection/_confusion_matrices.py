"""What each of several models confuses, side by side."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix
from sklearn.utils import Bunch
from sklearn.utils.multiclass import unique_labels

from .._typing import Auto, Column
from ._panels import make_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_MAX_LABELS_WITH_VALUES = 10
_MEANINGS = {
    "true": "share of the true genre's items",
    "pred": "share of the predicted genre's items",
    "all": "share of all items",
    None: "items",
}


class ConfusionMatricesDisplay:
    """Confusion matrices of several models on the same items, a panel each.

    Use :meth:`from_predictions` or :meth:`from_comparison`, which compute the matrices and draw
    them.

    Parameters
    ----------
    confusion_matrices : dict of str to ndarray of shape (n_labels, n_labels)
        For each model: rows are true genres, columns predicted ones.
    display_labels : array-like of shape (n_labels,), default=None
        Names of the genres; None numbers them.
    normalize : {"true", "pred", "all"} or None, default=None
        What the matrices hold: shares of each true genre's items, of each predicted genre's,
        of all items, or counts.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        What was drawn in.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_models,)
        The panels, in the order of the models.

    See Also
    --------
    LearningCurvesDisplay : How the networks of a model learned.
    compare_annotators : People beside a model.
    sklearn.metrics.ConfusionMatrixDisplay : One model.
    skmmgenre.compose.ablate_modalities : Predictions of every subset of modalities.

    Notes
    -----
    Figure 3 of the paper: sound, covers and both, with the shares of each true genre. All
    panels have one scale of colours, so that they can be compared.

    Examples
    --------
    >>> from skmmgenre.inspection import ConfusionMatricesDisplay
    >>> genres = ["Jazz", "Jazz", "Rap", "Rock"]
    >>> predictions = {
    ...     "audio": ["Jazz", "Rock", "Rap", "Rap"],
    ...     "audio + image": ["Jazz", "Jazz", "Rap", "Rock"],
    ... }
    >>> display = ConfusionMatricesDisplay.from_predictions(genres, predictions)
    >>> display.confusion_matrices["audio"]
    array([[0.5, 0. , 0.5],
           [0. , 1. , 0. ],
           [0. , 1. , 0. ]])
    >>> [panel.get_title() for panel in display.axes_]
    ['audio', 'audio + image']
    """

    def __init__(
        self,
        confusion_matrices: dict[str, np.ndarray],
        *,
        display_labels: Column | None = None,
        normalize: Literal["true", "pred", "all"] | None = None,
    ):
        self.confusion_matrices = confusion_matrices
        self.display_labels = display_labels
        self.normalize = normalize

    @classmethod
    def from_predictions(
        cls,
        y_true: Column,
        y_pred: dict[str, Any] | pd.DataFrame,
        *,
        labels: Column | None = None,
        sample_weight: Column | None = None,
        normalize: Literal["true", "pred", "all"] | None = "true",
        display_labels: Column | None = None,
        **plot_params: Any,
    ) -> Self:
        """Compute the confusion matrices and draw them.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            True genres, one an item.
        y_pred : dict of str to array-like of shape (n,), or DataFrame
            Predicted genres of each model by its name; of a DataFrame, each column's.
        labels : array-like of shape (n_labels,), default=None
            The genres to show, in this order. None: all that occur in `y_true` or in any
            prediction, sorted.
        sample_weight : array-like of shape (n,), default=None
            Weight of each item.
        normalize : {"true", "pred", "all"} or None, default="true"
            "true": shares of each true genre's items, "pred": of each predicted genre's,
            "all": of all items; None: counts.
        display_labels : array-like of shape (n_labels,), default=None
            Names to show instead of `labels`.
        **plot_params : dict
            Parameters of :meth:`plot`.

        Returns
        -------
        display : ConfusionMatricesDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If there is no model, or the predictions of one are not one genre for each item.
        """
        if not hasattr(y_pred, "items"):
            raise ValueError(
                "y_pred must give the predictions of each model by its name, such as "
                f"{{'audio': predicted}}; got {type(y_pred).__name__}."
            )
        y_true = np.asarray(y_true)
        predictions = {str(name): np.asarray(predicted) for name, predicted in y_pred.items()}
        if not predictions:
            raise ValueError("y_pred names no model; give the predictions of at least one.")
        for name, predicted in predictions.items():
            if predicted.shape != y_true.shape or predicted.ndim != 1:
                raise ValueError(
                    f"The predictions of {name!r} have shape {predicted.shape}, y_true has "
                    f"{y_true.shape}: one genre an item is expected in both."
                )
        if labels is None:
            labels = unique_labels(y_true, *predictions.values())
        matrices = {
            name: confusion_matrix(
                y_true, predicted, labels=labels, sample_weight=sample_weight, normalize=normalize
            )
            for name, predicted in predictions.items()
        }
        names = labels if display_labels is None else display_labels
        return cls(matrices, display_labels=names, normalize=normalize).plot(**plot_params)

    @classmethod
    def from_comparison(
        cls,
        comparison: Bunch,
        *,
        annotator: str | None = None,
        normalize: Literal["true", "pred", "all"] | None = "true",
        display_labels: Column | None = None,
        **plot_params: Any,
    ) -> Self:
        """Draw what a person and the model confuse in each mode, the person's panels first.

        Parameters
        ----------
        comparison : Bunch
            Of :func:`compare_annotators`.
        annotator : str, default=None
            Whose answers; None is all annotators' together.
        normalize : {"true", "pred", "all"} or None, default="true"
            As in :meth:`from_predictions`.
        display_labels : array-like of shape (n_labels,), default=None
            Names to show instead of the genres.
        **plot_params : dict
            Parameters of :meth:`plot`. By default a row of panels holds the modes of one rater.

        Returns
        -------
        display : ConfusionMatricesDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If nobody of this name annotated.

        Examples
        --------
        >>> from skmmgenre.inspection import ConfusionMatricesDisplay, compare_annotators
        >>> said = [("Ann", "a", "sound", "Jazz"), ("Ann", "b", "sound", "Jazz")]
        >>> import pandas as pd
        >>> said = pd.DataFrame(said, columns=["annotator", "item", "mode", "genre"])
        >>> comparison = compare_annotators(
        ...     said, {"a": "Jazz", "b": "Rap"}, {"sound": {"a": "Rap", "b": "Rap"}}
        ... )
        >>> display = ConfusionMatricesDisplay.from_comparison(comparison)
        >>> list(display.confusion_matrices)
        ['human, sound', 'model, sound']
        """
        answers = comparison.answers
        if annotator is not None:
            names = sorted(answers["annotator"].unique())
            answers = answers[answers["annotator"] == annotator]
            if answers.empty:
                raise ValueError(f"Nobody called {annotator!r} annotated; there are {names}.")
        modes, matrices = answers["mode"].unique(), {}
        for rater in ("human", "model"):
            for mode in modes if rater in answers else ():
                rows = answers[answers["mode"] == mode].dropna(subset=rater)
                if len(rows):
                    matrices[f"{rater}, {mode}"] = confusion_matrix(
                        rows["true"], rows[rater], labels=comparison.labels, normalize=normalize
                    )
        names = comparison.labels if display_labels is None else display_labels
        display = cls(matrices, display_labels=names, normalize=normalize)
        return display.plot(**{"n_cols": len(modes)} | plot_params)

    def plot(
        self,
        *,
        figure: "Figure | SubFigure | None" = None,
        n_cols: int = 4,
        include_values: Auto | bool = "auto",
        values_format: str | None = None,
        cmap: Any = "Blues",
        xticks_rotation: Literal["vertical", "horizontal"] | float = "vertical",
        colorbar: bool = True,
    ) -> Self:
        """Draw a panel for each model.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            What to draw in. None makes a figure with pyplot, as large as the names of the
            genres need.
        n_cols : int, default=4
            Panels in a row at most.
        include_values : bool or "auto", default="auto"
            Write the number into each cell; "auto": where there are at most 10 genres.
        values_format : str, default=None
            Format of these numbers. None is "d" for whole counts, else ".2f".
        cmap : str or matplotlib.colors.Colormap, default="Blues"
            Colours of the cells, from the lowest number to the highest.
        xticks_rotation : {"vertical", "horizontal"} or float, default="vertical"
            Of the genres below the panels.
        colorbar : bool, default=True
            Show the scale of colours beside the panels: from 0 to 1 for shares, to the largest
            count of all panels for counts.

        Returns
        -------
        display : ConfusionMatricesDisplay
            The display itself, with `figure_` and `axes_` set.
        """
        matrices = {name: np.asarray(matrix) for name, matrix in self.confusion_matrices.items()}
        n_labels = len(next(iter(matrices.values())))
        labels = range(n_labels) if self.display_labels is None else self.display_labels
        names = [str(label) for label in labels]
        if include_values == "auto":
            include_values = n_labels <= _MAX_LABELS_WITH_VALUES
        counts = self.normalize is None
        top = max(matrix.max() for matrix in matrices.values()) if counts else 1
        side = max(3.2, 0.36 * n_labels + 1.2) + 0.08 * max(map(len, names))
        self.figure_, self.axes_ = make_panels(
            figure, len(matrices), n_cols=n_cols, size=(side, side)
        )
        for number, (name, matrix) in enumerate(matrices.items()):
            panel = self.axes_[number]
            drawn = ConfusionMatrixDisplay(matrix, display_labels=names).plot(
                ax=panel,
                include_values=include_values,
                values_format=values_format or ("d" if matrix.dtype.kind in "iu" else ".2f"),
                cmap=cmap,
                xticks_rotation=xticks_rotation,
                colorbar=False,
                im_kw={"vmin": 0, "vmax": top},
            )
            if include_values:
                _contrast(drawn)
            panel.set_title(name)
            if number % n_cols:  # the genres are written at the outer panels only
                panel.set(ylabel="", yticklabels=[])
            if number + n_cols < len(matrices):
                panel.set(xlabel="", xticklabels=[])
        if colorbar:
            meaning = _MEANINGS[self.normalize]
            self.figure_.colorbar(drawn.im_, ax=self.axes_.tolist(), label=meaning, shrink=0.6)
        return self


def _contrast(drawn):
    """Numbers in the colour far from their cell's: scikit-learn goes by the panel's own scale."""
    image = drawn.im_
    for cell, text in np.ndenumerate(drawn.text_):
        dark = image.norm(drawn.confusion_matrix[cell]) > 0.5
        text.set_color(image.cmap(0.0 if dark else 1.0))
