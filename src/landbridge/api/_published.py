"""Published tables: their pairs, their figures, and the settings under which we compute them anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OURS = {"steps": 12_000, "rate": 0.03, "clip": 1.0, "ema": 0.999}
"""Settings of all columns; how they were chosen stands in `docs/results/digits.md`."""


@dataclass(frozen=True)
class Pair:
    """One column of a published table.

    Attributes:
        source: name of the source domain.
        target: name of the target domain.
        figures: published accuracy in [0, 1] by method.
        settings: those of our runs, beside `OURS`.
        options: options of our runs, by method.
    """

    source: str
    target: str
    figures: Mapping[str, float]
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTable:
    """A published table.

    Attributes:
        title: what it is called here.
        paper: where it was published.
        methods: its rows.
        pairs: its columns.
    """

    title: str
    paper: str
    methods: tuple[str, ...]
    pairs: tuple[Pair, ...]


def _figures(*values: float) -> dict[str, float]:
    return dict(zip(("source-only", "sa", "dann", "target-only"), values))


PUBLISHED = {
    "ganin2015": PublishedTable(
        "Adaptation across digits and signs",
        "Ganin and Lempitsky, ICML 2015, table 1",
        ("source-only", "sa", "dann", "target-only"),
        (
            Pair(
                "mnist",
                "mnist-m",
                _figures(0.5749, 0.6078, 0.8149, 0.9891),
                {"augment": "strong", "backbone": "ganin-mnist"},
            ),
            Pair("syn-numbers", "svhn", _figures(0.8665, 0.8672, 0.9048, 0.9244)),
            Pair("svhn", "mnist", _figures(0.5919, 0.6157, 0.7107, 0.9951)),
            # At 28 x 28 with the small network, for a laptop's CPU: the paper's takes a second a step there.
            Pair(
                "synsigns",
                "gtsrb",
                _figures(0.7400, 0.7635, 0.8866, 0.9987),
                {"steps": 3000, "augment": "affine", "backbone": "ganin-mnist?batch_norm=true"},
                {"dann": {"weight": 0.3}},
            ),
        ),
    )
}
"""Table by name; `landbridge reproduce NAME` computes it."""
