"""A toy shift of scenes: cars are squares, trees are discs; by day, and by dusk. And how methods are tried on it."""

from dataclasses import dataclass, field
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from landbridge.core.processes import gather, world
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.label_maps import VOID
from landbridge.data.masks import ArrayMasks
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.segmentation_networks import SegmentationNetwork
from landbridge.nn.segmenters import make_segmenter
from landbridge.segmentation.base import SegmentationSetup
from landbridge.training.method import Method
from landbridge.training.options import make_method
from methods_suite import Bench

CLASSES = ("road", "car", "tree")
COLOURS = torch.tensor([[110.0, 110, 110], [190, 60, 50], [60, 150, 70]])
SIDE = 32


def masks(count: int, seed: int, classes: int = len(CLASSES)) -> Tensor:
    """Squares of class 1 and discs of class 2 on a ground of class 0, uint8 [count, 32, 32]."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    made = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
    for number in range(1, classes):
        for _ in range(2):
            y, x = torch.randint(4, SIDE - 4, (2, count, 1, 1), generator=generator)
            size = torch.randint(4, 8, (count, 1, 1), generator=generator)
            down, across = (rows - y).abs(), (columns - x).abs()
            inside = torch.maximum(down, across) < size if number == 1 else down**2 + across**2 < size**2
            made[inside] = number
    return made


def scenes(name: str, count: int, seed: int, *, dusk: float, classes: int = len(CLASSES)) -> Domain:
    """Scenes by day (0) or, darker, bluer and with less contrast, by dusk (1); half to train on, half to test on."""
    y = masks(2 * count, seed, classes)
    generator = torch.Generator().manual_seed(seed + 1)
    colours = COLOURS[y.long()].movedim(3, 1)
    colours = colours + 14 * torch.randn(colours.shape, generator=generator)
    colours = (1 - 0.55 * dusk) * colours + dusk * torch.tensor([0.0, 10.0, 60.0]).view(3, 1, 1)
    x = colours.round().clamp(0, 255).to(torch.uint8)
    half = {"train": slice(0, count), "test": slice(count, None)}
    splits = {split: Examples(Arrays(x[part]), ArrayMasks(y[part])) for split, part in half.items()}
    return Domain(name, CLASSES, splits, headline="miou")


def with_one_all_void(domain: Domain) -> Domain:
    """The same scenes, but that nothing in the first two is labelled."""
    train = domain.splits["train"]
    blank = train.y.read(torch.arange(len(train))).clone()
    blank[:2] = VOID
    splits = {**domain.splits, "train": Examples(train.x, ArrayMasks(blank))}
    return Domain(domain.name, domain.classes, splits, headline="miou")


@dataclass
class SceneBench(Bench):
    """A small problem on which any method of segmentation can run in seconds."""

    backbone: str = "light/small-cnn?head.width=16&head.dropout=0"
    rate: float = 0.1
    steps: int = 60
    options: dict[str, Any] = field(default_factory=dict)

    def method(self, name: str, cls: type[Method], seed: int = 0) -> Method:
        torch.manual_seed(seed_of(seed, "networks"))
        network = make_segmenter(self.backbone, self.source.classes)
        sizes = {name: len(view) for name, view in self.views(cls).items()}
        setup = SegmentationSetup(self.source.classes, sizes, rate=self.rate, network=network, backbone_lr_ratio=0.5)
        return make_method(name, cls, setup, self.options)

    def trainer(self, folder: Any = None, **changes: Any) -> Any:
        return super().trainer(folder, **({"batch_size": 4} | changes))


def toy_bench(dusk: float = 1.0, **settings: Any) -> SceneBench:
    """Day to dusk."""
    return SceneBench(scenes("toy-day", 24, 0, dusk=0), scenes("toy-dusk", 20, 10, dusk=dusk), **settings)


class NormOverAll(torch.nn.BatchNorm2d):
    """BatchNorm over the images of all processes, as SyncBatchNorm is on GPUs."""

    def forward(self, x: Tensor) -> Tensor:
        first = world()[0] * len(x)
        return super().forward(gather(x))[first : first + len(x)] if self.training else super().forward(x)


class Double:
    """Preprocessing in double precision."""

    def __init__(self, usual: Preprocessing) -> None:
        self.usual, self.size = usual, usual.size

    def __call__(self, images: Tensor) -> Tensor:
        return self.usual(images).double()

    def restored(self, ready: Tensor) -> Tensor:
        return self.usual.restored(ready)


def odd_classes(labels: Tensor, classes: int) -> Tensor:
    """A mask of classes that is not drawn."""
    return (labels % 2 == 1) & (labels < classes)


def left_half(count: int, height: int, width: int, patch: int, hidden: float, device: torch.device) -> Tensor:
    """A mask of patches that is not drawn."""
    return (torch.arange(width) < width // 2).expand(count, 1, height, width)


def trained(rank: int, name: str, options: dict[str, str]) -> dict[str, Tensor]:
    """The state of a method after a few steps, in float64, by this process or together with the others of its group."""
    from landbridge.segmentation import METHODS, dacs, mic

    torch.set_default_dtype(torch.float64)
    drawn = dacs.class_mask, mic.visible_patches
    dacs.class_mask, mic.visible_patches = odd_classes, left_half
    try:
        bench = toy_bench(options=options, steps=6)
        bench.source = with_one_all_void(bench.source)
        trainer, cls = bench.trainer(batch_size=8), METHODS.resolve(name)
        if torch.distributed.is_initialized():
            trainer.fabric = joined(rank)
        method = bench.method(name, cls)
        for module in list(method.modules()):
            for key, part in module.named_children():
                if isinstance(part, torch.nn.BatchNorm2d):
                    module.set_submodule(key, NormOverAll(part.num_features))
            if isinstance(module, SegmentationNetwork):
                module.preprocessing = Double(module.preprocessing)
                module.requires_grad_(module is method.network)
        return trainer.fit(method.double(), bench.views(cls)).state_dict()
    finally:
        dacs.class_mask, mic.visible_patches = drawn
        torch.set_default_dtype(torch.float32)


def joined(rank: int) -> Fabric:
    """A Fabric whose processes are those of the existing group."""

    class Joined(Fabric):
        global_rank, world_size, is_global_zero = rank, 2, rank == 0  # type: ignore[assignment]

    return Joined(accelerator="cpu", devices=1)
