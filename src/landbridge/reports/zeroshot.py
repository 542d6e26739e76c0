"""The report of zero-shot learning: methods, seen against unseen, which attributes decided, and one space for both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation import snapshot
from landbridge.evaluation.snapshot import Snapshot
from landbridge.reports import plots, zeroshot_plots
from landbridge.reports.drawing import picture
from landbridge.reports.pages import write_page
from landbridge.reports.probing_plots import SMALL, confused, pairs
from landbridge.zeroshot.table import HITS, MEASURES, Row, ZeroShotTable, read_table

SHOWN = 6
"""Attributes on a card, at most: those that decided most."""

CARDS = 12
"""Images whose decision is shown."""


class Line(NamedTuple):
    """A row of the small table on a card: what it is, its role, and how full each cell is, in [0, 1], with a number."""

    name: str
    role: str
    cells: list[tuple[float, str]]


@dataclass(frozen=True)
class Decision:
    """How one image was called.

    Attributes:
        image: as a `data:` address; None of features without images.
        truth: the right class.
        called: the class among the unseen ones.
        attributes: names of those shown, the most decisive first, and whether each spoke for the class called.
        lines: predicted attributes, the lit row of the table, then those it was told from.
        words: the decision in a sentence.
    """

    image: str | None
    truth: str
    called: str
    attributes: list[tuple[str, bool]]
    lines: list[Line]
    words: str

    @property
    def right(self) -> bool:
        """Whether it was called rightly."""
        return self.truth == self.called


def write_zeroshot_report(folder: Path) -> ZeroShotTable:
    """Write `table.json`, `table.md` and `report.html` into a folder of cells, from those that are finished.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    table = read_table(folder)
    write_json(folder / "table.json", table.to_json())
    write_text(folder / "table.md", table.to_markdown())
    explained = _looked(table, "reasons")
    placed = _looked(table, "space")
    write_page(
        folder,
        "zeroshot.html.j2",
        None,
        table=table,
        plan=table.plan,
        measures=MEASURES,
        tiles=_tiles(table),
        guess={"T1": percent(table.chance), "hit": percent(min(1.0, HITS * table.chance))},
        bars=zeroshot_plots.bars(table),
        curve=zeroshot_plots.curve(table),
        leaders=zeroshot_plots.leaders(table),
        explained=explained[0] if explained else None,
        decisions=decisions(table, explained[1]) if explained else [],
        classes=_classes(table, table.best),
        confusion=_confusion(table, table.best),
        space=_space(table, placed[1]) if placed else None,
        placed=placed[0] if placed else None,
        facts=_facts(table),
    )
    return table


def _looked(table: ZeroShotTable, what: str) -> tuple[str, Snapshot] | None:
    """The best method of which there is something to look at, and that."""
    for row in sorted(table.rows, key=lambda row: -row.figures["T1"].mean):
        kept = table.folder / "looks" / f"{what}-{row.method}.npz"
        if kept.is_file():
            return row.method, snapshot.load(kept)
    return None


def decisions(table: ZeroShotTable, taken: Snapshot) -> list[Decision]:
    """Image by image: predicted attributes, the row that they light, and the rows that it was told from.

    Args:
        table: for names of classes and attributes.
        taken: `label`, `called`, `other`: columns of the unseen classes [k]; `predicted`, `added` [k, A]; `rows`
            [unseen, A]; `images`, uint8 [k, H, W, 3] or none.
    """
    rows, predicted = taken["rows"], taken["predicted"]
    low = np.minimum(rows.min(0), 0.0)
    span = np.where(rows.max(0) > low, rows.max(0) - low, 1.0)
    found = []
    for i in range(min(CARDS, len(taken["label"]))):
        truth, called, other = (int(taken[name][i]) for name in ("label", "called", "other"))
        told = taken["added"][i]
        shown = np.argsort(-np.abs(told), kind="stable")[:SHOWN]
        shown = shown[np.abs(told[shown]) > 1e-9] if np.abs(told).max() > 1e-9 else shown

        def line(name: str, role: str, values: Any, shown: Any = shown) -> Line:
            full = ((values - low) / span).clip(0, 1)[shown]
            return Line(name, role, [(float(f), f"{v:.1f}") for f, v in zip(full, values[shown])])

        lines = [line("predicted", "image", predicted[i]), line(table.unseen[called], "lit", rows[called])]
        lines += [line(table.unseen[c], "dim", rows[c]) for c in dict.fromkeys((truth, other)) if c != called]
        names = [(table.plan["attributes"][a], bool(told[a] >= 0)) for a in shown]
        best = [name for name, spoke in names if spoke][:2]
        words = f"{table.unseen[called]} rather than {table.unseen[other]}"
        words += f" by {' and '.join(best)}" if best else ""
        image = picture(taken["images"][i]) if len(taken["images"]) else None
        found.append(Decision(image, table.unseen[truth], table.unseen[called], names, lines, words))
    return found


def _tiles(table: ZeroShotTable) -> list[tuple[str, str, str]]:
    """The few numbers that matter: (what, number, remark)."""
    best, fair = table.best, table.fairest
    widest = max(table.rows, key=lambda row: row.figures["AUSUC"].mean)
    figures = fair.figures
    return [
        (f"T1, {best.method}", f"{percent(best.figures['T1'].mean)} %", f"of {len(table.unseen)} unseen classes alone"),
        ("chance", f"{percent(table.chance)} %", "of a guess among these"),
        (
            f"H, {fair.method}",
            f"{percent(figures['H'].mean)} %",
            f"seen {percent(figures['S'].mean)}, unseen {percent(figures['U'].mean)}",
        ),
        (f"AUSUC, {widest.method}", percent(widest.figures["AUSUC"].mean), "area under seen over unseen"),
    ]


def _classes(table: ZeroShotTable, best: Row) -> Markup:
    shares = [best.first["by_class"].get(name) for name in table.unseen]
    return plots.paired(table.unseen, None, shares, "by-class", "accuracy among unseen classes", 1.0)


def _confusion(table: ZeroShotTable, best: Row) -> tuple[Markup, str] | None:
    counts = zeroshot_plots.confusable(table, dict(best.first))
    if len(table.unseen) <= SMALL:
        errors = plots.mistakes(counts.astype(int).tolist(), table.unseen)
        words = f"Commonest errors: {'; '.join(errors)}." if errors else "No errors."
        return plots.confusion(counts.astype(int).tolist(), table.unseen, "confusion", best.method), words
    found = pairs(counts, table.unseen)
    if not found:
        return None
    return confused(found, table.unseen, "confusion", best.method), f"The {len(found)} commonest confusions."


def _space(table: ZeroShotTable, taken: Snapshot) -> Markup:
    classes = [*table.seen, *table.unseen]
    unseen = [False] * len(table.seen) + [True] * len(table.unseen)
    return zeroshot_plots.plane(taken["points"], taken["label"], taken["names"], classes, unseen)


def _facts(table: ZeroShotTable) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    plan = table.plan
    steps = plan["train_steps"]
    kept_apart = "to tell the training classes apart; validation and unseen ones are new to it"
    trained = [("trained first", f"{steps} steps", kept_apart)] if steps else []
    return [
        ("class descriptions", plan["kind"], f"{len(plan['attributes'])} numbers a class, from {plan['source']}"),
        ("seen classes", f"{len(table.seen)}", _named(table.seen)),
        ("unseen classes", f"{len(table.unseen)}", _named(table.unseen)),
        ("split", plan["split"], f"{plan['train']:,} training examples; tested on {plan['test_unseen']:,} of unseen "
         f"and {plan['test_seen']:,} of seen classes"),
        *([("tested on", plan["test_domain"], "")] if plan["test_domain"] != plan["domain"] else []),
        ("network", plan["backbone"], f"weights {plan['weights']}; {plan['features']} features, frozen"),
        *trained,
        ("protocol", "inductive", "no image of an unseen class is touched before the measurement"),
        ("selection", table.selection(), ""),
        *((f"{row.method}", row.settings, _chosen(row)) for row in table.rows),
        *(("note", note, "") for note in plan["notes"]),
    ]  # fmt: skip


def _named(names: Sequence[str], most: int = 30) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _chosen(row: Row) -> str:
    cell: Mapping[str, Any] = row.first
    gamma = f"gamma {cell['gamma']:.3g}; {row.seconds:.1f} s"
    if cell["validation_accuracy"] is None:
        return gamma
    return f"best of {cell['tried']} with {percent(cell['validation_accuracy'])} % on validation classes; {gamma}"
