"""Metrics of the paper and their confidence intervals."""

from ..utils import artist_names, group_codes, plain_labels, read_indicator
from ._bootstrap import BootstrapInterval, bootstrap_interval
from ._genre_scorer import GenreScorer, check_columns, label_scores
from ._genre_scores import genre_scores
from ._ranking import (
    aggregated_diversity_score,
    correct_diversity_score,
    macro_auc_score,
    macro_average_precision_score,
    ndcg_at_k_score,
    precision_at_k_score,
    ranking_scores,
    remove_log_prior,
    top_k_labels,
)
from ._retrieval import nearest_allowed, neighbor_purity, read_vectors, retrieval_scores
from ._top_genres import top_genres

__all__ = [
    "BootstrapInterval",
    "GenreScorer",
    "aggregated_diversity_score",
    "bootstrap_interval",
    "correct_diversity_score",
    "genre_scores",
    "macro_auc_score",
    "macro_average_precision_score",
    "ndcg_at_k_score",
    "neighbor_purity",
    "precision_at_k_score",
    "ranking_scores",
    "remove_log_prior",
    "retrieval_scores",
    "top_genres",
]

for _name in __all__:  # pickles refer to the public module, so that private files can move
    globals()[_name].__module__ = __name__
