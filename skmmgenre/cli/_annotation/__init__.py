"""The web page of `skmmgenre annotate`: draw items, show them blind and save the answers."""

from ._answers import AnswerLog, OtherRevision
from ._draw import draw_items, names_of
from ._labels import read_labels, with_labels
from ._plan import Item, Plan, keep_plan
