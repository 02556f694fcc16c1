"""What is said of a file that was cut short."""

from ..items import BadItem

GET_AGAIN = "Get the file again, or re-encode what is left of it (ffmpeg -i INPUT out.flac)."


def truncated(n_decoded, n_frames, sample_rate, detail=None):
    """Return the error that says how much of a file could be decoded.

    Parameters
    ----------
    n_decoded : int
    n_frames : int or None
        As many as the file should hold, if it tells.
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
