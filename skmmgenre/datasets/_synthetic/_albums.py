"""The synthetic data set of the package."""

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ...labels import GenreTaxonomy
from ...store import map_cells
from ...text import KnowledgeBase
from ._cover import (
    cover_recipe,
    cover_style,
    draw_box,
    render_cover,
    render_neutral_cover,
    write_cover,
)
from ._genres import (
    MAX_GENRES,
    MODALITIES,
    confusion_matrices,
    draw_artists,
    draw_genres,
    draw_perceived,
    genre_prior,
    genre_tree,
    label_probabilities,
    weaken,
)
from ._names import draw_artist_names, draw_titles, entity_records, name_catalogue
from ._oracle import AlbumOracle
from ._reviews import text_recipe, text_style, write_reviews
from ._sound import SR, audio_recipe, audio_style, render_track, write_track

_ACCURACY = {"shared": 0.65, "audio": 0.65, "text": 0.70, "cover": 0.45}
_MIXED_FORMATS = (("flac", 0.5), ("ogg", 0.25), ("wav", 0.15), ("mp3", 0.1))

# Keys that keep the generators of one seed apart.
_TABLE, _ALBUM, _ARTIST, _BOX = 0, 1, 2, 3

_share = Interval(Real, 0, 1, closed="both")


@validate_params(
    {
        "n_albums": [Interval(Integral, 1, None, closed="left")],
        "n_genres": [Interval(Integral, 2, MAX_GENRES, closed="both")],
        "tracks_per_album": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "missing": [_share, dict],
        "directory": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "complementarity": [_share],
        "genre_strength": [_share],
        "artist_strength": [_share],
        "artist_fidelity": [_share],
        "label_correlation": [_share],
        "extra_labels": [Interval(Real, 0, None, closed="left")],
        "entity_signal": [_share],
        "accuracy": [_share, dict, None],
        "duration": [Interval(Real, 0, None, closed="neither")],
        "audio_format": [StrOptions({"flac", "wav", "ogg", "mp3", "mixed"})],
        "cover_size": [Interval(Integral, 8, 4096, closed="both")],
        "cover_cue": [StrOptions({"whole", "patch"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def make_albums(
    n_albums=200,
    n_genres=9,
    tracks_per_album=1,
    missing=0.0,
    directory=None,
    random_state=None,
    *,
    complementarity=0.8,
    genre_strength=1.0,
    artist_strength=0.5,
    artist_fidelity=0.8,
    label_correlation=0.7,
    extra_labels=1.0,
    entity_signal=0.5,
    accuracy=None,
    duration=16.0,
    audio_format="flac",
    cover_size=128,
    cover_cue="whole",
    n_jobs=None,
    verbose=0,
):
    """Make SYNTHETIC albums: real sound files, covers and reviews of music that never was.

    Nothing here tells anything about real music. The data set is for trying the package, and
    for testing what its parts can do: how much of each album's genre can be known from each
    subset of its modalities is returned with it, exactly.

    Parameters
    ----------
    n_albums : int, default=200
        Rows of the table.
    n_genres : int, default=9
        Main genres: leaves of a tree of two levels, three to a parent (up to 48 leaves; from
        there on 16 parents). At most 96. Their shares fall from 0.27 to 0.05 (9 genres) or
        from 0.16 to 0.007 (40). In a small table a rare genre may not occur.
    tracks_per_album : int or (int, int), default=1
        With 1 an audio cell is a path; else a list of paths, their number drawn between the
        two, both included.
    missing : float or dict, default=0.0
        Share of the cells emptied at random, independent of everything else; a dict gives a
        share for "audio", "text" or "cover". The nearest whole number of cells is emptied.
    directory : str or path, default=None
        Where audio/, cover/ and catalogue.kb are written; a new temporary folder by default.
        Files of the same name are overwritten, others are left alone. Paths in the table begin
        with it as it was given.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same bytes, whatever `n_jobs`.
    complementarity : float in [0, 1], default=0.8
        How differently the modalities confuse genres. At 0 all of an album's modalities show
        the same genre, and fusion cannot gain anything.
    genre_strength : float in [0, 1], default=1.0
        At 0 no modality knows anything about the genre.
    artist_strength : float in [0, 1], default=0.5
        How much of sound, cover and words is the artist's own, whatever the genre.
    artist_fidelity : float in [0, 1], default=0.8
        Probability that an album has its artist's home genre.
    label_correlation : float in [0, 1], default=0.7
        How much the further labels of an album depend on its main genre; at 0 not at all.
    extra_labels : float, default=1.0
        Leaf labels an album has beside its main genre, in the mean (a little fewer, as the
        main genre is not drawn twice).
    entity_signal : float in [0, 1], default=0.5
        Probability that a person or place named in a review belongs to the genre that the
        text shows; else it is any of the catalogue.
    accuracy : float or dict, default=None
        Probability that a modality on its own perceives the genre rightly: "audio" 0.65,
        "text" 0.70, "cover" 0.45, and "shared" 0.65 for the draw they may copy. A dict
        replaces some of them, a float all.
    duration : float, default=16.0
        Seconds of a track.
    audio_format : {"flac", "wav", "ogg", "mp3", "mixed"}, default="flac"
        22,050 Hz mono. "mixed" draws one of the four for each album; a tenth of the albums
        is stereo at 44,100 Hz. mp3 and ogg are slower to write.
    cover_size : int, default=128
        Pixels a side.
    cover_cue : {"whole", "patch"}, default="whole"
        Where a cover shows its genre. "whole": everywhere, in its palette, layout, texture and
        lettering. "patch": in a square of 0.4 of its side at a random place; all else is drawn
        alike for every genre. `oracle.cover_masks` has the places, so that a map of what a model
        looks at can be compared with what there is to see.
    n_jobs : int, default=None
        Number of joblib workers; None is one.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        table : DataFrame of shape (n_albums, 6)
            album, artist, title; audio (path or list of paths), text (list of reviews in
            order of time), cover (path of a PNG). An emptied cell is None.
        y : ndarray of str, shape (n_albums,)
            The main genre: a leaf of the tree.
        Y : DataFrame of 0 and 1, shape (n_albums, n_labels)
            Labels: the main genre, further leaves, and the parents of all of them. Columns
            are sorted: leaves, then parents.
        groups : ndarray of str, shape (n_albums,)
            Artists.
        taxonomy : GenreTaxonomy
            Of the branches "Parent/Leaf" of each leaf; iterating gives these.
        oracle : AlbumOracle
            What each cell shows, the confusion matrices, `posterior(modalities)`,
            `ceiling(modalities, rows, metric)` and, with ``cover_cue="patch"``, `cover_masks()`.
        catalogue : DataFrame
            The invented people and places that reviews name: name, kind, genre, categories.
        knowledge_base : str
            Path of a `skmmgenre.text.KnowledgeBase` of the catalogue, and of namesakes outside
            music that some of its people have. What a name tells of the genre stands there
            alone: the words it is made of are those of every genre's names.
        directory : str
            Where the files are.
        DESCR : str
            What this data set is.

    Raises
    ------
    ValueError
        If an argument is out of its range, or names a modality that there is not.

    Notes
    -----
    1. The prior pi over leaf genres has a long tail (Zipf-Mandelbrot). An artist has 1 to 12
       albums (n with weight 1/n: a quarter as many artists as albums) and a home genre drawn
       from pi. An album has the home genre with probability `artist_fidelity`, else a genre
       drawn from pi; so genres have shares pi.
    2. Each modality m is rendered from a genre g_m that it *perceives*. There is one shared
       draw s from row y of the matrix C_0. Each modality by itself copies it, g_m = s, with
       probability 1 - c (c is `complementarity`), else draws g_m from row y of its own
       matrix C_m. Audio takes a genre for its siblings in the tree; text, cover and C_0 each
       for two other genres of their own (as far as there are enough genres).
    3. Every matrix C, C_0 included, stands for `genre_strength` C + (1 - `genre_strength`)
       1 pi^T. At 0 what the cells show is independent of y: with a split by artist every
       model is at chance; with a random split it may know the artist again.
    4. So the posterior, given the modalities S of a row that are not missing, is exact::

           P(y | g_m, m in S) ~ pi[y] sum_s C_0[y, s] prod_m ((1 - c) [g_m = s] + c C_m[y, g_m])

       It is per album given its own cells: the artist's other albums are not used.
    5. Given y, each other leaf label is there with a probability of its own, independent of
       the rest and of the cells: `extra_labels` times a mixture, by `label_correlation`, of
       an affinity to y (0.7 siblings, 0.3 two other genres) and of pi.
    6. Given g_m and the artist's style, which is independent of all genres, cells are
       rendered by random variation on the genre's recipe: tempo, rhythm, harmony, timbre and
       register; palette, layout, texture and lettering; words, and names by
       `entity_signal`. Titles and the artists' names tell nothing.

    Examples
    --------
    >>> from skmmgenre.datasets import make_albums
    >>> data = make_albums(n_albums=4, duration=1.0, random_state=0)
    >>> list(data.table.columns)
    ['album', 'artist', 'title', 'audio', 'text', 'cover']
    >>> data.oracle.posterior(("audio", "text")).shape
    (4, 9)
    """
    lowest, highest = _track_range(tracks_per_album)
    shares = _by_name(missing, dict.fromkeys(MODALITIES, 0.0), "missing")
    accuracies = _by_name(accuracy, _ACCURACY, "accuracy")
    seed = seed_of(random_state)
    rng = np.random.default_rng([seed, _TABLE])

    tree = sorted(
        zip(genre_tree(n_genres), genre_prior(n_genres), strict=True), key=lambda pair: pair[0].name
    )
    # Neighbours in the confusion matrices follow the alphabet, not the shares.
    genres = [genre for genre, _ in tree]
    prior = np.array([share for _, share in tree])
    parents = [genre.parent for genre in genres]
    classes = np.array([genre.name for genre in genres], dtype=object)

    artists = draw_artists(n_albums, rng)
    main = draw_genres(artists, prior, artist_fidelity, rng)
    confusion = {
        kind: weaken(matrix, prior, genre_strength)
        for kind, matrix in confusion_matrices(parents, accuracies).items()
    }
    perceived = draw_perceived(main, confusion, complementarity, rng)
    present = _draw_present(n_albums, shares, rng)
    leaf_probability = label_probabilities(parents, prior, label_correlation, extra_labels)
    Y, label_probability = _draw_labels(main, genres, leaf_probability, rng)
    n_tracks = rng.integers(lowest, highest + 1, size=n_albums)
    artist_names = np.array(draw_artist_names(int(artists.max()) + 1, rng), dtype=object)
    titles = draw_titles(n_albums, rng)
    catalogue = name_catalogue(genres)

    boxes = [None] * n_albums
    if cover_cue == "patch":
        boxes = [
            draw_box(np.random.default_rng([seed, _BOX, i]), cover_size) for i in range(n_albums)
        ]

    directory = tempfile.mkdtemp(prefix="albums_") if directory is None else os.fspath(directory)
    for folder in ("audio", "cover"):
        os.makedirs(os.path.join(directory, folder), exist_ok=True)
    knowledge_base = os.path.join(directory, "catalogue.kb")
    KnowledgeBase.build(knowledge_base, records=entity_records(catalogue))
    renderer = _Renderer(
        seed=seed,
        recipes={
            "audio": [audio_recipe(genre) for genre in genres],
            "text": [text_recipe(genre) for genre in genres],
            "cover": [cover_recipe(genre) for genre in genres],
        },
        names=_names_by_genre(catalogue, classes),
        artist_strength=float(artist_strength),
        entity_signal=float(entity_signal),
        duration=float(duration),
        audio_format=audio_format,
        cover_size=int(cover_size),
        directory=directory,
    )
    albums = [
        _Album(
            number=i,
            name=f"album_{i:05d}",
            artist=int(artists[i]),
            artist_name=artist_names[artists[i]],
            title=titles[i],
            n_tracks=int(n_tracks[i]),
            perceived=dict(zip(MODALITIES, perceived[i].tolist(), strict=True)),
            present=dict(zip(MODALITIES, present[i].tolist(), strict=True)),
            box=boxes[i],
        )
        for i in range(n_albums)
    ]
    cells, _ = map_cells(
        partial(_render_album, renderer),
        albums,
        noun="album",
        n_jobs=n_jobs,
        verbose=verbose,
        description="albums",
    )
    audio = [cell["audio"] for cell in cells]
    if (lowest, highest) == (1, 1):
        audio = [paths and paths[0] for paths in audio]
    table = pd.DataFrame(
        {
            "album": [album.name for album in albums],
            "artist": artist_names[artists],
            "title": titles,
            "audio": pd.Series(audio, dtype=object),
            "text": pd.Series([cell["text"] for cell in cells], dtype=object),
            "cover": pd.Series([cell["cover"] for cell in cells], dtype=object),
        },
        dtype=object,
    )
    return Bunch(
        table=table,
        y=classes[main],
        Y=Y,
        groups=artist_names[artists],
        taxonomy=GenreTaxonomy(f"{genre.parent}/{genre.name}" for genre in genres),
        oracle=AlbumOracle(
            classes=classes,
            prior=prior,
            confusion=confusion,
            complementarity=float(complementarity),
            perceived=perceived,
            present=present,
            y=classes[main],
            Y=Y,
            label_probability=label_probability,
            index=table.index,
            cover_size=int(cover_size),
            boxes=boxes if cover_cue == "patch" else None,
        ),
        catalogue=catalogue,
        knowledge_base=knowledge_base,
        directory=directory,
        DESCR=(
            f"{n_albums} SYNTHETIC albums of {n_genres} genres, made by "
            "skmmgenre.datasets.make_albums. They tell nothing about real music."
        ),
    )


@dataclass(frozen=True)
class _Album:
    number: int
    name: str
    artist: int
    artist_name: str
    title: str
    n_tracks: int
    perceived: dict
    present: dict
    box: tuple | None  # that shows the genre on a neutral cover


@dataclass(frozen=True)
class _Renderer:
    seed: int
    recipes: dict
    names: list
    artist_strength: float
    entity_signal: float
    duration: float
    audio_format: str
    cover_size: int
    directory: str


def _render_album(renderer, album):
    """Write the files of an album; return its cells, None where it has none."""
    cells = dict.fromkeys(MODALITIES)
    render = {"audio": _render_tracks, "text": _render_reviews, "cover": _render_cover}
    for key, modality in enumerate(MODALITIES):
        if album.present[modality]:
            # A generator a cell: a cell is the same whatever else is rendered.
            cells[modality] = render[modality](
                renderer,
                album,
                renderer.recipes[modality][album.perceived[modality]],
                np.random.default_rng([renderer.seed, _ARTIST, album.artist, key]),
                np.random.default_rng([renderer.seed, _ALBUM, album.number, key]),
            )
    return cells


def _render_tracks(renderer, album, recipe, artist_rng, rng):
    style = audio_style(artist_rng)
    file_format, sr, stereo = renderer.audio_format, SR, False
    if file_format == "mixed":
        formats, shares = zip(*_MIXED_FORMATS, strict=True)
        file_format = formats[rng.choice(len(formats), p=shares)]
        stereo = bool(rng.random() < 0.1)
        sr = 2 * SR if stereo else SR
    paths = []
    for track in range(album.n_tracks):
        samples = render_track(
            recipe,
            style,
            rng,
            artist_strength=renderer.artist_strength,
            duration=renderer.duration,
            sr=sr,
        )
        name = f"{album.name}_{track + 1:02d}.{file_format}"
        paths.append(os.path.join(renderer.directory, "audio", name))
        write_track(paths[-1], samples, sr, file_format, stereo)
    return paths


def _render_reviews(renderer, album, recipe, artist_rng, rng):
    return write_reviews(
        recipe,
        text_style(artist_rng),
        rng,
        artist=album.artist_name,
        title=album.title,
        artist_strength=renderer.artist_strength,
        entity_signal=renderer.entity_signal,
        genre_names=renderer.names[album.perceived["text"]],
        all_names=renderer.names[-1],
    )


def _render_cover(renderer, album, recipe, artist_rng, rng):
    path = os.path.join(renderer.directory, "cover", f"{album.name}.png")
    render, where = render_cover, {}
    if album.box is not None:
        render, where = render_neutral_cover, {"box": album.box}
    image = render(
        recipe,
        cover_style(artist_rng),
        rng,
        artist_strength=renderer.artist_strength,
        title=album.title,
        size=renderer.cover_size,
        **where,
    )
    write_cover(path, image)
    return path


def _names_by_genre(catalogue, classes):
    """Names of each kind for each genre; the last entry holds those of all genres."""

    def of_kinds(rows):
        return {
            kind: rows.loc[rows["kind"] == kind, "name"].tolist() for kind in ("person", "place")
        }

    by_genre = [of_kinds(catalogue[catalogue["genre"] == genre]) for genre in classes]
    return [*by_genre, of_kinds(catalogue)]


def _draw_present(n_albums, shares, rng):
    present = np.ones((n_albums, len(MODALITIES)), dtype=bool)
    for column, modality in enumerate(MODALITIES):
        n_missing = int(round(shares[modality] * n_albums))
        present[rng.permutation(n_albums)[:n_missing], column] = False
    return present


def _draw_labels(main, genres, leaf_probability, rng):
    """Label matrix, and the probability of each label given the main genre."""
    parents = sorted({genre.parent for genre in genres})
    leaves = (rng.random((len(main), len(genres))) < leaf_probability[main]).astype(int)
    parts, probabilities = [leaves], [leaf_probability]
    for parent in parents:
        children = [i for i, genre in enumerate(genres) if genre.parent == parent]
        parts.append(leaves[:, children].max(axis=1, keepdims=True))
        none = np.prod(1.0 - leaf_probability[:, children], axis=1, keepdims=True)
        probabilities.append(1.0 - none)
    labels = [genre.name for genre in genres] + parents
    Y = pd.DataFrame(np.hstack(parts), columns=pd.Index(labels, dtype=object))
    return Y, np.hstack(probabilities)


def _track_range(tracks_per_album):
    is_one = isinstance(tracks_per_album, Integral)
    bounds = (tracks_per_album,) * 2 if is_one else tuple(tracks_per_album)
    if (
        len(bounds) != 2
        or not all(isinstance(bound, Integral) for bound in bounds)
        or not 1 <= bounds[0] <= bounds[1]
    ):
        raise ValueError(
            "tracks_per_album must be an int or a pair (low, high) with 1 <= low <= high, "
            f"got {tracks_per_album!r}."
        )
    return int(bounds[0]), int(bounds[1])


def _by_name(value, defaults, name):
    """The numbers in [0, 1] that one number or a dict stands for."""
    if value is None:
        return dict(defaults)
    if not isinstance(value, dict):
        return dict.fromkeys(defaults, float(value))
    for key, share in value.items():
        if key not in defaults:
            raise ValueError(f"{name} has no {key!r}. Choose from {list(defaults)}.")
        if not isinstance(share, Real) or not 0 <= share <= 1:
            raise ValueError(f"{name}[{key!r}] must be a number in [0, 1], got {share!r}.")
    return {**defaults, **value}


def seed_of(random_state):
    if random_state is None:
        return int(np.random.SeedSequence().entropy % 2**32)
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
