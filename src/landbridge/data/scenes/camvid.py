"""CamVid: four drives through Cambridge, three by day and one at dusk."""

from pathlib import Path

from landbridge.core.errors import MissingDataError
from landbridge.data.domain import Domain
from landbridge.data.folders import looked_for
from landbridge.data.scene_classes import CAMVID, camvid_ids
from landbridge.data.scenes.pairs import Pairs, found, matched, scene_domain

DUSK = "0001TP"
"""The drive at dusk; 0006R0, 0016E5 and Seq05VD are by day."""

_STRETCH = 10


def load(variant: str | None, root: Path | None) -> Domain:
    """CamVid (Brostow et al., PRL 2009) as SegNet's tutorial lays it out: 701 images, 11 classes and void.

    Expects `camvid/{train,val,test}` with images and `{train,val,test}annot` with label PNGs of the same names, ids
    0 to 10, and 11 for void. By day: `train` is SegNet's `train` and `val` without the drive at dusk, `test` is
    Seq05VD. At dusk, one drive only: `train` is its 62 images in `train`, `test` its 62 in `test`. Groups are drives;
    a cut keeps ten images in a row together, since there are few drives.

    Args:
        variant: `day` or `dusk`.
        root: the data root.
    """
    name = f"camvid/{variant}"
    folder = looked_for(name, root, ["camvid", "CamVid"])
    parts = {part: _part(name, folder, part) for part in ("train", "val", "test")}
    dusk = variant == "dusk"
    splits = {
        "train": _of_time(parts["train"] if dusk else _both(parts["train"], parts["val"]), dusk=dusk),
        "test": _of_time(parts["test"], dusk=dusk),
    }
    official = {"train": 62, "test": 62} if dusk else {"train": 406, "test": 171}
    return scene_domain(name, splits, CAMVID, _drive, group_kind="drive", official=official, stretch=_STRETCH)


def _part(name: str, folder: Path, part: str) -> Pairs:
    for place in (folder / part, folder / f"{part}annot"):
        if not place.is_dir():
            raise MissingDataError(f"{name}: no {place.name}/ in {folder}; unpack SegNet's CamVid there")
    pairs = Pairs(found(folder / part), found(folder / f"{part}annot", ".png"), camvid_ids())
    assert pairs.labels is not None
    matched(name, pairs.images, pairs.labels)
    return pairs


def _both(one: Pairs, other: Pairs) -> Pairs:
    assert one.labels is not None
    assert other.labels is not None
    return Pairs({**one.images, **other.images}, {**one.labels, **other.labels}, one.meaning)


def _of_time(pairs: Pairs, *, dusk: bool) -> Pairs:
    assert pairs.labels is not None
    images, labels = (
        {key: path for key, path in files.items() if (_drive(key) == DUSK) is dusk}
        for files in (pairs.images, pairs.labels)
    )
    return Pairs(images, labels, pairs.meaning)


def _drive(key: str) -> str:
    return key.partition("_")[0]
