"""The defaults of the package compared with plain regressions on your tables, by artist.

A CSV has some of the columns audio, text, cover (paths relative to it; empty cells are missing),
the artist, and genres (multilabel) or genre. Both sides are trained and tested on the same rows:
`ArtistKFold` with five folds, seeds 0 to 4 for the folds and the networks. Nothing is tuned on
either side. They are compared with

- the pattern of missing cells alone,
- shuffled labels, all modalities together: neither side must find anything,
- the same networks with other seeds on the same folds: how far equal systems are apart,
- texts without the words of the genres' names.

The one claim of a table is that all modalities together are better than the plain mean of all; the
rest is exploratory. Metrics are means over folds; "pooled" is the macro AUC
of all folds of a seed taken together, which punishes offsets between the networks of the folds.
Intervals are paired, over artists and seeds. "similar" means that the interval lies within 0.02.

If the modalities of a row do not belong to the same music, the results say nothing about fusion;
the script cannot check this.

A comparison takes hours. With --keep, finished parts are kept in a folder, so that an interrupted
command can resume; they are computed again if any code of the package has changed.

    python benchmarks/evaluate_table.py TABLE.csv [TABLE.csv ...] [--keep FOLDER]
"""

import argparse
import re
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import claim_of_table, compare
from _kept import Kept
from _results import FOLDER, MARGIN, command_of, hash_of_file, verdict, write_result

from skmmgenre.compose import ablate_modalities, make_genre_classifier
from skmmgenre.labels import GenreTaxonomy, read_genres
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import ArtistKFold

COLUMNS = {"audio": "audio", "text": "text", "image": "cover"}
N_FOLDS, N_SEEDS = 5, 5
OTHER_SEEDS = 1000  # how far the seeds of the second networks are from the first
FIGURES = ("macro_auc", "macro_average_precision", "f1", "without_label")
CODE = ["benchmarks/evaluate_table.py", "skmmgenre/compose/_plain_control.py"]


def read_table(path):
    """The table with paths joined to its folder, and its genres; empty cells are None."""
    table = pd.read_csv(path, keep_default_na=False)
    for column in {"audio", "cover"} & set(table.columns):
        table[column] = [str(path.parent / cell) if cell else None for cell in table[column]]
    table["artist"] = [artist or None for artist in table["artist"]]
    if "genres" in table:
        genres, _ = read_genres(table["genres"])
        return table, GenreTaxonomy.from_items(genres, separator=None).label_matrix(genres)
    return table, table["genre"].to_numpy(dtype=object)


def build_model(table, n_jobs):
    """Return the package at its defaults, for the available columns."""
    used = {name: column if column in table else None for name, column in COLUMNS.items()}
    return make_genre_classifier(**used, n_jobs=n_jobs, on_error="missing")


def without_genre_words(texts, genres):
    """Return the texts without the words of genre names."""
    words = {word for genre in genres for word in re.findall(r"\w+", genre.lower())}
    pattern = re.compile(rf"\b({'|'.join(sorted(words))})\w*", re.IGNORECASE)
    return [pattern.sub("", text) for text in texts]


class Comparison:
    """All comparisons on one table, and its claim.

    Parameters
    ----------
    path : Path
    n_folds, n_seeds : int
    n_jobs : int
    keep : Path or None
        Folder of the finished parts.

    Attributes
    ----------
    kept : Kept
        Its ``seconds`` are what all parts took.
    """

    def __init__(self, path, *, n_folds=N_FOLDS, n_seeds=N_SEEDS, n_jobs=2, keep=None):
        self.name = path.stem
        self.kept = Kept(keep, self.name, f"{hash_of_file(path)} {n_folds} {n_seeds}")
        self.table, self.y = read_table(path)
        self.model = build_model(self.table, n_jobs)
        self.cv = partial(ArtistKFold, n_folds)
        self.n_seeds, self.n_jobs = n_seeds, n_jobs
        self.several = self.y.ndim == 2
        self.genres = self.y.columns if self.several else np.unique(self.y)

    def run(self):
        """Return a line for each model and comparison, and the line of the claim."""
        figures, answers = self._ablate("defaults", controls=["plain", "missing pattern"])
        lines = [self._lines(figures, answers, "")]
        together = " + ".join(name for name, *_ in self.model["modalities"].transformers)
        claim = self._claim(answers, together)
        lines.append(self._equal_systems(answers, together))
        rng = np.random.default_rng(0)
        order = rng.permutation(len(self.table))
        y = self.y.iloc[order].reset_index(drop=True) if self.several else self.y[order]
        told = self._ablate("labels shuffled", y=y, subsets=[together], controls=["plain"])
        lines.append(self._lines(*told, "labels shuffled"))
        if "text" in self.table:
            texts = without_genre_words(self.table["text"], self.genres)
            masked = self.table.assign(text=texts)
            told = self._ablate("masked", table=masked, subsets=["text"], controls=["plain"])
            lines.append(self._lines(*told, "genre words masked"))
        return pd.concat(lines, ignore_index=True), pd.DataFrame([claim])

    def _ablate(self, part, **options):
        """One part of the comparison, from the folder of the finished ones if it is there."""
        options = {"table": self.table, "y": self.y, "cv": self.cv, **options}

        def ablate():
            return ablate_modalities(
                self.model,
                groups=self.table["artist"],
                n_runs=self.n_seeds,
                metric="macro_auc",
                n_jobs=self.n_jobs,
                verbose=1,
                return_predictions="scores",
                **options,
            )

        return self.kept(part, ablate)

    def _lines(self, figures, answers, condition):
        lines = figures.reset_index().rename(columns={"model": "system"})
        lines.insert(0, "condition", condition)
        lines["pooled"] = [self._pooled(answers, name) for name in figures.index]
        lines["n_labels"] = self._n_judged(answers)
        kept = [name for name in FIGURES if name in lines]
        kept += ["accuracy"] if "accuracy" in lines else []
        columns = ["condition", "system", *kept, "pooled", "n_labels"]
        lines = lines[[*columns, "reference", "difference", "low", "high"]]
        said = [verdict(low, high) for low, high in lines[["low", "high"]].to_numpy()]
        return lines.assign(verdict=np.where(lines["system"] == lines["reference"], "", said))

    def _claim(self, answers, together):
        scores = answers.scores
        line = self._compare(answers, scores[together], scores[f"plain {together}"])
        said = verdict(line["low"], line["high"])
        claim, kind = claim_of_table(self.name)
        return {"claim": claim, "kind": kind, "figure": "macro_auc", **line, "verdict": said}

    def _compare(self, answers, scores, others, runs=None):
        """The difference in macro AUC for the same rows; of some runs, by default all."""
        asked = answers.rows["run"].isin(range(self.n_seeds) if runs is None else runs).to_numpy()
        rows = answers.rows[asked]
        return compare(
            self._truth(answers)[asked],
            scores[asked],
            others[asked],
            metric="macro_auc",
            groups=rows["group"],
            runs=rows.groupby(["run", "split"]).ngroup(),
            seeds=rows["run"],
        )

    def _truth(self, answers):
        if self.several:
            return answers.true.to_numpy()
        return (np.asarray(answers.true)[:, None] == answers.labels).astype(int)

    def _pooled(self, answers, name):
        truth, run = self._truth(answers), answers.rows["run"].to_numpy()
        return np.mean(
            [
                macro_auc_score(truth[run == seed], answers.scores[name][run == seed])
                for seed in range(self.n_seeds)
            ]
        )

    def _n_judged(self, answers):
        """Labels that have a positive and a negative among the test rows, mean over folds."""
        truth = self._truth(answers)
        folds = answers.rows.groupby(["run", "split"]).indices.values()
        return np.mean(
            [((t := truth[rows].mean(axis=0)) > 0).sum() - (t == 1).sum() for rows in folds]
        )

    def _equal_systems(self, answers, together):
        """Compare the same networks with other seeds on the same folds."""

        def cv(random_state):
            return self.cv(random_state=random_state - OTHER_SEEDS)

        asked = {"cv": cv, "subsets": [together], "random_state": OTHER_SEEDS}
        figures, others = self._ablate("other seeds", **asked)
        lines = self._lines(figures, others, "other seeds of the networks")
        pair = others.scores[together], answers.scores[together]
        line = self._compare(answers, *pair)
        # As who has trained both once would look at them.
        single = [self._compare(answers, *pair, runs=[seed]) for seed in range(self.n_seeds)]
        apart = sum(one["low"] > 0 or one["high"] < 0 for one in single)
        said = verdict(line["low"], line["high"])
        return lines.assign(
            reference=f"{together}, first seeds",
            difference=line["estimate"],
            low=line["low"],
            high=line["high"],
            verdict=f"{said}; of single seeds {apart} of {self.n_seeds} differ",
        )


def main():
    """Print and write the table of each CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+", metavar="TABLE.csv")
    parser.add_argument("--folds", type=int, default=N_FOLDS)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER)
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    for path in list(arguments.tables):
        compared = Comparison(
            path,
            n_folds=arguments.folds,
            n_seeds=arguments.seeds,
            n_jobs=arguments.jobs,
            keep=arguments.keep,
        )
        lines, claims = compared.run()
        print(lines.round(3).to_string(index=False))
        arguments.tables = [path]
        made_by = {
            "command": command_of(parser, arguments, positional=["tables"]),
            "settings": {"folds": arguments.folds, "seeds": arguments.seeds, "margin": MARGIN},
            "code": CODE,
            "data": hash_of_file(path),
            "seconds": compared.kept.seconds,
            "folder": arguments.output,
        }
        write_result(lines, f"table_{path.stem}", **made_by)
        write_result(claims, f"table_{path.stem}_claims", **made_by)
        print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
