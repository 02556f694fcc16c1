"""
Albums like this one
====================

Search the vectors of a fitted model for albums that are similar to a given one, for a playlist from
several seeds, and for a mix of genres.
"""

# %%
# Synthetic albums with reviews and covers. The model learns from half of the artists; the others
# are the collection to search in.

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
    n_genres=9,
    missing={"audio": 1.0},
    accuracy={"text": 0.9},
    cover_size=64,
    directory=folder.name,
    random_state=0,
    n_jobs=2,
)
splitter = ArtistShuffleSplit(1, test_size=0.5, random_state=0)
train, test = next(splitter.split(albums.table, albums.Y, albums.groups))
table = albums.table.iloc[test].set_index("album")
Y, artists = albums.Y.iloc[test], albums.groups[test]

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
# Albums like the first one, by other artists.

from skmmgenre.inspection import NearestAlbums

nearest = NearestAlbums(model, n_neighbors=5).fit(table, groups=artists)
genres = Y.set_axis(table.index).apply(lambda row: ", ".join(row.index[row == 1]), axis=1)
first = table.index[0]
found = nearest.like(first, other_artists=True)
print(f"{first}: {genres[first]}")
found.assign(genres=genres[found["album"]].to_numpy()).round(2)

# %%
# A playlist from three seeds.

found = nearest.playlist(table.index[:3].tolist(), other_artists=True)
print(genres[table.index[:3]].to_string())
found.assign(genres=genres[found["album"]].to_numpy()).round(2)

# %%
# A mix of genres. This model predicts probabilities, and the albums whose probabilities are most
# similar to the mix come first. With ``target="cosine"`` the model predicts label factors, and the
# factors of the genres are mixed.

one, other = Y[albums.taxonomy.leaves].sum().nlargest(2).index
found = nearest.mix({one: 0.7, other: 0.3})
print(f"{one} and {other}")
found.assign(genres=genres[found["album"]].to_numpy()).round(2)

# %%
# How good is each space to search in? Two albums are relevant to each other if they share a genre
# of the lower level. "fused" gives covers the same weight as reviews, which are more informative;
# "genres", the predicted probabilities, weighs them as the model does. The last row is a random
# order.

from skmmgenre.metrics import retrieval_scores

spaces = {
    space: NearestAlbums(model, space=space).fit(table).vectors_
    for space in ("text", "image", "fused", "genres")
}
folder.cleanup()
retrieval_scores(spaces, Y[albums.taxonomy.leaves], groups=artists).round(3)
