from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import street_signatures
from landbridge.data.registry import data_root as default_root
from landbridge.data.scene_classes import CAMVID, CITYSCAPES, OTHER_COLOURS
from landbridge.data.signatures import load_signatures

PRIVATE = {"tuk-tuk", "animal"}


@pytest.mark.filterwarnings("ignore:.*left out, as the same for all")
@pytest.mark.parametrize("classes", [(*CITYSCAPES, *sorted(PRIVATE)), CAMVID, (*CITYSCAPES, "rickshaw", "tuk-tuk")])
def test_the_table_tells_the_classes_of_each_set_apart(classes: tuple[str, ...]) -> None:
    assert load_signatures("streets", classes).classes == classes


def test_the_table_knows_every_class_of_the_scenes() -> None:
    table = street_signatures.attributes(None, (), None)
    assert not table.lacking([*CITYSCAPES, *CAMVID, *OTHER_COLOURS, "rickshaw"])
    assert table.values.min() == 0
    assert table.values.max() == 1


def test_whatever_is_said_of_a_private_class_is_said_of_a_shared_one_too() -> None:
    """Then its looks can be learned, and graded values lie between those of shared classes."""
    table = street_signatures.attributes(None, (), None)
    shared, private = table.of(CITYSCAPES).values, table.of(sorted(PRIVATE)).values
    said = private.amax(0) > 0
    assert (shared.amax(0)[said] > 0).all()
    wheels = table.names.index("wheels")
    assert table.of(["motorcycle", "tuk-tuk", "car"]).values[:, wheels].tolist() == [0.5, 0.75, 1]


def test_names_that_a_file_lacks_are_composed_and_those_that_it_has_are_not(tmp_path: Path) -> None:
    file = tmp_path / "tiny.txt"
    file.write_text("car 1 0\nbike 0 1\nrider 0 3\npedestrian 7 7\nwalking 9 9\nperson 9 9\n")
    found = street_signatures.words(str(file), ("car", "pedestrian", "bicyclist", "sky"), None)
    assert found.classes == ("car", "pedestrian", "bicyclist")
    assert found.values.tolist() == [[1, 0], [7, 7], [0, 2]]
    assert found.source == "words of tiny.txt, composed: bicyclist = bike + rider"
    with pytest.raises(BadDataError, match="lacks 1 of 2 classes: sky; it has no sky"):
        load_signatures(f"street-words:{file}", ("car", "sky"))


def test_a_file_that_does_not_help(tmp_path: Path) -> None:
    (tmp_path / "tiny.txt").write_text("fish 1 0\n")
    with pytest.raises(BadDataError, match=r"tiny.txt knows none of the 1 names \(lacks tuk, tuk\)|knows none"):
        street_signatures.words(str(tmp_path / "tiny.txt"), ("tuk-tuk",), None)
    with pytest.raises(MissingDataError, match="no file of word vectors"):
        street_signatures.words("nowhere.txt", ("tuk-tuk",), None)


@pytest.mark.data
def test_the_shared_vectors_know_all_classes_once_some_are_composed(data_root: Path) -> None:
    assert default_root() is not None
    for classes in ((*CITYSCAPES, "tuk-tuk", "animal"), CAMVID):
        found = load_signatures("street-words:glove.twitter.25d.12k.txt", classes, data_root)
        assert found.classes == classes
        assert "composed" in found.source
