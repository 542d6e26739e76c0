"""What the report shows of segmenters, in place of what it shows of classifiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from landbridge.core.text import percent
from landbridge.evaluation.pixel_validators import LEAST
from landbridge.evaluation.selection import FEWEST
from landbridge.reports import plots, sections, verdicts
from landbridge.reports.drawing import canvas, ink, responsive
from landbridge.reports.evidence import Evidence, Model
from landbridge.reports.plots import NARROW, WIDE, short
from landbridge.reports.scenes import Panel, answers, doubts, legend
from landbridge.reports.sections import Figure, Section
from landbridge.reports.verdicts import Verdict

SELECTIONS = {
    "entropy": "the checkpoint that is surest of the unlabelled target's pixels",
    "agreement": "the checkpoint that calls pixels the same when images are mirrored, darker or brighter",
    "prior": "the checkpoint that predicts classes about as often on the target as the source's labels have them",
}
"""What `--select` means for segmenters."""


@dataclass(frozen=True)
class Scenes:
    """The pictures of a report.

    Attributes:
        panels: answers beside images and truth, then where the models are unsure.
        legend: name and colour of each class.
    """

    panels: list[Panel]
    legend: list[tuple[str, str]]


def is_segmentation(evidence: Evidence) -> bool:
    """Whether a report is about segmenters."""
    return evidence.table.metric == "target_miou"


def scenes(evidence: Evidence) -> Scenes | None:
    """Target images with what the models call their pixels; None where no run kept any."""
    models = [
        (_heading(model, evidence), model.snapshot)
        for model in (evidence.before, evidence.after)
        if model and model.snapshot is not None
    ]
    if not models:
        return None
    own = evidence.after.results[0].settings.get("private_classes") or []
    named = [f"{name} (only in the target)" if name in own else name for name in evidence.classes]
    return Scenes([answers(models), doubts(models)], legend(models[-1][1], named))


def _heading(model: Model, evidence: Evidence) -> str:
    """What a column of pictures is called."""
    if model.results[0].oracle:
        return model.label
    if model.name == "source-only":
        return "without adaptation"
    return f"with adaptation, {model.name}"


def parts(evidence: Evidence) -> list[Section]:
    """The sections of the page, in their order."""
    made = [classes(evidence), distance(evidence), sections.training(evidence)]
    return [section for section in made if section.figures]


def classes(evidence: Evidence) -> Section:
    """Class by class: intersection over union where labels are known, and classes that were lost."""
    before, after = evidence.before, evidence.after
    section = Section("classes", f"Class by class: {evidence.table.class_set}")
    found = [_lost(after), _forgetting(before, after)]
    section.verdicts = [verdict for verdict in found if verdict]
    by_class = iou_of(after, evidence.classes)
    if by_class:
        earlier = iou_of(before, evidence.classes) if before else None
        said = f"Grey: {before.label}. Coloured: {after.label}." if before else ""
        own = after.results[0].settings.get("private_classes") or []
        named = [f"{name} *" if name in own else name for name in evidence.classes]
        said += " * Only the target has these classes." if own else ""
        drawing = iou_bars(named, earlier, by_class)
        section.figures.append(Figure("Intersection over union on the target, by class", drawing, said.strip()))
    for number, model in enumerate(model for model in (before, after) if model):
        matrix = model.confusion()
        if matrix:
            errors = plots.mistakes(matrix, evidence.classes)
            drawing = plots.confusion(matrix, evidence.classes, f"confusion{number}", model.label)
            caption = f"Commonest errors, in pixels: {'; '.join(errors)}."
            section.figures.append(Figure(f"Confusion of pixels, {model.label}", drawing, caption))
    return section


def distance(evidence: Evidence) -> Section:
    """How far apart the domains lie for the networks."""
    section = Section(
        "distance",
        "What the network sees",
        "A linear classifier tries to tell source from target by the features of single places in the images.",
    )
    rows = [(model.label, model.mean("a_distance")) for model in (evidence.before, evidence.after) if model]
    if evidence.comparison:
        rows = [(row.label, row.a_distance) for row in evidence.table.rows]
    roles = {row.label: plots.role_of(row, evidence.table) for row in evidence.table.rows}
    known = [(name, value, roles.get(name, "after")) for name, value in rows if value is not None and value == value]
    if known:
        section.figures.append(Figure("Proxy A-distance", plots.distances(known)))
        earlier = evidence.before.mean("a_distance") if evidence.before else None
        verdict = verdicts.distance(earlier, evidence.after.mean("a_distance"))
        section.verdicts = [verdict] if verdict else []
    return section


def iou_of(model: Model, names: Sequence[str]) -> list[float | None]:
    """The intersection over union of each class, the mean over seeds; empty where labels are unknown."""
    every = [result.metrics.get("per_class_iou") for result in model.results]
    if not every or any(not by_class for by_class in every):
        return []
    columns = [[by_class.get(name) for by_class in every if by_class] for name in names]
    known = [[value for value in column if value is not None] for column in columns]
    return [fmean(values) if values else None for values in known]


def iou_bars(classes: Sequence[str], before: Sequence[float | None] | None, after: Sequence[float | None]) -> Markup:
    """Two bars a class, before above after; in two columns where classes are many."""
    earlier = list(before) if before else [None] * len(after)

    def draw(narrow: bool) -> Drawing:
        columns = 1 if narrow or len(classes) < 8 else 2
        length = -(-len(classes) // columns)
        figure, every = canvas(NARROW if narrow else WIDE, 34 * length + 46, columns)
        for axes, start in zip(every, range(0, len(classes), length)):
            part = range(start, min(start + length, len(classes)))
            _column(axes, part, classes, earlier, after)
            axes.set_ylim(length - 0.4, -0.6)
        return figure

    said = "; ".join(f"{name} {percent(a)} to {percent(b)}" for name, a, b in zip(classes, earlier, after))
    return responsive(draw, "by-class", f"Intersection over union by class, before to after, in percent: {said}")


def _column(
    axes: Axes, part: range, classes: Sequence[str], before: Sequence[float | None], after: Sequence[float | None]
) -> None:
    for y, i in enumerate(part):
        for value, role, top in ((before[i], "before", y - 0.36), (after[i], "after", y)):
            if value is not None:
                axes.add_patch(Rectangle((0, top), 100 * value, 0.34, color=ink(role), lw=0))
                axes.text(100 * value + 1.5, top + 0.19, percent(value), va="center", color=ink("muted"), fontsize=10)
        if after[i] is None:
            axes.text(1, y + 0.19, "in no image", va="center", color=ink("muted"), fontsize=11)
    axes.set_yticks(range(len(part)), [short(classes[i]) for i in part])
    axes.tick_params(axis="y", labelcolor=ink("ink"))
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlabel("IoU (%)")
    axes.spines["left"].set_visible(False)


def _lost(model: Model) -> Verdict | None:
    """Whether classes were lost on the target, by the gate's count."""
    gone = sorted({name for result in model.results for name in result.metrics.get("lost_classes") or ()})
    if not gone:
        return None
    few = min(result.metrics["diversity"] for result in model.results) < FEWEST
    seldom = f"less than {LEAST:.0%} as often as in the source's labels"
    text = f"{model.label} calls pixels of the target {', '.join(gone)} {seldom} (without looking at target labels)"
    return Verdict(
        "bad" if few else "mixed", f"{text}: {'predictions collapsed' if few else 'rare classes may be lost'}."
    )


def _forgetting(before: Model | None, after: Model) -> Verdict | None:
    """Whether adapting cost mIoU on the source."""
    old, new = before.mean("source_miou") if before else None, after.mean("source_miou")
    if old is None or new is None or old - new <= 0.03:
        return None
    fell = f"mIoU on the source fell from {percent(old)} % to {percent(new)} %"
    return Verdict("mixed", f"{fell}: adapting to the target cost some of what was known.")
