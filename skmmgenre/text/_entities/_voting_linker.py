"""Linker that keeps the mentions several linkers agree on."""

from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval, InvalidParameterError

from ._linker import Linker, Mention
from ._titles import entity_name


class VotingLinker(Linker):
    """Keep the mentions that several linkers agree on.

    As in ELVIS (Oramas et al. 2016), linkers agree on a mention if they find the same entity at
    the same position.

    Parameters
    ----------
    linkers : list of objects with a method link
        Linkers that are applied to each text; each has one vote.
    min_votes : int, default=2
        Minimum number of linkers that must agree.

    See Also
    --------
    BabelfyLinker, SpotlightLinker, TagMeLinker : The linkers of ELVIS.
    GazetteerLinker : The linker that works offline.

    Notes
    -----
    Positions are the same if start and end are equal; entities are the same if their names are
    equal. The title of a page, with spaces or underscores, and its URL in DBpedia or Wikipedia,
    percent-encoded or not, count as the same name. Redirects are not followed: "Adele_(singer)"
    is not "Adele".

    The confidence of a mention is the fraction of the linkers that agree; its categories are the
    union of theirs.

    Examples
    --------
    >>> from skmmgenre.text import Mention, VotingLinker
    >>> class Says:
    ...     def __init__(self, entity):
    ...         self.entity = entity
    ...     def link(self, text):
    ...         return [Mention(0, 5, "Adele", self.entity, 0.5)]
    >>> linkers = [Says("http://dbpedia.org/resource/Adele"), Says("Adele"), Says("Adele_Dazeem")]
    >>> [(mention.entity, mention.confidence) for mention in VotingLinker(linkers).link("Adele!")]
    [('Adele', 0.6666666666666666)]
    """

    _parameter_constraints: dict = {
        "linkers": [list, tuple],
        "min_votes": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, linkers: list[Any] | tuple[Any, ...], *, min_votes: int = 2):
        self.linkers = linkers
        self.min_votes = min_votes

    def check_setup(self):
        super().check_setup()
        for linker in self.linkers:
            if hasattr(linker, "check_setup"):
                linker.check_setup()

    def _validate_params(self):
        super()._validate_params()
        for number, linker in enumerate(self.linkers):
            if not hasattr(linker, "link"):
                raise InvalidParameterError(
                    f"linkers[{number}] is {linker!r}, which has no method link. Pass a linker "
                    "such as GazetteerLinker(knowledge_base)."
                )
        if self.min_votes > len(self.linkers):
            raise InvalidParameterError(
                f"min_votes={self.min_votes} is larger than the number of linkers "
                f"({len(self.linkers)}). Pass more linkers or a smaller min_votes."
            )

    def _find(self, text):
        votes = {}
        for linker in self.linkers:
            # One vote per linker, even if it finds an entity twice at the same position.
            found = {(m.start, m.end, entity_name(m.entity)): m for m in linker.link(text)}
            for where, mention in found.items():
                votes.setdefault(where, []).append(mention)
        return [
            Mention(
                start=start,
                end=end,
                label=text[start:end],
                entity=entity,
                confidence=len(agreeing) / len(self.linkers),
                categories=tuple(dict.fromkeys(c for m in agreeing for c in m.categories)),
            )
            for (start, end, entity), agreeing in votes.items()
            if len(agreeing) >= self.min_votes
        ]
