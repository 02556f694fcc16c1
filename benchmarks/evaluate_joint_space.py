"""Retrieval in the joint space, and its benefit for the audio.

Statistics of the sound and colours of the covers of synthetic albums, without networks. The
joint space is trained at its defaults on 70, 300 and 2,000 pairs; only the seed is set.

1. Retrieval among albums of unseen artists: how often an album's cover is among the 10 nearest of
   its sound, and its sound among those of its cover. It is compared with chance and with the
   exact posterior: the most probable candidates first, given what sound and cover were rendered
   from. An uninformative space has a validation loss of 1 - margin.
2. The paper's claim, under favourable conditions: few of the pairs have a genre, so audio alone is
   below its ceiling. Fusion layers are trained on the labelled rows, the joint space on all rows.
   The gain must vanish with covers of other albums; covers of other albums of the same genre show
   the effect of the genre of a cover alone (they need the genre of all pairs, so they know more).
"""

import argparse
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import CLAIM, MUST_VANISH, compare
from _kept import Kept
from _results import FOLDER, MARGIN, command_of, verdict, write_result
from scipy.stats import binom
from sklearn.preprocessing import StandardScaler

from skmmgenre.audio import AudioStatistics
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ColorStatistics
from skmmgenre.metrics import genre_scores
from skmmgenre.model_selection import ArtistShuffleSplit

SETTINGS = {"pairs": [70, 300, 2000], "labelled": 300, "test_size": 0.2, "nearest": 10}
CODE = ["benchmarks/evaluate_joint_space.py", "skmmgenre/datasets/_synthetic"]
_COVERS = {"own": CLAIM, "shuffled": MUST_VANISH, "shuffled within genre": "control"}
_SOUND, _MM, _BOTH = "sound", "MM_Audio", "sound + MM_Audio"


def read_statistics(arguments, folder):
    """The albums, and statistics of their sound and their covers."""
    albums = make_albums(
        arguments.albums, directory=folder, random_state=7, n_jobs=arguments.jobs, verbose=1
    )
    sound = AudioStatistics(n_jobs=arguments.jobs, verbose=1).fit_transform(albums.table["audio"])
    covers = ColorStatistics(n_jobs=arguments.jobs).fit_transform(albums.table["cover"])
    return albums, np.asarray(sound), np.asarray(covers)


def split(albums, seed):
    """Positions of pairs, those of an artist side by side, and of albums of unseen artists."""
    splitter = ArtistShuffleSplit(1, test_size=SETTINGS["test_size"], random_state=seed)
    known, tested = next(splitter.split(albums.table, albums.y, albums.groups))
    artists = np.random.default_rng(seed).permutation(np.unique(albums.groups[known]))
    place = dict(zip(artists, range(len(artists)), strict=True))
    return known[np.argsort([place[artist] for artist in albums.groups[known]])], tested


def numbers_of_pairs(n_known):
    """Those of the settings that there are enough albums for, or else all albums."""
    return [n for n in SETTINGS["pairs"] if n <= n_known] or [n_known]


def learn(sound, covers, rows, artists, y=None, *, seed):
    """Learn a joint space; `covers` are those of `rows`, which may be of other albums."""
    blocks = {"audio": sound.shape[1], "image": covers.shape[1]}
    joint = JointSpaceProjector(blocks=blocks, random_state=seed)
    with warnings.catch_warnings():  # the table says how far from chance it is
        warnings.filterwarnings("ignore", "JointSpaceProjector: of .* unseen pairs")
        return joint.fit(np.hstack([sound[rows], covers]), y, groups=artists[rows])


def embed(joint, sound, covers):
    """MM_Audio and MM_Visual."""
    return np.hsplit(joint.transform(np.hstack([sound, covers])), 2)


# ---- retrieval --------------------------------------------------------------------------


def likelihood_ratios(oracle, rows):
    """How much more likely than by chance a sound (a row) and a cover (a column) are of one album.

    P(sound, cover) / (P(sound) P(cover)) of the genres that they were rendered from, exact.
    """
    own = np.eye(len(oracle.classes))
    drawn = oracle.complementarity
    shown = {
        kind: drawn * oracle.confusion[kind][:, np.newaxis] + (1 - drawn) * own
        for kind in ("audio", "cover")
    }  # genre x shared draw x perceived genre
    together = np.einsum(
        "y,ys,ysa,ysv->av", oracle.prior, oracle.confusion["shared"], shown["audio"], shown["cover"]
    )
    ratios = together / np.outer(together.sum(axis=1), together.sum(axis=0))
    sound, cover = (
        np.searchsorted(oracle.classes, oracle.perceived[kind].to_numpy()[rows].astype(str))
        for kind in ("audio", "cover")
    )
    return ratios[np.ix_(sound, cover)]


def hits(scores):
    """Of each album, the chance that its other view is among the nearest, mean of both ways.

    Candidates with the same score are in random order.
    """
    found = []
    for asked in (scores, scores.T):
        own = asked.diagonal()[:, np.newaxis]
        above = (asked > own + 1e-9).sum(axis=1)
        alike = (np.abs(asked - own) <= 1e-9).sum(axis=1)
        found.append(np.clip((SETTINGS["nearest"] - above) / alike, 0, 1))
    return np.mean(found, axis=0)


def median_rank(scores):
    """The median rank of the other view."""
    own = scores.diagonal()
    ways = [(scores > own[:, np.newaxis]).sum(axis=1), (scores > own).sum(axis=0)]
    return float(1 + np.median(np.concatenate(ways)))


def retrieve(joint, sound, covers, ratios):
    """Return the retrieval metrics of a joint space among albums of unseen artists."""
    first, second = (
        part / np.linalg.norm(part, axis=1, keepdims=True) for part in embed(joint, sound, covers)
    )
    scores = first @ second.T
    return {
        "found": hits(scores),
        "allowed": hits(ratios),
        "median_rank": median_rank(scores),
        "epochs": joint.n_iter_,
        "valid_loss": joint.history_[joint.best_iter_ - 1]["valid_loss"],
        "one_less_margin": 1 - joint.margin,
        "inner_recall": joint.retrieval_["recall_at_10"],
        "inner_chance": joint.retrieval_["chance_recall_at_10"],
    }


def tabulate_retrieval(runs):
    """Return one line per number of pairs: recall at 10, chance, and the posterior."""
    lines = []
    for n_pairs, some in runs.groupby("pairs"):
        found, allowed = (np.concatenate(some[name].to_list()) for name in ("found", "allowed"))
        sizes = [len(one) for one in some["found"]]
        chances = [min(1, SETTINGS["nearest"] / size) for size in sizes]
        chance = np.average(chances, weights=sizes)
        seeds = np.repeat(some["seed"], sizes)
        above = compare(
            np.repeat(chances, sizes),
            found,
            metric=_mean_above,
            groups=np.concatenate(some["artists"].to_list()),
            runs=seeds,
            seeds=seeds,
        )
        line = {
            "pairs": n_pairs,
            "recall_at_10": found.mean(),
            "chance": chance,
            # What the mean of all runs exceeds by chance in one of 40 cases.
            "chance_high": binom.ppf(0.975, len(found), chance) / len(found),
            "allowed": allowed.mean(),
            "share": found.mean() / allowed.mean(),
            "share_above_chance": (found.mean() - chance) / (allowed.mean() - chance),
        }
        line |= {key: above[key] for key in ("estimate", "low", "high")}
        line |= some[["median_rank", "epochs", "valid_loss", "one_less_margin"]].mean().to_dict()
        # Of all runs: in none of them may the space have collapsed.
        line["least_apart"] = (some["valid_loss"] - some["one_less_margin"]).abs().min()
        line["verdict"] = verdict(above["low"], above["high"], None)
        lines.append(line)
    return pd.DataFrame(lines)


def _mean_above(chance, found, sample_weight=None):
    return np.average(found - chance, weights=sample_weight)


# ---- the claim --------------------------------------------------------------------------


def covers_of(kind, covers, y, seed):
    """The covers that stand beside the sounds, and so what a joint space is trained with."""
    rng = np.random.default_rng(seed)
    if kind == "own":
        return covers
    if kind == "shuffled":
        return covers[rng.permutation(len(covers))]
    others = np.arange(len(covers))
    for genre in np.unique(y):
        rows = np.flatnonzero(y == genre)
        others[rows] = rng.permutation(rows)
    return covers[others]


def classify(albums, sound, joints, rows, tested, seed):
    """Return predictions of fusion layers for unseen artists, one line per album."""
    labelled = rows[: SETTINGS["labelled"]]
    scaled = StandardScaler().fit(sound[rows]).transform(sound)
    about = {"run": seed, "row": tested, "group": albums.groups[tested], "true": albums.y[tested]}

    def predict(blocks):
        fusion = FusionClassifier(
            blocks={name: part.shape[1] for name, part in blocks.items()}, random_state=seed
        )
        whole = np.hstack(list(blocks.values()))
        fusion.fit(whole[labelled], albums.y[labelled], groups=albums.groups[labelled])
        return fusion.predict(whole[tested])

    said = {_SOUND: predict({"audio": scaled})}
    for kind, (joint, covers) in joints.items():
        mm_audio, _ = embed(joint, sound, covers)
        said[f"{_MM}, {kind}"] = predict({"mm_audio": mm_audio})
        said[f"{_BOTH}, {kind}"] = predict({"audio": scaled, "mm_audio": mm_audio})
    return pd.DataFrame({**about, **said})


def tabulate_claims(albums, answers):
    """Return one line per claim: macro F1, that of the audio, its ceiling, and the difference."""
    labels = np.unique(albums.y)

    def f1(name):
        return np.mean(
            [
                genre_scores(part["true"], part[name], labels=labels).loc["macro", "f1"]
                for _, part in answers.groupby("run")
            ]
        )

    ceiling = np.mean(
        [
            albums.oracle.ceiling("audio", part["row"].to_numpy(), metric="macro_f1")
            for _, part in answers.groupby("run")
        ]
    )
    pairs = [(model, kind, _SOUND) for kind in _COVERS for model in (_MM, _BOTH)]
    pairs += [(model, "own", f"{model}, shuffled within genre") for model in (_MM, _BOTH)]
    lines = []
    for model, kind, reference in pairs:
        name = f"{model}, {kind}"
        found = compare(
            answers["true"],
            answers[name],
            answers[reference],
            groups=answers["group"],
            runs=answers["run"],
            seeds=answers["run"],
            labels=labels,
        )
        lines.append(
            {
                "claim": f"F1: {model}, covers {kind}, beats {reference}",
                "kind": _COVERS[kind],
                "metric": "f1",
                "model": name,
                "value": f1(name),
                "other_model": reference,
                "other_value": f1(reference),
                "ceiling": ceiling,
                **found,
                "verdict": verdict(found["low"], found["high"]),
            }
        )
    return pd.DataFrame(lines)


# ---- runs -------------------------------------------------------------------------------


def one_run(albums, sound, covers, seed):
    """What is found with each number of pairs, and what is predicted with the most of them."""
    rows, tested = split(albums, seed)
    artists, ratios = albums.groups, likelihood_ratios(albums.oracle, tested)
    found = []
    for n_pairs in numbers_of_pairs(len(rows)):
        some = rows[:n_pairs]
        # Pairs need no genre: most have none here.
        y = albums.y[some].astype(object)
        y[SETTINGS["labelled"] :] = None
        own = learn(sound, covers[some], some, artists, y, seed=seed)
        line = {"seed": seed, "pairs": n_pairs, "artists": artists[tested]}
        found.append(line | retrieve(own, sound[tested], covers[tested], ratios))
        print({key: value for key, value in found[-1].items() if np.ndim(value) == 0}, flush=True)
    joints = {}
    for kind in _COVERS:
        beside = covers_of(kind, covers[some], albums.y[some], seed)
        joint = own if kind == "own" else learn(sound, beside, some, artists, y, seed=seed)
        joints[kind] = joint, covers
    return found, classify(albums, sound, joints, some, tested, seed)


def main():
    """Print and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    kept = Kept(arguments.keep, "joint_space", f"{arguments.albums}")
    with tempfile.TemporaryDirectory() as folder:
        data = kept("statistics", partial(read_statistics, arguments, folder))
    runs = [kept(seed, partial(one_run, *data, seed)) for seed in range(arguments.runs)]
    albums = data[0]
    tables = {
        "joint_space": tabulate_retrieval(
            pd.DataFrame([line for found, _ in runs for line in found])
        ),
        "joint_space_claims": tabulate_claims(albums, pd.concat([said for _, said in runs])),
    }
    for name, lines in tables.items():
        print(lines.round(3).to_string(index=False))
        written = write_result(
            lines,
            name,
            command=command_of(parser, arguments),
            settings={
                "albums": arguments.albums,
                "runs": arguments.runs,
                "margin": MARGIN,
                **SETTINGS,
            },
            code=CODE,
            seconds=kept.seconds,
            folder=arguments.output,
        )
        print(f"written to {written}")


if __name__ == "__main__":
    main()
