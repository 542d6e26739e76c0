"""DeepLab: a backbone whose maps stay large, and a classifier that looks around at several distances."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone
from landbridge.nn.dilation import dilate
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.pyramid import maps_of, pyramid
from landbridge.nn.segmentation_networks import SegmentationNetwork, enlarged


class DeepLabV2(SegmentationNetwork):
    """DeepLab's second version: the network that the benchmarks of adaptation are measured on, with a ResNet-101 below.

    The backbone's maps shrink to 1 / `stride` and no further, and the classifier is the sum of 3 x 3 convolutions
    spread to several rates, "atrous spatial pyramid pooling" (Chen et al., IEEE TPAMI 2018, sections 3.1 and 3.2). A
    second classifier of the same kind reads the last maps but one (`conv4` of a ResNet), as AdaptSegNet (Tsai et al.,
    CVPR 2018, section 4.3) and AdvEnt (Vu et al., CVPR 2019) have it. Two departures: the ResNets of torchvision and
    timm halve their maps in a block's 3 x 3 convolution, not in the 1 x 1 before it, and their first pooling rounds
    sizes down; and BatchNorm is not frozen by the network: that is for the method to say.

    Args:
        name: the spec that it is made from.
        backbone: a convolutional network, which is changed in place.
        classes: how many to tell apart.
        preprocessing: how it wants its images.
        rates: of the classifier's convolutions.
        stride: pixels of the image for one place of the last maps.
        auxiliary: whether there is the second classifier.

    Raises:
        LandbridgeError: the maps shrink in other ways, or there are none for the second classifier.
    """

    backbone: Backbone

    def __init__(
        self,
        name: str,
        backbone: Backbone,
        classes: int,
        preprocessing: Preprocessing,
        rates: Sequence[int] = (6, 12, 18, 24),
        stride: int = 8,
        auxiliary: bool = True,
    ) -> None:
        levels = pyramid(backbone)
        if auxiliary and len(levels) < 2:
            raise LandbridgeError(
                f"'{backbone.name}' makes maps of one size only: no second classifier, say head.auxiliary=false"
            )
        super().__init__(name, classes, levels[-1].width, preprocessing)
        dilate(backbone, stride)
        self.backbone = backbone
        self.layers = tuple(level.layer for level in levels[-2 if auxiliary else -1 :])
        self.head = AtrousPyramid(self.width, classes, rates)
        self.auxiliary = AtrousPyramid(levels[-2].width, classes, rates) if auxiliary else None

    def features(self, x: Tensor) -> Tensor:
        """Preprocessed images [n, 3, H, W] to the backbone's last maps [n, width, h, w], h about H / `stride`."""
        return maps_of(self.backbone, self.layers[-1:])(x)[0]

    def levels(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits [n, classes, H, W] of the classifier, and of the auxiliary one if there is one."""
        *before, last = maps_of(self.backbone, self.layers)(x)
        logits = [self.head(last)]
        if self.auxiliary is not None:
            logits.append(self.auxiliary(before[0]))
        return tuple(enlarged(each, x) for each in logits)


class AtrousPyramid(nn.Module):
    """The sum of 3 x 3 convolutions spread to several rates; it begins with kernels near 0 (deviation 0.01).

    Args:
        width: channels that come in.
        classes: numbers that come out at each place.
        rates: how far apart the nine places are that each convolution sees.

    >>> AtrousPyramid(8, 3, (1, 2))(torch.zeros(2, 8, 5, 6)).shape
    torch.Size([2, 3, 5, 6])
    """

    def __init__(self, width: int, classes: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.rates = nn.ModuleList(nn.Conv2d(width, classes, 3, padding=rate, dilation=rate) for rate in rates)
        for convolution in self.rates.children():
            assert isinstance(convolution, nn.Conv2d)
            nn.init.normal_(convolution.weight, std=0.01)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [n, width, h, w] to logits [n, classes, h, w]."""
        total: Tensor = torch.stack([convolution(maps) for convolution in self.rates]).sum(0)
        return total
