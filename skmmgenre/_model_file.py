"""Save and load model files that are safe to open."""

import io
import json
import warnings
import zipfile
from typing import Any, BinaryIO

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from ._library_versions import differences, in_words, names_to_record, names_used_by, versions_of
from ._model_archive import (
    FORMAT,
    SCHEMA,
    Refused,
    check_array,
    check_file,
    damaged,
    name_of,
    read_archive,
    remedy_of_strangers,
    shown,
    write_archive,
)
from ._model_summary import is_needed, modalities_of, names_left_out, summarize
from ._model_types import (
    Misshapen,
    Strange,
    check_schema,
    estimators_of,
    files_of,
    fit_parameters,
    leave_out,
    may_be_left_out,
    number_anew,
    parse_schema,
    schema_text,
    trusted_types,
)
from ._seen import Seen, rows_checked_by
from ._typing import Column, FilePath, Table
from .compose._parameters import set_runtime_params


class ModelVersionWarning(InconsistentVersionWarning):
    """Warning that a model was saved with other versions of libraries its predictions depend on.

    Parameters
    ----------
    message : str
    differences : dict of str to tuple
        The result of `_library_versions.differences`.
    """

    def __init__(self, message, differences):
        self.message, self.differences = message, differences

    def __str__(self):
        return self.message


def save(
    model: Any,
    path: FilePath | BinaryIO,
    *,
    card: dict[str, Any] | None = None,
    table: Table | None = None,
    groups: Column | None = None,
) -> list[str]:
    """Write a fitted model to one file that is safe to open.

    Parameters
    ----------
    model : estimator
        A fitted model. It may contain estimators of this package and of scikit-learn, arrays and
        plain Python objects.
    path : str, path-like or binary file object
        An existing file is replaced when the new one is complete. A file object is written to
        from its current position, and stays open.
    card : dict, default=None
        Information for users of the model: its training data, metrics and limitations. Keys
        are str; values are JSON-serializable, or NumPy numbers and arrays. The names of the
        genres are added as "genres".
    table : DataFrame, default=None
        The rows that the model was trained on. Only a hash of each row is stored, so that
        :func:`skmmgenre.inspection.report` can exclude items that the model was trained on. If
        the model selects columns of a table, only these columns are hashed. None stores none.
    groups : array-like of shape (n_rows,), default=None
        The artists that were passed to `fit`. Hashes of their names, without case, accents and
        punctuation, are stored for the same purpose. None stores none.

    Returns
    -------
    left_out : list of str
        Parameters that were reset to their defaults, since they contain a local path or a host:
        "GazetteerLinker.kb", "CQTExtractor.cache". Pass them to `load`. The model of an encoder and
        the URL of a linker are not replaced by the default: the loaded estimator raises an error
        until they are passed.

    Raises
    ------
    TypeError
        If the model contains an unsupported object, such as a function or a random forest, or the
        card a value that is not JSON-serializable; or if `path` is neither a path nor a binary
        file object.
    ValueError
        If the file object is closed or is not open for writing.
    OSError
        If `path` cannot be written: its folder is missing or read-only, or it is itself a folder.
    NotFittedError
        If the model is not fitted.

    See Also
    --------
    load : Load the model from the file.
    model_info : Return the metadata of the file.

    Notes
    -----
    The file is a zip archive of skmmgenre.json (format, versions, card, checksums, the output of
    ``skmmgenre info``, and the hashes), skops' schema.json, and one .npy file per array. The same
    model gives the same bytes.

    Examples
    --------
    >>> import tempfile
    >>> import skmmgenre
    >>> from skmmgenre.text import TextMLP
    >>> mlp = TextMLP(hidden_units=(8,), max_epochs=2, validation_fraction=0, random_state=0)
    >>> mlp = mlp.fit([[1, 0], [0, 1], [1, 1]], ["Rock", "Jazz", "Rock"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/mlp.skmmgenre"
    ...     left_out = skmmgenre.save(mlp, path, card={"trained on": "three made-up rows"})
    ...     card = skmmgenre.model_info(path)["card"]
    ...     again = skmmgenre.load(path)
    >>> card
    {'genres': ['Jazz', 'Rock'], 'trained on': 'three made-up rows'}
    >>> bool((again.predict_proba([[1, 0]]) == mlp.predict_proba([[1, 0]])).all())
    True
    """
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"model must be an estimator, got {type(model).__name__}.")
    check_is_fitted(model)
    check_file(path, "wb")
    card = _as_card(model, card)
    schema, members = _describe(model)
    left_out = leave_out(schema)
    schema, names = number_anew(schema)
    try:
        text = schema_text(schema)
    except Strange as error:
        raise TypeError(
            f"The model cannot be saved: {error}, which is not on the list of types that are safe "
            "to load. Replace it (for a search, save best_estimator_), or use joblib.dump for a "
            "file that only you open."
        ) from None
    # Arrays to which only a reset parameter referred are dropped.
    members = {new: members[old] for old, new in names.items()}
    # `load` would refuse such an array, so it is refused before a file is written.
    for name, content in members.items():
        check_array(path, name, content)
    versions = versions_of(names_to_record(cls for cls, _ in estimators_of(schema)))
    manifest = {"format": FORMAT, "versions": versions, "card": card, "left_out": left_out}
    if (summary := summarize(model)) is not None:
        manifest["summary"] = summary
    if table is not None or groups is not None:
        manifest["seen"] = _seen_by(model, table, groups).as_manifest()
    write_archive(path, manifest, {SCHEMA: text, **members})
    return left_out


def load(path: FilePath | BinaryIO, *, params: dict[str, Any] | None = None) -> Any:
    """Load a model from a file without running code from it.

    Parameters
    ----------
    path : str, path-like or binary file object
        A file written by `save`. A file object is read from its current position (after `save`
        call its ``seek(0)``) and is returned to it; it must be seekable. Pass bytes, such as a
        network response, as ``io.BytesIO(content)``.
    params : dict, default=None
        Parameters to set: those that `save` has left out, as listed by `model_info`
        (``{"GazetteerLinker.kb": "music.kb"}``), and those that control how the model runs but not
        what it predicts: ``device``, ``n_jobs``, ``batch_size``, ``precision``, ``on_error``,
        ``cache``, ``keep_mentions``, ``verbose``, and ``timeout``, ``max_retries`` and
        ``backoff`` of linkers that query a service. A bare name is set in every step that has it;
        ``audio__n_jobs`` in the network of that part, or else in its last step that has it; a
        name of `get_params` in that step; ``CQTExtractor.n_jobs`` in all estimators of the class.
        A more specific name takes precedence.

    Returns
    -------
    model : estimator
        A model with the same predictions as the one that was saved, once the parameters that were
        left out are set.

    Raises
    ------
    TypeError
        If `path` is neither a path nor a binary file object, or `params` is not a dict of str.
    ValueError
        If the file has another format, is damaged, contains a type that is neither from this
        package nor from scikit-learn, or declares more than it contains; or if `params` has
        a parameter that the model does not have or that is fixed in `fit` (``hidden_units``), or
        an invalid value. The message names the file, the reason and what to do.
    FileNotFoundError
        If the file does not exist.

    Warns
    -----
    UserWarning
        If a parameter on which predictions depend was left out and is not given, if the file was
        saved with another version of a library that they depend on, or if it sets a parameter that
        a class no longer has. Parameters that were added to a class since have their defaults.

    See Also
    --------
    save : Write the file; has an example.

    Notes
    -----
    No class is imported by a name in the file: names are compared with a list. Every array is
    compared with its declared size before it is created, and with a checksum. Checksums detect
    damage, not forgery: a model from an untrusted source cannot run code, or name a file or a host,
    but it can predict whatever its author wants. Loading may take three times the size of the file
    in memory, and 4 kB for each word of a vocabulary.
    """
    manifest, members = read_archive(path)
    try:
        schema = _parse_schema(path, members)
        # First, because all that follows relies on nodes of known types and forms.
        check_schema(schema)
        lost = fit_parameters(schema)
    except Misshapen as error:
        raise _no_model(path, error) from None
    except (Strange, RecursionError) as error:
        raise Refused(
            path, f"{error}, which is not allowed in model files", remedy_of_strangers(manifest)
        ) from None
    if missing := sorted(files_of(schema) - members.keys()):
        raise damaged(path, f"{missing[0]!r} is missing from it")
    # Reset them again: the file may not have been written by `save`.
    may_be_given = may_be_left_out(schema)
    # The manifest is not trusted either: it can only name parameters that this model has.
    before = may_be_given.intersection(names_left_out(manifest))
    left_out = {*leave_out(schema, before), *before}
    used = names_used_by(cls for cls, _ in estimators_of(schema))
    model = _make(path, schema, members)
    given = set_runtime_params(model, {} if params is None else params, also=may_be_given)
    _warn_of_versions(path, manifest["versions"], used)
    if lost:
        warnings.warn(
            f"Model file {name_of(path)} sets {', '.join(map(shown, lost))}, which the "
            "installed version does not have and ignores. Compare the predictions with earlier "
            "ones of this model before you rely on them.",
            UserWarning,
            stacklevel=2,
        )
    if needed := sorted(filter(is_needed, left_out - given)):
        warnings.warn(
            f"Model file {name_of(path)} was saved without {', '.join(needed)}, on which the "
            f"predictions depend. Pass {'it' if len(needed) == 1 else 'them'} to skmmgenre.load, "
            f"params={{{needed[0]!r}: ...}}, or as --set {needed[0]}=... on the command line.",
            UserWarning,
            stacklevel=2,
        )
    return model


def _seen_by(model, table, groups):
    if table is not None and "modalities" in getattr(model, "named_steps", ()):
        table = rows_checked_by(table, modalities_of(model).values())
    return Seen.of(table, groups)


def _describe(model):
    """Return skops' schema of the model, and the arrays that it refers to."""
    buffer = io.BytesIO()
    try:
        skops.io.dump(model, buffer)
    except Exception as error:  # the state of an object may raise any error
        raise TypeError(
            f"The model cannot be saved: {error}. Use joblib.dump for a file that only you open."
        ) from error
    with zipfile.ZipFile(buffer) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop(SCHEMA)), members


def _make(path, schema, members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            if name != SCHEMA:
                archive.writestr(name, content)
        archive.writestr(SCHEMA, json.dumps(schema))
    # The buffer contains them now, and skops makes arrays of it, which is another copy.
    members.clear()
    try:
        with warnings.catch_warnings():
            # `load` warns once for the file rather than for each estimator.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return skops.io.load(buffer, trusted=trusted_types(schema))
    except Exception as error:  # setting the state of an object may raise any error
        raise _no_model(path, f"{type(error).__name__}: {error}") from error


def _no_model(path, reason):
    return Refused(
        path,
        f"its content is not a valid model ({reason})",
        "It is damaged, was modified, or needs a newer skops (pip install -U skops).",
    )


def _parse_schema(path, members):
    try:
        schema = parse_schema(members[SCHEMA])
        if isinstance(schema, dict):
            return schema
    except KeyError:
        raise damaged(path, f"{SCHEMA!r} is missing from it") from None
    except Misshapen:
        raise
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"{SCHEMA!r} is not valid JSON ({error})") from error
    raise damaged(path, f"{SCHEMA!r} does not describe a model")


def _as_card(model, card):
    if card is not None and not isinstance(card, dict):
        raise TypeError(f"card must be a dict, got {card!r}.")
    genres = getattr(model, "classes_", None)
    card = {**({} if genres is None else {"genres": genres}), **(card or {})}
    for name, value in card.items():
        try:
            if not isinstance(name, str):
                raise TypeError("keys must be str")
            card[name] = json.loads(json.dumps(value, default=_plain_number))
        except (TypeError, ValueError) as error:
            raise TypeError(f"card[{name!r}] is not JSON-serializable: {error}.") from error
    return card


def _plain_number(value):
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"got {type(value).__name__}")


def _warn_of_versions(path, versions, used):
    if others := differences(versions, used):
        told = in_words({name: (shown(saved)[:40], here) for name, (saved, here) in others.items()})
        warnings.warn(
            ModelVersionWarning(
                f"Model file {name_of(path)} was saved with {told}: predictions may differ. "
                "Compare them with earlier predictions of this model before you rely on them.",
                others,
            ),
            stacklevel=3,
        )
