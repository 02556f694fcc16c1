"""Packages of the extra `text`, imported where they are used."""

from importlib import import_module


def import_extra(name):
    """Import a package of the extra `text`; if it is absent, say how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f'This needs {name}, which is not installed: pip install "skmmgenre[text]"'
        ) from error
