import pytest

from landbridge.core.errors import UnknownNameError
from landbridge.core.registry import Registry


def test_unknown_names_suggest_the_nearest_or_list_all() -> None:
    registry = Registry("method", {"dann": "a:b", "sa": "c:d"})
    with pytest.raises(UnknownNameError, match="unknown method 'dan'; did you mean 'dann'"):
        registry["dan"]
    with pytest.raises(UnknownNameError, match="known: dann, sa"):
        registry["qqqqqq"]


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    registry = Registry("thing", {"broken": "no_such_module:x"})
    assert list(registry) == ["broken"]
    assert "broken" in registry
    assert len(registry) == 1
    with pytest.raises(ModuleNotFoundError):
        registry.resolve("broken")
