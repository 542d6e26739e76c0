"""`landbridge show`: what a domain looks like."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def show(
    domain: str,
    out: str | None = None,
    split: str = "train",
    each: int = 8,
    seed: int = 0,
    data_root: str | None = None,
) -> "Path":
    """Write a contact sheet: some examples of each class, one row a class; recordings as their log-mels over time.

    Where each pixel has a class, some images, and below each the same with its labels in colour.

    Args:
        domain: name or path of the domain.
        out: the PNG to write; by default the name of the domain.
        split: `train` or `test`.
        each: examples a class; images in all, where each pixel has one.
        seed: which ones.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.

    Returns:
        The path of the picture.

    Raises:
        LandbridgeError: no such domain, or it holds neither images nor recordings.

    Example:
        >>> show("digits/handwritten", out=str(tmp / "sheet.png"), each=2).name
        'sheet.png'
    """
    import re
    from pathlib import Path

    import torch

    from landbridge.core.errors import BadDataError
    from landbridge.data.masks import Masks
    from landbridge.data.registry import load_domain
    from landbridge.data.scene_classes import colours_of
    from landbridge.data.speech import Recordings
    from landbridge.evaluation.metrics import labels_of
    from landbridge.reports.contact_sheet import scenes, spectrograms, write_contact_sheet

    loaded = load_domain(domain, data_root)
    view = loaded.unlabelled(split)
    order = torch.randperm(len(view), generator=torch.Generator().manual_seed(seed))
    path = Path(out or f"{re.sub(r'[/?]', '-', domain.strip('./'))}.png")
    labels = labels_of(view)
    if isinstance(labels, Masks):
        images = scenes(view.subset(order[:each]), labels[order[:each]], colours_of(loaded.classes, loaded.colours))
        rows_of = ["image"] * (len(images) // 2) + ["labels"] * (len(images) // 2)
        write_contact_sheet(images, rows_of, path, f"{domain} ({split}, {len(view)} examples)", across=each)
        return path
    if labels is None:
        chosen, names = order[: 8 * each], [""] * min(len(view), 8 * each)
    else:
        ordered = labels[order]
        rows = [
            order[(ordered[:, number] == 1) if loaded.multi_label else (ordered == number)][:each]
            for number in range(len(loaded.classes))
        ]
        chosen = torch.cat(rows)
        names = [name for name, row in zip(loaded.classes, rows) for _ in row]
    size = (96, 96) if max(_side(view.read(chosen[:1])), 1) > 96 else None
    try:
        images = view.read(chosen, size)
    except BadDataError:  # small images that differ in size, or one that is damaged: then this says so
        images = view.read(chosen, (96, 96))
    if isinstance(view.x, Recordings):
        images = spectrograms(images, view.x.rate)
    if images.dim() != 4:
        raise BadDataError(f"{domain} holds feature vectors, not images: there is nothing to show")
    write_contact_sheet(images, names, path, f"{domain} ({split}, {len(view)} examples)")
    return path


def _side(images: object) -> int:
    shape = getattr(images, "shape", ())
    return max(shape[-2:]) if len(shape) == 4 else 0
