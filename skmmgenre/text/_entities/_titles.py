"""Names of entities and categories: one spelling, whichever way a service or a file writes it.

Titles of resources are read apart from what stands in brackets behind them.
"""

import re
import unicodedata
from urllib.parse import unquote

# How the largest Wikipedias begin the names of categories.
_CATEGORY = re.compile(
    "(?:Category|Kategorie|Catégorie|Categoría|Categoria|Categorie|Kategoria|Kategori|Категория|"
    "Категорія|تصنيف|カテゴリ|分类|分類|분류):"
)
_QUALIFIED = re.compile(r"(.+?) \(([^()]+)\)")


def resource_name(iri):
    """Name of a resource: the part of its IRI behind the namespace, decoded, no spaces.

    Behind "/resource/" (DBpedia) or "/wiki/" it may hold slashes ("AC/DC"); else it is what
    follows the last slash or "#".
    """
    for mark in ("/resource/", "/wiki/"):
        _, found, name = iri.partition(mark)
        if found:
            break
    else:
        name = re.split("[/#]", iri)[-1] or iri
    return as_name(decoded(name))


def decoded(name):
    """A name without percent-encoding; as it is if its percent signs are no encoding."""
    if "%" not in name:
        return name
    plain = unquote(name)
    return name if "\ufffd" in plain else plain


def as_name(text):
    """A title as the name of a resource: "Miles Davis" as "Miles_Davis"."""
    return "_".join(text.split())


def as_title(name):
    """The name of a resource as a title: "Miles_Davis" as "Miles Davis"."""
    return " ".join(name.replace("_", " ").split())


def category_title(name):
    """The name of a category as a title, without the prefix "Category:"."""
    title = as_title(name)
    prefix = _CATEGORY.match(title)
    return title[prefix.end() :].lstrip() if prefix else title


def split_qualifier(title):
    """A title without what stands in brackets behind it, and that: "Yes (band)" as Yes, band."""
    if title[-1:] == ")":
        match = _QUALIFIED.fullmatch(title)
        if match:
            return match[1], match[2]
    return title, ""


# Left in ELVIS's files where JSON was not read as such.
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def entity_name(reference):
    """The name of an entity, from its address in DBpedia or Wikipedia or from its title.

    >>> entity_name("http://dbpedia.org/resource/Beyonc%C3%A9"), entity_name("Adele (singer)")
    ('Beyoncé', 'Adele_(singer)')
    """
    reference = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), reference)
    reference = unicodedata.normalize("NFC", decoded(reference))
    return resource_name(reference) if "://" in reference else as_name(reference)


def category_name(reference):
    """The title of a category, from its address or its name.

    >>> category_name("Category:English_pop_singers")
    'English pop singers'
    """
    return category_title(entity_name(reference))
