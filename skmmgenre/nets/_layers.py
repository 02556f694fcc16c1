"""Layers whose every draw comes from a generator of our own, and whose answers keep their bits."""

import torch
from torch import nn

# Rows of a batch, and inputs of a dense layer, are filled up with zeros to multiples of it.
# Matrix products treat the last few rows, and rows that are not aligned in memory, by other
# kernels with other last bits (measured on MKL: 501 inputs to 3 outputs, in any batch).
MULTIPLE = 16


class Linear(nn.Linear):
    """Dense layer whose answer to a row does not depend on the row's place in the batch.

    That needs `pad_inputs`, which is called where a network is built to answer.
    """

    @torch.no_grad()
    def pad_inputs(self):
        """Fill the weights up with zeros to a multiple of 16 inputs."""
        if self.in_features % MULTIPLE:
            self.weight = nn.Parameter(self.padded(self.weight), requires_grad=False)

    def padded(self, weight):
        """Return a weight of shape (out_features, in_features) filled up."""
        return nn.functional.pad(weight, (0, -self.in_features % MULTIPLE))

    def forward(self, x):
        return self.dense(x, self.weight)

    def dense(self, x, weight):
        """Product with a weight of shape (out_features, at least in_features), plus the bias."""
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
        # Four times as fast as torch's bernoulli_ of a single generator.
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
            # A network in training is one thread's own: it may write over its last answer.
            # To get fresh memory from the system would take longer than all the arithmetic.
            if self._answer is None or self._answer.shape != x.shape:
                self._answer = torch.empty_like(x)
            answer = self._answer
        return torch.sub(x, self.mean, out=answer).div_(self.scale)
