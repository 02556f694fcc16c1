"""Select and explain the best and worst items of a model."""

import base64
import io
import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ...compose import GenrePipeline
from ...compose._plain_control import kind_of
from ...utils import BadItem, as_cells, file_in, is_missing, progress_hidden
from .._explanation import Explanation, explain

MEDIA = ("none", "thumbnails", "clips")
_N_GENRES = 3  # explained genres per item
_N_WORDS = 6  # words per genre
_SIDE = 160  # side of a thumbnail in pixels
_SECONDS = 10  # length of a clip
_RATE = 22050
_TILES = 14  # per side of the cover map in the page


@dataclass
class Example:
    """One item with its explanation.

    Parameters
    ----------
    row : int
        Position among the scored items.
    name, artist : str
    true, predicted : list of str
    margin : float
        The lowest score of a true genre minus the highest score of any other genre.
    explanation : Explanation or None
    words : dict of str to list of dict
        By genre: word, kind and effect of the strongest words.
    seconds : dict of str to dict
        For the first genre: start, end, effect and track of the strongest piece, n_tracks, and
        the effects of all pieces of that track.
    cover : list of list of float, or None
        A coarse cover map of the first genre.
    cover_genre : str
    thumbnail, clip : str
        Data URIs; empty if not requested or not available.
    clip_seconds : tuple of float
        Start and end of the clip.
    """

    row: int
    name: str
    artist: str
    true: list
    predicted: list
    margin: float
    explanation: Explanation | None = None
    words: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)
    cover: list | None = None
    cover_genre: str = ""
    thumbnail: str = ""
    clip: str = ""
    clip_type: str = ""
    clip_seconds: tuple = ()


def margins_of(answers, items):
    """Compute the margin between the true genres of each item and all others.

    Parameters
    ----------
    answers : Answers
    items : Items

    Returns
    -------
    margins : ndarray of float
        NaN for items that have all genres.
    """
    is_true = np.array([[name in item for name in answers.classes] for item in items.genres])
    lowest = np.where(is_true, answers.scores, np.inf).min(axis=1)
    highest = np.where(is_true, -np.inf, answers.scores).max(axis=1)
    return np.where(is_true.all(axis=1), np.nan, lowest - highest)


def choose_examples(model, answers, items, *, n, media):
    """Select the items with the largest and the smallest margins, and explain them.

    Parameters
    ----------
    model : estimator
    answers : Answers
    items : Items
    n : int
        Number of best items, and of worst; at most half of all items each.
    media : {"none", "thumbnails", "clips"}

    Returns
    -------
    best, worst : list of Example
        Best: largest margin first. Worst: smallest margin first.
    reason : str
        Why there are no explanations; empty if there are some.
    """
    margins = margins_of(answers, items)
    order = [row for row in np.argsort(-margins, kind="stable") if not np.isnan(margins[row])]
    # So that no item is among both the best and the worst.
    n = min(n, len(order) // 2)
    reasons = []
    columns = _columns_by_kind(model)
    chosen = {"best": order[:n], "worst": order[::-1][:n]}
    found = {"best": [], "worst": []}
    for side, rows in chosen.items():
        for row in rows:
            example = Example(
                row,
                items.names[row],
                items.artist(row),
                items.genres[row],
                answers.genres(row),
                float(margins[row]),
            )
            found[side].append(example)
            reasons.append(_explain(example, model, answers, items))
            _add_media(example, items.table.iloc[row], columns, media)
    reason = reasons[0] if reasons and all(reasons) else ""
    return found["best"], found["worst"], reason


def _explain(example, model, answers, items):
    """Add an explanation to an example; return the reason if that is not possible."""
    ranked = [answers.classes[k] for k in np.argsort(-answers.scores[example.row], kind="stable")]
    genres = list(dict.fromkeys([*example.predicted, *example.true, *ranked]))[:_N_GENRES]
    label_of = {str(label): label for label in model.classes_}
    with progress_hidden(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the same rows have warned at prediction
        try:
            told = explain(
                model,
                items.table.iloc[[example.row]],
                genres=[label_of[genre] for genre in genres],
                n_words=2 * _N_WORDS,
            )
        except (TypeError, ValueError) as error:
            return str(error)
    example.explanation = told
    for place, genre in enumerate(genres[:2]):
        label = label_of[genre]
        words = told.words[told.words["genre"] == label]
        strongest = words[words["effect"] > 0].head(_N_WORDS)
        if len(strongest):
            example.words[genre] = strongest[["word", "kind", "effect"]].to_dict("records")
        seconds = told.sound[told.sound["genre"] == label]
        if len(seconds) and not place:
            example.seconds[genre] = _strongest_seconds(seconds)
    if told.cover is not None and genres:
        example.cover_genre = genres[0]
        example.cover = _coarse(told.cover_maps[label_of[genres[0]]])
    return ""


def _strongest_seconds(seconds):
    lengths = seconds["end"] - seconds["start"]
    whole = seconds[lengths >= lengths.max() / 2]  # the last piece may be very short
    best = whole.loc[whole["effect"].idxmax()]
    of_track = seconds[seconds["track"] == best["track"]]
    return {
        "track": int(best["track"]) + 1,
        "n_tracks": int(seconds["track"].nunique()),
        "start": float(best["start"]),
        "end": float(best["end"]),
        "effect": float(best["effect"]),
        "pieces": of_track[["start", "end", "effect"]].to_dict("records"),
    }


def _coarse(heat):
    """Average a map over a grid of at most `_TILES` tiles per side."""
    for axis in (0, 1):
        n = heat.shape[axis]
        if n > _TILES:
            edges = np.linspace(0, n, _TILES + 1).astype(int)
            # Tiles may differ by one in width, so sums are divided by their own width.
            sums = np.add.reduceat(heat, edges[:-1], axis=axis)
            widths = np.expand_dims(np.diff(edges), 1 - axis)
            heat = sums / widths
    top = heat.max()
    return np.round(heat / top if top > 0 else heat, 2).tolist()


def _columns_by_kind(model):
    """Return the columns of the sound and of the cover, if the model uses them."""
    if not isinstance(model, GenrePipeline) or "modalities" not in model.named_steps:
        return {}
    found = {}
    for _, branch, column in model.named_steps["modalities"].transformers:
        kind = None if isinstance(branch, str) else kind_of(branch)
        if kind in ("audio", "image") and isinstance(column, str):
            found.setdefault(kind, column)
    return found


def _add_media(example, row, columns, media):
    """Add a thumbnail of the cover and a clip of the sound, if they can be read."""
    if media == "none":
        return
    if "image" in columns and not is_missing(row[columns["image"]]):
        example.thumbnail = _thumbnail(row[columns["image"]])
    if media == "clips" and "audio" in columns and not is_missing(row[columns["audio"]]):
        heard = example.seconds.get((example.predicted or [None])[0])
        _add_clip(example, row[columns["audio"]], heard)


def _thumbnail(cell):
    from ...image._decode import decode_image

    try:
        picture = decode_image(as_cells([cell])[0])
    except (BadItem, OSError):
        return ""
    picture.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    picture.convert("RGB").save(file, format="JPEG", quality=80)
    return _data_uri("image/jpeg", file.getvalue())


def _add_clip(example, cell, heard):
    """Add a clip around the strongest piece of the predicted genre, or from the middle."""
    import soundfile

    from ...audio._decode import AudioFile

    tracks = [cell] if not isinstance(cell, (list, tuple, np.ndarray)) else list(cell)
    tracks = [track for track in tracks if not is_missing(track)]
    try:
        file, _ = file_in(tracks[heard["track"] - 1 if heard else 0])
        if file is None:  # samples have an unknown sampling rate
            return
        with AudioFile(file) as audio:
            n = audio.n_samples(_RATE)
            middle = (heard["start"] + heard["end"]) / 2 * _RATE if heard else n / 2
            start = int(np.clip(middle - _SECONDS / 2 * _RATE, 0, max(0, n - _SECONDS * _RATE)))
            samples = audio.read(start, min(n - start, _SECONDS * _RATE), _RATE)
    except (BadItem, OSError, IndexError):
        return
    kind = "MP3" if "MP3" in soundfile.available_formats() else "OGG"
    written = io.BytesIO()
    soundfile.write(written, np.clip(samples, -1, 1), _RATE, format=kind)
    example.clip_type = {"MP3": "audio/mpeg", "OGG": "audio/ogg"}[kind]
    example.clip = _data_uri(example.clip_type, written.getvalue())
    example.clip_seconds = (start / _RATE, (start + len(samples)) / _RATE)


def _data_uri(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def parts_of(example):
    """Return the contribution of each modality to the scores of the explained genres.

    Returns
    -------
    parts : DataFrame
        Rows are modalities, columns genres; the last row is the score.
    """
    table = example.explanation.contributions.T
    table.columns = [str(name) for name in table.columns]
    return pd.DataFrame(table)
