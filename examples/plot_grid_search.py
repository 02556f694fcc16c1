"""
Search the networks and the fusion together
===========================================

``GridSearchCV`` over the architecture and the width of the audio network and the normalization of
the fusion layer's input, with folds that never split an artist.
"""

# %%
# The constant-Q transform is not trained or searched, so it is computed once: the cells of the
# column ``patch`` are arrays. (Paths work too, but would be transformed again for every candidate.)

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
# The pipeline, step by step; ``MeanOverTracks`` accepts one patch or a list of them. The text
# network is small and the audio network is trained once per fit, as in the paper, instead of four
# times, so that this example runs in a minute.

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skmmgenre.audio import AudioCNN
from skmmgenre.compose import GenrePipeline, MeanOverTracks
from skmmgenre.fusion import FusionClassifier
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

sound = MeanOverTracks(AudioCNN(preset="paper", lr=5e-3, random_state=0))
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
# Metadata routing passes the groups to the splitter, which does not split artists, and to every
# network, which chooses its number of epochs on held-out artists. The paper's widths are "low" and
# "high"; a tuple sets the number of filters of each layer.

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
# Each dot is a fold. Most candidates differ more between the two folds than from each other: eighty
# albums are too few to separate these networks, and the best of eight is best partly by chance.
# Evaluate the best candidate on artists that were not part of the search.

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
