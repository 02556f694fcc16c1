"""The multimodal feature space as a torch module (section 3.4)."""

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from ..nets._layers import Linear


class JointNet(nn.Module):
    """Two layers a view with tanh between: e(x) = W2 tanh(W1 x).

    An input row holds both views of an item and then both of its negatives; an output row
    their four embeddings, shape (4, n_components).
    """

    def __init__(self, *, widths, hidden_units, n_components):
        super().__init__()
        self.widths = list(widths)
        self.first, self.second = (
            nn.Sequential(
                Linear(width, hidden_units), nn.Tanh(), Linear(hidden_units, n_components)
            )
            for width in widths
        )

    def forward(self, x):
        a, v, negative_a, negative_v = x.split(self.widths * 2, dim=1)
        return torch.stack(
            [self.first(a), self.second(v), self.first(negative_a), self.second(negative_v)], 1
        )


class MarginLoss:
    """L = 1 - cos(a, v) + max(0, cos(r_a, v) - m) + max(0, cos(a, r_v) - m), a row each."""

    def __init__(self, margin):
        self.margin = margin

    def __call__(self, embeddings, has_negative):
        a, v, negative_a, negative_v = embeddings.unbind(1)
        push_a = (cosine_similarity(negative_a, v) - self.margin).clamp(min=0)
        push_v = (cosine_similarity(a, negative_v) - self.margin).clamp(min=0)
        pull = 1 - cosine_similarity(a, v)
        return pull + has_negative[:, 0] * push_a + has_negative[:, 1] * push_v
