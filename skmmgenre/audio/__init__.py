"""Audio features, embeddings and networks: from sound to vectors."""

from typing import TYPE_CHECKING

from ._audio_embedder import AudioEmbedder
from ._audio_statistics import AudioStatistics
from ._constant_q import constant_q
from ._cqt_extractor import CQTExtractor
from ._timbre_statistics import TimbreStatistics

if TYPE_CHECKING:
    from ._audio_cnn import AudioCNN

__all__ = [
    "AudioCNN",
    "AudioEmbedder",
    "AudioStatistics",
    "CQTExtractor",
    "TimbreStatistics",
    "constant_q",
]

# Pickles and model files refer to the public names.
for _public in (AudioEmbedder, AudioStatistics, CQTExtractor, TimbreStatistics, constant_q):
    _public.__module__ = __name__


def __getattr__(name):
    # Imported lazily: joblib's workers compute patches and do not need networks.
    if name == "AudioCNN":
        from ._audio_cnn import AudioCNN

        return AudioCNN
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
