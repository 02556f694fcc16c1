"""The feedforward network over word weights as a torch module (section 3.3)."""

from torch import nn

from ..nets._modules import Dropout, Linear


class TextNet(nn.Module):
    """Dropout, then dense layers with ReLU and dropout, then one output layer."""

    def __init__(self, *, n_features, hidden_units, n_outputs, dropout):
        super().__init__()
        layers = [Dropout(dropout)]
        width = n_features
        for units in hidden_units:
            layers += [Linear(width, units), nn.ReLU(), Dropout(dropout)]
            width = units
        self.hidden = nn.Sequential(*layers)
        self.head = Linear(width, n_outputs)

    def embed(self, x):
        """Word weights (n, n_features) to the last hidden layer (n, hidden_units[-1])."""
        return self.hidden(x)

    def forward(self, x):
        return self.head(self.embed(x))
