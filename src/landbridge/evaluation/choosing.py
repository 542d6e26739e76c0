"""Which method of a comparison a validator chooses: no target label has a say in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from landbridge.evaluation.pixel_validators import PIXEL_VALIDATORS
from landbridge.evaluation.selection import LOWER, Candidate, choose
from landbridge.evaluation.validators import VALIDATORS
from landbridge.runs import Result


@dataclass(frozen=True)
class Chosen:
    """The method that a validator chooses.

    Attributes:
        method: its name.
        options: its options.
        validator: what chose it.
        score: its score, the mean over the seeds that all methods have.
        refused: methods that were never in the running -> why.
    """

    method: str
    options: dict[str, Any]
    validator: str
    score: float | None
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """In a sentence or two."""
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        named = f"{self.method} ({options})" if options else self.method
        score = "no score" if self.score is None else f"score {self.score:.4g}"
        reasons = "; ".join(f"{name} {reason}" for name, reason in self.refused.items())
        return f"Chosen by {self.validator}, without target labels: {named}, {score}." + (
            f" Refused: {reasons}." if reasons else ""
        )


def chosen_among(groups: Sequence[Sequence[Result]]) -> Chosen | None:
    """The method that the rule of the runs chooses by the scores of their models; None where it is no validator.

    A method's score is the mean over the seeds that all of them have, its diversity the least of these: what collapses
    with one seed is not to be trusted with another. Oracles and what was fine-tuned on target labels are no candidates.

    Args:
        groups: finished runs, a group a method.
    """
    groups = [group for group in groups if not group[0].oracle and "diversity" in group[0].metrics]
    rules = {result.selection for group in groups for result in group}
    rule = rules.pop() if len(rules) == 1 else "last"
    if rule not in VALIDATORS and rule not in PIXEL_VALIDATORS:
        return None
    shared = set.intersection(*({result.seed for result in group} for group in groups))
    found = {group[0].method: [result for result in group if result.seed in shared] for group in groups}
    if not shared:
        return None
    candidates = {method: _candidate(method, rule, results) for method, results in found.items()}
    plain = candidates.pop(LOWER, None)
    choice = choose(list(candidates.values()), plain)
    options = found[choice.name][0].settings.get("options") or {}
    return Chosen(choice.name, dict(options), rule, choice.score, choice.refused)


def _candidate(method: str, rule: str, results: Sequence[Result]) -> Candidate:
    scores = [result.metrics["validators"].get(rule) for result in results]
    known = [score for score in scores if score is not None]
    score = fmean(known) if len(known) == len(scores) else None
    return Candidate(method, score, min(result.metrics["diversity"] for result in results))
