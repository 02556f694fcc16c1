"""Read genres from tags and table cells, which often contain several names in one text."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from numbers import Number
from typing import NamedTuple

from .._typing import Column
from ..utils import as_pandas, describe_cell, first_few, is_missing, read_cell, read_cells

# Names that programs write if there is no genre, and podcasts. "Speech" and "Audiobook" are not in
# this list because they can be recognized from the audio.
NOT_GENRES = (
    *("Other", "Unknown", "Unknown Genre", "<unknown>", "(unknown)", "[unknown]", "Undefined"),
    *("None", "No Genre", "N/A", "Genre", "Misc", "Misc.", "Miscellaneous", "Uncategorized"),
    *("Unclassified", "Podcast"),
)

# Genres of catalogues whose names contain characters that otherwise separate genres: ID3 and
# Winamp, Apple, AllMusic, Discogs, Amazon, Google Play, Gracenote, Deezer, Qobuz and Beatport.
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

# Names by which a list with commas is recognized: those of ID3, and some that ID3 lacks.
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

_SURE = ";|"  # characters that occur in no known name
_GUESSED = ",\\"
# Fullwidth forms, as typed on CJK keyboards.
_FULLWIDTH = {"/": "／", ",": "，、", "\\": "＼", ";": "；", "|": "｜"}
_TO_ASCII = str.maketrans({wide: letter for letter in _FULLWIDTH for wide in _FULLWIDTH[letter]})
# Longer texts are not lists of genres: a file may contain a tag of any size.
_MOST_CHARACTERS = 1_000
_MOST_NAMES = 64
_SHOWN = 60  # maximum number of characters of a name in a message


@lru_cache(maxsize=10_000)
def genre_key(name):
    """Return a key that is equal for all spellings of a genre, ignoring case and spaces."""
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
    """Return whether this is a catalogue name with a character that otherwise separates genres."""
    return genre_key(name) in _WHOLE


def may_stand_in_name(text):
    """Return whether a text in the middle of a name is unchanged when genres are read."""
    return not set(text) & set(_with_fullwidth(_SURE + _GUESSED) + "\0") and _tidy(f"a{text}a") == (
        f"a{text}a"
    )


class GenreReading(NamedTuple):
    """A text that was not read as a single genre.

    Parameters
    ----------
    text : str
        The text of a tag or cell.
    genres : list of str
        Genres that were read from it; empty if it is not a genre.
    n_items : int
        Number of items with this text.
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

    All commands, examples and `GenreTaxonomy` read genre cells with this function.

    Parameters
    ----------
    cells : iterable of shape (n_items,)
        A cell is a text such as "Jazz; Blues", a list of texts, a list written as text such as
        "['Jazz', 'Blues']", a number, or missing.
    separators : str, default=None
        Characters that separate genres; no other character does. Spaces count only if there is
        no other character. By default semicolons and bars always separate genres; commas and
        backslashes do if each part is a known name or a name in another cell. Slashes do not:
        "Pop/Rock" is a single genre.
    not_genres : sequence of str, default=NOT_GENRES
        Names to drop, such as "Other" and "Unknown"; case and spaces are ignored.
    known : iterable of str, default=()
        Names that are never split or dropped, whatever characters they contain.
    name : str, default="the genre cell"
        Name of a cell in error messages.

    Returns
    -------
    genres : list of list of str
        Genres of each item, in order, without repetitions (ignoring case).
    readings : list of GenreReading
        Texts that were dropped or whose split is uncertain, the most frequent first, as tuples of
        the text, the genres read from it, and the number of items.

    Raises
    ------
    ValueError
        If a cell cannot be read, for example a list that was abbreviated with "...".

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
    """Return the texts in a cell; numbers may be genre codes."""
    cell = read_cell(cell)
    parts = cell if isinstance(cell, list) else [cell]
    parts = [part for part in parts if not is_missing(part)]
    if not all(isinstance(part, (str, Number)) for part in parts):
        raise ValueError("does not contain names of genres")
    return list(map(str, parts))


def read_genre_lists(items, separators=None, *, slash=True, not_genres=NOT_GENRES, known=()):
    """Read the genres of items from the texts of their tags or cells.

    Parameters
    ----------
    items : list of list of str
        Texts of each item. A null character and, without `separators`, two backslashes always
        separate names.
    separators : str, default=None
        Characters that separate names, including their fullwidth forms; no other character does.
        Spaces count only if there is no other character. By default semicolons and bars separate
        names; slashes do except in the names of catalogues ("Pop/Rock"); commas and backslashes
        do if each part is a known name or a name of some item.
    slash : bool, default=True
        Whether a slash may separate names if `separators` is None.
    not_genres : sequence of str, default=NOT_GENRES
        Names to drop; case and spaces are ignored.
    known : iterable of str, default=()
        Names that are never split or dropped, whatever characters they contain.

    Returns
    -------
    genres : list of list of str
        Genres of each item, in order, without repetitions.
    readings : list of GenreReading
        Texts that were dropped or whose split is uncertain, the most frequent first. Texts that
        are too long to be lists of genres (see `drop_too_long`) are dropped, and shortened here.
    """
    if separators is not None:
        separators = separators.replace(" ", "") or separators
    known = frozenset(map(genre_key, known))
    dropped = frozenset(map(genre_key, not_genres)) - known
    checked = [drop_too_long(texts, separators) for texts in items]
    items = [kept for kept, _ in checked]
    too_long = Counter(text for _, shortened in checked for text in shortened)
    pieces = [_sure_pieces(texts, separators, dropped | known) for texts in items]
    # Most pieces occur in many items, so each distinct one is read once.
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
    """Drop the texts of an item that are too long to be lists of genres.

    Parameters
    ----------
    texts : list of str
    separators : str, default=None
        As in `read_genre_lists`.

    Returns
    -------
    kept : list of str
        At most 64 texts, each of at most 1,000 characters and 64 names.
    too_long : list of str
        All other texts, each shortened to 60 characters.
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
    """Split the texts of an item at the characters that always separate names."""
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
    """Return the names in each piece; a piece may contain several."""
    read = {piece: _split(piece, slash, whole) for piece in pieces}
    guessed = _with_fullwidth(_GUESSED)
    # A name that occurs alone in one text makes it likely to be a name in the lists of others.
    found = {name for names in read.values() for name in names if not set(name) & set(guessed)}
    familiar = _PLAIN | whole | set(map(genre_key, found))

    def guess(text):
        """Split at commas and backslashes if all parts are familiar names."""
        is_bracketed = text[:1] + text[-1:] in ("[]", "{}")  # as databases write lists
        parts = _split(text[1:-1] if is_bracketed else text, guessed, whole)
        names = [name for part in parts for name in _split(part, slash, whole)]
        is_list = len(parts) > 1 and all(genre_key(name) in familiar for name in names)
        return names if is_list else None

    # The whole piece is tried as a list first, then each of its parts between slashes.
    for piece, names in read.items():
        read[piece] = guess(piece) or [part for name in names for part in guess(name) or [name]]
    return read


def _split(text, letters, whole):
    """Split a text at separators, except within the names in `whole`, the longest first."""
    if not set(text) & set(letters):
        return [text]
    tokens = re.split("([" + re.escape(letters) + "])", text)  # every second one is a separator
    names, start = [], 0
    while start < len(tokens):
        # A name of k parts has 2 * k - 1 tokens: its parts and the separators between them.
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
    """Describe how a text was read, for example "3 files: 'A/B' read as 'A', 'B'"."""
    text, genres, n = reading
    read = (
        f"read as {first_few(genres, 8, count=True, name=_shown)}" if genres else "is not a genre"
    )
    return f"{n:,} {noun}{'s' if n > 1 else ''}: {_shown(text)} {read}"


def _shown(name):
    return describe_cell(name, max_chars=_SHOWN)
