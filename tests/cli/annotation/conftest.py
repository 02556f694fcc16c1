"""A folder of items that tests of the page share."""

import pytest
from blind_items import write_items


@pytest.fixture(scope="session")
def blind(tmp_path_factory):
    """A folder with forty items, four genres and all their secrets; tests add files only."""
    folder = tmp_path_factory.mktemp("blind") / "items"
    write_items(folder, 40)
    return folder
