"""Invented words in scripts other than Latin, each with how a catalogue might romanise it."""

_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        """a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya""".split(),
        strict=True,
    )
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ",
        """a v g d e z i th i k l m n x o p r s t y f ch ps o s a e i i o y o""".split(),
        strict=True,
    )
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
_KANA = dict(
    zip(
        "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン",
        """a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho
        ma mi mu me mo ya yu yo ra ri ru re ro wa n""".split(),
        strict=True,
    )
)
_HANGUL = dict(
    zip(
        "가나다라마바사아자하고노도로모보소오조호구누두루무부수우주후김강산서울빛달별",
        """ga na da ra ma ba sa a ja ha go no do ro mo bo so o jo ho gu nu du ru mu bu su u ju hu
        gim gang san seo ul bit dal byeol""".split(),
        strict=True,
    )
)
_KANJI = "山川空海風花月星夜朝雨雪森林道橋町村光影音声歌夢心時春夏秋冬東西南北青赤白黒金銀"


def draw_foreign(rng):
    """Return a word or two in another script, and its romanisation (None for kanji).

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
        table = (_CYRILLIC, _GREEK)[script]
        return " ".join(words), " ".join(_romanise(word, table) for word in words)
    if script < 4:
        table = (_KANA, _HANGUL)[script - 2]
        letters = list(table)
        words = ["".join(rng.choice(letters, rng.integers(2, 5))) for _ in range(2)]
        return " ".join(words), " ".join(_romanise(word, table) for word in words)
    return "".join(rng.choice(list(_KANJI), rng.integers(2, 6))), None


def _romanise(word, table):
    return "".join(table[letter] for letter in word.lower()).replace("-", "").capitalize()
