"""A zero-shot classifier as a folder: `zeroshot.json` says what it is, `zeroshot.safetensors` holds what it learned."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sklearn.utils.validation import check_is_fitted

import landbridge
from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.core.files import atomic_path
from landbridge.zeroshot import METHODS
from landbridge.zeroshot.base import ZeroShotClassifier

DESCRIPTION, LEARNED = "zeroshot.json", "zeroshot.safetensors"
NETWORK = "network_"


def save(method: ZeroShotClassifier, folder: Path | str) -> None:
    """Write a fitted classifier to a folder, whole or not at all. Nothing is pickled.

    Args:
        method: fitted, of the registry.
        folder: where to; what stands there is replaced.

    Raises:
        NotFittedError: there is nothing to save yet.

    >>> from landbridge.zeroshot.eszsl import ESZSL
    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    >>> save(ESZSL().fit(3.0 * table[:3], [0, 1, 2], table), tmp / "eszsl")
    >>> load(tmp / "eszsl").predict(3.0 * table[3:], classes=[3, 4])
    array([3, 4])
    """
    check_is_fitted(method, "signatures_")
    arrays, numbers = {}, {}
    for name, value in vars(method).items():
        if isinstance(value, np.ndarray):
            arrays[name] = torch.from_numpy(value.copy(order="C"))
        elif name.endswith("_") and name != NETWORK:
            numbers[name] = value
    if hasattr(method, NETWORK):
        state = method.network_.state_dict()
        arrays |= {f"{NETWORK}.{key}": value.contiguous() for key, value in state.items()}
    described = {
        "landbridge": landbridge.__version__,
        "method": next(name for name in METHODS if METHODS.resolve(name) is type(method)),
        "arguments": method.get_params(),
        "numbers": numbers,
    }
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        save_file(arrays, temporary / LEARNED)
        (temporary / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def load(folder: Path | str) -> ZeroShotClassifier:
    """Read what `save` wrote; it scores the same.

    Raises:
        MissingDataError: there is no classifier in the folder.
        BadDataError: its files are damaged, or do not belong together.
    """
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise MissingDataError(f"no zero-shot classifier in {folder}: {DESCRIPTION} is missing")
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        arrays = load_file(Path(folder) / LEARNED)
        method: Any = METHODS.resolve(described["method"])(**described["arguments"])
        network = {name.removeprefix(f"{NETWORK}."): v for name, v in arrays.items() if name.startswith(f"{NETWORK}.")}
        for name, value in arrays.items():
            if not name.startswith(f"{NETWORK}."):
                setattr(method, name, value.numpy())
        for name, value in described["numbers"].items():
            setattr(method, name, value)
        if network:
            with torch.random.fork_rng(devices=[]):
                fresh = method._fresh(method.n_features_in_, method.signatures_.shape[1])
            method.network_ = fresh.double().eval()
            method.network_.load_state_dict(network)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise BadDataError(f"the zero-shot classifier in {folder} is damaged: {str(error).splitlines()[0]}") from error
    fitted: ZeroShotClassifier = method
    return fitted
