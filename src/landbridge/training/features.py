"""The feature store: what a frozen network makes of a data set is computed once, and read from disk ever after."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.files import cache_folder, write_json
from landbridge.core.memory import keep_freed_memory
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays, Files, Inputs, Size
from landbridge.nn.backbones import Backbone
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.layers import evaluating
from landbridge.nn.pooling import check_pool
from landbridge.nn.taps import OUTPUT, taps

FORMAT = 1
"""Raised when features that were stored before must not be read any more."""

SAVED_EVERY = 1024
"""Examples between two points at which an interrupted extraction can go on."""

Array = NDArray[Any]


class FeatureStore:
    """Features by content: the same weights, images, preprocessing and layers are never computed twice.

    One folder holds the features of one set of images by one network, a file a layer. An extraction that is stopped
    goes on where it was; two processes that ask for the same features compute them once, one waiting for the other.

    Args:
        folder: where; by default `features` in the user's cache, see `landbridge.core.files.cache_folder`.
        dtype: how they are stored: `float32` or `float16` (half the size, three digits).
        precision: how they are computed: `32-true`, or `bf16-mixed`, faster where the processor has it.
        quiet: show no progress.

    Raises:
        LandbridgeError: no such `dtype` or `precision`.

    Example:
        >>> from landbridge.data.registry import load_domain
        >>> from landbridge.nn.backbones import make_backbone
        >>> store = FeatureStore(tmp, quiet=True)
        >>> view = load_domain("digits/handwritten").unlabelled("test")
        >>> features = store.features(make_backbone("lenet"), view)["output"]
        >>> features.shape == (len(view), make_backbone("lenet").width)
        True
    """

    def __init__(
        self,
        folder: Path | None = None,
        dtype: str = "float32",
        precision: str = "32-true",
        *,
        quiet: bool = False,
    ) -> None:
        if dtype not in ("float32", "float16"):
            raise LandbridgeError(f"features are stored as float32 or float16, not '{dtype}'")
        if precision not in ("32-true", "bf16-mixed"):
            raise LandbridgeError(f"features are computed in 32-true or bf16-mixed, not '{precision}'")
        self.folder = folder or cache_folder("features")
        self.dtype, self.precision, self.quiet = np.dtype(dtype), precision, quiet

    def features(
        self,
        backbone: Backbone,
        view: View,
        layers: Sequence[str] = (OUTPUT,),
        pool: str = "mean",
        *,
        device: torch.device | str = "cpu",
        batch_size: int = 64,
    ) -> dict[str, Array]:
        """The features of a view's examples by layer, [len(view), D] each.

        Those of the whole set that the view is cut from are computed, all layers in one pass, unless they are there.

        Args:
            backbone: the network; it is put into evaluation mode for the while.
            view: the examples; no label is touched.
            layers: names as in `Backbone.layers`; `output` is the backbone's own output.
            pool: `mean`, `max`, `grid` or `flatten`.
            device: where to compute.
            batch_size: examples a forward pass.

        Returns:
            Arrays by layer, memory-mapped where the view is the whole set.

        Raises:
            BadDataError: an image of the view cannot be read.
        """
        found, unreadable = self._whole(backbone, view.x, layers, pool, torch.device(device), batch_size)
        index = view.index.numpy()
        lost = np.intersect1d(index, unreadable)
        if len(lost):
            assert isinstance(view.x, Files)
            raise BadDataError(f"cannot read the {view.x.kind} {view.x.complaint(int(lost[0]))}")
        whole = len(index) == len(view.x) and bool((index == np.arange(len(index))).all())
        return {layer: values if whole else values[index] for layer, values in found.items()}

    def domains(
        self,
        backbone: Backbone,
        domain: Domain,
        layers: Sequence[str] = (OUTPUT,),
        pool: str = "mean",
        *,
        device: torch.device | str = "cpu",
        batch_size: int = 64,
        tolerance: float = 0.01,
    ) -> dict[str, Domain]:
        """A domain of images as domains of features, one a layer: the same examples, labels, groups and seals.

        Unreadable images are left out and named in `skipped`.

        Args:
            backbone: the network.
            domain: the domain.
            layers: names of layers.
            pool: how places become one vector.
            device: where to compute.
            batch_size: examples a forward pass.
            tolerance: share of unreadable images that is still skipped.

        Raises:
            BadDataError: more images than that cannot be read.
        """
        splits: dict[str, dict[str, Examples]] = {layer: {} for layer in layers}
        skipped = []
        for split, examples in domain.splits.items():
            found, lost = self._whole(backbone, examples.x, layers, pool, torch.device(device), batch_size)
            good = np.setdiff1d(np.arange(len(examples)), lost)
            skipped += [_name(examples.x, position) for position in lost]
            for layer, values in found.items():
                kept = values[good] if len(lost) else values
                x = Arrays(torch.from_numpy(kept.astype(np.float32, copy=False)))
                splits[layer][split] = examples.read_as(x, torch.from_numpy(good))
        total = sum(len(examples) for examples in domain.splits.values())
        if len(skipped) > tolerance * total:
            raise BadDataError(
                f"{len(skipped)} of {total} images of {domain.name} cannot be read (first: {skipped[0]}): "
                "mend or remove them, or allow more with --unreadable"
            )
        return {
            layer: replace(
                domain,
                splits=parts,
                backbone=f"identity?inputs={next(iter(parts.values())).x.read(torch.tensor([0])).shape[1]}",
                skipped=(*domain.skipped, *skipped),
            )
            for layer, parts in splits.items()
        }

    def _whole(
        self, backbone: Backbone, inputs: Inputs, layers: Sequence[str], pool: str, device: torch.device, batch: int
    ) -> tuple[dict[str, Array], Array]:
        """The features of all inputs by layer, and the positions of those that cannot be read."""
        check_pool(pool)
        layers = layers or (OUTPUT,)
        described = {
            "format": FORMAT,
            "weights": fingerprint(backbone),
            "data": inputs.digest(),
            "pool": pool,
            "dtype": self.dtype.name,
            "precision": self.precision,
        }
        key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]
        folder = self.folder / key
        files = {layer: folder / f"{layer or 'network'}.npy" for layer in layers}
        if not all(file.is_file() for file in files.values()):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f"{key}.lock"):
                missing = [layer for layer, file in files.items() if not file.is_file()]
                if missing:
                    extraction = _Extraction(folder, missing, inputs, self.dtype)
                    with self._autocast(device):
                        extraction.run(backbone, pool, device, batch, quiet=self.quiet)
                    write_json(folder / "features.json", described | {"unreadable": extraction.unreadable})
                    extraction.finish()
        about = json.loads((folder / "features.json").read_text(encoding="utf-8"))
        found = {layer: np.load(file, mmap_mode="c", allow_pickle=False) for layer, file in files.items()}
        return found, np.array(about["unreadable"], dtype=np.int64)

    def _autocast(self, device: torch.device) -> Any:
        mixed = self.precision == "bf16-mixed"
        return torch.autocast(device.type, torch.bfloat16) if mixed else nullcontext()


class _Extraction:
    """One pass over some inputs, which can stop at any moment and go on later.

    Args:
        folder: where the features go.
        layers: of which layers.
        inputs: of which examples.
        dtype: how they are stored.

    Attributes:
        unreadable: positions of the images that could not be read; their features are 0.
    """

    def __init__(self, folder: Path, layers: Sequence[str], inputs: Inputs, dtype: np.dtype[Any]) -> None:
        self.folder, self.layers, self.inputs, self.dtype = folder, list(layers), inputs, dtype
        self.unreadable: list[int] = []
        self._arrays: dict[str, Array] = {}
        self._noted = folder / "unfinished.json"

    def run(self, backbone: Backbone, pool: str, device: torch.device, batch: int, *, quiet: bool) -> None:
        """Compute what is missing, into files that count for nothing yet."""
        keep_freed_memory()
        start = self._resume(batch)
        read = taps(backbone, self.layers, pool)
        chunks = torch.arange(start, len(self.inputs)).split(batch)
        images = _read_ahead(self.inputs, chunks, backbone.preprocessing.size)
        home = next((parameter.device for parameter in backbone.parameters()), device)
        backbone.to(device)
        with evaluating(backbone), torch.inference_mode():
            shown = track(zip(chunks, images), f"features of {len(self.inputs):,} examples", len(chunks), disable=quiet)
            for positions, (raw, bad) in shown:
                self.unreadable += bad
                features = read(backbone.preprocessing(raw.to(device)))
                first, last = int(positions[0]), int(positions[-1]) + 1
                for layer, values in features.items():
                    self._rows(layer, values.shape[1])[first:last] = values.float().cpu().numpy()
                if last // SAVED_EVERY > first // SAVED_EVERY:
                    self._note(last, batch)
        backbone.to(home)

    def _resume(self, batch: int) -> int:
        """Where to go on: the examples that an earlier attempt at the very same features had finished."""
        if not self._noted.is_file():
            return 0
        noted = json.loads(self._noted.read_text(encoding="utf-8"))
        there = all(self._part(layer).is_file() for layer in self.layers)
        if noted["layers"] != self.layers or noted["batch"] != batch or not there:
            return 0
        self._arrays = {layer: np.load(self._part(layer), mmap_mode="r+") for layer in self.layers}
        self.unreadable = noted["unreadable"]
        return int(noted["examples"])

    def _rows(self, layer: str, width: int) -> Array:
        if layer not in self._arrays:
            self._arrays[layer] = np.lib.format.open_memmap(
                self._part(layer), mode="w+", dtype=self.dtype, shape=(len(self.inputs), width)
            )
        return self._arrays[layer]

    def _note(self, examples: int, batch: int) -> None:
        for values in self._arrays.values():
            values.flush()  # type: ignore[attr-defined]
        noted = {"layers": self.layers, "batch": batch, "examples": examples, "unreadable": self.unreadable}
        write_json(self._noted, noted)

    def finish(self) -> None:
        """Put the whole files in place."""
        for layer, values in self._arrays.items():
            values.flush()  # type: ignore[attr-defined]
            self._part(layer).replace(self.folder / f"{layer or 'network'}.npy")
        self._noted.unlink(missing_ok=True)

    def _part(self, layer: str) -> Path:
        return self.folder / f"{layer or 'network'}.part"


def _read_ahead(inputs: Inputs, chunks: Sequence[Tensor], size: Size | None) -> Iterator[tuple[Tensor, list[int]]]:
    """The inputs of each chunk and the unreadable ones among them; the next chunk is read while one is used."""

    def read(positions: Tensor) -> tuple[Tensor, list[int]]:
        return inputs.try_read(positions, size) if isinstance(inputs, Files) else (inputs.read(positions, size), [])

    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead = [reader.submit(read, chunk) for chunk in chunks[:1]]
        for following in [*chunks[1:], None]:
            current = ahead.pop() if ahead else None
            if following is not None:
                ahead.append(reader.submit(read, following))
            if current is not None:
                yield current.result()


def _name(inputs: Inputs, position: int) -> str:
    return inputs.named(int(position)) if isinstance(inputs, Files) else f"example {position}"
