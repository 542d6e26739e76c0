"""`landbridge adapt`: from two domains to an adapted model and its report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.runs import Run


def adapt(
    source: str | None = None,
    target: str | None = None,
    method: str = "dann",
    backbone: str | None = None,
    weights: str | None = None,
    freeze: str = "none",
    steps: int = 2000,
    batch_size: int = 64,
    rate: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    seed: int = 0,
    protocol: str = "inductive",
    select: str = "last",
    study: bool = False,
    augment: str = "none",
    ema: float | None = None,
    clip: float | None = None,
    label_sets: str = "closed",
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
    download: bool = False,
    quiet: bool = False,
) -> "Run":
    """Carry a model from a labelled source to an unlabelled target.

    Trains the method, and before it the same network on the source alone, so that one sees what adaptation bought. The
    target's labels, where there are any, are opened once, at the end, to measure. The run folder holds `config.yaml`,
    `metrics.json`, `report.html`, `log.csv`, `snapshot.npz`, `model/`, and `baseline/`, the source-only run.

    Args:
        source: labelled domain: a name (`mnist`, `digits/printed`), a path of your own, or several joined by `+`.
        target: domain to adapt to, likewise.
        method: name of the method; `landbridge methods` lists them.
        backbone: network; by default the one usual for the source. `landbridge backbones` lists some.
        weights: where the network starts from: `none`, `hub`, or a file.
        freeze: lower layer groups that stay as they are: a number of them, from the stem up. What they make of the
            images is computed once (of four versions each, with `augment`), so that steps are cheap.
        steps: optimiser steps.
        batch_size: examples a step from each domain, over all processes.
        rate: learning rate at the start.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        seed: what all randomness comes from.
        protocol: `inductive` measures on the target's test part, `transductive` uses the whole target for both.
        select: which weights are kept: `last`, or the best by a label-free validator: `source-accuracy`, `iwv`, `dev`,
            `devn`, `entropy`, `im`, `bnm`, `snd`, `class-ami`, `reverse` or `mixval`.
        study: keep what validators see at each checkpoint, and measure it at the end, see `compare`.
        augment: `none`, `shift`, `flip`, `affine`, `weak`, `weak-flip`, `strong`, or for photographs `crop-flip`,
            `rand` (RandAugment) and `rand-flip`.
        ema: decay of averaged weights; the average is then the model.
        clip: largest norm of a gradient.
        label_sets: `closed`, both domains have the same classes; `partial`, the target may lack some; `open`, it may
            have others, all of them called `unknown`. A method without an output for that says it where in doubt.
        unlabelled: read the target as images without labels, at any depth of its folder.
        unreadable: share of images that may be unreadable; they are skipped and named in skipped.txt.
        options: options of the method itself; on the command line `--method.NAME VALUE`.
        baseline: also train source-only, to compare with.
        out: run folder; by default `runs/<time>-adapt`.
        resume: run folder to go on with; all settings come from it.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        devices: number of processes.
        strategy: how they work together (`ddp`).
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        tensorboard: log for TensorBoard too.
        download: fetch missing data sets where their publisher allows it.
        quiet: show no progress.

    Returns:
        The finished run.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> from landbridge import adapt
        >>> run = adapt("digits/printed", "digits/handwritten", steps=4, out=str(tmp / "run"), quiet=True)
        >>> sorted(run.result.metrics)[:2]
        ['a_distance', 'confusion']
    """
    from pathlib import Path

    from landbridge.api._cell import Settings, train_cell
    from landbridge.api._recipe import Machine, fetch, free_folder
    from landbridge.core.errors import LandbridgeError
    from landbridge.reports.adaptation import write_run_report
    from landbridge.runs.run import read_config

    machine = Machine(device, devices, strategy, data_root, tensorboard, quiet)
    if resume is not None:
        folder = Path(resume)
        settings = Settings(**read_config(folder))
    elif source is None or target is None:
        raise LandbridgeError(
            "adapt needs a SOURCE and a TARGET: names from `landbridge domains`, or paths of your own"
        )
    else:
        folder = free_folder(out, "adapt")
        settings = Settings(
            method, source, target, protocol, unlabelled, baseline, freeze, backbone=backbone, weights=weights,
            steps=steps, batch_size=batch_size, rate=rate, momentum=momentum, weight_decay=weight_decay,
            seed=seed, select=select, augment=augment, ema=ema, clip=clip, precision=precision,
            unreadable=unreadable, checkpoint_every=checkpoint_every, options=options or {},
            label_sets=label_sets, study=study,
        )  # fmt: skip
    if download:
        fetch((settings.source, settings.target), data_root)
    run = train_cell(settings, folder, machine, store=folder / "checkpoint" / "phases")
    if machine.is_first_process:
        write_run_report(run)
    return run
