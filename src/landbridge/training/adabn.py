"""Statistics of BatchNorm from another domain: the step that several methods share."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import View
from landbridge.nn.layers import evaluating
from landbridge.nn.preprocessing import Preprocessing


def batch_norms(network: nn.Module, name: str) -> list[_BatchNorm]:
    """The BatchNorm layers of a network, for methods that do nothing without them.

    Args:
        network: the network.
        name: what a message calls it.

    Raises:
        LandbridgeError: there are none.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        raise LandbridgeError(
            f"backbone '{name}' has no BatchNorm, through which this method adapts: name one that has "
            "(--backbone 'ganin-mnist?batch_norm=true', timm/resnet50), or take another method"
        )
    return norms


def estimate_statistics(network: nn.Module, view: View, preprocessing: Preprocessing, batch_size: int = 128) -> None:
    """Replace the running statistics of every BatchNorm by those of the examples of a view, in one pass.

    Mean and variance of each channel over all the examples, kept up to date from batch to batch (Li et al., 2018,
    section 3.3). The paper takes one layer after the other; in one pass, the layers below normalise by the batch at
    hand, not yet by the whole domain. Batches are drawn at random and of about one size, so that none is of one class.

    Args:
        network: changed in place; weights, and the modes of its parts, stay as they are. Dropout is off.
        view: unlabelled examples, at least 2.
        preprocessing: what the network wants.
        batch_size: examples a forward pass, at least 2.

    Raises:
        BadDataError: a single example has no variance.
    """
    count = len(view)
    if count < 2:
        raise BadDataError(f"{view.domain} ({view.split}) has {count} example: statistics need at least 2")
    seen = {module: _Seen() for module in network.modules() if isinstance(module, _BatchNorm)}
    device = next(network.parameters()).device
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    with evaluating(network):
        hooks = [norm.train().register_forward_pre_hook(statistics) for norm, statistics in seen.items()]
        try:
            for positions in order.tensor_split(max(1, count // batch_size)):
                network(preprocessing(view.read(positions, preprocessing.size)).to(device))
        finally:
            for hook in hooks:
                hook.remove()
        for norm, statistics in seen.items():
            if norm.running_mean is not None and norm.running_var is not None and statistics.count:
                norm.running_mean.copy_(statistics.mean)
                norm.running_var.copy_(statistics.variance)


class _Seen:
    """Mean and variance by channel of all that came into a layer, batch by batch.

    Two sets of n and m values with means a, b and sums of squared deviations S, T make one with the sum
    S + T + (a - b)^2 n m / (n + m) (Chan, Golub and LeVeque, 1983, eq. 1.5), which loses no figures.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean, self.squares = torch.zeros(()), torch.zeros(())

    def __call__(self, norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Take in a batch [n, C, ...]."""
        x: Tensor = inputs[0]
        count = x.numel() // x.shape[1]
        variance, mean = torch.var_mean(x, [axis for axis in range(x.dim()) if axis != 1], correction=0)
        step, total = mean - self.mean.to(mean), self.count + count
        self.squares = self.squares.to(mean) + count * variance + step.square() * (self.count * count / total)
        self.mean = self.mean.to(mean) + step * (count / total)
        self.count = total

    @property
    def variance(self) -> Tensor:
        """As BatchNorm keeps it: without bias."""
        return self.squares / max(1, self.count - 1)
