"""`landbridge compare`: methods side by side on one pair of domains."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.evaluation.table import Table

DEFAULT_METHODS = "source-only,sa,dann,target-only"
EMBEDDED_PAIR = ["digits/handwritten", "digits/photo"]
EMBEDDED: dict[str, Any] = {
    "backbone": "ganin-mnist?batch_norm=true",
    "steps": 3000,
    "batch_size": 32,
    "rate": 0.03,
    "clip": 1.0,
    "ema": 0.999,
    "augment": "strong",
}
"""What `compare` runs when it is given nothing; how it was chosen stands in `docs/results/digits.md`."""


def compare(
    domains: list[str] | None = None,
    methods: str = DEFAULT_METHODS,
    seeds: int = 3,
    backbone: str | None = None,
    weights: str | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    rate: float | None = None,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    protocol: str = "inductive",
    select: str = "last",
    augment: str | None = None,
    ema: float | None = None,
    clip: float | None = None,
    unreadable: float = 0.01,
    options: dict[str, Any] | None = None,
    illustrate: bool = True,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    jobs: int = 1,
    download: bool = False,
    quiet: bool = False,
) -> "Table":
    """Train several methods on one pair, several seeds each, and write a table and a report.

    With no domains: the embedded default with settings of its own, which needs no download. Finished cells are
    kept when a comparison is interrupted and started again; training phases that methods share are computed once.

    Args:
        domains: source and target: names, or paths of your own.
        methods: names, separated by commas; `source-only` and `target-only` are the ends of the gap. `NAME:N`
            computes N seeds of this one.
        seeds: how many seeds, from 0 on, of the others.
        backbone: network; by default the one usual for the source.
        weights: where the network starts from: `none`, `hub`, or a file.
        steps: optimiser steps a run, 2000 by default.
        batch_size: examples a step from each domain, 64 by default.
        rate: learning rate at the start, 0.01 by default.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        protocol: `inductive` or `transductive`.
        select: which weights are kept: `last`, `source-accuracy`, `entropy` or `im` (label-free).
        augment: augmentation of all inputs, `none` by default.
        ema: decay of averaged weights.
        clip: largest norm of a gradient.
        unreadable: share of images that may be unreadable.
        options: options of single methods, by method; on the command line `--method.dann.weight 0.5`.
        illustrate: with `dann`, also show domains confused without the label loss.
        out: folder; by default `runs/<time>-compare`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        jobs: cells computed side by side, each on its share of the cores.
        download: fetch missing data sets where their publisher allows it.
        quiet: show no progress.

    Returns:
        The table.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> pair = ["digits/printed", "digits/handwritten"]
        >>> table = compare(pair, "source-only", seeds=1, steps=4, out=str(tmp / "table"), quiet=True)
        >>> [row.method for row in table.rows]
        ['source-only']
    """
    from landbridge.api._cell import Settings
    from landbridge.api._comparison import run_comparison
    from landbridge.api._recipe import Machine, fetch, free_folder
    from landbridge.core.errors import LandbridgeError

    pair = domains or EMBEDDED_PAIR
    if len(pair) != 2:
        raise LandbridgeError(
            f"compare takes a source and a target, or nothing for the embedded pair, not {len(pair)} domains"
        )
    if seeds < 1:
        raise LandbridgeError(f"--seeds must be at least 1, not {seeds}")
    counts = {}
    for part in filter(None, map(str.strip, methods.split(","))):
        name, _, count = part.partition(":")
        if count and not (count.isdigit() and int(count)):
            raise LandbridgeError(f"--methods {part}: after the colon comes a number of seeds")
        counts[name] = int(count or seeds)
    folder = free_folder(out, "compare")
    asked: dict[str, Any] = {"backbone": backbone, "steps": steps, "batch_size": batch_size, "rate": rate, "clip": clip}
    asked |= {"augment": augment, "weights": weights, "momentum": momentum, "weight_decay": weight_decay, "ema": ema}
    asked |= {"protocol": protocol, "select": select, "precision": precision, "unreadable": unreadable}
    asked = {name: value for name, value in asked.items() if value is not None}
    first = Settings("", pair[0], pair[1], **(({} if domains else EMBEDDED) | asked))
    if download:
        fetch(pair, data_root)
    machine = Machine(device, 1, "auto", data_root, checkpoint_every, False, quiet)
    return run_comparison(folder, first, counts, options or {}, machine, jobs, illustrate=illustrate)
