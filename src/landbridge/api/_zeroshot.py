"""The cells of a table of zero-shot learning: features in one pass, then each method by the protocol, then the page."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from landbridge.api._grid import claim
from landbridge.api._indexing import device_of
from landbridge.api._recipe import Machine
from landbridge.api._zeroshot_network import trained_on
from landbridge.core.errors import LandbridgeError
from landbridge.core.files import write_text
from landbridge.data.batches import IN_MEMORY, seed_of
from landbridge.data.domain import Domain, View
from landbridge.data.registry import data_root, described_by, entry_of, load_domain
from landbridge.data.signatures import Signatures, load_signatures
from landbridge.data.zsl_splits import ZeroShotSplit, zero_shot
from landbridge.evaluation import snapshot
from landbridge.evaluation.metrics import labels_of
from landbridge.evaluation.study import read_cell
from landbridge.evaluation.zero_shot import (
    by_class,
    calibrated,
    class_averaged,
    harmonic_mean,
    hits,
    seen_unseen_curve,
    standard_error,
)
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.taps import OUTPUT
from landbridge.reports.zeroshot import write_zeroshot_report
from landbridge.runs import versions
from landbridge.training.features import FeatureStore
from landbridge.zeroshot import METHODS
from landbridge.zeroshot.base import ZeroShotClassifier, unit_rows
from landbridge.zeroshot.model import ZeroShotModel
from landbridge.zeroshot.protocol import Chosen, Known, a_share, choose, class_folds, few, grid_of, is_seeded, learn
from landbridge.zeroshot.reasons import explains, reasons
from landbridge.zeroshot.saving import load, save
from landbridge.zeroshot.table import HITS, PLAN, ZeroShotTable, cells_of

CURVE, LOOKED, PLACED = 200, 48, 600
"""Points of a curve that are kept; images whose decision is; images that are placed among names."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Asked:
    """All that the numbers are a function of, beside the data; see `landbridge.api.zeroshot`."""

    domain: str
    backbone: str | None
    signatures: str | None
    methods: tuple[str, ...]
    unseen: tuple[str, ...]
    test: str | None
    weights: str | None
    train_steps: int | None
    shots: int | None
    seeds: int
    drop: bool
    pool: str
    unreadable: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise LandbridgeError(f"--seeds must be at least 1, not {self.seeds}")
        if self.shots is not None and self.shots < 1:
            raise LandbridgeError(f"--shots must be at least 1 a class, not {self.shots}")
        if self.train_steps is not None and self.train_steps < 1:
            raise LandbridgeError(f"--train-steps must be at least 1, or left out: not {self.train_steps}")
        if not self.methods:
            raise LandbridgeError(f"--methods names none of {', '.join(METHODS)}")
        for method in (*self.methods, *self.options):
            METHODS[method]
        for method, given in self.options.items():
            if method not in self.methods:
                raise LandbridgeError(f"--method.{method}: not among the methods, which are {', '.join(self.methods)}")
            grid_of(method, given)


class Held(NamedTuple):
    """The examples to test on, with labels that are opened for the measurement.

    Attributes:
        x: features [n, D].
        y: row numbers of the classes [n].
        unseen: which examples are of unseen classes, bool [n].
    """

    x: Array
    y: Array
    unseen: Array


@dataclass(frozen=True)
class Problem:
    """A domain laid out and described, and the network that shall read it.

    Attributes:
        domain: laid out for zero-shot learning, its inputs ready for the network.
        split: its split.
        signatures: a row a class.
        backbone: the network.
        one_fold: whether settings are chosen on the split's own validation classes alone: published ones, or those
            that the network that is trained first is kept from.
        left_out: classes without a description.
    """

    domain: Domain
    split: ZeroShotSplit
    signatures: Signatures
    backbone: Backbone
    one_fold: bool
    left_out: tuple[str, ...]

    @property
    def folds(self) -> tuple[Array, ...]:
        """The classes on which settings are chosen, by turns."""
        given = self.split.validation_classes.numpy()
        return (given,) if self.one_fold else class_folds(self.split.seen.numpy())

    def labels(self) -> Array:
        """Open the seal: the classes of the examples to test on [n]."""
        found = labels_of(self.domain.unlabelled("test"))
        assert found is not None
        return found.numpy()


def run_zeroshot(folder: Path, asked: Asked, command: str, machine: Machine) -> ZeroShotTable:
    """Compute all cells that are not there, and write table and report.

    Args:
        folder: where the table stands.
        asked: what to compare.
        command: the command line that does it again.
        machine: on what.
    """
    problem = _problem(asked, machine)
    plan = _plan(problem, asked, command)
    keys = ("domain", "test_domain", "backbone", "fingerprint", "train_steps", "seen", "unseen", "validation",
            "described", "data", "shots", "pool")  # fmt: skip
    claim(folder / PLAN, plan, keys, "table of zero-shot learning")
    still = [cell for cell in cells_of(plan) if read_cell(folder / cell[2]) is None]
    # A run that was cut off after its last cell still lacks its model.
    if still or not (folder / "model").is_dir():
        backbone, known, held = _features(folder, problem, asked, machine)
        for method, seed, file in track(still, "methods", len(still), disable=machine.quiet):
            first = read_cell(folder / f"cells/{method}/{plan['seeds'][0]}.json")
            _compute(folder, problem, known, held, asked.options.get(method, {}), (method, seed), first, file)
        _keep_model(folder, problem, backbone, plan)
    return write_zeroshot_report(folder)


def _problem(asked: Asked, machine: Machine) -> Problem:
    """From names to a domain laid out, its signatures, and a network."""
    root = data_root(machine.data_root)
    domain = load_domain(asked.domain, root)
    target = load_domain(asked.test, root) if asked.test else None
    spec = asked.signatures or described_by(asked.domain)
    if spec is None:
        raise LandbridgeError(
            f"say with --signatures what is known of the classes of {domain.name}: a .csv of attributes, or "
            "words:FILE.txt for the vectors of their names"
        )
    table = load_signatures(spec, domain.classes, root, missing="drop" if asked.drop else "error")
    left_out = [name for name in domain.classes if name not in table.classes]
    unknown = [name for name in asked.unseen if name in left_out]
    if unknown:
        raise LandbridgeError(f"{table.source} lacks the unseen class '{unknown[0]}': add it, or name others")
    if left_out:
        domain, target = domain.only(table.classes), target.only(table.classes) if target else None
        table = table.of(domain.classes)
    laid, split = zero_shot(domain, root, unseen=asked.unseen, target=target)
    torch.manual_seed(seed_of(0, "networks"))
    backbone = make_backbone(_network(asked.backbone, laid), asked.weights)
    laid = laid.prepared(backbone.preprocessing.size, memory=IN_MEMORY, tolerance=asked.unreadable)
    entry = entry_of(asked.domain)
    published = entry is not None and entry.zero_shot is not None and not asked.unseen
    one_fold = published or asked.train_steps is not None
    return Problem(laid, split, table, backbone, one_fold, tuple(left_out))


def _network(asked: str | None, domain: Domain) -> str:
    """The name of the network: that asked for, else the domain's usual one; vectors are features already."""
    if asked in (None, "identity"):
        example = domain.splits["train"].x.read(torch.tensor([0]), (8, 8))
        return f"identity?inputs={example.shape[1]}" if example.dim() == 2 else domain.backbone
    return str(asked)


def _features(folder: Path, problem: Problem, asked: Asked, machine: Machine) -> tuple[Backbone, Known, Held]:
    """What may be learned from, and what is tested on; the network is trained first where that is asked for."""
    backbone, laid, split = problem.backbone, problem.domain, problem.split
    every = laid.labelled().y.numpy()
    some = np.arange(len(every)) if asked.shots is None else few(every, asked.shots, 0, laid.classes)
    y, kept = every[some], a_share(every[some])
    if asked.train_steps is not None:
        # What settings are chosen on must be new to the network too: validation classes, and what is kept aside.
        learned, training = np.zeros(len(every), bool), np.isin(every, split.train_classes.numpy())
        learned[some[~kept]] = True
        part = replace(laid, splits={"train": laid.splits["train"]}).only(
            [laid.classes[c] for c in split.train_classes]
        )
        shown = part.labelled().subset(torch.from_numpy(np.flatnonzero(learned[training])))
        backbone = trained_on(folder / "network", backbone, shown, asked.train_steps, machine)
    store = FeatureStore(quiet=machine.quiet)
    made = store.domains(backbone, laid, (OUTPUT,), asked.pool, device=device_of(machine.device))[OUTPUT]
    x = made.labelled().subset(torch.from_numpy(some)).read().numpy().astype(np.float64)
    rows = problem.signatures.values.double().numpy()
    known = Known(x, y, rows, split.seen.numpy(), split.unseen.numpy(), problem.folds, laid.classes, kept)
    tested, labels = made.unlabelled("test").read().numpy().astype(np.float64), problem.labels()
    return backbone, known, Held(tested, labels, np.isin(labels, known.unseen))


def _plan(problem: Problem, asked: Asked, command: str) -> dict[str, Any]:
    """All that the folder shall say about its numbers."""
    domain, split, table = problem.domain, problem.split, problem.signatures
    names, labels = np.array(domain.classes), problem.labels()
    tested = int(np.isin(labels, split.unseen.numpy()).sum())
    described = json.dumps([table.classes, table.names, table.values.tolist()])
    notes = [f"{domain.name}: {domain.note}"] if domain.note else []
    notes += [f"{asked.shots} training examples a class"] if asked.shots else []
    notes += [f"{len(domain.skipped)} unreadable images were skipped"] if domain.skipped else []
    if problem.left_out:
        every = len(problem.left_out) + len(names)
        notes.append(f"{len(problem.left_out)} of {every} classes left out, as {table.source} lacks them")
    return {
        "domain": asked.domain,
        "test_domain": asked.test or asked.domain,
        "backbone": problem.backbone.name,
        "weights": asked.weights or "none",
        "train_steps": asked.train_steps,
        "fingerprint": fingerprint(problem.backbone),
        "features": problem.backbone.width,
        "pool": asked.pool,
        "kind": table.kind,
        "source": table.source,
        "attributes": list(table.names),
        "described": hashlib.sha256(described.encode()).hexdigest()[:32],
        "seen": names[split.seen.numpy()].tolist(),
        "unseen": names[split.unseen.numpy()].tolist(),
        "validation": [names[fold].tolist() for fold in problem.folds],
        "split": split.source,
        "train": asked.shots * len(split.seen) if asked.shots else len(domain.splits["train"]),
        "test_seen": len(labels) - tested,
        "test_unseen": tested,
        "data": domain.digest(),
        "shots": asked.shots,
        "methods": list(asked.methods),
        "seeded": [method for method in asked.methods if is_seeded(method)],
        "options": {name: dict(given) for name, given in asked.options.items()},
        "seeds": list(range(asked.seeds)),
        "notes": notes,
        "command": command,
        "versions": versions(),
    }


def _compute(
    folder: Path,
    problem: Problem,
    known: Known,
    held: Held,
    given: Mapping[str, Any],
    cell: tuple[str, int],
    first: Mapping[str, Any] | None,
    file: str,
) -> None:
    """One cell: settings of the first seed, or chosen now; then calibration, learning, measuring."""
    name, seed = cell
    if first is None:
        chosen = choose(name, known, given, seed)
    else:
        chosen = Chosen(first["settings"], first["validation_accuracy"], first["tried"])
    outcome = learn(name, chosen.settings, known, seed)
    start = time.perf_counter()
    scores = outcome.method.decision_function(held.x, known.columns)
    seconds = outcome.seconds + time.perf_counter() - start
    if first is None:
        _look(folder, problem.domain, known, held, name, outcome.method)
        save(outcome.method, folder / f"methods/{name}")
    content = {
        "method": name,
        "seed": seed,
        "settings": chosen.settings,
        "validation_accuracy": chosen.accuracy,
        "tried": chosen.tried,
        "gamma": outcome.gamma,
        "seconds": round(seconds, 3),
        **measured(scores, known, held, outcome.gamma),
    }
    # In one line: a cell holds hundreds of small numbers.
    write_text(folder / file, json.dumps(content, allow_nan=False) + "\n")


def measured(scores: Array, known: Known, held: Held, gamma: float) -> dict[str, Any]:
    """The measures of one method, from its scores of all classes.

    Args:
        scores: of the held examples, for the classes `known.columns` [n, C].
        known: which classes are seen.
        held: the examples, labels opened.
        gamma: the calibration.
    """
    columns, seen = known.columns, np.isin(known.columns, known.seen)
    labels = np.searchsorted(columns, held.y)
    alone, truth = scores[held.unseen][:, ~seen], held.y[held.unseen]
    called = known.unseen[alone.argmax(1)]
    metrics = {
        "T1": class_averaged(called == truth, truth),
        "hit": class_averaged(hits(alone, truth, known.unseen, HITS), truth),
    }
    for suffix, lowered in (("", gamma), ("0", 0.0)):
        right = calibrated(scores, seen, lowered).argmax(1) == labels
        s, u = (class_averaged(right[side], held.y[side]) for side in (~held.unseen, held.unseen))
        metrics |= {f"S{suffix}": s, f"U{suffix}": u, f"H{suffix}": harmonic_mean(s, u)}
    curve = seen_unseen_curve(scores, labels, seen)
    thin = dict(zip(("seen", "unseen"), curve.thinned(CURVE)))
    place = {int(c): number for number, c in enumerate(known.unseen)}
    pairs, counts = np.unique(np.stack([truth, called], 1), axis=0, return_counts=True)
    return {
        "metrics": metrics | {"AUSUC": curve.area},
        "standard_error": standard_error(called == truth, truth),
        "curve": thin,
        "by_class": {known.names[c]: share for c, share in by_class(called == truth, truth).items()},
        "confused": [[place[int(t)], place[int(c)], int(n)] for (t, c), n in zip(pairs, counts)],
    }


def _keep_model(folder: Path, problem: Problem, backbone: Backbone, plan: Mapping[str, Any]) -> None:
    """Keep the method that was best on validation classes as a model that calls raw images, its first seed."""
    cells = {name: read_cell(folder / f"cells/{name}/{plan['seeds'][0]}.json") for name in plan["methods"]}
    done = {name: cell for name, cell in cells.items() if cell is not None}
    best = max(done, key=lambda name: done[name]["validation_accuracy"] or 0.0)
    method = load(folder / f"methods/{best}")
    ZeroShotModel(backbone, plan["pool"], method, problem.domain.classes, done[best]["gamma"]).save(folder / "model")


def _look(folder: Path, domain: Domain, known: Known, held: Held, name: str, method: ZeroShotClassifier) -> None:
    """Keep what the report shows of a method: the reasons of some decisions, and images among names."""
    rng = np.random.default_rng(0)
    of_unseen = np.flatnonzero(held.unseen)
    if explains(method) and len(known.unseen) > 1:
        some = rng.permutation(of_unseen)[:LOOKED]
        x, truth = held.x[some], np.searchsorted(known.unseen, held.y[some])
        ranked = np.argsort(-method.decision_function(x, known.unseen), axis=1, kind="stable")
        called = ranked[:, 0]
        # Told from the right class where it is wrong, else from the next best.
        other = np.where(called == truth, ranked[:, 1], truth)
        predicted = method.attributes(x)
        added = reasons(method, predicted, known.unseen[called], known.unseen[other])
        taken = {"label": truth, "called": called, "other": other, "predicted": predicted, "added": added}
        taken |= {"rows": method.table_[known.unseen], "images": _pictures(domain.unlabelled("test"), some)}
        snapshot.save(taken, folder / "looks" / f"reasons-{name}.npz")
    if hasattr(method, "embed"):
        order = np.concatenate([known.seen, known.unseen])
        others = rng.permutation(np.flatnonzero(~held.unseen))[: PLACED // 3]
        some = np.concatenate([rng.permutation(of_unseen)[:PLACED], others])
        names = method.embed_classes(order) if hasattr(method, "embed_classes") else known.signatures[order]
        place = np.argsort(order)[np.searchsorted(np.sort(order), held.y[some])]
        taken = {"points": unit_rows(method.embed(held.x[some])), "names": unit_rows(names), "label": place}
        snapshot.save(taken, folder / "looks" / f"space-{name}.npz")


def _pictures(view: View, positions: Array) -> NDArray[np.uint8]:
    """Images [k, H, W, 3] for a page; none where the domain holds no images."""
    return snapshot.pictures(view.read(torch.from_numpy(positions)))
