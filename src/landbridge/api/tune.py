"""`landbridge tune`: which settings of a method serve a pair best, judged without labels of the target."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.evaluation.trials import TrialsTable


def tune(
    source: str,
    target: str,
    method: str = "dann",
    trials: int = 20,
    search: str | None = None,
    validator: str = "im",
    backbone: str | None = None,
    weights: str | None = None,
    steps: int = 2000,
    batch_size: int = 64,
    rate: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    seed: int = 0,
    protocol: str = "inductive",
    select: str = "last",
    augment: str = "none",
    ema: float | None = None,
    clip: float | None = None,
    freeze: str = "none",
    label_sets: str = "closed",
    unlabelled: bool = False,
    unreadable: float = 0.01,
    options: dict[str, Any] | None = None,
    baseline: bool = True,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 500,
    jobs: int = 1,
    executor: str = "local",
    download: bool = False,
    quiet: bool = False,
) -> "TrialsTable":
    """Search the settings of a method by a judge that needs no label of the target.

    The first trial has the settings as given; Optuna (TPE) suggests the others from the scores so far. Each is a run
    folder of its own: interrupted, a search goes on when the command is given again with its `--out`, and ends with the
    same numbers. What diverges, collapses to few classes or is judged worse than source-only is never chosen. Of the
    trials, the target is measured for the first and for the chosen one alone: whoever sees the others chooses by them.

    Args:
        source: labelled domain: a name (`mnist`, `digits/printed`) or a path of your own.
        target: domain to adapt to, likewise; its labels have no say.
        method: name of the method, or several as `cdan-e+mcc`; `landbridge methods` lists them.
        trials: how many settings to try, the first ones included; with a larger number a search goes on.
        search: what to search, with commas: options of the method, `rate`, `weight_decay`, or with a range of your own
            `NAME=LOW:HIGH`, also of `momentum`, `ema`, `clip`, `batch_size`, `steps`. By default the options of the
            method that have a range and are not given.
        validator: the judge: `im`, `entropy`, `source-accuracy` and others, see `--select` of `adapt`. One that needs
            source examples that training does not see holds a tenth out, and chooses the checkpoint too.
        backbone: network; by default the one usual for the source. `landbridge backbones` lists some.
        weights: where the network starts from: `none`, `hub`, or a file.
        steps: optimiser steps a trial.
        batch_size: examples a step from each domain.
        rate: learning rate at the start; searched over a decade to both sides where it is named.
        momentum: momentum of SGD.
        weight_decay: weight decay of SGD.
        seed: what all randomness comes from, of the search and of each trial.
        protocol: `inductive` measures on the target's test part, `transductive` uses the whole target for both.
        select: which weights of a trial are kept, as in `adapt`.
        augment: augmentation of all inputs, as in `adapt`.
        ema: decay of averaged weights.
        clip: largest norm of a gradient.
        freeze: lower layer groups that stay as they are, as in `adapt`.
        label_sets: whether the target has the source's classes, as in `adapt`.
        unlabelled: read the target as images without labels, at any depth of its folder.
        unreadable: share of images that may be unreadable.
        options: options of the method to begin with; on the command line `--method.NAME VALUE`.
        baseline: also train source-only; a trial that is judged worse is never chosen.
        out: folder; by default `runs/<time>-tune`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints.
        jobs: trials side by side, each on its share of the cores. So many are suggested at once, not knowing of each
            other's scores: other numbers of jobs try other settings.
        executor: `local`, or `ray` for the cluster that RAY_ADDRESS names (or one of this machine); all its machines
            must see the same folders.
        download: fetch missing data sets where their publisher allows it.
        quiet: show no progress.

    Returns:
        The trials, best first. `tune.json`, `table.json`, `table.md`, `trials.csv`, `report.html`, the best trial's
        `model/`, and `trials/<number>/`, stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> tune("mnist", "usps", search="wieght")
        Traceback (most recent call last):
        landbridge.core.errors.UnknownNameError: --search wieght: 'dann' has no such setting; did you mean 'weight'?
    """
    import inspect
    import shlex

    from landbridge.api._cell import Settings
    from landbridge.api._recipe import Machine, fetch, free_folder
    from landbridge.api._searching import command_words, judged_by, run_search
    from landbridge.api._spans import spans_of
    from landbridge.core.errors import LandbridgeError
    from landbridge.core.executors import check_executor
    from landbridge.evaluation.table import LOWER

    for name, count in (("--trials", trials), ("--jobs", jobs)):
        if count < 1:
            raise LandbridgeError(f"{name} must be at least 1, not {count}")
    check_executor(executor)
    first = Settings(
        method, source, target, protocol, unlabelled, baseline and method != LOWER, freeze, backbone=backbone,
        weights=weights, steps=steps, batch_size=batch_size, rate=rate, momentum=momentum, weight_decay=weight_decay,
        seed=seed, select=select, augment=augment, ema=ema, clip=clip, precision=precision, unreadable=unreadable,
        checkpoint_every=checkpoint_every, options=options or {}, label_sets=label_sets,
    )  # fmt: skip
    spans = spans_of(first, search)
    usual = {name: given.default for name, given in inspect.signature(tune).parameters.items()}
    words = command_words(first, usual, {"trials": trials, "search": search, "validator": validator, "jobs": jobs})
    words += [] if baseline else ["--no-baseline"]
    first = judged_by(first, validator)
    if download:
        fetch((source, target), data_root)
    machine = Machine(device, 1, "auto", data_root, False, quiet)
    folder = free_folder(out, "tune")
    return run_search(folder, first, spans, trials, validator, machine, jobs, executor, shlex.join(words))
