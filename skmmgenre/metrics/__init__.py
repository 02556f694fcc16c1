"""Figures of the paper, and their intervals."""

from ._groups import group_codes, group_names

__all__ = ["group_codes", "group_names"]
