"""`landbridge transfer-depth`: which layers of a network are worth copying."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landbridge.finetuning.depth import DepthTable


def transfer_depth(
    domains: list[str],
    shots: int | None = None,
    ends: str = "first,last",
    modes: str = "frozen,tuned",
    depths: str | None = None,
    seeds: int = 3,
    backbone: str | None = None,
    weights: str | None = None,
    steps: int = 2000,
    source_steps: int | None = None,
    batch_size: int = 64,
    rate: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    augment: str = "none",
    clip: float | None = 1.0,
    unreadable: float = 0.01,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    jobs: int = 1,
    download: bool = False,
    quiet: bool = False,
) -> "DepthTable":
    """Copy the first or last n layer groups of a source network, train on the target: accuracy over n.

    What is not copied begins at random, and so does the head (Yosinski et al., NeurIPS 2014). The source network is
    trained once a seed on all its labels. Finished cells are kept when this is interrupted and started again.

    Args:
        domains: source and target: names, or paths of your own; or the target alone, with `weights` as the source.
        shots: labelled examples a class of the target, drawn by seed; all by default.
        ends: which n groups are copied: `first`, `last`, or both with a comma.
        modes: whether they stay as they are on the target, `frozen`, or are trained with the rest, `tuned`, or both.
        depths: the n, with commas, from 0 (from scratch) to `all`; by default all, of deep networks about five.
        seeds: how many, from 0 on; each draws weights, labelled examples and batches anew.
        backbone: the network; by default the one usual for the source.
        weights: where the network starts from: `none`, `hub`, a file, or the folder of a run.
        steps: optimiser steps on the target.
        source_steps: optimiser steps on the source; as many by default.
        batch_size: examples a step.
        rate: learning rate at the start, of all that is trained.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        augment: augmentation of all inputs; with it, frozen features are computed anew each time.
        clip: largest norm of a gradient; `null` for no limit.
        unreadable: share of images that may be unreadable.
        out: folder; by default `runs/<time>-transfer-depth`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        jobs: networks trained side by side, each on its share of the cores.
        download: fetch missing data sets where their publisher allows it.
        quiet: show no progress.

    Returns:
        The table; `table.json`, `table.md` and `report.html` stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> pair = ["digits/printed", "digits/handwritten"]
        >>> table = transfer_depth(pair, shots=2, ends="first", seeds=1, backbone="lenet", steps=2, quiet=True,
        ...                        out=str(tmp / "depth"))
        >>> list(table.figures)
        ['scratch', 'first-1-frozen', 'first-1-tuned', 'all-frozen', 'all-tuned']
    """
    from landbridge.api._depth import run_depths
    from landbridge.api._recipe import Machine, fetch, free_folder
    from landbridge.api._tuning import Tuning
    from landbridge.core.errors import LandbridgeError

    if len(domains) not in (1, 2):
        raise LandbridgeError(
            f"transfer-depth takes a source and a target, or a target and --weights, not {len(domains)} domains"
        )
    if len(domains) == 1 and weights in (None, "none"):
        raise LandbridgeError(
            f"nothing to copy: name a source before {domains[0]}, or say with --weights where its layers come from"
        )
    if download:
        fetch(domains, data_root)
    first = Tuning(
        "full",
        domains[-1],
        domains[0] if len(domains) == 2 else None,
        shots,
        source_steps=source_steps,
        backbone=backbone,
        weights=weights,
        steps=steps,
        batch_size=batch_size,
        rate=rate,
        momentum=momentum,
        weight_decay=weight_decay,
        augment=augment,
        clip=clip,
        precision=precision,
        unreadable=unreadable,
        checkpoint_every=checkpoint_every,
    )
    machine = Machine(device, 1, "auto", data_root, False, quiet)
    return run_depths(free_folder(out, "transfer-depth"), first, seeds, ends, modes, depths, machine, jobs)
