from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import unseal
from landbridge.data.inventory import describe
from landbridge.data.registry import load_domain

Draw = Callable[..., Path]


@pytest.mark.parametrize("place", ["caltech101", "caltech-101", "Caltech101", "caltech101/caltech-101", "."])
def test_caltech101_is_all_train_and_background_is_no_class(place: str, tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / place / "101_ObjectCategories"
    for name, count in (("BACKGROUND_Google", 9), ("Faces", 4), ("Faces_easy", 3), ("ant", 5)):
        for number in range(1, count + 1):
            draw(folder / name / f"image_{number:04d}.jpg")
    domain = load_domain("caltech101", tmp_path)
    assert domain.classes == ("Faces", "Faces_easy", "ant")
    assert domain.labelled().y.bincount().tolist() == [4, 3, 5]
    assert domain.note == "cut: 12 of 8,677 images"
    assert (domain.test_shots, domain.headline) == (50, "mean_class_accuracy")
    assert describe("caltech101", tmp_path).sizes == {"train": 12}
    with pytest.raises(BadDataError, match="caltech101 has no 'test' examples; it has: train"):
        domain.unlabelled("test")


def test_at_most_fifty_a_class_are_tested_on(tmp_path: Path) -> None:
    for name, count in (("airplanes", 90), ("ant", 42)):
        (tmp_path / "caltech101" / "101_ObjectCategories" / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "caltech101" / "101_ObjectCategories" / name / f"{number}.jpg").touch()
    shown, test = load_domain("caltech101", tmp_path).draw(30, seed=1)
    assert unseal(shown).bincount().tolist() == [30, 30]
    assert unseal(test).bincount().tolist() == [50, 12]
    with pytest.raises(BadDataError, match="42 shots asked for, but class 'ant' of caltech101 has 42: none would be"):
        load_domain("caltech101", tmp_path).draw(42, seed=1)


def test_caltech256_drops_numbers_clutter_and_strays(tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / "caltech256" / "256_ObjectCategories"
    for name in ("001.ak47", "002.american-flag", "056.dog", "253.faces-easy-101", "257.clutter"):
        for number in range(3):
            draw(folder / name / f"{name[:3]}_{number:04d}.jpg")
    draw(folder / "056.dog" / "greg" / "vision309" / "1.jpg")
    (folder / "056.dog" / "RENAME2").write_text("a script that was left behind")
    domain = load_domain("caltech256", tmp_path)
    assert domain.classes == ("ak47", "american-flag", "dog", "faces-easy-101")
    assert domain.labelled().y.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert (domain.note, domain.test_shots) == ("cut: 12 of 29,780 images", 25)


@pytest.mark.parametrize("number", ["101", "256"])
def test_nothing_there(number: str, tmp_path: Path) -> None:
    inside = f"caltech{number}/{number}_ObjectCategories"
    with pytest.raises(MissingDataError, match=f"^caltech{number}: no {inside} in .* 6 other usual names"):
        load_domain(f"caltech{number}", tmp_path)
    (tmp_path / inside / "001.ant").mkdir(parents=True)
    with pytest.raises(MissingDataError, match=f"^caltech{number}: no images in sub-folders of "):
        load_domain(f"caltech{number}", tmp_path)


@pytest.mark.data
def test_real_caltech101(data_root: Path) -> None:
    domain = load_domain("caltech101", data_root)
    assert len(domain.classes) == 101
    shown, test = domain.draw(15, seed=0)
    assert unseal(shown).bincount().tolist() == [15] * 101
    assert unseal(test).bincount().min() >= 1
    assert describe("caltech101", data_root).reason.startswith("cut: ")
