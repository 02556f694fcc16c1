"""Check explanations on albums whose informative parts are known.

Synthetic albums, with covers that are neutral except for one square (``cover_cue="patch"``). The
usual pipeline is trained on the genres, and another one on genres shuffled among the training
albums. These are measured on albums of other artists, with intervals over artists and runs:

- cover: the share of the mass of the class activation map within the square, for the genre that
  the square shows; compared with the share of the cover that the square covers, and with a network
  with random weights;
- deletion and insertion: the genre's logit of the image network, the mean over nine covers of
  which a tenth to nine tenths are set to grey (deletion) or are all that is not grey (insertion),
  in the order of the map; compared with the order of another album's map;
- sound: the share of the mass of the map of the sound that lies within the half of the seconds
  that the genre was taken from, if the other half is taken from an album of another genre
  (chance: 0.5); compared with a network with random weights;
- words: the rank correlation, in each review, of the words' effects on the genre that the text
  shows with how much more often the generator uses them for it than for the other genres;
- modalities: the rank correlation, over albums, genres and modalities, of the contribution with
  what the oracle's log posterior owes to the modality;
- sum: the largest difference of the sum of all contributions and the logit.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _kept import Kept
from _results import FOLDER, command_of, write_result
from scipy.stats import spearmanr

from skmmgenre.audio import AudioCNN
from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.datasets._synthetic._genres import MODALITIES, genre_tree
from skmmgenre.datasets._synthetic._reviews import _WORDS, text_recipe
from skmmgenre.image._augment import centre_crop
from skmmgenre.image._decode import decode_image
from skmmgenre.inspection import class_activation_map, explain, modality_contributions
from skmmgenre.inspection._steps import input_of, paths_of
from skmmgenre.model_selection import ArtistShuffleSplit
from skmmgenre.nets._modules import build_empty, initialize, to_arrays

GENRES = 4
ALBUMS = {"duration": 5.0, "cover_size": 64, "cover_cue": "patch", "accuracy": {"cover": 0.7}}
MODEL = {
    "audio__duration": 5.0, "image__depth": "small", "image__augment": False,
}  # fmt: skip
SETTINGS = {"genres": GENRES, "albums": ALBUMS, "model": MODEL}
CODE = ["benchmarks/evaluate_explanations.py", "skmmgenre/datasets/_synthetic"]
SIDE = 64  # of what the small network sees
TENTHS = np.arange(1, 10) / 10  # of a cover that are hidden or shown
EXPLAINED = 60  # albums of a run whose words are looked at


def one_run(arguments, seed):
    """Return the measures of a run: one line per album, for both models."""
    with tempfile.TemporaryDirectory() as folder:
        albums = make_albums(
            arguments.albums, GENRES, directory=folder, random_state=seed,
            n_jobs=arguments.jobs, **ALBUMS,
        )  # fmt: skip
        y, groups = albums.y, albums.groups
        train, test = next(ArtistShuffleSplit(1, random_state=seed).split(y, y, groups))
        shuffled = np.random.default_rng(seed).permutation(y[train])
        lines = []
        for labels, name in ((y[train], "true"), (shuffled, "shuffled")):
            model = make_genre_classifier(
                random_state=seed, n_jobs=arguments.jobs, image="cover", **MODEL
            )
            model.fit(albums.table.iloc[train], labels, groups=groups[train])
            found = measure(model, albums, test)
            lines.append(found.assign(labels=name, run=seed, artist=groups[test]))
        return pd.concat(lines, ignore_index=True)


def measure(model, albums, test):
    """Return all measures of a model, one line per test album; NaN if not measured."""
    table = albums.table.iloc[test]
    network = model["modalities"].named_transformers_["image"]
    seen = seen_of_covers(table["cover"])
    shown = albums.oracle.perceived["cover"].to_numpy()[test]
    maps = class_activation_map(network, seen, shown)
    random = class_activation_map(with_random_weights(network), seen, shown)
    masks = masks_seen(albums.oracle.cover_masks(test))
    contributions = modality_contributions(model, table)
    scores = contributions["score"].to_numpy().reshape(len(test), -1)
    own = logits_by_share(network, seen, maps, shown)
    others = logits_by_share(network, seen, np.roll(maps, 1, axis=0), shown)
    heard, heard_at_random = of_sound(model, albums, test)
    lines = {
        "cover": share_within(maps, masks),
        "cover, random weights": share_within(random, masks),
        "cover, chance": masks.mean(axis=(1, 2)),
        "deletion": (others["hidden"] - own["hidden"]).mean(axis=1),
        "insertion": (own["shown"] - others["shown"]).mean(axis=1),
        "sound": heard,
        "sound, random weights": heard_at_random,
        "words": of_words(model, albums, test),
        "modalities": of_modalities(contributions, albums.oracle, test, model.classes_),
        "sum": np.abs(scores - model.decision_function(table)).max(axis=1),
    }
    return pd.DataFrame(lines)


def seen_of_covers(paths):
    """Covers as the network crops them, with a margin that the crop takes off again."""
    scaled = round(SIDE * 256 / 224)
    margin = ((scaled - SIDE) // 2, scaled - SIDE - (scaled - SIDE) // 2)
    crops = [centre_crop(decode_image(path), SIDE) for path in paths]
    return [np.pad(crop, (margin, margin, (0, 0)), mode="edge") for crop in crops]


def masks_seen(masks):
    """Masks as the network crops the covers."""
    from PIL import Image

    pictures = [Image.fromarray(255 * mask.astype(np.uint8)).convert("RGB") for mask in masks]
    return np.stack([centre_crop(picture, SIDE)[:, :, 0] > 127 for picture in pictures])


def share_within(maps, masks):
    """The share of the mass of each map that lies within its mask; NaN of a map of zeros."""
    mass = maps.sum(axis=(1, 2))
    within = (maps * masks).sum(axis=(1, 2))
    return np.divide(within, mass, out=np.full(len(mass), np.nan), where=mass > 0)


def with_random_weights(network):
    """Return the same network with its initial weights."""
    module = build_empty(network._make_module, network.module_recipe_)
    initialize(module, 0)
    other = type(network)(**network.get_params())
    vars(other).update(vars(network))
    other.weights_ = to_arrays(module)
    return other


def logits_by_share(network, seen, maps, genres):
    """Return the logits of covers of which only a part is seen, in the order of their maps.

    Returns
    -------
    logits : dict of ndarray, shape (n_covers, 9)
        "hidden": the tenths where the map is highest are grey; "shown": all others are.
    """
    codes = np.searchsorted(network.classes_, genres)
    rows = np.arange(len(seen))
    order = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")
    ranks = np.argsort(order, axis=1).reshape(-1, SIDE, SIDE)
    margin = (len(seen[0]) - SIDE) // 2
    inner = (slice(margin, margin + SIDE),) * 2
    logits = {"hidden": [], "shown": []}
    for tenths in TENTHS:
        highest = ranks < tenths * SIDE**2
        for name, grey in (("hidden", highest), ("shown", ~highest)):
            pictures = [picture.copy() for picture in seen]
            for picture, places in zip(pictures, grey, strict=True):
                picture[inner][places] = 128
            logits[name].append(network.decision_function(pictures)[rows, codes])
    return {name: np.transpose(columns) for name, columns in logits.items()}


def of_sound(model, albums, test):
    """Return the share of the map's mass within the half that tells the genre, of both networks.

    Half of the frames of each album are replaced by those of the next album of another genre: the
    second half, or the first half, in turn.
    """
    (path,) = paths_of(model, AudioCNN)
    patches, network = input_of(model, path, albums.table.iloc[test])
    patches = np.asarray(patches)
    shown = albums.oracle.perceived["audio"].to_numpy()[test]
    n_rows, half = len(test), patches.shape[2] // 2
    own = np.zeros(patches.shape, dtype=bool)
    own[0::2, :, :half] = True
    own[1::2, :, half:] = True
    following = [np.roll(np.arange(n_rows), -row - 1) for row in range(n_rows)]
    partners = [
        places[shown[places] != genre][0] for places, genre in zip(following, shown, strict=True)
    ]
    mosaics = np.where(own, patches, patches[partners])
    return [
        share_within(class_activation_map(one, mosaics, shown), own)
        for one in (network, with_random_weights(network))
    ]


def log_shares():
    """Log weights of the generator's words for each genre, less their mean: a DataFrame."""
    names = [word for words in _WORDS.values() for word in words]
    by_genre = {
        genre.name: np.concatenate(list(text_recipe(genre).values()))
        for genre in genre_tree(GENRES)
    }
    weights = pd.DataFrame(by_genre, index=names)
    weights = weights[~weights.index.duplicated(keep=False)]  # noun and adjective at once
    return weights.sub(weights.mean(axis=1), axis=0)


def of_words(model, albums, test):
    """Rank correlation of effects and the generator's weights, of some albums."""
    weights, found = log_shares(), np.full(len(test), np.nan)
    for number, row in enumerate(test[:EXPLAINED]):
        shown = albums.oracle.perceived["text"].iloc[row]
        one = albums.table.iloc[[row]].assign(audio=None, cover=None)
        words = explain(model, one, genres=[shown], n_words=10_000).words.set_index("word")
        both = words.join(weights[shown], how="inner")
        found[number] = spearmanr(both["effect"], both[shown]).statistic
    return found


def of_modalities(contributions, oracle, test, classes):
    """Rank correlation in each album, over modalities and genres, with the oracle's parts."""
    blocks = dict(zip(MODALITIES, ("audio", "text", "image"), strict=True))
    order = np.searchsorted(oracle.classes, classes)
    everything = np.log(oracle.posterior(rows=test))[:, order]
    owed, told = [], []
    for modality, block in blocks.items():
        others = [other for other in MODALITIES if other != modality]
        part = everything - np.log(oracle.posterior(others, test))[:, order]
        owed.append(part - part.mean(axis=1, keepdims=True))
        part = contributions[block].to_numpy().reshape(part.shape)
        told.append(part - part.mean(axis=1, keepdims=True))
    owed, told = np.hstack(owed), np.hstack(told)
    return np.array([spearmanr(a, b).statistic for a, b in zip(owed, told, strict=True)])


MEASURES = [
    "cover", "cover, random weights", "cover, chance", "deletion", "insertion",
    "sound", "sound, random weights", "words", "modalities", "sum",
]  # fmt: skip


def tabulate(lines, n_draws=1000):
    """Return one line per measure and kind of labels: mean or largest sum, and interval.

    Runs and artists are drawn with replacement, so an album counts as often as its run times its
    artist.
    """
    rng = np.random.default_rng(0)
    artists, codes = np.unique(
        lines["run"].astype(str) + " " + lines["artist"], return_inverse=True
    )
    draws = rng.multinomial(len(artists), np.full(len(artists), 1 / len(artists)), n_draws)
    runs, run_of = np.unique([artist.partition(" ")[0] for artist in artists], return_inverse=True)
    draws *= rng.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), n_draws)[:, run_of]
    rows = []
    for measure_name in MEASURES:
        for labels, part in lines.groupby("labels", sort=False):
            values = part[measure_name].to_numpy()
            there = ~np.isnan(values)
            row = {"measure": measure_name, "labels": labels, "n_albums": int(there.sum())}
            if measure_name == "sum":
                rows.append({**row, "estimate": values.max()})
                continue
            weights = draws[:, codes[part.index][there]]
            means = weights @ values[there] / weights.sum(axis=1)
            low, high = np.percentile(means, [2.5, 97.5])
            rows.append({**row, "estimate": values[there].mean(), "low": low, "high": high})
    return pd.DataFrame(rows)


def main():
    """Print and write one line per measure and kind of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=400)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results go")
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to go on from")
    arguments = parser.parse_args()
    kept = Kept(arguments.keep, "explanations", f"{arguments.albums}")
    parts = [kept(seed, partial(one_run, arguments, seed)) for seed in range(arguments.runs)]
    lines = tabulate(pd.concat(parts, ignore_index=True))
    lines["estimate"] = lines["estimate"].map("{:.4g}".format)  # the sums are small numbers
    print(lines.round(4).to_string(index=False))
    sizes = {name: getattr(arguments, name) for name in ("albums", "runs")}
    written = write_result(
        lines,
        "explanations",
        command=command_of(parser, arguments),
        settings={**SETTINGS, "sizes": sizes},
        code=CODE,
        seconds=kept.seconds,
        folder=arguments.output,
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
