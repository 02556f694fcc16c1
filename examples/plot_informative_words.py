"""
Informative words of each genre
===============================

Reviews mention people and places. The categories of these entities, from a knowledge base, are
added to the words of the reviews. The information gain of words and categories shows what a text
classifier can use to predict each genre.
"""

# %%
# Synthetic albums with reviews only, and their knowledge base: invented people and places with
# categories like those of an encyclopedia. The split does not separate albums of an artist.

import tempfile

from skmmgenre.datasets import make_albums
from skmmgenre.model_selection import ArtistShuffleSplit

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    1000,
    n_genres=6,
    missing={"audio": 1.0, "cover": 1.0},
    entity_signal=0.8,
    directory=folder.name,
    random_state=0,
)
texts, genres, artists = albums.table["text"], albums.y, albums.groups
split = ArtistShuffleSplit(n_splits=1, test_size=0.3, random_state=0)
train, test = next(split.split(texts, genres, artists))

# %%
# The entities that a linker finds in the first review.

from skmmgenre.text import EntityEnricher, GazetteerLinker, ReviewTruncator, ReviewVectorizer

linker = GazetteerLinker(albums.knowledge_base)
enricher = EntityEnricher(linker, keep_mentions=True)
enricher.transform(ReviewTruncator().transform(texts[:1]))
enricher.mentions_[["start", "end", "label", "confidence", "categories"]]

# %%
# The same classifier on words only (VSM in the paper) and on words and categories (VSM + SEM). Any
# classifier can be used here; the paper uses ``TextMLP``.

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

words = make_pipeline(ReviewTruncator(), ReviewVectorizer(), LogisticRegression(max_iter=500))
enriched = make_pipeline(
    ReviewTruncator(), EntityEnricher(linker), ReviewVectorizer(), LogisticRegression(max_iter=500)
)
for name, model in {"VSM": words, "VSM + SEM": enriched}.items():
    model.fit(texts[train], genres[train])
    print(f"{name}: accuracy {model.score(texts[test], genres[test]):.3f}")

# %%
# The information gain is computed on the training reviews. A hollow bar is a word that is less
# frequent in this genre than in the others. No names are among the words: each person is mentioned
# in few reviews, and many people share the words of a name. The category is what they share.

from skmmgenre.inspection import InformativeWordsDisplay

InformativeWordsDisplay.from_estimator(enriched, texts[train], genres[train], n_words=8)

# %%
# The same as a table, for categories only.

from skmmgenre.inspection import informative_words

gains = informative_words(enriched, texts[train], genres[train], n_words=None)
folder.cleanup()
gains[gains["kind"] == "category"].groupby("genre").head(2)
