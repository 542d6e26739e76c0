"""Arrays that are computed once and then kept in the cache folder."""

import hashlib
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import LandbridgeWarning
from landbridge.core.files import atomic_path, cache_folder

Array = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def kept(name: str, key: str, make: Callable[[], Array]) -> Tensor:
    """A uint8 array from the cache, or made now and kept there for the next time.

    It is mapped, not read: what is never looked at costs no memory, and processes on one machine share it. A damaged
    file is made anew. Without room for the cache, the work goes on with a warning.

    Args:
        name: what it is; stands first in the file's name.
        key: everything that the content depends on (inputs, recipe version), hashed by the caller or short.
        make: computes the array.
    """
    path = _place(name, key)
    if path is not None and path.is_file():
        try:
            return _mapped(path)
        except (OSError, ValueError, EOFError):
            pass  # damaged: what follows replaces it
    array = np.ascontiguousarray(make(), dtype=np.uint8)
    if path is None:
        return torch.from_numpy(array)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)
    except OSError as error:
        _complain(name, error)
        return torch.from_numpy(array)
    return _mapped(path)


def _place(name: str, key: str) -> Path | None:
    try:
        return cache_folder("domains") / f"{name}-{key}.npy"
    except OSError as error:
        _complain(name, error)
        return None


def _mapped(path: Path) -> Tensor:
    # Copy on write: a tensor must be writable, the file must not change.
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))


def _complain(name: str, error: OSError) -> None:
    warnings.warn(
        f"{name} cannot be kept for next time ({error.strerror or error}): set LANDBRIDGE_CACHE to a folder with room",
        LandbridgeWarning,
        stacklevel=3,
    )


def content_key(paths: Iterable[Path], *parts: object) -> str:
    """A key that changes when any of the files, or any of the other parts, changes."""
    digest = hashlib.sha256(repr(parts).encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]
