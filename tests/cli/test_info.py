"""What a model is."""

import json

from forged_model import contents, forge
from sklearn.pipeline import Pipeline

import skmmgenre
from skmmgenre.cli import main


def test_info(model, capsys):
    assert main(["info", model, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["genres"] == sorted(info["card"]["items_by_genre"])
    assert info["modalities"] == {"audio": "audio", "text": "text"}
    assert info["networks"]["audio"] == {"type": "AudioCNN", "epochs": 3} | {
        "best_epoch": info["networks"]["audio"]["best_epoch"]
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


class TestSeveralGenres:
    """Of a model of several genres an item."""

    def test_what_was_trained_on(self, texts, capsys):
        assert main(["info", texts, "--json"]) == 0
        info = json.loads(capsys.readouterr().out)
        assert info["several_genres"] and info["genres"] == ["Folk", "Jazz", "Pop", "Rock"]
        assert info["card"]["items"] == 90 and info["card"]["artists"] == 18
        left_out = {"without_genre": 0, "test_rows": 30, "rare_genres": ["Polka"]}
        assert info["card"]["left_out"] == left_out
