"""Names of people and places, and the knowledge base of them."""

from pathlib import Path

import pytest

from skmmgenre.text import KnowledgeBase


@pytest.mark.parametrize("kind", ["person", "place"])
def test_bare_words_of_names_tell_nothing(albums, kind):
    """Each word is in one name of every genre, at its place in the name."""
    catalogue = albums.catalogue
    assert catalogue.name.is_unique
    names = catalogue[catalogue.kind == kind]
    words = names.name.str.split(expand=True)
    for place in (0, 1):
        first, *others = words[place].groupby(names.genre).apply(sorted)
        assert len(set(first)) == len(first) == 96
        assert len(others) == 8 and all(of_genre == first for of_genre in others)


def test_knowledge_base(albums):
    assert Path(albums.knowledge_base).parent == Path(albums.directory)
    kb = KnowledgeBase.open(albums.knowledge_base)
    catalogue = albums.catalogue
    namesakes = 0
    for line in catalogue.itertuples():
        (best, prior), *others = kb.candidates(line.name)
        assert best == line.name.replace(" ", "_")
        assert sorted(kb.categories(best)) == sorted(line.categories)
        assert len(others) <= 1 and prior > 0.7
        for namesake, _ in others:
            namesakes += 1
            assert not {"music", "musicians"} & set(" ".join(kb.categories(namesake)).split())
    assert namesakes == (catalogue.kind == "person").sum() // 8
    assert kb.info()["entities"] == len(catalogue) + namesakes
