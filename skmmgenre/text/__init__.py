"""Words to vectors."""

from ._text_mlp import TextMLP
from ._truncator import ReviewTruncator
from ._vectorizer import ReviewVectorizer

__all__ = ["ReviewTruncator", "ReviewVectorizer", "TextMLP"]
