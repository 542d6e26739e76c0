import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data import galleries
from landbridge.data.registry import load_domain


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("pacs/photo", "pacs/photo"),
        ("pacs/art_painting", "PACS/kfold/art_painting"),
        ("office31/amazon", "office31/amazon/images"),
        ("office31/dslr", "office31/domain_adaptation_images/dslr/images"),
        ("office31/webcam", "office31/webcam"),
        ("office-home/art", "office-home/Art"),
        ("office-home/real-world", "OfficeHomeDataset_10072016/Real World"),
        ("domainnet/sketch", "domainnet/sketch"),
        ("visda2017/train", "visda2017/train"),
    ],
)
def test_class_folders_split_by_hash(tmp_path, draw, name, place):
    for number in range(10):
        draw(tmp_path / place / "back_pack" / f"frame_{number}.jpg")
        draw(tmp_path / place / "bike" / f"frame_{number}.jpg")
    domain = load_domain(name, tmp_path)
    assert (domain.name, domain.classes) == (name, ("back_pack", "bike"))
    assert {split: torch.bincount(part.y).tolist() for split, part in domain.splits.items()} == {
        "train": [8, 8],
        "test": [2, 2],
    }
    assert domain.headline == ("mean_class_accuracy" if "visda" in name else "accuracy")


def test_the_split_does_not_depend_on_where_the_root_is(tmp_path, draw):
    chosen = []
    for root in ("here", "there"):
        for number in range(20):
            draw(tmp_path / root / "pacs/photo/dog" / f"{number}.jpg")
            draw(tmp_path / root / "pacs/photo/cat" / f"{number}.jpg")
        chosen.append([path.name for path in load_domain("pacs/photo", tmp_path / root).splits["test"].x.paths])
    assert chosen[0] == chosen[1]


def test_domainnet_lists(tmp_path, draw):
    paths = [f"clipart/{name}/clipart_{i:03d}.jpg" for i, name in enumerate(("axe", "bear", "axe", "bear"))]
    for path in paths:
        draw(tmp_path / "domainnet" / path)
    train, test = (tmp_path / "domainnet" / f"clipart_{split}.txt" for split in ("train", "test"))
    train.write_text(f"{paths[0]} 0\n{paths[1]} 1\n{paths[2]} 0\n")
    test.write_text(f"{paths[3]} 1\n")
    domain = load_domain("domainnet/clipart", tmp_path)
    assert (domain.classes, domain.note) == (("axe", "bear"), "")
    assert [part.y.tolist() for part in domain.splits.values()] == [[0, 1, 0], [1]]
    test.write_text(f"{paths[3]}\n")
    with pytest.raises(BadDataError, match="1 of 1 lines have no class number"):
        load_domain("domainnet/clipart", tmp_path)


def test_visda_list(tmp_path, draw):
    folder = tmp_path / "visda2017/validation"
    rows = []
    for number in range(10):
        for label, name in ((0, "aeroplane"), (11, "truck")):
            draw(folder / name / f"{number}.jpg")
            rows.append(f"{name}/{number}.jpg {label}")
    (folder / "image_list.txt").write_text("\n".join(rows))
    domain = load_domain("visda2017/validation", tmp_path)
    assert (domain.classes[11], domain.headline) == ("truck", "mean_class_accuracy")
    assert domain.note == "cut: 20 of 55,388 images"
    assert [torch.bincount(part.y, minlength=12).tolist()[11] for part in domain.splits.values()] == [8, 2]
    (folder / "image_list.txt").write_text("\n".join(row.split()[0] for row in rows))
    unknown = load_domain("visda2017/validation", tmp_path)
    assert unknown.splits["train"].y is None
    (folder / "image_list.txt").write_text("\n".join([*rows, "aeroplane/0.jpg 12"]))
    with pytest.raises(BadDataError, match="class number from 0 to 11"):
        load_domain("visda2017/validation", tmp_path)


def test_unknown_and_missing(tmp_path):
    with pytest.raises(UnknownNameError, match="pacs has the domains photo, art_painting"):
        galleries.load_pacs("clay", tmp_path)
    with pytest.raises(UnknownNameError, match="visda2017 has the parts"):
        galleries.load_visda2017("dusk", tmp_path)
    with pytest.raises(MissingDataError, match=r"office31/dslr: no office31/dslr/images in"):
        galleries.load_office31("dslr", tmp_path)
    with pytest.raises(MissingDataError, match="LANDBRIDGE_DATA"):
        galleries.load_domainnet("real", None)


@pytest.mark.data
def test_the_real_pacs(data_root):
    domains = {name: load_domain(f"pacs/{name}", data_root) for name in galleries.PACS.domains}
    assert sum(len(part) for domain in domains.values() for part in domain.splits.values()) == 9_991
    assert len({domain.classes for domain in domains.values()}) == 1
    assert all(domain.note == "" for domain in domains.values())


def test_all_styles_of_pacs_together_and_their_styles_as_classes(tmp_path, draw):
    for style in galleries.PACS.domains:
        for number in range(10):
            draw(tmp_path / "pacs" / style / "cat" / f"{number}.jpg")
            draw(tmp_path / "pacs" / style / "dog" / f"{number}.jpg")
    together, styles = load_domain("pacs/all", tmp_path), load_domain("pacs/style", tmp_path)
    assert together.classes == ("cat", "dog")
    assert styles.classes == ("photo", "art_painting", "cartoon", "sketch")
    for split, each in (("train", 8), ("test", 2)):
        paths = together.splits[split].x.paths
        assert paths == styles.splits[split].x.paths
        assert torch.bincount(together.splits[split].y).tolist() == [4 * each] * 2
        assert [styles.classes[label] for label in styles.splits[split].y] == [
            path.parent.parent.name for path in paths
        ]
        assert [together.classes[label] for label in together.splits[split].y] == [path.parent.name for path in paths]
    one = load_domain("pacs/cartoon", tmp_path).splits["test"].x.paths
    assert set(one) <= set(together.splits["test"].x.paths)
    assert "pacs/sketch: cut: 20 of 3,929 images" in together.note


def test_styles_of_different_classes_are_not_joined(tmp_path, draw):
    for style in galleries.PACS.domains:
        for name in ("cat", "dog" if style == "photo" else "cow"):
            draw(tmp_path / "pacs" / style / name / "1.jpg")
            draw(tmp_path / "pacs" / style / name / "2.jpg")
    with pytest.raises(BadDataError, match="the classes of pacs/art_painting and pacs/photo differ"):
        load_domain("pacs/all", tmp_path)
