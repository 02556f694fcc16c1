"""
Search the networks and the fusion together
===========================================

``GridSearchCV`` over the shape of the audio network, its width and the norm of the fusion layer's
input, with artists whole in every fold.
"""

# %%
# The constant-Q transform learns nothing and is not searched, so it is done once: the cells of the
# column ``patch`` are arrays. (Paths would do, and be transformed anew for every candidate.)

import tempfile

from skmmgenre.audio import CQTExtractor
from skmmgenre.datasets import make_albums

folder = tempfile.TemporaryDirectory()
albums = make_albums(
    80,
    n_genres=3,
    accuracy=0.9,
    artist_strength=0.2,
    duration=6.0,
    directory=folder.name,
    random_state=0,
    n_jobs=2,
)
table = albums.table[["artist", "text"]].assign(
    patch=list(CQTExtractor(duration=6.0).transform(albums.table["audio"]))
)

# %%
# The pipeline by hand; ``MeanOverTracks`` takes one patch or a list of them. The network of the
# reviews is small, so that this page is built in a minute.

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skmmgenre.audio import AudioCNN
from skmmgenre.compose import GenrePipeline, MeanOverTracks
from skmmgenre.fusion import FusionClassifier
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

sound = MeanOverTracks(AudioCNN(random_state=0))
words = Pipeline(
    [
        ("truncate", ReviewTruncator()),
        ("tfidf", ReviewVectorizer()),
        ("mlp", TextMLP(hidden_units=(64, 64), random_state=0)),
    ]
)
modalities = ColumnTransformer([("audio", sound, "patch"), ("text", words, "text")])
model = GenrePipeline(
    [
        ("modalities", modalities.set_output(transform="pandas")),
        ("fusion", FusionClassifier(random_state=0)),
    ]
)

# %%
# With metadata routing the groups reach the splitter, which keeps artists whole, and every network,
# which is trained for as long as is best for artists it does not learn from. The paper's widths are
# "low" and "high"; a tuple gives the filters of each layer.

from pprint import pp

import sklearn
from sklearn.model_selection import GridSearchCV

from skmmgenre.model_selection import ArtistKFold

cnn = "modalities__audio__estimator"
grid = {
    f"{cnn}__architecture": ["4x96", "4x70"],
    f"{cnn}__width": [(4, 8, 8, 4), (12, 24, 24, 12)],
    "fusion__normalize": [True, False],
}
search = GridSearchCV(model, grid, cv=ArtistKFold(n_splits=2), scoring="f1_macro", n_jobs=2)
with sklearn.config_context(enable_metadata_routing=True):
    search.fit(table, albums.y, groups=albums.groups)
pp(search.best_params_)

# %%
# A dot is a fold. Most candidates differ more between the two folds than from each other: eighty
# albums hardly tell these networks apart, and the best of eight is best partly by chance. So judge
# the winner on artists that the search has not seen.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

results = pd.DataFrame(search.cv_results_).sort_values("mean_test_score")
folds = results.filter(regex=r"^split\d+_test_score$").to_numpy()
names = [
    f"{candidate[f'{cnn}__architecture']}, {candidate[f'{cnn}__width'][0]} filters first, "
    f"{'with' if candidate['fusion__normalize'] else 'without'} norm"
    for candidate in results["params"]
]
figure, ax = plt.subplots(figsize=(7.4, 3.8), layout="constrained")
places = np.arange(len(results))
ax.barh(places, results["mean_test_score"], color="lightsteelblue", label="mean")
for fold in folds.T:
    ax.plot(fold, places, "o", color="tab:blue", markersize=5)
ax.set(yticks=places, yticklabels=names, xlabel="macro F1", xlim=(0, 1))
ax.set_title("Audio network and norm of the fusion")
folder.cleanup()
