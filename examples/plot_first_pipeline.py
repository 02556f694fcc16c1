"""
A first pipeline
================

Predict genres from a table of audio, reviews and covers. The albums are synthetic: their files are
generated here, so the best attainable accuracy is known exactly.
"""

# %%
# The table
# ---------
# One row per album; cells contain paths and texts. A tenth of the cells are empty.

import tempfile

from skmmgenre.datasets import make_albums

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    150, n_genres=4, missing=0.1, duration=6.0, directory=folder.name, random_state=0, n_jobs=2
)
albums.table[["artist", "title", "text"]].head()

# %%
# Features of the audio
# ---------------------
# A sound file becomes a patch of its constant-Q transform, here 5 s long instead of the default.
# Each column shows one genre: a cover, and the sound of the same album below.

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
# One network per modality, and a layer that fuses their vectors. Here the audio patches are short
# and covers use the small network, which needs no ImageNet weights; everything else is the default.

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
# All albums of an artist are on one side of the split. Passed as ``groups``, artists are also kept
# together in the inner folds that choose how long each network trains; then all networks are
# trained on all rows.

from skmmgenre.model_selection import ArtistShuffleSplit

splitter = ArtistShuffleSplit(1, test_size=0.3, random_state=0)
train, test = next(splitter.split(albums.table, albums.y, albums.groups))
model.fit(albums.table.iloc[train], albums.y[train], groups=albums.groups[train])
predicted = model.predict(albums.table.iloc[test])

# %%
# Evaluate
# --------
# Each modality of these albums shows the true genre only some of the time, so no model can be right
# for all albums. The right panel shows the best possible predictions given the content of the
# cells.

from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score

best = albums.oracle.predict(rows=test)
figure, axes = plt.subplots(1, 2, figsize=(8.6, 4.4), sharey=True, layout="constrained")
for ax, name, answer in zip(axes, ("this model", "best possible"), (predicted, best), strict=True):
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
