"""A domain as a task: which of its labels are asked for, and how many of them are shown."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.registry import nearest
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.registry import load_domain

LABELS = ("class", "group", "number")
"""What may be asked of an example: its class (or its several labels), its group, or a number."""


class Asked(NamedTuple):
    """A task as a user writes it: `[NAME=]DOMAIN[:LABEL]`."""

    name: str
    domain: str
    label: str

    @classmethod
    def parse(cls, text: str) -> "Asked":
        """Take a task apart.

        Raises:
            LandbridgeError: no domain, or a name with other signs than letters, digits, `-` and `_`.

        >>> Asked.parse("speaker=fsdd:group"), Asked.parse("pacs/all")
        (Asked(name='speaker', domain='fsdd', label='group'), Asked(name='pacs-all', domain='pacs/all', label='class'))
        """
        name, equals, rest = text.partition("=")
        if not equals or "?" in name or "/" in name:  # `pacs/photo?without=dog` has no name
            name, rest = "", text
        domain, _, label = rest.rpartition(":")
        if not domain or "/" in label or "\\" in label:
            domain, label = rest, "class"
        if label not in LABELS:
            hint = nearest(label, LABELS) or f"; say {', '.join(LABELS)}"
            raise LandbridgeError(f"task '{text}': unknown label '{label}'{hint}")
        name = name or "-".join("".join(c if c.isalnum() else " " for c in domain.partition("?")[0]).split())
        if not domain or not name.replace("-", "").replace("_", "").isalnum():
            raise LandbridgeError(f"task '{text}': write NAME=DOMAIN[:LABEL], the name of letters, digits, - and _")
        return cls(name, domain, label)


def task_domain(asked: Asked, root: str | Path | None = None) -> Domain:
    """The domain of a task, its labels those that the task asks for.

    `group` makes classes of the groups of a domain (the speaker of a recording); then no group is kept, so that any
    speaker may be on both sides of a split. `number` are numbers to predict: `y` of one's own `.npz` as it is, or the
    names of classes where those are numbers.

    Args:
        asked: the task.
        root: the folder of the data sets.

    Raises:
        BadDataError: the domain has no such labels.
    """
    if asked.label == "number" and asked.domain.endswith(".npz") and Path(asked.domain).expanduser().exists():
        from landbridge.data.own_arrays import read_npz

        names, splits = read_npz(Path(asked.domain).expanduser(), numbers=True)
        return Domain(asked.domain, names, splits)
    domain = load_domain(asked.domain, root)
    if asked.label == "group":
        domain = _by_group(domain)
    elif asked.label == "number":
        domain = _by_number(domain)
    for split, examples in domain.splits.items():
        if examples.y is None:
            raise BadDataError(f"task '{asked.name}': {domain.name} ({split}) has no labels")
    return domain


def _by_group(domain: Domain) -> Domain:
    every = [examples.group for examples in domain.splits.values()]
    groups = [group for group in every if group is not None]
    if len(groups) < len(every):
        raise BadDataError(f"{domain.name} has no groups to make classes of: leave out ':group'")
    names = domain.groups or tuple(str(number) for number in range(int(torch.cat(groups).max()) + 1))
    splits = {split: Examples(examples.x, examples.group) for split, examples in domain.splits.items()}
    return replace(domain, name=f"{domain.name}:group", classes=names, splits=splits, groups=(), headline="accuracy")


def _by_number(domain: Domain) -> Domain:
    if domain.multi_label:
        raise BadDataError(f"an example of {domain.name} may have several labels: leave out ':number'")
    try:
        values = torch.tensor([float(name) for name in domain.classes])
    except ValueError:
        raise BadDataError(f"the classes of {domain.name} are not numbers: leave out ':number'") from None
    splits = {
        split: replace(examples, y=None if examples.y is None else values[examples.y][:, None])
        for split, examples in domain.splits.items()
    }
    return replace(domain, name=f"{domain.name}:number", classes=("number",), splits=splits)


def draw(domain: Domain, shots: int | None, seed: int) -> tuple[View, View]:
    """The examples of a task whose labels are shown, and those to test on, sealed; see `Domain.draw`.

    Where an example has no single class, `shots` counts examples in all.

    Raises:
        BadDataError: there are fewer, or none would be left to test on.
    """
    if shots is None or not domain.multi_label:
        return domain.draw(shots, seed)
    whole = domain.labelled()
    if not 1 <= shots < len(whole) + ("test" in domain.splits):
        raise BadDataError(f"{shots} labelled examples asked for, but {domain.name} has {len(whole)} to train on")
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    taken, left = order[:shots].sort().values, order[shots:].sort().values
    rest = domain.unlabelled("test") if "test" in domain.splits else domain.unlabelled().subset(left)
    return whole.subset(taken), rest
