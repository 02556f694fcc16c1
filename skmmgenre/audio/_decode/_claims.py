"""What a sound file may claim of itself, and the errors where its content is another.

The decoders compare the two when a file is opened, by counting what the content is made of, and
where too little is read.
"""

from ...utils import BadItem

GET_AGAIN = "Get the file again, or re-encode what is left of it (ffmpeg -i INPUT out.flac)."
# Telephones and the first games have 8,000 and 4,000 Hz, recordings made for DSD 768,000.
_RATES = 1_000, 768_000  # Hz
_MOST_CHANNELS = 64


def check_format(sample_rate, n_channels):
    """Check that a rate and a number of channels are possible.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    n_channels : int

    Raises
    ------
    BadItem
        If they are not.
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
            f"its header declares {n_channels:,} channels, more than {_MOST_CHANNELS}", GET_AGAIN
        )


def truncated(n_decoded, n_frames, sample_rate, detail=None):
    """Return the error that says how much of a file could be decoded.

    Parameters
    ----------
    n_decoded : int
    n_frames : int or None
        As many as the file should hold, if it declares them.
    sample_rate : int
        In Hz.
    detail : str, default=None
        What the decoder says.

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
