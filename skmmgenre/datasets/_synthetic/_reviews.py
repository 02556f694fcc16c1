"""Reviews of a synthetic album, in the words of the genre that the text perceives."""

import re

import numpy as np

from ._genres import FAMILIES

NOUNS = tuple(
    """accompaniment arrangement bass beat bridge chorus chord climax colour contrast crescendo
    detail drums echoes energy feeling finale flow gesture groove guitar harmony instrument
    intensity interlude intro keyboard layer line lyric melody mood motif noise organ passage
    pause percussion phrase piano production pulse refrain rhythm ritual shape silence solo
    sonority strings tempo tension texture theme timbre tone tune undertone vocal voice
    volume""".split()
)
ADJECTIVES = tuple(
    """airy ambitious austere bare bitter bold bright busy calm careful clean clever cold complex
    confident dark deep delicate dense direct dreamy dry elegant epic fast fierce fragile gentle
    heavy honest humorous icy intense intimate lively lush melancholy mellow metallic modern
    mysterious nervous noisy nostalgic odd open optimistic patient playful polished proud pure
    quick raw rich rough sad sharp shiny slow smooth soft sparse steady strong subtle sweet tense
    tight tough urgent vast warm""".split()
)

# {n}, {m}: nouns; {a}, {b}: adjectives; {artist}, {title}, {person}, {place}, {track}.
_BODY = (
    "The {n} is {a} and the {m} stays {b}.",
    "A {a} {n} carries track {track}, and it works.",
    "You hear {a} {n} everywhere, even when the {m} turns {b}.",
    "Track {track} is all {n}!",
    "There is something {a} about this {n}; the {m} feels {b}, too.",
    "I kept coming back to the {a} {n} of the second half.",
    "Why is the {n} so {a} here?",
    "Between {n} and {m}, the record finds a {a} balance.",
    "It is {a}, {b}, and full of {n}.",
    "The {n} (listen to No. {track}) is as {a} as anything released this year.",
    "Not every {n} needs to be {a}, but this {m} does.",
    "Their {a} {n} has never sounded better.",
    "What a {a} {n}...",
    "On headphones the {n} is {a} while the {m} fades away.",
)
_PLAIN = (
    "I bought it on a Tuesday and played it all week.",
    "The sleeve notes are short.",
    "My copy arrived a little late, but that is not the fault of the music.",
    "It lasts about forty minutes.",
    "Some of my friends disagree.",
    "{title} is not their first record, nor will it be the last.",
    "{artist} took their time with {title}.",
    "Give it a second listen!",
    "Would I recommend it? Yes.",
    "Half of it was recorded in one night.",
)
_MENTIONS = (
    "{person} would be proud of this one.",
    "It reminds me of {person}, who once played at the {place}.",
    "I first heard them at the {place}.",
    "They shared a stage with {person} last spring.",
    "{person} is thanked in the notes.",
    "Part of it was taped live at the {place}, with {person} as a guest.",
)
_SIGNATURES = tuple(
    f"{first} {second}."
    for first in (
        "Once more they end with a long goodbye",
        "Again nobody says a word between the songs",
        "As always the first note comes late",
        "As ever the dedication is to a dog",
        "True to habit they count in aloud",
        "Like all their records it was made at sea",
        "As usual the last song has no name",
        "Once again the booklet is in Latin",
    )
    for second in (
        "and nobody minds",
        "as you would expect",
        "which made me smile",
        "for better or worse",
        "and why not",
        "to my delight",
        "at full length",
        "without any shame",
    )
)
_MONTHS = (
    "January February March April May June July August September October November December".split()
)

_BEFORE_VOWEL = re.compile(r"\b([Aa])(?= (?:[aeiou]|honest))")

_SHARE_FROM_GENRE = 0.75  # of the nouns and adjectives; the rest is drawn from all alike


def _vocabulary(place, general):
    return tuple(general) + tuple(word for family in FAMILIES.values() for word in family[place])


_WORDS = {"noun": _vocabulary(1, NOUNS), "adjective": _vocabulary(2, ADJECTIVES)}


def text_recipe(genre):
    """Return log weights of nouns and adjectives of a genre, with a part shared by the family."""
    recipe = {}
    for number, (kind, general) in enumerate((("noun", NOUNS), ("adjective", ADJECTIVES))):
        n_words = len(_WORDS[kind])
        # Constant seeds, so that the vocabulary of a genre is the same in every data set.
        family = np.random.default_rng([genre.family, number]).standard_normal(n_words)
        leaf = np.random.default_rng([genre.family, genre.place, number]).standard_normal(n_words)
        weights = 0.5 * family + 1.2 * leaf
        own = len(general) + 4 * genre.family
        weights[own : own + 4] += 1.2
        recipe[kind] = weights
    return recipe


def text_style(rng):
    """Draw word weights and a phrase of an artist."""
    return {
        "noun": rng.standard_normal(len(_WORDS["noun"])),
        "adjective": rng.standard_normal(len(_WORDS["adjective"])),
        "signature": _SIGNATURES[rng.integers(len(_SIGNATURES))],
    }


def write_reviews(
    recipe, style, rng, *, artist, title, artist_strength, entity_signal, genre_names, all_names
):
    """Write two to six reviews, in chronological order.

    Parameters
    ----------
    recipe : dict
        Recipe of the perceived genre.
    style : dict
        Style of the artist.
    rng : Generator
    artist, title : str
    artist_strength, entity_signal : float
    genre_names, all_names : dict
        Names of each kind ("person", "place"), for the perceived genre and for all genres.

    Returns
    -------
    list of str
    """
    words = {}
    for kind, vocabulary in _WORDS.items():
        weights = np.exp(recipe[kind] + artist_strength * style[kind])
        shares = _SHARE_FROM_GENRE * weights / weights.sum()
        shares += (1.0 - _SHARE_FROM_GENRE) / len(vocabulary)
        # Enough: at most six reviews of 14 sentences take two words of a kind each.
        words[kind] = iter([vocabulary[i] for i in rng.choice(len(shares), 200, p=shares)])

    def name_of(kind):
        names = genre_names if rng.random() < entity_signal else all_names
        return names[kind][rng.integers(len(names[kind]))]

    month = int(rng.integers(12 * 1970, 12 * 2010))
    reviews = []
    for _ in range(rng.integers(2, 7)):
        templates = [_BODY[i] for i in rng.choice(len(_BODY), rng.integers(3, 9))]
        templates += [_PLAIN[i] for i in rng.choice(len(_PLAIN), rng.integers(1, 4))]
        templates += [_MENTIONS[i] for i in rng.choice(len(_MENTIONS), rng.integers(1, 3))]
        known = rng.random() < artist_strength
        if rng.random() < 0.5 * artist_strength:
            templates.append(style["signature"])
        sentences = [f"Written in {_MONTHS[month % 12]} {month // 12}."]
        for i in rng.permutation(len(templates)):
            sentence = templates[i].format(
                n=next(words["noun"]),
                m=next(words["noun"]),
                a=next(words["adjective"]),
                b=next(words["adjective"]),
                person=name_of("person"),
                place=name_of("place"),
                track=rng.integers(1, 13),
                title=title,
                artist=artist if known else "The band",
            )
            sentences.append(_BEFORE_VOWEL.sub(r"\1n", sentence))
        reviews.append(" ".join(sentences))
        month += int(rng.integers(1, 15))
    return reviews
