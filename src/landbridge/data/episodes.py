"""Episodes of few-shot learning: which classes one has; which examples, `Domain.draw` says."""

import torch

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain


def with_ways(domain: Domain, ways: int | None, seed: int) -> Domain:
    """A domain with some of its classes, drawn by seed: the same ones for whoever learns on them.

    Args:
        domain: where from.
        ways: how many classes; None keeps all.
        seed: of the episode.

    Raises:
        LandbridgeError: the domain has fewer classes.

    >>> from landbridge.data.domain import Examples
    >>> from landbridge.data.images import Arrays
    >>> toy = Domain("toy", ("a", "b", "c"), {"train": Examples(Arrays(torch.zeros(6, 1)), torch.arange(6) % 3)})
    >>> with_ways(toy, 2, 0).classes, with_ways(toy, 2, 1).classes, with_ways(toy, None, 0).classes
    (('a', 'c'), ('b', 'c'), ('a', 'b', 'c'))
    """
    if ways is None:
        return domain
    if not 2 <= ways <= len(domain.classes):
        raise LandbridgeError(
            f"--ways {ways}: {domain.name} has {len(domain.classes)} classes, and 2 at least are drawn"
        )
    generator = torch.Generator().manual_seed(seed_of(seed, "ways"))
    some = torch.randperm(len(domain.classes), generator=generator)[:ways].tolist()
    return domain.only([domain.classes[number] for number in some])
