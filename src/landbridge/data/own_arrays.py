"""One's own arrays: an npz file of images or feature vectors."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Examples
from landbridge.data.folders import hashed_test
from landbridge.data.images import Arrays

Loaded = dict[str, np.ndarray[Any, Any]]


def read_npz(
    path: Path, *, unlabelled: bool = False, numbers: bool = False
) -> tuple[tuple[str, ...], dict[str, Examples]]:
    """Classes and splits of an `.npz` file, which is never unpickled.

    Args:
        path: the file, with these arrays:
            `x`: uint8 images [N, H, W] or [N, H, W, C] (C is 1 or 3), or numbers [N, D], one vector an example.
            `y`: whole numbers or words [N]; left out where there are no labels.
            `x_test`, `y_test`: the test part; without them a fixed fifth of each class is `test`.
            `group`, `group_test`: whole numbers or words [N], maybe.
            `classes`: names that whole numbers in `y` point to; without it the labels themselves are the names.
        unlabelled: leave out the labels if there are any.
        numbers: `y` are numbers to predict, [N] or [N, K]; then they stay as they are, as float32 [N, K], and `classes`
            says what they are.

    Raises:
        BadDataError: anything else, in a sentence.
    """
    arrays = _opened(path)
    if "x" not in arrays:
        raise BadDataError(f"{path} has no array 'x'; its arrays are: {', '.join(arrays) or 'none'}")
    if unlabelled:
        arrays = {name: array for name, array in arrays.items() if name not in ("y", "y_test", "classes")}
    elif "y" not in arrays:
        raise BadDataError(f"{path} has no labels 'y'; if there are none, pass --unlabelled")
    tested = "x_test" in arrays
    if tested and "y" in arrays and "y_test" not in arrays:
        raise BadDataError(f"{path} has 'x_test' without 'y_test'")
    inputs = {name: _inputs(path, name, arrays[name]) for name in ("x", "x_test")[: 1 + tested]}
    if tested and inputs["x"].shape[1:] != inputs["x_test"].shape[1:]:
        raise BadDataError(
            f"{path}: 'x' and 'x_test' differ in shape: {arrays['x'].shape} and {arrays['x_test'].shape}"
        )
    classes, labels = (_numbers if numbers else _labels)(path, arrays, tested=tested)
    groups = _groups(path, arrays, tested=tested)
    for name in ("y", "group"):
        for ending in ("", "_test")[: 1 + tested]:
            found = (labels if name == "y" else groups).get(name + ending)
            if found is not None and len(found) != len(inputs["x" + ending]):
                raise BadDataError(
                    f"{path}: {len(inputs['x' + ending])} in 'x{ending}', {len(found)} in '{name}{ending}'"
                )
    if tested:
        return classes, {
            "train": Examples(Arrays(inputs["x"]), labels.get("y"), groups.get("group")),
            "test": Examples(Arrays(inputs["x_test"]), labels.get("y_test"), groups.get("group_test")),
        }
    x, y, group = inputs["x"], labels.get("y"), groups.get("group")
    # Rows have no path to hash, so their numbers serve; whole groups stay together.
    test = (
        hashed_test([str(i) for i in range(len(x))], None if numbers else y)
        if group is None
        else hashed_test([str(g) for g in group.tolist()])
    )

    def part(chosen: Tensor) -> Examples:
        return Examples(Arrays(x[chosen]), None if y is None else y[chosen], None if group is None else group[chosen])

    return classes, {"train": part(~test), "test": part(test)}


def _opened(path: Path) -> Loaded:
    if not zipfile.is_zipfile(path):
        raise BadDataError(f"{path} is not an npz file, or damaged: write it with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as file:
            names = list(file.files)
            arrays: Loaded = {}
            for name in names:
                try:
                    arrays[name] = file[name]
                except ValueError as error:
                    if "pickle" not in str(error):
                        raise
                    raise BadDataError(
                        f"{path}: '{name}' is an array of Python objects, which could run code when read: "
                        "save numbers or words (a list of arrays of different shapes makes such an array)"
                    ) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadDataError(f"{path} is damaged ({error}): write it anew") from error
    return arrays


def _inputs(path: Path, name: str, array: np.ndarray[Any, Any]) -> Tensor:
    """uint8 [N, C, H, W], or float32 [N, D]."""
    shape, expected = (
        array.shape,
        "images are uint8 [N, H, W] or [N, H, W, C] with C 1 or 3, features are numbers [N, D]",
    )
    if array.ndim and not len(array):
        raise BadDataError(f"{path}: '{name}' is empty")
    if array.ndim == 2 and array.dtype.kind in "fiub":
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is named below
            values = torch.from_numpy(array.astype(np.float32))
        broken = (~torch.isfinite(values)).any(dim=1).nonzero().flatten()
        if len(broken):
            raise BadDataError(
                f"{path}: {len(broken)} of {len(values)} rows of '{name}' hold NaN or infinity "
                f"(first: row {int(broken[0])}): remove or repair them"
            )
        return values
    if array.ndim == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        raise BadDataError(f"{path}: '{name}' looks like [N, C, H, W] {shape}: transpose it to [N, H, W, C]")
    if array.ndim not in (3, 4) or (array.ndim == 4 and shape[3] not in (1, 3)):
        raise BadDataError(f"{path}: '{name}' has the shape {shape}; {expected}")
    if array.dtype != np.uint8:
        raise BadDataError(f"{path}: '{name}' has the type {array.dtype} and the shape {shape}; {expected}")
    images = torch.from_numpy(array)
    return images.unsqueeze(1) if array.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()


def _labels(path: Path, arrays: Loaded, *, tested: bool) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    if "y" not in arrays:
        return (), {}
    given = {name: _whole(path, name, arrays[name]) for name in ("y", "y_test")[: 1 + tested]}
    if "classes" in arrays:
        classes = tuple(str(name) for name in arrays["classes"].ravel())
        for name, values in given.items():
            if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= len(classes):
                raise BadDataError(
                    f"{path}: '{name}' must be whole numbers from 0 to {len(classes) - 1}, as 'classes' says"
                )
        return classes, {name: torch.from_numpy(values.astype(np.int64)) for name, values in given.items()}
    known = np.unique(given["y"])
    for values in list(given.values())[1:]:
        strange = [str(value) for value in np.unique(values) if value not in known]
        if strange:
            raise BadDataError(f"{path}: 'y_test' has the label '{strange[0]}', which 'y' lacks")
    numbers = {
        name: torch.from_numpy(np.searchsorted(known, values).astype(np.int64)) for name, values in given.items()
    }
    return tuple(str(value) for value in known), numbers


def _numbers(path: Path, arrays: Loaded, *, tested: bool) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    """Numbers to predict, float32 [N, K], and what they are called."""
    found = {}
    for name in ("y", "y_test")[: 1 + tested]:
        array = arrays[name]
        if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
            raise BadDataError(
                f"{path}: '{name}' must be numbers to predict, [N] or [N, K], but its type is {array.dtype} and its "
                f"shape {array.shape}"
            )
        found[name] = torch.from_numpy(array.astype(np.float32).reshape(len(array), -1))
        if not found[name].isfinite().all():
            raise BadDataError(f"{path}: '{name}' holds NaN or infinity: remove or repair those rows")
    widths = {values.shape[1] for values in found.values()}
    if len(widths) > 1:
        raise BadDataError(f"{path}: 'y' and 'y_test' differ in how many numbers an example has")
    (width,) = widths
    usual = ["y"] if width == 1 else [f"y{column}" for column in range(width)]
    names = tuple(str(name) for name in arrays.get("classes", np.array(usual)).ravel())
    if len(names) != width:
        raise BadDataError(f"{path}: 'classes' names {len(names)} numbers, but 'y' has {width} an example")
    return names, found


def _groups(path: Path, arrays: Loaded, *, tested: bool) -> dict[str, Tensor]:
    names = [name for name in ("group", "group_test")[: 1 + tested] if name in arrays]
    return {
        name: torch.from_numpy(np.unique(_whole(path, name, arrays[name]), return_inverse=True)[1]) for name in names
    }


def _whole(path: Path, name: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Labels as whole numbers or words [N]; whole numbers kept as floats are allowed."""
    if values.ndim == 1 and values.dtype.kind == "f" and np.isfinite(values).all() and (values == values.round()).all():
        values = values.astype(np.int64)
    if values.ndim == 1 and values.dtype.kind == "S":
        values = values.astype(str)
    if values.ndim != 1 or values.dtype.kind not in "iuUb":
        raise BadDataError(
            f"{path}: '{name}' must be whole numbers or words, one an example, "
            f"but its type is {values.dtype} and its shape {values.shape}; numbers to predict are a task of "
            "landbridge multitask, as in NAME=FILE.npz:number"
        )
    return values.astype(np.int64) if values.dtype.kind == "b" else values
