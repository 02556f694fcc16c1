"""How a catalogue writes a name: its own habits, and its mistakes."""

import re
import unicodedata

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
        form = _VOLUMES[rng.integers(len(_VOLUMES))]
        number = _ROMAN[title.volume] if rng.random() < 0.4 else str(title.volume)
        text += form.format(number)
    text = _habits(text, rng)
    if rng.random() < decorations:
        text += _EDITIONS[rng.integers(len(_EDITIONS))]
    return text


def write_artist(artist, guest, rng, *, typos, decorations):
    """Write the name of an artist as a catalogue might; takes what `write_title` takes.

    `guest` is the name of somebody who plays along.
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
        text += (" feat. {}", " featuring {}", " (feat. {})", " ft. {}")[rng.integers(4)].format(
            guest.text
        )
    return text


def _plain(name, rng):
    """Write a name of another script in Latin letters, now and then."""
    return name.romanised if name.romanised and rng.random() < 0.25 else name.text


def _mistype(text, rng, typos):
    """Make no mistake, one, or rarely two: a letter wrong, lost, doubled or swapped."""
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
    """Other ways of writing the same: case, ampersand, accents, punctuation."""
    if rng.random() < 0.3:
        text = text.replace(" & ", " and ") if "&" in text else text.replace(" and ", " & ")
    if rng.random() < 0.3:
        letters = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", letters))
    if rng.random() < 0.2:
        text = re.sub("['.,:!-]", "", text)
    form = rng.random()
    return text.upper() if form < 0.03 else text.lower() if form < 0.06 else text
