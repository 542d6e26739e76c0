"""Each validator against its formula written down naively, in float64; and that none sees a label of the target."""

import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score
from torch import Tensor

from landbridge.core.errors import SealedLabelsError, UnknownNameError
from landbridge.data.domain import Domain, View
from landbridge.evaluation.collected import Collected, Material, Outputs, density_ratio, outputs, some
from landbridge.evaluation.inference import predict
from landbridge.evaluation.validators import (
    DEFAULT,
    VALIDATORS,
    deep_embedded_risk,
    held_out_accuracy,
    importance_weighted_risk,
    mixval,
    mutual_information,
    negative_entropy,
    nuclear_norm,
    reverse,
    score_by,
    scorer,
    scores,
    soft_neighbourhood_density,
)
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier

Naive = Callable[[Tensor], float]


def probabilities(count: int, classes: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(count, classes, generator=generator, dtype=torch.float64)).softmax(1)


def naive_entropy(p: Tensor) -> float:
    return sum(float(q) * math.log(float(q)) for row in p for q in row) / len(p)


def naive_information(p: Tensor) -> float:
    return naive_entropy(p) - sum(float(q) * math.log(float(q)) for q in p.mean(0))


def naive_nuclear_norm(p: Tensor) -> float:
    eigenvalues = np.linalg.eigvalsh((p.T @ p).numpy())
    return float(np.sqrt(np.maximum(eigenvalues, 0)).sum()) / math.sqrt(len(p) * min(p.shape))


def naive_density(p: Tensor, temperature: float = 0.05) -> float:
    total = 0.0
    for i in range(len(p)):
        near = {
            j: math.exp(float(p[i] @ p[j] / (p[i].norm() * p[j].norm())) / temperature) for j in range(len(p)) if j != i
        }
        total -= sum(value / sum(near.values()) * math.log(value / sum(near.values())) for value in near.values())
    return total / len(p)


@pytest.mark.parametrize(
    ("score", "naive", "low", "high"),
    [
        (negative_entropy, naive_entropy, lambda n, k: -math.log(k), lambda n, k: 0.0),
        (mutual_information, naive_information, lambda n, k: 0.0, lambda n, k: math.log(k)),
        (nuclear_norm, naive_nuclear_norm, lambda n, k: 0.0, lambda n, k: 1.0),
        (soft_neighbourhood_density, naive_density, lambda n, k: 0.0, lambda n, k: math.log(n - 1)),
    ],
)
@given(st.integers(3, 9), st.integers(2, 5), st.integers(0, 2**30))
def test_scores_of_predictions_equal_naive_sums(
    score: Callable[[Tensor], Tensor], naive: Naive, low: Callable[[int, int], float],
    high: Callable[[int, int], float], count: int, classes: int, seed: int,
) -> None:  # fmt: skip
    p = probabilities(count, classes, seed)
    value = float(score(p))
    assert value == pytest.approx(naive(p), rel=1e-6, abs=1e-7)
    assert low(count, classes) - 1e-9 <= value <= high(count, classes) + 1e-9


def test_what_a_collapsed_model_scores() -> None:
    """Entropy takes it for perfect; what looks at diversity does not."""
    collapsed, perfect = torch.eye(3)[[1] * 6], torch.eye(3)[[0, 1, 2] * 2]
    assert float(negative_entropy(collapsed)) == float(negative_entropy(perfect)) == 0
    assert float(mutual_information(collapsed)) == pytest.approx(0, abs=1e-6)
    assert float(mutual_information(perfect)) == pytest.approx(math.log(3), rel=1e-6)
    assert float(nuclear_norm(collapsed)) == pytest.approx(1 / math.sqrt(3))
    assert float(nuclear_norm(perfect)) == pytest.approx(1)


@given(st.integers(3, 20), st.integers(0, 2**30))
def test_risks_equal_naive_sums(count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    losses, weights = (torch.rand(count, generator=generator, dtype=torch.float64) * 3 for _ in range(2))
    w = weights.tolist()
    products = [a * b for a, b in zip(losses.tolist(), w)]
    mean, mean_w = sum(products) / count, sum(w) / count
    assert float(importance_weighted_risk(losses, weights)) == pytest.approx(mean)
    covariance = sum((p - mean) * (b - mean_w) for p, b in zip(products, w)) / (count - 1)
    eta = -covariance / (sum((b - mean_w) ** 2 for b in w) / (count - 1))
    assert float(deep_embedded_risk(losses, weights)) == pytest.approx(mean + eta * mean_w - eta, rel=1e-6, abs=1e-9)


def test_equal_weights_leave_the_plain_mean() -> None:
    losses = torch.tensor([0.5, 1.5, 4.0], dtype=torch.float64)
    assert float(deep_embedded_risk(losses, torch.ones(3, dtype=torch.float64))) == pytest.approx(2.0)


def test_the_density_ratio_is_that_of_two_normal_distributions() -> None:
    """N(1, 1) over N(-1, 1) is exp(2 x), and twice as many source examples change nothing."""
    generator = torch.Generator().manual_seed(0)
    source, target = torch.randn(4000, 1, generator=generator) - 1, torch.randn(2000, 1, generator=generator) + 1
    at = torch.linspace(-1, 1, 5)[:, None]
    torch.testing.assert_close(density_ratio(source, target, at).log(), 2 * at[:, 0].double(), atol=0.3, rtol=0)


def gathered(told: list[int], shift: float = 0.0, seed: int = 0) -> Collected:
    """Three classes on corners of a square; the model calls the target's examples what `told` says."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    labels = torch.arange(60) % 3

    def drawn() -> Tensor:
        return corners[labels] + torch.randn(60, 2, generator=generator)

    source = drawn()
    logits = -(source[:, None] - corners).square().sum(2)
    target = Outputs(drawn() + shift, 5 * torch.eye(3)[told])
    return Collected(target, labels, Outputs(source, logits), drawn())


RIGHT, WRONG, ONE = [0, 1, 2] * 20, [0, 0, 0, 1, 1, 1, 2, 2, 2] * 6 + [0, 1, 2, 0, 1, 2], [1] * 60


def test_source_accuracy_counts() -> None:
    seen = gathered(RIGHT)
    right = [int(row.argmax()) == int(y) for row, y in zip(seen.held.logits, seen.labels)]
    assert score_by("source-accuracy", seen) == pytest.approx(sum(right) / len(right))


def test_importance_weighted_scores_are_minus_the_risks_of_the_cross_entropy() -> None:
    seen = gathered(RIGHT, shift=1.0)
    pairs = zip(seen.held.logits.double().tolist(), seen.labels)
    losses = torch.tensor([-math.log(math.exp(row[y]) / sum(map(math.exp, row))) for row, y in pairs]).double()
    weights = density_ratio(seen.training, seen.target.features, seen.held.features)
    assert score_by("iwv", seen) == pytest.approx(-float(importance_weighted_risk(losses, weights)))
    assert score_by("dev", seen) == pytest.approx(-float(deep_embedded_risk(losses, weights)))
    assert score_by("devn", seen) == pytest.approx(-float(deep_embedded_risk(losses, weights / weights.max())))


def test_class_ami_is_that_of_clusters_that_can_be_seen() -> None:
    told = [*RIGHT[:-3], 1, 1, 1]
    assert score_by("class-ami", gathered(told)) == pytest.approx(adjusted_mutual_info_score(told, RIGHT), abs=0.1)
    assert score_by("class-ami", gathered(RIGHT)) > 0.9
    assert abs(score_by("class-ami", gathered(WRONG))) < 0.2
    assert score_by("class-ami", gathered(ONE)) == 0


def nearest_mean(features: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    names = labels.unique()
    means = torch.stack([features[labels == name].mean(0) for name in names])
    return lambda x: names[torch.cdist(x, means).argmin(1)]


def test_reverse_validation_is_accuracy_of_what_is_learned_back() -> None:
    seen = gathered(RIGHT)
    expected = (
        (nearest_mean(seen.target.features, torch.tensor(RIGHT))(seen.held.features) == seen.labels).float().mean()
    )
    assert reverse(seen, nearest_mean) == pytest.approx(float(expected))
    assert score_by("reverse", seen) > 0.95
    assert score_by("reverse", gathered([(number + 1) % 3 for number in RIGHT])) < 0.05
    assert score_by("reverse", gathered(ONE)) == pytest.approx(1 / 3)


def test_mixval_counts_mixtures_called_as_their_larger_part() -> None:
    """The model is asked for each pair: first always the larger part, partners of both kinds."""
    asked: list[tuple[int, int]] = []

    def mixed(first: Tensor, second: Tensor, share: float) -> Tensor:
        assert share == 0.55
        asked.extend(zip(first.tolist(), second.tolist()))
        return torch.eye(3)[torch.tensor(RIGHT)[second]]  # always the smaller part

    seen = gathered(RIGHT)
    score = mixval(Collected(seen.target, seen.labels, mixed=mixed))
    same = [RIGHT[i] == RIGHT[j] for i, j in asked]
    assert any(same)
    assert not all(same)
    assert {i for (i, _), alike in zip(asked, same) if alike} == set(range(60))
    assert score == 0.5, "right within classes, wrong between them"
    assert mixval(Collected(gathered(ONE).target, seen.labels, mixed=lambda i, j, s: torch.eye(3)[[1] * len(i)])) == 0.5
    with pytest.raises(ValueError, match="the model itself is not at hand"):
        mixval(seen)


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    return Classifier(make_backbone("mlp?inputs=2&hidden=8"), Head(8, (5,), 2), ("left", "right"))


@pytest.fixture
def material(toy_source: Domain, toy_target: Domain) -> Material:
    training, held = toy_source.validation()
    return Material(toy_target.unlabelled(), training, held)


def test_what_is_collected(model: Classifier, material: Material) -> None:
    seen = material.collect(model)
    x = material.target.read()
    torch.testing.assert_close(seen.target.probabilities, predict(model, material.target), rtol=0, atol=0)
    torch.testing.assert_close(seen.target.features, model.embed(x))
    assert seen.target.features.shape == (300, 5)
    assert torch.equal(seen.labels, material.held.y)
    assert len(seen.held) == len(material.held)
    assert seen.training.shape == (len(material.training), 5)
    first, second = torch.tensor([0, 1]), torch.tensor([5, 5])
    torch.testing.assert_close(seen.mixed(first, second, 0.75), model(0.75 * x[:2] + 0.25 * x[5]))
    with pytest.raises(ValueError, match="no source examples were held out"):
        _ = material.collect(model, source=False).held
    assert outputs(model, material.target, batch_size=7).logits.shape == (300, 2)


def test_the_same_few_examples_for_every_model(material: Material) -> None:
    few = material.some(20)
    assert [len(view) for view in (few.target, few.training, few.held)] == [20, 20, 20]
    assert torch.equal(few.target.index, material.some(20).target.index)
    assert not torch.equal(few.target.index, some(material.target, 20, seed=1).index)


@pytest.mark.parametrize("name", VALIDATORS)
def test_no_validator_sees_a_label_of_the_target(
    name: str, model: Classifier, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target's view is sealed; and nobody so much as reaches for its labels behind the seal."""
    with pytest.raises(SealedLabelsError):
        _ = material.target.y
    opened: list[str] = []
    original = View._labels

    def labels(self: View) -> Tensor:
        opened.append(self.domain)
        return original(self)

    monkeypatch.setattr(View, "_labels", labels)
    judge = scorer(name, material)
    assert math.isfinite(judge(model).score)
    assert set(opened) == {"toy-source"}


@pytest.mark.parametrize("name", VALIDATORS)
def test_scores_repeat_and_draw_no_random_number(name: str, model: Classifier, material: Material) -> None:
    judge = scorer(name, material.some(50))
    before = torch.get_rng_state()
    assert judge(model) == judge(model)
    assert torch.equal(before, torch.get_rng_state())


def test_all_that_can_be_said(model: Classifier, material: Material) -> None:
    without = Material(material.target, material.training)
    assert set(scores(without.collect(model))) == {"entropy", "im", "bnm", "snd", "class-ami"}
    everything = scores(material.collect(model), also=["mixval", "last"])
    assert set(everything) == set(VALIDATORS)
    for name, value in everything.items():
        assert value == scorer(name, material)(model).score


def test_a_search_is_judged_by_the_default() -> None:
    from landbridge.api.tune import tune

    assert DEFAULT in VALIDATORS
    assert inspect.signature(tune).parameters["validator"].default == DEFAULT


def test_a_model_that_answers_no_numbers_has_no_score_and_is_not_sound(model: Classifier, material: Material) -> None:
    with torch.no_grad():
        model.head.output.bias[0] = math.nan
    assert set(scores(material.collect(model)).values()) == {None}
    assert not scorer("im", material)(model).sound


def test_rules_by_name(model: Classifier, material: Material, toy_source: Domain) -> None:
    assert scorer("last", material) is None
    with pytest.raises(UnknownNameError, match="did you mean 'entropy'"):
        scorer("entropie", material)
    view = toy_source.labelled()
    accuracy = held_out_accuracy(view)(model)
    assert accuracy.score == pytest.approx(float((predict(model, view).argmax(1) == view.y).float().mean()))
    assert accuracy.sound
