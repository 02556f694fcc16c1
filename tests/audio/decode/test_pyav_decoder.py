"""Files that libsndfile does not decode: m4a above all."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile
from m4a import write_m4a
from made_sounds import make_chirp

from skmmgenre.audio import CQTExtractor
from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.utils import BadItem

pytest.importorskip("av", reason="PyAV is not installed")
from av_sound import write_av

SR = 44100


KINDS = {
    "aac.m4a": ("aac", "ipod", {}),
    "index_first.m4a": ("aac", "ipod", {"movflags": "faststart"}),
    "no_index.mp4": ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov"}),
    "lossless.m4a": ("alac", "ipod", {}),
    "stream.aac": ("aac", "adts", {}),
    "windows.wma": ("wmav2", "asf", {}),
    "opus.webm": ("libopus", "webm", {}),
    "flac.mka": ("flac", "matroska", {}),
}


@pytest.fixture(scope="module", params=KINDS)
def file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("sounds") / request.param
    codec, container, options = KINDS[request.param]
    sr = 48000 if codec == "libopus" else SR
    write_av(path, y := make_chirp(8, sr), sr, codec, container, **options)
    return path, y, sr


def test_the_sound_is_that_which_was_written(file):
    path, y, sr = file
    with AudioFile(path) as audio:
        assert audio.sample_rate == sr
        delay = {".aac": 1024, ".wma": 0}.get(path.suffix, 0) + 1024 * (path.stem == "no_index")
        assert abs(audio.n_frames - delay - len(y)) <= 2048
        found = audio.read(delay, sr * 7, sr)
    error = np.abs(found[sr // 2 :] - y[sr // 2 : sr * 7])
    if path.suffix == ".wma":  # its encoder moves phases: compare loudness
        assert abs(np.std(found) - np.std(y)) < 0.02
    else:
        assert error.mean() < (1e-4 if path.stem in ("lossless", "flac") else 0.02)


def test_a_seek_gives_the_samples_of_a_full_read(file):
    path, _, sr = file
    with AudioFile(path) as audio:
        n_frames = audio.n_frames
        full = audio.read(0, n_frames, sr)
        assert len(full) == n_frames
        for start in (0, 1, sr // 3, 3 * sr + 17, n_frames - sr // 2, n_frames - 10):
            piece = audio.read(start, sr, sr)
            np.testing.assert_allclose(piece, full[start : start + sr], atol=1e-6)
            np.testing.assert_array_equal(piece, audio.read(start, sr, sr))


def test_what_was_cut_short_is_told(file, tmp_path):
    path = tmp_path / file[0].name
    content = file[0].read_bytes()
    if path.suffix == ".aac":
        pytest.skip("A bare stream declares no length.")
    for share in (0.3, 0.7):
        with open(path, "wb") as cut:
            cut.write(content[: int(share * len(content))])
        with pytest.raises(BadItem, match="truncated|it is not a complete") as error:
            with AudioFile(path) as audio:
                audio.read(0, 9 * SR, SR)
        assert "Get the file again" in str(error.value)


def with_checksums(stream):
    """The same AAC stream with the two bytes of a checksum in each header; ffmpeg skips them."""
    told, place = b"", 0
    while place < len(stream):
        header = bytearray(stream[place : place + 7])
        size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        frame, place = stream[place + 7 : place + size], place + size
        size += 2
        header[1] &= 0xFE
        header[3] = header[3] & 0xFC | size >> 11
        header[4] = size >> 3 & 0xFF
        header[5] = header[5] & 0x1F | (size & 7) << 5
        told += bytes(header) + bytes(2) + frame
    return told


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize(
    ("mpeg", "checked", "mark"),
    [("4", False, 0xF1), ("4", True, 0xF0), ("2", False, 0xF9), ("2", True, 0xF8)],
)
def test_bare_aac_of_every_header(tmp_path, mpeg, checked, mark, tagged):
    y = make_chirp(3, SR)
    write_av(tmp_path / "plain.aac", y, SR, "aac", "adts", write_mpeg2=str(int(mpeg == "2")))
    stream = (tmp_path / "plain.aac").read_bytes()
    stream = with_checksums(stream) if checked else stream
    assert stream[:2] == bytes([0xFF, mark])
    if tagged:  # as ffmpeg writes it, and a second tag with a footer and more than 127 bytes
        write_av(tmp_path / "tagged.aac", y, SR, "aac", "adts", write_id3v2="1")
        tag = (tmp_path / "tagged.aac").read_bytes().partition(b"\xff\xf1")[0]
        sizes = b"\x04\x00\x10\x00\x00\x02\x00"
        stream = tag + b"ID3" + sizes + bytes(256) + b"3DI" + sizes + stream
        assert stream.startswith(b"ID3")
    (tmp_path / "a.aac").write_bytes(stream)
    with AudioFile(tmp_path / "plain.aac") as plain, AudioFile(tmp_path / "a.aac") as other:
        assert other.n_frames == plain.n_frames
        sounds = [audio.read(0, 3 * SR, SR) for audio in (plain, other)]
    np.testing.assert_array_equal(*sounds)
    assert np.abs(sounds[1][SR + 1024 : 2 * SR] - y[SR : 2 * SR - 1024]).mean() < 0.02


def test_channels_are_averaged_and_rates_changed(tmp_path):
    y = make_chirp(3, SR, n_channels=2)
    write_av(tmp_path / "a.m4a", y, SR, "alac", "ipod")
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="PCM_24")
    with AudioFile(tmp_path / "a.m4a") as one, AudioFile(tmp_path / "a.wav") as other:
        assert one.n_samples(22050) == other.n_samples(22050) == 66150
        for start, length in [(0, 66150), (12345, 22050)]:
            pieces = [audio.read(start, length, 22050) for audio in (one, other)]
            np.testing.assert_allclose(*pieces, atol=1e-4)


def test_the_extractor_takes_m4a_as_it_takes_wav(tmp_path):
    y = make_chirp(3, 22050)
    write_m4a(tmp_path / "a.m4a", y, 22050)
    soundfile.write(tmp_path / "a.wav", np.rint(y * 32767).astype(np.int16), 22050)
    extractor = CQTExtractor(duration=2.0)
    files = [str(tmp_path / "a.m4a"), str(tmp_path / "a.wav")]
    alone, of_wav = extractor.set_params(patch="start").fit_transform(files)
    np.testing.assert_array_equal(alone, of_wav)


def test_without_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "a.m4a"
    write_m4a(path, make_chirp(1, 22050), 22050)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"a\.m4a.*it is MP4 .*libsndfile.*skmmgenre\[m4a\]"):
        CQTExtractor().fit_transform([str(path)])
    extractor = CQTExtractor(on_error="missing")
    assert np.isnan(extractor.fit_transform([str(path)])).all()
    assert 'pip install "skmmgenre[m4a]"' in extractor.errors_["remedy"][0]


def test_what_holds_no_sound(tmp_path):
    (tmp_path / "a.m4a").write_bytes(b"\x00\x00\x00\x18ftypM4A " + bytes(200))
    with pytest.raises(BadItem, match="it is not a complete MP4"):
        AudioFile(tmp_path / "a.m4a")
    import av

    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    with pytest.raises(BadItem, match="contains no audio"):
        AudioFile(tmp_path / "film.mp4")


def boxes(content, *path):
    """Places of the contents of all boxes of that path, in an MP4."""
    places = []

    def look(start, stop, names):
        while start + 8 <= stop:
            size = int.from_bytes(content[start : start + 4], "big")
            if content[start + 4 : start + 8] == names[0]:
                if len(names) == 1:
                    places.append(start + 8)
                else:
                    look(start + 8, start + size, names[1:])
            start += max(size, 8)

    look(0, len(content), path)
    return places


STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
# Box and offset of a number of four bytes that says how long the sound is, or how many packets.
CLAIMS = {
    "scale of the film": ((b"moov", b"mvhd"), 12),
    "length of the film": ((b"moov", b"mvhd"), 16),
    "scale": ((b"moov", b"trak", b"mdia", b"mdhd"), 12),
    "length": ((b"moov", b"trak", b"mdia", b"mdhd"), 16),
    "runs": ((*STBL, b"stts"), 4),
    "packets of a run": ((*STBL, b"stts"), 8),
    "length of a packet": ((*STBL, b"stts"), 12),
    "size of a packet": ((*STBL, b"stsz"), 4),
    "packets": ((*STBL, b"stsz"), 8),
    "packets of a chunk": ((*STBL, b"stsc"), 12),
    "chunks": ((*STBL, b"stco"), 4),
}


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_what_an_mp4_claims_is_not_believed(tmp_path, codec, claim):
    """The sound itself or a named error; what is decoded is held, not what is claimed."""
    write_av(tmp_path / "a.m4a", y := make_chirp(8, SR), SR, codec, "ipod")
    content = (tmp_path / "a.m4a").read_bytes()
    path, offset = CLAIMS[claim]
    (place,) = boxes(content, *path)
    for number in (0, 1, 0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF):
        forged = bytearray(content)
        forged[place + offset : place + offset + 4] = number.to_bytes(4, "big")
        try:
            with AudioFile(io.BytesIO(forged)) as audio:
                assert audio.n_frames < len(y) + 4096
                found = audio.read(0, audio.n_frames, SR)
        except BadItem as error:
            assert error.remedy
        else:
            assert len(found) <= audio.n_frames
            # What else is declared on its scale says which part of the sound is to be heard.
            assert len(found) > len(y) - 4096 or claim == "scale of the film"


@pytest.mark.parametrize("place", range(16, 24))
def test_a_place_before_the_start_of_a_file(tmp_path, place):
    """ffmpeg goes there if sizes are damaged, and Python does not."""
    write_av(tmp_path / "a.wma", make_chirp(1, SR), SR, "wmav2", "asf")
    content = bytearray((tmp_path / "a.wma").read_bytes())
    place += content.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    content[place : place + 4] = b"\xff" * 4
    (tmp_path / "a.wma").write_bytes(content)
    try:
        AudioFile(tmp_path / "a.wma").__exit__()
    except BadItem as error:
        assert error.reason.startswith(("it is not a complete", "truncated", "the Windows Media"))


def test_a_rate_that_cannot_be(tmp_path):
    write_av(tmp_path / "a.wma", make_chirp(1, SR), SR, "wmav2", "asf")
    content = bytearray((tmp_path / "a.wma").read_bytes())
    struct.pack_into("<I", content, content.index(struct.pack("<HHI", 0x161, 1, SR)) + 4, 1)
    with pytest.raises(BadItem, match="a sampling rate of 1 Hz, which is not within"):
        AudioFile(io.BytesIO(content))


def test_a_length_that_is_wrong_is_counted(tmp_path):
    """Of WMA and Matroska: their bytes are all there."""
    for name, codec, container, mark, offset, code in [
        ("a.wma", "wmav2", "asf", bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"), 64, "<Q"),
        ("a.mka", "flac", "matroska", b"\x44\x89\x88", 3, ">d"),
    ]:
        write_av(tmp_path / name, make_chirp(4, SR), SR, codec, container)
        content = bytearray((tmp_path / name).read_bytes())
        with AudioFile(io.BytesIO(content)) as audio:
            n_frames = audio.n_frames
        place = content.index(mark) + offset
        (number,) = struct.unpack_from(code, content, place)
        struct.pack_into(code, content, place, 3 * number)
        with AudioFile(io.BytesIO(content)) as audio:
            assert audio.n_frames == n_frames
        with pytest.raises(BadItem, match="truncated"):
            AudioFile(io.BytesIO(content[:-100]))


@pytest.mark.parametrize("version", ["17.1.0", "18.1.0", "19.0.2", "20.0.0rc1"])
def test_every_version_of_pyav_is_called_as_it_takes(monkeypatch, version):
    """From 19 on there is no metadata_errors: a title in any encoding is taken."""
    taken = []

    class Opened(Exception):
        pass

    def open_as_that_version(file, **options):
        taken.append(options)
        raise Opened

    import av

    monkeypatch.setattr(av, "__version__", version)
    monkeypatch.setattr(av, "open", open_as_that_version)
    with pytest.raises(Opened):  # nothing but errors of ffmpeg is an error of the file
        AudioFile(io.BytesIO(b"\0\0\0\x18ftypM4A " + bytes(200)))
    is_old = int(version[:2]) < 19
    assert taken == [
        {"format": "mov", "options": {}} | ({"metadata_errors": "replace"} if is_old else {})
    ]


def test_a_title_in_any_encoding(tmp_path):
    write_av(tmp_path / "a.m4a", make_chirp(2, SR), SR, "aac", "ipod")
    content = (tmp_path / "a.m4a").read_bytes()
    (place,) = boxes(content, b"moov")
    size = int.from_bytes(content[place - 8 : place - 4], "big")
    title = b"caf\xe9 \x93"
    data = (16 + len(title)).to_bytes(4, "big") + b"data\0\0\0\1\0\0\0\0" + title
    name = (8 + len(data)).to_bytes(4, "big") + b"\xa9nam" + data
    ilst = (8 + len(name)).to_bytes(4, "big") + b"ilst" + name
    handler = b"\0\0\0\x21hdlr" + bytes(8) + b"mdirappl" + bytes(9)
    meta = (12 + len(handler) + len(ilst)).to_bytes(4, "big") + b"meta" + bytes(4) + handler + ilst
    udta = (8 + len(meta)).to_bytes(4, "big") + b"udta" + meta
    end = place - 8 + size
    assert end == len(content)  # behind the sound: nothing moves
    grown = (size + len(udta)).to_bytes(4, "big")
    tagged = content[: place - 8] + grown + content[place - 4 :] + udta
    with AudioFile(io.BytesIO(content)) as plain, AudioFile(io.BytesIO(tagged)) as audio:
        np.testing.assert_array_equal(*(file.read(0, SR, SR) for file in (plain, audio)))


def test_a_list_of_addresses_is_not_followed(tmp_path):
    """ffmpeg would open what a playlist names, on this machine or any."""
    (tmp_path / "a.m4a").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n")
    with pytest.raises(BadItem, match="it is not audio"):
        AudioFile(tmp_path / "a.m4a")


def test_a_title_that_is_not_utf8(tmp_path):
    import av

    with av.open(str(tmp_path / "a.m4a"), "w", format="ipod") as file:
        file.metadata["title"] = "caf__"
        stream = file.add_stream("aac", rate=SR, layout="mono")
        frame = av.AudioFrame.from_ndarray(make_chirp(2, SR)[None], format="fltp", layout="mono")
        frame.sample_rate = SR
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    content = (tmp_path / "a.m4a").read_bytes()
    assert content.count(b"caf__") == 1
    (tmp_path / "b.m4a").write_bytes(content.replace(b"caf__", b"caf\xe9!"))
    with AudioFile(tmp_path / "a.m4a") as plain, AudioFile(tmp_path / "b.m4a") as other:
        np.testing.assert_array_equal(*(f.read(0, 2 * SR, SR) for f in (plain, other)))


class _Pipe:
    """A file that cannot seek back."""

    def __init__(self, file):
        self.write = file.write


def streamed_flac(path, samples):
    """Write a FLAC as ffmpeg does to a pipe: its header does not declare the length."""
    import av

    with open(path, "wb") as file, av.open(_Pipe(file), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SR, layout="mono")
        for start in range(0, len(samples), 4096):
            block = np.ascontiguousarray(samples[None, start : start + 4096])
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SR, start
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def test_a_flac_that_declares_no_length(tmp_path, monkeypatch):
    path, samples = tmp_path / "a.flac", np.rint(30_000 * make_chirp(5, SR)).astype(np.int16)
    streamed_flac(path, samples)
    soundfile.write(tmp_path / "b.flac", samples, SR)
    assert soundfile.info(path).frames > 1 << 60
    with AudioFile(path) as streamed, AudioFile(tmp_path / "b.flac") as plain:
        assert streamed.n_frames == plain.n_frames == len(samples)
        for start in (0, 3 * SR + 7, len(samples) - SR):
            np.testing.assert_array_equal(*(f.read(start, SR, SR) for f in (streamed, plain)))
    content = path.read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadItem, match=r"truncated: \d\.\d s could be decoded"):
        AudioFile(tmp_path / "cut.flac")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BadItem, match="it is FLAC without a declared length") as error:
        AudioFile(path)
    assert "skmmgenre[m4a]" in error.value.remedy and "ffmpeg" in error.value.remedy
