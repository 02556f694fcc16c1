"""
Do people and the model make the same mistakes?
===============================================

Compare the genres that experts chose on the page of ``skmmgenre annotate`` with those that a model
predicts for the same items, as in section 6.4 of the paper. The experts are simulated here.
"""

# %%
# Synthetic albums with sound and covers. The model learns from half of the artists; the experts
# annotate albums of the others.

import tempfile

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmmgenre.audio import AudioStatistics
from skmmgenre.compose import GenrePipeline
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ColorStatistics
from skmmgenre.model_selection import ArtistShuffleSplit

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    240,
    n_genres=6,
    missing={"text": 1.0},
    accuracy={"audio": 0.85, "cover": 0.7},
    duration=2.0,
    cover_size=64,
    directory=folder.name,
    random_state=0,
    n_jobs=2,
)
splitter = ArtistShuffleSplit(1, test_size=0.5, random_state=0)
train, test = next(splitter.split(albums.table, albums.y, albums.groups))

statistics = AudioStatistics(duration=2.0, cache=f"{folder.name}/cache", n_jobs=2)
sound = make_pipeline(statistics, StandardScaler())
colours = make_pipeline(ColorStatistics(), StandardScaler())
model = GenrePipeline(
    [
        ("modalities", ColumnTransformer([("audio", sound, "audio"), ("image", colours, "cover")])),
        ("fusion", FusionClassifier(random_state=0)),
    ]
)
model.fit(albums.table.iloc[train], albums.y[train], groups=albums.groups[train])

# %%
# Two experts, who know how likely each genre is given what they hear and see: they choose a genre
# with its posterior probability. Every third item is shown without its cover, every third without
# its sound, and the others with both. ``skmmgenre annotate`` writes a CSV file of such rows.

rng = np.random.default_rng(0)
modes = np.array(["sound", "cover", "both"])[np.arange(len(test)) % 3]
shown = {"sound": ["audio"], "cover": ["cover"], "both": ["audio", "cover"]}
posterior = {mode: albums.oracle.posterior(seen, test) for mode, seen in shown.items()}
annotations = pd.DataFrame(
    [
        {
            "annotator": annotator,
            "item": albums.table["album"].iloc[row],
            "mode": mode,
            "genre": rng.choice(albums.oracle.classes, p=posterior[mode][place]),
        }
        for annotator in ("Ann", "Bob")
        for place, (row, mode) in enumerate(zip(test, modes, strict=True))
    ]
)
annotations.head()

# %%
# The model predicts the same items from the same modalities. "difference" is human minus model,
# with an interval over items.

from skmmgenre.inspection import ConfusionMatricesDisplay, compare_annotators

table = albums.table.iloc[test].set_index("album")
true = pd.Series(albums.y[test], index=table.index)
predicted = {
    "sound": pd.Series(model.predict(table.assign(cover=None)), index=table.index),
    "cover": pd.Series(model.predict(table.assign(audio=None)), index=table.index),
    "both": pd.Series(model.predict(table), index=table.index),
}
folder.cleanup()
comparison = compare_annotators(annotations, true, predicted)
comparison.scores.round(2)

# %%
# Both experts follow the same probabilities, but choose independently. Cohen's kappa measures how
# much they agree beyond chance.

comparison.kappa.round(2)

# %%
# The confusion matrices of Ann and of the model, side by side, as in Figure 3 of the paper.

ConfusionMatricesDisplay.from_comparison(comparison, annotator="Ann")
