"""Packages of the extra `data`, imported where they are used."""

from importlib import import_module


def import_from_extra(name, task):
    """Import a package of ``skmmgenre[data]``, or say how to get it.

    Parameters
    ----------
    name : str
        The module.
    task : str
        What it is needed for, the first words of the error.

    Returns
    -------
    module
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f'{task} needs {package}, which is not installed: pip install "skmmgenre[data]"'
        ) from error
