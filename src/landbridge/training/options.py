"""A method's own options: what they are, which values may be searched, and how they are told from typing errors."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from landbridge.core.errors import LandbridgeError
from landbridge.core.registry import nearest
from landbridge.training.method import Method, Setup


@dataclass(frozen=True)
class Range:
    """The values of an option that a search may try.

    Attributes:
        low: smallest.
        high: largest.
        log: whether to search on a logarithmic scale.
    """

    low: float
    high: float
    log: bool = False


def options_of(method: type[Method]) -> dict[str, inspect.Parameter]:
    """The options of a method: the keyword arguments of its constructor, and of those that it hands `**options` on to.

    >>> from landbridge.adaptation import METHODS
    >>> list(options_of(METHODS.resolve("dann")))
    ['weight', 'play', 'batch_norm', 'label_weight']
    """
    parameters = [
        parameter
        for maker in reversed(_makers(method))
        for parameter in list(inspect.signature(maker).parameters.values())[1:]
    ]
    return {parameter.name: parameter for parameter in parameters if parameter.kind != parameter.VAR_KEYWORD}


def _makers(method: type[Method]) -> list[type]:
    """The class whose constructor makes the method, and those that it hands its `**options` on to."""
    makers: list[type] = []
    for cls in method.__mro__:
        if "__init__" in vars(cls):
            makers.append(cls)
            kinds = {parameter.kind for parameter in inspect.signature(cls).parameters.values()}
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                break
    return makers


def _kinds(method: type[Method]) -> dict[str, Any]:
    """The annotations of its options, by name."""
    return {
        name: kind
        for maker in reversed(_makers(method))
        for name, kind in get_type_hints(vars(maker)["__init__"], include_extras=True).items()
    }


def ranges_of(method: type[Method]) -> dict[str, Range]:
    """The options of a method that a search should try, and the values to try.

    >>> from landbridge.adaptation import METHODS
    >>> ranges_of(METHODS.resolve("dann+mcc"))["mcc_temperature"]
    Range(low=1, high=5, log=False)
    """
    kinds = _kinds(method)
    said = {name: getattr(kinds.get(name), "__metadata__", ()) for name in options_of(method)}
    return {name: part for name, parts in said.items() for part in parts if isinstance(part, Range)}


def make_method(name: str, method: type[Method], setup: Setup, options: Mapping[str, Any]) -> Method:
    """A method from its set-up and its options.

    Args:
        name: what the user called it.
        method: its class.
        setup: the set-up.
        options: values by name, as numbers or as text.

    Raises:
        LandbridgeError: an option that the method does not have, or a value that it cannot take.
    """
    known, kinds = options_of(method), _kinds(method)
    given = {}
    for option, value in options.items():
        if option not in known:
            has = nearest(option, known) or f"; it has: {', '.join(known) or 'none'}"
            raise LandbridgeError(f"method '{name}' has no option '{option}'{has}")
        given[option] = _converted(f"--method.{option}", value, kinds.get(option, str))
    return method(setup, **given)


def _converted(option: str, value: Any, kind: Any) -> Any:
    """A value as the type that its annotation names."""
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise LandbridgeError(f"{option} is one of {', '.join(map(str, get_args(kind)))}, not '{value}'")
        return value
    if kind is bool and isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise LandbridgeError(f"{option} is true or false, not '{value}'")
        return value.lower() == "true"
    try:
        return kind(value) if kind in (int, float, bool, str) else value
    except (TypeError, ValueError):
        raise LandbridgeError(f"{option} takes a {kind.__name__}, not '{value}'") from None
