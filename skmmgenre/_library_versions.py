"""Versions of the libraries that a model's predictions depend on, and their differences."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from . import __version__

_DISTRIBUTIONS = (
    "scikit-learn",
    "numpy",
    "scipy",
    "skops",
    "torch",
    "torchvision",
    "skorch",
    "librosa",
    "soxr",
    "soundfile",
    "av",
    "pillow",
    "spacy",
    "pyspellchecker",
    "transformers",
)
# skops and skorch are recorded but not compared: skops reads the file, which is checked node by
# node, and skorch trains. Neither takes part in a prediction.
_OF_EVERY_MODEL = ("skmmgenre", "scikit-learn", "numpy", "scipy")
# Python decides which characters are letters and how they are lowercased (its Unicode tables).
_WORDS = ("python",)
_NETWORK = ("torch", "machine")
_SENTENCES = ("spacy", *_WORDS)
_SOUND = ("librosa", "soxr", "soundfile", "libsndfile", "av", "libavcodec", "machine")
# Further libraries that the predictions of each class depend on. Other classes need no others.
USED_BY = {
    "AudioCNN": _NETWORK,
    # musicnn's spectrogram is computed without librosa.
    "AudioEmbedder": (*_NETWORK, *(name for name in _SOUND if name != "librosa")),
    "AudioStatistics": _SOUND,
    "BabelfyLinker": _SENTENCES,
    "CQTExtractor": _SOUND,
    "ColorStatistics": ("pillow",),
    "EntityEnricher": _WORDS,
    "FusionClassifier": _NETWORK,
    "GazetteerLinker": ("pyspellchecker", *_WORDS),
    "ImageEmbedder": ("transformers", "torchvision", "pillow", *_NETWORK),
    "JointSpaceProjector": _NETWORK,
    "PrecomputedLinker": _WORDS,
    "ResNetEmbedder": ("torchvision", "pillow", *_NETWORK),
    "ReviewTruncator": _SENTENCES,
    "ReviewVectorizer": _WORDS,
    "SpotlightLinker": _SENTENCES,
    "TagMeLinker": _SENTENCES,
    "TextEmbedder": ("transformers", *_NETWORK),
    "TextMLP": _NETWORK,
    "VotingLinker": _WORDS,
}


def versions_of(names):
    """Return the versions of libraries, importing as few of them as possible.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    versions : dict of str to str
        Libraries that are not installed are skipped.
    """
    found = {name: _version(name) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def names_to_record(classes):
    """Return the names of the libraries whose versions are recorded in a model file.

    Parameters
    ----------
    classes : iterable of type
        Classes of the objects in the model.

    Returns
    -------
    names : list of str
        All names. Libraries inside soundfile and PyAV, which must be imported to get their
        versions, are included only if the classes read audio.
    """
    used = names_used_by(classes)
    return [name for name in _NAMES if name not in _INSIDE or name in used]


def names_used_by(classes):
    """Return the names of the libraries that the predictions of some classes depend on.

    Parameters
    ----------
    classes : iterable of type or str
        Classes or their names.

    Returns
    -------
    names : list of str
        Names, in the order in which versions are shown.
    """
    classes = {getattr(cls, "__name__", cls) for cls in classes}
    used = {*_OF_EVERY_MODEL, *(name for cls in classes for name in USED_BY.get(cls, ()))}
    return [name for name in _NAMES if name in used]


def differences(saved, names):
    """Compare recorded versions with the installed ones.

    Parameters
    ----------
    saved : dict
        Versions recorded in a model file. Libraries that are not in it are not compared.
    names : iterable of str
        Libraries to compare.

    Returns
    -------
    differences : dict of str to tuple of (str, str or None)
        The recorded and the installed version, None if the library is not installed. Versions
        of the same minor release ("2.4.1" and "2.4.6") are treated as equal.
    """
    names = [name for name in names if name in saved]
    here = versions_of(names)
    both = {name: (str(saved[name]), here.get(name)) for name in names}
    return {name: pair for name, pair in both.items() if _minor(pair[0]) != _minor(pair[1])}


def _minor(text):
    return None if text is None else text.split(".")[:2]


def in_words(differences):
    """Return differences as text: "numpy 1.26.4 (here 2.4.6), av 18.1.0 (here not installed)"."""
    return ", ".join(
        f"{name} {saved} (here {here or 'not installed'})"
        for name, (saved, here) in differences.items()
    )


@cache
def _version(name):
    if name in _NOT_DISTRIBUTIONS:
        return _NOT_DISTRIBUTIONS[name]()
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _libsndfile():
    try:
        import soundfile
    except (ImportError, OSError):  # OSError if the shared library is missing
        return None
    return soundfile.__libsndfile_version__


def _libavcodec():
    """Return the version of libavcodec, the decoding library of FFmpeg."""
    try:
        import av
    except ImportError:
        return None
    return ".".join(map(str, av.library_versions["libavcodec"]))


_INSIDE = {"libsndfile": _libsndfile, "libavcodec": _libavcodec}
_NOT_DISTRIBUTIONS = {
    "skmmgenre": lambda: __version__,
    "python": platform.python_version,
    "machine": platform.machine,
    **_INSIDE,
}
_NAMES = ("skmmgenre", "python", "machine", *_DISTRIBUTIONS, *_INSIDE)
