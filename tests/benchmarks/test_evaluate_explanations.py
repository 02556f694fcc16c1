"""Whether explanations show what there is to see: the measures."""

import evaluate_explanations as evaluation
import numpy as np
import pandas as pd
import pytest
from _results import read_result


def test_share_within():
    maps = np.zeros((3, 4, 4))
    masks = np.zeros((3, 4, 4), dtype=bool)
    masks[:, :2] = True
    maps[0, 1, 1], maps[0, 3, 3] = 3, 1
    maps[1] = 1
    found = evaluation.share_within(maps, masks)
    assert found[:2].tolist() == [0.75, 0.5] and np.isnan(found[2])


def test_covers_are_cropped_twice_as_once():
    rng = np.random.default_rng(0)
    cover = rng.integers(0, 256, (100, 100, 3), dtype=np.uint8)
    (seen,) = evaluation.seen_of_covers([cover])
    once = evaluation.centre_crop(evaluation.decode_image(cover), evaluation.SIDE)
    again = evaluation.centre_crop(evaluation.decode_image(seen), evaluation.SIDE)
    np.testing.assert_array_equal(once, again)


class BrightLeft:
    """A network whose logit of the second genre is the mean of the left half, less 128."""

    classes_ = np.array(["Jazz", "Rock"])

    def decision_function(self, covers):
        margin = (len(covers[0]) - evaluation.SIDE) // 2
        inner = np.stack(covers)[:, margin : margin + evaluation.SIDE, margin:, 0]
        left = inner[:, :, : evaluation.SIDE // 2].mean(axis=(1, 2)) - 128.0
        return np.column_stack([-left, left])


def test_logits_of_covers_of_which_a_part_is_seen():
    side = evaluation.SIDE
    seen = [np.full((side + 8, side + 8, 3), 228, dtype=np.uint8)] * 2
    maps = np.zeros((2, side, side))
    maps[0, :, : side // 2] = 1  # the half that counts, and the one that does not
    maps[1, :, side // 2 :] = 1
    logits = evaluation.logits_by_share(BrightLeft(), seen, maps, ["Rock", "Rock"])
    tenths = 200 * evaluation.TENTHS
    falls, stays = np.clip(100 - tenths, 0, None), np.clip(200 - tenths, None, 100)
    np.testing.assert_allclose(logits["hidden"], [falls, stays], atol=2)
    np.testing.assert_allclose(logits["shown"], [100 - falls, 100 - stays], atol=2)
    assert seen[0].min() == 228  # the covers themselves are left as they are


def test_words_of_the_generator_are_weighed_against_other_genres():
    weights = evaluation.log_shares()
    assert weights.shape[1] == evaluation.GENRES and weights.index.is_unique
    assert np.abs(weights.sum(axis=1)).max() < 1e-9 and weights.abs().max().max() > 1


def test_means_and_their_intervals():
    rng = np.random.default_rng(0)
    lines = pd.DataFrame({name: rng.normal(0.5, 0.1, 200) for name in evaluation.MEASURES})
    lines["labels"] = np.repeat(["true", "shuffled"], 100)
    lines["run"], lines["artist"] = 0, [f"artist {row % 50}" for row in range(200)]
    lines.loc[3, "cover"] = np.nan
    table = evaluation.tabulate(lines).set_index(["measure", "labels"])
    assert table["n_albums"]["cover", "true"] == 99
    assert table["estimate"]["words", "true"] == pytest.approx(lines["words"][:100].mean())
    assert table["low"]["words", "true"] < 0.5 < table["high"]["words", "true"]
    assert table["estimate"]["sum", "true"] == lines["sum"][:100].max()
    assert np.isnan(table["low"]["sum", "true"])


def test_intervals_hold_the_runs():
    """Three models, of which one alone is right by chance: the mean says nothing."""
    lines = pd.DataFrame({name: np.repeat([0.0, 0.0, 0.9], 40) for name in evaluation.MEASURES})
    lines["labels"], lines["run"] = "true", np.repeat([0, 1, 2], 40)
    lines["artist"] = [f"artist {row % 40}" for row in range(120)]
    table = evaluation.tabulate(lines).set_index("measure")
    assert table["low"]["words"] == 0 and table["high"]["words"] > 0.85


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    words = ["--albums", "80", "--runs", "1", "--jobs", "1", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["evaluate_explanations.py", *words])
    evaluation.main()
    lines, _ = read_result(tmp_path / "explanations.csv")
    lines = lines.set_index(["measure", "labels"])["estimate"]
    assert lines["sum", "true"] < 1e-5
    assert 0 <= lines["sound", "true"] <= 1 and 0 <= lines["sound, random weights", "true"] <= 1
