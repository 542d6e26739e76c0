"""Weights from a file into a network: everything must fit but the classifier, and no file ever runs code."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from landbridge.core.errors import BadDataError, MissingDataError

PICKLED = (".pt", ".pth", ".bin")
WRAPPERS = ("state_dict", "model")
INNER = ("backbone.network.", "network.backbone.network.", "image.network.", "visual.")
"""What a backbone's names begin with in a larger model: ours (classifier, segmenter, dual encoder), or open_clip's."""
SHOWN = 3


def load_weights(module: nn.Module, path: str | Path, classifier: Collection[str] | None = None) -> None:
    """Load a state dict into a network, in place, under the names that the file itself uses.

    The classifier may be missing from the file, or not fit: it is then left as it is. All else must fit exactly.

    Args:
        module: the network.
        path: a .safetensors file, or a .pt, .pth or .bin file that holds tensors only. A state dict under `state_dict`
            or `model` is found, the prefix `module.` of a parallel wrapper is taken off, and of a dual encoder, such as
            CLIP, the image tower is taken. A folder is a run of ours, or its `model/`: its backbone is taken.
        classifier: names of the modules that need not fit; by default the last fully connected layer of the network,
            or its last convolution where it has none.

    Raises:
        MissingDataError: there is no such file.
        BadDataError: the file carries code, is damaged, or belongs to another network; the message names the keys.
    """
    path = _file(Path(path))
    state = read_state(path)
    expected = module.state_dict()
    state = _inner(state, expected)
    free = _last_layer(module) if classifier is None else tuple(classifier)
    fitting = {key: value for key, value in state.items() if key in expected and value.shape == expected[key].shape}
    problems = _problems(state, expected, free)
    if problems:
        raise BadDataError(
            f"{path} does not fit {type(module).__name__}: {'; '.join(problems)}. "
            "Name the backbone, with its keys, that these weights were made for"
        )
    module.load_state_dict(fitting, strict=False)


def _file(path: Path) -> Path:
    """The file of weights that a path means: itself, or that of the model which a run's folder holds."""
    candidates = [path / place / "model.safetensors" for place in (".", "model")]
    return next((candidate for candidate in candidates if candidate.is_file()), path)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU.

    Raises:
        MissingDataError: there is no such file.
        BadDataError: the file carries code, is damaged, or holds something else than tensors.
    """
    if path.is_dir():
        raise MissingDataError(f"{path} is a folder without a model: name a file of weights, or a run that is finished")
    if not path.is_file():
        raise MissingDataError(f"no weights file {path}")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in PICKLED:
        return _tensors(_read_pickled(path), path)
    raise BadDataError(
        f"{path} is no weights file that can be read: .safetensors, or {', '.join(PICKLED)} with tensors only"
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise BadDataError(f"{path} is damaged, or no safetensors file: {error}") from error


def _read_pickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise BadDataError(
            f"{path} is refused: it is damaged or carries code, of which nothing was run; "
            "save the state dict alone, best as .safetensors"
        ) from error


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict within what a file holds."""
    while isinstance(content, Mapping) and (
        inner := next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    ):
        content = content[inner]
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise BadDataError(f"{path} holds no state dict: a mapping from names to tensors")
    prefix = "module." if all(key.startswith("module.") for key in content) else ""
    return {key.removeprefix(prefix): value for key, value in content.items()}


def _inner(state: dict[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """What a file of a larger model holds for its backbone; the whole of any other file."""
    for prefix in INNER:
        inner = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if inner and not any(key.startswith(prefix) for key in expected):
            return inner
    return state


def _last_layer(module: nn.Module) -> tuple[str, ...]:
    for kind in (nn.Linear, nn.Conv2d):
        names = [name for name, part in module.named_modules() if isinstance(part, kind)]
        if names:
            return (names[-1],)
    return ()


def _problems(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], free: tuple[str, ...]) -> list[str]:
    """What does not fit outside the classifier, one phrase a kind."""

    def bound(keys: Iterable[str]) -> list[str]:
        return [key for key in keys if not any(key.startswith(f"{name}.") for name in free)]

    # Files from before BatchNorm counted its batches lack the counter, which only matters without momentum.
    missing = [key for key in bound(expected) if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in bound(state) if key not in expected]
    shapes = [
        f"{key} {tuple(state[key].shape)} for {tuple(expected[key].shape)}"
        for key in bound(expected)
        if key in state and state[key].shape != expected[key].shape
    ]
    kinds = {"missing from the file": missing, "not in the network": unexpected, "of another shape": shapes}
    return [f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in kinds.items() if keys]


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
