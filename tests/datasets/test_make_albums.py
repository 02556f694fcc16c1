import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from skmmgenre.datasets import make_albums
from skmmgenre.text import GazetteerLinker, KnowledgeBase

SHORT = {"duration": 0.5, "cover_size": 32}


@pytest.fixture(scope="module")
def albums(tmp_path_factory):
    return make_albums(120, random_state=0, directory=tmp_path_factory.mktemp("albums"), **SHORT)


def digests(directory):
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(directory).rglob("*.*"))
    }


def test_same_seed_same_bytes_whatever_n_jobs(tmp_path):
    made = [
        make_albums(
            20,
            tracks_per_album=(1, 3),
            random_state=3,
            directory=tmp_path / name,
            audio_format="mixed",
            n_jobs=n_jobs,
            **SHORT,
        )
        for name, n_jobs in [("one", 1), ("two", 2)]
    ]
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert made[0].table.text.tolist() == made[1].table.text.tolist()
    assert made[0].Y.equals(made[1].Y)
    assert (made[0].y == made[1].y).all()
    suffixes = {Path(path).suffix for cell in made[0].table.audio for path in cell}
    assert suffixes == {".ogg", ".flac", ".wav", ".mp3"}


def test_other_seed_other_bytes(tmp_path):
    for seed in (0, 1):
        make_albums(2, random_state=seed, directory=tmp_path / str(seed), **SHORT)
    zero, one = digests(tmp_path / "0"), digests(tmp_path / "1")
    assert zero.pop("catalogue.kb") == one.pop("catalogue.kb")
    assert zero.keys() == one.keys()
    assert not set(zero.values()) & set(one.values())


@pytest.mark.parametrize("audio_format", ["flac", "wav", "ogg", "mp3", "mixed"])
def test_audio_decodes(tmp_path, audio_format):
    data = make_albums(
        12,
        random_state=1,
        directory=tmp_path,
        audio_format=audio_format,
        duration=0.8,
        cover_size=16,
    )
    rates = set()
    for path in data.table.audio:
        samples, sr = soundfile.read(path, always_2d=True)
        rates.add((sr, samples.shape[1]))
        assert len(samples) / sr == pytest.approx(0.8, abs=0.1)  # mp3 pads
        assert 0.05 < np.abs(samples).max() <= 1.0
        assert samples.std() > 1e-3
    if audio_format != "mixed":
        assert rates == {(22050, 1)}


def test_covers_decode_and_differ(albums):
    pixels = set()
    for path in albums.table.cover:
        with Image.open(path) as image:
            assert image.size == (32, 32)
            assert image.mode == "RGB"
            assert image.format == "PNG"
            pixels.add(image.tobytes())
    assert len(pixels) == len(albums.table)


def test_tracks_of_an_album_differ(tmp_path):
    data = make_albums(10, tracks_per_album=(2, 3), random_state=0, directory=tmp_path, **SHORT)
    counts = {len(cell) for cell in data.table.audio}
    assert counts == {2, 3}
    for first, second, *_ in data.table.audio:
        assert not np.array_equal(soundfile.read(first)[0], soundfile.read(second)[0])


def test_reviews_are_in_order_of_time(albums):
    months = (
        "January February March April May June July August September October November December"
    ).split()
    for reviews in albums.table.text:
        assert 2 <= len(reviews) <= 6
        dates = []
        for review in reviews:
            month, year = re.match(r"Written in (\w+) (\d+)\.", review).groups()
            dates.append(12 * int(year) + months.index(month))
            assert review[-1] in ".!?"
        assert dates == sorted(set(dates))


def test_table_and_labels(albums):
    table, Y = albums.table, albums.Y
    assert list(table) == ["album", "artist", "title", "audio", "text", "cover"]
    assert table.album[17] == "album_00017"
    assert all(type(path) is str for path in table.audio)
    assert albums.y.dtype == albums.groups.dtype == object
    assert all(type(genre) is str for genre in albums.y)
    assert (albums.groups == table.artist.to_numpy()).all()
    assert Y.index.equals(table.index)
    assert set(np.unique(Y)) == {0, 1}
    assert Y.shape[1] == 12
    # the main genre is a label, and so is the parent of every label
    for row, genre in enumerate(albums.y):
        assert Y[genre][row] == 1
    children = {}
    for branch in albums.taxonomy:
        parent, leaf = branch.split("/")
        children.setdefault(parent, []).append(leaf)
    for parent, leaves in children.items():
        assert (Y[parent] == Y[leaves].max(axis=1)).all()
    assert set(children).isdisjoint(sum(children.values(), []))
    assert albums.taxonomy.labels == sorted(Y.columns)
    assert albums.taxonomy.make_consistent(Y).equals(Y)
    main_genre = albums.taxonomy.label_matrix(albums.y)
    assert (main_genre <= Y[main_genre.columns]).all(axis=None)


@pytest.mark.parametrize("n_genres", [2, 8, 40, 96])
def test_tree_has_two_levels(tmp_path, n_genres):
    data = make_albums(3, n_genres, random_state=0, directory=tmp_path, **SHORT)
    branches = [branch.split("/") for branch in data.taxonomy]
    leaves = [leaf for _, leaf in branches]
    parents = {parent for parent, _ in branches}
    assert len(branches) == len(set(leaves)) == n_genres
    assert data.oracle.classes.tolist() == leaves == sorted(leaves)
    assert data.Y.columns.tolist() == leaves + sorted(parents)
    assert len(parents) == min(-(-n_genres // 3), 16)


def test_missing_cells(tmp_path):
    shares = {"audio": 0.25, "text": 0.5}
    data = make_albums(40, missing=shares, random_state=0, directory=tmp_path, **SHORT)
    empty = data.table[["audio", "text", "cover"]].map(lambda cell: cell is None)
    assert empty.sum().tolist() == [10, 20, 0]
    assert (data.oracle.present.to_numpy() == ~empty.to_numpy()).all()
    files = digests(tmp_path)
    assert sum(name.startswith("audio/") for name in files) == 30
    # what is emptied changes nothing else
    full = make_albums(40, missing=0.0, random_state=0, directory=tmp_path / "full", **SHORT)
    assert (full.oracle.perceived == data.oracle.perceived).all(axis=None)
    there = data.oracle.present.text.to_numpy()
    assert full.table.text[there].tolist() == data.table.text[there].tolist()


def test_paths_begin_with_the_directory_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = make_albums(2, random_state=0, directory="here", **SHORT)
    assert data.directory == "here"
    assert Path(data.table.audio[0]).parts == ("here", "audio", "album_00000_01.flac")
    assert Path(data.table.cover[1]).parts == ("here", "cover", "album_00001.png")


def test_temporary_directory_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = make_albums(1, random_state=0, **SHORT)
    assert Path(data.table.audio[0]).is_file()
    assert Path(data.directory).parent == tmp_path
    assert data.table.audio[0].startswith(data.directory)


def mentions(data):
    """Of the names in the reviews: the share that belongs to the genre the text shows."""
    genre_of = dict(zip(data.catalogue.name, data.catalogue.genre, strict=True))
    pattern = re.compile("|".join(map(re.escape, genre_of)))
    hits = [
        genre_of[name] == genre
        for reviews, genre in zip(data.table.text, data.oracle.perceived.text, strict=True)
        for name in pattern.findall(" ".join(reviews))
    ]
    assert len(hits) > 200
    return np.mean(hits)


def test_entity_signal(tmp_path):
    share = {
        signal: mentions(
            make_albums(60, entity_signal=signal, random_state=0, directory=tmp_path, **SHORT)
        )
        for signal in (0.0, 0.5, 1.0)
    }
    assert share[0.0] == pytest.approx(1 / 9, abs=0.06)
    assert share[0.5] == pytest.approx(0.5 + 0.5 / 9, abs=0.08)
    assert share[1.0] == 1.0


@pytest.mark.parametrize("kind", ["person", "place"])
def test_bare_words_of_names_tell_nothing(albums, kind):
    """Each word is in one name of every genre, at its place in the name."""
    catalogue = albums.catalogue
    assert catalogue.name.is_unique
    names = catalogue[catalogue.kind == kind]
    words = names.name.str.split(expand=True)
    for place in (0, 1):
        first, *others = words[place].groupby(names.genre).apply(sorted)
        assert len(set(first)) == len(first) == 96
        assert len(others) == 8 and all(of_genre == first for of_genre in others)


def test_knowledge_base(albums):
    assert Path(albums.knowledge_base).parent == Path(albums.directory)
    kb = KnowledgeBase.open(albums.knowledge_base)
    catalogue = albums.catalogue
    namesakes = 0
    for line in catalogue.itertuples():
        (best, prior), *others = kb.candidates(line.name)
        assert best == line.name.replace(" ", "_")
        assert sorted(kb.categories(best)) == sorted(line.categories)
        assert len(others) <= 1 and prior > 0.7
        for namesake, _ in others:
            namesakes += 1
            assert not {"music", "musicians"} & set(" ".join(kb.categories(namesake)).split())
    assert namesakes == (catalogue.kind == "person").sum() // 8
    assert kb.info()["entities"] == len(catalogue) + namesakes


def test_names_in_reviews_are_linked(albums):
    """Every name in the reviews is found, nearly all as whom they mean, and nothing else."""
    linker = GazetteerLinker(albums.knowledge_base)
    names = set(albums.catalogue.name)
    pattern = re.compile("|".join(map(re.escape, names)))
    n_named = n_right = 0
    for reviews in albums.table.text:
        text = " ".join(reviews)
        found = [(m.start, m.entity.replace("_", " ")) for m in linker.link(text)]
        named = [(m.start(), m[0]) for m in pattern.finditer(text)]
        assert [start for start, _ in found] == [start for start, _ in named]
        n_named += len(named)
        n_right += len(set(found) & set(named))
    assert n_right / n_named > 0.9


def test_artist_strength_zero_leaves_no_trace_of_the_artist(tmp_path):
    data = make_albums(30, artist_strength=0.0, random_state=0, directory=tmp_path, **SHORT)
    for artist, reviews in zip(data.groups, data.table.text, strict=True):
        assert artist not in " ".join(reviews)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_albums": 0}, "n_albums"),
        ({"n_genres": 97}, "n_genres"),
        ({"tracks_per_album": (3, 1)}, "tracks_per_album"),
        ({"tracks_per_album": (1, 2, 3)}, "tracks_per_album"),
        ({"missing": 1.5}, "missing"),
        ({"missing": {"image": 0.5}}, "missing has no 'image'"),
        ({"missing": {"audio": -0.1}}, "audio"),
        ({"accuracy": {"sound": 0.5}}, "accuracy has no 'sound'"),
        ({"complementarity": -0.1}, "complementarity"),
        ({"duration": 0}, "duration"),
        ({"audio_format": "aiff"}, "audio_format"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_albums(**{"n_albums": 2, "directory": tmp_path / "none", **arguments})
    assert not (tmp_path / "none").exists()
