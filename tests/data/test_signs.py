import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import signs
from landbridge.data.matching import match_classes
from landbridge.data.registry import load_domain


def make_train(draw, folder, classes=("00000", "00001", "00042"), ending="jpg"):
    for name in classes:
        for track in ("00000", "00001"):
            for frame in range(3):
                draw(folder / name / f"{track}_{frame:05d}.{ending}", size=(9 + frame, 12))
        (folder / name / f"GT-{name}.csv").write_text("Filename;Width\n")


def test_image_folders(tmp_path, draw):
    make_train(draw, tmp_path / "gtsrb/train")
    draw(tmp_path / "gtsrb/test/00001/00012.jpg")
    domain = signs.load_gtsrb(None, tmp_path)
    train = domain.splits["train"]
    assert len(domain.classes) == 43
    assert torch.bincount(train.y).tolist()[:2] == [6, 6]
    assert train.y.max() == 42
    assert train.group.tolist() == [t for t in range(6) for _ in range(3)]
    assert domain.splits["test"].y.tolist() == [1]
    assert domain.note == "cut: 18 + 1 of 39,209 + 12,630 images"
    assert tuple(domain.prepared((40, 40)).splits["train"].x.read(torch.tensor([0])).shape) == (1, 3, 40, 40)


@pytest.mark.parametrize("base", ["gtsrb", "gtsrb/GTSRB", "GTSRB"])
@pytest.mark.parametrize("train", ["Final_Training/Images", "Training"])
def test_official_archives(tmp_path, draw, base, train):
    make_train(draw, tmp_path / base / train, ending="ppm")
    images = tmp_path / base / "Final_Test/Images"
    for name in ("00000.ppm", "00001.ppm"):
        draw(images / name)
    table = (
        "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n00000.ppm;8;6;1;1;7;5;16\n00001.ppm;8;6;1;1;7;5;1\n"
    )
    (tmp_path / base / "GT-final_test.csv").write_text(table)
    domain = signs.load_gtsrb(None, tmp_path)
    assert len(domain.splits["train"]) == 18
    assert domain.splits["test"].y.tolist() == [16, 1]
    assert len(domain.splits["test"].x.read(torch.arange(2))) == 2


def test_what_is_missing_or_wrong(tmp_path, draw):
    with pytest.raises(MissingDataError, match="gtsrb: no gtsrb in"):
        signs.load_gtsrb(None, tmp_path)
    (tmp_path / "gtsrb").mkdir()
    with pytest.raises(MissingDataError, match="neither train/<class> nor Final_Training"):
        signs.load_gtsrb(None, tmp_path)
    (tmp_path / "gtsrb/train").mkdir()
    with pytest.raises(MissingDataError, match="no images in class folders 00000 to 00042"):
        signs.load_gtsrb(None, tmp_path)
    make_train(draw, tmp_path / "gtsrb/train")
    with pytest.raises(MissingDataError, match="neither test/<class> nor Final_Test"):
        signs.load_gtsrb(None, tmp_path)
    table = tmp_path / "gtsrb/GT-final_test.csv"
    (tmp_path / "gtsrb/Final_Test/Images").mkdir(parents=True)
    table.write_text("Filename;Width\n00000.ppm;8\n")
    with pytest.raises(BadDataError, match="lacks Filename and ClassId"):
        signs.load_gtsrb(None, tmp_path)
    table.write_text("Filename;ClassId\n00000.ppm;8\n")
    with pytest.raises(MissingDataError, match=r"the images that .* names are not in"):
        signs.load_gtsrb(None, tmp_path)


@pytest.mark.parametrize("place", ["synsigns/train", "synsigns"])
def test_synsigns_is_all_train_and_matches_gtsrb(tmp_path, draw, place):
    for name in ("00000", "00007"):
        draw(tmp_path / place / name / "00000_01825.jpg")
    domain = signs.load_synsigns(None, tmp_path)
    assert list(domain.splits) == ["train"]
    assert domain.splits["train"].y.tolist() == [0, 7]
    assert domain.note == "cut: 2 of 100,000 images"
    make_train(draw, tmp_path / "gtsrb/train")
    draw(tmp_path / "gtsrb/test/1/1.jpg")
    assert match_classes(domain, signs.load_gtsrb(None, tmp_path)).classes == domain.classes


def test_names_without_tracks_give_no_groups(tmp_path, draw):
    draw(tmp_path / "gtsrb/train/00003/1.png")
    draw(tmp_path / "gtsrb/test/00003/2.png")
    assert signs.load_gtsrb(None, tmp_path).splits["train"].group is None


@pytest.mark.data
def test_the_real_cuts(data_root):
    source, target = load_domain("synsigns", data_root), load_domain("gtsrb", data_root)
    assert source.classes == target.classes
    for domain in (source, target):
        assert torch.bincount(domain.splits["train"].y, minlength=43).min() > 0
    assert target.splits["train"].group.max() > 43
    rest, held = target.validation(0.2)
    assert not set(rest.group.tolist()) & set(held.group.tolist())
