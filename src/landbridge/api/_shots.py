"""The study over shots: classifiers on frozen features and fine-tuned networks, on the very same draws."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from rich.progress import track

from landbridge.api._grid import Task, check_methods, claim, command, train_all
from landbridge.api._indexing import device_of
from landbridge.api._recipe import Machine, counted
from landbridge.api._tuning import Tuning, tune_cell
from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.core.files import write_json
from landbridge.core.registry import nearest
from landbridge.data.domain import Domain, View
from landbridge.data.episodes import with_ways
from landbridge.data.registry import load_domain
from landbridge.evaluation.metrics import score
from landbridge.evaluation.shots import PLAN, ShotsTable, cells_of
from landbridge.evaluation.study import read_cell
from landbridge.finetuning import METHODS
from landbridge.nn.backbones import Backbone
from landbridge.nn.taps import OUTPUT
from landbridge.probing import CLASSIFIERS
from landbridge.probing.protocol import Outcome, fit_and_score
from landbridge.reports.shots import write_shots_report
from landbridge.runs import versions
from landbridge.training.features import FeatureStore


def methods_in(text: str, episodes: int) -> dict[str, int]:
    """How many episodes each method has, in the order of the rows.

    Args:
        text: names with commas: classifiers on frozen features, and ways of fine-tuning; `NAME:N` has N episodes.
        episodes: how many the others have.

    Raises:
        UnknownNameError: no such method; the message suggests the nearest.
        LandbridgeError: no episodes, or no methods.

    >>> methods_in("svm,full:2", 5)
    {'svm': 5, 'full': 2}
    """
    found, known = counted(text, episodes, "--method", "--episodes"), [*CLASSIFIERS, *METHODS]
    for name in found:
        if name not in known:
            hint = nearest(name, known) or f"; known: {', '.join(known)}"
            raise UnknownNameError(f"unknown method '{name}'{hint}")
    if not found:
        raise LandbridgeError(f"--method names none; known: {', '.join(known)}")
    return found


def run_shots(
    folder: Path,
    first: Tuning,
    methods: Mapping[str, int],
    shots: Sequence[int],
    options: Mapping[str, Mapping[str, Any]],
    machine: Machine,
    jobs: int = 1,
) -> ShotsTable:
    """Compute all cells that are not there, and write table and report.

    Episode e is the draw by seed e: the classes, where `first.ways` says how many, and the labels shown. All methods
    learn from the same ones and are tested on the same others.

    Args:
        folder: where the study stands.
        first: the settings that all cells share; its seed is that of the first episode. With a source, one network is
            trained there, for all cells.
        methods: how many episodes, by name: of `landbridge.probing.CLASSIFIERS`, which read the backbone's frozen
            output, or of `landbridge.finetuning.METHODS`, which train it. What a classifier leaves open is chosen by
            cross-validation on the labels shown of the first episode; with one example a class, it has its usual value.
        shots: labelled examples a class.
        options: by method: arguments of classifiers, and options of fine-tuning.
        machine: on what.
        jobs: cells computed side by side.

    Returns:
        The table; `table.json`, `table.md` and `report.html` stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.
    """
    shots = sorted(set(shots))
    domain = load_domain(first.target, machine.data_root)
    usual = domain if first.source is None else load_domain(first.source, machine.data_root)
    _check(domain, first, methods, shots, options)
    settings = {name: value for name, value in asdict(first).items() if name not in ("method", "shots", "options")}
    plan: dict[str, Any] = {
        "source": first.source,
        "target": first.target,
        "backbone": first.backbone or usual.backbone,
        "metric": domain.headline,
        "classes": len(domain.classes),
        "shots": shots,
        "methods": dict(methods),
        "on_features": [name for name in methods if name in CLASSIFIERS],
        "settings": settings,
        "options": {name: dict(given) for name, given in options.items()},
        "notes": [domain.note] if domain.note else [],
        "command": command(first, methods, options, shots=",".join(map(str, shots))),
        "versions": versions(),
    }
    tasks = [
        Task(
            replace(first, method=method, shots=k, seed=seed, options=dict(options.get(method, {}))),
            (folder / file).parent,
            folder / "source" if first.source else None,
            f"{method}, {k} a class, episode {seed}",
        )
        for method, k, seed, file in cells_of(plan)
        if method not in plan["on_features"]
    ]
    check_methods(tasks, machine)
    claim(folder / PLAN, plan, ("source", "target", "backbone", "settings"), "study over shots")
    if first.source is not None:
        tune_cell(first.of_source, folder / "source", machine, title=f"source {first.source}")
    if plan["on_features"]:
        where = str(folder / "source") if first.source else None
        _classify(folder, plan, _features(first.network(usual.backbone, where), domain, first, machine), machine, jobs)
    train_all(tasks, machine, jobs)
    return write_shots_report(folder)


def _check(
    domain: Domain, first: Tuning, methods: Mapping[str, int], shots: Sequence[int], options: Mapping[str, Any]
) -> None:
    """Refuse at once what would fail in the middle."""
    on_features = next((name for name in methods if name in CLASSIFIERS), None)
    if on_features and first.weights is None and first.source is None:
        raise LandbridgeError(
            f"no features for '{on_features}' to read: say with --weights where the network starts from (hub, a file, "
            "a run, or none for random numbers), or name a --source to train it on"
        )
    if domain.multi_label:
        raise BadDataError(
            f"an example of {domain.name} may have several labels: no so many examples a class are drawn"
        )
    for name, given in options.items():
        if name not in methods:
            raise LandbridgeError(f"options are given for '{name}', which is not asked for: {', '.join(methods)}")
        if name in CLASSIFIERS:
            known = list(inspect.signature(CLASSIFIERS.resolve(name)).parameters)
            for option in given:
                if option not in known:
                    has = nearest(option, known) or f"; it has: {', '.join(known)}"
                    raise LandbridgeError(f"classifier '{name}' has no option '{option}'{has}")
    # The classes of an episode are its own where some are drawn; else all episodes have equally many examples.
    for seed in range(first.seed, first.seed + max(methods.values()) if first.ways else first.seed + 1):
        part = with_ways(domain, first.ways, seed)
        for k in shots:
            part.draw(k, seed)


def _features(backbone: Backbone, domain: Domain, first: Tuning, machine: Machine) -> Domain:
    """The domain as what the frozen backbone puts out."""
    store, device = FeatureStore(quiet=machine.quiet), device_of(machine.device)
    return store.domains(backbone, domain, device=device, tolerance=first.unreadable)[OUTPUT]


def _classify(folder: Path, plan: Mapping[str, Any], features: Domain, machine: Machine, jobs: int) -> None:
    """The open cells of classifiers; those of the first episode before the others, which take their settings."""
    first, ways = plan["settings"]["seed"], plan["settings"]["ways"]
    cells = [cell for cell in cells_of(plan) if cell[0] in plan["on_features"]]
    for beginning in (True, False):
        part = [cell for cell in cells if (cell[2] == first) == beginning]
        still = [cell for cell in part if not (folder / cell[3]).is_file()]

        def tasks(cells: Sequence[tuple[str, int, int, str]] = still) -> Iterator[Any]:
            for method, k, seed, file in cells:
                shown, held = with_ways(features, ways, seed).draw(k, seed)
                x, every = shown.read().numpy(), np.concatenate([shown.read().numpy(), held.read().numpy()])
                earlier = read_cell((folder / file).parent / f"{first}.json")
                chosen = earlier["settings"] if earlier else plan["options"].get(method, {})
                yield joblib.delayed(fit_and_score)(method, x, shown.y.numpy(), every, len(shown.classes), chosen)

        done = joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks())
        what = "classifiers, first episode" if beginning else "classifiers, other episodes"
        for (_, k, seed, file), outcome in track(
            zip(still, done), what, len(still), disable=machine.quiet or not still
        ):
            shown, held = with_ways(features, ways, seed).draw(k, seed)
            write_json(folder / file, _measured(outcome, shown, held))


def _measured(outcome: Outcome, shown: View, held: View) -> dict[str, Any]:
    """Open the seal: the numbers of a classifier, under the names that those of a trained network have."""
    on_train, on_test = score(outcome.scores[: len(shown)], shown), score(outcome.scores[len(shown) :], held)
    return {
        "metrics": on_train.as_metrics("target_train") | on_test.as_metrics("target"),
        "settings": outcome.settings,
        "train_seconds": round(outcome.seconds, 4),
    }
