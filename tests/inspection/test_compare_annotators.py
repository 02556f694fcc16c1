"""People beside a model: by hand, as scikit-learn and scipy say, and with known error rates."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import cohen_kappa_score, confusion_matrix, precision_recall_fscore_support

from skmmgenre.inspection import ConfusionMatricesDisplay, compare_annotators
from skmmgenre.inspection._compare_annotators import _kappa_draws, _pearson_draws
from skmmgenre.metrics import bootstrap_interval

GENRES = ["Blues", "Jazz", "Rap", "Rock"]
MODES = ["sound", "cover", "both"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def rates_of(genres, diagonal, rng):
    """Probability of each answer (column) for each true genre (row)."""
    wrong = rng.dirichlet(np.ones(len(genres)), len(genres))
    rates = wrong * (1 - np.array(diagonal))[:, None]
    rates[np.diag_indices(len(genres))] += diagonal
    return rates


def answers_of(true, genres, rates, rng):
    """What a rater of these error rates says of each item."""
    codes = pd.Index(genres).get_indexer(true)
    return [genres[rng.choice(len(genres), p=rates[code])] for code in codes]


def known_metrics(rates, shares):
    """What a rater of these error rates tends to, with these shares of the genres."""
    right, said = shares * np.diag(rates), shares @ rates
    return {
        "precision": np.mean(right / said),
        "recall": np.diag(rates).mean(),
        "f1": np.mean(2 * right / (said + shares)),
        "accuracy": right.sum(),
    }


def experiment(n_items=60, names=("Ann", "Bo"), seed=0):
    """Annotations, true genres and the predictions of a model, all drawn."""
    rng = np.random.default_rng(seed)
    rows, y_true, y_pred = [], {}, {}
    for mode in MODES:
        true = np.repeat(GENRES, n_items // len(GENRES))
        items = [f"{mode} {number}" for number in range(len(true))]
        y_true |= dict(zip(items, true, strict=True))
        rates = rates_of(GENRES, [0.3, 0.5, 0.7, 0.9], rng)
        y_pred[mode] = dict(zip(items, answers_of(true, GENRES, rates, rng), strict=True))
        for name in names:
            said = answers_of(true, GENRES, rates, rng)
            rows += [(name, *pair, mode) for pair in zip(items, said, strict=True)]
    table = pd.DataFrame(rows, columns=["annotator", "item", "genre", "mode"])
    return table, pd.Series(y_true), pd.DataFrame(y_pred)


@pytest.fixture(scope="module")
def data():
    return experiment()


@pytest.fixture(scope="module")
def comparison(data):
    said, y_true, y_pred = data
    y_pred = {mode: y_pred[mode].dropna() for mode in MODES}
    return compare_annotators(said, y_true, y_pred, n_resamples=500)


def rows_of(data, annotator, mode):
    said, y_true, y_pred = data
    rows = said[(said["annotator"] == annotator) & (said["mode"] == mode)]
    return rows["genre"], rows["item"].map(y_true), rows["item"].map(y_pred[mode])


def test_scores_are_those_of_scikit_learn(data, comparison):
    for annotator in ("Ann", "Bo"):
        for mode in MODES:
            human, true, model = rows_of(data, annotator, mode)
            for rater, said in (("human", human), ("model", model)):
                line = comparison.scores.loc[(annotator, mode, rater)]
                *by_genre, _ = precision_recall_fscore_support(true, said, labels=GENRES)
                expected = [*np.mean(by_genre, axis=1), np.mean(true == said)]
                found = line[["precision", "recall", "f1", "accuracy"]]
                np.testing.assert_allclose(found.astype(float), expected)
                np.testing.assert_allclose(comparison.by_genre[annotator, rater, mode], by_genre[2])
                for name in ("precision", "recall", "f1", "accuracy"):
                    assert line[f"{name}_low"] < line[name] < line[f"{name}_high"]
            scores = comparison.scores.loc[(annotator, mode)]
            difference = scores.loc["human"] - scores.loc["model"]
            assert scores.loc["difference", "f1"] == pytest.approx(difference["f1"])
            assert set(scores["items"]) == {60} and set(scores["skipped"]) == {0}


def test_intervals_are_as_wide_as_those_of_the_other_bootstrap(data, comparison):
    human, true, model = rows_of(data, "Ann", "both")
    ours = comparison.scores.loc[("Ann", "both")]
    for rater, pair in (("human", [human]), ("model", [model]), ("difference", [human, model])):
        other = bootstrap_interval(true, *pair, metric="recall", labels=GENRES)
        width = ours.loc[rater, "recall_high"] - ours.loc[rater, "recall_low"]
        assert width == pytest.approx(other.high - other.low, rel=0.15)


def test_correlations_are_those_of_scipy(comparison):
    table = comparison.correlations.set_index(["annotator", "first", "second"])
    assert len(table) == 2 * (3 + 3 + 3)
    for annotator in ("Ann", "Bo"):
        f1 = comparison.by_genre[annotator]
        for first, second in [
            (("human", "sound"), ("model", "sound")),
            (("human", "sound"), ("human", "cover")),
            (("model", "cover"), ("model", "both")),
        ]:
            line = table.loc[annotator, " ".join(first), " ".join(second)]
            assert line["pearson"] == pytest.approx(pearsonr(f1[first], f1[second]).statistic)
            assert -1 <= line["low"] <= line["pearson"] <= line["high"] <= 1
            assert line["genres"] == 4


def test_draws_of_a_correlation_are_over_the_genres_that_are_drawn():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 5, 6))
    there = np.ones((5, 6), dtype=bool)
    there[1, :2], there[2, :4] = False, False
    first[3] = 0.5
    draws = _pearson_draws(first, second, there)
    for row in (0, 1, 4):
        pair = first[row][there[row]], second[row][there[row]]
        assert draws[row] == pytest.approx(pearsonr(*pair).statistic)
    assert np.isnan(draws[[2, 3]]).all()


def test_kappa_is_that_of_scikit_learn(data, comparison):
    assert comparison.kappa["mode"].tolist() == [*MODES, "all"]
    for line in comparison.kappa.itertuples():
        modes = MODES if line.mode == "all" else [line.mode]
        one, other = (
            pd.concat([rows_of(data, name, mode)[0] for mode in modes]) for name in ("Ann", "Bo")
        )
        assert (line.first, line.second) == ("Ann", "Bo") and line.items == len(one)
        assert line.kappa == pytest.approx(cohen_kappa_score(one, other))
        assert line.low < line.kappa < line.high
    # The draws, where each item is drawn once, are the figure itself.
    drawn = _kappa_draws(one, other, GENRES, np.ones((1, len(one))))
    assert drawn[0] == pytest.approx(cohen_kappa_score(one, other))


# Items of each genre in one mode: as many of each, and the paper's test set by its shares.
EQUAL, SHARES = [10] * 15, [4, 4, 15, 3, 10, 2, 8, 1, 10, 2, 8, 6, 8, 18, 1]


@pytest.mark.parametrize(
    ("numbers", "n_sets", "least"),
    [
        (EQUAL, 12, 9),
        pytest.param(EQUAL, 200, 182, marks=pytest.mark.slow),
        # One or two items of a genre vary less than those that might have been drawn.
        pytest.param(SHARES, 200, 164, marks=pytest.mark.slow),
    ],
    ids=["few", "equal", "shares"],
)
def test_known_error_rates_are_recovered(numbers, n_sets, least):
    """Of intervals of 95 %, nearly that share holds what the rates of each expert tend to."""
    genres = [f"genre {number:02}" for number in range(15)]
    within, of_kappa = {}, 0
    rng = np.random.default_rng(7)
    rates = rates_of(genres, rng.uniform(0.1, 0.95, 15), rng)
    shares = np.array(numbers) / sum(numbers)
    known = known_metrics(rates, shares)
    agree = shares @ (rates**2).sum(axis=1)
    chance = ((shares @ rates) ** 2).sum()
    for number in range(n_sets):
        true = np.repeat(genres, numbers)
        items = [str(item) for item in range(len(true))]
        said = pd.concat(
            pd.DataFrame(
                {
                    "annotator": name,
                    "item": items,
                    "mode": "sound",
                    "genre": answers_of(true, genres, rates, rng),
                }
            )
            for name in ("Ann", "Bo")
        )
        y_true = dict(zip(items, true, strict=True))
        found = compare_annotators(said, y_true, n_resamples=400, random_state=number)
        line = found.scores.loc[("Ann", "sound", "human")]
        for name, value in known.items():
            holds = line[f"{name}_low"] <= value <= line[f"{name}_high"]
            within[name] = within.get(name, 0) + holds
        kappa = found.kappa.iloc[0]
        of_kappa += kappa["low"] <= (agree - chance) / (1 - chance) <= kappa["high"]
    assert min(*within.values(), of_kappa) >= least, (within, of_kappa)


def test_skipped_items_count_for_neither(data):
    said, y_true, y_pred = data
    said = said[(said["annotator"] == "Ann") & (said["mode"] == "cover")].copy()
    said.loc[said.index[:7], "genre"] = None
    found = compare_annotators(said, y_true, y_pred[["cover"]], n_resamples=50)
    assert found.scores["items"].tolist() == [53] * 3
    assert found.scores["skipped"].tolist() == [7] * 3
    assert len(found.answers) == 53 and found.kappa.empty
    model = found.answers["model"] == found.answers["true"]
    assert found.scores.loc[("Ann", "cover", "model"), "accuracy"] == pytest.approx(model.mean())


def test_items_that_both_answered_count_for_kappa(data):
    said, y_true, _ = data
    some = said[(said["annotator"] == "Ann") | (said["mode"] == "cover")].drop(said.index[0])
    found = compare_annotators(some, y_true, n_resamples=50)
    assert found.kappa["mode"].tolist() == ["cover"] and found.kappa["items"].tolist() == [60]
    assert "model" not in found.answers and found.correlations["first"].str[:5].eq("human").all()


def test_the_model_may_know_some_modes(data):
    said, y_true, y_pred = data
    found = compare_annotators(said, y_true, {"sound": y_pred["sound"].dropna()}, n_resamples=50)
    raters = found.scores.reset_index().groupby("mode")["rater"].unique()
    assert set(raters["sound"]) == {"human", "model", "difference"}
    assert set(raters["cover"]) == {"human"}
    assert ConfusionMatricesDisplay.from_comparison(found).axes_.size == 4


def test_what_does_not_exist_is_nan():
    items = list("abcdef")
    said = pd.DataFrame({"annotator": "Ann", "item": items, "mode": "sound", "genre": "Rap"})
    said = pd.concat([said, said.assign(annotator="Bo")])
    true = dict(zip(items, ["Rap", "Jazz", "Rock"] * 2, strict=True))
    found = compare_annotators(said, true, {"sound": true}, n_resamples=50)
    assert found.correlations["pearson"].isna().all() and found.kappa["kappa"].isna().all()
    assert found.correlations[["low", "high"]].isna().all(axis=None)
    assert found.scores.loc[("Ann", "sound", "model"), "f1"] == 1


def test_genres_that_are_given_count_all(data):
    said, y_true, y_pred = data
    found = compare_annotators(said, y_true, labels=[*GENRES, "Zydeco"], n_resamples=50)
    fewer = compare_annotators(said, y_true, n_resamples=50)
    np.testing.assert_allclose(found.scores["f1"], fewer.scores["f1"] * 4 / 5)
    assert found.labels[-1] == "Zydeco" and set(found.correlations["genres"]) == {4}
    with pytest.raises(ValueError, match="'Blues' occurs as true, annotated or predicted genre"):
        compare_annotators(said, y_true, labels=GENRES[1:])


def test_the_same_seed_the_same_intervals(data):
    said, y_true, _ = data
    tables = [
        compare_annotators(said, y_true, n_resamples=60, random_state=seed).scores
        for seed in (3, 3, 4)
    ]
    pd.testing.assert_frame_equal(*tables[:2])
    assert not tables[0].equals(tables[2])
    narrow = compare_annotators(said, y_true, n_resamples=60, confidence_level=0.5).scores
    assert (narrow["f1_high"] - narrow["f1_low"] < tables[0]["f1_high"] - tables[0]["f1_low"]).all()


def test_confusion_matrices_side_by_side(data, comparison):
    display = ConfusionMatricesDisplay.from_comparison(comparison, annotator="Ann")
    titles = [panel.get_title() for panel in display.axes_]
    assert titles == [f"{rater}, {mode}" for rater in ("human", "model") for mode in MODES]
    for mode in MODES:
        human, true, model = rows_of(data, "Ann", mode)
        for rater, said in (("human", human), ("model", model)):
            expected = confusion_matrix(true, said, labels=GENRES, normalize="true")
            np.testing.assert_array_equal(display.confusion_matrices[f"{rater}, {mode}"], expected)
    rows = [panel.get_subplotspec().rowspan.start for panel in display.axes_]
    assert rows == [0, 0, 0, 1, 1, 1]
    both = ConfusionMatricesDisplay.from_comparison(comparison, normalize=None, n_cols=6)
    assert both.confusion_matrices["human, sound"].sum() == 120
    with pytest.raises(ValueError, match=r"annotator 'Cy'; the annotators are \['Ann', 'Bo'"):
        ConfusionMatricesDisplay.from_comparison(comparison, annotator="Cy")


def test_bad_input(data):
    said, y_true, y_pred = data
    for params, message in [
        ({"y_true": y_true.iloc[1:]}, "y_true has no genre for 1 annotated items: 'sound 0'"),
        ({"y_true": pd.concat([y_true, y_true])}, "y_true has several genres for item"),
        ({"y_pred": {"sound": {}}}, r"y_pred\['sound'\] has no genre for 60 annotated items"),
        ({"y_pred": {"text": {}}}, "Unknown mode 'text' in y_pred; expected sound, cover, both"),
        ({"n_resamples": 0}, "n_resamples must be an integer above 0"),
        ({"confidence_level": 1}, r"confidence_level must be in \(0, 1\)"),
        ({"annotations": said.assign(genre=None)}, "contain no genres"),
    ]:
        with pytest.raises(ValueError, match=message):
            compare_annotators(**{"annotations": said, "y_true": y_true} | params)
