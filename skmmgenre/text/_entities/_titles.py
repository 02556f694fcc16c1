"""Normalize the names of entities and categories from services and files.

Titles are split from the qualifier in parentheses at their end.
"""

import re
import unicodedata
from urllib.parse import unquote

# Prefixes of category names in the largest Wikipedias.
_CATEGORY = re.compile(
    "(?:Category|Kategorie|Catégorie|Categoría|Categoria|Categorie|Kategoria|Kategori|Категория|"
    "Категорія|تصنيف|カテゴリ|分类|分類|분류):"
)
_QUALIFIED = re.compile(r"(.+?) \(([^()]+)\)")


def resource_name(iri):
    """Return the name of a resource: the decoded part of its IRI after the namespace.

    Spaces become underscores. After "/resource/" (DBpedia) or "/wiki/" the name may contain
    slashes ("AC/DC"); otherwise it is the part after the last slash or "#".
    """
    for mark in ("/resource/", "/wiki/"):
        _, found, name = iri.partition(mark)
        if found:
            break
    else:
        name = re.split("[/#]", iri)[-1] or iri
    return as_name(decoded(name))


def decoded(name):
    """Decode percent-encoding; return the name unchanged if it is not valid encoding."""
    if "%" not in name:
        return name
    plain = unquote(name)
    return name if "\ufffd" in plain else plain


def as_name(text):
    """Convert a title to the name of a resource: "Miles Davis" to "Miles_Davis"."""
    return "_".join(text.split())


def as_title(name):
    """Convert the name of a resource to a title: "Miles_Davis" to "Miles Davis"."""
    return " ".join(name.replace("_", " ").split())


def category_title(name):
    """Convert the name of a category to a title without the prefix "Category:"."""
    title = as_title(name)
    prefix = _CATEGORY.match(title)
    return title[prefix.end() :].lstrip() if prefix else title


def split_qualifier(title):
    """Split a title from the qualifier in parentheses: "Yes (band)" into "Yes" and "band"."""
    if title[-1:] == ")":
        match = _QUALIFIED.fullmatch(title)
        if match:
            return match[1], match[2]
    return title, ""


# Escapes left in the files of ELVIS that were not parsed as JSON.
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def entity_name(reference):
    """Return the name of an entity from its URL in DBpedia or Wikipedia or from its title.

    >>> entity_name("http://dbpedia.org/resource/Beyonc%C3%A9"), entity_name("Adele (singer)")
    ('Beyoncé', 'Adele_(singer)')
    """
    reference = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), reference)
    reference = unicodedata.normalize("NFC", decoded(reference))
    return resource_name(reference) if "://" in reference else as_name(reference)


def category_name(reference):
    """Return the title of a category from its URL or its name.

    >>> category_name("Category:English_pop_singers")
    'English pop singers'
    """
    return category_title(entity_name(reference))
