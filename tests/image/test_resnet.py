from typing import get_args

import pytest
import torch
from torchvision.models import get_model, get_model_weights

from skmmgenre.image import _resnet
from skmmgenre.image._resnet import ResNet, Trunk, folded, read_weights, read_weights_at_hand
from skmmgenre.image._resnet_embedder import Depth
from skmmgenre.nets._modules import build_empty, initialize


def built(n_outputs):
    """A ResNet-18 of our own draws."""
    module = build_empty(ResNet, {"depth": 18, "n_outputs": n_outputs})
    initialize(module, seed=0)
    return module


def trunk(depth):
    with torch.device("meta"):
        return Trunk(depth)


@pytest.fixture(scope="module")
def resnet18():
    """torchvision's own, its batch norm statistics not those of a fresh one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = get_model("resnet18", weights=None)
        with torch.no_grad():
            for name, value in net.named_buffers():
                if name.endswith("running_mean"):
                    value.normal_(0, 0.1)
                elif name.endswith("running_var"):
                    value.uniform_(0.5, 2)
    return net.eval()


@pytest.mark.parametrize("depth", get_args(Depth))
def test_every_depth_has_torchvisions_trunk(depth):
    own = {name: value.shape for name, value in trunk(depth).state_dict().items()}
    with torch.device("meta"):
        net = get_model(f"resnet{depth}", weights=None)
    theirs = {name: value.shape for name, value in net.state_dict().items()}
    assert own == {name: size for name, size in theirs.items() if not name.startswith("fc.")}
    assert trunk(depth).n_features == (2048 if depth > 34 else 512)
    assert _resnet._likely_depth(theirs) == depth


def test_states_of_other_networks_have_no_depth():
    with torch.device("meta"):
        for name in ("vgg11", "swin_t", "densenet121"):
            assert _resnet._likely_depth(get_model(name, weights=None).state_dict()) is None
    assert _resnet._likely_depth({}) is None
    # Of eight layers, as a ResNet-18 has blocks.
    assert _resnet._likely_depth({f"layers.{n}.weight": None for n in range(8)}) is None


def test_size_of_resnet101():
    with torch.device("meta"):
        module = ResNet(depth=101, n_outputs=250)
    assert sum(p.numel() for p in module.parameters()) == 43_012_410  # facts.md


def test_initial_weights_are_distributed_as_torchvisions(resnet18):
    fresh = trunk(18).to_empty(device="cpu")
    fresh.initialize(torch.Generator().manual_seed(0))
    theirs = resnet18.state_dict()
    for name, value in fresh.state_dict().items():
        if "conv" in name or name.endswith("downsample.0.weight"):
            assert float(value.std()) == pytest.approx(float(theirs[name].std()), rel=0.05)
            assert abs(value.mean()) < 0.05 * value.std()
        elif name.endswith(("running_mean", "bias", "num_batches_tracked")):
            assert (value == 0).all()
        else:
            assert (value == 1).all()


def test_feature_map_and_embedding():
    module = built(n_outputs=3).eval()
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    maps = module.feature_map(x)
    assert maps.shape == (2, 512, 2, 2)
    torch.testing.assert_close(module.embed(x), maps.mean(dim=(2, 3)))
    torch.testing.assert_close(module(x), module.head(module.embed(x)))


def test_one_image_can_be_trained_on():
    module = built(n_outputs=3).train()
    module(torch.ones(1, 3, 32, 32)).sum().backward()
    assert all(part.training for part in module.modules())
    assert torch.isfinite(module.trunk.conv1.weight.grad).all()


def small(n_outputs=2):
    module = build_empty(ResNet, {"depth": "small", "n_outputs": n_outputs})
    initialize(module, seed=0)
    return module


@pytest.mark.parametrize(("side", "places"), [(64, 4), (8, 1), (100, 7)])
def test_small_network(side, places):
    module = small().eval()
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    assert module.feature_map(x).shape == (2, 512, places, places)
    assert module(x).shape == (2, 2)
    with torch.no_grad():
        torch.testing.assert_close(folded(module)(x), module(x), rtol=1e-4, atol=1e-5)
    weight = module.trunk.block3.conv.weight
    assert float(weight.detach().std()) == pytest.approx((2 / (96 * 9)) ** 0.5, rel=0.05)


def test_weights_at_hand(tmp_path, monkeypatch, resnet18):
    """The first of torchvision's kinds of weights that torch hub's folder has."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    assert read_weights_at_hand(18) is None
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    assert read_weights_at_hand(18) is None
    torch.save(resnet18.state_dict(), folder / "resnet18-f37072fd.pth")
    state = read_weights_at_hand(18)
    assert torch.equal(state["conv1.weight"], resnet18.conv1.weight)
    assert read_weights_at_hand(50) is None
    other, entries = resnet18.state_dict(), get_model_weights("resnet50")
    other["conv1.weight"] = other["conv1.weight"] + 1
    torch.save(other, folder / entries["IMAGENET1K_V2"].url.rsplit("/", 1)[-1])
    monkeypatch.setattr(_resnet, "get_model_weights", lambda name: entries)
    state = read_weights_at_hand(18)
    assert torch.equal(state["conv1.weight"], other["conv1.weight"])


VARIANTS = {
    "plain": lambda state: state,
    "without head": lambda state: {k: v for k, v in state.items() if "fc." not in k},
    "module.": lambda state: {f"module.{k}": v for k, v in state.items()},
    "checkpoint": lambda state: {"epoch": 3, "state_dict": state},
    "old": lambda state: {k: v for k, v in state.items() if "num_batches" not in k},
    "half": lambda state: {k: v.half() if v.is_floating_point() else v for k, v in state.items()},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_state_dict_of_a_file(tmp_path, resnet18, variant):
    path = tmp_path / "weights.pth"
    torch.save(VARIANTS[variant](resnet18.state_dict()), path)
    module = built(n_outputs=2).eval()
    module.trunk.load_state_dict(read_weights(path, 18))
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = resnet18.avgpool(_features(resnet18, x)).flatten(1)
        tolerance = 2e-2 if variant == "half" else 1e-5
        torch.testing.assert_close(module.embed(x), expected, atol=tolerance, rtol=tolerance)


def _features(net, x):
    x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    return net.layer4(net.layer3(net.layer2(net.layer1(x))))


def test_weights_of_another_depth_say_which(tmp_path, resnet18):
    path = tmp_path / "resnet18.pth"
    torch.save(resnet18.state_dict(), path)
    with pytest.raises(ValueError, match=r"missing.*depth=18: pass that") as caught:
        read_weights(str(path), 50)
    assert "layer1.0.bn3.bias" in str(caught.value)
    assert "more are missing" in str(caught.value)


def broken(state, fault):
    state = dict(state)
    if fault == "missing":
        del state["layer2.0.conv1.weight"]
    elif fault == "shape":
        state["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    elif fault == "unknown":
        state["attention.weight"] = torch.zeros(3)
    elif fault == "nan":
        state["bn1.bias"] = torch.full((64,), torch.nan)
    elif fault == "numbers":
        return [1, 2, 3]
    return state


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("missing", r"layer2\.0\.conv1\.weight missing\. Pass the state dict of a .* resnet18"),
        ("shape", r"conv1\.weight \(64, 1, 7, 7\) instead of \(64, 3, 7, 7\) of another shape"),
        ("unknown", r"attention\.weight unexpected"),
        ("nan", r"bn1\.bias contains NaN"),
        ("numbers", r"does not contain a state dict.*torch\.save"),
    ],
)
def test_bad_state_dict(tmp_path, resnet18, fault, told):
    path = tmp_path / "weights.pth"
    torch.save(broken(resnet18.state_dict(), fault), path)
    with pytest.raises(ValueError, match=told) as caught:
        read_weights(path, 18)
    assert "weights.pth" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not torch's", b"PK\x03\x04 half a zip"])
def test_file_that_torch_does_not_read(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.pth.*torch\.save\(model\.state_dict\(\)"):
        read_weights(path, 18)


class _Call:
    def __reduce__(self):
        return print, ("run",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": _Call()}, path)
    with pytest.raises(ValueError, match="not a state dict"):
        read_weights(path, 18)
    assert "run" not in capsys.readouterr().out


def test_neither_a_file_nor_a_name():
    with pytest.raises(FileNotFoundError, match=r"'IMAGENET1K_V1', 'IMAGENET1K_V2'.* or None"):
        read_weights("gone.pth", 50)
    with pytest.raises(FileNotFoundError, match="'IMAGENET1K_V1', the path"):
        read_weights("IMAGENET1K_V2", 18)  # torchvision has it from depth 50 on


@pytest.mark.parametrize("name", ["imagenet", "IMAGENET1K_V1", "ResNet18_Weights.IMAGENET1K_V1"])
def test_names_are_torchvisions(tmp_path, monkeypatch, resnet18, name):
    # torch keeps what it has downloaded; the file's name holds the start of its hash.
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torch.save(resnet18.state_dict(), tmp_path / "checkpoints" / "resnet18-f37072fd.pth")
    state = read_weights(name, 18)
    torch.testing.assert_close(state["conv1.weight"], resnet18.conv1.weight.detach())


def test_weights_that_cannot_be_fetched_name_the_remedy(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    # A real attempt, at a port where nothing listens: fast, with or without a network.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(OSError, match=r"ResNet-101 cannot be downloaded") as caught:
        read_weights("imagenet", 101)
    message = str(caught.value)
    assert "weights='path/to/resnet101-63fe2227.pth'" in message
    assert "https://download.pytorch.org/models/resnet101-63fe2227.pth" in message
    assert "weights=None" in message
