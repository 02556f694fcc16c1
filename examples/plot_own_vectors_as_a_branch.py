"""
Your own vectors as a branch
============================

A branch can be any transformer, or precomputed vectors: here six features of each recording,
computed with numpy, together with a network for the reviews.
"""

# %%
# Synthetic albums, and six features per recording: mean and standard deviation of the level, of the
# spectral centroid and of the spectral flux. A missing recording has NaN for all of them.

import tempfile

import numpy as np
import pandas as pd
import soundfile

from skmmgenre.datasets import make_albums

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    200,
    n_genres=4,
    artist_strength=0.2,
    missing=0.1,
    duration=4.0,
    directory=folder.name,
    random_state=0,
    n_jobs=2,
)


def describe(path):
    if path is None:
        return np.full(6, np.nan)
    signal, rate = soundfile.read(path)
    spectra = np.abs(np.fft.rfft(signal[: len(signal) // 1024 * 1024].reshape(-1, 1024)))
    level = np.log(spectra.sum(axis=1) + 1e-9)
    centroid = np.log(spectra @ np.arange(spectra.shape[1]) + 1e-9) - level
    change = np.abs(np.diff(spectra, axis=0)).sum(axis=1) / np.exp(level[1:])
    return [reduce(values) for values in (level, centroid, change) for reduce in (np.mean, np.std)]


names = [
    f"{feature}_{statistic}"
    for feature in ("level", "centroid", "change")
    for statistic in ("mean", "std")
]
numbers = pd.DataFrame([describe(path) for path in albums.table["audio"]], columns=names)
table = pd.concat([albums.table[["artist", "text"]], numbers], axis=1)
table.head()

# %%
# The branch ``timbre`` scales these columns. ``ColumnTransformer`` prefixes each column with the
# name of the branch, which makes them one block: ``FusionClassifier`` divides each block by its l2
# norm, so that six features count next to the 2,048 of ``text``, and fills missing blocks with
# zeros.
#
# The scaler does not use the genres, but the text network does, and with this few reviews it
# memorizes them. Its vectors of the training rows would look more certain than those of new
# reviews, and the fusion layer would rely on text too much. By default (``cross_fit="auto"``), the
# fusion layer is therefore trained on out-of-fold vectors, from networks that have not seen the
# artist.

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.compose import GenrePipeline
from skmmgenre.fusion import FusionClassifier
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

words = Pipeline(
    [
        ("truncate", ReviewTruncator()),
        ("tfidf", ReviewVectorizer()),
        ("mlp", TextMLP(random_state=0)),
    ]
)
branches = {"timbre": ("timbre", StandardScaler(), names), "text": ("text", words, "text")}


def build(*chosen):
    modalities = ColumnTransformer([branches[name] for name in chosen])
    return GenrePipeline(
        [
            ("modalities", modalities.set_output(transform="pandas")),
            ("fusion", FusionClassifier(random_state=0)),
        ]
    )


build("timbre", "text")

# %%
# Each branch alone, and both, in three folds that do not split artists.

import sklearn
from sklearn.model_selection import cross_validate

from skmmgenre.model_selection import ArtistKFold

folds = list(ArtistKFold(n_splits=3).split(table, albums.y, albums.groups))
subsets = [("timbre",), ("text",), ("timbre", "text")]
scores = {}
with sklearn.config_context(enable_metadata_routing=True):
    for chosen in subsets:
        results = cross_validate(
            build(*chosen), table, albums.y, cv=folds, params={"groups": albums.groups}
        )
        scores[" + ".join(chosen)] = results["test_score"]

# %%
# Each dot is a fold. The grey line is the best possible accuracy given the content of these cells,
# the dotted line the accuracy of always predicting the most frequent genre.

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
known = {"timbre": "audio", "text": "text"}
for place, (chosen, values) in enumerate(zip(subsets, scores.values(), strict=True)):
    ax.bar(place, values.mean(), width=0.6, color="lightsteelblue")
    ax.plot(np.full(len(values), place), values, "o", color="tab:blue")
    ceiling = albums.oracle.ceiling([known[branch] for branch in chosen])
    ax.hlines(ceiling, place - 0.35, place + 0.35, color="grey", linewidth=2)
ax.axhline(pd.Series(albums.y).value_counts(normalize=True).max(), color="black", linestyle=":")
ax.set(xticks=range(len(scores)), xticklabels=list(scores), ylabel="accuracy", ylim=(0, 1))
folder.cleanup()
