"""The one reader of genres: the texts of tags and of table cells, many of which join names."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from numbers import Number
from typing import NamedTuple

from .._typing import Column
from ..utils import as_pandas, describe_cell, first_few, is_missing, read_cell, read_cells

# What programs write where there is no genre, and podcasts. "Speech" and "Audiobook" are heard as
# what they are, so they can be learned.
NOT_GENRES = (
    *("Other", "Unknown", "Unknown Genre", "<unknown>", "(unknown)", "[unknown]", "Undefined"),
    *("None", "No Genre", "N/A", "Genre", "Misc", "Misc.", "Miscellaneous", "Uncategorized"),
    *("Unclassified", "Podcast"),
)

# Genres of catalogues whose names hold letters that elsewhere stand between genres: those of ID3
# and Winamp, Apple, AllMusic, Discogs, Amazon, Google Play, Gracenote, Deezer, Qobuz and Beatport.
_CATALOGUE_NAMES = """
Pop/Funk; Folk/Rock; R&B/Soul; Hip-Hop/Rap; Hip Hop/Rap; Singer/Songwriter; Pop/Rock;
Electronic/Dance; Prog-Rock/Art Rock; Jungle/Drum'n'bass; Death Metal/Black Metal;
Children's/Family; Comedy/Spoken; Alternative/Indie; Alternative/Indie Rock;
Alternative Pop/Rock; Adult Alternative Pop/Rock; Contemporary Pop/Rock;
Contemporary Singer/Songwriter; Folk/Country Rock; Punk/New Wave; Club/Dance;
Art-Rock/Experimental; Show/Musical; Folk, World, & Country; Folk, World & Country; Funk / Soul;
RnB/Swing; Cut-up/DJ; Theatrical, Incidental & Program Music; Christian/Gospel;
Dance/Electronic; Comedy/Spoken Word/Other; Soundtracks/Cast Albums; Vocal/Easy Listening;
Electronica/Dance; Blues/R&B; Rap/Hip Hop; Films/Games; Techno/House; Indie Pop/Folk;
Indie Rock/Rock pop; Chill Out/Trip-Hop/Lounge; Rock & Roll/Rockabilly; Soul/Funk/R&B;
140 / Deep Dubstep / Grime; Ambient / Experimental; Bass / Club; Breaks / Breakbeat / UK Bass;
Dance / Electro Pop; Dance / Pop; DJ Tools / Acapellas; Electronica / Downtempo;
Electro (Classic / Detroit / Modern); Funk / R&B; Funk / Soul / Disco;
Garage / Bassline / Grime; Hard Dance / Hardcore / Neo Rave; Hip-Hop / R&B;
Indie Dance / Nu Disco; Minimal / Deep Tech; Nu Disco / Disco; Organic House / Downtempo;
Reggae / Dancehall / Dub; Techno (Peak Time / Driving); Techno (Raw / Deep / Hypnotic);
Trance (Raw / Deep / Hypnotic); Trap / Future Bass; Trap / Wave; UK Garage / Bassline
"""

# Names that tell a list with commas: those of ID3, and some that it lacks.
_PLAIN_NAMES = """
Blues; Classic Rock; Country; Dance; Disco; Funk; Grunge; Hip-Hop; Jazz; Metal; New Age; Oldies;
Pop; R&B; Rap; Reggae; Rock; Techno; Industrial; Alternative; Ska; Death Metal; Pranks;
Soundtrack; Euro-Techno; Ambient; Trip-Hop; Vocal; Jazz+Funk; Fusion; Trance; Classical;
Instrumental; Acid; House; Game; Sound Clip; Gospel; Noise; Alt. Rock; Bass; Soul; Punk; Space;
Meditative; Instrumental Pop; Instrumental Rock; Ethnic; Gothic; Darkwave; Techno-Industrial;
Electronic; Pop-Folk; Eurodance; Dream; Southern Rock; Comedy; Cult; Gangsta Rap; Top 40;
Christian Rap; Jungle; Native American; Cabaret; New Wave; Psychedelic; Rave; Showtunes;
Trailer; Lo-Fi; Tribal; Acid Punk; Acid Jazz; Polka; Retro; Musical; Rock & Roll; Hard Rock;
Folk; Folk-Rock; National Folk; Swing; Fast-Fusion; Bebop; Latin; Revival; Celtic; Bluegrass;
Avantgarde; Gothic Rock; Progressive Rock; Psychedelic Rock; Symphonic Rock; Slow Rock;
Big Band; Chorus; Easy Listening; Acoustic; Humour; Speech; Chanson; Opera; Chamber Music;
Sonata; Symphony; Booty Bass; Primus; Porn Groove; Satire; Slow Jam; Club; Tango; Samba;
Folklore; Ballad; Power Ballad; Rhythmic Soul; Freestyle; Duet; Punk Rock; Drum Solo;
A Cappella; Euro-House; Dance Hall; Goa; Drum & Bass; Club-House; Hardcore; Terror; Indie;
BritPop; Afro-Punk; Polsk Punk; Beat; Christian Gangsta Rap; Heavy Metal; Black Metal;
Crossover; Contemporary Christian; Christian Rock; Merengue; Salsa; Thrash Metal; Anime; JPop;
Synthpop; Abstract; Art Rock; Baroque; Bhangra; Big Beat; Breakbeat; Chillout; Downtempo; Dub;
EBM; Eclectic; Electro; Electroclash; Emo; Experimental; Garage; Global; IDM; Illbient;
Industro-Goth; Jam Band; Krautrock; Leftfield; Lounge; Math Rock; New Romantic; Nu-Breakz;
Post-Punk; Post-Rock; Psytrance; Shoegaze; Space Rock; Trop Rock; World Music; Neoclassical;
Audiobook; Audio Theatre; Neue Deutsche Welle; Indie Rock; G-Funk; Dubstep; Garage Rock;
Psybient; Hip Hop; Alternative Rock; Indie Pop; Pop Rock; Folk Rock; Blues Rock; Soft Rock;
Electronica; Singer-Songwriter; Alternative Metal; Doom Metal; Power Metal; Progressive Metal;
Metalcore; Dancehall; Deep House; Tech House; Synth-Pop; Dream Pop; Power Pop; Art Pop; K-Pop;
J-Pop; Americana; Drone; Drum and Bass; Flamenco; Bossa Nova; Afrobeat; Free Jazz; Cool Jazz;
Minimal; Grime; Trap; Rockabilly; Britpop; World; Spoken Word
"""

_SURE = ";|"  # letters that stand in no known name
_GUESSED = ",\\"
# As CJK keyboards have them.
_FULLWIDTH = {"/": "／", ",": "，、", "\\": "＼", ";": "；", "|": "｜"}
_TO_ASCII = str.maketrans({wide: letter for letter in _FULLWIDTH for wide in _FULLWIDTH[letter]})
# Longer texts are not lists of genres: a file may hold a tag of any size.
_MOST_CHARACTERS = 1_000
_MOST_NAMES = 64
_SHOWN = 60  # characters of a name in a message


@lru_cache(maxsize=10_000)
def genre_key(name):
    """Return what spellings of one genre share, whatever their case and spaces."""
    name = unicodedata.normalize("NFC", name).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    name = name.translate(_TO_ASCII)
    return re.sub(r"\s*([/;|,\\])\s*", r"\1", " ".join(name.split())).casefold()


def _keys(names):
    parts = " ".join(names.split()).split(";")
    return frozenset(map(genre_key, parts))


_WHOLE = _keys(_CATALOGUE_NAMES)
_PLAIN = _keys(_PLAIN_NAMES)
_MOST_PARTS = max(len(re.split("[/,]", key)) for key in _WHOLE)


def is_catalogue_name(name):
    """Tell whether catalogues write this name with a letter that elsewhere separates genres."""
    return genre_key(name) in _WHOLE


def may_stand_in_name(text):
    """Tell whether a text in the middle of a name stays as it is when genres are read."""
    return not set(text) & set(_with_fullwidth(_SURE + _GUESSED) + "\0") and _tidy(f"a{text}a") == (
        f"a{text}a"
    )


class GenreReading(NamedTuple):
    """A text that was read as other genres than itself.

    Parameters
    ----------
    text : str
    genres : list of str
        What it was read as; empty if it is not a genre.
    n_items : int
        Items with the text.
    """

    text: str
    genres: list
    n_items: int


def read_genres(
    cells: Column,
    separators: str | None = None,
    *,
    not_genres: Iterable[str] = NOT_GENRES,
    known: Iterable[str] = (),
    name: str = "the genre cell",
) -> tuple[list[list[str]], list[GenreReading]]:
    """Read the genres of items from the cells of a table.

    Every command, example and `GenreTaxonomy` reads cells of genres with it.

    Parameters
    ----------
    cells : iterable of shape (n_items,)
        A cell is a text such as "Jazz; Blues", a list of texts, a list written as text such as
        "['Jazz', 'Blues']", a number, or missing.
    separators : str, default=None
        Letters between genres, and the only ones; spaces count if there is nothing else. By
        default semicolon and bar always separate genres, and commas and backslashes do where
        each part is a known name or a name of another cell. A slash does not: "Pop/Rock" is one
        genre.
    not_genres : sequence of str, default=NOT_GENRES
        Names to drop, such as "Other" and "Unknown"; case and spaces do not matter.
    known : iterable of str, default=()
        Names that are genres as they are written, whatever they hold.
    name : str
        What a cell is called in an error.

    Returns
    -------
    genres : list of list of str
        Of each item, each name once whatever its case, in order.
    readings : list of GenreReading
        Texts that were split in doubt or dropped, the most frequent first, as tuples of the
        text, what it was read as, and the number of items.

    Raises
    ------
    ValueError
        If a cell cannot be read, such as a list that was shortened with "...".

    Examples
    --------
    >>> from skmmgenre.labels import read_genres
    >>> genres, readings = read_genres(["Pop/Rock; R&B", "['Jazz', 'Blues']", "Jazz, Blues", None])
    >>> genres
    [['Pop/Rock', 'R&B'], ['Jazz', 'Blues'], ['Jazz', 'Blues'], []]
    >>> [tuple(reading) for reading in readings]
    [('Jazz, Blues', ['Jazz', 'Blues'], 1)]
    """
    texts = read_cells(as_pandas(cells), name, _texts)
    return read_genre_lists(texts, separators, slash=False, not_genres=not_genres, known=known)


def _texts(cell):
    """Return the texts in a cell; numbers may be the codes of genres."""
    cell = read_cell(cell)
    parts = cell if isinstance(cell, list) else [cell]
    parts = [part for part in parts if not is_missing(part)]
    if not all(isinstance(part, (str, Number)) for part in parts):
        raise ValueError("does not hold names of genres")
    return list(map(str, parts))


def read_genre_lists(items, separators=None, *, slash=True, not_genres=NOT_GENRES, known=()):
    """Read the genres of items from the texts of their tags or cells.

    Parameters
    ----------
    items : list of list of str
        The texts of each item. A null character and, without `separators`, two backslashes
        always stand between names.
    separators : str, default=None
        Letters that always stand between names, and the only ones; their fullwidth forms do, too,
        and spaces if there is nothing else. By default semicolon and bar do, a slash does except
        in the known names of catalogues ("Pop/Rock"), and commas and backslashes do where each
        part is a known name or a name of some item.
    slash : bool, default=True
        Whether, without `separators`, a slash may stand between names.
    not_genres : sequence of str, default=NOT_GENRES
        Names to drop; case and spaces do not matter.
    known : iterable of str, default=()
        Names that are whole and kept, whatever they hold.

    Returns
    -------
    genres : list of list of str
        Of each item, each name once, in order.
    readings : list of GenreReading
        What was split in doubt or dropped, the most frequent first. Texts that are too long to
        list genres (see `drop_too_long`) are dropped, and shortened here.
    """
    if separators is not None:
        separators = separators.replace(" ", "") or separators
    known = frozenset(map(genre_key, known))
    dropped = frozenset(map(genre_key, not_genres)) - known
    checked = [drop_too_long(texts, separators) for texts in items]
    items = [kept for kept, _ in checked]
    too_long = Counter(text for _, shortened in checked for text in shortened)
    pieces = [_sure_pieces(texts, separators, dropped | known) for texts in items]
    distinct = {piece for parts in pieces for piece in parts}
    if separators is None:
        letters = _with_fullwidth("/") if slash else ""
        read = _read_pieces(distinct, letters, _WHOLE | dropped | known)
    else:
        read = {piece: [piece] for piece in distinct}
    read = {
        piece: [name for name in names if genre_key(name) not in dropped]
        for piece, names in read.items()
    }
    counts = Counter(piece for parts in pieces for piece in parts if read[piece] != [piece])
    readings = [GenreReading(piece, read[piece], n) for piece, n in counts.items()]
    readings += [GenreReading(text, [], n) for text, n in too_long.items()]
    readings.sort(key=lambda reading: -reading.n_items)
    return [
        _each_once(name for piece in parts for name in read[piece]) for parts in pieces
    ], readings


def drop_too_long(texts, separators=None):
    """Drop the texts of an item that are too long to list genres.

    Parameters
    ----------
    texts : list of str
    separators : str, default=None
        As of `read_genre_lists`.

    Returns
    -------
    kept : list of str
        At most 64, each of at most 1,000 characters and 64 names.
    too_long : list of str
        The others, each shortened to 60 characters.
    """
    letters = _with_fullwidth("/" + _SURE + _GUESSED if separators is None else separators) + "\0"
    kept, too_long = [], []
    for text in texts:
        is_short = len(text) <= _MOST_CHARACTERS and (
            sum(letter in letters for letter in text) < _MOST_NAMES
        )
        if is_short and len(kept) < _MOST_NAMES:
            kept.append(text)
        else:
            too_long.append(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
    return kept, too_long


def _with_fullwidth(letters):
    return letters + "".join(_FULLWIDTH.get(letter, "") for letter in letters)


def _sure_pieces(texts, separators, whole):
    """Split the texts of an item where names end for sure."""
    letters = _with_fullwidth(_SURE if separators is None else separators) + "\0"
    letters = re.compile("[" + re.escape(letters) + "]")
    pieces = []
    for text in texts:
        if genre_key(text) in whole:
            pieces.append(text)
            continue
        if separators is None:
            text = text.replace("\\\\", "\0")
        pieces += letters.split(text)
    return _each_once(filter(None, (_tidy(piece) for piece in pieces)))


def _read_pieces(pieces, slash, whole):
    """Return the names in each piece, some of which join several."""
    read = {piece: _split(piece, slash, whole) for piece in pieces}
    guessed = _with_fullwidth(_GUESSED)
    found = {name for names in read.values() for name in names if not set(name) & set(guessed)}
    familiar = _PLAIN | whole | set(map(genre_key, found))

    def guess(text):
        """Split at commas and backslashes if that makes familiar names."""
        is_bracketed = text[:1] + text[-1:] in ("[]", "{}")  # as databases write lists
        parts = _split(text[1:-1] if is_bracketed else text, guessed, whole)
        names = [name for part in parts for name in _split(part, slash, whole)]
        is_list = len(parts) > 1 and all(genre_key(name) in familiar for name in names)
        return names if is_list else None

    for piece, names in read.items():
        read[piece] = guess(piece) or [part for name in names for part in guess(name) or [name]]
    return read


def _split(text, letters, whole):
    """Split a text at letters, except within the names that are whole, the longest first."""
    if not set(text) & set(letters):
        return [text]
    tokens = re.split("([" + re.escape(letters) + "])", text)  # every second is a letter
    names, start = [], 0
    while start < len(tokens):
        ends = range(min(start + 2 * _MOST_PARTS - 1, len(tokens)), start + 1, -2)
        joined = ((end, "".join(tokens[start:end])) for end in ends)
        end, name = next(
            ((end, name) for end, name in joined if genre_key(name) in whole),
            (start + 1, tokens[start]),
        )
        names.append(_tidy(name))
        start = end + 1
    return list(filter(None, names))


def _tidy(name):
    return " ".join(unicodedata.normalize("NFC", name).split())


def _each_once(names):
    found = {}
    for name in names:
        found.setdefault(genre_key(name), name)
    return list(found.values())


def describe_reading(reading, noun):
    """Say how a text was read, given what an item is: "3 files: 'A/B' read as 'A', 'B'"."""
    text, genres, n = reading
    read = (
        f"read as {first_few(genres, 8, count=True, name=_shown)}" if genres else "is not a genre"
    )
    return f"{n:,} {noun}{'s' if n > 1 else ''}: {_shown(text)} {read}"


def _shown(name):
    return describe_cell(name, max_chars=_SHOWN)
