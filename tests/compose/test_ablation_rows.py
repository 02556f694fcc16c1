"""Which rows and controls an ablation has; nothing is trained here."""

from collections import Counter

import pytest

from skmmgenre.audio import AudioCNN
from skmmgenre.compose import MeanOverTracks
from skmmgenre.compose._ablation_rows import (
    CONTROLS,
    CONTROLS_OF_SCORES,
    Row,
    controlled_row,
    resolve_controls,
    resolve_rows,
)
from skmmgenre.text import TextMLP

ALL = ["audio", "text", "image"]


def networks(**params):
    return {"audio": MeanOverTracks(AudioCNN(**params)), "text": TextMLP(), "image": TextMLP()}


class TestTable6:
    rows = resolve_rows("paper", ALL, (), several=True)

    def test_the_eight_fusions_and_each_modality_alone(self):
        parts = ["A", "T", "I", "A + T", "A + I", "T + I", "A + T + I"]
        expected = {f"{part} {target}" for part in parts for target in ("logistic", "cosine")}
        assert {row.name for row in self.rows} == expected
        assert len(self.rows) == 6 + 8
        assert Counter(row.target for row in self.rows) == {"logistic": 7, "cosine": 7}

    def test_blocks(self):
        letters = {"A": "audio", "T": "text", "I": "image"}
        for row in self.rows:
            assert row.blocks == tuple(letters[part] for part in row.input.split(" + "))

    def test_the_joint_space_has_no_part_in_it(self):
        assert resolve_rows("paper", ALL, ("audio", "image"), several=True) == self.rows

    def test_it_needs_all_three(self):
        with pytest.raises(ValueError, match=r"needs audio, text and image; the model has \['text"):
            resolve_rows("paper", ["text", "audio"], (), several=True)


class TestControls:
    def test_all_that_can_be_run(self):
        names = resolve_controls("all", networks(), (), {"auto"}, several=False)
        seeds = [f"two seeds of {modality}" for modality in ALL]
        assert names == [*CONTROLS[:2], *seeds, *CONTROLS[3:]]
        several = resolve_controls("all", networks(), (), {"auto"}, several=True)
        assert several == [*names, *CONTROLS_OF_SCORES]

    @pytest.mark.parametrize(
        ("control", "branches", "views", "targets", "reason"),
        [
            ("shuffled covers", {"text": TextMLP()}, (), {"auto"}, "needs audio and image"),
            ("shuffled covers", networks(), ("audio", "text"), {"auto"}, "joint space of audio"),
            ("mean of probabilities", networks(), (), {"cosine"}, "needs probabilities"),
            ("cross_fit", networks(cross_fit=2), (), {"auto"}, "takes networks with cross_fit=0"),
            ("cross_fit", {"numbers": "passthrough"}, (), {"auto"}, "needs a modality with a net"),
            ("two seeds", {"numbers": "passthrough"}, (), {"auto"}, "needs a modality with a net"),
        ],
        ids=str,
    )
    def test_what_cannot_be_run(self, control, branches, views, targets, reason):
        """By name it is an error; "all" goes without it and says so once."""
        with pytest.raises(ValueError, match=f"control '{control}' .*{reason}"):
            resolve_controls([control], branches, views, targets, several=False)
        with pytest.warns(UserWarning, match=f"leaves out: .*'{control}' .*{reason}") as told:
            names = resolve_controls("all", branches, views, targets, several=False)
        assert len(told) == 1
        assert names and control not in names

    def test_two_seeds_of_those_that_have_a_network(self):
        branches = {"text": TextMLP(), "numbers": "passthrough"}
        assert resolve_controls("two seeds", branches, (), {"auto"}, several=False) == [
            "two seeds of text"
        ]
        with pytest.raises(ValueError, match="needs a network, and numbers has none"):
            resolve_controls("two seeds of numbers", branches, (), {"auto"}, several=False)

    def test_probabilities_of_one_of_two_targets_will_do(self):
        targets = {"logistic", "cosine"}
        names = resolve_controls("mean of probabilities", networks(), (), targets, several=True)
        assert names == ["mean of probabilities"]

    @pytest.mark.parametrize("control", CONTROLS_OF_SCORES)
    def test_scores_are_for_several_genres(self, control):
        with pytest.raises(ValueError, match=f"'{control}' is unknown.*for one genre a row"):
            resolve_controls([control], networks(), (), {"auto"}, several=False)

    def test_what_a_control_is_compared_with(self):
        rows = [Row("t", "t", ("text",)), Row("a", "a", ("audio",)), Row("b", "b", ("audio", "x"))]
        found = {
            control: getattr(controlled_row(control, rows), "name", None)
            for control in ("two seeds of text", "two seeds of image", *CONTROLS)
        }
        assert found == {
            "two seeds of text": "t",
            "two seeds of image": None,
            "missing pattern": None,
            "mean of probabilities": None,
            "two seeds": None,
            "shuffled covers": "a",
            "cross_fit": "b",
        }
