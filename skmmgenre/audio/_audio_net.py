"""The convolutional networks of the paper as torch modules (sections 3.1, 6.2 and 7.3.1)."""

import torch
from torch import nn

from ..nets._modules import Dropout, Linear, Standardize


class WideConv2d(nn.Conv2d):
    """First layer, with filters that span most of the bins.

    The bins that a filter sees at each of its positions become channels, so that the convolution
    only runs over time. The sums are the same, but the shape is faster to compute (a 4x70 layer
    trains twice as fast as with a convolution over a map of one channel).

    Parameters
    ----------
    filters : int
    kernel : tuple of (bins, frames)
    n_places : int
        Number of positions that are computed, counted from the lowest bin.
    """

    def __init__(self, filters, kernel, n_places):
        bins, frames = kernel
        # A filter with a single position is stored with its bins as channels.
        shape = (bins, filters, (1, frames)) if n_places == 1 else (1, filters, kernel)
        super().__init__(*shape)
        self.bins, self.n_places = bins, n_places

    def forward(self, x):
        """Map patches (n, 1, bins, frames) to maps (n, filters, positions, frames)."""
        kind = x.device.type
        if torch.is_autocast_enabled(kind):  # cast before the bins are copied
            x = x.to(torch.get_autocast_dtype(kind))
        n, _, _, n_frames = x.shape
        # (n, frames, positions, bins). Then each position is a row of the batch, its bins last.
        windows = x[:, 0].mT.contiguous().unfold(2, self.bins, 1)[:, :, : self.n_places]
        windows = windows.transpose(1, 2).reshape(n * self.n_places, 1, n_frames, self.bins)
        weight = self.weight.reshape(self.out_channels, self.bins, 1, -1)
        # Bins are the channels and last in memory: the channels-last format, which is the fastest.
        maps = nn.functional.conv2d(windows.permute(0, 3, 1, 2), weight, self.bias)
        maps = maps.permute(0, 2, 3, 1).reshape(n, self.n_places, -1, self.out_channels)
        return maps.permute(0, 3, 1, 2)


class AudioNet(nn.Module):
    """Blocks of convolution, max pooling, ReLU and dropout, then one output layer.

    Parameters
    ----------
    layers : list of (filters, kernel, pool)
        Kernel and pool as (time, frequency); pool may be None.
    n_bins, n_features, n_outputs : int
    standardize_shape : tuple of int
    dropout : float

    Notes
    -----
    In the paper, ReLU comes before pooling. The result is the same in either order, and after
    pooling there are fewer values to compute and store.
    """

    def __init__(self, *, layers, n_bins, n_features, n_outputs, standardize_shape, dropout):
        super().__init__()
        self.standardize = Standardize(tuple(standardize_shape))
        blocks, channels = [], 1
        # Kernels and pools are (time, frequency), as in the paper; maps are (bins, frames).
        for number, (filters, (time, frequency), pool) in enumerate(layers):
            if number == 0 and frequency > n_bins / 2:
                n_places = n_bins - frequency + 1
                if pool is not None:  # skip positions that the pooling drops
                    n_places -= n_places % pool[1]
                blocks.append(WideConv2d(filters, (frequency, time), n_places))
            else:
                blocks.append(nn.Conv2d(channels, filters, (frequency, time)))
            if pool is not None:
                blocks.append(nn.MaxPool2d((pool[1], pool[0])))
            blocks += [nn.ReLU(), Dropout(dropout)]
            channels = filters
        self.blocks = nn.Sequential(*blocks)
        self.head = Linear(n_features, n_outputs)

    def embed(self, x):
        """Map patches (n, bins, frames) to the flattened last block, (n, n_features)."""
        return self.blocks(self.standardize(x).unsqueeze(1)).flatten(1)

    def forward(self, x):
        return self.head(self.embed(x))
