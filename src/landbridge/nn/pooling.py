"""From what a layer puts out to one feature vector an example."""

from math import isqrt

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import SwinTransformer

from landbridge.core.errors import UnknownNameError
from landbridge.core.registry import nearest

POOLS = ("mean", "max", "grid", "flatten")
"""How places become one vector: their mean, their maximum, the means of 2 x 2 quarters, or all of them."""

GRID = 2


def check_pool(how: str) -> None:
    """Refuse a way of pooling that does not exist.

    Raises:
        UnknownNameError: not one of `POOLS`.
    """
    if how not in POOLS:
        hint = nearest(how, POOLS) or f"; known: {', '.join(POOLS)}"
        raise UnknownNameError(f"unknown pooling '{how}'{hint}")


def pooled(output: Tensor, how: str = "mean", *, network: nn.Module | None = None) -> Tensor:
    """One feature vector an example from the output of a layer.

    Args:
        output: maps [N, C, H, W] ([N, H, W, C] where `network` works that way), tokens [N, T, C], or vectors [N, D],
            which stay as they are.
        how: `mean`, `max`, `grid` (means of the quarters of the image) or `flatten`. The `mean` of tokens is the class
            token where the network has one.
        network: what the layer belongs to: it says where channels stand and which tokens are no places.

    Returns:
        Features [N, D]; they may share memory with `output`.

    >>> import torch
    >>> maps = torch.arange(16.0).view(1, 1, 4, 4)
    >>> pooled(maps).tolist(), pooled(maps, "grid").tolist()
    ([[7.5]], [[2.5, 4.5, 10.5, 12.5]])
    """
    if output.dim() == 4:
        return _maps(output.permute(0, 3, 1, 2) if _channels_last(network) else output, how)
    if output.dim() == 3:
        return _tokens(output, how, network)
    return output.flatten(1)


def as_maps(output: Tensor, size: tuple[int, int], network: nn.Module | None = None) -> Tensor | None:
    """The output of a layer as maps of places, or None where it is a single vector an example.

    Args:
        output: maps [N, C, h, w] ([N, h, w, C] where `network` works that way), tokens [N, T, C], or vectors [N, D].
        size: height and width of the image, by whose ratio tokens are laid out.
        network: what the layer belongs to: it says where channels stand and which tokens are no places.

    Returns:
        [N, C, h, w].

    >>> import torch
    >>> as_maps(torch.zeros(1, 6, 5), (20, 30)).shape
    torch.Size([1, 5, 2, 3])
    """
    if output.dim() == 4:
        return output.permute(0, 3, 1, 2) if _channels_last(network) else output
    if output.dim() != 3:
        return None
    places = output[:, getattr(network, "num_prefix_tokens", int(_has_summary(network))) :]
    rows = max(1, round((places.shape[1] * size[0] / size[1]) ** 0.5))
    if places.shape[1] % rows:
        return None
    maps: Tensor = places.transpose(1, 2).unflatten(2, (rows, -1))
    return maps


def _has_summary(network: nn.Module | None) -> bool:
    """Whether the first token stands for the whole."""
    return any(getattr(network, name, None) is not None for name in ("cls_token", "class_token", "class_embedding"))


def _maps(maps: Tensor, how: str) -> Tensor:
    if how == "mean":
        return maps.mean((2, 3))
    if how == "max":
        return maps.amax((2, 3))
    if how == "grid":
        return F.adaptive_avg_pool2d(maps, GRID).flatten(1)
    return maps.flatten(1)


def _tokens(tokens: Tensor, how: str, network: nn.Module | None) -> Tensor:
    if how == "flatten":
        return tokens.flatten(1)
    summary = _has_summary(network)
    if how == "mean" and summary:
        return tokens[:, 0]
    places = tokens[:, getattr(network, "num_prefix_tokens", int(summary)) :]
    if how == "mean":
        return places.mean(1)
    if how == "max":
        return places.amax(1)
    side = isqrt(places.shape[1])
    return _maps(places[:, : side * side].transpose(1, 2).unflatten(2, (side, side)), "grid")


def _channels_last(network: nn.Module | None) -> bool:
    """Whether maps come as [N, H, W, C]: the Swin transformers of timm and torchvision."""
    return isinstance(network, SwinTransformer) or str(getattr(network, "output_fmt", "")).endswith("NHWC")
