"""Mistakes that a type checker must refuse; behind each line the code of its error."""

import numpy as np

from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.compose import GenrePipeline, make_genre_classifier
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import ArtistKFold
from skmmgenre.text import EntityEnricher, TextMLP

X, y = np.zeros((4, 2)), ["Jazz", "Rock", "Jazz", "Rock"]
albums = make_albums(20, random_state=0)

# Values that a parameter does not take.
FusionClassifier(C="high")  # arg-type
CQTExtractor(on_error="ignore")  # arg-type
JointSpaceProjector(n_components=0.5)  # arg-type
TextMLP(hidden_units=256)  # arg-type
ResNetEmbedder(depth=20)  # arg-type
make_genre_classifier(target="sigmoid")  # arg-type
EntityEnricher("dbpedia")  # arg-type

# Names of parameters.
AudioCNN(max_epoch=5)  # call-arg
FusionClassifier().fit(X, y, artists=y)  # call-arg

# Data of the wrong kind.
FusionClassifier().fit(X, 3)  # arg-type
FusionClassifier().fit(X, y, groups="artist")  # arg-type
CQTExtractor().transform("song.mp3")  # arg-type
GenrePipeline("fusion")  # arg-type
macro_auc_score(X)  # call-overload
ArtistKFold(n_splits="three")  # arg-type

# What is returned.
name: str = FusionClassifier().fit(X, y).predict(X)  # assignment
albums.oracle.posteriors("audio")  # attr-defined
macro_auc_score(X, X).mean()  # attr-defined
