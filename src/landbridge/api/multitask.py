"""`landbridge multitask`: several tasks learned by one network, against each alone and one after the other."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.multitask.table import MultitaskTable


def learn_tasks(
    tasks: list[str] | None = None,
    backbone: str | None = None,
    weights: str | None = None,
    shots: int | str | None = None,
    weighting: str = "fixed",
    task_weights: str | None = None,
    alpha: float = 1.5,
    head: str = "own",
    width: int = 256,
    encoder_lr_ratio: float = 1.0,
    modes: str = "joint,separate,sequential",
    seeds: int = 3,
    steps: int = 1000,
    batch_size: int = 32,
    rate: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    clip: float | None = None,
    augment: str = "none",
    unreadable: float = 0.01,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    jobs: int = 1,
    download: bool = False,
    quiet: bool = False,
) -> "MultitaskTable":
    """Learn several tasks with one network, and compare with learning each alone and one after the other.

    Tasks may have different data sets, labels and losses: classes (cross-entropy), several labels an example (binary
    cross-entropy), numbers (squared error). One network is shared, with a head a task; where tasks have networks of
    their own (sound and images), these are joined by a common layer. Each step takes one batch of each task; data sets
    of different sizes go round at their own pace. `separate` trains the same network on each task alone, `sequential`
    on the other tasks first and then on this one; in each a task has `steps` batches. Finished cells are kept when the
    command is started again.

    Args:
        tasks: two or more, as `[NAME=]DOMAIN[:LABEL]`. LABEL is `class`; `group` (the speaker of a recording) or
            `number` (to predict numbers: `y` of your own `.npz`).
        backbone: network; or one a task, as in `spoken:speech-cnn,written:lenet`. By default those usual for the
            domains. Tasks of equal networks share one.
        weights: where networks start from: `none`, `hub`, or a file; or one a task, `NAME:FILE`.
        shots: labelled examples a class, or in all where an example has no single class; or by task, `NAME:K`, all
            labels for the others. Tested on the test split, else on the rest.
        weighting: `fixed`, `uncertainty`, `gradnorm` or `pcgrad`.
        task_weights: factors of the losses, `NAME:FACTOR` with commas, for `fixed` and `pcgrad`.
        alpha: of `gradnorm`: how strongly tasks that learn slowly are helped.
        head: `own`, one a task; or `shared`, for tasks of the same classes.
        width: of the common layers where networks differ.
        encoder_lr_ratio: rate of the networks over that of heads and common layers.
        modes: `joint`, `separate`, `sequential`, with commas.
        seeds: how many seeds, from 0 on; each draws its labelled examples.
        steps: batches of a task, in each phase.
        batch_size: examples a step from each task.
        rate: learning rate at the start.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        clip: largest norm of a gradient.
        augment: augmentation of all inputs.
        unreadable: share of images that may be unreadable.
        out: folder; by default `runs/<time>-multitask`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        jobs: cells computed side by side, each on its share of the cores.
        download: fetch missing data sets where their publisher allows it.
        quiet: show no progress.

    Returns:
        The table: a row a task, a column a mode.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> pair = ["printed=digits/printed", "written=digits/handwritten"]
        >>> less = {"modes": "joint", "seeds": 1, "steps": 2, "quiet": True}
        >>> table = learn_tasks(pair, backbone="lenet", out=str(tmp / "both"), **less)
        >>> [(row.name, list(row.figures)) for row in table.rows]
        [('printed', ['joint']), ('written', ['joint'])]
    """
    import shlex
    from dataclasses import asdict

    from landbridge.api._multitask import Learning, run_multitask
    from landbridge.api._recipe import Machine, fetch, flags, free_folder

    asked: dict[str, Any] = {"backbone": backbone, "weights": weights, "shots": None if shots is None else str(shots)}
    asked |= {"weighting": weighting, "task_weights": task_weights, "alpha": alpha, "head": head, "width": width}
    asked |= {"encoder_lr_ratio": encoder_lr_ratio, "steps": steps, "batch_size": batch_size, "rate": rate}
    asked |= {"momentum": momentum, "weight_decay": weight_decay, "clip": clip, "augment": augment}
    asked |= {"precision": precision, "unreadable": unreadable, "checkpoint_every": checkpoint_every}
    first = Learning(tasks=list(tasks or []), **asked)
    if download:
        fetch([task.domain for task in first.asked.values()], data_root)
    words = ["landbridge", "multitask", *first.tasks, "--modes", modes, "--seeds", str(seeds)]
    usual = Learning(tasks=[], steps=1000, batch_size=32)
    words += flags(asked, asdict(usual))
    machine = Machine(device, 1, "auto", data_root, False, quiet)
    named = [name for name in map(str.strip, modes.split(",")) if name]
    return run_multitask(free_folder(out, "multitask"), first, named, seeds, shlex.join(words), machine, jobs)
