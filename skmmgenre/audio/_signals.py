"""Read the cells of an audio column: samples, or the content of a file."""

import hashlib
import importlib.metadata
import io
from numbers import Integral

import numpy as np
import soundfile
import soxr

from ..store import FeatureStore
from ..utils import BadItem, BadType, file_in
from ._decode import check_format, signature_of, version_of_decoder

# Samples below this are silence: eight steps of 16 bits, 72 dB below full scale. Relative to its
# own maximum, the dither of a silent track would be as loud as music.
AUDIBLE = 2.0**-12

MIN_HEARD = 0.9  # seconds of audible sound that a track must have
_BLOCK = 0.02  # seconds, blocks in which loudness is measured; half a period of 25 Hz
NOTHING_TO_HEAR = (  # reason and remedy
    f"nothing to hear: silence, or less than {MIN_HEARD} s of sound",
    "Leave the cell empty, or pass a longer or different part of the track.",
)


def store_of_features(path, *, settings, **options):
    """Return the store of audio features, or None without a path.

    Parameters
    ----------
    path : str, path or None
    settings : dict
        Everything that a feature depends on, except the sound and the libraries that decode it.
    **options
        Options of `FeatureStore`: kind, by_name, codec.
    """
    if path is None:
        return None
    # Libraries that affect the features of every file. PyAV only decodes some formats, and an
    # update must not invalidate the features of the others, so `version_for` returns its version.
    versions = {
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
        "soxr": soxr.__version__,
        "librosa": importlib.metadata.version("librosa"),
    }
    return FeatureStore(
        path,
        settings={**settings, "versions": versions},
        content_of=content_of,
        signature_of=signature_of,
        version_for=version_of_decoder,
        **options,
    )


def digest_of(file):
    """Return a hash of the content, used in place of a file name."""
    return hashlib.blake2b(file.getbuffer(), digest_size=16).digest()


def content_of(cell):
    """Return the content of a cell that is neither a path nor an array; see `FeatureStore`."""
    if _is_sampled(cell):
        samples = np.asarray(cell["array"])
        if samples.dtype.hasobject:
            return None
        return ("sampled", cell["sampling_rate"], samples.dtype.str, samples.shape), bytes(samples)
    try:
        file, name = file_in(cell)
    except BadItem:  # reported when it is decoded
        return None
    if not isinstance(file, io.BytesIO):
        return None
    return ("file", name, version_of_decoder(signature_of(file))), file.getvalue()


def _is_sampled(cell):
    """Return whether a cell is a dict of an array and its rate, as in Hugging Face datasets."""
    return isinstance(cell, dict) and {"array", "sampling_rate"} <= cell.keys()


def signal_of(cell, sr):
    """Return a signal given as an array, or as an array with its rate, as float32 at `sr`."""
    if not _is_sampled(cell):
        return _check_array(cell)
    y, rate = _check_array(cell["array"]), cell["sampling_rate"]
    if not isinstance(rate, Integral):
        raise BadType(
            f"its sampling_rate is {type(rate).__name__}, expected an integer", "Pass it in Hz."
        )
    check_format(int(rate), 1)
    return y if rate == sr else soxr.resample(y, int(rate), sr, quality="HQ")


def _check_array(cell):
    """Check a signal given as an array and return it as float32."""
    if getattr(cell, "shape", None) == ():
        raise BadItem(
            "it is a single number, not a signal", "Put the signal in a list: transform([signal])."
        )
    if hasattr(cell, "get_all_samples"):
        raise BadType(
            f"expected a path or a 1-D float array, got a decoder ({type(cell).__name__})",
            "Do not decode the files: dataset.cast_column(NAME, Audio(decode=False)).",
        )
    if not hasattr(cell, "__array__"):
        raise BadType(
            f"expected a path or a 1-D float array, got {type(cell).__name__}",
            "Wrap the extractor in MeanOverTracks for lists of paths; pass samples as a numpy "
            "array.",
        )
    y = np.asarray(cell)
    if y.dtype.kind != "f":
        raise BadType(
            f"the samples are {y.dtype}, not floating point",
            "Pass floats in [-1, 1]: divide 16-bit integers by 32768.",
        )
    if y.ndim != 1:
        raise BadItem(
            f"the array has shape {y.shape}, expected a 1-D signal", "Take the mean over channels."
        )
    if len(y) == 0:
        raise BadItem("the array has 0 samples", "Leave the cell empty.")
    with np.errstate(over="ignore"):
        y = np.ascontiguousarray(y, dtype=np.float32)
    if not np.isfinite(y).all():
        raise BadItem("it contains NaN or infinite samples", "Pass finite samples in [-1, 1].")
    return y


def check_transformed(values):
    """Raise BadItem if values computed from finite samples are not finite."""
    if not np.isfinite(values).all():
        raise BadItem("its samples are too large to be transformed", "Scale them to [-1, 1].")


def is_heard(y, sr):
    """Return whether at least `MIN_HEARD` seconds are audible, ignoring a constant offset."""
    if len(y) < MIN_HEARD * sr:
        return False
    starts = np.arange(0, len(y), int(_BLOCK * sr))
    lengths = np.diff(starts, append=len(y))
    # Halved before subtraction, because twice the largest sample may overflow.
    amplitudes = np.maximum.reduceat(y, starts) / 2 - np.minimum.reduceat(y, starts) / 2
    return lengths[amplitudes > AUDIBLE].sum() >= MIN_HEARD * sr
