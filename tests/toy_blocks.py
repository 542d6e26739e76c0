"""Coloured blocks, plain or striped, on grey ground; the target is darker, and it alone labels blue stripes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.label_maps import VOID
from landbridge.data.masks import ArrayMasks
from landbridge.nn.segmenters import make_segmenter
from landbridge.segmentation.base import SegmentationSetup
from landbridge.segmentation.boundless.method import Boundless
from landbridge.training.method import Method
from landbridge.training.options import make_method
from toy_scenes import SceneBench

COLOURS = {"red": (220, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 220)}
SHARED = ("ground", "red block", "red stripes", "green block", "green stripes", "blue block")
PRIVATE = ("blue stripes",)
SIDE, BLOCK = 48, 14


def _block(colour: str, striped: bool) -> Tensor:
    block = torch.tensor(COLOURS[colour], dtype=torch.float32).view(3, 1, 1).expand(3, BLOCK, BLOCK).clone()
    if striped:
        block[:, torch.arange(BLOCK) % 4 < 2] *= 0.25
    return block


def blocks(name: str, light: float, seed: int, classes: tuple[str, ...], counts: tuple[int, int] = (60, 20)) -> Domain:
    """Pictures of four blocks each; pixels of classes that are not among `classes` are void."""
    draw, splits = torch.Generator().manual_seed(seed), {}
    kinds = [f"{colour} {kind}" for colour in COLOURS for kind in ("block", "stripes")]
    for split, count in zip(("train", "test"), counts):
        images = torch.full((count, 3, SIDE, SIDE), 128.0)
        masks = torch.full((count, SIDE, SIDE), classes.index("ground"), dtype=torch.uint8)
        for number in range(count):
            for corner in ((3, 3), (3, 29), (29, 3), (29, 29)):
                top, left = (place + int(torch.randint(-3, 4, (), generator=draw)) for place in corner)
                kind = kinds[int(torch.randint(len(kinds), (), generator=draw))]
                place = (slice(top, top + BLOCK), slice(left, left + BLOCK))
                images[number][:, *place] = _block(kind.split()[0], kind.endswith("stripes"))
                masks[number][place] = classes.index(kind) if kind in classes else VOID
        noisy = images * light + 12 * torch.randn(images.shape, generator=draw)
        splits[split] = Examples(Arrays(noisy.round().clamp(0, 255).to(torch.uint8)), ArrayMasks(masks))
    return Domain(name, classes, splits, headline="miou")


def toy() -> tuple[Domain, Domain]:
    """Source and target."""
    return blocks("toy-source", 1.0, 1, SHARED), blocks("toy-target", 0.85, 2, (*SHARED, *PRIVATE))


def table(folder: Path) -> Path:
    """What is said of the classes, as a CSV."""
    rows = ["class,red,green,blue,plain,striped", "ground,0,0,0,1,0"]
    for colour in COLOURS:
        said = ",".join(str(int(colour == other)) for other in COLOURS)
        rows += [f"{colour} block,{said},1,0", f"{colour} stripes,{said},0,1"]
    path = folder / "blocks.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


SMALL = {"adaptation": "source-only", "every": "3", "turns": "2", "hidden": "16"}


@dataclass
class BoundlessBench(SceneBench):
    """Blocks whose last kind only the target labels."""

    backbone: str = "light/small-cnn?head.width=16"

    def method(self, name: str, cls: type[Method], seed: int = 0) -> Method:
        torch.manual_seed(seed_of(seed, "networks"))
        network = make_segmenter(self.backbone, self.source.classes)
        sizes = {name: len(view) for name, view in self.views(cls).items()}
        setup = SegmentationSetup(
            self.source.classes, sizes, rate=self.rate, network=network, backbone_lr_ratio=1.0, private=PRIVATE
        )
        return make_method(name, cls, setup, self.options)

    def ready(self) -> Boundless:
        """The method, untrained."""
        method = self.method("boundless", Boundless)
        assert isinstance(method, Boundless)
        return method

    def trained(self, folder: Path | None = None, **changes: Any) -> Boundless:
        """The method after training."""
        method = self.train("boundless", Boundless, folder, **changes)
        assert isinstance(method, Boundless)
        return method


def blocks_bench(folder: Path, **options: str) -> BoundlessBench:
    """Blocks described by a CSV in `folder`."""
    return BoundlessBench(*toy(), options={"signatures": str(table(folder)), **options})
