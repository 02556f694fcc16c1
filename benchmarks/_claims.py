"""Shared code of the evaluations: primary claims, p-values, verdicts, the command line.

A claim is a difference that must be above 0. Its interval is a paired percentile bootstrap over
artists and, with several runs, seeds. Its p-value inverts that bootstrap: twice the
share of the resamples on the other side of 0, or on it.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _kept import Kept
from _results import FOLDER, MARGIN, command_of, read_result, verdict, write_result

from skmmgenre.metrics import bootstrap_interval

# One claim for each table, listed before the run that is kept, corrected together
# by Holm's method. All other results of an evaluation are exploratory.
_OF_TABLE = "AUC, {}.csv: all modalities together beat the mean of plain regressions"
PRIMARY = {
    "single_label_claims": "F1: sound and cover beat the better of the two",
    "multi_label_claims": "AUC: A + T + I logistic beats the best modality",
    "entities_claims": "AUC, logistic: VSM+SEM beats VSM",
    **{
        f"table_{table}_claims": _OF_TABLE.format(table)
        for table in ("audio_text", "three_modalities")
    },
}
# Kinds of claims that are not primary.
CLAIM, MUST_VANISH, MUST_SHOW = "exploratory", "control that must vanish", "control that must show"


def claim_of_table(table):
    """Return the claim about a user's table, and its kind."""
    claim = _OF_TABLE.format(table)
    return claim, "primary" if PRIMARY.get(f"table_{table}_claims") == claim else CLAIM


def compare(y_true, y_pred, y_other=None, *, seeds=None, chance=0.0, draws_too=False, **options):
    """Return a difference with its interval and p-value; without another model, from chance.

    With `draws_too` return the differences of all resamples as well.
    """
    if seeds is not None and len(np.unique(seeds)) == 1:
        seeds = None
    interval, draws = bootstrap_interval(
        y_true, y_pred, y_other, seeds=seeds, return_draws=True, **options
    )
    line = {key: value - chance for key, value in interval._asdict().items()}
    line["p"] = p_value(draws - chance)
    return (line, draws - chance) if draws_too else line


def p_value(draws):
    """Return the two-sided p-value of a difference from its resamples."""
    draws = draws[~np.isnan(draws)]
    beyond = min((draws <= 0).sum(), (draws >= 0).sum())
    return min(1.0, 2 * (beyond + 1) / (len(draws) + 1))


def holm(p_values):
    """Return p-values corrected by Holm's method, in the order given."""
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def primary_claims(folder=FOLDER):
    """Return the primary claims with corrected p-values; unmeasured claims have none.

    A claim that is not measured counts in the correction, as one with a p-value of 1.
    """
    lines = []
    for name, claim in PRIMARY.items():
        line = {"result": name, "claim": claim}
        path = folder / f"{name}.csv"
        if path.exists():
            found = read_result(path)[0].set_index("claim").loc[claim]
            if found["kind"] != "primary":  # so it was chosen after seeing the results
                raise ValueError(f"{claim!r} was not a primary claim when {name} was measured.")
            line |= found[["estimate", "low", "high", "p", "verdict"]].to_dict()
        lines.append(line)
    columns = ["result", "claim", "estimate", "low", "high", "p", "verdict"]
    claims = pd.DataFrame(lines, columns=columns, dtype=object).astype({"p": float})
    corrected = holm(claims["p"].fillna(1))
    return claims.assign(p_holm=np.where(claims["p"].isna(), np.nan, corrected))


def run_conditions(conditions, *, name, description, code, settings, n_runs=3):
    """Read the command line, run conditions, print and write the results of their claims.

    Parameters
    ----------
    conditions : sequence of functions
        ``condition(arguments, folder)`` yields (claim, kind, line): one of the kinds above, and
        a dict with the ``metric`` that is compared, the ``estimate`` that must be above 0,
        ``low``, ``high`` and ``p``, and other columns. Files go into
        `folder`, which is emptied afterwards, predictions into ``arguments.predictions``;
        ``arguments.write(frame, name)`` writes a result when the condition is finished.
    name : str
        Name of the evaluation: its claims are written as name_claims.
    description : str
    code : list of str
        As in `write_result`.
    settings : dict
        Fixed settings of the evaluation; the numbers of albums and runs are added.
    n_runs : int, default=3
        Number of seeds, unless given on the command line.
    """
    by_name = {condition.__name__: condition for condition in conditions}
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--albums", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=n_runs)
    parser.add_argument("--only", nargs="+", choices=list(by_name), default=list(by_name))
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    parser.add_argument("--predictions", type=Path, default=Path("evaluation_report"))
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    if arguments.output == FOLDER and arguments.only != list(by_name):
        parser.error("--only leaves claims out: name another folder as --output")
    command = command_of(parser, arguments)
    settings = {"albums": arguments.albums, "runs": arguments.runs, "margin": MARGIN, **settings}
    write = partial(
        write_result, command=command, settings=settings, code=code, folder=arguments.output
    )
    arguments.predictions.mkdir(parents=True, exist_ok=True)
    kept = Kept(arguments.keep, name, json.dumps(settings, sort_keys=True))
    lines = []
    for condition in arguments.only:
        found, tables = kept(condition, partial(_run_condition, by_name[condition], arguments))
        for frame, table in tables:
            write(frame, table)
        for claim, kind, line in found:
            kind = "primary" if claim == PRIMARY.get(f"{name}_claims") else kind
            # Diversity has no margin: which difference matters is up to the reader.
            margin = None if line["metric"].startswith("diversity") else MARGIN
            said = verdict(line["low"], line["high"], margin)
            lines.append({"claim": claim, "kind": kind, **line, "verdict": said})
            print(
                f"\n>>> {claim}: {line['estimate']:+.3f} [{line['low']:+.3f}, "
                f"{line['high']:+.3f}], {said}\n",
                flush=True,
            )
    claims = pd.DataFrame(lines)
    print(claims.round(3).to_string(index=False))
    write(claims, f"{name}_claims", seconds=kept.seconds)
    print(f"\n{kept.seconds:.0f} s; written to {arguments.output}")


def _run_condition(condition, arguments):
    """Return the claims of a condition, and the tables that it writes with their names."""
    tables = []
    arguments.write = lambda frame, name: tables.append((frame, name))
    with tempfile.TemporaryDirectory() as folder:
        return list(condition(arguments, folder)), tables
