"""`landbridge gap`: which kind of shift opens the gap between two domains of street scenes, and what closes it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.evaluation.gaps import GapTable

SMALL: dict[str, Any] = {"size": "120x90", "steps": 200, "rate": 0.1}
"""What `gap` trains by default: many networks, so each on small pictures and in a minute or two."""


def gap(
    source: str | None = None,
    target: str | None = None,
    knobs: str | None = None,
    method: str = "advent",
    backbone: str | None = None,
    weights: str | None = None,
    size: str | None = None,
    steps: int | None = None,
    batch_size: int = 6,
    rate: float | None = None,
    backbone_ratio: float | None = None,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    seed: int = 0,
    protocol: str = "inductive",
    select: str = "last",
    augment: str = "geometric",
    ema: float | None = None,
    clip: float | None = None,
    unreadable: float = 0.01,
    options: dict[str, Any] | None = None,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    quiet: bool = False,
) -> "GapTable":
    """Measure where a gap between two domains comes from: one row a kind of shift, each turned by itself.

    A row has a sample of both domains, the proxy A-distance between them, and mIoU on the target of source-only, of a
    method that adapts, and of the oracle, one seed each. Simulated streets have a knob for weather, light, location and
    sensor: for each, the target is the source with that knob turned. The last row is the pair itself; domains without
    knobs have only that. With no domains: `streets/sim` and `streets/real-ish`, no download. Finished cells are kept
    when this is interrupted and started again.

    Args:
        source: labelled domain, as for `segment`.
        target: domain to adapt to; where it sets a knob itself, as `streets/real-ish?light=night` does, that is what
            the knob is turned to.
        knobs: which knobs of a simulated source to turn, with commas, each maybe with a value: `weather,light=night`.
            All four by default, to fog, dusk, the target's location, and noise.
        method: the method that adapts.
        backbone: segmentation network, see `segment`.
        weights: where the backbone starts from: `none`, `hub`, or a file.
        size: WIDTHxHEIGHT of the pictures, 120x90 by default.
        steps: optimiser steps a network, 200 by default.
        batch_size: images a step from each domain.
        rate: learning rate at the start, 0.1 by default.
        backbone_ratio: rate of the backbone over that of the rest; 0.1 by default for one with weights, else 1.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        seed: what all randomness comes from.
        protocol: `inductive` or `transductive`.
        select: which weights of the method that adapts are kept, see `segment`.
        augment: augmentation of images and masks, see `segment`.
        ema: decay of averaged weights.
        clip: largest norm of a gradient.
        unreadable: share of images that may be unreadable.
        options: options of the method; on the command line `--method.NAME VALUE`.
        out: folder; by default `runs/<time>-gap`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        quiet: show no progress.

    Returns:
        The table; `table.json`, `table.md` and `report.html` stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> table = gap(f"{scenes}/day", f"{scenes}/dusk", method="minent", size="32x32", steps=2, batch_size=2,
        ...             quiet=True, out=str(tmp / "gap"))
        >>> [row.name for row in table.rows]
        ['all of it']
    """
    from landbridge.api._gaps import run_gap
    from landbridge.api._recipe import Machine, free_folder
    from landbridge.api._segmenting import Segmenting
    from landbridge.api.segment import EMBEDDED_PAIR
    from landbridge.core.errors import LandbridgeError

    if source is not None and target is None:
        raise LandbridgeError(f"gap needs a TARGET beside {source}, or neither name for the embedded pair")
    asked: dict[str, Any] = {"size": size, "steps": steps, "rate": rate}
    small = SMALL | {name: value for name, value in asked.items() if value is not None}
    first = Segmenting(
        method, source or EMBEDDED_PAIR[0], target or EMBEDDED_PAIR[1], protocol,
        backbone=backbone, weights=weights, batch_size=batch_size, backbone_ratio=backbone_ratio, momentum=momentum,
        weight_decay=weight_decay, seed=seed, select=select, augment=augment, ema=ema, clip=clip, precision=precision,
        unreadable=unreadable, checkpoint_every=checkpoint_every, options=options or {}, **small,
    )  # fmt: skip
    machine = Machine(device, 1, "auto", data_root, False, quiet)
    return run_gap(free_folder(out, "gap"), first, knobs, machine)
