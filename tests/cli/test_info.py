"""What a model is."""

import json
import subprocess
import sys

import pytest
from forged_model import contents, forge
from sklearn.pipeline import Pipeline

import skmmgenre
from skmmgenre._model_summary import read_summary, summarize
from skmmgenre.audio import AudioCNN
from skmmgenre.cli import main
from skmmgenre.cli._info import print_info
from skmmgenre.inspection._report._facts import facts_of_model
from skmmgenre.text import TextMLP
from skmmgenre.utils import find_steps


def test_info(model, capsys):
    assert main(["info", model, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["genres"] == sorted(info["card"]["items_by_genre"])
    assert info["modalities"] == {"audio": "audio", "text": "text"}
    network = find_steps(skmmgenre.load(model), AudioCNN)["audio"]
    assert info["networks"]["audio"] == {
        "type": "AudioCNN",
        "epochs": network.n_iter_,
        "best_epoch": network.best_iter_,
    }
    card = info["card"]
    assert card["items"] == sum(card["items_by_genre"].values())
    assert card["trained_on"] == "odd"
    assert main(["info", model]) == 0
    told = capsys.readouterr().out
    assert f"{card['items']} items" in told and "Reggae" in told
    assert max(map(len, told.splitlines())) <= 80


def test_info_of_a_network_in_a_nested_pipeline(albums, small_model, tmp_path, capsys):
    model = small_model(audio=None, image=None)
    ((name, road, column),) = model["modalities"].transformers
    nested = Pipeline([("inner", road)])
    model.set_params(modalities__transformers=[(name, nested, column)])
    model.fit(albums.table, albums.y, groups=albums.groups)
    skmmgenre.save(model, tmp_path / "m.skmmgenre")
    assert main(["info", str(tmp_path / "m.skmmgenre"), "--json"]) == 0
    networks = json.loads(capsys.readouterr().out)["networks"]
    kinds = {name: network["type"] for name, network in networks.items()}
    assert kinds == {"text": "TextMLP", "fusion": "FusionClassifier"}


def test_info_of_versions(albums, small_model, tmp_path, capsys):
    """The libraries of the file, and those whose versions here may change its predictions."""
    model = small_model(audio=None, image=None, text__max_epochs=1, fusion__max_epochs=1)
    model.fit(albums.table, albums.y, groups=albums.groups)
    path, changed = str(tmp_path / "m.skmmgenre"), str(tmp_path / "changed.skmmgenre")
    skmmgenre.save(model, path)
    assert main(["info", path, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["versions"]["torch"] and info["differ"] == {}
    versions = info["versions"] | {"torch": "0.7.0", "librosa": "0.7.0"}
    forge(changed, contents(path), {"versions": versions})
    assert main(["info", changed, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["differ"] == {"torch": ["0.7.0", info["versions"]["torch"]]}
    assert told.err == ""
    assert main(["info", changed]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "librosa 0.7.0, " in told
    assert f"differ torch 0.7.0 (here {info['versions']['torch']}): predictions may differ" in told


HEAVY = {"torch", "sklearn", "pandas", "scipy", "skops", "librosa", "joblib"}
# getrusage would tell the size of the process that this one was forked from.
MEASURE = """
import re, sys
from skmmgenre.cli import main
code = main(sys.argv[1:])
with open("/proc/self/status") as file:
    print(re.search(r"VmHWM:\\s*(\\d+) kB", file.read())[1], file=sys.stderr)
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_info_imports_nothing_heavy(model, capsys):
    words = ["info", model, "--json"]
    done = subprocess.run([sys.executable, "-c", MEASURE, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kilobytes, modules = done.stderr.splitlines()[-2:]
    assert not HEAVY & set(modules.split())
    assert int(kilobytes) < 150_000
    assert main(words) == 0
    assert json.loads(done.stdout) == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("summary", [None, 3, {}, "half", "kinds"])
def test_info_of_a_file_without_a_sound_summary(model, tmp_path, capsys, summary):
    """One of an earlier version, or of a stranger: what it shows comes from the model."""
    manifest = json.loads(contents(model)["skmmgenre.json"])
    assert manifest["summary"]["estimators"]
    if summary == "half":
        summary = {key: manifest["summary"][key] for key in ("genres", "networks")}
    elif summary == "kinds":
        summary = manifest["summary"] | {"networks": {"audio": {"type": 3}}}
    changed = str(tmp_path / "changed.skmmgenre")
    forge(changed, contents(model), {"summary": summary})
    found = []
    for path in (model, changed):
        assert main(["info", path, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    for key in found[0].keys() - {"file", "bytes"}:
        assert found[1][key] == found[0][key], key


def test_info_of_another_model(tmp_path, capsys):
    mlp = TextMLP(hidden_units=(4,), max_epochs=1, validation_fraction=0, random_state=0)
    skmmgenre.save(mlp.fit([[1, 0], [0, 1]], ["Rock", "Jazz"]), tmp_path / "m")
    assert "summary" not in json.loads(contents(tmp_path / "m")["skmmgenre.json"])
    assert main(["info", str(tmp_path / "m")]) == 1
    assert "contains a TextMLP, which does not predict genres" in capsys.readouterr().err


def lines_of(capsys, card, several=False):
    """The lines that are printed of a model with a card."""
    print_info(
        {"file": "m", "bytes": 1, "genres": ["Jazz", "Rock"], "several_genres": several}
        | dict.fromkeys(("modalities", "networks", "versions", "differ"), {})
        | {"left_out": [], "card": card}
    )
    return capsys.readouterr().out.splitlines()


def printed(capsys, card):
    """What is printed of a model with a card, by the words at the beginning of the lines."""
    lines = lines_of(capsys, card)
    return {line[:12].strip(): line[12:] for line in lines}


@pytest.mark.parametrize(
    "card, told",
    [
        ({"items": 5}, "5 items"),
        ({"artists": 1}, "1 artist"),
        ({"trained_on": "mine"}, "mine"),
        ({"trained_on": "mine", "items": 2000, "artists": None}, "mine: 2,000 items"),
        ({"trained_on": ["mine"], "items": "many", "artists": 3}, "3 artists"),
        ({"items": "many", "artists": ["Ada"]}, None),
        ({"items": True}, None),
        ({}, None),
    ],
    ids=repr,
)
def test_a_card_of_a_stranger_says_what_was_trained_on(capsys, card, told):
    assert printed(capsys, card).get("trained on") == told


@pytest.mark.parametrize(
    "counts, told",
    [
        ({"Jazz": 1200, "Rock": "many", "Pop": 3}, "Jazz (1,200), Rock"),
        ({"Jazz": None, "Rock": 2.5}, "Jazz, Rock"),
        (["Jazz"], "Jazz, Rock"),
        ("Jazz", "Jazz, Rock"),
        (None, "Jazz, Rock"),
    ],
    ids=repr,
)
def test_a_card_of_a_stranger_counts_items_by_genre(capsys, counts, told):
    assert printed(capsys, {"items_by_genre": counts})["genres"] == told


def test_a_card_of_a_stranger_in_a_file(model, tmp_path, capsys):
    path = str(tmp_path / "m.skmmgenre")
    card = {"items": "all I have", "items_by_genre": ["Reggae"], "audio_model": ["cnn"]}
    skmmgenre.save(skmmgenre.load(model), path, card=card | {"made_by": 3})
    assert main(["info", path]) == 0
    told = capsys.readouterr().out
    assert "Reggae" in told and "trained on" not in told and "pretrained" not in told


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"audio_n_patches": 6}, "musicnn, pretrained, 6 windows per track"),
        ({"audio_n_patches": None}, "musicnn, pretrained, all windows of a track"),
        ({"audio_n_patches": "many"}, "musicnn, pretrained"),
        ({}, "musicnn, pretrained"),
    ],
    ids=repr,
)
def test_the_windows_of_the_encoder(capsys, card, told):
    assert printed(capsys, {"audio_model": "musicnn", **card})["sound"] == told


def test_a_layer_that_was_solved_has_no_epochs(albums, small_model, tmp_path, capsys):
    for solver, told in (("lbfgs", "solved by L-BFGS"), ("adam", "epochs, best epoch")):
        model = small_model(audio=None, image=None, fusion__preset="auto", fusion__solver=solver)
        model.fit(albums.table, albums.y, groups=albums.groups)
        path = str(tmp_path / f"{solver}.skmmgenre")
        skmmgenre.save(model, path)
        assert read_summary(path) == summarize(model)
        assert main(["info", path]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [told in line for line in lines if line.startswith("fusion")] == [True]
        assert [line for line in lines if line.startswith("text") and "best epoch" in line]
        assert dict(facts_of_model(model, {}, None)["networks"])["fusion"].endswith(
            "solved by L-BFGS" if solver == "lbfgs" else f"of {model['fusion'].n_iter_}"
        )


class TestHeldOut:
    metrics = {"f1": 0.5, "macro_auc": None}
    held_out = {
        "items": 81,
        "artists": 12,
        "metrics": metrics,
        "genres": {"Jazz": {}, "Rock": {}},
        "never_predicted": ["Rock"],
        "prior": {"f1": 0.125, "macro_auc": 0.5},
        "plain": {"metrics": {"f1": 0.75, "macro_auc": 0.875}, "metric": "f1"},
    }

    def told(self, capsys, several=False, **card):
        lines = lines_of(capsys, card, several)
        begin = next((k for k, line in enumerate(lines) if line.startswith("held out")), None)
        end = next(k for k, line in enumerate(lines) if line.startswith("versions"))
        return [" ".join(line.split()).removeprefix("held out ") for line in lines[begin:end]]

    def test_beside_the_controls(self, capsys):
        assert self.told(capsys, held_out=self.held_out) == [
            "81 items of 12 artists, not used for training",
            "f1 0.500 (plain 0.750, majority genre 0.125)",
            "macro_auc - (plain 0.875, majority genre 0.500)",
            "never predicted: 1 of 2 genres",
        ]
        told = self.told(capsys, several=True, held_out=self.held_out)
        assert told[1] == "f1 0.500 (plain 0.750, class prior 0.125)"

    def test_of_an_older_file(self, capsys):
        held_out = {"items": 81, "metrics": self.metrics}
        assert self.told(capsys, held_out=held_out) == [
            "81 items, not used for training",
            "f1 0.500",
            "macro_auc -",
        ]

    def test_no_plain(self, capsys):
        held_out = self.held_out | {"plain": {"reason": "no words"}}
        assert self.told(capsys, held_out=held_out)[1] == "f1 0.500 (majority genre 0.125)"

    @pytest.mark.parametrize("odd", [None, 3, "x", [], {}, {"metrics": 3}, 10**400])
    def test_a_card_of_a_stranger(self, capsys, odd):
        self.told(capsys, held_out=odd)
        self.told(capsys, held_out=self.held_out | {"plain": odd, "prior": odd})
        self.told(capsys, held_out=self.held_out | {"metrics": {"f1": odd}, "artists": odd})


class TestSeveralGenres:
    """Of a model of several genres an item."""

    def test_what_was_trained_on(self, texts, capsys):
        assert main(["info", texts, "--json"]) == 0
        info = json.loads(capsys.readouterr().out)
        assert info["several_genres"] and info["genres"] == ["Folk", "Jazz", "Pop", "Rock"]
        assert info["card"]["items"] == 90 and info["card"]["artists"] == 18
        left_out = {"without_genre": 0, "test_rows": 30, "rare_genres": ["Polka"]}
        assert info["card"]["left_out"] == left_out
