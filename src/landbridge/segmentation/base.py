"""What the methods of segmentation share: the network, its groups of parameters, and the step on both domains."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from landbridge.data.batches import Batch, Sample
from landbridge.losses import pixel_accuracy, pixel_cross_entropy
from landbridge.nn.backbones import Backbone
from landbridge.nn.batch_norm import running_statistics_kept
from landbridge.nn.heads import Head
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.segmentation_networks import SegmentationNetwork
from landbridge.nn.segmenter_model import Segmenter
from landbridge.training.joint import Joint
from landbridge.training.method import Group, Losses, Method, Moment, Phase, Setup
from landbridge.training.schedules import polynomial_rate

AUXILIARY = 0.1
"""Weight of the losses of a second classifier beside those of the main one (Tsai et al., CVPR 2018, section 4.4)."""

ENCODERS = ("backbone", "encoder")
"""How networks that are made in one piece call their pretrained part."""


@dataclass
class SegmentationSetup(Setup):
    """What a method of segmentation is made from: a whole network stands in the place of backbone and head.

    Attributes:
        network: the segmentation network, ready to use.
        backbone_lr_ratio: rate of its backbone, which usually comes with weights, over that of all else, > 0.
        private: names of classes that only the target has, beyond `classes`; `boundless` finds them.
        data_root: folder of the data sets, where word vectors are looked for; LANDBRIDGE_DATA by default.

    >>> from landbridge.nn.segmenters import make_segmenter
    >>> setup = SegmentationSetup(("road", "sky"), {"source": 9, "target": 7}, network=make_segmenter("small-cnn", 2))
    >>> setup.rate, setup.backbone_lr_ratio
    (0.01, 0.1)
    """

    backbone: Backbone = field(init=False, repr=False)
    head: Head = field(init=False, repr=False)
    network: SegmentationNetwork = field(kw_only=True)
    backbone_lr_ratio: float = field(default=0.1, kw_only=True)
    private: tuple[str, ...] = field(default=(), kw_only=True)
    data_root: str | None = field(default=None, kw_only=True)


class SegmentationMethod(Method):
    """A method whose network tells the class of each pixel: `network` in the place of backbone and head.

    Its groups are the parts of the network, `backbone` among them at a smaller rate; all follow one schedule.
    """

    setup: SegmentationSetup

    def __init__(self, setup: SegmentationSetup) -> None:
        nn.Module.__init__(self)
        self.setup = setup
        self.network = setup.network

    def preprocessing(self, name: str) -> Preprocessing:
        """As the network wants its images."""
        return self.network.preprocessing

    def groups(self) -> Mapping[str, Group]:
        """The parts of the network."""
        return self.network_groups()

    def network_groups(self) -> dict[str, Group]:
        """The parts of the network, its backbone at its own rate, for methods that have further groups."""
        parts = _parts(self.network)
        ratios = {name: self.setup.backbone_lr_ratio if name == "backbone" else 1.0 for name in parts}
        return {name: self.group(nn.ParameterList(parts[name]), ratio) for name, ratio in ratios.items()}

    def group(self, module: nn.Module, ratio: float = 1.0) -> Group:
        """The parameters of a module under the set-up's SGD, at `ratio` times its rate, at the method's pace."""
        usual = super().group(module, ratio)
        return Group(usual.parameters, usual.optimiser, usual.rate, self.pace)

    def pace(self, at: Moment) -> float:
        """Factor on all learning rates."""
        return polynomial_rate(at.progress)

    def source_phase(self, share: float = 1.0) -> Phase:
        """Train the network on the labelled source; the same in every method that begins so, and computed once."""
        # What is kept of a phase is found by its groups' names, which a network in one piece does not have inside.
        known = self.network.backbone is not None
        recipe = f"supervised pixels, ratio {self.setup.backbone_lr_ratio}" if known else None
        return Phase("source", share, inputs=("source",), trains=tuple(_parts(self.network)), recipe=recipe)

    def supervised(self, sample: Sample, name: str = "source") -> Losses:
        """One turn: the cross-entropy of labelled pixels, that of a second classifier with a tenth of its weight."""
        levels = self.network.levels(sample.x)
        return Losses(
            classification=labelled_pixels(levels, sample.y),
            measures={f"{name}_accuracy": lambda: pixel_accuracy(levels[0], sample.y)},
        )

    def model(self) -> Segmenter:
        """The network with its class names."""
        return Segmenter(self.network, self.setup.classes)


def _parts(network: SegmentationNetwork) -> dict[str, list[nn.Parameter]]:
    """The parameters of a network by its parts, what is pretrained under `backbone`; each parameter once."""
    if network.backbone is not None:
        parts = {name: list(part.parameters()) for name, part in network.named_children()}
        return {name: parameters for name, parameters in parts.items() if parameters}
    parts = {}
    for name, parameters in network.groups().items():
        parts.setdefault("backbone" if name in ENCODERS else name, []).extend(parameters)
    return parts


def by_level(
    loss: Callable[[Tensor], Tensor], levels: Iterable[Tensor], weights: tuple[float, float] = (1.0, AUXILIARY)
) -> Tensor:
    """A loss of the main classifier's logits and of a second one's, each with its weight; or of the main one's alone.

    >>> by_level(torch.sum, [torch.tensor(1.0), torch.tensor(2.0)]), by_level(torch.sum, [torch.tensor(1.0)])
    (tensor(1.2000), tensor(1.))
    """
    return torch.stack([weight * loss(logits) for weight, logits in zip(weights, levels)]).sum()


def labelled_pixels(levels: Iterable[Tensor], labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """The cross-entropy of labelled pixels over all classifiers; see `pixel_cross_entropy`."""
    return by_level(lambda logits: pixel_cross_entropy(logits, labels, weights), levels)


@dataclass
class SeenPixels:
    """What a step looks at, shared by all terms.

    Attributes:
        batch: the samples by input.
        source: logits of the source [n, K, H, W] of each classifier, the main one first.
        target: likewise of the target.
    """

    batch: Batch
    source: tuple[Tensor, ...]
    target: tuple[Tensor, ...]


SeenT = TypeVar("SeenT", bound=SeenPixels)


class JointSegmentation(SegmentationMethod, Joint[SeenT], Generic[SeenT]):
    """Segmentation of the source plus terms over both domains, in one turn:

        min over f of  L_seg(f(x_s), y_s) + terms(f(x_s), f(x_t)),   L_seg the mean cross-entropy of labelled pixels

    Args:
        setup: the set-up.
        batch_norm: each domain by its own batch statistics, and the target's to predict by (`apart`), or both as one
            batch (`together`).
    """

    def __init__(self, setup: SegmentationSetup, batch_norm: Literal["apart", "together"] = "apart") -> None:
        super().__init__(setup)
        self.batch_norm = batch_norm

    def levels_of(self, *inputs: Tensor) -> list[tuple[Tensor, ...]]:
        """Logits of inputs, through BatchNorm apart or together; name the target last, see `Method.features`."""
        if self.batch_norm == "apart":
            with running_statistics_kept(self.network):
                before = [self.network.levels(x) for x in inputs[:-1]]
            return [*before, self.network.levels(inputs[-1])]
        joined = [level.split([len(x) for x in inputs]) for level in self.network.levels(torch.cat(inputs))]
        return list(zip(*joined))

    def source_loss(self, seen: SeenT) -> Tensor:
        """The cross-entropy of the source's pixels."""
        return labelled_pixels(seen.source, seen.batch["source"].y)

    def source_measures(self, seen: SeenT) -> Mapping[str, Callable[[], Any]]:
        """Share of the source's labelled pixels that are told rightly."""
        logits, labels = seen.source[0], seen.batch["source"].y
        return {"source_accuracy": lambda: pixel_accuracy(logits, labels)}


class PlainJoint(JointSegmentation[SeenPixels]):
    """A joint method that looks at both domains as they are."""

    def look(self, batch: Batch) -> SeenPixels:
        """Pass both domains through the network."""
        return SeenPixels(batch, *self.levels_of(batch["source"].x, batch["target"].x))
