"""What examples are made of: images in memory, images in files, or feature vectors."""

import hashlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import BadDataError

Size = tuple[int, int]


def resize(images: Tensor, size: Size | None) -> Tensor:
    """Resize uint8 images [N, C, H, W] to `size` = (height, width), antialiased; None leaves them as they are."""
    if size is None or tuple(images.shape[-2:]) == tuple(size) or len(images) == 0:
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


class Inputs(Protocol):
    """The `x` of a set of examples: a sequence that can be read in parts."""

    def __len__(self) -> int: ...

    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The inputs at `index` [n]: uint8 [n, C, H, W] at `size`, or float32 [n, D]."""
        ...

    def pick(self, positions: Tensor) -> "Inputs":
        """Those at `positions` [n]; nothing is read."""
        ...

    def nbytes(self, size: Size | None = None) -> int:
        """How much memory all of them take once read at `size`, in bytes."""
        ...

    def digest(self) -> str:
        """SHA-256 of the contents in their order: equal wherever they lie, another when a byte or the order changes."""
        ...


class Arrays:
    """Inputs that live in memory: uint8 images [N, C, H, W], or float features [N, D].

    Args:
        values: the tensor, or a function that makes it when first needed.
        count: how many there are; needed with a function, so that counting reads nothing.

    >>> Arrays(torch.zeros(3, 1, 28, 28, dtype=torch.uint8)).read(torch.tensor([2]), (14, 14)).shape
    torch.Size([1, 1, 14, 14])
    """

    def __init__(self, values: Tensor | Callable[[], Tensor], count: int | None = None) -> None:
        if isinstance(values, Tensor):
            self._values: Tensor | None = values
            self._make: Callable[[], Tensor] | None = None
            self._count = len(values)
        else:
            if count is None:
                raise ValueError("inputs made by a function need a count")
            self._values, self._make, self._count = None, values, count

    @property
    def values(self) -> Tensor:
        """All inputs as one tensor; made now if that has not happened yet."""
        if self._values is None:
            assert self._make is not None
            self._values = self._make()
            if len(self._values) != self._count:
                raise BadDataError(f"{len(self._values)} inputs were read where {self._count} labels say otherwise")
        return self._values

    def __len__(self) -> int:
        return self._count

    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The inputs at `index`."""
        chosen = self.values.index_select(0, index)
        return resize(chosen, size) if chosen.dim() == 4 else chosen

    def pick(self, positions: Tensor) -> "Arrays":
        """Those at `positions`; they are made when first needed."""
        return Arrays(lambda: self.values[positions], len(positions))

    def nbytes(self, size: Size | None = None) -> int:
        """Bytes of all inputs at `size`."""
        shape = self.values.shape
        if len(shape) != 4:
            return self.values.numel() * self.values.element_size()
        height, width = size or shape[-2:]
        return int(shape[0] * shape[1] * height * width)

    def digest(self) -> str:
        """SHA-256 of type, shape and bytes."""
        values = self.values
        digest = hashlib.sha256(f"arrays {values.dtype} {tuple(values.shape)}".encode())
        for part in values.split(4096):  # a mapped tensor is never in memory as a whole
            digest.update(part.cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()


def decode(path: Path | BinaryIO, size: Size | None) -> Tensor:
    """One image file, or its bytes, as uint8 RGB [3, H, W], resized to `size`; transparency is laid on white.

    Raises:
        OSError: the file is no image that can be read.
    """
    import numpy as np
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            if size is not None:
                image.draft("RGB", (size[1], size[0]))
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                layer = image.convert("RGBA")
                rgb = Image.new("RGB", layer.size, "white")
                rgb.paste(layer, mask=layer.getchannel("A"))
            else:
                rgb = image.convert("RGB")
            if size is not None and rgb.size != (size[1], size[0]):
                rgb = rgb.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            return torch.from_numpy(np.asarray(rgb).copy()).permute(2, 0, 1)


class Files(ABC):
    """Inputs that are files, one an example, each read when it is needed.

    Args:
        paths: the files, in the order of the examples.

    Attributes:
        kind: what one of them is, for messages.
    """

    kind = "file"

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    @abstractmethod
    def try_read(self, index: Tensor, size: Size | None = None) -> tuple[Tensor, list[int]]:
        """Like `read`, but in place of an unreadable file come zeros, and its position (a value of `index`) is told."""

    @abstractmethod
    def nbytes(self, size: Size | None = None) -> int:
        """How much memory all of them take once read at `size`, in bytes."""

    def named(self, position: int) -> str:
        """The file at `position`, as a list of unreadable ones names it."""
        return str(self.paths[position])

    @abstractmethod
    def complaint(self, position: int) -> str:
        """What is wrong with the file at `position`, which cannot be read: its path and the reason."""

    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The inputs at `index`; an unreadable file is an error that names it."""
        inputs, bad = self.try_read(index, size)
        if bad:
            raise BadDataError(f"cannot read the {self.kind} {self.complaint(bad[0])}")
        return inputs

    def readable(self, size: Size | None, *, keep: bool) -> tuple[Arrays | Self, Tensor]:
        """Those that can be read, in memory at `size` if `keep`, else as files, and their positions, int64 [n]."""
        bad: list[int] = []
        parts = []
        for chunk in torch.arange(len(self)).split(256):
            inputs, unread = self.try_read(chunk, size)
            bad += unread
            if keep:
                parts.append(inputs)
        good = torch.ones(len(self), dtype=torch.bool)
        good[bad] = False
        positions = good.nonzero().flatten()
        return Arrays(torch.cat(parts)[positions]) if keep else self.pick(positions), positions

    def pick(self, positions: Tensor) -> Self:
        """Those at `positions`; only paths are copied, nothing is read."""
        return self.of([self.paths[i] for i in positions.tolist()])

    def of(self, paths: Sequence[Path]) -> Self:
        """Other files, read in the same way."""
        return type(self)(paths)

    def digest(self) -> str:
        """SHA-256 of the bytes of each file in order; names and places do not count.

        Raises:
            BadDataError: a file is not there, or may not be read.
        """
        with ThreadPoolExecutor(max_workers=4) as pool:
            return digest_of("files", pool.map(self._digest_of, self.paths))

    def _digest_of(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadDataError(f"cannot read the {self.kind} {path} ({error.strerror}): is it still there?") from error


class ImageFiles(Files):
    """Image files of any size; they become RGB, uint8 [n, 3, H, W], at the size asked for.

    Args:
        paths: the files, in the order of the examples.
    """

    kind = "image"

    def source(self, position: int) -> Path | BinaryIO:
        """What the image at `position` is decoded from: its file, or its bytes."""
        return self.paths[position]

    def complaint(self, position: int) -> str:
        """Its path; nothing tells why an image cannot be decoded."""
        return f"{self.paths[position]}: not an image, or damaged"

    def try_read(self, index: Tensor, size: Size | None = None) -> tuple[Tensor, list[int]]:
        """Like `read`, but unreadable images are left black and their positions in the set returned.

        Returns:
            uint8 [n, 3, H, W], and the positions (values of `index`) of those that could not be read.
        """
        positions = [int(i) for i in index]
        with ThreadPoolExecutor(max_workers=4) as pool:
            decoded = list(pool.map(lambda i: self._decode(i, size), positions))
        if size is None:
            found = next((image.shape for image in decoded if image is not None), (3, 1, 1))
            size = (found[1], found[2])
            if any(image is not None and image.shape != found for image in decoded):
                raise BadDataError(f"the images around {self.paths[0].parent} differ in size: name one to read them at")
        images = torch.zeros(len(positions), 3, *size, dtype=torch.uint8)
        bad = []
        for row, (position, image) in enumerate(zip(positions, decoded)):
            if image is None:
                bad.append(position)
            else:
                images[row] = image
        return images, bad

    def nbytes(self, size: Size | None = None) -> int:
        """Bytes of all images at `size` (by default: of the first one)."""
        height, width = size or decode(self.source(0), None).shape[-2:]
        return len(self) * 3 * height * width

    def _decode(self, position: int, size: Size | None) -> Tensor | None:
        try:
            return decode(self.source(position), size)
        except (OSError, ValueError, SyntaxError):
            return None


class Joined:
    """Inputs of several sets, one after the other.

    Args:
        parts: the sets. Read together they must agree in shape, images at the size asked for; grey ones become RGB
            where others have colours.

    Attributes:
        kind: what one of them is, for messages.
    """

    kind = "example"

    def __init__(self, parts: Sequence[Inputs]) -> None:
        self._parts = parts
        self._ends = torch.tensor([len(part) for part in parts]).cumsum(0)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def read(self, index: Tensor, size: Size | None = None) -> Tensor:
        """The inputs at `index`, counted through all parts."""
        found = [(rows, part.read(inside, size)) for rows, part, inside in self._owners(index)]
        shapes = {tuple(values.shape[1:]) for _, values in found}
        if len(shapes) > 1:
            colour = max(shape[0] for shape in shapes)
            shapes = {(colour, *shape[1:]) if len(shape) == 3 and shape[0] == 1 else shape for shape in shapes}
        if len(shapes) != 1:
            listed = ", ".join(map(str, sorted(shapes)))
            raise BadDataError(f"inputs that are read together differ in shape ({listed}): read images at one size")
        result = found[0][1].new_empty(len(index), *shapes.pop())
        for rows, values in found:
            result[rows] = values
        return result

    def _owners(self, index: Tensor) -> Iterator[tuple[Tensor, Inputs, Tensor]]:
        """For each part that has any: which rows of `index` are its, the part, and the positions inside it."""
        owner = torch.searchsorted(self._ends, index, right=True)
        for number, part in enumerate(self._parts):
            rows = (owner == number).nonzero().flatten()
            if len(rows):
                yield rows, part, index[rows] - (int(self._ends[number]) - len(part))

    def pick(self, positions: Tensor) -> "Joined":
        """Those at `positions`, which must be in the order of the parts; nothing is read."""
        assert bool((positions.diff() > 0).all()), "inputs of several sets are picked in their order"
        return Joined([part.pick(inside) for _, part, inside in self._owners(positions)])

    def readable(self, size: Size | None, *, keep: bool) -> tuple["Joined", Tensor]:
        """Those that can be read, files in memory at `size` if `keep`, and their positions, int64 [n]."""
        parts: list[Inputs] = []
        good, before = [], 0
        for part in self._parts:
            if isinstance(part, Files | Joined):
                part, positions = part.readable(size, keep=keep)
            else:
                positions = torch.arange(len(part))
            parts.append(part)
            good.append(positions + before)
            before += len(part)
        return Joined(parts), torch.cat(good)

    def named(self, position: int) -> str:
        """The file at `position`, as a list of unreadable ones names it."""
        [(_, part, inside)] = self._owners(torch.tensor([position]))
        return part.named(int(inside)) if isinstance(part, Files | Joined) else f"example {position}"

    def nbytes(self, size: Size | None = None) -> int:
        """Bytes of all parts at `size`."""
        return sum(part.nbytes(size) for part in self._parts)

    def digest(self) -> str:
        """SHA-256 of the parts' digests in order."""
        return digest_of("joined", (part.digest() for part in self._parts))


def digest_of(kind: str, digests: Iterable[str]) -> str:
    """One digest of several in order, and of what they belong to."""
    whole = hashlib.sha256(kind.encode())
    for digest in digests:
        whole.update(digest.encode())
    return whole.hexdigest()
