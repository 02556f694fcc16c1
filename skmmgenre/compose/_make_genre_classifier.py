"""The usual pipeline, written in one call."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from .._typing import Decision, EntityLinker, Preset, Target
from ..audio import AudioCNN, AudioEmbedder, CQTExtractor
from ..fusion import FusionClassifier, JointSpaceProjector
from ..image import ImageEmbedder, ResNetEmbedder
from ..text import EntityEnricher, ReviewTruncator, ReviewVectorizer, TextEmbedder, TextMLP
from ._genre_pipeline import GenrePipeline
from ._mean_over_tracks import MeanOverTracks
from ._parameters import find_parameter
from ._ready_vectors import ReadyVectors

_SECONDS = 30.0  # of a track: two patches, and what shops and services let one hear


def make_genre_classifier(
    audio: str | None = "audio",
    text: str | None = "text",
    image: str | None = "cover",
    target: Target = "auto",
    joint_space: bool = False,
    linker: EntityLinker | None = None,
    audio_model: str | Callable[[np.ndarray], Any] = "cnn",
    text_model: str | Callable[[list[Any]], Any] = "mlp",
    image_model: str | Callable[[list[Any]], Any] = "resnet",
    decision: Decision = "tuned",
    preset: Preset = "auto",
    **params: Any,
) -> GenrePipeline:
    """Write the pipeline from a table of music to its genres.

    Parameters
    ----------
    audio, text, image : str or None
        The column of each modality; None leaves the modality out. A cell of audio is a
        path or a list of paths, of text a text or a list of texts in order of time, of
        image a path.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        Of all networks and of the fusion layer; ``text__target`` and the like change one.
    joint_space : bool, default=False
        Whether to add the joint space of audio and image (section 3.4).
    linker : object with a method link, default=None
        Finds what the texts mention, such as ``GazetteerLinker(knowledge_base)``: the
        categories of that become words of the texts (section 3.3). None leaves them as they
        are. Only with ``text_model="mlp"``.
    audio_model, text_model, image_model : str or callable
        What makes vectors of each modality. "cnn", "mlp" and "resnet", the defaults, are networks
        that learn from the table. "vectors" takes a column of ready vectors (`ReadyVectors`).
        Any other name is an encoder that was trained before and stays as it is: "musicnn",
        "musicnn-mtt", the name of a model on a hub, a local folder or a callable, as ``model`` of
        `AudioEmbedder`, `TextEmbedder` and `ImageEmbedder` takes them; ``audio__cache`` and the
        like set their other parameters.
    decision : {"tuned", "top1"} or float, default="tuned"
        Which of several genres `predict` tells. "tuned": those above thresholds that are best
        for unseen artists, the nearest one where none is, and none of a row without any
        modality; with ``preset="paper"`` as in the paper. "top1": the best. A number: those
        whose probability (target "cosine": similarity) is above it. Of one genre a row, "tuned"
        has frequent genres favoured less, as much as macro F1 of unseen artists asks for.
    preset : {"auto", "paper"}, default="auto"
        "auto" learns best: how long, how strongly penalised and with which thresholds is
        chosen on unseen artists, and then all is learned from all rows; 30 s of a track are
        heard, in training another 15 s of them in every epoch. "paper" takes the settings of
        Oramas et al. (2018), and 15 s.
    **params
        Parameters of the steps. A bare name goes to every step that has it
        (``random_state=0``, ``n_jobs=2``, ``verbose=1``); ``audio__``, ``text__``,
        ``image__``, ``joint__`` and ``fusion__`` address one modality's steps, its network
        before the others (``audio__lr=1e-4``). Names of the second kind also work in
        `set_params` of the model, and in the parameters of a search.

    Returns
    -------
    model : GenrePipeline
        Steps ``modalities`` (a ColumnTransformer; ``audio`` is a MeanOverTracks over
        ``cqt`` and ``cnn``, ``text`` is ``truncate``, ``enrich`` if there is a linker,
        ``tfidf``, ``mlp``, and ``image``), ``joint`` if asked for, ``fusion``. With an encoder,
        ``audio`` is a MeanOverTracks over it, ``text`` is ``truncate``, ``encoder``, and
        ``image`` is the encoder.

    Raises
    ------
    TypeError
        If no step has a parameter of a given name, or a model is neither a name nor a callable.
    ValueError
        If no modality is left, the joint space lacks one of its two, or a linker the text or its
        network; or if the linker is none.

    Notes
    -----
    A search takes the steps themselves: ``{"modalities__audio": [MeanOverTracks(AudioEmbedder()),
    MeanOverTracks(AudioEmbedder(model="musicnn-mtt"))]}``.

    Examples
    --------
    >>> from skmmgenre.compose import make_genre_classifier
    >>> model = make_genre_classifier(image=None, random_state=0, audio__architecture="time")
    >>> model.named_steps["modalities"].transformers[0][1].estimator["cnn"].architecture
    'time'
    """
    if linker is not None and text is None:
        raise ValueError("A linker needs texts: name their column, or leave linker=None.")
    if linker is not None and text_model != "mlp":
        raise ValueError(
            'A linker adds words for text_model="mlp" to learn from: leave text_model as it is, or '
            "linker=None."
        )
    branches = [
        ("audio", _branch_of_sound(audio_model, preset), audio),
        ("text", _branch_of_words(text_model, linker), text),
        ("image", _branch_of_covers(image_model), image),
    ]
    modalities = ColumnTransformer([branch for branch in branches if branch[2] is not None])
    if not modalities.transformers:
        raise ValueError("All modalities are None; name the column of at least one.")
    if joint_space and (audio is None or image is None):
        raise ValueError("joint_space=True needs both audio and image.")
    steps = [("modalities", modalities.set_output(transform="pandas"))]
    if joint_space:
        steps.append(("joint", JointSpaceProjector(passthrough=True)))
    model = GenrePipeline([*steps, ("fusion", FusionClassifier())])
    params |= {
        "target": target,
        "preset": preset,
        "decision": "auto" if decision == "tuned" else decision,
    }
    return set_params_of_steps(model, params, "make_genre_classifier")


def _branch_of_sound(model, preset):
    if model == "cnn":
        extractor = CQTExtractor() if preset == "paper" else CQTExtractor(duration=_SECONDS)
        return MeanOverTracks(Pipeline([("cqt", extractor), ("cnn", AudioCNN())]))
    if _is_of_vectors(model, "audio_model"):
        return ReadyVectors()
    return MeanOverTracks(AudioEmbedder(model=model))


def _branch_of_words(model, linker):
    truncate = ("truncate", ReviewTruncator())
    if model == "mlp":
        steps = [truncate, ("tfidf", ReviewVectorizer()), ("mlp", TextMLP())]
        if linker is not None:
            enrich = EntityEnricher(linker)
            enrich._validate_params()
            steps.insert(1, ("enrich", enrich))
        return Pipeline(steps)
    if _is_of_vectors(model, "text_model"):
        return ReadyVectors()
    return Pipeline([truncate, ("encoder", TextEmbedder(model=model))])


def _branch_of_covers(model):
    if model == "resnet":
        return ResNetEmbedder()
    if _is_of_vectors(model, "image_model"):
        return ReadyVectors()
    return ImageEmbedder(model=model)


def _is_of_vectors(model, name):
    """Tell whether a modality has ready vectors; refuse what names no encoder either."""
    if not (isinstance(model, (str, os.PathLike)) and os.fspath(model)) and not callable(model):
        raise TypeError(
            f"{name} must be the name of a model or a callable, got {model!r}. To leave a modality "
            f"out, pass {name.partition('_')[0]}=None."
        )
    return isinstance(model, str) and model == "vectors"


def set_params_of_steps(model, params, caller):
    """Set parameters by short names; a name with its part has the last word."""
    try:
        for name, value in params.items():
            if "__" not in name:
                model.set_params(**dict.fromkeys(find_parameter(model, name), value))
        return model.set_params(**{name: params[name] for name in params if "__" in name})
    except ValueError as error:
        raise TypeError(f"{caller}: {error}") from None
