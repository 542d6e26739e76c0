"""The cells of a comparison: which there are, computed one after the other or side by side, then drawn together."""

import multiprocessing
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from landbridge.adaptation import METHODS
from landbridge.api._cell import Settings, train_cell
from landbridge.api._recipe import Machine
from landbridge.core.errors import LandbridgeError, RunFolderError
from landbridge.core.files import write_json
from landbridge.reports.adaptation import write_comparison_report
from landbridge.runs import versions
from landbridge.training.estimators import EstimatorMethod

if TYPE_CHECKING:
    from landbridge.evaluation.table import Table


def run_comparison(
    folder: Path,
    first: Settings,
    seeds: Mapping[str, int],
    options: Mapping[str, Any],
    machine: Machine,
    jobs: int = 1,
    *,
    illustrate: bool = True,
) -> "Table":
    """Compute all cells that are not finished, and write table and report.

    Args:
        folder: where the comparison stands.
        first: the settings that all cells share.
        seeds: how many seeds, from 0 on, by method, in the order of the rows.
        options: options by method.
        machine: on what.
        jobs: cells computed side by side.
        illustrate: with `dann`, add a run that confuses the domains without the label loss.

    Returns:
        The table.
    """
    for name in seeds:
        METHODS[name]
    for name in options:
        if name not in seeds:
            raise LandbridgeError(f"options are given for '{name}', which is not compared: {', '.join(seeds)}")
    described = {
        "title": f"{first.source} to {first.target}",
        "source": first.source,
        "target": first.target,
        "methods": list(seeds),
        "seeds": {method: list(range(count)) for method, count in seeds.items()},
        "settings": {name: value for name, value in asdict(first).items() if name not in ("method", "seed")},
        "options": dict(options),
    }
    _claim(folder, described, machine)
    cells = list(_cells(folder, first, seeds, options, illustrate=illustrate))
    open_cells = [(settings, path) for settings, path in cells if not (path / "metrics.json").is_file()]
    store = folder / "cells" / ".phases"
    if jobs > 1 and len(open_cells) > 1:
        _side_by_side(open_cells, machine, store, jobs)
    else:
        for number, (settings, path) in enumerate(open_cells):
            title = f"[{number + 1}/{len(open_cells)}] {settings.method} seed {settings.seed}"
            train_cell(settings, path, machine, store, title)
    return write_comparison_report(folder)


def _claim(folder: Path, described: dict[str, Any], machine: Machine) -> None:
    """Write down what is compared; a folder that compares something else is left alone."""
    import json

    path = folder / "comparison.json"
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        for key in ("source", "target", "settings"):
            if there.get(key) != described[key]:
                raise RunFolderError(f"{folder} holds another comparison ({key} differ): choose another --out")
    elif folder.is_dir() and any(folder.iterdir()):
        raise RunFolderError(f"{folder} is not empty and holds no comparison: choose another --out")
    words = ["landbridge", "compare", described["source"], described["target"]]
    counts = {method: len(seeds) for method, seeds in described["seeds"].items()}
    usual = max(counts.values())
    named = [method if count == usual else f"{method}:{count}" for method, count in counts.items()]
    words += ["--methods", ",".join(named), "--seeds", str(usual)]
    default = asdict(Settings("", "", ""))
    for name, value in described["settings"].items():
        if name not in ("source", "target", "options", "baseline") and value != default[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    for method, given in described["options"].items():
        for name, value in given.items():
            words += [f"--method.{method}.{name}", str(value)]
    write_json(path, described | {"command": shlex.join(words), "versions": versions()})


def _cells(
    folder: Path,
    first: Settings,
    seeds: Mapping[str, int],
    options: Mapping[str, Any],
    *,
    illustrate: bool,
) -> Iterator[tuple[Settings, Path]]:
    for method, count in seeds.items():
        for seed in range(count):
            settings = replace(first, method=method, seed=seed, options=dict(options.get(method, {})))
            yield settings, folder / "cells" / method / str(seed)
    if illustrate and "dann" in seeds:
        confused = {**options.get("dann", {}), "label_weight": 0.0}
        yield replace(first, method="dann", seed=0, options=confused), folder / "illustration"


def _side_by_side(cells: Sequence[tuple[Settings, Path]], machine: Machine, store: Path, jobs: int) -> None:
    """Cells in `jobs` processes. Small convolutions use two cores better as two runs than as one run on two cores.

    Those that go on from what others train come last, so that no two processes train the same source network.
    """
    cells = sorted(cells, key=lambda cell: issubclass(METHODS.resolve(cell[0].method), EstimatorMethod))
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        titles = [f"{settings.method} seed {settings.seed}" for settings, _ in cells]
        tasks = [
            pool.submit(train_cell, settings, path, machine, store, title)
            for (settings, path), title in zip(cells, titles)
        ]
        for task in tasks:
            task.result()
