"""Build the usual pipeline in one call."""

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

_SECONDS = 30.0  # of a track: two patches, and the length of the previews of shops and services


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
    """Build a pipeline that predicts genres from a table of music.

    Parameters
    ----------
    audio, text, image : str or None
        The column of each modality; None excludes the modality. An audio cell is a path or a list
        of paths, a text cell a text or a list of texts in chronological order, an image cell a
        path.
    target : {"auto", "softmax", "logistic", "cosine"}, default="auto"
        Target of all networks and of the fusion layer; ``text__target`` and the like change one of
        them.
    joint_space : bool, default=False
        Whether to add the joint space of audio and image (section 3.4).
    linker : object with a method link, default=None
        Finds the entities that the texts mention, such as ``GazetteerLinker(knowledge_base)``;
        their categories are added to the texts as words (section 3.3). None leaves the texts as
        they are. Only with ``text_model="mlp"``.
    audio_model, text_model, image_model : str or callable
        What computes the vectors of each modality. "cnn", "mlp" and "resnet", the defaults, are
        networks that are trained on the table. "vectors" expects a column of precomputed vectors
        (`ReadyVectors`). Any other value is a pretrained encoder, used as it is: "musicnn",
        "musicnn-mtt", the name of a model on a hub, a local folder or a callable, as for the
        parameter ``model`` of `AudioEmbedder`, `TextEmbedder` and `ImageEmbedder`;
        ``audio__cache`` and the like set their other parameters.
    decision : {"tuned", "top1"} or float, default="tuned"
        Which genres `predict` returns. Multilabel: "tuned" returns those above thresholds that are
        tuned on unseen artists, the one closest to its threshold if none is, and no genre for a
        row without any modality (with ``preset="paper"``, as in the paper); "top1" returns the
        most probable one; a number returns those whose probability (target "cosine": similarity)
        is above it. Single-label: "tuned" reduces the preference for frequent genres, by the
        amount that maximizes macro F1 on unseen artists.
    preset : {"auto", "paper"}, default="auto"
        "auto", which is recommended, chooses the length of training, the strength of the penalties
        and the thresholds on unseen artists, and then trains the model on all rows. It uses 30 s of
        each track, and trains on a different 15 s of them in every epoch. "paper" uses the
        settings of Oramas et al. (2018), and 15 s of each track.
    **params
        Parameters of the steps. A bare name is set on every step that has it
        (``random_state=0``, ``n_jobs=2``, ``verbose=1``); ``audio__``, ``text__``,
        ``image__``, ``joint__`` and ``fusion__`` address the steps of one part, its network
        before the others (``audio__lr=1e-4``). Names with such a prefix also work in `set_params`
        of the model, and in the parameters of a search.

    Returns
    -------
    model : GenrePipeline
        Steps ``modalities`` (a ColumnTransformer; ``audio`` is a MeanOverTracks over
        ``cqt`` and ``cnn``, ``text`` is ``truncate``, ``enrich`` if there is a linker,
        ``tfidf``, ``mlp``, and ``image``), ``joint`` if requested, ``fusion``. With an encoder,
        ``audio`` is a MeanOverTracks over it, ``text`` is ``truncate``, ``encoder``, and
        ``image`` is the encoder.

    Raises
    ------
    TypeError
        If no step has a parameter of a given name, or a model is neither a name nor a callable.
    ValueError
        If all modalities are None, the joint space lacks audio or image, a linker is given without
        a text column or with another `text_model` than "mlp", or `linker` has no method link.

    Notes
    -----
    To search over encoders, pass the steps themselves:
    ``{"modalities__audio": [MeanOverTracks(AudioEmbedder()),
    MeanOverTracks(AudioEmbedder(model="musicnn-mtt"))]}``.

    Examples
    --------
    >>> from skmmgenre.compose import make_genre_classifier
    >>> model = make_genre_classifier(image=None, random_state=0, audio__architecture="time")
    >>> model.named_steps["modalities"].transformers[0][1].estimator["cnn"].architecture
    'time'
    """
    if linker is not None and text is None:
        raise ValueError("linker requires texts: pass their column as text, or use linker=None.")
    if linker is not None and text_model != "mlp":
        raise ValueError(
            'linker requires text_model="mlp", which learns from the words that it adds: leave '
            "text_model as it is, or use linker=None."
        )
    branches = [
        ("audio", _branch_of_sound(audio_model, preset), audio),
        ("text", _branch_of_words(text_model, linker), text),
        ("image", _branch_of_covers(image_model), image),
    ]
    modalities = ColumnTransformer([branch for branch in branches if branch[2] is not None])
    if not modalities.transformers:
        raise ValueError("All modalities are None; pass the column of at least one.")
    if joint_space and (audio is None or image is None):
        raise ValueError("joint_space=True needs both audio and image.")
    steps = [("modalities", modalities.set_output(transform="pandas"))]
    if joint_space:
        steps.append(("joint", JointSpaceProjector(passthrough=True)))
    model = GenrePipeline([*steps, ("fusion", FusionClassifier())])
    params |= {
        "target": target,
        "preset": preset,
        # "auto" tunes, too, except with preset="paper", where `predict` is that of the paper.
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
    """Return whether a modality has ready vectors; raise if `model` is not an encoder either."""
    if not (isinstance(model, (str, os.PathLike)) and os.fspath(model)) and not callable(model):
        raise TypeError(
            f"{name} must be the name of a model or a callable, got {model!r}. To exclude a "
            f"modality, pass {name.partition('_')[0]}=None."
        )
    return isinstance(model, str) and model == "vectors"


def set_params_of_steps(model, params, caller):
    """Set parameters by short names; a name with a part takes precedence."""
    try:
        for name, value in params.items():
            if "__" not in name:
                model.set_params(**dict.fromkeys(find_parameter(model, name), value))
        return model.set_params(**{name: params[name] for name in params if "__" in name})
    except ValueError as error:
        raise TypeError(f"{caller}: {error}") from None
