"""Matching two catalogues: by hand, on generated ones, and on artists judged by hand."""

import gzip
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_music import write_music
from slow_cases import few_fast

from skmmgenre.datasets import make_catalogues, match_records

pytest.importorskip("rapidfuzz")
pytest.importorskip("anyascii")

JUDGED = Path(__file__).parent / "data" / "judged_artist_matches.csv"


def catalogue(*rows, **options):
    return pd.DataFrame(rows, columns=["title", "artist"], **options)


def pairs(result):
    return list(result.matches[["left", "right"]].itertuples(index=False, name=None))


def test_greatest_hits_of_many():
    """A title that many have is told apart by the artist."""
    left = catalogue(("Greatest Hits", "Queen"), ("Greatest Hits", "Abba"), ("Gold", "Abba"))
    right = catalogue(("Gold", "ABBA"), ("Greatest Hitz", "Quen"), ("Greatest Hits", "Blur"))
    result = match_records(left, right)
    assert pairs(result) == [(0, 1), (2, 0)]
    assert result.matches["score"].tolist() == pytest.approx([0.8, 1.0])
    assert result.matches["title_similarity"][0] == pytest.approx(1 - 1 / 13)
    assert result.unmatched_left.to_dict() == {1: "no record is similar enough"}
    assert result.unmatched_right.to_dict() == {2: "no record is similar enough"}
    assert len(result.ambiguous) == 0 and not result.matches["ambiguous"].any()


def test_volumes_are_not_each_other():
    left = catalogue(*((f"Sessions, Vol. {i}", "Ada Vance") for i in (1, 2, 4)))
    right = catalogue(*((f"Sessions {i}", "Ada Vance") for i in ("III", "II", "I")))
    assert pairs(match_records(left, right)) == [(0, 2), (1, 1)]


def test_a_live_album_is_not_the_studio_album():
    left = catalogue(("Silent Stones of the Northern Islands (Live)", "Ada Vance"))
    right = catalogue(("Silent Stones of the Northern Islands", "Ada Vance"))
    assert len(match_records(left, right).matches) == 0


def test_scripts_that_differ():
    left = catalogue(("Группа крови", "Кино"), ("Северный ветер", "Ада"))
    right = catalogue(("Gruppa krovi", "Kino"), ("Северный вeтр", "Ада"))
    assert pairs(match_records(left, right)) == [(0, 0), (1, 1)]


def test_one_to_one_and_the_rival_is_told():
    """Of two copies on the left the one that is written alike is taken."""
    left = catalogue(("Help! (Deluxe)", "The Beatles"), ("Help!", "The Beatles"), index=["a", "b"])
    right = catalogue(("Help!", "Beatles, The"), index=["x"])
    result = match_records(left, right)
    assert pairs(result) == [("b", "x")] and result.matches["ambiguous"].tolist() == [True]
    (rival,) = result.ambiguous.to_dict("records")
    assert (rival["left"], rival["right"]) == ("a", "x")
    assert (rival["left_match"], rival["right_match"]) == (None, "b")
    assert rival["title_left"] == "Help! (Deluxe)" and rival["artist_right"] == "Beatles, The"
    assert result.unmatched_left.to_dict() == {
        "a": "every record that is similar enough was matched to another one"
    }


def test_the_best_pair_is_taken_and_not_the_best_sum():
    """0.9 + 0.9 is more than 1.0, but then two that are equal would be parted."""
    left = catalogue(("abcdefghij", "A"), ("abcdefghix", "A"))
    right = catalogue(("abcdefghij", "A"), ("abcdefghiy", "A"))
    result = match_records(left, right, margin=0.1)
    assert pairs(result) == [(0, 0), (1, 1)]
    assert result.matches["ambiguous"].tolist() == [True, True]
    assert len(result.ambiguous) == 2


def test_an_article_tells_namesakes_apart():
    names = pd.DataFrame({"artist": ["The Clutch", "Clutch (band)"]})
    assert pairs(match_records(pd.DataFrame({"artist": ["Clutch"]}), names, on="artist")) == [
        (0, 1)
    ]


def test_missing_cells_and_other_names_of_columns():
    left = catalogue(("Help", None), (None, "Cher"), ("Believe", "Cher"), ("", ""))
    right = pd.DataFrame({"album": ["Believe", "Help", np.nan], "by": ["Cher", "The Beatles", "x"]})
    result = match_records(left, right, right_on=["album", "by"])
    assert pairs(result) == [(2, 0)]
    assert result.unmatched_left.to_dict() == {
        0: "'artist' is missing",
        1: "'title' is missing",
        3: "'title' is missing",
    }
    assert result.unmatched_right.to_dict() == {
        1: "no record is similar enough",
        2: "'album' is missing",
    }


@pytest.mark.parametrize("n_left, n_right", [(0, 0), (0, 2), (2, 0)])
def test_empty_catalogues(n_left, n_right):
    row = ("Help", "The Beatles")
    result = match_records(catalogue(*[row] * n_left), catalogue(*[row] * n_right))
    assert len(result.matches) == len(result.ambiguous) == 0
    assert len(result.unmatched_left) == n_left and len(result.unmatched_right) == n_right
    assert result.matches.columns.tolist()[:3] == ["left", "right", "score"]


def test_what_cannot_be_matched_is_said():
    left = catalogue(("Help", "The Beatles"))
    with pytest.raises(ValueError, match=r"right has no column 'title'; it has \['name'\]"):
        match_records(left, pd.DataFrame({"name": ["x"]}))
    with pytest.raises(ValueError, match="the same number of columns"):
        match_records(left, left, on="title", right_on=["title", "artist"])
    twice = catalogue(("a", "b"), ("c", "d"), index=["k", "k"])
    with pytest.raises(ValueError, match=r"index of right contains 'k' twice.*reset_index"):
        match_records(left, twice)
    with pytest.raises(ValueError, match="threshold"):
        match_records(left, left, threshold=0)


def test_without_rapidfuzz(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rapidfuzz", None)
    monkeypatch.delitem(__import__("sys").modules, "rapidfuzz.process", raising=False)
    left = catalogue(("Help", "The Beatles"))
    with pytest.raises(ImportError, match=r"needs rapidfuzz.*skmmgenre\[data\]"):
        match_records(left, left)


def metrics(data, result):
    truth = set(data.pairs.itertuples(index=False, name=None))
    found = set(pairs(result))
    return len(found & truth) / len(found), len(found & truth) / len(truth)


@pytest.mark.parametrize("typos", [pytest.param(0.15, marks=pytest.mark.slow), 0.3])
def test_generated_catalogues(typos):
    """The claim of `make bench`, at a size for tests, and with twice the mistakes."""
    data = make_catalogues(4000, typos=typos, random_state=7)
    precision, recall = metrics(data, match_records(data.left, data.right))
    assert precision >= 0.98
    assert recall >= (0.93 if typos == 0.15 else 0.88)


def test_a_matcher_that_only_looks_for_equals_misses_many():
    """The mistakes of the generator are not empty: plain equality finds a quarter at most."""
    data = make_catalogues(2000, random_state=7)
    left, right = (
        table[["title", "artist"]].reset_index().rename(columns={"index": side})
        for side, table in (("left", data.left), ("right", data.right))
    )
    equal = left.merge(right, on=["title", "artist"])
    assert len(equal) < 0.5 * len(data.pairs)


def test_the_order_of_the_rows_is_of_no_account():
    data = make_catalogues(600, random_state=3)
    result = match_records(data.left, data.right)
    shuffled = match_records(data.left.sample(frac=1, random_state=0), data.right[::-1])
    clear = result.matches[~result.matches["ambiguous"]]
    assert set(clear[["left", "right"]].itertuples(index=False, name=None)) <= set(pairs(shuffled))


words = st.lists(st.sampled_from("Red Blue Rain Stone Ada Otis II Live the &".split()), min_size=1)
rows = st.lists(st.tuples(words.map(" ".join), words.map(" ".join)), max_size=8)


@settings(deadline=None)
@given(rows, rows)
def test_every_record_is_told_of_once(left, right):
    result = match_records(catalogue(*left), catalogue(*right))
    for side, n in (("left", len(left)), ("right", len(right))):
        told = [*result.matches[side], *result[f"unmatched_{side}"].index]
        assert sorted(told) == list(range(n))
    assert result.matches["score"].between(0.8, 1).all()
    assert result.matches["left"].is_monotonic_increasing
    # Records that are equal as they stand find each other, or others as good.
    assert (result.matches["score"] == 1).sum() >= sum((Counter(left) & Counter(right)).values())
    for row in result.matches.itertuples():
        assert row.score == min(row.title_similarity, row.artist_similarity)


def artists_of_the_knowledge_base(path):
    """Names in DBpedia's triples that stand where an artist stands."""
    artists, pieces = set(), set()
    roles = {
        "genre": "subject",
        "recordLabel": "subject",
        "associatedBand": "both",
        "associatedMusicalArtist": "both",
        "musicalArtist": "object",
        "musicalBand": "object",
    }
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            subject, predicate, thing = line.rstrip("\n").split("\t")[:3]
            predicate = predicate.strip('"<>').rpartition("/")[2]
            role = roles.get(predicate)
            if role in ("subject", "both"):
                artists.add(subject)
            if role in ("object", "both"):
                artists.add(thing)
            if predicate in ("album", "musicalArtist", "musicalBand"):
                pieces.add(subject)
    names = (iri.strip("<>").rpartition("/resource/")[2] for iri in artists - pieces)
    return sorted({unquote(name).replace("_", " ") for name in names})


# Of each source: artists, names in the knowledge base, matches, and those at a threshold of 0.95.
N_ARTISTS = {"made": (12, 314, 11, 9), "real": (283, 28512, 191, 187)}
# As catalogues write invented artists, and who is matched.
WRITTEN = {
    "Slow Tide": "Slow Tide",
    "LANTERN": "Lantern (band)",
    "Senor Rumbo": "Señor Rumbo",
    "Salt and Cedar": "Salt & Cedar",
    "Quiet Men of Kerrow, The": "The Quiet Men of Kerrow",
    "KALM": "K.A.L.M.",
    "Aase Lund": "Åse Lund",
    "D.J. Okra": "DJ Okra",
    "Victor Drozd": "Viktor Drozd",
    "Fjord Ensemble": "Fjord Ensemble",
    "Grindstone (group)": "Grindstone (band)",
    "Nobody You Know": None,
}


@pytest.mark.parametrize("source", few_fast(list(N_ARTISTS), "made"))
def test_artists_against_a_knowledge_base(source, request, tmp_path):
    """Those judged by hand are matched as they were when they were judged."""
    if source == "made":
        write_music(tmp_path)
        artists = sorted(WRITTEN)
        judged = pd.Series(WRITTEN, name="matched").dropna().rename_axis("artist").reset_index()
        right = artists_of_the_knowledge_base(tmp_path / "music.nt.gz")
    else:
        folder = request.getfixturevalue("shared_data")
        table = pd.read_csv(folder / "multimodal" / "audio_text.csv", keep_default_na=False)
        artists = sorted(set(table["artist"]) - {""})
        judged = pd.read_csv(JUDGED)
        right = artists_of_the_knowledge_base(folder / "kb" / "music_mte10.nt.gz")
    left, right = pd.DataFrame({"artist": artists}), pd.DataFrame({"artist": right})
    n_left, n_right, n_found, n_strict = N_ARTISTS[source]
    assert len(left) == n_left and len(right) == n_right
    result = match_records(left, right, on="artist")
    artists = left["artist"][result.matches["left"]]
    found = dict(zip(artists, right["artist"][result.matches["right"]], strict=True))
    assert len(found) == n_found
    assert [found[artist] for artist in judged["artist"]] == judged["matched"].tolist()
    # Every match that is not written alike was judged, and some that are.
    assert {one for one, other in found.items() if one != other} <= set(judged["artist"])
    assert len(match_records(left, right, on="artist", threshold=0.95).matches) == n_strict


def test_judged_artists():
    """Fifty matches, judged by hand: 43 are right, two are open, and five are wrong."""
    judged = pd.read_csv(JUDGED)
    assert len(judged) == 50 and not judged["artist"].duplicated().any()
    assert judged["reason"].notna().all()
    assert judged["same"].value_counts().to_dict() == {"yes": 43, "no": 5, "unsure": 2}
    result = match_records(judged[["artist"]], judged[["matched"]], "artist", right_on="matched")
    found = result.matches.set_index("left")
    assert found.index.tolist() == found["right"].tolist() == list(range(50))
    # Nothing else confirms an artist: all that is not written alike, and was matched, is wrong.
    assert (judged["same"][found["score"] < 0.95] == "no").all()
    strict = match_records(
        judged[["artist"]], judged[["matched"]], "artist", right_on="matched", threshold=0.95
    ).matches
    assert judged["same"][strict["left"]].value_counts().to_dict() == {
        "yes": 43,
        "unsure": 2,
        "no": 1,
    }
