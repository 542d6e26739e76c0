"""Work across processes: who we are, sums of gradients, features gathered with their gradient; tasks side by side."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import Tensor, nn
from torch import distributed as dist


def world() -> tuple[int, int]:
    """(our rank, number of processes); (0, 1) outside a process group.

    >>> world()
    (0, 1)
    """
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace each gradient by its mean over processes, in one flat all-reduce; a missing one counts as zero.

    A method's generator runs outside the forward of DDP's wrapper, which therefore cannot see its backward passes.
    """
    _, size = world()
    if size == 1:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= size
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        parameter.grad = laid_out(part.view_as(parameter).clone(), parameter)


def laid_out(gradient: Tensor, parameter: nn.Parameter) -> Tensor:
    """A gradient that lies in memory as its parameter does: fused optimisers go through both side by side.

    >>> kernel = nn.Parameter(torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last))
    >>> laid_out(torch.ones(2, 3, 4, 4), kernel).stride() == kernel.stride()
    True
    """
    return gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)


def share_buffers(module: nn.Module) -> None:
    """Give every process the first one's buffers (running statistics, pseudo-labels)."""
    if world()[1] > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)


def barrier() -> None:
    """Wait until all processes are here."""
    if world()[1] > 1:
        dist.barrier()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        _, size = world()
        parts = [torch.empty_like(x) for _ in range(size)]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        rank, size = world()
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        return total.chunk(size)[rank]


def gather(x: Tensor) -> Tensor:
    """The rows of all processes, [world * n, ...], in order of rank; gradients flow back to where the rows came from.

    For losses over a set of examples (CORAL, MMD, contrastive). Every process then computes the same loss, and
    `average_gradients` makes the step equal to that of one process with the whole batch.
    """
    if world()[1] == 1:
        return x
    gathered: Tensor = _Gather.apply(x)
    return gathered


def noise_like(x: Tensor) -> Tensor:
    """Standard normal noise of the shape of our rows, as one process would draw it for the whole batch.

    The first process draws for all; our share is every `world`-th row, as `Batches` deals out examples.

    >>> noise_like(torch.empty(2, 3)).shape
    torch.Size([2, 3])
    """
    rank, size = world()
    noise = torch.randn((size * len(x), *x.shape[1:]), dtype=x.dtype, device=x.device)
    if size > 1:
        dist.broadcast(noise, 0)
    return noise[rank::size]


def run_all(tasks: Sequence[Callable[[], object]], jobs: int) -> None:
    """Run tasks one after the other, or side by side in `jobs` processes, each on its share of the cores.

    Small convolutions use two cores better as two runs than as one run on two cores.

    Args:
        tasks: functions that can be pickled, as `functools.partial` of a function of a module.
        jobs: how many at once.
    """
    if jobs < 2 or len(tasks) < 2:
        for task in tasks:
            task()
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
