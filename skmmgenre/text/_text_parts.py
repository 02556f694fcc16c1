"""Long texts in parts."""

from ._sentences import sentence_ends

# Characters in which the end of a sentence is looked for at a time, from the limit backwards:
# spaCy needs the square of the length for a run of marks without a space.
_BLOCK = 400
# Characters read behind a block, to see whether its last sentence ends there.
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
    for stop in range(start + max_chars, start, -_BLOCK):
        first = max(stop - _BLOCK, start)
        # The last sentence goes on behind the block, or its end is not seen.
        ends = [first + end for end in sentence_ends(text[first : stop + _LOOK_AHEAD])[:-1]]
        whole = [end for end in ends if end <= stop]
        if whole:
            return whole[-1]
    words = [end for end in range(1, max_chars + 1) if text[start + end].isspace()]
    return start + (words[-1] if words else max_chars)
