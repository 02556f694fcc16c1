"""Agreement of linkers, and that of ELVIS from the answers that it was made of."""

import pickle

import pytest
from made_elvis import write_elvis
from sklearn.base import BaseEstimator, clone

from skmmgenre.text import BabelfyLinker, Mention, PrecomputedLinker, VotingLinker


class Says(BaseEstimator):
    """Finds what it was told."""

    def __init__(self, entity, start=0, end=5, categories=(), times=1):
        self.entity, self.start, self.end = entity, start, end
        self.categories, self.times = categories, times

    def link(self, text):
        label = text[self.start : self.end]
        return self.times * [
            Mention(self.start, self.end, label, self.entity, 0.1, self.categories)
        ]


def seen(mentions):
    return [(m.start, m.end, m.entity, round(m.confidence, 2)) for m in mentions]


def test_two_of_three_agree():
    linkers = [Says("Adele"), Says("Adele"), Says("Blue")]
    assert seen(VotingLinker(linkers).link("Adele!")) == [(0, 5, "Adele", 0.67)]
    assert VotingLinker(linkers, min_votes=3).link("Adele!") == []
    assert len(VotingLinker(linkers, min_votes=1).link("Adele!")) == 2


def test_places_must_be_the_same():
    linkers = [Says("Adele"), Says("Adele", end=6), Says("Adele", start=1)]
    assert VotingLinker(linkers).link("Adele!") == []


@pytest.mark.parametrize(
    "reference", ["AC/DC (band)", "AC/DC_(band)", "http://dbpedia.org/resource/AC%2FDC_(band)"]
)
def test_entities_agree_by_name(reference):
    linkers = [Says("https://en.wikipedia.org/wiki/AC/DC_(band)"), Says(reference)]
    assert seen(VotingLinker(linkers).link("AC/DC")) == [(0, 5, "AC/DC_(band)", 1.0)]


def test_a_linker_has_one_vote():
    assert VotingLinker([Says("Adele", times=2), Says("Blue")]).link("Adele!") == []


def test_categories_of_all_that_agree():
    given = {"A": ["x", "y"], "B": ["z"], "http://dbpedia.org/resource/A": ["y", "w"]}
    linkers = [Says(entity, categories=names) for entity, names in given.items()]
    assert VotingLinker(linkers).link("Adele!")[0].categories == ("x", "y", "w")


def test_mentions_may_overlap_and_are_in_order():
    several = [Says("A", start=2, end=4), Says("B", start=0, end=5), Says("C", start=0, end=2)]
    assert seen(VotingLinker(several, min_votes=1).link("Adele!")) == [
        (0, 2, "C", 0.33), (0, 5, "B", 0.33), (2, 4, "A", 0.33)
    ]  # fmt: skip


def test_too_few_linkers():
    with pytest.raises(ValueError, match="min_votes=2 is larger than the number of linkers"):
        VotingLinker([Says("A")]).link("text")
    with pytest.raises(ValueError, match="min_votes"):
        VotingLinker([Says("A")], min_votes=0).link("text")
    with pytest.raises(ValueError, match="linkers"):
        VotingLinker(Says("A")).link("text")


def test_params_and_pickle():
    linker = VotingLinker([Says("A"), BabelfyLinker()], min_votes=1)
    twin = clone(linker)
    assert twin.min_votes == 1
    assert [type(part) for part in twin.linkers] == [Says, BabelfyLinker]
    assert twin.linkers[1] is not linker.linkers[1]
    assert twin.set_params(min_votes=2).min_votes == 2
    assert pickle.loads(pickle.dumps(linker)).get_params().keys() == linker.get_params().keys()


# ---- ELVIS -------------------------------------------------------------------------------

RAW = ("babelfy/example", "tagme/example", "spotlight/example")
HOMOGENISED = ("babelfy/example_h", "tagme/example_h", "spotlight/example")
N_AGREED = {"made": 41, "real": 94}
# ELVIS counts a vote of Spotlight less here: its end of this mention is one too far.
END = {
    "made": {("Señora_Mar", 56, 66, "Señora_Mar")},
    "real": {("Paco_de_Lucía", 80, 93, "Paco_de_Lucía")},
}
# ELVIS follows redirects before it counts. In the real folder, TagMe's raw "Adele (singer)" and
# "51st Grammy Awards" then agree with the two others, and TagMe's "Denunciation" (to "Treaty") no
# longer with Spotlight's.
REDIRECTS = {
    "made": {
        ("Ana_Ríos", 0, 8, "Ana_Ríos"),
        ("Ana_Ríos", 128, 136, "Ana_Ríos"),
        ("Ana_Ríos", 343, 356, "Harbour_Press"),
        ("Björn_Aurland", 195, 203, "Ana_Ríos"),
        ("Björn_Aurland", 221, 234, "Harbour_Press"),
    },
    "real": {
        ("Adele", 0, 5, "Adele"),
        ("Adele", 172, 177, "Adele"),
        ("Adele", 669, 674, "Adele"),
        ("Adele", 634, 659, "51st_Annual_Grammy_Awards"),
    },
}
REDIRECTED_AWAY = {
    "made": {("Ana_Ríos", 410, 417, "Murmur_(sound)")},
    "real": {("Bob_Dylan", 837, 849, "Denunciation")},
}


def votes(linker, texts):
    """Of every mention in all texts."""
    return {
        (name, mention.start, mention.end, mention.entity): round(3 * mention.confidence)
        for name, text in texts.items()
        for mention in linker.link(text)
    }


@pytest.fixture(params=["made", "real"])
def source(request):
    return request.param


@pytest.fixture
def elvis(source, request, tmp_path):
    """The agreement in ELVIS's folder; ours of raw and of homogenised answers."""
    if source == "made":
        folder = write_elvis(tmp_path)
    else:
        folder = request.getfixturevalue("shared_data") / "elvis"
    files = sorted((folder / "texts" / "example").glob("*.txt"))
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    folder = folder / "entities"
    ours = [
        votes(VotingLinker([PrecomputedLinker(folder / tool) for tool in tools]), texts)
        for tools in (RAW, HOMOGENISED)
    ]
    return votes(PrecomputedLinker(folder / "agreement" / "example_h_2"), texts), *ours


def test_the_agreement_of_elvis_from_homogenised_answers(elvis, source):
    theirs, _, ours = elvis
    assert len(theirs) == N_AGREED[source]
    assert ours.keys() == theirs.keys()
    assert {mention for mention in theirs if ours[mention] != theirs[mention]} == END[source]


def test_the_agreement_of_elvis_from_raw_answers(elvis, source):
    theirs, ours, _ = elvis
    assert ours.keys() - theirs.keys() == REDIRECTED_AWAY[source]
    assert not theirs.keys() - ours.keys()
    other = {mention: (ours[mention], theirs[mention]) for mention in theirs}
    other = {mention: pair for mention, pair in other.items() if pair[0] != pair[1]}
    assert {mention for mention, pair in other.items() if pair == (2, 3)} == REDIRECTS[source]
    assert {mention for mention, pair in other.items() if pair == (3, 2)} == END[source]
    assert len(other) == len(REDIRECTS[source]) + len(END[source])
