"""Generator of synthetic albums."""

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

# Keys that make the random generators of one seed independent.
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
    """Make SYNTHETIC albums: real audio files, covers and reviews of music that does not exist.

    The data set says nothing about real music. It is for trying out the package and for testing
    what its parts can do: the exact posterior of the genres, given each subset of the modalities,
    is returned with it.

    Parameters
    ----------
    n_albums : int, default=200
        Number of rows of the table.
    n_genres : int, default=9
        Number of main genres, at most 96. They are the leaves of a tree of two levels, with three
        leaves per parent (up to 48 leaves; beyond that, 16 parents). The fraction of albums per
        genre falls from 0.27 to 0.05 (9 genres) or from 0.16 to 0.007 (40 genres). A rare genre
        may not occur in a small table.
    tracks_per_album : int or (int, int), default=1
        With 1, an audio cell is a path; else it is a list of paths, with a length drawn between
        the two bounds, both inclusive.
    missing : float or dict, default=0.0
        Fraction of cells removed at random, independent of everything else; a dict gives the
        fraction for "audio", "text" or "cover". It is rounded to a whole number of cells.
    directory : str or path, default=None
        Folder where audio/, cover/ and catalogue.kb are written; a new temporary folder by
        default. Files with the same names are overwritten, other files are kept. Paths in the
        table begin with `directory` as given.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same bytes for any `n_jobs`.
    complementarity : float in [0, 1], default=0.8
        How differently the modalities confuse genres. At 0, all modalities of an album show the
        same genre, and fusion cannot improve on a single modality.
    genre_strength : float in [0, 1], default=1.0
        How much the modalities depend on the genre. At 0, they are independent of it.
    artist_strength : float in [0, 1], default=0.5
        How much audio, cover and words depend on the artist, independently of the genre.
    artist_fidelity : float in [0, 1], default=0.8
        Probability that an album has the home genre of its artist.
    label_correlation : float in [0, 1], default=0.7
        How much the additional labels of an album depend on its main genre; at 0, not at all.
    extra_labels : float, default=1.0
        Mean number of leaf labels of an album in addition to its main genre (slightly fewer, since
        the main genre is not drawn again).
    entity_signal : float in [0, 1], default=0.5
        Probability that a person or place named in a review belongs to the genre that the text
        shows; else it is drawn from the whole catalogue.
    accuracy : float or dict, default=None
        Probability that a modality on its own perceives the true genre: "audio" 0.65, "text" 0.70,
        "cover" 0.45, and "shared" 0.65 for the draw that they may copy. A dict replaces some of
        these values, a float all of them.
    duration : float, default=16.0
        Duration of a track in seconds.
    audio_format : {"flac", "wav", "ogg", "mp3", "mixed"}, default="flac"
        Format of the audio files, 22,050 Hz mono. "mixed" draws one of the four formats for each
        album, and makes a tenth of the albums stereo at 44,100 Hz. mp3 and ogg are slower to
        write.
    cover_size : int, default=128
        Width and height of a cover in pixels.
    cover_cue : {"whole", "patch"}, default="whole"
        The part of a cover that shows its genre. "whole": the whole cover, by its palette, layout,
        texture and lettering. "patch": a square at a random position, with 0.4 of the side of the
        cover; the rest does not depend on the genre. `oracle.cover_masks` returns these squares,
        so that an activation map can be compared with the part that shows the genre.
    n_jobs : int, default=None
        Number of joblib workers; None is one.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        table : DataFrame of shape (n_albums, 6)
            album, artist, title; audio (path or list of paths), text (list of reviews in
            chronological order), cover (path of a PNG). A removed cell is None.
        y : ndarray of str, shape (n_albums,)
            The main genre: a leaf of the tree.
        Y : DataFrame of 0 and 1, shape (n_albums, n_labels)
            Labels: the main genre, additional leaves, and the parents of all of them. Columns are
            sorted: leaves, then parents.
        groups : ndarray of str, shape (n_albums,)
            Artists.
        taxonomy : GenreTaxonomy
            Taxonomy of the branches "Parent/Leaf" of all leaves; iterating over it yields these.
        oracle : AlbumOracle
            The genre that each cell shows, the confusion matrices, `posterior(modalities)`,
            `ceiling(modalities, rows, metric)` and, with ``cover_cue="patch"``, `cover_masks()`.
        catalogue : DataFrame
            The fictitious people and places that reviews name: name, kind, genre, categories.
        knowledge_base : str
            Path of a `skmmgenre.text.KnowledgeBase` of the catalogue, and of namesakes outside
            music of some of its people. Only the knowledge base links a name to its genre: the
            names of all genres consist of the same words.
        directory : str
            Folder of the files.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If an argument is out of its range, or names an unknown modality.

    Notes
    -----
    1. The prior pi over leaf genres has a long tail (Zipf-Mandelbrot). An artist has 1 to 12
       albums (n with weight 1/n: a quarter as many artists as albums) and a home genre drawn
       from pi. An album has the home genre with probability `artist_fidelity`, else a genre
       drawn from pi; the marginal distribution of genres is therefore pi.
    2. Each modality m is rendered from a genre g_m that it *perceives*. There is one shared
       draw s from row y of the matrix C_0. Each modality independently copies it, g_m = s, with
       probability 1 - c (c is `complementarity`), else draws g_m from row y of its own
       matrix C_m. Audio confuses a genre with its siblings in the tree; text, cover and C_0 each
       confuse it with two other genres of their own (if there are enough genres).
    3. Every matrix C, including C_0, is replaced by `genre_strength` C + (1 - `genre_strength`)
       1 pi^T. At strength 0, the cells are independent of y: with a split by artist, every model
       is at chance; with a random split, a model may recognize the artist.
    4. The posterior, given the modalities S of a row that are not missing, is therefore exact::

           P(y | g_m, m in S) ~ pi[y] sum_s C_0[y, s] prod_m ((1 - c) [g_m = s] + c C_m[y, g_m])

       It is the posterior of an album given its own cells; the artist's other albums are not used.
    5. Given y, each other leaf label is present with a probability of its own, independent of the
       other labels and of the cells: `extra_labels` times a mixture, weighted by
       `label_correlation`, of an affinity to y (0.7 siblings, 0.3 two other genres) and pi.
    6. Given g_m and the style of the artist, which is independent of all genres, cells are
       rendered as random variations of a recipe of the genre: tempo, rhythm, harmony, timbre and
       register; palette, layout, texture and lettering; words, and names according to
       `entity_signal`. Titles and names of artists are independent of the genre.

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
    # The order of the draws from this generator is part of the data set: in another order, a seed
    # would give other albums.
    rng = np.random.default_rng([seed, _TABLE])

    tree = sorted(
        zip(genre_tree(n_genres), genre_prior(n_genres), strict=True), key=lambda pair: pair[0].name
    )
    # Neighbours in the confusion matrices are in alphabetical order, not ordered by prior.
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
        # A generator per box, so that it does not depend on the other albums.
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
    """Write the files of an album, and return its cells; missing cells are None."""
    cells = dict.fromkeys(MODALITIES)
    render = {"audio": _render_tracks, "text": _render_reviews, "cover": _render_cover}
    for key, modality in enumerate(MODALITIES):
        if album.present[modality]:
            # One generator per cell, so that a cell does not depend on what else is rendered.
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
    """Return the names of each kind for each genre; the last entry is those of all genres."""

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
    """Draw the label matrix; return it and the probability of each label given the main genre."""
    parents = sorted({genre.parent for genre in genres})
    leaves = (rng.random((len(main), len(genres))) < leaf_probability[main]).astype(int)
    parts, probabilities = [leaves], [leaf_probability]
    for parent in parents:
        children = [i for i, genre in enumerate(genres) if genre.parent == parent]
        parts.append(leaves[:, children].max(axis=1, keepdims=True))
        # Given the main genre, leaves are independent; a parent is absent if all its leaves are.
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
    """Return a dict of numbers in [0, 1] from a single number or a dict."""
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
