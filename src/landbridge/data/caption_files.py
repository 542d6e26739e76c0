"""Captions of one's own: CSV, JSON, JSONL, Karpathy's JSON, and image folders with templates."""

import csv
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landbridge.core.errors import BadDataError, LandbridgeError, LandbridgeWarning, MissingDataError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.captions import SPLIT_NAMES, Captions, Told, by_split
from landbridge.data.folders import IMAGES, files_below, relative, subfolders
from landbridge.data.images import ImageFiles, Inputs
from landbridge.data.templates import PHOTO, SEPARATOR, Template, spoken

TABLES = (".csv", ".tsv", ".txt")
LISTS = (".json", ".jsonl")
TAR = ".tar"

COLUMNS = ("image", "caption", "split", "class")
"""The columns of a table; the last two may be missing."""

KEYS = ("image", "caption", "captions", "split", "class")
"""The same in JSON."""

IMAGE_FOLDERS = (".", "images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "img", "jpg")
"""Where images may lie that a file names, relative to its folder."""

TEMPLATES = "?templates="


def looks_like_own(spec: str) -> bool:
    """Whether a name of captions is a path rather than a name; it need not exist.

    >>> looks_like_own("mine.csv"), looks_like_own("shards-{000..003}.tar"), looks_like_own("flickr8k")
    (True, True, False)
    """
    path = spec.partition("?")[0]
    return path.endswith((*TABLES, *LISTS, TAR)) or path.startswith((".", "/", "~")) or Path(path).exists()


def load_own(spec: str, unreadable: float) -> dict[str, Captions]:
    """Captions from a path; see `landbridge.data.captions.load_captions`.

    Args:
        spec: the path, maybe with `?templates=` and templates for class names.
        unreadable: share of the images that may be missing or have no caption.

    Raises:
        MissingDataError: there is nothing.
        BadDataError: it cannot be used.
    """
    plain, key, _ = spec.partition("?")
    path = Path(plain).expanduser()
    shards = path.suffix == TAR or (path.is_dir() and any(path.glob(f"*{TAR}")))
    if not shards and not path.exists():
        raise MissingDataError(f"no such file or folder: {path}")
    table = captions_in(path) if path.is_dir() else path
    if table is None and not shards:
        return _class_folders(plain, path, read_templates(spec))
    if key:
        raise LandbridgeError(f"'{spec}': templates are for a folder with a folder a class, and {path} has captions")
    if shards:
        from landbridge.data.shards import load_shards

        return load_shards(spec, plain, unreadable)
    assert table is not None
    return load_file(spec, table, unreadable)


def captions_in(folder: Path) -> Path | None:
    """The file `captions.json` or the like in a folder, if there is one."""
    return next((p for ending in (*LISTS, *TABLES) if (p := folder / f"captions{ending}").is_file()), None)


def load_file(name: str, path: Path, unreadable: float) -> dict[str, Captions]:
    """Captions of a CSV, JSON or JSONL file.

    Args:
        name: of the set.
        path: the file; images are named relative to its folder, or to `images/` there.
        unreadable: share of the images that may be missing or have no caption.
    """
    if path.suffix.lower() not in (*TABLES, *LISTS):
        raise BadDataError(f"{path} is none of {', '.join((*TABLES, *LISTS, TAR))}, and no folder")
    rows = list(_table(path) if path.suffix.lower() in TABLES else _entries(path))
    return captions_below(name, path.parent, rows, unreadable)


def captions_below(
    name: str, folder: Path, rows: Sequence[Told], unreadable: float, class_names: Sequence[str] | None = None
) -> dict[str, Captions]:
    """Captions of images that are named relative to a folder, or to one of the usual folders in it.

    Args:
        name: of the set.
        folder: where the file lies that names them.
        rows: what it tells.
        unreadable: share of the images that may be missing or have no caption.
        class_names: the classes by number; see `by_split`.
    """
    base, there = _image_folder(folder, [row.image for row in rows])

    def inputs(images: Sequence[str]) -> Inputs:
        return ImageFiles([base / image for image in images])

    def fault(image: str) -> str | None:
        return None if image in there else f"no such file in {base}"

    return by_split(name, rows, inputs, fault=fault, class_names=class_names, unreadable=unreadable)


def _image_folder(folder: Path, images: Sequence[str]) -> tuple[Path, set[str]]:
    """The folder that images are named relative to: of the usual ones, the first that has the most of them.

    Args:
        folder: where the file lies that names them.
        images: their names.

    Returns:
        The folder, and those of the images that exist.
    """
    found = [(base, _existing(base, images)) for name in IMAGE_FOLDERS if (base := folder / name).is_dir()]
    return max(found, key=lambda pair: len(pair[1]))


def _existing(folder: Path, images: Sequence[str]) -> set[str]:
    """Those that exist; a folder is listed once, however many images it holds."""
    listed: dict[Path, set[str]] = {}
    there = set()
    for image in images:
        place = folder / image
        if place.parent not in listed:
            listed[place.parent] = set(os.listdir(place.parent)) if place.parent.is_dir() else set()
        if place.name in listed[place.parent]:
            there.add(image)
    return there


def _table(path: Path) -> Iterator[Told]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            reader = csv.DictReader(file, skipinitialspace=True, restval="", delimiter=delimiter)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            _check_columns(path, columns)
            for row in reader:
                where = f"line {reader.line_num}"
                if None in row:
                    raise BadDataError(
                        f"{path}, {where}: more fields than columns; put captions with commas into double quotes"
                    )
                if not row["image"].strip():
                    raise BadDataError(f"{path}, {where}: no image is named")
                split, label = (row[name].strip() if name in row else None for name in ("split", "class"))
                yield Told(row["image"].strip(), (row["caption"],), split, label, where)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"{path} is no CSV in UTF-8 ({error})") from error


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    for name in COLUMNS[:2]:
        if name not in columns:
            close = nearest(name, columns)
            raise BadDataError(f"{path} has no column '{name}'; its columns are: {', '.join(columns) or 'none'}{close}")
    _tell_unknown(path, "columns", [name for name in columns if name not in COLUMNS])


def _tell_unknown(path: Path, what: str, names: Sequence[str]) -> None:
    if names:
        warnings.warn(f"{path}: {what} not used: {', '.join(sorted(names))}", LandbridgeWarning, stacklevel=5)


def _entries(path: Path) -> Iterator[Told]:
    """What a JSON or JSONL file tells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDataError(f"{path} is no text in UTF-8 ({error})") from error
    if path.suffix.lower() == ".jsonl":
        lines = [(f"line {number}", line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        yield from _objects(path, [(where, _parsed(path, line, where)) for where, line in lines])
        return
    content = _parsed(path, text)
    if isinstance(content, dict) and isinstance(content.get("images"), list):
        yield from _karpathy(path, content["images"])
    elif isinstance(content, list):
        yield from _objects(path, [(f"entry {number}", entry) for number, entry in enumerate(content, 1)])
    else:
        raise BadDataError(f"{path}: a list of objects with 'image' and 'caption' is expected, or Karpathy's 'images'")


def _parsed(path: Path, text: str, where: str = "") -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadDataError(f"{path}{where and f', {where}'} is no JSON ({error})") from error


def _objects(path: Path, entries: Sequence[tuple[str, Any]]) -> Iterator[Told]:
    unknown: set[str] = set()
    for where, entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
            raise BadDataError(f"{path}, {where}: an object with 'image' is expected{_keys_of(entry)}")
        said = entry.get("captions", entry.get("caption"))
        texts = [said] if isinstance(said, str) else said
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise BadDataError(
                f"{path}, {where}: 'caption', a text, or 'captions', a list of texts, is expected{_keys_of(entry)}"
            )
        unknown |= set(entry) - set(KEYS)
        split, label = (None if entry.get(key) is None else str(entry[key]) for key in ("split", "class"))
        yield Told(entry["image"], tuple(texts), split, label, where)
    _tell_unknown(path, "keys", list(unknown))


def _keys_of(entry: Any) -> str:
    return f"; its keys are: {', '.join(map(str, entry)) or 'none'}" if isinstance(entry, dict) else ""


def _karpathy(path: Path, entries: Sequence[Any]) -> Iterator[Told]:
    """Karpathy and Fei-Fei (CVPR 2015): `filename`, maybe `filepath`, `split`, and `sentences` with `raw`."""
    for number, entry in enumerate(entries, 1):
        where = f"image {number}"
        try:
            name = "/".join(part for part in (entry.get("filepath", ""), entry["filename"]) if part)
            texts = tuple(str(sentence["raw"]) for sentence in entry["sentences"])
            yield Told(name, texts, str(entry["split"]), None, where)
        except (AttributeError, KeyError, TypeError) as error:
            raise BadDataError(
                f"{path}, {where}: 'filename', 'split' and 'sentences' with 'raw' are expected ({error!r})"
            ) from error


def read_templates(spec: str) -> tuple[Template, ...]:
    """The templates of `FOLDER?templates=one|two`; `a photo of a {}.` where there are none.

    Raises:
        UnknownNameError: another key follows the question mark.
        LandbridgeError: a template has another field than `{}` and `{name}`, or none.

    >>> [template.fill(name="cat") for template in read_templates("photos?templates=a {}.|this is a {name}!")]
    ['a cat.', 'this is a cat!']
    """
    _, mark, rest = spec.partition("?")
    if not mark:
        return (Template.of(PHOTO),)
    key, _, value = rest.partition("=")
    if key != "templates":
        raise UnknownNameError(f"'{spec}': unknown key '{key}'; known: templates")
    return tuple(Template.of(part.strip()) for part in value.split(SEPARATOR))


def _class_folders(name: str, folder: Path, templates: Sequence[Template]) -> dict[str, Captions]:
    """A folder a class, maybe below `train`, `validation` and `test`; the templates are the sentences."""
    rows = list(_in_folders(folder, templates))
    if not rows:
        raise MissingDataError(
            f"no captions in {folder}: it holds neither captions.json (or .jsonl, .csv), nor {TAR} shards, nor a "
            "folder of images a class"
        )

    return captions_below(name, folder, rows, 0.0)


def _in_folders(folder: Path, templates: Sequence[Template]) -> Iterator[Told]:
    parts: Mapping[str | None, Path] = {p.name: p for p in subfolders(folder) if p.name.lower() in SPLIT_NAMES}
    if "train" not in parts or not subfolders(folder / "train"):
        parts = {None: folder}
    for split, place in parts.items():
        for inner in subfolders(place):
            texts = tuple(template.fill(name=spoken(inner.name)) for template in templates)
            for image in relative(files_below(inner, IMAGES), folder):
                yield Told(image, texts, split, inner.name)
