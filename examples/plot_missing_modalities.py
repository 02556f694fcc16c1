"""
When modalities are missing
===========================

Remove an increasing share of cells from the test albums and compare two models: one whose fusion
layer was trained on complete albums, and one trained with ``modality_dropout``.
"""

# %%
# Synthetic albums, and a model of their audio, reviews and covers. Both models share the networks;
# only the fusion layers differ.

import tempfile

from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.model_selection import ArtistShuffleSplit

folder = tempfile.TemporaryDirectory()
albums = make_albums(240, n_genres=4, duration=5.0, directory=folder.name, random_state=1, n_jobs=2)
splitter = ArtistShuffleSplit(1, test_size=0.35, random_state=0)
train, test = next(splitter.split(albums.table, albums.y, albums.groups))

model = make_genre_classifier(random_state=0, audio__duration=5.0, image__depth="small")
modalities = model[:-1]
y, groups = albums.y[train], albums.groups[train]
vectors = modalities.fit_transform(albums.table.iloc[train], y, groups=groups)
tested = modalities.transform(albums.table.iloc[test])

# %%
# Two fusion layers on the same vectors.

from skmmgenre.fusion import FusionClassifier

fusions = {
    f"modality_dropout={chance}": FusionClassifier(
        modality_dropout=chance, lr=3e-3, random_state=0
    ).fit(vectors, y, groups=groups)
    for chance in (0.0, 0.4)
}

# %%
# A missing cell becomes a block of NaN, so blocks of vectors are removed instead of cells. Each
# cell is removed with the same probability, in ten repetitions. The best possible prediction is
# known: it follows from the posterior of the genres given the remaining cells.

from itertools import product

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score

columns = {"audio": "audio", "text": "text", "image": "cover"}
block_of = tested.columns.str.split("__").str[0]


def best_possible(left):
    """Return the most probable genre of each test album given the remaining cells."""
    guess = np.empty(len(test), dtype=object)
    for pattern in product([False, True], repeat=3):
        rows = (left == pattern).all(axis=1)
        known = [column for column, there in zip(columns.values(), pattern, strict=True) if there]
        guess[rows] = albums.oracle.predict(known, rows=test[rows])
    return guess


def accuracies(left):
    """Return the accuracy of the fusion layers and of the best possible predictions."""
    emptied = tested.copy()
    for block, there in zip(columns, left.T, strict=True):
        emptied.loc[~there, block_of == block] = np.nan
    answers = {name: fusion.predict(emptied) for name, fusion in fusions.items()}
    answers["best possible"] = best_possible(left)
    return {name: accuracy_score(albums.y[test], answer) for name, answer in answers.items()}


rng = np.random.default_rng(0)
shares = np.linspace(0, 1, 6)
at_random = pd.DataFrame(
    [
        {"share": share, **accuracies(rng.random((len(test), 3)) >= share)}
        for share in shares
        for _ in range(10)
    ]
)
patterns = {
    "sound only": (True, False, False),
    "text only": (False, True, False),
    "cover only": (False, False, True),
    "no text": (True, False, True),
}
whole = pd.DataFrame(
    {name: accuracies(np.tile(left, (len(test), 1))) for name, left in patterns.items()}
).T

# %%
# Left: cells missing at random. Right: the same modalities missing for all albums. If everything is
# missing (right end of the left panel), every model predicts the most frequent genre.

import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), sharey=True, layout="constrained")
colors = {"best possible": "grey", **dict(zip(fusions, ("tab:blue", "tab:orange"), strict=True))}
for name, color in colors.items():
    curve = at_random.groupby("share")[name].mean()
    left.plot(curve, "--" if name == "best possible" else "o-", color=color, label=name)
left.set(xlabel="share of the test cells removed", ylabel="accuracy", ylim=(0, 1))
left.legend()
whole[list(colors)].plot.bar(ax=right, color=list(colors.values()), rot=0, legend=False, width=0.75)
right.set_title("remaining modalities")
folder.cleanup()
