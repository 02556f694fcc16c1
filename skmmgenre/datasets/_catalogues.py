"""Two synthetic catalogues of the same music."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ..labels import GenreTaxonomy
from ._albums import seed_of
from ._catalogue_errors import write_artist, write_title
from ._foreign_names import draw_foreign
from ._genre_model import genre_prior
from ._genre_names import MAX_GENRES, genre_tree
from ._names import FIRST_NAMES, LAST_NAMES, QUALIFIERS, TITLE_ADJECTIVES, TITLE_NOUNS, VENUES

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
    n_albums=1000,
    n_genres=24,
    *,
    overlap=0.6,
    typos=0.15,
    decorations=0.2,
    random_state=None,
):
    """Make two SYNTHETIC catalogues that list the same music, each in its own way.

    For trying `match_records`: which rows belong together is known. One catalogue is like that
    of a shop, with genres; the other like that of an encyclopedia, with an id for each artist.

    Parameters
    ----------
    n_albums : int, default=1000
        Rows of each catalogue.
    n_genres : int, default=24
        Leaves of the tree of genres, as in `make_albums`.
    overlap : float in [0, 1], default=0.6
        Share of the albums of one catalogue that the other has as well.
    typos : float in [0, 1], default=0.15
        Chance that a title or a name is mistyped: a letter wrong, lost, doubled or swapped, in
        a fifth of the cases twice. Digits and the numbers of volumes are never mistyped.
    decorations : float in [0, 1], default=0.2
        Chance that something stands behind a title, such as "(Deluxe Edition)"; a fifth of it
        that "feat. ..." stands behind a name.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        left : DataFrame of shape (n_albums, 3)
            title, artist, genres (list of branches "Parent/Leaf"); its index are ids of a shop.
        right : DataFrame of shape (n_albums, 3)
            title, artist, artist_id; its index are ids of an encyclopedia.
        pairs : DataFrame of shape (n_common, 2)
            left and right: the ids of the albums that are in both.
        taxonomy : GenreTaxonomy
            Of all branches.
        DESCR : str
            What this is.

    See Also
    --------
    match_records : Finds the pairs.

    Notes
    -----
    Artists have 1 to 12 albums. Names are of persons (some share a last name, some have
    accents), of bands ("The X", "X and the Ys", one a letter longer than another), and one in
    sixteen in Cyrillic, Greek, katakana, Hangul or kanji, which a catalogue romanises now and then
    by simple tables of its own.

    What makes it hard: titles of few words that many share; "Greatest Hits" and the like; albums
    named after their artist; series of volumes, of which a catalogue may have only some; and
    live albums that have the title of another album and "(Live)" behind it. Each catalogue, on
    its own, then has its habits (capitals, "and" for "&", "X, The", a last name first, no
    accents, Roman numerals) and its mistakes.

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
    artists, titles = _draw_albums(n_all, rng)
    order = rng.permutation(n_all)
    of_left, of_right = order[:n_albums], order[n_albums - n_common :]
    of_right = rng.permutation(of_right)
    guests = [artist for artist in artists.names if artist.is_person]
    columns = {}
    for side, albums in (("left", of_left), ("right", of_right)):
        chances = {"typos": typos, "decorations": decorations}
        columns[side] = {
            "title": [write_title(titles[i], rng, **chances) for i in albums],
            "artist": [
                write_artist(
                    artists.names[artists.of_album[i]],
                    guests[rng.integers(len(guests))],
                    rng,
                    **chances,
                )
                for i in albums
            ],
        }
    branches = _draw_branches(artists.of_album, n_genres, rng)
    columns["left"]["genres"] = [branches[i] for i in of_left]
    columns["right"]["artist_id"] = [f"artist-{artists.of_album[i]:06}" for i in of_right]
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


@dataclass(frozen=True)
class _Artists:
    names: list
    of_album: np.ndarray


def _draw_albums(n, rng):
    """Return the artists of `n` albums, and their titles."""
    sizes = np.arange(1, 13)
    names, of_album, titles = [], [], []
    while len(titles) < n:
        artist = _draw_artist(rng, names)
        n_albums = min(int(rng.choice(sizes, p=1 / sizes / (1 / sizes).sum())), n - len(titles))
        of_album += [len(names)] * n_albums
        titles += _draw_titles(artist, n_albums, rng)
        names.append(artist)
    return _Artists(names, np.array(of_album)), titles


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
    other = known[rng.integers(len(known))]  # a namesake, but for a letter
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
    """Return a title, or those of a series."""
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
        other = others[rng.integers(len(others))]
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
        return [
            Name(
                f"Don't {_any('Leave Forget Wake Follow Count'.split(), rng)} the "
                f"{_any(TITLE_ADJECTIVES, rng)} {_any(TITLE_NOUNS, rng)}"
            )
        ]
    return [Name(f"{_any(TITLE_ADJECTIVES, rng)} {_any(TITLE_NOUNS, rng)}")]


def _any(words, rng):
    return words[rng.integers(len(words))]


def _draw_branches(artists, n_genres, rng):
    """Return one to three branches of genres for each album; an artist has a favourite."""
    leaves = genre_tree(n_genres)
    prior = genre_prior(n_genres)
    home = rng.choice(n_genres, size=artists.max() + 1, p=prior)
    branches = []
    for artist in artists:
        main = home[artist] if rng.random() < 0.8 else rng.choice(n_genres, p=prior)
        more = rng.choice(n_genres, size=rng.integers(0, 3), p=prior)
        names = [f"{leaves[i].parent}/{leaves[i].name}" for i in dict.fromkeys([main, *more])]
        branches.append(names)
    return branches
