"""The fusion layer as a torch module (section 4)."""

import torch
from torch import nn

from ..nets._layers import Dropout, Linear


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
        there = torch.zeros((len(x), self.n_blocks), device=x.device)
        there.index_add_(1, block_of_column, (x != 0).to(x.dtype))
        there = there > 0
        draws = torch.rand(there.shape, generator=self.generator, device=x.device)
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
        return self.drop(x)

    def forward(self, x):
        return self.head(self.embed(x))
