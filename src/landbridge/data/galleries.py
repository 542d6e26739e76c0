"""Sets of photographs and drawings of the same classes in several styles: a folder a domain, in it a folder a class."""

from dataclasses import dataclass
from pathlib import Path

import torch

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import folder_domain, listed_images, looked_for, split_by_hash
from landbridge.data.images import ImageFiles


@dataclass(frozen=True)
class Gallery:
    """Where the domains of one set lie.

    Attributes:
        folders: what the set's folder is called, the usual name first.
        domains: variant -> what its folder is called, the usual name first.
        sizes: variant -> how many images it has as published.
        inside: folders between that of the domain and those of the classes; empty for none.
    """

    folders: tuple[str, ...]
    domains: dict[str, tuple[str, ...]]
    sizes: dict[str, int]
    inside: tuple[str, ...] = ("",)

    def find(self, name: str, variant: str | None, root: Path | None) -> Path:
        """The folder that holds the classes of a domain."""
        if variant not in self.domains:
            raise UnknownNameError(f"{name} has the domains {', '.join(self.domains)}")
        places = [
            "/".join(part for part in (folder, domain, inner) if part)
            for folder in self.folders
            for domain in self.domains[variant]
            for inner in self.inside
        ]
        return looked_for(f"{name}/{variant}", root, places)


PACS = Gallery(
    ("pacs", "PACS", "PACS/kfold", "pacs/kfold"),
    {"photo": ("photo",), "art_painting": ("art_painting",), "cartoon": ("cartoon",), "sketch": ("sketch",)},
    {"photo": 1_670, "art_painting": 2_048, "cartoon": 2_344, "sketch": 3_929},
)
OFFICE31 = Gallery(
    ("office31", "office31/domain_adaptation_images", "domain_adaptation_images", "Office31", "office_31"),
    {"amazon": ("amazon",), "dslr": ("dslr",), "webcam": ("webcam",)},
    {"amazon": 2_817, "dslr": 498, "webcam": 795},
    inside=("images", ""),
)
OFFICE_HOME = Gallery(
    ("office-home", "office_home", "OfficeHomeDataset_10072016", "OfficeHome"),
    {
        "art": ("Art", "art"),
        "clipart": ("Clipart", "clipart"),
        "product": ("Product", "product"),
        "real-world": ("Real World", "Real_World", "RealWorld", "real_world", "real-world"),
    },
    {"art": 2_427, "clipart": 4_365, "product": 4_439, "real-world": 4_357},
)
DOMAINNET = Gallery(
    ("domainnet", "DomainNet"),
    {name: (name,) for name in ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")},
    {},
)


def load_pacs(variant: str | None, root: Path | None) -> Domain:
    """PACS (Li et al., ICCV 2017): 9,991 images of 7 classes in four styles. Expects `pacs/<domain>/<class>`.

    The field trains and tests on all images of a domain (`--protocol transductive`); the 80 / 20 split is ours.
    `pacs/all` is the four domains together, and `pacs/style` the same images with their style as the class: an image is
    on the same side of the split in all of them.
    """
    if variant in ("all", "style"):
        return _together("pacs", PACS, root, by_style=variant == "style")
    return _by_hash("pacs", PACS, variant, root)


def load_office31(variant: str | None, root: Path | None) -> Domain:
    """Office-31 (Saenko et al., ECCV 2010): 4,110 photographs of 31 classes from a shop and two cameras.

    Expects `office31/<domain>/images/<class>`, as the archive has it, or `office31/<domain>/<class>`.
    """
    return _by_hash("office31", OFFICE31, variant, root)


def load_office_home(variant: str | None, root: Path | None) -> Domain:
    """Office-Home (Venkateswara et al., CVPR 2017): 15,588 images of 65 classes in four styles.

    Expects `office-home/{Art,Clipart,Product,Real World}/<class>`, as in the archive.
    """
    return _by_hash("office-home", OFFICE_HOME, variant, root)


def _together(name: str, gallery: Gallery, root: Path | None, *, by_style: bool) -> Domain:
    """All domains of a set as one: its classes, or its domains as the classes."""
    domains = [_by_hash(name, gallery, variant, root) for variant in gallery.domains]
    names, classes = tuple(gallery.domains), domains[0].classes
    for domain in domains:
        if domain.classes != classes:
            raise BadDataError(f"the classes of {domain.name} and {domains[0].name} differ: fetch {name} anew")
    splits = {}
    for split in ("train", "test"):
        paths, labels = list[Path](), list[torch.Tensor]()
        for style, domain in enumerate(domains):
            examples = domain.splits[split]
            assert isinstance(examples.x, ImageFiles)
            assert examples.y is not None
            paths += examples.x.paths
            labels.append(torch.full_like(examples.y, style) if by_style else examples.y)
        splits[split] = Examples(ImageFiles(paths), torch.cat(labels))
    note = "; ".join(f"{domain.name}: {domain.note}" for domain in domains if domain.note)
    return Domain(f"{name}/{'style' if by_style else 'all'}", names if by_style else classes, splits, note=note)


def _by_hash(name: str, gallery: Gallery, variant: str | None, root: Path | None) -> Domain:
    classes, splits = folder_domain(f"{name}/{variant}", gallery.find(name, variant, root))
    here, published = sum(map(len, splits.values())), gallery.sizes[variant or ""]
    note = "" if here == published else f"cut: {here:,} of {published:,} images"
    return Domain(f"{name}/{variant}", classes, splits, note=note)


def load_domainnet(variant: str | None, root: Path | None) -> Domain:
    """DomainNet (Peng et al., ICCV 2019): some 590,000 images of 345 classes in six styles.

    Expects `domainnet/<domain>/<class>`. The official `<domain>_train.txt` and `<domain>_test.txt` (in `domainnet/` or
    `domainnet/<domain>/`) are the splits where they are there; without them, 80 / 20 by a hash of the path.
    """
    folder = DOMAINNET.find("domainnet", variant, root)
    lists = {split: f"{variant}_{split}.txt" for split in ("train", "test")}
    for place in (folder.parent, folder):
        if all((place / file).exists() for file in lists.values()):
            return _listed(
                f"domainnet/{variant}", {split: place / file for split, file in lists.items()}, folder.parent
            )
    classes, splits = folder_domain(f"domainnet/{variant}", folder)
    return Domain(f"domainnet/{variant}", classes, splits, note="split by us: no official lists")


def _listed(name: str, lists: dict[str, Path], folder: Path) -> Domain:
    """The splits of DomainNet's lists: `clipart/axe/clipart_011_000001.jpg 9` a line."""
    names: dict[int, str] = {}
    splits = {}
    for split, file in lists.items():
        paths, numbers = listed_images(file, folder)
        known = [number for number in numbers if number is not None]
        if len(known) != len(paths) or not paths:
            raise BadDataError(f"{file}: {len(paths) - len(known)} of {len(paths)} lines have no class number")
        names |= {number: path.parent.name for number, path in zip(known, paths)}
        splits[split] = (paths, known)
    order = {number: position for position, number in enumerate(sorted(names))}
    examples = {
        split: Examples(ImageFiles(paths), torch.tensor([order[number] for number in numbers]))
        for split, (paths, numbers) in splits.items()
    }
    return Domain(name, tuple(names[number] for number in order), examples)


VISDA_CLASSES = (
    "aeroplane", "bicycle", "bus", "car", "horse", "knife", "motorcycle", "person", "plant", "skateboard", "train",
    "truck",
)  # fmt: skip
_VISDA_SIZES = {"train": 152_397, "validation": 55_388, "test": 72_372}


def load_visda2017(variant: str | None, root: Path | None) -> Domain:
    """VisDA-2017, classification (Peng et al., 2017): 12 classes, rendered (`train`) and photographed (the others).

    Expects `visda2017/<part>/image_list.txt` (`path number` a line, relative to the part) or
    `visda2017/<part>/<class>`. Each part is a domain of its own and is split 80 / 20 by a hash of the path. Its field
    reports the mean accuracy over the classes. A list without numbers, as `test` had during the challenge, gives a
    domain without labels.
    """
    if variant not in _VISDA_SIZES:
        raise UnknownNameError(f"visda2017 has the parts {', '.join(_VISDA_SIZES)}")
    name = f"visda2017/{variant}"
    folders = ("visda2017", "VisDA2017", "visda-2017", "visda", "VisDA")
    folder = looked_for(name, root, [f"{place}/{variant}" for place in folders])
    if not (folder / "image_list.txt").exists():
        classes, splits = folder_domain(name, folder)
    else:
        paths, numbers = listed_images(folder / "image_list.txt", folder)
        known = [number for number in numbers if number is not None]
        if known and (len(known) != len(paths) or max(known) >= len(VISDA_CLASSES)):
            raise BadDataError(f"{folder / 'image_list.txt'}: not every line ends in a class number from 0 to 11")
        classes = VISDA_CLASSES
        keys = [path.relative_to(folder).as_posix() for path in paths]
        splits = split_by_hash(Examples(ImageFiles(paths), torch.tensor(known) if known else None), keys)
    here, published = sum(map(len, splits.values())), _VISDA_SIZES[variant]
    note = "" if here == published else f"cut: {here:,} of {published:,} images"
    return Domain(name, classes, splits, headline="mean_class_accuracy", note=note)
