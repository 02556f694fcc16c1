"""
Why this genre
==============

A model predicts a genre for an album: which modality decided, which words, which seconds of the
sound and which part of the cover?
"""

# %%
# Synthetic albums whose covers are neutral except for one square, which shows the genre. Where the
# square lies is known, so a map of what the network looks at can be checked.

import tempfile

from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.model_selection import ArtistShuffleSplit

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    300,
    n_genres=3,
    duration=6.0,
    cover_cue="patch",
    cover_size=64,
    accuracy={"cover": 0.9},
    directory=folder.name,
    random_state=0,
    n_jobs=2,
)
splitter = ArtistShuffleSplit(1, test_size=0.3, random_state=0)
train, test = next(splitter.split(albums.table, albums.y, albums.groups))
table = albums.table.iloc[test].set_index("album")

model = make_genre_classifier(
    random_state=0, audio__duration=5.0, image__depth="small", image__augment=False
)
model.fit(albums.table.iloc[train], albums.y[train], groups=albums.groups[train])
print(f"accuracy {model.score(table, albums.y[test]):.2f}")

# %%
# One album. Words, seconds and the like are hidden from the model one at a time; an effect is what
# the score of the genre loses. The most similar albums of the training set are named, too.

from skmmgenre.inspection import ExplanationDisplay, NearestAlbums, explain

albums_of_training = albums.table.iloc[train].set_index("album")
nearest = NearestAlbums(model, n_neighbors=5).fit(albums_of_training)
explanation = explain(model, table.iloc[[0]], albums=nearest)
print(explanation)
ExplanationDisplay(explanation).plot()

# %%
# The same album without its review: the explanation names what is missing.

print(explain(model, table.iloc[[0]].assign(text=None)))

# %%
# The parts of the modalities are exact and add up to the score. Their mean size over the test
# albums shows what the model relies on.

from skmmgenre.inspection import modality_contributions

contributions = modality_contributions(model, table)
contributions.drop(columns=["bias", "score"]).abs().groupby("genre").mean().round(2)

# %%
# The covers that the image network is most convinced of.

from skmmgenre.inspection import ActivationMapDisplay

ActivationMapDisplay.from_estimator(model, table, n_items=4)

# %%
# How much of a map lies within the square, against the share of the cover that the square takes.

import numpy as np
from PIL import Image

from skmmgenre.inspection import class_activation_map

maps = class_activation_map(model, table)
masks = albums.oracle.cover_masks(test)
within = []
for one, mask in zip(maps, masks, strict=True):
    # The network sees the cover scaled by 256/224, of which it takes the centre.
    side = round(len(one) * 256 / 224)
    seen = np.asarray(Image.fromarray(mask).resize((side, side)))
    edge = (side - len(one)) // 2
    seen = seen[edge : edge + len(one), edge : edge + len(one)]
    if one.sum() > 0:
        within.append(((one * seen).sum() / one.sum(), seen.mean()))
folder.cleanup()
found, chance = np.mean(within, axis=0)
print(f"share of the maps within the square: {found:.2f}, by chance {chance:.2f}")
