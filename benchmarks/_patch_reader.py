"""Constant-Q patches kept in files, so that several networks share one extraction."""

from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skmmgenre.audio import CQTExtractor
from skmmgenre.utils import as_cells, is_missing


def keep_patches(tracks, folder):
    """Extract the patches of a column of paths; a column of paths of .npy files."""
    folder = Path(folder)
    folder.mkdir()
    tracks = list(tracks)
    patches = CQTExtractor(n_jobs=2, verbose=1).transform(tracks)
    kept = []
    for row, (track, patch) in enumerate(zip(tracks, patches, strict=True)):
        path = None if is_missing(track) else str(folder / f"{row}.npy")
        if path is not None:
            np.save(path, patch)
        kept.append(path)
    return kept


class PatchReader(TransformerMixin, BaseEstimator):
    """Answer paths of `keep_patches` with the patches; missing ones are NaN throughout."""

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def transform(self, X):
        """Return the patches, shape (n, n_bins, n_frames)."""
        paths = as_cells(X)
        found = {row: np.load(path) for row, path in enumerate(paths) if not is_missing(path)}
        shape = next(iter(found.values())).shape
        patches = np.full((len(paths), *shape), np.nan, dtype=np.float32)
        for row, patch in found.items():
            patches[row] = patch
        return patches

    def set_output(self, *, transform=None):
        """Do nothing: a 3-D array has no form as a table."""
        return self

    def get_feature_names_out(self, input_features=None):
        """Return one name for the patch."""
        return np.array(["patch"], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags
