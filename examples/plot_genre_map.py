"""
A map of albums
===============

t-SNE draws albums as points, near each other if a model sees them alike (Figures 7 and 8 of the
paper). The picture alone proves little, so the number below it says how pure the neighbourhoods are
before the projection, and the same picture with shuffled genres stands beside it.
"""

# %%
# Synthetic albums with reviews and covers, each of several genres in a tree of two levels. The
# model learns from half of the artists; the map is of the others, for a network may know its
# training albums by heart.

import tempfile

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.compose import GenrePipeline
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ColorStatistics
from skmmgenre.model_selection import ArtistShuffleSplit
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    400,
    n_genres=12,
    missing={"audio": 1.0},
    accuracy={"text": 0.9},
    cover_size=64,
    directory=folder.name,
    random_state=0,
    n_jobs=2,
)
splitter = ArtistShuffleSplit(1, test_size=0.5, random_state=0)
train, test = next(splitter.split(albums.table, albums.Y, albums.groups))

words = make_pipeline(
    ReviewTruncator(),
    ReviewVectorizer(max_features=1000),
    TextMLP(hidden_units=(32,), lr=5e-3, random_state=0),
)
colours = make_pipeline(ColorStatistics(), StandardScaler())
model = GenrePipeline(
    [
        ("modalities", ColumnTransformer([("text", words, "text"), ("image", colours, "cover")])),
        ("fusion", FusionClassifier(random_state=0)),
    ]
)
model.fit(albums.table.iloc[train], albums.Y.iloc[train], groups=albums.groups[train])

# %%
# The vectors of the reviews. Drawn are the albums with exactly one genre of the top level, in its
# colour. With ``groups``, albums of the same artist do not count as neighbours.

from skmmgenre.inspection import EmbeddingMapDisplay

table, Y, artists = albums.table.iloc[test], albums.Y.iloc[test], albums.groups[test]
drawing = {"taxonomy": albums.taxonomy, "groups": artists, "shuffled": True}
reviews = EmbeddingMapDisplay.from_estimator(model, table, Y, space="text", **drawing)

# %%
# The colours of the covers know less of the genre, as the number says.

covers = EmbeddingMapDisplay.from_estimator(model, table, Y, space="image", **drawing)
folder.cleanup()

# %%
# The numbers side by side. Of the genres shuffled, they are those of chance.

import pandas as pd

pd.DataFrame(
    {
        name: [display.purity, display.shuffled_purity, display.chance]
        for name, display in {"reviews": reviews, "covers": covers}.items()
    },
    index=["true genres", "shuffled genres", "chance"],
).round(2)

# %%
# Figure 7 of the paper is a map of label factors. These are made of the genres themselves, so that
# the genres are apart is no evidence about music: it shows that the factors keep them apart.

from skmmgenre.labels import PPMILabelFactorizer

factorizer = PPMILabelFactorizer(n_components="auto").fit(albums.Y.iloc[train])
EmbeddingMapDisplay.from_estimator(factorizer, Y, taxonomy=albums.taxonomy)
