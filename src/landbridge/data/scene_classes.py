"""The classes of street scenes: names, official colours, the ids in each set's files, and maps between sets.

A protocol is a set of classes that figures are stated for: 19 (Cityscapes), 16 and 13 (what SYNTHIA shares with them),
11 (CamVid). A number without its protocol says little, so `protocol` names it and every loader puts it into the note.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import torch

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain
from landbridge.data.label_maps import VOID, Colour, LabelMap
from landbridge.data.masks import Masks

CITYSCAPES_COLOURS: Mapping[str, Colour] = MappingProxyType({
    "road": (128, 64, 128), "sidewalk": (244, 35, 232), "building": (70, 70, 70), "wall": (102, 102, 156),
    "fence": (190, 153, 153), "pole": (153, 153, 153), "traffic light": (250, 170, 30), "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35), "terrain": (152, 251, 152), "sky": (70, 130, 180), "person": (220, 20, 60),
    "rider": (255, 0, 0), "car": (0, 0, 142), "truck": (0, 0, 70), "bus": (0, 60, 100), "train": (0, 80, 100),
    "motorcycle": (0, 0, 230), "bicycle": (119, 11, 32),
})  # fmt: skip
"""Cityscapes' 19 classes in the order of their train ids (Cordts et al., CVPR 2016), and their colours."""

CITYSCAPES = tuple(CITYSCAPES_COLOURS)
"""Cityscapes' 19 classes."""

SYNTHIA_16 = tuple(name for name in CITYSCAPES if name not in ("terrain", "truck", "train"))
"""The 16 of Cityscapes' classes that SYNTHIA-RAND-CITYSCAPES has."""

SYNTHIA_13 = tuple(name for name in SYNTHIA_16 if name not in ("wall", "fence", "pole"))
"""The 13 that many figures for SYNTHIA average over (often written mIoU*)."""

CAMVID_COLOURS: Mapping[str, Colour] = MappingProxyType({
    "sky": (128, 128, 128), "building": (128, 0, 0), "pole": (192, 192, 128), "road": (128, 64, 128),
    "pavement": (0, 0, 192), "tree": (128, 128, 0), "sign-symbol": (192, 128, 128), "fence": (64, 64, 128),
    "car": (64, 0, 128), "pedestrian": (64, 64, 0), "bicyclist": (0, 128, 192),
})  # fmt: skip
"""CamVid's 11 classes in the order of SegNet's files, and their colours (Brostow et al., PRL 2009)."""

CAMVID = tuple(CAMVID_COLOURS)
"""CamVid's 11 classes."""

OTHER_COLOURS: Mapping[str, Colour] = MappingProxyType({
    "animal": (246, 198, 145), "autorickshaw": (255, 204, 54), "tuk-tuk": (255, 204, 54), "curb": (220, 190, 40),
    "billboard": (174, 64, 67),
})  # fmt: skip
"""Colours of classes that only other sets have, IDD's (Varma et al., WACV 2019)."""

VOID_COLOUR: Colour = (0, 0, 0)
"""What void pixels are painted in."""

PROTOCOLS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "19 classes (Cityscapes)": CITYSCAPES,
    "16 classes (SYNTHIA)": SYNTHIA_16,
    "13 classes (SYNTHIA)": SYNTHIA_13,
    "11 classes (CamVid)": CAMVID,
})  # fmt: skip
"""Names of protocols, and the classes of each."""

CITYSCAPES_TO_CAMVID: Mapping[str, str] = MappingProxyType({
    "road": "road", "sidewalk": "pavement", "building": "building", "wall": "building", "fence": "fence",
    "pole": "pole", "traffic light": "sign-symbol", "traffic sign": "sign-symbol", "vegetation": "tree",
    "terrain": "tree", "sky": "sky", "person": "pedestrian", "rider": "bicyclist", "car": "car", "truck": "car",
    "bus": "car", "train": "car", "motorcycle": "bicyclist", "bicycle": "bicyclist", "animal": "pedestrian",
    "tuk-tuk": "car", "autorickshaw": "car",
})  # fmt: skip
"""Which of CamVid's 11 classes each of Cityscapes' falls into, and what streets elsewhere have.

As CamVid's own 32 fall into the 11: walls are building, traffic lights sign-symbol, trucks, buses, trains and what else
moves (tuk-tuks) car, motorcycles bicyclist, grass and bushes tree, animals pedestrian.
"""


def _ids(numbers: Mapping[int, str], void: Sequence[int], classes: Sequence[str]) -> dict[int, int]:
    """Ids of a file -> class numbers; void are ids that mean none of the classes."""
    known = {number: classes.index(name) if name in classes else VOID for number, name in numbers.items()}
    return dict.fromkeys((*void, VOID), VOID) | known


_CITYSCAPES_IDS = dict(zip((7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33), CITYSCAPES))

_SYNTHIA_IDS = {
    3: "road", 4: "sidewalk", 2: "building", 21: "wall", 5: "fence", 7: "pole", 15: "traffic light", 9: "traffic sign",
    6: "vegetation", 16: "terrain", 1: "sky", 10: "person", 17: "rider", 8: "car", 18: "truck", 19: "bus", 20: "train",
    12: "motorcycle", 11: "bicycle",
}  # fmt: skip

_IDD_IDS = {
    0: "road", 3: "sidewalk", 5: "terrain", 6: "person", 8: "rider", 9: "motorcycle", 10: "bicycle", 12: "car",
    13: "truck", 14: "bus", 17: "train", 20: "wall", 21: "fence", 24: "traffic sign", 25: "traffic light", 26: "pole",
    29: "building", 32: "vegetation", 33: "sky",
}  # fmt: skip


def cityscapes_ids(classes: Sequence[str] = CITYSCAPES) -> LabelMap:
    """Cityscapes' label ids, 0 to 33 (`*_labelIds.png`), which GTA5's palettes number too; license plates are void."""
    return LabelMap("Cityscapes' label ids", _ids(_CITYSCAPES_IDS, range(34), classes))


def train_ids(classes: Sequence[str] = CITYSCAPES) -> LabelMap:
    """Cityscapes' train ids, 0 to 18 and 255 (`*_labelTrainIds.png`)."""
    return LabelMap("Cityscapes' train ids", _ids(dict(enumerate(CITYSCAPES)), (), classes))


def synthia_ids(classes: Sequence[str] = SYNTHIA_16) -> LabelMap:
    """SYNTHIA's label ids, 0 to 22, the first of the three 16-bit channels of its files."""
    return LabelMap("SYNTHIA's label ids", _ids(_SYNTHIA_IDS, range(23), classes), channel=0)


def idd_ids(classes: Sequence[str] = CITYSCAPES) -> LabelMap:
    """IDD's own ids, 0 to 39 (`--id-type id`), as Cityscapes' classes.

    As IDD's table of labels has it, its non-drivable fallback (earth, grass) is terrain; autorickshaws and animals are
    void.
    """
    return LabelMap("IDD's label ids", _ids(_IDD_IDS, range(40), classes))


def camvid_ids() -> LabelMap:
    """SegNet's ids of CamVid: 0 to 10, and 11 for void."""
    return LabelMap("CamVid's label ids (0 to 11)", _ids(dict(enumerate(CAMVID)), (11,), CAMVID))


def protocol(classes: Sequence[str]) -> str:
    """What figures for these classes are stated as.

    >>> protocol(SYNTHIA_16), protocol(["road", "cow"])
    ('16 classes (SYNTHIA)', '2 classes')
    """
    named = (name for name, members in PROTOCOLS.items() if set(members) == set(classes))
    return next(named, f"{len(classes)} classes")


def class_set(classes: Sequence[str], private: Sequence[str]) -> str:
    """What figures for these classes are stated as, where only the target has some of them.

    >>> class_set(["road", "cow"], ["cow"])
    '2 classes, 1 of them private'
    """
    return protocol(classes) + (f", {len(private)} of them private" if private else "")


def colours_of(classes: Sequence[str], own: Mapping[str, Colour] = MappingProxyType({})) -> list[Colour]:
    """A colour for each class: a set's own, the benchmark's, or one that is far from black.

    Args:
        classes: names.
        own: colours that the set brings along, as `Domain.colours`.

    >>> colours_of(["road", "thing"], {"thing": (1, 2, 3)})
    [(128, 64, 128), (1, 2, 3)]
    """
    known = {**OTHER_COLOURS, **(CAMVID_COLOURS if set(classes) <= set(CAMVID) else CITYSCAPES_COLOURS), **own}
    return [known.get(name) or _made_up(number) for number, name in enumerate(classes)]


def _made_up(number: int) -> Colour:
    import colorsys

    # Steps of the golden ratio around the wheel keep neighbours apart.
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618 % 1, 0.65, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def painted(masks: torch.Tensor, colours: Sequence[Colour]) -> torch.Tensor:
    """Masks as pictures.

    Args:
        masks: class numbers, uint8 or int64 [n, H, W]; `VOID` becomes black.
        colours: of each class.

    Returns:
        uint8 [n, 3, H, W].
    """
    table = torch.tensor([VOID_COLOUR] * 256, dtype=torch.uint8)
    table[: len(colours)] = torch.tensor(list(colours), dtype=torch.uint8)
    return table.to(masks.device)[masks.long()].movedim(-1, 1)


def overlaid(
    images: torch.Tensor, masks: torch.Tensor, colours: Sequence[Colour], strength: float = 0.6
) -> torch.Tensor:
    """Images with the colours of their classes laid over them; void pixels stay as they are.

    Args:
        images: uint8 [n, 3, H, W].
        masks: class numbers [n, H, W].
        colours: of each class.
        strength: how much the colours cover, in [0, 1].
    """
    mixed = images.float().lerp(painted(masks, colours).float(), strength).round().to(torch.uint8)
    return torch.where(masks[:, None] == VOID, images, mixed)


def merged(domain: Domain, table: Mapping[str, str], classes: Sequence[str]) -> Domain:
    """A dense domain with its classes merged into others.

    Args:
        domain: the domain.
        table: name of a class -> name of one of `classes`; a class without one becomes void.
        classes: names of the new classes, in their order.

    Raises:
        BadDataError: the domain's labels are not masks.
    """
    if not domain.dense:
        raise BadDataError(f"{domain.name} has no masks whose classes could be merged")
    places = {name: number for number, name in enumerate(classes)}
    numbers = torch.tensor([places[table[name]] if name in table else VOID for name in domain.classes])
    splits = {
        split: replace(examples, y=examples.y.renumbered(numbers)) if isinstance(examples.y, Masks) else examples
        for split, examples in domain.splits.items()
    }
    return replace(domain, classes=tuple(classes), splits=splits, colours={})


def in_classes_of(domain: Domain, classes: Sequence[str]) -> Domain:
    """A dense domain in the classes of another: in their order, what they lack void, Cityscapes' in CamVid's 11.

    Args:
        domain: the domain, or one without labels, which only takes over the names.
        classes: the other's classes.

    Raises:
        BadDataError: it lacks some of the classes, and nothing is known about how to merge its own into them.

    >>> in_classes_of(Domain("two", ("car", "road"), {}), ("road", "car")).classes
    ('road', 'car')
    """
    if not domain.classes or set(classes) == set(domain.classes):
        return domain.with_classes(classes)
    if set(classes) < set(domain.classes):
        return domain.only(classes).with_classes(classes)
    if set(classes) == set(CAMVID) and set(domain.classes) <= set(CITYSCAPES_TO_CAMVID):
        return merged(domain, CITYSCAPES_TO_CAMVID, classes)
    lacking = [name for name in classes if name not in domain.classes]
    raise BadDataError(
        f"{domain.name} lacks {len(lacking)} of the {len(classes)} classes ({', '.join(lacking[:5])}): keep those that "
        "both have with ?classes= behind the names"
    )
