import pytest
import torch
from torch import nn

from landbridge.losses import info_nce
from landbridge.nn.chunked import chunked


def encoder(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), *layers, nn.ReLU(), nn.Linear(16, 4)).double()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 23, 6, dtype=torch.float64, generator=generator)
    return x, y


@pytest.mark.parametrize("size", [1, 4, 23, 100])
def test_gradients_are_those_of_the_whole_batch(size: int) -> None:
    x, y = batch()
    network = encoder()
    whole = info_nce(network(x), network(y))
    in_chunks = info_nce(chunked(network, x, size), chunked(network, y, size))
    torch.testing.assert_close(in_chunks, whole)
    expected = torch.autograd.grad(whole, list(network.parameters()))
    torch.testing.assert_close(torch.autograd.grad(in_chunks, list(network.parameters())), expected)


def test_keeps_no_activations() -> None:
    """What the graph saves of 23 examples: inputs and outputs, but nothing of the hidden layer's width."""
    saved: list[torch.Size] = []
    x, network = batch()[0], encoder()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.shape) or t, lambda t: t):
        chunked(network, x, 4)
        assert not any(shape[-1] == 16 for shape in saved if len(shape) == 2)
        network(x)
        assert any(shape == (23, 16) for shape in saved)


def test_dropout_repeats_its_draws() -> None:
    x, network = batch()[0], encoder(nn.Dropout(0.5))
    torch.manual_seed(3)
    outputs = chunked(network, x, 4)
    torch.manual_seed(3)
    again = torch.cat([network(part) for part in x.split(4)])
    assert torch.equal(outputs, again)
    first, second = (torch.autograd.grad(each.square().sum(), network[0].weight)[0] for each in (outputs, again))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("as_function", [False, True])
def test_running_statistics_count_each_chunk_once(as_function: bool) -> None:
    x, network, other = batch()[0], encoder(nn.BatchNorm1d(16)), encoder(nn.BatchNorm1d(16))
    if as_function:
        chunked(lambda part: network(part), x[:20], 5, network).sum().backward()
    else:
        chunked(network, x[:20], 5).sum().backward()
    for part in x[:20].split(5):
        other(part)
    torch.testing.assert_close(network[1].running_mean, other[1].running_mean)
    torch.testing.assert_close(network[1].running_var, other[1].running_var)
    assert network[1].momentum == other[1].momentum


def test_without_gradient_it_just_goes_through() -> None:
    x, network = batch()[0], encoder()
    with torch.no_grad():
        torch.testing.assert_close(chunked(network, x, 4), network(x))


def test_refuses_empty_chunks() -> None:
    with pytest.raises(ValueError, match="at least 1 example, not 0"):
        chunked(nn.Identity(), torch.zeros(3, 2), 0)
