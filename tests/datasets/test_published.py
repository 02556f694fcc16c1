"""Vectors and JSON records as they were published, by the loaders that read them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_layout import write_msdi, write_mumu, write_vectors

from skmmgenre.datasets import load_msdi, load_mumu
from skmmgenre.datasets._published import load_vectors


def test_vectors(tmp_path):
    widths = {"audio": 5, "visual": 4, "mm-audio": 2, "mm-visual": 2}
    write_msdi(tmp_path, widths=widths)
    data = load_msdi(tmp_path, vectors=["audio", "visual", "mm-audio", "mm-visual"])
    columns = [f"audio__{i}" for i in range(5)] + [f"image__{i}" for i in range(4)]
    columns += ["mm_audio__0", "mm_audio__1", "mm_image__0", "mm_image__1"]
    assert data.vectors.columns.tolist() == columns
    expected = np.arange(12)[:, None] + np.arange(5) / 100
    np.testing.assert_allclose(data.vectors.filter(like="audio__").iloc[:, :5], expected, rtol=1e-6)
    assert (data.vectors.dtypes == np.float32).all()
    named = load_msdi(tmp_path, vectors={"visual": "cover"}).vectors
    assert named.columns.tolist() == [f"cover__{i}" for i in range(4)]
    with pytest.raises(ValueError, match=r"No vectors 'sound' .*'audio', 'mm-audio', 'mm-visual'"):
        load_msdi(tmp_path, vectors="sound")


def test_vectors_and_index_that_do_not_agree(tmp_path):
    write_msdi(tmp_path, widths={"audio": 3})
    train_data = tmp_path / "msdi-data" / "train_data"
    index = tmp_path / "msdi-data" / "splits" / "items_index_train_MSD-I.tsv"
    whole = index.read_text()
    index.write_text(whole + "TR9999\n")
    with pytest.raises(ValueError, match=r"X_train_audio_MSD-I.npy has 10 rows, .* 11 ids"):
        load_msdi(tmp_path, vectors="audio")
    index.write_text(whole.replace("TR0004", "TR9999"))
    with pytest.warns(UserWarning, match=r"'audio': 1 of 12 rows have no vector \(rows 4\)"):
        data = load_msdi(tmp_path, vectors="audio")
    assert data.vectors.isna().all(axis=1).tolist() == [row == 4 for row in range(12)]
    np.save(train_data / "X_val_audio_MSD-I.npy", np.zeros((1, 2)))
    with pytest.raises(ValueError, match="same length"):
        load_msdi(tmp_path, vectors="audio")
    np.save(train_data / "X_val_audio_MSD-I.npy", np.array([{"code": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match="not a valid .npy file of numbers"):
        load_msdi(tmp_path, vectors="audio")


def test_a_data_set_whose_name_ends_like_that_of_another(tmp_path):
    first = {"train": ["a1", "a2"], "val": ["a3"], "test": ["a4"]}
    second = {"train": ["b1"], "val": ["b2"], "test": ["b3"]}
    write_vectors(tmp_path, tmp_path, "A", first, {"audio": 2})
    write_vectors(tmp_path, tmp_path, "B_A", second, {"visual": 3, "mm_audio": 1})
    problems = []
    for blocks, ids in ((["audio"], first), (["visual", "mm_audio"], second)):
        rows = {item: [row] for row, item in enumerate(sum(ids.values(), []))}
        vectors = load_vectors(tmp_path, blocks, rows, problems)
        assert vectors.iloc[:, 0].tolist() == list(range(len(rows)))
    assert vectors.shape == (3, 4) and problems == []
    with pytest.raises(ValueError, match=r"there are 'audio', 'mm_audio', 'visual'\."):
        load_vectors(tmp_path, "text", rows, problems)


RECORDS = st.lists(
    st.tuples(
        st.text(min_size=1).filter(str.strip),
        st.dictionaries(st.text(max_size=8), st.text() | st.lists(st.integers()) | st.none()),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def mumu(tmp_path_factory):
    """A set, and the files of its reviews and metadata, to be written anew."""
    folder = tmp_path_factory.mktemp("mumu")
    write_mumu(folder)
    names = ("amazon_reviews_MuMu.json", "amazon_metadata_MuMu.json")
    return folder, *(next(folder.rglob(name)) for name in names)


@settings(max_examples=60)
@given(RECORDS, st.sampled_from([None, 2, "lines"]))
@pytest.mark.filterwarnings("ignore:MuMu is not complete")
def test_records_come_as_they_were_written(mumu, records, form):
    """Whatever else stands in them, and in the same order."""
    folder, reviews, metadata = mumu
    values = [value for _, more in records for value in more.values()][:12]
    records = [
        {f"-{name}": value for name, value in more.items()}
        | {"amazon_id": "B0000", "reviewText": text, "unixReviewTime": place}
        for place, (text, more) in enumerate(records)
    ]
    titles = [{"title": value, "amazon_id": f"B{i:04}"} for i, value in enumerate(values)]
    for path, written in ((reviews, records), (metadata, titles)):
        if form == "lines":
            text = "\n".join(map(json.dumps, written))
        else:
            text = json.dumps(written, indent=form)
        path.write_text(text, encoding="utf-8")
    table = load_mumu(folder).table
    assert table["text"][0] == [record["reviewText"] for record in records]
    assert table["title"].tolist()[: len(values)] == [value or None for value in values]


def test_broken_json_is_named(tmp_path):
    write_mumu(tmp_path)
    (file,) = tmp_path.rglob("amazon_metadata_MuMu.json")
    file.write_text(file.read_text()[:200])
    with pytest.raises(
        ValueError, match=r"amazon_metadata_MuMu.json' is not valid JSON .*truncated"
    ):
        load_mumu(tmp_path)
    file.write_text("[1, 2]")
    with pytest.raises(ValueError, match="contains '1' instead of a record"):
        load_mumu(tmp_path)
