"""A small world of invented music: a knowledge base's dump, albums with abstracts, judgements.

The files are written as the real ones are: triples with tabs, quoted predicates and no period at
the end; albums, songs and bands in Turtle. The names are as hard as real ones: common words
("Slow Tide"), bearers of one name (Lantern: a band, a singer, an album), accents that a text
leaves out, names within names.
"""

import gzip
import re
from urllib.parse import quote

import numpy as np

# Acts, with their labels and their associated acts.
ACTS = {
    "Lantern_(band)": (["Harbour_Records", "Meridian_Records"], ["Owen_Marsh", "Slow_Tide"]),
    "Lantern_(singer)": (["Casa_Mar"], ["Señor_Rumbo"]),
    "Slow_Tide": (["Harbour_Records"], ["Owen_Marsh", "Lantern_(band)"]),
    "Owen_Marsh": (["Harbour_Records"], ["Lantern_(band)", "Slow_Tide"]),
    "Señor_Rumbo": (["Casa_Mar"], ["Lantern_(singer)", "Inés_Calvo"]),
    "Inés_Calvo": (["Casa_Mar", "Meridian_Records"], ["Señor_Rumbo"]),
    "Åse_Lund": (["Fjord_Grammofon"], ["Fjord_Ensemble"]),
    "Fjord_Ensemble": (["Fjord_Grammofon"], ["Åse_Lund"]),
    "The_Quiet_Men_of_Kerrow": (["Harbour_Records"], ["Maeve_Tolland"]),
    "Maeve_Tolland": (["Harbour_Records"], ["The_Quiet_Men_of_Kerrow"]),
    "Grindstone_(band)": (["Ironworks_Records"], ["Viktor_Drozd", "Rust_Choir"]),
    "Rust_Choir": (["Ironworks_Records"], ["Viktor_Drozd", "Grindstone_(band)"]),
    "Viktor_Drozd": (["Ironworks_Records"], ["Rust_Choir"]),
    "MC_Halfpenny": (["Meridian_Records"], ["DJ_Okra", "K.A.L.M."]),
    "DJ_Okra": (["Meridian_Records"], ["MC_Halfpenny"]),
    "K.A.L.M.": (["Meridian_Records"], ["MC_Halfpenny"]),
    "Salt_&_Cedar": (["Prairie_Sound"], ["June_Tallis"]),
    "June_Tallis": (["Prairie_Sound"], ["Salt_&_Cedar"]),
    "Tallis_(composer)": (["Fjord_Grammofon"], ["Fjord_Ensemble"]),
}
# Songs: their artist and their album.
SONGS = {
    "Lanterns_on_the_Quay": ("Slow_Tide", "Low_Water_(Slow_Tide_album)"),
    "Half_a_Penny": ("MC_Halfpenny", "Loose_Change_(mixtape)"),
    "Anvil_Hymn": ("Grindstone_(band)", "Furnace_Songs"),
}
GENRES = ["Folk_rock", "Bolero", "Doom_metal", "Hip_hop_music", "Country_music", "Jazz"]
# Abstracts. [[label|entity]] is a mention; [[label|entity|!]] one that the linker makes, though the
# words mean no such thing. The last album's artist is not in the knowledge base.
ALBUMS = {
    "Low_Water_(Slow_Tide_album)": (
        ["Slow_Tide"],
        "[[Low Water|Low_Water_(Slow_Tide_album)]] is the second album by the Welsh band "
        "[[Slow Tide|Slow_Tide]], released in 1971 by [[Harbour Records|Harbour_Records]]. "
        "Produced by [[Owen Marsh|Owen_Marsh]], it has a slow tide of strings behind the guitars, "
        "and its single, [[Lanterns on the Quay|Lanterns_on_the_Quay]], was a hit in Ireland.",
    ),
    "Signal_Fires": (
        ["Lantern_(band)"],
        "Signal Fires is the debut of the band [[Lantern|Lantern_(band)]]. It came out on "
        "[[Harbour Records|Harbour_Records]] in 1969, a year after the group had toured with "
        "[[Slow Tide|Slow_Tide]]. A [[lantern|Lantern_(band)|!]] is on the "
        "cover; [[Owen Marsh|Owen_Marsh]] took the picture himself.",
    ),
    "Noche_Larga": (
        ["Lantern_(singer)"],
        "Noche Larga is an album of boleros by the singer [[Lantern|Lantern_(singer)]], with "
        "[[Senor Rumbo|Señor_Rumbo]] at the piano and [[Inés Calvo|Inés_Calvo]] as a guest on two "
        'songs. [[Casa Mar|Casa_Mar]] released it in 1988; critics called it "a calm, long night".',
    ),
    "Rumbo_Sur": (
        ["Señor_Rumbo", "Inés_Calvo"],
        "Rumbo Sur is a joint album by [[Señor Rumbo|Señor_Rumbo]] and [[Ines Calvo|Inés_Calvo]]. "
        "It was recorded in three days in Cádiz, and released on [[Casa Mar|Casa_Mar]] and, "
        "abroad, on [[Meridian Records|Meridian_Records]].",
    ),
    "Vinterlys": (
        ["Åse_Lund"],
        "Vinterlys is the fifth album by the Norwegian pianist [[Åse Lund|Åse_Lund]] 🎹, recorded "
        "live with the [[Fjord Ensemble|Fjord_Ensemble]]. [[ASE LUND|Åse_Lund]], as it says on "
        "the cover, wrote all of it. [[Fjord Grammofon|Fjord_Grammofon]] released it in 2003.",
    ),
    "Vespers_for_a_Ferry": (
        ["Fjord_Ensemble"],
        "Vespers for a Ferry is an album by the [[Fjord Ensemble|Fjord_Ensemble]] of works by the "
        "composer [[Tallis|Tallis_(composer)]]. As on all its records for "
        "[[Fjord Grammofon|Fjord_Grammofon]], the players stand in a circle.",
    ),
    "Kerrow": (
        ["The_Quiet_Men_of_Kerrow"],
        "[[Kerrow|Kerrow]] is the only album by [[The Quiet Men of Kerrow|The_Quiet_Men_of_Kerrow]]"
        ", four quiet men and the fiddler [[Maeve Tolland|Maeve_Tolland]]. After its release by "
        "[[Harbour Records|Harbour_Records]], Tolland went on alone.",
    ),
    "Furnace_Songs": (
        ["Grindstone_(band)"],
        "[[Furnace Songs|Furnace_Songs]] is the third album by the Polish doom metal band "
        "[[Grindstone|Grindstone_(band)]]. [[Viktor Drozd|Viktor_Drozd]] of "
        "[[Rust Choir|Rust_Choir]] sings on [[Anvil Hymn|Anvil_Hymn]], which a "
        "[[grindstone|Grindstone_(band)|!]] opens. It is the first record of "
        "[[Ironworks Records|Ironworks_Records]].",
    ),
    "Oxide": (
        ["Rust_Choir"],
        "Oxide, the debut of [[Rust Choir|Rust_Choir]], was made in a week. [[Viktor\nDrozd|"
        "Viktor_Drozd]]'s drums were recorded in a silo of [[Ironworks Records|Ironworks_Records]]"
        ", and nobody has heard rust, or a choir, like it.",
    ),
    "Loose_Change_(mixtape)": (
        ["MC_Halfpenny"],
        "Loose Change is a mixtape by the rapper [[MC Halfpenny|MC_Halfpenny]], with beats by "
        "[[DJ Okra|DJ_Okra]] and verses by [[K.A.L.M|K.A.L.M.]]. Its single "
        "[[Half a Penny|Half_a_Penny]] had sold half a penny's worth, as [[DJ OKRA|DJ_Okra]] put "
        "it, before [[Meridian Records|Meridian_Records]] signed him.",
    ),
    "Okra_for_All": (
        ["DJ_Okra"],
        "Okra for All is the first album under his own name by [[DJ Okra|DJ_Okra]], known for his "
        "work with [[MC Halfpenny|MC_Halfpenny]]. It was given away by "
        "[[Meridian Records|Meridian_Records]] with bags of okra, for all who came.",
    ),
    "Fence_Wire": (
        ["Salt_&_Cedar"],
        "Fence Wire is a country album by the duo [[Salt and Cedar|Salt_&_Cedar]]. "
        "[[June Tallis|June_Tallis]] plays the steel guitar. [[Salt & Cedar|Salt_&_Cedar]] have "
        "called it their road record; it is on [[Prairie Sound|Prairie_Sound]].",
    ),
    "Eleven_Letters_Home": (
        ["June_Tallis"],
        "Eleven Letters Home is the debut by [[June Tallis|June_Tallis]], who had been the voice "
        "of [[Salt & Cedar|Salt_&_Cedar]] until June. It is her only album for "
        "[[Prairie Sound|Prairie_Sound]].",
    ),
    "Tales_of_a_Tin_Roof": (
        ["Nobody_You_Know"],
        "Tales of a Tin Roof is the debut of a songwriter whom nobody knew. The band "
        "[[Lantern|Lantern_(band)]] sings along, and [[Harbour Records|Harbour_Records]] lost its "
        "master tapes.",
    ),
}
_MARK = re.compile(r"\[\[([^|]+)\|([^|\]]+)(\|!)?\]\]")
_ONTOLOGY = "http://dbpedia.org/ontology"


def triples():
    """Subject, predicate and object of every line of the dump."""
    lines = []
    rng = np.random.default_rng(0)
    # Many more, so that nothing above is the best known: acts with names of no word at all.
    syllables = ["va", "ro", "mi", "tu", "sel", "kan", "dor", "pli", "zu", "ben"]
    others = ["".join(rng.choice(syllables, 4)).capitalize() for _ in range(300)]
    acts = ACTS | {
        name: (
            [str(rng.choice(["Harbour_Records", "Meridian_Records", "Prairie_Sound"]))],
            [str(other) for other in rng.choice(others, 2)],
        )
        for name in others
    }
    acts["Tolland_(band)"] = ["Prairie_Sound"], [others[0]]
    for number, (act, (labels, associated)) in enumerate(acts.items()):
        lines.append((act, "genre", GENRES[number % len(GENRES)]))
        lines.extend((act, "recordLabel", label) for label in labels)
        for other in associated:
            lines.extend((act, f"associated{kind}", other) for kind in ("Band", "MusicalArtist"))
    for song, (artist, album) in SONGS.items():
        lines.extend((song, f"musical{kind}", artist) for kind in ("Band", "Artist"))
        lines.append((song, "album", album))
    lines.append(("Ferry_Song", "album", "Kerrow"))
    return lines


def plain_abstract(album):
    """The abstract of an album without marks."""
    return _MARK.sub(r"\1", ALBUMS[album][1])


def judgements():
    """The marks of the abstracts, as rows of a table of judged mentions."""
    rows = []
    for album, (_, marked) in ALBUMS.items():
        plain = plain_abstract(album)
        removed = 0
        for mark in _MARK.finditer(marked):
            start = mark.start() - removed
            removed += len(mark[0]) - len(mark[1])
            first = max(start - 30, 0)
            rows.append(
                {
                    "album": album,
                    "start": str(start),
                    "mention": mark[1],
                    "context": plain[first : first + 80],
                    "entity": mark[2],
                    "right": "0" if mark[3] else "1",
                    "reason": "as marked",
                }
            )
    return rows


def write_music(folder):
    """Write music.nt.gz and album_abstracts.ttl.gz; return their paths."""
    dump, albums = folder / "music.nt.gz", folder / "album_abstracts.ttl.gz"
    with gzip.open(dump, "wt", encoding="utf-8") as file:
        for subject, predicate, thing in triples():
            subject, thing = (f"<http://dbpedia.org/resource/{name}>" for name in (subject, thing))
            file.write(f'{subject}\t"<{_ONTOLOGY}/{predicate}>"\t{thing}\n')
    with gzip.open(albums, "wt", encoding="utf-8") as file:
        file.write("prefix : <http://example.org/music/>\n\n")
        for album, (artists, _) in ALBUMS.items():
            text = plain_abstract(album).replace('"', '\\"').replace("\n", "\\n")
            names = " , ".join(map(_iri, artists))
            file.write(f'{_iri(album)} a :Album ;\n    :artist {names} ;\n    :date "1971" ;\n')
            file.write(f'    :description "{text}" .\n\n')
        for song, (artist, _) in SONGS.items():
            file.write(f"{_iri(song)} a :Song ;\n    :writer {_iri(artist)} ;\n")
            file.write('    :description "A song." .\n\n')
    return dump, albums


def _iri(name):
    return f"<http://example.org/music/{quote(name)}>"
