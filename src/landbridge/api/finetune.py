"""`landbridge finetune`: from a trained network and a few labels of the target to a tuned model and its report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from landbridge.api._recipe import Machine
    from landbridge.api._tuning import Tuning
    from landbridge.evaluation.shots import ShotsTable
    from landbridge.evaluation.speakers import LeaveOutTable
    from landbridge.runs import Run


def finetune(
    backbone: str | None = None,
    target: str | None = None,
    method: str | None = None,
    shots: int | str | None = None,
    weights: str | None = None,
    source: str | None = None,
    source_steps: int | None = None,
    freeze: str | None = None,
    backbone_lr_ratio: float | None = None,
    layer_decay: float | None = None,
    head: str = "new",
    steps: int = 1000,
    batch_size: int = 32,
    rate: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    seed: int = 0,
    select: str = "last",
    augment: str = "none",
    ema: float | None = None,
    clip: float | None = 1.0,
    unreadable: float = 0.01,
    options: dict[str, Any] | None = None,
    ways: int | None = None,
    episodes: int | None = None,
    leave_out: str | None = None,
    out: str | None = None,
    resume: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    devices: int = 1,
    strategy: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    jobs: int = 1,
    tensorboard: bool = False,
    download: bool = False,
    quiet: bool = False,
) -> "Run | ShotsTable | LeaveOutTable":
    """Train a copied network and a new head on the labels of the target.

    The network comes from `weights`, or is trained first on all labels of a `source`. Which of its layers stay, how
    fast the others move and from when on are a method's options, and the method is a name for some of them. Several
    numbers of shots, several methods or `episodes` make a study: each method on many draws of few labels. With
    `leave_out`, the source is all speakers but one, and the target that one.

    Args:
        backbone: network, or `usual` for the one usual for the source, else for the target.
        target: domain with labels: a name (`caltech101`, `pacs/sketch`) or a path of your own.
        method: name of the method, `landbridge methods` lists them; `small-rate` by default. In a study several with
            commas, classifiers on frozen features (`svm`, `ncm`, ...) too; `NAME:N` has N episodes. With `leave_out`
            also `first-N` and `last-N`, which tune the N layer groups next to the input or to the head; by default
            `full,small-rate,first-2,last-2,frozen`.
        shots: labelled examples a class, drawn by seed; all training labels by default. Several with commas in a study.
        weights: where the network starts from: `hub`, a file, a run, or `none` for random numbers.
        source: labelled domain to train the network on first.
        source_steps: optimiser steps on the source; as many as on the target by default.
        freeze: layer groups that never move: `all`, `none`, N for the first N, `last:N`, or names with commas.
        backbone_lr_ratio: rate of the backbone's layers over that of the head, above 0.
        layer_decay: each layer group's rate over that of the group above it, above 0 and at most 1.
        head: `new`, or `kept` from the source, which then has the same classes.
        steps: optimiser steps.
        batch_size: examples a step, over all processes.
        rate: learning rate of the head at the start; it follows a cosine down to 0.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        seed: what all randomness comes from, the draw of labels too.
        select: which weights are kept: `last`, or the best on a fifth of the labels (`validation`), looked at with each
            checkpoint.
        augment: `none`, `shift`, `flip`, `affine`, `weak`, `weak-flip`, `strong`, or for photographs `crop-flip`,
            `rand` (RandAugment) and `rand-flip`.
        ema: decay of averaged weights; the average is then the model.
        clip: largest norm of a gradient; `null` for no limit.
        unreadable: share of images that may be unreadable; they are skipped and named in skipped.txt.
        options: options of the method itself; on the command line `--method.NAME VALUE`, in a study of several methods
            `--method.METHOD.NAME VALUE`.
        ways: classes, drawn by seed; all by default.
        episodes: draws a method, in a study: 1 by default, and 5 with `leave_out`.
        leave_out: `speaker=NAME`: train on all others, measure on that one, and adapt to it with a few labels a class;
            `speaker`: each in turn. In place of `speaker` stands what the domain calls its groups, or `group`.
        out: folder; by default `runs/<time>-finetune`.
        resume: run folder to go on with; all settings come from it.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        devices: number of processes.
        strategy: how they work together (`ddp`).
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        jobs: networks trained side by side, in a study.
        tensorboard: log for TensorBoard too.
        download: fetch missing data sets where their publisher allows it.
        quiet: show no progress.

    Returns:
        The finished run; or the table of a study, or of the groups left out.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> run = finetune("lenet", "digits/photo", shots=5, source="digits/handwritten", steps=4,
        ...                out=str(tmp / "run"), quiet=True)
        >>> [group["name"] for group in run.result.metrics["layer_groups"]]
        ['stem', 'conv2', 'head']
    """
    from pathlib import Path

    from landbridge.api._recipe import Machine, fetch, free_folder
    from landbridge.api._tuning import Tuning, check, tune_cell
    from landbridge.core.errors import LandbridgeError
    from landbridge.probing import CLASSIFIERS
    from landbridge.reports.adaptation import write_run_report
    from landbridge.runs.run import read_config

    machine = Machine(device, devices, strategy, data_root, tensorboard, quiet)
    short = {"freeze": freeze, "backbone_lr_ratio": backbone_lr_ratio, "layer_decay": layer_decay}
    given = {name: value for name, value in short.items() if value is not None}
    numbers, name = _numbers(shots), method or "small-rate"
    many = len(numbers) > 1 or "," in name or name in CLASSIFIERS
    study = resume is None and (many or episodes is not None or leave_out is not None)
    if resume is not None:
        folder = Path(resume)
        settings = Tuning(**read_config(folder))
    elif target is None:
        raise LandbridgeError(
            "finetune needs a BACKBONE (a name, or usual) and a TARGET: a name from `landbridge domains`, or a path of "
            "your own"
        )
    else:
        folder = free_folder(out, "finetune")
        settings = Tuning(
            "full" if study else name, target, source, numbers[0] if len(numbers) == 1 else None, ways, source_steps,
            head, backbone=None if backbone == "usual" else backbone, weights=weights, steps=steps,
            batch_size=batch_size, rate=rate, momentum=momentum, weight_decay=weight_decay, seed=seed, select=select,
            augment=augment, ema=ema, clip=clip, precision=precision, unreadable=unreadable,
            checkpoint_every=checkpoint_every,
            options={} if study else given | (options or {}),
        )  # fmt: skip
    if download:
        fetch([domain for domain in (settings.source, settings.target) if domain], data_root)
    if study:
        return _study(folder, settings, method, numbers, episodes, leave_out, given, options or {}, machine, jobs)
    check(settings, machine)
    run = tune_cell(settings, folder, machine)
    if machine.is_first_process:
        write_run_report(run)
    return run


def _study(
    folder: "Path",
    settings: "Tuning",
    method: str | None,
    numbers: list[int],
    episodes: int | None,
    leave_out: str | None,
    short: dict[str, Any],
    options: dict[str, Any],
    machine: "Machine",
    jobs: int,
) -> "ShotsTable | LeaveOutTable":
    """Many draws of few labels: over numbers of shots, or over groups that are left out."""
    from dataclasses import replace

    from landbridge.api._shots import methods_in, run_shots
    from landbridge.api._speakers import USUAL, parts_in, run_leave_out
    from landbridge.core.errors import LandbridgeError

    if leave_out is not None:
        if len(numbers) != 1:
            raise LandbridgeError("--leave-out adapts with a few labels: say with --shots how many a class, as in 5")
        parts = parts_in(method or USUAL, 5 if episodes is None else episodes)
        by_method = _by_method(list(parts), short, options)
        return run_leave_out(folder, settings, leave_out, parts, by_method, machine, jobs)
    if not numbers:
        raise LandbridgeError("a study draws labels: say with --shots how many a class, as in 1,2,5,10")
    counts = methods_in(method or "small-rate", 1 if episodes is None else episodes)
    by_method = _by_method(list(counts), short, options)
    return run_shots(folder, replace(settings, shots=None), counts, numbers, by_method, machine, jobs)


def _numbers(shots: int | str | None) -> list[int]:
    """Numbers of shots from what was asked for; none where all labels are."""
    from landbridge.core.errors import LandbridgeError

    words = [word.strip() for word in str("" if shots is None else shots).split(",") if word.strip()]
    for word in words:
        if not word.isdecimal() or int(word) < 1:
            raise LandbridgeError(
                f"--shots is how many examples a class, at least 1, or several numbers with commas, not {word}"
            )
    return [int(word) for word in words]


def _by_method(names: list[str], short: dict[str, Any], options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of a study's methods, by method; those of a single one need not name it."""
    from landbridge.core.errors import LandbridgeError

    if len(names) == 1 and names[0] not in options:
        given = short | options
        return {names[0]: given} if given else {}
    if short:
        first = next(iter(short))
        raise LandbridgeError(
            f"--{first.replace('_', '-')} would hold for every method: say --method.NAME.{first} for those it is for"
        )
    return options
