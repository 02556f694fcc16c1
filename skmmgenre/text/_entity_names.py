"""One name for an entity or a category, whichever way a service or a file writes it."""

import re
import unicodedata

from ._titles import as_name, category_title, decoded, resource_name

_ESCAPE = re.compile(
    r"\\u([0-9a-fA-F]{4})"
)  # left in ELVIS's files where JSON was not read as such


def entity_name(reference):
    """The name of an entity, from its address in DBpedia or Wikipedia or from its title.

    >>> entity_name("http://dbpedia.org/resource/Beyonc%C3%A9"), entity_name("Adele (singer)")
    ('Beyoncé', 'Adele_(singer)')
    """
    reference = _plain(reference)
    return resource_name(reference) if "://" in reference else as_name(reference)


def category_name(reference):
    """The title of a category, from its address or its name.

    >>> category_name("Category:English_pop_singers")
    'English pop singers'
    """
    return category_title(entity_name(reference))


def _plain(reference):
    reference = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), reference)
    return unicodedata.normalize("NFC", decoded(reference))
