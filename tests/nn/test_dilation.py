import pytest
import torch
from torchvision.models import resnet50

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.dilation import dilate
from landbridge.nn.pyramid import maps_of, pyramid


@pytest.mark.parametrize(
    ("name", "stride"),
    [("tiny_nets:pyramid?size=64", 8), ("tiny_nets:pyramid?size=64", 2), ("torchvision/resnet18?size=64", 8)],
)
def test_each_old_place_is_found_again_among_the_new_ones(name: str, stride: int) -> None:
    torch.manual_seed(0)
    backbone = make_backbone(name).eval()
    layer = pyramid(backbone)[-1].layer
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        [before] = maps_of(backbone, [layer])(x)
        dilate(backbone, stride)
        [after] = maps_of(backbone, [layer])(x)
    apart = 32 // stride
    assert after.shape[2:] == (64 // stride, 96 // stride)
    torch.testing.assert_close(after[:, :, ::apart, ::apart], before, rtol=1e-4, atol=1e-5)


def test_our_resnet_equals_that_of_torchvision_with_its_own_dilation() -> None:
    torch.manual_seed(0)
    ours = make_backbone("torchvision/resnet50?size=64").eval()
    theirs = make_backbone("torchvision/resnet50?size=64").eval()
    theirs.network = resnet50(replace_stride_with_dilation=[False, True, True]).eval()
    theirs.network.load_state_dict(ours.network.state_dict(), strict=False)
    dilate(ours, 8)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        [a], [b] = maps_of(ours, ["layer4.2"])(x), maps_of(theirs, ["layer4.2"])(x)
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_means_cannot_be_undone() -> None:
    with pytest.raises(LandbridgeError, match=r"still shrink to 1/16.*use light/tiny_nets:averaging"):
        dilate(make_backbone("tiny_nets:averaging?size=64"), 8)
