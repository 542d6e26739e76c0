from pathlib import Path

import pytest
import torch

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.scene_classes import CAMVID, CITYSCAPES
from landbridge.data.signatures import Signatures
from landbridge.segmentation.boundless.classes import ClassSpace
from landbridge.segmentation.boundless.descriptions import conditions, load_descriptions


def table(values: list[list[float]], columns: str = "ab") -> Signatures:
    classes = ("road", "car", "tuk-tuk", "animal")[: len(values)]
    return Signatures(classes, tuple(columns), torch.tensor(values), "attributes", "mine")


@pytest.mark.parametrize(
    "space",
    [
        ClassSpace(CITYSCAPES, ("tuk-tuk", "animal")),
        ClassSpace(tuple(c for c in CAMVID if c not in ("bicyclist", "sign-symbol")), ("bicyclist", "sign-symbol")),
    ],
)
def test_our_table_describes_the_streets(space: ClassSpace) -> None:
    told = conditions(load_descriptions("attributes", space), space)
    assert len(told) == len(space.every)
    torch.testing.assert_close(told.square().mean(1), torch.ones(len(told)))
    assert (torch.cdist(told, told) + 9 * torch.eye(len(told))).min() > 0.3


def test_words_are_composed_where_the_file_lacks_them(tmp_path: Path) -> None:
    file = tmp_path / "tiny.txt"
    file.write_text("road 1 0 0\ncar 0 1 0\ntaxi 0 1 1\nbike 0 0 1\n")
    found = load_descriptions(f"words:{file}", ClassSpace(("road", "car"), ("tuk-tuk",)))
    assert found.values.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0.5, 1]]
    assert "tuk-tuk = taxi + bike" in found.source


def test_columns_that_say_the_same_of_all_shared_classes_are_left_out() -> None:
    space = ClassSpace(("road", "car"), ("tuk-tuk",))
    told = conditions(table([[0, 1, 2], [1, 1, 2], [0.5, 0, 2]], "abc"), space)
    assert told.tolist() == [[0], [1], [1]]


def test_what_cannot_be_learned_is_one_line() -> None:
    space = ClassSpace(("road", "car"), ("tuk-tuk",))
    with pytest.raises(BadDataError, match="mine says the same of all classes of the source") as same:
        conditions(table([[1, 1], [1, 1], [0, 1]]), space)
    with pytest.raises(BadDataError, match="mine: what tells car, tuk-tuk apart no class of the source has") as alike:
        conditions(table([[0, 1], [1, 1], [1, 0]]), space)
    with pytest.raises(BadDataError, match="lacks 1 of 3 classes: spaceship"):
        load_descriptions("attributes", ClassSpace(("road", "car"), ("spaceship",)))
    with pytest.raises(UnknownNameError, match="unknown signatures 'atributes'"):
        load_descriptions("atributes", space)
    assert "\n" not in f"{same.value}{alike.value}"
