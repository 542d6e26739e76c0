"""What every segmentation network offers, whatever it is made of."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.nn.backbones import Backbone
from landbridge.nn.layers import parameter_groups
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.pyramid import maps_of


class SegmentationNetwork(nn.Module):
    """Preprocessed images to a logit for each class at each pixel.

    A subclass defines `features`; `head` makes logits of them.

    Attributes:
        name: the spec that it can be made from again; None for one that was handed over as a module.
        classes: how many there are.
        width: channels of `features`.
        head: features [n, D, h, w] to logits [n, classes, h, w].
        backbone: the network that it stands on, with its layer groups; None where it is made in one piece.
        layers: names of the backbone's layers whose maps it reads, from the finest to the coarsest.
        preprocessing: how it wants its images; those of a size of None keep their own.
    """

    head: nn.Module
    backbone: Backbone | None
    layers: tuple[str, ...] = ()

    def __init__(self, name: str | None, classes: int, width: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.name, self.classes, self.width = name, classes, width
        self.preprocessing = preprocessing

    def features(self, x: Tensor) -> Tensor:
        """Preprocessed images [n, 3, H, W] to what the head reads, [n, width, h, w]."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed images [n, 3, H, W] to logits [n, classes, H, W]."""
        return enlarged(self.head(self.features(x)), x)

    def levels(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits [n, classes, H, W] of all its classifiers, the main one first; only some networks have a second."""
        return (self(x),)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Its parameters, each once: those of the backbone's layer groups from the stem up, then its own parts."""
        groups = {} if self.backbone is None else parameter_groups(self.backbone.network, self.backbone.groups)
        own = ((name, part) for name, part in self.named_children() if part is not self.backbone)
        return groups | {name: list(part.parameters()) for name, part in own}


def enlarged(maps: Tensor, like: Tensor) -> Tensor:
    """Maps [n, C, h, w] at the height and width of other ones, bilinearly."""
    if maps.shape[2:] == like.shape[2:]:
        return maps
    # Few channels that lie side by side make poor use of wide registers, and the losses want planes anyway.
    return F.interpolate(maps.contiguous(), like.shape[2:], mode="bilinear", align_corners=False)


class Light(SegmentationNetwork):
    """A light decoder that joins maps of several sizes, on any backbone.

    Each level of the backbone goes through a 1 x 1 convolution to a common width and is enlarged to the finest one's
    size; all are joined and fused by a depthwise-separable 3 x 3 convolution; a 1 x 1 convolution tells the classes.
    This is the decoder of SegFormer (Xie et al., NeurIPS 2021, eq. 4) with a fusion that sees its surroundings, as
    DAFormer's does (Hoyer et al., CVPR 2022, section 3.2), without the latter's dilated branches.

    Args:
        name: the spec that it is made from.
        backbone: the network below.
        classes: how many to tell apart.
        preprocessing: how it wants its images.
        layers: names of the backbone's layers to read, from the finest maps to the coarsest.
        widths: their channels.
        width: the common width.
        dropout: share of the fused channels dropped in training, in [0, 1).
        auxiliary: whether there is a second classifier, on the coarsest level but one.
    """

    backbone: Backbone

    def __init__(
        self,
        name: str,
        backbone: Backbone,
        classes: int,
        preprocessing: Preprocessing,
        layers: Sequence[str],
        widths: Sequence[int],
        width: int = 64,
        dropout: float = 0.1,
        auxiliary: bool = False,
    ) -> None:
        super().__init__(name, classes, width, preprocessing)
        self.backbone, self.layers = backbone, tuple(layers)
        self.fusion = _Fusion(widths, width, dropout)
        self.head = nn.Conv2d(width, classes, 1)
        self.auxiliary = nn.Conv2d(widths[-2], classes, 1) if auxiliary else None
        self.to(memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:
        """Preprocessed images [n, 3, H, W] to fused maps of the finest level's size, [n, width, h, w]."""
        fused: Tensor = self.fusion(self._maps(x))
        return fused

    def levels(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits [n, classes, H, W] of the classifier, and of the auxiliary one if there is one."""
        maps = self._maps(x)
        logits = [self.head(self.fusion(maps))]
        if self.auxiliary is not None:
            logits.append(self.auxiliary(maps[-2]))
        return tuple(enlarged(each, x) for each in logits)

    def _maps(self, x: Tensor) -> list[Tensor]:
        return maps_of(self.backbone, self.layers)(x)


class _Fusion(nn.Module):
    """Maps of several sizes to one, of the size of the first."""

    def __init__(self, widths: Sequence[int], width: int, dropout: float) -> None:
        super().__init__()
        self.entries = nn.ModuleList(nn.Conv2d(each, width, 1) for each in widths)
        joined = width * len(widths)
        self.fuse = nn.Sequential(
            nn.Conv2d(joined, joined, 3, padding=1, groups=joined, bias=False),
            nn.BatchNorm2d(joined),
            nn.ReLU(inplace=True),
            nn.Conv2d(joined, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout2d(dropout),
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        entered = [entry(each) for entry, each in zip(self.entries, maps)]
        size = entered[0].shape[2:]
        first, *others = entered
        # At this many channels, those of a place lie best side by side.
        large = [F.interpolate(each, size, mode="bilinear", align_corners=False) for each in others]
        fused: Tensor = self.fuse(torch.cat([first, *large], 1))
        return fused
