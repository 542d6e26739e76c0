"""The table of groups left out: how well a network knows a speaker it never heard, before and after a few labels."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landbridge.core.errors import MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.study import METRICS, Estimate, read_cell, read_plan

PLAN = "leave_out.json"
"""The file that says what a folder's table is of."""


@dataclass(frozen=True)
class Row:
    """A group that was left out.

    Attributes:
        group: its name.
        everything: accuracy without adaptation on all its examples.
        before: without adaptation on the examples that each draw holds back.
        after: by method, on the same examples.
    """

    group: str
    everything: float
    before: Estimate
    after: Mapping[str, Estimate]

    def ratio(self, method: str) -> float | None:
        """Error after over error before, on the same examples; None where there was no error."""
        after = self.after[method]
        before = Estimate.of({seed: self.before.values[seed] for seed in after.values})
        return (1 - after.mean) / (1 - before.mean) if before.mean < 1 else None

    def halved(self, method: str) -> bool:
        """Whether at most half of the error is left."""
        ratio = self.ratio(method)
        return ratio is None or ratio <= 0.5


@dataclass(frozen=True)
class LeaveOutTable:
    """What leaving groups out showed.

    Attributes:
        plan: what was asked, as the folder has it.
        rows: one a group.
        folder: where it stands.
        unfinished: cells that are not there yet.
    """

    plan: Mapping[str, Any]
    rows: list[Row]
    folder: Path
    unfinished: int

    @property
    def kind(self) -> str:
        """What a group is."""
        return str(self.plan["kind"])

    @property
    def metric(self) -> str:
        """What is measured, as people call it."""
        return METRICS[self.plan["metric"]]

    @property
    def methods(self) -> list[str]:
        """Those that are finished for some group."""
        return [method for method in self.plan["methods"] if any(method in row.after for row in self.rows)]

    @property
    def report(self) -> Path:
        """The page that shows it."""
        return self.folder / "report.html"

    def before(self) -> Estimate:
        """Without adaptation, over groups."""
        return Estimate.of({number: row.before.mean for number, row in enumerate(self.rows)})

    def after(self, method: str) -> Estimate:
        """With a method, over groups."""
        known = {number: row.after[method].mean for number, row in enumerate(self.rows) if method in row.after}
        return Estimate.of(known)

    @property
    def best(self) -> str:
        """The method that is best over groups."""
        return max(self.methods, key=lambda method: self.after(method).mean)

    def halved(self, method: str) -> list[Row]:
        """The groups of whose error at most half is left."""
        return [row for row in self.rows if method in row.after and row.halved(method)]

    def verdicts(self) -> list[str]:
        """What the numbers say, in sentences."""
        worst = min(self.rows, key=lambda row: row.everything)
        best = max(self.rows, key=lambda row: row.everything)
        of_all = f" ({worst.group} {percent(worst.everything)} to {best.group} {percent(best.everything)} %)"
        said = [
            f"Without adaptation a {self.kind} never met reaches {percent(self.before().mean)} % "
            f"{self.metric}{of_all if worst is not best else ''}."
        ]
        if not self.methods:
            return said
        several = len(self.rows) > 1
        shots = self.plan["shots"]
        for method in self.methods:
            halved = self.halved(method)
            whom = f"for {len(halved)} of {len(self.rows)}" if several else "so" if halved else "not so"
            fall = f"from {percent(1 - self.before().mean)} to {percent(1 - self.after(method).mean)} %"
            said.append(f"{method}: {shots} labelled examples a class take the error {fall}; at least halved {whom}.")
        return said

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rows = [
            asdict(row)
            | {"ratio": {method: row.ratio(method) for method in row.after}}
            | {"halved": {method: row.halved(method) for method in row.after}}
            for row in self.rows
        ]
        means = {method: asdict(self.after(method)) for method in self.methods}
        over = {"before": asdict(self.before()), "after": means}
        return {
            **self.plan,
            "rows": rows,
            "over_groups": over,
            "verdicts": self.verdicts(),
            "unfinished": self.unfinished,
        }

    def to_markdown(self) -> str:
        """A row a group, and below it how the numbers came about."""
        heads = [self.kind, "without, all", "without, held back", *self.methods, "error at least halved by"]
        lines = [f"| {' | '.join(heads)} |", f"| --- | {'---: | ' * (len(heads) - 2)}--- |"]
        for row in self.rows:
            cells = [self.cell(row, method) for method in self.methods]
            halved = [method for method in row.after if row.halved(method)]
            by = "all" if len(halved) == len(self.methods) else ", ".join(halved) or "none"
            lines.append(f"| {' | '.join([row.group, percent(row.everything), row.before.text, *cells, by])} |")
        if len(self.rows) > 1:
            everything = Estimate.of({number: row.everything for number, row in enumerate(self.rows)})
            means = [everything.text, self.before().text, *(self.after(method).text for method in self.methods)]
            lines.append(f"| **mean** | {' | '.join(means)} | |")
        told = f"{self.metric} in %; in brackets the error after over the error before."
        return "\n".join([*lines, "", told, "", *self.verdicts(), "", self.provenance(), ""])

    def cell(self, row: Row, method: str) -> str:
        """Accuracy with a method, and the share of the error that is left."""
        if method not in row.after:
            return "-"
        ratio = row.ratio(method)
        return f"{row.after[method].text}{f' (x{ratio:.2f})' if ratio is not None else ''}"

    def provenance(self) -> str:
        """One line: domain, network, protocol, selection rule, draws, command, versions, and what is missing."""
        plan, settings = self.plan, self.plan["settings"]
        parts = [
            f"{plan['target']}, each {plan['kind']} left out in turn" if len(self.rows) > 1 else plan["target"],
            f"backbone {plan['backbone']}, trained on the other {plan['kind']}s for "
            f"{settings['source_steps'] or settings['steps']} steps, seed {settings['seed']}",
            f"adapted with {plan['shots']} labelled examples a class for {settings['steps']} steps of "
            f"{settings['batch_size']} at rate {settings['rate']:g}, from the trained head on",
            f"protocol: tested on the other examples of that {plan['kind']}",
            f"draws by seeds from {settings['seed']} on (± is half of the 95 % interval of the mean, Student's t)",
            "weights of the last step",
            *([f"{self.unfinished} cells unfinished"] if self.unfinished else []),
            *plan["notes"],
            f"`{plan['command']}`",
            *(f"{name} {version}" for name, version in plan["versions"].items()),
        ]
        return "; ".join(parts)


def cells_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, str, int, str]]:
    """All cells: (group, method, seed, folder of its run below the table's folder)."""
    first = plan["settings"]["seed"]
    for group, name in plan["groups"].items():
        for method, draws in plan["methods"].items():
            for seed in range(first, first + draws):
                yield group, method, seed, f"cells/{name}/{method}/{seed}"


def read_leave_out(folder: Path) -> LeaveOutTable:
    """Gather what the finished cells of a folder say.

    Raises:
        MissingDataError: there is no table, or no group is measured yet.
        BadDataError: a file cannot be read.
    """
    plan = read_plan(folder / PLAN, "table of groups left out")
    before = {group: read_cell(folder / "before" / f"{name}.json") for group, name in plan["groups"].items()}
    after: dict[str, dict[str, dict[int, float]]] = {}
    unfinished = 0
    for group, method, seed, cell in cells_of(plan):
        found = read_cell(folder / cell / "metrics.json")
        if found is None or before[group] is None:
            unfinished += 1
        else:
            value = found["metrics"][f"target_{plan['metric']}"]
            after.setdefault(group, {}).setdefault(method, {})[seed] = value
    rows = []
    for group, known in before.items():
        if known is not None:
            held = Estimate.of({int(seed): value for seed, value in known["held"].items()})
            found_here = {method: Estimate.of(values) for method, values in after.get(group, {}).items()}
            rows.append(Row(group, known["everything"], held, found_here))
    if not rows:
        raise MissingDataError(f"no group of {folder} is measured yet: give the command again to go on with it")
    return LeaveOutTable(plan, rows, folder, unfinished)
