"""The report of a search for settings: the score over trials, the score over each setting, and the best of them."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation.table import LOWER
from landbridge.evaluation.trials import OUTCOMES, PLAIN, Trial, TrialsTable, read_trials, scored, shown, spaced
from landbridge.reports.drawing import canvas, ink, responsive, svg
from landbridge.reports.pages import write_page
from landbridge.reports.plots import HALF, NARROW, WIDE


def write_trials_report(folder: Path) -> TrialsTable:
    """Write `table.json`, `table.md`, `trials.csv` and `report.html` into the folder of a search.

    Raises:
        MissingDataError: there is no search, or no trial is done.
        BadDataError: a file cannot be read.
    """
    table = read_trials(folder)
    write_json(folder / "table.json", table.to_json())
    write_text(folder / "table.md", table.to_markdown())
    write_text(folder / "trials.csv", table.to_csv())
    write_page(
        folder,
        "trials.html.j2",
        {"shown": shown, "scored": scored, "spaced": spaced, "dash": _dash, "role": lambda row: role_of(row, table)},
        table=table,
        plan=table.plan,
        lead=_lead(table),
        tiles=_tiles(table),
        over_trials=over_trials(table),
        over_settings={name: over_setting(table, name) for name in table.plan["space"]},
        facts=_facts(table),
    )
    return table


def _dash(cell: str) -> str:
    """An empty cell as the page shows it."""
    return "–" if cell in ("", "-") else cell


def role_of(row: Trial, table: TrialsTable) -> str:
    """The colour of a trial: of what is chosen, of what might have been, of what never is."""
    if row is table.best:
        return "after"
    return "before" if row.outcome in ("finished", "worse") else "wrong"


def over_trials(table: TrialsTable) -> Markup:
    """The score of each trial in the order in which they ran, and the best so far."""
    trials = sorted(table.trials, key=lambda trial: trial.number)

    def draw(narrow: bool) -> Figure:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 260 if narrow else 300)
        scores = [trial.score for trial in trials if trial.outcome == "finished" and trial.score is not None]
        if scores:
            where = [trial.number for trial in trials if trial.outcome == "finished"]
            reached = [max(scores[: end + 1]) for end in range(len(scores))]
            ends = [*where, table.plan["trials"] - 0.4], [*reached, reached[-1]]
            axes.plot(*ends, color=ink("after"), lw=1.4, alpha=0.6, drawstyle="steps-post")
        _dots(axes, table, trials, [trial.number for trial in trials])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="trial", xlim=(-0.6, table.plan["trials"] - 0.4))
        return figure

    return responsive(draw, "over-trials", f"{table.plan['validator']} of each trial: {_told(table)}")


def over_setting(table: TrialsTable, name: str) -> Markup:
    """The score over one searched setting."""
    trials = [trial for trial in table.trials if trial.values[name] is not None]
    figure, (axes,) = canvas(HALF, 250)
    if table.plan["space"][name]["log"]:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    _dots(axes, table, trials, [trial.values[name] for trial in trials])
    axes.set_xlabel(spaced(name))
    return svg(figure, f"over-{name}", f"{table.plan['validator']} over {spaced(name)}: {_told(table)}")


def _dots(axes: Axes, table: TrialsTable, trials: Sequence[Trial], places: Sequence[float]) -> None:
    """A dot a trial; a ring for one that is never chosen, a cross at the foot for one without a score."""
    for trial, x in zip(trials, places):
        colour = ink(role_of(trial, table))
        if trial.score is None:
            axes.plot([x], [0.03], marker="x", color=colour, ms=7, mew=1.6, transform=axes.get_xaxis_transform())
        else:
            face = colour if trial.outcome == "finished" else "none"
            axes.plot([x], [trial.score], marker="o", mec=colour, mfc=face, ms=9 if trial is table.best else 6)
    if table.plain and table.plain.score is not None:
        axes.axhline(table.plain.score, color=ink("muted"), lw=1, ls=(0, (4, 3)))
        at = (0.99, table.plain.score)
        axes.annotate(
            LOWER, at, (0, 3), axes.get_yaxis_transform(), "offset points", ha="right", color=ink("muted"), fontsize=12
        )
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylabel(table.plan["validator"])
    axes.margins(y=0.12)
    axes.grid(axis="y", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)


def _told(table: TrialsTable) -> str:
    if table.best is None:
        return "none may be chosen"
    return f"the best is {_settings(table, table.best)}, {scored(table.best.score)}"


def _settings(table: TrialsTable, row: Trial) -> str:
    return ", ".join(f"{spaced(name)} {shown(value)}" for name, value in row.values.items()) or LOWER


def _lead(table: TrialsTable) -> str:
    """What came out, in a sentence."""
    best, default, count = table.best, table.default, len(table.trials)
    if best is None:
        return f"None of the {count} trials can be used."
    if best.number == PLAIN:
        return f"None of the {count} trials is judged better than {LOWER}: nothing is adapted."
    if best is default:
        return f"None of the {count} trials is judged better than the settings to begin with."
    lead = f"Of {count} trials, {_settings(table, best)} is judged best"
    if default is None or default.score is None:
        return f"{lead}."
    validator = table.plan["validator"]
    return f"{lead}: {validator} {best.score:.3f}, where the settings to begin with have {default.score:.3f}."


def _tiles(table: TrialsTable) -> list[tuple[str, str, str]]:
    """The numbers that matter: (what, number, remark)."""
    tiles, shown_rows = [], {"to begin with": table.default, "chosen": table.best}
    if table.best is table.default:
        del shown_rows["to begin with"]
    for what, row in shown_rows.items():
        if row is None:
            continue
        score = row.outcome if row.score is None else f"{row.score:.3f}"
        tiles.append((f"{table.plan['validator']}, {what}", score, _settings(table, row)))
        if row.number in table.measured:
            known = table.accuracy(row)
            number, remark = ("unknown", "no labels") if known is None else (f"{percent(known)} %", "had no say")
            tiles.append((f"{table.metric}, {what}", number, remark))
    return tiles


def _facts(table: TrialsTable) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    plan, settings = table.plan, table.plan["settings"]
    searched = "; ".join(
        f"{spaced(name)} {shown(span['low'])} to {shown(span['high'])}" + (", logarithmic" if span["log"] else "")
        for name, span in plan["space"].items()
    )
    counts = "; ".join(f"{table.counts[outcome]} {told}" for outcome, told in OUTCOMES.items() if told)
    return [
        ("method", plan["method"], ""),
        ("searched", searched, "the first trial has the settings to begin with, TPE suggests the others"),
        ("judge", plan["validator"], "higher is better; it sees unlabelled target examples, and no label of them"),
        ("trials", str(len(table.trials)), counts),
        ("suggested at once", str(plan["jobs"]), "not knowing of each other's scores"),
        ("protocol", settings["protocol"], f"weights of each trial: {settings['select']}"),
        ("seed", str(settings["seed"]), "of the search and of every trial: small differences may be chance"),
        (
            "each trial",
            f"{settings['steps']:,} steps of {settings['batch_size']}",
            f"augmentation {settings['augment']}",
        ),
    ]
