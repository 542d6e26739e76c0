"""The one registry of domains: a name, or a path of one's own data, becomes a `Domain`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.core.registry import nearest, resolve
from landbridge.data.keys import KNOBS, keep_named, parts_of, split_keys

if TYPE_CHECKING:
    from landbridge.data.domain import Domain


@dataclass(frozen=True)
class Entry:
    """One family of domains in the registry.

    Attributes:
        loader: `package.module:function`, called with (variant or None, data root or None).
        about: what the examples are, in a few words.
        variants: names after the slash; with none, the family has a single domain.
        default: the variant meant by the bare name, if that is allowed.
        folder: where `--data-root` holds it; None where it is made on the spot.
        download: `package.module:function` that fetches it into a data root, where its publisher allows that.
        signatures: what describes its classes, as `load_signatures` takes it, where it brings that along; see
            `described_by`.
        unseen: `package.module:function`, called with the data root, that names the classes which zero-shot learning
            holds out; where there is none, a fifth by a hash of their names.
        zero_shot: `package.module:function`, called with (domain, data root), that lays a domain out after its
            published zero-shot split.
        knobs: whether its loader also takes `keys`, what the knobs in the name (see `landbridge.data.keys`) are set to.
    """

    loader: str
    about: str
    variants: tuple[str, ...] = ()
    default: str | None = None
    folder: str | None = None
    download: str | None = None
    signatures: str | None = None
    unseen: str | None = None
    zero_shot: str | None = None
    knobs: bool = False


_DATA = "landbridge.data"
_SCENES = f"{_DATA}.scenes"
_VENDORS = ("noto", "twemoji", "openmoji", "fluent", "all")

DOMAINS: dict[str, Entry] = {
    "digits": Entry(
        f"{_DATA}.digits:load", "digits made on the spot, no download", ("printed", "handwritten", "photo")
    ),
    "mnist": Entry(f"{_DATA}.mnist:load", "handwritten digits", folder="mnist", download=f"{_DATA}.downloads:mnist"),
    "mnist-m": Entry(f"{_DATA}.mnist_m:load", "MNIST over photographs", folder="mnist + bsds500, or mnist_m"),
    "usps": Entry(
        f"{_DATA}.usps:load",
        "digits from envelopes",
        ("random",),
        default="official",
        folder="usps",
        download=f"{_DATA}.downloads:usps",
    ),
    "svhn": Entry(
        f"{_DATA}.svhn:load", "photographed house numbers", folder="svhn", download=f"{_DATA}.downloads:svhn"
    ),
    "syn-numbers": Entry(f"{_DATA}.syn_numbers:load", "rendered house numbers", ("full",), default="100k"),
    "synsigns": Entry(f"{_DATA}.signs:load_synsigns", "rendered traffic signs", folder="synsigns"),
    "gtsrb": Entry(f"{_DATA}.signs:load_gtsrb", "photographed traffic signs", folder="gtsrb"),
    "pacs": Entry(
        f"{_DATA}.galleries:load_pacs",
        "7 classes in four styles; all: together; style: the styles as classes",
        ("photo", "art_painting", "cartoon", "sketch", "all", "style"),
        folder="pacs",
    ),
    "office31": Entry(
        f"{_DATA}.galleries:load_office31", "31 things of an office", ("amazon", "dslr", "webcam"), folder="office31"
    ),
    "office-home": Entry(
        f"{_DATA}.galleries:load_office_home",
        "65 things in four styles",
        ("art", "clipart", "product", "real-world"),
        folder="office-home",
    ),
    "office-caltech10": Entry(
        f"{_DATA}.office_caltech:load",
        "features of ten things of an office",
        (
            *(f"surf/{domain}" for domain in ("amazon", "caltech10", "dslr", "webcam")),
            *(f"googlenet/{domain}" for domain in ("amazon", "dslr", "webcam")),
        ),
        folder="office_caltech10",
    ),
    "domainnet": Entry(
        f"{_DATA}.galleries:load_domainnet",
        "345 classes in six styles",
        ("clipart", "infograph", "painting", "quickdraw", "real", "sketch"),
        folder="domainnet",
    ),
    "visda2017": Entry(
        f"{_DATA}.galleries:load_visda2017",
        "12 classes, rendered and photographed",
        ("train", "validation", "test"),
        folder="visda2017",
    ),
    "caltech101": Entry(
        f"{_DATA}.caltech:load_caltech101", "101 classes of objects, drawn by shots", folder="caltech101"
    ),
    "caltech256": Entry(
        f"{_DATA}.caltech:load_caltech256", "256 classes of objects, drawn by shots", folder="caltech256"
    ),
    "flowers102": Entry(
        f"{_DATA}.flowers:load",
        "102 kinds of flowers; colours: what their captions name",
        ("colours",),
        default="kinds",
        folder="flowers102",
        signatures="flowers-sentences",
        zero_shot=f"{_DATA}.flowers_zsl:zero_shot",
    ),
    "voc2007": Entry(f"{_DATA}.voc:load", "20 classes, several in a photograph", folder="VOCdevkit/VOC2007"),
    "emoji": Entry(
        f"{_DATA}.emoji:load",
        "emoji by vendor, Unicode's groups as classes",
        ("noto", "twemoji", "openmoji", "fluent"),
        folder="emoji",
    ),
    "emoji-animals": Entry(
        f"{_DATA}.awa2:load",
        "the 37 animals of AwA2 that are emoji; all: four vendors",
        _VENDORS,
        folder="emoji",
        signatures="awa2",
        unseen=f"{_DATA}.awa2:unseen",
    ),
    "emoji-subgroups": Entry(
        f"{_DATA}.emoji_subgroups:load",
        "emoji by vendor, Unicode's subgroups as classes",
        _VENDORS,
        folder="emoji",
    ),
    "emoji-zoo": Entry(
        f"{_DATA}.zoo:load",
        "the animals of a table by hand, as emoji",
        _VENDORS,
        folder="emoji",
        signatures="animals",
        unseen=f"{_DATA}.zoo:unseen",
    ),
    "shapes": Entry(
        f"{_DATA}.shapes:load",
        "coloured shapes made on the spot; a class is a combination of attributes",
        signatures="shapes",
        unseen=f"{_DATA}.shapes:unseen",
    ),
    "xlsa17": Entry(
        f"{_DATA}.xlsa17:load",
        "features and splits of zero-shot benchmarks",
        ("awa1", "awa2", "cub", "sun", "apy", "flo"),
        folder="xlsa17",
        signatures="xlsa17/*",
        zero_shot=f"{_DATA}.xlsa17:zero_shot",
    ),
    "camvid": Entry(
        f"{_SCENES}.camvid:load", "streets by day and at dusk, 11 classes", ("day", "dusk"), folder="camvid"
    ),
    "cityscapes": Entry(
        f"{_SCENES}.cityscapes:load_cityscapes",
        "streets of German cities, 19 classes; 16, 13: those of SYNTHIA",
        ("16", "13"),
        default="19",
        folder="cityscapes",
    ),
    "gta5": Entry(
        f"{_SCENES}.games:load_gta5",
        "streets of a game, 19 classes, all of it train; split: as published",
        ("split",),
        default="all",
        folder="gta5",
    ),
    "synthia": Entry(
        f"{_SCENES}.games:load_synthia", "rendered streets, 16 or 13 classes", ("13",), default="16", folder="synthia"
    ),
    "idd": Entry(f"{_SCENES}.cityscapes:load_idd", "streets of India, Cityscapes' 19 classes", folder="idd"),
    "acdc": Entry(
        f"{_SCENES}.cityscapes:load_acdc",
        "streets in bad weather and at night, Cityscapes' 19 classes",
        ("fog", "night", "rain", "snow"),
        folder="acdc",
    ),
    "dark-zurich": Entry(
        f"{_SCENES}.cityscapes:load_dark_zurich",
        "streets at night, Cityscapes' 19 classes; train has no labels",
        folder="dark-zurich",
    ),
    "streets": Entry(
        f"{_DATA}.streets.domains:load",
        "streets made on the spot; the second has two classes more; knobs: weather, light, location, sensor, size",
        ("sim", "real-ish"),
        knobs=True,
    ),
    "fsdd": Entry(f"{_DATA}.speech:load_fsdd", "spoken digits, groups are speakers", folder="fsdd"),
}


def names() -> list[str]:
    """Every name that `load_domain` knows, in the order of the registry."""
    every = []
    for family, entry in DOMAINS.items():
        if not entry.variants or entry.default is not None:
            every.append(family)
        every += [f"{family}/{variant}" for variant in entry.variants]
    return every


def data_root(given: str | Path | None = None) -> Path | None:
    """The folder of the data sets: the one given, else `LANDBRIDGE_DATA`, else None."""
    named = given or os.environ.get("LANDBRIDGE_DATA")
    return Path(named).expanduser() if named else None


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.endswith((".csv", ".npz")) or Path(name).exists()


def load_domain(name: str | Path, root: str | Path | None = None, *, unlabelled: bool = False) -> "Domain":
    """A domain by its name, or from a path of one's own data.

    Either may end in `?classes=dog,horse`, which keeps only those classes, or `?without=dog,horse`, which keeps all
    others; where groups have names, `?group=theo` keeps one, all of it as `train`, and `?without-group=theo` the rest.
    Simulated streets also have knobs, as in `streets/sim?light=dusk&weather=fog`; see `landbridge.data.streets.knobs`.
    Several keys are joined by `&`; numbers follow, and the domain's name keeps the keys. `A+B` is several domains with
    the same classes joined, each with its keys; see `landbridge.data.joined`.

    Args:
        name: a name of the registry (`mnist`, `pacs/sketch`), or a path: a folder with one sub-folder a class (`train/`
            and `test/` are the splits where they exist) of images or recordings, a `.csv` of `path,label`, an `.npz`
            with `x` and maybe `y`.
        root: the folder that holds the data sets; `LANDBRIDGE_DATA` by default.
        unlabelled: read a folder of images or recordings at any depth, without labels.

    Returns:
        The domain; large inputs are read only when needed.

    Raises:
        UnknownNameError: neither a known name nor a path.
        MissingDataError: known, but its files are not under `root`.
        BadDataError: files are there but cannot be used.

    >>> load_domain("digits/handwriten")
    Traceback (most recent call last):
    landbridge.core.errors.UnknownNameError: unknown domain 'digits/handwriten'; did you mean 'digits/handwritten'?
    """
    parts = parts_of(str(name))
    if len(parts) > 1:
        from landbridge.data.joined import join

        return join([load_domain(part, root, unlabelled=unlabelled) for part in parts])
    plain, keys = split_keys(str(name))
    knobs = {key: values for key, values in keys.items() if key in KNOBS}
    entry = DOMAINS.get(plain.partition("/")[0])
    if knobs and not (entry and entry.knobs):
        raise UnknownNameError(f"'{name}': the key '{next(iter(knobs))}' is for streets/* alone: leave it out")
    domain = _load_whole(plain, root, unlabelled=unlabelled, knobs=knobs)
    if not keys:
        return domain
    return replace(keep_named(domain, keys), name=f"{domain.name}{str(name)[len(plain) :]}")


def entry_of(name: str) -> Entry | None:
    """The family that a name belongs to, whatever its variant and keys; None for a path of one's own, or for several.

    >>> (entry_of("digits/photo?without=0") or DOMAINS["mnist"]).loader
    'landbridge.data.digits:load'
    """
    return None if len(parts_of(name)) > 1 else DOMAINS.get(split_keys(name)[0].partition("/")[0])


def described_by(name: str) -> str | None:
    """The signatures that a domain brings along, as `load_signatures` takes them; None where it has none.

    >>> described_by("shapes"), described_by("xlsa17/cub"), described_by("mnist")
    ('shapes', 'xlsa17/cub', None)
    """
    entry = entry_of(name)
    variant = split_keys(name)[0].partition("/")[2]
    return entry.signatures.replace("*", variant) if entry and entry.signatures else None


def _load_whole(text: str, root: str | Path | None, *, unlabelled: bool, knobs: Mapping[str, list[str]]) -> "Domain":
    family, _, variant = text.partition("/")
    entry = DOMAINS.get(family)
    if entry is not None and (variant in entry.variants or (not variant and _bare(entry))):
        loader: Callable[..., Domain] = resolve(entry.loader)
        told = {"keys": knobs} if entry.knobs else {}
        try:
            domain = loader(variant or entry.default, data_root(root), **told)
        except LandbridgeError:
            raise
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise BadDataError(f"the files of {text} cannot be read ({error}): fetch them anew") from error
        return replace(domain, name=text)
    if _looks_like_path(text):
        path = Path(text).expanduser()
        if not path.exists():
            raise MissingDataError(f"no such file or folder: {path}")
        own: Callable[..., Domain] = resolve("landbridge.data.own:load")
        return own(path, unlabelled=unlabelled)
    hint = nearest(text, names()) or "; `landbridge domains` lists the known ones"
    raise UnknownNameError(f"unknown domain '{text}'{hint}")


def _bare(entry: Entry) -> bool:
    return not entry.variants or entry.default is not None
