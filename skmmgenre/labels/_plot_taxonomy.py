"""The picture of a tree of genres."""


def draw_tree(paths, counts, ax):
    """Draw nodes as rows, each indented by its level and joined to the one above it.

    Parameters
    ----------
    paths : list of tuple of str
        The names from the top down to each node; a node follows the one above it.
    counts : Series, dict or None
        A number of each label.
    ax : Axes or None

    Returns
    -------
    ax : Axes
    """
    import matplotlib.pyplot as plt

    depth = max(map(len, paths))
    if ax is None:
        size = (1.5 + 2 * depth, 0.5 + 0.22 * len(paths))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    row = {path: place for place, path in enumerate(paths)}
    numbers = {
        path: counts[path[-1]] for path in paths if counts is not None and path[-1] in counts
    }
    largest = max(numbers.values(), default=0)
    for path, y in row.items():
        x = len(path) - 1
        if x:
            ax.plot([x - 1, x - 1, x], [row[path[:-1]], y, y], color="0.7", lw=0.8, zorder=1)
        name = path[-1].replace("$", r"\$")  # no formula
        if path in numbers:
            name += f"  {numbers[path]:,}"
        ax.annotate(name, (x, y), (9, 0), textcoords="offset points", va="center", fontsize=8)
    area = [10 + 140 * numbers.get(path, 0) / largest if largest else 10 for path in paths]
    ax.scatter([len(path) - 1 for path in paths], range(len(paths)), s=area, zorder=2)
    ax.set_xlim(-0.3, depth)
    ax.set_ylim(len(paths) - 0.5, -0.5)
    ax.set_axis_off()
    return ax
