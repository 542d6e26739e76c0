"""The table of few labels: methods over labelled examples a class, many draws each, with 95 % intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from landbridge.core.errors import MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.study import METRICS, Estimate, read_cell, read_plan

PLAN = "shots.json"
"""The file that says what a folder's table is of."""


@dataclass(frozen=True)
class Point:
    """A method with so many labelled examples a class.

    Attributes:
        test: on examples whose labels it never saw.
        train: on those it learned from.
        seconds: a draw takes, on average.
    """

    test: Estimate
    train: Estimate
    seconds: float

    @property
    def gap(self) -> float:
        """What the examples that were learned flatter by."""
        return self.train.mean - self.test.mean


@dataclass(frozen=True)
class ShotsTable:
    """What a study over shots found.

    Attributes:
        plan: what was asked, as the folder has it.
        rows: method -> labelled examples a class -> what is known.
        folder: where it stands.
        unfinished: cells that are not there yet.
    """

    plan: Mapping[str, Any]
    rows: Mapping[str, Mapping[int, Point]]
    folder: Path
    unfinished: int

    @property
    def shots(self) -> list[int]:
        """Labelled examples a class, ascending."""
        return sorted({shots for points in self.rows.values() for shots in points})

    @property
    def metric(self) -> str:
        """What is measured, as people call it."""
        return METRICS[self.plan["metric"]]

    @property
    def report(self) -> Path:
        """The page that shows it."""
        return self.folder / "report.html"

    def best(self, shots: int) -> tuple[str, list[str]]:
        """The best method with so many labels, and those that it does not beat beyond chance, best first."""
        here = {method: points[shots].test for method, points in self.rows.items() if shots in points}
        ranked = sorted(here, key=lambda method: -here[method].mean)
        return ranked[0], [other for other in ranked[1:] if not here[ranked[0]].differs(here[other])]

    def verdicts(self) -> list[str]:
        """What the numbers say, in sentences."""
        said = []
        for shots in self.shots:
            best, level = self.best(shots)
            beside = f", not beyond chance above {a_few(level)}" if level else ""
            said.append(f"with {shots} it is {best} ({percent(self.rows[best][shots].test.mean)} %{beside})")
        sentences = [f"Best by labelled examples a class: {'; '.join(said)}."]
        both = [shots for shots in self.shots if all(shots in self.rows.get(name, {}) for name in ("deep", "svm"))]
        if both:
            sentences.append(self._deep_against_svm(both[-1]))
        return sentences

    def _deep_against_svm(self, shots: int) -> str:
        found = self.rows["deep"][shots].test.minus(self.rows["svm"][shots].test)
        if found is None:
            return f"With {shots} a class, the deep head and the SVM have no draw in common."
        text = f"With {shots} a class the deep head is {abs(100 * found.mean):.1f} points "
        text += f"{'above' if found.mean >= 0 else 'below'} the SVM on the same features"
        if found.interval is None:
            return f"{text} (one draw)."
        low, high = (round(100 * end, 1) + 0.0 for end in found.interval)
        return f"{text} (95 % interval over {len(found.values)} draws: {low:+.1f} to {high:+.1f})."

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rows = [
            {"method": method, "shots": shots, **asdict(point), "gap": point.gap}
            for method, points in self.rows.items()
            for shots, point in points.items()
        ]
        return {**self.plan, "rows": rows, "verdicts": self.verdicts(), "unfinished": self.unfinished}

    def to_markdown(self) -> str:
        """A table of accuracies, one of the gap to the examples learned, and how the numbers came about."""
        lines = []
        for title, cell in (
            (f"{self.metric} (%), labelled a class:", lambda point: point.test.text),
            ("the same on the examples learned from:", lambda point: percent(point.train.mean)),
        ):
            lines += [
                f"| {title} | {' | '.join(map(str, self.shots))} | draws |",
                f"| --- | {'---: | ' * len(self.shots)}---: |",
            ]
            for method, points in self.rows.items():
                cells = [cell(points[shots]) if shots in points else "-" for shots in self.shots]
                lines.append(f"| {' | '.join([method, *cells])} | {self.draws(method)} |")
            lines.append("")
        return "\n".join([*lines, *self.verdicts(), "", self.provenance(), ""])

    def draws(self, method: str) -> str:
        """How many draws a method had: one number, or the least and the most."""
        counts = sorted({len(point.test.values) for point in self.rows[method].values()})
        return "-".join(map(str, dict.fromkeys((counts[0], counts[-1]))))

    def provenance(self) -> str:
        """One line: domain, network, protocol, selection rule, draws, command, versions, and what is missing."""
        plan, settings = self.plan, self.plan["settings"]
        ways = f"{settings['ways']} of {plan['classes']} classes, drawn by seed" if settings["ways"] else None
        parts = [
            f"{plan['target']}: {ways or str(plan['classes']) + ' classes'}",
            f"backbone {plan['backbone']}, weights {settings['weights'] or 'none'}",
            *([f"trained on {plan['source']} first"] if plan["source"] else []),
            "protocol: learned on the labels shown of a draw, the same draws for all methods, tested on others",
            f"draws by seeds from {settings['seed']} on (± is half of the 95 % interval of the mean, Student's t)",
            f"{settings['steps']} steps of {settings['batch_size']} where the network is trained",
            "weights of the last step; a classifier's settings by cross-validation on the labels of the first draw",
            *([f"{self.unfinished} cells unfinished"] if self.unfinished else []),
            *plan["notes"],
            f"`{plan['command']}`",
            *(f"{name} {version}" for name, version in plan["versions"].items()),
        ]
        return "; ".join(parts)


def a_few(names: Sequence[str]) -> str:
    """The first names of some.

    >>> a_few(["svm", "deep"]), a_few(["svm", "deep", "knn", "ncm"])
    ('svm, deep', 'svm and 3 others')
    """
    return ", ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} others"


def cells_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, int, int, str]]:
    """All cells: (method, shots, seed, file of its numbers below the table's folder)."""
    first = plan["settings"]["seed"]
    for method, episodes in plan["methods"].items():
        for shots in plan["shots"]:
            for seed in range(first, first + episodes):
                ending = ".json" if method in plan["on_features"] else "/metrics.json"
                yield method, shots, seed, f"cells/{method}/{shots}/{seed}{ending}"


def read_shots(folder: Path) -> ShotsTable:
    """Gather what the finished cells of a folder say.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    plan = read_plan(folder / PLAN, "table over shots")
    name, unfinished = f"target_{plan['metric']}", 0
    found: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    for method, shots, seed, file in cells_of(plan):
        cell = read_cell(folder / file)
        if cell is None:
            unfinished += 1
        else:
            found.setdefault((method, shots), {})[seed] = cell
    if not found:
        raise MissingDataError(f"no cell of {folder} is finished yet: give the command again to go on with it")
    rows: dict[str, dict[int, Point]] = {}
    for (method, shots), cells in found.items():
        test = {seed: cell["metrics"][name] for seed, cell in cells.items()}
        train = {seed: cell["metrics"][name.replace("target_", "target_train_")] for seed, cell in cells.items()}
        seconds = fmean(cell["train_seconds"] for cell in cells.values())
        rows.setdefault(method, {})[shots] = Point(Estimate.of(test), Estimate.of(train), seconds)
    return ShotsTable(plan, rows, folder, unfinished)
