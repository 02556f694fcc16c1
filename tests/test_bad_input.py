"""Bad cells through the whole pipeline: told by file, row, reason and way out, or listed.

The rooms test their decoders; here is what a user of the pipeline sees.
"""

import re
import struct
import zlib

import numpy as np
import pytest
import soundfile
from PIL import Image

from skmmgenre.utils import BadItem

SR = 22050


def tone(seconds=2.5):
    return (0.3 * np.sin(np.arange(int(SR * seconds)) * 0.06)).astype(np.float32)


def missing_file(path):
    pass


def empty_file(path):
    path.write_bytes(b"")


def text_file(path):
    path.write_text("A fine album, said the reviewer. " * 50)


def cut_mp3(path):
    soundfile.write(path, tone(8), SR, format="MP3")
    path.write_bytes(path.read_bytes()[:4000])


def no_samples(path):
    soundfile.write(path, np.zeros(0, dtype=np.float32), SR)


def nan_samples(path):
    samples = tone()
    samples[SR] = np.nan
    soundfile.write(path, samples, SR, subtype="FLOAT")


def infinite_samples(path):
    samples = tone()
    samples[SR] = np.inf
    soundfile.write(path, samples, SR, subtype="FLOAT")


def cut_jpg(path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:6000])


def huge_png(path):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))


BAD_SOUND = {
    "gone.flac": (missing_file, "no such file.*Check the path"),
    "empty.mp3": (empty_file, "empty.*Get the file again"),
    "text.mp3": (text_file, "not audio.*Convert other files"),
    "cut.mp3": (cut_mp3, "truncated.*Get the file again"),
    "no_samples.wav": (no_samples, "0 samples.*Leave the cell empty"),
    "nan.wav": (nan_samples, "NaN or infinite.*finite samples"),
    "infinite.wav": (infinite_samples, "NaN or infinite.*finite samples"),
}
BAD_COVERS = {
    "gone.png": (missing_file, "no such file.*Check the path"),
    "empty.png": (empty_file, "empty.*Get the file again"),
    "text.jpg": (text_file, "not an image.*Supported formats"),
    "cut.jpg": (cut_jpg, "truncated.*Download the file again"),
    "huge.png": (huge_png, "30,000 x 30,000 pixels.*Scale the image down"),
}
BAD = [("audio", name, *case) for name, case in BAD_SOUND.items()]
BAD += [("cover", name, *case) for name, case in BAD_COVERS.items()]
bad_cells = pytest.mark.parametrize(
    ("column", "name", "write", "message"), BAD, ids=[case[1] for case in BAD]
)


def with_cell(table, row, column, cell):
    table = table.copy()
    cells = [*table[column]]
    cells[row] = cell
    table[column] = np.array([*cells, None], dtype=object)[:-1]
    return table


@bad_cells
def test_predict_names_file_row_reason_and_way_out(
    albums, fitted, tmp_path, column, name, write, message
):
    path = tmp_path / name
    write(path)
    table = with_cell(albums.table.iloc[10:16], 3, column, str(path))
    with pytest.raises(ValueError) as caught:
        fitted.predict(table)
    told = str(caught.value).replace("\n", " ")
    assert told.startswith("Row 3")
    assert name in told
    assert "on_error='missing'" in told
    assert re.search(message, told), told


@pytest.mark.parametrize("column", ["audio", "cover"])
def test_fit_names_them_too(albums, paper_model, column):
    other = {"audio": "image", "cover": "audio"}[column]
    model = paper_model(text=None, **{other: None})
    cell = ["good.wav", "gone.wav"] if column == "audio" else "gone.png"
    table = with_cell(albums.table, 12, column, cell)
    where = "Row 12, track 0" if column == "audio" else "Row 12"
    with pytest.raises(BadItem, match=rf"{where}: .*(good\.wav|gone\.png).*no such file.*Check"):
        model.fit(table, albums.y, groups=albums.groups)


@pytest.fixture(scope="module")
def tolerant(albums, paper_model):
    """Fitted with a bad file in each modality."""
    model = paper_model(audio__on_error="missing", image__on_error="missing")
    table = with_cell(albums.table, 4, "cover", "gone.png")
    table = with_cell(table, 6, "audio", [*albums.table["audio"][6], "gone.wav"])
    return model.fit(table, albums.y, groups=albums.groups)


def errors_of(model, column):
    return model["modalities"].named_transformers_[{"cover": "image"}.get(column, column)].errors_


def test_bad_cells_in_fit_are_listed(albums, paper_model):
    model = paper_model(
        text=None, audio__on_error="missing", image__on_error="missing", image__max_epochs=1
    )
    table = with_cell(albums.table, 4, "cover", "gone.png")
    n_tracks = len(albums.table["audio"][6])
    table = with_cell(table, 6, "audio", [*albums.table["audio"][6], "gone.wav"])
    model.fit(table, albums.y, groups=albums.groups)
    covers, tracks = errors_of(model, "cover"), errors_of(model, "audio")
    assert covers[["row", "item"]].values.tolist() == [[4, "'gone.png'"]]
    assert tracks[["row", "track", "item"]].values.tolist() == [[6, n_tracks, "'gone.wav'"]]


@bad_cells
def test_missing_at_predict_is_as_if_the_cell_were_empty(
    albums, tolerant, tmp_path, column, name, write, message
):
    path = tmp_path / name
    write(path)
    rows = albums.table.iloc[10:16]
    found = tolerant.predict_proba(with_cell(rows, 3, column, str(path)))
    errors = errors_of(tolerant, column)
    assert errors["row"].tolist() == [3]
    assert name in errors["item"][0] and errors["reason"][0]
    expected = tolerant.predict_proba(with_cell(rows, 3, column, None))
    np.testing.assert_array_equal(found, expected)
    assert errors_of(tolerant, column).empty


def short(path):
    soundfile.write(path, tone(0.05), SR)


def silence(path):
    soundfile.write(path, np.zeros(3 * SR, dtype=np.float32), SR)


def stereo(path):
    soundfile.write(path, np.stack([tone(), -0.5 * tone()], axis=1), 2 * SR)


def one_pixel(path):
    Image.new("RGB", (1, 1), "red").save(path)


def cmyk(path):
    Image.new("CMYK", (40, 30), (10, 200, 30, 0)).save(path)


def palette(path):
    Image.new("RGB", (40, 30), "teal").convert("P").save(path, transparency=0)


def sixteen_bits(path):
    wide = np.linspace(0, 65535, 1200).reshape(30, 40).astype(np.uint16)
    Image.fromarray(wide).save(path)


def animated(path):
    frames = [Image.new("RGB", (20, 20), shade) for shade in ("red", "green", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


SILENT = [("audio", "short.wav", short), ("audio", "silence.flac", silence)]
HANDLED = [
    ("audio", "stereo.wav", stereo),
    ("cover", "one_pixel.png", one_pixel),
    ("cover", "cmyk.jpg", cmyk),
    ("cover", "palette.png", palette),
    ("cover", "sixteen_bits.png", sixteen_bits),
    ("cover", "animated.gif", animated),
]


@pytest.mark.parametrize(("column", "name", "write"), HANDLED, ids=[case[1] for case in HANDLED])
def test_handled_without_error(albums, fitted, tmp_path, column, name, write):
    path = tmp_path / name
    write(path)
    rows = albums.table.iloc[10:14]
    found = fitted.predict_proba(with_cell(rows, 2, column, path))
    assert np.isfinite(found).all()
    assert not np.array_equal(found[2], fitted.predict_proba(with_cell(rows, 2, column, None))[2])
    assert errors_of(fitted, column).empty


@pytest.mark.parametrize(("column", "name", "write"), SILENT, ids=[case[1] for case in SILENT])
def test_nothing_to_hear_is_as_if_the_cell_were_empty(
    albums, fitted, tmp_path, column, name, write
):
    path = tmp_path / name
    write(path)
    rows = albums.table.iloc[10:14]
    found = fitted.predict_proba(with_cell(rows, 2, column, path))
    errors = errors_of(fitted, column)
    np.testing.assert_array_equal(found, fitted.predict_proba(with_cell(rows, 2, column, None)))
    assert errors["row"].tolist() == [2] and name in errors["item"][0]
    assert errors["reason"][0].startswith("nothing to hear")


def test_handled_in_fit(albums, paper_model, tmp_path):
    """All of them among the rows to learn from, and a missing artist."""
    table, groups = albums.table, np.array(albums.groups, dtype=object)
    for row, (column, name, write) in enumerate(SILENT + HANDLED):
        write(tmp_path / name)
        table = with_cell(table, row, column, tmp_path / name)
    groups[[1, 5]], groups[9] = None, np.nan
    with pytest.warns(UserWarning, match="2 of 62 patches count as missing .nothing to hear"):
        model = paper_model().fit(table, albums.y, groups=groups)
    assert np.isfinite(model.predict_proba(table)).all()


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("audio", 3.5, "Row 1, track 0: .*expected a path or a 1-D float array, got float"),
        ("text", 7, "Row 1: .*7|int"),
        ("cover", {"path": "x"}, "Row 1: .*expected an image, got dict"),
    ],
    ids=["audio", "text", "cover"],
)
def test_cells_of_another_kind(albums, fitted, column, cell, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(with_cell(albums.table.iloc[:3], 1, column, cell))


def test_texts_of_all_kinds_are_taken(albums, fitted):
    """No sentence, no word, a lone list, other scripts, control characters."""
    texts = ["...", "the", ["One. ", None, ""], "音楽は素晴らしい", "a\x00b\x07", " " * 5000]
    table = albums.table.iloc[: len(texts)].assign(text=np.array([*texts, 0], dtype=object)[:-1])
    assert np.isfinite(fitted.predict_proba(table)).all()
