"""The report: its numbers are those of the metrics room, and it is safe to send."""

import base64
import hashlib
import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from parsed_page import ParsedPage
from PIL import Image
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import normalize

import skmmgenre
from skmmgenre.audio import AudioEmbedder
from skmmgenre.compose import ReadyVectors, make_genre_classifier
from skmmgenre.inspection import explain, report
from skmmgenre.inspection._report._examples import margins_of
from skmmgenre.inspection._report._facts import encoders_of
from skmmgenre.inspection._report._map import make_map
from skmmgenre.inspection._report._stored import of_ablation, of_card, of_evaluation
from skmmgenre.metrics import bootstrap_interval, genre_scores, neighbor_purity, ranking_scores
from skmmgenre.model_selection import ArtistShuffleSplit
from skmmgenre.text import TextEmbedder

QUICK = {"n_resamples": 50, "n_examples": 2}


@pytest.fixture(scope="module")
def split(albums):
    splitter = ArtistShuffleSplit(1, test_size=0.5, random_state=0)
    return next(splitter.split(albums.table, albums.y, albums.groups))


@pytest.fixture(scope="module")
def file(albums, split, small_model, tmp_path_factory):
    """A file of a model of one genre a row, from all modalities."""
    train, _ = split
    rows, artists = albums.table.iloc[train], albums.groups[train]
    model = small_model().fit(rows, albums.y[train], groups=artists)
    counts = pd.Series(albums.y[train]).value_counts().to_dict()
    card = {"trained_on": "made-up albums", "items": len(train), "items_by_genre": counts}
    card["limits"] = "knows <nothing> of music"
    path = tmp_path_factory.mktemp("report") / "m.skmmgenre"
    skmmgenre.save(model, path, card=card, table=rows, groups=artists)
    return path


@pytest.fixture(scope="module")
def model(file):
    return skmmgenre.load(file)


@pytest.fixture(scope="module")
def page(albums, split, file):
    """The report on all albums, those that were trained on among them."""
    return report(file, albums.table, albums.y, albums.groups, **QUICK)


@pytest.fixture(scope="module")
def parsed(page):
    return ParsedPage(page)


def numbers_of(parsed, name):
    """Metric, value and interval of each row of the table of metrics."""
    return {
        row["attrs"]["data-metric"]: [cell["text"] for cell in row["inside"]][1:3]
        for row in parsed.by_id(name)["inside"]
        if "data-metric" in row["attrs"]
    }


def shown(interval):
    return [f"{interval.estimate:.3f}", f"{interval.low:.3f} to {interval.high:.3f}"]


class TestPage:
    def test_it_asks_nothing_of_a_network(self, page, parsed):
        for element in parsed.elements:
            for name in ("src", "href", "srcset", "action", "data", "poster"):
                told = element["attrs"].get(name) or ""
                assert not re.match(r"\s*(https?:|//|ftp:|file:)", told), element["attrs"]
        assert not re.search(r"url\(|@import|https?://", page)
        heads = {
            e["attrs"].get("http-equiv"): e["attrs"].get("content") for e in parsed.all("meta")[:2]
        }
        assert heads["Content-Security-Policy"].startswith("default-src 'none'")

    def test_pictures_have_words(self, parsed):
        pictures = [e for e in parsed.elements if e["attrs"].get("role") == "img"]
        assert len(pictures) > 5
        assert all(len(e["attrs"]["aria-label"]) > 10 for e in pictures)
        drawn = {id(e) for e in pictures}
        for element in parsed.all("svg"):
            assert id(element) in drawn or element["attrs"].get("aria-hidden") == "true"
        assert all(e["attrs"].get("alt") for e in parsed.all("img"))

    def test_what_scrolls_can_be_reached_by_keyboard(self, parsed):
        regions = [e for e in parsed.elements if e["attrs"].get("class") == "scroll"]
        assert len(regions) > 4
        for region in regions:
            assert region["attrs"]["tabindex"] == "0" and region["attrs"]["aria-label"]
        assert all(b["attrs"]["aria-pressed"] == "false" for b in parsed.all("button"))

    def test_links_lead_to_sections(self, parsed):
        targets = [link["attrs"]["href"] for link in parsed.all("a")]
        assert len(targets) == 10 and all(parsed.by_id(target[1:]) for target in targets)
        ids = [e["attrs"]["id"] for e in parsed.elements if "id" in e["attrs"]]
        assert len(ids) == len(set(ids))

    @pytest.mark.slow
    def test_the_same_music_makes_the_same_page(self, albums, file, page):
        assert report(file, albums.table, albums.y, albums.groups, **QUICK) == page

    def test_it_is_written_to_a_file(self, albums, split, model, tmp_path):
        _, test = split
        rows = test[:8]
        asked = (model, albums.table.iloc[rows], albums.y[rows], albums.groups[rows])
        page = report(*asked, tmp_path / "r.html", n_resamples=10, n_examples=1)
        assert (tmp_path / "r.html").read_text(encoding="utf-8") == page
        assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


class TestNumbers:
    def test_they_are_those_of_the_metrics_room(self, albums, split, model, parsed):
        _, test = split
        rows, artists = albums.table.iloc[test], albums.groups[test]
        truth, said = albums.y[test], model.predict(rows)
        scores = model.predict_proba(rows)
        labels = model.classes_
        told = numbers_of(parsed, "t-metrics")
        drawing = {"groups": artists, "n_resamples": 50}
        for metric in ("f1", "precision", "recall", "accuracy"):
            found = bootstrap_interval(truth, said, metric=metric, labels=labels, **drawing)
            assert told.pop(metric) == shown(found), metric
        matrix = pd.get_dummies(pd.Categorical(truth, labels)).to_numpy(dtype=int)
        for metric in ("macro_auc", "macro_average_precision"):
            found = bootstrap_interval(matrix, scores, metric=metric, **drawing)
            assert told.pop(metric) == shown(found), metric
        assert not told
        of_genre = genre_scores(truth, said, labels=labels, y_score=scores)
        for name, items, _, *values in parsed.table("t-genres")[1:]:
            line = of_genre.loc[name]
            columns = ["precision", "recall", "f1", "auc", "average_precision"]
            assert [int(items), *values] == [
                line["support"], *(f"{line[column]:.3f}" for column in columns)
            ]  # fmt: skip

    def test_several_genres(self, albums, split, small_model):
        train, test = split
        model = small_model(audio=None, image=None, target="logistic")
        model.fit(albums.table.iloc[train], albums.Y.iloc[train], groups=albums.groups[train])
        rows, Y, artists = albums.table.iloc[test], albums.Y.iloc[test], albums.groups[test]
        has_some = Y.to_numpy().any(axis=1)
        rows, Y, artists = rows[has_some], Y[has_some], artists[has_some]
        page = ParsedPage(report(model, rows, Y, artists, **QUICK))
        scores = model.predict_proba(rows)
        ranked = ranking_scores(Y, scores, ks=(1, 3), references=False).iloc[0]
        told = numbers_of(page, "t-metrics")
        for metric in ("macro_auc", "precision@1", "precision@3"):
            found = bootstrap_interval(
                Y.to_numpy(), scores, metric=metric, groups=artists, n_resamples=50
            )
            assert told[metric] == shown(found)
            assert told[metric][0] == f"{ranked[metric]:.3f}"
        assert told["diversity@1"] == [f"{ranked['diversity@1']:.3f}", "-"]
        found = bootstrap_interval(
            Y.to_numpy(), model.predict(rows), groups=artists, n_resamples=50
        )
        assert told["f1"] == shown(found)

    def test_subsets_are_what_the_model_says_without_the_others(self, albums, split, model, parsed):
        _, test = split
        told = {line[0]: line[1] for line in parsed.table("t-subsets")[1:]}
        assert len(told) == 7
        rows = albums.table.iloc[test]
        for name, columns in {"text": ["audio", "cover"], "audio + image": ["text"]}.items():
            said = model.predict(rows.assign(**dict.fromkeys(columns)))
            scores = genre_scores(albums.y[test], said, labels=model.classes_)
            assert told[name] == f"{scores.loc['macro', 'f1']:.3f}"

    def test_confusion_is_the_recall_on_its_diagonal(self, albums, split, model, parsed):
        _, test = split
        (table,) = [e for e in parsed.all("table") if e["attrs"].get("class") == "confusion"]
        cells = [e for e in table["inside"] if "self" in e["attrs"].get("class", "").split()]
        recall = genre_scores(albums.y[test], model.predict(albums.table.iloc[test]))["recall"]
        shown = [int(cell["text"] or 0) for cell in cells]
        assert shown == pytest.approx((100 * recall.drop("macro")).tolist(), abs=0.51)

    def test_the_prior_predicts_the_most_frequent_genre(self, albums, split, parsed):
        train, test = split
        most = pd.Series(albums.y[train]).value_counts().idxmax()
        head, *rows = parsed.table("t-metrics")
        place = head.index(f"always {most}")
        share = np.mean(albums.y[test] == most)
        assert dict((row[0], row[place]) for row in rows)["Accuracy"] == f"{share:.3f}"

    def test_best_and_worst_are_those_of_the_greatest_margins(self, albums, split, model, parsed):
        _, test = split
        scores = model.predict_proba(albums.table.iloc[test])
        is_true = albums.y[test][:, np.newaxis] == model.classes_
        margins = scores[is_true] - np.where(is_true, -np.inf, scores).max(axis=1)
        order = np.argsort(-margins, kind="stable")
        expected = [*order[:2], *order[::-1][:2]]
        names = [str(albums.table.index[test[row]]) for row in expected]
        assert [title["text"] for title in parsed.all("h4")] == names
        texts = [item["text"] for item in parsed.all("li") if "Margin" in item["text"]]
        for text, row in zip(texts, expected, strict=True):
            assert f"Margin {margins[row]:+.2f}" in text

    def test_an_item_of_all_genres_is_neither_best_nor_worst(self):
        class Two:
            classes, scores = ["a", "b"], np.array([[0.9, 0.1], [0.3, 0.7]])
            genres = [["a", "b"], ["a"]]

        np.testing.assert_allclose(margins_of(Two, Two), [np.nan, -0.4])


def map_of(vectors, genres, artists=None, scores=None):
    """The map of items with vectors in two blocks, or with scores alone."""
    blocks = {"audio": [0, 1, 2], "text": [3, 4]}
    answers = SimpleNamespace(scores=scores)
    predictions = SimpleNamespace(vectors=vectors, blocks=blocks, answers=answers)
    items = SimpleNamespace(genres=[[genre] for genre in genres], artists=artists)
    return make_map(predictions, items, random_state=0)


def test_the_purity_of_the_map_is_that_of_the_vectors():
    rng = np.random.default_rng(0)
    genres = np.array(["Dub", "Jazz", "Rap"])[rng.integers(0, 3, 60)]
    artists = rng.integers(0, 20, 60).astype(str).astype(object)
    vectors = rng.normal(size=(60, 5)) + (genres == "Jazz")[:, np.newaxis]
    scaled = np.hstack([normalize(vectors[:, :3]), normalize(vectors[:, 3:])])
    for groups in (artists, None):
        found = map_of(vectors, genres, groups)
        assert (found.purity, found.chance) == neighbor_purity(scaled, genres, groups=groups)
        assert found.n_neighbors == 10
    # Both items of A are by the same artist; those of B and C have one of four by other artists.
    genres, artists = list("AABBCC"), np.array(list("112323"), dtype=object)
    found = map_of(vectors[:6], genres, artists)
    assert found.n_neighbors == 4
    assert found.chance == pytest.approx((2 * 0 + 4 * 1 / 4) / 6)
    # Too few items by others.
    found = map_of(vectors[:6], genres, np.array(["1"] * 6, dtype=object))
    assert np.isnan(found.purity) and np.isnan(found.chance)


def test_the_purity_of_scores_of_two_genres():
    """Items of similar scores are near each other, although scores have only two directions."""
    likely = np.linspace(0.02, 0.98, 48)
    genres = np.array(["Dub", "Jazz"])[(np.arange(48) // 12) % 2]  # in runs along the scores
    scores = np.column_stack([1 - likely, likely])
    order = np.argsort(genres, kind="stable")  # as in a table that is sorted by genre
    found = map_of(None, genres[order], scores=scores[order])
    near = [np.argsort(np.abs(likely - one), kind="stable")[1:11] for one in likely]
    expected = np.mean([genres[near[i]] == genres[i] for i in range(48)])
    assert found.purity == pytest.approx(expected, abs=0.05)


def test_one_item_that_cannot_be_explained(albums, split, model, monkeypatch):
    """The others are still explained."""
    calls = []

    def fails_once(*args, **params):
        calls.append(args)
        if len(calls) == 1:
            raise ValueError("this sound is damaged")
        return explain(*args, **params)

    monkeypatch.setattr("skmmgenre.inspection._report._examples.explain", fails_once)
    test = split[1]
    page = report(model, albums.table.iloc[test], albums.y[test], albums.groups[test], **QUICK)
    assert len(calls) == 4 and page.count("This item could not be explained") == 1
    assert "No explanations are available" not in page


def test_origin_of_vectors_and_encoders(tmp_path):
    """Vectors that a user computed are no network trained from scratch; no local path is shown."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    encoders = [ReadyVectors(), TextEmbedder(model=str(folder)), AudioEmbedder(model="musicnn")]
    found = encoders_of(FeatureUnion([(str(n), one) for n, one in enumerate(encoders)]))
    licences = {one["name"]: one["licence"] for one in found}
    assert licences.keys() == {"precomputed vectors", "encoder", "musicnn"}
    assert licences["precomputed vectors"].startswith("unknown") and licences["musicnn"] == "ISC"


class TestSeen:
    def test_artists_of_the_training_are_named_and_not_scored(self, albums, split, file, parsed):
        train, test = split
        named = parsed.by_id("seen-artists")["inside"]
        told = [re.fullmatch(r"(.*) \((\d+)\)", item["text"]).groups() for item in named]
        counts = pd.Series(albums.groups[train]).value_counts()
        assert {name: int(n) for name, n in told} == counts.to_dict()
        rows = albums.table.iloc[test]
        alone = ParsedPage(report(file, rows, albums.y[test], albums.groups[test], **QUICK))
        assert alone.table("t-metrics") == parsed.table("t-metrics")
        assert alone.by_id("seen-artists") is None
        assert "No artist of this table was seen" in alone.by_id("data")["text"]

    @pytest.mark.slow
    def test_rows_of_the_training_without_an_artist(self, albums, split, file):
        train, test = split
        rows = [*train[:3], *test]
        names = [f"item {row}" for row in rows]
        page = ParsedPage(
            report(file, albums.table.iloc[rows], albums.y[rows], names=names, **QUICK)
        )
        listed = [item["text"] for item in page.by_id("seen-items")["inside"]]
        assert listed == names[:3]
        assert f"{len(test)} of {len(rows)} rows scored" in page.all("header")[0]["text"]
        assert "the table contains no artists" in page.by_id("unknown-training")["text"]

    def test_of_a_model_that_does_not_say(self, albums, split, model, tmp_path):
        train, test = split
        rows = [*train[:3], *test[:8]]
        asked = albums.table.iloc[rows], albums.y[rows], albums.groups[rows]
        page = ParsedPage(report(model, *asked, n_resamples=10, n_examples=1))
        told = page.by_id("unknown-training")["text"]
        assert "is unknown" in told and "does not record its training artists" in told
        assert "11 of 11 rows" in page.all("header")[0]["text"]
        known = albums.groups[train]
        page = ParsedPage(report(model, *asked, seen_groups=known, n_resamples=10, n_examples=1))
        assert "8 of 11 rows" in page.all("header")[0]["text"]
        skmmgenre.save(model, tmp_path / "old")  # as a file of an earlier version
        page = ParsedPage(report(tmp_path / "old", *asked, n_resamples=10, n_examples=1))
        assert page.by_id("unknown-training")

    def test_nothing_is_left(self, albums, split, file):
        train, _ = split
        rows = train[:4]
        asked = albums.table.iloc[rows], albums.y[rows], albums.groups[rows]
        with pytest.raises(ValueError, match="trained on all 4 rows, .* Pass rows of other"):
            report(file, *asked)
        with pytest.raises(ValueError, match="4 have no genre that the model knows"):
            report(skmmgenre.load(file), asked[0], ["Polka"] * 4, asked[2])

    def test_genres_that_the_model_does_not_know(self, albums, split, file):
        _, test = split
        y = albums.y[test].copy()
        y[:2], y[2] = "Polka", None
        page = ParsedPage(report(file, albums.table.iloc[test], y, albums.groups[test], **QUICK))
        told = page.by_id("data")["text"]
        assert "3 rows without a genre" in told and "Polka (2)" in told


class TestSafety:
    EVIL = "<script>alert(1)</script>"

    @pytest.fixture(scope="class")
    @staticmethod
    def evil(request):
        """A model of words whose genres, artists and rows have names that are markup."""
        evil = request.cls.EVIL
        genres = np.array([evil, 'Rock" onload="alert(2)'] * 20)
        texts = ["slow sax &amp; solo", "loud drums </script><b>"] * 20
        table = pd.DataFrame({"text": texts}, index=[f"{evil} {row}" for row in range(40)])
        artists = np.array([f"{evil} {row // 2}\x00\ud800" for row in range(40)])
        model = make_genre_classifier(
            audio=None, image=None, text__max_epochs=3, text__hidden_units=(8,), random_state=0
        ).fit(table[:20], genres[:20], groups=artists[:20])
        page = report(
            model, table, genres, artists, seen_groups=artists[:20], card={evil: evil},
            title=evil, n_resamples=20, n_examples=1,
        )  # fmt: skip
        return page

    def test_markup_in_names_is_text(self, evil):
        parsed = ParsedPage(evil)
        assert self.EVIL not in evil
        scripts = parsed.all("script")
        assert [s["attrs"].get("type") for s in scripts] == ["application/json", None]
        assert "alert" not in scripts[1]["text"]
        assert not any(name.startswith("on") for e in parsed.elements for name in e["attrs"])
        assert parsed.all("h1")[0]["text"] == self.EVIL == parsed.all("title")[0]["text"]
        assert self.EVIL in parsed.by_id("seen-artists")["text"]
        tips = json.loads(parsed.by_id("map-tips")["text"])
        assert len(tips) == 20 and tips[0][0] == f"{self.EVIL} 20" and tips[0][2] == self.EVIL
        assert {e["tag"] for e in parsed.elements} <= {
            *"html head meta link title style body a header h1 p nav ul li main dl div".split(),
            *"dt dd small section h2 h3 h4 h5 details summary table thead tbody tr th".split(),
            *"td span i figure svg line text polyline figcaption strong circle button".split(),
            *"script footer rect code img audio br".split(),
        }

    def test_only_its_own_script_may_run(self, evil):
        parsed = ParsedPage(evil)
        (policy,) = re.findall(r"script-src '(sha256-[^']+)'", evil)
        digest = hashlib.sha256(parsed.all("script")[1]["text"].encode()).digest()
        assert policy == f"sha256-{base64.b64encode(digest).decode()}"

    def test_signs_that_no_file_can_hold_are_escaped(self, evil):
        evil.encode("utf-8")
        assert "\x00" not in evil and r"\x00\ud800" in evil


class TestMedia:
    def test_none_by_default(self, page, parsed):
        assert not re.search(r"data:(image|audio)", page)
        assert not parsed.all("img") and not parsed.all("audio")
        assert "contains no covers and no sound" in page

    @pytest.mark.slow
    def test_clips(self, albums, split, model):
        _, test = split
        rows = albums.table.iloc[test]
        asked = (model, rows, albums.y[test], albums.groups[test])
        page = ParsedPage(report(*asked, media="clips", **QUICK))
        pictures, sounds = page.all("img"), page.all("audio")
        assert len(pictures) == len(sounds) == 4
        for picture in pictures:
            kind, _, content = picture["attrs"]["src"].partition(";base64,")
            assert kind == "data:image/jpeg" and picture["attrs"]["alt"].startswith("Cover of ")
            assert Image.open(io.BytesIO(base64.b64decode(content))).size == (32, 32)
        for sound in sounds:
            content = sound["attrs"]["src"].partition(";base64,")[2]
            samples, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
            assert 2 < len(samples) / rate < 3 and np.abs(samples).max() > 0.01
        page = ParsedPage(report(*asked, media="thumbnails", **QUICK))
        assert len(page.all("img")) == 4 and not page.all("audio")

    def test_others_are_refused(self, albums, model):
        with pytest.raises(ValueError, match="media must be one of .*'covers'"):
            report(model, albums.table, albums.y, media="covers")


class TestStored:
    """Plain controls and subsets come from what train and evaluate have stored."""

    def test_plain_of_the_same_items_stands_beside(self, albums, split, model, parsed, file):
        _, test = split
        rows = albums.table.iloc[test]
        scores = genre_scores(albums.y[test], model.predict(rows), labels=model.classes_)
        together = "audio + text + image"
        evaluation = {
            "items": len(test),
            "metrics": {together: {"f1": round(scores.loc["macro", "f1"], 6)}},
            "plain": {
                "metrics": {together: {"f1": 0.1234}},
                "differences": {
                    together: {"metric": "f1", "difference": 0.2, "low": 0.1, "high": 0.3}
                },
                "items_in_both": 0,
            },
        }
        asked = (file, rows, albums.y[test], albums.groups[test])
        page = ParsedPage(report(*asked, evaluation=evaluation, **QUICK))
        head, first, *_ = page.table("t-metrics")
        assert first[head.index("plain control")] == "0.123"
        assert "better than the plain control: Macro F1 +0.200" in page.by_id("verdict")["text"]
        evaluation["items"] += 1  # of other items
        page = ParsedPage(report(*asked, evaluation=evaluation, **QUICK))
        assert "plain control" not in page.table("t-metrics")[0] and not page.by_id("verdict")
        assert f"{len(test) + 1} items, not those of this report" in page.by_id("metrics")["text"]

    def test_what_is_no_evaluation(self):
        for found in ({}, {"metrics": {}}, {"metrics": {"audio": {"f1": None}}}):
            with pytest.raises(ValueError, match="Pass the output of skmmgenre evaluate --json"):
                of_evaluation(found)

    @pytest.mark.parametrize("card", [{}, {"held_out": 3}, {"held_out": {"metrics": {"f1": "x"}}}])
    def test_a_card_may_hold_anything(self, card):
        assert of_card(card) is None

    def test_an_ablation_tells_plain_less_the_model(self):
        columns = ["f1", "reference", "difference", "low", "high"]
        lines = [[0.5, "audio", 0, 0, 0], [0.3, "audio", -0.2, -0.3, -0.1]]
        table = pd.DataFrame(lines, columns=columns, index=["audio", "plain audio"])
        found = of_ablation(table, "audio")
        assert found.plain["f1"] == 0.3
        assert found.comparison == {"difference": 0.2, "low": 0.1, "high": 0.3, "metric": "f1"}
        assert of_ablation(table, "text") is None and of_ablation(None, "audio") is None


def test_names_and_y_must_fit(albums, model):
    with pytest.raises(ValueError, match="names has 1 rows, but the table has 40"):
        report(model, albums.table, albums.y, names=["a"])
    with pytest.raises(ValueError, match="y has 2 columns, but the model has 3 genres"):
        report(model, albums.table, np.ones((40, 2), dtype=int))
