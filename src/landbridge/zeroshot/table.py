"""The table of zero-shot learning: methods by what they reach on unseen classes, alone and among seen ones."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from landbridge.core.errors import MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.study import Estimate, read_cell, read_plan

PLAN = "zeroshot.json"
"""The file that says what a folder's table is of."""

MEASURES = {
    "T1": "unseen classes alone, class-averaged top-1",
    "S": "seen classes, called one of all",
    "U": "unseen classes, called one of all",
    "H": "harmonic mean of S and U",
    "AUSUC": "area under S over U, whatever the calibration",
}
"""The columns, and what they are. All are class-averaged shares."""

HITS = 5
"""The k of hit@k."""


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        method: its name.
        figures: over seeds: the keys of `MEASURES`, `hit`, and `S0`, `U0`, `H0` without calibration.
        cells: what the finished cells hold, by seed.
    """

    method: str
    figures: Mapping[str, Estimate]
    cells: Mapping[int, Mapping[str, Any]]

    @property
    def first(self) -> Mapping[str, Any]:
        """The cell of the first seed."""
        return next(iter(self.cells.values()))

    @property
    def seconds(self) -> float:
        """To choose the calibration, to learn and to score, on average; the choice of settings not counted."""
        return fmean(cell["seconds"] for cell in self.cells.values())

    @property
    def settings(self) -> str:
        """What was chosen, in words."""
        return ", ".join(f"{name} {_said(value)}" for name, value in self.first["settings"].items()) or "defaults"


@dataclass(frozen=True)
class ZeroShotTable:
    """All methods, and how the numbers came about.

    Attributes:
        plan: what was asked, as the folder has it.
        rows: one a method, as asked.
        folder: where it stands.
        unfinished: cells that are not there yet.
    """

    plan: Mapping[str, Any]
    rows: list[Row]
    folder: Path
    unfinished: int

    @property
    def report(self) -> Path:
        """The page that shows it."""
        return self.folder / "report.html"

    @property
    def seen(self) -> list[str]:
        """Names of the seen classes."""
        return list(self.plan["seen"])

    @property
    def unseen(self) -> list[str]:
        """Names of the unseen classes."""
        return list(self.plan["unseen"])

    @property
    def hits(self) -> int | None:
        """The k of hit@k; None where there are no more unseen classes than that."""
        return HITS if len(self.unseen) > HITS else None

    @property
    def chance(self) -> float:
        """T1 of a guess."""
        return 1 / len(self.unseen)

    @property
    def best(self) -> Row:
        """The method with the highest T1."""
        return max(self.rows, key=lambda row: row.figures["T1"].mean)

    @property
    def fairest(self) -> Row:
        """The method with the highest H."""
        return max(self.rows, key=lambda row: row.figures["H"].mean)

    def row(self, method: str) -> Row:
        """The row of a method."""
        return next(row for row in self.rows if row.method == method)

    def verdicts(self) -> list[str]:
        """What the numbers say, in sentences."""
        best, fair = self.best, self.fairest
        t1 = best.figures["T1"].mean
        error = best.first["standard_error"]
        lead = (t1 - self.chance) / error if error else float("inf")
        if lead > 2:
            how = f"{t1 / self.chance:.1f} times chance ({percent(self.chance)} %)"
        else:
            how = f"not beyond chance ({percent(self.chance)} %)"
        said = [
            f"Among {len(self.unseen)} classes never seen, {best.method} is right in {percent(t1)} % of the cases, "
            f"{how}; the choice of images moves this by ± {100 * error:.1f} points (one standard error)."
        ]
        h = fair.figures
        if h["H"].mean > 0:
            said.append(
                f"Where seen classes are possible answers too, {fair.method} has the best harmonic mean, "
                f"{percent(h['H'].mean)} %: {percent(h['S'].mean)} % on seen and {percent(h['U'].mean)} % on unseen "
                f"classes. Without calibration it is {percent(h['H0'].mean)} % "
                f"({percent(h['S0'].mean)} and {percent(h['U0'].mean)} %)."
            )
        return said

    def columns(self) -> list[tuple[str, str]]:
        """(key of the figures, heading) of the table."""
        hit = [("hit", f"hit@{HITS}")] if self.hits else []
        return [("T1", "T1"), *hit, *((name, name) for name in ("S", "U", "H")), ("H0", "H as it comes"),
                ("AUSUC", "AUSUC")]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rows = [
            {
                "method": row.method,
                "figures": {name: asdict(figure) for name, figure in row.figures.items()},
                "settings": row.first["settings"],
                "validation_accuracy": row.first["validation_accuracy"],
                "tried": row.first["tried"],
                "gamma": {str(seed): cell["gamma"] for seed, cell in row.cells.items()},
                "standard_error": row.first["standard_error"],
                "by_class": row.first["by_class"],
                "seconds": row.seconds,
            }
            for row in self.rows
        ]
        return {**self.plan, "chance": self.chance, "rows": rows, "verdicts": self.verdicts(),
                "unfinished": self.unfinished}  # fmt: skip

    def to_markdown(self) -> str:
        """A Markdown table, the verdicts, and how the numbers came about."""
        columns = self.columns()
        lines = [
            f"| method | {' | '.join(heading for _, heading in columns)} | seeds | settings |",
            f"| --- |{' ---: |' * len(columns)} ---: | --- |",
        ]
        for row in self.rows:
            cells = [row.figures[key].text for key, _ in columns]
            lines.append(f"| {' | '.join([row.method, *cells, str(len(row.cells)), row.settings])} |")
        guess = {"T1": percent(self.chance), "hit": percent(HITS * self.chance)}
        lines.append(f"| chance | {' | '.join(guess.get(key, '-') for key, _ in columns)} | - | - |")
        return "\n".join([*lines, "", *self.verdicts(), "", self.provenance(), ""])

    def provenance(self) -> str:
        """One line: data, descriptions, network, protocol, selection, seeds, command, versions."""
        plan = self.plan
        several = any(len(row.cells) > 1 for row in self.rows)
        parts = [
            f"{plan['domain']}: {len(self.seen)} seen classes ({plan['train']:,} training examples), "
            f"{len(self.unseen)} unseen ({plan['test_unseen']:,} test examples; {plan['test_seen']:,} of seen classes)",
            f"split: {plan['split']}",
            *([f"tested on {plan['test_domain']}"] if plan["test_domain"] != plan["domain"] else []),
            f"class descriptions: {plan['kind']}, {len(plan['attributes'])} numbers a class, from {plan['source']}",
            f"features: backbone {plan['backbone']}, weights {plan['weights']}, {plan['features']} numbers",
            *([f"the network trained for {plan['train_steps']} steps on the training classes"]
              if plan["train_steps"] else []),
            "all figures are class-averaged percentages; T1: among unseen classes alone; S, U, H: among all classes, "
            "the scores of seen ones lowered by the gamma of calibrated stacking",
            f"protocol: inductive (Xian et al., 2018); {self.selection()}",
            f"seeds {', '.join(map(str, plan['seeds']))} for methods with chance in them (± is half of the 95 % "
            "interval, Student's t), one for the others" if several else f"seed {plan['seeds'][0]}",
            *([f"{self.unfinished} cells unfinished"] if self.unfinished else []),
            *plan["notes"],
            f"`{plan['command']}`",
            *(f"{name} {version}" for name, version in plan["versions"].items()),
        ]  # fmt: skip
        return "; ".join(parts)

    def selection(self) -> str:
        """By what rule settings were chosen."""
        folds = self.plan["validation"]
        if not folds:
            return "too few seen classes to choose settings on: each method's defaults, and no calibration"
        where = (
            f"{len(folds[0])} validation classes of the split"
            if len(folds) == 1
            else f"seen classes left out by turns ({len(folds)} folds)"
        )
        return f"settings (by T1) and gamma (by H) chosen on {where}; then learned from all seen classes"


def cells_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    """All cells: (method, seed, file of its numbers below the table's folder)."""
    for method in plan["methods"]:
        for seed in plan["seeds"] if method in plan["seeded"] else plan["seeds"][:1]:
            yield method, seed, f"cells/{method}/{seed}.json"


def read_table(folder: Path) -> ZeroShotTable:
    """Gather what the finished cells of a folder say.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    plan, unfinished = read_plan(folder / PLAN, "table of zero-shot learning"), 0
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for method, seed, file in cells_of(plan):
        cell = read_cell(folder / file)
        if cell is None:
            unfinished += 1
        else:
            found.setdefault(method, {})[seed] = cell
    if not found:
        raise MissingDataError(f"no cell of {folder} is finished yet: give the command again to go on with it")
    rows = [
        Row(
            method,
            {name: Estimate.of({seed: cell["metrics"][name] for seed, cell in cells.items()})
             for name in next(iter(cells.values()))["metrics"]},
            cells,
        )
        for method, cells in found.items()
    ]  # fmt: skip
    return ZeroShotTable(plan, rows, folder, unfinished)


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
