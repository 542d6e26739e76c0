"""The same emoji drawn by four vendors."""

import csv
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import hashed_test, looked_for
from landbridge.data.images import ImageFiles

VENDORS = ("noto", "twemoji", "openmoji", "fluent")


def load(variant: str | None, root: Path | None) -> Domain:
    """Emoji by vendor: 1,487 pictures each, three vendors draw flat, `fluent` in 3-D; the classes are Unicode's groups.

    Expects `emoji/metadata.csv` with the columns `codepoint` and `group`, and `emoji/<vendor>/<codepoint>.png`. The
    split is 80 / 20 by a hash of the code point, a group at a time, and the same for all vendors: no emoji is trained
    on in one drawing and tested in another.
    """
    if variant not in VENDORS:
        raise UnknownNameError(f"emoji has the vendors {', '.join(VENDORS)}")
    rows = metadata(root, ("codepoint", "group"))
    return drawn(f"emoji/{variant}", variant, {row["codepoint"]: row["group"] for row in rows}, root)


def metadata(root: Path | None, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """A row an emoji, with these columns.

    Raises:
        MissingDataError: there is no table.
        BadDataError: it lacks a column.
    """
    table = looked_for("emoji", root, ["emoji/metadata.csv"])
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(columns) <= set(rows[0]):
        raise BadDataError(f"{table} lacks rows with the columns {', '.join(columns[:-1])} and {columns[-1]}")
    return rows


def drawn(name: str, variant: str, class_of: Mapping[str, str], root: Path | None, *, split: bool = True) -> Domain:
    """Some emoji as one vendor draws them, or all four, who are then the groups.

    Args:
        name: of the domain.
        variant: a vendor, or `all`.
        class_of: code point -> class; emoji that a vendor lacks are left out.
        root: the data root.
        split: 80 / 20 by a hash of the code point, a class at a time; else all is `train`.

    Raises:
        UnknownNameError: no such vendor.
        MissingDataError: a vendor's pictures are not there.
    """
    if variant not in (*VENDORS, "all"):
        raise UnknownNameError(f"{name.partition('/')[0]} has the vendors {', '.join(VENDORS)}, and all")
    vendors = VENDORS if variant == "all" else (variant,)
    codes, classes = list(class_of), tuple(sorted(set(class_of.values())))
    labels = torch.tensor([classes.index(class_of[code]) for code in codes])
    # Split before looking which pictures a vendor has, so that the sides are the same for all.
    test = hashed_test(codes, labels) if split else torch.zeros(len(codes), dtype=torch.bool)
    folder = looked_for("emoji", root, ["emoji"])
    there = torch.stack([_there(name, folder / vendor, codes) for vendor in vendors])
    splits = {}
    for part, side in (("train", ~test), ("test", test)):
        vendor, chosen = (there & side).nonzero(as_tuple=True)
        if part == "train" or split:
            paths = [folder / vendors[v] / f"{codes[i]}.png" for v, i in zip(vendor.tolist(), chosen.tolist())]
            splits[part] = Examples(ImageFiles(paths), labels[chosen], vendor if variant == "all" else None)
    groups = VENDORS if variant == "all" else ()
    return Domain(name, classes, splits, groups=groups, group_kind="vendor")


def _there(name: str, folder: Path, codes: list[str]) -> Tensor:
    """Which of the emoji a vendor draws, bool [emoji]."""
    have = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    there = torch.tensor([f"{code}.png" in have for code in codes])
    if not there.any():
        raise MissingDataError(f"{name}: no <codepoint>.png in {folder}; put the vendor's pictures there")
    return there
