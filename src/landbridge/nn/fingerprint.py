"""What tells one network with its weights from another."""

import hashlib
import inspect
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from landbridge.nn.preprocessing import Preprocessing


class Network(Protocol):
    """A network and how it wants its inputs: a backbone, a segmenter."""

    @property
    def network(self) -> nn.Module:
        """What runs."""

    @property
    def preprocessing(self) -> Preprocessing:
        """What makes its inputs."""

    def example(self) -> Tensor:
        """Inputs of the shape that it reads."""


def fingerprint(backbone: Network) -> str:
    """SHA-256 of all that features are a function of beside the images: weights, layers, code, preprocessing.

    Equal weights in another network (with padding of another kind, say) have another one. It depends on no path.

    Args:
        backbone: the network, or a segmenter, of which the predictions are a function of the same.

    Returns:
        64 hexadecimal digits.

    >>> from landbridge.nn.backbones import make_backbone
    >>> small, large = (fingerprint(make_backbone(f"identity?inputs={width}")) for width in (4, 5))
    >>> len(small), small == large
    (64, False)
    """
    return digest(backbone.network, backbone.preprocessing.to_json(), list(backbone.example().shape))


def digest(module: nn.Module, *facts: Any) -> str:
    """SHA-256 of a module's layers, code and weights, and of whatever else its output is a function of.

    Args:
        module: the network, or a part of one.
        facts: plain data.

    Returns:
        64 hexadecimal digits.

    >>> digest(nn.Identity(), 1) == digest(nn.Identity(), 2)
    False
    """
    made = hashlib.sha256(repr(module).encode())
    made.update(json.dumps(facts).encode())
    for code in sorted({_code_of(type(part)) for part in module.modules()}):
        made.update(code.encode())
    for name, value in module.state_dict().items():
        made.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        made.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return made.hexdigest()


def _code_of(kind: type) -> str:
    """The name of a class, and a digest of the file that defines it, unless that is torch's own."""
    if kind.__module__.startswith("torch."):
        return f"{kind.__module__}.{kind.__qualname__}"
    try:
        file = inspect.getsourcefile(kind)
    except TypeError:
        file = None
    return f"{kind.__qualname__} {_digest_of(file) if file else ''}"


@lru_cache(maxsize=1024)
def _digest_of(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if Path(file).is_file() else ""
