"""The parts of a report that show how training went, what the network sees, and how it does class by class."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from landbridge.core.text import percent
from landbridge.evaluation.table import METRICS
from landbridge.reports import plots, verdicts
from landbridge.reports.embedding import embed
from landbridge.reports.evidence import Evidence, Model
from landbridge.reports.verdicts import Verdict


@dataclass(frozen=True)
class Figure:
    """A drawing with a heading and what to see in it."""

    title: str
    drawing: Markup
    caption: str = ""


@dataclass
class Section:
    """A part of the page."""

    name: str
    title: str
    intro: str = ""
    verdicts: list[Verdict] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def training(evidence: Evidence) -> Section:
    """Learning curves, and who won the game where there was one."""
    after = evidence.after
    every = {name: after.curves(name) for name in after.logged}
    judged = every.pop("selection", None)
    if judged and after.results[0].selection in ("validation", "source-accuracy"):
        every["validation_accuracy"] = judged
    roles = {
        "source_accuracy": "source",
        "domain_accuracy": "after",
        "lambda": "muted",
        "target_train_accuracy": "oracle",
        "validation_accuracy": "target",
    }
    shares = {name.replace("_", " "): every[name] for name in roles if every.get(name)}
    palette = {"classification": "source", "domain": "after"}
    losses = {name: curves for name, curves in every.items() if name not in roles}
    verdict = verdicts.games([values for _, values in after.curves("domain_accuracy")])
    section = Section(
        "training",
        "The game" if verdict else "Learning",
        "The features learn to tell the classes apart while a discriminator tries to tell the domains apart from the "
        "same features. At a domain accuracy of 0.5 it can only guess."
        if verdict
        else "How training went, on batches of the training examples.",
        [verdict] if verdict else [],
    )
    learned = [verdicts.learning(values, len(evidence.classes)) for _, values in after.curves("source_accuracy")]
    section.verdicts += [unlearned for unlearned in learned if unlearned and after.curves("classification")][:1]
    many = "Thin lines are seeds, bold their smoothed mean." if len(after.logs) > 1 else "Bold is the smoothed curve."
    if shares:
        named = {name.replace("_", " "): role for name, role in roles.items()}
        drawing = plots.training(shares, named, "curves", limits=(0.0, 1.04))
        section.figures.append(Figure("Accuracies" + (" and lambda" if "lambda" in shares else ""), drawing, many))
    if losses:
        spare = iter(("third", "target", "muted", "ink") * len(losses))
        colours = {name: palette.get(name) or next(spare) for name in losses}
        drawing = plots.training(
            {name.replace("_", " "): curves for name, curves in losses.items()},
            {name.replace("_", " "): role for name, role in colours.items()},
            "losses",
        )
        remark = "A domain loss of 0.69 (log 2) is pure guessing." if "domain" in losses else ""
        section.figures.append(Figure("Losses", drawing, remark))
    return section


def features(evidence: Evidence) -> Section:
    """Embeddings of the same points under each model, and how far apart the domains lie."""
    models = [model for model in (evidence.before, evidence.after, evidence.confused) if model]
    section = Section(
        "features",
        "What the network sees",
        "The same examples through each network, their features laid out on a plane by t-SNE. Adaptation worked where "
        "rings (target) lie among dots (source), and of the same class.",
    )
    for number, model in enumerate(models):
        if model.snapshot is not None:
            section.figures.append(_map(model, evidence, f"map{number}"))
    rows = [(model.label, model.mean("a_distance")) for model in (evidence.before, evidence.after) if model]
    if evidence.comparison:
        rows = [(row.label, row.a_distance) for row in evidence.table.rows]
    if evidence.confused:
        rows.append((evidence.confused.name, evidence.confused.mean("a_distance")))
    known = [(name, value, _role(name, evidence)) for name, value in rows if value is not None]
    if known:
        caption = (
            "How well a linear classifier tells the domains apart from the features alone. Low is necessary, not "
            "enough: features that are constant score 0 and are useless."
        )
        section.figures.append(Figure("Proxy A-distance", plots.distances(known), caption))
    earlier = evidence.before.mean("a_distance") if evidence.before else None
    verdict = verdicts.distance(earlier, evidence.after.mean("a_distance"))
    section.verdicts = [verdict] if verdict else []
    return section


def _map(model: Model, evidence: Evidence, name: str) -> Figure:
    taken = model.snapshot
    assert taken is not None
    source, target = embed(taken["source_features"], taken["target_features"])
    labelled = bool((taken["target_label"] >= 0).any())
    labels = taken["source_label"], taken["target_label" if labelled else "target_predicted"]
    caption = "" if labelled else "Target coloured by what it is called: its labels are unknown. "
    accuracy = model.mean(evidence.table.metric)
    if accuracy is not None:
        caption += f"{percent(accuracy)} % {METRICS[evidence.table.metric]}"
        caption += f"{_what_became_of_it(model, evidence) if model is evidence.confused and accuracy < 0.5 else ''}. "
    alt = f"t-SNE of the features of {model.label}, coloured by"
    drawing = Markup("").join([
        plots.by_domain(source, target, f"{name}-domain", f"{alt} domain"),
        plots.by_class(source, target, labels, evidence.classes, f"{name}-class", f"{alt} class"),
    ])  # fmt: skip
    return Figure(model.label, drawing, caption.strip())


def _what_became_of_it(confused: Model, evidence: Evidence) -> str:
    """What confusing the domains without labels led to: it may mislead its own discriminator and nobody else."""
    before = evidence.before.mean("a_distance") if evidence.before else None
    now = confused.mean("a_distance")
    aligned = before is not None and now is not None and now < before
    return ": aligned, and useless" if aligned else ": its discriminator is misled, and the classes are lost"


def _role(name: str, evidence: Evidence) -> str:
    if evidence.confused and name == evidence.confused.name:
        return "wrong"
    row = next((row for row in evidence.table.rows if row.label == name), None)
    return "after" if row is None else plots.role_of(row, evidence.table)


def classes(evidence: Evidence) -> Section:
    """Class by class: accuracy and confusion where labels are known, else what the target is called."""
    before, after = evidence.before, evidence.after
    section = Section("classes", "Class by class")
    source = (before.mean("source_accuracy") if before else None, after.mean("source_accuracy"))
    taken: list[int] = after.snapshot["target_predicted"].tolist() if after.snapshot is not None else []
    found = [verdicts.collapse(taken, len(evidence.classes)), verdicts.forgetting(*source)]
    section.verdicts = [verdict for verdict in found if verdict]
    rings = f"Rings: {before.label}. Dots: {after.label}." if before else ""
    by_class = after.by_class()
    if by_class:
        earlier = before.by_class() if before else None
        drawing = plots.paired(evidence.classes, earlier, by_class, "by-class", "accuracy", 1.0)
        section.figures.append(Figure("Accuracy on the target, by class", drawing, rings))
    elif taken:
        section.title = "What the target is called"
        section.intro = "Whether these calls are right is unknown: no labels."
        old = None
        if before and before.snapshot is not None:
            old = _shares(before.snapshot["target_predicted"].tolist(), len(evidence.classes))
        drawing = plots.paired(evidence.classes, old, _shares(taken, len(evidence.classes)), "by-class", "share")
        section.figures.append(Figure("Share of the target called each class", drawing, rings))
    matrices = [(model.label, model.confusion()) for model in (before, after) if model]
    for number, (label, matrix) in enumerate(matrices):
        if matrix:
            errors = plots.mistakes(matrix, evidence.classes)
            caption = f"Commonest errors: {'; '.join(errors)}." if errors else "No errors."
            drawing = plots.confusion(matrix, evidence.classes, f"confusion{number}", label)
            section.figures.append(Figure(f"Confusion, {label}", drawing, caption))
    return section


def _shares(predicted: Sequence[int], count: int) -> list[float | None]:
    counts = Counter(predicted)
    return [counts[number] / len(predicted) for number in range(count)]


EVERY = (training, features, classes)
"""The parts, in the order of the page."""
