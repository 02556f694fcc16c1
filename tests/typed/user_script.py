"""What a user writes over the main classes; behind each `reveal_type` the type it must show."""

from typing import reveal_type

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer

import skmmgenre
from skmmgenre.audio import AudioCNN, AudioEmbedder, CQTExtractor
from skmmgenre.compose import (
    GenrePipeline,
    MeanOverTracks,
    ablate_modalities,
    load_ready_model,
    make_genre_classifier,
)
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.inspection import LearningCurvesDisplay, modality_contributions
from skmmgenre.labels import GenreTaxonomy, PPMILabelFactorizer
from skmmgenre.metrics import bootstrap_interval, genre_scores, macro_auc_score
from skmmgenre.model_selection import ArtistKFold, LabelThresholds, train_validation_test_split
from skmmgenre.pretrained import list_models
from skmmgenre.text import EntityEnricher, GazetteerLinker, KnowledgeBase, TextMLP

albums = make_albums(60, missing=0.1, random_state=0)
reveal_type(albums.table)  # DataFrame
reveal_type(albums.oracle.ceiling("audio"))  # float
table = pd.read_csv("albums.csv")
y, artists = table["genre"], table["artist"]
train, validation, test = train_validation_test_split(table, y, artists)
reveal_type(train)  # ndarray[int64]
for _, held_out in ArtistKFold(3).split(table, y, artists):
    reveal_type(held_out)  # ndarray[int64]

# Branches.
extractor = CQTExtractor(duration=15, patch="center", on_error="missing", n_jobs=2)
patches = extractor.transform(table["audio"])
reveal_type(patches)  # ndarray[floating[Any]]
reveal_type(extractor.errors_)  # DataFrame
cnn = AudioCNN(architecture="time", width=(8, 8, 8), max_epochs=5, random_state=0)
reveal_type(cnn.fit(patches, y, groups=artists))  # AudioCNN
reveal_type(cnn.transform(patches))  # ndarray[float32]
reveal_type(cnn.fit_transform(patches, y))  # ndarray[float32]
reveal_type(cnn.weights_["head.bias"])  # ndarray
reveal_type(cnn.share_)  # float
reveal_type(AudioEmbedder(cache="store.sqlite").fit_transform(table["audio"]))  # ndarray
covers = ResNetEmbedder(depth=18, weights=None, fine_tune=True, random_state=0)
reveal_type(covers.fit(table["cover"], y).predict_proba(table["cover"]))  # ndarray[float64]
kb = KnowledgeBase.open("music.kb")
enricher = EntityEnricher(GazetteerLinker("music.kb"), keep_mentions=True)
reveal_type(kb.candidates("Miles Davis"))  # list[tuple[str, float]]
reveal_type(GazetteerLinker(kb).link("Miles Davis plays"))  # list[Mention]
texts = enricher.transform(table["text"])
reveal_type(texts)  # ndarray[object_]
reveal_type(enricher.mentions_)  # DataFrame
mlp = TextMLP(hidden_units=(256, 256), target="cosine", class_weight=None)
reveal_type(mlp.get_params)  # Any: of scikit-learn, which has no types

# Fusion.
joint = JointSpaceProjector(n_components=32, passthrough=True)
vectors = pd.DataFrame({"audio__0": [0.1, 0.2], "image__0": [0.3, 0.4]})
reveal_type(joint.fit_transform(vectors, groups=["a", "b"]))  # DataFrame
reveal_type(joint.fit(vectors).transform(np.zeros((4, 2))))  # ndarray[float32]
reveal_type(joint.retrieval_)  # dict[str, float] | None
fusion = FusionClassifier(C=10.0, blocks={"audio": 256, "text": 2048}, decision="top1")
reveal_type(fusion.fit(vectors, ["Jazz", "Rock"]).decision_function(vectors))  # ndarray[float32]
reveal_type(fusion.add_genre(vectors, [0, 1], "Dub").classes_)  # ndarray
thresholds = LabelThresholds(fusion, at_least_one=True).fit(vectors, albums.Y)
reveal_type(thresholds.predict(vectors))  # ndarray[int64]

# The whole.
branch = MeanOverTracks(AudioEmbedder())
modalities = ColumnTransformer([("audio", branch, "audio")]).set_output(transform="pandas")
own = GenrePipeline([("modalities", modalities), ("fusion", fusion)])
reveal_type(own.fit(table, y, groups=artists).predict(table))  # ndarray
model = make_genre_classifier(image=None, joint_space=False, preset="paper", random_state=0)
reveal_type(model.fit(table.iloc[train], y[train], groups=artists[train]))  # GenrePipeline
reveal_type(model.predict_proba(table.iloc[test]))  # ndarray[float64]
reveal_type(model.score(table, y))  # float
reveal_type(load_ready_model(on_error="missing").predict(table))  # ndarray
reveal_type(skmmgenre.save(model, "genres.skmmgenre"))  # list[str]
reveal_type(skmmgenre.model_info("genres.skmmgenre"))  # dict[str, Any]
reveal_type(list_models())  # DataFrame

# Results.
reveal_type(genre_scores(y, model.predict(table)))  # DataFrame
reveal_type(macro_auc_score(albums.Y, vectors))  # float
reveal_type(macro_auc_score(albums.Y, vectors, return_skipped=True))  # tuple[float, int]
reveal_type(bootstrap_interval(y, y, metric="f1", groups=artists).low)  # float
reveal_type(ablate_modalities(model, table, y, artists, n_runs=1))  # DataFrame
reveal_type(modality_contributions(model, table))  # DataFrame
reveal_type(LearningCurvesDisplay.from_estimator(model))  # LearningCurvesDisplay
taxonomy = GenreTaxonomy.from_items([["Jazz/Vocal Jazz"], []])
reveal_type(taxonomy.filter([["Jazz"]], min_items=1).label_matrix([["Jazz"]]))  # DataFrame
reveal_type(PPMILabelFactorizer(n_components=2).fit(albums.Y).label_factors_)  # ndarray[float64]
