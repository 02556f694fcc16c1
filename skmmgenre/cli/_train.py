"""`skmmgenre train`: train a model on music, and print its metrics on held-out music."""

import json
import os
import shlex
from collections import Counter

import click
import numpy as np
from sklearn.base import BaseEstimator

from .. import __version__
from .._model_summary import is_needed
from ..compose import make_genre_classifier
from ..labels import GenreTaxonomy
from ..model_selection import ArtistShuffleSplit
from ..nets import interruption_ends_all
from ..utils import BadItem, estimators_in, first_few, is_missing, refuse_left_out, walk_parts
from ._control import fit_control, match_decision
from ._evaluate import evaluate_model, subsets_of, with_errors_of_plain
from ._evaluation_tables import print_held_out
from ._genre_names import drop_rare
from ._labelling import Labelling
from ._model import check_place, encoders_in, errors_of, in_threads, n_jobs_for
from ._model_source import fetch_once
from ._music import MODALITIES
from ._options import (
    POSITIVE,
    SEED,
    as_json,
    example,
    genres_file,
    jobs,
    label_options,
    parse_settings,
    quiet,
    report_only_first,
    report_readings,
    report_skipped,
    report_unlisted,
    source_options,
)
from ._terminal import count_of, one_line

# The default for sound. Six windows cover a clip of 20 seconds; in a longer track they are spread
# evenly.
_PRETRAINED = {"audio_model": "musicnn", "audio__n_patches": 6}


@click.command(
    epilog=example(
        "skmmgenre train ~/Music -o genres.skmmgenre\n"
        "  skmmgenre train ~/Examples --genres-from folders -o styles.skmmgenre\n"
        "  skmmgenre train albums.csv -o genres.skmmgenre --test-size 0.2 \\\n"
        "    --genres names.yaml --set audio__architecture=time"
    )
)
@click.argument("source", metavar="TABLE_OR_FOLDER")
@click.option("-o", "--output", metavar="MODEL", required=True, help="Model file to write.")
@source_options
@label_options
@genres_file
@click.option(
    "--min-items",
    type=POSITIVE,
    default=1,
    help="Ignore genres that fewer than N training items have.",
)
@click.option(
    "--modality",
    "modalities",
    multiple=True,
    type=click.Choice(["audio", "text", "image"]),
    help="Use only this modality (may be repeated). Default: all that the music has.",
)
@click.option(
    "--target",
    type=click.Choice(["auto", "softmax", "logistic", "cosine"]),
    default="auto",
    show_default=True,
    help="softmax: single-label; logistic, cosine: multilabel; auto: multilabel if an item has "
    "several genres.",
)
@click.option(
    "--test-size",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="SHARE",
    help="Hold out this share of the music, by artist, and print metrics on it for the model and "
    "for a plain control trained on the same music.",
)
@click.option(
    "--plain/--no-plain",
    default=True,
    help="Whether --test-size also trains a plain control: logistic regression on statistics of "
    "the sound, words and colours.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of make_genre_classifier (may be repeated). Single-label models are trained "
    "with class_weight=balanced, so that rare genres weigh as much as frequent ones; --set "
    "class_weight=None turns this off.",
)
@click.option("--strict", is_flag=True, help="Stop at the first file that cannot be used.")
@click.option(
    "--skip-unlabelled",
    is_flag=True,
    help="Skip rows of a table that have no genre, or no valid value in the column split; by "
    "default they are an error. Files of a folder without a genre are always skipped, and rows of "
    "a table with --labels.",
)
@click.option(
    "--seed",
    type=SEED,
    default=0,
    show_default=True,
    help="Seed of the training and of the held-out items.",
)
@jobs
@quiet
@as_json
def train(
    source,
    output,
    settings,
    strict,
    skip_unlabelled,
    genres_from,
    labels,
    with_tagged,
    jobs,
    quiet,
    as_json,
    min_items,
    **options,
):
    """Train a model that predicts the genres of music, and write it to a file.

    Sound is encoded by musicnn, a pretrained network, whose weights are fetched once and not
    trained further. A network is trained from scratch instead if the weights cannot be fetched,
    with --set audio_model=cnn, or with a setting that only such a network has.

    A table is a CSV, TSV or Parquet file with one row per track or album. Its columns are genres
    ("Jazz; Blues"), artist, and at least one of audio (a path or a list of paths), text and cover
    (a path); paths are relative to the table. In a folder, skmmgenre reads the tags and covers of
    the files and the texts next to them; with --genres-from folders, the genres are the names of
    the folders in it.
    """

    from .. import save  # imports skops and torch, which `--help` does not need

    check_place(output)
    settings = parse_settings(settings)
    # Invalid settings are an error before any music is read.
    pretrained = _check_settings(options["modalities"], options["target"], settings)
    names = options.pop("names")
    reading = ("by", "separators", "not_genres", "genre", "artist")
    reading = {key: options.pop(key) for key in reading}
    labelling = Labelling.of_options(source, genres_from, labels, with_tagged, by=reading["by"])
    opened = labelling.open(source, verbose=not quiet, **reading)
    with opened as (music, n_written, n_labelled):
        report_readings(music)
        report_unlisted(names, music.genres)
        if pretrained is not None and "audio" in _present(music.table, options["modalities"]):
            settings = _sound_of(settings, pretrained)
        model, card, errors, held_out, learned = train_model(
            music,
            names=names,
            min_items=min_items,
            settings=settings,
            on_error="raise" if strict else "missing",
            skip_unlabelled=skip_unlabelled or os.path.isdir(source) or bool(labels),
            n_jobs=jobs,
            verbose=int(not quiet),
            **options,
        )
        if n_written:
            card["written_by_tag"] = {"items": n_written, "learned": with_tagged}
        if labels:
            card["labelled_by_annotators"] = n_labelled
        card["trained_on"] = os.path.basename(os.path.abspath(source))
        # Inside the context: `save` hashes the extracted covers, which are deleted at its end.
        not_saved = save(model, output, card=card, table=learned.table, groups=learned.artists)
    report_skipped(music.errors + errors)
    report_only_first(card["first_genre_only"])
    _report_not_saved(model, output, not_saved)
    if as_json:
        click.echo(json.dumps(card, indent=2))
        return
    click.echo(
        f"{output}: {count_of(len(card['items_by_genre']), 'genre')}, trained on "
        f"{count_of(card['items'], 'item')} with {' + '.join(card['modalities'])}"
    )
    for line in _left_out(**card["left_out"]):
        click.echo(f"  skipped: {line}")
    if held_out is not None:
        print_held_out(held_out)


def _report_not_saved(model, output, names):
    """Print on standard error the parameters that other commands need, with their values."""
    # `make_genre_classifier` gives each class to one modality, so a name means one value.
    classes = {type(estimator).__name__: estimator for estimator in estimators_in(model)}
    options = []
    for name in filter(is_needed, names):
        cls, _, parameter = name.partition(".")
        value = getattr(classes[cls], parameter)
        text = str(value)
        if parse_settings([f"{name}={text}"])[name] != value:
            text = repr(value)  # the folder "2024" is not a number
        options.append(f"--set {name}={shlex.quote(text)}")
    if options:
        click.echo(
            f"{output} does not contain these parameters. Pass them to predict, tag, evaluate and "
            f"report: {' '.join(options)}",
            err=True,
        )


def _left_out(without_genre, test_rows, rare_genres, without_split=0):
    """Yield lines on the items and genres that a model was not trained on."""
    if without_genre:
        yield f"items without a genre: {without_genre:,}"
    if without_split:
        yield f"items without a valid split: {without_split:,}"
    if test_rows:
        yield f"items of the test split: {test_rows:,}"
    if rare_genres:
        named = first_few(rare_genres, 8, count=True, name=one_line)
        yield f"genres with too few items: {named}"


def train_model(
    music,
    *,
    modalities=(),
    target="auto",
    names=None,
    min_items=1,
    settings=None,
    test_size=0.0,
    plain=True,
    on_error="missing",
    skip_unlabelled=False,
    seed=0,
    n_jobs=None,
    verbose=1,
):
    """Train a model on all items that have a genre.

    Parameters
    ----------
    music : Music
        Rows whose column ``split`` is "test" are not trained on. A column ``validation``, or "val"
        in ``split``, marks the rows for early stopping.
    modalities : sequence of str
        Any of "audio", "text" and "image". If empty, all that the music has.
    target : {"auto", "softmax", "logistic", "cosine"}
        With "softmax" only the first genre of an item is used. "auto" is single-label if no item
        has several genres.
    names : GenreNames or None
    min_items : int
        Genres that fewer items have are ignored. Items that are not trained on because of their
        ``split`` do not count; those that `test_size` holds out do.
    settings : dict or None
        Further parameters of `make_genre_classifier`. The default of `class_weight` is "balanced"
        for single-label models.
    test_size : float
        Share of the items, by artist, that is held out to compute metrics.
    plain : bool
        Whether a plain control is trained on the same items and compared with the model.
    on_error : {"missing", "raise"}
    skip_unlabelled : bool
        Skip items without a genre or without a valid ``split``, which are an error by default.
        Items whose genres `names` or `min_items` exclude are skipped in any case.
    seed, n_jobs, verbose

    Returns
    -------
    model : GenrePipeline
    card : dict
        Training data and metrics as plain values.
    errors : list of (str, str)
        Item and reason of each cell that was treated as missing.
    held_out : Evaluation or None
        Metrics on the held-out items.
    learned : Music
        The items that the model was trained on.

    Raises
    ------
    ValueError
        If there are too few items to train or test on, items have no genre, or a setting is
        invalid.
    """
    parts = music.parts()
    is_test, without_split = parts == "test", parts == ""
    left_out = is_test | without_split
    genres = [names.map(item) for item in music.genres] if names else music.genres
    genres = [[] if out else item for item, out in zip(genres, left_out, strict=True)]
    n_named = sum(map(bool, genres))
    genres, rare = drop_rare(genres, min_items)
    if n_named and not any(genres):
        raise ValueError(
            f"--min-items {min_items:,}: no genre has that many training items "
            f"({count_of(n_named, 'item')}, {count_of(len(rare), 'genre')}). Use a smaller number."
        )
    labelled = np.array([bool(item) for item in genres])
    if not labelled.any():
        raise ValueError(
            "no training item has a genre. With --genres, check that its names occur in the music; "
            "with a column split, that its training rows have genres."
        )
    if not skip_unlabelled:
        _refuse_unlabelled(music, without_split, left_out)
    n_without = int((~left_out & ~labelled).sum())
    # From here on, positions count the labelled items only.
    music = music.take(labelled)
    genres = [genres[row] for row in np.flatnonzero(labelled)]
    music.genres = genres
    several = target in ("logistic", "cosine") or (
        target == "auto" and any(len(item) > 1 for item in genres)
    )
    if several:
        taxonomy = GenreTaxonomy.from_items(genres, separator=None)
        y = taxonomy.label_matrix(genres)
    else:
        y = np.array([item[0] for item in genres], dtype=object)
    n_several = 0 if several else sum(len(item) > 1 for item in genres)
    present = _present(music.table, modalities)
    settings = settings or {}
    if several:
        _refuse_class_weight(settings)
    else:
        settings = {"class_weight": "balanced"} | settings
    model = _make_model(
        present, target, settings, on_error=on_error, seed=seed, n_jobs=n_jobs, verbose=verbose
    )
    learn, test = _split(music, y, test_size, seed)
    y_learn = y.iloc[learn] if several else y[learn]
    if len(test) and not several and not np.isin(y[test], y_learn).any():
        raise ValueError(
            "--test-size holds out all items of some genres, and no items of the other genres, so "
            "the model cannot be scored. Change --test-size or --seed, or exclude rare genres "
            "with --min-items."
        )
    table = music.table[[MODALITIES[name] for name in present]]
    validation = _validation(music.table, parts[labelled])
    groups = None if music.artists is None else music.artists[learn]
    with interruption_ends_all(), in_threads(model):
        # The control is fast and comes first, so that its errors do not cost a trained model.
        control = _control(model, table.iloc[learn], y_learn, groups, plain) if len(test) else None
        model.fit(
            table.iloc[learn],
            y_learn,
            groups=groups,
            validation=None if validation is None else validation[learn],
        )
    if control is not None:
        match_decision(control, model)
    # Before `evaluate_model`, which runs the model on other rows and so replaces its errors.
    errors = errors_of(model)
    counts = Counter(genre for row in learn for genre in genres[row][: None if several else 1])
    artists = [] if groups is None else [a for a in groups if not is_missing(a)]
    card = {
        "made_by": f"skmmgenre {__version__}, skmmgenre train",
        "modalities": present,
        "several_genres": several,
        "first_genre_only": n_several,
        "class_weight": settings.get("class_weight"),
        "items": len(learn),
        "artists": len(set(artists)),
        "items_by_genre": dict(counts.most_common()),
        "left_out": {
            "without_genre": n_without,
            "test_rows": int(is_test.sum()),
            "rare_genres": rare,
        },
        "seed": seed,
    }
    if "audio" in present:
        card["audio_model"] = encoder = settings.get("audio_model", "cnn")
        if os.path.isdir(encoder):  # a card contains no local path
            card["audio_model"] = os.path.basename(os.path.abspath(encoder))
        for encoder in encoders_in(model):
            card["audio_n_patches"] = encoder.n_patches
    if without_split.any():
        card["left_out"]["without_split"] = int(without_split.sum())
    if names is not None and names.aliases:
        card["aliases"] = names.aliases
    held_out = None
    if len(test):
        errors = with_errors_of_plain(errors, control.errors)
        held_out = evaluate_model(model, music.take(test), control=control, each_subset=False)
        errors += held_out.errors
        card["held_out"] = held_out.of_all_modalities()
    if n_jobs is None and any(encoders_in(model)):
        model.set_params(n_jobs=None)  # the number of cores is not a property of the model
    return model, card, list(dict.fromkeys(errors)), held_out, music.take(learn)


def _refuse_class_weight(settings):
    for name, value in settings.items():
        if name.rpartition("__")[2] == "class_weight" and value is not None:
            raise ValueError(
                f"--set {name}={value} is not supported for multilabel models, and some items have "
                "several genres. Remove it, or pass --target softmax."
            )


def _refuse_unlabelled(music, without_split, left_out):
    option = "--skip-unlabelled skips them."
    refuse_left_out(
        without_split,
        "have a split that is neither train, val nor test",
        f"Use one of these, or rename the column split if it means something else; {option}",
        noun="item",
        names=music.names,
    )
    refuse_left_out(
        ~left_out & ~np.array(list(map(bool, music.genres))),
        "have no genre",
        f"Fill the column of genres; {option}",
        noun="item",
        names=music.names,
    )


def _validation(table, parts):
    """Return a mask of the rows that the table marks for early stopping, or None."""
    marks = parts == "val"
    if "validation" in table:
        column = [str(value).lower() in ("true", "1", "1.0") for value in table["validation"]]
        marks = np.array(column) if any(column) else marks
    return marks if marks.any() else None


def _present(table, asked):
    """Return the requested modalities, or by default all that have a non-missing cell."""
    held = [
        name
        for name, column in MODALITIES.items()
        if not all(is_missing(cell) for cell in table[column])
    ]
    lacking = [name for name in asked if name not in held]
    if lacking:
        raise ValueError(
            f"--modality {lacking[0]}: the column {MODALITIES[lacking[0]]!r} is empty or absent; "
            f"the music has {held}."
        )
    return [name for name in held if not asked or name in asked]


def _make_model(present, target, settings, *, on_error, seed, n_jobs, verbose):
    columns = {name: MODALITIES[name] if name in present else None for name in MODALITIES}
    usual = {"random_state": seed, "n_jobs": n_jobs, "verbose": verbose, "on_error": on_error}
    try:
        # Built twice: the first model shows which of the usual parameters its steps have.
        model = make_genre_classifier(**columns, target=target, **settings)
        steps = [step for _, _, step in walk_parts(model, fitted=False)]
        taken = {name for step in steps for name in step.get_params(deep=False)}
        usual = {name: value for name, value in usual.items() if name in taken}
        if "n_jobs" in usual:
            usual["n_jobs"] = n_jobs_for({type(step).__name__ for step in steps}, n_jobs)
        model = make_genre_classifier(**columns, target=target, **(usual | settings))
        # Otherwise a wrong value would be an error in `fit`, after all files were read.
        for part in model.get_params().values():
            if isinstance(part, BaseEstimator):
                part._validate_params()
    except (TypeError, ValueError) as error:
        raise ValueError(f"--set: {error}") from error
    return model


def _check_settings(modalities, target, settings):
    """Validate settings; return them with the default audio encoder if they are valid with it."""
    usual = {"on_error": "missing", "seed": 0, "n_jobs": None, "verbose": 0}
    asked = modalities or MODALITIES
    if "audio" in asked and "audio_model" not in settings and settings.get("preset") != "paper":
        try:
            pretrained = _PRETRAINED | settings
            _make_model(asked, target, pretrained, **usual)
            return pretrained
        except ValueError:  # such as audio__max_epochs, which only a trained network has
            pass
    _make_model(asked, target, settings, **usual)
    return None


def _sound_of(settings, pretrained):
    """Return the settings with the pretrained encoder, or unchanged if it cannot be fetched."""
    try:
        fetch_once(pretrained["audio_model"])
    except OSError as error:
        click.echo(f"Sound: cnn (trained from scratch), because {error}", err=True)
        return settings
    click.echo(
        f"Sound: {pretrained['audio_model']} (pretrained); --set audio_model=cnn trains a network "
        "from scratch",
        err=True,
    )
    return pretrained


def _control(model, table, y, groups, plain):
    """Return the plain control, or one with the reason why it cannot be trained."""
    try:
        return fit_control(model, table, y, subsets_of(model)[-1:] if plain else [], groups)
    except BadItem:  # with --strict
        raise
    except ValueError as error:
        control = fit_control(model, table, y, [])
        control.reason = str(error)
        return control


def _split(music, y, test_size, seed):
    """Return positions of training and test items; no artist is in both."""
    rows = np.arange(len(music.names))
    if not test_size:
        return rows, rows[:0]
    artists = music.artists
    groups = rows
    if artists is not None:
        # Items without an artist are groups of their own; no name begins with a null character.
        groups = [f"\x00{row}" if is_missing(a) else a for row, a in enumerate(artists)]
    splitter = ArtistShuffleSplit(1, test_size=test_size, random_state=seed)
    return next(splitter.split(rows[:, np.newaxis], y, groups))
