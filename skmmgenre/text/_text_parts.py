"""Long texts in parts."""

from ._sentences import sentence_ends

# Characters read beyond the limit, to see whether the last sentence ends there.
_LOOK_AHEAD = 100


def split_text(text, max_chars):
    """Split a text behind sentences into parts of at most `max_chars` characters.

    A sentence that is too long is split behind a word, and a word that is too long within.

    Returns
    -------
    parts : list of (int, str)
        Where each part starts, and the part, without whitespace at its ends. Together they
        hold all of the text but whitespace.
    """
    parts = []
    start = 0
    while start < len(text):
        end = _part_end(text, start, max_chars)
        part = text[start:end].strip()
        if part:
            parts.append((text.index(part[0], start), part))
        start = end
    return parts


def _part_end(text, start, max_chars):
    if len(text) - start <= max_chars:
        return len(text)
    # Only what the limit lets through is read, however long the text is.
    window = text[start : start + max_chars + _LOOK_AHEAD]
    # The last sentence of the window crosses the limit, or its end is not seen.
    whole = [end for end in sentence_ends(window)[:-1] if end <= max_chars]
    if whole:
        return start + whole[-1]
    words = [end for end in range(1, max_chars + 1) if window[end].isspace()]
    return start + (words[-1] if words else max_chars)
