"""Heads: small networks from features to answers."""

from collections.abc import Sequence

from torch import Tensor, nn


class Head(nn.Module):
    """Fully connected layers with ReLU between them, the last one linear.

    Args:
        width: width of the features that come in.
        hidden: widths of the hidden layers; none gives a linear head.
        outputs: how many numbers come out.
        dropout: share of hidden units dropped in training, in [0, 1).

    >>> import torch
    >>> head = Head(8, (6, 4), 3)
    >>> head(torch.zeros(2, 8)).shape, head.embed(torch.zeros(2, 8)).shape
    (torch.Size([2, 3]), torch.Size([2, 4]))
    """

    def __init__(self, width: int, hidden: Sequence[int], outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.width, self.hidden_widths, self.dropout = width, tuple(hidden), dropout
        layers: list[nn.Module] = []
        for before, after in zip((width, *hidden), hidden):
            layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear((width, *hidden)[-1], outputs)

    def embed(self, features: Tensor) -> Tensor:
        """Activations of the last hidden layer, [N, hidden[-1]]; the features themselves where there is none."""
        hidden: Tensor = self.hidden(features)
        return hidden

    def forward(self, features: Tensor) -> Tensor:
        """Features [N, width] to logits [N, outputs]."""
        logits: Tensor = self.output(self.hidden(features))
        return logits
