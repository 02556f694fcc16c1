"""Reading dumps: the same statements from every format, and errors that name file and line."""

import bz2
import gzip
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from named_pipes import named_pipe
from small_dumps import name_of, title_of

from skmmgenre.text._entities._dumps import read_dump

BASE = "http://dbpedia.org/resource/"

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"

LINES = [
    f'<{BASE}AC/DC> <{LABEL}> "AC/DC"@en .',
    f'<{BASE}Beyonc%C3%A9> <{LABEL}> "Beyonc\\u00E9 \\"B\\""@en .',
    f"<{BASE}%22Heroes%22> <http://dbpedia.org/ontology/artist> <{BASE}David_Bowie> .",
]

STATEMENTS = [
    ("AC/DC", LABEL, "AC/DC", False, "en"),
    ("Beyoncé", LABEL, 'Beyoncé "B"', False, "en"),
    ('"Heroes"', "http://dbpedia.org/ontology/artist", "David_Bowie", True, ""),
]


def read(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [tuple(statement) for statement in read_dump(path)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress], ids=["plain", "gz", "bz2"])
@pytest.mark.parametrize("name", ["labels.nt", "labels.nq", "labels.ttl", "labels.anything"])
def test_n_triples(tmp_path, name, pack):
    content = "# started 2016-06-01\n" + "\n".join(LINES) + "\n# completed\n"
    assert read(tmp_path / name, pack(content.encode())) == STATEMENTS


def test_n_quads(tmp_path):
    content = "".join(line[:-1] + "<http://en.wikipedia.org/wiki/x?oldid=1> .\n" for line in LINES)
    assert read(tmp_path / "labels.tql", content) == STATEMENTS


def test_lines_with_tabs_and_without_line_end(tmp_path):
    content = "\n".join(line.replace("> <", ">\t<").replace('> "', '>\t"') for line in LINES)
    assert read(tmp_path / "labels.nt", content) == STATEMENTS


def test_turtle(tmp_path):
    content = (
        f"@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n@prefix : <{BASE}> .\n"
        "PREFIX o: <http://dbpedia.org/ontology/>\n"
        ':Miles_Davis rdfs:label "Miles Davis"@en , "マイルス"@ja ;\n'
        '    o:artist :Bill_Evans , [ rdfs:label "nobody" ] .\n'
    )
    assert [statement[::2] for statement in read(tmp_path / "some.ttl.gz", content)] == [
        ("Miles_Davis", "Miles Davis", "en"),
        ("Miles_Davis", "マイルス", "ja"),
        ("Miles_Davis", "Bill_Evans", ""),
    ]


def test_table_of_bare_cells(tmp_path):
    content = "\ufeffMiles Davis\tCool jazz\r\n#1 Record\tR.E.M.\r\n\r\n"
    assert read(tmp_path / "categories.tsv", content) == [
        ("Miles_Davis", None, "Cool jazz", None, ""),
        ("#1_Record", None, "R.E.M.", None, ""),
    ]


def test_table_of_triples_with_quoted_predicates(tmp_path):
    content = (
        f'<{BASE}ABBA>\t"<http://dbpedia.org/ontology/recordLabel>"\t<{BASE}Polar_Music>\n'
        f'<{BASE}ABBA>\t"<{LABEL}>"\t"ABBA"@sv\n'
    )
    assert read(tmp_path / "music.nt", content) == [
        ("ABBA", "http://dbpedia.org/ontology/recordLabel", "Polar_Music", True, ""),
        ("ABBA", LABEL, "ABBA", False, "sv"),
    ]


def test_a_pipe_is_not_waited_for(tmp_path):
    with named_pipe(tmp_path / "labels.nt") as path:
        for other in (path, tmp_path):
            with pytest.raises(ValueError, match="is a folder, a pipe or a device. Pass a file"):
                next(read_dump(other))


def test_irregular_iris_of_dbpedia_are_read(tmp_path):
    content = f'<{BASE}A"b{{c}}> <{LABEL}> <{BASE}x^y> .\n'
    assert read(tmp_path / "labels.nt", content) == [('A"b{c}', LABEL, "x^y", True, "")]


TITLES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20
).filter(title_of)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TITLES, TITLES), min_size=1, max_size=6))
def test_what_is_written_is_read_again(tmp_path_factory, pairs):
    """N-Triples with escapes, and a table with the same content."""
    folder = tmp_path_factory.mktemp("dumps")

    def escaped(text):
        text = text.replace("\\", "\\\\").replace('"', '\\"')
        return "".join(f"\\U{ord(char):08X}" if ord(char) > 126 else char for char in text)

    lines = [
        f'<{BASE}{quote(name_of(subject))}> <{LABEL}> "{escaped(label)}" .\n'
        for subject, label in pairs
    ]
    expected = [(name_of(subject), label) for subject, label in pairs]
    found = read(folder / "labels.nt", "".join(lines))
    assert [(statement[0], statement[2]) for statement in found] == expected
    bare = [("a" + name_of(subject), "a" + title_of(label)) for subject, label in pairs]
    found = read(folder / "labels.tsv", "".join(f"{a}\t{b}\n" for a, b in bare))
    assert [(statement[0], statement[2]) for statement in found] == bare


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.nt", LINES[0] + "\n<http://a> <http://b> nonsense .\n", ["a.nt", "line 2"]),
        ("a.nt", LINES[0] + "\n" + LINES[1][:-2] + "\n" + LINES[0], ["a.nt", "line"]),
        ("a.ttl", "@prefix : <http://x/> .\n:a :b :c .\n:a :b .\n", ["a.ttl", "line 3"]),
        ("a.nt", b'<http://a> <http://b> "\xff" .\n' * 2, ["a.nt", "line 1"]),
        ("a.tsv", "a\tb\na\n", ["a.tsv", "line 2", "1 cells"]),
        ("a.tsv", "a\tb\n\tb\n", ["a.tsv", "line 2"]),
        ("a.tsv", "a\tb\nc\td\te\tf\n", ["a.tsv", "line 2", "4 cells"]),
        ("a.tsv", b"a\tb\n\xff\tb\n", ["a.tsv", "line 2", "UTF-8"]),
        ("a.nt", "", ["a.nt", "empty"]),
        ("a.nt", "# only a remark\n\n", ["a.nt", "empty"]),
        ("a.csv", "Miles Davis,Cool jazz\n", ["a.csv", "not supported"]),
        ("a.html", "<!DOCTYPE html>\n<html></html>\n", ["a.html", "not supported"]),
        (
            "a.nt.gz",
            gzip.compress("\n".join(LINES * 500).encode(), mtime=0)[:-30],
            ["a.nt.gz", "truncated"],
        ),
        (
            "a.nt.bz2",
            bz2.compress("\n".join(LINES * 500).encode())[:-30],
            ["a.nt.bz2", "truncated"],
        ),
        ("a.nt.gz", b"\x1f\x8bnonsense that is no gzip", ["a.nt.gz", "damaged"]),
        ("a.tsv.gz", gzip.compress(b"a\tb\n" * 5000, mtime=0)[:-12], ["a.tsv.gz", "truncated"]),
    ],
)
def test_a_bad_dump_is_named(tmp_path, name, content, told):
    with pytest.raises(ValueError) as raised:
        read(tmp_path / name, content)
    for words in told:
        assert words in str(raised.value)
    assert str(tmp_path) not in str(raised.value)
    assert str(raised.value).endswith((".", "again."))


def test_a_missing_dump(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(read_dump(tmp_path / "absent.nt"))


def test_progress_is_told(tmp_path):
    path = tmp_path / "labels.nt"
    path.write_text((LINES[0] + "\n") * 25_000)
    told = []
    assert sum(1 for _ in read_dump(path, told.append)) == 25_000
    assert told == sorted(told) and 0 < told[-1] <= path.stat().st_size
