import torch

from landbridge.losses import domain_classification
from landbridge.nn.discriminators import domain_discriminator, map_discriminator


def test_one_logit_a_vector() -> None:
    assert domain_discriminator(5, (4,))(torch.zeros(3, 5)).shape == (3, 1)


def test_maps_get_a_logit_a_patch_and_every_parameter_learns() -> None:
    torch.manual_seed(0)
    judge = map_discriminator(4, width=2)
    maps = torch.randn(3, 4, 70, 96)
    logits = judge(maps)
    assert logits.shape == (3, 1, 2, 3)
    domain_classification(logits.flatten(), sources=6).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in judge.parameters())


def test_the_widths_are_those_of_the_papers() -> None:
    kernels = [tuple(part.weight.shape) for part in map_discriminator(19) if isinstance(part, torch.nn.Conv2d)]
    assert kernels == [(64, 19, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (1, 512, 4, 4)]
