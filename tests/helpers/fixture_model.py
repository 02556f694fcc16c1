"""Makes tests/data/model_0.1.skmmgenre and what it says of a table that is computed.

    python tests/helpers/fixture_model.py tests/data/model_0.1

The file of a version stays as it was written; a later format gets a file of its own beside it.
"""

import json
import sys

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

import skmmgenre
from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.compose import GenrePipeline, MeanOverTracks
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

WORDS = {
    "Blues": ["slow guitar and a slow voice", "the blues of a slow train"],
    "Jazz": ["a swinging saxophone", "saxophone and trumpet swinging free"],
    "Techno": ["machines beat on", "the beat of machines all night"],
}


def table_and_labels(n=24):
    """Sounds of 0.6 s as arrays (one or two a row), texts, an indicator of genres; no files."""
    main = [list(WORDS)[i % 3] for i in range(n)]
    time = np.arange(int(0.6 * 22050)) / 22050
    tones = {"Blues": 330.0, "Jazz": 440.0, "Techno": 550.0}
    sounds = [
        [
            np.sin(2 * np.pi * tones[genre] * (1 + i / 500 + j / 900) * time)
            for j in range(1 + i % 2)
        ]
        for i, genre in enumerate(main)
    ]
    texts = [WORDS[genre][i // 3 % 2] if i % 7 else None for i, genre in enumerate(main)]
    table = pd.DataFrame({"audio": sounds, "text": texts})
    labels = pd.DataFrame({genre: [int(genre == g) for g in main] for genre in WORDS})
    labels.loc[::5, "Blues"] = 1
    return table, labels


def fixture_model():
    """Every estimator that stays small."""
    shared = {"random_state": 0, "max_epochs": 6, "lr": 1e-2, "validation_fraction": 0}
    cqt = CQTExtractor(duration=0.6, hop_length=128, n_bins=12, fmin=261.6, patch="center")
    cnn = AudioCNN(architecture="time", width=(4, 4, 4), target="cosine", **shared)
    mlp = TextMLP(hidden_units=(8, 8), target="cosine", **shared)
    text = [("truncate", ReviewTruncator()), ("tfidf", ReviewVectorizer(min_df=1)), ("mlp", mlp)]
    branches = [
        ("audio", MeanOverTracks(Pipeline([("cqt", cqt), ("cnn", cnn)])), "audio"),
        ("text", Pipeline(text), "text"),
    ]
    joint = JointSpaceProjector(
        views=("audio", "text"), n_components=4, hidden_units=8, passthrough=True, **shared
    )
    fusion = FusionClassifier(target="cosine", **shared)
    front = ColumnTransformer(branches).set_output(transform="pandas")
    return GenrePipeline([("modalities", front), ("joint", joint), ("fusion", fusion)])


if __name__ == "__main__":
    table, labels = table_and_labels()
    model = fixture_model().fit(table, labels, groups=np.arange(len(table)) // 2)
    skmmgenre.save(model, f"{sys.argv[1]}.skmmgenre", card={"trained on": "24 computed rows"})
    answers = {
        "decision_function": model.decision_function(table).tolist(),
        "predict": model.predict(table).tolist(),
    }
    with open(f"{sys.argv[1]}.json", "w", encoding="utf-8") as file:
        json.dump(answers, file)
