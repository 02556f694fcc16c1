"""
Why this genre
==============

Explain a prediction: find the modality, the words, the seconds of the audio and the part of the
cover that it is based on.
"""

# %%
# Synthetic albums whose covers are neutral except for one square, which shows the genre. The
# position of the square is known, so the activation maps of the network can be checked.

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
# Explain one album. Words, seconds and other parts are hidden from the model one at a time; the
# effect of a part is the decrease of the genre's score. The explanation also lists the most similar
# albums of the training set.

from skmmgenre.inspection import ExplanationDisplay, NearestAlbums, explain

albums_of_training = albums.table.iloc[train].set_index("album")
nearest = NearestAlbums(model, n_neighbors=5).fit(albums_of_training)
explanation = explain(model, table.iloc[[0]], albums=nearest)
print(explanation)
ExplanationDisplay(explanation).plot()

# %%
# The same album without its review: the explanation lists the missing modality.

print(explain(model, table.iloc[[0]].assign(text=None)))

# %%
# The contributions of the modalities are exact and add up to the score. Their mean absolute value
# over the test albums shows what the model relies on.

from skmmgenre.inspection import modality_contributions

contributions = modality_contributions(model, table)
contributions.drop(columns=["bias", "score"]).abs().groupby("genre").mean().round(2)

# %%
# The covers for which the image network is most certain.

from skmmgenre.inspection import ActivationMapDisplay

ActivationMapDisplay.from_estimator(model, table, n_items=4)

# %%
# The share of a map that lies within the square, compared with the share of the cover that the
# square covers.

import numpy as np
from PIL import Image

from skmmgenre.inspection import class_activation_map

maps = class_activation_map(model, table)
masks = albums.oracle.cover_masks(test)
within = []
for one, mask in zip(maps, masks, strict=True):
    # The network reads the centre of the cover scaled by 256/224.
    side = round(len(one) * 256 / 224)
    seen = np.asarray(Image.fromarray(mask).resize((side, side)))
    edge = (side - len(one)) // 2
    seen = seen[edge : edge + len(one), edge : edge + len(one)]
    if one.sum() > 0:
        within.append(((one * seen).sum() / one.sum(), seen.mean()))
folder.cleanup()
found, chance = np.mean(within, axis=0)
print(f"share of the maps within the square: {found:.2f}, by chance {chance:.2f}")
