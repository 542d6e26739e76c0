"""What the numbers say, in a sentence each. Pure functions; where nothing can be said they return None."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from landbridge.core.text import percent
from landbridge.evaluation.table import METRICS, REFERENCES, Row, Table, apart, spread

CONFUSED, WON, SWINGS = 0.60, 0.85, 0.12
"""Domain accuracy below which domains count as confused, above which the discriminator has won, and the deviation
within the last part of training above which the game counts as unsettled."""


LEARNED, BY_HEART = 0.9, 0.1
"""Accuracy on the labels shown below which they were not learned, and its lead over the test examples' above which they
were learned by heart."""

CERTAINTY = {
    True: " The 95 % intervals over seeds are apart.",
    False: " The 95 % intervals over seeds overlap, so this may be chance.",
    None: " One seed: what chance contributes is unknown.",
}
"""What is said of a difference, by whether the intervals are apart."""


@dataclass(frozen=True)
class Verdict:
    """A judgement: how it turned out (`good`, `mixed`, `bad`, `unknown`) and the sentence that says so."""

    tone: str
    text: str


def last_part(values: Sequence[float], share: float = 0.2) -> Sequence[float]:
    """The last fifth of a curve, at least five points of it where there are as many.

    >>> last_part([1, 2, 3, 4, 5, 6])
    [2, 3, 4, 5, 6]
    """
    return values[-max(5, round(share * len(values))) :]


def game(domain_accuracy: Sequence[float]) -> Verdict | None:
    """Who won the game between features and discriminator, judged by the last fifth of training.

    Args:
        domain_accuracy: share of a batch whose domain the discriminator told rightly, in order of steps.

    >>> print(game([0.9] * 5 + [0.54] * 20).text)
    Domain accuracy settled at 0.54: the domains are confused.
    """
    if not domain_accuracy:
        return None
    if len(domain_accuracy) < 5:
        return Verdict("unknown", "Training was too short to say who won the game between features and discriminator.")
    end = last_part(domain_accuracy)
    mean, swing = fmean(end), pstdev(end)
    if swing > SWINGS:
        return Verdict(
            "mixed",
            f"Domain accuracy did not settle: it still swings between {min(end):.2f} and {max(end):.2f}. A lower rate "
            "or a smaller weight of the adversary may calm the game.",
        )
    if mean >= WON:
        return Verdict(
            "bad",
            f"The discriminator won: it still tells the domains apart at {mean:.2f}, so the features still betray "
            "where an example comes from. More steps or a larger weight of the adversary may help.",
        )
    if mean > CONFUSED:
        return Verdict(
            "mixed",
            f"Domain accuracy settled at {mean:.2f}: the domains have come closer, but the discriminator still finds "
            "differences (0.50 would be chance).",
        )
    return Verdict("good", f"Domain accuracy settled at {mean:.2f}: the domains are confused.")


def games(curves: Sequence[Sequence[float]]) -> Verdict | None:
    """The verdict over several seeds: that of their common end where they agree, else the worst, with its count."""
    verdicts = [verdict for verdict in map(game, curves) if verdict]
    if not verdicts:
        return None
    if len({verdict.tone for verdict in verdicts}) == 1:
        calm = all(pstdev(last_part(curve)) <= SWINGS for curve in curves)
        return game([fmean(values) for values in zip(*curves)]) if calm else verdicts[0]
    order = ("bad", "mixed", "unknown", "good")
    worst = min(verdicts, key=lambda verdict: order.index(verdict.tone))
    count = sum(verdict.tone == worst.tone for verdict in verdicts)
    return Verdict(worst.tone, f"{worst.text} (So in {count} of {len(verdicts)} seeds.)")


def gap(table: Table, row: Row) -> Verdict:
    """What a method bought: its distance to source-only, the share of the gap closed, and whether seeds blur it.

    Fine-tuning beside fine-tuning is held against frozen features, or else what starts from scratch.
    """
    lower = table.lower
    if row.tuned and (lower is None or lower.mean is None):
        return tuned(table, row)
    if row.oracle and row.mean is not None:
        return Verdict("unknown", f"{row.method} is an oracle: with the target's labels it reaches {spread(row)} %.")
    if row is lower and row.mean is not None:
        said = f"{row.method} adapts nothing and reaches {spread(row)} % {table.measure}: what is to be beaten."
        return Verdict("unknown", said)
    if row.mean is None:
        return Verdict("unknown", f"How well {row.method} does on {table.target} is unknown: no labels.")
    what = f"{spread(row)} % {table.measure}"
    if lower is None or lower.mean is None:
        return Verdict("unknown", f"{row.method} reaches {what}. What it bought is unknown: source-only did not run.")
    gained, clear = row.mean - lower.mean, apart(row.interval, lower.interval)
    change = f"{what}, {abs(100 * gained):.1f} points {'above' if gained >= 0 else 'below'} source-only"
    if row.gap_closed is not None and gained > 0:
        change += f": {percent(row.gap_closed, 0)} % of the gap to training on the target is closed"
    certainty = CERTAINTY[clear]
    if row.tuned:
        change += f", with {_labels(row)} of the target"
    if gained < 0:
        said = "reaches" if row.tuned else "did harm:"
        return Verdict("bad", f"{row.method} {said} {change}.{certainty}")
    tone = "good" if clear and (row.gap_closed is None or row.gap_closed >= 0.25) else "mixed"
    return Verdict(tone, f"{row.method} reaches {change}.{certainty}")


def tuned(table: Table, row: Row) -> Verdict:
    """How a way of fine-tuning stands beside the one that it must beat, and whether seeds blur that."""
    if row.mean is None:
        return Verdict("unknown", f"How well {row.method} does on {table.target} is unknown: no labels to test on.")
    reached = f"{row.method} reaches {spread(row)} % {METRICS[table.metric]} with {_labels(row)}"
    against = table.reference(row.method)
    if against is None or against.mean is None:
        return Verdict("unknown", f"{reached}.")
    gained, clear = row.mean - against.mean, apart(row.interval, against.interval)
    text = f"{reached}, {abs(100 * gained):.1f} points {'above' if gained >= 0 else 'below'} {against.method}."
    if row.method in REFERENCES:
        tone = "unknown"
    elif gained < 0:
        tone = "bad" if clear else "mixed"
    else:
        tone = "good" if clear else "mixed"
    return Verdict(tone, f"{text}{CERTAINTY[clear]}")


def _labels(row: Row) -> str:
    """The labels seen, in words."""
    if row.labels == "all":
        return "all labels"
    number, _, rest = row.labels.partition(" ")
    return f"{number} label{'s' * (number != '1')} {rest}"


def by_heart(row: Row) -> Verdict | None:
    """Whether a fine-tuned model knows its labels by heart, or has not even learned them."""
    train, test = row.train_accuracy, row.test_accuracy
    if train is None or test is None:
        return None
    between = f"{percent(train)} % of the labels shown are called rightly, and {percent(test)} % of the test examples"
    if train < LEARNED:
        return Verdict("mixed", f"Only {between}: what was shown is not learned yet; more steps or a larger rate help.")
    if train - test > BY_HEART:
        points = f"{100 * (train - test):.1f} points"
        return Verdict(
            "mixed",
            f"{between}: {points} of it were learned by heart. More labels, augmentation, a smaller rate or fewer "
            "layers that move may narrow the gap.",
        )
    return Verdict("good", f"{between}: little was learned by heart.")


def collapse(predicted: Sequence[int], classes: int) -> Verdict | None:
    """Whether a model calls the target only a few of its classes, or nearly everything one of them.

    Args:
        predicted: class numbers.
        classes: how many there are.

    >>> print(collapse([0] * 95 + [1] * 5, 10).text)
    Predictions collapsed: 95 % of the target is called one class, and 2 of 10 classes are used at all.
    >>> collapse([0, 1, 2, 3], 4) is None
    True
    """
    if len(predicted) == 0 or classes < 2:
        return None
    counts: dict[int, int] = {}
    for number in predicted:
        counts[int(number)] = counts.get(int(number), 0) + 1
    largest = max(counts.values()) / len(predicted)
    few = len(counts) <= classes / 2 and len(predicted) >= 5 * classes
    if largest >= min(0.95, max(0.6, 2.5 / classes)) or few:
        return Verdict(
            "bad",
            f"Predictions collapsed: {percent(largest, 0)} % of the target is called one class, and {len(counts)} of "
            f"{classes} classes are used at all.",
        )
    return None


def forgetting(before: float | None, after: float | None, limit: float = 0.03) -> Verdict | None:
    """Whether adapting cost accuracy on the source.

    >>> print(forgetting(0.98, 0.90).text)
    Accuracy on the source fell from 98.0 % to 90.0 %: adapting to the target cost some of what was known.
    >>> forgetting(0.98, 0.97) is None
    True
    """
    if before is None or after is None or before - after <= limit:
        return None
    fell = f"Accuracy on the source fell from {percent(before)} % to {percent(after)} %: "
    if after < before / 2:
        return Verdict("bad", f"{fell}the classes themselves were lost, so nothing useful could be carried over.")
    return Verdict("mixed", f"{fell}adapting to the target cost some of what was known.")


def learning(source_accuracy: Sequence[float], classes: int) -> Verdict | None:
    """Whether the source was never learned, which no adaptation survives.

    Args:
        source_accuracy: on training batches, in order of steps.
        classes: how many there are.

    >>> print(learning([0.1] * 10, 10).text[:64])
    The source itself was not learned: accuracy on it ends at 0.10 o
    >>> learning([0.1, 0.5, 0.9, 0.95, 0.95, 0.95, 0.95], 10) is None
    True
    """
    if len(source_accuracy) < 5 or classes < 2:
        return None
    mean = fmean(last_part(source_accuracy))
    if mean >= 1 / classes + 0.25 * (1 - 1 / classes):
        return None
    return Verdict(
        "bad",
        f"The source itself was not learned: accuracy on it ends at {mean:.2f} on training batches. A lower rate, "
        "clipped gradients or a smaller weight of the adversary may help.",
    )


def distance(before: float | None, after: float | None) -> Verdict | None:
    """What became of the proxy A-distance.

    >>> print(distance(1.9, 0.6).text)
    The proxy A-distance fell from 1.90 to 0.60: a linear classifier finds it harder to tell the domains apart.
    """
    if before is None or after is None:
        return None
    moved = f"from {before:.2f} to {after:.2f}"
    if after < before - 0.1:
        return Verdict(
            "good", f"The proxy A-distance fell {moved}: a linear classifier finds it harder to tell the domains apart."
        )
    if after > before + 0.1:
        return Verdict("mixed", f"The proxy A-distance rose {moved}: the domains are easier to tell apart than before.")
    return Verdict("mixed", f"The proxy A-distance hardly changed ({moved}): the domains lie as far apart as before.")
