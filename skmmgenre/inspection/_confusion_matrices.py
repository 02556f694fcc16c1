"""Display of the confusion matrices of several models, side by side."""

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
    """Confusion matrices of several models on the same items, one panel per model.

    Use :meth:`from_predictions` or :meth:`from_comparison`, which compute the matrices and draw
    them.

    Parameters
    ----------
    confusion_matrices : dict of str to ndarray of shape (n_labels, n_labels)
        Matrix of each model. Rows are true genres, columns are predicted genres.
    display_labels : array-like of shape (n_labels,), default=None
        Names of the genres. None: the genres are numbered.
    normalize : {"true", "pred", "all"} or None, default=None
        How the matrices are normalized: over the true genres (rows), the predicted genres
        (columns), all items, or not at all (counts).

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        The figure that contains the panels.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_models,)
        The panels, in the order of the models.

    See Also
    --------
    LearningCurvesDisplay : Learning curves of the networks of a model.
    compare_annotators : Compare annotators with a model.
    sklearn.metrics.ConfusionMatrixDisplay : Confusion matrix of a single model.
    skmmgenre.compose.ablate_modalities : Predictions of every subset of modalities.

    Notes
    -----
    This is Figure 3 of the paper: sound, covers and both, normalized over the true genres. All
    panels share one colour scale, so that they can be compared.

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
            True genre of each item.
        y_pred : dict of str to array-like of shape (n,), or DataFrame
            Predicted genres by the name of the model; each column of a DataFrame is a model.
        labels : array-like of shape (n_labels,), default=None
            The genres to show, in this order. None: all genres that occur in `y_true` or in any
            prediction, sorted.
        sample_weight : array-like of shape (n,), default=None
            Weight of each item.
        normalize : {"true", "pred", "all"} or None, default="true"
            Normalize over the true genres (rows), the predicted genres (columns) or all items.
            None: counts.
        display_labels : array-like of shape (n_labels,), default=None
            Names to show instead of `labels`.
        **plot_params : dict
            Parameters passed to :meth:`plot`.

        Returns
        -------
        display : ConfusionMatricesDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If `y_pred` is empty, or the predictions of a model are not one genre per item.
        """
        if not hasattr(y_pred, "items"):
            raise ValueError(
                "y_pred must be a dict or DataFrame of predictions by the name of the model, such "
                f"as {{'audio': predicted}}; got {type(y_pred).__name__}."
            )
        y_true = np.asarray(y_true)
        predictions = {str(name): np.asarray(predicted) for name, predicted in y_pred.items()}
        if not predictions:
            raise ValueError("y_pred is empty; pass the predictions of at least one model.")
        for name, predicted in predictions.items():
            if predicted.shape != y_true.shape or predicted.ndim != 1:
                raise ValueError(
                    f"The predictions of {name!r} have shape {predicted.shape}, y_true has "
                    f"{y_true.shape}: expected one genre per item in both."
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
        """Draw the confusion matrices of an annotator and the model for each mode.

        Parameters
        ----------
        comparison : Bunch
            Result of :func:`compare_annotators`.
        annotator : str, default=None
            Name of the annotator. None: all annotators together.
        normalize : {"true", "pred", "all"} or None, default="true"
            Normalization, as in :meth:`from_predictions`.
        display_labels : array-like of shape (n_labels,), default=None
            Names to show instead of the genres.
        **plot_params : dict
            Parameters passed to :meth:`plot`. By default, each row of panels shows the modes of
            one rater, with the annotator in the first row.

        Returns
        -------
        display : ConfusionMatricesDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If there are no annotations by `annotator`.

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
                raise ValueError(f"Unknown annotator {annotator!r}; the annotators are {names}.")
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
        """Draw one panel per model.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            Figure to draw in. None creates one with pyplot, large enough for the names of the
            genres.
        n_cols : int, default=4
            Maximum number of panels per row.
        include_values : bool or "auto", default="auto"
            Whether to show the value in each cell. "auto": if there are at most 10 genres.
        values_format : str, default=None
            Format of these values. None: "d" for integer counts, else ".2f".
        cmap : str or matplotlib.colors.Colormap, default="Blues"
            Colormap of the cells.
        xticks_rotation : {"vertical", "horizontal"} or float, default="vertical"
            Rotation of the genre names below the panels.
        colorbar : bool, default=True
            Whether to show a colorbar next to the panels: from 0 to 1 for shares, or up to the
            largest count of all panels for counts.

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
            if number % n_cols:  # only the outer panels show the genre names
                panel.set(ylabel="", yticklabels=[])
            if number + n_cols < len(matrices):
                panel.set(xlabel="", xticklabels=[])
        if colorbar:
            meaning = _MEANINGS[self.normalize]
            self.figure_.colorbar(drawn.im_, ax=self.axes_.tolist(), label=meaning, shrink=0.6)
        return self


def _contrast(drawn):
    """Choose text colours that contrast on the shared scale; scikit-learn uses the panel's own."""
    image = drawn.im_
    for cell, text in np.ndenumerate(drawn.text_):
        dark = image.norm(drawn.confusion_matrix[cell]) > 0.5
        text.set_color(image.cmap(0.0 if dark else 1.0))
