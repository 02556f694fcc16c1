"""Grids of panels of equal size."""


def make_panels(figure, n_panels, *, n_cols, size):
    """Return the figure and the axes of its panels, in rows of `n_cols`.

    Parameters
    ----------
    figure : matplotlib.figure.Figure, SubFigure or None
        None creates one with pyplot, large enough for panels of `size`.
    n_panels : int
    n_cols : int
    size : tuple of two float
        Width and height of a panel in inches.

    Returns
    -------
    figure : matplotlib.figure.Figure or SubFigure
    axes : ndarray of Axes, shape (n_panels,)
    """
    n_cols = min(n_cols, n_panels)
    n_rows = -(-n_panels // n_cols)
    if figure is None:
        from matplotlib import pyplot

        figsize = (n_cols * size[0], n_rows * size[1])
        figure = pyplot.figure(figsize=figsize, layout="compressed")
    axes = figure.subplots(n_rows, n_cols, squeeze=False).ravel()
    for unused in axes[n_panels:]:
        unused.remove()
    return figure, axes[:n_panels]
