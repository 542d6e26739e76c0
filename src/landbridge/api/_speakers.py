"""Leaving groups out: train on all speakers but one, adapt to that one with a few labels, a part of the layers each."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from landbridge.api._grid import Task, check_methods, claim, command, train_all
from landbridge.api._recipe import Machine, counted, ready_domain
from landbridge.api._tuning import Tuning
from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.core.files import write_json
from landbridge.core.registry import nearest
from landbridge.data.domain import Domain
from landbridge.data.groups import only_group, without_group
from landbridge.data.keys import split_keys
from landbridge.data.registry import load_domain
from landbridge.evaluation.inference import predict
from landbridge.evaluation.metrics import Scores, score
from landbridge.evaluation.speakers import PLAN, LeaveOutTable, cells_of
from landbridge.evaluation.study import read_cell
from landbridge.finetuning import METHODS
from landbridge.nn.backbones import Backbone
from landbridge.nn.models import Classifier
from landbridge.probing.folder import folder_of
from landbridge.reports.speakers import write_leave_out_report
from landbridge.runs import versions

USUAL = "full,small-rate,first-2,last-2,frozen"
"""The parts that are tuned where nothing else is asked for."""

_PART = re.compile(r"(first|last)-([0-9]+)")


def parts_in(text: str, draws: int) -> dict[str, int]:
    """How many draws each way of adapting has, in the order of the columns.

    Args:
        text: names with commas: ways of fine-tuning, of which `frozen` tunes the head alone; or `first-N` and `last-N`,
            which tune the N layer groups next to the input or next to the head, and the head. `NAME:N` has N draws.
        draws: how many the others have.

    Raises:
        UnknownNameError: no such way; the message suggests the nearest.
        LandbridgeError: no draws, or no names.

    >>> parts_in("full,first-2:3", 5)
    {'full': 5, 'first-2': 3}
    """
    found = counted(text, draws, "--method", "--episodes")
    for name in found:
        if name not in METHODS and not _PART.fullmatch(name):
            hint = nearest(name, METHODS) or f"; known: {', '.join(METHODS)}, first-N, last-N"
            raise UnknownNameError(f"unknown method '{name}'{hint}")
    if not found:
        raise LandbridgeError(f"--method names none; known: {', '.join(METHODS)}, first-N, last-N")
    return found


def run_leave_out(
    folder: Path,
    first: Tuning,
    left_out: str,
    methods: Mapping[str, int],
    options: Mapping[str, Mapping[str, Any]],
    machine: Machine,
    jobs: int = 1,
) -> LeaveOutTable:
    """Leave a group out, or each in turn: train on the others, measure, adapt with a few labels, measure again.

    The network is trained once a group, from `first.weights`, for `first.source_steps` steps. Adapting goes on from it
    and its head. Draw e shows the labels of `first.shots` examples a class of the group; all that is tested is the rest
    of the group, before and after.

    Args:
        folder: where the table stands.
        first: the settings that all cells share; its target is the whole domain, its seed that of the first draw.
        left_out: `KIND=NAME`, or `KIND` for each in turn, where KIND is what the domain calls its groups, or `group`.
        methods: how many draws by way of adapting, see `parts_in`.
        options: of fine-tuning, by way of adapting.
        machine: on what.
        jobs: cells computed side by side.

    Returns:
        The table; `table.json`, `table.md` and `report.html` stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.
    """
    if first.shots is None:
        raise LandbridgeError("--leave-out adapts with a few labels: say with --shots how many a class")
    domain = load_domain(first.target, machine.data_root)
    names = _chosen(domain, left_out)
    backbone = first.network(domain.backbone)
    ways = {method: _options(method, backbone) | dict(options.get(method, {})) for method in methods}
    for name in options:
        if name not in methods:
            raise LandbridgeError(f"options are given for '{name}', which is not asked for: {', '.join(methods)}")
    for name in names:
        without_group(domain, name)
        only_group(domain, name).draw(first.shots, first.seed)
    settings = {name: value for name, value in asdict(first).items() if name not in ("method", "options", "shots")}
    plan: dict[str, Any] = {
        "target": first.target,
        "kind": domain.group_kind,
        "groups": {name: folder_of(name) for name in names},
        "backbone": backbone.name,
        "layers": list(backbone.groups),
        "metric": domain.headline,
        "shots": first.shots,
        "methods": dict(methods),
        "options": ways,
        "settings": settings,
        "notes": [domain.note] if domain.note else [],
        "command": command(first, methods, options, leave_out=left_out),
        "versions": versions(),
    }
    apart = {name: _without(first, name) for name in names}
    starts = {name: folder / "source" / plan["groups"][name] for name in names}
    sources = [Task(apart[name].of_source, starts[name], None, f"without {name}") for name in names]
    tasks = [
        Task(
            _adapting(apart[name], method, seed, ways[method]), folder / cell, starts[name], f"{name}, {method} {seed}"
        )
        for name, method, seed, cell in cells_of(plan)
    ]
    check_methods(tasks, machine)
    claim(folder / PLAN, plan, ("target", "kind", "backbone", "shots", "settings"), "table of groups left out")
    train_all(sources, machine, jobs)
    for name in names:
        seeds = range(first.seed, first.seed + max(methods.values()))
        _measure_before(folder / "before" / f"{plan['groups'][name]}.json", starts[name], apart[name], seeds, machine)
    train_all(tasks, machine, jobs)
    return write_leave_out_report(folder)


def _without(first: Tuning, name: str) -> Tuning:
    """The settings of a group: its source is all others, its target the group."""
    return replace(first, source=keyed(first.target, "without-group", name), target=keyed(first.target, "group", name))


def _adapting(of_group: Tuning, method: str, seed: int, options: Mapping[str, Any]) -> Tuning:
    """The settings of a cell, which goes on from the trained head, unless all begins anew."""
    head = "new" if method == "scratch" else "kept"
    return replace(of_group, method=method if method in METHODS else "full", seed=seed, head=head, options=options)


def keyed(domain: str, key: str, value: str) -> str:
    """A domain's name with one more key.

    >>> keyed("fsdd", "group", "theo"), keyed("fsdd?classes=1,2", "group", "de la O, Ana")
    ('fsdd?group=theo', 'fsdd?classes=1,2&group="de la O, Ana"')
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([value])
    return f"{domain}{'&' if split_keys(domain)[1] else '?'}{key}={line.getvalue()}"


def _chosen(domain: Domain, left_out: str) -> list[str]:
    """The groups to leave out."""
    kind, equals, name = map(str.strip, left_out.partition("="))
    if not domain.groups:
        raise BadDataError(f"--leave-out {left_out}: the examples of {domain.name} belong to no groups with names")
    if kind not in (domain.group_kind, "group"):
        raise LandbridgeError(
            f"--leave-out {left_out}: a group of {domain.name} is a {domain.group_kind}, so say "
            f"{domain.group_kind}={name or domain.groups[0]}, or {domain.group_kind} for each in turn"
        )
    if equals:
        only_group(domain, name)
    return [name] if equals else list(domain.groups)


def _options(method: str, backbone: Backbone) -> dict[str, Any]:
    """Which layer groups a way of adapting freezes, where its name says it: all but the first or the last N."""
    found = _PART.fullmatch(method)
    if found is None:
        return {}
    end, count, groups = found[1], int(found[2]), list(backbone.groups)
    if not 1 <= count <= len(groups):
        raise LandbridgeError(
            f"'{method}': '{backbone.name}' has {len(groups)} layer groups, so say {end}-1 to {end}-{len(groups)}: "
            f"{', '.join(groups)}"
        )
    rest = len(groups) - count
    return {"freeze": f"last:{rest}" if end == "first" else f"first:{rest}"}


def _measure_before(path: Path, start: Path, settings: Tuning, seeds: range, machine: Machine) -> None:
    """The network as it is, on all examples of the group, and on those that each draw holds back."""
    known = read_cell(path)
    if known is not None and {str(seed) for seed in seeds} <= set(known["held"]):
        return
    model = Classifier.load(start, settings.backbone)
    group = ready_domain(settings.target, machine.data_root, model.preprocessing.size, False, settings.unreadable)
    everything = group.with_classes(model.classes).unlabelled()
    called = predict(model, everything)

    def headline(scores: Scores) -> float | None:
        return scores.mean_class_accuracy if group.headline == "mean_class_accuracy" else scores.accuracy

    held = {seed: group.draw(settings.shots, seed)[1] for seed in seeds}
    write_json(
        path,
        {
            "everything": headline(score(called, everything)),
            "held": {str(seed): headline(score(called[view.index], view)) for seed, view in held.items()},
        },
    )
