"""Print the metrics of a model as tables of at most 80 columns."""

from rich.console import Console
from rich.markup import escape

from ..utils import first_few
from ._control import in_words
from ._terminal import count_of, one_line, plain_table

# Columns by heading, for single-label (_ONE) and multilabel (_SEVERAL) models.
_ONE = {
    "precision": "precision",
    "recall": "recall",
    "F1": "f1",
    "accuracy": "accuracy",
    "AUC": "macro_auc",
}
_SEVERAL = {
    "F1": "f1",
    "AUC": "macro_auc",
    "AP": "macro_average_precision",
    **{f"P@{k}": f"precision@{k}" for k in (1, 3, 5)},
    **{f"ADiv@{k}": f"diversity@{k}" for k in (1, 3, 5)},
}
_SHORT = {"audio": "A", "text": "T", "image": "I"}


def print_evaluation(found):
    """Print the metrics by modality, then those of each genre.

    Parameters
    ----------
    found : Evaluation
    """
    console = Console()
    lines = []
    for name, metrics in found.metrics.iterrows():
        short = _short_name(name, found.several)
        lines.append((short, metrics))
        if found.plain is not None:
            lines.append((f"plain {short}", found.plain.loc[name]))
    if found.plain is not None:
        lines.append((_name_of_prior(found), found.prior))
    _print_metrics(console, count_of(found.n_items, "item"), "modalities", lines, found.several)
    if found.several:
        console.print(
            "A is audio, T text, I image. P@k: share of the k best genres that are right."
        )
    _print_differences(console, found)
    _print_genres(console, found)
    if found.n_left_out:
        left_out = count_of(found.n_left_out, "item")
        console.print(f"Skipped {left_out} without a genre of the model.")
    if found.unknown:
        console.print(escape(f"Not genres of the model: {_named(found.unknown)}."))


def print_held_out(found):
    """Print the metrics of a model on held-out items.

    Parameters
    ----------
    found : Evaluation
        With a control.
    """
    console = Console()
    lines = [("model", found.metrics.iloc[-1])]
    if found.plain is not None:
        lines.append(("plain", found.plain.iloc[-1]))
    lines.append((_name_of_prior(found), found.prior))
    title = f"{count_of(found.n_items, 'held-out item')}"
    _print_metrics(console, title, "", lines, found.several)
    if found.plain is not None:
        console.print(_verdict(found), highlight=False)
    elif found.control.reason:
        reason = escape(one_line(found.control.reason))
        console.print(f"No plain control: {reason}", highlight=False)
    _print_genres(console, found)


def _short_name(name, several):
    if not several:
        return name
    # Nine columns fit into 80 characters only with short names and narrow padding.
    return " + ".join(_SHORT.get(part, part) for part in name.split(" + "))


def _name_of_prior(found):
    return "class prior" if found.several else f"always {found.control.majority}"


def _print_metrics(console, title, name, lines, several):
    heads = _SEVERAL if several else _ONE
    heads = {head: column for head, column in heads.items() if column in lines[0][1]}
    space = 0 if several else 1
    table = plain_table(title, name, heads, space=space, overflow="fold", max_width=30)
    for name, line in lines:
        metrics = (_number(line[column]) for column in heads.values())
        table.add_row(escape(one_line(name)), *metrics)
    console.print(table)


def _print_differences(console, found):
    if found.plain is None:
        console.print(
            "To compare with a plain control, pass the training music of the model: --train "
            "TABLE_OR_FOLDER."
        )
        return
    title = "Model and plain control"
    head = {"f1": "F1", "macro_auc": "AUC"}[found.differences["metric"].iloc[0]]
    heads = (head, "plain", "difference", "95 % interval")
    table = plain_table(title, "modalities", heads)
    for name, line in found.differences.iterrows():
        metric = line["metric"]
        ours, plain = found.metrics.loc[name, metric], found.plain.loc[name, metric]
        interval = "-" if line["low"] != line["low"] else f"{line['low']:+.3f} {line['high']:+.3f}"
        difference = "-" if ours != ours else f"{line['difference']:+.3f}"
        short = _short_name(name, found.several)
        table.add_row(short, _number(ours), _number(plain), difference, interval)
    console.print(table)
    console.print(
        f"All modalities: {_verdict(found)} Plain is logistic regression on statistics of the "
        f"sound, words and colours, trained on {count_of(found.control.n_items, 'item')}.",
        highlight=False,
    )


def _verdict(found):
    """Return sentences on which side is better with all modalities, if this is known."""
    if found.n_learned:
        return (
            f"No verdict, because --train contains {found.n_learned:,} of the "
            f"{count_of(found.n_items, 'item')}: evaluate on other items to compare."
        )
    comparison = found.differences.iloc[-1]
    sentences = in_words(comparison, by_artist=found.by_artist, n_drawn=found.n_drawn)
    if found.several:
        # AUC ignores thresholds: a model can rank genres well and yet predict hardly any.
        ours, plain = (_number(side["f1"].iloc[-1]) for side in (found.metrics, found.plain))
        sentences += f" Macro F1 of the predictions: model {ours}, plain {plain}."
    return sentences


def _print_genres(console, found):
    heads = ("precision", "recall", "F1", "AUC", "items")
    table = plain_table("Genres, all modalities", "genre", heads, overflow="fold", max_width=30)
    for genre, line in found.genres.drop(index="macro").iterrows():
        metrics = [_number(line[name]) for name in ("precision", "recall", "f1", "auc")]
        table.add_row(escape(one_line(str(genre))), *metrics, f"{line['support']:.0f}")
    console.print(table)
    if found.never_predicted:
        console.print(escape(f"Never predicted: {_named(found.never_predicted)}."))
    title = "Items tagged by --min-score"
    table = plain_table(title, "score", ("items tagged", "precision"))
    for least, line in found.min_scores.iterrows():
        share = f"{100 * line['share']:.0f} %"
        table.add_row(f"{least:.1f}" if least else "any", share, _number(line["precision"]))
    console.print(table)


def _named(genres):
    return first_few(genres, 8, count=True, name=one_line)


def _number(value):
    return f"{value:.2f}" if value == value else "-"
