"""Packages of the extras, imported where they are used."""

from importlib import import_module


def import_from_extra(name, task, *, extra):
    """Import a package of one of the extras, or say how to get it.

    Parameters
    ----------
    name : str
        The module.
    task : str
        What it is needed for, the first words of the error.
    extra : str
        As setup.cfg names it: "data".

    Returns
    -------
    module
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = _PACKAGES.get(name, name.partition(".")[0])
        raise ImportError(
            f'{task} needs {package}, which is not installed: pip install "skmmgenre[{extra}]"'
        ) from error


_PACKAGES = {"yaml": "pyyaml"}  # those that are not called as their module is
