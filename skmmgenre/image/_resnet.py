"""Networks for covers: torchvision's ResNets with their weights, and a small network."""

import copy
import math
import os
import pickle
from collections import OrderedDict
from itertools import pairwise
from urllib.parse import urlsplit

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import get_model, get_model_weights, list_models

from ..utils import first_few

# torchvision's name of the weights trained as in He et al.; "V2" was trained differently.
_IMAGENET = "IMAGENET1K_V1"

# Filters of the small network's five blocks. Each but the last halves the sides of its input.
_SMALL_WIDTHS = (24, 48, 96, 192, 512)

# Of batch norm's running statistics. With torch's 0.1 they lag behind if an epoch has four batches.
_MOMENTUM = 0.3


class _Convolutions(nn.Module):
    """Modules that are applied in sequence, with their weight initialization."""

    def forward(self, x):
        x = x.contiguous(memory_format=torch.channels_last)
        for part in self.children():
            x = part(x)
        return x

    @torch.no_grad()
    def initialize(self, generator):
        """Initialize all weights like torchvision."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                fan_out = part.weight.shape[0] * math.prod(part.kernel_size)
                part.weight.normal_(0, math.sqrt(2 / fan_out), generator=generator)
            elif isinstance(part, nn.BatchNorm2d):
                part.reset_parameters()  # ones and zeros, not random


class Trunk(_Convolutions):
    """ResNet without its pooling and head, up to the last feature map."""

    def __init__(self, depth):
        super().__init__()
        net = get_model(f"resnet{depth}", weights=None)
        self.n_features = net.fc.in_features
        # The names of torchvision's state dicts are kept.
        for name, part in net.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, part)


class SmallTrunk(_Convolutions):
    """Five blocks of convolution, batch norm and ReLU, suited to 300 covers and two cores.

    The first block has a stride of 2, and each of the next three ends in 2 x 2 pooling. With 64
    pixels, the last feature map is 4 x 4. An image takes 40 million multiplications, compared with
    7,800 million for a ResNet-101 at 224 pixels.
    """

    n_features = _SMALL_WIDTHS[-1]

    def __init__(self):
        super().__init__()
        n_in, n_blocks = 3, len(_SMALL_WIDTHS)
        for number, width in enumerate(_SMALL_WIDTHS, start=1):
            first, last = number == 1, number == n_blocks
            size = 1 if last else 3
            layers = OrderedDict(
                conv=nn.Conv2d(
                    n_in, width, size, stride=2 if first else 1, padding=size // 2, bias=False
                ),
                norm=nn.BatchNorm2d(width, momentum=_MOMENTUM),
                relu=nn.ReLU(inplace=True),
            )
            if not (first or last):
                layers["pool"] = nn.MaxPool2d(2, ceil_mode=True)
            self.add_module(f"block{number}", nn.Sequential(layers))
            n_in = width


class ResNet(nn.Module):
    """Trunk, global average pooling, and a new linear head.

    Parameters
    ----------
    depth : {18, 34, 50, 101, 152} or "small"
    n_outputs : int
    """

    def __init__(self, depth, n_outputs):
        super().__init__()
        self.trunk = SmallTrunk() if depth == "small" else Trunk(depth)
        self.head = nn.Linear(self.trunk.n_features, n_outputs)

    def feature_map(self, x):
        """Return the last feature map, shape (n, n_features, height, width)."""
        if self.training and len(x) == 1:
            # The last batch of an epoch may have one image, which has no batch statistics.
            self.trunk.eval()
            try:
                return self.trunk(x)
            finally:
                self.trunk.train()
        return self.trunk(x)

    def embed(self, x):
        """Return the spatial mean of the last feature map, shape (n, n_features)."""
        return self.feature_map(x).mean(dim=(2, 3))

    def forward(self, x):
        return self.head(self.embed(x))


def folded(module):
    """Return a copy for inference with batch norm folded into the convolutions."""
    module = copy.deepcopy(module)
    for part in list(module.modules()):
        children = list(part.named_children())
        for (name, first), (next_name, second) in pairwise(children):
            # In these networks, a batch norm after a convolution in the list of children is applied
            # to it.
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(part, name, fuse_conv_bn_eval(first, second))
                setattr(part, next_name, nn.Identity())
    return module


def read_weights(weights, depth, *, verbose=0):
    """Return pretrained weights for `Trunk(depth)`.

    Parameters
    ----------
    weights : str or path
        "imagenet", a name of torchvision's weights ("IMAGENET1K_V2"), or the path of a state dict
        written by torch.save. The weights of a head are ignored.
    depth : {18, 34, 50, 101, 152}
    verbose : int
        1 shows the progress of a download.

    Returns
    -------
    state : dict of Tensor
        float32, on the CPU.

    Raises
    ------
    OSError
        If the weights cannot be downloaded or read.
    ValueError
        If they do not fit the network.
    """
    known = get_model_weights(f"resnet{depth}")
    name = _IMAGENET if weights == "imagenet" else str(weights).split(".")[-1].upper()
    if os.path.isfile(weights):
        state = _read_file(weights)
        source = f"weights={os.fspath(weights)!r}"
    elif name in known.__members__:
        state = _fetch(known[name], depth, verbose)
        source = f"weights={weights!r}"
    else:
        names = ", ".join(repr(entry.name) for entry in known)
        raise FileNotFoundError(
            f"weights={os.fspath(weights)!r} is neither a file nor the name of torchvision "
            f"weights for depth={depth}. Pass 'imagenet', {names}, the path of a state dict, "
            "or None to start from random weights."
        )
    return _fitted_to(depth, state, source)


def read_weights_at_hand(depth):
    """Return ImageNet weights for `Trunk(depth)` if they are in torch hub's cache, else None.

    Nothing is downloaded. torchvision's "V1" weights are preferred to others.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or does not contain the weights.
    """
    folder = os.path.join(torch.hub.get_dir(), "checkpoints")
    for entry in get_model_weights(f"resnet{depth}"):
        path = os.path.join(folder, os.path.basename(urlsplit(entry.url).path))
        if os.path.isfile(path):
            try:
                return _fitted_to(depth, _read_file(path), f"weights={path!r}")
            except ValueError as error:
                raise ValueError(
                    f"The ImageNet weights in torch hub's cache cannot be used: {error} "
                    "Alternatively, delete the file and pass weights='imagenet' to download it "
                    "again."
                ) from error
    return None


def _fetch(entry, depth, verbose):
    try:
        return entry.get_state_dict(progress=bool(verbose), check_hash=True)
    except (OSError, RuntimeError) as error:
        file = entry.url.rsplit("/", 1)[-1]
        raise OSError(
            f"The weights of ResNet-{depth} cannot be downloaded: {error}. Download {file} from "
            f"{entry.url} on another machine and pass weights='path/to/{file}', or pass "
            "weights=None to start from random weights."
        ) from error


def _read_file(path):
    remedy = "Save a state dict: torch.save(model.state_dict(), path)."
    try:
        # weights_only, because unpickling a file from elsewhere could execute code.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ValueError(
            f"weights={os.fspath(path)!r} is not a state dict that torch.load can read with "
            f"weights_only=True ({str(error).splitlines()[0] if str(error) else 'empty file'}). "
            f"{remedy}"
        ) from None
    # Checkpoints of training scripts contain other entries next to the weights.
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise ValueError(
            f"weights={os.fspath(path)!r} does not contain a state dict (names and tensors). "
            f"{remedy}"
        )
    return state


def _fitted_to(depth, state, source):
    """Return the weights that the trunk needs, or raise an error that lists what does not fit."""
    state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {key: value for key, value in state.items() if not key.startswith("fc.")}
    likely = _likely_depth(state)
    # Only names and shapes are needed, so no memory is allocated.
    with torch.device("meta"):
        expected = Trunk(depth).state_dict()
    # A counter that inference does not use; weights from before 2018 lack it.
    for key, value in expected.items():
        if key.endswith("num_batches_tracked"):
            state.setdefault(key, torch.zeros(value.shape, dtype=value.dtype))
    state = {
        key: value
        for key, value in state.items()
        if key in expected or not key.endswith("num_batches_tracked")
    }
    missing = sorted(expected.keys() - state.keys())
    unknown = sorted(state.keys() - expected.keys())
    reshaped = sorted(
        f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected.keys() & state.keys()
        if state[key].shape != expected[key].shape
    )
    if missing or unknown or reshaped:
        faults = (("missing", missing), ("unexpected", unknown), ("of another shape", reshaped))
        told = "; ".join(
            f"{first_few(keys, count=True)}{' are' * (len(keys) > 3)} {fault}"
            for fault, keys in faults
            if keys
        )
        remedy = (
            f"They look like weights for depth={likely}: pass that."
            if likely not in (None, depth)
            else f"Pass the state dict of a torchvision resnet{depth}."
        )
        raise ValueError(f"{source} does not match depth={depth}: {told}. {remedy}")
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{source}: {key} contains NaN or infinite values.")
    return {key: value.to(expected[key].dtype) for key, value in state.items()}


def _likely_depth(state):
    """Return the depth that matches the blocks of a state dict, or None."""
    stages = ("layer1.", "layer2.", "layer3.", "layer4.")
    blocks = {tuple(key.split(".")[:2]) for key in state if key.startswith(stages)}
    convolutions = 3 if "layer1.0.conv3.weight" in state else 2  # of a block
    depth = len(blocks) * convolutions + 2  # and the first convolution and the head
    return depth if f"resnet{depth}" in list_models() else None
