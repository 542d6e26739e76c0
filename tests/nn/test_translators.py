import pytest
import torch
from torch import nn

from landbridge.nn.backbones import make_backbone
from landbridge.nn.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from landbridge.nn.translators import Decoders, Pixels, Pool, Translator, example_discriminator, shape_read
from two_processes import Pair

SHAPES = [(3, 16, 16), (3, 28, 28), (3, 21, 27), (3, 40, 40), (3, 64, 64), (3,)]


def examples(shape: tuple[int, ...], count: int = 4) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def all_learn(network: nn.Module, made: torch.Tensor) -> None:
    # Weights of its own for each number, since the mean of what a normalisation gives has no gradient.
    (made * torch.rand(made.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


@pytest.mark.parametrize("shape", SHAPES)
def test_translators_keep_the_shape_and_all_of_them_learns(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network, x = Translator(shape, Preprocessing()), examples(shape)
    made = network(x)
    assert made.shape == x.shape
    all_learn(network, made)


@pytest.mark.parametrize("shape", SHAPES)
def test_decoders_make_examples_of_both_domains(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = Decoders(12, shape, Preprocessing())
    begun = network.shared(examples((12,)))
    source, target = network.source(begun), network.target(begun)
    assert source.shape == target.shape == (4, *shape)
    assert not torch.equal(source, target)
    all_learn(network, source + target)


@pytest.mark.parametrize("shape", SHAPES)
def test_discriminators_answer_for_each_example(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network, x = example_discriminator(shape), examples(shape)
    answers = network(x)
    assert answers.dim() == 2
    assert len(answers) == 4
    torch.testing.assert_close(network(x[:1]), answers[:1])
    all_learn(network, answers)


def test_what_is_made_lies_in_the_range_of_images() -> None:
    preprocessing = Preprocessing(None, IMAGENET_MEAN, IMAGENET_STD)
    black, white = (preprocessing(torch.full((1, 3, 1, 1), value, dtype=torch.uint8)) for value in (0, 255))
    pixels = Pixels(preprocessing)
    torch.testing.assert_close(pixels(torch.full((1, 3, 1, 1), -50.0)), black)
    torch.testing.assert_close(pixels(torch.full((1, 3, 1, 1), 50.0)), white)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3,)])
def test_examples_keep_their_precision_where_networks_compute_in_half(shape: tuple[int, ...]) -> None:
    pool = Pool(2, shape)
    with torch.autocast("cpu", torch.bfloat16):
        made = Translator(shape, Preprocessing())(examples(shape))
        assert pool(made).dtype == made.dtype == torch.float32


def test_the_shape_that_a_backbone_reads() -> None:
    assert shape_read(make_backbone("ganin-mnist")) == (3, 28, 28)
    assert shape_read(make_backbone("mlp?inputs=5")) == (5,)


def test_a_pool_shows_half_of_each_batch_and_what_it_kept() -> None:
    pool, seen = Pool(6, (1,)), []
    for step in range(40):
        fakes = torch.full((8, 1), float(step))
        shown = pool(fakes)
        assert shown.shape == fakes.shape
        assert (shown[::2] == step).all()
        assert (fakes == step).all()
        seen += (step - shown[1::2]).flatten().tolist()
    assert max(seen) > 2
    assert (pool.kept > 30).all()


def test_a_pool_of_none_shows_what_it_is_given() -> None:
    pool, fakes = Pool(0, (2,)), examples((2,))
    assert torch.equal(pool(fakes), fakes)
    assert torch.equal(pool(fakes + 1), fakes + 1)


def test_a_pool_goes_on_from_its_state() -> None:
    whole, resumed = Pool(4, (1,)), Pool(4, (1,))
    for step in range(3):
        whole(torch.full((4, 1), float(step)))
    resumed.load_state_dict(whole.state_dict())
    assert torch.equal(whole(torch.full((4, 1), 9.0)), resumed(torch.full((4, 1), 9.0)))


def shown_over_steps(rank: int, world: int) -> tuple[torch.Tensor, torch.Tensor]:
    pool = Pool(5, (1,))
    shown = [pool(torch.arange(8 * step + rank, 8 * (step + 1), world).float()[:, None]) for step in range(4)]
    return torch.cat(shown), pool.kept


def test_two_processes_share_one_pool(pair: Pair) -> None:
    shown, kept = shown_over_steps(0, 1)
    (first, kept0), (second, kept1) = pair.run(shown_over_steps, 2)
    assert torch.equal(kept0, kept)
    assert torch.equal(kept1, kept)
    assert torch.equal(torch.stack([first, second], 1).flatten(), shown.flatten())
