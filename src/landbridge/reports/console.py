"""What a command prints when it is done: a short table and where the rest stands."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from landbridge.advice.advice import Advice
from landbridge.core.text import percent
from landbridge.evaluation.gaps import GapTable
from landbridge.evaluation.shots import ShotsTable
from landbridge.evaluation.speakers import LeaveOutTable
from landbridge.evaluation.table import KINDS, Table
from landbridge.evaluation.trials import TrialsTable
from landbridge.finetuning.depth import DepthTable
from landbridge.multitask.table import MultitaskTable
from landbridge.probing.table import LayerTables
from landbridge.reports.advice import show_advice
from landbridge.runs import Run
from landbridge.zeroshot.table import ZeroShotTable


def show(result: Any, console: Console | None = None) -> None:
    """Print the result of a command.

    Args:
        result: a run, a table, advice, a path, a record, or a list of records.
        console: where to; standard output by default.
    """
    console = console or Console(width=None if sys.stdout.isatty() else 160)
    if isinstance(result, Run):
        _run(result, console)
    elif isinstance(
        result,
        Table
        | LayerTables
        | MultitaskTable
        | DepthTable
        | GapTable
        | ShotsTable
        | LeaveOutTable
        | ZeroShotTable
        | TrialsTable,
    ):
        console.print(result.to_markdown(), markup=False, highlight=False, soft_wrap=True)
        console.print(f"report: {result.report}", markup=False, highlight=False, soft_wrap=True)
    elif isinstance(result, Advice):
        show_advice(result, console)
    elif isinstance(result, Path):
        console.print(str(result), markup=False, highlight=False, soft_wrap=True)
    elif isinstance(result, Mapping):
        for name, value in result.items():
            console.print(f"{name}: {_cell(value)}", markup=False, highlight=False, soft_wrap=True)
    elif isinstance(result, Sequence):
        _records(result, console)


def _run(run: Run, console: Console) -> None:
    result = run.result
    if "layer_groups" in result.metrics:
        _tuned(run, console)
        return
    if "before" in result.metrics:
        _aligned(run, console)
        return
    metric = "miou" if "target_miou" in result.metrics else "accuracy"
    grid = Grid("method", f"{result.source} %", f"{result.target} %", "proxy A-distance", box=None, padding=(0, 2))
    rows = [Run.open(run.folder / "baseline").result] if (run.folder / "baseline" / "metrics.json").is_file() else []
    kinds = KINDS if "target_private_miou" in result.metrics else {}
    for name in kinds:
        grid.add_column(f"{name} %")
    for row in [*rows, result]:
        grid.add_row(
            row.method + (" (oracle)" if row.oracle else ""),
            percent(row.metrics[f"source_{metric}"]),
            percent(row.metrics[f"target_{metric}"]),
            f"{row.metrics['a_distance']:.2f}",
            *(percent(row.metrics[f"target_{kind}_miou"]) for kind in kinds.values()),
        )
    console.print(grid)
    measured = f"mIoU over {result.settings['class_set']}, " if metric == "miou" else ""
    console.print(
        f"{measured}{result.protocol}, {result.selection} step selected, seed {result.seed}, {result.steps} steps",
        highlight=False,
    )
    console.print(f"report: {run.folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True)


def _tuned(run: Run, console: Console) -> None:
    """A fine-tuned network: the labels that it saw, and those that it did not."""
    result = run.result
    grid = Grid("method", f"{result.target} %", "labels shown %", "labels", box=None, padding=(0, 2))
    tested, learned = (percent(result.metrics[f"{name}_accuracy"]) for name in ("target", "target_train"))
    grid.add_row(result.method, tested, learned, f"{result.metrics['labels']:,}")
    console.print(grid)
    start = f"from {result.source}, " if result.source else ""
    console.print(
        f"{start}{result.protocol}, {result.selection} step selected, seed {result.seed}, {result.steps} steps",
        highlight=False,
    )
    console.print(f"report: {run.folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True)


def _aligned(run: Run, console: Console) -> None:
    """A dual encoder: how images and sentences find each other, and what it knows of classes, before and after."""
    result = run.result
    grid = Grid(result.target, "text to image R@1 / 5 / 10 %", "image to text R@1 / 5 / 10 %", box=None, padding=(0, 2))
    probed = "zero_shot_accuracy" in result.metrics
    if probed:
        grid.add_column(f"zero-shot {result.metrics['zero_shot_domain']} %")
    for when, found in (("before", result.metrics["before"]), ("after", result.metrics)):
        ways = (
            " / ".join(percent(found.get(f"{way}_recall_at_{k}")) for k in (1, 5, 10))
            for way in ("text_to_image", "image_to_text")
        )
        grid.add_row(when, *ways, *([percent(found["zero_shot_accuracy"])] if probed else []))
    console.print(grid)
    console.print(
        f"{result.method}, {result.protocol}, {result.selection} step selected, seed {result.seed}, "
        f"{result.steps} steps",
        highlight=False,
    )
    console.print(f"report: {run.folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True)


def _records(records: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not records:
        return
    grid = Grid(*records[0], box=None, padding=(0, 1))
    for record in records:
        grid.add_row(*(_cell(value) for value in record.values()))
    console.print(grid)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
