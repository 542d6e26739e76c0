"""The report of groups left out: each speaker before and after a few labels, and which layers it takes."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation.speakers import LeaveOutTable, read_leave_out
from landbridge.evaluation.study import Estimate
from landbridge.reports.drawing import canvas, ink, responsive
from landbridge.reports.pages import write_page
from landbridge.reports.plots import NARROW, WIDE, short

Bar = tuple[str, Estimate, str]
"""A name, an error, and the role of its colour."""


def write_leave_out_report(folder: Path) -> LeaveOutTable:
    """Write `table.json`, `table.md` and `report.html` into a folder of cells, from those that are finished.

    Raises:
        MissingDataError: there is no table, or no group is measured yet.
        BadDataError: a file cannot be read.
    """
    table = read_leave_out(folder)
    write_json(table.folder / "table.json", table.to_json())
    write_text(table.folder / "table.md", table.to_markdown())
    write_page(
        table.folder,
        "speakers.html.j2",
        {"part": lambda method: part_of(table, method)},
        table=table,
        plan=table.plan,
        verdicts=_verdicts(table),
        tiles=_tiles(table),
        groups=groups(table) if table.methods else None,
        parts=parts(table) if table.methods else None,
        facts=_facts(table),
    )
    return table


def part_of(table: LeaveOutTable, method: str) -> str:
    """What a way of adapting tunes, in words."""
    layers, head = table.plan["layers"], "the head"
    end, _, count = method.partition("-")
    if method == "frozen":
        return "the head alone"
    if end in ("first", "last") and count.isdecimal():
        chosen = layers[: int(count)] if end == "first" else layers[len(layers) - int(count) :]
        return f"{', '.join(chosen)} and {head}"
    return {"full": "all layers", "small-rate": "all layers, at a tenth of the head's rate"}.get(method, "")


def groups(table: LeaveOutTable) -> Markup:
    """The error of each group before and after, by the way of adapting that is best over groups."""
    best = table.best
    bars: list[list[Bar]] = [
        [(row.group, _error(row.before), "before"), (f"{row.group}, adapted", _error(row.after[best]), "after")]
        for row in table.rows
        if best in row.after
    ]
    return _bars(bars, "groups", f"Errors of each {table.kind} before and after {best}")


def parts(table: LeaveOutTable) -> Markup:
    """The error over groups by the part that was tuned."""
    bars: list[Bar] = [("nothing", _error(table.before()), "before")]
    for method in table.methods:
        bars.append((method, _error(table.after(method)), "after" if method == table.best else "source"))
    return _bars([[bar] for bar in bars], "parts", f"Errors over {table.kind}s by the part that was tuned")


def _error(accuracy: Estimate) -> Estimate:
    return Estimate.of({seed: 1 - value for seed, value in accuracy.values.items()})


def _bars(rows: Sequence[Sequence[Bar]], name: str, what: str) -> Markup:
    """Bars in bundles, with the 95 % interval and each value."""
    every = [bar for row in rows for bar in row]
    top = 104 * min(1.0, max(max(error.values.values()) for _, error, _ in every) or 1.0)

    def draw(narrow: bool) -> Canvas:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, (50 if narrow else 32) * len(every) + 16 * len(rows) + 50)
        y, ticks = 0.0, []
        for row in rows:
            for label, error, role in row:
                y -= 1.0
                ticks.append((y, label))
                _bar(axes, y, label, error, role, top, narrow)
            y -= 0.4
        axes.set_yticks(
            [] if narrow else [at for at, _ in ticks], [] if narrow else [short(text, 24) for _, text in ticks]
        )
        axes.tick_params(axis="y", labelcolor=ink("ink"), pad=8)
        axes.set(xlim=(0, top), ylim=(y - 0.2, -0.4), xlabel="error (%)")
        axes.spines["left"].set_visible(False)
        return figure

    said = "; ".join(f"{label} {error.text} %" for label, error, _ in every)
    return responsive(draw, name, f"{what}: {said}")


def _bar(axes: Axes, y: float, label: str, error: Estimate, role: str, top: float, narrow: bool) -> None:
    bottom, height = (y - 0.42, 0.36) if narrow else (y - 0.34, 0.68)
    middle = bottom + height / 2
    axes.add_patch(Rectangle((0, bottom), 100 * error.mean, height, facecolor=ink(role), lw=0))
    if error.interval:
        ends = [100 * min(max(end, 0.0), 1.0) for end in error.interval]
        axes.plot(ends, [middle] * 2, color=ink("ink"), lw=1.6)
    values = [100 * value for value in error.values.values()]
    if len(values) > 1:
        axes.plot(values, [middle] * len(values), "o", ms=4.5, mfc=ink("paper"), mec=ink("ink"), mew=1, zorder=5)
    if narrow:
        axes.text(0, y + 0.18, label, color=ink("ink"), va="center", fontsize=12)
    place = {"x": top, "y": y + 0.18, "ha": "right"} if narrow else {"x": 1.015 * top, "y": y}
    axes.text(s=error.text, color=ink("ink"), va="center", weight="bold", fontsize=12, **place)


def _verdicts(table: LeaveOutTable) -> list[tuple[str, str]]:
    """A tone and a sentence for each way of adapting."""
    said = table.verdicts()[1:]
    tones = []
    for method in table.methods:
        halved = len(table.halved(method))
        tones.append("good" if halved == len(table.rows) else "mixed" if halved else "bad")
    return list(zip(tones, said))


def _tiles(table: LeaveOutTable) -> list[tuple[str, str, str]]:
    """The few numbers that matter: (what, number, remark)."""
    tiles = [("without adaptation", f"{percent(table.before().mean)} %", table.metric)]
    if table.methods:
        best = table.best
        after = table.after(best)
        tiles.append((f"adapted: {best}", f"{percent(after.mean)} %", f"{table.plan['shots']} labelled a class"))
        left = (1 - after.mean) / (1 - table.before().mean) if table.before().mean < 1 else 0.0
        tiles.append(("of the error is left", f"{percent(left, 0)} %", f"mean over {len(table.rows)} {table.kind}s"))
        tiles.append(("error at least halved", f"{len(table.halved(best))} of {len(table.rows)}", f"{table.kind}s"))
    return tiles


def _facts(table: LeaveOutTable) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    plan, settings = table.plan, table.plan["settings"]
    others = f"of the other {table.kind}s"
    return [
        ("domain", plan["target"], "; ".join(plan["notes"])),
        ("network", plan["backbone"], f"layer groups: {', '.join(plan['layers'])}"),
        (
            "training",
            f"{settings['source_steps'] or settings['steps']} steps of {settings['batch_size']}",
            f"on the labels {others}, rate {settings['rate']:g}, seed {settings['seed']}",
        ),
        (
            "adapting",
            f"{settings['steps']} steps of {settings['batch_size']}",
            f"on {plan['shots']} labelled examples a class, from the trained network and its head on; "
            f"augmentation {settings['augment']}",
        ),
        ("draws", f"by seeds from {settings['seed']} on", f"tested on all other examples of that {table.kind}"),
        ("weights kept", "those of the last step", "test labels had no say; they are opened once, to measure"),
    ]
