"""Cost per item of every step, and how it scales: 1,000, 2,000 and 4,000 items.

    python benchmarks/bench_scaling.py [--only PART ...] [--rounds 3] [--depth 18] [--quick]

Every step runs at three sizes, in turn and in another order in each round, so that other load on
the machine affects all sizes. Everything runs in one process with one thread. Audio and cover
networks get a tenth of the items; steps that take milliseconds get more, as shown. Fits run one
epoch, including the work before and after it.

The table has one line per step: milliseconds per item at the largest size (processor time, and
wall time, which is longer on a busy machine), peak memory per item without the input, bytes of the
output, and the slope of log time over log items with its 95 % interval (of a regression with one
level per round). 1 is linear; "linear" means that the interval lies within 0.9 to 1.1.

Then estimates for the paper's data sets follow, assuming that the work scales linearly and divides
evenly among cores: hours of the passes or epochs of a step on cores, and of networks on a GPU that
sustains 10 TFLOP/s, from the operations that torch counts in 64 items: matrix products and
convolutions, in training also those of the gradients. These estimates were not run.
"""

import argparse
import ctypes
import gc
import os
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from _tracks import make_tracks
from bench_image import write_covers
from bench_label_factors import make_labels
from bench_text import make_reviews, write_knowledge_base
from scipy import sparse, stats
from torch.utils.flop_counter import FlopCounterMode

from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import train_validation_test_split
from skmmgenre.text import (
    EntityEnricher,
    GazetteerLinker,
    ReviewTruncator,
    ReviewVectorizer,
    TextMLP,
)

N_LABELS, N_WORDS, WORDS_A_TEXT = 250, 10_000, 150
# The preset "auto" would train a linear model beside each network, too.
ONE_EPOCH = {"preset": "paper", "max_epochs": 1, "validation_fraction": 0, "random_state": 0}


def draw_labels(n, rng):
    """Return about five of 250 labels per item, each with at least some items."""
    Y = (rng.random((n, N_LABELS)) < 0.02).astype(np.int8)
    Y[np.arange(N_LABELS) % n, np.arange(N_LABELS)] = 1
    return Y


# ---- the steps: (name, how many items to one of `sizes`, call of n items) ------------------


def sound_steps(folder, n, options):
    """Yield the steps from files to patches, and the store."""
    tracks = make_tracks(folder, min(n, 200), "mp3")
    tracks = [tracks[k % len(tracks)] for k in range(n)]
    # Names of their own, so that the store holds a patch of each.
    links = [folder / f"track_{k}.mp3" for k in range(n)]
    for track, link in zip(tracks, links, strict=True):
        os.link(track, link)
    links = [str(link) for link in links]
    yield "decoding and constant-Q", 1, lambda k: CQTExtractor().transform(links[:k])
    fill = iter(range(10**6))

    def first_pass(k):
        return CQTExtractor(cache=folder / f"{next(fill)}.sqlite").transform(links[:k])

    yield "constant-Q into a new store", 1, first_pass
    kept = CQTExtractor(cache=folder / "kept.sqlite")
    kept.transform(links)
    yield "patches from the store", 1, lambda k: kept.transform(links[:k])


def sound_network_steps(folder, n, options):
    """Patches to vectors."""
    rng = np.random.default_rng(0)
    few = max(n // 10, 1)
    X = rng.normal(-40, 10, (few, 96, 323)).astype(np.float32)
    Y = draw_labels(few, rng)
    net = AudioCNN(architecture="4x70", width="low", **ONE_EPOCH)
    yield "sound network, an epoch", 0.1, lambda k: net.fit(X[:k], Y[:k])
    fitted = AudioCNN(architecture="4x70", width="low", **ONE_EPOCH).fit(X[:64], Y[:64])
    yield "sound network, vectors", 0.1, lambda k: fitted.transform(X[:k])


def text_steps(folder, n, options):
    """Reviews to texts, entities, weights."""
    albums = make_albums(
        300, n_genres=40, missing={"audio": 1.0, "cover": 1.0}, directory=folder, random_state=0
    )
    reviews = make_reviews(albums, n)
    write_knowledge_base(albums, folder / "names.kb")
    yield "truncation", 1, lambda k: ReviewTruncator().transform(reviews[:k])
    texts = ReviewTruncator().transform(reviews)
    enricher = EntityEnricher(GazetteerLinker(folder / "names.kb"))
    yield "entity linking", 1, lambda k: enricher.transform(texts[:k])
    yield "tf-idf", 1, lambda k: ReviewVectorizer().fit_transform(texts[:k])


def text_network_steps(folder, n, options):
    """Weights of words to vectors."""
    rng = np.random.default_rng(0)
    columns = np.concatenate([rng.choice(N_WORDS, WORDS_A_TEXT, replace=False) for _ in range(n)])
    weights = rng.random(columns.size).astype(np.float32)
    starts = np.arange(n + 1) * WORDS_A_TEXT
    X = sparse.csr_array((weights, columns, starts), (n, N_WORDS))
    Y = draw_labels(n, rng)
    net = TextMLP(**ONE_EPOCH)
    yield "text network, an epoch", 1, lambda k: net.fit(X[:k], Y[:k])
    fitted = TextMLP(**ONE_EPOCH).fit(X[:64], Y[:64])
    yield "text network, vectors", 1, lambda k: fitted.transform(X[:k])


def cover_steps(folder, n, options):
    """Files to vectors, and the network itself."""
    few = max(n // 10, 1)
    covers = write_covers(folder, min(few, 100))
    covers = [covers[k % len(covers)] for k in range(few)]
    rng = np.random.default_rng(0)
    Y = draw_labels(few, rng)
    size = {"depth": options.depth, "weights": None}
    plain = ResNetEmbedder(fine_tune=False, preset="paper", **size).fit(covers[:2], ["a", "b"])
    name = f"ResNet-{options.depth}"
    yield f"{name}, vectors", 0.1, lambda k: plain.transform(covers[:k])
    tuned = ResNetEmbedder(**size, **ONE_EPOCH)
    yield f"{name}, an epoch", 0.1, lambda k: tuned.fit(covers[:k], Y[:k])


def fusion_steps(folder, n, options):
    """Vectors to the joint space and to genres."""
    rng = np.random.default_rng(0)
    blocks = {"audio": 256, "text": 2048, "image": 2048}
    X = rng.normal(size=(n, sum(blocks.values()))).astype(np.float32)
    Y = draw_labels(n, rng)
    joint = JointSpaceProjector(blocks=blocks, **ONE_EPOCH)
    yield "joint space, an epoch", 1, lambda k: joint.fit(X[:k])
    projector = JointSpaceProjector(blocks=blocks, **ONE_EPOCH).fit(X[:64])
    yield "joint space, vectors", 1, lambda k: projector.transform(X[:k])
    net = FusionClassifier(blocks=blocks, **ONE_EPOCH)
    yield "fusion, an epoch", 1, lambda k: net.fit(X[:k], Y[:k])
    fitted = FusionClassifier(blocks=blocks, **ONE_EPOCH).fit(X[:64], Y[:64])
    yield "fusion, probabilities", 1, lambda k: fitted.predict_proba(X[:k])


def label_steps(folder, n, options):
    """What is done with labels alone."""
    rng = np.random.default_rng(0)
    Y = make_labels(100 * n)
    yield (
        "label factors",
        100,
        lambda k: PPMILabelFactorizer(n_components=50).fit(Y[:k]).label_factors_,
    )
    few = draw_labels(8 * n, rng)
    artists = rng.integers(0, max(8 * n // 3, 1), 8 * n).astype(str)
    rows = np.arange(8 * n)
    yield (
        "split by artist",
        8,
        lambda k: train_validation_test_split(rows[:k], few[:k], artists[:k], random_state=0),
    )
    scores = rng.random(few.shape)
    yield "macro AUC", 8, lambda k: macro_auc_score(few[:k], scores[:k])


PARTS = {
    "sound": sound_steps,
    "sound-network": sound_network_steps,
    "text": text_steps,
    "text-network": text_network_steps,
    "cover": cover_steps,
    "fusion": fusion_steps,
    "labels": label_steps,
}


# ---- whole data sets -----------------------------------------------------------------------

# MSD has no albums of its own: as if each track had a review and a cover.
DATA_SETS = {
    "MuMu": {"tracks": 147_295, "albums": 31_471},
    "MSD": {"tracks": 1_000_000, "albums": 1_000_000},
}
# What is counted, and passes over it; epochs of a network that stops early are a guess.
WHOLE = {
    "constant-Q into a new store": ("tracks", 1),
    "patches from the store": ("tracks", 1),
    "sound network, an epoch": ("tracks", 30),
    "sound network, vectors": ("tracks", 1),
    "truncation": ("albums", 1),
    "entity linking": ("albums", 1),
    "tf-idf": ("albums", 1),
    "text network, an epoch": ("albums", 30),
    "text network, vectors": ("albums", 1),
    "ResNet-18, vectors": ("albums", 1),
    "ResNet-18, an epoch": ("albums", 90),
    "ResNet-101, vectors": ("albums", 1),
    "ResNet-101, an epoch": ("albums", 90),
    "joint space, an epoch": ("albums", 30),
    "fusion, an epoch": ("albums", 30),
    "fusion, probabilities": ("albums", 1),
}


FLOPS_OF_A_CARD = 10e12  # a second; assumed


def count_flops(step, n):
    """Operations an item, a multiply-add being two; n is best whole batches, which are padded."""
    with FlopCounterMode(display=False) as counter:
        step(n)
    return counter.get_total_flops() / n


def print_whole(milliseconds, flops):
    """Hours of cores and of a card for whole data sets, of the steps that were measured."""
    print(f"\n{'hours of cores, and of a card':<38}" + "".join(f"{n:>34}" for n in DATA_SETS))
    print(f"{'step, passes':<38}" + f"{'1':>8}{'2':>8}{'64':>8}{'card':>10}" * len(DATA_SETS))
    for name, each in milliseconds.items():
        if name not in WHOLE:
            continue
        unit, passes = WHOLE[name]
        figures = ""
        for data_set in DATA_SETS.values():
            hours = each * passes * data_set[unit] / 3.6e6
            figures += f"{hours:8.2f}{hours / 2:8.2f}{hours / 64:8.3f}"
            on_a_card = flops[name] * passes * data_set[unit] / FLOPS_OF_A_CARD / 3600
            figures += f"{on_a_card:10.4f}" if flops[name] else f"{'':10}"
        print(f"{name:<30}{passes:>3} x {unit[0]}  {figures.rstrip()}")


# ---- measuring -----------------------------------------------------------------------------


def peak_bytes(call):
    """Most memory that a call takes beside what was there (Linux), and its answer's bytes."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _status("VmRSS")
    answer = call()
    return _status("VmHWM") - before, n_bytes(answer)


def _status(field):
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(rf"{field}:\s+(\d+) kB", text)[1]) * 1024


def n_bytes(answer):
    """Bytes of an array, a sparse one, or a column of texts; 0 of what learned."""
    if sparse.issparse(answer):
        return answer.data.nbytes + answer.indices.nbytes + answer.indptr.nbytes
    if isinstance(answer, np.ndarray):
        if answer.dtype.hasobject:
            return sum(len(text) for text in answer.ravel() if isinstance(text, str))
        return answer.nbytes
    return 0


def slope_with_interval(sizes, seconds):
    """Slope of log seconds on log sizes, a level a round, and its 95 % interval.

    Parameters
    ----------
    sizes : sequence of int
    seconds : ndarray of shape (n_rounds, n_sizes)
    """
    x = np.log(sizes) - np.log(sizes).mean()
    y = np.log(seconds) - np.log(seconds).mean(axis=1, keepdims=True)
    n_rounds, n_sizes = seconds.shape
    slope = (y @ x).sum() / (n_rounds * (x @ x))
    freedom = n_rounds * (n_sizes - 1) - 1
    variance = ((y - slope * x) ** 2).sum() / freedom / (n_rounds * (x @ x))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    return slope, slope - half, slope + half


def verdict(low, high):
    """What an interval of slopes says."""
    if 0.9 <= low and high <= 1.1:
        return "linear"
    if high < 1:
        return "less than linear"
    return "more than linear" if low > 1 else "not told"


def measure(step, sizes, n_rounds, rng):
    """Seconds of the processor and of the clock in each round at each size; memory an item."""
    step(sizes[0])  # warms up
    busy, wall = np.empty((2, n_rounds, len(sizes)))
    for number in range(n_rounds):
        for place in rng.permutation(len(sizes)):
            start, started = time.perf_counter(), time.process_time()
            step(sizes[place])
            busy[number, place] = time.process_time() - started
            wall[number, place] = time.perf_counter() - start
    # The difference of two sizes, so that what a step takes whatever the size drops out.
    (least, _), (most, answered) = (peak_bytes(lambda k=k: step(k)) for k in (sizes[0], sizes[-1]))
    return busy, wall, (most - least) / (sizes[-1] - sizes[0]), answered / sizes[-1]


def main():
    """Print a line a step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--items", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--depth", type=int, default=18, help="of the cover network")
    parser.add_argument("--quick", action="store_true", help="a fifth of the items")
    options = parser.parse_args()
    if options.quick:
        options.items = [200, 400, 800]
    torch.set_num_threads(1)
    rng, milliseconds, flops = np.random.default_rng(0), {}, {}
    print(f"{'step':<27}{'items':>17} {'ms':>9} {'by clock':>9} {'memory':>9} {'answer':>8}  slope")
    for part in options.only:
        with tempfile.TemporaryDirectory() as folder:
            for name, factor, step in PARTS[part](Path(folder), max(options.items), options):
                sizes = [round(factor * n) for n in options.items]
                busy, wall, memory, answer = measure(step, sizes, options.rounds, rng)
                slope, low, high = slope_with_interval(sizes, busy)
                per_item = [1000 * np.median(taken[:, -1]) / sizes[-1] for taken in (busy, wall)]
                milliseconds[name] = per_item[0]
                if name in WHOLE:
                    flops[name] = count_flops(step, min(64, sizes[-1]))
                print(
                    f"{name:<27}{'/'.join(map(str, sizes)):>17} {per_item[0]:9.4f} "
                    f"{per_item[1]:9.4f} {memory / 1000:6.1f} kB {answer / 1000:5.1f} kB  "
                    f"{slope:.2f} [{low:.2f}, {high:.2f}] {verdict(low, high)}",
                    flush=True,
                )
    print_whole(milliseconds, flops)


if __name__ == "__main__":
    main()
