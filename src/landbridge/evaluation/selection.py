"""Which candidate to take by a score that needs no target label, and which never: the collapse gate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from landbridge.evaluation.collected import Collected

LOWER = "source-only"
"""The method that adapts nothing: no choice may score worse."""

FEWEST = 0.5
"""A model whose `diversity` is below this has collapsed."""


def diversity(predictions: Tensor, labels: Tensor) -> float:
    """How many classes a model calls the target's examples, relative to how many the source's labels have.

        (exp H(predicted) - 1) / (exp H(labels) - 1),

    H the entropy of the histogram over classes, so that exp H is the number of classes in effective use (perplexity);
    the first is not counted, since one class is always used. It needs no target label, and takes for granted that the
    target's classes are about as many and as even as the source's.

    Args:
        predictions: class numbers that the model calls the target's examples [m].
        labels: class numbers of labelled source examples [n].

    Returns:
        >= 0: 0 for a single class, 1 where both are as diverse; 1 too where the source itself has but one class.

    >>> round(diversity(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 2, 3])), 3)
    0.333
    """
    used, there = (_perplexity(numbers) - 1 for numbers in (predictions, labels))
    return used / there if there > 1e-9 else 1.0


def diversity_of(seen: Collected) -> float:
    """The `diversity` of a model; 1 where the target may lack classes, so that few may be right."""
    return 1.0 if seen.partial else diversity(seen.target.predictions, seen.labels)


def _perplexity(numbers: Tensor) -> float:
    shares = torch.bincount(numbers).double() / len(numbers)
    return math.exp(float(torch.special.entr(shares).sum()))


@dataclass(frozen=True)
class Judged:
    """What a judge says of a model.

    Attributes:
        score: by the validator, higher is better.
        sound: whether the model passes the collapse gate.
    """

    score: float
    sound: bool = True

    @classmethod
    def of(cls, score: float, seen: Collected) -> "Judged":
        """A score and what was seen of the model; one whose outputs or score are no numbers is not sound."""
        finite = math.isfinite(score) and seen.finite
        return cls(score, finite and diversity_of(seen) >= FEWEST)

    def beats(self, kept: "Judged") -> bool:
        """Whether it takes the place of what is kept: the better score of two sound ones, the later of two others.

        >>> Judged(0.1).beats(Judged(0.9, sound=False)), Judged(0.9, sound=False).beats(Judged(0.1))
        (True, False)
        """
        return self.score > kept.score if self.sound and kept.sound else not kept.sound


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen.

    Attributes:
        name: what it is called.
        score: by the validator, higher is better; None where it is unknown.
        diversity: as `diversity_of` has it.
    """

    name: str
    score: float | None
    diversity: float


@dataclass(frozen=True)
class Choice:
    """What a validator chooses.

    Attributes:
        name: of the chosen candidate.
        score: its score.
        refused: names of candidates that were never in the running -> why.
    """

    name: str
    score: float | None
    refused: dict[str, str] = field(default_factory=dict)


def refusal(candidate: Candidate, plain: Candidate | None) -> str:
    """Why a candidate must not be chosen; empty where nothing speaks against it.

    Args:
        candidate: which one.
        plain: the model without adaptation.
    """
    if candidate.score is None or not math.isfinite(candidate.score):
        return "has no score"
    if candidate.diversity < FEWEST:
        return f"collapsed: predicts few classes (diversity {candidate.diversity:.2f}, below {FEWEST})"
    if plain and not refusal(plain, None) and candidate.score < (plain.score or 0.0):
        return f"scores worse than {plain.name} ({candidate.score:.4g}, below {plain.score:.4g})"
    return ""


def choose(candidates: Sequence[Candidate], plain: Candidate | None = None) -> Choice:
    """The candidate with the highest score of those that pass the gate.

    Never chosen is one that predicts few classes only, or scores worse than the model without adaptation; if none is
    left, that model is taken, and where there is none, the last candidate. Of equal scores the first wins.

    Args:
        candidates: those that adapt, one at least if `plain` is None.
        plain: the model without adaptation; it is a candidate too.

    >>> few = [Candidate("a", 0.9, 0.1), Candidate("b", 0.7, 0.9), Candidate("c", 0.2, 0.9)]
    >>> choice = choose(few, Candidate("plain", 0.5, 0.8))
    >>> choice.name, choice.refused["a"]
    ('b', 'collapsed: predicts few classes (diversity 0.10, below 0.5)')
    """
    refused = {candidate.name: reason for candidate in candidates if (reason := refusal(candidate, plain))}
    left = [candidate for candidate in candidates if candidate.name not in refused]
    if plain and not refusal(plain, None):
        left.insert(0, plain)
    best = max(left, key=_score) if left else plain or candidates[-1]
    return Choice(best.name, best.score, refused)


def _score(candidate: Candidate) -> float:
    return -math.inf if candidate.score is None else candidate.score
