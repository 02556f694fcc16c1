"""Decode parts of audio files in any supported format."""

from ._audio_file import AudioFile, check_file, version_of_decoder
from ._claims import check_format
from ._containers import container_of, length_of_id3, signature_of, size_of_id3
from ._view import View
