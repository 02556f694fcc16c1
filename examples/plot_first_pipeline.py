"""
A first pipeline
================

From a table of sound, reviews and covers to genres. The albums are synthetic: their files are made
on the spot, and what can be known about them is known exactly.
"""

# %%
# The table
# ---------
# One row an album; cells hold paths and texts. A tenth of the cells is empty.

import tempfile

from skmmgenre.datasets import make_albums

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    150, n_genres=4, missing=0.1, duration=6.0, directory=folder.name, random_state=0, n_jobs=2
)
albums.table[["artist", "title", "text"]].head()

# %%
# What a cell becomes
# -------------------
# A sound file becomes a patch of its constant-Q transform, here of 5 of the usual 15 seconds.
# A column a genre: its cover, and its sound below.

import matplotlib.pyplot as plt
from PIL import Image

from skmmgenre.audio import CQTExtractor

complete = albums.table.dropna()
shown = complete.groupby(albums.y[complete.index]).first()
patches = CQTExtractor(duration=5.0).transform(shown["audio"])

figure, axes = plt.subplots(
    2, len(shown), figsize=(8, 4.4), height_ratios=(3, 2), layout="constrained"
)
for column, (genre, album) in enumerate(shown.iterrows()):
    axes[0, column].imshow(Image.open(album["cover"]))
    axes[0, column].set(title=genre, xticks=[], yticks=[])
    axes[1, column].imshow(patches[column], origin="lower", aspect="auto", extent=(0, 5, 0, 96))
    axes[1, column].set(xlabel="seconds", yticks=[])
_ = axes[1, 0].set_ylabel("pitch")

# %%
# The model
# ---------
# A network for each modality, and a layer that fuses their vectors. Patches of sound are short
# here, and the network of covers is the small one, which needs no weights of ImageNet; all else is
# the default.

from skmmgenre.compose import make_genre_classifier

model = make_genre_classifier(
    audio="audio",
    text="text",
    image="cover",
    random_state=0,
    audio__duration=5.0,
    image__depth="small",
)
model

# %%
# Fit and predict
# ---------------
# Artists are whole on one side of the split. Given as ``groups`` they are whole in the inner folds,
# too, by which is chosen how long each network is trained; then all learn from all rows.

from skmmgenre.model_selection import ArtistShuffleSplit

splitter = ArtistShuffleSplit(1, test_size=0.3, random_state=0)
train, test = next(splitter.split(albums.table, albums.y, albums.groups))
model.fit(albums.table.iloc[train], albums.y[train], groups=albums.groups[train])
predicted = model.predict(albums.table.iloc[test])

# %%
# Judge
# -----
# Each modality of these albums shows the true genre only at times, so no model can be right always.
# The right panel is the best guess there is, given what the cells show.

from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score

best = albums.oracle.predict(rows=test)
figure, axes = plt.subplots(1, 2, figsize=(8.6, 4.4), sharey=True, layout="constrained")
for ax, name, answer in zip(axes, ("this model", "best guess"), (predicted, best), strict=True):
    ConfusionMatrixDisplay.from_predictions(
        albums.y[test],
        answer,
        labels=model.classes_,
        xticks_rotation=45,
        cmap="Blues",
        colorbar=False,
        ax=ax,
    )
    ax.set_title(f"{name}: accuracy {accuracy_score(albums.y[test], answer):.2f}")
    ax.label_outer()
folder.cleanup()
