"""Domains by group: whatever is done to a domain, who said what stays true."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.groups import only_group, without_group
from landbridge.data.images import Arrays, ImageFiles

NAMES = ("ann", "bob", "cy")


def said(groups: dict[str, list[int]], names: tuple[str, ...] = NAMES) -> Domain:
    """A domain in which example i of all holds 1000 times its group, 100 times its class, and i."""
    splits, start = {}, 0
    for split, members in groups.items():
        group, y = torch.tensor(members), torch.arange(start, start + len(members)) % 2
        x = 1000 * group + 100 * y + torch.arange(start, start + len(members))
        splits[split] = Examples(Arrays(x.float().view(-1, 1)), y, group)
        start += len(members)
    return Domain("said", ("no", "yes"), splits, groups=names, group_kind="speaker")


def held(domain: Domain) -> dict[str, list[tuple[int, str]]]:
    """For each split what its examples hold, and the name of their class; both agree if nothing was mixed up."""
    found = {}
    for split, part in domain.splits.items():
        values = part.x.read(torch.arange(len(part))).flatten().int().tolist()
        found[split] = [(value, domain.classes[label]) for value, label in zip(values, part.y)]
        assert all(name == ("no", "yes")[value // 100 % 10] for value, name in found[split])
        if part.group is not None and domain.groups:
            assert all(
                domain.groups[group] == NAMES[value // 1000] for (value, _), group in zip(found[split], part.group)
            )
    return found


members = st.lists(st.integers(0, 2), min_size=4, max_size=20).map(lambda drawn: [0, 1, 2, *drawn])


@given(train=members, test=members, name=st.sampled_from(NAMES))
def test_one_group_and_the_others_are_all_there_is(train: list[int], test: list[int], name: str) -> None:
    domain = said({"train": train, "test": test})
    whole, alone, rest = held(domain), only_group(domain, name), without_group(domain, name)
    assert list(alone.splits) == ["train"]
    assert (alone.groups, alone.splits["train"].group) == ((), None)
    assert set(rest.groups) == set(NAMES) - {name}
    of_group = sorted(value for part in whole.values() for value in part if NAMES[value[0] // 1000] == name)
    assert sorted(held(alone)["train"]) == of_group
    for split, values in whole.items():
        assert held(rest)[split] == [value for value in values if value not in of_group]
    assert held(only_group(rest, rest.groups[1])) == held(only_group(domain, rest.groups[1]))


def test_a_group_is_drawn_by_shots_and_tested_on_the_rest() -> None:
    alone = only_group(said({"train": [0, 1, 1] * 6, "test": [1, 1, 1, 1]}), "bob")
    with pytest.raises(BadDataError, match="has no test split: say with --shots"):
        alone.draw(None, 0)
    shown, rest = alone.draw(2, seed=3)
    assert torch.bincount(shown.y).tolist() == [2, 2]
    assert len(shown) + len(rest) == 16
    assert not set(shown.index.tolist()) & set(rest.index.tolist())


def test_names_of_groups_outlive_what_is_done_to_a_domain(tmp_path: Path) -> None:
    domain = said({"train": [0, 1, 2, 0, 1, 2, 0, 1], "test": [0, 1, 2, 2]})
    for changed in (
        domain.only(["no"]),
        domain.without(["yes"]),
        domain.with_classes(["yes", "no"]),
        domain.prepared(None),
    ):
        assert (changed.groups, changed.group_kind) == (NAMES, "speaker")
        held(changed)
        assert held(without_group(changed, "ann"))["train"]
    one = only_group(domain, "bob").only(["yes"])
    assert set(held(one)["train"]) == {value for value in held(only_group(domain, "bob"))["train"] if value[1] == "yes"}


def test_nothing_is_read_and_files_stay_files() -> None:
    group = torch.tensor([0, 1, 0])
    files = {
        split: Examples(ImageFiles([Path(split, f"{i}.png") for i in range(3)]), None, group)
        for split in ("train", "test")
    }
    domain = Domain("pictures", (), files, groups=("ann", "bob"))
    x = only_group(domain, "ann").splits["train"].x
    assert isinstance(x, ImageFiles)
    assert [str(path) for path in x.paths] == ["train/0.png", "train/2.png", "test/0.png", "test/2.png"]

    def explode() -> torch.Tensor:
        raise AssertionError("read")

    lazy = Domain("lazy", (), {"train": Examples(Arrays(explode, 3), None, group)}, groups=("ann", "bob"))
    assert len(only_group(lazy, "ann").splits["train"]) == 2
    assert len(without_group(lazy, "ann").splits["train"]) == 1


def test_groups_that_there_are_not() -> None:
    domain = said({"train": [0, 0, 1], "test": [2]})
    for change in (only_group, without_group):
        with pytest.raises(UnknownNameError, match=r"^said has no speaker 'an'; did you mean 'ann'[?]$"):
            change(domain, "an")
        with pytest.raises(UnknownNameError, match=r"^said has no speaker 'xyz'; it has: ann, bob, cy$"):
            change(domain, "xyz")
        with pytest.raises(BadDataError, match=r"^the examples of said belong to no group with a name$"):
            change(Domain("said", (), domain.splits), "ann")
    assert list(without_group(domain, "cy").splits) == ["train"]
    with pytest.raises(BadDataError, match=r"^without the speaker 'ann' no training example of said is left$"):
        without_group(said({"train": [0, 0], "test": [1]}), "ann")
