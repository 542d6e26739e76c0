"""Cityscapes and the sets that are laid out after it: IDD, ACDC, Dark Zurich."""

from collections.abc import Sequence
from pathlib import Path

from landbridge.core.errors import MissingDataError
from landbridge.data.domain import Domain
from landbridge.data.folders import looked_for
from landbridge.data.label_maps import LabelMap
from landbridge.data.scene_classes import CITYSCAPES, SYNTHIA_13, SYNTHIA_16, cityscapes_ids, idd_ids, train_ids
from landbridge.data.scenes.pairs import Pairs, first_found, found, scene_domain

_TEST = "test is the published val, whose labels are public"


def load_cityscapes(variant: str | None, root: Path | None) -> Domain:
    """Cityscapes (Cordts et al., CVPR 2016), fine labels: 2,975 + 500 images, 2048 x 1024, groups are cities.

    Expects `cityscapes/leftImg8bit/{train,val}/<city>/*_leftImg8bit.png` and, under `gtFine/`, `*_gtFine_labelIds.png`,
    or `*_gtFine_labelTrainIds.png` where only those were made.

    Args:
        variant: `19` classes (the bare name); `16` or `13`, those that SYNTHIA shares.
        root: the data root.
    """
    name = "cityscapes"
    classes = {"16": SYNTHIA_16, "13": SYNTHIA_13}.get(str(variant), CITYSCAPES)
    folder = looked_for(name, root, ["cityscapes", "Cityscapes", "CITYSCAPES"])
    splits = {
        split: _pairs(
            name,
            folder / "leftImg8bit" / part,
            folder / "gtFine" / part,
            ("_leftImg8bit.png",),
            _endings("gtFine", classes),
        )
        for split, part in (("train", "train"), ("test", "val"))
    }
    official = {"train": 2_975, "test": 500}
    return scene_domain(name, splits, classes, _folder_of, group_kind="city", note=_TEST, official=official)


def load_idd(variant: str | None, root: Path | None) -> Domain:
    """IDD Segmentation (Varma et al., WACV 2019), streets of India, in Cityscapes' 19 classes; groups are drives.

    Expects `idd/leftImg8bit/{train,val}/<drive>/*_leftImg8bit.{png,jpg}` and, under `gtFine/`, label PNGs that the
    set's own tools make of its polygons: `*_gtFine_labelcsTrainIds.png`, `*_labelcsIds.png` or `*_labelids.png`
    (`--id-type csTrainId`, `csId` or `id`). Autorickshaws and animals, which Cityscapes lacks, are void. The two
    parts of the set may lie in one folder: 6,993 + 981 images (part 1), 14,027 + 2,036 with both.
    """
    name = "idd"
    folder = looked_for(name, root, ["idd", "IDD_Segmentation", "idd/IDD_Segmentation", "idd20kII"])
    folder = folder / "IDD_Segmentation" if (folder / "IDD_Segmentation").is_dir() else folder
    kinds = {
        "_gtFine_labelcsTrainIds.png": train_ids(),
        "_gtFine_labelcsIds.png": cityscapes_ids(),
        "_gtFine_labelids.png": idd_ids(),
    }
    splits = {
        split: _pairs(
            name, folder / "leftImg8bit" / part, folder / "gtFine" / part,
            ("_leftImg8bit.png", "_leftImg8bit.jpg"), kinds, "make them of the polygons with the tools of the set",
        )
        for split, part in (("train", "train"), ("test", "val"))
    }  # fmt: skip
    sizes = (len(splits["train"].images), len(splits["test"].images))
    note = _TEST if sizes in ((6_993, 981), (14_027, 2_036)) else f"{sizes[0]:,} + {sizes[1]:,} images; {_TEST}"
    return scene_domain(name, splits, CITYSCAPES, _folder_of, group_kind="drive", note=note)


ACDC_SIZES = {"fog": (400, 100), "night": (400, 106), "rain": (400, 100), "snow": (400, 100)}
"""Images of `train` and `val` by condition."""


def load_acdc(variant: str | None, root: Path | None) -> Domain:
    """ACDC (Sakaridis et al., ICCV 2021): streets in fog, at night, in rain or snow, in Cityscapes' 19 classes.

    Expects `acdc/rgb_anon/<condition>/{train,val}/<drive>/*_rgb_anon.png` and, under `gt/`, `*_gt_labelIds.png` or
    `*_gt_labelTrainIds.png`. Groups are drives.

    Args:
        variant: `fog`, `night`, `rain` or `snow`.
        root: the data root.
    """
    name = f"acdc/{variant}"
    folder = looked_for(name, root, ["acdc", "ACDC"])
    splits = {
        split: _pairs(
            name,
            folder / "rgb_anon" / str(variant) / part,
            folder / "gt" / str(variant) / part,
            ("_rgb_anon.png",),
            _endings("gt", CITYSCAPES),
        )
        for split, part in (("train", "train"), ("test", "val"))
    }
    official = dict(zip(("train", "test"), ACDC_SIZES[str(variant)]))
    return scene_domain(name, splits, CITYSCAPES, _folder_of, group_kind="drive", note=_TEST, official=official)


def load_dark_zurich(variant: str | None, root: Path | None) -> Domain:
    """Dark Zurich (Sakaridis et al., ICCV 2019), nights: 2,416 images without labels, 50 with, Cityscapes' 19 classes.

    Expects `dark-zurich/rgb_anon/{train,val}/night/<drive>/*_rgb_anon.png` and
    `gt/val/night/<drive>/*_gt_labelTrainIds.png` (or `_gt_labelIds.png`). Nobody has labels of `train`.
    """
    name = "dark-zurich"
    folder = looked_for(name, root, ["dark-zurich", "dark_zurich", "Dark_Zurich", "DarkZurich"])
    held = _pairs(
        name, folder / "rgb_anon/val/night", folder / "gt/val/night", ("_rgb_anon.png",), _endings("gt", CITYSCAPES)
    )
    splits = {"train": Pairs(found(folder / "rgb_anon/train/night", "_rgb_anon.png"), None, None), "test": held}
    official = {"train": 2_416, "test": 50}
    return scene_domain(name, splits, CITYSCAPES, _folder_of, group_kind="drive", note=_TEST, official=official)


def _endings(what: str, classes: Sequence[str]) -> dict[str, LabelMap]:
    return {f"_{what}_labelIds.png": cityscapes_ids(classes), f"_{what}_labelTrainIds.png": train_ids(classes)}


def _pairs(
    name: str,
    images: Path,
    labels: Path,
    endings: Sequence[str],
    kinds: dict[str, LabelMap],
    otherwise: str = "unpack the archive of labels there",
) -> Pairs:
    pictures = found(images, *endings)
    if not pictures:
        raise MissingDataError(f"{name}: no *{endings[0]} in {images}; unpack the archive of images there")
    files, meaning = first_found(labels, kinds)
    if not files:
        raise MissingDataError(f"{name}: no *{next(iter(kinds))} in {labels}; {otherwise}")
    return Pairs(pictures, files, meaning)


def _folder_of(key: str) -> str:
    return key.partition("/")[0]
