"""Batches as a pure function of (seed, step): a run that stops goes on with the very batch it would have had."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from landbridge.core.errors import BadDataError, SealedLabelsError
from landbridge.data.augment import augmentation
from landbridge.data.domain import View
from landbridge.data.images import Arrays
from landbridge.data.masks import Masks
from landbridge.data.paired import paired, recolouring
from landbridge.nn.preprocessing import Preprocessing

IN_MEMORY = 2**31
"""Bytes of inputs that are held in memory at the network's size; more are read by workers, a batch at a time."""


def seed_of(*parts: object) -> int:
    """A seed in [0, 2^63) from anything that prints, the same on every machine.

    >>> seed_of(0, "train", 7) == seed_of(0, "train", 7) != seed_of(0, "train", 8)
    True
    """
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little") >> 1


@dataclass
class Sample:
    """Some examples of one view, ready for a network.

    Attributes:
        x: inputs, float32 [n, 3, h, w] or [n, D].
        index: positions of the examples in the view, int64 [n]; what a method remembers by example, it keeps by these.
        labels: class numbers, int64 [n], or of each pixel, int64 [n, h, w] with `VOID`; None where they are sealed.
        group: groups of the examples (the domain of each, where several are joined), int64 [n]; None without groups.
        views: further versions of `x` by the name of their augmentation (`weak`, `strong`). Of a dense domain they
            differ from it in colour alone, so that pixels of all of them are the same places.
    """

    x: Tensor
    index: Tensor
    labels: Tensor | None = None
    group: Tensor | None = None
    views: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def y(self) -> Tensor:
        """Class numbers, int64 [n], or of each pixel, int64 [n, h, w], 255 (`VOID`) where none counts.

        Raises:
            SealedLabelsError: the labels of these examples were not given.
        """
        if self.labels is None:
            raise SealedLabelsError("this batch comes from an unlabelled view: a method must do without its labels")
        return self.labels


class Order(Protocol):
    """Which examples make up the batch of a step, where that is not each once an epoch."""

    def positions(self, step: int, count: int) -> Tensor:
        """Positions in the view of the `count` examples of the batch at `step`: a pure function of (seed, step)."""
        ...


Batch = Mapping[str, Sample]
"""What a method's `losses` receives: samples by the name of the input."""


class Batches:
    """The batches of one view: shuffled anew each epoch, every rank its own share of each.

    Args:
        view: whose examples; their labels come along if they are shown.
        preprocessing: what the network wants.
        batch_size: examples a step, over all ranks together.
        seed: decides the order.
        rank: which share is ours.
        world: how many shares there are; divides `batch_size`.
        augment: name of the augmentation of `x`; of a dense view one of `landbridge.data.paired`.
        views: names of augmentations given beside `x`; `NAME#2` is a second draw.
        device: where the batches shall be.
        workers: processes that read image files which do not fit in memory.
        dense: whether each pixel has a class, so that masks go along with their images; None asks the view, which
            cannot tell where images have no labels at all.
        order: which examples a batch holds, as `landbridge.data.rare_classes` draws them; by default each once
            an epoch.

    Raises:
        BadDataError: the view is empty, or the batch cannot be shared equally.
    """

    def __init__(
        self,
        view: View,
        preprocessing: Preprocessing,
        batch_size: int,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
        augment: str = "none",
        views: Sequence[str] = (),
        device: torch.device | str = "cpu",
        workers: int = 2,
        dense: bool | None = None,
        order: Order | None = None,
    ) -> None:
        if len(view) == 0:
            raise BadDataError(f"{view.domain} ({view.split}) has no examples to train on")
        if batch_size % world:
            raise BadDataError(f"a batch of {batch_size} cannot be shared equally by {world} processes")
        self.view, self.preprocessing, self.batch_size, self.seed = view, preprocessing, batch_size, seed
        self.rank, self.world, self.device, self.workers = rank, world, torch.device(device), workers
        self._chosen = order
        self._paired = paired(augment) if (view.dense if dense is None else dense) else None
        changes = {name: name.partition("#")[0] for name in views}
        if self._paired is None:
            self._augment = augmentation(augment)
            self._views = {name: augmentation(change) for name, change in changes.items()}
        else:
            self._augment, self._views = self._paired.colour, {name: recolouring(c) for name, c in changes.items()}
        self._group = None if view.group is None else view.group.to(self.device)
        self._inputs: Tensor | None = None
        if isinstance(view.x, Arrays) or view.x.nbytes(preprocessing.size) <= IN_MEMORY:
            self._inputs = view.read(size=preprocessing.size).to(self.device)
        self._given: Tensor | None = None
        labels = view.y if view.shown else None
        if isinstance(labels, Tensor):
            self._given = labels.to(self.device)
        elif isinstance(labels, Masks) and self._inputs is not None:
            height, width = self._inputs.shape[-2:]
            self._given = labels.read(torch.arange(len(view)), (height, width)).to(self.device)
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def positions(self, step: int) -> Tensor:
        """Which examples of the view make up this rank's share of the batch at `step`, int64 [batch_size / world]."""
        if self._chosen is not None:
            return self._chosen.positions(step, self.batch_size)[self.rank :: self.world]
        size, count = self.batch_size, len(self.view)
        wanted, parts = torch.arange(step * size + self.rank, (step + 1) * size, self.world), []
        first, last = int(wanted[0]) // count, int(wanted[-1]) // count
        for epoch in range(first, last + 1):
            parts.append(self._shuffled(epoch)[wanted[wanted // count == epoch] % count])
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def from_step(self, step: int, until: int) -> Iterator[Sample]:
        """The samples of the steps in [step, until), in order."""
        if self._inputs is not None:
            for now in range(step, until):
                chosen = self.positions(now).to(self.device)
                labels = None if self._given is None else self._given.index_select(0, chosen)
                yield self._sample(self._inputs.index_select(0, chosen), labels, chosen)
            return
        reader = _Reader(self.view, self.preprocessing.size)
        order = [self.positions(now).tolist() for now in range(step, until)]
        # Its own generator: the default one is for augmentation alone, so that a resumed run draws the same.
        loader = DataLoader(
            reader,
            batch_sampler=order,
            num_workers=self.workers,
            collate_fn=_Reader.collate,
            generator=torch.Generator(),
        )
        for positions, (inputs, masks, bad) in zip(order, loader):
            if bad:
                raise BadDataError(f"an image of {self.view.domain} can no longer be read: {bad[0]}")
            chosen = torch.tensor(positions, device=self.device)
            labels = None if self._given is None else self._given[chosen]
            yield self._sample(inputs.to(self.device), labels if masks is None else masks.to(self.device), chosen)

    def _shuffled(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            # The last part of the name: one's own folder may stand anywhere.
            generator = torch.Generator().manual_seed(
                seed_of(self.seed, PurePath(self.view.domain).name, self.view.split, epoch)
            )
            self._epoch, self._order = epoch, torch.randperm(len(self.view), generator=generator)
        return self._order

    def _sample(self, inputs: Tensor, labels: Tensor | None, positions: Tensor) -> Sample:
        if self._paired is not None:
            inputs, labels = self._paired.geometry(inputs, labels)
        return Sample(
            x=self.preprocessing(self._augment(inputs)),
            index=positions,
            labels=labels if self._paired is None or labels is None else labels.long(),
            group=None if self._group is None else self._group[positions],
            views={name: self.preprocessing(change(inputs)) for name, change in self._views.items()},
        )


Item = tuple[Tensor, Tensor | None, str]


class _Reader(Dataset[Item]):
    """A data set of image files for a DataLoader: one image, its mask if it is dense and shown, and what is wrong."""

    def __init__(self, view: View, size: tuple[int, int] | None) -> None:
        self._view, self._size = view, size
        labels = view.y if view.dense and view.shown else None
        self._masks = labels if isinstance(labels, Masks) else None

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, position: int) -> Item:
        here = torch.tensor([position])
        try:
            image = self._view.read(here, self._size)
            return image, None if self._masks is None else self._masks.read(here, self._size), ""
        except BadDataError as error:
            return torch.empty(0), None, str(error)

    @staticmethod
    def collate(items: list[Item]) -> tuple[Tensor, Tensor | None, list[str]]:
        bad = [error for _, _, error in items if error]
        masks = [mask for _, mask, _ in items if mask is not None]
        images = torch.empty(0) if bad else torch.cat([image for image, _, _ in items])
        return images, torch.cat(masks) if masks else None, bad


def in_order(view: View, preprocessing: Preprocessing, batch_size: int = 512) -> Iterator[Tensor]:
    """All inputs of a view once, in order, ready for a network: for predictions and statistics."""
    for positions in torch.arange(len(view)).split(batch_size):
        yield preprocessing(view.read(positions, preprocessing.size))
