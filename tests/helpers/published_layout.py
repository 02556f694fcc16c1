"""Writes small sets in the layout that MSD-I and MuMu were published in."""

import csv
import json

import numpy as np

MSDI_COLUMNS = ("msd_track_id", "genre", "album_index", "set", "msd_artist_id", "image_url")
MUMU_COLUMNS = (
    "amazon_id album_mbid MSD_track_id recording_mbid artist_mbid genres".split()  # as published
)
PARTS = ("train", "val", "test")


def write_msdi(folder, n=12, *, genre_column="genre", separator="\t", widths=None, held_out=1):
    """Tracks TR0000.. of four genres, `held_out` each of val and test; vectors of some widths."""
    splits, train_data = folder / "msdi-data" / "splits", folder / "msdi-data" / "train_data"
    splits.mkdir(parents=True)
    train_data.mkdir()
    rows = [
        {
            "msd_track_id": f"TR{i:04}",
            genre_column: ("Jazz", "New Age", "Rap", "RnB")[i % 4],
            "album_index": i // 2,
            "set": PARTS[max(0, (i - n) // held_out + 3)],
            "msd_artist_id": f"AR{i}",
            "image_url": f"http://covers.invalid/00/{i:04}_200.jpg",
        }
        for i in range(n)
    ]
    with open(splits / "MSD-I_dataset.tsv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    ids = {part: [r["msd_track_id"] for r in rows if r["set"] == part] for part in PARTS}
    write_vectors(splits, train_data, "MSD-I", ids, widths or {})
    return rows


def write_vectors(splits, train_data, name, ids, widths):
    """Index files, and vectors of which entry j of item i in the whole is i + j / 100."""
    start = 0
    for part, items in ids.items():
        text = "".join(f"{item}\n" for item in items)
        (splits / f"items_index_{part}_{name}.tsv").write_text(text, encoding="utf-8")
        for setting, width in widths.items():
            vectors = np.arange(start, start + len(items))[:, None] + np.arange(width) / 100
            np.save(train_data / f"X_{part}_{setting}_{name}.npy", vectors.astype(np.float32))
        start += len(items)


def mumu_albums(n=12, held_out=1):
    """Facts of albums B0000.. of one to three tracks; the labels of a branch come together."""
    branches = ("Jazz,Vocal Jazz,Pop,Vocal Pop", "Pop,Oldies,Traditional Pop", "Metal")
    return [
        {
            "amazon_id": f"B{i:04}",
            "album_mbid": f"album-{i}",
            "artist_mbid": f"artist-{i}",
            "tracks": [(f"TR{i:04}{j}", f"recording-{i}-{j}") for j in range(1 + i % 3)],
            "genres": branches[i % 3],
            "genre": branches[i % 3].partition(",")[0],
            "part": PARTS[max(0, (i - n) // held_out + 3)],
        }
        for i in range(n)
    ]


def write_mumu(folder, n=12, *, widths=None, lines=False, held_out=1):
    """All files of MuMu; the reviews come in no order, the last album has none."""
    albums = mumu_albums(n, held_out)
    dataset, splits = folder / "MuMu_dataset", folder / "ismir-data" / "splits"
    train_data = folder / "ismir-data" / "train_data"
    for made in (dataset, splits, train_data):
        made.mkdir(parents=True)
    for kind, column in (("single-label", "genre"), ("multi-label", "genres")):
        with open(dataset / f"MuMu_dataset_{kind}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(MUMU_COLUMNS)
            for album in albums:
                for track, recording in album["tracks"]:
                    ids = (album["amazon_id"], album["album_mbid"], track, recording)
                    writer.writerow((*ids, album["artist_mbid"], album[column]))
    metadata = [
        {
            "amazon_id": album["amazon_id"],
            "title": f"Title {i}",
            "artist": f"Artist {i}",
            "imUrl": f"http://covers.invalid/{i}.jpg",
            "salesRank": {"Music": i},
        }
        for i, album in enumerate(albums)
    ]
    (dataset / "amazon_metadata_MuMu.json").write_text(json.dumps(metadata))
    reviews = [
        {
            "amazon_id": album["amazon_id"],
            "reviewText": f"Review {j} of {album['amazon_id']}: “good” [as ever], {{braces}}.",
            "unixReviewTime": 1000 + j,
            "helpful": [j, 3],
            "overall": 4.0,
            "summary": "Good",
        }
        for j in (2, 0, 1)
        for album in albums[:-1]
    ]
    text = "\n".join(map(json.dumps, reviews)) if lines else json.dumps(reviews, indent=1)
    (dataset / "amazon_reviews_MuMu.json").write_text(text, encoding="utf-8")
    labels = sorted({label for album in albums for label in album["genres"].split(",")})
    (splits / "genre_labels_MuMu.tsv").write_text("\n".join(labels))
    ids = {part: [a["amazon_id"] for a in albums if a["part"] == part] for part in PARTS}
    write_vectors(splits, train_data, "MuMu-albums", ids, widths or {})
    tracks = {
        part: [t for a in albums if a["part"] == part for t, _ in a["tracks"]] for part in PARTS
    }
    write_vectors(splits, train_data, "MuMu-tracks", tracks, {})
    for part in PARTS:
        rows = [a["genres"].split(",") for a in albums if a["part"] == part]
        matrix = np.array([[label in row for label in labels] for row in rows], dtype=float)
        np.save(splits / f"y_{part}_class_{len(labels)}_MuMu-albums.npy", matrix)
    return albums
