"""What the discriminator of CDAN sees, and how its examples are weighted."""

import torch

from landbridge.adaptation.cdan import CDAN, CDANE, WIDEST
from landbridge.data.batches import Sample
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.training.method import Moment, Setup


def made(cls: type[CDAN], width: int, classes: int) -> CDAN:
    torch.manual_seed(0)
    backbone = make_backbone(f"mlp?inputs=2&hidden={width}")
    return cls(Setup(backbone, Head(backbone.width, (), classes), tuple(map(str, range(classes)))))


def test_all_products_of_a_feature_and_a_probability() -> None:
    method = made(CDAN, 5, 3)
    features, told = torch.randn(4, 5), torch.randn(4, 3).softmax(1)
    joined = method.joined(features, told)
    assert joined.shape == (4, 15)
    for i in range(4):
        torch.testing.assert_close(joined[i].reshape(3, 5), torch.outer(told[i], features[i]))


def test_many_products_are_projected_and_inner_products_kept() -> None:
    method = made(CDAN, 600, 10)
    assert WIDEST < 600 * 10
    assert {"of_features", "of_predictions"} <= set(method.state_dict())
    features, told = torch.randn(2, 600), torch.tensor([[0.9] + [0.1 / 9] * 9] * 2)
    joined = method.joined(features, told)
    assert joined.shape == (2, 1024)
    exact = (features @ features.T) * (told @ told.T)
    assert (joined @ joined.T - exact).abs().max() < 0.25 * exact.max(), "an unbiased estimate of the same kernel"


def test_surer_examples_count_more() -> None:
    plain, weighted = made(CDAN, 5, 3), made(CDANE, 5, 3)
    weighted.load_state_dict(plain.state_dict())
    for head in (plain.head, weighted.head):
        with torch.no_grad():
            for value in head.parameters():
                value.mul_(20)  # so that some predictions are sure
    x, at = torch.randn(16, 2), Moment("train", 50, 100)
    batch = {
        "source": Sample(x[:8], torch.arange(8), torch.arange(8) % 3),
        "target": Sample(x[8:], torch.arange(8), None),
    }
    domain = [next(iter(method.losses(batch, at)))["domain"] for method in (plain, weighted)]
    assert torch.isfinite(domain[1])
    assert domain[0] != domain[1]
