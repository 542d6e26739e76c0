"""Rendered streets: GTA5, from a game, and SYNTHIA, from a simulator."""

from pathlib import Path

import numpy as np

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Domain
from landbridge.data.folders import looked_for
from landbridge.data.matlab import matlab_variable
from landbridge.data.scene_classes import CITYSCAPES, SYNTHIA_13, SYNTHIA_16, cityscapes_ids, synthia_ids
from landbridge.data.scenes.pairs import Found, Pairs, found, scene_domain

_STRETCH = 100
"""Images of GTA5 in a row that a cut keeps together: they were taken one after the other on a drive."""


def load_gta5(variant: str | None, root: Path | None) -> Domain:
    """GTA5 (Richter et al., "Playing for Data", ECCV 2016): 24,966 images of a game, 1914 x 1052, 19 classes.

    Expects `gta5/images/*.png` and `gta5/labels/*.png` of the same names, palettes that number Cityscapes' label ids.

    Args:
        variant: None takes all as `train`, as papers on adaptation do; `split` the published 12,403 + 6,181 (and the
            6,382 of `validation`, left out), which takes `gta5/split.mat` (or `mapping/split.mat`).
        root: the data root.
    """
    name = "gta5"
    folder = looked_for(name, root, ["gta5", "GTA5", "gta", "GTAV"])
    pairs = _two_folders(name, folder, "images", "labels")
    assert pairs.labels is not None
    whole = Pairs(pairs.images, pairs.labels, cityscapes_ids())
    if variant != "split":
        return scene_domain(name, {"train": whole}, CITYSCAPES, official={"train": 24_966}, stretch=_STRETCH)
    place = next((path for path in (folder / "split.mat", folder / "mapping/split.mat") if path.exists()), None)
    if place is None:
        raise MissingDataError(f"gta5/split: no split.mat in {folder}; fetch it from the set's page, or take gta5")
    splits = {}
    for split, variable, size in (("train", "trainIds", 12_403), ("test", "testIds", 6_181)):
        numbers = np.ravel(matlab_variable(place, variable)).tolist()
        wanted = [key for key in (f"{int(number):05d}" for number in numbers) if key in whole.images]
        if not wanted:
            raise BadDataError(f"gta5/split: none of the {size:,} images of '{split}' is in {folder / 'images'}")
        images, labels = ({key: files[key] for key in wanted if key in files} for files in (pairs.images, pairs.labels))
        splits[split] = Pairs(images, labels, whole.meaning)
    return scene_domain(name, splits, CITYSCAPES, official={"train": 12_403, "test": 6_181}, stretch=_STRETCH)


def load_synthia(variant: str | None, root: Path | None) -> Domain:
    """SYNTHIA-RAND-CITYSCAPES (Ros et al., CVPR 2016): 9,400 rendered images, 1280 x 760, all of them `train`.

    Expects `synthia/RGB/*.png` and `synthia/GT/LABELS/*.png` of the same names, the ids in the first of three 16-bit
    channels.

    Args:
        variant: `16` classes (the bare name), or `13`.
        root: the data root.
    """
    name = "synthia"
    folder = looked_for(name, root, ["synthia", "RAND_CITYSCAPES", "SYNTHIA", "synthia/RAND_CITYSCAPES"])
    folder = folder / "RAND_CITYSCAPES" if (folder / "RAND_CITYSCAPES").is_dir() else folder
    classes = SYNTHIA_13 if variant == "13" else SYNTHIA_16
    pairs = _two_folders(name, folder, "RGB", "GT/LABELS")
    splits = {"train": Pairs(pairs.images, pairs.labels, synthia_ids(classes))}
    return scene_domain(name, splits, classes, official={"train": 9_400})


def _two_folders(name: str, folder: Path, images: str, labels: str) -> Pairs:
    files: list[Found] = []
    for place in (folder / images, folder / labels):
        files.append(found(place))
        if not files[-1]:
            raise MissingDataError(f"{name}: no images in {place}; unpack the archive there")
    return Pairs(files[0], files[1], None)
