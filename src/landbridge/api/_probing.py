"""The cells of a table of layers: features in one pass, then each classifier on each draw, then the page."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from landbridge.api._indexing import device_of
from landbridge.core.errors import LandbridgeError, RunFolderError
from landbridge.core.files import write_json, write_text
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, View
from landbridge.data.images import ImageFiles
from landbridge.evaluation import snapshot
from landbridge.evaluation.metrics import labels_of, mean_average_precision, score
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.taps import OUTPUT
from landbridge.probing.folder import PLAN, cells_of, file_of, folder_of, read_cell, read_plan, read_tables
from landbridge.probing.protocol import (
    Cell,
    Layer,
    check_classifiers,
    chosen_layers,
    draw,
    fit_and_score,
    outcomes,
)
from landbridge.probing.table import HANDCRAFTED, LayerTable, LayerTables
from landbridge.reports.probing import write_probe_report
from landbridge.runs import versions
from landbridge.training.features import FeatureStore

USUAL_SHOTS = 30
"""Labelled examples a class where a domain has no test split of its own, as in the table of the literature."""

POINTS = 1500
"""Test examples in the picture of the best layer, at most."""


@dataclass(frozen=True)
class Asked:
    """All that the numbers of a table are a function of, beside the data; see `landbridge.api.probe`."""

    backbone: str
    weights: str | None
    shots: tuple[int, ...] | None
    splits: int
    layers: str
    classifiers: tuple[str, ...]
    pool: str
    seed: int
    handcrafted: bool
    unreadable: float

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise LandbridgeError(f"--splits must be at least 1, not {self.splits}")
        if self.seed < 0:
            raise LandbridgeError(f"--seed must be at least 0, not {self.seed}")

    def shots_of(self, domain: Domain) -> list[int | None]:
        """Labelled examples a class, ascending."""
        if self.shots is not None:
            return [*sorted(set(self.shots))]
        return [None if "test" in domain.splits else USUAL_SHOTS]

    def seeds_of(self, domain: Domain) -> list[int]:
        """Of the draws: one alone where all labels are shown, since nothing is drawn."""
        drawn = self.shots_of(domain) != [None]
        return list(range(self.seed, self.seed + (self.splits if drawn else 1)))


@dataclass(frozen=True)
class Features:
    """A domain as features: of each layer a domain of vectors."""

    layers: Mapping[str, Domain]

    @property
    def any(self) -> Domain:
        """One of them; all have the same examples."""
        return next(iter(self.layers.values()))


def shots_in(text: int | str | None) -> tuple[int, ...] | None:
    """The numbers that `--shots` names.

    Raises:
        LandbridgeError: no whole numbers of at least 1.

    >>> shots_in("1,2,5"), shots_in(30), shots_in(None)
    ((1, 2, 5), (30,), None)
    """
    if text is None:
        return None
    words = [word.strip() for word in str(text).split(",")]
    if not all(re.fullmatch(r"[0-9]+", word) and int(word) for word in words):
        raise LandbridgeError(
            f"--shots is a number of examples a class, at least 1, or several as in 1,5,20: not '{text}'"
        )
    return tuple(int(word) for word in words)


def run_probe(
    folder: Path, domains: Sequence[Domain], asked: Asked, command: str, *, device: str, jobs: int, quiet: bool
) -> LayerTables:
    """Compute all cells that are not there, and write table and report.

    Args:
        folder: where the table stands.
        domains: what to probe on.
        asked: what to probe.
        command: the command line that does it again.
        device: of the features.
        jobs: cells computed side by side.
        quiet: show no progress.

    Returns:
        One table a domain.
    """
    check_classifiers(asked.classifiers, domains)
    for domain in domains:
        for shots in asked.shots_of(domain):
            draw(domain, shots, asked.seed)
    torch.manual_seed(seed_of(asked.seed, "networks"))
    backbone = make_backbone(asked.backbone, asked.weights)
    by_hand = asked.backbone.partition("?")[0] == HANDCRAFTED
    layers = [Layer(HANDCRAFTED, OUTPUT, None)] if by_hand else chosen_layers(backbone, asked.layers)
    extra = asked.handcrafted and not by_hand and all(map(_has_images, domains))
    if extra and find_spec("skimage") is None:
        extra = False
        if not quiet:
            print('no row of hand-crafted features: it needs scikit-image, pip install "landbridge[handcrafted]"')
    key = {name: getattr(asked, name) for name in ("backbone", "pool", "unreadable", "seed")}
    key["fingerprint"] = fingerprint(backbone)
    _check_free(folder, key)
    store, where = FeatureStore(quiet=quiet), device_of(device)
    found = [_features(store, backbone, layers, domain, asked, where, extra=extra) for domain in domains]
    if extra:
        layers = [*layers, Layer(HANDCRAFTED, OUTPUT, None)]
    plan = key | {
        "weights": asked.weights or "none",
        "handcrafted": extra,
        "classifiers": list(asked.classifiers),
        "layers": [layer._asdict() | {"width": _width(found[0].layers[layer.name])} for layer in layers],
        "domains": [_described(features.any, asked) for features in found],
        "device": str(where),
        "command": command,
        "versions": versions(),
    }
    for domain, about in zip(domains, plan["domains"]):
        about["data"] = domain.digest()
    _check_same_data(folder, plan)
    write_json(folder / PLAN, plan)
    for features, about in zip(found, plan["domains"]):
        _compute(folder, features, cells_of(plan, about), jobs, quiet=quiet)
    tables = read_tables(folder)
    for table, features in zip(tables.tables, found):
        _look(folder, table, features)
    return write_probe_report(folder)


def _has_images(domain: Domain) -> bool:
    first = next(iter(domain.splits.values())).x
    return isinstance(first, ImageFiles) or first.read(torch.tensor([0]), (8, 8)).dim() == 4


def _check_free(folder: Path, key: Mapping[str, Any]) -> None:
    """Refuse a folder that holds something else."""
    if (folder / PLAN).is_file():
        there = read_plan(folder)
        for name, value in key.items():
            if there.get(name) != value:
                special = {"fingerprint": "other weights, or another network", "backbone": "another backbone"}
                what = special.get(name, f"another --{name}")
                raise RunFolderError(f"{folder} holds a table made with {what}: choose another --out")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunFolderError(f"{folder} is not empty and holds no table of layers: choose another --out")


def _check_same_data(folder: Path, plan: Mapping[str, Any]) -> None:
    """Refuse to go on where a domain's files are no longer those of the cells that are finished."""
    earlier = read_plan(folder)["domains"] if (folder / PLAN).is_file() else []
    before = {domain["name"]: domain["data"] for domain in earlier}
    for domain in plan["domains"]:
        if before.get(domain["name"], domain["data"]) != domain["data"]:
            raise RunFolderError(
                f"the data of {domain['name']} have changed since the cells of {folder} were computed: "
                "choose another --out"
            )


def _features(
    store: FeatureStore,
    backbone: Backbone,
    layers: Sequence[Layer],
    domain: Domain,
    asked: Asked,
    device: torch.device,
    *,
    extra: bool,
) -> Features:
    """All layers in one pass; the hand-crafted features in another."""
    options: dict[str, Any] = {"device": device, "tolerance": asked.unreadable}
    reads = tuple(dict.fromkeys(layer.read for layer in layers))
    made = store.domains(backbone, domain, reads, asked.pool, **options)
    found = {layer.name: made[layer.read] for layer in layers}
    if extra:
        found[HANDCRAFTED] = store.domains(make_backbone(HANDCRAFTED), domain, (OUTPUT,), **options)[OUTPUT]
    return Features(found)


def _width(domain: Domain) -> int:
    return int(next(iter(domain.splits.values())).x.read(torch.tensor([0])).shape[1])


def _described(domain: Domain, asked: Asked) -> dict[str, Any]:
    shots, seeds = asked.shots_of(domain), asked.seeds_of(domain)
    return {
        "name": domain.name,
        "classes": list(domain.classes),
        "headline": domain.headline,
        "shots": shots,
        "seeds": seeds,
        "train": len(domain.splits["train"]),
        "test": len(draw(domain, shots[-1], seeds[0])[1]),
        "test_split": "test" in domain.splits,
        "note": domain.note,
        "skipped": len(domain.skipped),
    }


def _compute(folder: Path, features: Features, cells: Sequence[Cell], jobs: int, *, quiet: bool) -> None:
    """The open cells of a domain; those of the first draw before the others, which take their settings."""
    first = {cell._replace(seed=cells[0].seed) for cell in cells}
    for part in ([cell for cell in cells if cell in first], [cell for cell in cells if cell not in first]):
        still = [cell for cell in part if read_cell(folder, cell) is None]
        chosen: dict[Cell, dict[str, Any]] = {}
        for cell in still:
            earlier = read_cell(folder, cell._replace(seed=cells[0].seed))
            chosen |= {cell: earlier["settings"]} if earlier else {}
        done = outcomes(features.layers, still, chosen, jobs)
        what = f"{features.any.name}, {'first draw' if part and part[0] in first else 'other draws'}"
        for cell, view, outcome in track(done, what, len(still), disable=quiet or not still):
            content = cell._asdict() | {"settings": outcome.settings, "seconds": round(outcome.seconds, 3)}
            # In one line: a cell holds thousands of small numbers.
            text = json.dumps(content | _measured(outcome.scores, view), allow_nan=False)
            write_text(folder / "cells" / file_of(cell), text + "\n")


def _measured(scores: Tensor, view: View) -> dict[str, Any]:
    """Open the seal: the metrics, and which class was called what how often."""
    labels = labels_of(view)
    if labels is not None and labels.dim() == 2:
        mean, by_class = mean_average_precision(scores, view)
        return {"metrics": {"mean_average_precision": mean}, "by_class": by_class, "confused": []}
    found = score(scores, view)
    counts = np.array(found.confusion)
    confused = [[int(i), int(j), int(counts[i, j])] for i, j in zip(*counts.nonzero())]
    metrics = {"accuracy": found.accuracy, "mean_class_accuracy": found.mean_class_accuracy}
    return {"metrics": metrics, "by_class": found.per_class_accuracy, "confused": confused}


def _look(folder: Path, table: LayerTable, features: Features) -> None:
    """Keep what the report draws of the best layer: features, labels and calls of the first draw's test examples."""
    row, shots = table.best, table.most
    cell = Cell(table.domain, shots, row.layer.name, row.classifier, table.seeds[0])
    shown, held = draw(features.layers[cell.layer], shots, cell.seed)
    some = held.subset(torch.randperm(len(held), generator=torch.Generator().manual_seed(0))[:POINTS])
    values, labels = some.read(), labels_of(some)
    assert labels is not None
    outcome = fit_and_score(
        cell.classifier, shown.read().numpy(), shown.y.numpy(), values.numpy(), len(shown.classes), row.settings[shots]
    )
    if labels.dim() == 2:
        alone = (labels == 1).sum(1) == 1
        labels = torch.where(alone, (labels == 1).int().argmax(1), -1)
    taken = {
        "features": values.numpy().astype(np.float16),
        "label": labels.numpy(),
        "predicted": outcome.scores.argmax(1).numpy(),
    }
    snapshot.save(taken, folder / "best" / f"{folder_of(table.domain)}.npz")
