import pytest
import torch
from torch import Tensor

from landbridge.data.label_maps import VOID
from landbridge.losses.mmd import SCALES
from landbridge.segmentation.boundless.generator import FeatureGenerator, features_by_class, generation_loss


def naive_mmd(x: Tensor, y: Tensor) -> float:
    """Means of kernels over pairs, one pair at a time, in float64."""
    points = [point.double() for point in (*x, *y)]
    apart = [float((a - b).square().sum()) for i, a in enumerate(points) for b in points[i + 1 :]]
    width = float(torch.tensor(apart + apart, dtype=torch.float64).median())

    def mean(pairs: list[tuple[Tensor, Tensor]]) -> float:
        values = [
            sum(float((-(a - b).double().square().sum() / (2 * s * width)).exp()) for s in SCALES) / len(SCALES)
            for a, b in pairs
        ]
        return sum(values) / len(values)

    def others(z: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]

    return mean(others(x)) + mean(others(y)) - 2 * mean([(a, b) for a in x for b in y])


def test_the_loss_is_the_mean_discrepancy_over_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    generator = FeatureGenerator(torch.eye(3), width=4)
    real, made = {0: torch.randn(5, 4), 2: 2 + torch.randn(6, 4)}, {0: torch.randn(5, 4), 2: torch.randn(6, 4)}
    monkeypatch.setattr(FeatureGenerator, "forward", lambda self, classes: made[int(classes[0])])
    expected = sum(naive_mmd(real[c], made[c]) for c in real) / 2
    assert float(generation_loss(generator, real)) == pytest.approx(expected, abs=1e-5)


def test_the_gradient_is_right() -> None:
    generator = FeatureGenerator(torch.eye(2, dtype=torch.float64), width=3, hidden=4).double().eval()
    real = {0: torch.randn(4, 3, dtype=torch.float64), 1: torch.randn(3, 3, dtype=torch.float64)}
    names, values = zip(*generator.named_parameters())

    def loss(*parameters: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same noise each time
        wrapped = _Wrapped(generator, dict(zip(names, parameters)))
        return generation_loss(wrapped, real)  # type: ignore[arg-type]

    # The kernels' width is a constant of the gradient, so here it must not move with the points.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landbridge.losses.mmd._median", lambda distances: distances.new_tensor(2.0))
        assert torch.autograd.gradcheck(loss, tuple(v.detach().requires_grad_() for v in values))


class _Wrapped:
    """A generator under other parameters."""

    def __init__(self, generator: FeatureGenerator, parameters: dict[str, Tensor]) -> None:
        self.generator, self.parameters, self.conditions = generator, parameters, generator.conditions

    def __call__(self, classes: Tensor) -> Tensor:
        made: Tensor = torch.func.functional_call(self.generator, self.parameters, (classes,))
        return made


def test_without_a_class_nothing_is_learned() -> None:
    generator = FeatureGenerator(torch.eye(2), width=3)
    loss = generation_loss(generator, {})
    loss.backward()
    assert loss == 0
    assert all(p.grad is not None and not p.grad.any() for p in generator.parameters())


def test_features_of_each_class_void_left_out() -> None:
    labels = torch.tensor([[[0, 0, 2, VOID], [0, 2, 1, VOID]]])
    maps = torch.stack([labels.float(), 10 * labels.float()], 1)
    found = features_by_class(maps, labels, most=2)
    assert {number: values.tolist() for number, values in found.items()} == {
        0: [[0, 0], [0, 0]], 2: [[2, 20], [2, 20]]
    }, "a single place of class 1 is no distribution"  # fmt: skip


def test_maps_are_of_one_class_each() -> None:
    generator = FeatureGenerator(torch.eye(3), width=5).eval()
    seen: list[Tensor] = []
    generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    maps = generator.maps(torch.tensor([2, 1]), (3, 4))
    assert maps.shape == (2, 5, 3, 4)
    assert seen[0].tolist() == [2] * 12 + [1] * 12
    assert maps[0].flatten(1).std(1).min() > 0, "each place has noise of its own"


def test_it_learns_where_the_features_of_a_described_class_would_be() -> None:
    """Features are a sum of what two attributes look like; the class that has both was never seen."""
    torch.manual_seed(0)
    described = torch.tensor([[1.0, 0], [0, 1], [0.5, 0], [0, 0.5], [1, 1]])
    looks = torch.tensor([[3.0, 0, 1], [0, 4, 1]])
    generator = FeatureGenerator(described, width=3, hidden=64)
    adam = torch.optim.Adam(generator.parameters(), 0.005)
    for _ in range(250):
        real = {c: described[c] @ looks + 0.3 * torch.randn(32, 3) for c in range(4)}
        adam.zero_grad()
        generation_loss(generator, real).backward()
        adam.step()
    made = generator.eval()(torch.full((200,), 4)).detach().mean(0)
    near = (made - described[4] @ looks).norm()
    assert all(near < (described[c] @ looks - described[4] @ looks).norm() for c in range(4))
