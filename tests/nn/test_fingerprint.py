import torch

from landbridge.nn.backbones import make_backbone
from landbridge.nn.fingerprint import fingerprint

TWO = """
from torch import nn


def wide():
    return nn.Conv2d(3, 4, 3, padding=1)


def narrow():
    return nn.Conv2d(3, 4, 3)
"""


def made(spec: str, seed: int = 0) -> str:
    torch.manual_seed(seed)
    return fingerprint(make_backbone(spec))


def test_weights_architecture_and_preprocessing_all_count():
    assert made("lenet") == made("lenet")
    assert made("lenet") != made("lenet", seed=1)
    assert made("timm/mobilenetv2_100?size=32") != made("timm/mobilenetv2_100?size=32&pad_type=same")
    assert made("timm/resnet18?size=32") != made("timm/resnet18?size=64")
    assert made("timm/resnet18?size=32") != made("timm/resnet18?size=32&mean=0.5")


def test_it_depends_on_no_path(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(TWO)
    one, two = (made(f"{tmp_path}/{name}:wide") for name in ("one.py", "two.py"))
    assert one == two != made(f"{tmp_path}/one.py:narrow")
