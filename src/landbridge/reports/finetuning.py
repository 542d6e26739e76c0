"""What the report shows of fine-tuned models, beside or in place of what it shows of adapted ones."""

from collections.abc import Sequence
from statistics import fmean

from landbridge.core.text import percent
from landbridge.evaluation.table import METRICS, Row
from landbridge.reports import plots, sections, verdicts
from landbridge.reports.evidence import Evidence, Model
from landbridge.reports.finetuning_plots import ROLES, layer_bars, layer_lines
from landbridge.reports.sections import Figure, Section

Group = dict[str, object]


def learning(evidence: Evidence) -> Section:
    """Learning curves: of one method all losses, of several methods the accuracy and the loss side by side."""
    section = Section("training", "Learning", "How training went, on batches of the labels shown.")
    row = evidence.table.row(evidence.after.name)
    found = verdicts.by_heart(row) if row else None
    if len(evidence.tuned) == 1:
        section.figures = sections.training(evidence).figures
        section.verdicts = [found] if found else []
        return section
    shown = {
        "target_train_accuracy": ("Accuracy on the labels shown", (0.0, 1.04)),
        "classification": ("Loss on the labels shown", None),
    }
    many = "Thin lines are seeds, bold their smoothed mean." if len(evidence.table.seeds) > 1 else ""
    for name, (title, limits) in shown.items():
        curves = {model.name: model.curves(name) for model in evidence.tuned if model.curves(name)}
        if curves:
            drawing = plots.training(curves, ROLES, f"curves-{name}", limits=limits)
            section.figures.append(Figure(title, drawing, many))
    if found:
        said = f"{evidence.after.name}: {found.text[0].lower()}{found.text[1:]}"
        section.verdicts = [verdicts.Verdict(found.tone, said)]
    return section


def layers(evidence: Evidence) -> Section:
    """Which layer groups moved, how far, and at what rate."""
    after = evidence.after if evidence.after in evidence.tuned else evidence.tuned[-1]
    section = Section(
        "layers",
        "What moved",
        "The network by layer groups, from the input down to the head: whether a group stood still, the rate at which "
        "it moved, and how far its weights are from where they started, as a share of their own size.",
    )
    groups = _groups(after)
    if groups:
        still = sum(not group["rate"] for group in groups)
        caption = f"{still} of {len(groups) - 1} layer groups stood still." if still else "No layer group was frozen."
        section.figures.append(Figure(f"Layer groups under {after.name}", layer_bars(groups), caption))
    ways = {model.name: _ways(model) for model in evidence.tuned if model.name != "scratch"}
    moving = {name: way for name, way in ways.items() if any(value > 0 for _, value in way)}
    if len(moving) > 1:
        caption = "On a logarithmic scale. Groups that stood still are not drawn, nor what started from scratch."
        section.figures.append(Figure("The same for each method", layer_lines(moving), caption))
    return section


def _groups(model: Model) -> list[Group]:
    """The layer groups of a model, means over seeds."""
    every = [result.metrics.get("layer_groups") or [] for result in model.results]
    merged = []
    for same in zip(*every):
        known = [group["moved"] for group in same if group["moved"] is not None]
        merged.append({**same[0], "moved": fmean(known) if known else None})
    return merged


def _ways(model: Model) -> list[tuple[str, float]]:
    return [(str(group["name"]), float(str(group["moved"]))) for group in _groups(model) if group["moved"] is not None]


def parts(evidence: Evidence) -> list[Section]:
    """The sections of the page, in their order."""
    if evidence.after in evidence.tuned:
        made = [learning(evidence), layers(evidence), sections.classes(evidence)]
    else:
        made = [make(evidence) for make in sections.EVERY]
        if evidence.tuned:
            made.append(layers(evidence))
    return [section for section in made if section.figures]


def tiles(evidence: Evidence, row: Row) -> list[tuple[str, str, str]]:
    """The few numbers that matter of a fine-tuned model: (what, number, remark)."""
    table = evidence.table
    known = f"{percent(row.mean)} %" if row.mean is not None else "unknown"
    found = [(row.method, known, METRICS[table.metric])]
    against = table.reference(row.method)
    if against and against.mean is not None:
        found.insert(0, (against.method, f"{percent(against.mean)} %", METRICS[table.metric]))
    found.append(("labels shown", f"{percent(row.train_accuracy)} %", "called rightly"))
    if row.train_gap is not None:
        found.append(("train − test", f"{100 * row.train_gap:.1f}", "points learned by heart"))
    shown = evidence.after.results[0].metrics.get("labels")
    found.append(("labels", row.labels, f"{shown:,} in all" if shown else ""))
    return found


def facts(evidence: Evidence, measured: str) -> list[tuple[str, str, str]]:
    """How the numbers of a fine-tuned model came about: (what, which, what that means)."""
    result = evidence.after.results[0]
    settings, seeds = result.settings, evidence.table.seeds
    drawn = "" if settings.get("shots") is None else "drawn by seed; the labels of all other examples stayed sealed"
    start = f"trained on {result.source}" if result.source else str(settings.get("weights") or "random numbers")
    before = settings.get("source_steps") or result.steps
    return [
        ("labels", result.protocol, drawn),
        ("starts from", start, f"{before:,} steps on all of its labels" if result.source else ""),
        ("weights chosen", result.selection, CHOSEN.get(result.selection, "")),
        ("seeds" if len(seeds) > 1 else "seed", ", ".join(map(str, seeds)), _spread(seeds)),
        ("measured on", measured, ""),
    ]


CHOSEN = {
    "last": "the weights of the last step: nothing was chosen",
    "validation": "the checkpoint that is best on a fifth of the labels shown, which training did without",
}


def _spread(seeds: Sequence[int]) -> str:
    return "± is the sample standard deviation; intervals are 95 %, by Student's t" if len(seeds) > 1 else ""
