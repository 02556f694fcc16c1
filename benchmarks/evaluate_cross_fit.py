"""Why cross-fitted vectors help or hurt the fusion: the text network under a magnifying glass.

Text of synthetic albums, and as second modality the perceived genre of the cover itself (one
of nine columns is 1), so that only the text network is learned. The fusion layer is trained on
vectors of the text network for the rows it learned from ("in-sample", the paper), on those of k
fold networks ("cross_fit"), and on those of fold networks brought into the coordinates of the
network of all rows by ridge regression on rows that both have learned from ("aligned").
"""

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.model_selection import ArtistKFold, ArtistShuffleSplit
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP


def drifted_vectors(network, X, y, artists, n_folds):
    """Vectors of fold networks for the rows they have not seen, as they are."""
    parts = {}
    for seen, unseen in ArtistKFold(n_folds).split(X, y, artists):
        fold = network().fit(X[seen], y[seen], groups=artists[seen])
        parts |= dict(zip(unseen, fold.transform(X[unseen]), strict=True))
    return np.stack([parts[row] for row in range(len(y))])


def one_run(albums, texts, seed, folds):
    """Macro F1 on the albums of unseen artists, a line a way of training the fusion."""
    train, test = next(
        ArtistShuffleSplit(1, test_size=0.2, random_state=seed).split(
            texts, albums.y, albums.groups
        )
    )
    X = ReviewVectorizer().fit(texts[train]).transform(texts)
    y, artists = albums.y[train], albums.groups[train]
    perceived = albums.oracle.perceived["cover"].to_numpy()
    cover = (perceived[:, None] == albums.oracle.classes).astype(np.float32)

    def network(**parameters):
        return TextMLP(hidden_units=(256, 256), random_state=seed, **parameters)

    def f1(predicted):
        return f1_score(albums.y[test], predicted, average="macro", zero_division=0)

    full = network().fit(X[train], y, groups=artists)
    own, tested = full.transform(X[train]), full.transform(X[test])

    def fused(vectors):
        fusion = FusionClassifier(blocks={"text": 256, "cover": cover.shape[1]}, random_state=seed)
        fusion.fit(np.hstack([vectors, cover[train]]), y, groups=artists)
        return f1(fusion.predict(np.hstack([tested, cover[test]])))

    line = {"text alone": f1(full.predict(X[test])), "in-sample": fused(own)}
    for n_folds in folds:
        line[f"{n_folds} folds, drifted"] = fused(
            drifted_vectors(network, X[train], y, artists, n_folds)
        )
        line[f"cross_fit={n_folds}"] = fused(
            network(cross_fit=n_folds).fit_transform(X[train], y, groups=artists)
        )
    line["ceiling"] = albums.oracle.ceiling(("text", "cover"), test, metric="macro_f1")
    return line


def main():
    """Print a line a seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--albums", type=int, default=1500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds", type=int, nargs="+", default=[3, 5])
    arguments = parser.parse_args()
    began = time.perf_counter()
    albums = make_albums(arguments.albums, random_state=7, duration=0.5, cover_size=16, n_jobs=2)
    texts = ReviewTruncator().fit_transform(albums.table["text"])
    lines = []
    for seed in range(arguments.runs):
        lines.append(one_run(albums, texts, seed, arguments.folds))
        print(seed, {name: round(value, 3) for name, value in lines[-1].items()}, flush=True)
    print(pd.DataFrame(lines).agg(["mean", "std"]).T.round(3).to_string())
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
