"""What comes out: the advice as plain data."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landbridge.advice.facts import Facts
from landbridge.advice.rules import Outlook, Suggestion
from landbridge.runs.result import versions


@dataclass(frozen=True)
class Option:
    """A strategy that was tried.

    Attributes:
        strategy: its name.
        why: what it does, and why it applies.
        estimate: how good it seems to be on the target, in [0, 1]; None where nothing can be said.
        error: standard error of that.
        basis: what the estimate comes from: `shots`, or `agreement`, of which only the order counts.
        source_accuracy: on held-out source examples; None for rules that know the target only.
        seconds: how long it took.
        command: the command line that goes on with it.
    """

    strategy: str
    why: str
    estimate: float | None
    error: float | None
    basis: str
    source_accuracy: float | None
    seconds: float
    command: str


@dataclass(frozen=True)
class Further:
    """A way to go on that takes longer than advice may.

    Attributes:
        what: it does.
        minutes: that it takes about, on this machine; None where that was not measured.
        command: the command line.
    """

    what: str
    minutes: float | None
    command: str


@dataclass(frozen=True)
class Advice:
    """Which way to go from a source to a target.

    Attributes:
        source: name of the source.
        target: name of the target.
        backbone: whose features were looked at.
        weights: where its weights come from; None for fresh ones.
        facts: what was measured.
        outlook: what to expect.
        options: what was tried, the best first.
        untried: what applies and was left for want of time.
        left_out: what does not apply, and why.
        further: how to go on.
        kept: the strategy whose model stands in `folder`; None for none.
        notes: what a reader must know.
        seed: what all randomness came from.
        folder: where all of it is written.
        command: the command line that does it again.
    """

    source: str
    target: str
    backbone: str
    weights: str | None
    facts: Facts
    outlook: Outlook
    options: tuple[Option, ...]
    untried: tuple[Suggestion, ...]
    left_out: tuple[Suggestion, ...]
    further: tuple[Further, ...]
    kept: str | None
    notes: tuple[str, ...]
    seed: int
    folder: Path
    command: str

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"folder": str(self.folder), "versions": versions()}
