"""AdaptSegNet and AdvEnt: one game, on two kinds of maps."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.segmentation import METHODS
from landbridge.segmentation.adaptseg import AdaptSegNet
from landbridge.segmentation.base import SeenPixels
from landbridge.training.method import Moment
from toy_scenes import toy_bench

AT = Moment("train", 0, 10)
TWO_LEVELS = "light/small-cnn?head.strides=2,4&head.auxiliary=true"


def made(name: str, backbone: str = "small-cnn") -> AdaptSegNet:
    options = {"width": 4, "weight": 0.5, "auxiliary": 0.2}
    method = toy_bench(backbone=backbone, options=options).method(name, METHODS.resolve(name))
    assert isinstance(method, AdaptSegNet)
    return method


def seen(levels: int) -> SeenPixels:
    torch.manual_seed(0)
    source = tuple(torch.randn(2, 3, 32, 64, requires_grad=True) for _ in range(levels))
    target = tuple(torch.randn(3, 3, 32, 32, requires_grad=True) for _ in range(levels))
    return SeenPixels({}, source, target)


def softmax(logits: Tensor) -> Tensor:
    return logits.exp() / logits.exp().sum(1, keepdim=True)


def self_information(logits: Tensor) -> Tensor:
    p = softmax(logits)
    return -p * p.log() / math.log(3)


@pytest.mark.parametrize(("name", "maps"), [("adaptseg", softmax), ("advent", self_information)])
def test_both_turns_by_hand(name: str, maps: object) -> None:
    assert callable(maps)
    method, look = made(name, TWO_LEVELS), seen(2)
    assert len(method.discriminators) == 2
    (turn,) = method.opposing(look, AT)
    domain, fooling = torch.zeros(()), torch.zeros(())
    for d, source, target, weight in zip(method.discriminators, look.source, look.target, (0.5, 0.2)):
        of_source, of_target = d(maps(source)), d(maps(target))
        # 4 patches of the source and 3 of the target, each counted once.
        cost = F.softplus(-of_source).sum() + F.softplus(of_target).sum()
        domain = domain + cost / (of_source.numel() + of_target.numel())
        fooling = fooling + weight * F.softplus(-of_target).mean()
    torch.testing.assert_close(turn["domain"], domain)
    torch.testing.assert_close(method.terms(look, AT)["fooling"], fooling)


def test_who_moves_in_which_turn() -> None:
    """The discriminator's turn reaches no logit, and the network's turn moves no discriminator."""
    method, look = made("advent"), seen(1)
    (turn,) = method.opposing(look, AT)
    turn.total().backward()
    assert turn.moves == ("discriminator",)
    assert look.source[0].grad is None
    assert look.target[0].grad is None
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in method.discriminators.parameters())
    method.terms(look, AT).total().backward()
    assert look.source[0].grad is None, "the source is not to look like the target"
    assert look.target[0].grad is not None
    bench = toy_bench()
    trainer = bench.trainer()
    trainer.method, trainer.domains = method, bench.views(type(method))
    *_, last = method.losses(next(trainer._batches(method.phases()[0], 0, 1)), AT)
    assert set(last.moves or ()) == {"backbone", "fusion", "head"}


def test_the_discriminators_play_under_adam_at_their_own_rate() -> None:
    group = made("advent").groups()["discriminator"]
    optimiser = group.optimiser(group.parameters, group.rate)
    assert isinstance(optimiser, torch.optim.Adam)
    assert (optimiser.defaults["lr"], optimiser.defaults["betas"]) == (1e-4, (0.9, 0.99))
