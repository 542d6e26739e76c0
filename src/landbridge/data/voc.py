"""PASCAL VOC 2007: photographs with several classes of objects each."""

from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, looked_for
from landbridge.data.images import ImageFiles

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_LISTS = {"train": "trainval", "test": "test"}
_PLACES = ("VOCdevkit/VOC2007", "voc2007/VOCdevkit/VOC2007", "VOC2007", "voc2007/VOC2007", "voc2007")


def load(variant: str | None, root: Path | None) -> Domain:
    """PASCAL VOC 2007, classification (Everingham et al., IJCV 2010): 5,011 + 4,952 photographs, 20 classes.

    Expects `VOCdevkit/VOC2007/JPEGImages` and `ImageSets/Main/<class>_{trainval,test}.txt`, `000005 -1` a line. Labels
    are one column a class: 1 the class is there, -1 it is not, 0 it is there but so hard to see that the image is
    left out when this class is judged. `train` is `trainval`. The field reports the mean over the classes of the
    average precision, taken at 11 points of recall.
    """
    folder = looked_for("voc2007", root, _PLACES)
    splits = {split: _examples(folder, part) for split, part in _LISTS.items()}
    note = cut_note(splits, {"train": 5_011, "test": 4_952})
    return Domain("voc2007", CLASSES, splits, headline="mean_average_precision", note=note)


def _examples(folder: Path, part: str) -> Examples:
    columns = []
    names: list[str] = []
    for number, name in enumerate(CLASSES):
        list_file = folder / "ImageSets" / "Main" / f"{name}_{part}.txt"
        images, labels = _read(list_file, part)
        if number and images != names:
            raise BadDataError(f"{list_file} names other images than the list of {CLASSES[0]}: unpack the archive anew")
        names = images
        columns.append(labels)
    paths = [folder / "JPEGImages" / f"{name}.jpg" for name in names]
    if not paths or not paths[0].exists():
        raise MissingDataError(
            f"voc2007: the lists of '{part}' name {names[0] if names else 'no image'}, but there is no such file in "
            f"{folder / 'JPEGImages'}: unpack the archive of {part} there"
        )
    return Examples(ImageFiles(paths), torch.stack(columns, 1))


def _read(list_file: Path, part: str) -> tuple[list[str], Tensor]:
    """The images that a list names, and the label of each, int64 [N]."""
    if not list_file.exists():
        raise MissingDataError(
            f"voc2007: no {list_file.name} in {list_file.parent}: unpack the archive of {part} there"
        )
    images, labels = [], []
    for count, line in enumerate(list_file.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if len(words) != 2 or words[1] not in ("1", "0", "-1"):
            raise BadDataError(f"{list_file}, line {count}: expected 'IMAGE 1', 0 or -1, found '{line.strip()[:60]}'")
        images.append(words[0])
        labels.append(int(words[1]))
    return images, torch.tensor(labels, dtype=torch.int64)
