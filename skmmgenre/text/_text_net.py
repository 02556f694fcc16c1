"""Feedforward network over word weights as a torch module (section 3.3 of the paper)."""

import torch
from torch import nn

from ..nets._forward import sparse_tensor
from ..nets._modules import Dropout, Linear


class WordDropout(Dropout):
    """Dropout that keeps a sparse batch sparse and drops the same entries as from a dense one."""

    def forward(self, x):
        if not x.is_sparse or not self.training or self.p == 0:
            return super().forward(x)
        # Drawn for all entries, even those that are 0, so that a dense batch would get the same
        # draws.
        kept = super().forward(torch.ones(x.shape, dtype=x.dtype, device=x.device))[
            tuple(x.indices())
        ]
        there = kept != 0
        return sparse_tensor(x.indices()[:, there], (x.values() * kept)[there], x.shape)


class WordLinear(Linear):
    """Dense layer that processes a sparse batch by summing the weight rows of its words.

    The weights are stored word by word, with shape (words, units); in a state dict they have the
    shape (units, words) of any dense layer.
    """

    def __init__(self, n_words, units):
        super().__init__(n_words, units)
        self.weight = nn.Parameter(self.weight.detach().mT.contiguous())
        self.register_state_dict_post_hook(_transpose_weight)
        self.register_load_state_dict_pre_hook(_transpose_weight)
        self._gradient = None

    def padded(self, weight):
        """Return a weight of shape (words, units), padded along the words."""
        return super().padded(weight.mT).mT.contiguous()

    @torch.no_grad()
    def initialize(self, generator):
        """Draw the same initial weights as a dense layer of the same size."""
        bound = self.in_features**-0.5
        drawn = torch.empty(self.out_features, self.in_features, dtype=torch.float32)
        self.weight.copy_(drawn.uniform_(-bound, bound, generator=generator).mT)
        self.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x):
        if not x.is_sparse:
            return self.dense(x, self.weight.mT)
        if self._gradient is None:
            self._gradient = torch.empty_like(self.weight)
        return _SumOfWords.apply(x, self.weight, self._gradient) + self.bias


def _transpose_weight(layer, state_dict, prefix, *_):
    state_dict[prefix + "weight"] = state_dict[prefix + "weight"].mT


class _SumOfWords(torch.autograd.Function):
    """Product of a sparse batch and the weights.

    The gradient is dense, because Adam also updates words that do not occur in a batch. It is
    written into a buffer that is allocated once: allocating that much memory in every step takes
    longer than the rest of the step.
    """

    @staticmethod
    def forward(ctx, x, weight, gradient):
        texts, words = x.indices()
        ctx.save_for_backward(x)
        ctx.gradient = gradient
        # Indices are sorted by text, so the words of a text are adjacent. A text without words is
        # an empty bag, whose sum is 0.
        starts = torch.searchsorted(texts, torch.arange(len(x), device=x.device))
        return nn.functional.embedding_bag(
            words, weight, starts, mode="sum", per_sample_weights=x.values()
        )

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        texts, words = x.indices()
        present, place = torch.unique(words, return_inverse=True)
        # Only words of this batch have a gradient other than 0, and a small product computes it.
        narrow = upstream.new_zeros(len(present), len(x))
        narrow[place, texts] = x.values()
        gradient = ctx.gradient.zero_()
        gradient.index_copy_(0, present, narrow @ upstream)
        # A new view: autograd would copy the buffer itself, because the layer refers to it, too.
        return None, gradient.view_as(gradient), None


class TextNet(nn.Module):
    """Dropout, then dense layers with ReLU and dropout, then one output layer."""

    def __init__(self, *, n_features, hidden_units, n_outputs, dropout):
        super().__init__()
        width, *others = hidden_units
        layers = [WordDropout(dropout), WordLinear(n_features, width), nn.ReLU(), Dropout(dropout)]
        for units in others:
            layers += [Linear(width, units), nn.ReLU(), Dropout(dropout)]
            width = units
        self.hidden = nn.Sequential(*layers)
        self.head = Linear(width, n_outputs)

    def embed(self, x):
        """Return the last hidden layer of word weights (n, n_features), sparse or dense."""
        return self.hidden(x)

    def forward(self, x):
        return self.head(self.embed(x))
