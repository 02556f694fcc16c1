"""The genres of the synthetic albums, as plain data: families, their genres, their words."""

from dataclasses import dataclass

# family: genres, and below them nouns and adjectives of its reviews
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
    """A leaf of the tree; `family` and `place` say where it stands in FAMILIES."""

    name: str
    parent: str
    family: int
    place: int


def genre_tree(n_genres):
    """Return `n_genres` leaves in order of falling share, three to a parent where that fits."""
    n_families = min(-(-n_genres // 3), len(FAMILIES))
    families = list(FAMILIES.items())[:n_families]
    leaves = []
    for rank in range(n_genres):
        place, family = divmod(rank, n_families)
        parent, (genres, _, _) = families[family]
        leaves.append(Genre(genres[place], parent, family, place))
    return leaves
