"""Labels of pixels: masks in memory or in files, read in parts and at any size, as the images they belong to are."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.data.images import Size, digest_of
from landbridge.data.label_maps import VOID, LabelMap, decode_mask, size_of

Item = TypeVar("Item")
Result = TypeVar("Result")

Labels = Tensor | Any
"""A tensor, or the `Masks` of a dense domain. `Any` stands for them so that what is never dense needs no cast."""


def nearest_pixels(masks: Tensor, size: Size | None) -> Tensor:
    """Masks [..., H, W] at `size` = (height, width): each pixel is the one below its centre; None leaves them.

    >>> nearest_pixels(torch.tensor([[1, 1, 2, 2], [3, 3, 4, 4]]), (1, 2))
    tensor([[3, 4]])
    """
    if size is None or tuple(masks.shape[-2:]) == tuple(size):
        return masks
    rows, columns = (
        ((2 * torch.arange(new, device=masks.device) + 1) * old).div(2 * new, rounding_mode="floor")
        for new, old in zip(size, masks.shape[-2:])
    )
    return masks.index_select(-2, rows).index_select(-1, columns)


class Masks(ABC):
    """The `y` of a dense domain: a class number for each pixel of each example, 255 (`VOID`) where none counts.

    A sequence that is read in parts, as `Inputs` are. `masks[positions]` is `masks.pick(positions)`, so that labels of
    any kind are chosen alike.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The masks at `index` [n], uint8 [n, H, W], at `size` by the nearest pixel, or at their own."""

    @abstractmethod
    def pick(self, positions: Tensor) -> "Masks":
        """Those at `positions` [n], in any order; nothing is read."""

    @abstractmethod
    def nbytes(self, size: Size | None = None) -> int:
        """How much memory all of them take once read at `size`, in bytes."""

    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of the contents in their order: another when a label, its meaning or the order changes."""

    @abstractmethod
    def renumbered(self, table: Tensor) -> "Masks":
        """The same masks, class c now `table[c]`.

        Args:
            table: int64 [classes] of new class numbers; `VOID` drops a class. Void pixels stay void.
        """

    def __getitem__(self, positions: Tensor) -> "Masks":
        return self.pick(positions)

    def dim(self) -> int:
        """3, as for a tensor [n, H, W]."""
        return 3


class ArrayMasks(Masks):
    """Masks in memory.

    Args:
        values: uint8 [N, H, W], or a function that makes them when first needed.
        count: how many there are; needed with a function.

    >>> masks = ArrayMasks(torch.tensor([[[0, 1], [1, 255]]], dtype=torch.uint8))
    >>> masks.renumbered(torch.tensor([7, VOID])).read(torch.tensor([0])).tolist()
    [[[7, 255], [255, 255]]]
    """

    def __init__(self, values: Tensor | Callable[[], Tensor], count: int | None = None) -> None:
        if not isinstance(values, Tensor) and count is None:
            raise ValueError("masks made by a function need a count")
        self._made = _checked(values) if isinstance(values, Tensor) else None
        self._make = None if isinstance(values, Tensor) else values
        self._count = len(values) if isinstance(values, Tensor) else int(count or 0)

    @property
    def values(self) -> Tensor:
        """All masks, uint8 [N, H, W]; made now if that has not happened yet."""
        if self._made is None:
            assert self._make is not None
            self._made = _checked(self._make())
        return self._made

    def __len__(self) -> int:
        return self._count

    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The masks at `index`."""
        return nearest_pixels(self.values.index_select(0, index), size)

    def pick(self, positions: Tensor) -> "ArrayMasks":
        """Those at `positions`; they are made when first needed."""
        return ArrayMasks(lambda: self.values[positions], len(positions))

    def nbytes(self, size: Size | None = None) -> int:
        """Bytes of all masks at `size`."""
        height, width = size or self.values.shape[-2:]
        return len(self) * height * width

    def digest(self) -> str:
        """SHA-256 of shape and bytes."""
        digest = hashlib.sha256(f"masks {tuple(self.values.shape)}".encode())
        for part in self.values.split(1024):
            digest.update(part.cpu().contiguous().numpy())
        return digest.hexdigest()

    def renumbered(self, table: Tensor) -> "ArrayMasks":
        """The same masks with other class numbers."""
        every = whole_table(table)
        return ArrayMasks(lambda: every[self.values.long()], len(self))


class FileMasks(Masks):
    """Masks in image files, one an example, read when they are needed and checked whenever they are read.

    Args:
        paths: the label files, in the order of the examples.
        labels: what their ids or colours mean.
        images: the image that each belongs to, whose size it must have; None does not look.
        table: uint8 [256], new class numbers of `labels`' own.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        labels: LabelMap,
        images: Sequence[Path] | None = None,
        table: Tensor | None = None,
    ) -> None:
        self.paths, self.labels, self.images = list(paths), labels, None if images is None else list(images)
        self._table = table

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The masks at `index`; one that cannot be used is an error that names it.

        Raises:
            BadDataError: a file is damaged, of another kind or size than it should be, has labels without a meaning,
                or masks of several sizes are read at their own.
        """
        read = _pool_map(lambda position: self._one_or_error(position, size), index.tolist())
        masks = []
        for mask in read:
            if isinstance(mask, BadDataError):
                raise mask
            masks.append(mask)
        if len({mask.shape for mask in masks}) > 1:
            raise BadDataError(f"the masks around {self.paths[0].parent} differ in size: name one to read them at")
        return torch.stack(masks) if masks else torch.empty(0, *(size or (1, 1)), dtype=torch.uint8)

    def sound(self, *, keep: bool) -> tuple[Masks, Tensor, list[str]]:
        """Those that can be used.

        Args:
            keep: decode each, and hold them in memory at their own size where it is the same for all; without it only
                the sizes are compared, and what is wrong inside a file is found when it is read.

        Returns:
            The masks, their positions int64 [n], and what is wrong with each of the others.
        """
        look = self._one_or_error if keep else self._size_or_error
        seen = _pool_map(look, range(len(self)))
        wrong = [str(one) for one in seen if isinstance(one, BadDataError)]
        good = torch.tensor([not isinstance(one, BadDataError) for one in seen], dtype=torch.bool).nonzero().flatten()
        masks = [one for one in seen if isinstance(one, Tensor)]
        if masks and len({mask.shape for mask in masks}) == 1:
            return ArrayMasks(torch.stack(masks)), good, wrong
        return self.pick(good), good, wrong

    def pick(self, positions: Tensor) -> "FileMasks":
        """Those at `positions`; only paths are copied."""
        rows = positions.tolist()
        images = None if self.images is None else [self.images[row] for row in rows]
        return FileMasks([self.paths[row] for row in rows], self.labels, images, self._table)

    def nbytes(self, size: Size | None = None) -> int:
        """Bytes of all masks at `size` (by default: of the first one)."""
        height, width = size or size_of(self.paths[0])
        return len(self) * height * width

    def digest(self) -> str:
        """SHA-256 of each file's bytes, and of what its labels mean."""

        def one(path: Path) -> str:
            try:
                with path.open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise BadDataError(f"cannot read the label {path} ({error.strerror}): is it still there?") from error

        table = [] if self._table is None else self._table.tolist()
        return digest_of(f"masks {self.labels.meaning()} {table}", _pool_map(one, self.paths))

    def renumbered(self, table: Tensor) -> "FileMasks":
        """The same masks with other class numbers."""
        every = whole_table(table)
        return FileMasks(
            self.paths, self.labels, self.images, every if self._table is None else every[self._table.long()]
        )

    def _one_or_error(self, position: int, size: Size | None = None) -> Tensor | BadDataError:
        try:
            self._check_size(position)
            mask = nearest_pixels(torch.from_numpy(decode_mask(self.paths[position], self.labels)), size)
        except BadDataError as error:
            return error
        return mask if self._table is None else self._table[mask.long()]

    def _size_or_error(self, position: int) -> BadDataError | None:
        try:
            size_of(self.paths[position])
            self._check_size(position)
        except BadDataError as error:
            return error
        return None

    def _check_size(self, position: int) -> None:
        if self.images is None:
            return
        (height, width), (tall, wide) = size_of(self.paths[position]), size_of(self.images[position])
        if (height, width) != (tall, wide):
            raise BadDataError(
                f"the label {self.paths[position]} is {width} x {height} pixels, its image "
                f"{self.images[position].name} {wide} x {tall}: they must agree"
            )


class JoinedMasks(Masks):
    """Masks of several sets, one after the other.

    Args:
        parts: the sets.
        owner: which part each example is of, int64 [n]; by default all of all parts in their order.
        inside: its position in that part, int64 [n].
    """

    def __init__(self, parts: Sequence[Masks], owner: Tensor | None = None, inside: Tensor | None = None) -> None:
        sizes = torch.tensor([len(part) for part in parts])
        self._parts = list(parts)
        self._owner = torch.arange(len(parts)).repeat_interleave(sizes) if owner is None else owner
        self._inside = torch.cat([torch.arange(len(part)) for part in parts]) if inside is None else inside

    def __len__(self) -> int:
        return len(self._owner)

    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The masks at `index`, counted through all parts."""
        owner, inside = self._owner[index], self._inside[index]
        found = [(owner == number, part) for number, part in enumerate(self._parts) if bool((owner == number).any())]
        read = [(rows, part.read(inside[rows], size)) for rows, part in found]
        if len({masks.shape[1:] for _, masks in read}) > 1:
            raise BadDataError("masks that are read together differ in size: name one to read them at")
        shape = read[0][1].shape[1:] if read else size or (1, 1)
        result = torch.empty(len(index), *shape, dtype=torch.uint8)
        for rows, masks in read:
            result[rows] = masks
        return result

    def pick(self, positions: Tensor) -> "JoinedMasks":
        """Those at `positions`."""
        return JoinedMasks(self._parts, self._owner[positions], self._inside[positions])

    def nbytes(self, size: Size | None = None) -> int:
        """Bytes of all masks at `size`."""
        each = [part.nbytes(size) // max(1, len(part)) for part in self._parts]
        return int(torch.tensor(each)[self._owner].sum())

    def digest(self) -> str:
        """SHA-256 of the parts' digests, and of what was picked from them."""
        picked = hashlib.sha256(torch.stack([self._owner, self._inside]).numpy().tobytes()).hexdigest()
        return digest_of("joined masks", [*(part.digest() for part in self._parts), picked])

    def renumbered(self, table: Tensor) -> "JoinedMasks":
        """The same masks with other class numbers."""
        return JoinedMasks([part.renumbered(table) for part in self._parts], self._owner, self._inside)


def joined_labels(labels: Sequence[Labels | None]) -> Labels | None:
    """The labels of several sets one after the other, whatever their kind; None where a set has none."""
    known = [values for values in labels if values is not None]
    if not known or len(known) < len(labels):
        return None
    masks = [values for values in known if isinstance(values, Masks)]
    if len(masks) == len(known):
        return JoinedMasks(masks)
    if masks:
        raise BadDataError("some sets have masks and others one class an example: join what is alike")
    return torch.cat(known)


def class_counts(masks: Masks, classes: int, size: Size | None = None) -> Tensor:
    """How many pixels of each class each mask has, int64 [N, classes]; void ones do not count.

    Args:
        masks: the masks; read a few at a time.
        classes: how many classes there are.
        size: (height, width) to count at; None takes each at its own, which may differ.

    >>> class_counts(ArrayMasks(torch.tensor([[[0, 1], [1, 255]]], dtype=torch.uint8)), 3).tolist()
    [[1, 2, 0]]
    """
    rows = []
    for index in torch.arange(len(masks)).split(64 if size or isinstance(masks, ArrayMasks) else 1):
        read = masks.read(index, size).flatten(1).long()
        shifted = read + 256 * torch.arange(len(index))[:, None]
        rows.append(torch.bincount(shifted.flatten(), minlength=256 * len(index)).view(-1, 256)[:, :classes])
    return torch.cat(rows) if rows else torch.empty(0, classes, dtype=torch.int64)


def whole_table(table: Tensor) -> Tensor:
    """A table of new class numbers, int64 [classes], as one of all bytes, uint8 [256]: others stay or become void."""
    every = torch.full((256,), VOID, dtype=torch.uint8)
    every[: len(table)] = table.to(torch.uint8)
    return every


def _checked(values: Tensor) -> Tensor:
    if values.dtype != torch.uint8 or values.dim() != 3:
        raise BadDataError(f"masks are uint8 [N, H, W], not {values.dtype} of shape {tuple(values.shape)}")
    return values


def _pool_map(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(function, items))
