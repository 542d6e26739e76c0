"""`landbridge segment`: from two domains of street scenes to an adapted segmenter and its report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.runs import Run

EMBEDDED_PAIR = ("streets/sim", "streets/real-ish")
EMBEDDED: dict[str, Any] = {"size": "120x90", "steps": 300, "rate": 0.1}
"""What `segment` runs when it is given nothing: small pictures, so that it is done in minutes."""


def segment(
    source: str | None = None,
    target: str | None = None,
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
    label_sets: str = "closed",
    augment: str = "geometric",
    ema: float | None = None,
    clip: float | None = None,
    unlabelled: bool = False,
    unreadable: float = 0.01,
    options: dict[str, Any] | None = None,
    baseline: bool = True,
    out: str | None = None,
    resume: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    devices: int = 1,
    strategy: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    tensorboard: bool = False,
    quiet: bool = False,
) -> "Run":
    """Tell the class of each pixel where only another domain has labels: `adapt` for street scenes and other masks.

    Trains the method, and before it the same network on the source alone, so that one sees what adaptation bought. The
    target's masks, where there are any, are opened once, at the end, to measure. Classes are matched by name: those
    that one domain lacks are void in the other, and Cityscapes' merge into CamVid's 11. The run folder holds what that
    of `adapt` does. With no domains: simulated streets in two looks, small, no download.

    Args:
        source: labelled domain: a name (`camvid/day`, `gta5`, `streets/sim?light=dusk`), or a folder with `images/`,
            `labels/` and `classes.csv`.
        target: domain to adapt to, likewise; with `unlabelled` a folder of images.
        method: name of the method; `landbridge methods` lists them.
        backbone: segmentation network: `light/BACKBONE`, `deeplabv2/BACKBONE`, `smp/CLASS?encoder_name=NAME`, or your
            own, `whole/file.py:make`; a backbone alone is given the light head.
        weights: where the backbone starts from: `none`, `hub`, or a file.
        size: WIDTHxHEIGHT at which images are read, and answers measured; each at its own by default, which must then
            be one for all.
        steps: optimiser steps, 500 by default.
        batch_size: images a step from each domain, over all processes.
        rate: learning rate at the start, 0.01 by default.
        backbone_ratio: rate of the backbone over that of the rest; 0.1 by default for one with weights, else 1.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        seed: what all randomness comes from.
        protocol: `inductive` measures on the target's test part, `transductive` uses the whole target for both.
        select: which weights are kept: `last`, or the best by a label-free validator: `entropy`, `agreement` (of what
            is said of mirrored, darker and brighter images), or `prior` (how often classes are predicted).
        label_sets: `closed`: only classes that both domains have count. `open`: the target's own count too, by name;
            `boundless` finds them by what is said of them, and no other method ever predicts one.
        augment: of images and masks alike: `none`, `flip`, `crop-flip`, `geometric`; of images alone `jitter`,
            `brightness`, `blur`, `strong`; one of each joined by `+`.
        ema: decay of averaged weights; the average is then the model.
        clip: largest norm of a gradient.
        unlabelled: read the target as images without labels, at any depth of its folder.
        unreadable: share of images that may be unreadable; they are skipped and named in skipped.txt.
        options: options of the method itself; on the command line `--method.NAME VALUE`.
        baseline: also train source-only, to compare with.
        out: run folder; by default `runs/<time>-segment`.
        resume: run folder to go on with; all settings come from it.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        devices: number of processes.
        strategy: how they work together (`ddp`).
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        tensorboard: log for TensorBoard too.
        quiet: show no progress.

    Returns:
        The finished run; among its metrics are `target_miou`, `source_miou` (0 to 1) and `per_class_iou` by class name;
        with open label sets `target_shared_miou`, `target_private_miou` and `target_harmonic_miou`.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> run = segment(f"{scenes}/day", f"{scenes}/dusk", method="minent", steps=2, batch_size=2, baseline=False,
        ...               out=str(tmp / "segmented"), quiet=True)
        >>> list(run.result.metrics["per_class_iou"])
        ['road', 'car', 'tree']
    """
    from pathlib import Path

    from landbridge.api._recipe import Machine, free_folder
    from landbridge.api._segmenting import Segmenting, segment_cell
    from landbridge.core.errors import LandbridgeError
    from landbridge.reports.adaptation import write_run_report
    from landbridge.runs.run import read_config

    machine = Machine(device, devices, strategy, data_root, tensorboard, quiet)
    if resume is not None:
        folder = Path(resume)
        settings = Segmenting(**read_config(folder))
    elif source is not None and target is None:
        raise LandbridgeError(
            f"segment needs a TARGET beside {source}: a name from `landbridge domains`, a path of your own, or neither "
            "name for the embedded pair"
        )
    else:
        folder = free_folder(out, "segment")
        asked: dict[str, Any] = {"size": size, "steps": steps, "rate": rate}
        asked = {name: value for name, value in asked.items() if value is not None}
        embedded = {} if source else EMBEDDED
        settings = Segmenting(
            method, source or EMBEDDED_PAIR[0], target or EMBEDDED_PAIR[1], protocol, unlabelled, baseline,
            backbone=backbone, weights=weights, batch_size=batch_size, backbone_ratio=backbone_ratio,
            momentum=momentum, weight_decay=weight_decay, seed=seed, select=select, label_sets=label_sets,
            augment=augment, ema=ema, clip=clip, precision=precision, unreadable=unreadable,
            checkpoint_every=checkpoint_every, options=options or {}, **{**embedded, **asked},
        )  # fmt: skip
    run = segment_cell(settings, folder, machine, store=folder / "checkpoint" / "phases")
    if machine.is_first_process:
        write_run_report(run)
    return run
