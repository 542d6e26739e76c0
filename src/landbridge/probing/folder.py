"""The folder of a table of layers: what was asked, a file for each finished cell, and the table that they make."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.probing.protocol import Cell, Layer
from landbridge.probing.published import LAYERS, Published, is_the_network, published
from landbridge.probing.table import CLASSIFIER_NAMES, Figure, LayerTable, LayerTables, Row

PLAN = "probe.json"
"""The file that says what a folder's table is of."""


def file_of(cell: Cell) -> str:
    """Where a cell's numbers stand below the folder of all cells.

    >>> file_of(Cell("mnist", 5, "features.2", "svm", 0))
    'mnist/5/features.2/svm/0.json'
    """
    shots = "all" if cell.shots is None else cell.shots
    return f"{folder_of(cell.domain)}/{shots}/{cell.layer or 'network'}/{cell.classifier}/{cell.seed}.json"


def folder_of(domain: str) -> str:
    """The name of a domain as that of a folder; two domains never share one.

    >>> folder_of("mnist"), folder_of("pacs/photo?classes=dog,horse")
    ('mnist', 'pacs-photo-classes-dog-horse-543b60')
    """
    plain = re.sub(r"[^\w.]+", "-", domain).strip("-.")
    return plain if plain == domain else f"{plain[-60:]}-{hashlib.sha256(domain.encode()).hexdigest()[:6]}"


def read_plan(folder: Path) -> dict[str, Any]:
    """What the table of a folder is of.

    Raises:
        MissingDataError: there is none.
        BadDataError: it cannot be read.
    """
    path = Path(folder) / PLAN
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingDataError(f"no table of layers in {folder}: it has no {PLAN}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadDataError(f"{path} is not readable JSON") from error
    if not isinstance(plan, dict) or not {"domains", "layers", "classifiers"} <= set(plan):
        raise BadDataError(f"{path} does not name the domains, layers and classifiers of a table")
    return plan


def cells_of(plan: Mapping[str, Any], domain: Mapping[str, Any]) -> list[Cell]:
    """All cells of a domain: first those of the first draw, on which settings are chosen."""
    rows = _rows_of(plan)
    return [
        Cell(domain["name"], shots, layer, classifier, seed)
        for seed in domain["seeds"]
        for shots in domain["shots"]
        for classifier, layer in rows
    ]


def _rows_of(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(classifier, layer) of all rows: the hand-crafted one first, then by classifier and depth."""
    layers = [layer["name"] for layer in plan["layers"]]
    extra = [("svm", layers.pop())] if plan["handcrafted"] else []
    return [*extra, *((classifier, layer) for classifier in plan["classifiers"] for layer in layers)]


def read_cell(folder: Path, cell: Cell) -> dict[str, Any] | None:
    """The numbers of a finished cell; None of one that is not there."""
    path = Path(folder) / "cells" / file_of(cell)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadDataError(f"{path} is damaged: remove it, and run the probe again") from error
    return found


def read_tables(folder: Path) -> LayerTables:
    """Gather what the finished cells of a folder say.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    plan = read_plan(folder)
    tables = [_table(folder, plan, domain) for domain in plan["domains"]]
    finished = [table for table in tables if table.rows]
    if not finished:
        raise MissingDataError(f"no cell of {folder} is finished yet: run the probe again to go on with it")
    return LayerTables(finished, plan, Path(folder))


def _table(folder: Path, plan: Mapping[str, Any], domain: Mapping[str, Any]) -> LayerTable:
    cells = cells_of(plan, domain)
    found = [(cell, result) for cell in cells if (result := read_cell(folder, cell)) is not None]
    layers = {entry["name"]: entry for entry in plan["layers"]}
    shots = list(domain["shots"])
    figures = published(domain["name"], shots[0]) if len(shots) == 1 else {}
    same = is_the_network(plan["backbone"])
    groups = {row: [(c, r) for c, r in found if (c.classifier, c.layer) == row] for row in _rows_of(plan)}
    rows = [
        _row(layers[layer], classifier, group, figures if same else {})
        for (classifier, layer), group in groups.items()
        if group
    ]
    reference = None
    if figures and not same:
        (classifier, number), figure = max(figures.items(), key=lambda item: item[1].mean)
        reference = (f"{CLASSIFIER_NAMES[classifier]} ({number}) of {LAYERS}", figure)
    about = {name: domain[name] for name in ("train", "test", "note", "skipped")}
    return LayerTable(
        domain["name"], domain["headline"], shots, list(domain["seeds"]), rows, list(domain["classes"]), reference,
        figures, about, len(cells) - len(found),
    )  # fmt: skip


def _row(
    layer: Mapping[str, Any],
    classifier: str,
    group: Sequence[tuple[Cell, dict[str, Any]]],
    figures: Mapping[tuple[str, int], Published],
) -> Row:
    by_shots: dict[int | None, list[dict[str, Any]]] = {}
    for cell, result in group:
        by_shots.setdefault(cell.shots, []).append(result)
    return Row(
        classifier,
        Layer(layer["name"], layer["read"], layer["number"]),
        layer["width"],
        {
            shots: {name: Figure.of([r["metrics"][name] for r in results]) for name in results[0]["metrics"]}
            for shots, results in by_shots.items()
        },
        {shots: results[0]["settings"] for shots, results in by_shots.items()},
        fmean(result["seconds"] for _, result in group),
        figures.get((classifier, layer["number"] or 0)),
        by_shots,
    )
