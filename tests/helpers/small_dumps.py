"""Small dumps as DBpedia has them, and records of a catalogue."""

BASE = "http://dbpedia.org/resource/"

ONTOLOGY = "http://dbpedia.org/ontology/"

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"

RECORDS = [
    ("Yes_(band)", ["Yes (band)"], ["English rock bands"], 89),
    ("Yes_(Alvin_Slaughter_album)", ["Yes (Alvin Slaughter album)"], ["2010 albums"], 9),
    ("Miles Davis", ["Miles Davis", "Miles Dewey Davis III"], ["Cool jazz musicians"], 40),
]


def triples(path, predicate, pairs):
    """A dump of N-Triples: names, and names or (in quotes) texts."""
    lines = [
        f"<{BASE}{a}> <{predicate}> " + (b if b[0] == '"' else f"<{BASE}{b}>") + " .\n"
        for a, b in pairs
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def name_of(title):
    """The name of the resource of a title: "Miles Davis" is "Miles_Davis"."""
    return "_".join(title.split())


def title_of(name):
    """The title of a resource: "Miles_Davis" is "Miles Davis"."""
    return " ".join(name.replace("_", " ").split())
