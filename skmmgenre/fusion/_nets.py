"""The fusion layer (section 4) and the multimodal feature space (section 3.4) as torch modules.

A file of its own keeps torch out of the import of the estimators.
"""

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from ..nets._modules import Dropout, Linear


class BlockDropout(nn.Module):
    """Set whole blocks of a row to zero in training, never all that it has."""

    generator = None

    def __init__(self, p, block_of_column):
        super().__init__()
        self.p = p
        self.n_blocks = max(block_of_column) + 1
        self.block_of_column = list(block_of_column)

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        block_of_column = torch.tensor(self.block_of_column, device=x.device)
        there = torch.zeros((len(x), self.n_blocks), dtype=x.dtype, device=x.device)
        there.index_add_(1, block_of_column, (x != 0).to(x.dtype))
        there = there > 0
        draws = torch.rand(
            there.shape, generator=self.generator, dtype=torch.float32, device=x.device
        )
        kept = (draws >= self.p) & there
        # Where all were dropped, the block with the largest draw stays.
        spared = torch.where(there, draws, -1).argmax(dim=1)
        kept[torch.arange(len(x), device=x.device), spared] |= ~kept.any(dim=1)
        return x * kept[:, block_of_column]


class FusionNet(nn.Module):
    """Block dropout, dropout, one output layer."""

    def __init__(self, *, block_of_column, n_outputs, dropout, modality_dropout):
        super().__init__()
        self.drop = nn.Sequential(BlockDropout(modality_dropout, block_of_column), Dropout(dropout))
        self.head = Linear(len(block_of_column), n_outputs)

    def embed(self, x):
        # Dense here, so that a sparse batch draws and learns bit for bit what a dense one does.
        return self.drop(x.to_dense() if x.is_sparse else x)

    def forward(self, x):
        return self.head(self.embed(x))


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
