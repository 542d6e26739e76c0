"""Domains: named distributions of examples, whose labels are seen only where they were openly given."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, SealedLabelsError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.images import Files, Inputs, Joined, Size
from landbridge.data.label_maps import VOID, Colour
from landbridge.data.masks import FileMasks, Labels, Masks, joined_labels


@dataclass(frozen=True, eq=False)
class Examples:
    """The examples of one split, labels and all. Methods never see this; they see a `View`.

    Attributes:
        x: the inputs.
        y: class numbers, int64 [N]; or, where an example may have several labels, 1 (yes), -1 (no) or 0 (not to be
            judged) for each class, int64 [N, classes]; or numbers to predict, float32 [N, K]; or the class of each
            pixel, `Masks`; None where nobody knows them.
        group: which track, speaker or sequence each example belongs to, int64 [N]; None where each stands alone.
        bundle: which examples a cut must not part, int64 [N]; None where that is the group.
    """

    x: Inputs
    y: Labels | None = None
    group: Tensor | None = None
    bundle: Tensor | None = None

    def __post_init__(self) -> None:
        for name in ("y", "group", "bundle"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.x):
                raise BadDataError(f"{len(self.x)} inputs but {len(values)} values of '{name}'")

    def __len__(self) -> int:
        return len(self.x)

    def pick(self, positions: Tensor) -> "Examples":
        """The examples at `positions` of this split; nothing is read."""
        return self.read_as(self.x.pick(positions), positions)

    def read_as(self, x: Inputs, positions: Tensor) -> "Examples":
        """The examples at `positions`, whose inputs are now `x`."""
        known = (None if values is None else values[positions] for values in (self.y, self.group, self.bundle))
        return Examples(x, *known)


class View:
    """What training, selection and evaluation receive: examples of a domain, their labels shown or sealed.

    Attributes:
        domain: the name of the domain.
        split: the split that the examples come from.
        classes: the names of the classes; empty where they are unknown.
        index: positions of the examples in their split, int64 [n].
        group: groups of the examples, int64 [n], or None.
        shown: whether `y` may be read.
    """

    def __init__(
        self, domain: str, split: str, classes: Sequence[str], examples: Examples, index: Tensor, *, shown: bool
    ) -> None:
        self.domain, self.split, self.classes, self.index, self.shown = domain, split, tuple(classes), index, shown
        self.group = None if examples.group is None else examples.group[index]
        self._examples = examples

    def __len__(self) -> int:
        return len(self.index)

    @property
    def y(self) -> Labels:
        """Class numbers of the examples, int64 [n], several labels each, [n, classes], or `Masks`; see `Examples`.

        Raises:
            SealedLabelsError: these labels were not given.
        """
        if not self.shown:
            raise SealedLabelsError(
                f"the labels of {self.domain} ({self.split}) are sealed: training and selection must do without them"
            )
        return self._labels()

    @property
    def bundle(self) -> Tensor:
        """What a cut must not part, int64 [n]: examples with one number, or each with its own."""
        bundles = self._examples.group if self._examples.bundle is None else self._examples.bundle
        return self.index if bundles is None else bundles[self.index]

    @property
    def x(self) -> Inputs:
        """All inputs of the split; `read` gives those of this view."""
        return self._examples.x

    def read(self, positions: Tensor | None = None, size: Size | None = None) -> Tensor:
        """The inputs at `positions` of this view (all by default), as `Inputs.read` returns them."""
        return self._examples.x.read(self.index if positions is None else self.index[positions], size)

    def subset(self, positions: Tensor) -> "View":
        """The examples at `positions` of this view, shown or sealed as before."""
        return View(self.domain, self.split, self.classes, self._examples, self.index[positions], shown=self.shown)

    def cut(self, fraction: float, seed: int) -> tuple["View", "View"]:
        """In two at random: (the rest, about `fraction` of the examples), whole bundles at a time."""
        generator = torch.Generator().manual_seed(seed)
        names, member = self.bundle.unique(return_inverse=True)
        order = torch.randperm(len(names), generator=generator)
        held = torch.zeros(len(names), dtype=torch.bool)
        held[order[: max(1, round(fraction * len(names)))]] = True
        return self.subset((~held[member]).nonzero().flatten()), self.subset(held[member].nonzero().flatten())

    @property
    def has_labels(self) -> bool:
        """Whether labels exist at all, shown or sealed."""
        return self._examples.y is not None

    @property
    def dense(self) -> bool:
        """Whether the labels, shown or sealed, are masks."""
        return isinstance(self._examples.y, Masks)

    def _labels(self) -> Labels:
        if self._examples.y is None:
            raise BadDataError(f"{self.domain} ({self.split}) has no labels")
        return self._examples.y[self.index]


def unseal(view: View) -> Labels | None:
    """The labels of a view whatever its seal, or None where there are none. For `landbridge.evaluation` alone.

    A test of the architecture holds that no other folder imports this function.
    """
    return view._labels() if view.has_labels else None


@dataclass(frozen=True, eq=False)
class Domain:
    """A distribution of examples with a name.

    Attributes:
        name: the name, as in the registry, or the path of one's own data.
        classes: names of the classes, in the order of the class numbers; empty where nobody knows them.
        splits: `train` and `test`, read when first needed.
        backbone: the network usually trained on it.
        headline: the metric its field reports: `accuracy`, `mean_class_accuracy`, `mean_average_precision`, or `miou`.
        note: what a reader of numbers must know ("a cut of ...").
        skipped: files that could not be read, with a reason.
        test_shots: where there is no `test` split, how many examples a class `draw` tests on at most; None for all.
        groups: names of the groups by number, where they have names; see `landbridge.data.groups`.
        group_kind: what a group is (`speaker`), for messages and tables.
        colours: class -> the colour it is painted in, where the set says so.

    >>> from landbridge.data.images import Arrays
    >>> x, y = torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 0, 1])
    >>> toy = Domain("toy", ("cat", "dog"), {"train": Examples(Arrays(x), y), "test": Examples(Arrays(x), y)})
    >>> toy.labelled().y.tolist()
    [0, 1, 0, 1]
    >>> toy.unlabelled().y
    Traceback (most recent call last):
    landbridge.core.errors.SealedLabelsError: the labels of toy (train) are sealed: ...
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Examples]
    backbone: str = "torchvision/resnet18"
    headline: str = "accuracy"
    note: str = ""
    skipped: tuple[str, ...] = field(default=())
    test_shots: int | None = None
    groups: tuple[str, ...] = ()
    group_kind: str = "group"
    colours: Mapping[str, Colour] = field(default_factory=dict)

    @property
    def dense(self) -> bool:
        """Whether `y` is `Masks`: a class for each pixel."""
        return any(isinstance(examples.y, Masks) for examples in self.splits.values())

    @property
    def multi_label(self) -> bool:
        """Whether an example may have several labels, so that `y` is [N, classes]."""
        return any(examples.y is not None and examples.y.dim() == 2 for examples in self.splits.values())

    def unlabelled(self, split: str = "train") -> View:
        """The examples of a split, labels sealed; `all` is train and test together (the transductive protocol)."""
        examples = self._split(split)
        return View(self.name, split, self.classes, examples, torch.arange(len(examples)), shown=False)

    def labelled(self, shots: int | None = None, seed: int = 0) -> View:
        """Training examples with their labels shown: all, or `shots` a class, drawn by `seed`.

        Args:
            shots: labelled examples a class; None shows every training label.
            seed: which ones; the first k of k + 1 shots are the same examples.

        Raises:
            BadDataError: a class has fewer than `shots` examples.
        """
        whole = self._training()
        if shots is None:
            return whole
        return whole.subset(torch.cat([taken for taken, _ in self._drawn(shots, seed)]).sort().values)

    def draw(self, shots: int | None, seed: int) -> tuple[View, View]:
        """One draw of a benchmark: the training examples whose labels are shown, and those to test on, sealed.

        The first are what `labelled(shots, seed)` gives. The others are the `test` split; where there is none, each
        seed draws them from what is left of `train`, at most `test_shots` a class, and never from a group of the first.

        Args:
            shots: labelled examples a class; None shows every training label, which takes a `test` split.
            seed: which ones.

        Raises:
            BadDataError: a class has fewer than `shots` examples, or none would be left to test on.
        """
        if "test" in self.splits:
            return self.labelled(shots, seed), self.unlabelled("test")
        if shots is None:
            raise BadDataError(
                f"{self.name} has no test split: say with --shots how many examples a class to train on, "
                "so that others are left to test on"
            )
        shown, everything, rest = self.labelled(shots, seed), self.unlabelled(), []
        for name, (taken, left) in zip(self.classes, self._drawn(shots, seed)):
            count = len(taken) + len(left)
            left = left[~torch.isin(everything.bundle[left], shown.bundle)]
            if not len(left):
                raise BadDataError(
                    f"{shots} shots asked for, but class '{name}' of {self.name} has {count}: "
                    "none would be left to test on"
                )
            rest.append(left[: self.test_shots])
        return shown, everything.subset(torch.cat(rest).sort().values)

    def _training(self) -> View:
        examples = self._split("train")
        return View(self.name, "train", self.classes, examples, torch.arange(len(examples)), shown=True)

    def _drawn(self, shots: int, seed: int) -> list[tuple[Tensor, Tensor]]:
        """For each class the positions of `shots` training examples, and of all others in the order of the draw."""
        whole = self._training()
        if shots < 1:
            raise BadDataError(f"shots must be at least 1 a class, not {shots}")
        if self.multi_label or self.dense:
            what = "has a label for each pixel" if self.dense else "may have several labels"
            raise BadDataError(f"an example of {self.name} {what}: leave out --shots, use them all")
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
        labels, drawn = whole.y[order], []
        for number, name in enumerate(self.classes):
            members = order[labels == number]
            if len(members) < shots:
                raise BadDataError(f"{shots} shots asked for, but class '{name}' of {self.name} has {len(members)}")
            drawn.append((members[:shots], members[shots:]))
        return drawn

    def validation(self, fraction: float = 0.1, seed: int = 0) -> tuple[View, View]:
        """Cut the labelled training part in two: (the rest, the validation part), see `View.cut`."""
        return self.labelled().cut(fraction, seed)

    def with_classes(self, classes: Sequence[str]) -> "Domain":
        """The same domain with its classes in another order, class numbers following."""
        if tuple(classes) == self.classes or not self.classes:
            return replace(self, classes=tuple(classes))
        position = torch.tensor([list(classes).index(name) for name in self.classes])

        def renumber(examples: Examples) -> Examples:
            if examples.y is None:
                return examples
            if isinstance(examples.y, Masks):
                return replace(examples, y=examples.y.renumbered(position))
            several = examples.y.dim() == 2
            return replace(examples, y=examples.y[:, position.argsort()] if several else position[examples.y])

        splits = {name: renumber(examples) for name, examples in self.splits.items()}
        return replace(self, classes=tuple(classes), splits=splits)

    def digest(self) -> str:
        """What tells one state of the data, labels included, from another: 32 hexadecimal figures."""
        digest = hashlib.sha256()
        for split, examples in self.splits.items():
            y = examples.y
            labels = b"" if y is None else y.digest().encode() if isinstance(y, Masks) else y.numpy().tobytes()
            digest.update(f"{split} {examples.x.digest()}".encode() + labels)
        return digest.hexdigest()[:32]

    def only(self, classes: Sequence[str]) -> "Domain":
        """The same domain with some of its classes in their old order, class numbers following.

        Examples of other classes are left out of all splits. Where an example may have several labels, all stay: those
        with none of the classes are examples of what the classes are not. In masks, pixels of others become void.

        Raises:
            UnknownNameError: the domain has no such class.
            BadDataError: there are no labels to go by, or nothing is left.
        """
        self._check_known(classes)
        numbers = [number for number, name in enumerate(self.classes) if name in classes]
        if not numbers:
            raise BadDataError(f"no class of {self.name} is left: keep at least one")
        position = torch.full((len(self.classes),), -1)
        position[numbers] = torch.arange(len(numbers))
        splits = {}
        for split, examples in self.splits.items():
            if isinstance(examples.y, Masks) or (self.dense and examples.y is None):
                kept = position.where(position >= 0, VOID)
                splits[split] = replace(examples, y=None if examples.y is None else examples.y.renumbered(kept))
                continue
            if examples.y is None:
                raise BadDataError(f"{self.name} ({split}) has no labels to choose classes by")
            if examples.y.dim() == 2:
                splits[split] = replace(examples, y=examples.y[:, numbers])
                continue
            part = examples.pick((position[examples.y] >= 0).nonzero().flatten())
            if not len(part):
                raise BadDataError(f"no '{split}' example of {self.name} is of the classes kept: keep others too")
            splits[split] = replace(part, y=position[part.y])
        return replace(self, classes=tuple(self.classes[number] for number in numbers), splits=splits)

    def without(self, classes: Sequence[str]) -> "Domain":
        """The same domain without some of its classes; see `only`."""
        self._check_known(classes)
        return self.only([name for name in self.classes if name not in classes])

    def _check_known(self, classes: Sequence[str]) -> None:
        for name in classes:
            if name not in self.classes:
                known = f"; it has: {', '.join(self.classes[:10]) or 'none'}{', ...' * (len(self.classes) > 10)}"
                raise UnknownNameError(f"{self.name} has no class '{name}'{nearest(name, self.classes) or known}")

    def prepared(self, size: Size | None, *, memory: int = 2**31, tolerance: float = 0.01) -> "Domain":
        """Files checked, and read into memory (images at `size`) where they fit.

        Args:
            size: (height, width) that the network wants.
            memory: bytes that a split may take in memory; larger ones stay files, read by workers.
            tolerance: share of unreadable files that is still skipped.

        Returns:
            The domain without its unreadable files, which `skipped` names.

        Raises:
            BadDataError: more files than `tolerance` cannot be read.
        """
        splits, skipped, kind = {}, list(self.skipped), "file"
        for name, examples in self.splits.items():
            if isinstance(examples.y, FileMasks):
                masks, sound, wrong = examples.y.sound(keep=examples.y.nbytes() <= memory)
                examples = replace(examples.pick(sound), y=masks)
                skipped, kind = skipped + wrong, "image"
            if isinstance(examples.x, Files | Joined):
                kind = examples.x.kind
                x, good = examples.x.readable(size, keep=examples.x.nbytes(size) <= memory)
                kept = set(good.tolist())
                skipped += [examples.x.named(position) for position in range(len(examples)) if position not in kept]
                examples = examples.read_as(x, good)
            splits[name] = examples
        if len(skipped) > len(self.skipped):
            total = sum(len(examples) for examples in self.splits.values())
            if len(skipped) > tolerance * total:
                raise BadDataError(
                    f"{len(skipped)} of {total} {kind}s of {self.name} cannot be read (first: {skipped[0]}): "
                    f"mend or remove them, or allow more with --unreadable"
                )
        return replace(self, splits=splits, skipped=tuple(skipped))

    def _split(self, name: str) -> Examples:
        if name == "all":
            return _joined([self.splits[part] for part in ("train", "test") if part in self.splits])
        if name not in self.splits:
            raise BadDataError(f"{self.name} has no '{name}' examples; it has: {', '.join(self.splits)}")
        return self.splits[name]


def _joined(parts: Sequence[Examples]) -> Examples:
    if len(parts) == 1:
        return parts[0]
    kinds = ([p.y for p in parts], [p.group for p in parts], [p.bundle for p in parts])
    return Examples(Joined([p.x for p in parts]), *map(joined_labels, kinds))


DomainLoader = Callable[[str | None, Path | None], Domain]
"""How a family of domains is loaded: (variant or None, data root or None) -> Domain."""
