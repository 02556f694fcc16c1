"""
A map of albums
===============

t-SNE draws albums as points that are close to each other if their vectors in a model are similar
(Figures 7 and 8 of the paper). The picture alone proves little, so it comes with the purity of the
neighbourhoods before the projection, and with the same picture for shuffled genres.
"""

# %%
# Synthetic multilabel albums with reviews and covers, and genres in a tree of two levels. The model
# is trained on half of the artists. The map shows the others, because a network may have memorized
# its training albums.

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
# The vectors of the reviews. The map shows the albums with exactly one genre of the top level, in
# the colour of that genre. With ``groups``, albums of the same artist do not count as neighbours.

from skmmgenre.inspection import EmbeddingMapDisplay

table, Y, artists = albums.table.iloc[test], albums.Y.iloc[test], albums.groups[test]
drawing = {"taxonomy": albums.taxonomy, "groups": artists, "shuffled": True}
reviews = EmbeddingMapDisplay.from_estimator(model, table, Y, space="text", **drawing)

# %%
# The colours of the covers are less informative about the genre, as the purity shows.

covers = EmbeddingMapDisplay.from_estimator(model, table, Y, space="image", **drawing)
folder.cleanup()

# %%
# The purities side by side. With shuffled genres they are at chance level.

import pandas as pd

pd.DataFrame(
    {
        name: [display.purity, display.shuffled_purity, display.chance]
        for name, display in {"reviews": reviews, "covers": covers}.items()
    },
    index=["true genres", "shuffled genres", "chance"],
).round(2)

# %%
# Figure 7 of the paper is a map of label factors. They are computed from the genres themselves, so
# separated genres say nothing about the music, only that the factors separate the genres.

from skmmgenre.labels import PPMILabelFactorizer

factorizer = PPMILabelFactorizer(n_components="auto").fit(albums.Y.iloc[train])
EmbeddingMapDisplay.from_estimator(factorizer, Y, taxonomy=albums.taxonomy)
