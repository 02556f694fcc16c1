"""Text that is safe in a terminal, a table and a file."""

import unicodedata


def one_line(text):
    """Return a text with white space run together and what cannot be shown written as escapes.

    Parameters
    ----------
    text : str

    Returns
    -------
    text : str
        Without control characters, and with nothing that UTF-8 lacks.
    """
    return visible(" ".join(text.split()))


def visible(text):
    r"""Return a text with control characters and lone surrogates written as escapes, "\n"."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in text
    )
