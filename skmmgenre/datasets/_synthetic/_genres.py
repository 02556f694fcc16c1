"""The genres of synthetic albums, and the probability model of every draw except rendering.

Contains the families of genres with their words as plain data; the traits of genres in audio and
cover, which are points spread evenly over a cube; and the model of labels and confusions.
"""

from dataclasses import dataclass

import numpy as np

# family: genres, and on the next line nouns and adjectives of its reviews
_FAMILIES = """
Rock: Indie Rock, Punk Rock, Progressive Rock, Garage Rock, Psychedelic Rock, Glam Rock
    riff amplifier backbeat anthem | loud jangling overdriven restless
Electronic: House, Ambient Techno, Synthpop, Drum and Bass, Trance, Dubstep
    synthesizer sequencer loop filter | pulsing digital hypnotic glitchy
Jazz: Swing, Bebop, Cool Jazz, Free Jazz, Fusion, Vocal Jazz
    saxophone trumpet improvisation standard | syncopated smoky swinging angular
Hip Hop: Boom Bap, Trap, Gangsta Rap, Alternative Rap, Trip Hop, Grime
    rhyme sample turntable verse | streetwise braggart chopped booming
Folk: Singer-Songwriter, Bluegrass, Celtic Folk, Freak Folk, Protest Song, Sea Shanty
    fiddle ballad mandolin storyteller | rustic homespun acoustic wistful
Classical: Baroque, Opera, Chamber Music, Romantic Symphony, Minimalism, Choral Music
    orchestra movement quartet conductor | contrapuntal stately virtuosic solemn
Metal: Thrash Metal, Doom Metal, Black Metal, Power Metal, Death Metal, Nu Metal
    growl shredding breakdown distortion | brutal thunderous infernal relentless
Latin: Salsa, Bossa Nova, Tango, Cumbia, Bolero, Mariachi
    conga clave serenade bandoneon | sultry festive tropical fiery
Country: Honky Tonk, Outlaw Country, Western Swing, Alt-Country, Nashville Sound, Cowboy Song
    banjo highway heartbreak saloon | twangy dusty lonesome plainspoken
R&B: Soul, Funk, Disco, Motown, Neo-Soul, Doo-Wop
    falsetto horns slap dancefloor | sensual funky heartfelt silky
Blues: Delta Blues, Chicago Blues, Jump Blues, Piano Blues, Boogie Woogie, Blues Rock
    harmonica slide shuffle crossroads | weary gritty mournful growling
Reggae: Roots Reggae, Dub, Ska, Dancehall, Rocksteady, Lovers Rock
    offbeat skank echo melodica | laidback sunny righteous rootsy
Pop: Teen Pop, Dance Pop, Chamber Pop, Power Pop, Dream Pop, Europop
    hook radio single singalong | catchy glossy bubbly sugary
World: Afrobeat, Flamenco, Klezmer, Gamelan, Highlife, Qawwali
    gong percussionist village chant | ceremonial polyrhythmic traditional ancestral
Soundtrack: Film Score, Musical, Game Music, Anime Song, Western Score, Library Music
    scene director leitmotif credits | cinematic suspenseful dramatic heroic
New Age: Meditation, Space Music, Nature Sounds, Healing Harp, Piano Solo, World Fusion
    chimes breath waterfall drone | serene floating meditative weightless
"""


def _read_families(text):
    families = {}
    for first, second in zip(*[iter(text.strip().splitlines())] * 2, strict=True):
        family, _, genres = first.partition(": ")
        words = [tuple(part.split()) for part in second.split("|")]
        families[family] = (tuple(genres.split(", ")), *words)
    return families


FAMILIES = _read_families(_FAMILIES)
MAX_GENRES = sum(len(genres) for genres, _, _ in FAMILIES.values())


@dataclass(frozen=True)
class Genre:
    """A leaf of the genre tree; `family` and `place` are its position in FAMILIES."""

    name: str
    parent: str
    family: int
    place: int


def genre_tree(n_genres):
    """Return `n_genres` leaves in order of decreasing prior, three per parent if possible."""
    n_families = min(-(-n_genres // 3), len(FAMILIES))
    families = list(FAMILIES.items())[:n_families]
    leaves = []
    for rank in range(n_genres):
        place, family = divmod(rank, n_families)
        parent, (genres, _, _) = families[family]
        leaves.append(Genre(genres[place], parent, family, place))
    return leaves


# Generalized golden ratio in many dimensions (the R sequence), which keeps points apart.
_N_DIMENSIONS = 12


def _spread(index, offset):
    ratio = 2.0
    # Iterates to the root of x ** (d + 1) = x + 1 in d dimensions.
    for _ in range(64):
        ratio = (1.0 + ratio) ** (1.0 / (_N_DIMENSIONS + 1))
    steps = ratio ** -np.arange(1.0, _N_DIMENSIONS + 1)
    return (offset + (index + 1) * steps) % 1.0


def genre_traits(genre, *, offset):
    """Return twelve numbers in [0, 1] for a genre; genres of a family are closer to each other."""
    family = _spread(genre.family, offset)
    leaf = _spread(6 * genre.family + genre.place, offset + 0.37)
    return 0.4 * family + 0.6 * leaf


MODALITIES = ("audio", "text", "cover")

# Distribution of a modality's confusions: main neighbour, second one, all other genres equally.
_SHARE_OF_CONFUSION = (0.6, 0.3, 0.1)
_SHARE_OF_SIBLINGS = 0.7  # of the label affinity; the rest goes to two other genres


def genre_prior(n_genres):
    """Return Zipf-Mandelbrot shares by rank: 0.27 to 0.05 for 9 genres, 0.16 to 0.007 for 40."""
    weights = 1.0 / (np.arange(n_genres) + 1.75)
    return weights / weights.sum()


def _siblings_and_others(parents):
    """Yield the siblings and the other genres of each genre, in cyclic order from the genre."""
    n_genres = len(parents)
    for genre in range(n_genres):
        order = [(genre + shift) % n_genres for shift in range(1, n_genres)]
        yield (
            [other for other in order if parents[other] == parents[genre]],
            [other for other in order if parents[other] != parents[genre]],
        )


def confusion_matrices(parents, accuracy):
    """Return the confusion matrices of the shared draw and of each modality.

    Audio confuses a genre with its siblings in the tree; text, cover and the shared draw each
    confuse it with a pair of other genres of their own.

    Parameters
    ----------
    parents : list of str
        The parent of each genre.
    accuracy : dict
        Diagonal of "shared", "audio", "text" and "cover".

    Returns
    -------
    dict of ndarray of shape (n_genres, n_genres)
        Rows are the true genres, and sum to 1.
    """
    n_genres = len(parents)
    if n_genres == 1:
        return {kind: np.ones((1, 1)) for kind in accuracy}
    matrices = {kind: np.zeros((n_genres, n_genres)) for kind in accuracy}
    for genre, (siblings, others) in enumerate(_siblings_and_others(parents)):
        others = others or siblings
        neighbours = {"audio": (siblings + others)[:2]}
        for kind, start in (("text", 0), ("cover", 2), ("shared", 4)):
            neighbours[kind] = [others[(start + step) % len(others)] for step in (0, 1)]
        for kind, matrix in matrices.items():
            row = np.full(n_genres, _SHARE_OF_CONFUSION[2] / (n_genres - 1))
            row[genre] = 0.0
            for neighbour, share in zip(neighbours[kind], _SHARE_OF_CONFUSION, strict=False):
                row[neighbour] += share
            # With few genres, there may be a single neighbour, or the same one twice.
            row *= (1.0 - accuracy[kind]) / row.sum()
            row[genre] = accuracy[kind]
            matrix[genre] = row
    return matrices


def weaken(matrix, prior, genre_strength):
    """Mix a confusion matrix with the prior; at strength 0, its rows do not depend on the genre."""
    return genre_strength * matrix + (1.0 - genre_strength) * prior


def label_probabilities(parents, prior, label_correlation, extra_labels):
    """Return the probability of each leaf label given the main genre, shape (n_genres, n_genres).

    The label of the main genre has probability 1; the others are independent given the main genre.
    """
    n_genres = len(parents)
    affinity = np.zeros((n_genres, n_genres))
    for genre, (siblings, others) in enumerate(_siblings_and_others(parents)):
        if siblings:
            affinity[genre, siblings] += _SHARE_OF_SIBLINGS / len(siblings)
        if others:
            affinity[genre, others[:2]] += (1.0 - _SHARE_OF_SIBLINGS) / len(others[:2])
    probabilities = label_correlation * affinity + (1.0 - label_correlation) * prior
    probabilities = np.minimum(extra_labels * probabilities, 1.0)
    np.fill_diagonal(probabilities, 1.0)
    return probabilities


def draw_rows(probabilities, rng):
    """Draw a column index for each row of probabilities."""
    edges = np.cumsum(probabilities, axis=1)
    # Rounding could leave the last edge below 1, and a draw above it would have no column.
    edges /= edges[:, -1:]
    return (rng.random(len(edges))[:, None] >= edges).sum(axis=1)


def draw_artists(n_albums, rng, largest=12):
    """Draw the artist of each album, with 1 to `largest` albums each, n with weight 1 / n."""
    counts = np.arange(1, largest + 1)
    weights = 1.0 / counts
    # Enough sizes for any draw, as an artist has at least one album.
    sizes = rng.choice(counts, size=n_albums, p=weights / weights.sum())
    n_artists = int(np.searchsorted(np.cumsum(sizes), n_albums)) + 1
    artists = np.repeat(np.arange(n_artists), sizes[:n_artists])[:n_albums]
    return rng.permutation(artists)


def draw_genres(artists, prior, artist_fidelity, rng):
    """Draw the genre of each album: the home genre of its artist, or a draw from the prior."""
    n_artists = int(artists.max()) + 1
    home = rng.choice(len(prior), size=n_artists, p=prior)
    elsewhere = rng.choice(len(prior), size=len(artists), p=prior)
    at_home = rng.random(len(artists)) < artist_fidelity
    return np.where(at_home, home[artists], elsewhere)


def draw_perceived(genres, confusion, complementarity, rng):
    """Draw the genre that each modality is rendered from, shape (n_albums, n_modalities)."""
    shared = draw_rows(confusion["shared"][genres], rng)
    perceived = np.empty((len(genres), len(MODALITIES)), dtype=int)
    for column, modality in enumerate(MODALITIES):
        own = draw_rows(confusion[modality][genres], rng)
        alone = rng.random(len(genres)) < complementarity
        perceived[:, column] = np.where(alone, own, shared)
    return perceived
