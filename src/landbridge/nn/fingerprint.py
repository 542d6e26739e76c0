"""What tells one network with its weights from another."""

import hashlib
import inspect
import json

import torch

from landbridge.nn.backbones import Backbone


def fingerprint(backbone: Backbone) -> str:
    """SHA-256 of all that features are a function of beside the images: weights, layers, code, preprocessing.

    Equal weights in another network (with padding of another kind, say) have another one. It depends on no path.

    Args:
        backbone: the network.

    Returns:
        64 hexadecimal digits.

    >>> from landbridge.nn.backbones import make_backbone
    >>> small, large = (fingerprint(make_backbone(f"identity?inputs={width}")) for width in (4, 5))
    >>> len(small), small == large
    (64, False)
    """
    digest = hashlib.sha256(repr(backbone.network).encode())
    digest.update(json.dumps([backbone.preprocessing.to_json(), list(backbone.example().shape)]).encode())
    for source in sorted({_code_of(type(part)) for part in backbone.network.modules()}):
        digest.update(source.encode())
    for name, value in backbone.network.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _code_of(kind: type) -> str:
    """The source of a class; of torch's own, which torch keeps stable, the name."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__.startswith("torch."):
        return name
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return name
