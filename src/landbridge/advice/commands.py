"""The exact command lines to go on with."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from landbridge.adaptation import METHODS
from landbridge.advice.advice import Further
from landbridge.advice.facts import Facts
from landbridge.advice.rules import nameable

STEPS, BATCH = 2000, 64
"""What `landbridge adapt` takes by default."""

BACK = 3
"""A training step costs about as much as so many forward passes of its images."""

DEEP = {
    "source-only": "train the network on the source: what all else must beat",
    "dann": "train features in which the domains cannot be told apart",
    "coral": "train on the source, then align the correlations of its last hidden layer",
    "sa": "train on the source, then align the subspaces of its last hidden layer",
}
"""Methods of `landbridge adapt` that are worth a try, in this order."""


@dataclass(frozen=True)
class Asked:
    """What the commands have in common.

    Attributes:
        source: as it was named.
        target: likewise.
        backbone: the network.
        weights: a file or `hub`; None for fresh ones.
        unlabelled: whether the target is read without labels.
        shots: labels a class of the target that may be used.
        seed: which ones.
        data_root: folder of the data sets, where it was named.
        extra: further words of `landbridge advise`.
    """

    source: str
    target: str
    backbone: str
    weights: str | None = None
    unlabelled: bool = False
    shots: int = 0
    seed: int = 0
    data_root: str | None = None
    extra: Sequence[str] = ()

    @property
    def _network(self) -> list[str]:
        return ["--weights", self.weights] if self.weights else []

    @property
    def _place(self) -> list[str]:
        return ["--data-root", self.data_root] if self.data_root else []

    def advise(self, keep: str | None = None) -> str:
        """`landbridge advise` once more, maybe with the model of one strategy kept."""
        words = ["landbridge", "advise", self.source, self.target, "--backbone", self.backbone, *self._network]
        words += ["--unlabelled"] if self.unlabelled else []
        words += ["--target-shots", str(self.shots)] if self.shots else []
        words += ["--seed", str(self.seed)] if self.seed else []
        words += ["--keep", keep] if keep else []
        return shlex.join([*words, *self.extra, *self._place])

    def adapt(self, method: str, source: str | None = None) -> str:
        """`landbridge adapt` with a method, from this source or another."""
        words = ["landbridge", "adapt", source or self.source, self.target, "--method", method]
        words += ["--backbone", self.backbone, *self._network, *(["--unlabelled"] if self.unlabelled else [])]
        return shlex.join([*words, *self._place])

    def probe(self, classifier: str, domain: str, shots: int = 0) -> str:
        """`landbridge probe` of the network's output on one domain."""
        words = ["landbridge", "probe", self.backbone, domain, *self._network, "--layers", "output"]
        words += ["--classifiers", classifier, *(["--shots", str(shots)] if shots else [])]
        return shlex.join([*words, *self._place])

    def index(self) -> str:
        """`landbridge index` of the source."""
        return shlex.join(
            ["landbridge", "index", self.source, "--backbone", self.backbone, *self._network, *self._place]
        )

    def of(self, strategy: str) -> str:
        """The command that goes on with a strategy: keeps its model, or, where it has none, shows the rule itself."""
        other = {
            "source-knn": self.index(),
            "source-prototype": self.probe("prototype", self.source),
            "shots-prototype": self.probe("prototype", self.target, self.shots),
        }
        return other.get(strategy) or self.advise(strategy)

    def evaluate(self, folder: str) -> str:
        """What to do with a model that was kept: measure it where labels are, else let it predict."""
        if self.unlabelled:
            return shlex.join(["landbridge", "predict", folder, self.target])
        return shlex.join(["landbridge", "evaluate", folder, self.target, *self._place])


def further(asked: Asked, facts: Facts, spelled_alike: bool, seconds_an_image: float) -> list[Further]:
    """How to go on with what takes minutes or hours.

    Args:
        asked: what the commands have in common.
        facts: what is known.
        spelled_alike: whether shared classes have the very same names on both sides, which `adapt` needs.
        seconds_an_image: that the network takes for one forward pass.
    """
    found = []
    if facts.source_labelled and nameable(facts.classes) and spelled_alike:
        narrowed = asked.source
        if facts.classes.relation == "within":
            listed = ",".join(f'"{name}"' if "," in name else name for name in facts.classes.shared)
            narrowed += f"{'&' if '?' in narrowed else '?'}classes={listed}"
        for method, what in DEEP.items():
            if method in METHODS:
                images = STEPS * BATCH * (2 if method == "dann" else 1)
                minutes = images * BACK * seconds_an_image / 60
                found.append(Further(what, minutes, asked.adapt(method, narrowed)))
    if facts.shots:
        found.append(
            Further("which layer suits the target's labels", None, asked.probe("svm", asked.target, facts.shots))
        )
    elif facts.source_labelled and not asked.unlabelled:
        again = replace(asked, shots=5).advise()
        found.append(Further("ask again once five images a class are labelled", None, again))
    return found
