"""Read results stored by `skmmgenre train` and `skmmgenre evaluate`."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

_TOLERANCE = 2e-6  # stored metrics have six digits


@dataclass
class Stored:
    """Metrics of a model and of controls on the same items.

    Parameters
    ----------
    source : str
        Description of what stored the metrics.
    n_items : int or None
    metrics, plain, prior : dict of str to float
        Values by metric; empty if there are none.
    comparison : dict
        metric, difference (model minus plain), low, high; empty if there is none.
    subsets, plain_subsets : dict of str to dict
        Metrics by subset of modalities.
    n_in_both : int
        Items that plain was also trained on; if any, the comparison is not valid.
    of_ablation : bool
        Whether the metrics are those of `ablate_modalities`.
    """

    source: str
    n_items: int | None
    metrics: dict
    plain: dict = field(default_factory=dict)
    prior: dict = field(default_factory=dict)
    comparison: dict = field(default_factory=dict)
    subsets: dict = field(default_factory=dict)
    plain_subsets: dict = field(default_factory=dict)
    n_in_both: int = 0
    of_ablation: bool = False

    def is_of(self, scores):
        """Return whether these are metrics of the items of a report."""
        # Stored metrics do not name their items: the same number and the same values identify them.
        shared = self.metrics.keys() & set(scores.metrics.index)
        if not shared or self.n_items not in (None, scores.n_items):
            return False
        told = [self.metrics[name] for name in sorted(shared)]
        found = scores.metrics["value"].loc[sorted(shared)]
        return bool(np.allclose(told, found, atol=_TOLERANCE, rtol=0, equal_nan=True))


def of_card(card):
    """Read the metrics that `skmmgenre train --test-size` stored in a card, or return None."""
    held_out = card.get("held_out")
    metrics = _numbers(_get(held_out, "metrics"))
    if not metrics:
        return None
    plain = _get(held_out, "plain")
    return Stored(
        source="skmmgenre train, on held-out items",
        n_items=_count(_get(held_out, "items")),
        metrics=metrics,
        plain=_numbers(_get(plain, "metrics")),
        prior=_numbers(_get(held_out, "prior")),
        comparison=_comparison(plain),
    )


def of_evaluation(found):
    """Read the output of `skmmgenre evaluate --json`.

    Raises
    ------
    ValueError
        If it is not such an output.
    """
    subsets = {name: _numbers(line) for name, line in _get(found, "metrics", {}).items()}
    if not subsets or not all(subsets.values()):
        raise ValueError(
            "evaluation contains no metrics. Pass the output of skmmgenre evaluate --json."
        )
    together = list(subsets)[-1]
    plain = _get(found, "plain")
    plain_subsets = {name: _numbers(line) for name, line in _get(plain, "metrics", {}).items()}
    return Stored(
        source="skmmgenre evaluate",
        n_items=_count(_get(found, "items")),
        metrics=subsets[together],
        plain=plain_subsets.get(together, {}),
        prior=_numbers(_get(found, "prior")),
        comparison=_comparison(_get(_get(plain, "differences"), together)),
        subsets=subsets,
        plain_subsets=plain_subsets,
        n_in_both=_count(_get(plain, "items_in_both")) or 0,
    )


def of_ablation(ablation, together):
    """Read the metrics of a table of `ablate_modalities` and its plain control, or return None."""
    if ablation is None or together not in ablation.index:
        return None
    metrics = _numbers(ablation.loc[together].to_dict())
    plain = f"plain {together}"
    line = ablation.loc[plain].to_dict() if plain in ablation.index else {}
    comparison = {}
    if line.get("reference") == together:
        metric = "macro_auc" if "without_label" in ablation else "f1"
        # The table contains plain minus model.
        told = [-line[name] for name in ("difference", "high", "low")]
        comparison = _comparison(
            dict(zip(("difference", "low", "high"), told, strict=True)) | {"metric": metric}
        )
    return Stored(
        source="ablate_modalities",
        n_items=None,
        metrics=metrics,
        plain=_numbers(line),
        comparison=comparison,
        of_ablation=True,
    )


def _get(found, name, default=None):
    value = found.get(name) if isinstance(found, dict) else None
    return default if value is None or not isinstance(value, (dict, int, float)) else value


def _numbers(line):
    if not isinstance(line, dict):
        return {}
    return {
        str(name): float(value)
        for name, value in line.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _count(value):
    return int(value) if isinstance(value, (int, float)) and not pd.isna(value) else None


def _comparison(found):
    told = _numbers(found)
    if not {"difference", "low", "high"} <= told.keys():
        return {}
    told = {name: told[name] for name in ("difference", "low", "high")}
    return told | {"metric": str(found.get("metric", "f1"))}
