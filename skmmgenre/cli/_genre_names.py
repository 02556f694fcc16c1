"""The file for --genres: a list of genres and aliases for them."""

from collections import Counter


class GenreNames:
    """Whitelist of genres with aliases; names are matched without case.

    Parameters
    ----------
    genres : list of str, default=None
        Genres to keep, in the spelling to use; None keeps all.
    aliases : dict of str to str, default=None
        Other names, and the genre that each is mapped to.

    Raises
    ------
    ValueError
        If an alias is mapped to a genre that is not in the list.
    """

    def __init__(self, genres=None, aliases=None):
        self.aliases = dict(aliases or {})
        self._known = None if genres is None else {genre.casefold(): genre for genre in genres}
        self._aliases = {name.casefold(): genre for name, genre in (aliases or {}).items()}
        for name, genre in (aliases or {}).items():
            if self._known is not None and genre.casefold() not in self._known:
                raise ValueError(
                    f"The alias {name!r} is mapped to {genre!r}, which is not in the list genres: "
                    "add the genre to the list, or remove the alias."
                )

    @classmethod
    def read(cls, path):
        """Read a YAML file with a list ``genres``, a mapping ``aliases``, or both.

        Raises
        ------
        ValueError
            If the file has another structure.
        """
        from ..utils import import_from_extra  # imports pandas

        yaml = import_from_extra("yaml", "Reading --genres", extra="cli")
        with open(path, encoding="utf-8") as file:
            try:
                content = yaml.safe_load(file)
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                raise ValueError(f"{path!r} is not valid YAML: {error}") from error
        remedy = 'Write "genres: [Rock, Hip Hop]", "aliases: {rap: Hip Hop}", or both.'
        if not isinstance(content, dict) or not content:
            raise ValueError(f"{path!r} must contain genres or aliases. {remedy}")
        refuse_unknown_keys(content, ("genres", "aliases"), repr(path))
        genres, aliases = content.get("genres"), content.get("aliases") or {}
        if genres is not None and not _all_names(genres, list):
            raise ValueError(f"genres in {path!r} is not a list of names. {remedy}")
        if not _are_aliases(aliases):
            raise ValueError(f"aliases in {path!r} does not map names to names. {remedy}")
        return cls(genres, aliases)

    @classmethod
    def of_card(cls, card):
        """Return the aliases on a model card, ignored if they do not map names to names."""
        aliases = card.get("aliases")
        return cls(aliases=aliases if _are_aliases(aliases) else None)

    @property
    def genres(self):
        """The listed genres, in their order; empty without a list."""
        return list((self._known or {}).values())

    def map(self, names):
        """Return the distinct genres that the names of one item are mapped to, in order."""
        genres = {}
        for name in names:
            name = self._aliases.get(name.casefold(), name)
            if self._known is not None:
                name = self._known.get(name.casefold())
            if name is not None:
                genres.setdefault(name.casefold(), name)
        return list(genres.values())

    def absent(self, items):
        """Return the listed genres that no item has, given the names of each item."""
        found = {genre for names in items for genre in self.map(names)}
        return [genre for genre in self.genres if genre not in found]


def refuse_unknown_keys(content, allowed, where):
    """Raise a ValueError if a mapping of a YAML file has a key that is not allowed.

    Parameters
    ----------
    content : dict
    allowed : tuple of str
    where : str
        The file or the entry, for the message.
    """
    unknown = [repr(key) for key in content if key not in allowed]
    if unknown:
        keys = "the unknown key" if len(unknown) == 1 else "the unknown keys"
        raise ValueError(
            f"{where} has {keys} {', '.join(unknown)}. Allowed keys: {', '.join(allowed)}."
        )


def drop_rare(items, min_items):
    """Remove genres that fewer than `min_items` items have.

    Parameters
    ----------
    items : list of list of str
    min_items : int

    Returns
    -------
    items : list of list of str
    dropped : list of str
        The removed genres, sorted.
    """
    counts = Counter(genre for genres in items for genre in genres)
    dropped = {genre for genre, count in counts.items() if count < min_items}
    kept = [[genre for genre in genres if genre not in dropped] for genres in items]
    return kept, sorted(dropped)


def _is_name(value):
    return isinstance(value, str) and bool(value.strip())


def _are_aliases(values):
    return _all_names(values, dict) and all(map(_is_name, values.values()))


def _all_names(values, kind):
    return isinstance(values, kind) and bool(values or kind is dict) and all(map(_is_name, values))
