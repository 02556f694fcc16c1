"""The page of `skmmgenre annotate`: items drawn once, shown blind, and the answers kept."""

from ._answers import AnswerLog, OtherRevision
from ._draw import draw_items, names_of
from ._plan import Item, Plan, keep_plan
