"""What the evaluations of claims share: their command line, their table of claims."""

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd

_SAID = {"ceilings": "ceilings", "agreement": "agreement with the exact posterior"}


def run_conditions(conditions, *, description, table, n_runs=3, add_arguments=None):
    """Read the command line, run conditions, print and write what each says of its claims.

    Parameters
    ----------
    conditions : sequence of functions
        ``condition(arguments, folder)`` yields (claim, expected, line): whether the claim is
        expected to hold (None: nobody claims it), and a dict with at least ``measured``, and
        the ``estimate`` that must be above 0, ``low`` and ``high``. Files go into `folder`,
        which is emptied afterwards.
    description : str
    table : str
        Name of the table of claims in the output folder.
    n_runs : int, default=3
        Seeds, unless the command line says another number.
    add_arguments : callable, default=None
        Gets the parser of the command line.

    Returns
    -------
    arguments : Namespace
    claims : DataFrame
    """
    by_name = {condition.__name__: condition for condition in conditions}
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--albums", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=n_runs)
    parser.add_argument("--output", type=Path, default=Path("evaluation_report"))
    parser.add_argument("--only", nargs="+", choices=list(by_name), default=list(by_name))
    if add_arguments is not None:
        add_arguments(parser)
    arguments = parser.parse_args()
    began = time.perf_counter()
    arguments.output.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in arguments.only:
        with tempfile.TemporaryDirectory() as folder:
            for claim, expected, line in by_name[name](arguments, folder):
                above = line["low"] > 0
                lines.append({"claim": claim, **line, "above 0": above, "expected": expected})
                said = [line["measured"]]
                said += [f"{words} {line[key]}" for key, words in _SAID.items() if key in line]
                print(
                    f"\n>>> {claim}: {', '.join(said)}: "
                    f"{line['estimate']:+.3f} [{line['low']:+.3f}, {line['high']:+.3f}]\n",
                    flush=True,
                )
    claims = pd.DataFrame(lines)
    claims.to_csv(arguments.output / table, index=False)
    print(claims.drop(columns="measured").round(3).to_string(index=False))
    print(f"\n{time.perf_counter() - began:.0f} s; written to {arguments.output}")
    return arguments, claims
