"""Splits for zero-shot learning: which classes are seen, and which examples train, validate and test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.core.registry import nearest, resolve
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import TEST_SHARE, hashed_test
from landbridge.data.groups import together
from landbridge.data.matching import match_classes


@dataclass(frozen=True, eq=False)
class ZeroShotSplit:
    """Class numbers and positions of one zero-shot split, after Xian et al. (TPAMI 2018, section 5.1).

    Positions count through the domain's `train`, then its `test`, as `Domain.unlabelled("all")` does: the training
    examples are all of `train`, those to test on all of `test`, whose labels stay sealed.

    Attributes:
        seen: classes with training examples, ascending, int64.
        unseen: classes without.
        train_classes: those of the seen that hyper-parameters are fitted on.
        validation_classes: the other seen ones, which stand in for unseen classes while hyper-parameters are chosen.
        trainval: training examples, of all seen classes.
        test_seen: examples of seen classes to test on.
        test_unseen: examples of unseen classes.
        train: training examples of `train_classes`.
        val: training examples of `validation_classes`.
        source: how it came about.
    """

    seen: Tensor
    unseen: Tensor
    train_classes: Tensor
    validation_classes: Tensor
    trainval: Tensor
    test_seen: Tensor
    test_unseen: Tensor
    train: Tensor
    val: Tensor
    source: str

    def __post_init__(self) -> None:
        for name in ("seen", "unseen", "train_classes", "validation_classes", "trainval", "test_unseen"):
            if not len(getattr(self, name)):
                raise BadDataError(f"a zero-shot split without {name.replace('_', ' ')} ({self.source}): name others")


def zero_shot(
    domain: Domain,
    root: Path | None = None,
    *,
    unseen: Sequence[str] = (),
    target: Domain | None = None,
    seed: int = 0,
) -> tuple[Domain, ZeroShotSplit]:
    """A domain laid out for zero-shot learning, and its split.

    A domain with a published split, or unseen classes of its own (`flowers102`, `xlsa17/*`, `shapes`,
    `emoji-animals/*`), has that one, unless unseen classes are named. Without either, a fifth of the classes is unseen,
    by a hash of their names.

    Args:
        domain: what to split.
        root: the data root, for published splits.
        unseen: names of classes to hold out.
        target: where to test, if not on the domain itself: another vendor, another style, with the same classes.
        seed: which examples of seen classes are held out where a domain has no `test`.

    Returns:
        The domain with `train` of seen classes alone and all to test on in `test`; and the split.

    Raises:
        UnknownNameError: a class to hold out that the domain lacks.
        BadDataError: too few classes are left on a side.

    >>> from landbridge.data.registry import load_domain
    >>> domain, split = zero_shot(load_domain("digits/handwritten"), unseen=["3", "7"])
    >>> split.unseen.tolist(), sorted(domain.labelled().y.unique().tolist())
    ([3, 7], [0, 1, 2, 4, 5, 6, 8, 9])
    """
    from landbridge.data.registry import entry_of

    entry = entry_of(domain.name)
    if entry is not None and not unseen:
        if entry.zero_shot:
            if target is not None or "?" in domain.name:
                raise BadDataError(
                    f"the published split of {domain.name.partition('?')[0]} is for all of it: name classes to hold out"
                )
            published: Callable[[Domain, Path | None], tuple[Domain, ZeroShotSplit]] = resolve(entry.zero_shot)
            return published(domain, root)
        if entry.unseen:
            own: Callable[[Path | None], Sequence[str]] = resolve(entry.unseen)
            unseen = [name for name in own(root) if name in domain.classes]
    return hold_out(domain, unseen or held_out_names(domain.classes), target=target, seed=seed)


def held_out_names(classes: Sequence[str], share: float = TEST_SHARE) -> list[str]:
    """A share of the classes by a hash of their names, the same everywhere and always."""
    return [name for name, yes in zip(classes, hashed_test(classes, share=share).tolist()) if yes]


def hold_out(
    domain: Domain, unseen: Sequence[str], *, target: Domain | None = None, seed: int = 0
) -> tuple[Domain, ZeroShotSplit]:
    """Hold some classes out: `train` lacks them, and `test` holds all their examples.

    Examples of seen classes are tested on where they are `test` already; in a domain without one, a fifth of each class
    is, drawn by the seed. With another domain to test on they are that domain's: its `test`, or all it has. A fifth of
    the seen classes, by a hash of their names and at least two, are for validation.

    Args:
        domain: what to split; one class an example.
        unseen: names of the classes to hold out.
        target: another domain with the same classes to test on.
        seed: which examples, where a draw is needed.
    """
    for name in unseen:
        if name not in domain.classes:
            raise UnknownNameError(f"{domain.name} has no class '{name}'{nearest(name, domain.classes)}")
    advice = "take a target with the same classes"
    where = match_classes(domain, domain if target is None else target, advice)
    away = torch.tensor([name in unseen for name in domain.classes])
    there = {split: examples for split, examples in where.splits.items() if split in ("train", "test")}
    if "train" not in domain.splits or not there:
        raise BadDataError(f"{domain.name} has nothing to train on, or {where.name} nothing to test on: take another")
    training, held = domain.splits["train"], there["test" if "test" in there else "train"]
    of_training, of_held = _classes(domain, training), _classes(where, held)
    keep, test_seen = ~away[of_training], ~away[of_held]
    if target is None and "test" not in there:
        drawn = _drawn(of_training, seed)
        keep, test_seen = keep & ~drawn, test_seen & drawn
    outside = [examples.pick(away[_classes(where, examples)].nonzero().flatten()) for examples in there.values()]
    seen_part = held.pick(test_seen.nonzero().flatten())
    test = _joined([seen_part, *outside])
    train = training.pick(keep.nonzero().flatten())
    name = domain.name if target is None else f"{domain.name} -> {target.name}"
    laid_out = replace(domain, name=name, splits={"train": train, "test": test}, groups=(), test_shots=None)
    seen = [name for name, yes in zip(domain.classes, away.tolist()) if not yes]
    validation = hashed_test(seen, share=max(TEST_SHARE, 2 / max(len(seen), 2)))
    if len(seen) - int(validation.sum()) < 2:
        raise BadDataError(f"{len(seen)} seen classes of {domain.name} are too few: keep at least four")
    numbers = (~away).nonzero().flatten()
    return laid_out, split_of(laid_out, len(seen_part), numbers[validation], "held out by name")


def split_of(domain: Domain, tested_seen: int, validation: Tensor, source: str) -> ZeroShotSplit:
    """The split of a domain that is laid out already: `train` of seen classes alone, all to test on in `test`.

    Args:
        domain: the domain.
        tested_seen: how many of `test` are of seen classes; they stand before all others, whose classes are unseen.
        validation: those of the seen classes that are for validation.
        source: how the split came about.

    Raises:
        BadDataError: a class is on a side where it must not be; the message names it.
    """
    trained, tested = (_classes(domain, domain.splits[split]) for split in ("train", "test"))
    seen, unseen = trained.unique(), tested[tested_seen:].unique()
    _refuse(domain, seen[torch.isin(seen, unseen)], source, "is unseen, but has training examples: a leak")
    untrained = tested[:tested_seen][~torch.isin(tested[:tested_seen], seen)]
    _refuse(domain, untrained, source, "is tested on as a seen one, but has no training examples: hold it out")
    _refuse(domain, validation[~torch.isin(validation, seen)], source, "is for validation, but not among the seen ones")
    position, of_validation = torch.arange(len(trained)), torch.isin(trained, validation)
    later = len(trained) + torch.arange(len(tested))
    return ZeroShotSplit(
        seen=seen,
        unseen=unseen,
        train_classes=seen[~torch.isin(seen, validation)],
        validation_classes=validation,
        trainval=position,
        test_seen=later[:tested_seen],
        test_unseen=later[tested_seen:],
        train=position[~of_validation],
        val=position[of_validation],
        source=source,
    )


def check_apart(path: Path, parts: Mapping[str, Tensor]) -> None:
    """Refuse a file in which an example is in two parts of a split, or twice in one.

    Raises:
        BadDataError: one is; the message names it.
    """
    every = torch.cat(list(parts.values()))
    numbers, counts = every.unique(return_counts=True)
    if (counts > 1).any():
        number = int(numbers[counts > 1][0])
        where = [name for name, positions in parts.items() if (positions == number).any()]
        raise BadDataError(f"{path}: image {number} stands twice, in {' and '.join(where)}: fetch the file anew")


def _refuse(domain: Domain, classes: Tensor, source: str, why: str) -> None:
    if len(classes):
        raise BadDataError(f"{domain.name} ({source}): class '{domain.classes[int(classes[0])]}' {why}")


def _classes(domain: Domain, examples: Examples) -> Tensor:
    if examples.y is None or examples.y.dim() != 1 or not domain.classes:
        raise BadDataError(f"{domain.name} has no labels of one class an example: zero-shot learning needs them")
    return examples.y


def _drawn(labels: Tensor, seed: int) -> Tensor:
    """A fifth of each class, at least one where a class has two, bool [N]."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    drawn = torch.zeros(len(labels), dtype=torch.bool)
    for number in labels.unique():
        members = order[labels[order] == number]
        drawn[members[: max(round(TEST_SHARE * len(members)), int(len(members) > 1))]] = True
    return drawn


def _joined(parts: Sequence[Examples]) -> Examples:
    labels = [part.y for part in parts if part.y is not None]
    return Examples(together([part.x for part in parts]), torch.cat(labels))
