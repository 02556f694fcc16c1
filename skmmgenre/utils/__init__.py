"""What several rooms share; the ground floor, which imports nothing of the package."""

from ._compat import (
    TrainingSetOnce,
    check_feature_names_in,
    check_sample_weight,
    has_default_output,
    import_from_extra,
    in_container,
    mapped_file,
    processor_has_bfloat16,
    safe_indexing,
    without_stop_words_id,
)

__all__ = [
    "TrainingSetOnce",
    "check_feature_names_in",
    "check_sample_weight",
    "has_default_output",
    "import_from_extra",
    "in_container",
    "mapped_file",
    "processor_has_bfloat16",
    "safe_indexing",
    "without_stop_words_id",
]
