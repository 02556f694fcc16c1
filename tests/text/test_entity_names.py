import pytest

from skmmgenre.text._entities._titles import category_name, entity_name


@pytest.mark.parametrize(
    "reference",
    [
        "Beyoncé",
        "Beyonc%C3%A9",
        "Beyonce\u0301",
        "http://dbpedia.org/resource/Beyoncé",
        "http://dbpedia.org/resource/Beyonc%C3%A9",
        "https://fr.dbpedia.org/page/Beyoncé",
        "https://en.wikipedia.org/wiki/Beyonc%C3%A9",
        " Beyoncé ",
    ],
)
def test_one_name(reference):
    assert entity_name(reference) == "Beyoncé"


def test_marks_of_a_name_stay():
    assert entity_name("100% (song)") == "100%_(song)"
    assert entity_name("50%ff") == "50%ff"  # no UTF-8
    assert entity_name("AC/DC") == entity_name("http://dbpedia.org/resource/AC/DC") == "AC/DC"
    assert entity_name("bn:00083221v") == "bn:00083221v"
    assert entity_name("Blowin\\u0027_in_the_Wind") == "Blowin'_in_the_Wind"
    assert entity_name("http://example.org/music/Adele") == "Adele"


@pytest.mark.parametrize(
    "reference",
    [
        "Björk albums",
        "Bj%C3%B6rk_albums",
        "Category:Björk_albums",
        "http://dbpedia.org/resource/Category:Bj%C3%B6rk_albums",
    ],
)
def test_one_category(reference):
    assert category_name(reference) == "Björk albums"


def test_a_dash_that_was_left_escaped():
    name = "Canada\\u2013United_States_relations"
    assert category_name(name) == "Canada\u2013United States relations"
