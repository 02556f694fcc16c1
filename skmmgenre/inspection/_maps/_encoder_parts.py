"""Contributions of the parts of a cover or track to a score, through a frozen encoder."""

import numpy as np

from ...audio._audio_embedder import windows_of
from ...image import ImageEmbedder


def parts_of_cells(embedder, cells, slopes, there):
    """Compute what each part of each cell adds to a score.

    Parameters
    ----------
    embedder : ImageEmbedder or AudioEmbedder
    cells : list of n
    slopes : ndarray of float32, shape (n, n_values)
        Gradient of the score of each cell with respect to its vector.
    there : ndarray of bool, shape (n,)
        Whether the cell has a vector.

    Returns
    -------
    parts : list of n
        For sound, ndarrays of shape (bins, frames). For covers, tuples of an ndarray of shape
        (places, places) and the shape of the network's input. NaN for missing cells.

    Raises
    ------
    ValueError
        If the encoder is not supported.
    """
    of_cell = _part_of_cover if isinstance(embedder, ImageEmbedder) else _part_of_sound
    encoder = _encoder_of(embedder)
    return [
        of_cell(embedder, encoder, cell if is_there else None, slope)
        for cell, slope, is_there in zip(cells, slopes, there, strict=True)
    ]


def picture_of_cell(embedder, cell):
    """Return the input of an encoder for a cell: (height, width, 3) pixels or (bins, frames)."""
    encoder = _encoder_of(embedder)
    if isinstance(embedder, ImageEmbedder):
        pixels = _pixels(encoder.prepare(embedder._read(cell)))
        lowest, highest = pixels.min(axis=(1, 2)), pixels.max(axis=(1, 2))
        # Processors differ in mean and scale, so each channel is stretched to the full range.
        scale = np.where(highest > lowest, highest - lowest, 1)
        scaled = (pixels - lowest[:, None, None]) / scale[:, None, None]
        return np.round(255 * scaled).astype(np.uint8).transpose(1, 2, 0)
    return np.concatenate(_patches(embedder, encoder, cell)).T


def _encoder_of(embedder):
    if isinstance(embedder, ImageEmbedder):
        if callable(embedder.model):
            raise ValueError(
                "The feature maps of an ImageEmbedder whose model is a function are not available. "
                "Use explain, which hides parts of the cover in turn."
            )
        return embedder._make_encoder()
    if not embedder._is_musicnn():
        raise ValueError(
            "Activation maps of an AudioEmbedder are only available for musicnn. For other models, "
            "use explain, which hides parts of the sound in turn."
        )
    return embedder._encoder()


def _part_of_cover(embedder, encoder, cell, slope):
    from ._slopes import grad_cam

    if cell is None:
        # The size of the input is only known from an image that was prepared.
        shape = _pixels(encoder.prepare(embedder._read(embedder._probe()))).shape[1:]
        return np.full((1, 1), np.nan, dtype=np.float32), shape
    prepared = encoder.prepare(embedder._read(cell))
    return grad_cam(encoder, prepared, slope), _pixels(prepared).shape[1:]


def _pixels(prepared):
    """Return the output of an image processor, (3, height, width)."""
    return prepared["pixel_values"]


def _part_of_sound(embedder, encoder, cell, slope):
    from ...audio._musicnn import N_BINS
    from ._slopes import parts_of_musicnn

    if cell is None:
        return np.full((N_BINS, 1), np.nan, dtype=np.float32)
    patches = _patches(embedder, encoder, cell)
    # The vector of a track is the mean over its patches.
    parts = parts_of_musicnn(encoder, patches, slope / len(patches), embedder._part())
    return np.concatenate(parts).T


def _patches(embedder, encoder, cell):
    """Return the log-mel patches of an encoder's input windows, each (frames, bins)."""
    from ...audio._musicnn import log_mel

    windows = windows_of(cell, encoder, embedder.n_patches)
    return [log_mel(window[np.newaxis])[0] for window in windows]
