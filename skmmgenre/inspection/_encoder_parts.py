"""What the parts of a cover, or of a sound, add to a score through a frozen encoder."""

import numpy as np

from ..audio._audio_embedder import windows_of
from ..image import ImageEmbedder


def parts_of_cells(embedder, cells, slopes, there):
    """Return what each part of each cell adds to a score.

    Parameters
    ----------
    embedder : ImageEmbedder or AudioEmbedder
    cells : list of n
    slopes : ndarray of float32, shape (n, n_values)
        How the score of each cell rises with its vector.
    there : ndarray of bool, shape (n,)
        Whether the cell has a vector.

    Returns
    -------
    parts : list of n
        Of sound ndarray of shape (bins, frames). Of covers (ndarray of shape (places, places),
        shape of what the network sees). NaN where nothing is there.

    Raises
    ------
    ValueError
        If the encoder cannot be looked into.
    """
    of_cell = _part_of_cover if isinstance(embedder, ImageEmbedder) else _part_of_sound
    encoder = _encoder_of(embedder)
    return [
        of_cell(embedder, encoder, cell if is_there else None, slope)
        for cell, slope, is_there in zip(cells, slopes, there, strict=True)
    ]


def picture_of_cell(embedder, cell):
    """Return what an encoder is given of a cell: pixels (height, width, 3), or (bins, frames)."""
    encoder = _encoder_of(embedder)
    if isinstance(embedder, ImageEmbedder):
        pixels = _pixels(encoder.prepare(embedder._read(cell)))
        lowest, highest = pixels.min(axis=(1, 2)), pixels.max(axis=(1, 2))
        scale = np.where(highest > lowest, highest - lowest, 1)
        scaled = (pixels - lowest[:, None, None]) / scale[:, None, None]
        return np.round(255 * scaled).astype(np.uint8).transpose(1, 2, 0)
    return np.concatenate(_patches(embedder, encoder, cell)).T


def _encoder_of(embedder):
    if isinstance(embedder, ImageEmbedder):
        if callable(embedder.model):
            raise ValueError(
                "An ImageEmbedder of a function has no feature maps to look at. Use explain, "
                "which hides parts of the cover in turn."
            )
        return embedder._make_encoder()
    if not embedder._is_musicnn():
        raise ValueError(
            "Only of musicnn is it known which bands and seconds it hears. For other models of "
            "an AudioEmbedder use explain, which hides seconds in turn."
        )
    return embedder._encoder()


def _part_of_cover(embedder, encoder, cell, slope):
    from ._slopes import grad_cam

    if cell is None:
        shape = _pixels(encoder.prepare(embedder._read(embedder._probe()))).shape[1:]
        return np.full((1, 1), np.nan, dtype=np.float32), shape
    prepared = encoder.prepare(embedder._read(cell))
    return grad_cam(encoder, prepared, slope), _pixels(prepared).shape[1:]


def _pixels(prepared):
    """What an image processor has made of an image, (3, height, width)."""
    return prepared["pixel_values"]


def _part_of_sound(embedder, encoder, cell, slope):
    from ..audio._musicnn import N_BINS
    from ._slopes import parts_of_musicnn

    if cell is None:
        return np.full((N_BINS, 1), np.nan, dtype=np.float32)
    patches = _patches(embedder, encoder, cell)
    parts = parts_of_musicnn(encoder, patches, slope / len(patches), embedder._part())
    return np.concatenate(parts).T


def _patches(embedder, encoder, cell):
    """The log-mel patches of the windows that an encoder hears, each (frames, bins)."""
    from ..audio._musicnn import log_mel

    windows = windows_of(cell, encoder, embedder.n_patches)
    return [log_mel(window[np.newaxis])[0] for window in windows]
