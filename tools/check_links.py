"""Check that every link between the pages of a built documentation leads somewhere.

Links to other sites are not followed: building the pages needs no network. Sphinx itself reports
unknown pages and labels in the sources; this also covers pages that are made while building, such
as the gallery, and anchors.

    python tools/check_links.py docs/_build/html
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The anchors of a page, and the targets of its links, pictures and scripts."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.targets = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Keep the ids and the targets of an element."""
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def broken_links(folder):
    """Return (page, target) of each link within a folder of pages that leads nowhere.

    HTML files in _static are templates of the theme, not pages.
    """
    folder = Path(folder).resolve()
    paths = [path for path in folder.rglob("*.html") if folder / "_static" not in path.parents]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in paths}
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            is_known = not anchor or place not in pages or anchor in pages[place].anchors
            if not place.exists() or not is_known:
                broken.append((str(path.relative_to(folder)), target))
    return broken


def main():
    """Print the broken links, and fail if there are any."""
    (folder,) = sys.argv[1:]
    broken = broken_links(folder)
    for page, target in broken:
        print(f"{page}: the link to {target} leads nowhere")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
