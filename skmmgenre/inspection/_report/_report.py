"""Build the report and render it as a page."""

import base64
import hashlib
import json
import os
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..._model_summary import modalities_of, model_info, read_seen
from ..._seen import Seen
from ..._typing import Column, FilePath, Genres, Table
from ...utils import as_pandas, is_missing, progress_hidden, replacing
from ._answers import predict
from ._charts import CURVE, MAP, draw_curves, draw_map, draw_pieces
from ._examples import MEDIA, choose_examples, parts_of
from ._facts import curves_of, facts_of_data, facts_of_errors, facts_of_model
from ._items import choose_items, genres_of_rows
from ._map import make_map
from ._scores import COMPARED, Judge
from ._stored import of_ablation, of_card, of_evaluation

_MOST_IN_CONFUSION = 30
_MODEL_FILE = (str, bytes, os.PathLike)


def report(
    model: Any,
    table: Table,
    y: Genres,
    groups: Column | None = None,
    path: FilePath | None = None,
    *,
    names: Column | None = None,
    card: dict[str, Any] | None = None,
    seen_groups: Column | None = None,
    evaluation: dict[str, Any] | None = None,
    ablation: pd.DataFrame | None = None,
    media: Literal["none", "thumbnails", "clips"] = "none",
    title: str = "Genres of music: a report on a model",
    n_examples: int = 10,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> str:
    """Write a report on a model as a self-contained HTML file.

    The report shows the data, the metrics with 95 % intervals over artists, the metrics of each
    genre, the confusion matrix, the learning curves, the value of each modality, a map of the
    items, the best and worst items with explanations, and the model card. Nothing is trained.

    Parameters
    ----------
    model : estimator, or path of a model file
        A fitted `GenrePipeline`, or another classifier, for which there are no explanations. A
        file written by :func:`skmmgenre.save` also provides the model card, the versions and what
        the model was trained on.
    table : DataFrame of n rows
        Rows that the model was not trained on. Rows of the training set, and rows by artists of
        the training set, are listed in the report and not scored.
    y : array-like of shape (n,) or (n, n_labels)
        True genres. Multilabel: a DataFrame whose columns are the names of the genres, or an
        indicator in the order of ``model.classes_``. Rows without a genre that the model knows are
        not scored.
    groups : array-like of shape (n,), default=None
        The artist of each row. Intervals are bootstrapped over artists; None: over rows.
    path : str or path-like, default=None
        Where to write the page; an existing file is replaced. None: no file is written.
    names : sequence of str, default=None
        Display name of each row. None: the index of the table. Do not use local paths in a report
        that you share.
    card : dict, default=None
        The model card. None: the card in the model file.
    seen_groups : array-like, default=None
        The artists that the model was trained on, in any order. None: those recorded in the model
        file; if they are not known, the report says so.
    evaluation : dict, default=None
        The output of ``skmmgenre evaluate --json``, which may contain a plain control of the same
        rows. The card of a model from ``skmmgenre train --test-size`` contains its own.
    ablation : DataFrame, default=None
        The result of :func:`skmmgenre.compose.ablate_modalities`. None: the report shows the
        metrics of the model when some modalities are treated as missing.
    media : {"none", "thumbnails", "clips"}, default="none"
        "thumbnails" includes thumbnails of the covers of the best and worst items, "clips" also
        ten seconds of their sound. Use them only for music that you are allowed to share.
    title : str
        Title of the page.
    n_examples : int, default=10
        Number of best items, and of worst items.
    n_resamples : int, default=1000
        Number of bootstrap resamples of each interval.
    random_state : int, default=0
        Seed of the intervals and of the map.

    Returns
    -------
    page : str
        The HTML page.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If there is no row to score, lengths differ, or a parameter is invalid.

    See Also
    --------
    explain : Explain the prediction of a single row.
    skmmgenre.save : With `table` and `groups`, the file records hashes of the training data.

    Notes
    -----
    The page contains the names of the rows and artists that it shows, words of the texts of the
    best and worst items and, with `media`, covers and sound; nothing else of the table. Its
    Content-Security-Policy forbids network requests, and scripts other than its own.

    The best items have the largest margin between the scores of their true genres and those of
    all other genres, the worst items the smallest.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.compose import make_genre_classifier
    >>> from skmmgenre.inspection import report
    >>> table = pd.DataFrame({"text": ["slow sax", "sax solo", "loud drums", "drums on fire"] * 8})
    >>> genres = ["Jazz", "Jazz", "Rock", "Rock"] * 8
    >>> artists = [f"artist {row}" for row in range(32)]
    >>> model = make_genre_classifier(
    ...     audio=None, image=None, text__max_epochs=5, text__hidden_units=(8,), random_state=0
    ... )
    >>> model = model.fit(table[:24], genres[:24], groups=artists[:24])
    >>> page = report(model, table, genres, artists, seen_groups=artists[:24], n_examples=2)
    >>> page[:15], "8 of 32 rows" in page
    ('<!doctype html>', True)
    """
    if media not in MEDIA:
        raise ValueError(f"media must be one of {MEDIA}, got {media!r}.")
    versions, seen = None, None
    if isinstance(model, _MODEL_FILE):
        from ... import load

        about, seen = model_info(model), read_seen(model)
        card = about["card"] if card is None else card
        versions, model = about["versions"], load(model)
    check_is_fitted(model)
    if seen_groups is not None:
        seen = Seen.of(groups=seen_groups)
    table = as_pandas(table)
    page = build_page(
        model,
        table,
        genres_of_rows(y, [str(name) for name in model.classes_]),
        groups,
        names=[str(name) for name in table.index] if names is None else [str(n) for n in names],
        card={} if card is None else card,
        versions=versions,
        seen=seen,
        evaluation=evaluation,
        ablation=ablation,
        media=media,
        title=title,
        n_examples=n_examples,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    if path is not None:
        write_page(page, path)
    return page


def write_page(page, path):
    """Write a page to a file atomically; an existing file is kept until the page is complete."""
    with replacing(path) as new:
        with open(new, "w", encoding="utf-8") as file:
            file.write(page)


def build_page(
    model,
    table,
    genres,
    groups,
    *,
    names,
    card,
    versions,
    seen,
    evaluation=None,
    ablation=None,
    media="none",
    title="",
    n_examples=10,
    n_resamples=1000,
    random_state=0,
    errors=(),
    folder="",
):
    """Render the page; see `report`.

    Parameters
    ----------
    model, table, groups, names, card, evaluation, ablation, media, title
        As for `report`.
    genres : list of list of str
        Genres of each row, in the spelling of the model.
    versions : dict or None
        Library versions recorded in the model file.
    seen : Seen or None
    n_examples, n_resamples, random_state : int
    errors : sequence of (str, str)
        Item and reason of cells that were skipped before the table was passed to the model.
    folder : str
        A local path, which is removed from the reasons.

    Returns
    -------
    page : str
    """
    classes = [str(name) for name in model.classes_]
    # Models of any class are accepted, so a prediction shows whether they are multilabel.
    with progress_hidden():
        several = np.ndim(model.predict(table.iloc[:1])) == 2
    columns = modalities_of(model) if "modalities" in getattr(model, "named_steps", ()) else {}
    items, left_out = choose_items(
        table,
        genres,
        groups,
        names,
        classes=classes,
        several=several,
        columns=list(columns.values()),
        seen=seen,
    )
    stored = [] if evaluation is None else [of_evaluation(evaluation)]
    predictions = predict(model, items.table)
    answers = predictions.answers
    # Collected before the explanations, which run the model again.
    set_aside = [*errors, *_errors_of(model, items)]
    # Reasons may contain paths of the user, which a report that is passed on must not show.
    if folder:
        inside = os.path.join(folder, "")
        set_aside = [
            (item, reason.replace(inside, "").replace(folder, "the folder"))
            for item, reason in set_aside
        ]
    judge = Judge(items, classes, several, n_resamples=n_resamples, random_state=random_state)
    counts = card.get("items_by_genre")
    counts = counts if isinstance(counts, dict) else {}
    scores = judge.scores(answers, _shares(counts, card))
    together = list(predictions.subsets)[-1] if predictions.subsets else ""
    stored += [found for found in (of_card(card), of_ablation(ablation, together)) if found]
    best, worst, why_not = choose_examples(model, answers, items, n=n_examples, media=media)
    found_map = make_map(predictions, items, random_state=random_state)
    return _template().render(
        title=title,
        items=items,
        left_out=left_out,
        several=several,
        data=facts_of_data(items, columns),
        errors=facts_of_errors(list(dict.fromkeys(set_aside))),
        scores=scores,
        beside=next((found for found in stored if found.plain and found.is_of(scores)), None),
        # The table of an ablation is shown in its own section.
        elsewhere=[found for found in stored if not (found.of_ablation or found.is_of(scores))],
        compared=COMPARED[several],
        learned=counts,
        never=_never_predicted(answers),
        confusion=judge.confusion(answers, _MOST_IN_CONFUSION),
        n_genres=len(classes),
        curves=[draw_curves(curve) for curve in curves_of(model)],
        subsets=_subsets(judge, predictions, stored, scores, several),
        ablation=_ablation(ablation, several),
        map=found_map,
        drawn=None if found_map is None else draw_map(found_map, items, answers),
        best=best,
        worst=worst,
        why_not=why_not,
        model=facts_of_model(model, card, versions),
        media=media,
    )


def _shares(counts, card):
    """Return the share of training items per genre, if the card contains it."""
    n = card.get("items")
    if not counts or not isinstance(n, int) or n < 1:
        return None
    return {str(name): count / n for name, count in counts.items()}


def _errors_of(model, items):
    found = getattr(model, "errors_", None)
    if found is None:
        return []
    return [
        (items.names[row] if row < len(items.names) else "", str(reason))
        for row, reason in zip(found["row"], found["reason"], strict=True)
    ]


def _never_predicted(answers):
    if answers.several:
        occurs = answers.predicted.any(axis=0)
    else:
        occurs = np.isin(np.array(answers.classes, dtype=object), answers.predicted)
    return [name for name, some in zip(answers.classes, occurs, strict=True) if not some]


def _subsets(judge, predictions, stored, scores, several):
    """Return a row per subset of the modalities: value, interval and, if stored, plain."""
    metric, lines = COMPARED[several], []
    plain = {}
    for found in stored:
        if found.is_of(scores):
            plain = found.plain_subsets or plain
    for name, answers in predictions.subsets.items():
        low, high = judge.interval(answers, metric)
        line = {"name": name, "value": judge.values(answers)[metric], "low": low, "high": high}
        lines.append(line | {"plain": plain.get(name, {}).get(metric, np.nan)})
    return lines


def _ablation(ablation, several):
    """Return the rows of a table of `ablate_modalities`."""
    if ablation is None:
        return []
    metric = COMPARED[several]
    return [
        {
            "name": str(name),
            "value": line[metric],
            "ceiling": line.get("ceiling", np.nan),
            "reference": str(line.get("reference", "")),
            "difference": line.get("difference", np.nan),
            "low": line.get("low", np.nan),
            "high": line.get("high", np.nan),
            "is_control": str(line.get("input")) == "Control",
        }
        for name, line in ablation.iterrows()
    ]


@cache
def _template():
    # Imported lazily: torch, too, imports jinja2 only when it compiles.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters |= {
        "number": _number,
        "signed": _signed,
        "count": "{:,}".format,
        "percent": _percent,
        "plural": lambda n, noun: f"{n:,} {noun}{'' if n == 1 else 's'}",
        # The policy of the page allows only the script with this hash.
        "sha256": _sha256,
        "in_script": _in_script,
        "parts": parts_of,
        "pieces": draw_pieces,
    }
    environment.globals |= {"curve": CURVE, "frame": MAP}
    text = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    return environment.from_string(text)


def _visible(value):
    """Escape control characters and what UTF-8 cannot encode."""
    if type(value) is not str:  # Markup is from the template itself
        return value
    if value.isprintable():
        return value
    return "".join(
        c if c.isprintable() or c in " \n" else c.encode("unicode_escape").decode() for c in value
    )


def _number(value, digits=3):
    return "-" if is_missing(value) or pd.isna(value) else f"{value:.{digits}f}"


def _signed(value, digits=3):
    return "-" if is_missing(value) or pd.isna(value) else f"{value:+.{digits}f}"


def _percent(share):
    return f"{100 * share:.0f} %"


def _sha256(text):
    return base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode()


def _in_script(value):
    """Return JSON that is safe inside a script element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    # "</script>" in a name would end the element. In JSON, these letters occur only in strings,
    # where they may be written as escapes.
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)
