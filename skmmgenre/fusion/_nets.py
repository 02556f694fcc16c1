"""The fusion layer (section 4) and the multimodal feature space (section 3.4) as torch modules.

They are in a separate module so that importing the estimators does not import torch.
"""

import torch
from torch import nn
from torch.nn.functional import cosine_similarity, normalize

from ..nets._modules import Dropout, Linear, Standardize


class BlockDropout(nn.Module):
    """Set whole blocks of a row to zero in training, but never all of its blocks."""

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
        # A missing block was replaced by zeros, so a block is there if any of its columns is not 0.
        there.index_add_(1, block_of_column, (x != 0).to(x.dtype))
        there = there > 0
        draws = torch.rand(
            there.shape, generator=self.generator, dtype=torch.float32, device=x.device
        )
        kept = (draws >= self.p) & there
        # If all blocks were dropped, keep the one with the largest draw.
        spared = torch.where(there, draws, -1).argmax(dim=1)
        kept[torch.arange(len(x), device=x.device), spared] |= ~kept.any(dim=1)
        # Not scaled up as in dropout, because a dropped block must look like a missing one.
        return x * kept[:, block_of_column]


class FusionNet(nn.Module):
    """Block dropout, dropout, one output layer."""

    def __init__(self, *, block_of_column, n_outputs, dropout, modality_dropout):
        super().__init__()
        self.drop = nn.Sequential(BlockDropout(modality_dropout, block_of_column), Dropout(dropout))
        self.head = Linear(len(block_of_column), n_outputs)

    def embed(self, x):
        # Made dense, so that a sparse batch gives the same results bit for bit as a dense one.
        return self.drop(x.to_dense() if x.is_sparse else x)

    def forward(self, x):
        return self.head(self.embed(x))


class JointNet(nn.Module):
    """Two layers per view with tanh in between: e(x) = W2 tanh(W1 x).

    An input row contains both views of an item, followed by its two negatives with
    ``preset="paper"``; an output row contains their embeddings, shape (2 or 4, n_components). If
    `standardized`, the columns of a view are scaled to mean 0 and deviation 1 before dropout.
    """

    def __init__(self, *, widths, hidden_units, n_components, standardized=False, dropout=0.0):
        super().__init__()
        self.widths = list(widths)
        self.first, self.second = (
            nn.Sequential(
                *([Standardize((width,))] if standardized else []),
                *([Dropout(dropout)] if dropout else []),
                Linear(width, hidden_units),
                nn.Tanh(),
                Linear(hidden_units, n_components),
            )
            for width in widths
        )

    def forward(self, x):
        # 1, or 2 if the row has negatives.
        n_items = x.shape[1] // sum(self.widths)
        parts = x.split(self.widths * n_items, dim=1)
        networks = [self.first, self.second] * n_items
        return torch.stack(
            [network(part) for network, part in zip(networks, parts, strict=True)], 1
        )


class MarginLoss:
    """L = 1 - cos(a, v) + max(0, cos(r_a, v) - m) + max(0, cos(a, r_v) - m) of each row.

    The negatives r of a row are part of its embeddings; its truth says whether it has them. An
    uninformative space has a loss of 1 - m, and no space has a smaller one if an item's other view
    is never more than twice as likely as by chance: the two push terms then cost at least as much
    as the pull term gains.
    """

    def __init__(self, margin):
        self.margin = margin

    def __call__(self, embeddings, has_negative):
        a, v, negative_a, negative_v = embeddings.unbind(1)
        push_a = (cosine_similarity(negative_a, v) - self.margin).clamp(min=0)
        push_v = (cosine_similarity(a, negative_v) - self.margin).clamp(min=0)
        pull = 1 - cosine_similarity(a, v)
        return pull + has_negative[:, 0] * push_a + has_negative[:, 1] * push_v


class RankingLoss:
    """L = max(0, 1 - m + cos(a, r) - cos(a, v)) of each row.

    The mean over all negatives r in the batch, those of a and those of v. These are the terms of
    `MarginLoss`, clipped together, so that moving all items closer to each other does not decrease
    the loss: an uninformative space has a loss of at least 1 - m. The truth of a row is the codes
    of its two vectors, which are the same for equal vectors; equal vectors are not negatives
    (tracks of one album share a cover).
    """

    def __init__(self, margin):
        self.margin = margin

    def __call__(self, embeddings, codes):
        a, v = normalize(embeddings, dim=2).unbind(1)
        similarity = a @ v.T
        own = similarity.diagonal()[:, None]
        losses, counts = 0, 0
        # Row i of `asked` has the similarities of a_i to every v, then those of v_i to every a.
        for asked, found in ((similarity, codes[:, 1]), (similarity.T, codes[:, 0])):
            others = found[:, None] != found
            push = (1 - self.margin + asked - own).clamp(min=0)
            losses = losses + (push * others).sum(dim=1)
            counts = counts + others.sum(dim=1)
        # A row without negatives in its batch has a loss of 0.
        return losses / counts.clamp(min=1)
