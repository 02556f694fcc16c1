"""Which rows and controls an ablation has."""

import ast
from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression

from skmmgenre.compose import GenrePipeline, ablate_modalities
from skmmgenre.fusion import FusionClassifier

PAPER = [
    ("CNN_Audio", "Audio"),
    ("MM_Audio", "Audio"),
    ("CNN_Audio + MM_Audio", "Audio"),
    ("CNN_Visual", "Video"),
    ("MM_Visual", "Video"),
    ("CNN_Visual + MM_Visual", "Video"),
    ("CNN_Audio + CNN_Visual", "A + V"),
    ("MM_Audio + MM_Visual", "A + V"),
    ("All", "A + V"),
]
MODALITIES = ("audio", "text", "image")
SUBSETS = [" + ".join(s) for n in (1, 2, 3) for s in combinations(MODALITIES, n)]
FIGURES = ["precision", "recall", "f1", "accuracy", "macro_auc", "macro_average_precision"]
COLUMNS = [
    "input",
    *(name + end for name in FIGURES for end in ("", "_std")),
    "reference",
    "difference",
    "low",
    "high",
]
# Of one genre a row, and those that scores have besides.
CONTROLS = (
    "plain",
    "missing pattern",
    "mean of probabilities",
    "two seeds",
    "shuffled covers",
    "cross_fit",
)
CONTROLS_OF_SCORES = ("random scores", "half of log prior removed")


@pytest.fixture
def names_of(albums):
    """A function: rows and controls of an ablation, told by an error before anything is done."""

    def tell(model, y=albums.y, **params):
        with pytest.raises(ValueError, match="reference 'none' is not a row; rows are ") as told:
            ablate_modalities(model, albums.table, y, albums.groups, **params, reference="none")
        return ast.literal_eval(str(told.value).partition("rows are ")[2].removesuffix("."))

    return tell


def with_numbers(model):
    """A model with a branch that has no network."""
    branches = model["modalities"]
    branches.transformers = [*branches.transformers, ("numbers", "passthrough", ["one", "two"])]
    return model


def numbers_alone():
    modalities = ColumnTransformer([("numbers", "passthrough", ["one", "two"])])
    modalities.set_output(transform="pandas")
    return GenrePipeline([("modalities", modalities), ("fusion", FusionClassifier())])


class TestRows:
    def test_the_nine_rows_of_the_paper(self, ablate, paper_model):
        model = paper_model(text=None, joint_space=True)
        metrics, predictions = ablate(model, subsets="paper", n_runs=1)
        assert list(zip(metrics.index, metrics["input"], strict=True)) == PAPER
        assert list(metrics.columns) == COLUMNS
        references = dict(zip(metrics.index, metrics["reference"], strict=True))
        for name, kind in PAPER:
            assert references[name] == ("CNN_Visual" if kind == "Video" else "CNN_Audio")
        assert list(predictions.columns) == ["run", "row", "group", "true", *dict(PAPER)]

    def test_the_paper_on_a_model_without_joint_space_and_with_text(self, ablate, paper_model):
        params = {"n_runs": 1, "subsets": "paper", "n_resamples": 10}
        metrics, _ = ablate(paper_model(), **params)
        assert [*metrics.index] == [*dict(PAPER)]

    def test_every_subset(self, subsets):
        metrics, _ = subsets
        assert list(metrics.index) == SUBSETS
        assert list(metrics["input"]) == SUBSETS
        assert metrics.drop(columns=["input", "reference"]).notna().all(axis=None)
        best = metrics.loc[list(MODALITIES), "f1"].idxmax()
        assert set(metrics["reference"]) == {best}
        assert metrics.loc[best, ["difference", "low", "high"]].tolist() == [0, 0, 0]

    def test_the_reference_is_a_modality_with_the_joint_space_too(self, ablate, paper_model):
        model = paper_model(joint_space=True)
        metrics, _ = ablate(model, n_runs=1, n_resamples=10)
        assert list(metrics.index) == SUBSETS
        assert set(metrics["reference"]) == {metrics.loc[list(MODALITIES), "f1"].idxmax()}

    def test_lists(self, ablate, paper_model, subsets):
        chosen = ["text", ("audio", "text"), ["image"], "text + image"]
        metrics, predictions = ablate(paper_model(), subsets=chosen, n_runs=2)
        names = ["text", "audio + text", "image", "text + image"]
        assert list(metrics.index) == names
        # A row does not depend on which others there are.
        pd.testing.assert_frame_equal(predictions[names], subsets[1][names])

    def test_blocks_of_the_joint_space_in_a_list(self, ablate, paper_model):
        model = paper_model(text=None, joint_space=True)
        metrics, _ = ablate(
            model, subsets=["audio", "audio + mm_audio", ("mm_image", "image")], n_runs=1
        )
        assert list(metrics.index) == ["audio", "audio + mm_audio", "mm_image + image"]
        assert list(metrics["input"]) == ["audio", "audio", "image"]

    def test_one_modality(self, ablate, paper_model):
        metrics, _ = ablate(paper_model(audio=None, image=None), n_runs=1)
        assert list(metrics.index) == ["text"]


class TestTable6:
    def test_the_eight_fusions_and_each_modality_alone(self, names_of, labels, paper_model):
        rows = names_of(paper_model(), labels, subsets="paper")
        parts = ["A", "T", "I", "A + T", "A + I", "T + I", "A + T + I"]
        expected = {f"{part} {target}" for part in parts for target in ("logistic", "cosine")}
        assert set(rows) == expected
        assert len(rows) == 6 + 8
        assert Counter(row.rpartition(" ")[2] for row in rows) == {"logistic": 7, "cosine": 7}

    @pytest.mark.parametrize("target", ["logistic", pytest.param("cosine", marks=pytest.mark.slow)])
    def test_blocks(self, albums, labels, paper_model, table_6, target):
        """Each row is a fusion of the modalities that its letters stand for."""
        params = {f"{m}__target": "cosine" for m in ("audio", "text")}
        model = paper_model(**params, image__target="logistic", fusion__target=target)
        some = labels[list("abcdef")]
        _, expected = ablate_modalities(
            model,
            albums.table,
            some,
            albums.groups,
            n_runs=1,
            n_resamples=10,
            return_predictions=True,
        )
        letters = {"A": "audio", "T": "text", "I": "image"}
        metrics, predictions, _ = table_6
        rows = [name for name in metrics.index if name.endswith(f" {target}")]
        assert len(rows) == 7
        for name in rows:
            blocks = " + ".join(letters[part] for part in metrics.loc[name, "input"].split(" + "))
            np.testing.assert_array_equal(predictions.scores[name], expected.scores[blocks])

    def test_the_joint_space_has_no_part_in_it(self, names_of, labels, paper_model):
        rows = names_of(paper_model(joint_space=True), labels, subsets="paper")
        assert rows == names_of(paper_model(), labels, subsets="paper")

    def test_it_needs_all_three(self, ablate_labels, paper_model):
        needs = r"needs audio, text and image; the model has \['audio', 'text'\]"
        with pytest.raises(ValueError, match=needs):
            ablate_labels(paper_model(image=None), subsets="paper")

    def test_fusions_of_both_targets_share_the_networks(self, table_6):
        metrics, predictions, trained = table_6
        parts = [" + ".join(s) for n in (1, 2, 3) for s in combinations("ATI", n)]
        names = [f"{part} {target}" for part in parts for target in ("logistic", "cosine")]
        assert set(metrics.index[:-3]) == set(names)
        for name in names:
            similar = (np.abs(predictions.scores[name]) <= 1 + 1e-6).all()
            assert similar == name.endswith("cosine")
            assert metrics.loc[name, "input"] == name.rpartition(" ")[0]
        assert trained["AudioCNN", "cosine"] == trained["ResNetEmbedder", "logistic"] == 1 + 2
        assert trained["TextMLP", "cosine"] == 1 + 2 + 1
        # The rows, the mean of three probabilities, cross_fit and two seeds.
        assert trained["FusionClassifier", "cosine"] == 7
        assert trained["FusionClassifier", "logistic"] + trained["FusionClassifier", "auto"] == 12

    def test_what_is_compared_with_what(self, table_6):
        metrics, _, _ = table_6
        alone = [f"{part} {target}" for part in "ATI" for target in ("logistic", "cosine")]
        best = metrics.loc[alone, "macro_auc"].idxmax()
        assert set(metrics["reference"][:-2]) == {best}
        assert metrics.loc["cross_fit", "reference"] == "A + T + I logistic"
        assert metrics.loc["two seeds of text", "reference"] == "T logistic"

    def test_a_model_without_text(self, ablate_labels, paper_model):
        with pytest.raises(ValueError, match="needs audio, text and image"):
            ablate_labels(paper_model(text=None), subsets="paper")

    def test_a_fusion_that_knows_no_cosine(self, ablate_labels, paper_model):
        model = paper_model().set_params(fusion=LogisticRegression())
        with pytest.raises(ValueError, match="target"):
            ablate_labels(model, subsets="paper")


class TestControls:
    def test_all_that_can_be_run(self, names_of, labels, paper_model):
        names = names_of(paper_model(), controls="all")
        seeds = [f"two seeds of {modality}" for modality in MODALITIES]
        plain = [f"plain {name}" for name in SUBSETS[:3]]
        for name in SUBSETS[3:]:
            plain += [f"plain {name}", f"plain {name}, concatenated"]
        assert CONTROLS[0] == "plain" and CONTROLS[3] == "two seeds"
        assert names == [*SUBSETS, *plain, *CONTROLS[1:3], *seeds, *CONTROLS[4:]]
        several = names_of(paper_model(), labels, controls="all")
        assert several == [*names, *CONTROLS_OF_SCORES]

    @pytest.mark.parametrize(
        ("control", "params", "reason"),
        [
            ("shuffled covers", {"audio": None, "image": None}, "needs audio and image"),
            (
                "shuffled covers",
                {"joint_space": True, "joint__views": ("audio", "text")},
                "joint space of audio",
            ),
            ("mean of probabilities", {"fusion__target": "cosine"}, "needs probabilities"),
            ("cross_fit", {"audio__cross_fit": 2}, "needs networks with cross_fit=0"),
            ("cross_fit", {"preset": "auto"}, "needs networks with cross_fit=0"),
            ("cross_fit", None, "needs a modality with a net"),
            ("two seeds", None, "needs a modality with a net"),
        ],
        ids=str,
    )
    def test_what_cannot_be_run(self, ablate, names_of, paper_model, control, params, reason):
        """By name it is an error; "all" goes without it and says so once."""
        model = numbers_alone() if params is None else paper_model(**params)
        rows = names_of(model)
        with pytest.raises(ValueError, match=f"control '{control}' .*{reason}"):
            ablate(model, controls=[control])
        with pytest.warns(UserWarning, match=f"skips .*'{control}' .*{reason}") as told:
            names = names_of(model, controls="all")
        assert len(told) == 1
        assert names[: len(rows)] == rows
        assert names[len(rows) :] and control not in names

    def test_two_seeds_of_those_that_have_a_network(self, ablate, names_of, paper_model):
        model = with_numbers(paper_model(audio=None, image=None))
        names = names_of(model, subsets=["text"], controls="two seeds")
        assert names == ["text", "two seeds of text"]
        with pytest.raises(ValueError, match="needs a network, and numbers has none"):
            ablate(model, controls=["two seeds of numbers"])

    def test_probabilities_of_one_of_two_targets_will_do(self, names_of, labels, paper_model):
        names = names_of(paper_model(), labels, subsets="paper", controls="mean of probabilities")
        assert names[6 + 8 :] == ["mean of probabilities"]

    @pytest.mark.parametrize("control", CONTROLS_OF_SCORES)
    def test_scores_are_for_several_genres(self, ablate, paper_model, control):
        with pytest.raises(ValueError, match=f"Unknown control '{control}'.*single-label"):
            ablate(paper_model(), controls=[control])

    @pytest.mark.slow
    def test_what_a_control_is_compared_with(self, ablate, paper_model):
        seeds = ["two seeds of text", "two seeds of image"]
        metrics, _ = ablate(
            paper_model(),
            subsets=["text", "audio", "audio + text"],
            controls=[*seeds, *(control for control in CONTROLS if control != "two seeds")],
            n_runs=1,
            n_folds=2,
            n_resamples=10,
        )
        best = metrics.loc[["text", "audio"], "f1"].idxmax()
        assert metrics["reference"][3:].to_dict() == {
            "two seeds of text": "text",
            "two seeds of image": best,  # the images alone are no row
            "plain text": "text",
            "plain audio": "audio",
            "plain audio + text": "audio + text",
            "plain audio + text, concatenated": "audio + text",
            "missing pattern": best,
            "mean of probabilities": best,
            "shuffled covers": "audio",
            "cross_fit": "audio + text",
        }
