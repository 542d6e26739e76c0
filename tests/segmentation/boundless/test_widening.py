import pytest
import torch
from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.segmenters import make_segmenter
from landbridge.segmentation.boundless.widening import take_over, widened

NETWORKS = [
    "light/small-cnn",
    "light/small-cnn?head.strides=2,4&head.auxiliary=true",
    "deeplabv2/tiny_nets:pyramid?head.rates=1,2",
    "whole/tiny_nets:mapping?num_classes=3",
]


@pytest.mark.parametrize("name", NETWORKS)
def test_shared_classes_keep_their_logits_and_rows_are_added(name: str) -> None:
    network = make_segmenter(name, 3).eval()
    wide, x = widened(network, 2), torch.randn(2, 3, 64, 64)
    assert wide.classes == 5
    for narrow, more in zip(network.levels(x), wide.levels(x)):
        assert more.shape[1] == 5
        torch.testing.assert_close(more[:, :3], narrow)
    assert not {id(p) for p in wide.parameters()} & {id(p) for p in network.parameters()}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_takes_over_what_the_network_learned_since(name: str) -> None:
    network = make_segmenter(name, 3).eval()
    wide, x = widened(network, 2), torch.randn(1, 3, 64, 64)
    added = [
        part.weight[3:].clone() for part in wide.modules() if isinstance(part, nn.Conv2d) and len(part.weight) == 5
    ]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    take_over(wide, network)
    torch.testing.assert_close(wide(x)[:, :3], network(x))
    kept = [part.weight[3:] for part in wide.modules() if isinstance(part, nn.Conv2d) and len(part.weight) == 5]
    assert added
    assert all(torch.equal(a, b) for a, b in zip(added, kept))


def test_a_head_without_a_row_a_class() -> None:
    network = make_segmenter("light/small-cnn", 3)
    network.head = nn.Identity()
    with pytest.raises(LandbridgeError, match="no convolution at its end makes a number a class"):
        widened(network, 1)
