"""What follows from the facts: pure functions, so that each advice can be read, tested and disputed.

The rules were fixed by reason and on the embedded digits; `docs/results/advise.md` tells how they fare on other pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from landbridge.advice.facts import Classes, Facts

CELLS = {
    (True, True): ("probe, fine-tune, learn both", "some target labels carry what the source taught to its new place"),
    (True, False): ("domain adaptation", "the target shows what it looks like; its classes are named by the source"),
    (False, True): ("not covered", "a source without labels gives features at best: self-taught learning"),
    (False, False): ("not covered", "no label anywhere: self-taught clustering"),
}
"""(source labelled, target labelled) -> what the cell of the map is called, and why."""

NEAR = 1.0
"""Up to this proxy A-distance domains are called similar: a linear rule mistakes one example in four, or more."""

SOURCE_RULES = ("vote", "standardised", "coral", "sa", "source-svm", "source-prototype", "source-knn")
"""Strategies without a target label, those first that are trusted most where domains differ: the mean of several rules,
as nobody knows which is right; then, the fewer numbers a rule takes from the target, the less can go wrong; one that
takes none ignores the shift."""

SHOT_RULES = ("together", "shots-svm", "shots-prototype")
"""Strategies that learn from target labels, likewise."""

AGREEING = 3
"""With fewer strategies tried, agreement between them says nothing, and the order of trust stands."""


def similar(facts: Facts) -> bool:
    """The first question: is the visual domain similar?"""
    return facts.distances.proxy_a <= NEAR


def nameable(classes: Classes) -> bool:
    """The second question: can the source name every class of the target? Unknown names are taken to agree."""
    return classes.relation in ("same", "within", "unknown")


@dataclass(frozen=True)
class Outlook:
    """What to expect.

    Attributes:
        word: `easy`, `hard` or `not covered`.
        text: what follows, in a sentence or two.
    """

    word: str
    text: str


def outlook(facts: Facts) -> Outlook:
    """What follows from the two questions and the cell."""
    if not facts.source_labelled:
        return Outlook(
            "not covered",
            "The source has no labels to carry over. Take a network that was trained elsewhere (--weights), and "
            + ("learn from the labels of the target alone." if facts.shots else "label some of the target."),
        )
    if nameable(facts.classes):
        if similar(facts):
            return Outlook("easy", "Domains are alike and the source names the classes: what it learned should hold.")
        how = "adapt, and let the target's labels judge" if facts.shots else "adapt to what the target looks like"
        return Outlook("hard", f"The classes are the same, but they look different: {how}.")
    if facts.shots and similar(facts):
        return Outlook("easy", "Domains are alike: the features hold, and the target's labels teach the new classes.")
    if facts.shots:
        return Outlook("hard", "Classes and looks differ: only the target's labels count, on features that travelled.")
    return Outlook(
        "hard",
        "The source has no word for some of the target's classes, and no label teaches them: "
        "label a few of each (--target-shots), or describe the classes to a network of images and words.",
    )


@dataclass(frozen=True)
class Suggestion:
    """A strategy before it is tried.

    Attributes:
        name: of the strategy, see `landbridge.advice.strategies`.
        applies: whether it can be used here.
        why: why, or why not.
    """

    name: str
    applies: bool
    why: str


def suggestions(facts: Facts) -> list[Suggestion]:
    """Which strategies apply, why, and in which order they are tried: those most trusted come first.

    Where domains are similar, plain rules of the source come before those that align. With target labels the rules that
    learn from them come first.
    """
    carries = facts.source_labelled and nameable(facts.classes)
    if not facts.source_labelled:
        lack = "the source has no labels"
    elif facts.classes.relation == "none":
        lack = "no class of the target is known to the source"
    else:
        lack = f"the source has no word for {', '.join(facts.classes.only_target[:3])}"
    order = sorted(SOURCE_RULES, key=lambda name: not name.startswith("source")) if similar(facts) else SOURCE_RULES
    without = [Suggestion(name, carries, _WHY[name] if carries else lack) for name in order]
    given = "no label of the target is given: name some with --target-shots"
    shots = [Suggestion(name, facts.shots > 0, _WHY[name] if facts.shots else given) for name in SHOT_RULES]
    if facts.shots and not carries:
        shots[0] = Suggestion("together", False, lack)
    return [*shots, *without]


_WHY = {
    "vote": "the mean of what standardised, coral and sa say, each at unit spread on the target",
    "coral": "gives the source the target's correlations, then a linear SVM",
    "standardised": "takes mean and scale from each domain, then a linear SVM",
    "sa": "turns the source's principal axes onto the target's, then a linear SVM",
    "source-svm": "a linear SVM on the source, used as it is",
    "source-prototype": "the nearest class mean of the source: one vector a class, nothing to tune",
    "source-knn": "the nearest labelled images of the source vote",
    "together": "source and target labels in one SVM, both sides weighing alike",
    "shots-svm": "a linear SVM on the target's labels alone",
    "shots-prototype": "class means of the target's labels: enough for one a class",
}


@dataclass(frozen=True)
class Estimate:
    """How good a strategy seems to be on the target.

    Attributes:
        value: in [0, 1]; only the order counts.
        error: its standard error.
    """

    value: float
    error: float


def ranked(estimates: Mapping[str, Estimate], trust: Sequence[str]) -> list[str]:
    """The best first: strategies within one standard error of the best in the order of trust, then by value.

    Args:
        estimates: by strategy.
        trust: all strategies, those most trusted first.

    >>> seen = {"sa": Estimate(0.80, 0.02), "coral": Estimate(0.79, 0.02), "source-svm": Estimate(0.6, 0.02)}
    >>> ranked(seen, ["coral", "source-svm", "sa"])
    ['coral', 'sa', 'source-svm']
    """
    if not estimates:
        return []
    best = max(estimates.values(), key=lambda estimate: estimate.value)
    enough = best.value - best.error
    level = [name for name in trust if name in estimates and estimates[name].value >= enough]
    behind = [name for name in trust if name in estimates and estimates[name].value < enough]
    return level + sorted(behind, key=lambda name: -estimates[name].value)
