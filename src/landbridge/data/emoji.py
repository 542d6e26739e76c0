"""The same emoji drawn by four vendors."""

import csv
from pathlib import Path

import torch

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
    table = looked_for("emoji", root, ["emoji/metadata.csv"])
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"codepoint", "group"} <= set(rows[0]):
        raise BadDataError(f"{table} lacks rows with the columns codepoint and group")
    classes = tuple(sorted({row["group"] for row in rows}))
    labels = torch.tensor([classes.index(row["group"]) for row in rows])
    # Split before looking which pictures this vendor has, so that the sides are the same for all.
    test = hashed_test([row["codepoint"] for row in rows], labels)
    folder = table.parent / variant
    have = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    there = torch.tensor([f"{row['codepoint']}.png" in have for row in rows])
    if not there.any():
        raise MissingDataError(f"emoji/{variant}: no <codepoint>.png in {folder}; put the vendor's pictures there")
    splits = {}
    for split, side in (("train", ~test), ("test", test)):
        chosen = (side & there).nonzero().flatten()
        paths = [folder / f"{rows[i]['codepoint']}.png" for i in chosen.tolist()]
        splits[split] = Examples(ImageFiles(paths), labels[chosen])
    return Domain(f"emoji/{variant}", classes, splits)
