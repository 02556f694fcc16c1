"""Table 7: the best genres of each item, several models side by side."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.metrics import aggregated_diversity_score, top_genres

GENRES = ["Pop", "Rock", "Jazz", "Bebop"]
LOGISTIC = np.array([[2.0, 0.5, 1.0, -3.0], [1.5, 1.0, -1.0, -2.0]])
COSINE = np.array([[0.2, 0.1, 0.9, 0.8], [0.3, 0.7, 0.1, 0.0]])


def test_known_answers():
    index = ["Blue", "Kind"]
    truth = pd.DataFrame([[0, 0, 1, 1], [1, 0, 0, 0]], index=index, columns=GENRES)
    table = top_genres({"logistic": LOGISTIC, "cosine": COSINE}, k=2, Y_true=truth)
    assert table.index.tolist() == index
    assert table.to_dict("list") == {
        "true": ["Jazz, Bebop", "Pop"],
        "logistic": ["Pop, Jazz", "Pop, Rock"],
        "cosine": ["Jazz, Bebop", "Rock, Pop"],
    }


def test_diversity_is_what_the_table_counts():
    scores = np.random.default_rng(0).normal(size=(6, 30))
    told = {name for cell in top_genres(scores)["scores"] for name in cell.split(", ")}
    assert len(told) / 30 == pytest.approx(aggregated_diversity_score(scores, 3))


def test_names_of_columns():
    scores = pd.DataFrame(COSINE, index=[7, 8], columns=GENRES)
    assert top_genres(scores, k=1)["scores"].to_dict() == {7: "Jazz", 8: "Rock"}
    assert top_genres(COSINE, k=1, genres=GENRES)["scores"].tolist() == ["Jazz", "Rock"]
    assert top_genres(COSINE, k=1)["scores"].tolist() == ["2", "1"]


@pytest.mark.parametrize(
    ("scores", "arguments", "message"),
    [
        ({}, {}, "Y_score is empty"),
        (COSINE, {"k": 5}, "k must be an integer from 1 to the number of labels .4"),
        (COSINE, {"genres": GENRES[:3]}, "genres has 3 names, but the scores have 4 columns"),
        ({"a": COSINE, "b": COSINE[:1]}, {}, r"shapes \(1, 4\), \(2, 4\)"),
        (COSINE, {"Y_true": np.eye(4, dtype=int)}, r"Scores and Y_true have shapes"),
        (
            {"a": pd.DataFrame(COSINE, columns=GENRES)},
            {"Y_true": pd.DataFrame(np.eye(2, 4, dtype=int), columns=GENRES[::-1])},
            "same columns in the same order",
        ),
        (COSINE * [np.nan, 1, 1, 1], {}, "NaN in row 0"),
    ],
)
def test_what_is_refused(scores, arguments, message):
    with pytest.raises(ValueError, match=message):
        top_genres(scores, **arguments)
