"""Genre tags as bytes: edits of a file, their undo information, and the backup.

mutagen rewrites a whole tag and drops what it does not understand. This package edits only the
bytes of the genre; every other byte of the tag stays the same.
"""

from ._backup import MAX_GENRES, MAX_TEXT, NAME, TagBackup
from ._edits import edits_of, same_content, undo_of, with_edits
from ._id3 import id3_edits, refuse_many_frames
from ._lock import locked
from ._mp4 import mp4_edits
from ._vorbis import is_genre, read_comments, vorbis_edits
