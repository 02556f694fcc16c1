"""Layers, modules built from them, and their state as numpy arrays.

Every random draw of a layer comes from a generator of our own, and its outputs are reproducible
bit for bit.
"""

import numpy as np
import torch
from torch import nn

from ._devices import to_device

# Rows of a batch, and inputs of a dense layer, are padded with zeros to a multiple of this.
# Matrix products use different kernels, with different last bits, for the last few rows and for
# rows that are not aligned in memory (measured on MKL: 501 inputs to 3 outputs, in any batch).
MULTIPLE = 16


class Linear(nn.Linear):
    """Dense layer whose output for a row does not depend on the row's position in the batch.

    This requires `pad_inputs`, which is called when a network is built for inference.
    """

    @torch.no_grad()
    def pad_inputs(self):
        """Pad the weights with zeros to a multiple of 16 inputs."""
        if self.in_features % MULTIPLE:
            self.weight = nn.Parameter(self.padded(self.weight), requires_grad=False)

    def padded(self, weight):
        """Return a weight of shape (out_features, in_features), padded to a multiple of 16."""
        return nn.functional.pad(weight, (0, -self.in_features % MULTIPLE))

    def forward(self, x):
        return self.dense(x, self.weight)

    def dense(self, x, weight):
        """Apply a weight of shape (out_features, at least in_features), and add the bias."""
        lacking = weight.shape[1] - x.shape[-1]
        if lacking:
            x = nn.functional.pad(x, (0, lacking))
        return nn.functional.linear(x, weight, self.bias)


class Dropout(nn.Module):
    """Dropout that draws from `generator` (set by `use_generator`), not from the global state."""

    generator = None

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        # Four times as fast as torch's bernoulli_ with a generator.
        draws = torch.empty_like(x, dtype=torch.float32).uniform_(generator=self.generator)
        return x * (draws >= self.p).to(x.dtype).mul_(1 / (1 - self.p))


class Standardize(nn.Module):
    """Subtract a mean and divide by a scale, both learned before training starts."""

    _answer = None

    def __init__(self, shape):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def forward(self, x):
        answer = None
        if self.training:
            # A network in training is used by one thread only, and the backward pass of its last
            # output is over, so it may overwrite that output. Allocating new memory would take
            # longer than all of the arithmetic.
            if self._answer is None or self._answer.shape != x.shape:
                self._answer = torch.empty_like(x)
            answer = self._answer
        return torch.sub(x, self.mean, out=answer).div_(self.scale)


def use_generator(module, seed, device):
    """Make all parts of `module` that draw in training use one seeded generator."""
    generator = torch.Generator(device).manual_seed(seed)
    for part in module.modules():
        if hasattr(part, "generator"):
            part.generator = generator


def build_empty(make_module, recipe):
    """Build a module without random draws: on the meta device, then uninitialized on the CPU."""
    with torch.device("meta"):
        module = make_module(**recipe)
    # Layers are built in torch's default dtype, which the program may have changed.
    return module.float().to_empty(device="cpu")


def count_parameters(make_module, recipe):
    """Return the number of parameters of a module, without allocating them."""
    with torch.device("meta"):
        return sum(p.numel() for p in make_module(**recipe).parameters())


def initialize(module, seed):
    """Initialize all parameters and buffers from one seed, as torch does by default.

    A part with a method ``initialize(generator)`` initializes itself and its children.
    """
    # A CPU generator, so that the initial weights are the same for every device.
    _initialize_part(module, torch.Generator().manual_seed(seed))


@torch.no_grad()
def _initialize_part(part, generator):
    if hasattr(part, "initialize"):
        part.initialize(generator)
    elif isinstance(part, (nn.Linear, nn.Conv2d)):
        # torch's default, Kaiming uniform with a = sqrt(5), is U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
        bound = 1 / np.sqrt(part.weight[0].numel())
        part.weight.uniform_(-bound, bound, generator=generator)
        if part.bias is not None:
            part.bias.uniform_(-bound, bound, generator=generator)
    elif isinstance(part, Standardize):
        part.mean.zero_()
        part.scale.fill_(1)
    elif not list(part.children()) and list(part.state_dict()):
        raise TypeError(
            f"{type(part).__name__} has weights, but no method initialize(generator) to set them."
        )
    else:
        for child in part.children():
            _initialize_part(child, generator)


def to_arrays(module):
    """Return the state of a module as a dict of numpy arrays (copies)."""
    # `to_device` stores convolutions in channels-last format; the arrays are in C order.
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format).numpy()
        for name, value in module.state_dict().items()
    }


def tensor_of(array):
    """Return a tensor that shares the memory of an array, or a copy if the array is read-only."""
    # Weights are read-only where joblib maps them into memory or a cluster shares them, and torch
    # warns of tensors over such memory.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def from_arrays(make_module, recipe, arrays, device):
    """Rebuild a module for inference from the arrays that `to_arrays` returned."""
    with torch.device("meta"):
        module = make_module(**recipe)
    # Tensors on the meta device have no memory to copy to, so they are replaced. The module then
    # shares the memory of the arrays.
    module.load_state_dict({name: tensor_of(array) for name, array in arrays.items()}, assign=True)
    for part in module.modules():
        if isinstance(part, Linear):
            part.pad_inputs()
    return to_device(module, device).eval()
