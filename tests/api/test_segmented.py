"""What a saved segmenter writes about raw images: labels, overlays and films."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

import landbridge
from landbridge.api._segmented import seeing
from landbridge.core.errors import LandbridgeError, MissingDataError, RunFolderError
from landbridge.data.scene_classes import colours_of, overlaid
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.nn.segmenter_model import Segmenter
from landbridge.nn.segmenters import make_segmenter

NAMES = ("road", "sky", "car")


@pytest.fixture
def model(tmp_path: Path) -> Segmenter:
    torch.manual_seed(0)
    made = Segmenter(make_segmenter("light/small-cnn?head.width=8", NAMES), NAMES).eval()
    made.save(tmp_path / "model")
    return made


def photo(path: Path, seed: int = 0, size: tuple[int, int] = (40, 24)) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return torch.from_numpy(pixels).permute(2, 0, 1)


def test_labels_are_numbers_and_overlays_are_colours(model: Segmenter, tmp_path: Path) -> None:
    image = photo(tmp_path / "photos" / "deeper" / "a.png")
    photo(tmp_path / "photos" / "b.png", 1, (64, 48))
    (tmp_path / "photos" / "c.png").write_text("no image")
    out = landbridge.predict(str(tmp_path / "model"), str(tmp_path / "photos"), out=str(tmp_path / "said"))
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert found == [
        "classes.csv", "labels/b.png", "labels/deeper/a.png", "overlays/b.png", "overlays/deeper/a.png", "skipped.txt",
    ]  # fmt: skip
    labels = np.asarray(Image.open(out / "labels/deeper/a.png"))
    expected = model.predict(image[None])
    assert labels.tolist() == expected[0].tolist()
    over = np.asarray(Image.open(out / "overlays/deeper/a.png"))
    assert over.tolist() == overlaid(image[None], expected, colours_of(NAMES))[0].permute(1, 2, 0).tolist()
    assert Image.open(out / "labels/b.png").size == (64, 48)
    rows = list(csv.DictReader((out / "classes.csv").open()))
    assert [row["name"] for row in rows] == list(NAMES)
    assert tuple(int(rows[2][part]) for part in ("red", "green", "blue")) == colours_of(NAMES)[2]
    assert "c.png" in (out / "skipped.txt").read_text()


def test_frames_become_a_film_and_a_film_is_read_frame_by_frame(model: Segmenter, tmp_path: Path) -> None:
    for number in range(3):
        photo(tmp_path / "frames" / f"{number}.png", number)
    where = str(tmp_path / "model")
    out = landbridge.predict(where, str(tmp_path / "frames"), out=str(tmp_path / "film"), gif=True)
    with Image.open(out / "overlays.gif") as film:
        assert (film.size, len(list(ImageSequence.Iterator(film)))) == ((40, 24), 3)
    frames = [Image.new("RGB", (40, 24), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:], duration=[50, 70, 90])
    out = landbridge.predict(where, str(tmp_path / "film.gif"), out=str(tmp_path / "again"))
    assert sorted(path.name for path in (out / "labels").iterdir()) == ["film-0.png", "film-1.png", "film-2.png"]
    blue = torch.tensor([0, 0, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 24, 40)
    assert np.asarray(Image.open(out / "labels/film-1.png")).tolist() == model.predict(blue)[0].tolist()
    with Image.open(out / "overlays.gif") as film:
        assert [frame.info["duration"] for frame in ImageSequence.Iterator(film)] == [50, 70, 90]


def test_images_of_one_name_and_several_endings_stay_apart(model: Segmenter, tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.png")
    photo(tmp_path / "photos" / "a.bmp", 1)
    out = landbridge.predict(str(tmp_path / "model"), str(tmp_path / "photos"), out=str(tmp_path / "said"))
    assert sorted(path.name for path in (out / "labels").iterdir()) == ["a.bmp.png", "a.png.png"]


def test_how_it_looks_is_passed_on(model: Segmenter, tmp_path: Path) -> None:
    image = photo(tmp_path / "a.png")
    out = landbridge.predict(
        str(tmp_path / "model"), str(tmp_path / "a.png"), out=str(tmp_path / "said"), window="20x16", scales="0.5,1",
        flip=True,
    )  # fmt: skip
    expected = model.predict(image[None], window=(16, 20), scales=(0.5, 1.0), flip=True)
    assert np.asarray(Image.open(out / "labels/a.png")).tolist() == expected[0].tolist()


def test_colours_are_those_of_the_run(model: Segmenter, tmp_path: Path) -> None:
    own = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
    (tmp_path / "run").mkdir()
    (tmp_path / "model").rename(tmp_path / "run" / "model")
    np.savez(tmp_path / "run" / "snapshot.npz", colours=own)
    photo(tmp_path / "a.png")
    for place in ("run", "run/model"):
        out = landbridge.predict(str(tmp_path / place), str(tmp_path / "a.png"), out=str(tmp_path / place / "said"))
        assert Image.open(out / "labels/a.png").getpalette()[:9] == own.ravel().tolist()  # type: ignore[index]


def test_refusals_are_a_line_each(model: Segmenter, tmp_path: Path) -> None:
    where = str(tmp_path / "model")
    photo(tmp_path / "photos" / "a.png")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="is there and not empty: choose another --out"):
        landbridge.predict(where, str(tmp_path / "photos"), out=str(tmp_path / "full"))
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"
    with pytest.raises(MissingDataError, match=r"^no images in "):
        landbridge.predict(where, str(tmp_path / "full"), out=str(tmp_path / "said"))
    (tmp_path / "broken.gif").write_text("no film")
    with pytest.raises(LandbridgeError, match=r"broken\.gif: not an image, or damaged"):
        landbridge.predict(where, str(tmp_path / "broken.gif"), out=str(tmp_path / "said"))
    photo(tmp_path / "photos" / "b.png", 1, (30, 30))
    with pytest.raises(LandbridgeError, match=r"a\.png is 40 x 24 and b\.png 30 x 30 pixels: leave out --gif"):
        landbridge.predict(where, str(tmp_path / "photos"), out=str(tmp_path / "said"), gif=True)
    assert not (tmp_path / "said").exists()
    with pytest.raises(LandbridgeError, match=r"^--window is WIDTHxHEIGHT"):
        seeing("wide", "1", flip=False)
    with pytest.raises(LandbridgeError, match=r"^--scales is numbers with commas"):
        seeing(None, "one", flip=False)


def test_a_classifier_knows_nothing_of_films(tmp_path: Path) -> None:
    from landbridge.nn.backbones import make_backbone

    network = make_backbone("small-cnn")
    Classifier(network, Head(network.width, (), 2), ("no", "yes")).save(tmp_path / "plain")
    photo(tmp_path / "a.png")
    with pytest.raises(LandbridgeError, match=r"is no segmenter: leave out --window, --scales, --flip and --gif$"):
        landbridge.predict(str(tmp_path / "plain"), str(tmp_path / "a.png"), gif=True)
