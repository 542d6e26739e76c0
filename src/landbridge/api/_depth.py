"""The cells of curves over copied layers: networks trained on the source, each way of copying them, the page."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from landbridge.api._grid import Task, claim, train_all
from landbridge.api._recipe import Machine, flags
from landbridge.api._tuning import Tuning
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain
from landbridge.data.images import Files
from landbridge.data.registry import load_domain
from landbridge.finetuning.copying import ENDS, MODES, chosen_depths, chosen_names, copyings
from landbridge.finetuning.depth import PLAN, DepthTable
from landbridge.reports.depth import write_depth_report
from landbridge.runs import versions


def run_depths(
    folder: Path, first: Tuning, seeds: int, ends: str, modes: str, depths: str | None, machine: Machine, jobs: int = 1
) -> DepthTable:
    """Train what is not finished yet, and write table and report.

    Args:
        folder: where the curves stand.
        first: the settings that all cells share.
        seeds: how many, from 0 on.
        ends: names in `ENDS`, with commas.
        modes: names in `MODES`, with commas.
        depths: numbers of copied layer groups, with commas; None for some.
        machine: on what.
        jobs: cells computed side by side.

    Returns:
        The table.
    """
    if seeds < 1:
        raise LandbridgeError(f"--seeds must be at least 1, not {seeds}")
    asked = {"ends": chosen_names(ends, ENDS, "ends"), "modes": chosen_names(modes, MODES, "modes")}
    target = load_domain(first.target, machine.data_root)
    origin = target if first.source is None else load_domain(first.source, machine.data_root)
    inputs = _same_inputs(origin, target)
    target.draw(first.shots, 0)
    backbone = first.network(origin.backbone)
    groups = list(backbone.groups)
    shared = asdict(first)
    for name in ("method", "seed", "options", "source", "target", "backbone"):
        del shared[name]
    plan: dict[str, Any] = {
        "source": first.source,
        "target": first.target,
        "backbone": backbone.name,
        "groups": groups,
        "inputs": inputs,
        "settings": shared,
        "depths": chosen_depths(depths, groups, backbone.name),
        **asked,
        "seeds": list(range(seeds)),
    }
    content = plan | {"command": _command(first, plan, ends, modes, depths), "versions": versions()}
    claim(folder / PLAN, content, ("source", "target", "backbone", "groups", "settings"), "table over copied layers")
    sources: list[Task] = []
    cells: list[Task] = []
    for seed in plan["seeds"]:
        here = replace(first, seed=seed)
        start = folder / "source" / str(seed) if first.source else None
        sources += [Task(here.of_source, start, None, f"{first.source} seed {seed}")] if start else []
        for copying in copyings(plan):
            settings, place = replace(here, options=copying.options), folder / "cells" / copying.name / str(seed)
            cells.append(Task(settings, place, start, f"{copying.name} seed {seed}"))
    for tasks in (sources, cells):
        train_all(tasks, machine, jobs)
    return write_depth_report(folder)


def _same_inputs(origin: Domain, target: Domain) -> str:
    """What both domains hold: `images`, `recordings` or `vectors`.

    Raises:
        BadDataError: not the same, so that one network cannot read both.
    """
    (kind, shape), (other, other_shape) = _inputs(origin), _inputs(target)
    if (kind, shape) != (other, other_shape):
        raise BadDataError(
            f"{origin.name} holds {kind}{shape}, {target.name} {other}{other_shape}: "
            "layers are copied between domains with inputs of one kind"
        )
    return kind


def _inputs(domain: Domain) -> tuple[str, str]:
    x = next(iter(domain.splits.values())).x
    example = x.read(torch.tensor([0]), (8, 8))
    if example.dim() == 4:
        return "images", ""
    if isinstance(x, Files) and x.kind == "recording":
        return "recordings", f" of {example.shape[1]} samples"
    return "vectors", f" of {example.shape[1]} numbers"


def _command(first: Tuning, plan: Mapping[str, Any], ends: str, modes: str, depths: str | None) -> str:
    """The command line that does it again."""
    words = ["landbridge", "transfer-depth", *filter(None, [first.source, first.target])]
    words += ["--backbone", plan["backbone"], "--seeds", str(len(plan["seeds"]))]
    words += flags(plan["settings"], asdict(Tuning(first.method, first.target)))
    words += [] if depths is None else ["--depths", depths]
    for name, value, usual in (("ends", ends, ENDS), ("modes", modes, MODES)):
        words += [] if plan[name] == list(usual) else [f"--{name}", value]
    return shlex.join(words)
