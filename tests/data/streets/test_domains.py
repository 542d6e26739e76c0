import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, SealedLabelsError, UnknownNameError
from landbridge.data.registry import load_domain
from landbridge.data.scene_classes import CITYSCAPES, CITYSCAPES_COLOURS
from landbridge.data.streets import domains
from landbridge.data.streets.knobs import Knobs
from landbridge.data.streets.labels import PRIVATE, Label
from landbridge.data.streets.render import scene


@pytest.fixture
def few(monkeypatch, fresh_cache):
    """Domains of three and two pictures, in a cache of this test's own."""
    monkeypatch.setattr(domains, "COUNTS", {"train": 3, "test": 2})
    return fresh_cache


def test_classes_are_those_of_cityscapes_and_two_more_in_one_of_them(few):
    sim, real = load_domain("streets/sim"), load_domain("streets/real-ish")
    assert sim.classes == CITYSCAPES
    assert real.classes == (*CITYSCAPES, *PRIVATE)
    assert [label.name.lower().replace("_", " ") for label in sorted(Label)[:19]] == list(CITYSCAPES)
    assert (real.classes[Label.TUK_TUK], real.classes[Label.ANIMAL]) == PRIVATE
    assert (sim.dense, sim.headline, sim.colours) == (True, "miou", CITYSCAPES_COLOURS)
    assert sim.note == "19 classes (Cityscapes); simulated"
    assert real.note == "19 classes (Cityscapes); and tuk-tuk, animal; simulated"
    assert not few.exists(), "nothing is made before someone looks"


def test_full_size():
    assert {split: len(part) for split, part in load_domain("streets/sim").splits.items()} == {
        "train": 500,
        "test": 100,
    }


@pytest.mark.parametrize("name", ["streets/sim?size=64x48", "streets/real-ish?light=dusk&weather=fog&size=64x48"])
def test_pictures_and_masks_are_those_of_the_seed_and_kept(few, name, monkeypatch):
    domain = load_domain(name)
    knobs = Knobs() if "sim" in name else Knobs(light="dusk", weather="fog")
    assert domain.name == name
    for split, count in (("train", 3), ("test", 2)):
        part = domain.splits[split]
        every = torch.arange(count)
        images, masks = part.x.read(every), part.y.read(every)
        assert (images.shape, masks.shape) == ((count, 3, 48, 64), (count, 48, 64))
        for index in range(count):
            one = scene(domains.SEEDS[split], index, name.split("/")[1].split("?")[0], knobs, (48, 64))
            assert np.array_equal(images[index], one.image)
            assert np.array_equal(masks[index], one.labels)
    digest = domain.digest()
    assert len(list(few.iterdir())) == 2
    monkeypatch.setattr(domains, "make", None)  # drawing anew would fail
    assert load_domain(name).digest() == digest


def test_every_setting_has_a_file_of_its_own(few):
    for keys in ("", "&light=night", "&weather=rain", "&location=town", "&sensor=noise", "&sensor=wide"):
        load_domain(f"streets/sim?size=64x48{keys}").splits["test"].x.read(torch.tensor([0]))
    load_domain("streets/sim?location=boulevard&size=64x48").splits["test"].x.read(torch.tensor([0]))
    load_domain("streets/real-ish?size=64x48").splits["test"].x.read(torch.tensor([0]))
    assert len(list(few.iterdir())) == 7, "the boulevard is what the game shows anyway"


def test_knobs_go_with_the_other_keys(few):
    domain = load_domain("streets/real-ish?size=64x48&without=animal,sky&sensor=blur")
    assert len(domain.classes) == 19
    assert "sky" not in domain.classes
    masks = domain.splits["test"].y.read(torch.arange(2))
    assert (masks == 255).float().mean() > 0.05
    assert masks[masks != 255].max() < 19


def test_labels_of_a_target_are_sealed(few):
    with pytest.raises(SealedLabelsError):
        _ = load_domain("streets/real-ish?size=64x48").unlabelled().y


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("streets/sim?light=dawn", UnknownNameError, "^unknown light 'dawn' of a street; known: day, dusk, night$"),
        ("streets/sim?ligth=dusk", UnknownNameError, "unknown key 'ligth'; did you mean 'light'[?]$"),
        ("streets/sim?seed=3", UnknownNameError, "unknown key 'seed'; known: classes, .*, sensor, size$"),
        ("streets/sim?foo=3", UnknownNameError, "known: classes, .*, weather, light, location, sensor, size$"),
        ("streets/sim?light=", BadDataError, "the key 'light' lacks a value: write light=VALUE$"),
        (
            "streets/sim?light=day,dusk",
            BadDataError,
            "^the key 'light' of a street takes one value, not 2: day or dusk",
        ),
        ("streets/sim?light=day&light=dusk", BadDataError, "takes one value, not 2"),
        ("streets/sim?size=3", BadDataError, "^'3' is no size of a street: write WIDTHxHEIGHT"),
        ("streets/sims", UnknownNameError, "^unknown domain 'streets/sims'; did you mean 'streets/sim'[?]$"),
        ("shapes?light=dusk", UnknownNameError, "^'shapes[?]light=dusk': the key 'light' is for streets/[*] alone"),
        ("./nowhere?size=64x48", LandbridgeError, "the key 'size' is for streets/[*] alone"),
    ],
)
def test_bad_names_are_one_line(name, kind, message):
    with pytest.raises(kind, match=message) as caught:
        load_domain(name)
    assert "\n" not in str(caught.value)


def test_an_unknown_variant():
    with pytest.raises(UnknownNameError, match=r"^unknown domain 'streets/x'; known: sim, real-ish$"):
        domains.load("x", None, keys={})
