"""Genre tags as bytes: what changes in a file, how it is undone, and where that is noted.

mutagen rewrites a tag as it understands it, and drops what it does not. Here a genre is put into
the bytes of a tag; every other byte of the tag stays as it is.
"""

from ._backup import MAX_GENRES, MAX_TEXT, NAME, TagBackup
from ._edits import edits_of, same_content, undo_of, with_edits
from ._id3 import id3_edits, refuse_many_frames
from ._lock import locked
from ._mp4 import mp4_edits
from ._vorbis import is_genre, read_comments, vorbis_edits
