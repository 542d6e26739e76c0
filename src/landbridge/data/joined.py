"""Several domains as one: the sources of a method that learns from more than one."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples, _joined
from landbridge.data.groups import together
from landbridge.data.images import ImageFiles
from landbridge.data.matching import match_classes

_ADVICE = "join domains with the same classes; ?classes= behind a name keeps some of them"


def join(domains: Sequence[Domain]) -> Domain:
    """Domains with the same classes as one domain `A+B`, in which the group of an example is its domain.

    Splits are joined one by one, from those that have them. The network usually trained on it, and its headline metric,
    are the first one's. What a cut must not part (a speaker, a track) stays together; a domain does not.

    Args:
        domains: the parts, classes in any order.

    Raises:
        BadDataError: their classes differ, one is named twice, or only some have labels.

    >>> from landbridge.data.images import Arrays
    >>> one, two = (Examples(Arrays(torch.zeros(n, 2)), torch.zeros(n, dtype=torch.int64)) for n in (2, 3))
    >>> both = join([Domain("one", ("cat",), {"train": one}), Domain("two", ("cat",), {"train": two, "test": two})])
    >>> both.name, both.groups, both.splits["train"].group, len(both.splits["test"])
    ('one+two', ('one', 'two'), tensor([0, 0, 1, 1, 1]), 3)
    """
    first, names = domains[0], [domain.name for domain in domains]
    for name in names:
        if names.count(name) > 1:
            raise BadDataError(f"{name} is joined with itself: name each domain once")
    if len({bool(domain.classes) for domain in domains}) > 1:
        raise BadDataError(f"some of {', '.join(names)} have labels and others not: join what is alike")
    splits: dict[str, list[Examples]] = {}
    free = 0
    for number, domain in enumerate(domains):
        start = free
        for split, examples in match_classes(first, domain, _ADVICE, dense=True).splits.items():
            own = examples.group if examples.bundle is None else examples.bundle
            bundle = torch.arange(free, free + len(examples)) if own is None else start + own
            free = max(free, int(bundle.max()) + 1) if len(bundle) else free
            group = torch.full((len(examples),), number)
            splits.setdefault(split, []).append(replace(examples, group=group, bundle=bundle))
    return replace(
        first,
        name="+".join(names),
        splits={split: _together(parts) for split, parts in splits.items()},
        note="; ".join(f"{domain.name}: {domain.note}" for domain in domains if domain.note),
        skipped=tuple(name for domain in domains for name in domain.skipped),
        groups=tuple(names),
        group_kind="domain",
    )


def _together(parts: Sequence[Examples]) -> Examples:
    """Several sets of examples as one; files of images stay files of images."""
    joined, inputs = _joined(parts), [part.x for part in parts]
    return replace(joined, x=together(inputs)) if all(isinstance(x, ImageFiles) for x in inputs) else joined
