"""Explain the prediction of a single row by its modalities, words, seconds and cover."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from ..audio import AudioCNN, AudioEmbedder, CQTExtractor
from ..audio._cqt_extractor import second_of_patch
from ..compose import MeanOverTracks
from ..compose._mean_over_tracks import flatten_tracks
from ..fusion import FusionClassifier
from ..image import ColorStatistics, ImageEmbedder, ResNetEmbedder
from ..text._entities._segmentation import is_category_word
from ..utils import as_cells, as_pandas, is_missing, walk
from ._maps._activation_maps import class_activation_map, seen_of_cover
from ._modality_contributions import contributions_of, fusion_parts
from ._neighbors import NearestAlbums
from ._neighbors._spaces import vectors_in_space
from ._steps import dense, input_of, with_branch

_WINDOW = 1.0  # seconds of sound that are hidden at a time
_WINDOW_OF_ENCODER = 3.0  # the same for encoders, whose input windows have about this length
_TILES = 7  # per side of a cover; hidden one at a time
_GREY = 128  # not the mean colour of the cover, which depends on the hidden tile too
_ENCODERS_OF_COVERS = ImageEmbedder, ColorStatistics


@dataclass(eq=False)
class Explanation:
    """Explanation of the prediction of a single row, as returned by :func:`explain`.

    An effect is the decrease of a genre's score when a word, some seconds of sound or a part of
    the cover is hidden from the whole model. Positive effects support the genre, negative effects
    count against it. The effects of single parts need not add up.

    Attributes
    ----------
    row : object
        Label of the row in the table.
    predicted : list
        The genres that the model predicts.
    genres : list
        The explained genres; by default in the order of their scores.
    contributions : DataFrame, shape (n_genres, n_blocks + 2)
        One row per explained genre; see `modality_contributions`.
    missing : list of str
        Names of the branches whose modality is missing in the row.
    words : DataFrame
        Columns genre, word, kind ("word" or "category") and effect. For each genre, the words with
        the largest absolute effects, in descending order of effect. Empty without words.
    sound : DataFrame
        Columns genre, track (counted from 0), start, end (in seconds) and effect, in chronological
        order. Empty without sound, or if the encoder of the sound is not supported. Only the part
        of a track that the model uses is included, such as the patch of a `CQTExtractor`.
    cover : ndarray of uint8, shape (side, side, 3), or None
        The part of the cover that the model uses.
    cover_maps : dict of str to ndarray of float32
        For each genre, a map in [0, 1] of the parts of `cover` that support it: the
        `class_activation_map` of a `ResNetEmbedder`, or else the effects of hidden tiles.
    nearest : DataFrame or None
        The albums most similar to the row, as returned by `NearestAlbums.like`, without the
        query. None if `explain` was called without `albums`, or if the row has no vector.
    """

    row: object
    predicted: list
    genres: list
    contributions: pd.DataFrame
    missing: list
    words: pd.DataFrame = field(repr=False)
    sound: pd.DataFrame = field(repr=False)
    cover: np.ndarray | None = field(repr=False)
    cover_maps: dict = field(repr=False)
    nearest: pd.DataFrame | None = field(repr=False, default=None)

    def __str__(self):
        predicted = ", ".join(map(str, self.predicted)) or "no genre"
        lines = [f"{self.row}: {predicted}"]
        if self.missing:
            lines.append(f"  missing: {', '.join(self.missing)}")
        for genre in self.genres:
            parts = self.contributions.loc[genre]
            told = ", ".join(f"{name} {value:+.2f}" for name, value in parts.iloc[:-1].items())
            lines.append(f"  {genre} {parts['score']:.2f} = {told}")
            words = self.words[(self.words["genre"] == genre) & (self.words["effect"] > 0)]
            if len(words):
                lines.append(f"    words: {', '.join(words['word'][:5])}")
            seconds = self.sound[self.sound["genre"] == genre]
            if len(seconds):
                best = seconds.loc[seconds["effect"].idxmax()]
                where = f"track {best['track'] + 1}, {best['start']:.0f} to {best['end']:.0f} s"
                lines.append(f"    sound: {where}")
        if self.nearest is not None and len(self.nearest):
            lines.append(f"  most like: {', '.join(map(str, self.nearest['album']))}")
        return "\n".join(lines)


def explain(
    model: Any,
    row: Any,
    *,
    genres: Any = None,
    n_words: int = 10,
    albums: NearestAlbums | None = None,
) -> Explanation:
    """Explain the prediction of a model for a single row.

    Parameters
    ----------
    model : estimator
        A fitted `GenrePipeline` of branches and a `FusionClassifier`, as returned by
        `make_genre_classifier`, or an estimator that contains one (`LabelThresholds`, a search).
    row : DataFrame of one row, or Series
        A row of the table: ``table.iloc[[3]]`` or ``table.loc["some album"]``.
    genres : str, list or None, default=None
        The genres to explain, or the name of a single genre. None: the predicted genres, filled
        up to three genres with those of the highest scores.
    n_words : int, default=10
        Number of words per genre.
    albums : NearestAlbums or None, default=None
        A search fitted on the training albums; the explanation then lists the albums most similar
        to the row. The row itself is excluded: the album with its label and its vector.

    Returns
    -------
    explanation : Explanation
        The explanation as plain data. ``print(explanation)`` prints a summary,
        `ExplanationDisplay` draws it.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If `model` contains no such pipeline, `row` is not exactly one row, `genres` is empty, or a
        genre is unknown.

    See Also
    --------
    modality_contributions : Contributions of the modalities for many rows.
    class_activation_map : Activation maps for many rows.
    informative_words : Words that are informative of a genre over a whole table.

    Notes
    -----
    The contributions of the modalities are exact. Words, seconds and tiles of covers are hidden
    one at a time, and the decrease of the score of the whole model is measured. Each effect is
    exact on its own, but words with the same meaning can stand in for each other, so effects need
    not add up. A word is hidden by setting its tf-idf weight to 0 and normalizing again. For an
    `AudioCNN`, one second of the patch is set to the mean of each band; for an `AudioEmbedder`,
    three seconds of its input are replaced by silence. A joint space, which mixes sound and cover,
    is included in the measured effects.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.compose import make_genre_classifier
    >>> from skmmgenre.inspection import explain
    >>> table = pd.DataFrame({"text": ["slow sax", "sax solo", "loud drums", "drums on fire"] * 6})
    >>> model = make_genre_classifier(
    ...     audio=None, image=None, text__max_epochs=5, text__hidden_units=(8,), random_state=0
    ... )
    >>> model = model.fit(table, ["Jazz", "Jazz", "Rock", "Rock"] * 6, groups=range(24))
    >>> explanation = explain(model, table.iloc[[0]])
    >>> explanation.predicted, explanation.words["word"].iloc[0]
    (['Jazz'], 'sax')
    """
    pipeline = _pipeline_in(model)
    table = _one_row(row)
    answer = _Answer(pipeline, table)
    parts = answer.contributions
    classes = parts.index.tolist()
    predicted = _predicted(model, table, classes)
    genres = _genres_to_explain(genres, predicted, parts["score"])
    answer.codes = [classes.index(genre) for genre in genres]
    words, sound = [], []
    cover, cover_maps = None, {}
    for branch, *_ in answer.branches:
        if branch in answer.missing:
            continue
        words += _effects_of_words(answer, branch)
        sound += _effects_of_seconds(answer, branch)
        if cover is None:
            cover, cover_maps = _map_of_cover(answer, branch, genres)
    return Explanation(
        row=table.index[0],
        predicted=predicted,
        genres=genres,
        contributions=parts.loc[genres],
        missing=answer.missing,
        words=_words_of_most_effect(words, genres, n_words),
        sound=_lines(sound, ["track", "start", "end"], genres),
        cover=cover,
        cover_maps=cover_maps,
        nearest=_nearest(albums, table),
    )


def _nearest(albums, table):
    if albums is None:
        return None
    vectors, there = vectors_in_space(albums.model, table, albums.space)
    if not there.any():
        return None
    # Two tables may use the same labels for different albums, so the vectors are compared, too.
    places = np.flatnonzero(albums.albums_[albums.rows_] == table.index[0])
    same = np.isclose(dense(albums.vectors_[places]), dense(vectors), atol=1e-5).all(axis=1)
    return albums._found(albums.search_, vectors, [places[same]], None)


def _pipeline_in(model):
    check_is_fitted(model)
    for _, step, _ in walk(model):
        if isinstance(step, Pipeline) and isinstance(step.steps[-1][1], FusionClassifier):
            if isinstance(step.steps[0][1], ColumnTransformer):
                return step
    raise ValueError(
        f"{type(model).__name__} contains no pipeline that starts with a ColumnTransformer and "
        "ends with a FusionClassifier. Pass a model of make_genre_classifier."
    )


def _one_row(row):
    row = as_pandas(row)
    if isinstance(row, pd.Series):  # cells are objects and may be lists
        cells = {name: [cell] for name, cell in row.items()}
        return pd.DataFrame(cells, index=[row.name], dtype=object)
    if len(row) != 1:
        raise ValueError(f"explain takes one row, got {len(row)} rows. Pass table.iloc[[number]].")
    return row


def _predicted(model, table, classes):
    told = np.asarray(model.predict(table))[0]
    if np.ndim(told) == 0:
        return [told.item() if hasattr(told, "item") else told]
    return [genre for genre, has in zip(classes, told, strict=True) if has]


_N_GENRES = 3


def _genres_to_explain(genres, predicted, scores):
    ranked = scores.sort_values(ascending=False, kind="stable").index.tolist()
    if genres is None:
        n_others = max(0, _N_GENRES - len(predicted))
        others = [genre for genre in ranked if genre not in predicted][:n_others]
        return [genre for genre in ranked if genre in predicted or genre in others]
    genres = [genres] if isinstance(genres, str) else list(genres)
    if not genres:
        raise ValueError(
            "genres is empty. Pass at least one genre, or None for the predicted ones."
        )
    unknown = [genre for genre in genres if genre not in ranked]
    if unknown:
        raise ValueError(f"Unknown genres {unknown}; the genres of the model are {sorted(ranked)}.")
    return genres


class _Answer:
    """Scores of a pipeline for one row, and their change if the vector of a branch changes.

    Parameters
    ----------
    pipeline : Pipeline
        Of a ColumnTransformer, optional steps, and a FusionClassifier.
    table : DataFrame of one row

    Attributes
    ----------
    contributions : DataFrame
        The result of `modality_contributions` for the row, indexed by genre.
    codes : list of int
        Positions of the genres for `effects`, set by the caller.
    """

    def __init__(self, pipeline, table):
        self.pipeline, self.table = pipeline, table
        self.modalities = pipeline.steps[0][1]
        self.branches = [
            line for line in self.modalities.transformers_ if not isinstance(line[1], str)
        ]
        self.vectors = self.modalities.transform(table)
        X, fusion = self._input_of_fusion(self.vectors), pipeline.steps[-1][1]
        self.contributions = contributions_of(fusion, X).reset_index(level=0, drop=True)
        self.scores = fusion_parts(fusion, X).sum(axis=0)
        self.missing = [branch for branch, *_ in self.branches if not self._is_there(branch)]

    def _is_there(self, branch):
        values = dense(self.vectors)[0, self.modalities.output_indices_[branch]]
        return bool(np.nan_to_num(values.astype(np.float64)).any())

    def fitted(self, branch):
        return self.modalities.named_transformers_[branch]

    def input_of(self, branch):
        """Return the input of a branch: a column of one cell."""
        name = self.pipeline.steps[0][0]
        return input_of(self.pipeline, (name, branch), self.table)[0]

    def cell_of(self, branch):
        return as_cells(self.input_of(branch), noun="item")[0]

    def effects(self, branch, variants):
        """Return the decrease of the scores for variants of a branch's vector, (n, n_genres)."""
        vectors = with_branch(self.modalities, self.vectors, branch, variants)
        parts = fusion_parts(self.pipeline.steps[-1][1], self._input_of_fusion(vectors))
        return (self.scores - parts.sum(axis=0))[:, self.codes]

    def _input_of_fusion(self, vectors):
        for _, step in self.pipeline.steps[1:-1]:
            vectors = step.transform(vectors) if hasattr(step, "transform") else vectors
        return vectors


def _effects_of_words(answer, branch):
    """Return a list of ((word, kind), effects on the genres) for all words of a branch."""
    estimator = answer.fitted(branch)
    steps = estimator.steps if isinstance(estimator, Pipeline) else [(branch, estimator)]
    places = [number for number, (_, step) in enumerate(steps) if "vocabulary_" in vars(step)]
    if len(places) != 1:
        return []
    texts = answer.input_of(branch)
    for _, step in steps[: places[0]]:
        texts = step.transform(texts)
    vectorizer = steps[places[0]][1]
    weights = sparse.csr_array(vectorizer.transform(texts))
    present = weights.indices[weights.data != 0]
    if not len(present):  # later steps may still return a vector
        return []
    names = np.asarray(vectorizer.get_feature_names_out(), dtype=object)[present]
    values = weights.toarray()
    effects = []
    # In batches: each hidden word is a dense row of the size of the vocabulary.
    for start in range(0, len(present), _WORDS_AT_ONCE):
        words = present[start : start + _WORDS_AT_ONCE]
        hidden = np.repeat(values, len(words), axis=0)
        hidden[np.arange(len(words)), words] = 0
        if getattr(vectorizer, "norm", None):
            hidden = normalize(hidden, norm=vectorizer.norm)
        variants = sparse.csr_matrix(hidden)
        for _, step in steps[places[0] + 1 :]:
            variants = step.transform(variants)
        effects.append(answer.effects(branch, variants))
    kinds = ["category" if is_category_word(name) else "word" for name in names]
    return list(zip(zip(names, kinds, strict=True), np.concatenate(effects), strict=True))


_WORDS_AT_ONCE = 256


def _words_of_most_effect(words, genres, n_words):
    lines = _lines(words, ["word", "kind"], genres)
    parts = []
    for genre in genres:
        of_genre = lines[lines["genre"] == genre]
        order = of_genre["effect"].abs().sort_values(ascending=False, kind="stable").index
        most = of_genre.loc[order[:n_words]]
        parts.append(most.sort_values("effect", ascending=False, kind="stable"))
    return pd.concat(parts, ignore_index=True)


def _lines(found, names, genres):
    """Convert a list of (values of `names`, effects on the genres) to a DataFrame."""
    lines = [
        [genre, *values, effects[number]]
        for number, genre in enumerate(genres)
        for values, effects in found
    ]
    table = pd.DataFrame(lines, columns=["genre", *names, "effect"])
    return table.astype({"effect": np.float64})


def _effects_of_seconds(answer, branch):
    """Return a list of ((track, start, end), effects on the genres) for all tracks."""
    estimator = answer.fitted(branch)
    is_mean = isinstance(estimator, MeanOverTracks)
    estimator = estimator.estimator_ if is_mean else estimator
    steps = (
        [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    )
    if isinstance(steps[0], CQTExtractor) and len(steps) > 1 and isinstance(steps[1], AudioCNN):
        pieces = _pieces_of_patch
    elif isinstance(steps[0], AudioEmbedder):
        pieces = _pieces_of_samples
    else:
        return []
    cell = answer.cell_of(branch)
    if is_missing(cell):  # its vector was imputed
        return []
    tracks = flatten_tracks([cell])[0] if is_mean else [cell]
    own = np.vstack([estimator.transform([track]) for track in tracks])
    there = ~np.isnan(own).all(axis=1)
    found = []
    for number in np.flatnonzero(there):
        places, variants = pieces(steps, tracks[number])
        # The vector of an album is the mean over its tracks.
        others = own[there & (np.arange(len(own)) != number)]
        means = (others.sum(axis=0) + variants) / (len(others) + 1)
        silent = np.isnan(variants).all(axis=1)  # the rest of the track is silent
        means[silent] = others.mean(axis=0) if len(others) else np.nan
        for (start, end), effects in zip(places, answer.effects(branch, means), strict=True):
            found.append(((int(number), start, end), effects))
    return found


def _pieces_of_patch(steps, track):
    """Return the pieces of a patch, and vectors with each piece set to the mean of its band."""
    extractor, *others = steps
    patch = extractor.transform([track])
    n_frames = 1 + np.flatnonzero(patch[0].max(axis=0) > patch.min())[-1]  # without padding
    second = extractor.sr / extractor.hop_length  # in frames
    edges = np.append(np.arange(0, n_frames, _WINDOW * second), n_frames)
    edges = np.round(edges).astype(int)
    variants = np.repeat(patch, len(edges) - 1, axis=0)
    mean = patch[0, :, :n_frames].mean(axis=1, keepdims=True)
    for variant, start, end in zip(variants, edges, edges[1:], strict=False):
        variant[:, start:end] = mean
    for step in others:
        variants = step.transform(variants)
    seconds = (second_of_patch(extractor, track) + edges / second).tolist()
    return list(zip(seconds, seconds[1:], strict=False)), np.asarray(variants)


def _pieces_of_samples(steps, track):
    """Return the pieces of the windows of an encoder, and vectors with each piece silent."""
    from ..audio._audio_embedder import placed_windows, vectors_of_windows
    from ..audio._signals import is_heard

    embedder, *others = steps
    encoder = embedder._encoder()
    placed = list(placed_windows(track, encoder, embedder.n_patches))
    vectors = np.concatenate(list(vectors_of_windows(encoder, [one for _, one in placed])))
    pieces = list(_pieces_of_windows(placed, round(_WINDOW_OF_ENCODER * encoder.sr)))
    variants = []
    for start, end in pieces:
        # Only the windows that contain a part of the piece are embedded again.
        changed, hidden = [], []
        for number, (first, window) in enumerate(placed):
            if first < end and start < first + len(window):
                changed.append(number)
                silenced = window.copy()
                silenced[max(0, start - first) : end - first] = 0
                if is_heard(silenced, encoder.sr):
                    hidden.append(silenced)
        kept = np.delete(vectors, changed, axis=0)
        kept = np.concatenate([kept, *vectors_of_windows(encoder, hidden)]).astype(np.float64)
        variants.append(kept.mean(axis=0) if len(kept) else np.full(vectors.shape[1], np.nan))
    variants = np.stack(variants).astype(np.float32)[:, embedder._part()]
    for step in others:
        variants = step.transform(variants)
    seconds = [(start / encoder.sr, end / encoder.sr) for start, end in pieces]
    return seconds, np.asarray(variants)


def _pieces_of_windows(placed, length):
    """Yield the first and last samples of pieces of adjoining windows, at most `length` long."""
    # Of each run of adjoining windows: the first sample, the end with padding, and without it.
    runs = []
    for first, window in placed:
        end = first + 1 + int(np.flatnonzero(window)[-1])  # without padding
        if runs and first <= runs[-1][1]:
            runs[-1][1:] = first + len(window), end
        else:
            runs.append([max(0, first), first + len(window), end])
    for start, _, end in runs:
        edges = [*range(start, end, length), end]
        yield from zip(edges, edges[1:], strict=False)


def _map_of_cover(answer, branch, genres):
    """Return the used part of a cover and a map per genre; None for branches without covers."""
    estimator = answer.fitted(branch)
    steps = (
        [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    )
    network, *others = steps
    if not isinstance(network, (ResNetEmbedder, *_ENCODERS_OF_COVERS)):
        return None, {}
    cell = answer.cell_of(branch)
    if is_missing(cell):  # its vector was imputed
        return None, {}
    # Genres that were added to the fusion layer later have no output in the network.
    if isinstance(network, ResNetEmbedder) and set(genres) <= set(network.classes_):
        maps = class_activation_map(network, [cell] * len(genres), genres)
        picture = seen_of_cover(cell, network.sample_shape_[1])
        return picture, dict(zip(genres, maps, strict=True))
    from ..image._decode import decode_image

    picture = np.array(decode_image(cell))
    effects = answer.effects(branch, _without_tiles(network, others, picture))
    maps = np.maximum(effects.T.reshape(len(genres), _TILES, _TILES), 0).astype(np.float32)
    largest = maps.max(axis=(1, 2), keepdims=True)
    maps /= np.where(largest > 0, largest, 1)
    return picture, dict(zip(genres, maps, strict=True))


def _without_tiles(network, others, picture):
    """Return the vectors of a picture, each with one tile in grey."""
    height, width = (np.linspace(0, side, _TILES + 1).astype(int) for side in picture.shape[:2])
    hidden = []
    for top, bottom in zip(height, height[1:], strict=False):
        for left, right in zip(width, width[1:], strict=False):
            variant = picture.copy()
            variant[top:bottom, left:right] = _GREY
            hidden.append(variant)
    vectors = network.transform(hidden)
    for step in others:
        vectors = step.transform(vectors)
    return vectors
