"""The files of ELVIS: folders in its layout, and small files in each of its formats."""

import json
import pickle
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_elvis import write_elvis
from sklearn.base import clone

from skmmgenre.text import PrecomputedLinker, ReviewTruncator
from skmmgenre.utils import BadItem, SetupError

# ---- folders in the layout of ELVIS ------------------------------------------------------

# Mentions in each text: counted in the files of the real folder (Adele, Bob Dylan, Paco de Lucía),
# and in the table of the made one.
COUNTS = {
    "real": {
        "babelfy/example": (83, 89, 61),
        "babelfy/example_h": (83, 89, 61),
        "tagme/example": (45, 49, 43),
        "tagme/example_h": (45, 49, 43),
        "spotlight/example": (51, 53, 41),
        "agreement/example_h_2": (29, 30, 35),
    },
    "made": {
        "babelfy/example": (18, 14, 13),
        "babelfy/example_h": (18, 14, 13),
        "tagme/example": (16, 12, 11),
        "tagme/example_h": (16, 12, 11),
        "spotlight/example": (15, 13, 14),
        "agreement/example_h_2": (15, 13, 13),
    },
}
FOLDERS = COUNTS["made"]
# The first mention of TagMe's raw answer to the first text, and one of its categories; the one
# that Spotlight ends too far, in the third text; the first entity of Spotlight in the first.
FIRST = {
    "real": (0, 5, "Adele", "Adele_(singer)", 0.31514, "English soul singers"),
    "made": (0, 8, "Ana Ríos", "Ana_Ríos_(singer)", 0.12, "People from Valparaíso"),
}
TOO_FAR = {"real": "Paco de Lucía", "made": "Señora Mar"}
FIRST_CATEGORY = {"real": "About Adele", "made": "About Ana Ríos"}


@pytest.fixture(scope="module", params=["made", "real"])
def source(request):
    return request.param


@pytest.fixture(scope="module")
def elvis(source, request, tmp_path_factory):
    if source == "made":
        return write_elvis(tmp_path_factory.mktemp("elvis"))
    return request.getfixturevalue("shared_data") / "elvis"


@pytest.fixture(scope="module")
def texts(elvis):
    files = sorted((elvis / "texts" / "example").glob("*.txt"))
    return [file.read_text(encoding="utf-8") for file in files]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_mention_of_every_format(elvis, texts, source, folder):
    linker = PrecomputedLinker(elvis / "entities" / folder)
    found = [linker.link(text) for text in texts]
    assert tuple(map(len, found)) == COUNTS[source][folder]
    for text, mentions in zip(texts, found, strict=True):
        for mention in mentions:
            assert text[mention.start : mention.end] == mention.label == mention.label.strip()
            assert 0 <= mention.confidence <= 1
            assert "_" not in "".join(mention.categories)
            assert "/resource/" not in mention.entity and " " not in mention.entity


@pytest.mark.parametrize(
    ("raw", "homogenised"),
    [("babelfy/example", "babelfy/example_h"), ("tagme/example", "tagme/example_h")],
)
def test_raw_and_homogenised_are_at_the_same_places(elvis, texts, raw, homogenised):
    linkers = [PrecomputedLinker(elvis / "entities" / name) for name in (raw, homogenised)]
    for text in texts:
        one, other = (
            [(m.start, m.end, m.confidence) for m in linker.link(text)] for linker in linkers
        )
        assert one == other


def test_labels_are_those_of_the_files(elvis, texts):
    for folder in FOLDERS:
        linker = PrecomputedLinker(elvis / "entities" / folder)
        files = sorted((elvis / "entities" / folder).glob("*.json"))
        for text, file in zip(texts, files, strict=True):
            sentences = json.loads(file.read_text(encoding="utf-8"))
            expected = [entity["label"] for s in sentences for entity in s["entities"]]
            assert sorted(m.label for m in linker.link(text)) == sorted(expected)


def test_a_mention_in_full(elvis, texts, source):
    (mention, *_) = PrecomputedLinker(elvis / "entities" / "tagme" / "example").link(texts[0])
    *first, category = FIRST[source]
    assert [mention.start, mention.end, mention.label] == first[:3]
    assert [mention.entity, mention.confidence] == first[3:]
    assert category in mention.categories
    (last,) = PrecomputedLinker(elvis / "entities" / "spotlight" / "example").link(texts[2])[3:4]
    assert last.label == TOO_FAR[source]  # its end is one too far in the file


def test_a_text_that_was_cut(elvis, texts):
    """The truncator ends a text behind a sentence; here also within one."""
    linker = PrecomputedLinker(elvis / "entities" / "babelfy" / "example")
    for text in texts:
        whole = linker.link(text)
        for cut in (ReviewTruncator(max_chars=400).transform([text])[0], text[:250]):
            assert linker.link(cut) == [m for m in whole if m.end <= len(cut)]


def test_other_white_space(elvis, texts):
    linker = PrecomputedLinker(elvis / "entities" / "babelfy" / "example")
    for text in texts:
        wrapped = "\n " + "\n\t".join(text.split()) + "\n"
        mentions = linker.link(wrapped)
        assert [m.label.split() for m in mentions] == [m.label.split() for m in linker.link(text)]
        assert all(wrapped[m.start : m.end] == m.label for m in mentions)


def test_categories_from_a_knowledge_base(elvis, texts, source):
    class Base:
        def categories(self, entity):
            return (f"About_{entity}",)

    folder = elvis / "entities" / "spotlight" / "example"
    mentions = PrecomputedLinker(folder, categories_from=Base()).link(texts[0])
    assert mentions[0].categories == (FIRST_CATEGORY[source],)


def test_all_folders_mixed_tell_their_formats_apart(elvis, texts, source, tmp_path):
    """Three texts, each in another format, in one folder and under other names."""
    folders = ["babelfy/example", "agreement/example_h_2", "tagme/example"]
    for number, folder in enumerate(folders):
        file = sorted((elvis / "entities" / folder).glob("*.json"))[number]
        shutil.copy(file, tmp_path / f"{number}.json")
    linker = PrecomputedLinker(tmp_path)
    expected = [COUNTS[source][folder][number] for number, folder in enumerate(folders)]
    assert [len(linker.link(text)) for text in texts] == expected


# ---- small files -------------------------------------------------------------------------

TEXT = "Adele sings. She signed to XL Recordings in 2006."
BABELFY = [
    {
        "text": "Adele sings.",
        "index": 0,
        "entities": [
            {
                "startChar": 0,
                "endChar": 4,
                "label": "Adele",
                "confidence": 0.98,
                "uri": "http://dbpedia.org/resource/Adele",
                "babelSynsetID": "bn:03099661n",
                "BabelNetURL": "http://babelnet.org/rdf/s03099661n",
            },
            {
                "startChar": 6,
                "endChar": 10,
                "label": "sings",
                "confidence": 0.0,
                "uri": "",
                "babelSynsetID": "bn:00083221v",
                "BabelNetURL": "http://babelnet.org/rdf/s00083221v",
            },
        ],
    },
    {
        "text": "She signed to XL Recordings in 2006.",
        "index": 1,
        "entities": [
            {
                "startChar": 14,
                "endChar": 26,
                "label": "XL Recordings",
                "confidence": 1.0,
                "uri": "http://dbpedia.org/resource/XL_Recordings",
                "babelSynsetID": "bn:01234567n",
                "BabelNetURL": "http://babelnet.org/rdf/s01234567n",
            }
        ],
    },
]


def changed(number, entity, **fields):
    sentences = json.loads(json.dumps(BABELFY))
    record = sentences[number]["entities"][entity]
    record.update(fields)
    sentences[number]["entities"][entity] = {k: v for k, v in record.items() if v is not ...}
    return sentences


def write(folder, sentences, name="1.json"):
    (folder / name).write_text(json.dumps(sentences), encoding="utf-8")
    return PrecomputedLinker(folder)


def seen(mentions):
    return [(m.start, m.end, m.entity, m.confidence, m.categories) for m in mentions]


def test_raw_babelfy(tmp_path):
    assert seen(write(tmp_path, BABELFY).link(TEXT)) == [
        (0, 5, "Adele", 0.98, ()),
        (6, 11, "bn:00083221v", 0.0, ()),
        (27, 40, "XL_Recordings", 1.0, ()),
    ]


def test_homogenised(tmp_path):
    categories = ["English_pop_singers", "Bj%C3%B6rk_albums", "English_pop_singers"]
    linker = write(tmp_path, changed(0, 0, endChar=5, types="", categories=categories))
    assert linker.link(TEXT)[0].categories == ("English pop singers", "Björk albums")
    assert linker.link(TEXT)[0].end == 5


def test_raw_tagme(tmp_path):
    tagme = {"uri": "Adele (singer)", "id": 13041163, "endChar": 5, "confidence": "0.31514"}
    linker = write(
        tmp_path, changed(0, 0, **tagme, babelSynsetID=..., categories=["Torch singers"])
    )
    assert seen(linker.link(TEXT))[0] == (0, 5, "Adele_(singer)", 0.31514, ("Torch singers",))


@pytest.mark.parametrize(("votes", "confidence"), [(2, 2 / 3), (3, 1.0)])
def test_agreement(tmp_path, votes, confidence):
    linker = write(tmp_path, changed(0, 0, confidence=votes, endChar=5))
    assert linker.link(TEXT)[0].confidence == confidence


def test_what_names_no_entity_is_left_out(tmp_path):
    linker = write(tmp_path, changed(0, 1, babelSynsetID=...))
    assert [m.label for m in linker.link(TEXT)] == ["Adele", "XL Recordings"]


@pytest.mark.parametrize("end", [25, 26, 27, 28])
def test_the_label_settles_the_end(tmp_path, end):
    linker = write(tmp_path, changed(1, 0, endChar=end))
    if end == 25:
        with pytest.raises(BadItem, match="'XL Recordings' at characters 14 to 25"):
            linker.link(TEXT)
    else:
        assert linker.link(TEXT)[-1].end == 40


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"label": "Adela"},
            "'1.json' is inconsistent in sentence 0: expected the mention 'Adela' at",
        ),
        ({"startChar": 1}, "expected the mention 'Adele' at characters 1 to 4, found 'del'"),
        ({"startChar": -12}, "the mention 'Adele' has no position"),
        ({"startChar": 0.0}, "has no position"),
        ({"endChar": ...}, "has no position"),
        ({"label": ...}, "a mention has no label"),
        ({"label": " "}, "a mention has no label"),
        ({"confidence": "sure"}, "could not convert string to float"),
        ({"confidence": ...}, "'Adele' has no confidence"),
        ({"confidence": 7}, "the confidence 7 is not in [0, 1]"),
        ({"confidence": -1}, "the confidence -1 is not in [0, 1]"),
    ],
)
def test_a_mention_that_does_not_fit(tmp_path, fields, reason):
    linker = write(tmp_path, changed(0, 0, **fields))
    with pytest.raises(BadItem, match="on_mismatch='skip'") as caught:
        linker.link(TEXT)
    assert reason in str(caught.value)
    linker.set_params(on_mismatch="skip")
    assert [m.label for m in linker.link(TEXT)] == ["sings", "XL Recordings"]


def test_an_unknown_text(tmp_path):
    linker = write(tmp_path, BABELFY)
    with pytest.raises(BadItem, match="none of the 1 files in .*'Adele dances.'.*Link this"):
        linker.link("Adele dances.")
    with pytest.raises(BadItem, match="none of the 1 files"):
        linker.link(TEXT + " And on.")
    assert linker.link(" \n") == []


def test_a_file_that_cannot_be_read_is_told_where_a_text_is_missing(tmp_path):
    write(tmp_path, BABELFY)
    for name, content in {"a.json": "[{", "b.json": "{}", "c.json": '[{"text": 1}]'}.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "notes.txt").write_text("no JSON")
    linker = PrecomputedLinker(tmp_path)
    assert len(linker.link(TEXT)) == 3
    with pytest.raises(BadItem) as caught:
        linker.link("Unknown.")
    for part in ("a.json cannot be read: Expecting", "b.json cannot be read: it does not contain",
                 "c.json cannot be read: sentence 0 lacks a text"):  # fmt: skip
        assert part in str(caught.value)


def test_a_file_that_broke_meanwhile(tmp_path):
    linker = write(tmp_path, BABELFY)
    linker.link(TEXT)
    (tmp_path / "1.json").write_text("[{")
    with pytest.raises(BadItem, match="file '1.json' cannot be read: Expecting.*intact copy"):
        linker.link(TEXT)


def test_a_file_that_was_mended_is_seen(tmp_path):
    (tmp_path / "1.json").write_text("[{")
    linker = PrecomputedLinker(tmp_path)
    with pytest.raises(BadItem, match="1.json cannot be read"):
        linker.link(TEXT)
    (tmp_path / "1.json").write_text(json.dumps(BABELFY))
    assert len(linker.link(TEXT)) == 3


def test_a_file_that_comes_later_is_seen(tmp_path):
    linker = write(tmp_path, BABELFY)
    linker.link(TEXT)
    write(tmp_path, [{"text": "Unknown.", "index": 0, "entities": []}], "2.json")
    assert linker.link("Unknown.") == []


def test_no_folder(tmp_path):
    with pytest.raises(SetupError, match="cannot be read .No such file.*Pass the folder of ELVIS"):
        PrecomputedLinker(tmp_path / "nowhere").link(TEXT)
    with pytest.raises(SetupError, match="contains no JSON files. Pass the folder of ELVIS"):
        PrecomputedLinker(tmp_path).link(TEXT)
    (tmp_path / "babelfy").mkdir()
    write(tmp_path / "babelfy", BABELFY)
    with pytest.raises(SetupError, match="Pass one of its subfolders, such as 'babelfy'"):
        PrecomputedLinker(tmp_path).link(TEXT)


def test_texts_that_begin_alike(tmp_path):
    for number, end in enumerate(["by night.", "by day.", ""]):
        sentences = [{"text": "Adele sings " * 9 + end, "index": 0, "entities": []}]
        sentences[0]["entities"] = [dict(BABELFY[0]["entities"][0], confidence=0.1 * number)]
        linker = write(tmp_path, sentences, f"{number}.json")
    assert linker.link("Adele sings " * 9 + "by day.")[0].confidence == 0.1
    assert linker.link("Adele sings " * 9 + "by n")[0].confidence == 0.0
    assert linker.link("Adele sings " * 9)[0].confidence == 0.2  # the whole text of one
    with pytest.raises(BadItem, match="3 files in .* begin with this text and continue"):
        linker.link("Adele sings " * 8)


def test_two_files_of_the_same_text(tmp_path):
    write(tmp_path, BABELFY, "2.json")
    linker = write(tmp_path, BABELFY)
    assert linker.link(TEXT[:12])[0].label == linker.link(TEXT)[0].label == "Adele"


def in_utf16(text):
    return len(text.encode("utf-16-le")) // 2


@st.composite
def sentences(draw):
    """A sentence of anything, with a mention if one is told by its label.

    Its end is the last character, the one behind or one further, in either unit.
    """
    letters = "ab \n.\u00e9e\u0301\U0001f3b8\U00010400\u05d0\x00\u200d"
    sentence = draw(st.text(letters, min_size=1, max_size=25)).strip()
    entities = []
    if sentence:
        start = draw(st.integers(0, len(sentence) - 1))
        end = draw(st.integers(start + 1, len(sentence)))
        label = sentence[start:end]
        if label.strip() and sentence.count(label[0]) == 1:
            count = draw(st.sampled_from([len, in_utf16]))
            place = {
                "startChar": count(sentence[:start]),
                "endChar": count(sentence[:end]) + draw(st.sampled_from([-1, 0, 1])),
            }
            entities.append(place | {"label": label, "uri": "X", "confidence": 0.5})
    return {"text": sentence, "entities": entities}


@settings(max_examples=100, deadline=None)
@given(file=st.lists(sentences(), min_size=1, max_size=4), gap=st.sampled_from(["\n", " ", " \t"]))
def test_any_characters_and_any_way_of_counting(tmp_path_factory, file, gap):
    text = gap.join(sentence["text"] for sentence in file)
    mentions = write(tmp_path_factory.mktemp("elvis"), file).link(text)
    labels = [entity["label"] for sentence in file for entity in sentence["entities"]]
    assert [mention.label for mention in mentions] == [label.strip() for label in labels]
    assert all(text[m.start : m.end] == m.label for m in mentions)


def test_params_and_pickle(tmp_path):
    linker = write(tmp_path, BABELFY)
    assert clone(linker).get_params() == linker.get_params()
    found = linker.link(TEXT)
    again = pickle.loads(pickle.dumps(linker))
    assert vars(again) == {"folder": tmp_path, "on_mismatch": "raise", "categories_from": None}
    assert again.link(TEXT) == found
    with pytest.raises(ValueError, match="on_mismatch"):
        PrecomputedLinker(tmp_path, on_mismatch="ignore").link(TEXT)
