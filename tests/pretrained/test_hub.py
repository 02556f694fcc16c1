"""Models by hub name or folder: what is refused, and sound through the real classes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("transformers", minversion="5", reason="needs skmmgenre[pretrained]")

import torch
import transformers
from tiny_models import (
    save_ast,
    save_bert,
    save_clap,
    save_clip,
    save_encodec,
    save_vit,
    save_wav2vec2,
    vectors_by_transformers,
    windows_of_noise,
)

from skmmgenre.pretrained import _hub
from skmmgenre.pretrained._hub import HubFolder, load_hub_audio, load_hub_image, load_hub_text
from skmmgenre.utils import SetupError


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "clap": save_clap(folder / "clap"),
        "fused clap": save_clap(folder / "fused", fusion=True),
        "ast": save_ast(folder / "ast"),
        "wav2vec2": save_wav2vec2(folder / "wav2vec2"),
    }


@pytest.fixture
def bert(tmp_path):
    return save_bert(tmp_path / "bert")


SOUND = {"clap": (48000, 1.0), "fused clap": (48000, 1.0), "ast": (16000, 1.1)}
SOUND["wav2vec2"] = (16000, None)


@pytest.mark.parametrize("name", SOUND)
def test_sound_is_what_transformers_returns(name, folders):
    sr, window = SOUND[name]
    encoder = load_hub_audio(folders[name])
    assert (encoder.sr, encoder.window) == (sr, window)
    windows = windows_of_noise(3, window or 0.3, sr)
    found = encoder.embed(windows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, vectors_by_transformers(folders[name], windows, sr), atol=1e-5
    )
    assert np.ptp(found, axis=0).max() > 1e-4  # windows differ
    np.testing.assert_array_equal(encoder.embed(windows[::-1][:2]), found[::-1][:2])


@pytest.mark.parametrize("name", SOUND)
def test_layer_of_sound(name, folders):
    sr, window = SOUND[name]
    windows = windows_of_noise(2, window or 0.3, sr)
    layers = [load_hub_audio(folders[name], layer=k).embed(windows) for k in (0, 1, -1)]
    assert all(layer.ndim == 2 for layer in layers)
    assert not np.array_equal(layers[0], layers[1])
    if name == "wav2vec2":
        last = load_hub_audio(folders[name]).embed(windows)
        np.testing.assert_allclose(layers[2], last, atol=1e-6)
    with pytest.raises(SetupError, match="layer=20 is out of range: .* the layers 0 .* to "):
        load_hub_audio(folders[name], layer=20).embed(windows)


def test_global_generators_of_threads_that_overlap():
    """What one thread draws before another enters does not stay."""
    from skmmgenre.pretrained._hub_encoders import random_states

    states = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(random_states)
        np.random.random(), torch.rand(1)
        second.enter_context(random_states)
        first.close()
        np.random.random(), torch.rand(1)
    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == states


def test_fingerprint_is_of_content(folders, tmp_path):
    path = folders["wav2vec2"]
    expected = load_hub_audio(path).fingerprint
    assert str(path) not in expected
    copy = shutil.copytree(path, tmp_path / "elsewhere")
    assert load_hub_audio(copy).fingerprint == expected
    assert load_hub_audio(path, layer=1).fingerprint != expected
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert load_hub_audio(copy).fingerprint != expected


def test_a_changed_folder_is_read_again(folders, tmp_path):
    copy = shutil.copytree(folders["wav2vec2"], tmp_path / "model")
    windows = windows_of_noise(1, 0.3, 16000)
    before = load_hub_audio(copy).embed(windows)
    from safetensors.numpy import load_file, save_file

    arrays = {k: v * np.float32(1.5) for k, v in load_file(copy / "model.safetensors").items()}
    save_file(arrays, copy / "model.safetensors", metadata={"format": "pt"})
    assert not np.array_equal(load_hub_audio(copy).embed(windows), before)


def test_fusion_must_agree(tmp_path):
    folder = save_clap(tmp_path / "clap", fusion=True, truncation="rand_trunc")
    with pytest.raises(SetupError, match="enable_fusion=True, but .* Set truncation to 'fusion'"):
        load_hub_audio(folder)


def test_a_model_that_returns_no_vectors(tmp_path):
    encoder = load_hub_audio(save_encodec(tmp_path / "codec"))
    assert encoder.window == 1.0
    with pytest.raises(SetupError, match="EncodecModel does not return .* or a function"):
        encoder.embed(windows_of_noise(1, 1.0, 16000))


def test_a_model_of_texts_is_not_one_of_sound(bert):
    with pytest.raises(
        SetupError,
        match=r"bert' \(model_type 'bert'\) has no feature extractor .* of sound; save .* and "
        r"feature_extractor.save_pretrained\(FOLDER\)",
    ):
        load_hub_audio(bert)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_folder_without_tokenizer(bert, name):
    """transformers makes one of special tokens only, or none."""
    (bert / "tokenizer.json").unlink()
    (bert / name).unlink(missing_ok=True)
    with pytest.raises(
        SetupError,
        match=r"\(model_type 'bert'\) has no tokenizer .*[^:]\)\. Pass a model of texts; .* and "
        r"tokenizer.save_pretrained\(FOLDER\)",
    ):
        load_hub_text(bert)


@pytest.mark.parametrize("kind", ["Roberta", "T5", "MPNet", "DebertaV2", "XLMRoberta", "Splinter"])
def test_tokenizers_without_vocabulary(kind, bert):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (bert / name).unlink()
    getattr(transformers, f"{kind}Config")().save_pretrained(bert)
    with pytest.raises(SetupError, match=r"has no tokenizer .* \(its vocabulary is missing\)"):
        HubFolder(bert).read_processor("AutoTokenizer")


def test_a_tokenizer_of_characters_needs_no_files(bert):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (bert / name).unlink()
    transformers.CanineConfig().save_pretrained(bert)
    assert HubFolder(bert).read_processor("AutoTokenizer")("ab")["input_ids"]


@pytest.mark.parametrize("load", [load_hub_audio, load_hub_image])
def test_a_folder_without_preprocessor(load, tmp_path):
    folder = {load_hub_audio: save_ast, load_hub_image: save_vit}[load](tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(
        SetupError, match=r"has no .* can load .*; .*r.save_pretrained\(FOLDER\)"
    ) as e:
        load(folder)
    assert "Download" not in str(e.value) and "://" not in str(e.value)


def test_a_model_of_images_is_not_one_of_texts(tmp_path):
    with pytest.raises(
        SetupError, match="model_type 'vit'. has no tokenizer .* need to have sentencepiece"
    ):
        load_hub_text(save_vit(tmp_path / "vit"))


def test_a_model_of_texts_and_sound_or_images_without_tokenizer(tmp_path, folders):
    for folder in (folders["clap"], save_clip(tmp_path / "clip")):
        with pytest.raises(SetupError, match="is not a text-only model"):
            load_hub_text(folder)


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickled_weights_are_refused(bert, tmp_path):
    (bert / "model.safetensors").unlink()
    torch.save(Bomb(tmp_path / "exploded"), bert / "pytorch_model.bin")
    with pytest.raises(SetupError, match="pickled weights .pytorch_model.bin.*save_pretrained"):
        HubFolder(bert)
    index = {"weight_map": {"a": "pytorch_model.bin"}}
    (bert / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(SetupError, match="only safetensors in the same folder"):
        HubFolder(bert)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("part", ["../model.safetensors", "/model.safetensors"])
def test_parts_lie_in_the_folder(part, bert):
    shutil.move(bert / "model.safetensors", bert.parent / "model.safetensors")
    index = {"weight_map": {"a": part}}
    (bert / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(SetupError, match="only safetensors in the same folder"):
        HubFolder(bert)


def test_weights_in_parts(tmp_path):
    folder = save_wav2vec2(tmp_path / "model")
    windows = windows_of_noise(1, 0.3, 16000)
    expected = load_hub_audio(folder).embed(windows)
    with torch.random.fork_rng():
        model = transformers.AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="10kB")
    parts = sorted(folder.glob("model-*.safetensors"))
    assert len(parts) > 1
    np.testing.assert_array_equal(load_hub_audio(folder).embed(windows), expected)
    parts[0].unlink()
    with pytest.raises(SetupError, match=f"{parts[0].name} is missing. Download"):
        HubFolder(folder)


def test_code_of_a_model_is_not_executed(bert, tmp_path):
    config = json.loads((bert / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Net"}}
    (bert / "config.json").write_text(json.dumps(config))
    mark = tmp_path / "executed"
    (bert / "own.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    with pytest.raises(SetupError, match="custom code, which was not executed.*trust_remote_"):
        HubFolder(bert)
    assert not mark.exists()
    del config["auto_map"]
    (bert / "config.json").write_text(json.dumps(config))
    with pytest.raises(SetupError, match="of type 'own', which transformers .* does not support"):
        HubFolder(bert)


@pytest.mark.slow
def test_code_of_a_model_runs_where_it_is_trusted(bert, tmp_path):
    config = {"auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (bert / "config.json").write_text(json.dumps({**config, "model_type": "own", "width": 8}))
    (bert / "own.py").write_text(OWN_MODEL)
    from safetensors.numpy import save_file

    arrays = {"embed.weight": np.arange(240, dtype=np.float32).reshape(30, 8)}
    save_file(arrays, bert / "model.safetensors", metadata={"format": "pt"})
    code = (
        "from skmmgenre.text import TextEmbedder\n"
        f"embedder = TextEmbedder(model={str(bert)!r}, trust_remote_code=True, pooling='cls')\n"
        "print(embedder.transform(['a sax'])[0].tolist())"
    )
    found = run(code, HF_HOME=str(tmp_path))  # where transformers keeps a copy of the code
    assert found.stdout.strip() == str(list(map(float, range(16, 24)))), found.stderr


OWN_MODEL = """
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class OwnConfig(PretrainedConfig):
    model_type = "own"


class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.embed = torch.nn.Embedding(30, config.width)
        self.post_init()

    def forward(self, input_ids, attention_mask):
        return BaseModelOutput(last_hidden_state=self.embed(input_ids))
"""


def test_code_of_a_tokenizer_is_not_executed(bert, tmp_path):
    settings = json.loads((bert / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}}
    (bert / "tokenizer_config.json").write_text(json.dumps(settings))
    mark = tmp_path / "executed"
    (bert / "own.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    tokenizer = HubFolder(bert).read_processor("AutoTokenizer")  # one of transformers' own
    assert type(tokenizer).__module__.startswith("transformers.")
    assert not mark.exists()


def test_a_cut_file_is_refused(bert):
    data = (bert / "model.safetensors").read_bytes()
    (bert / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(SetupError, match="cannot be loaded .*Download it again") as caught:
        HubFolder(bert).read_network("cpu")
    assert str(caught.value).count(str(bert)) == 1  # as it was passed


def test_missing_weights_are_not_drawn(bert):
    from safetensors.numpy import load_file, save_file

    arrays = load_file(bert / "model.safetensors")
    del arrays["encoder.layer.1.output.dense.weight"]
    save_file(arrays, bert / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SetupError, match="such as .*output.dense.weight, and would be random"):
        HubFolder(bert).read_network("cpu")


def test_what_is_no_model(tmp_path, bert):
    with pytest.raises(SetupError, match="no config.json"):
        HubFolder(tmp_path)
    with pytest.raises(SetupError, match="neither a folder nor a hub name"):
        HubFolder(str(tmp_path / "absent"))
    with pytest.raises(SetupError, match="revision='main' is only for hub names"):
        HubFolder(bert, revision="main")
    (bert / "adapter_config.json").write_text("{}")
    with pytest.raises(SetupError, match="adapter for another model"):
        HubFolder(bert)
    (bert / "config.json").write_text("{")
    with pytest.raises(SetupError, match="config.json cannot be read"):
        HubFolder(bert)


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_network(tmp_path):
    code = (
        "from skmmgenre.text import TextEmbedder\nTextEmbedder(model='owner/name').fit(['a text'])"
    )
    found = run(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "skmmgenre.utils._cells.SetupError: model='owner/name': there is no such folder, and no "
    )
    assert "Check the path; relative paths" in last
    assert "hf download owner/name --local-dir FOLDER" in last
    assert "://" not in last and str(tmp_path) not in last


@pytest.fixture
def hub_cache(bert, tmp_path, monkeypatch):
    """A function that puts the model into a cache of the hub at a revision, maybe a part of it."""
    import huggingface_hub

    _hub._fetch.cache_clear()

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    model = tmp_path / "cache" / "models--owner--bert"

    def put(revision, *, weights=True):
        commit = hashlib.sha1(revision.encode()).hexdigest()
        (model / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
        (model / "refs" / revision).write_text(commit)
        snapshot = shutil.copytree(bert, model / "snapshots" / commit)
        if not weights:
            (snapshot / "model.safetensors").unlink()
        return snapshot

    return put


def test_what_the_cache_of_the_hub_holds_needs_no_network(hub_cache):
    snapshot = hub_cache("main")
    assert HubFolder("owner/bert").path == snapshot
    tagged = hub_cache("v1.0")
    assert HubFolder("owner/bert", revision="v1.0").path == tagged


def test_a_cache_of_the_hub_without_tokenizer(hub_cache):
    snapshot = hub_cache("main")
    (snapshot / "tokenizer.json").unlink()
    with pytest.raises(
        SetupError, match="has no tokenizer .* of texts; .*`hf download owner/bert`"
    ):
        load_hub_text("owner/bert")


@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize("load", [load_hub_audio, load_hub_image, load_hub_text])
def test_a_mistyped_folder(load):
    with pytest.raises(SetupError, match="'models/x': there is no such folder.*Check the path"):
        load("models/x")


def test_a_conversion_that_was_fetched_before(hub_cache):
    """Main has pickled weights alone, as many older models; the hub converts them."""
    hub_cache("main", weights=False)
    with pytest.raises(
        SetupError, match="'owner/bert': there is no such folder, .* or can be downloaded"
    ):
        HubFolder("owner/bert")
    converted = hub_cache("refs/pr/12")
    assert HubFolder("owner/bert").path == converted


def test_a_conversion_whose_download_was_interrupted(hub_cache, tmp_path):
    """The hub's library writes the reference first; there is no snapshot yet."""
    hub_cache("main", weights=False)
    references = tmp_path / "cache" / "models--owner--bert" / "refs" / "refs" / "pr"
    references.mkdir(parents=True)
    (references / "15").write_text(40 * "a")
    with pytest.raises(SetupError, match="'owner/bert': there is no such folder"):
        HubFolder("owner/bert")
    converted = hub_cache("refs/pr/12")
    assert HubFolder("owner/bert").path == converted


def test_a_conversion_is_of_the_hub_s_converter(hub_cache, monkeypatch):
    import huggingface_hub
    from huggingface_hub import Discussion

    parts = {"main": hub_cache("main", weights=False)}
    parts |= {f"refs/pr/{n}": hub_cache(f"refs/pr/{n}") for n in (3, 14, 115, 1116)}

    def request(number, author, status="open", title="Adding `safetensors` variant of this model"):
        return Discussion(
            title, status, number, "owner/bert", "model", author, True, None, "endpoint"
        )

    requests = [
        request(3, "SFconvertbot"),
        request(14, "SFconvertbot"),
        request(115, "somebody"),
        request(1116, "SFconvertbot", status="closed"),
    ]

    # Stands for the network alone.
    def download(model, *, revision, local_files_only=False, **patterns):
        if local_files_only:
            raise FileNotFoundError
        return parts[revision or "main"]

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(
        huggingface_hub.HfApi, "get_repo_discussions", lambda self, model: iter(requests)
    )
    _hub._fetch.cache_clear()
    assert HubFolder("owner/bert").path == parts["refs/pr/14"]
    requests[:2] = []
    _hub._fetch.cache_clear()
    with pytest.raises(SetupError, match="has no safetensors .*refs/pr/NUMBER"):
        HubFolder("owner/bert")


def test_without_transformers(bert):
    code = (
        "import sys\n"
        "sys.modules['transformers'] = None\n"
        "from skmmgenre.text import TextEmbedder\n"
        f"TextEmbedder(model={str(bert)!r}).fit(['a text'])"
    )
    last = run(code).stderr.strip().splitlines()[-1]
    assert 'pip install "skmmgenre[pretrained]"' in last


def test_transformers_is_imported_only_when_used():
    code = (
        "import sys, numpy as np, skmmgenre\n"
        "from skmmgenre.text import TextEmbedder\n"
        "from skmmgenre.image import ColorStatistics, ImageEmbedder\n"
        "ColorStatistics().fit_transform([np.zeros((9, 9, 3), np.uint8)])\n"
        "TextEmbedder(model=lambda texts: [[1.0]] * len(texts)).fit_transform(['a'])\n"
        "print({'transformers', 'torch', 'tokenizers', 'huggingface_hub'} & {*sys.modules})"
    )
    found = run(code)
    assert found.stdout.strip() == "set()", found.stderr
