"""What on_error="missing" sets aside in an ablation is told, and handed on."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from skmmgenre.compose import ablate_modalities


@pytest.fixture
def ablate(albums):
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
def broken(albums, tmp_path):
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


def test_told_and_handed_on(ablate, small_model, broken):
    model = small_model(on_error="missing")
    with pytest.warns(UserWarning, match="Treated as missing") as told:
        figures = ablate(model, broken)
    first, second = [str(warning.message) for warning in told]
    assert "5 of audio" in first and "audio of row 2, track 1: " in first
    assert "gone.wav" in first and "no such file" in first and "and 2 more" in first
    assert "2 of image" in second and "image of row 0: " in second and "gone 39.png" in second
    errors = pd.DataFrame(figures.attrs["errors"])
    assert set(errors.columns) == {"modality", "row", "track", "item", "reason", "remedy"}
    assert errors["modality"].tolist() == ["audio"] * 5 + ["image"] * 2
    assert errors["row"].tolist() == [2, 5, 6, 7, 8, 0, 39]
    assert errors["track"][:5].tolist() == [1, 0, 0, 0, 0]
    assert errors["track"][5:].isna().all()


def test_a_branch_that_nothing_is_extracted_of_in_advance(ablate, small_model, broken):
    """Its columns are a list: the extractor runs in every run."""
    model = small_model(image=None, text=None, on_error="missing")
    branches = model["modalities"]
    branches.transformers = [(name, branch, [c]) for name, branch, c in branches.transformers]
    with pytest.warns(UserWarning, match=r"5 of audio\. audio of row 2, track 1: "):
        figures = ablate(model, broken, subsets=["audio"])
    assert [error["row"] for error in figures.attrs["errors"]] == [2, 5, 6, 7, 8]
    assert [error["track"] for error in figures.attrs["errors"]] == [1, 0, 0, 0, 0]


def test_nothing_to_tell(ablate, albums, small_model):
    figures = ablate(small_model(audio=None, image=None, on_error="missing"), albums.table)
    assert figures.attrs["errors"] == []


def test_by_default_it_is_an_error(ablate, small_model, broken):
    with pytest.raises(ValueError, match=r"Row 2, track 1: .*gone\.wav"):
        ablate(small_model(), broken)


def test_the_answer_can_go_on(ablate, small_model, broken):
    """A list of plain dicts does not get in the way of pandas."""
    model = small_model(audio=None, on_error="missing")
    with pytest.warns(UserWarning, match="2 of image"):
        figures = ablate(model, broken)
    both = pd.concat([figures, figures])
    assert len(both) == 2 * len(figures)
    assert np.isfinite(both["f1"]).all()
