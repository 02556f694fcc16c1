"""The convolutional networks of the paper as torch modules (sections 3.1, 6.2 and 7.3.1)."""

from torch import nn

from ..nets._modules import Dropout, Linear, Standardize


class AudioNet(nn.Module):
    """Blocks of convolution, ReLU, max pooling and dropout, then one output layer.

    Parameters
    ----------
    layers : list of (filters, kernel, pool)
        Kernel and pool as (time, frequency); pool may be None.
    n_bins, n_features, n_outputs : int
    standardize_shape : tuple of int
    dropout : float

    Notes
    -----
    A first kernel that spans all bins makes the bins channels: the same sums, on a shape that
    processors like better. Time is the last axis of every map for the same reason.
    """

    def __init__(self, *, layers, n_bins, n_features, n_outputs, standardize_shape, dropout):
        super().__init__()
        self.standardize = Standardize(tuple(standardize_shape))
        self.bins_as_channels = layers[0][1][1] == n_bins
        channels = n_bins if self.bins_as_channels else 1
        blocks = []
        for filters, (time, frequency), pool in layers:
            width = 1 if self.bins_as_channels else frequency
            blocks += [nn.Conv2d(channels, filters, (width, time)), nn.ReLU()]
            if pool is not None:
                blocks.append(nn.MaxPool2d((pool[1], pool[0])))
            blocks.append(Dropout(dropout))
            channels = filters
        self.blocks = nn.Sequential(*blocks)
        self.head = Linear(n_features, n_outputs)

    def embed(self, x):
        """Patches of shape (n, bins, frames) to the flattened last block, (n, n_features)."""
        x = self.standardize(x)
        x = x.unsqueeze(2 if self.bins_as_channels else 1)
        return self.blocks(x).flatten(1)

    def forward(self, x):
        return self.head(self.embed(x))
