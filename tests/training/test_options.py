from typing import Annotated, Any

import pytest

from landbridge.core.errors import LandbridgeError
from landbridge.data.domain import Domain
from landbridge.training.method import Method, Setup
from landbridge.training.options import Range, make_method, options_of, ranges_of
from methods_suite import Bench


class Below(Method):
    def __init__(
        self, setup: Setup, weight: Annotated[float, Range(0.1, 10)] = 1.0, decay: Annotated[float, Range(0, 1)] = 0.9
    ) -> None:
        super().__init__(setup)
        self.weight, self.decay = weight, decay


class Handing(Below):
    """Takes an option more, has another default for one, and hands the rest on."""

    def __init__(
        self, setup: Setup, more: int = 3, decay: Annotated[float, Range(0.5, 1)] = 0.99, **options: Any
    ) -> None:
        super().__init__(setup, decay=decay, **options)
        self.more = more


class Silent(Handing):
    """Has a constructor that it inherits."""


class Closed(Below):
    """Hands nothing on."""

    def __init__(self, setup: Setup, own: float = 0.0) -> None:
        super().__init__(setup)


def test_options_that_are_handed_on_are_the_methods_own() -> None:
    for cls in (Handing, Silent):
        assert {name: option.default for name, option in options_of(cls).items()} == {
            "weight": 1.0, "decay": 0.99, "more": 3
        }  # fmt: skip
        assert ranges_of(cls) == {"weight": Range(0.1, 10), "decay": Range(0.5, 1)}
    assert list(options_of(Closed)) == ["own"]


def test_they_are_converted_and_reach_their_constructor(toy_source: Domain, toy_target: Domain) -> None:
    setup = Bench(toy_source, toy_target).method("x", Method).setup
    made = make_method("silent", Silent, setup, {"weight": "2", "more": "5"})
    assert (made.weight, made.decay, made.more) == (2.0, 0.99, 5)
    with pytest.raises(LandbridgeError, match=r"--method\.weight takes a float, not 'much'"):
        make_method("silent", Silent, setup, {"weight": "much"})
    with pytest.raises(LandbridgeError, match=r"method 'silent' has no option 'wieght'; did you mean 'weight'"):
        make_method("silent", Silent, setup, {"wieght": 1})
