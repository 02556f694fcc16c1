"""The ready model without training, on a table of labelled clips.

    python benchmarks/evaluate_ready_model.py TABLE.csv

The tags of musicnn are mapped to genres of the table by name alone (literal), and by a map that
was written before any score was seen (edited). The macro AUC is reported for the genres that can be
mapped, and for all genres, where those without a tag count as 0.5. The first measures the quality
of the tags, the second also how much of the table they cover.

The threshold of a genre is where its F1 is best, but no lower than where half of the clips that
get the genre have it. Those that are shipped were chosen on all artists. What is reported of them
is for artists that did not choose them (`ArtistKFold`, five folds).

musicnn was trained on the Million Song Dataset, which may hold some of these clips, with tags that
are close to genres.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _results import FOLDER, command_of, hash_of_file, write_result
from evaluate_table import read_table

from skmmgenre.compose import TagClassifier, load_ready_model
from skmmgenre.metrics import bootstrap_interval, macro_auc_score
from skmmgenre.model_selection import ArtistKFold, best_f1_threshold
from skmmgenre.model_selection._thresholds import lowest_threshold_of_precision

CODE = ["benchmarks/evaluate_ready_model.py", "skmmgenre/compose/_ready_model.py"]
# Genres of AllMusic. The tags of a genre's own name, and what is meant by the same.
LITERAL = {
    "Blues": ["blues"],
    "Country": ["country"],
    "Electronic": ["electronic"],
    "Folk": ["folk"],
    "Jazz": ["jazz"],
    "Pop/Rock": ["pop", "rock"],
    "R&B": ["rnb"],
    "Rap": ["Hip-Hop"],
}
EDITED = {
    **LITERAL,
    "Electronic": ["electronic", "electronica", "electro", "House", "dance"],
    "New Age": ["ambient", "chillout", "chill"],
    "Pop/Rock": ["pop", "rock", "alternative rock", "indie rock", "classic rock", "hard rock"],
    "R&B": ["rnb", "soul", "funk"],
    "Vocal": ["easy listening", "oldies"],
}
# Genres of the ready model that the table has under this name.
SHIPPED = {name: name for name in ("Blues", "Country", "Electronic", "Folk", "Jazz", "R&B")}
SHIPPED["Hip-Hop"] = "Rap"
_PRECISION = 0.5


def auc_lines(tags, Y, artists):
    """Return one line per map and set of genres."""
    lines = []
    for name, table in (("literal", LITERAL), ("edited", EDITED)):
        scores = pd.DataFrame(0.0, index=Y.index, columns=Y.columns)
        model = TagClassifier(genres=table).fit(tags)
        scores[list(table)] = model.predict_proba(tags)
        for genres in (list(table), list(Y.columns)):
            truth, said = Y[genres].to_numpy(), scores[genres].to_numpy()
            found = bootstrap_interval(truth, said, metric="macro_auc", groups=artists)
            lines.append(
                {
                    "map": name,
                    "genres": f"all {len(genres)}"
                    if len(genres) == Y.shape[1]
                    else f"{len(genres)} that can be mapped",
                    "macro_auc": macro_auc_score(truth, said),
                    "low": found.low,
                    "high": found.high,
                }
            )
    return pd.DataFrame(lines)


def threshold_of(truth, scores):
    """Return the threshold of a genre; see above."""
    surest = np.nextafter(scores.max(), np.inf)  # where no threshold reaches the precision
    lowest = min(lowest_threshold_of_precision(truth.astype(bool), scores, _PRECISION), surest)
    return max(best_f1_threshold(truth, scores), lowest)


def threshold_lines(scores, Y, artists):
    """Return one line per genre of both the table and the ready model, and one for all."""
    truth = Y[list(SHIPPED.values())].to_numpy()
    said = scores[list(SHIPPED)].to_numpy()
    predicted, by_shared = np.zeros_like(truth), np.zeros_like(truth)
    for train, test in ArtistKFold(5, random_state=0).split(said, truth, artists):
        thresholds = [threshold_of(truth[train, k], said[train, k]) for k in range(len(SHIPPED))]
        predicted[test] = said[test] > thresholds
        by_shared[test] = said[test] > threshold_of(truth[train].ravel(), said[train].ravel())
    lines = [
        {
            "genre": genre,
            "threshold": threshold_of(truth[:, k], said[:, k]),
            **_rates(truth[:, [k]], predicted[:, [k]]),
        }
        for k, genre in enumerate(SHIPPED)
    ]
    shared = threshold_of(truth.ravel(), said.ravel())
    lines.append({"genre": "these together", "threshold": np.nan, **_rates(truth, predicted)})
    lines.append({"genre": "these, one threshold", "threshold": shared, **_rates(truth, by_shared)})
    return pd.DataFrame(lines)


def _rates(truth, predicted):
    right = (truth * predicted).sum()
    return {
        "clips": int(truth.any(axis=1).sum()),
        "precision": right / max(1, predicted.sum()),
        "recall": right / max(1, truth.sum()),
    }


def main():
    """Print and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    arguments = parser.parse_args()
    began = time.perf_counter()
    table, Y = read_table(arguments.table)
    model = load_ready_model("musicnn", n_jobs=arguments.jobs, on_error="missing")
    tags = model["modalities"].transform(table)
    heard = tags.notna().all(axis=1).to_numpy()
    tags, Y = tags[heard].reset_index(drop=True), Y[heard].reset_index(drop=True)
    artists = table["artist"][heard].to_numpy()
    scores = pd.DataFrame(model["genres"].predict_proba(tags), columns=model.classes_)
    given = model["genres"].predict(tags)
    results = {
        "ready_model": auc_lines(tags, Y, artists),
        "ready_model_thresholds": threshold_lines(scores, Y, artists).assign(
            without_genre=1 - given.any(axis=1).mean()
        ),
    }
    print(f"{len(Y)} clips, {len(set(artists))} artists; 3 windows of 3 seconds of each")
    for name, lines in results.items():
        print(lines.round(3).to_string(index=False))
        written = write_result(
            lines,
            name,
            command=command_of(parser, arguments, positional=("table",)),
            settings={"clips": len(Y)},
            code=CODE,
            data=hash_of_file(arguments.table),
            seconds=time.perf_counter() - began,
            folder=arguments.output,
        )
        print(f"written to {written}")


if __name__ == "__main__":
    main()
