"""What a cell of a column of sound holds: samples, or the content of a file."""

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

# What stays below it is silence: eight steps of 16 bits, 72 dB below full scale. Relative to its
# own maximum the dither of a silent track would be as loud as music.
AUDIBLE = 2.0**-12

MIN_HEARD = 0.9  # seconds of sound that a genre can be heard from
_BLOCK = 0.02  # seconds in which loudness is taken; half a period of 25 Hz
NOTHING_TO_HEAR = (  # reason and remedy
    f"nothing to hear: silence, or less than {MIN_HEARD} s of sound",
    "Leave the cell empty, or give a longer or another part of the track.",
)


def store_of_features(path, *, settings, **options):
    """Return the store of what is computed from sound, None without a path.

    Parameters
    ----------
    path : str, path or None
    settings : dict
        All that a feature depends on beside the sound and the libraries that decode it.
    **options
        Of `FeatureStore`: kind, by_name, codec.
    """
    if path is None:
        return None
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
    """What stands for the name of a file of which only the content is known."""
    return hashlib.blake2b(file.getbuffer(), digest_size=16).digest()


def content_of(cell):
    """What tells the content of a cell that is neither a path nor an array; see `FeatureStore`."""
    if _is_sampled(cell):
        samples = np.asarray(cell["array"])
        if samples.dtype.hasobject:
            return None
        return ("sampled", cell["sampling_rate"], samples.dtype.str, samples.shape), bytes(samples)
    try:
        file, name = file_in(cell)
    except BadItem:  # said when it is decoded
        return None
    if not isinstance(file, io.BytesIO):
        return None
    return ("file", name, version_of_decoder(signature_of(file))), file.getvalue()


def _is_sampled(cell):
    """Whether a cell is a dict of an array and its rate, as Hugging Face's datasets decode it."""
    return isinstance(cell, dict) and {"array", "sampling_rate"} <= cell.keys()


def signal_of(cell, sr):
    """A signal given as an array, or as an array and its rate, as float32 at `sr`."""
    if not _is_sampled(cell):
        return _check_array(cell)
    y, rate = _check_array(cell["array"]), cell["sampling_rate"]
    if not isinstance(rate, Integral):
        raise BadType(
            f"its sampling_rate is {type(rate).__name__}, not an integer", "Give it in Hz."
        )
    check_format(int(rate), 1)
    return y if rate == sr else soxr.resample(y, int(rate), sr, quality="HQ")


def _check_array(cell):
    """A signal given as an array, as float32."""
    if getattr(cell, "shape", None) == ():
        raise BadItem(
            "it is a single number, not a signal",
            "Put the signal into a list: transform([signal]).",
        )
    if hasattr(cell, "get_all_samples"):
        raise BadType(
            f"expected a path or a 1-D float array, got a decoder ({type(cell).__name__})",
            "Keep the files undecoded: dataset.cast_column(NAME, Audio(decode=False)).",
        )
    if not hasattr(cell, "__array__"):
        raise BadType(
            f"expected a path or a 1-D float array, got {type(cell).__name__}",
            "Wrap the extractor in MeanOverTracks for lists of paths; give samples as a numpy "
            "array.",
        )
    y = np.asarray(cell)
    if y.dtype.kind != "f":
        raise BadType(
            f"the samples are {y.dtype}, not floating point",
            "Give floats in [-1, 1]: divide 16-bit integers by 32768.",
        )
    if y.ndim != 1:
        raise BadItem(
            f"the array has shape {y.shape}, a signal is 1-D", "Take the mean over channels."
        )
    if len(y) == 0:
        raise BadItem("the array holds 0 samples", "Leave the cell empty.")
    with np.errstate(over="ignore"):
        y = np.ascontiguousarray(y, dtype=np.float32)
    if not np.isfinite(y).all():
        raise BadItem("it holds NaN or infinite samples", "Give finite samples in [-1, 1].")
    return y


def check_transformed(values):
    """Raise if what was computed from finite samples is not finite."""
    if not np.isfinite(values).all():
        raise BadItem("its samples are too large to be transformed", "Scale them to [-1, 1].")


def is_heard(y, sr):
    """Return whether enough of a signal is loud enough, whatever its constant offset."""
    if len(y) < MIN_HEARD * sr:
        return False
    starts = np.arange(0, len(y), int(_BLOCK * sr))
    lengths = np.diff(starts, append=len(y))
    # Halved before they are subtracted: twice the largest sample may not be finite.
    amplitudes = np.maximum.reduceat(y, starts) / 2 - np.minimum.reduceat(y, starts) / 2
    return lengths[amplitudes > AUDIBLE].sum() >= MIN_HEARD * sr
