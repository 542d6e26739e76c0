"""Networks that make maps of several sizes, small enough for tests; named as `tiny_nets:pyramid`."""

from torch import Tensor, nn


def _halved(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
    )  # fmt: skip


def pyramid(width: int = 4) -> nn.Module:
    """Maps of stride 2, 4, 8, 16 and 32, the second by max-pooling, and a classifier."""
    pooled = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Conv2d(width, width, 1))
    blocks = [pooled, _halved(width, 2 * width), _halved(2 * width, 3 * width), _halved(3 * width, 4 * width)]
    stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.ReLU(inplace=True))
    return nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 5))


def averaging() -> nn.Module:
    """Maps that shrink by means, which no dilation can undo."""
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), *(nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(4, 4, 1)) for _ in "abc"))


class Mapping(nn.Module):
    """Logits under `out`, as torchvision's segmentation networks return them."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder, self.last = nn.Conv2d(3, 6, 3, 4, 1), nn.Conv2d(6, classes, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.last(self.encoder(x).relu())}


def mapping(num_classes: int = 7) -> nn.Module:
    """A whole segmentation network."""
    return Mapping(num_classes)
