"""Building modules, and their state as numpy arrays."""

import numpy as np
import torch
from torch import nn

from ._devices import to_device
from ._layers import Linear, Standardize


def use_generator(module, seed, device):
    """Let every part of `module` that draws in training draw from one seeded generator."""
    generator = torch.Generator(device).manual_seed(seed)
    for part in module.modules():
        if hasattr(part, "generator"):
            part.generator = generator


def build_empty(make_module, recipe):
    """Build a module without drawing a number: on the meta device, then unfilled on the CPU."""
    with torch.device("meta"):
        module = make_module(**recipe)
    return module.to_empty(device="cpu")


def count_parameters(make_module, recipe):
    """Number of parameters of a module that is not built for it."""
    with torch.device("meta"):
        return sum(p.numel() for p in make_module(**recipe).parameters())


def initialize(module, seed):
    """Fill all parameters and buffers as torch does by default, from one seed.

    A part with a method ``initialize(generator)`` fills itself and all it holds.
    """
    _initialize_part(module, torch.Generator().manual_seed(seed))


@torch.no_grad()
def _initialize_part(part, generator):
    if hasattr(part, "initialize"):
        part.initialize(generator)
    elif isinstance(part, (nn.Linear, nn.Conv2d)):
        # Kaiming's uniform with a = sqrt(5), torch's default, is U(-1/sqrt(fan_in), ...).
        bound = 1 / np.sqrt(part.weight[0].numel())
        part.weight.uniform_(-bound, bound, generator=generator)
        if part.bias is not None:
            part.bias.uniform_(-bound, bound, generator=generator)
    elif isinstance(part, Standardize):
        part.mean.zero_()
        part.scale.fill_(1)
    elif not list(part.children()) and list(part.state_dict()):
        raise TypeError(f"{type(part).__name__} has weights and no way to initialize them.")
    else:
        for child in part.children():
            _initialize_part(child, generator)


def to_arrays(module):
    """Return the state of a module as a dict of numpy arrays."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format).numpy()
        for name, value in module.state_dict().items()
    }


def from_arrays(make_module, recipe, arrays, device):
    """Rebuild a module for inference from what `to_arrays` returned."""
    with torch.device("meta"):
        module = make_module(**recipe)
    state = {
        name: torch.from_numpy(array if array.flags.writeable else array.copy())
        for name, array in arrays.items()
    }
    module.load_state_dict(state, assign=True)
    for part in module.modules():
        if isinstance(part, Linear):
            part.pad_inputs()
    return to_device(module, device).eval()
