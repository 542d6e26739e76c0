"""The cells of a table of gaps: which knobs are turned, three networks a row, the page."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from landbridge.api._grid import claim
from landbridge.api._recipe import Machine, flags, method_flags
from landbridge.api._segmenting import BACKBONE, Segmenting, segment_cell
from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.keys import split_keys
from landbridge.data.registry import entry_of
from landbridge.data.streets.knobs import CHOICES, LOOKS, Knobs
from landbridge.evaluation.gaps import LOWER, PLAN, UPPER, GapTable, cell_of
from landbridge.reports.gap import write_gap_report
from landbridge.runs import versions

TURNED = {"weather": "fog", "light": "dusk", "location": "town", "sensor": "noise"}
"""What each knob is set to where nothing else is said."""

EVERYTHING = "all of it"


def run_gap(folder: Path, first: Segmenting, knobs: str | None, machine: Machine) -> GapTable:
    """Train what is not finished yet, and write table and report.

    Args:
        folder: where the table stands.
        first: the settings that all cells share; its method is the one that adapts.
        knobs: which are turned, with commas, each maybe with a value; None for those that the source has.
        machine: on what.

    Returns:
        The table.
    """
    if first.method in (LOWER, UPPER):
        raise LandbridgeError(f"--method {first.method} is an end of the gap: name a method that adapts, as advent")
    first.methods[first.method]
    rows = rows_of(first.source, first.target, knobs, first.size)
    shared = {name: value for name, value in asdict(first).items() if name not in ("method", "seed", "backbone")}
    plan: dict[str, Any] = {
        "source": first.source,
        "target": first.target,
        "method": first.method,
        "seed": first.seed,
        "backbone": first.backbone or BACKBONE,
        "settings": shared,
        "rows": rows,
        "command": _command(first, knobs),
        "versions": versions(),
    }
    keys = ("source", "target", "method", "seed", "backbone", "settings", "rows")
    _claim(folder, plan, keys)
    store = folder / "cells" / ".phases"
    cells = [(place, row, method) for place, row in enumerate(rows) for method in (LOWER, first.method, UPPER)]
    still = [cell for cell in cells if not (cell_of(folder, cell[0], cell[2]) / "metrics.json").is_file()]
    for number, (place, row, method) in enumerate(still, 1):
        options = first.options if method == first.method else {}
        select = first.select if method == first.method else "last"
        own = replace(first, method=method, source=row["source"], target=row["target"], options=options, select=select)
        title = f"[{number}/{len(still)}] {row['name']}, {method}"
        segment_cell(own, cell_of(folder, place, method), machine, store, title)
        write_gap_report(folder)
    return write_gap_report(folder)


def _claim(folder: Path, plan: dict[str, Any], keys: Sequence[str]) -> None:
    claim(folder / PLAN, plan, keys, "table of gaps")


def rows_of(source: str, target: str, knobs: str | None, size: str | None) -> list[dict[str, str]]:
    """The rows: one a knob of a simulated source, turned by itself, and last the pair as it is.

    Args:
        source: name of the source.
        target: name of the target; where it sets a knob itself, that is what the knob is turned to.
        knobs: which, with commas, as `weather,light=night`; None for all, or for none where the source has none.
        size: WIDTHxHEIGHT at which simulated streets are made.

    Raises:
        LandbridgeError: the source has no knobs, or sets one itself.
        UnknownNameError: no such knob.

    >>> for row in rows_of("streets/sim", "streets/real-ish?light=night", "light,sensor=blur", None):
    ...     print(row["name"], row["target"])
    light=night streets/sim?light=night
    sensor=blur streets/sim?sensor=blur
    all of it streets/real-ish?light=night
    """
    asked = _turned(source, target, knobs)
    source = _sized(source, size)
    turned = [
        {"name": f"{knob}={value}", "source": source, "target": with_key(source, knob, value)}
        for knob, value in asked.items()
    ]
    return [*turned, {"name": EVERYTHING, "source": source, "target": _sized(target, size)}]


def _turned(source: str, target: str, knobs: str | None) -> dict[str, str]:
    """The knobs to turn, and what each is set to."""
    plain, own = split_keys(source)
    simulated = _simulated(source)
    if knobs is not None and not simulated:
        raise LandbridgeError(
            f"--knobs {knobs}: only simulated streets have knobs, and {source} has none: leave it out"
        )
    there = split_keys(target)[1] if _simulated(target) else {}
    look = LOOKS.get(split_keys(target)[0].partition("/")[2], "") if _simulated(target) else ""
    usual = TURNED | ({"location": look} if look and look != LOOKS.get(plain.partition("/")[2]) else {})
    usual |= {knob: there[knob][0] for knob in CHOICES if knob in there}
    words = [knob for knob in usual if knob not in own] if knobs is None and simulated else (knobs or "").split(",")
    found = {}
    for word in filter(None, map(str.strip, words)):
        knob, equals, value = word.partition("=")
        if knob not in CHOICES:
            hint = nearest(knob, CHOICES) or f"; known: {', '.join(CHOICES)}"
            raise UnknownNameError(f"unknown knob '{knob}'{hint}")
        if knob in own:
            raise LandbridgeError(
                f"{source} sets {knob} itself, so it cannot be turned: leave it out of one of the two"
            )
        found[knob] = value if equals else usual[knob]
        Knobs(**{knob: found[knob]})  # which knows what each can be set to
    return found


def _simulated(name: str) -> bool:
    entry = entry_of(name)
    return entry is not None and entry.knobs


def _sized(name: str, size: str | None) -> str:
    """Simulated streets made at a size, which is much quicker than making them small afterwards."""
    if size is None or not _simulated(name) or "size" in split_keys(name)[1]:
        return name
    return with_key(name, "size", size)


def with_key(name: str, key: str, value: str) -> str:
    """The name of a domain with one key more.

    >>> with_key("streets/sim", "light", "dusk"), with_key("streets/sim?size=64x48", "light", "dusk")
    ('streets/sim?light=dusk', 'streets/sim?size=64x48&light=dusk')
    """
    return f"{name}{'&' if '?' in name else '?'}{key}={value}"


def _command(first: Segmenting, knobs: str | None) -> str:
    """The command line that does it again."""
    from landbridge.api.gap import SMALL

    said, usual = asdict(first), asdict(Segmenting("advent", first.source, first.target, **SMALL))
    for name in ("options", "baseline", "freeze", "label_sets", "study", "source", "target"):
        del said[name]
    words = ["landbridge", "gap", first.source, first.target, *(["--knobs", knobs] if knobs is not None else [])]
    return shlex.join([*words, *flags(said, usual), *method_flags(first.options)])
