"""The report of curves over copied layers: what was asked of the rule of thumb, the picture, the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landbridge.core.errors import MissingDataError
from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation.study import Estimate
from landbridge.evaluation.table import METRICS
from landbridge.finetuning.copying import Copying
from landbridge.finetuning.depth import PLAN, DepthTable, clear, deviation, read_depths, spread
from landbridge.reports.depth_plots import ROLES, curves
from landbridge.reports.pages import write_page
from landbridge.reports.probing import short_name
from landbridge.reports.verdicts import Verdict

RULE = {"images": "first", "recordings": "last"}
"""The rule of thumb: the end that is worth copying, by what goes in."""


def write_depth_report(folder: Path) -> DepthTable:
    """Write `table.json`, `table.md` and `report.html` into a folder of cells, from those that are finished.

    Args:
        folder: holds `depth.json`, `cells/` and, where there is a source, `source/`.

    Returns:
        The table.

    Raises:
        MissingDataError: there are no curves, or none of the cells is finished.
        BadDataError: the plan cannot be read.
    """
    table = read_depths(folder)
    write_json(table.folder / "table.json", table.to_json())
    write_text(table.folder / "table.md", table.to_markdown())
    _page(table.folder, [table], f"which layers transfer · {short_name(table.plan['backbone'])}")
    return table


def write_depths_report(folder: Path) -> Path:
    """Draw all curves that stand side by side in a folder in one picture, on one page.

    Args:
        folder: each of its sub-folders with a `depth.json` is shown, in the order of their names.

    Returns:
        The path of the page.

    Raises:
        MissingDataError: there are none.
    """
    found = folders_of_depths(folder)
    if not found:
        raise MissingDataError(f"no folder in {folder} holds curves over copied layers")
    return _page(Path(folder), [read_depths(each) for each in found], "which layers transfer")


def folders_of_depths(folder: Path) -> list[Path]:
    """The sub-folders that hold curves, by name."""
    return sorted(path.parent for path in Path(folder).glob(f"*/{PLAN}"))


@dataclass(frozen=True)
class Part:
    """What the page shows of one pair of domains."""

    table: DepthTable
    lead: list[Verdict]
    verdicts: list[Verdict]
    facts: list[tuple[str, str, str]]


def _page(folder: Path, tables: Sequence[DepthTable], title: str) -> Path:
    alone = len(tables) == 1
    parts = [Part(table, [] if alone else [gain(table)], verdicts(table), _facts(table)) for table in tables]
    lines = list(dict.fromkeys(line for table in tables for line in table.lines))
    return write_page(
        folder,
        "depth.html.j2",
        {"deviation": deviation},
        title=title,
        parts=parts,
        lead=gain(tables[0]).text if alone else "",
        tiles=_tiles(tables[0]) if alone else [],
        picture=curves(tables, "depth"),
        lines=lines,
        roles=ROLES,
        metrics=METRICS,
    )


def verdicts(table: DepthTable) -> list[Verdict]:
    """What the curves say about layers, a sentence each; what cannot be said is left out."""
    ends = table.plan["ends"]
    found = [rule(table), *(general(table, end) for end in ends), *(together(table, end) for end in ends)]
    return [verdict for verdict in found if verdict]


def gain(table: DepthTable) -> Verdict:
    """What the best way of copying bought over training from scratch."""
    best, figure = table.best()
    reached = f"{_way(best)} is the best: {spread(figure)} % {METRICS[table.metric]}"
    above = figure.minus(table.scratch) if table.scratch and best.copied else None
    if above is None:
        return Verdict("bad" if table.scratch and not best.copied else "unknown", f"{reached}.")
    tone = "good" if above.mean > 0 and clear(above) else "mixed"
    return Verdict(tone, f"{reached}, {_points(above)} above training from scratch.")


def rule(table: DepthTable) -> Verdict | None:
    """Whether the rule of thumb holds: copy the first layers for images, the last for speech."""
    known = {mode: table.first_minus_last(mode) for mode in table.plan["modes"]}
    found = {mode: difference for mode, difference in known.items() if difference}
    if not found:
        return None
    said = ", ".join(f"{_points(figure, signed=True)} {mode}" for mode, figure in found.items())
    text = f"The first layers minus the last, mean over n: {said}."
    expected = RULE.get(table.plan["inputs"])
    winners = {"first" if figure.mean > 0 else "last" for figure in found.values() if clear(figure)}
    if not winners:
        return Verdict("mixed", f"{text} No clear difference, so the rule of thumb is neither borne out nor refuted.")
    if expected is None:
        return Verdict("unknown", f"{text} Better to copy: the {' and the '.join(sorted(winners))}.")
    name = f"the rule of thumb for {table.plan['inputs']}, copy the {expected} layers,"
    if winners == {expected}:
        return Verdict("good", f"{text} Here {name} holds.")
    if expected in winners:
        return Verdict("mixed", f"{text} Here {name} holds in one mode and not in the other.")
    return Verdict("bad", f"{text} Here {name} does not hold.")


def general(table: DepthTable, end: str) -> Verdict | None:
    """How many groups serve the target as they are."""
    most, costs, total = table.general(end), table.frozen_minus_tuned(end), len(table.groups)
    if most is None:
        return None
    if most == max(costs):
        worst = min(costs.values(), key=lambda cost: cost.mean)
        price = "nothing" if worst.mean >= 0 else f"at most {_points(worst, negated=True)}"
        return Verdict("good", f"The {end} {most} of {total} groups are general: freezing them costs {price}.")
    count = min(n for n in costs if n > most)
    price = f"freezing the {end} {count} costs {_points(costs[count], negated=True)} against training them on"
    if most == 0:
        return Verdict("mixed", f"Of the {end} groups none is shown to be general: {price}.")
    return Verdict(
        "mixed",
        f"The {end} {most} of {total} groups are general, within a point as good frozen as trained on; {price}.",
    )


def together(table: DepthTable, end: str) -> Verdict | None:
    """Whether frozen accuracy has a valley, as where layers that learned to work together are split."""
    if "frozen" not in table.plan["modes"] or len(table.curve(end, "frozen")) < 3:
        return None
    valley = table.valley(end)
    if valley is None or not clear(valley.fall):
        return Verdict(
            "unknown",
            f"Over the {end} n, frozen accuracy has no clear valley: no sign of layers that work only together.",
        )
    return Verdict(
        "mixed",
        f"With the {end} {valley.copied} frozen, accuracy falls {_points(valley.fall)} below what fewer and more of "
        "them give: layers that learned to work together are split there.",
    )


def _way(copying: Copying) -> str:
    """A way of copying, in words."""
    if copying.copied == 0:
        return "Copying nothing"
    what = "all" if copying.copied == copying.total else f"the {copying.end} {copying.copied}"
    return f"Copying {what} of {copying.total} groups, {copying.mode},"


def _points(difference: Estimate, *, signed: bool = False, negated: bool = False) -> str:
    """A difference in points, with its interval."""
    if negated:
        difference = Estimate.of({seed: -value for seed, value in difference.values.items()})
    mean = 100 * difference.mean
    said = f"{mean:+.1f}" if signed else f"{mean:.1f}"
    if difference.interval is None:
        return f"{said} points (one seed)"
    low, high = (100 * end for end in difference.interval)
    return f"{said} points ({low:.1f} to {high:.1f})"


def _tiles(table: DepthTable) -> list[tuple[str, str, str]]:
    """The few numbers that matter: (what, number, remark)."""
    best, figure = table.best()
    tiles = [("nothing copied", f"{percent(table.scratch.mean)} %", "from scratch")] if table.scratch else []
    tiles.append((_way(best).rstrip(","), f"{percent(figure.mean)} %", METRICS[table.metric]))
    for mode in table.plan["modes"]:
        difference = table.first_minus_last(mode)
        if difference:
            tiles.append((f"first minus last, {mode}", f"{100 * difference.mean:+.1f}", "points, mean over n"))
    return tiles


def _facts(table: DepthTable) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    plan, settings = table.plan, table.plan["settings"]
    labels = "all labels" if settings["shots"] is None else f"{settings['shots']} labels a class, drawn by seed"
    reached = "" if table.source is None else f"the source network reaches {spread(table.source)} % there"
    seeds = "each draws weights, labelled examples and batches; intervals are 95 %, by Student's t"
    return [
        ("network", plan["backbone"], f"{len(table.groups)} layer groups: {', '.join(table.groups)}"),
        ("source", plan["source"] or f"weights {settings['weights']}", reached),
        ("target", plan["target"], f"{labels}; measured once on its test part"),
        ("copied", "n layer groups of an end", "all others, and the head, begin at random"),
        ("weights chosen", "last", f"those of step {settings['steps']:,}: nothing was chosen"),
        ("seeds", ", ".join(map(str, plan["seeds"])), seeds if len(plan["seeds"]) > 1 else ""),
        *(("note", note, "") for note in table.notes),
    ]
