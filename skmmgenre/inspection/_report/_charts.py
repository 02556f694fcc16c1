"""Coordinates of the lines and points of the charts, which the template draws."""

import math

import numpy as np

from ...utils import first_few

CURVE = {"width": 320, "height": 190, "left": 46, "right": 282, "top": 12, "bottom": 158}
MAP = {"width": 1000, "height": 640, "edge": 24}
N_COLORS = 10


def draw_curves(curve):
    """Compute the lines of the learning curves of a network.

    Parameters
    ----------
    curve : dict
        An element of the result of `curves_of`.

    Returns
    -------
    drawn : dict
        name, lines (label, points, last value), metric (a line or None), ticks, best (x of the
        best epoch), best_epoch, n_epochs.
    """
    series, metric = curve["series"], curve["metric"]
    n = max(map(len, [*series.values(), metric.get("values", [])]))
    finite = [value for values in series.values() for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    lines = [
        {"label": label, "points": _line(values, n, low, high), "value": values[-1]}
        for label, values in series.items()
    ]
    told = None
    if metric:
        told = {"label": metric["label"], "points": _line(metric["values"], n, 0.0, 1.0)}
        told["value"] = next(v for v in reversed(metric["values"]) if math.isfinite(v))
    # Enough digits to distinguish the ticks.
    digits = int(np.clip(2 - math.floor(math.log10(high - low)), 0, 4)) if high < 100 else 0
    ticks = [
        (_height(value, low, high), f"{value:.{digits}f}") for value in np.linspace(low, high, 3)
    ]
    best = _place(curve["best"], n) if 1 <= curve["best"] <= n else None
    return {"name": curve["name"], "lines": lines, "metric": told, "ticks": ticks, "best": best,
            "best_epoch": curve["best"], "n_epochs": n}  # fmt: skip


def _line(values, n, low, high):
    """Return the points of a line; a single value becomes a short dash, to be visible."""
    points = [
        (_place(epoch, n), _height(value, low, high))
        for epoch, value in enumerate(values, start=1)
        if math.isfinite(value)
    ]
    if len(points) == 1:
        (x, y), *_ = points
        points = [(x - 4, y), (x + 4, y)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _place(epoch, n):
    share = 0.5 if n == 1 else (epoch - 1) / (n - 1)
    return CURVE["left"] + share * (CURVE["right"] - CURVE["left"])


def _height(value, low, high):
    share = (value - low) / (high - low)
    return CURVE["bottom"] - share * (CURVE["bottom"] - CURVE["top"])


def draw_map(found, items, answers):
    """Compute the points of a map, its legend and the tooltip of each point.

    Parameters
    ----------
    found : Map
    items : Items
    answers : Answers

    Returns
    -------
    drawn : dict
        points (x, y, colour, whether right), legend (name, colour, n), tips (list of list),
        n_wrong.
    """
    first = [items.genres[row][0] for row in found.rows]
    counts = {}
    for name in first:
        counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    # The last colour is shared by all other genres.
    n_own = N_COLORS if len(ranked) <= N_COLORS else N_COLORS - 1
    color = {name: min(number, n_own) for number, name in enumerate(ranked)}
    legend = [{"name": name, "color": color[name], "n": counts[name]} for name in ranked[:n_own]]
    if len(ranked) > n_own:
        others = sum(counts[name] for name in ranked[n_own:])
        legend.append({"name": f"{len(ranked) - n_own} others", "color": n_own, "n": others})
    edge, points, tips = MAP["edge"], [], []
    for place, row in enumerate(found.rows):
        x, y = found.points[place]
        said = answers.genres(row)
        right = set(said) == set(items.genres[row])
        x = round(edge + x * (MAP["width"] - 2 * edge))
        y = round(MAP["height"] - edge - y * (MAP["height"] - 2 * edge))
        points.append({"x": x, "y": y, "color": color[first[place]], "right": right})
        tips.append(
            [
                items.names[row],
                items.artist(row),
                ", ".join(items.genres[row]),
                first_few(said, 6) or "no genre",
            ]
        )
    n_wrong = sum(not point["right"] for point in points)
    return {"points": points, "legend": legend, "tips": tips, "n_wrong": n_wrong}


def draw_pieces(seconds):
    """Compute the bars of the pieces of a track: x, width and height in [0, 100], and sign."""
    pieces = seconds["pieces"]
    start, end = pieces[0]["start"], pieces[-1]["end"]
    largest = max(abs(piece["effect"]) for piece in pieces) or 1.0
    return [
        {
            "x": 100 * (piece["start"] - start) / (end - start),
            "width": 100 * (piece["end"] - piece["start"]) / (end - start),
            "height": 100 * abs(piece["effect"]) / largest,
            "against": piece["effect"] < 0,
        }
        for piece in pieces
    ]
