"""Utilities shared by several subpackages; this one imports none of the others.

A name belongs here if two subpackages use it, or if it is closely related to such a name. No more
files are added.
"""

from ._cells import (
    BadItem,
    BadType,
    ErrorsMixin,
    NoContainer,
    SetupError,
    as_cells,
    as_pandas,
    calling_function,
    describe_cell,
    file_in,
    first_few,
    is_missing,
    is_of_function,
    is_path,
    refuse_repeated_columns,
    require_parameter,
)
from ._compat import (
    NamesBetweenSteps,
    TrainingSetOnce,
    available_if,
    check_feature_names_in,
    check_sample_weight,
    fit_context,
    has_default_output,
    import_from_extra,
    in_container,
    mapped_file,
    processor_has_bfloat16,
    safe_indexing,
    without_stop_words_id,
)
from ._files import EMPTY_FILE, changing, get_data_home, open_file, remove_parts, replacing, sync
from ._groups import Groups, artist_names, group_codes, read_groups
from ._labels import (
    Labels,
    check_rows,
    plain_labels,
    read_indicator,
    read_labels,
    read_labels_like,
    refuse_other_labels,
    rows_checked,
)
from ._parallel import n_threads, workers
from ._progress import (
    TrainingInterrupted,
    interruption_ends_all,
    logger,
    progress_bar,
    progress_hidden,
    python_random_kept,
)
from ._table_cells import read_cell, read_cells, refuse_left_out
from ._walk import estimators_in, find_steps, walk, walk_parts
