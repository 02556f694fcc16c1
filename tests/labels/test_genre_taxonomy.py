"""The tree of genres: how branches are read, what items get, and what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from other_tables import EVERY_KIND
from scipy import sparse

from skmmgenre.labels import GenreTaxonomy

# As in section 7.1.1, and a name under two parents.
BRANCHES = [
    "Pop/Oldies/Traditional Pop",
    "Jazz/Vocal Jazz",
    "Pop/Vocal Pop",
    "Jazz/General",
    "Pop/General",
]
ITEMS = [
    ["Jazz/Vocal Jazz", "Pop/Vocal Pop"],
    ["Pop/Oldies/Traditional Pop"],
    [],
    ["Pop/General", "Pop/Oldies"],
    ["Jazz"],
]


@pytest.fixture
def taxonomy():
    return GenreTaxonomy(BRANCHES)


def test_the_tree(taxonomy):
    assert taxonomy.branches == list(taxonomy) == BRANCHES and len(taxonomy) == 5
    assert taxonomy.labels == sorted(
        ["Pop", "Oldies", "Traditional Pop", "Jazz", "Vocal Jazz", "Vocal Pop", "General"]
    )
    assert taxonomy.roots == ["Jazz", "Pop"]
    assert taxonomy.leaves == ["General", "Traditional Pop", "Vocal Jazz", "Vocal Pop"]
    assert taxonomy.n_levels == 3
    assert taxonomy.ancestors("Traditional Pop") == ["Oldies", "Pop"]
    assert taxonomy.ancestors("General") == ["Jazz", "Pop"]
    assert taxonomy.ancestors("Pop") == []
    assert taxonomy.descendants("Pop") == ["General", "Oldies", "Traditional Pop", "Vocal Pop"]
    assert taxonomy.descendants("General") == []
    with pytest.raises(ValueError, match="'Vocal Pob' is not a label.*did you mean 'Vocal Pop'"):
        taxonomy.ancestors("Vocal Pob")
    with pytest.raises(ValueError, match="'Polka' is not a label"):
        taxonomy.descendants("Polka")


def test_an_item_gets_all_labels_of_all_its_branches(taxonomy):
    assert taxonomy.expand(ITEMS) == [
        ["Jazz", "Vocal Jazz", "Pop", "Vocal Pop"],
        ["Pop", "Oldies", "Traditional Pop"],
        [],
        ["Pop", "General", "Oldies"],
        ["Jazz"],
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "Pop/Vocal Pop",
        ("Pop/Vocal Pop",),
        {"Pop/Vocal Pop"},
        np.array(["Pop/Vocal Pop"]),
        pd.Series(["Pop/Vocal Pop"], dtype="string"),
        [" Pop / Vocal Pop/"],
        "Vocal Pop",
    ],
    ids=repr,
)
def test_forms_of_a_cell(taxonomy, cell):
    assert taxonomy.expand([cell]) == [["Pop", "Vocal Pop"]]


@pytest.mark.parametrize("cell", [None, np.nan, pd.NA, "", "  ", [], (), set()], ids=repr)
def test_items_without_a_genre(taxonomy, cell):
    assert taxonomy.expand([cell]) == [[]]
    assert taxonomy.label_matrix(pd.Series([cell], dtype=object)).sum().sum() == 0


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["Jazz", "Jazz/Vocal Jaz"], "'Jazz/Vocal Jaz' of item 1 .*did you mean 'Jazz/Vocal Jazz'"),
        ([["Polka"]], "'Polka' of item 0 is not in the taxonomy. Add it"),
        ([["Oldies/Traditional Pop"]], "not in the taxonomy"),
        (
            [["General"]],
            "'General' of item 0 is ambiguous: it occurs as 'Jazz/General' and 'Pop/Gen",
        ),
        ([["Pop//Oldies"]], r"'Pop//Oldies' \(item 0\) has an empty name"),
        ([["Pop", 3]], "must be a str, got 3 in item 0"),
        ([["Pop", None]], "got None in item 0"),
        ([3], "Item 0 must be a list of branches, got 3"),
        ("Pop", "a list of branches per item, got str"),
        (pd.DataFrame({"a": ["Pop"]}), "got DataFrame"),
        (7, "got int"),
    ],
)
def test_items_that_are_refused(taxonomy, items, message):
    with pytest.raises(ValueError, match=message):
        taxonomy.expand(items)


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ([], "branches is empty"),
        ("Pop/Oldies", r"Pass \['Pop/Oldies'\]"),
        (["Pop", None], "got None in branch 1"),
        (["Pop", " / "], r"' / ' \(branch 1\) does not contain a name"),
        (["Pop", "Pop//Oldies"], r"'Pop//Oldies' \(branch 1\) has an empty name"),
        (["Pop/ /Oldies"], "has an empty name"),
        (["Pop/Pop"], "'Pop' occurs twice in the branch 'Pop/Pop'"),
        (["Pop/Oldies/Pop"], "'Pop' occurs twice in the branch 'Pop/Oldies/Pop'"),
        (["Soul/Pop", "Jazz", "Pop/Soul"], "its own ancestor.*'Soul/Pop'.*Remove one of these"),
        (["A/B/C", "C/D", "D/A"], "its own ancestor: .*'C/D'"),
    ],
)
def test_branches_that_are_refused(branches, message):
    with pytest.raises(ValueError, match=message):
        GenreTaxonomy(branches)


def test_separators():
    taxonomy = GenreTaxonomy(["Pop/Rock - Hip-Hop", "Pop/Rock - "], separator=" - ")
    assert taxonomy.labels == ["Hip-Hop", "Pop/Rock"]
    assert taxonomy.branches == ["Pop/Rock - Hip-Hop", "Pop/Rock"]
    with pytest.raises(ValueError, match="separator must be a non-empty str"):
        GenreTaxonomy(["Pop"], separator="")


NAME = st.text("abé &-", min_size=1, max_size=4).map(str.strip).filter(bool)
PATH = st.lists(NAME, min_size=1, max_size=5, unique=True)


@settings(deadline=None)
@given(PATH, st.data())
def test_parser_drops_white_space_and_stray_ends(path, data):
    space = st.text(" \t\n", max_size=2)
    names = [data.draw(space) + name + data.draw(space) for name in path]
    ends = st.lists(space, max_size=2).map(lambda spaces: "/".join([*spaces, ""]))
    written = data.draw(ends) + "/".join(names) + data.draw(ends.map(lambda end: end[::-1]))
    taxonomy = GenreTaxonomy([written])
    assert taxonomy.branches == ["/".join(path)]
    assert taxonomy.expand([written]) == [path]


@settings(deadline=None)
@given(st.text("ab/ ", max_size=8))
def test_parser_takes_a_branch_or_names_it(branch):
    parts = [part.strip() for part in branch.strip("/ ").split("/")]
    good = all(parts) and len(set(parts)) == len(parts)
    if good:
        assert GenreTaxonomy([branch]).branches == ["/".join(parts)]
    else:
        with pytest.raises(ValueError) as refusal:
            GenreTaxonomy([branch])
        assert repr(branch) in str(refusal.value)


# Trees without cycles: names are numbered, and a branch goes from lower to higher numbers.
TREES = st.lists(
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True).map(
        lambda numbers: "/".join(f"g{number}" for number in sorted(numbers))
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(TREES, st.data())
def test_what_holds_of_every_tree(branches, data):
    taxonomy = GenreTaxonomy(branches)
    assert GenreTaxonomy(taxonomy) == taxonomy == pickle.loads(pickle.dumps(taxonomy))
    assert set(taxonomy.roots) | set(taxonomy.leaves) <= set(taxonomy.labels)
    for label in taxonomy.labels:
        for above in taxonomy.ancestors(label):
            assert label in taxonomy.descendants(above)
    items = data.draw(st.lists(st.lists(st.sampled_from(branches), max_size=3), max_size=6))
    Y = taxonomy.label_matrix(items)
    for row, labels in enumerate(taxonomy.expand(items)):
        assert set(Y.columns[Y.iloc[row] == 1]) == set(labels)
        assert set(labels) == {name for branch in items[row] for name in branch.split("/")}
    counts = taxonomy.count(items)
    if counts.max() < 2:
        return
    kept = taxonomy.filter(items, min_items=2)
    assert kept.labels == counts.index[counts >= 2].tolist()
    pd.testing.assert_frame_equal(kept.label_matrix(items), Y[kept.labels])
    # what is left of the order stays
    for label in kept.labels:
        assert set(kept.ancestors(label)) == set(taxonomy.ancestors(label)) & set(kept.labels)


@settings(deadline=None)
@given(TREES, st.integers(0, 2**32 - 1))
def test_consistent_scores_of_every_tree(branches, seed):
    taxonomy = GenreTaxonomy(branches)
    rng = np.random.default_rng(seed)
    scores = pd.DataFrame(rng.normal(size=(3, len(taxonomy.labels))), columns=taxonomy.labels)
    before = scores.copy()
    found = taxonomy.make_consistent(scores)
    pd.testing.assert_frame_equal(scores, before)
    assert (found >= scores).all(axis=None)
    for branch in taxonomy:
        names = branch.split("/")
        for parent, child in zip(names, names[1:], strict=False):
            assert (found[parent] >= found[child]).all()
    for label in taxonomy.leaves:
        assert (found[label] == scores[label]).all()
    pd.testing.assert_frame_equal(taxonomy.make_consistent(found), found)
    # nothing is raised further than to a score of the same row
    assert all(set(found.loc[row]) <= set(scores.loc[row]) for row in scores.index)


def test_label_matrix(taxonomy):
    items = pd.Series(ITEMS, index=list("vwxyz"))
    Y = taxonomy.label_matrix(items)
    assert Y.index.tolist() == list("vwxyz") and Y.columns.tolist() == taxonomy.labels
    assert (Y.dtypes == np.int8).all()
    assert Y.loc["w"].tolist() == [0, 0, 1, 1, 1, 0, 0]
    matrix = taxonomy.label_matrix(ITEMS, sparse_output=True)
    assert isinstance(matrix, sparse.csr_array) and matrix.dtype == np.int8
    np.testing.assert_array_equal(matrix.toarray(), Y)
    assert taxonomy.label_matrix([]).shape == (0, 7)


def test_count_of_any_form(taxonomy):
    expected = {
        "General": 1,
        "Jazz": 2,
        "Oldies": 2,
        "Pop": 3,
        "Traditional Pop": 1,
        "Vocal Jazz": 1,
        "Vocal Pop": 1,
    }
    Y = taxonomy.label_matrix(ITEMS)
    forms = [ITEMS, Y, Y.to_numpy(), sparse.csr_array(Y), Y[Y.columns[::-1]]]
    for form in forms:
        counts = taxonomy.count(form)
        assert counts.to_dict() == expected and counts.name == "count"
    assert taxonomy.count(Y.drop(columns="Pop"))["Pop"] == 0
    with pytest.raises(ValueError, match="'Polka' is not a label"):
        taxonomy.count(pd.DataFrame({"Polka": [1]}))
    with pytest.raises(ValueError, match="2 columns, but the taxonomy has 7"):
        taxonomy.count(np.eye(2))
    with pytest.raises(ValueError, match="got 2 in row 0"):
        taxonomy.count(2 * Y)
    many = np.ones((300, 7), dtype=np.int8)  # more than an int8 holds
    assert (taxonomy.count(many) == 300).all()


def test_filter_closes_branches_up(taxonomy):
    items = [["Pop/Oldies/Traditional Pop"]] * 12 + [["Jazz/Vocal Jazz"]] * 11
    Y = taxonomy.label_matrix(items)
    Y["Oldies"] = 0
    kept = taxonomy.filter(Y)
    assert kept.labels == ["Pop", "Traditional Pop"]
    assert kept.branches == ["Pop/Traditional Pop", "Pop"]
    assert kept.ancestors("Traditional Pop") == ["Pop"]
    # items keep their branches as they are
    assert kept.expand(items)[0] == ["Pop", "Traditional Pop"]
    assert kept.expand(items)[-1] == []
    assert taxonomy.labels != kept.labels  # the whole is left as it is
    assert kept.filter(items, min_items=1) == kept
    with pytest.raises(ValueError, match="No label has 13 items; .* with 12"):
        taxonomy.filter(items, min_items=13)


def test_a_name_under_two_parents_of_which_one_is_left_out(taxonomy):
    items = [["Jazz/General"]] + [["Pop/General"]] * 2
    kept = taxonomy.filter(items, min_items=2)
    assert kept.labels == ["General", "Pop"]
    assert kept.expand(items) == [["General"], ["Pop", "General"], ["Pop", "General"]]


def test_collapse(taxonomy):
    two = taxonomy.collapse(2)
    assert two.expand(ITEMS)[1] == ["Pop", "Oldies"]
    assert "Traditional Pop" not in two.labels and two.n_levels == 2
    one = taxonomy.collapse(1)
    assert one.labels == ["Jazz", "Pop"] == one.branches[::-1]
    assert one == two.collapse(1) == one.collapse(3)
    assert taxonomy.collapse(3).labels == taxonomy.labels
    assert two.filter(ITEMS, min_items=3).labels == ["Pop"]
    for level in (0, 4, 1.5, True, "1"):
        with pytest.raises(ValueError, match="level must be an integer from 1 to 3"):
            taxonomy.collapse(level)
    Y = taxonomy.label_matrix(["Pop/Oldies"])
    Y["Pop"] = 0
    with pytest.raises(ValueError, match="No labels remain with level=1"):
        taxonomy.filter(Y, min_items=1).collapse(1)


def test_make_consistent_by_hand(taxonomy):
    scores = pd.DataFrame(
        [[0.9, 0.1, 0.2, 0.3, 0.8, 0.4, 0.5]], columns=taxonomy.labels, index=["album"]
    )
    found = taxonomy.make_consistent(scores)
    # General raises Jazz and Pop, Traditional Pop raises Oldies
    assert found.loc["album"].tolist() == [0.9, 0.9, 0.8, 0.9, 0.8, 0.4, 0.5]
    np.testing.assert_array_equal(taxonomy.make_consistent(scores.to_numpy()), found)
    # a genre without a column in between, and another order
    names = ["Traditional Pop", "Pop"]
    found = taxonomy.make_consistent(np.array([[0.8, 0.3], [0.1, 0.3]]), labels=names)
    assert found.tolist() == [[0.8, 0.8], [0.1, 0.3]]
    # an indicator
    Y = pd.DataFrame({"Pop": [0, 0], "Traditional Pop": [1, 0], "Oldies": [0, 0]})
    closed = taxonomy.make_consistent(Y)
    assert closed.to_numpy().tolist() == [[1, 1, 1], [0, 0, 0]]
    assert (closed.dtypes == Y.dtypes).all()
    missing = taxonomy.make_consistent(np.array([[np.nan, 1.0]]), labels=names)
    assert np.isnan(missing).all()


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (pd.DataFrame({"Polka": [1.0]}), None, "'Polka' is not a label"),
        (np.ones((1, 2)), None, "2 columns, but the taxonomy has 7"),
        (np.ones((1, 2)), ["Pop"], "labels has 1 names, but scores has 2 columns"),
        (np.ones((1, 2)), ["Pop", "Pop"], "two columns of the label 'Pop'"),
        (np.ones(2), ["Pop", "Jazz"], "one column per label, got shape"),
    ],
)
def test_scores_that_are_refused(taxonomy, scores, labels, message):
    with pytest.raises(ValueError, match=message):
        taxonomy.make_consistent(scores, labels)


def test_names_that_catalogues_write_with_a_slash():
    items = ["Pop/Rock; R&B", "Folk/Acoustic", ["Pop/Rock", "Hip-Hop/Rap"]]
    taxonomy = GenreTaxonomy.from_items(items)
    assert taxonomy.labels == ["Acoustic", "Folk", "Hip-Hop/Rap", "Pop/Rock", "R&B"]
    assert taxonomy.branches == ["Folk/Acoustic", "Hip-Hop/Rap", "Pop/Rock", "R&B"]
    assert taxonomy.expand([*items, "Acoustic", " Pop/Rock "]) == [
        ["Pop/Rock", "R&B"],
        ["Folk", "Acoustic"],
        ["Pop/Rock", "Hip-Hop/Rap"],
        ["Folk", "Acoustic"],
        ["Pop/Rock"],
    ]
    assert pickle.loads(pickle.dumps(taxonomy)) == taxonomy
    assert taxonomy.filter(["Pop/Rock"], min_items=1).labels == ["Pop/Rock"]
    assert taxonomy.collapse(1).labels == ["Folk", "Hip-Hop/Rap", "Pop/Rock", "R&B"]
    assert "Pop/Rock" in taxonomy.to_text() and taxonomy.ancestors("Pop/Rock") == []
    # A branch that begins as they do makes them branches, and so does the constructor.
    assert GenreTaxonomy.from_items([["Pop/Rock", "Pop/Oldies"]]).labels == [
        "Oldies",
        "Pop",
        "Rock",
    ]
    assert GenreTaxonomy(["Pop/Rock"]).labels == ["Pop", "Rock"]
    assert GenreTaxonomy.from_items(["Alternative/Indie", "Alternative/Indie Rock"]).n_levels == 1


def test_names_without_branches():
    items = [["Folk/Acoustic", "Jazz/"], "Pop/Rock", None]
    taxonomy = GenreTaxonomy.from_items(items, separator=None)
    assert taxonomy.labels == ["Folk/Acoustic", "Jazz/", "Pop/Rock"] and taxonomy.separator is None
    assert taxonomy.expand(items) == [["Folk/Acoustic", "Jazz/"], ["Pop/Rock"], []]
    assert GenreTaxonomy(taxonomy.branches, separator=None) == taxonomy
    with pytest.raises(ValueError, match="'Folk' of item 0 is not in the taxonomy"):
        taxonomy.expand(["Folk"])


def test_texts_are_read_as_cells_of_a_table():
    items = ["Jazz/Bebop; Ska", "['Dub' 'Ska']", "Ska|Dub", "", ["Ska; Dub"]]
    taxonomy = GenreTaxonomy.from_items(items)
    assert taxonomy.labels == ["Bebop", "Dub", "Jazz", "Ska", "Ska; Dub"]
    assert taxonomy.expand(items[:3]) == [["Jazz", "Bebop", "Ska"], ["Dub", "Ska"], ["Ska", "Dub"]]
    assert taxonomy.expand(["Ska; Dub"]) == [["Ska; Dub"]]  # a name of the tree stays whole
    # What stands between the names of a branch does not also stand between branches.
    for separator in (";", "|", ", ", "\n"):
        text = separator.join(["Pop", "Oldies"])
        assert GenreTaxonomy.from_items([text], separator=separator).branches == [text]
    with pytest.warns(UserWarning, match="2 items: 'Other' is not a genre"):
        assert GenreTaxonomy.from_items(["Other", "Ska", "Other"]).labels == ["Ska"]
    with pytest.warns(UserWarning, match="'Misc' is not a genre"):
        assert GenreTaxonomy(["Other", "Ska"]).expand(["Other; Ska", "Misc"]) == [
            ["Other", "Ska"],
            [],
        ]
    with pytest.raises(ValueError, match="the text of row 1 "):
        GenreTaxonomy.from_items([["Ska"], "['Ska'"])


def test_from_items():
    taxonomy = GenreTaxonomy.from_items(pd.Series([*ITEMS, None]))
    assert taxonomy.branches == sorted({branch for item in ITEMS for branch in item})
    assert GenreTaxonomy.from_items([["A>B"], "A"], separator=">").labels == ["A", "B"]
    with pytest.raises(ValueError, match="branches is empty"):
        GenreTaxonomy.from_items([None, []])


def test_picture_as_text(taxonomy):
    assert str(taxonomy) == (
        "Jazz\n  General\n  Vocal Jazz\nPop\n  General\n  Oldies\n    Traditional Pop\n  Vocal Pop"
    )
    counts = taxonomy.label_matrix(ITEMS).sum()
    counts["Oldies"] = 1234
    assert taxonomy.to_text(counts.drop("Vocal Pop")) == (
        "Pop  3\n  Oldies  1,234\n    Traditional Pop  1\n  General  1\n  Vocal Pop\n"
        "Jazz  2\n  General  1\n  Vocal Jazz  1"
    )
    assert repr(taxonomy) == "<GenreTaxonomy: 7 labels, 5 branches, 3 levels>"


@pytest.mark.parametrize("counts", [None, {"Pop": 100, "Oldies": 20}])
def test_picture_as_plot(taxonomy, counts):
    import matplotlib.pyplot as plt

    ax = taxonomy.plot(counts)
    shown = [text.get_text() for text in ax.texts]
    assert shown == [line.strip() for line in taxonomy.to_text(counts).splitlines()]
    ax.figure.canvas.draw()
    assert len(set(ax.collections[0].get_sizes())) == (1 if counts is None else 3)
    _, mine = plt.subplots()
    assert GenreTaxonomy(["R$B/$oul"]).plot(ax=mine) is mine
    mine.figure.canvas.draw()
    plt.close("all")


def test_equality_and_stored_forms(taxonomy):
    kept = taxonomy.filter(ITEMS, min_items=2).collapse(2)
    for tree in (taxonomy, kept):
        assert pickle.loads(pickle.dumps(tree)) == tree
        data = skops.io.dumps(tree)
        untrusted = skops.io.get_untrusted_types(data=data)
        assert all(name.startswith("skmmgenre.") for name in untrusted)
        loaded = skops.io.loads(data, trusted=untrusted)
        assert loaded == tree and hash(loaded) == hash(tree)
        assert loaded.expand(ITEMS) == tree.expand(ITEMS)
    assert taxonomy != kept and taxonomy != BRANCHES


def test_a_very_long_branch():
    path = [f"g{level}" for level in range(1200)]
    taxonomy = GenreTaxonomy(["/".join(path)])
    assert taxonomy.to_text().count("\n") == 1199
    found = taxonomy.make_consistent(np.eye(1200)[[1199]], labels=path)
    assert (found == 1).all()


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(taxonomy, convert):
    items = convert(pd.DataFrame({"branches": ITEMS}))["branches"]
    assert taxonomy.expand(items) == taxonomy.expand(ITEMS)
    Y = pd.DataFrame({"Jazz": [0, 1], "Vocal Jazz": [1, 1]})
    pd.testing.assert_series_equal(taxonomy.count(convert(Y)), taxonomy.count(Y))
    found = taxonomy.make_consistent(convert(Y / 2))
    pd.testing.assert_frame_equal(found, taxonomy.make_consistent(Y / 2), check_dtype=False)


class TestSingleParents:
    taxonomy = GenreTaxonomy(["Jazz/Bebop", "Jazz/Vocal", "Pop/Vocal", "Pop/Oldies/Doo Wop"])

    def test_items(self):
        items = [["Jazz/Bebop", "Jazz"], ["Pop/Oldies/Doo Wop"], ["Jazz", "Pop"], None, "Bebop"]
        found = self.taxonomy.single_parents(items)
        assert found.tolist() == ["Jazz", "Pop", None, None, "Jazz"]

    def test_every_kind_of_indicator(self):
        items = [["Jazz/Bebop"], ["Pop/Vocal"], ["Jazz/Vocal", "Pop/Vocal"], []]
        Y = self.taxonomy.label_matrix(items)
        expected = ["Jazz", "Pop", None, None]
        for matrix in (Y, Y[Y.columns[::-1]], Y.to_numpy(), sparse.csr_array(Y.to_numpy())):
            assert self.taxonomy.single_parents(matrix).tolist() == expected
        with_zeros = sparse.csr_array(np.ones_like(Y))
        with_zeros.data = Y.to_numpy().ravel()
        assert self.taxonomy.single_parents(with_zeros).tolist() == expected

    def test_without_the_labels_above(self):
        """A column of the leaves alone says nothing of the top level."""
        Y = self.taxonomy.label_matrix([["Jazz/Bebop"], ["Pop"]])
        assert self.taxonomy.single_parents(Y[["Bebop"]]).tolist() == [None, None]

    def test_what_is_refused(self):
        with pytest.raises(ValueError, match="'Polka' of item 0 is not in the taxonomy"):
            self.taxonomy.single_parents([["Polka"]])
