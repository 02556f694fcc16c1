"""Links of built pages."""

import pytest
from check_links import broken_links

PAGES = {
    "index.html": '<p id="top">Hi</p> <a href="guide/nets.html#lr">lr</a> <a href="#top">up</a>',
    "guide/nets.html": '<a name="lr">lr</a> <a href="../index.html">home</a> <img src="a%20b.png">',
}


@pytest.fixture
def folder(tmp_path):
    for name, text in PAGES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "guide" / "a b.png").touch()
    return tmp_path


def test_good_links(folder):
    assert broken_links(folder) == []


@pytest.mark.parametrize(
    "target", ["guide/none.html", "#bottom", "guide/nets.html#rate", "picture.png", "../index.html"]
)
def test_a_broken_link_is_found(folder, target):
    (folder / "more.html").write_text(f'<a href="index.html">home</a> <a href="{target}">x</a>')
    assert broken_links(folder) == [("more.html", target)]


def test_other_sites_are_not_followed(folder):
    (folder / "more.html").write_text(
        '<a href="https://example.org/none">x</a> <a href="mailto:a@b">y</a>'
    )
    assert broken_links(folder) == []
