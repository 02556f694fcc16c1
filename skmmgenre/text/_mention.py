"""A place in a text where an entity is named."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text where an entity is named; what every linker's `link` answers with.

    Parameters
    ----------
    start, end : int
        Characters of the text, the end exclusive: the mention is ``text[start:end]``.
    label : str
        ``text[start:end]``.
    entity : str
        Name of the entity in the knowledge base or service, as it stands there
        ("Miles_Davis").
    confidence : float
        In [0, 1]; what it is measured by differs from linker to linker.
    categories : tuple of str
        Wikipedia categories of the entity, without the prefix "Category:", spaces for
        underscores.

    Examples
    --------
    >>> from skmmgenre.text import Mention
    >>> text = "So What by Miles Davis"
    >>> mention = Mention(11, 22, "Miles Davis", "Miles_Davis", 0.9, ("Cool jazz musicians",))
    >>> text[mention.start : mention.end] == mention.label
    True
    """

    __module__ = "skmmgenre.text"

    start: int
    end: int
    label: str
    entity: str
    confidence: float
    categories: tuple[str, ...] = ()
