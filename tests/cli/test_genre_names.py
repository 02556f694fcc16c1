import pytest

from skmmgenre.cli._genre_names import GenreNames, drop_rare


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "names.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_whitelist_and_aliases(write):
    names = GenreNames.read(
        write("genres: [Rock, Hip Hop, 演歌]\naliases: {rap: Hip Hop, HIP-HOP: hip hop}\n")
    )
    assert names.map(["RAP", "hip-hop", "rock", "Polka", "演歌"]) == ["Hip Hop", "Rock", "演歌"]
    assert names.map([]) == []


def test_aliases_alone_let_all_pass(write):
    names = GenreNames.read(write("aliases: {rap: Hip Hop}"))
    assert names.map(["Polka", "Rap", "hip hop"]) == ["Polka", "Hip Hop"]


def test_absent(write):
    names = GenreNames.read(write("genres: [Rock, Jaz, Hip Hop]\naliases: {rap: Hip Hop}\n"))
    assert names.absent([["rock", "Polka"], [], ["RAP"]]) == ["Jaz"]
    assert GenreNames.read(write("aliases: {rap: Hip Hop}")).absent([]) == []


@pytest.mark.parametrize(
    "text, told",
    [
        ("genres: [", "is no YAML"),
        ("- Rock", "other parts than genres and aliases"),
        ("", "other parts than genres and aliases"),
        ("genre: [Rock]", "other parts than genres and aliases"),
        ("genres: Rock", "no list of names"),
        ("genres: []", "no list of names"),
        ("genres: [Rock, 2]", "no list of names"),
        ("aliases: [rap]", "does not give a name for a name"),
        ("aliases: {rap: [Hip Hop]}", "does not give a name for a name"),
        ("genres: [Rock]\naliases: {rap: Hip Hop}", "which is not under genres"),
        ("genres: !!python/object/apply:os.getcwd []", "is no YAML"),
    ],
)
def test_refused(write, text, told):
    with pytest.raises(ValueError, match=told):
        GenreNames.read(write(text))


def test_drop_rare():
    items = [["Jazz", "Bop"], ["Jazz"], ["Polka"]]
    assert drop_rare(items, 2) == ([["Jazz"], ["Jazz"], []], ["Bop", "Polka"])
    assert drop_rare(items, 1) == (items, [])
