"""The names of `skmmgenre.items`, by which programs written before the move go on."""

import pytest

import skmmgenre.items
from skmmgenre import store, utils

OF_UTILS = (
    "BadItem ErrorsMixin SetupError as_cells describe_cell import_from_extra is_missing "
    "progress_bar python_random_kept refuse_repeated_columns workers"
)


@pytest.mark.parametrize(
    ("room", "names"), [(store, store.__all__), (utils, OF_UTILS.split())], ids=["store", "utils"]
)
def test_they_are_those_of_the_rooms(room, names):
    assert names
    for name in names:
        assert getattr(skmmgenre.items, name) is getattr(room, name)
