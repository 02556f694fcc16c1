"""Effect of the enrichment of reviews, tested on synthetic albums (`make evaluate`).

VSM is tf-idf over the words of the reviews, VSM+SEM over the words and the categories of
entities in the reviews (section 3.3), both with the network of the paper at a size for two cores.
Only reviews are used; the metrics are compared with those of the exact posterior of the reviews.
Differences have a paired 95 % interval over artists; a claim is confirmed if its interval
excludes 0. The gain must vanish in two controls: categories of the knowledge base exchanged at
random between its entities, and reviews whose names are not informative (entity_signal 0).
"""

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from _claims import CLAIM, MUST_SHOW, MUST_VANISH, compare, run_conditions

from skmmgenre.compose import GenrePipeline
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import LogisticFusionClassifier
from skmmgenre.metrics import genre_scores, ranking_scores
from skmmgenre.model_selection import ArtistShuffleSplit
from skmmgenre.text import (
    EntityEnricher,
    GazetteerLinker,
    KnowledgeBase,
    ReviewTruncator,
    ReviewVectorizer,
    TextMLP,
)

_KS = (1, 3, 5)
_METRICS = [
    "macro_auc",
    "macro_average_precision",
    *(f"{metric}@{k}" for metric in ("precision", "diversity") for k in _KS),
]
# The comparisons that the paper makes, by our names.
_SAID = {"macro_auc": "AUC", **{f"diversity@{k}": f"ADiv@{k}" for k in _KS}}
_TARGETS = ("logistic", "cosine")
_PLAIN = "plain"  # in place of a target
_NETWORK = {"preset": "paper", "hidden_units": (512, 512), "max_epochs": 40}
_ALBUMS = {"n_genres": 30, "missing": {"audio": 1.0, "text": 0.1, "cover": 1.0}}
SETTINGS = {"network": _NETWORK, "data": _ALBUMS, "test_size": 0.2}
CODE = ["benchmarks/evaluate_entities.py", "skmmgenre/datasets/_synthetic"]
_RANDOM = "VSM + random categories"


def make(arguments, folder, **data):
    """Return albums of 30 genres and their 10 parents, with reviews only."""
    return make_albums(
        arguments.albums, directory=folder, random_state=11, n_jobs=2, verbose=1, **_ALBUMS, **data
    )


def exchange_categories(albums, path):
    """Write a knowledge base whose entities have the categories of others, drawn at random."""
    catalogue = albums.catalogue
    order = np.random.default_rng(0).permutation(len(catalogue))
    records = zip(
        catalogue["name"],
        ([name] for name in catalogue["name"]),
        catalogue["categories"].iloc[order],
        np.ones(len(catalogue)),
        strict=True,
    )
    KnowledgeBase.build(path, records=records)
    return path


def texts_of(albums, folder):
    """Return the texts of each vectorizer, by its name."""
    texts = ReviewTruncator(n_jobs=2).transform(albums.table["text"])
    bases = {
        "VSM+SEM": albums.knowledge_base,
        _RANDOM: exchange_categories(albums, Path(folder) / "random.kb"),
    }
    found = {"VSM": texts}
    for name, path in bases.items():
        enricher = EntityEnricher(GazetteerLinker(str(path)), keep_mentions=True, n_jobs=2)
        found[name] = enricher.fit_transform(texts)
        n_texts = sum(text is not None for text in texts)
        print(f"{name}: {len(enricher.mentions_) / n_texts:.2f} mentions a text", flush=True)
    return found


class Answers:
    """Predictions of networks for the test rows of all runs, and the exact posterior.

    Attributes
    ----------
    rows : DataFrame
        run, row and group of each prediction.
    said : dict of (str, str) to ndarray
        By input and target: scores of the labels, or genres if the target is "softmax".
    """

    def __init__(self, albums, arguments, targets, texts):
        self.albums = albums
        splits = ArtistShuffleSplit(arguments.runs, test_size=SETTINGS["test_size"], random_state=0)
        splits = list(splits.split(albums.table, albums.Y, albums.groups))
        jobs = [(name, target) for name in texts for target in targets]
        found = joblib.Parallel(n_jobs=2, verbose=5)(
            joblib.delayed(_train_and_ask)(albums, texts[name], target, train, test, run)
            for name, target in jobs
            for run, (train, test) in enumerate(splits)
        )
        self.said = {
            job: np.concatenate(found[number * len(splits) : (number + 1) * len(splits)])
            for number, job in enumerate(jobs)
        }
        self.rows = pd.concat(
            [
                pd.DataFrame({"run": run, "row": test, "group": albums.groups[test]})
                for run, (_, test) in enumerate(splits)
            ],
            ignore_index=True,
        )

    def metrics(self):
        """Return metrics of each multilabel network, and of the posterior."""
        parts = []
        for _, rows in self.rows.groupby("run"):
            scores = {
                f"{name} {target}": said[rows.index]
                for (name, target), said in self.said.items()
                if target != "softmax"
            }
            truth = self.albums.Y.iloc[rows["row"]]
            part = ranking_scores(truth, scores, _KS, references=False)[_METRICS]
            part.loc["exact posterior"] = self.albums.oracle.label_metrics("text", rows["row"], _KS)
            parts.append(part)
        return sum(parts) / len(parts)

    def gain(self, name, other, target, metric, other_target=None):
        """Return the difference of two networks in a metric, and that of the posterior."""
        pair = (name, target), (other, other_target or target)
        one_genre = metric == "f1"
        truth = (self.albums.y if one_genre else self.albums.Y.to_numpy())[self.rows["row"]]
        line = {"metric": metric}
        for key, asked in zip(("", "other_"), pair, strict=True):
            line[f"{key}model"] = " ".join(asked)
            line[f"{key}value"] = self._mean_over_runs(metric, truth, self.said[asked])
        if not metric.startswith("diversity"):  # which has no ceiling below 1
            ceiling = "macro_f1" if one_genre else metric
            rows = [rows["row"].to_numpy() for _, rows in self.rows.groupby("run")]
            ceilings = [self.albums.oracle.ceiling("text", row, metric=ceiling) for row in rows]
            line["ceiling"] = line["other_ceiling"] = np.mean(ceilings)
        return line | compare(
            truth,
            *(self.said[asked] for asked in pair),
            metric=metric,
            groups=self.rows["group"],
            runs=self.rows["run"],
            seeds=self.rows["run"],
            labels=self.albums.oracle.classes if one_genre else None,
            replace=not metric.startswith("diversity"),
        )

    def _mean_over_runs(self, metric, truth, said):
        values = []
        for _, rows in self.rows.groupby("run"):
            true, answered = truth[rows.index], said[rows.index]
            if metric == "f1":
                scores = genre_scores(true, answered, labels=self.albums.oracle.classes)
                values.append(scores.loc["macro", "f1"])
            else:
                ranked = ranking_scores(true, answered, _KS, references=False)
                values.append(ranked.loc["scores", metric])
        return np.mean(values)


def _train_and_ask(albums, texts, target, train, test, seed):
    """Return predictions for the test rows of a new network, or of plain regression."""
    if target == _PLAIN:
        learner = LogisticFusionClassifier(C=3.0)
    else:
        learner = TextMLP(target=target, random_state=seed, **_NETWORK)
    model = GenrePipeline([("tfidf", ReviewVectorizer()), ("mlp", learner)])
    y = albums.y[train] if target == "softmax" else albums.Y.iloc[train]
    model.fit(texts[train], y, groups=albums.groups[train])
    return (
        model.predict(texts[test]) if target == "softmax" else model.decision_function(texts[test])
    )


def claims(arguments, folder):
    """Yield the paper's claim, and the control with random categories."""
    albums = make(arguments, folder)
    targets = ("softmax", *_TARGETS, _PLAIN)
    answers = Answers(albums, arguments, targets, texts_of(albums, folder))
    metrics = answers.metrics().rename_axis("model").reset_index()
    arguments.write(metrics, "entities_metrics")
    print(metrics.round(3).to_string(index=False))
    for metric, words in _SAID.items():
        for target in _TARGETS:
            line = answers.gain("VSM+SEM", "VSM", target, metric)
            yield f"{words}, {target}: VSM+SEM beats VSM", CLAIM, line
    line = answers.gain("VSM+SEM", "VSM", _PLAIN, "macro_auc")
    yield "AUC, plain: VSM+SEM beats VSM", CLAIM, line
    line = answers.gain("VSM+SEM", "VSM", "softmax", "f1")
    yield "F1 of one genre: VSM+SEM beats VSM", CLAIM, line
    for read in ("VSM", "VSM+SEM"):
        for target in _TARGETS:
            line = answers.gain(read, read, target, "macro_auc", other_target=_PLAIN)
            yield f"AUC, {read}: {target} network beats plain", CLAIM, line
    for target in _TARGETS:
        line = answers.gain("VSM+SEM", _RANDOM, target, "macro_auc")
        yield f"AUC, {target}: VSM+SEM beats random categories", CLAIM, line
    for target in _TARGETS:
        line = answers.gain(_RANDOM, "VSM", target, "macro_auc")
        yield f"AUC, {target}: random categories beat VSM", MUST_VANISH, line


def _of_signal(signal, arguments, folder):
    albums = make(arguments, folder, entity_signal=signal)
    texts = texts_of(albums, folder)
    del texts[_RANDOM]
    answers = Answers(albums, arguments, _TARGETS, texts)
    return {target: answers.gain("VSM+SEM", "VSM", target, "macro_auc") for target in _TARGETS}


def entity_signal_1(arguments, folder):
    """Yield the condition in which all names belong to the genre of the text."""
    for target, line in _of_signal(1.0, arguments, folder).items():
        yield f"AUC, {target}, entity signal 1: VSM+SEM beats VSM", MUST_SHOW, line


def entity_signal_0(arguments, folder):
    """Yield the condition in which names belong to any genre, so categories are uninformative."""
    for target, line in _of_signal(0.0, arguments, folder).items():
        yield f"AUC, {target}, entity signal 0: VSM+SEM beats VSM", MUST_VANISH, line


def main():
    """Run the conditions."""
    run_conditions(
        (claims, entity_signal_1, entity_signal_0),
        name="entities",
        description=__doc__.splitlines()[0],
        code=CODE,
        settings=SETTINGS,
        n_runs=10,
    )


if __name__ == "__main__":
    main()
