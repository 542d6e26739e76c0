"""Oxford-102 for zero-shot learning: the published split, and the sentences that describe each kind."""

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import looked_for
from landbridge.data.images import ImageFiles
from landbridge.data.signatures import Signatures
from landbridge.data.zsl_splits import ZeroShotSplit, check_apart, split_of

_PARTS = ("trainval_images", "test_seen_images", "test_unseen_images", "val_images")


def zero_shot(domain: Domain, root: Path | None) -> tuple[Domain, ZeroShotSplit]:
    """The split of Xian et al. (CVPR 2018, section 4): 82 seen kinds, of which 20 are for validation, and 20 unseen.

    Expects `flowers102/zsl_flo.npz`: `labels` (1 to 102), `trainval_images` and so on (image numbers from 1). As
    published, its `train` and `val` together hold the images of `test_seen`; here they hold those of `trainval` alone.
    """
    path, found = _read(root, ("labels", *_PARTS))
    if domain.multi_label:
        raise BadDataError(f"an example of {domain.name} may have several labels: zero-shot learning takes flowers102")
    place, kind = {}, {}
    for examples in domain.splits.values():
        assert isinstance(examples.x, ImageFiles)
        assert examples.y is not None
        for image, label in zip(examples.x.paths, examples.y.tolist()):
            number = int(image.stem.removeprefix("image_"))
            place[number], kind[number] = image, label
    for name in _PARTS:
        lost = [number for number in found[name].tolist() if number not in place]
        if lost:
            raise BadDataError(f"{path}: '{name}' names image {lost[0]}, which flowers102 lacks: use files of one set")

    def of(*parts: str) -> Examples:
        numbers = [number for part in parts for number in found[part].tolist()]
        return Examples(ImageFiles([place[n] for n in numbers]), torch.tensor([kind[n] for n in numbers]))

    every = found["labels"].long() - 1
    wrong = [number for number, label in kind.items() if number > len(every) or every[number - 1] != label]
    if wrong:
        raise BadDataError(f"{path}: image {wrong[0]} has another kind than in flowers102: use files of one set")
    laid_out = replace(
        domain,
        splits={"train": of("trainval_images"), "test": of("test_seen_images", "test_unseen_images")},
    )
    check_apart(path, {name: found[name] for name in _PARTS[:3]})
    validated = every[found["val_images"].long() - 1].unique()
    return laid_out, split_of(laid_out, len(found["test_seen_images"]), validated, "Xian et al., CVPR 2018")


def signatures(variant: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """For each kind the mean embedding of its images' ten sentences, by a text encoder of Reed et al. (CVPR 2016).

    Args:
        variant: not used.
        classes: names of the kinds in the order of their numbers; those of `flowers102`.
        root: the data root.
    """
    from landbridge.data.flowers import KINDS, kind_names

    path, found = _read(root, ("class_sentences",))
    values = found["class_sentences"].float()
    if values.dim() != 2 or len(values) != KINDS:
        raise BadDataError(f"{path}: 'class_sentences' has no row for each of {KINDS} kinds: fetch it anew")
    names = tuple(f"d{number}" for number in range(values.shape[1]))
    return Signatures(kind_names(), names, values, "sentences", "sentences of flowers102")


def _read(root: Path | None, names: Sequence[str]) -> tuple[Path, dict[str, Tensor]]:
    path = looked_for("flowers102 for zero-shot learning", root, ["flowers102/zsl_flo.npz"])
    try:
        with np.load(path, allow_pickle=False) as file:
            found: dict[str, np.ndarray[Any, Any]] = {name: file[name] for name in names}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadDataError(f"{path} cannot be used ({error}): fetch it anew") from error
    return path, {name: torch.from_numpy(values) for name, values in found.items()}
