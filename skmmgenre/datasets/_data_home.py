"""Where published data sets lie."""

import os
from pathlib import Path


def get_data_home(data_home=None):
    """Return the folder of the published data sets; it need not exist.

    Parameters
    ----------
    data_home : str or path, default=None
        By default the environment variable ``SKMMGENRE_DATA``, else ``~/skmmgenre_data``.

    Returns
    -------
    data_home : Path

    Examples
    --------
    >>> from skmmgenre.datasets import get_data_home
    >>> get_data_home("data").name
    'data'
    """
    if data_home is None:
        data_home = os.environ.get("SKMMGENRE_DATA") or "~/skmmgenre_data"
    return Path(data_home).expanduser()
