"""Reading what annotators answered."""

import pandas as pd
import pytest

from skmmgenre.inspection._annotations import COLUMNS, read_annotations

HEAD = ",".join(COLUMNS) + "\n"
LINES = [
    "Ann,a,sound,Jazz,1.5,2030-01-01T00:00:00+00:00,1," + "0" * 32,
    'Ann,"b, c",sound,,2.0,2030-01-01T00:00:02+00:00,1,' + "1" * 32,
    "Ann,a,sound,Rap,0.5,2030-01-01T00:00:03+00:00,2," + "2" * 32,
    "Édith,a,sound,Rock,0.5,2030-01-01T00:00:03+00:00,1," + "3" * 32,
]


def write(path, *lines, head=HEAD):
    path.write_text(head + "".join(f"{line}\n" for line in lines))
    return path


def test_the_last_answer_of_each_annotator_counts(tmp_path):
    path = write(tmp_path / "a.csv", *LINES)
    table = read_annotations(path)
    assert list(table.columns) == list(COLUMNS)
    said = table[["annotator", "item", "genre"]].to_numpy().tolist()
    assert said == [["Ann", "b, c", None], ["Ann", "a", "Rap"], ["Édith", "a", "Rock"]]
    assert table["seconds"].tolist() == [2.0, 0.5, 0.5]
    one, two = write(tmp_path / "1.csv", *LINES[:3]), write(tmp_path / "2.csv", LINES[3])
    pd.testing.assert_frame_equal(read_annotations([str(one), two]), table)
    pd.testing.assert_frame_equal(read_annotations(table), table)


def test_a_last_line_that_was_cut_off(tmp_path):
    whole = HEAD + LINES[0] + "\n"
    path = tmp_path / "a.csv"
    last = LINES[3].encode()
    for n in range(1, len(last)):  # also inside a character
        path.write_bytes(whole.encode() + last[:n])
        assert read_annotations(path)["annotator"].tolist() == ["Ann"]
    path.write_text(whole + LINES[3])  # all but its end
    assert read_annotations(path)["annotator"].tolist() == ["Ann", "Édith"]


def test_a_table_of_ones_own(tmp_path):
    table = pd.DataFrame({"annotator": [1, 1], "item": [7, 8], "mode": "both", "genre": ["A", ""]})
    read = read_annotations([table])
    assert read["annotator"].tolist() == ["1", "1"] and read["item"].tolist() == ["7", "8"]
    assert read["genre"].tolist() == ["A", None] and table["genre"].tolist() == ["A", ""]
    path = tmp_path / "own.csv"
    table.to_csv(path, index=False)
    assert read_annotations(path)["genre"].tolist() == ["A", None]


def test_bad_input(tmp_path):
    path = write(tmp_path / "a.csv", "Ann,a,sound", *LINES)
    with pytest.raises(ValueError, match="a.csv': expected 8 cells per row.* in row 2"):
        read_annotations(path)
    with pytest.raises(ValueError, match="a.csv' has no column 'mode'"):
        read_annotations(write(path, "1,2,3", head="annotator,item,genre\n"))
    with pytest.raises(ValueError, match="unknown mode 'text'; expected one of sound, cover"):
        read_annotations(write(path, LINES[0].replace("sound", "text")))
    with pytest.raises(ValueError, match="is empty; expected a file of skmmgenre annotate"):
        read_annotations(write(path, head=""))
    path.write_bytes((HEAD + LINES[3]).encode("latin-1"))
    with pytest.raises(ValueError, match="a.csv' is not valid UTF-8: .*Save it as UTF-8"):
        read_annotations(path)
    path.write_bytes("annotator,item,mode,genre\nAnn,a,sound,Café".encode("latin-1"))
    with pytest.raises(ValueError, match="a.csv' is not valid UTF-8: its last line ends inside"):
        read_annotations(path)
    with pytest.raises(ValueError, match="at least one"):
        read_annotations([])
    with pytest.raises(ValueError, match=r"annotations\[0\] has no column 'annotator'"):
        read_annotations(pd.DataFrame({"item": []}))
