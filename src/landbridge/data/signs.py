"""Traffic signs: rendered (SYN SIGNS) and photographed (GTSRB), the same 43 classes."""

import csv
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, labelled_files, looked_for, subfolders
from landbridge.data.images import ImageFiles

SIGNS = tuple(f"{number:05d}" for number in range(43))
"""The class names of both sets: the folder numbers of GTSRB's archive."""

_BACKBONE = "ganin-signs"


def load_synsigns(variant: str | None, root: Path | None) -> Domain:
    """SYN SIGNS (Moiseev et al., 2013): 100,000 rendered traffic signs, all of them `train`, 40x40 RGB.

    Expects `synsigns/train/<class>` (or `synsigns/<class>`), the class being GTSRB's number.
    """
    folder = looked_for("synsigns", root, ["synsigns/train", "synsigns", "syn_signs/train", "syn_signs"])
    splits = {"train": _class_folders("synsigns", folder)}
    return Domain("synsigns", SIGNS, splits, backbone=_BACKBONE, note=cut_note(splits, {"train": 100_000}))


def load_gtsrb(variant: str | None, root: Path | None) -> Domain:
    """GTSRB (Stallkamp et al., 2012): 39,209 + 12,630 photographs of traffic signs.

    Expects either `gtsrb/{train,test}/<class>`, or the official archives unpacked: `Final_Training/Images/<class>`
    (with the tracks in the names) and `Final_Test/Images` with `GT-final_test.csv`; torchvision's
    `gtsrb/GTSRB/Training` is the same. Pictures are used whole, with the border of about a tenth that the archive
    gives each sign: the boxes in the CSV files are not cut out. `group` numbers the tracks, since the thirty frames
    of one track show one sign.
    """
    folder = looked_for("gtsrb", root, ["gtsrb", "GTSRB", "GTSRB_Final_Training_Images/GTSRB"])
    train = _first(
        folder, "train", "Final_Training/Images", "GTSRB/Final_Training/Images", "GTSRB/Training", "Training"
    )
    if train is None:
        raise MissingDataError(
            f"gtsrb: neither train/<class> nor Final_Training/Images/<class> in {folder}; unpack it there"
        )
    training = _class_folders("gtsrb", train)
    assert isinstance(training.x, ImageFiles)
    assert training.y is not None
    splits = {"train": Examples(training.x, training.y, _tracks(training.x.paths, training.y)), "test": _test(folder)}
    return Domain("gtsrb", SIGNS, splits, backbone=_BACKBONE, note=cut_note(splits, {"train": 39_209, "test": 12_630}))


def _class_folders(name: str, folder: Path) -> Examples:
    numbered = [place for place in subfolders(folder) if place.name.isdecimal() and int(place.name) < len(SIGNS)]
    examples = labelled_files({f"{int(place.name):05d}": place for place in numbered}, SIGNS)
    if not len(examples):
        raise MissingDataError(f"{name}: no images in class folders 00000 to 00042 of {folder}; unpack it there")
    return examples


def _test(folder: Path) -> Examples:
    if (folder / "test").is_dir():
        return _class_folders("gtsrb", folder / "test")
    images = _first(folder, "Final_Test/Images", "GTSRB/Final_Test/Images")
    labels = _first(folder, "GT-final_test.csv", "Final_Test/Images/GT-final_test.csv",
                    "GTSRB/Final_Test/Images/GT-final_test.csv", "GTSRB/GT-final_test.csv")  # fmt: skip
    if images is None or labels is None:
        raise MissingDataError(
            f"gtsrb: neither test/<class> nor Final_Test/Images with GT-final_test.csv in {folder}; "
            "unpack both archives of the test set there"
        )
    with labels.open(newline="", encoding="utf-8") as file:
        try:
            rows = [(row["Filename"], int(row["ClassId"])) for row in csv.DictReader(file, delimiter=";")]
        except (KeyError, TypeError, ValueError) as error:
            raise BadDataError(
                f"{labels} lacks Filename and ClassId (separated by ';'): use the published one"
            ) from error
    if not rows or not (images / rows[0][0]).exists():
        raise MissingDataError(
            f"gtsrb: the images that {labels} names are not in {images}; unpack the test archive there"
        )
    return Examples(ImageFiles([images / name for name, _ in rows]), torch.tensor([number for _, number in rows]))


def _tracks(paths: list[Path], y: Tensor) -> Tensor | None:
    """The track of each file `<track>_<frame>`, numbered over all classes; None if the names tell none."""
    names = [(number, path.stem.rpartition("_")[0]) for number, path in zip(y.tolist(), paths)]
    if not all(track for _, track in names):
        return None
    numbers = {name: position for position, name in enumerate(sorted(set(names)))}
    return torch.tensor([numbers[name] for name in names])


def _first(folder: Path, *candidates: str) -> Path | None:
    return next((folder / candidate for candidate in candidates if (folder / candidate).exists()), None)
