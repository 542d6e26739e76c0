import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from landbridge.nn.gradient_reversal import reverse_gradient


@given(st.floats(-3, 3))
def test_identity_forwards_and_minus_lambda_backwards(weight: float) -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    factor = torch.randn(5, 3, dtype=torch.float64)
    y = reverse_gradient(x, weight)
    assert torch.equal(x, y)
    (y * factor).sum().backward()
    torch.testing.assert_close(x.grad, -weight * factor)


def test_one_pass_equals_the_game_written_out() -> None:
    """Through the reversal, features get -lambda times, and the discriminator once, the gradient of the plain loss."""
    features, discriminator = nn.Linear(4, 3).double(), nn.Linear(3, 1).double()
    x = torch.randn(6, 4, dtype=torch.float64)
    plain = torch.autograd.grad(
        discriminator(features(x)).square().sum(), [*features.parameters(), *discriminator.parameters()]
    )
    reverse = discriminator(reverse_gradient(features(x), 0.7)).square().sum()
    got = torch.autograd.grad(reverse, [*features.parameters(), *discriminator.parameters()])
    for before, after, factor in zip(plain, got, [-0.7, -0.7, 1.0, 1.0]):
        torch.testing.assert_close(after, factor * before)
