from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError
from landbridge.data import emoji, zoo
from landbridge.data.registry import data_root as default_root
from landbridge.data.registry import load_domain
from landbridge.data.signatures import load_signatures
from landbridge.data.zsl_splits import zero_shot


def test_the_table_of_the_lecture() -> None:
    three = zoo.signatures(None, (), default_root()).only(["furry", "four legs", "tail"])
    assert three.of(["dog", "fish", "chimp"]).values.tolist() == [[1, 1, 1], [0, 0, 1], [1, 0, 0]]


def test_the_table_tells_all_animals_apart_and_every_attribute_of_an_unseen_one_is_seen() -> None:
    table = load_signatures("animals", tuple(zoo.DRAWN))
    seen = table.of([name for name in zoo.DRAWN if name not in zoo.unseen(None)])
    assert set(table.classes) == set(zoo.DRAWN)
    assert seen.values.min(0).values.tolist() == [0] * 13
    assert seen.values.max(0).values.tolist() == [1] * 13


def test_pictures_by_vendor(tmp_path: Path, draw: Callable[..., Path]) -> None:
    codes = {name: drawn.split()[0] for name, drawn in zoo.DRAWN.items()}
    table = "codepoint,name\n" + "".join(f"{code},{name}\n" for name, code in codes.items())
    for vendor in emoji.VENDORS:
        for code in codes.values():
            draw(tmp_path / "emoji" / vendor / f"{code}.png")
    (tmp_path / "emoji" / "metadata.csv").write_text(table)
    domain, split = zero_shot(
        load_domain("emoji-zoo/all?without-group=fluent", tmp_path),
        tmp_path,
        target=load_domain("emoji-zoo/fluent", tmp_path),
    )
    assert {domain.classes[number] for number in split.unseen} == set(zoo.unseen(None))
    assert (len(split.trainval), len(split.test_seen), len(split.test_unseen)) == (81, 27, 3)
    (tmp_path / "emoji" / "metadata.csv").write_text("codepoint,name\n1F600,grin\n")
    with pytest.raises(BadDataError, match="none of the animals"):
        load_domain("emoji-zoo/all", tmp_path)


@pytest.mark.data
def test_the_real_pictures(data_root: Path) -> None:
    domain = load_domain("emoji-zoo/all", data_root)
    assert (len(domain.classes), len(domain.labelled())) == (30, 4 * 62)
