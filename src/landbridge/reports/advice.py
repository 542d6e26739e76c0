"""Advice for people: the map with its cell lit, the two questions, the ranking; in the terminal and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from markupsafe import Markup
from matplotlib.figure import Figure
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from landbridge.advice.advice import Advice, Option
from landbridge.advice.rules import CELLS, nameable, similar
from landbridge.core.text import percent
from landbridge.data.domain import View
from landbridge.data.images import ImageFiles
from landbridge.reports.drawing import canvas, ink, picture, responsive
from landbridge.reports.pages import write_page
from landbridge.reports.plots import NARROW, WIDE

SHOWN = 12
"""Sample pictures of a domain."""

MEASURES = {
    "proxy_a": ("proxy A-distance", "0: a linear rule cannot tell the domains apart; 2: it never errs"),
    "mmd": ("MMD", "squared; 0 where both come from one distribution"),
    "frechet": ("Fréchet distance", "squared, between Gaussians; grows with the features' scale"),
    "coral": ("CORAL distance", "between the covariances; grows with the features' scale"),
}
"""Attribute of `Distances` -> (name, how to read it)."""


@dataclass(frozen=True)
class Answer:
    """One of the two questions, with its answer.

    Attributes:
        question: what is asked.
        yes: the answer; None where nobody knows.
        words: what was measured.
    """

    question: str
    yes: bool | None
    words: str

    @property
    def short(self) -> str:
        """In a word."""
        return {True: "yes", False: "no", None: "unknown"}[self.yes]

    @property
    def tone(self) -> str:
        """The colour class of the style sheet."""
        return {True: "good", False: "mixed", None: "unknown"}[self.yes]


def answers(advice: Advice) -> list[Answer]:
    """The two questions of the map, answered."""
    facts, classes = advice.facts, advice.facts.classes
    looks = (
        f"proxy A-distance {facts.distances.proxy_a:.2f} (two halves of the source: {facts.yardstick.proxy_a:.2f}), "
        f"MMD {facts.distances.mmd:.3f} ({facts.yardstick.mmd:.3f})"
    )
    names = {
        "same": f"all {len(classes.shared)} by name",
        "within": f"the target's {len(classes.shared)}, and {len(classes.only_source)} more in the source",
        "partly": f"{len(classes.shared)} shared; only in the target: {_some(classes.only_target)}",
        "none": f"not one; the target's: {_some(classes.only_target)}",
        "unknown": "nobody named the classes of one side",
    }
    named = None if classes.relation == "unknown" else nameable(classes)
    return [
        Answer("Similar visual domain?", similar(facts), looks),
        Answer("Same classes?", named, names[classes.relation]),
    ]


def show_advice(advice: Advice, console: Console) -> None:
    """Print the map, the questions, what follows, the ranking and the commands."""
    console.print(_map(advice))
    for answer in answers(advice):
        console.print(f"{answer.question} [bold]{answer.short}[/]: {answer.words}", highlight=False)
    console.print(f"[bold]{advice.outlook.word}[/]. {advice.outlook.text}\n", highlight=False)
    if advice.options:
        grid = Grid("", "strategy", heading(advice.options), "source %", "s", "why", box=None, padding=(0, 1))
        for rank, option in enumerate(advice.options, 1):
            known = percent(option.source_accuracy)
            grid.add_row(str(rank), option.strategy, estimate(option), known, f"{option.seconds:.1f}", option.why)
        console.print(grid)
    for each in advice.untried:
        console.print(f"not tried for want of time (--budget): {each.name}", highlight=False)
    for names, why in left_out(advice):
        console.print(f"does not apply: {names}: {why}", highlight=False, markup=False)
    for note in advice.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    console.print("\ngo on with", highlight=False)
    lines = [option.command for option in advice.options[:1]] + [each.command for each in advice.further]
    for line in lines:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"report: {advice.report}", markup=False, highlight=False, soft_wrap=True)


def estimate(option: Option) -> str:
    """The estimate and its error, in percent."""
    if option.estimate is None or option.error is None:
        return "-"
    return f"{percent(option.estimate)} ± {percent(option.error)}"


def heading(options: Sequence[Option]) -> str:
    """What the column of the estimates is called."""
    return "accuracy on the shots %" if options[0].basis == "shots" else "agreement %"


def left_out(advice: Advice) -> list[tuple[str, str]]:
    """(strategies, the reason that they share) of what does not apply."""
    reasons = dict.fromkeys(each.why for each in advice.left_out)
    return [(", ".join(each.name for each in advice.left_out if each.why == why), why) for why in reasons]


def write_advice_report(advice: Advice, views: Mapping[str, View], use: str) -> Path:
    """Write `report.html`: one file with everything in it.

    Args:
        advice: what to show.
        views: examples of `source` and `target`; of images the first are shown.
        use: the command line that uses the model that was kept; empty where none was.

    Returns:
        The path of the report.
    """
    cell = (advice.facts.source_labelled, advice.facts.shots > 0)
    return write_page(
        advice.folder,
        "advice.html.j2",
        advice=advice,
        cells=CELLS,
        lit=cell,
        answers=answers(advice),
        measures=[
            (name, how, getattr(advice.facts.distances, key), getattr(advice.facts.yardstick, key))
            for key, (name, how) in MEASURES.items()
        ],
        samples={side: _samples(view) for side, view in views.items()},
        small={side: _small(view) for side, view in views.items()},
        chart=_chart(advice.options) if any(option.estimate is not None for option in advice.options) else "",
        estimate=estimate,
        left_out=left_out(advice),
        use=use,
    )


def _map(advice: Advice) -> Grid:
    lit = (advice.facts.source_labelled, advice.facts.shots > 0)
    grid = Grid("", "source labelled", "source unlabelled", box=None, padding=(0, 1))
    for given in (True, False):
        row = [_cell(side, given, lit) for side in (True, False)]
        grid.add_row(Text(f"\ntarget {'labelled' if given else 'unlabelled'}"), *row)
    return grid


def _cell(source: bool, target: bool, lit: tuple[bool, bool]) -> Panel:
    name, why = CELLS[source, target]
    here = (source, target) == lit
    inside = Group(Text(f"▶ {name}" if here else name, style="bold" if here else "dim"), Text(why, style="dim"))
    return Panel(inside, border_style="bold green" if here else "dim", width=46)


def _chart(options: Sequence[Option]) -> Markup:
    """The estimates as points with their errors, the best on top."""
    known = [option for option in options if option.estimate is not None]

    def draw(narrow: bool) -> Figure:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 30 * len(known) + 56)
        for y, option in enumerate(reversed(known)):
            value, error = 100 * (option.estimate or 0.0), 100 * (option.error or 0.0)
            colour = ink("after" if y == len(known) - 1 else "before")
            axes.plot([value - error, value + error], [y, y], color=colour, lw=2)
            axes.plot([value], [y], "o", color=colour, ms=8)
        axes.set_yticks(range(len(known)), [option.strategy for option in reversed(known)])
        axes.tick_params(axis="y", labelcolor=ink("ink"))
        axes.set(xlim=(0, 102), ylim=(-0.6, len(known) - 0.4), xlabel=heading(options))
        axes.grid(axis="x", lw=0.8)
        return figure

    said = "; ".join(f"{option.strategy} {estimate(option)}" for option in known)
    return responsive(draw, "estimates", f"{heading(options)}: {said}")


def _samples(view: View) -> list[str]:
    few = torch.linspace(0, len(view) - 1, min(SHOWN, len(view))).long()
    if isinstance(view.x, ImageFiles):
        images, unreadable = view.x.try_read(view.index[few], (96, 96))
        images = images[~torch.isin(view.index[few], torch.tensor(unreadable))]
    else:
        images = view.read(few)
    if images.dim() != 4:
        return []
    colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]
    return [picture(image) for image in colour.permute(0, 2, 3, 1).contiguous().numpy()]


def _small(view: View) -> bool:
    return not isinstance(view.x, ImageFiles)


def _some(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
