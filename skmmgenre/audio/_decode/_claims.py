"""Validation of file headers, and the errors for files whose content does not match the header.

Decoders compare the two when a file is opened, by counting its frames or packets, and when too few
samples can be read.
"""

from ...utils import BadItem

GET_AGAIN = "Get the file again, or re-encode what is left of it (ffmpeg -i INPUT out.flac)."
# Telephones use 8,000 Hz, early games 4,000 Hz, and recordings made for DSD 768,000 Hz.
_RATES = 1_000, 768_000  # Hz
_MOST_CHANNELS = 64


def check_format(sample_rate, n_channels):
    """Check that a sampling rate and a number of channels are plausible.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    n_channels : int

    Raises
    ------
    BadItem
        If one of them is not.
    """
    least, most = _RATES
    if not least <= sample_rate <= most:
        raise BadItem(
            f"its header declares a sampling rate of {sample_rate:,} Hz, which is not within "
            f"{least:,} to {most:,} Hz",
            GET_AGAIN,
        )
    if not 1 <= n_channels <= _MOST_CHANNELS:
        raise BadItem(
            f"its header declares {n_channels:,} channels, but 1 to {_MOST_CHANNELS} are supported",
            GET_AGAIN,
        )


def truncated(n_decoded, n_frames, sample_rate, detail=None):
    """Return an error that reports how much of a truncated file could be decoded.

    Parameters
    ----------
    n_decoded : int
    n_frames : int or None
        Number of frames that the file declares, if it does.
    sample_rate : int
        In Hz.
    detail : str, default=None
        Message of the decoder.

    Returns
    -------
    error : BadItem
    """
    reason = f"truncated: {n_decoded / sample_rate:.1f} s"
    if n_frames is not None:
        reason += f" of {n_frames / sample_rate:.1f} s"
    reason += " could be decoded"
    if detail:
        reason += f" ({detail.rstrip('.')})"
    return BadItem(reason, GET_AGAIN)
