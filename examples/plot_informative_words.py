"""
Which words tell a genre
========================

Reviews name people and places. Their categories, looked up in a knowledge base, join the words of
the reviews; the information gain of both for each genre shows what a classifier of texts can lean
on.
"""

# %%
# Albums of which only the reviews are made, and the knowledge base that comes with them: invented
# people and places, each with the categories that an encyclopedia would give. Artists are whole in
# the split.

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
# What a linker finds in the first review.

from skmmgenre.text import EntityEnricher, GazetteerLinker, ReviewTruncator, ReviewVectorizer

linker = GazetteerLinker(albums.knowledge_base)
enricher = EntityEnricher(linker, keep_mentions=True)
enricher.transform(ReviewTruncator().transform(texts[:1]))
enricher.mentions_[["start", "end", "label", "confidence", "categories"]]

# %%
# The same classifier over the words alone (VSM in the paper) and over words and categories
# (VSM + SEM). Any classifier will do here; the paper's is ``TextMLP``.

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
# The information gain of each word is that of the training reviews. A hollow bar is a word that
# the genre has less often than the others. No name is among them: each person is named in few
# reviews, and the words of a name are those of many. What they have in common is their category.

from skmmgenre.inspection import InformativeWordsDisplay

InformativeWordsDisplay.from_estimator(enriched, texts[train], genres[train], n_words=8)

# %%
# The same as a table, of categories alone.

from skmmgenre.inspection import informative_words

gains = informative_words(enriched, texts[train], genres[train], n_words=None)
folder.cleanup()
gains[gains["kind"] == "category"].groupby("genre").head(2)
