"""Figures of the paper, and their intervals."""

from ._bootstrap import bootstrap_interval
from ._diversity import aggregated_diversity_score
from ._genre_scores import genre_scores
from ._groups import group_codes, group_names  # noqa: F401  (for the other rooms)
from ._macro_auc import macro_auc_score

__all__ = [
    "aggregated_diversity_score",
    "bootstrap_interval",
    "genre_scores",
    "macro_auc_score",
]
