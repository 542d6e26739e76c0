"""The files of Xian et al., in which most zero-shot papers find their features, splits and attributes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import looked_for
from landbridge.data.images import Arrays
from landbridge.data.matlab import matlab_variable
from landbridge.data.signatures import Kind, Signatures
from landbridge.data.zsl_splits import ZeroShotSplit, check_apart, split_of

FOLDERS = {"awa1": "AWA1", "awa2": "AWA2", "cub": "CUB", "sun": "SUN", "apy": "APY", "flo": "FLO"}
"""Variant -> folder of the archive."""

_PARTS = ("trainval_loc", "test_seen_loc", "test_unseen_loc", "val_loc")


class _Files(NamedTuple):
    splits: Path
    features: Path


def load(variant: str | None, root: Path | None) -> Domain:
    """ResNet-101 features of a zero-shot benchmark with its proposed split (Xian et al., TPAMI 2018).

    Expects `xlsa17/data/<SET>/res101.mat` (`features` [2048, N], `labels` 1 to C) and `att_splits.mat`
    (`allclasses_names`, `att` [A, C], positions from 1: `trainval_loc`, `test_seen_loc`, `test_unseen_loc`, `val_loc`)
    as published for AWA1, AWA2, CUB, SUN and APY; FLO in the same format. `train` is the images of `trainval_loc`,
    `test` those of `test_seen_loc`, then those of `test_unseen_loc`.
    """
    files, locations = _opened(variant, root)
    labels, classes = _labels(files), _classes(files)
    if not len(labels) or not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise BadDataError(f"{files.features}: 'labels' outside 1 to {len(classes)}: fetch it anew")
    for name, positions in locations.items():
        if not len(positions) or not 0 <= int(positions.min()) <= int(positions.max()) < len(labels):
            raise BadDataError(
                f"{files.splits}: '{name}' names images outside 1 to {len(labels)}: fetch both files anew"
            )
    every = Arrays(lambda: _features(files.features, len(labels)), len(labels))
    tested = torch.cat([locations["test_seen_loc"], locations["test_unseen_loc"]])
    splits = {
        split: Examples(every.pick(positions), labels[positions])
        for split, positions in (("train", locations["trainval_loc"]), ("test", tested))
    }
    name = f"xlsa17/{variant}"
    return Domain(name, classes, splits, headline="mean_class_accuracy", note="ResNet-101 features")


def zero_shot(domain: Domain, root: Path | None) -> tuple[Domain, ZeroShotSplit]:
    """The proposed split; validation classes are those of `val_loc`."""
    files, locations = _opened(domain.name.partition("/")[2], root)
    check_apart(files.splits, {name: locations[name] + 1 for name in _PARTS[:3]})
    validated = _labels(files)[locations["val_loc"]].unique()
    return domain, split_of(domain, len(locations["test_seen_loc"]), validated, "Xian et al., TPAMI 2018")


def signatures(variant: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """What `att` says of the classes, scaled to length 1 as published: sentences for FLO, attributes for all others.

    The files do not name the attributes; they are numbered from 1.
    """
    files, _ = _opened(variant, root)
    values = torch.from_numpy(matlab_variable(files.splits, "att").T.astype(np.float32))
    kind: Kind = "sentences" if variant == "flo" else "attributes"
    names = tuple(f"{number}" for number in range(1, values.shape[1] + 1))
    return Signatures(_classes(files), names, values, kind, f"att of xlsa17/{variant}")


def _opened(variant: str | None, root: Path | None) -> tuple[_Files, dict[str, Tensor]]:
    """The two files of a set, and positions from 0 of each part."""
    folder = FOLDERS.get(variant or "")
    if folder is None:
        raise UnknownNameError(f"xlsa17 has the sets {', '.join(FOLDERS)}: write xlsa17/SET, not 'xlsa17/{variant}'")
    place = looked_for(f"xlsa17/{variant}", root, [f"xlsa17/data/{folder}", f"xlsa17/{folder}"])
    files = _Files(place / "att_splits.mat", place / "res101.mat")
    for path in files:
        looked_for(f"xlsa17/{variant}", path.parent, [path.name])
    return files, {
        name: torch.from_numpy(matlab_variable(files.splits, name).ravel().astype("int64")) - 1 for name in _PARTS
    }


def _labels(files: _Files) -> Tensor:
    """Class numbers from 0, int64 [N]."""
    return torch.from_numpy(matlab_variable(files.features, "labels").ravel().astype("int64")) - 1


def _classes(files: _Files) -> tuple[str, ...]:
    """Names of the classes; in CUB and some others numbers stand before them, which stay."""
    cells = matlab_variable(files.splits, "allclasses_names").ravel()
    return tuple(str(np.asarray(cell).ravel()[0]).strip() for cell in cells)


def _features(path: Path, count: int) -> Tensor:
    features: np.ndarray[Any, Any] = matlab_variable(path, "features")
    if features.ndim != 2 or features.shape[1] != count:
        shape = " x ".join(map(str, features.shape))
        raise BadDataError(f"{path}: 'features' is {shape}, where {count} labels want a column each: fetch it anew")
    if not np.isfinite(features).all():
        raise BadDataError(f"{path}: 'features' holds numbers that are not finite: fetch it anew")
    return torch.from_numpy(np.ascontiguousarray(features.T, dtype=np.float32))
