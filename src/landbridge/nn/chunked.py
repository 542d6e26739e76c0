"""Encoders that see a batch far larger than what their activations leave room for."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from landbridge.nn.batch_norm import running_statistics_kept


def chunked(encoder: Callable[[Tensor], Tensor], x: Tensor, size: int, network: nn.Module | None = None) -> Tensor:
    """The encoder's output for a large batch, with the memory of a small one.

    The batch passes through in chunks that keep only their inputs and outputs; the gradient computes each chunk anew.
    A loss over all outputs together (`info_nce`) so has the gradient of the whole batch (Gao et al., RepL4NLP
    2021), for one more forward pass. Dropout repeats its draws. BatchNorm in training normalises by the chunk,
    as it does where one step is split over processes, and counts it once in its running statistics.

    Args:
        encoder: from [n, ...] to [n, D]; a module, or a function of one.
        x: the batch [N, ...].
        size: examples in a chunk, >= 1.
        network: the module whose running statistics the encoder moves, where the encoder is a function.

    Returns:
        The outputs [N, D].

    Raises:
        ValueError: a size below 1.

    >>> encoder = nn.Linear(3, 2)
    >>> chunked(encoder, torch.zeros(5, 3), size=2).shape
    torch.Size([5, 2])
    """
    if size < 1:
        raise ValueError(f"a chunk has at least 1 example, not {size}")
    if len(x) <= size or not torch.is_grad_enabled():
        parts = [encoder(part) for part in x.split(size)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    moved = encoder if isinstance(encoder, nn.Module) else network

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), nullcontext() if moved is None else running_statistics_kept(moved)

    outputs: list[Tensor] = [
        checkpoint(encoder, part, use_reentrant=False, context_fn=contexts) for part in x.split(size)
    ]
    return torch.cat(outputs)
