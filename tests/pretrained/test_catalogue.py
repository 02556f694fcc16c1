import pytest

from skmmgenre.pretrained import list_models
from skmmgenre.pretrained._catalogue import MODELS, model_named


def test_list_models():
    models = list_models()
    assert models.columns.tolist() == ["name", "kind", "size", "licence", "commercial", "citation"]
    assert models["name"].tolist() == ["musicnn", "musicnn-mtt"]
    assert models["commercial"].tolist() == [True, True] and set(models["licence"]) == {"ISC"}
    assert models["citation"].str.contains("Pons").all() and (models["size"] > 10**7).all()


def test_tags():
    tags = {name: model.tags for name, model in MODELS.items()}
    assert [len(set(names)) for names in tags.values()] == [50, 50]
    assert tags["musicnn"][:3] == ("rock", "pop", "alternative")
    assert tags["musicnn-mtt"][-2:] == ("female voice", "choral")


def test_a_name_that_is_not_there():
    with pytest.raises(ValueError, match="model 'vggish'; available models: musicnn, musicnn-mtt"):
        model_named("vggish")
