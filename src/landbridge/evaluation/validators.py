"""Validators: scores of a model that need no target label. Higher is better.

Each is a function of what was `Collected` from the model; the two that train or forward anew are handed a function for
it. Which one to trust is measured, see `landbridge.evaluation.regret`.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.domain import View
from landbridge.evaluation.collected import LOOKED_AT, Collected, Material, some
from landbridge.evaluation.inference import predict
from landbridge.evaluation.selection import Judged
from landbridge.losses import conditional_entropy
from landbridge.losses import information_maximisation as minus_information
from landbridge.nn.models import Classifier

Learn = Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]
"""(features [n, D], class numbers [n]) -> a function from features to class numbers."""


def negative_entropy(probabilities: Tensor) -> Tensor:
    """Minus the mean entropy of predictions [N, C], in [-log C, 0]: how sure it is (Morerio et al., ICLR 2018)."""
    return -conditional_entropy(_logits(probabilities))


def mutual_information(probabilities: Tensor) -> Tensor:
    """Entropy of the mean prediction minus mean entropy, in [0, log C]: sure of each, and of different classes.

    Information maximisation (Krause et al., NeurIPS 2010, eq. 3). A model that calls everything one class scores 0,
    which entropy alone would take for perfect.
    """
    return -minus_information(_logits(probabilities))


def _logits(probabilities: Tensor) -> Tensor:
    """Logits of which these are the softmax; so small a one stands for probability 0 that it gives it back."""
    return probabilities.log().clamp_min(-1000.0)


def nuclear_norm(probabilities: Tensor) -> Tensor:
    """Sum of the singular values of predictions [N, C], over its largest possible value: sure and diverse.

        ||P||_* / sqrt(N min(N, C))

    (Cui et al., "Batch nuclear-norm maximization", CVPR 2020, divided by the bound of section 3; a validator in
    Musgrave et al., arXiv:2208.07360.) In (0, 1]; 1 where all are certain and each class is predicted equally often.
    """
    count, classes = probabilities.shape
    total: Tensor = torch.linalg.svdvals(probabilities).sum()
    return total / math.sqrt(count * min(count, classes))


def soft_neighbourhood_density(probabilities: Tensor, temperature: float = 0.05) -> Tensor:
    """How many near neighbours predictions [N, C] have, in [0, log(N - 1)]: target examples of a class lie together.

        S_ij = <p_i, p_j> / (|p_i| |p_j|),  Q_ij = exp(S_ij / T) / sum over k != i of exp(S_ik / T)  (j != i),
        mean over i of  - sum over j of Q_ij log Q_ij

    (Saito et al., "Tune it the right way", ICCV 2021, section 3.2, on softmax outputs and with T = 0.05 as there.)
    """
    unit = F.normalize(probabilities, dim=1)
    similar = unit @ unit.T / temperature
    similar.fill_diagonal_(-math.inf)
    spread: Tensor = torch.special.entr(similar.softmax(1)).sum(1)
    return spread.mean()


def importance_weighted_risk(losses: Tensor, weights: Tensor) -> Tensor:
    """Mean of w_i l_i: the loss on the target, if the domains differ in how often features occur, and no more.

    Losses [n] of held-out source examples, weighted by how much likelier each is in the target (Sugiyama et al.,
    "Covariate shift adaptation by importance weighted cross validation", JMLR 2007).
    """
    return (weights * losses).mean()


def deep_embedded_risk(losses: Tensor, weights: Tensor) -> Tensor:
    """`importance_weighted_risk` with less variance, by a control variate: the weights, whose mean ought to be 1.

        mean(w l) + eta mean(w) - eta,   eta = - Cov(w l, w) / Var(w)

    (You et al., ICML 2019, algorithm 1.) Chance may take it below 0. Equal weights leave the plain mean.
    """
    weighted = weights * losses
    covariance = torch.cov(torch.stack([weighted, weights]))
    eta = -covariance[0, 1] / covariance[1, 1] if covariance[1, 1] > 0 else weights.new_zeros(())
    return weighted.mean() + eta * weights.mean() - eta


def source_accuracy(seen: Collected) -> float:
    """Accuracy on held-out source examples, in [0, 1]: blind to the shift, but never misled by a collapse."""
    return float((seen.held.predictions == seen.labels).float().mean())


def _losses(seen: Collected) -> Tensor:
    """Cross-entropy of each held-out source example, float64 [n]."""
    return F.cross_entropy(seen.held.logits.double(), seen.labels, reduction="none")


def importance_weighted(seen: Collected) -> float:
    """Minus `importance_weighted_risk` of the cross-entropy, weights by a domain classifier; in (-inf, 0]."""
    return -float(importance_weighted_risk(_losses(seen), seen.weights))


def deep_embedded(seen: Collected) -> float:
    """Minus `deep_embedded_risk` of the cross-entropy; any number."""
    return -float(deep_embedded_risk(_losses(seen), seen.weights))


def deep_embedded_normalised(seen: Collected) -> float:
    """`deep_embedded` with weights divided by the largest (DEVN, Musgrave et al., arXiv:2208.07360); any number.

    A few examples that the domain classifier is sure of would rule the variance of the weights otherwise.
    """
    return -float(deep_embedded_risk(_losses(seen), seen.weights / seen.weights.max()))


def entropy(seen: Collected) -> float:
    """`negative_entropy` on the target."""
    return float(negative_entropy(seen.target.probabilities))


def information_maximisation(seen: Collected) -> float:
    """`mutual_information` on the target."""
    return float(mutual_information(seen.target.probabilities))


def batch_nuclear_norm(seen: Collected) -> float:
    """`nuclear_norm` on the target."""
    return float(nuclear_norm(seen.target.probabilities))


def neighbourhood_density(seen: Collected) -> float:
    """`soft_neighbourhood_density` on the target."""
    return float(soft_neighbourhood_density(seen.target.probabilities))


def class_ami(seen: Collected) -> float:
    """Whether the target's features fall into clusters as they are called: adjusted mutual information, at most 1.

    Between predicted classes and as many k-means clusters of the features (ClassAMI, Musgrave et al.,
    arXiv:2208.07360). About 0 is chance; 0 where all are called one class, of which nothing can be said.
    """
    told = seen.target.predictions.numpy()
    if (told == told[0]).all():
        return 0.0
    k = min(seen.target.logits.shape[1], len(seen.target))
    clusters = KMeans(k, n_init=3, random_state=0).fit_predict(seen.target.features.numpy())
    return float(adjusted_mutual_info_score(told, clusters))


def logistic(features: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """Learn a logistic regression on standardised features; of a single class, that class."""
    if bool((labels == labels[0]).all()):
        return lambda x: labels[0].expand(len(x))
    rule = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1)).fit(
        features.numpy(), labels.numpy()
    )
    return lambda x: torch.from_numpy(rule.predict(x.numpy()))


def reverse(seen: Collected, learn: Learn = logistic) -> float:
    """Learn from the target as the model calls it, and be right on held-out source examples; in [0, 1].

    Reverse validation (Zhong et al., ECML 2010; Ganin et al., JMLR 2016, section 5.1.2): if target examples are called
    rightly, a rule learned from them finds the way back. There the whole method is trained anew, with the domains
    exchanged; here it is a rule on the model's features, so that it costs a second and not a run.

    Args:
        seen: what was collected.
        learn: makes the rule.
    """
    rule = learn(seen.target.features, seen.target.predictions)
    return float((rule(seen.held.features) == seen.labels).float().mean())


def mixval(seen: Collected, share: float = 0.55) -> float:
    """Whether mixtures of two target examples are called as the one that makes up more of them; in [0, 1].

    MixVal (Hu et al., "Mixed samples as probes", NeurIPS 2023, algorithm 1): with a partner called the same it probes
    how dense a class lies, with one called otherwise where the boundary runs; both shares are averaged. Partners are
    drawn for each kind by itself, so that the first kind is not rare where classes are many. Without two classes there
    is no boundary: that half counts 0.

    Args:
        seen: what was collected, `mixed` included.
        share: of the example that makes up more, in (0.5, 1).
    """
    if seen.mixed is None:
        raise ValueError("no mixtures can be made: the model itself is not at hand")
    told, generator = seen.target.predictions, torch.Generator().manual_seed(0)
    same, other = torch.arange(len(told)), torch.randperm(len(told), generator=generator)
    for number in told.unique():
        members = (told == number).nonzero().flatten()
        same[members] = members[torch.randperm(len(members), generator=generator)]
    kept = []
    for partners, alike in ((same, True), (other, False)):
        first = ((told == told[partners]) == alike).nonzero().flatten()
        called = seen.mixed(first, partners[first], share).argmax(1) if len(first) else told[:0]
        kept.append(float((called == told[first]).float().mean()) if len(first) else 0.0)
    return sum(kept) / 2


class Validator(NamedTuple):
    """A rule that `--select` knows.

    Attributes:
        score: what it says.
        needs_source: whether it looks at held-out source examples.
        anew: whether it forwards further inputs, so that the model must be at hand.
    """

    score: Callable[[Collected], float]
    needs_source: bool = False
    anew: bool = False


VALIDATORS: dict[str, Validator] = {
    "source-accuracy": Validator(source_accuracy, needs_source=True),
    "iwv": Validator(importance_weighted, needs_source=True),
    "dev": Validator(deep_embedded, needs_source=True),
    "devn": Validator(deep_embedded_normalised, needs_source=True),
    "entropy": Validator(entropy),
    "im": Validator(information_maximisation),
    "bnm": Validator(batch_nuclear_norm),
    "snd": Validator(neighbourhood_density),
    "class-ami": Validator(class_ami),
    "reverse": Validator(reverse, needs_source=True),
    "mixval": Validator(mixval, anew=True),
}
"""The rules that `--select` knows beside `last`."""

DEFAULT = "im"
"""The validator to take where none is named."""


def check_rule(name: str) -> None:
    """Whether `--select NAME` means anything.

    Raises:
        UnknownNameError: no such rule.
    """
    if name != "last" and name not in VALIDATORS:
        hint = nearest(name, VALIDATORS) or f"; known: last, {', '.join(VALIDATORS)}"
        raise UnknownNameError(f"unknown selection rule '{name}'{hint}")


def score_by(name: str, seen: Collected) -> float:
    """The score by a validator; NaN where the model's outputs are no numbers."""
    return VALIDATORS[name].score(seen) if seen.finite else math.nan


def scores(seen: Collected, also: Iterable[str] = ()) -> dict[str, float | None]:
    """All that can be said of a model without target labels: by it, settings are chosen between runs.

    Args:
        seen: what was collected.
        also: names of validators that forward anew, to be asked too.

    Returns:
        Score by the validator's name, None where there is none; of those that need held-out source examples where there
        are some.
    """
    asked = [name for name, rule in VALIDATORS.items() if not rule.anew or name in also]
    found = {name: score_by(name, seen) for name in asked if seen.source or not VALIDATORS[name].needs_source}
    return {name: score if math.isfinite(score) else None for name, score in found.items()}


def scorer(name: str, material: Material) -> Callable[[Classifier], Judged] | None:
    """The judge that `--select NAME` means; None for `last`.

    Args:
        name: `last` or a name of `VALIDATORS`.
        material: what it looks at a model with.

    Raises:
        UnknownNameError: no such rule.
    """
    check_rule(name)
    if name == "last":
        return None
    source = VALIDATORS[name].needs_source

    def judge(model: Classifier) -> Judged:
        seen = material.collect(model, source=source)
        return Judged.of(score_by(name, seen), seen)

    return judge


def held_out_accuracy(view: View, seed: int = 0) -> Callable[[Classifier], Judged]:
    """A judge by accuracy on labelled examples of the very domain, kept from training: there, nothing else is needed.

    Args:
        view: those examples; at most `LOOKED_AT` are looked at.
        seed: which ones.
    """
    view = some(view, LOOKED_AT, seed)
    return lambda model: Judged(float((predict(model.eval(), view).argmax(1) == view.y).float().mean()))
