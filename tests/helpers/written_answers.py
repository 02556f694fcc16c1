"""A file of answers, as `skmmgenre annotate` writes it."""

import pandas as pd

from skmmgenre.inspection._annotations import COLUMNS


def write_answers(path, *answers):
    """Write (annotator, item, genre), and return the path."""
    rows = [
        (annotator, item, "both", genre, 1.0, "2030-01-01T00:00:00+00:00", 1, f"{number:032x}")
        for number, (annotator, item, genre) in enumerate(answers)
    ]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False)
    return str(path)
