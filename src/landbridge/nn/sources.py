"""Where networks come from: our own list, timm, torchvision, open_clip, a user's factory. All lose their classifier."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from inspect import Signature, signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError, MissingDataError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.nn import BACKBONES
from landbridge.nn.blueprint import IMAGENET, Blueprint, Spec
from landbridge.nn.layers import evaluating
from landbridge.nn.packages import needed
from landbridge.nn.preprocessing import Preprocessing


def blueprint(spec: Spec, pretrained: bool) -> Blueprint:
    """Make the network that a spec names.

    Args:
        spec: what was asked for; a bare name is looked for in our own list, timm, torchvision and open_clip in turn.
        pretrained: whether to fetch weights from the source's hub.

    Raises:
        UnknownNameError: no source has such a network.
        LandbridgeError: its keys do not fit, or the hub cannot be reached or has no weights of it.
    """
    return _MAKERS[spec.source or _source_of(spec.name)](spec, pretrained)


def _source_of(name: str) -> str:
    if name in BACKBONES:
        return "ours"
    import timm

    if timm.is_model(name):
        return "timm"
    if name in _torchvision_names():
        return "torchvision"
    if name in _open_clip_names():
        return "open_clip"
    raise _unknown(name, [*BACKBONES, *timm.list_models(), *_torchvision_names(), *_open_clip_names()])


def _ours(spec: Spec, pretrained: bool) -> Blueprint:
    _refuse_hub(spec, pretrained)
    made: Blueprint = _call(BACKBONES.resolve(spec.name), spec)
    return Blueprint(**{**made.__dict__, "preprocessing": spec.preprocessing(made.preprocessing)})


def _own(spec: Spec, pretrained: bool) -> Blueprint:
    return _with_classifier_cut(own_network(spec, pretrained), spec)


def own_network(spec: Spec, pretrained: bool = False) -> nn.Module:
    """What a user's own factory makes, whole.

    Raises:
        LandbridgeError: there is no such factory, its keys do not fit, or it makes no network; or a hub was asked for.
    """
    _refuse_hub(spec, pretrained)
    network = _call(_factory(spec.name), spec)
    if not isinstance(network, nn.Module):
        raise LandbridgeError(f"{spec.name} made a {type(network).__name__}, not a torch.nn.Module")
    return network


def _timm(spec: Spec, pretrained: bool) -> Blueprint:
    import timm
    from timm.data import resolve_data_config

    if not timm.is_model(spec.name):
        raise _unknown(spec.name, timm.list_models(), "timm")
    try:
        described = timm.models.get_pretrained_cfg(spec.name)
    except RuntimeError as error:
        raise _unknown(spec.name, timm.list_models(pretrained=True), "timm") from error
    keys = {**spec.keys, "num_classes": 0}
    if "size" in spec.preprocessing_keys and getattr(described, "fixed_input_size", False):
        keys.setdefault("img_size", spec.preprocessing_keys["size"])
    network = _build(spec, pretrained, lambda: timm.create_model(spec.name, pretrained=pretrained, **keys))
    config = resolve_data_config({}, model=network)
    default = Preprocessing(tuple(config["input_size"][1:]), tuple(config["mean"]), tuple(config["std"]))
    classifier = network.default_cfg.get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return Blueprint(network, spec.preprocessing(default), classifier=names)


def _torchvision(spec: Spec, pretrained: bool) -> Blueprint:
    if spec.name not in _torchvision_names():
        raise _unknown(spec.name, _torchvision_names(), "torchvision")
    from torchvision.models import get_model

    keys = dict(spec.keys)
    auxiliary = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}.get(spec.name, ())
    if auxiliary:
        keys = {"aux_logits": False, "init_weights": True, **keys}
    weights = "DEFAULT" if pretrained else None
    network = _build(spec, pretrained, lambda: get_model(spec.name, weights=weights, **keys))
    if spec.name.startswith("squeezenet"):
        network.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1))
        return Blueprint(network, spec.preprocessing(IMAGENET), classifier=("classifier",))
    made = _with_classifier_cut(network, spec)
    return Blueprint(made.network, made.preprocessing, classifier=(*made.classifier, *auxiliary))


def _open_clip(spec: Spec, pretrained: bool) -> Blueprint:
    open_clip = needed("open_clip", f"backbone '{spec.text}'", "landbridge[clip]")
    if spec.name not in _open_clip_names():
        raise _unknown(spec.name, _open_clip_names(), "open_clip")
    keys = dict(spec.keys)
    if pretrained and "pretrained" not in keys:
        tags = open_clip.list_pretrained_tags_by_model(spec.name)
        _refuse_hub(spec, pretrained=not tags)
        keys["pretrained"] = tags[0]
    name = as_trained(open_clip, spec.name, keys.get("pretrained"))
    network = _build(spec, pretrained, lambda: open_clip.create_model(name, **keys)).visual
    height, width = network.image_size if isinstance(network.image_size, tuple) else (network.image_size,) * 2
    default = Preprocessing((height, width), tuple(network.image_mean), tuple(network.image_std))
    known_as = None if name == spec.name else spec.text.replace(spec.name, name, 1)
    return Blueprint(network, spec.preprocessing(default), known_as=known_as)


def as_trained(open_clip: Any, name: str, tag: str | None) -> str:
    """The name of the model with the activation that its published weights were trained with.

    OpenAI's weights, among others, were trained with QuickGELU. open_clip loads them into a network of another
    activation as well, and only logs a warning.

    Args:
        open_clip: the library.
        name: of a model of it.
        tag: of weights in its list; anything else changes nothing.
    """
    quick = f"{name}-quickgelu"
    listed = tag in open_clip.list_pretrained_tags_by_model(name) and quick in open_clip.list_models()
    return quick if listed and open_clip.get_pretrained_cfg(name, tag).get("quick_gelu", False) else name


_MAKERS: dict[str, Callable[[Spec, bool], Blueprint]] = {
    "ours": _ours,
    "own": _own,
    "timm": _timm,
    "torchvision": _torchvision,
    "open_clip": _open_clip,
}


def _torchvision_names() -> list[str]:
    import torchvision

    return list(torchvision.models.list_models(module=torchvision.models))


def _open_clip_names() -> list[str]:
    if find_spec("open_clip") is None:
        return []
    return list(import_module("open_clip").list_models())


def _unknown(name: str, names: Iterable[str], source: str = "") -> UnknownNameError:
    where = f" in {source}" if source else ""
    return UnknownNameError(f"unknown backbone '{name}'{where}{nearest(name, names) or '; see landbridge backbones'}")


def _refuse_hub(spec: Spec, pretrained: bool) -> None:
    if pretrained:
        raise LandbridgeError(f"no hub has weights of '{spec.name}': name a file with --weights, or none")


def _call(make: Callable[..., Any], spec: Spec) -> Any:
    """Call a factory with the spec's keys, which must be its arguments."""
    expected = signature(make).replace(return_annotation=Signature.empty)
    try:
        expected.bind(**spec.keys)
    except TypeError as error:
        raise LandbridgeError(
            f"backbone '{spec.text}': {error}; it takes {expected}, as in {spec.name}?key=value"
        ) from error
    return make(**spec.keys)


def _build(spec: Spec, pretrained: bool, make: Callable[[], Any]) -> Any:
    """What a library's factory makes; its refusals become one line."""
    try:
        return make()
    except TypeError as error:
        raise LandbridgeError(f"backbone '{spec.text}': {error}") from error
    except Exception as error:
        if not pretrained:
            raise
        # Hubs fail in many ways: no network, no such file, no weights of this network, a cache that cannot be written.
        raise LandbridgeError(
            f"no weights of '{spec.name}' from the hub ({_first_line(error)}): name a file with --weights, or none"
        ) from error


def _factory(reference: str) -> Callable[..., Any]:
    """A user's own factory: `package.module:make`, or `file.py:make`."""
    place, _, attribute = reference.rpartition(":")
    module = _module_from_file(Path(place)) if place.endswith(".py") else _module_by_name(place)
    try:
        return getattr(module, attribute)  # type: ignore[no-any-return]
    except AttributeError as error:
        raise UnknownNameError(f"{place} has no '{attribute}'{nearest(attribute, vars(module))}") from error


def _module_by_name(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise LandbridgeError(f"cannot import {name} ({error}): install it, or name a file.py:make") from error


def _module_from_file(path: Path) -> Any:
    if not path.is_file():
        raise MissingDataError(f"no file {path} to take a network from")
    name = f"landbridge_own_{path.stem}"
    found = spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = sys.modules[name] = module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise LandbridgeError(f"cannot import {path}: {_first_line(error)}") from error
    return module


def _with_classifier_cut(network: nn.Module, spec: Spec) -> Blueprint:
    preprocessing = spec.preprocessing(IMAGENET)
    assert preprocessing.size is not None
    example = torch.zeros(2, 3, *preprocessing.size)
    with explained_reading(spec.text, example):
        classifier = cut_classifier(network, example)
    return Blueprint(network, preprocessing, classifier=classifier)


@contextmanager
def explained_reading(name: str, example: Tensor) -> Iterator[None]:
    """Turn what a network throws on inputs that it cannot read into one line that says what to do."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        shape = "x".join(str(side) for side in example.shape[1:])
        raise LandbridgeError(
            f"backbone '{name}' cannot read inputs of {shape} ({_first_line(error)}): "
            "name the size it wants, as in ?size=32"
        ) from error


def cut_classifier(network: nn.Module, example: Tensor) -> tuple[str, ...]:
    """Replace the fully connected layer that makes a network's output by nothing, in place.

    Args:
        network: any network; one that does not end in such a layer is left whole.
        example: inputs for one forward pass.

    Returns:
        The name of the layer that was cut, or nothing.

    >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> cut_classifier(network, torch.zeros(1, 4)), network(torch.zeros(1, 4)).shape
    (('2',), torch.Size([1, 3]))
    """
    made: dict[str, Tensor] = {}

    def remember(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            made[name] = output

        return hook

    linear = [(name, part) for name, part in network.named_modules() if name and isinstance(part, nn.Linear)]
    hooks = [part.register_forward_hook(remember(name)) for name, part in linear]
    try:
        with evaluating(network):
            output = network(example)
    finally:
        for hook in hooks:
            hook.remove()
    last = next((name for name, features in made.items() if features is output), None)
    if last is None:
        return ()
    parent, _, child = last.rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    return (last,)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
