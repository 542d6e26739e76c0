"""Several methods at once: one pass, one classification loss, all their terms."""

import inspect
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_type_hints

from torch import Tensor

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import Batch
from landbridge.nn.models import Classifier
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Domains, Group, Losses, Method, Moment, Setup
from landbridge.training.options import options_of


class Combined(JointMethod):
    """The terms of several methods added up, over one backbone and one head.

    What aligns the domains and what trains on the target's own predictions go well together: CDAN+E with MCC, say.
    Each part keeps its networks, averages and passes over the data. Made by `combination`.

    Args:
        setup: the set-up.
        options: those of the parts, each behind the name of its part: `mcc_weight`.
    """

    parts: Mapping[str, type[JointMethod]]

    def __init__(self, setup: Setup, **options: Any) -> None:
        super().__init__(setup)
        for name, cls in self.parts.items():
            own = {option: options[f"{name}_{option}"] for option in options_of(cls) if f"{name}_{option}" in options}
            self.add_module(name, cls(setup, **own))
        self.opponents = [f"{name}.{group}" for name, part in self._each() for group in part.opponents]
        self.label_weight = math.prod(part.label_weight for _, part in self._each())
        self.batch_norm = next(part.batch_norm for _, part in self._each())
        self.views = {
            side: tuple(dict.fromkeys(view for _, part in self._each() for view in part.views.get(side, ())))
            for side in self.needs
        }

    def _each(self) -> Iterator[tuple[str, JointMethod]]:
        for name in self.parts:
            part = getattr(self, name)
            assert isinstance(part, JointMethod)
            yield name, part

    def groups(self) -> Mapping[str, Group]:
        """Backbone and head, as the first part moves them, then the other groups of each part."""
        groups: dict[str, Group] = {}
        for name, part in self._each():
            own = part.groups()
            groups = {shared: own[shared] for shared in ("backbone", "head")} | groups
            groups |= {f"{name}.{group}": own[group] for group in own if group not in ("backbone", "head")}
        return groups

    def opposing(self, seen: Seen, at: Moment) -> Iterator[Losses]:
        """The opponents' turns of each part."""
        for name, part in self._each():
            for turn in part.opposing(seen, at):
                turn.moves = [f"{name}.{group}" for group in turn.moves or ()]
                yield turn

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The terms of all parts, each behind the name of its part."""
        summed = Losses()
        for name, part in self._each():
            terms = part.terms(seen, at)
            summed |= {f"{name}_{term}": value for term, value in terms.items()}
            summed.measures = {**summed.measures, **{f"{name}_{key}": value for key, value in terms.measures.items()}}
        return summed

    def look(self, batch: Batch) -> Seen:
        """As the first part does that looks in a way of its own."""
        own = [part for _, part in self._each() if type(part).look is not JointMethod.look]
        return own[0].look(batch) if own else super().look(batch)

    def begin(self, domains: Domains, at: Moment) -> None:
        """That of each part."""
        for _, part in self._each():
            part.begin(domains, at)

    def after_step(self, at: Moment) -> None:
        """That of each part."""
        for _, part in self._each():
            part.after_step(at)

    def refresh(self, domains: Domains, at: Moment) -> None:
        """That of each part."""
        for _, part in self._each():
            part.refresh(domains, at)

    def model(self) -> Classifier:
        """That of the first part with a model of its own (a mean teacher), else backbone and head."""
        own = [part for _, part in self._each() if type(part).model is not Method.model]
        model: Classifier = own[0].model() if own else super().model()
        return model

    def translated(self, x: Tensor) -> Tensor | None:
        """Source examples as the first part translates them that can."""
        return next((made for _, part in self._each() if (made := part.translated(x)) is not None), None)


@cache
def combination(*named: tuple[str, type[Method]]) -> type[Combined]:
    """The class of a combination.

    Args:
        named: (name, class) of each part.

    Raises:
        LandbridgeError: a part is no method of one turn over both domains, or has phases of its own.
    """
    parts: dict[str, type[JointMethod]] = {}
    for name, cls in named:
        if (
            not issubclass(cls, JointMethod)
            or cls.phases is not JointMethod.phases
            or cls.losses is not JointMethod.losses
        ):
            raise LandbridgeError(
                f"'{name}' cannot be combined with others: it trains in phases or turns of its own, so name it alone"
            )
        parts[name.replace("-", "_")] = cls
    options = [
        option.replace(name=f"{part}_{option.name}", kind=inspect.Parameter.KEYWORD_ONLY)
        for part, cls in parts.items()
        for option in options_of(cls).values()
    ]

    def __init__(self: Combined, setup: Setup, **options: Any) -> None:  # noqa: N807
        Combined.__init__(self, setup, **options)

    setup = inspect.Parameter("setup", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kinds = {part: get_type_hints(cls.__init__, include_extras=True) for part, cls in parts.items()}
    __init__.__annotations__ = {
        f"{part}_{option}": kinds[part][option] for part, cls in parts.items() for option in options_of(cls)
    }
    return type(
        "+".join(cls.__name__ for cls in parts.values()),
        (Combined,),
        {
            "__init__": __init__,
            "__signature__": inspect.Signature([setup, *options]),
            "__doc__": f"The terms of {', '.join(name for name, _ in named)}, added up.",
            "paper": "; ".join(cls.paper for cls in parts.values()),
            "parts": parts,
        },
    )
