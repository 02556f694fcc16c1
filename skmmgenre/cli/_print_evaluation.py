"""Figures of a model as tables of 80 columns."""

from rich.console import Console
from rich.markup import escape

from ._plain_text import one_line
from ._tables import plain_table

_ONE = {
    "precision": "precision",
    "recall": "recall",
    "F1": "f1",
    "accuracy": "accuracy",
    "AUC": "macro_auc",
}
_KS = (1, 3, 5)
_SEVERAL = {
    "F1": "f1",
    "AUC": "macro_auc",
    "AP": "macro_average_precision",
    **{f"P@{k}": f"precision@{k}" for k in _KS},
    **{f"ADiv@{k}": f"diversity@{k}" for k in _KS},
}
_SHORT = {"audio": "A", "text": "T", "image": "I"}


def print_evaluation(found):
    """Print the figures by modality, then those of each genre.

    Parameters
    ----------
    found : Evaluation
    """
    console = Console()
    heads = _SEVERAL if found.several else _ONE
    heads = {head: column for head, column in heads.items() if column in found.figures}
    # Nine columns fit into 80 characters with short names and little space.
    table = plain_table(f"{found.n_items:,} items", space=0 if found.several else 1)
    table.add_column("modalities", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for name, line in found.figures.iterrows():
        if found.several:
            name = " + ".join(_SHORT.get(part, part) for part in name.split(" + "))
        table.add_row(name, *(_number(line[column]) for column in heads.values()))
    console.print(table)
    if found.several:
        console.print("A is sound, T text, I cover. P@k: share of the k best that are right.")
    table = plain_table("Genres, all modalities")
    table.add_column("genre", overflow="fold", max_width=30)
    for head in ("precision", "recall", "F1", "AUC", "items"):
        table.add_column(head, justify="right", no_wrap=True)
    for genre, line in found.genres.drop(index="macro").iterrows():
        figures = [_number(line[name]) for name in ("precision", "recall", "f1", "auc")]
        table.add_row(escape(one_line(str(genre))), *figures, f"{line['support']:.0f}")
    console.print(table)
    if found.n_left_out:
        console.print(f"{found.n_left_out:,} items without a genre that the model knows left out.")
    if found.unknown:
        named = ", ".join(one_line(name) for name in list(found.unknown)[:8])
        console.print(escape(f"Unknown to the model: {named}."))


def _number(value):
    return f"{value:.2f}" if value == value else "-"
