"""The table of layers: features of each, a classifier on them, mean and deviation over draws, the published beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from landbridge.core.text import percent
from landbridge.probing.protocol import Layer
from landbridge.probing.published import NETWORK, PAPER, Published

HANDCRAFTED = "hog"
"""The backbone, and the layer, of the row with features that nobody learned."""

CLASSIFIER_NAMES = {
    "svm": "SVM",
    "softmax": "Softmax",
    "knn": "k-NN",
    "prototype": "Prototype",
    "ncm": "NCM",
    "deep": "Deep head",
}
METRICS = {
    "accuracy": "accuracy",
    "mean_class_accuracy": "class-averaged accuracy",
    "mean_average_precision": "mean average precision",
}
"""What a domain may be measured by, and how people call it."""


@dataclass(frozen=True)
class Figure:
    """A metric over draws.

    Attributes:
        mean: in [0, 1].
        deviation: sample standard deviation; None for a single draw.
        values: draw by draw.
    """

    mean: float
    deviation: float | None
    values: list[float]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """Mean and deviation of some values, one at least."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None, list(values))

    @property
    def text(self) -> str:
        """In percent, as tables have it.

        >>> Figure.of([0.8, 0.9]).text
        '85.0 ± 7.1'
        """
        return _spread(self.mean, self.deviation)


def _spread(mean: float, deviation: float | None) -> str:
    return percent(mean) + (f" ± {percent(deviation)}" if deviation is not None else "")


@dataclass(frozen=True)
class Row:
    """A classifier on a layer.

    Attributes:
        classifier: its name.
        layer: what is read.
        width: number of features.
        figures: by shots (None: all labels), then by metric.
        settings: the arguments of the classifier, by shots.
        seconds: a cell takes, on average.
        published: the figure of the literature for this very row.
        results: the cells behind it, by shots, draw by draw.
    """

    classifier: str
    layer: Layer
    width: int
    figures: Mapping[int | None, Mapping[str, Figure]]
    settings: Mapping[int | None, Mapping[str, Any]]
    seconds: float
    published: Published | None
    results: Mapping[int | None, Sequence[Mapping[str, Any]]] = field(repr=False)

    @property
    def handcrafted(self) -> bool:
        """Whether nobody learned its features."""
        return self.layer.name == HANDCRAFTED

    @property
    def name(self) -> str:
        """As the literature has it: `SVM (5)`."""
        classifier = CLASSIFIER_NAMES.get(self.classifier, self.classifier)
        if self.handcrafted:
            return f"HOG + {classifier}"
        return f"{classifier} ({self.layer.number or self.layer.name})"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        figures = {
            _shots(shots): {name: vars(figure) for name, figure in by_metric.items()}
            for shots, by_metric in self.figures.items()
        }
        return {
            "name": self.name,
            "classifier": self.classifier,
            "layer": self.layer._asdict(),
            "width": self.width,
            "figures": figures,
            "settings": {_shots(shots): dict(chosen) for shots, chosen in self.settings.items()},
            "seconds": round(self.seconds, 2),
            "published": self.published._asdict() if self.published else None,
        }


@dataclass(frozen=True)
class LayerTable:
    """All rows on one domain.

    Attributes:
        domain: its name.
        metric: the headline metric, a key of `METRICS`.
        shots: labelled examples a class, ascending; None stands for all.
        seeds: of the draws.
        rows: hand-crafted first, then by classifier and depth.
        classes: their names.
        reference: the best published row where the network is another: (name, figure).
        published: every published figure by (classifier, layer of the published network).
        about: what the domain is: `train`, `test`, `note`, `skipped`.
        unfinished: cells that are not there yet.
    """

    domain: str
    metric: str
    shots: list[int | None]
    seeds: list[int]
    rows: list[Row]
    classes: list[str]
    reference: tuple[str, Published] | None
    published: Mapping[tuple[str, int], Published]
    about: Mapping[str, Any]
    unfinished: int

    @property
    def most(self) -> int | None:
        """The most labelled examples a class."""
        return self.shots[-1]

    @property
    def best(self) -> Row:
        """The row of learned features that is best at `most`, for a person to look at; hand-crafted if alone."""
        with_it = [row for row in self.rows if self.most in row.figures]
        learned = [row for row in with_it if not row.handcrafted]
        return max(learned or with_it or self.rows, key=self.headline)

    def headline(self, row: Row) -> float:
        """The headline metric of a row at its most shots."""
        return row.figures[max(row.figures, key=lambda shots: shots or 10**9)][self.metric].mean

    @property
    def second(self) -> str | None:
        """The other metric that stands in the table, where one number of shots leaves room for it."""
        others = [name for row in self.rows for by in row.figures.values() for name in by if name != self.metric]
        return others[0] if others and len(self.shots) == 1 else None

    @property
    def whole(self) -> bool:
        """Whether all layers from the first on are there, so that depth compares with the published network's."""
        numbers = list(dict.fromkeys(row.layer.number for row in self.rows if not row.handcrafted))
        return len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1))

    @property
    def row_by_row(self) -> bool:
        """Whether published figures stand beside the rows: the network is the published one."""
        return bool(self.published) and self.reference is None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "domain": self.domain,
            "metric": self.metric,
            "shots": [_shots(shots) for shots in self.shots],
            "seeds": self.seeds,
            "classes": len(self.classes),
            **self.about,
            "rows": [row.to_json() for row in self.rows],
            "published_best": {"name": self.reference[0], **self.reference[1]._asdict()} if self.reference else None,
            "unfinished": self.unfinished,
        }

    def to_markdown(self) -> str:
        """A Markdown table."""
        second = self.second
        columns = [f"{METRICS[self.metric]} (%){'' if len(self.shots) == 1 else f', {said(s)}'}" for s in self.shots]
        columns += [f"{METRICS[second]} (%)"] if second else []
        columns += [f"published (%): {NETWORK}"] if self.row_by_row else []
        lines = ["| | layer, read after | features |" + "".join(f" {column} |" for column in columns)]
        lines.append("| --- | --- | ---: |" + " ---: |" * len(columns))
        for row in self.rows:
            cells = [_text(row, shots, self.metric) for shots in self.shots]
            cells += [_text(row, self.most, second)] if second else []
            cells += [_spread(*row.published) if row.published else ""] if self.row_by_row else []
            lines.append("| " + " | ".join([row.name, place(row), f"{row.width:,}", *cells]) + " |")
        if self.reference:
            name, figure = self.reference
            blank = ["" for _ in columns[1:]]
            lines.append("| " + " | ".join([name, f"{NETWORK}, {PAPER}", "", _spread(*figure), *blank]) + " |")
        return "\n".join(lines)

    def provenance(self) -> str:
        """How its numbers came about: draws, what was tested on, notes."""
        draws = f"draws by seeds {', '.join(map(str, self.seeds))} (± is the sample standard deviation)"
        parts = [
            f"{self.domain}: {len(self.classes)} classes, {self.about['train']:,} images to draw from",
            f"tested on {self.about['test']:,} others" + (" a draw" if len(self.seeds) > 1 else ""),
            "all labels" if self.most is None else f"{', '.join(map(_shots, self.shots))} labelled a class",
            draws if len(self.seeds) > 1 else f"one draw, seed {self.seeds[0]}",
        ]
        parts += [self.about["note"]] if self.about["note"] else []
        parts += [f"unreadable and left out: {self.about['skipped']}"] if self.about["skipped"] else []
        parts += [f"{self.unfinished} cells unfinished"] if self.unfinished else []
        return "; ".join(parts)


def place(row: Row) -> str:
    """Where a row reads, in words."""
    layer = row.layer
    if row.handcrafted:
        return "gradient histograms of the image"
    return layer.name if layer.read == layer.name else f"{layer.name}, {layer.read}"


def said(shots: int | None) -> str:
    """So many labelled examples, in words.

    >>> said(30), said(1), said(None)
    ('30 a class', '1 a class', 'all labels')
    """
    return "all labels" if shots is None else f"{shots} a class"


def _shots(shots: int | None) -> str:
    return "all" if shots is None else str(shots)


def _text(row: Row, shots: int | None, metric: str) -> str:
    return row.figures[shots][metric].text if shots in row.figures else "-"


@dataclass(frozen=True)
class LayerTables:
    """What a probe found: one table a domain.

    Attributes:
        tables: in the order of the domains.
        plan: what was asked, as the folder has it.
        folder: where it stands.
    """

    tables: list[LayerTable]
    plan: Mapping[str, Any]
    folder: Path

    @property
    def report(self) -> Path:
        """The page that shows it."""
        return self.folder / "report.html"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        told = ("backbone", "weights", "fingerprint", "pool", "command", "versions", "device")
        return {name: self.plan[name] for name in told} | {"tables": [table.to_json() for table in self.tables]}

    def to_markdown(self) -> str:
        """All tables, and below them how they came about."""
        parts = [f"**{table.domain}**\n\n{table.to_markdown()}\n\n{table.provenance()}" for table in self.tables]
        return "\n\n".join([*parts, self.provenance(), ""])

    def provenance(self) -> str:
        """One line: network, protocol, selection, command, versions."""
        parts = [
            f"backbone {self.plan['backbone']}, weights {self.plan['weights']}, frozen, pooled by {self.plan['pool']}",
            "protocol: learned on the labels shown of a draw, measured once on others",
            "selection: settings by cross-validation on the labels shown of the first draw, kept for the others",
            f"`{self.plan['command']}`",
            *(f"{name} {version}" for name, version in self.plan["versions"].items()),
        ]
        return "; ".join(parts)
