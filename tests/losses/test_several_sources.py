import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.nn import functional as F

from landbridge.losses import correlation_alignment, mean_by_group, moment_gap, scale_penalty


def points(n: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def naive(features: torch.Tensor, group: torch.Tensor) -> float:
    """Pair by pair and entry by entry, as the equation stands."""
    gaps, width = [], features.shape[1]
    parts = [features[group == g].tolist() for g in sorted(set(group.tolist()))]
    parts = [part for part in parts if len(part) > 1]
    for number, one in enumerate(parts):
        for two in parts[number + 1 :]:
            total = 0.0
            means = [[sum(row[k] for row in part) / len(part) for k in range(width)] for part in (one, two)]
            for i in range(width):
                total += (means[0][i] - means[1][i]) ** 2 / width
                for j in range(width):
                    entries = [
                        sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in part) / (len(part) - 1)
                        for part, mean in zip((one, two), means)
                    ]
                    total += (entries[0] - entries[1]) ** 2 / width**2
            gaps.append(total)
    return sum(gaps) / len(gaps) if gaps else 0.0


@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 99))
def test_moment_gap_equals_the_naive_sum(n: int, width: int, seed: int) -> None:
    features = points(n, width, seed)
    group = torch.randint(0, 3, (n,), generator=torch.Generator().manual_seed(seed))
    assert float(moment_gap(features, group)) == pytest.approx(naive(features, group), rel=1e-9, abs=1e-12)


def test_moment_gap_of_two_groups_is_that_of_coral_and_the_means() -> None:
    one, two = points(9, 4, 0), 2 * points(7, 4, 1) + 1
    group = torch.tensor([0] * 9 + [1] * 7)
    expected = 4 * correlation_alignment(one, two) + (one.mean(0) - two.mean(0)).square().mean()
    torch.testing.assert_close(moment_gap(torch.cat([one, two]), group), expected)


def test_a_single_group_has_no_gap_but_a_gradient_of_zeros() -> None:
    features = points(4, 2, 0).requires_grad_()
    gap = moment_gap(features, torch.zeros(4, dtype=torch.int64))
    gap.backward()
    assert gap.item() == 0
    assert torch.equal(features.grad, torch.zeros(4, 2))


@given(st.integers(1, 10), st.integers(0, 99))
def test_mean_by_group(n: int, seed: int) -> None:
    values, group = points(n, 1, seed)[:, 0], torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(seed))
    expected = [float(values[group == g].mean()) if (group == g).any() else 0.0 for g in range(4)]
    assert mean_by_group(values, group, 4).tolist() == pytest.approx(expected)


def test_scale_penalty_is_the_squared_derivative_by_a_factor_on_the_logits() -> None:
    logits, labels, group = points(8, 3, 0), torch.arange(8) % 3, torch.tensor([0, 0, 1, 1, 1, 0, 1, 0])
    squares = []
    for one in (0, 1):
        factor = torch.ones((), dtype=torch.float64, requires_grad=True)
        loss = F.cross_entropy(factor * logits[group == one], labels[group == one])
        squares.append(torch.autograd.grad(loss, factor)[0] ** 2)
    torch.testing.assert_close(scale_penalty(logits, labels, group, 2), torch.stack(squares).mean())


def test_gradients() -> None:
    group, labels = torch.tensor([0, 1, 0, 1, 1, 0]), torch.tensor([0, 1, 2, 0, 1, 2])
    assert gradcheck(lambda x: moment_gap(x, group), points(6, 3, 0).requires_grad_())
    assert gradcheck(lambda x: scale_penalty(x, labels, group, 2), points(6, 3, 1).requires_grad_())
