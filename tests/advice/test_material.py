"""What is looked at of a pair, and what never is."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

import landbridge
from landbridge.advice.material import gather
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays


def same(domain: Domain) -> Domain:
    """Features of features."""
    return domain


def points(classes: tuple[str, ...], count: int = 60, labelled: bool = True, seed: int = 0) -> Domain:
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % max(len(classes), 1)
    x = torch.randn(count, 4, generator=generator)
    x[:, 3] = y.float()  # the label is the last feature
    part = Examples(Arrays(x), y if labelled else None)
    return Domain(f"points{seed}", classes if labelled else (), {"train": part, "test": part})


def test_parts_and_their_labels() -> None:
    found = gather(points(("a", "b"), 100), points(("b", "a"), 80, seed=1), same, shots=3, most=40)
    given = found.material
    assert (given.x.shape, given.target.shape, found.held_x.shape, given.shots_x.shape) == (
        (40, 4),
        (40, 4),
        (10, 4),
        (6, 4),
    )
    assert (given.y == given.x[:, 3]).all()
    assert (found.held_y == found.held_x[:, 3]).all()
    assert (given.shots_y == 1 - given.shots_x[:, 3]).all()  # numbered as the source numbers them
    assert not {tuple(row) for row in given.x} & {tuple(row) for row in found.held_x}
    assert (found.classes, given.classes) == (("a", "b"), 2)
    assert (found.facts.source_examples, found.facts.target_examples, found.facts.shots) == (100, 80, 3)


def test_shots_are_those_of_the_domain() -> None:
    target = points(("a", "b"), 80, seed=1)
    found = gather(points(("a", "b")), target, same, shots=2, most=20, seed=5)
    assert (found.material.shots_x == target.labelled(2, 5).read().numpy()).all()


def test_a_source_with_more_classes_is_narrowed() -> None:
    found = gather(points(("a", "b", "c")), points(("C", "a"), seed=1), same, shots=1)
    assert found.classes == ("a", "c")
    assert set(found.material.y) == {0, 1}
    assert found.material.shots_y.tolist() == [1 - int(value) for value in found.material.shots_x[:, 3]]


def test_other_classes_are_the_targets_own() -> None:
    found = gather(points(("a", "b")), points(("x", "y", "z"), seed=1), same, shots=2)
    assert found.classes == ("x", "y", "z")
    assert (found.material.shots_y == found.material.shots_x[:, 3]).all()
    assert gather(points(("a", "b")), points(("x", "y"), seed=1), same).classes == ()


def test_a_source_without_labels() -> None:
    found = gather(points((), labelled=False), points(("a", "b"), seed=1), same, shots=2)
    assert not found.facts.source_labelled
    assert (len(found.material.y), len(found.held_y), found.classes) == (0, 0, ("a", "b"))


def test_what_cannot_be_looked_at() -> None:
    good, blank = points(("a", "b")), points((), labelled=False, seed=1)
    with pytest.raises(LandbridgeError, match="--target-shots must be at least 0, not -1"):
        gather(good, good, same, shots=-1)
    with pytest.raises(BadDataError, match="points1 has no labels"):
        gather(good, blank, same, shots=2)
    with pytest.raises(BadDataError, match="31 shots asked for, but class 'a'"):
        gather(good, good, same, shots=31)
    with pytest.raises(BadDataError, match="has 1 class"):
        gather(points(("a",)), good, same)
    with pytest.raises(BadDataError, match="only 'b' is left to tell of points0 and points1"):
        gather(good, points(("b",), seed=1), same)
    with pytest.raises(BadDataError, match="points0 has 4 training examples"):
        gather(good, points(("a", "b"), 4), same)
    several = Domain("several", ("a", "b"), {"train": Examples(Arrays(torch.zeros(9, 4)), torch.ones(9, 2).long())})
    with pytest.raises(BadDataError, match="several may have several labels"):
        gather(good, several, same)


class Trap(torch.Tensor):
    """Labels whose values may not be touched."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func in (torch.Tensor.dim, torch.Tensor.__len__):
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        raise AssertionError("a sealed label was touched")


def test_no_target_label_is_touched() -> None:
    target = points(("a", "b"), seed=1)
    y = target.splits["train"].y
    assert y is not None
    trapped = Examples(target.splits["train"].x, y.as_subclass(Trap))
    target = Domain("trapped", ("a", "b"), {"train": trapped, "test": trapped})
    with pytest.raises(AssertionError, match="sealed label"):
        gather(points(("a", "b")), target, same, shots=1)  # the trap works
    found = gather(points(("a", "b")), target, same)
    assert np.isfinite(found.facts.distances.frechet)


def test_advice_cannot_measure() -> None:
    """Nothing that advice is made of imports what opens sealed labels."""
    source = Path(str(landbridge.__file__)).parent
    files = [*(source / "advice").glob("*.py"), source / "api/advise.py", source / "api/_advising.py"]
    assert len(files) > 6
    for path in [*files, source / "reports/advice.py"]:
        tree = ast.parse(path.read_text())
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not modules & {"landbridge.evaluation.metrics", "landbridge.evaluation.snapshot"}, path.name
