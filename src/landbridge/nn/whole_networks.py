"""Segmentation networks made in one piece: a user's own, and those of segmentation-models-pytorch."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.nn.blueprint import IMAGENET, Spec
from landbridge.nn.layers import evaluating
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.segmentation_networks import SegmentationNetwork, enlarged

SMP_MULTIPLE = 32
"""Most networks of segmentation-models-pytorch read images of sides divisible by this."""


class Whole(SegmentationNetwork):
    """A network that returns logits by itself, of any size; or a mapping with them under `out`, as torchvision's do.

    Its last convolution that makes a number a class is the head, and what goes into it are the features.

    Attributes:
        head_name: the name of that convolution in the network.

    Args:
        name: the spec that it is made from; None for one that cannot be made again by name.
        network: preprocessed images to logits [n, classes, h, w].
        classes: how many to tell apart.
        preprocessing: how it wants its images.
        multiple: images are padded to sides that this number divides, by repeating their edges, and the logits cut.

    Raises:
        LandbridgeError: it cannot read images, or returns something else than logits of these classes.

    >>> network = Whole(None, nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 2, 1)), 2, IMAGENET)
    >>> network.width, network(torch.zeros(1, 3, 9, 8)).shape, list(network.groups())
    (5, torch.Size([1, 2, 9, 8]), ['0', 'head'])
    """

    def __init__(
        self, name: str | None, network: nn.Module, classes: int, preprocessing: Preprocessing, multiple: int = 1
    ) -> None:
        super().__init__(name, classes, 0, preprocessing)
        self.backbone = None
        self.network, self.multiple = network, multiple
        self._title = name or type(network).__name__
        self.head_name = self._found_head()

    @property
    def head(self) -> nn.Module:  # type: ignore[override]
        """The last convolution, which stays a part of the network."""
        return self.network.get_submodule(self.head_name)

    def features(self, x: Tensor) -> Tensor:
        """Preprocessed images [n, 3, H, W] to what the last convolution reads, [n, width, h, w]."""
        found: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda module, inputs: found.append(inputs[0]))
        try:
            self._logits(x)
        finally:
            hook.remove()
        return found[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed images [n, 3, H, W] to logits [n, classes, H, W]."""
        return enlarged(self._logits(x), x)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Its parameters, each once: by the direct parts of the network, and the head's."""
        groups: dict[str, list[nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            last = name.rpartition(".")[0] == self.head_name
            groups.setdefault("head" if last else name.partition(".")[0], []).append(parameter)
        return groups

    def _logits(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        down, right = -height % self.multiple, -width % self.multiple
        output = self.network(F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x)
        logits: Tensor = output["out"] if isinstance(output, Mapping) else output
        return logits[:, :, :height, :width] if down or right else logits

    def _found_head(self) -> str:
        """The name of the last convolution that makes one number a class; its width is kept."""
        made: list[tuple[str, int]] = []

        def remember(name: str) -> Any:
            return lambda module, inputs, output: made.append((name, inputs[0].shape[1]))

        named = [(name, part) for name, part in self.network.named_modules() if isinstance(part, nn.Conv2d)]
        hooks = [
            part.register_forward_hook(remember(name)) for name, part in named if part.out_channels == self.classes
        ]
        height, width = self.preprocessing.size or (128, 128)
        device = next((parameter.device for parameter in self.network.parameters()), None)
        try:
            with evaluating(self.network):
                logits = self._logits(torch.zeros(1, 3, height, width, device=device))
        except (RuntimeError, ValueError, TypeError, KeyError, AssertionError) as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise LandbridgeError(
                f"'{self._title}' cannot read images of 3x{height}x{width} ({line}): name the size it wants, as in "
                "?size=256x512"
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
        if not isinstance(logits, Tensor) or logits.dim() != 4 or logits.shape[1] != self.classes or not made:
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise LandbridgeError(
                f"'{self._title}' returns {shape}, not logits of {self.classes} classes from a last convolution, "
                f"[n, {self.classes}, h, w]: tell its factory the number of classes, as in ?num_classes={self.classes}"
            )
        name, self.width = made[-1]
        return name


def smp_network(spec: Spec, classes: int, pretrained: bool) -> Whole:
    """A network of segmentation-models-pytorch, such as `smp/Unet?encoder_name=resnet18`.

    Args:
        spec: the rest of the name, `Unet?encoder_name=resnet18`; its keys go to the library's class, numbers with
            commas as a tuple: `encoder_depth=3&decoder_channels=64,32,16`.
        classes: how many to tell apart.
        pretrained: whether the encoder's weights come from the library's hub.

    Raises:
        UnknownNameError: the library has no such network.
        LandbridgeError: it is not installed, or refuses the keys, or its hub cannot be reached.
    """
    name = f"smp/{spec.text}"
    if find_spec("segmentation_models_pytorch") is None:
        raise LandbridgeError(
            f"segmenter '{name}' needs segmentation-models-pytorch: pip install \"landbridge[segmentation]\""
        )
    library = import_module("segmentation_models_pytorch")
    known = [name for name, each in vars(library).items() if isinstance(each, type) and issubclass(each, nn.Module)]
    if spec.name not in known:
        hint = nearest(spec.name, known) or f"; known: {', '.join(known)}"
        raise UnknownNameError(f"unknown segmenter '{name}': segmentation-models-pytorch has no '{spec.name}'{hint}")
    keys = {key: _widths(value) for key, value in spec.keys.items()}
    # The library swallows keys that it does not know.
    taken = [
        each.name
        for each in signature(vars(library)[spec.name]).parameters.values()
        if each.kind is not each.VAR_KEYWORD
    ]
    if wrong := [key for key in keys if key not in taken]:
        hint = nearest(wrong[0], taken) or f"; it takes {', '.join(taken)}"
        raise LandbridgeError(f"segmenter '{name}': {spec.name} has no key '{wrong[0]}'{hint}")
    weights = "imagenet" if pretrained else None
    try:
        network = getattr(library, spec.name)(**{"encoder_weights": weights, **keys, "classes": classes})
    except Exception as error:
        # Unknown encoders, keys that no decoder takes, a hub that cannot be reached: the library raises as it likes.
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise LandbridgeError(f"segmenter '{name}': {line[:300]}") from error
    return Whole(
        name, network, classes, spec.preprocessing(Preprocessing(None, IMAGENET.mean, IMAGENET.std)), SMP_MULTIPLE
    )


def _widths(value: Any) -> Any:
    """Whole numbers with commas as a tuple, anything else as it is."""
    numbers = value.split(",") if isinstance(value, str) else ()
    return tuple(map(int, numbers)) if len(numbers) > 1 and all(map(str.isdecimal, numbers)) else value
