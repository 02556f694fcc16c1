"""`skmmgenre train` on a folder of tagged files, compared with plain regressions.

The folder is made of the clips of a table that have one genre: each file is copied, all its tags
are replaced by artist and genre. A fifth of the artists is in a second folder, on which the model
is tested. Both sides are trained on the same files with balanced classes, and nothing is tuned.
The model without class weights is reported too. Intervals are of the difference to plain, paired,
over artists and seeds; a seed is used for the split and for the model.

Some genres have only one to four files, so the comparison is repeated with the genres of at
least nine files. "predicted" is the number of genres that the model predicts for some file of
the second folder, the mean over seeds; "predicted in all" is that of all seeds together. Macro
F1 is the mean over all genres of the table, whether or not they are in the second folder.

    python benchmarks/evaluate_folder.py TABLE.csv
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import mutagen
import numpy as np
import pandas as pd
from _claims import compare
from _results import FOLDER, MARGIN, command_of, hash_of_file, verdict, write_result

import skmmgenre
from skmmgenre.cli import main as skmmgenre_command
from skmmgenre.compose import make_plain_classifier
from skmmgenre.datasets import load_music_folder
from skmmgenre.labels import read_genres
from skmmgenre.metrics import genre_scores
from skmmgenre.model_selection import ArtistShuffleSplit

TEST_SIZE = 0.2
CONDITIONS = {"all genres": 1, "genres of 9 files": 9}
# Options of the command.
TRAINED = {"train": [], "train, class_weight=None": ["--set", "class_weight=None"]}
PLAIN = "plain"
MAJORITY = "majority"
FIGURES = ("accuracy", "f1")
CODE = ["benchmarks/evaluate_folder.py", "skmmgenre/compose/_plain_control.py"]


def read_clips(path):
    """Return the clips of a table that have one genre: path, artist and genre."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    column = next(name for name in ("genres", "genre") if name in table)
    genres, _ = read_genres(table[column])
    table = table.assign(genre=[names[0] if len(names) == 1 else "" for names in genres])
    table = table[(table["genre"] != "") & (table["audio"] != "")].reset_index(drop=True)
    table["audio"] = [str(path.parent / cell) for cell in table["audio"]]
    return table[["audio", "artist", "genre"]]


def of_many(clips, least):
    """Return the clips of genres with at least this many clips."""
    counts = clips["genre"].map(clips["genre"].value_counts())
    return clips[counts >= least].reset_index(drop=True)


def write_folder(clips, folder):
    """Copy the files of clips into a folder, with only artist and genre as tags."""
    folder.mkdir(parents=True)
    for row, clip in clips.iterrows():
        path = folder / f"{row:04d}{Path(clip['audio']).suffix}"
        shutil.copyfile(clip["audio"], path)
        file = mutagen.File(path, easy=True)
        file.delete()
        file = mutagen.File(path, easy=True)
        if file.tags is None:
            file.add_tags()
        file["genre"] = clip["genre"]
        if clip["artist"]:
            file["artist"] = clip["artist"]
        file.save()


def run_seed(clips, folder, seed, jobs):
    """Return the predictions of each side for the second folder, one line per file."""
    groups = [artist or f"\x00{row}" for row, artist in enumerate(clips["artist"])]
    splitter = ArtistShuffleSplit(1, test_size=TEST_SIZE, random_state=seed)
    ((learn, test),) = splitter.split(clips, clips["genre"], groups)
    for name, rows in (("learn", learn), ("test", test)):
        write_folder(clips.iloc[rows].reset_index(drop=True), folder / name)
    reading = {"text": None, "n_jobs": jobs}
    learned, asked = (load_music_folder(folder / name, **reading) for name in ("learn", "test"))
    if list(asked.y) != clips["genre"].iloc[test].tolist():
        raise ValueError("Some genre is not read as it was written.")
    artists = np.array(groups, dtype=object)[test]
    said = {"run": seed, "row": test, "group": artists, "true": asked.y}
    for name, words in TRAINED.items():
        path = str(folder / "genres.skmmgenre")
        command = ["train", str(folder / "learn"), "-o", path, "--seed", str(seed), "--quiet"]
        if skmmgenre_command([*command, "--jobs", str(jobs), *words]):
            raise RuntimeError(f"skmmgenre {' '.join(command)} failed.")
        said[name] = skmmgenre.load(path).predict(asked.table)
    plain = make_plain_classifier(text=None, image=None, n_jobs=jobs)
    said[PLAIN] = plain.fit(learned.table, learned.y).predict(asked.table)
    said[MAJORITY] = pd.Series(learned.y).mode()[0]
    return pd.DataFrame(said)


def tabulate(answers, condition, labels):
    """Return one line per metric and system: mean over seeds, and the difference to plain."""
    lines = []
    for figure in FIGURES:
        for system in answers.columns[4:]:
            values = [
                _figure(part["true"], part[system], figure, labels)
                for _, part in answers.groupby("run")
            ]
            line = {"condition": condition, "figure": figure, "system": system}
            line |= {"value": np.mean(values), "std": np.std(values)}
            line["genres"] = len(labels)
            line["predicted"] = answers.groupby("run")[system].nunique().mean()
            line["predicted in all"] = answers[system].nunique()
            if system != PLAIN:
                line |= _difference(answers, system, figure, labels)
                line["verdict"] = verdict(line["low"], line["high"])
            lines.append(line)
    return pd.DataFrame(lines)


def _figure(true, said, figure, labels):
    scores = genre_scores(true, said, labels=labels)
    return scores.attrs["accuracy"] if figure == "accuracy" else scores.loc["macro", figure]


def _difference(answers, system, figure, labels):
    found = compare(
        answers["true"],
        answers[system],
        answers[PLAIN],
        metric=figure,
        groups=answers["group"],
        runs=answers["run"],
        seeds=answers["run"],
        labels=labels,
    )
    return {name: found[name] for name in ("estimate", "low", "high")}


def main():
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    began = time.perf_counter()
    all_clips, lines = read_clips(arguments.table), []
    for condition, least in CONDITIONS.items():
        clips, answers = of_many(all_clips, least), []
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                answers.append(run_seed(clips, Path(folder), seed, arguments.jobs))
        answers = pd.concat(answers, ignore_index=True)
        lines.append(tabulate(answers, condition, labels=np.unique(clips["genre"])))
        print(f"{condition}: {len(clips)} files, {clips['artist'].nunique()} artists")
        print(lines[-1].round(3).to_string(index=False), flush=True)
    written = write_result(
        pd.concat(lines, ignore_index=True),
        f"folder_{arguments.table.stem}",
        command=command_of(parser, arguments, positional=["table"]),
        settings={"seeds": arguments.seeds, "test_size": TEST_SIZE, "margin": MARGIN},
        code=CODE,
        data=hash_of_file(arguments.table),
        seconds=time.perf_counter() - began,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
