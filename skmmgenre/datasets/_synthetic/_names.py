"""Fictitious names: artists, titles, and the people and places that reviews mention.

`name_catalogue` assigns each person and each place to a genre. Every word of a name occurs once
in the names of every genre, so that single words are not informative and only looking up the whole
name reveals the genre. Names in scripts other than Latin have a romanisation that a catalogue might
use.
"""

import pandas as pd

from ._genres import MAX_GENRES

FIRST_NAMES = tuple(
    """Abel Ada Alba Alva Ansel Arlo Astrid Basil Beatrix Benno Bram Brita Caspar Celia Clem
    Cora Dagny Dario Delia Desmond Edda Edwin Elio Elka Emeric Enid Esme Ezra Fabian Fenna
    Fergus Flora Gideon Greta Gwen Hadley Hanno Hazel Helmi Hugo Ida Ilse Imre Ines Iris Ivo
    Jarl Jonna Joss Juno Kaia Kasper Keir Klara Lars Leda Lionel Livia Lorne Lucan Mabel Magda
    Malin Marek Mina Morten Nadia Nell Nico Noor Odile Olaf Orla Oscar Otis Paloma Pascal Perla
    Piers Quentin Rafe Ragna Remy Rhoda Roscoe Runa Saskia Selma Silas Sonja Stellan Sunniva
    Tamsin Theo Tilda Ulla Umberto Vera Viggo Wanda Wilmer Xenia Yara Yorick Zelda Zeno""".split()
)
LAST_NAMES = tuple(
    """Abbott Alder Amberg Ashdown Aylward Barrow Bellweather Birk Blackwood Bramble Brandt
    Calloway Carrow Castell Coldwell Crane Dahl Darrow Dellamere Dorn Dunmore Eastlake Elgar
    Ellery Everhart Fairfax Falk Farrow Fenwick Finch Gallant Garrick Glover Grange Grimwood
    Hale Halloran Harkness Hartwell Hobbs Holm Ingram Ironside Jardine Jessop Juel Kappel
    Keating Kestrel Kirkwood Lachlan Lark Leclair Lindqvist Lockhart Madden Marchetti Marlow
    Merriweather Mistral Moreau Nash Nightingale Norrland Oakes Ostrander Overby Paget Palmgren
    Pemberton Pike Quayle Quill Rasmus Redfern Ridgeway Rook Rosenthal Sandoval Santoro Seward
    Sinclair Sorrel Stirling Strand Tallis Tamblyn Thorne Tremaine Ulrich Underhill Vale Vance
    Verdier Volkov Wakefield Whitlock Winslow Wolfe Yardley Yates Zabala Zeller""".split()
)
QUALIFIERS = tuple(
    """Amber Anchor Apollo Argyle Aurora Autumn Beacon Belmont Birch Bishop Bluebell Boulevard
    Bridge Bronze Canal Cardinal Castle Cathedral Cedar Century Charter Chestnut Citadel Clover
    Cobalt Comet Copper Coral Corner Crescent Crown Crystal Cypress Diamond Eagle Eastern Echo
    Eclipse Elm Ember Emerald Empire Falcon Ferry Forum Fountain Fox Gallows Gaslight Gateway
    Gemini Glass Granite Green Grotto Harbour Harvest Heron Horizon Imperial Indigo Ivory
    Jasmine Jubilee Juniper Kings Lantern Laurel Liberty Lighthouse Linden Lotus Lyric Magnolia
    Maple Marble Market Meridian Midnight Mirror Monarch Moonlight Mosaic North Oak Oasis
    Olympia Opal Orchard Orion Palace Paragon Parkside Pavilion Pearl Phoenix Quarry""".split()
)
VENUES = tuple(
    """Hall Lounge Arms Cellar Theatre Arena Club Garden Attic Depot Warehouse Chapel Ballroom
    Taproom Dock Pier Square Barn Mill Foundry Studio Tavern Inn Yard Room Gallery Terrace
    Pavement Loft Playhouse Cafe Works Academy Annexe Arcade Arches Assembly Auditorium Bandstand
    Barracks Basement Bistro Boathouse Bowl Brewery Bunker Cabaret Cabin Casino Centre Chamber
    Cinema Circus Coliseum Conservatory Corral Courtyard Den Diner Distillery Dome Exchange
    Factory Farm Garage Granary Greenhouse Hangar Hippodrome Hotel Institute Jetty Kitchen Landing
    Lawn Library Lido Lodge Mansion Marquee Mews Museum Parlour Plaza Pub Rink Rooftop Shed
    Stables Stadium Tent Terminal Vault Villa Wharf Workshop""".split()
)
TITLE_ADJECTIVES = tuple(
    """Broken Burning Distant Empty Endless Fallen First Forgotten Frozen Golden Hidden Hollow
    Invisible Last Little Long Lost Naked New Northern Open Paper Quiet Red Second Secret Silent
    Silver Simple Sleeping Small Strange Sudden Unfinished Velvet Violet White Wild Winter
    Yellow""".split()
)
TITLE_NOUNS = tuple(
    """Afternoon Animals Answers Atlas Avenue Birds Bones Calendar Children Circles Clouds Colours
    Corridors Days Doors Dust Engines Faces Fields Fires Ghosts Gravity Hands Hours Houses Islands
    Keys Kingdom Ladders Letters Lines Machines Maps Mountains Numbers Oceans Pictures Planets
    Promises Questions Rain Rivers Rooms Shadows Signals Stairs Stations Stones Stories Strangers
    Streets Summer Tides Tomorrow Towers Trains Trees Walls Weather Windows Wires""".split()
)


def name_catalogue(genres):
    """Return people and places of each genre, with the categories an encyclopedia would give them.

    Parameters
    ----------
    genres : list of Genre
        Leaves of the tree.

    Returns
    -------
    DataFrame
        Columns name (unique), kind ("person" or "place"), genre, categories (list of str).
        A name belongs to the same genre for any number of genres.
    """
    kinds = (
        ("person", FIRST_NAMES, LAST_NAMES, "musicians", "Living people"),
        ("place", QUALIFIERS, VENUES, "music venues", "Music venues"),
    )
    rows = []
    for genre in genres:
        # Each genre pairs the same words with another shift, so that no name occurs twice.
        shift = genre.place * (MAX_GENRES // 6) + genre.family  # its number among all genres
        for kind, firsts, lasts, plural, category in kinds:
            categories = [f"{genre.name} {plural}", f"{genre.parent} {plural}", category]
            for position, first in enumerate(firsts[:MAX_GENRES]):
                name = f"{first} {lasts[(position + shift) % MAX_GENRES]}"
                rows.append((name, kind, genre.name, list(categories)))
    return pd.DataFrame(rows, columns=["name", "kind", "genre", "categories"], dtype=object)


# Counts of links, by which a linker distinguishes namesakes.
_LINKS, _LINKS_OF_NAMESAKE = 30, 10
_PEOPLE_TO_A_NAMESAKE = 8
_PROFESSIONS = ("footballers", "politicians", "novelists", "botanists")


def entity_records(catalogue):
    """Yield the records of a knowledge base of the catalogue: (entity, forms, categories, prior).

    Every eighth person has a less famous namesake outside music.
    """
    people = 0
    for line in catalogue.itertuples(index=False):
        entity = line.name.replace(" ", "_")
        yield entity, [line.name], line.categories, _LINKS
        if line.kind == "person":
            people += 1
            if people % _PEOPLE_TO_A_NAMESAKE == 0:
                profession = _PROFESSIONS[people // _PEOPLE_TO_A_NAMESAKE % len(_PROFESSIONS)]
                categories = [f"English {profession}", "Living people"]
                namesake = f"{entity}_({profession.removesuffix('s')})"
                yield namesake, [line.name], categories, _LINKS_OF_NAMESAKE


def draw_artist_names(n_artists, rng):
    """Draw distinct names of bands, unrelated to genres and to the people of the catalogue."""
    n_pairs = len(TITLE_ADJECTIVES) * len(LAST_NAMES)
    numbers = rng.permutation(-(-n_artists // n_pairs) * n_pairs)[:n_artists]
    names = []
    for number in numbers:
        series, pair = divmod(int(number), n_pairs)
        adjective, last = divmod(pair, len(LAST_NAMES))
        name = f"The {TITLE_ADJECTIVES[adjective]} {LAST_NAMES[last]}s"
        names.append(f"{name} {series + 1}" if series else name)
    return names


def draw_titles(n_albums, rng):
    """Draw titles of albums, unrelated to anything else; albums may share a title."""
    adjectives = rng.choice(TITLE_ADJECTIVES, size=n_albums)
    nouns = rng.choice(TITLE_NOUNS, size=n_albums)
    return [f"{adjective} {noun}" for adjective, noun in zip(adjectives, nouns, strict=True)]


def _letters(script, sounds):
    return dict(zip(script, sounds.split(), strict=True))


_CYRILLIC = _letters(
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    """a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya""",
)
_GREEK = _letters(
    "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ",
    """a v g d e z i th i k l m n x o p r s t y f ch ps o s a e i i o y o""",
)
_RUSSIAN = (
    tuple(
        """Белый Вечный Глухой Дальний Железный Зимний Красный Лунный Медный Новый Осенний Пустой
        Северный Старый Тихий Хрупкий Чужой Южный""".split()
    ),
    tuple(
        """Берег Ветер Город Дом Журавль Закат Камень Лес Мост Огонь Пароход Рассвет Сад Туман
        Фонарь Хор Цирк Шёпот Экран Якорь""".split()
    ),
)
_GREEKS = (
    tuple("Άσπρος Βαθύς Γαλάζιος Κρυφός Μακρινός Νέος Παλιός Φωτεινός".split()),
    tuple("Δρόμος Ήλιος Κήπος Λιμάνι Ουρανός Ποταμός Ύπνος Χορός Ψίθυρος".split()),
)
_KANA = _letters(
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン",
    """a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho
    ma mi mu me mo ya yu yo ra ri ru re ro wa n""",
)
_HANGUL = _letters(
    "가나다라마바사아자하고노도로모보소오조호구누두루무부수우주후김강산서울빛달별",
    """ga na da ra ma ba sa a ja ha go no do ro mo bo so o jo ho gu nu du ru mu bu su u ju hu
    gim gang san seo ul bit dal byeol""",
)
_KANJI = "山川空海風花月星夜朝雨雪森林道橋町村光影音声歌夢心時春夏秋冬東西南北青赤白黒金銀"


def draw_foreign(rng):
    """Return a name of one to three words in another script, and its romanisation (None for kanji).

    Parameters
    ----------
    rng : Generator

    Returns
    -------
    name : str
    romanised : str or None
    """
    script = rng.integers(5)
    if script < 2:
        adjectives, nouns = (_RUSSIAN, _GREEKS)[script]
        words = [adjectives[rng.integers(len(adjectives))], nouns[rng.integers(len(nouns))]]
        if rng.random() < 0.3:
            words.append(nouns[rng.integers(len(nouns))])
    elif script < 4:
        letters = list((_KANA, _HANGUL)[script - 2])
        words = ["".join(rng.choice(letters, rng.integers(2, 5))) for _ in range(2)]
    else:
        return "".join(rng.choice(list(_KANJI), rng.integers(2, 6))), None
    table = (_CYRILLIC, _GREEK, _KANA, _HANGUL)[script]
    return " ".join(words), " ".join(_romanise(word, table) for word in words)


def _romanise(word, table):
    return "".join(table[letter] for letter in word.lower()).replace("-", "").capitalize()
