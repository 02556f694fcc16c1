"""Two synthetic catalogues of the same music.

Each catalogue has its own spelling conventions and its own errors.
"""

import re
import unicodedata
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ...labels import GenreTaxonomy
from ._albums import seed_of
from ._genres import MAX_GENRES, genre_prior, genre_tree
from ._names import (
    FIRST_NAMES,
    LAST_NAMES,
    QUALIFIERS,
    TITLE_ADJECTIVES,
    TITLE_NOUNS,
    VENUES,
    draw_foreign,
)

_ACCENTED = (
    tuple("Zoé André Björn Chloë Dušan Édith François Gérard Håkan Inés Jörg Łukasz Noël".split()),
    tuple("Almodóvar Brøndum Çelik Dvořák Fernández Grünwald Håland Kovač Müller Núñez".split()),
)
_OF_MANY = ("Greatest Hits", "The Best Of", "Live", "Christmas", "The Collection", "Unplugged")
_share = Interval(Real, 0, 1, closed="both")


@validate_params(
    {
        "n_albums": [Interval(Integral, 2, None, closed="left")],
        "n_genres": [Interval(Integral, 2, MAX_GENRES, closed="both")],
        "overlap": [_share],
        "typos": [_share],
        "decorations": [_share],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_catalogues(
    n_albums=1000, n_genres=24, *, overlap=0.6, typos=0.15, decorations=0.2, random_state=None
):
    """Make two SYNTHETIC catalogues that list the same music with different spellings.

    They are for trying out `match_records`, since the matching rows are known. One catalogue
    resembles that of a shop, with genres; the other an encyclopedia, with an id for each artist.

    Parameters
    ----------
    n_albums : int, default=1000
        Number of rows of each catalogue.
    n_genres : int, default=24
        Number of leaves of the genre tree, as in `make_albums`.
    overlap : float in [0, 1], default=0.6
        Fraction of the albums of one catalogue that are also in the other.
    typos : float in [0, 1], default=0.15
        Probability that a title or a name contains a typo: a letter is wrong, missing, doubled or
        swapped, with two typos in a fifth of the cases. Digits and volume numbers never contain
        typos.
    decorations : float in [0, 1], default=0.2
        Probability that a title ends in an addition such as "(Deluxe Edition)"; a name ends in
        "feat. ..." with a fifth of this probability.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same catalogues; None draws a new one.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        left : DataFrame of shape (n_albums, 3)
            title, artist, genres (list of branches "Parent/Leaf"), indexed by ids of a shop.
        right : DataFrame of shape (n_albums, 3)
            title, artist, artist_id, indexed by ids of an encyclopedia.
        pairs : DataFrame of shape (n_common, 2)
            left and right: the ids of the albums that are in both.
        taxonomy : GenreTaxonomy
            Taxonomy of all branches.
        DESCR : str
            Description of the data set.

    See Also
    --------
    match_records : Find the pairs.

    Notes
    -----
    Artists have 1 to 12 albums. Names are those of persons (some share a last name, some have
    accents) and bands ("The X", "X and the Ys", some one letter longer than another name). One
    name in sixteen is in Cyrillic, Greek, katakana, Hangul or kanji; a catalogue sometimes
    romanises it, with simple tables of its own.

    Difficult cases are short titles that many albums share, "Greatest Hits" and the like, albums
    named after their artist, series of volumes (a catalogue may have only some of them), and live
    albums with the title of another album followed by "(Live)". Each catalogue then applies its
    own conventions (capitals, "and" for "&", "X, The", last name first, no accents, Roman
    numerals) and errors.

    Examples
    --------
    >>> from skmmgenre.datasets import make_catalogues
    >>> data = make_catalogues(100, random_state=0)
    >>> data.left.shape, data.right.shape, data.pairs.shape
    ((100, 3), (100, 3), (60, 2))
    """
    rng = np.random.default_rng([seed_of(random_state), 0])
    n_common = int(round(overlap * n_albums))
    n_all = 2 * n_albums - n_common
    artists, of_album, titles = _draw_albums(n_all, rng)
    order = rng.permutation(n_all)
    # The slices overlap by `n_common` albums.
    of_left, of_right = order[:n_albums], order[n_albums - n_common :]
    # Otherwise the common albums would be the last on the left and the first on the right.
    of_right = rng.permutation(of_right)
    guests = [artist for artist in artists if artist.is_person]
    columns, chances = {}, {"typos": typos, "decorations": decorations}
    for side, albums in (("left", of_left), ("right", of_right)):
        columns[side] = {
            "title": [write_title(titles[i], rng, **chances) for i in albums],
            "artist": [
                write_artist(artists[of_album[i]], _any(guests, rng), rng, **chances)
                for i in albums
            ],
        }
    branches = _draw_branches(of_album, n_genres, rng)
    columns["left"]["genres"] = [branches[i] for i in of_left]
    columns["right"]["artist_id"] = [f"artist-{of_album[i]:06}" for i in of_right]
    ids = {
        "left": np.array([f"B{number:07}" for number in range(n_albums)], dtype=object),
        "right": np.array([f"M{number:07}" for number in range(n_albums)], dtype=object),
    }
    left, right = (
        pd.DataFrame(columns[side], index=pd.Index(ids[side], dtype=object), dtype=object)
        for side in ("left", "right")
    )
    right_of_album = dict(zip(of_right.tolist(), ids["right"], strict=True))
    pairs = [
        (name, right_of_album[album])
        for name, album in zip(ids["left"], of_left.tolist(), strict=True)
        if album in right_of_album
    ]
    leaves = genre_tree(n_genres)
    return Bunch(
        left=left,
        right=right,
        pairs=pd.DataFrame(pairs, columns=["left", "right"], dtype=object),
        taxonomy=GenreTaxonomy(f"{leaf.parent}/{leaf.name}" for leaf in leaves),
        DESCR=(
            f"Two SYNTHETIC catalogues of {n_albums} albums each, {n_common} of them in both, made "
            "by skmmgenre.datasets.make_catalogues."
        ),
    )


@dataclass(frozen=True)
class Name:
    """A title or the name of an artist, before a catalogue writes it."""

    text: str
    romanised: str | None = None
    is_person: bool = False
    volume: int | None = None


def _draw_albums(n, rng):
    """Return the artists, the index of the artist of each of `n` albums, and the titles."""
    sizes = np.arange(1, 13)
    names, of_album, titles = [], [], []
    while len(titles) < n:
        artist = _draw_artist(rng, names)
        n_albums = min(int(rng.choice(sizes, p=1 / sizes / (1 / sizes).sum())), n - len(titles))
        of_album += [len(names)] * n_albums
        titles += _draw_titles(artist, n_albums, rng)
        names.append(artist)
    return names, np.array(of_album), titles


def _draw_artist(rng, known):
    kind = rng.random()
    first, last = FIRST_NAMES, LAST_NAMES
    if kind < 1 / 16:
        return Name(*draw_foreign(rng))
    if kind < 0.10:
        first, last = _ACCENTED
        return Name(f"{_any(first, rng)} {_any(LAST_NAMES + last, rng)}", is_person=True)
    if kind < 0.45:
        middle = f" {_any('ABCDEFGHJKLMNPRSTW', rng)}." if rng.random() < 0.2 else ""
        return Name(f"{_any(first, rng)}{middle} {_any(last, rng)}", is_person=True)
    if kind < 0.60:
        return Name(f"The {_any(TITLE_ADJECTIVES + QUALIFIERS, rng)} {_any(TITLE_NOUNS, rng)}")
    if kind < 0.72:
        return Name(f"{_any(TITLE_ADJECTIVES + QUALIFIERS, rng)} {_any(TITLE_NOUNS + VENUES, rng)}")
    if kind < 0.80:
        return Name(f"{_any(first, rng)} {_any(last, rng)} & the {_any(TITLE_NOUNS, rng)}")
    if kind < 0.86:
        return Name(f"{_any(last, rng)} & {_any(last, rng)}")
    if kind < 0.92:
        return Name(f"The {_any(last, rng)} {rng.choice(['Trio', 'Quartet', 'Band', 'Orchestra'])}")
    if kind < 0.96 or not known:
        return Name(f"{_any(QUALIFIERS, rng)} {rng.integers(2, 1000)}")
    other = _any(known, rng)  # a namesake, but for a letter
    return Name(other.text + ("" if other.text.endswith("s") else "s"), is_person=other.is_person)


def _draw_titles(artist, n, rng):
    titles, known = [], set()
    while len(titles) < n:
        for title in _draw_title(artist, [t for t in titles if t.volume is None], n, rng):
            key = (title.text, title.volume)
            if key not in known and len(titles) < n:  # an artist gives a title once
                known.add(key)
                titles.append(title)
    return titles


def _draw_title(artist, others, n, rng):
    """Return a list of one title, or of the titles of a series."""
    kind = rng.random()
    if artist.romanised is not None and kind < 0.5:
        return [Name(*draw_foreign(rng))]
    if kind < 0.07:
        return [Name(_any(_OF_MANY, rng))]
    if kind < 0.11:
        return [Name(artist.text, artist.romanised)]
    if kind < 0.14 and n > 2:
        text = f"{_any(TITLE_ADJECTIVES, rng)} {_any(TITLE_NOUNS, rng)}"
        return [Name(text, volume=volume) for volume in range(1, int(rng.integers(3, 6)))]
    if kind < 0.19 and others:
        other = _any(others, rng)
        if rng.random() < 0.5:
            return [Name(f"{other.text} (Live)")]
        return [Name(other.text, other.romanised, volume=2)]
    if kind < 0.24:
        return [Name(f"Live at the {_any(QUALIFIERS, rng)} {_any(VENUES, rng)}")]
    if kind < 0.27:
        return [Name(str(rng.integers(1950, 2015)))]
    if kind < 0.35:
        return [Name(_any(TITLE_NOUNS, rng))]
    if kind < 0.50:
        return [Name(f"{_any(TITLE_NOUNS, rng)} of the {_any(TITLE_NOUNS, rng)}")]
    if kind < 0.60:
        return [Name(f"{_any(TITLE_NOUNS, rng)} and {_any(TITLE_NOUNS, rng)}")]
    if kind < 0.70:
        verb = _any("Leave Forget Wake Follow Count".split(), rng)
        return [Name(f"Don't {verb} the {_any(TITLE_ADJECTIVES, rng)} {_any(TITLE_NOUNS, rng)}")]
    return [Name(f"{_any(TITLE_ADJECTIVES, rng)} {_any(TITLE_NOUNS, rng)}")]


def _any(words, rng):
    return words[rng.integers(len(words))]


def _draw_branches(artists, n_genres, rng):
    """Return one to three genre branches for each album; an artist has a favourite genre."""
    leaves = genre_tree(n_genres)
    prior = genre_prior(n_genres)
    home = rng.choice(n_genres, size=artists.max() + 1, p=prior)
    branches = []
    for artist in artists:
        main = home[artist] if rng.random() < 0.8 else rng.choice(n_genres, p=prior)
        more = rng.choice(n_genres, size=rng.integers(0, 3), p=prior)
        genres = dict.fromkeys([main, *more])
        branches.append([f"{leaves[i].parent}/{leaves[i].name}" for i in genres])
    return branches


_EDITIONS = (
    " (Deluxe Edition)",
    " [Deluxe Version]",
    " (Expanded Edition)",
    " (Remastered)",
    " [Remastered 2009]",
    " (2011 Remaster)",
    " (Bonus Track Version)",
    " [Explicit]",
    " [Import]",
    " (UK Import)",
    " (Special Edition)",
    " (20th Anniversary Edition)",
    " [Limited Edition]",
    " - Deluxe Edition",
    " [Vinyl]",
)
_VOLUMES = (", Vol. {}", " Volume {}", ", Pt. {}", " {}")
_ROMAN = ("0", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_title(title, rng, *, typos, decorations):
    """Write the title of an album as a catalogue might.

    Parameters
    ----------
    title : Name
    rng : Generator
    typos, decorations : float
        See `make_catalogues`.

    Returns
    -------
    str
    """
    text = _mistype(_plain(title, rng), rng, typos)
    if title.volume is not None:
        form = _any(_VOLUMES, rng)
        text += form.format(_ROMAN[title.volume] if rng.random() < 0.4 else title.volume)
    text = _habits(text, rng)
    if rng.random() < decorations:
        text += _any(_EDITIONS, rng)
    return text


def write_artist(artist, guest, rng, *, typos, decorations):
    """Write the name of an artist as a catalogue might; parameters as in `write_title`.

    `guest` is the name of a guest artist.
    """
    text = _habits(_mistype(_plain(artist, rng), rng, typos), rng)
    if text.startswith("The "):
        form = rng.random()
        if form < 0.15:
            text = text[4:] + ", The"
        elif form < 0.30:
            text = text[4:]
    elif artist.is_person and rng.random() < 0.08:
        first, _, last = text.partition(" ")
        text = f"{last}, {first}"
    if rng.random() < 0.2 * decorations:
        form = _any((" feat. {}", " featuring {}", " (feat. {})", " ft. {}"), rng)
        text += form.format(guest.text)
    return text


def _plain(name, rng):
    """Return the name, sometimes romanised if it is in another script."""
    return name.romanised if name.romanised and rng.random() < 0.25 else name.text


def _mistype(text, rng, typos):
    """Make no typo, one, or rarely two: a letter is wrong, missing, doubled or swapped."""
    n_mistakes = 0 if rng.random() >= typos else 1 if rng.random() < 0.8 else 2
    for _ in range(n_mistakes):
        places = [i for i, letter in enumerate(text) if letter.isalpha()]
        if len(places) < 4:  # of a shorter name nobody could tell what was meant
            break
        i, kind = places[rng.integers(len(places))], rng.integers(4)
        if kind == 0 and text[i].isascii():
            text = text[:i] + _LETTERS[rng.integers(26)] + text[i + 1 :]
        elif kind == 1:
            text = text[:i] + text[i + 1 :]
        elif kind == 2:
            text = text[:i] + text[i] + text[i:]
        elif i + 1 < len(text):
            text = text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    return text


def _habits(text, rng):
    """Apply alternative spellings: case, ampersand, accents, punctuation."""
    if rng.random() < 0.3:
        text = text.replace(" & ", " and ") if "&" in text else text.replace(" and ", " & ")
    if rng.random() < 0.3:
        letters = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", letters))
    if rng.random() < 0.2:
        text = re.sub("['.,:!-]", "", text)
    form = rng.random()
    return text.upper() if form < 0.03 else text.lower() if form < 0.06 else text
