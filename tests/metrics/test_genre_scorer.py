import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
import sklearn
from other_tables import EVERY_KIND
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from slow_cases import few_fast

from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics import GenreScorer, genre_scores, macro_auc_score, precision_at_k_score
from skmmgenre.model_selection import ArtistKFold

NAMES = [
    "macro_auc", "macro_average_precision", "precision@1", "ndcg@2", "diversity@2",
    "correct_diversity@1", "f1", "precision", "recall", "accuracy",
]  # fmt: skip


class Similarities(ClassifierMixin, BaseEstimator):
    """Has a decision_function in [-1, 1] only, as a model of target "cosine"."""

    def fit(self, X, y):
        self.coef_ = np.linalg.lstsq(X, np.asarray(y, dtype=float), rcond=None)[0]
        self.classes_ = np.array(y.columns if hasattr(y, "columns") else range(y.shape[1]))
        return self

    def decision_function(self, X):
        return np.tanh(X @ self.coef_)

    def predict(self, X):
        return (self.decision_function(X) > 0.3).astype(int)


def data(n_labels=4, n=150):
    rng = np.random.default_rng(0)
    Y = (rng.random((n, n_labels)) < 0.4).astype(int)
    return Y @ rng.normal(size=(n_labels, 5)) + rng.normal(size=(n, 5)), Y, rng.integers(0, 50, n)


ESTIMATORS = {
    "fusion": FusionClassifier(max_epochs=2, validation_fraction=0, random_state=0),
    "similarities": Similarities(),
    "one_vs_rest": OneVsRestClassifier(LogisticRegression()),
    "forest_vs_rest": OneVsRestClassifier(RandomForestClassifier(3, random_state=0)),
    "forest": RandomForestClassifier(5, random_state=0),
    "mlp": MLPClassifier((4,), random_state=0, solver="lbfgs", max_iter=2000),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("n_labels", [2, 4])
def test_several_figures_in_cross_validate(name, n_labels):
    X, Y, _ = data(n_labels)
    results = cross_validate(
        ESTIMATORS[name],
        X,
        Y,
        scoring=GenreScorer(NAMES),
        cv=KFold(2),
        return_estimator=True,
        error_score="raise",
    )
    for fold, (_, test) in enumerate(KFold(2).split(X)):
        model = results["estimator"][fold]
        if hasattr(model, "decision_function"):
            scores = model.decision_function(X[test])
        else:
            scores = model.predict_proba(X[test])
            if isinstance(scores, list):
                scores = np.column_stack([p[:, 1] for p in scores])
        found = {key: results[f"test_{key}"][fold] for key in NAMES}
        assert found["macro_auc"] == macro_auc_score(Y[test], scores)
        assert found["precision@1"] == precision_at_k_score(Y[test], scores, 1)
        table = genre_scores(Y[test], model.predict(X[test]))
        assert found["f1"] == table.loc["macro", "f1"]
        assert found["accuracy"] == table.attrs["accuracy"]


@pytest.mark.parametrize(
    ("routing", "form"),
    few_fast(
        list(product([False, True], [np.asarray, pd.DataFrame, sparse.csr_array])),
        (False, sparse.csr_array),
        (True, pd.DataFrame),
    ),
)
def test_in_searches(form, routing):
    X, Y, artists = data()
    model = OneVsRestClassifier(LogisticRegression())
    grid = {"estimator__C": [0.01, 1.0]}
    with sklearn.config_context(enable_metadata_routing=routing):
        one = GridSearchCV(model, grid, scoring=GenreScorer("macro_auc"), cv=ArtistKFold(2))
        one.fit(X, form(Y), groups=artists)
        several = GridSearchCV(
            model,
            grid,
            scoring=GenreScorer(["macro_auc", "precision@1"]),
            refit="precision@1",
            cv=ArtistKFold(2),
        ).fit(X, form(Y), groups=artists)
        mixed = cross_validate(  # which takes no sparse labels
            model,
            X,
            Y if sparse.issparse(form(Y)) else form(Y),
            scoring={"auc": GenreScorer(), "f1": "f1_micro"},
            cv=ArtistKFold(2),
            **({"params": {"groups": artists}} if routing else {"groups": artists}),
        )
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], several.cv_results_["mean_test_macro_auc"]
    )
    assert several.cv_results_["mean_test_precision@1"].shape == (2,)
    assert np.isfinite(mixed["test_auc"]).all() and np.isfinite(mixed["test_f1"]).all()
    assert clone(one).scoring.metric == "macro_auc"


def test_scikit_learns_make_scorer_takes_the_functions():
    X, Y, _ = data()
    scoring = {
        "auc": make_scorer(macro_auc_score, response_method="decision_function"),
        "p1": make_scorer(precision_at_k_score, response_method="decision_function", k=1),
    }
    theirs = cross_validate(Similarities(), X, Y, scoring=scoring, cv=KFold(2))
    ours = cross_validate(
        Similarities(), X, Y, scoring=GenreScorer(["macro_auc", "precision@1"]), cv=KFold(2)
    )
    np.testing.assert_array_equal(theirs["test_auc"], ours["test_macro_auc"])
    np.testing.assert_array_equal(theirs["test_p1"], ours["test_precision@1"])


def test_a_label_that_a_forest_never_saw():
    X, Y, _ = data()
    train = Y.copy()
    train[:, 0], train[:, 1] = 0, 1
    forest = RandomForestClassifier(3, random_state=0).fit(X, train)
    proba = [p[:, 1] for p in forest.predict_proba(X)[2:]]
    expected = np.column_stack([np.zeros(len(X)), np.ones(len(X)), *proba])
    assert GenreScorer("ndcg@3")(forest, X, Y) == pytest.approx(
        GenreScorer("ndcg@3")(Answers(expected), X, Y)
    )


class Answers:
    def __init__(self, scores):
        self.scores = scores

    def decision_function(self, X):
        return self.scores


def test_one_prediction_serves_all_metrics():
    X, Y, _ = data()
    calls = []

    class Counting(Answers):
        def decision_function(self, X):
            calls.append(len(X))
            return self.scores

    GenreScorer(NAMES[:6])(Counting(np.zeros(Y.shape)), X, Y)
    assert calls == [len(X)]


def test_labels_in_another_order_are_refused():
    X, Y, _ = data()
    Y = pd.DataFrame(Y, columns=list("abcd"))
    model = Similarities().fit(X, Y)
    scorer = GenreScorer()
    assert scorer(model, X, Y) > 0.7
    with pytest.raises(ValueError, match="same columns in the same order"):
        scorer(model, X, Y[list("badc")])
    assert scorer(OneVsRestClassifier(LogisticRegression()).fit(X, Y), X, Y) > 0.7


def test_copies_and_looks():
    scorer = GenreScorer(["macro_auc", "precision@3"])
    assert repr(scorer) == "GenreScorer(('macro_auc', 'precision@3'))"
    assert repr(pickle.loads(pickle.dumps(scorer))) == repr(scorer)


@pytest.mark.parametrize("name", ["auc", "precision@", "precision@-1", "macro_auc@1", "f1@2", None])
def test_unknown_metrics(name):
    with pytest.raises(ValueError, match="Unknown metric"):
        GenreScorer([name])


def test_bad_input():
    X, Y, _ = data()
    with pytest.raises(ValueError, match="empty"):
        GenreScorer([])
    with pytest.raises(ValueError, match="single-label"):
        GenreScorer()(Similarities(), X, Y[:, 0])
    with pytest.raises(ValueError, match="from 1 to"):
        GenreScorer("precision@5")(Answers(np.zeros(Y.shape)), X, Y)
    with pytest.raises(ValueError, match="the scores is NaN|the scores"):
        GenreScorer()(Answers(np.full(Y.shape, np.nan)), X, Y)
    with pytest.raises(ValueError, match="single-label"):
        GenreScorer()(Answers(np.zeros(len(Y))), X, Y)
    with pytest.raises(TypeError, match="neither decision_function nor predict_proba"):
        GenreScorer()(object(), X, Y)


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(convert):
    X, Y, _ = data()
    Y = pd.DataFrame(Y, columns=list("abcd"))
    model = Similarities().fit(X, Y)
    assert GenreScorer()(model, X, convert(Y)) == GenreScorer()(model, X, Y)
    with pytest.raises(ValueError, match="same columns in the same order"):
        GenreScorer()(model, X, convert(Y.iloc[:, ::-1]))
