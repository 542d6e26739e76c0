"""Caltech-101 and Caltech-256: photographs of objects, a folder a class, drawn into training and test by seed."""

from pathlib import Path

import torch

from landbridge.core.errors import MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, is_image, looked_for, subfolders
from landbridge.data.images import ImageFiles


def load_caltech101(variant: str | None, root: Path | None) -> Domain:
    """Caltech-101 (Fei-Fei et al., CVPR workshops 2004): 8,677 photographs of 101 classes, no split of their own.

    Expects `caltech101/101_ObjectCategories/<class>`; `BACKGROUND_Google` is no class. All are `train`, and
    `Domain.draw` cuts: the field trains on 15 or 30 images a class, tests on at most 50 of the others, and reports the
    mean over the classes and several draws (Zeiler and Fergus, ECCV 2014, on feature generalization).
    """
    folder = looked_for("caltech101", root, _places("101"))
    found = {place.name: place for place in subfolders(folder) if place.name != "BACKGROUND_Google"}
    return _all_train("caltech101", folder, found, published=8_677, test_shots=50)


def load_caltech256(variant: str | None, root: Path | None) -> Domain:
    """Caltech-256 (Griffin et al., 2007): 29,780 photographs of 256 classes, no split of their own.

    Expects `caltech256/256_ObjectCategories/<number>.<class>`; `257.clutter` is no class. All are `train`, and
    `Domain.draw` cuts: the field trains on up to 60 images a class and reports the mean over the classes; 25 of the
    others are tested on, as the authors of the set do (Griffin et al., technical report 7694 of Caltech, 2007).
    """
    folder = looked_for("caltech256", root, _places("256"))
    numbered = sorted(subfolders(folder), key=lambda place: place.name)
    found = {place.name.partition(".")[2]: place for place in numbered if "." in place.name}
    found.pop("clutter", None)
    return _all_train("caltech256", folder, found, published=29_780, test_shots=25)


def _places(number: str) -> list[str]:
    inside = f"{number}_ObjectCategories"
    names = (f"caltech{number}", f"caltech-{number}", f"Caltech{number}", f"Caltech-{number}", f"caltech_{number}")
    doubled = f"caltech{number}/caltech-{number}/{inside}"  # Caltech's own archive, unpacked into a folder
    return [*(f"{name}/{inside}" for name in names), doubled, inside]


def _all_train(name: str, folder: Path, found: dict[str, Path], *, published: int, test_shots: int) -> Domain:
    classes, paths, labels = tuple(found), list[Path](), list[int]()
    for number, place in enumerate(found.values()):
        # Not at any depth: a class of Caltech-256 has a stray folder of other things in it.
        images = sorted(path for path in place.iterdir() if is_image(path))
        paths += images
        labels += [number] * len(images)
    if not paths:
        raise MissingDataError(f"{name}: no images in sub-folders of {folder} (one a class is expected)")
    splits = {"train": Examples(ImageFiles(paths), torch.tensor(labels))}
    note = cut_note(splits, {"train": published})
    return Domain(name, classes, splits, headline="mean_class_accuracy", note=note, test_shots=test_shots)
