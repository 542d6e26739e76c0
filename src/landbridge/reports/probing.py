"""The report of a table of layers: the tables, accuracy over depth and shots, what the best layer confuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation import snapshot
from landbridge.probing.folder import folder_of, read_tables
from landbridge.probing.published import NETWORK, PAPER
from landbridge.probing.table import METRICS, LayerTable, LayerTables, Row, place, said
from landbridge.reports import plots
from landbridge.reports import probing_plots as drawings
from landbridge.reports.drawing import hue_css
from landbridge.reports.pages import write_page
from landbridge.reports.plots import short

COLOURED = 8
"""Classes in colour on a plane of many."""


@dataclass(frozen=True)
class Part:
    """What the page shows of one domain."""

    table: LayerTable
    story: str
    depth: Markup | None
    confusion: Markup | None
    confusion_says: str
    plane: Markup | None
    plane_says: str
    hues: list[tuple[str, str]]


def write_probe_report(folder: Path) -> LayerTables:
    """Write `table.json`, `table.md` and `report.html` into a folder of cells, from those that are finished.

    Args:
        folder: holds `probe.json` and `cells/`, and may hold `best/`.

    Returns:
        The tables.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    found = read_tables(folder)
    write_json(found.folder / "table.json", found.to_json())
    write_text(found.folder / "table.md", found.to_markdown())
    lines = _lines(found.tables)
    write_page(
        found.folder,
        "probing.html.j2",
        {"labelled": _labelled, "said": said, "place": place},
        found=found,
        plan=found.plan,
        network=short_name(found.plan["backbone"]),
        parts=[_part(found.folder, table, number) for number, table in enumerate(found.tables)],
        tiles=_tiles(found.tables),
        lead=_lead(found.tables),
        shots=drawings.over_shots(lines, "shots") if lines else None,
        lines=[(label, role) for label, role, _, _ in lines],
        roles=drawings.ROLES,
        metrics=METRICS,
        paper=PAPER,
        their_network=NETWORK,
        facts=_facts(found),
    )
    return found


def short_name(backbone: str) -> str:
    """A backbone's name without the library and keys.

    >>> short_name("timm/mobilenetv2_100?pad_type=same")
    'mobilenetv2_100'
    """
    return backbone.partition("?")[0].rpartition("/")[2]


def _lines(tables: Sequence[LayerTable]) -> list[tuple[str, str, Row, str]]:
    """The curves over shots: the best row of each domain, or of each classifier where there is one domain."""
    several = [table for table in tables if len(table.shots) > 1]
    if len(several) == 1 and len(tables) == 1:
        (table,) = several
        best: dict[str, Row] = {}
        for row in table.rows:
            kind = "HOG" if row.handcrafted else row.classifier
            if kind not in best or table.headline(row) > table.headline(best[kind]):
                best[kind] = row
        roles = {"HOG": "before"} | drawings.ROLES
        return [(row.name, roles[kind], row, table.metric) for kind, row in best.items()]
    colours = (drawings.LINES[number % len(drawings.LINES)] for number in range(len(several)))
    return [(f"{t.domain}: {t.best.name}", role, t.best, t.metric) for t, role in zip(several, colours)]


def _labelled(shots: int | None) -> str:
    if shots is None:
        return "all labels of its training part"
    return f"{shots} labelled example{'s' * (shots > 1)} a class"


def _lead(tables: Sequence[LayerTable]) -> str:
    sentences = []
    for table in tables:
        best = table.best
        figure = best.figures[table.most][table.metric] if table.most in best.figures else None
        if figure is not None:
            where = "" if len(tables) == 1 else f" on {table.domain}"
            sentences.append(
                f"{best.name} is the best{where}: {figure.text} % {METRICS[table.metric]} from {_labelled(table.most)}."
            )
    return " ".join(sentences)


def _tiles(tables: Sequence[LayerTable]) -> list[tuple[str, str, str]]:
    """The few numbers that matter: (what, number, remark)."""
    if len(tables) > 1:
        return [
            (
                short(table.domain, 40),
                f"{percent(table.headline(table.best))} %",
                f"{table.best.name}, {said(table.most)}",
            )
            for table in tables
        ]
    (table,) = tables
    best = table.best
    tiles = [(f"best layer: {best.name}", f"{percent(table.headline(best))} %", f"{METRICS[table.metric]}")]
    other = next((row for row in table.rows if row.handcrafted and row is not best), None)
    if other is not None:
        bought = 100 * (table.headline(best) - table.headline(other))
        tiles.append((other.name, f"{percent(table.headline(other))} %", "hand-crafted features"))
        tiles.append(("what was learned adds", f"{bought:+.1f}", "points over hand-crafted"))
    if table.published:
        (kind, number), theirs = max(table.published.items(), key=lambda item: item[1].mean)
        name = {"svm": "SVM", "softmax": "Softmax"}[kind]
        tiles.append((f"published: {name} ({number})", f"{percent(theirs.mean)} %", NETWORK))
    return tiles


def _part(folder: Path, table: LayerTable, number: int) -> Part:
    best, counts = table.best, drawings.counts_of(table)
    learned = {row.layer for row in table.rows if not row.handcrafted}
    found = drawings.pairs(counts, table.classes)
    few = len(table.classes) <= drawings.SMALL
    confusion, words = None, ""
    if few and counts.any():
        confusion = plots.confusion(counts.astype(int).tolist(), table.classes, f"confusion{number}", best.name)
        errors = plots.mistakes(counts.astype(int).tolist(), table.classes)
        words = f"Commonest errors: {'; '.join(errors)}." if errors else "No errors."
    elif found:
        confusion = drawings.confused(found, table.classes, f"confusion{number}", best.name)
        words = f"The {len(found)} commonest of {len(table.classes)} classes, in shares of the class that is meant."
    kept = folder / "best" / f"{folder_of(table.domain)}.npz"
    plane, hues, plane_words = None, list[tuple[str, str]](), ""
    if kept.is_file():
        several = list(range(len(table.classes)))
        if not few:
            several = list(dict.fromkeys(c for i, j, _ in found for c in (i, j)))[:COLOURED]
        plane = drawings.plane(snapshot.load(kept), table.classes, several, f"plane{number}", best.name)
        hues = [(short(table.classes[c], 22), hue_css(i, len(several))) for i, c in enumerate(several)]
        plane_words = "Dots are called rightly, rings wrongly."
        plane_words += "" if few else " In colour the classes that are confused most, all others grey."
    return Part(
        table, _story(table), drawings.depth(table, f"depth{number}") if len(learned) > 1 else None, confusion, words,
        plane, plane_words, hues,
    )  # fmt: skip


def _story(table: LayerTable) -> str:
    """What the curve over depth says, in a sentence or two."""
    kind = table.best.classifier
    rows = [r for r in table.rows if r.classifier == kind and not r.handcrafted and table.most in r.figures]
    if len(rows) < 3:
        return ""
    values = [table.headline(row) for row in rows]
    first, top, last = values[0], max(values), values[-1]
    peak = values.index(top)
    if peak == 0:
        return "Depth adds nothing here: the first layer is the best."
    half = next(row for row, value in zip(rows, values) if value >= (first + top) / 2)
    text = (
        f"From {rows[0].name} to {rows[peak].name} depth adds {100 * (top - first):.1f} points; half of them are there "
        f"by {half.name}."
    )
    if peak < len(rows) - 1:
        text += f" Beyond, {100 * (top - last):.1f} are lost again: what comes last serves the task it was trained for."
    return text


def _facts(found: LayerTables) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    plan = found.plan
    chosen = {
        f"{row.name}: {name} {value:g}" if isinstance(value, float) else f"{row.name}: {name} {value}"
        for table in found.tables
        for row in [table.best]
        for name, value in row.settings.get(table.most, {}).items()
        if name != "random_state"
    }
    facts = [
        ("network", plan["backbone"], "frozen: nothing of it is trained here"),
        ("weights", plan["weights"], f"fingerprint {plan['fingerprint'][:16]}"),
        ("features", f"{len(plan['layers'])} layers, one pass", f"places of a map become one vector by {plan['pool']}"),
        ("protocol", "labelled examples drawn a class, others tested on", "their labels are opened once, to measure"),
        (
            "settings",
            "chosen on the first draw",
            "cross-validation on the labels shown, kept for the other draws; test labels had no say",
        ),
        ("of the best", ", ".join(sorted(chosen)), ""),
        *((table.domain, table.provenance().partition(": ")[2], "") for table in found.tables),
        ("device", plan["device"], f"{_seconds(found):,.0f} s of classifiers"),
    ]
    return [fact for fact in facts if fact[1]]


def _seconds(found: LayerTables) -> float:
    return sum(
        float(result["seconds"])
        for table in found.tables
        for row in table.rows
        for results in row.results.values()
        for result in results
    )
