"""`landbridge compare`: methods side by side on one pair of domains, or on one target with labels."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.evaluation.table import Table

DEFAULT_METHODS = "source-only,sa,dann,target-only"
SEGMENTATION_METHODS = "source-only,minent,advent,target-only"
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

TUNING_METHODS = "scratch,frozen,small-rate,full,gradual,lp-ft"
TUNED: dict[str, Any] = {"steps": 1000, "batch_size": 32, "clip": 1.0}
"""What `compare` runs by default on one target: the settings of `finetune`."""


def compare(
    domains: list[str] | None = None,
    methods: str | None = None,
    seeds: int = 3,
    shots: int | None = None,
    source_steps: int | None = None,
    backbone: str | None = None,
    weights: str | None = None,
    freeze: str = "none",
    steps: int | None = None,
    batch_size: int | None = None,
    rate: float | None = None,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    protocol: str = "inductive",
    select: str = "last",
    label_sets: str = "closed",
    study: bool = False,
    augment: str | None = None,
    ema: float | None = None,
    clip: float | None = None,
    size: str | None = None,
    backbone_ratio: float | None = None,
    unreadable: float = 0.01,
    options: dict[str, Any] | None = None,
    illustrate: bool = True,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    jobs: int = 1,
    executor: str = "local",
    download: bool = False,
    quiet: bool = False,
) -> "Table":
    """Train several methods on one pair, or on one target with labels, several seeds each: a table and a report.

    With no domains: the embedded default with settings of its own, which needs no download. With one: ways of
    fine-tuning, as `finetune` does it. With two: adaptation, and beside it fine-tuning of a network that was trained on
    the source; where the source has a class for each pixel, segmentation, as `segment` does it. Finished cells are kept
    when a comparison is interrupted and started again; what methods share is trained once a seed.

    Args:
        domains: source and target, or the target alone: names, or paths of your own. `A+B` is several sources.
        methods: names, separated by commas; `source-only` and `target-only` are the ends of the gap. `NAME:N`
            computes N seeds of this one. With one domain: `scratch,frozen,small-rate,full,gradual,lp-ft`; of segmenters
            `source-only,minent,advent,target-only`.
        seeds: how many seeds, from 0 on, of the others.
        shots: labels a class that fine-tuning sees of the target, drawn by seed; all by default.
        source_steps: optimiser steps on the source before fine-tuning; as many as on the target by default.
        backbone: network; by default the one usual for the source.
        weights: where the network starts from: `none`, `hub`, or a file.
        freeze: lower layer groups that stay as they are in adaptation, see `adapt`; their outputs are computed once.
        steps: optimiser steps a run, 2000 by default, 1000 with one domain, 500 of segmenters.
        batch_size: examples a step from each domain, 64 by default, 32 with one domain, 6 of segmenters.
        rate: learning rate at the start, 0.01 by default.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        protocol: `inductive` or `transductive`.
        select: which weights are kept, and which method is chosen: `last`, or by a label-free validator,
            `source-accuracy`, `iwv`, `dev`, `devn`, `entropy`, `im`, `bnm`, `snd`, `class-ami`, `reverse` or `mixval`;
            in fine-tuning `last` or `validation`; of segmenters `last`, `entropy`, `agreement` or `prior`.
        label_sets: `closed`, `partial` or `open`: whether the target may lack or add classes, see `adapt`; of
            segmenters `closed` or `open`, see `segment`.
        study: keep what validators see at each checkpoint, and measure at the end what trusting each would have cost.
        augment: augmentation of all inputs, `none` by default, `geometric` of segmenters; see `adapt` and `segment`.
        ema: decay of averaged weights.
        clip: largest norm of a gradient.
        size: WIDTHxHEIGHT of images and masks, of segmenters alone; see `segment`.
        backbone_ratio: rate of the backbone over that of the rest, of segmenters alone; see `segment`.
        unreadable: share of images that may be unreadable.
        options: options of single methods, by method; on the command line `--method.dann.weight 0.5`.
        illustrate: with `dann`, also show domains confused without the label loss.
        out: folder; by default `runs/<time>-compare`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        jobs: cells computed side by side, each on its share of the cores.
        executor: `local`, or `ray` for the cluster that RAY_ADDRESS names (or one of this machine); all its machines
            must see the same folders.
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
    from landbridge.api._recipe import Machine, counted, fetch, free_folder
    from landbridge.api._segmenting import Segmenting, is_dense
    from landbridge.api._tuning import Tuning
    from landbridge.core.errors import LandbridgeError
    from landbridge.core.executors import check_executor
    from landbridge.finetuning import METHODS

    pair = domains or EMBEDDED_PAIR
    if len(pair) not in (1, 2):
        raise LandbridgeError(
            f"compare takes a source and a target, or a target with labels, or nothing for the embedded pair, not "
            f"{len(pair)} domains"
        )
    check_executor(executor)
    alone = len(pair) == 1
    dense = is_dense(pair, data_root)
    usual = SEGMENTATION_METHODS if dense else TUNING_METHODS if alone else DEFAULT_METHODS
    counts = counted(methods or usual, seeds, "--methods", "--seeds")
    folder = free_folder(out, "compare")
    asked: dict[str, Any] = {"backbone": backbone, "steps": steps, "batch_size": batch_size, "rate": rate, "clip": clip}
    asked |= {"augment": augment, "weights": weights, "momentum": momentum, "weight_decay": weight_decay, "ema": ema}
    asked |= {"select": select, "precision": precision, "unreadable": unreadable}
    asked |= {"checkpoint_every": checkpoint_every}
    asked = {name: value for name, value in asked.items() if value is not None}
    shared = (EMBEDDED if not domains else TUNED if alone else {}) | asked
    tuned = [name for name in counts if name in METHODS and not dense]
    if not dense and (size or backbone_ratio):
        raise LandbridgeError(
            f"--size and --backbone-ratio are for segmenters, and {pair[0]} has no masks: leave them out"
        )
    if not tuned and (shots or source_steps):
        raise LandbridgeError("--shots and --source-steps are for fine-tuning: name a method of it, as small-rate")
    if tuned and protocol != "inductive":
        raise LandbridgeError(f"'{tuned[0]}' is measured on the target's test part: leave out --protocol {protocol}")
    if tuned and label_sets != "closed":
        raise LandbridgeError(f"'{tuned[0]}' learns the target's own classes: leave out --label-sets {label_sets}")
    if study and alone:
        raise LandbridgeError("--study compares judges of adaptation: name a source and a target")
    if select != "last" and 0 < len(tuned) < len(counts):
        raise LandbridgeError(
            f"--select {select}: adaptation and fine-tuning share no rule but the last step: leave it out"
        )
    adapting: dict[str, Any] = {"freeze": freeze, "label_sets": label_sets, "study": study}
    adapting |= {"size": size, "backbone_ratio": backbone_ratio} if dense else {}
    kind: type[Settings] = Segmenting if dense else Settings
    first = None if alone else kind("", pair[0], pair[1], protocol, **adapting, **shared)
    source = None if alone else pair[0]
    shared.setdefault("clip", None)  # beside adaptation, fine-tuning is cut no more than that
    tuning = Tuning(tuned[0], pair[-1], source, shots, source_steps=source_steps, **shared) if tuned else None
    if download:
        fetch(pair, data_root)
    machine = Machine(device, 1, "auto", data_root, False, quiet)
    return run_comparison(
        folder, first, counts, options or {}, machine, jobs, executor, tuning=tuning, illustrate=illustrate
    )
