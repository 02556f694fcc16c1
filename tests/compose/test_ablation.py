"""ablate_modalities: splits, errors, and what is told."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from other_tables import OTHER_LIBRARIES
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit

from skmmgenre.compose import GenrePipeline, ablate_modalities
from skmmgenre.fusion import FusionClassifier
from skmmgenre.model_selection import ArtistKFold, ArtistShuffleSplit
from skmmgenre.text import ReviewTruncator, ReviewVectorizer

TWO = ("text", "image")
SUBSETS_OF_TWO = ["text", "image", "text + image"]


class TestSplits:
    @pytest.fixture
    def words(self, paper_model):
        return paper_model(audio=None, image=None)

    def test_a_splitter(self, albums, ablate, words):
        _, predictions = ablate(words, cv=ArtistKFold(3), n_runs=2)
        for _, run in predictions.groupby("run"):
            assert sorted(run["row"]) == list(range(40))

    def test_a_splitter_of_each_run(self, ablate, words):
        cv = partial(ArtistShuffleSplit, 2, test_size=0.2)
        _, predictions = ablate(words, cv=cv, n_runs=2)
        by_run = [run["row"].tolist() for _, run in predictions.groupby("run")]
        assert by_run[0] != by_run[1]

    def test_without_artists(self, albums, words, ablate):
        cv = partial(ShuffleSplit, 1, test_size=0.3)
        with pytest.warns(UserWarning, match="without regard to artists"):
            _, predictions = ablate(words, groups=None, cv=cv, n_runs=1)
        np.testing.assert_array_equal(predictions["group"], predictions["row"])

    def test_a_reference_of_ones_own(self, ablate, words):
        metrics, _ = ablate(
            words, n_runs=1, reference="missing pattern", controls=["missing pattern"]
        )
        assert set(metrics["reference"]) == {"missing pattern"}

    def test_figures_alone(self, albums, words):
        answer = ablate_modalities(
            words, albums.table, albums.y, albums.groups, "all", 1, n_resamples=10
        )
        assert isinstance(answer, pd.DataFrame)

    def test_names_of_rows_do_not_matter(self, albums, table, ablate, words):
        _, expected = ablate(words, n_runs=1)
        strange = table.set_index(np.arange(40)[::-1] % 7)
        _, found = ablate(words, table=strange, n_runs=1)
        pd.testing.assert_frame_equal(found, expected)


def test_ready_vectors_alone(albums):
    """No network takes the artists then; the splitter and the fusion layers do."""
    vectors = np.random.default_rng(0).normal(size=(40, 5))
    vectors[::4, 3:] = np.nan
    table = pd.DataFrame(vectors, columns=list("abcde"))
    branches = [("audio", "passthrough", ["a", "b", "c"]), ("text", "passthrough", ["d", "e"])]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    model = GenrePipeline([("modalities", modalities), ("fusion", FusionClassifier(max_epochs=2))])
    metrics = ablate_modalities(
        model, table, albums.y, albums.groups, n_runs=1, controls=["missing pattern"]
    )
    assert list(metrics.index) == ["audio", "text", "audio + text", "missing pattern"]


def test_own_vectors_as_a_branch(albums, ablate, paper_model):
    """Columns of ready numbers, beside a modality."""
    model = paper_model(audio=None, image=None)
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    numbers[::4] = np.nan
    table = albums.table.assign(first=numbers[:, 0], second=numbers[:, 1])
    branches = model["modalities"]
    branches.transformers = [
        *branches.transformers,
        ("numbers", "passthrough", ["first", "second"]),
    ]
    metrics, predictions = ablate(
        model, table=table, controls=["missing pattern", "mean of probabilities"], n_runs=1
    )
    assert list(metrics.index)[:3] == ["text", "numbers", "text + numbers"]
    assert predictions["missing pattern"].isin(albums.y).all()


def test_words_as_a_branch(albums, ablate):
    """Word weights beside numbers come as a sparse matrix; blocks keep their names."""
    texts = pd.Series(ReviewTruncator().transform(albums.table["text"]))
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    table = pd.DataFrame({"text": texts, "first": numbers[:, 0], "second": numbers[:, 1]})
    table.loc[3, "text"] = None
    branches = [
        ("text", ReviewVectorizer(), "text"),
        ("numbers", "passthrough", ["first", "second"]),
    ]
    model = GenrePipeline(
        [
            ("modalities", ColumnTransformer(branches)),
            ("fusion", FusionClassifier(max_epochs=30, random_state=0)),
        ]
    )
    metrics, predictions = ablate(model, table=table, controls=["plain"], n_runs=1)
    assert list(metrics.index)[:4] == ["text", "numbers", "text + numbers", "plain text"]
    test = predictions["row"].to_numpy()
    train = np.setdiff1d(np.arange(40), test)
    model.fit(table.iloc[train], albums.y[train], groups=np.asarray(albums.groups)[train])
    np.testing.assert_array_equal(predictions["text + numbers"], model.predict(table.iloc[test]))


def test_scores_of_one_genre(albums, ablate, paper_model):
    words = paper_model(audio=None, image=None)
    _, predictions = ablate(words, n_runs=1)
    _, scored = ablate(words, n_runs=1, return_predictions="scores")
    np.testing.assert_array_equal(scored.predicted["text"], predictions["text"])
    assert scored.scores["text"].shape == (len(predictions), len(scored.labels))
    np.testing.assert_allclose(scored.scores["text"].sum(axis=1), 1)
    likeliest = scored.labels[scored.scores["text"].argmax(axis=1)]
    np.testing.assert_array_equal(likeliest, predictions["text"])


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"subsets": "some"}, "subsets must be 'all', 'paper' or a list, got 'some'"),
            ({"subsets": "paper"}, r"needs audio and image.*the model has \['text'\]"),
            ({"subsets": ["text + audio"]}, r"unknown blocks \['audio'\]; known blocks are"),
            ({"subsets": [()]}, "known blocks are"),
            (
                {"subsets": ["mm_audio"]},
                r"unknown blocks \['mm_audio'\]; known blocks are \['text'\]",
            ),
            ({"controls": ["luck"]}, "Unknown control 'luck': choose from .*'missing pattern'"),
            ({"controls": ["shuffled covers"]}, "needs audio and image"),
            ({"reference": "audio"}, r"reference 'audio' is not a row; rows are \['text'\]"),
            ({"n_runs": 0}, "n_runs must be an integer above 0"),
            ({"y": ["Jazz"] * 40}, "one class only"),
            ({"y": ["Jazz", "Rock"]}, "y has 2 rows, the table has 40"),
            ({"groups": None}, "Without groups .* pass"),
            ({"groups": list("abc")}, "groups has 3 rows"),
        ],
        ids=str,
    )
    def test_told_before_anything_is_done(self, ablate, paper_model, counts, params, message):
        with pytest.raises(ValueError, match=message):
            ablate(paper_model(audio=None, image=None), **params)
        assert not counts

    def test_another_model(self, ablate):
        with pytest.raises(ValueError, match="steps modalities and fusion"):
            ablate(LogisticRegression())


class TestSetAside:
    """What on_error="missing" sets aside is told, and handed on."""

    @pytest.fixture
    def ablate(self, albums):
        return partial(
            ablate_modalities,
            y=albums.y,
            groups=albums.groups,
            n_runs=2,
            n_resamples=10,
            subsets=["text"],
            test_size=0.3,
        )

    @pytest.fixture
    def broken(self, albums, tmp_path):
        """Five tracks, one of them in an album of two, and two covers that cannot be used."""
        table = albums.table.copy()
        audio, cover = list(table["audio"]), list(table["cover"])
        empty = tmp_path / "empty.wav"
        empty.write_bytes(b"")
        audio[2] = [audio[2][0], str(tmp_path / "gone.wav")]
        for row in (5, 6, 7, 8):
            audio[row] = [str(empty)]
        for row in (0, 39):
            cover[row] = str(tmp_path / f"gone {row}.png")
        return table.assign(audio=audio, cover=cover)

    def test_told_and_handed_on(self, ablate, paper_model, broken):
        model = paper_model(on_error="missing")
        with pytest.warns(UserWarning, match="Treated as missing") as told:
            metrics = ablate(model, broken)
        first, second = [str(warning.message) for warning in told]
        assert "5 of audio" in first and "audio of row 2, track 1: " in first
        assert "gone.wav" in first and "no such file" in first and "and 2 more" in first
        assert "2 of image" in second and "image of row 0: " in second and "gone 39.png" in second
        errors = pd.DataFrame(metrics.attrs["errors"])
        assert set(errors.columns) == {"modality", "row", "track", "item", "reason", "remedy"}
        assert errors["modality"].tolist() == ["audio"] * 5 + ["image"] * 2
        assert errors["row"].tolist() == [2, 5, 6, 7, 8, 0, 39]
        assert errors["track"][:5].tolist() == [1, 0, 0, 0, 0]
        assert errors["track"][5:].isna().all()

    def test_a_branch_that_nothing_is_extracted_of_in_advance(self, ablate, paper_model, broken):
        """Its columns are a list: the extractor runs in every run."""
        model = paper_model(image=None, text=None, on_error="missing")
        branches = model["modalities"]
        branches.transformers = [(name, branch, [c]) for name, branch, c in branches.transformers]
        with pytest.warns(UserWarning, match=r"5 of audio\. audio of row 2, track 1: "):
            metrics = ablate(model, broken, subsets=["audio"])
        assert [error["row"] for error in metrics.attrs["errors"]] == [2, 5, 6, 7, 8]
        assert [error["track"] for error in metrics.attrs["errors"]] == [1, 0, 0, 0, 0]

    def test_nothing_to_tell(self, ablate, albums, paper_model):
        metrics = ablate(paper_model(audio=None, image=None, on_error="missing"), albums.table)
        assert metrics.attrs["errors"] == []

    def test_by_default_it_is_an_error(self, ablate, paper_model, broken):
        with pytest.raises(ValueError, match=r"Row 2, track 1: .*gone\.wav"):
            ablate(paper_model(), broken)

    def test_the_answer_can_go_on(self, ablate, paper_model, broken):
        """A list of plain dicts does not get in the way of pandas."""
        model = paper_model(audio=None, on_error="missing")
        with pytest.warns(UserWarning, match="2 of image"):
            metrics = ablate(model, broken)
        both = pd.concat([metrics, metrics])
        assert len(both) == 2 * len(metrics)
        assert np.isfinite(both["f1"]).all()


class TestPredictionsOfSeveralGenres:
    def test_scores_of_every_row(self, albums, labels, everything):
        metrics, predictions = everything
        assert set(predictions) == {"rows", "true", "scores", "predicted"}
        rows = predictions.rows
        assert list(rows.columns) == ["run", "split", "row", "group"]
        assert set(rows["run"]) == {0, 1} and set(rows["split"]) == {0}
        assert list(predictions.true.columns) == list(labels.columns)
        np.testing.assert_array_equal(predictions.true, labels.iloc[rows["row"]])
        np.testing.assert_array_equal(rows["group"], np.asarray(albums.groups)[rows["row"]])
        assert list(predictions.scores) == list(metrics.index)
        for scores in predictions.scores.values():
            assert scores.shape == (len(rows), 8)

    def test_a_row_is_what_a_model_of_these_modalities_says(
        self, albums, table_of_two, labels, paper_model, everything
    ):
        _, predictions = everything
        second = predictions.rows["run"] == 1
        test = predictions.rows["row"][second].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        artists = np.asarray(albums.groups)[train]
        for name in SUBSETS_OF_TWO:
            off = {m: None for m in ("audio", *TWO) if m not in name}
            seeds = {f"{m}__random_state": 1 for m in (*TWO, "fusion") if m not in off}
            model = paper_model(**off, **seeds)
            model.fit(table_of_two.iloc[train], labels.iloc[train], groups=artists)
            expected = model.decision_function(table_of_two.iloc[test])
            np.testing.assert_array_equal(predictions.scores[name][second], expected)

    def test_forms_of_y(self, ablate_labels, labels, paper_model):
        model = paper_model(audio=None, image=None)
        _, expected = ablate_labels(model, n_runs=1)
        for form in (labels.to_numpy(), sparse.csr_array(labels.to_numpy())):
            _, found = ablate_labels(model, y=form, n_runs=1)
            assert list(found.true.columns) == list(range(8))
            np.testing.assert_array_equal(found.scores["text"], expected.scores["text"])

    @pytest.mark.parametrize("convert", OTHER_LIBRARIES)
    def test_tables_of_other_libraries(self, ablate, table, paper_model, convert):
        model = paper_model(audio=None, image=None)
        _, expected = ablate(model, n_runs=1)
        _, found = ablate(model, table=convert(table), n_runs=1)
        pd.testing.assert_frame_equal(found, expected)
