"""A page of HTML as a test looks at it."""

from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "input", "hr"}


class ParsedPage(HTMLParser):
    """Elements in their order, with their text; refuses a page whose elements are not closed.

    Parameters
    ----------
    page : str
    """

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self._open = [], []
        self.feed(page)
        self.close()
        assert not self._open, [element["tag"] for element in self._open]

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice: {attrs}"
        parent = self._open[-1] if self._open else None
        element = {"tag": tag, "attrs": dict(attrs), "text": "", "inside": [], "parent": parent}
        self.elements.append(element)
        for outer in self._open:
            outer["inside"].append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self._open and self._open[-1]["tag"] == tag, f"</{tag}> closes nothing"
        self._open.pop()

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag, **attrs):
        """Return the elements of a tag with these attributes."""
        return [
            element
            for element in self.elements
            if element["tag"] == tag
            and all(element["attrs"].get(name.rstrip("_")) == v for name, v in attrs.items())
        ]

    def by_id(self, name):
        """Return the element of an id, None if there is none."""
        found = [element for element in self.elements if element["attrs"].get("id") == name]
        assert len(found) <= 1
        return found[0] if found else None

    def table(self, name):
        """Return the cells of a table by its id: the head, then each row."""
        rows = [row for row in self.by_id(name)["inside"] if row["tag"] == "tr"]
        return [
            [cell["text"].strip() for cell in row["inside"] if cell["tag"] in ("th", "td")]
            for row in rows
        ]
