"""What a data set lacks, told once."""

import warnings


def first_few(items, n=3):
    """Name the first of many things, for a message."""
    items = list(items)
    named = ", ".join(str(item) for item in items[:n])
    return f"{named}, ..." if len(items) > n else named


def tell(problems, name, *, stacklevel=3):
    """Warn of all problems of a data set at once, as the caller of the loader."""
    if problems:
        lines = "".join(f"\n- {problem}" for problem in problems)
        message = f"{name} is not whole, see `problems`:{lines}"
        warnings.warn(message, UserWarning, stacklevel=stacklevel)
