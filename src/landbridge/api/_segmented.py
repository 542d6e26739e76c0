"""What a saved segmenter says of raw images: label files, the same in colour over the images, films of these."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from landbridge.api._recipe import ready_domain
from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, RunFolderError
from landbridge.core.files import atomic_path
from landbridge.data.domain import Domain
from landbridge.data.folders import IMAGES, files_below
from landbridge.data.images import decode
from landbridge.data.label_maps import VOID, Colour
from landbridge.data.matching_scenes import check_label_sets, private_of
from landbridge.data.scene_classes import class_set, colours_of, in_classes_of, overlaid
from landbridge.evaluation.metrics import evaluate_pixels
from landbridge.evaluation.segmentation import shared_and_private
from landbridge.evaluation.snapshot import load
from landbridge.nn.segmenter_model import Segmenter
from landbridge.runs import Run

LABELS, OVERLAYS, FILM = "labels", "overlays", "overlays.gif"
FRAME = 100
"""Milliseconds a picture of a film that is made of single images."""


def seeing(window: str | None, scales: str, flip: bool) -> dict[str, Any]:
    """How a segmenter looks at images, from words of a command line.

    Args:
        window: WIDTHxHEIGHT, or None for whole images.
        scales: numbers with commas.
        flip: whether to look at mirrored images too.

    Raises:
        LandbridgeError: they are of another form.

    >>> seeing("512x256", "0.75,1", flip=True)
    {'window': (256, 512), 'scales': (0.75, 1.0), 'flip': True}
    """
    try:
        factors = tuple(float(scale) for scale in scales.split(","))
    except ValueError:
        raise LandbridgeError(f"--scales is numbers with commas, as in 0.75,1,1.25, not '{scales}'") from None
    if window is None:
        return {"window": None, "scales": factors, "flip": flip}
    width, cross, height = window.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise LandbridgeError(f"--window is WIDTHxHEIGHT in pixels, as in 512x512, not '{window}'")
    return {"window": (int(height), int(width)), "scales": factors, "flip": flip}


def segment_files(model: Segmenter, run: Path, where: Path, out: Path, *, gif: bool, **look: Any) -> Path:
    """Write what a segmenter says of an image, a film (GIF), or all images below a folder.

    Args:
        model: the segmenter.
        run: its folder, where its colours may be found.
        where: the file or folder.
        out: the folder to write, `labels/` with class numbers in palette PNGs, `overlays/`, and `classes.csv`; made
            whole or not at all. A film gets `overlays.gif`.
        gif: whether the images of a folder are the frames of a film, in the order of their names.
        look: how it looks at images, see `seeing`.

    Raises:
        MissingDataError: there are no images.
        BadDataError: none can be read.
        RunFolderError: the folder to write has files in it already.
    """
    paths = [where] if where.is_file() else files_below(where, IMAGES)
    if not paths:
        raise MissingDataError(f"no images in {where}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(f"{out} is there and not empty: choose another --out")
    film = _frames(paths[0]) if len(paths) == 1 else None
    colours = _colours(model, run)
    with atomic_path(out) as folder:
        skipped: list[str] = []
        images = film.images() if film else _read(where, paths, skipped)
        written = []
        for name, image in images:
            labels = model.predict(image[None], **look)
            written.append(_write(folder, name, image, labels[0], colours))
        if not written:
            raise BadDataError(f"no image can be read: {skipped[0]}")
        with (folder / "classes.csv").open("w", newline="", encoding="utf-8") as file:
            rows = ([number, name, *colours[number]] for number, name in enumerate(model.classes))
            csv.writer(file).writerows([["number", "name", "red", "green", "blue"], *rows])
        if skipped:
            (folder / "skipped.txt").write_text("\n".join(skipped) + "\n", encoding="utf-8")
        if film or gif:
            _join(written, folder / FILM, film.durations if film else FRAME)
    return out


class _Film:
    """The frames of a GIF."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with Image.open(path) as film:
            self.durations = [int(frame.info.get("duration") or FRAME) for frame in ImageSequence.Iterator(film)]

    def images(self) -> Iterator[tuple[str, Tensor]]:
        """Each frame with a name of its own."""
        digits = len(str(len(self.durations)))
        with Image.open(self.path) as film:
            for number, frame in enumerate(ImageSequence.Iterator(film)):
                pixels = torch.from_numpy(np.asarray(frame.convert("RGB")).copy()).permute(2, 0, 1)
                yield f"{self.path.stem}-{number:0{digits}}", pixels


def _frames(path: Path) -> _Film | None:
    """The film in a file, where it is one of several frames."""
    try:
        film = _Film(path) if path.suffix.lower() == ".gif" else None
    except (OSError, ValueError, SyntaxError) as error:
        raise BadDataError(f"cannot read the image {path}: not an image, or damaged") from error
    return film if film and len(film.durations) > 1 else None


def _read(where: Path, paths: Sequence[Path], skipped: list[str]) -> Iterator[tuple[str, Tensor]]:
    """Each image that can be read, with the name of its output; what cannot is put among the skipped."""
    root = where.parent if where.is_file() else where
    plain = Counter(path.relative_to(root).with_suffix("").as_posix() for path in paths)
    for path in paths:
        inside = path.relative_to(root)
        name = inside.with_suffix("").as_posix()
        try:
            yield name if plain[name] == 1 else inside.as_posix(), decode(path, None)
        except (OSError, ValueError, SyntaxError):
            skipped.append(f"{path}: not an image, or damaged")


def _write(folder: Path, name: str, image: Tensor, labels: Tensor, colours: Sequence[Colour]) -> Path:
    """Write the labels of one image and its overlay; returns the latter's path."""
    paths = [folder / kind / f"{name}.png" for kind in (LABELS, OVERLAYS)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    palette = Image.fromarray(labels.numpy())
    table = np.zeros((VOID + 1, 3), np.uint8)
    table[: len(colours)] = colours
    palette.putpalette(table.tobytes())
    palette.save(paths[0])
    over = overlaid(image[None], labels[None], colours)[0]
    Image.fromarray(over.permute(1, 2, 0).contiguous().numpy()).save(paths[1])
    return paths[1]


def _join(paths: Sequence[Path], out: Path, duration: int | list[int]) -> None:
    """Pictures as one film; all must have one size."""
    sizes = {frame.size: path.name for path, frame in zip(paths, _opened(paths))}
    if len(sizes) > 1:
        (one, first), (other, second) = list(sizes.items())[:2]
        raise BadDataError(
            f"frames of a film have one size, but {first} is {one[0]} x {one[1]} and {second} {other[0]} x {other[1]} "
            "pixels: leave out --gif"
        )
    frames = _opened(paths)
    next(frames).save(out, save_all=True, append_images=frames, duration=duration, loop=0)


def _opened(paths: Sequence[Path]) -> Iterator[Image.Image]:
    for path in paths:
        with Image.open(path) as frame:
            yield frame.convert("RGB")


def _colours(model: Segmenter, run: Path) -> list[Colour]:
    """The colours that the model's run was shown in, else the benchmark's."""
    for place in (run, run.parent):
        if (place / "snapshot.npz").is_file():
            kept = load(place / "snapshot.npz").get("colours")
            if kept is not None and len(kept) == len(model.classes):
                return [(int(red), int(green), int(blue)) for red, green, blue in kept]
    return colours_of(model.classes)


def _private(run: str, classes: Sequence[str]) -> list[str]:
    """The classes of a model that its source did not have, as its run's numbers name them."""
    for place in (Path(run), Path(run).parent):
        if (place / "metrics.json").is_file():
            named = Run.open(place).result.settings.get("private_classes") or ()
            return [name for name in named if name in classes]
    return []


def evaluate_segmenter(
    run: str,
    name: str,
    split: str,
    backbone: str | None,
    root: str | None,
    unreadable: float,
    label_sets: str = "closed",
) -> dict[str, Any]:
    """Measure a saved segmenter on a domain with masks, at their own size; see `landbridge.api.evaluate`.

    Raises:
        LandbridgeError: no such model or domain, no masks, or classes that do not match.
    """
    model = Segmenter.load(run, backbone)
    domain = ready_domain(name, root, None, False, unreadable)
    known = Domain(f"model {run}", model.classes, {})
    check_label_sets(label_sets)
    new = private_of(known, domain) if label_sets == "open" else ()
    classes = (*model.classes, *new)
    own = [*_private(run, model.classes), *new]
    scores = evaluate_pixels(model, in_classes_of(domain, classes).unlabelled(split), private=new)
    by_kind = shared_and_private(scores.per_class_iou, own) if own else {}
    return {
        "model": run,
        "domain": name,
        "split": split,
        "class_set": class_set(classes, own),
        "miou": scores.miou,
        **by_kind,
        "pixel_accuracy": scores.pixel_accuracy,
        "mean_class_accuracy": scores.mean_class_accuracy,
        "examples": scores.images,
        "per_class_iou": scores.per_class_iou,
    }
