"""The cells of a comparison: which there are, computed one after the other or side by side, then drawn together."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from landbridge.adaptation import METHODS
from landbridge.api._cell import Settings, train_cell
from landbridge.api._recipe import Machine, flags, method_flags
from landbridge.api._segmenting import Segmenting, segment_cell
from landbridge.api._tuning import Tuning, check, tune_cell
from landbridge.core.errors import LandbridgeError, RunFolderError, UnknownNameError
from landbridge.core.executors import execute
from landbridge.core.files import write_json
from landbridge.core.registry import nearest
from landbridge.finetuning import METHODS as TUNING
from landbridge.reports.adaptation import write_comparison_report
from landbridge.runs import Run, versions
from landbridge.training.estimators import EstimatorMethod

if TYPE_CHECKING:
    from landbridge.evaluation.table import Table


class Cell(NamedTuple):
    """A network to train.

    Attributes:
        settings: of adaptation, of segmentation, or of fine-tuning.
        folder: where its run stands.
        title: what the progress bar calls it.
        start: the run that fine-tuning starts from.
    """

    settings: Settings | Tuning
    folder: Path
    title: str
    start: Path | None = None

    @property
    def waits(self) -> bool:
        """Whether it goes on from a phase that another cell trains."""
        return isinstance(self.settings, Settings) and issubclass(
            self.settings.methods.resolve(self.settings.method), EstimatorMethod
        )

    def train(self, machine: Machine, store: Path) -> Run:
        """Compute it; a finished one is left as it is."""
        if isinstance(self.settings, Tuning):
            return tune_cell(self.settings, self.folder, machine, self.start, self.title)
        if isinstance(self.settings, Segmenting):
            return segment_cell(self.settings, self.folder, machine, store, self.title)
        return train_cell(self.settings, self.folder, machine, store, self.title)


def run_comparison(
    folder: Path,
    first: Settings | None,
    seeds: Mapping[str, int],
    options: Mapping[str, Any],
    machine: Machine,
    jobs: int = 1,
    executor: str = "local",
    *,
    tuning: Tuning | None = None,
    illustrate: bool = True,
) -> "Table":
    """Compute all cells that are not finished, and write table and report.

    Args:
        folder: where the comparison stands.
        first: the settings that all cells of adaptation, or of segmentation, share; None where there is no source to
            adapt from.
        seeds: how many seeds, from 0 on, by method, in the order of the rows.
        options: options by method.
        machine: on what.
        jobs: cells computed side by side.
        executor: where they run, see `landbridge.core.executors`.
        tuning: the settings that all cells of fine-tuning share; None where labels of the target are not to be used.
            With a source, one network a seed is trained there first, and all cells of the seed start from it.
        illustrate: with `dann`, add a run that confuses the domains without the label loss.

    Returns:
        The table.
    """
    _check_names(seeds, options, first, tuning)
    cells = list(_cells(folder, first, tuning, seeds, options, illustrate=illustrate))
    still = [cell for cell in cells if not _finished(cell.folder)]
    seen = set()
    for cell in still:
        if isinstance(cell.settings, Tuning) and cell.settings.method not in seen:
            check(cell.settings, machine)
            seen.add(cell.settings.method)
    _claim(folder, first, tuning, seeds, options)
    store = folder / "cells" / ".phases"
    for part in (list(_sources(folder, still)), still):
        numbered = [cell._replace(title=f"[{n}/{len(part)}] {cell.title}") for n, cell in enumerate(part, 1)]
        # Those that go on from what others train come last, so that no two processes train the same source network.
        ordered = sorted(numbered, key=lambda cell: cell.waits)
        execute([partial(cell.train, machine, store) for cell in ordered], jobs, executor)
    return write_comparison_report(folder)


def _finished(folder: Path) -> bool:
    return (folder / "metrics.json").is_file()


def _check_names(
    seeds: Mapping[str, int], options: Mapping[str, Any], first: Settings | None, tuning: Tuning | None
) -> None:
    """Names that are there, and go with the domains; options of methods that are compared."""
    methods = METHODS if first is None else first.methods
    known = [*methods, *([] if isinstance(first, Segmenting) else TUNING)]
    for name in seeds:
        if name not in methods and name not in known:
            hint = nearest(name, known) or f"; known: {', '.join(known)}"
            raise UnknownNameError(f"unknown method '{name}'{hint}")
        if name in methods and first is None:
            raise LandbridgeError(
                f"'{name}' adapts from a source, and one domain is named: put a source before it, or compare "
                f"{', '.join(TUNING)}"
            )
        if name in TUNING and tuning is None:
            raise LandbridgeError(f"'{name}' learns from labels of the target: say with --shots how many a class")
    for name in options:
        if name not in seeds:
            raise LandbridgeError(f"options are given for '{name}', which is not compared: {', '.join(seeds)}")


def _claim(
    folder: Path, first: Settings | None, tuning: Tuning | None, seeds: Mapping[str, int], options: Mapping[str, Any]
) -> None:
    """Write down what is compared; a folder that compares something else is left alone."""
    shared = [asdict(part) for part in (first, tuning) if part is not None]
    source, target = shared[0]["source"], shared[0]["target"]
    settings = {name: value for part in shared for name, value in part.items() if name not in ("method", "seed")}
    described = {
        "title": f"{source} to {target}" if source else target,
        "source": source,
        "target": target,
        "methods": list(seeds),
        "seeds": {method: list(range(count)) for method, count in seeds.items()},
        "settings": settings,
        "options": dict(options),
    }
    path = folder / "comparison.json"
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        for key in ("source", "target"):
            if there.get(key) != described[key]:
                raise RunFolderError(f"{folder} holds another comparison ({key} differ): choose another --out")
        for name, value in there.get("settings", {}).items():
            if settings.setdefault(name, value) != value:
                raise RunFolderError(
                    f"{folder} holds another comparison ({name}: {value}, not {settings[name]}): choose another --out"
                )
    elif folder.is_dir() and any(folder.iterdir()):
        raise RunFolderError(f"{folder} is not empty and holds no comparison: choose another --out")
    write_json(path, described | {"command": _command(described), "versions": versions()})


def _command(described: Mapping[str, Any]) -> str:
    """The command line that does it again."""
    words = ["landbridge", "compare", *filter(None, [described["source"], described["target"]])]
    counts = {method: len(seeds) for method, seeds in described["seeds"].items()}
    usual = max(counts.values())
    named = [method if count == usual else f"{method}:{count}" for method, count in counts.items()]
    words += ["--methods", ",".join(named), "--seeds", str(usual)]
    hidden = ("source", "target", "options", "baseline")
    said = {name: value for name, value in described["settings"].items() if name not in hidden}
    # What `compare` takes by default differs with the domains.
    if described["source"] is None:
        words += flags(said, Tuning("full", "").usual)
    else:
        kind = Segmenting if "size" in said else Settings
        words += flags(said, asdict(Tuning("full", "")) | asdict(kind("", "", "")))
    return shlex.join(
        [*words, *(word for name, own in described["options"].items() for word in method_flags(own, name))]
    )


def _cells(
    folder: Path,
    first: Settings | None,
    tuning: Tuning | None,
    seeds: Mapping[str, int],
    options: Mapping[str, Any],
    *,
    illustrate: bool,
) -> Iterator[Cell]:
    for method, count in seeds.items():
        shared = tuning if method in TUNING else first
        assert shared is not None
        for seed in range(count):
            settings = replace(shared, method=method, seed=seed, options=dict(options.get(method, {})))
            place = folder / "cells" / method / str(seed)
            yield Cell(settings, place, f"{method} seed {seed}", _start(folder, settings))
    if illustrate and first is not None and "dann" in seeds:
        confused = {**options.get("dann", {}), "label_weight": 0.0}
        settings = replace(first, method="dann", seed=0, options=confused)
        yield Cell(settings, folder / "illustration", "domains confused")


def _start(folder: Path, settings: Settings | Tuning) -> Path | None:
    """The run on the source that a cell of fine-tuning starts from."""
    if isinstance(settings, Settings) or settings.source is None or not settings.copies:
        return None
    return folder / "source" / str(settings.seed)


def _sources(folder: Path, cells: Sequence[Cell]) -> Iterator[Cell]:
    """The networks to train on the source before the cells that start from them."""
    starts = {cell.start: cell.settings for cell in cells if cell.start and not _finished(cell.start)}
    for start, settings in starts.items():
        assert isinstance(settings, Tuning)
        yield Cell(settings.of_source, start, f"source {settings.source} seed {settings.seed}")
