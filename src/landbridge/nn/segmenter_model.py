"""The segmenter that comes out of training: network, preprocessing and class names in one object."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.backbones import is_own_factory
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.models import describe, model_folder, read_weights, write_model
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.segmentation_networks import SegmentationNetwork
from landbridge.nn.segmenters import make_segmenter, split_name

KIND = "segmenter"
PIXELS_AT_ONCE = 2**20
"""How many pixels go through the network together, unless one image alone has more."""


class Segmenter(nn.Module):
    """A network that tells the class of each pixel.

    Args:
        network: preprocessed images to logits.
        classes: names of the classes, in the order of the logits.

    Raises:
        LandbridgeError: there are more or fewer names than the network has classes.

    >>> model = Segmenter(make_segmenter("small-cnn", 2), ("road", "sky"))
    >>> labels = model.predict(torch.zeros(3, 3, 40, 56, dtype=torch.uint8))
    >>> labels.shape, labels.dtype
    (torch.Size([3, 40, 56]), torch.uint8)
    """

    def __init__(self, network: SegmentationNetwork, classes: Sequence[str]) -> None:
        super().__init__()
        if len(classes) != network.classes:
            raise LandbridgeError(f"{len(classes)} class names for a network of {network.classes} classes")
        self.network, self.classes = network, tuple(classes)

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns raw images into what `forward` takes; images keep their own size where its size is None."""
        return self.network.preprocessing

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed images [n, 3, h, w] to logits [n, classes, h, w]."""
        logits: Tensor = self.network(x)
        return logits

    def predict(
        self,
        images: Tensor,
        window: tuple[int, int] | None = None,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        batch_size: int | None = None,
    ) -> Tensor:
        """The likeliest class of each pixel, at the images' own size.

        Args:
            images: uint8 [n, 1 or 3, H, W].
            window: height and width of the part of an image that the network sees at once; a window slides over
                larger images, each overlapping the next by at least a third. The whole image by default.
            scales: factors on the size at which the network sees the images; the probabilities are averaged.
            flip: whether to average with what it says of the mirrored images too.
            batch_size: how many images go through the network at once; as many as have a million pixels by default.

        Returns:
            Class numbers, uint8 [n, H, W], on the CPU.

        Raises:
            BadDataError: these are no images.
            LandbridgeError: a scale or a window is not positive.
        """
        parts = self._batches(images, window, scales, flip, batch_size)
        labels = [part.argmax(1).to(torch.uint8).cpu() for part in parts]
        return torch.cat(labels) if labels else torch.empty(0, *images.shape[2:], dtype=torch.uint8)

    def probabilities(
        self,
        images: Tensor,
        window: tuple[int, int] | None = None,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        batch_size: int | None = None,
    ) -> Tensor:
        """The probability of each class at each pixel, float32 [n, classes, H, W]; arguments as for `predict`."""
        parts = [part.float().cpu() for part in self._batches(images, window, scales, flip, batch_size)]
        return torch.cat(parts) if parts else torch.empty(0, len(self.classes), *images.shape[2:])

    def fingerprint(self) -> str:
        """SHA-256 of all that its answers are a function of beside the images."""
        return fingerprint(self)

    def example(self) -> Tensor:
        """A blank preprocessed image, on the network's device."""
        height, width = self.preprocessing.size or (224, 224)
        return torch.zeros(1, 3, height, width, device=next(self.parameters()).device)

    @torch.inference_mode()
    def _batches(
        self,
        images: Tensor,
        window: tuple[int, int] | None,
        scales: Sequence[float],
        flip: bool,
        batch_size: int | None,
    ) -> Iterator[Tensor]:
        """Probabilities of a few images at a time, [b, classes, H, W], on the network's device."""
        _check(images, window, scales)
        self.eval()
        device = next(self.parameters()).device
        at_once = batch_size or max(1, PIXELS_AT_ONCE // (images.shape[2] * images.shape[3]))
        for part in images.split(at_once) if len(images) else ():
            yield self._averaged(part.to(device), window, scales, flip)

    def _averaged(self, images: Tensor, window: tuple[int, int] | None, scales: Sequence[float], flip: bool) -> Tensor:
        """The mean over scales and mirror images of what the network says."""
        total: Tensor | None = None
        for scale in scales:
            for mirrored in (False, True) if flip else (False,):
                seen = images.flip(3) if mirrored else images
                said = self._seen_at(seen, scale, window)
                said = said.flip(3) if mirrored else said
                total = said if total is None else total.add_(said)
        assert total is not None
        return total.div_(len(scales) * (1 + flip))

    def _seen_at(self, images: Tensor, scale: float, window: tuple[int, int] | None) -> Tensor:
        """Probabilities at the images' own size, of what is seen at a scale of it."""
        own = (images.shape[2], images.shape[3])
        if window is None:
            usual = self.preprocessing.size
            size = usual if scale == 1 else _scaled(usual or own, scale)
            return self._told(replace(self.preprocessing, size=size)(images), own)
        return self._through_windows(_resized(images, _scaled(own, scale)), window, own)

    def _through_windows(self, images: Tensor, window: tuple[int, int], own: tuple[int, int]) -> Tensor:
        """The mean of what is said of a pixel in all windows that see it, at another size."""
        height, width = images.shape[2:]
        tall, wide = min(window[0], height), min(window[1], width)
        corners = [(top, left) for top in _starts(height, tall) for left in _starts(width, wide)]
        total = images.new_zeros(len(images), len(self.classes), height, width, dtype=torch.float32)
        times = total.new_zeros(height, width)
        for top, left in corners:
            rows, columns = slice(top, top + tall), slice(left, left + wide)
            total[:, :, rows, columns] += self._told(self.preprocessing(images[:, :, rows, columns]), (tall, wide))
            times[rows, columns] += 1
        return _enlarged(total.div_(times), own)

    def _told(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Probabilities at a size, the logits being brought to it."""
        return _enlarged(self.network(x).float(), size).softmax(1)

    def save(self, folder: Path | str) -> None:
        """Write the model to a folder: weights as safetensors, all else as JSON. Whole or not at all.

        Raises:
            LandbridgeError: its network was handed over as a module, and nothing says how to make it again.
        """
        if self.network.name is None:
            raise LandbridgeError(
                "this segmenter's network was handed over as a module and cannot be made again from a file: make it by "
                "name, as whole/file.py:make"
            )
        described = {
            "kind": KIND,
            "segmenter": self.network.name,
            "preprocessing": self.preprocessing.to_json(),
            "classes": list(self.classes),
        }
        write_model(folder, self, described)

    @classmethod
    def load(cls, folder: Path | str, segmenter: str | None = None) -> "Segmenter":
        """Read a model from a folder, or from a run's folder.

        Args:
            folder: what `save` wrote, or a run that holds a `model/`.
            segmenter: the user's own factory, spelled as for `make_segmenter`, where the model was made with one. A
                model file never runs code by itself.

        Raises:
            MissingDataError: there is no model in the folder.
            BadDataError: its weights are damaged, changed, or no safetensors.
            LandbridgeError: it is no segmenter, or needs a factory of one's own that was not named.
        """
        folder = model_folder(folder)
        described = describe(folder, KIND)
        name: str = described["segmenter"]
        if is_own_factory(split_name(name)[1]) and segmenter is None:
            raise LandbridgeError(
                f"{folder} was made with the network {name}: pass --backbone {name} if you trust its code"
            )
        network = make_segmenter(segmenter or name, described["classes"])
        network.preprocessing = Preprocessing.from_json(described["preprocessing"])
        model = cls(network, described["classes"])
        read_weights(folder, model, name)
        return model.eval()


def _check(images: Tensor, window: tuple[int, int] | None, scales: Sequence[float]) -> None:
    if images.dim() != 4 or images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
        raise BadDataError(
            f"inputs of shape {tuple(images.shape)} and type {images.dtype} are no images: uint8 [n, 1 or 3, H, W]"
        )
    if window is not None and min(window) < 1:
        raise LandbridgeError(f"a window of {window[0]}x{window[1]} pixels: both sides are 1 or more")
    if not scales or not all(0 < scale < math.inf for scale in scales):
        raise LandbridgeError(f"scales are numbers above 0, as in 0.75, 1, 1.25, not {list(scales)}")


def _starts(length: int, side: int) -> list[int]:
    """Where windows of a side begin, so that they cover a length evenly and overlap by at least a third."""
    count = 1 + math.ceil((length - side) / max(1, side * 2 // 3))
    return [round(place * (length - side) / max(1, count - 1)) for place in range(count)]


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 images at another size."""
    if tuple(images.shape[2:]) == size:
        return images
    resizable = images if images.device.type == "cpu" else images.float()
    resized = F.interpolate(resizable, size, mode="bilinear", antialias=True, align_corners=False)
    return resized if resized.dtype == torch.uint8 else resized.round_().clamp_(0, 255).to(torch.uint8)


def _enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[2:]) == size:
        return maps
    return F.interpolate(maps, size, mode="bilinear", align_corners=False)
