"""Figures of the paper, and their intervals."""

from ..utils import (  # noqa: F401  (read here before utils had them)
    artist_names,
    group_codes,
    plain_labels,
    read_indicator,
)
from ._bootstrap import bootstrap_interval
from ._diversity import aggregated_diversity_score, correct_diversity_score
from ._genre_scorer import GenreScorer
from ._genre_scores import genre_scores
from ._label_scores import label_scores, refuse_other_labels  # noqa: F401  (for the other rooms)
from ._log_prior import remove_log_prior
from ._macro_auc import macro_auc_score
from ._macro_average_precision import macro_average_precision_score
from ._ranking_scores import ranking_scores
from ._top_k import top_k_labels  # noqa: F401  (for the other rooms)
from ._top_k_scores import ndcg_at_k_score, precision_at_k_score

__all__ = [
    "GenreScorer",
    "aggregated_diversity_score",
    "bootstrap_interval",
    "correct_diversity_score",
    "genre_scores",
    "macro_auc_score",
    "macro_average_precision_score",
    "ndcg_at_k_score",
    "precision_at_k_score",
    "ranking_scores",
    "remove_log_prior",
]
