"""Domains by group: the recordings of one speaker, or those of everyone else."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays, Files, Inputs, Joined
from landbridge.data.masks import joined_labels


def only_group(domain: Domain, name: str) -> Domain:
    """The examples of one group, those of all splits together as `train`.

    There is no `test` then: `Domain.draw` tests on what it did not draw. Nothing is read.

    Args:
        domain: a domain whose groups have names.
        name: the group.

    Raises:
        UnknownNameError: the domain has no such group.
        BadDataError: its groups have no names.

    >>> x, y, group = torch.arange(6.0).view(6, 1), torch.arange(6) % 2, torch.tensor([0, 0, 1, 1, 1, 1])
    >>> splits = {"train": Examples(Arrays(x), y, group), "test": Examples(Arrays(x + 6), y, group)}
    >>> said = Domain("said", ("no", "yes"), splits, groups=("ann", "bob"), group_kind="speaker")
    >>> only_group(said, "ann").labelled().read().flatten().tolist()
    [0.0, 1.0, 6.0, 7.0]
    >>> only_group(said, "bop")
    Traceback (most recent call last):
    landbridge.core.errors.UnknownNameError: said has no speaker 'bop'; did you mean 'bob'?
    """
    number = _number(domain, name)
    parts = [examples.pick(_members(examples, number).nonzero().flatten()) for examples in domain.splits.values()]
    y = joined_labels([part.y for part in parts])
    return replace(domain, splits={"train": Examples(together([part.x for part in parts]), y)}, groups=())


def without_group(domain: Domain, name: str) -> Domain:
    """The domain without one of its groups; splits stay, and group numbers follow.

    A split that held nothing else is gone.

    Args:
        domain: a domain whose groups have names.
        name: the group.

    Raises:
        UnknownNameError: the domain has no such group.
        BadDataError: its groups have no names, or no training example is left.

    >>> x, group = torch.arange(4.0).view(4, 1), torch.tensor([0, 1, 2, 1])
    >>> said = Domain("said", (), {"train": Examples(Arrays(x), None, group)}, groups=("ann", "bob", "cy"))
    >>> rest = without_group(said, "ann")
    >>> rest.groups, rest.splits["train"].group.tolist()
    (('bob', 'cy'), [0, 1, 0])
    """
    number, splits = _number(domain, name), {}
    for split, examples in domain.splits.items():
        part = examples.pick((~_members(examples, number)).nonzero().flatten())
        if len(part):
            assert part.group is not None
            splits[split] = replace(part, group=part.group - (part.group > number).long())
    if "train" not in splits:
        raise BadDataError(f"without the {domain.group_kind} '{name}' no training example of {domain.name} is left")
    return replace(domain, splits=splits, groups=tuple(other for other in domain.groups if other != name))


def _number(domain: Domain, name: str) -> int:
    if not domain.groups:
        raise BadDataError(f"the examples of {domain.name} belong to no {domain.group_kind} with a name")
    if name not in domain.groups:
        known = f"; it has: {', '.join(domain.groups[:10])}{', ...' * (len(domain.groups) > 10)}"
        hint = nearest(name, domain.groups) or known
        raise UnknownNameError(f"{domain.name} has no {domain.group_kind} '{name}'{hint}")
    return domain.groups.index(name)


def _members(examples: Examples, number: int) -> Tensor:
    assert examples.group is not None, "groups have names only where examples have groups"
    return examples.group == number


def together(parts: Sequence[Inputs]) -> Inputs:
    """Several inputs as one of their kind, so that examples can still be picked from it; nothing is read."""
    first = parts[0]
    if any(isinstance(part, Joined) for part in parts):
        return Joined(parts)
    if isinstance(first, Files):
        return first.of([path for part in parts if isinstance(part, Files) for path in part.paths])
    arrays = [part for part in parts if isinstance(part, Arrays)]
    return Arrays(lambda: torch.cat([part.values for part in arrays]), sum(len(part) for part in arrays))
