"""Files in the layout of the Million Song Dataset, with invented songs."""

import h5py
import numpy as np


def write_songs(folder, n_songs=12):
    """Write `n_songs` files of songs, and one that holds nothing, as a broken download.

    A song has 100 to 1,200 segments of 12 coefficients, of which the first is loudness.
    """
    for number in range(n_songs):
        rng = np.random.default_rng(number)
        n_segments = int(rng.integers(100, 1200))
        timbre = rng.normal(0, 30, (n_segments, 12)) + rng.normal(0, 40, 12)
        timbre[:, 0] = np.clip(45 + np.cumsum(rng.normal(0, 0.5, n_segments)), 25, 60)
        length = np.array([(22050, n_segments / 4)], [("sample_rate", "i4"), ("duration", "f8")])
        columns = [("title", "S1024"), ("artist_name", "S1024"), ("artist_id", "S32")]
        song = np.array([(f"Song {number}", f"Artist {number}", f"AR{number}")], columns)
        content = {
            "analysis/segments_timbre": timbre,
            "analysis/segments_pitches": rng.random((n_segments, 12)),
            "analysis/segments_start": np.arange(n_segments) * 0.25,
            "analysis/songs": length,
            "metadata/songs": song,
            "metadata/artist_terms": np.array([b"folk", b"bolero"], "S256"),
            "musicbrainz/songs": np.array([(1971,)], [("year", "i4")]),
        }
        with h5py.File(folder / f"TRMADE{number:02}.h5", "w") as file:
            for name, data in content.items():
                file.create_dataset(name, data=data, chunks=True, compression="gzip")
    h5py.File(folder / "BROKEN_TRMADE99.h5", "w").close()
    return folder
