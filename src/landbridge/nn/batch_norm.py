"""BatchNorm where two domains pass through one network."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def normalising_by_batch(network: nn.Module) -> Iterator[None]:
    """Inside, BatchNorm normalises by the batch and gathers running statistics; all else stays in its mode.

    >>> import torch
    >>> network = nn.Sequential(nn.BatchNorm1d(1), nn.Dropout(0.5)).eval()
    >>> with normalising_by_batch(network):
    ...     network(torch.tensor([[1.0], [3.0]]))[1].item(), network[1].training
    (0.9999..., False)
    >>> network[0].training, network[0].running_mean
    (False, tensor([0.2000]))
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    modes = [norm.training for norm in norms]
    for norm in norms:
        norm.train()
    try:
        yield
    finally:
        for norm, mode in zip(norms, modes):
            norm.train(mode)


@contextmanager
def running_statistics_kept(network: nn.Module) -> Iterator[None]:
    """Inside, BatchNorm normalises by the batch as ever, but its running statistics stay as they are.

    >>> import torch
    >>> norm = nn.BatchNorm1d(1)
    >>> with running_statistics_kept(norm):
    ...     _ = norm(torch.tensor([[1.0], [3.0]]))
    >>> norm.running_mean
    tensor([0.])
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
