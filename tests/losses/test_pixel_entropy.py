import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import conditional_entropy, entropy_map, mean_pixel_entropy, robust_entropy, self_information


def logits(classes: int, seed: int, size: tuple[int, int] = (3, 4)) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 4 * torch.randn(2, classes, *size, dtype=torch.float64, generator=generator)


@given(st.integers(2, 7), st.integers(0, 99))
def test_maps_equal_the_naive_sum(classes: int, seed: int) -> None:
    z = logits(classes, seed)
    entropy, information = entropy_map(z), self_information(z)
    assert entropy.shape == (2, 3, 4)
    total = 0.0
    for n in range(2):
        for h in range(3):
            for w in range(4):
                powers = [math.exp(v) for v in z[n, :, h, w].tolist()]
                parts = [-p / sum(powers) * math.log(p / sum(powers)) / math.log(classes) for p in powers]
                assert float(entropy[n, h, w]) == pytest.approx(sum(parts), rel=1e-9, abs=1e-14)
                assert information[n, :, h, w].tolist() == pytest.approx(parts, rel=1e-9, abs=1e-14)
                total += sum(parts)
    assert float(mean_pixel_entropy(z)) == pytest.approx(total / 24, rel=1e-9)
    assert 0 <= float(entropy.min()) <= float(entropy.max()) <= 1 + 1e-12


def test_gradients_are_right() -> None:
    z = logits(4, 0).requires_grad_()
    assert gradcheck(entropy_map, (z,))
    assert gradcheck(mean_pixel_entropy, (z,))
    assert gradcheck(self_information, (z,))


def test_values_and_gradients_are_those_of_the_plain_form() -> None:
    ours, plain = (logits(5, 1).float().requires_grad_() for _ in range(2))
    p = plain.softmax(1)
    expected = -(p * p.log()).sum(1).mean() / math.log(5)
    found = mean_pixel_entropy(ours)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, plain.grad)


def test_vectors_give_what_they_give_elsewhere() -> None:
    z = logits(5, 1)
    rows = z.movedim(1, -1).reshape(-1, 5)
    torch.testing.assert_close(mean_pixel_entropy(z) * math.log(5), conditional_entropy(rows))
    torch.testing.assert_close(entropy_map(rows).mean(), mean_pixel_entropy(z))


def test_certainty_is_finite() -> None:
    z = torch.tensor([[[1e4]], [[-1e4]]]).view(1, 2, 1, 1).requires_grad_()
    for loss in (mean_pixel_entropy(z), self_information(z).sum()):
        loss.backward()
        assert float(loss.detach().abs()) == 0
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_one_class_has_no_entropy() -> None:
    for loss in (entropy_map, self_information):
        with pytest.raises(ValueError, match="K >= 2"):
            loss(torch.zeros(2, 1, 3, 3))


def test_the_robust_penalty_equals_the_naive_one_and_has_its_gradient() -> None:
    logits = torch.randn(2, 4, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    p = logits.softmax(1)
    x = -(p * p.log()).sum(1) / math.log(4)
    for eta in (1.0, 2.0):
        torch.testing.assert_close(robust_entropy(logits, eta), ((x**2 + 1e-6) ** eta).mean())
    assert gradcheck(robust_entropy, (logits,))
    certain = torch.tensor([100.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
    robust_entropy(certain, 0.6).backward()
    assert certain.grad is not None
    assert certain.grad.isfinite().all()
