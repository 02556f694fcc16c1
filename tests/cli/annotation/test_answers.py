"""The file of answers: nothing lost, nothing twice, whoever else writes to it."""

import csv
import threading
from dataclasses import replace

import pytest

from skmmgenre.cli._annotation import AnswerLog, Item, OtherRevision
from skmmgenre.inspection._annotations import COLUMNS

ITEM = Item("1f", 'a, "b".mp3', "sound", "a.mp3", None)
OTHER = replace(ITEM, name="演歌")
IDS = [f"{number:032x}" for number in range(100)]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "annotations.csv")


def rows_in(path):
    with open(path, encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == list(COLUMNS)
    return rows


def add(log, item=ITEM, genre="Jazz", *, revision=0, number=0, seconds=1.26):
    return log.add(item, genre, seconds=seconds, revision=revision, answer=IDS[number])


def test_answers_are_there_again(path):
    log = AnswerLog(path, "Ann")
    assert rows_in(path) == [] and log.get(ITEM).revision == 0
    add(log)
    add(log, OTHER, None, number=1)
    add(log, OTHER, "Rap", revision=1, number=2)
    for again in (log, AnswerLog(path, "Ann")):
        answers = again.of_items([ITEM, OTHER])
        assert [(a.genre, a.revision) for a in answers] == [("Jazz", 1), ("Rap", 2)]
        assert again.get(replace(ITEM, mode="both")).revision == 0
    assert AnswerLog(path, "Bo").get(ITEM).revision == 0
    rows = rows_in(path)
    assert [row[:5] for row in rows] == [
        ["Ann", 'a, "b".mp3', "sound", "Jazz", "1.3"],
        ["Ann", "演歌", "sound", "", "1.3"],
        ["Ann", "演歌", "sound", "Rap", "1.3"],
    ]
    assert all(row[5].endswith("+00:00") for row in rows)
    assert [row[6:] for row in rows] == [["1", IDS[0]], ["1", IDS[1]], ["2", IDS[2]]]


def test_an_answer_that_is_sent_again_is_not_added_again(path):
    log = AnswerLog(path, "Ann")
    for again in (log, log, AnswerLog(path, "Ann")):
        assert add(again).revision == 1
    assert len(rows_in(path)) == 1


def test_an_item_that_was_answered_elsewhere(path):
    log = AnswerLog(path, "Ann")
    add(log)
    with pytest.raises(OtherRevision):
        add(log, genre="Rap", number=1)
    with pytest.raises(OtherRevision):
        add(log, genre="Rap", revision=2, number=1)
    assert len(rows_in(path)) == 1


def test_several_servers_write_to_one_file(path):
    one, two, bo = AnswerLog(path, "Ann"), AnswerLog(path, "Ann"), AnswerLog(path, "Bo")
    add(one)
    assert two.get(ITEM).genre == "Jazz"
    with pytest.raises(OtherRevision):
        add(two, genre="Rap", number=1)
    assert add(bo, genre="Rap", number=2).revision == 1
    won = []

    def race(log, number):
        try:
            add(log, OTHER, number=number)
            won.append(number)
        except OtherRevision:
            pass

    threads = [
        threading.Thread(target=race, args=((one, two)[number % 2], number))
        for number in range(10, 30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and [row[-1] for row in rows_in(path)][2:] == [IDS[won[0]]]


def whole_and_next_line(path):
    """Return the bytes of a file of one answer, and those of another answer to append."""
    with open(path, "rb") as file:
        whole = file.read()
    return whole, whole[whole.index(b"\n") + 1 :].replace(IDS[0].encode(), IDS[1].encode())


def logs_of_cut_lines(path, annotator, item, whole, line):
    """Cut the line at every byte; yield the log that has removed what was left of it."""
    for n in range(1, len(line) - 1):
        with open(path, "wb") as file:
            file.write(whole + line[:n])
        log = AnswerLog(path, annotator)
        assert log.n_cut_off == 1 and log.get(item).revision == 1, line[:n]
        with open(path, "rb") as file:
            assert file.read() == whole
        yield log


def test_a_line_that_was_cut_off_is_removed(path):
    add(AnswerLog(path, "Ann"))
    whole, line = whole_and_next_line(path)
    assert len(list(logs_of_cut_lines(path, "Ann", ITEM, whole, line))) == len(line) - 2
    # All but its end is there: an editor took it away, or the writer was killed just before it.
    with open(path, "wb") as file:
        file.write(whole + line[:-1])
    log = AnswerLog(path, "Ann")
    assert log.n_cut_off == 0 and log.get(ITEM).revision == 2
    add(log, OTHER, number=3)
    assert len(rows_in(path)) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_line_that_was_cut_off_inside_a_character(path, encoding):
    """The first letter of the annotator has two bytes, those of the item have three."""
    add(AnswerLog(path, "Édith"), OTHER)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding=encoding, newline="") as file:
        file.write(text)
    whole, line = whole_and_next_line(path)
    for log in logs_of_cut_lines(path, "Édith", OTHER, whole, line):
        assert add(log, OTHER, revision=1, number=2).revision == 2


def test_a_file_that_is_not_utf_8(path):
    log = AnswerLog(path, "Édith")
    add(log)
    add(log, OTHER, number=1)
    with open(path, "rb") as file:
        latin = file.read().replace("Édith".encode(), b"\xc9dith")
    for content in (latin, latin[:-1]):
        with open(path, "wb") as file:
            file.write(content)
        with pytest.raises(ValueError, match="is not valid UTF-8.*--output"):
            AnswerLog(path, "Édith")
        with open(path, "rb") as file:
            assert file.read() == content


def test_a_disk_that_is_full(path, monkeypatch):
    log = AnswerLog(path, "Ann")
    add(log)
    with open(path, "rb") as file:
        whole = file.read()
    with monkeypatch.context() as patch:
        write = log_module().os.write
        patch.setattr("os.write", lambda number, line: write(number, line[:7]))
        with pytest.raises(OSError, match="disk is full"):
            add(log, OTHER, number=1)
    with open(path, "rb") as file:
        assert file.read() == whole
    assert add(log, OTHER, number=1).revision == 1 and len(rows_in(path)) == 2


def log_module():
    from skmmgenre.cli._annotation import _answers

    return _answers


def test_a_file_of_another_kind_is_left_alone(path):
    for content in ("a,b\n1,2\n", "", "annotator"):
        with open(path, "w") as file:
            file.write(content)
        with pytest.raises(ValueError, match="is not a file of skmmgenre annotate.*--output"):
            AnswerLog(path, "Ann")
        with open(path) as file:
            assert file.read() == content


def test_a_file_that_a_spreadsheet_saved(path):
    add(AnswerLog(path, "Ann"))
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        file.write(text.replace("\n", "\r\n"))
    log = AnswerLog(path, "Ann")
    assert log.get(ITEM).genre == "Jazz"
    add(log, OTHER, number=1)
    assert AnswerLog(path, "Ann").get(OTHER).genre == "Jazz"
