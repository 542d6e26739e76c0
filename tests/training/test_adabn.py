"""Statistics of BatchNorm taken from a view."""

import pytest
import torch
from torch import nn

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays
from landbridge.nn.backbones import make_backbone
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.adabn import batch_norms, estimate_statistics


def view_of(x: torch.Tensor) -> View:
    return Domain("d", ("a", "b"), {"train": Examples(Arrays(x))}).unlabelled()


@pytest.mark.parametrize("batch_size", [2, 7, 64, 1000])
def test_the_first_layer_gets_the_exact_mean_and_variance_of_the_view(batch_size: int) -> None:
    """Whatever the batches; sorted by value, as a folder a class is, they are no worse."""
    x = (torch.randn(201, 3) * torch.tensor([1.0, 5.0, 0.1]) + torch.tensor([0.0, 100.0, -2.0])).sort(0).values
    norm = nn.BatchNorm1d(3)
    estimate_statistics(nn.Sequential(norm, nn.Linear(3, 2)), view_of(x), Preprocessing(), batch_size)
    torch.testing.assert_close(norm.running_mean, x.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(norm.running_var, x.var(0), rtol=1e-4, atol=1e-5)


def test_over_images_channels_are_normalised_and_deeper_layers_see_normalised_inputs() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    images = torch.randint(0, 256, (60, 3, 8, 8), dtype=torch.uint8)
    ready = Preprocessing((8, 8))
    estimate_statistics(network, view_of(images), ready, 30)
    x = ready(images)
    torch.testing.assert_close(network[0].running_mean, x.mean((0, 2, 3)))
    torch.testing.assert_close(network[0].running_var, x.transpose(0, 1).flatten(1).var(1))
    out = network(x)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(4), atol=0.01, rtol=0)
    torch.testing.assert_close(out.var((0, 2, 3)), torch.ones(4), atol=0.02, rtol=0)


def test_nothing_else_changes() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False))
    network[2].eval()
    weights = {key: value.clone() for key, value in network.named_parameters()}
    modes = [module.training for module in network.modules()]
    view = view_of(torch.randn(50, 2) + 3)
    estimate_statistics(network, view, Preprocessing(), 10)
    first = network[2].running_mean.clone()
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, weights[key]) and value.grad is None for key, value in network.named_parameters())
    estimate_statistics(network, view, Preprocessing(), 10)
    assert torch.equal(network[2].running_mean, first), "dropout is off, and the batches are the same"


def test_layers_without_running_statistics_are_left_alone() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False), nn.BatchNorm1d(2))
    estimate_statistics(nn.Sequential(nn.Linear(2, 2), network), view_of(torch.randn(9, 2)), Preprocessing(), 4)
    assert network[0].running_mean is None


def test_one_example_has_no_variance() -> None:
    with pytest.raises(BadDataError, match=r"d \(train\) has 1 example: statistics need at least 2"):
        estimate_statistics(nn.BatchNorm1d(2), view_of(torch.zeros(1, 2)), Preprocessing())


def test_a_network_without_any_is_named() -> None:
    backbone = make_backbone("ganin-mnist")
    with pytest.raises(LandbridgeError, match=r"'ganin-mnist' has no BatchNorm.*ganin-mnist.batch_norm=true"):
        batch_norms(backbone, backbone.name)
