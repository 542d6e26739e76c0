"""Backbones: any network as a feature extractor, by name."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.nn.blueprint import Blueprint, Spec
from landbridge.nn.layers import evaluating, group_of, layer_groups, ordered_layers, parameter_groups
from landbridge.nn.pooling import pooled
from landbridge.nn.sources import blueprint, explained_reading
from landbridge.nn.weights import load_weights


class Backbone(nn.Module):
    """A network from preprocessed inputs to one feature vector an example.

    Args:
        name: the spec that it was made from.
        blueprint: the network and what is usually put around it.

    Attributes:
        name: the spec that it was made from.
        network: the wrapped network, for hooks.
        preprocessing: how it wants its inputs.
        width: number of features.
        head_hidden: usual widths of the hidden layers of a label head; none means a linear one.
        discriminator_hidden: usual widths of the hidden layers of a domain discriminator.
        rate: samples a second of the waveforms that it reads; None where it reads something else.

    Raises:
        LandbridgeError: the network cannot read inputs of the size that its preprocessing makes.

    >>> backbone = make_backbone("ganin-mnist")
    >>> backbone(torch.zeros(2, 3, 28, 28)).shape, backbone.width, list(backbone.groups)
    (torch.Size([2, 768]), 768, ['stem', 'conv2'])
    """

    def __init__(self, name: str, blueprint: Blueprint) -> None:
        super().__init__()
        self.name = name
        self.network = blueprint.network.to(memory_format=torch.channels_last)
        self.preprocessing = blueprint.preprocessing
        self.head_hidden = blueprint.head_hidden
        self.discriminator_hidden = blueprint.discriminator_hidden
        self.rate, self._inputs = blueprint.rate, blueprint.inputs
        example = self.example()
        with explained_reading(name, example), evaluating(self.network):
            self.width = int(self(example).shape[1])

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed inputs [N, 3, h, w] or [N, D] to features [N, width]; maps are averaged over their places.

        Raises:
            BadDataError: it reads images and these are vectors, or the other way round.
        """
        if (x.dim() == 2) != (self._inputs is not None):
            reads = "images" if self._inputs is None else "waveforms" if self.rate else "feature vectors"
            raise BadDataError(
                f"backbone '{self.name}' reads {reads}, not inputs of shape {tuple(x.shape[1:])}: name one that reads "
                "these, or another domain"
            )
        output = self.network(x)
        return pooled(output[0] if isinstance(output, tuple) else output, network=self.network)

    def example(self) -> Tensor:
        """Two blank inputs of the shape that the network reads, on its device."""
        device = next((parameter.device for parameter in self.network.parameters()), None)
        if self._inputs is not None:
            return torch.zeros(2, self._inputs, device=device)
        height, width = self.preprocessing.size or (224, 224)
        return torch.zeros(2, 3, height, width, device=device).to(memory_format=torch.channels_last)

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers of `network`, in the order in which they run."""
        return ordered_layers(self.network, self.example())

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The layers by group, from the stem up: what is frozen, copied, or trained at one rate together."""
        return layer_groups(self.network, self.layers)


def group_parameters(backbone: Backbone, group: str) -> list[nn.Parameter]:
    """The parameters of one layer group; over all groups, each parameter of the network comes exactly once.

    Raises:
        UnknownNameError: the backbone has no such group.

    >>> [tuple(parameter.shape) for parameter in group_parameters(make_backbone("ganin-mnist"), "stem")]
    [(32, 3, 5, 5), (32,)]
    """
    _check_known(backbone, [group])
    return parameter_groups(backbone.network, backbone.groups)[group]


def chosen_groups(backbone: Backbone, asked: str) -> tuple[str, ...]:
    """The layer groups that a user means, from the stem up.

    Args:
        backbone: the network.
        asked: `all`, `none`, a number n or `first:n` for the first n from the stem up, `last:n` for those next to the
            head, or names with commas. `3,` is the group that is called 3.

    Raises:
        UnknownNameError: the backbone has no such group; the message suggests the nearest.
        LandbridgeError: more groups than there are.

    >>> net = make_backbone("ganin-mnist")
    >>> chosen_groups(net, "1"), chosen_groups(net, "last:1"), chosen_groups(net, "none")
    (('stem',), ('conv2',), ())
    """
    groups = tuple(backbone.groups)
    if asked in ("all", "none"):
        return groups if asked == "all" else ()
    if counted := re.fullmatch(r"(?:(first|last):)?(-?\d+)", asked.strip()):
        count = int(counted[2])
        if not 0 <= count <= len(groups):
            raise LandbridgeError(
                f"'{asked}': '{backbone.name}' has {len(groups)} layer groups, so say 0 to {len(groups)}: "
                f"{', '.join(groups)}"
            )
        return groups[len(groups) - count :] if counted[1] == "last" else groups[:count]
    named = [name.strip() for name in asked.removesuffix(",").split(",")]
    _check_known(backbone, named, ", or all, none, N, first:N, last:N")
    return tuple(name for name in groups if name in named)


def _check_known(backbone: Backbone, names: Sequence[str], or_else: str = "") -> None:
    for name in names:
        if name not in backbone.groups:
            hint = nearest(name, backbone.groups) or f"; its groups: {', '.join(backbone.groups)}{or_else}"
            raise UnknownNameError(f"'{backbone.name}' has no layer group '{name}'{hint}")


def copy_groups(source: Backbone, target: Backbone, groups: Sequence[str]) -> None:
    """Copy the weights and statistics of some layer groups from one network into another of the same kind.

    Weights that several groups share are copied with any of them.

    Raises:
        UnknownNameError: the source has no such group.

    >>> learned, fresh = make_backbone("ganin-mnist"), make_backbone("ganin-mnist")
    >>> copy_groups(learned, fresh, ["stem"])
    >>> [bool((a == b).all()) for a, b in zip(learned.parameters(), fresh.parameters())]
    [True, True, False, False]
    """
    _check_known(source, groups)
    state = source.network.state_dict()
    copied = {name: value for name, value in state.items() if group_of(name, source.groups) in groups}
    target.network.load_state_dict(copied, strict=False)


def is_own_factory(spec: str) -> bool:
    """Whether a name means a user's own factory, so that making the backbone runs code of theirs.

    >>> is_own_factory("nets.py:make?depth=3"), is_own_factory("timm/resnet18")
    (True, False)
    """
    return Spec.parse(spec).source == "own"


def make_backbone(spec: str, weights: str | Path | None = None) -> Backbone:
    """Make a backbone by name.

    Args:
        spec: `timm/NAME`, `torchvision/NAME`, `open_clip/NAME` (its image tower); a bare name, looked for in our own
            list and then in these three in turn; or one's own factory, `package.module:make` or `file.py:make`. After
            a `?` follow `key=value` pairs, joined by `&`: `size` (pixels: 192 or 192x256), `mean` and `std` (of images
            in [0, 1]: one number, or three with commas) go to the preprocessing, all others to the factory.
        weights: None or "none" for fresh ones, "hub" for those that the source publishes, else a file, or the folder of
            a run, whose backbone is taken.

    Returns:
        The backbone, its classifier cut off, its weights in channels_last.

    Raises:
        UnknownNameError: no such network; the message suggests the nearest name.
        MissingDataError: a file is missing.
        BadDataError: the weights do not fit the network, or are no plain weights.
        LandbridgeError: a key does not fit, a package is missing, the hub cannot be reached.

    >>> make_backbone("mlp?inputs=10&hidden=32").width
    32
    """
    parsed = Spec.parse(spec)
    choice = None if weights is None or str(weights) == "none" else weights
    made = blueprint(parsed, pretrained=choice == "hub")
    if choice is not None and choice != "hub":
        load_weights(made.network, choice, made.classifier)
    return Backbone(made.known_as or spec, made)


class CatalogueEntry(NamedTuple):
    """One line about a backbone: its name, what it is for, where it was published, what it needs."""

    name: str
    purpose: str
    paper: str
    needs: str


def backbone_catalogue() -> list[CatalogueEntry]:
    """Our own backbones, and a handful that is worth trying first among the many that timm and torchvision hold."""
    return [CatalogueEntry(*line) for line in _CATALOGUE]


_CATALOGUE = (
    ("ganin-mnist", "digits at 28x28, the small one", "Ganin & Lempitsky, ICML 2015", "nothing"),
    ("ganin-svhn", "house numbers at 32x32", "Ganin & Lempitsky, ICML 2015", "nothing"),
    ("ganin-signs", "traffic signs at 40x40", "Ganin & Lempitsky, ICML 2015", "nothing"),
    ("small-cnn", "colours and shapes at 32x32", "of Landbridge's own", "nothing"),
    ("lenet", "digits at 28x28, as ADDA adapts them", "LeCun et al., Proc. IEEE 1998", "nothing"),
    ("mlp?inputs=D", "feature vectors of width D, with one hidden layer", "", "feature vectors"),
    ("identity?inputs=D", "feature vectors of width D as they are", "", "feature vectors"),
    ("hog", "hand-crafted features to compare with", "Dalal & Triggs, CVPR 2005", "scikit-image"),
    ("speech-cnn", "spoken words, waveforms of a second at 8 kHz", "", "waveforms"),
    ("torchvision/alexnet", "the layers of the classic transfer tables", "Krizhevsky et al., NeurIPS 2012", "weights"),
    ("torchvision/squeezenet1_1", "tiny, no batch normalisation", "Iandola et al., 2016", "weights"),
    ("torchvision/vgg16", "plain convolutions, heavy", "Simonyan & Zisserman, ICLR 2015", "weights"),
    ("timm/mobilenetv2_100", "good features on a CPU", "Sandler et al., CVPR 2018", "weights"),
    ("timm/resnet18", "small residual network", "He et al., CVPR 2016", "weights"),
    ("timm/resnet50", "the field's usual choice on Office and VisDA", "He et al., CVPR 2016", "weights"),
    ("timm/efficientnet_b0", "accurate for its size", "Tan & Le, ICML 2019", "weights"),
    ("timm/convnext_tiny", "modern convolutions", "Liu et al., CVPR 2022", "weights"),
    ("timm/vit_tiny_patch16_224", "the smallest vision transformer", "Dosovitskiy et al., ICLR 2021", "weights"),
    ("timm/swin_tiny_patch4_window7_224", "windowed transformer", "Liu et al., ICCV 2021", "weights"),
    ("timm/vit_small_patch14_dinov2", "features that need no fine-tuning", "Oquab et al., TMLR 2024", "weights"),
    ("open_clip/ViT-B-32", "image tower of CLIP", "Radford et al., ICML 2021", "open_clip_torch, weights"),
)
