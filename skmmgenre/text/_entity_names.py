"""Names of entities and categories, whichever way a service or a file writes them."""

import re
import unicodedata
from urllib.parse import unquote

_URL = re.compile(r"https?://(?:[\w-]+\.)?(?:dbpedia|wikipedia)\.org/(?:resource|page|wiki)/")
_NAMESPACE = re.compile(r"Category:", re.IGNORECASE)
_ESCAPE = re.compile(
    r"\\u([0-9a-fA-F]{4})"
)  # left in ELVIS's files where JSON was not read as such


def entity_name(reference):
    """The name of an entity, from its DBpedia or Wikipedia address or its title.

    >>> entity_name("http://dbpedia.org/resource/Beyonc%C3%A9"), entity_name("Adele (singer)")
    ('Beyoncé', 'Adele_(singer)')
    """
    return _plain(reference).replace(" ", "_")


def category_name(reference):
    """The name of a category, with spaces and without its namespace.

    >>> category_name("Category:English_pop_singers")
    'English pop singers'
    """
    return _NAMESPACE.sub("", _plain(reference).replace("_", " "), count=1)


def _plain(reference):
    name = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), reference.strip())
    name = _URL.sub("", name, count=1)
    try:
        name = unquote(name, errors="strict")
    except UnicodeDecodeError:  # a percent sign of the name itself
        pass
    return unicodedata.normalize("NFC", name)
