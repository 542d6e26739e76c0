"""Tuning without forgetting: between two networks, what decays, and another tower under the same heads."""

import pytest
import torch
from torch import nn

from landbridge.nn.backbones import make_backbone
from landbridge.vision_language.tuning import adamw, batch_norms, interpolated, with_tower
from toy_captions import dual, vectors


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_interpolated_is_between_weight_by_weight(alpha: float) -> None:
    start, tuned = (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)) for _ in range(2))
    with torch.no_grad():
        tuned(torch.randn(8, 3))
    before = {name: value.clone() for name, value in tuned.state_dict().items()}
    between = interpolated(start, tuned, alpha).state_dict()
    for name, value in start.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(between[name], (1 - alpha) * value + alpha * before[name])
    assert between["1.num_batches_tracked"] == 1, "counts are not mixed"
    assert all(torch.equal(value, tuned.state_dict()[name]) for name, value in before.items()), "a copy is made"


def test_adamw_moves_all_and_draws_only_matrices_to_zero() -> None:
    layer = nn.Linear(2, 2)
    nn.init.ones_(layer.weight)
    nn.init.ones_(layer.bias)
    optimiser = adamw(list(layer.parameters()), 0.1, 0.5)
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    torch.testing.assert_close(layer.weight, torch.full((2, 2), 1 - 0.1 * 0.5))
    assert torch.equal(layer.bias, torch.ones(2))


def test_adamw_of_scalars_alone() -> None:
    assert len(adamw([nn.Parameter(torch.zeros(()))], 0.1, 0.5).param_groups) == 1


def test_batch_norms_are_found_with_weights_or_without() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), nn.LayerNorm(2), nn.Sequential(nn.BatchNorm1d(2, affine=False)))
    assert batch_norms(network) == [network[0], network[2][0]]


def test_features_through_the_heads_say_what_images_say() -> None:
    pairs = vectors()
    model = dual(pairs).eval()
    x = pairs.images.read(torch.arange(7))
    reader = with_tower(model, make_backbone(f"identity?inputs={model.image.width}"))
    with torch.inference_mode():
        assert torch.equal(reader.encode_image(model.image(x)), model.encode_image(x))
        assert torch.equal(reader.encode_text(pairs.texts[:3]), model.encode_text(pairs.texts[:3]))
    assert reader.image_head is model.image_head
    assert model.image.name.startswith("mlp"), "the model keeps its own tower"
