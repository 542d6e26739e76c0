"""Tar shards: indexed once, read in any order, split over workers; damaged ones are named with their place."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError, LandbridgeError, LandbridgeWarning, MissingDataError
from landbridge.data import shards
from landbridge.data.captions import SPLITS, Captions, load_captions
from landbridge.data.images import ImageFiles

Members = Mapping[str, bytes | str]


def png(value: int) -> bytes:
    """A grey image of one value."""
    file = io.BytesIO()
    Image.new("RGB", (6, 5), (value, value, value)).save(file, "png")
    return file.getvalue()


def tar(path: Path, members: Members) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def samples(first: int, count: int) -> dict[str, bytes | str]:
    """Samples whose image holds their number."""
    members: dict[str, bytes | str] = {}
    for number in range(first, first + count):
        members[f"{number:04d}.png"] = png(number)
        members[f"{number:04d}.txt"] = f"number {number}\n"
        members[f"{number:04d}.cls"] = str(number % 2)
    return members


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "shards"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards of twenty samples."""
    for number in range(3):
        tar(tmp_path / "set" / f"shards-{number:03d}.tar", samples(20 * number, 20))
    return tmp_path / "set"


def values(captions: Captions) -> list[int]:
    return captions.images.read(torch.arange(len(captions)), (4, 4))[:, 0, 0, 0].tolist()


def check(captions: Captions) -> None:
    """Every image has its own sentence and class."""
    for number, value in enumerate(values(captions)):
        assert captions.texts_of(number) == (f"number {value}",)
        assert captions.classes is not None
        assert captions.class_names[int(captions.classes[number])] == str(value % 2)


@pytest.mark.parametrize("spec", ["set", "set/shards-{000..002}.tar"])
def test_shards_are_read_whole(spec: str, folder: Path) -> None:
    parts = load_captions(str(folder.parent / spec))
    assert [len(parts[split]) for split in SPLITS] == [48, 6, 6]
    for part in parts.values():
        check(part)
    assert sorted(value for part in parts.values() for value in values(part)) == list(range(60))
    assert parts["train"].files[0].startswith("shards-000.tar/0000.png")


def test_braces_choose_and_multiply(folder: Path) -> None:
    parts = load_captions(str(folder / "shards-{001..002}.tar"))
    assert sum(map(len, parts.values())) == 40
    tar(folder.parent / "1" / "a-1.tar", samples(0, 3))
    tar(folder.parent / "2" / "a-1.tar", samples(3, 3))
    parts = load_captions(str(folder.parent / "{1..2}" / "a-{1..1}.tar"))
    assert sorted(value for part in parts.values() for value in values(part)) == list(range(6))
    assert {file.split("/")[0] for part in parts.values() for file in part.files} == {"1", "2"}


def test_images_are_read_in_any_order_and_picked(folder: Path) -> None:
    train = load_captions(str(folder))["train"]
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    every = torch.tensor(values(train))
    assert train.images.read(order, (4, 4))[:, 0, 0, 0].tolist() == every[order].tolist()
    rest = train.subset(order[:7])
    assert isinstance(rest.images, shards.TarImages)
    check(rest)
    assert rest.images.read(torch.tensor([0])).shape == (1, 3, 5, 6)
    assert rest.images.nbytes() == 7 * 3 * 5 * 6


def test_workers_in_other_processes_read_the_same(folder: Path) -> None:
    from torch.utils.data import DataLoader

    train = load_captions(str(folder))["train"]

    class Reads(torch.utils.data.Dataset[int]):
        def __len__(self) -> int:
            return len(train)

        def __getitem__(self, number: int) -> int:
            return int(train.images.read(torch.tensor([number]), (4, 4))[0, 0, 0, 0])

    loader = DataLoader(Reads(), batch_size=5, num_workers=2, sampler=list(range(1, len(train), 2)))
    assert torch.cat(list(loader)).tolist() == values(train)[1::2]


def test_contents_have_the_same_digest_in_a_tar_and_as_files(folder: Path, tmp_path: Path) -> None:
    train = load_captions(str(folder))["train"]
    paths = []
    for number, value in enumerate(values(train)):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(png(value))
    assert train.images.digest() == ImageFiles(paths).digest()
    assert train.images.pick(torch.tensor([1, 0])).digest() != train.images.pick(torch.tensor([0, 1])).digest()


def test_offsets_are_indexed_once(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_captions(str(folder))
    assert len(list(cache.iterdir())) == 3
    indexed = []
    original = shards._indexed
    monkeypatch.setattr(shards, "_indexed", lambda shard: indexed.append(shard.name) or original(shard))
    again = load_captions(str(folder))
    assert not indexed
    for split in SPLITS:
        assert again[split].texts == first[split].texts
        assert again[split].files == first[split].files
        assert values(again[split]) == values(first[split])
    tar(folder / "shards-001.tar", samples(100, 20))  # another time of change, and size
    for each in cache.glob("shards-002*"):
        each.write_text('[["cut', encoding="utf-8")
    parts = load_captions(str(folder))
    assert indexed == ["shards-001.tar", "shards-002.tar"]
    assert max(value for part in parts.values() for value in values(part)) == 119


def test_without_room_for_the_index_the_work_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "taken"))
    with pytest.warns(LandbridgeWarning, match=r"the index of .*shards-000.tar cannot be kept .* set LANDBRIDGE_CACHE"):
        parts = load_captions(str(folder / "shards-000.tar"))
    assert sum(map(len, parts.values())) == 20


def test_json_members_and_splits_by_name(tmp_path: Path) -> None:
    told = {"captions": ["one", "two"], "class": "cat"}
    tar(tmp_path / "train-0.tar", {"in/a.b.json": json.dumps(told), "in/a.jpg": png(1), "in/a.txt": "one"})
    tar(tmp_path / "val-0.tar", {"c.jpg": png(2), "c.json": json.dumps({"caption": "three", "class": "dog"})})
    tar(tmp_path / "test.tar", {"d.jpg": png(3), "d.json": json.dumps({"caption": "four"}), "d.cls": "cat"})
    parts = load_captions(str(tmp_path))
    assert {split: part.texts for split, part in parts.items()} == {
        "train": ("one", "two"),
        "validation": ("three",),
        "test": ("four",),
    }
    assert [part.classes.tolist() for part in parts.values() if part.classes is not None] == [[0], [1], [0]]
    assert parts["train"].files == ("train-0.tar/in/a.jpg",)


def test_splits_may_stand_in_the_samples(tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {}
    for name, split in (("a", "train"), ("b", "test")):
        members |= {f"{name}.png": png(1), f"{name}.json": json.dumps({"caption": name, "split": split})}
    parts = load_captions(str(tar(tmp_path / "x.tar", members)))
    assert {split: part.texts for split, part in parts.items()} == {"train": ("a",), "test": ("b",)}


def test_samples_that_lack_something_are_counted_then_refused(tmp_path: Path) -> None:
    members = samples(0, 18)
    members |= {"lone.txt": "no picture", "lone.cls": "0", "mute.png": png(9)}
    path = str(tar(tmp_path / "x.tar", {**members, "._0001.png": b"junk", "notes.npy": b"ignored"}))
    parts = load_captions(path, unreadable=0.1)
    skipped = [name for part in parts.values() for name in part.skipped]
    assert sorted(skipped) == ["x.tar/lone: no image", "x.tar/mute.png: no caption"]
    assert sum(map(len, parts.values())) == 18
    with pytest.raises(BadDataError, match=r"2 of 20 images of .*x.tar cannot be used \(first: x.tar/lone: no image\)"):
        load_captions(path, unreadable=0.09)


def test_an_image_that_is_none_is_named_with_its_place(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", {"a.txt": "said", "a.png": b"no image at all"})
    images = load_captions(str(path))["train"].images
    with pytest.raises(BadDataError, match=r"image a.png in .*x.tar at byte 1536: not an image, or damaged"):
        images.read(torch.tensor([0]), (4, 4))
    path.unlink()
    with pytest.raises(BadDataError, match=r"cannot read the shard .*x.tar \(No such file.*\): is it still there"):
        images.digest()


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def overwritten(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset : offset + 512] = b"\x07" * 512
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: cut(path, 1300), r"cut off after a.txt, at byte \d+ of 1300 \(.*\): fetch or write it anew"),
        (lambda path: cut(path, 1560), r"after a.txt, at byte 1560 of 1560 \(b.png would end at byte \d+\)"),
        (lambda path: cut(path, 1700), r"after b.png, at byte 1\d+ of 1700 \(unexpected end of data\)"),
        (lambda path: cut(path, 1024), r"after a.txt, at byte 1024 of 1024 \(neither a member nor the end mark\)"),
        (lambda path: overwritten(path, 1024), r"after a.txt, at byte 1024 of 10240 \(neither a member nor the end"),
        (lambda path: overwritten(path, 0), "damaged or cut off after nothing, at byte 0 of 10240"),
        (lambda path: path.write_bytes(b""), "damaged or cut off after nothing, at byte 0 of 0"),
        (lambda path: path.write_bytes(b"plain text" * 200), "damaged or cut off after nothing, at byte 0 of 2000"),
        (lambda path: path.write_bytes(gzip.compress(path.read_bytes())), r"x.tar is compressed, .* gunzip"),
        (lambda path: tar(path, {"a.json": "{"}), r"x.tar, a.json at byte 512: not usable"),
        (lambda path: tar(path, {"a.json": "[]"}), r"x.tar, a.json at byte 512: not usable"),
        (lambda path: tar(path, {"a.json": '{"captions": [1]}'}), r"x.tar, a.json at byte 512: not usable"),
        (lambda path: tar(path, {"a.txt": b"\xff\xfe"}), r"x.tar, a.txt at byte 512: not usable"),
        (lambda path: tar(path, {"a.png": png(1), "a.jpg": png(2)}), "the sample a has two images, a.png and a.jpg"),
        (lambda path: tar(path, {"README": "no sample"}), "x.tar holds no samples"),
    ],
)
def test_damaged_shards_are_one_line(harm: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", {"a.txt": "said", "b.png": png(1), "c.txt": "more"})
    harm(path)
    with pytest.raises(LandbridgeError, match=message) as caught:
        load_captions(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_shards_that_are_not_there(folder: Path) -> None:
    with pytest.raises(MissingDataError, match=r"2 of the 5 shards of .* do not exist: first .*shards-003.tar"):
        load_captions(str(folder / "shards-{000..004}.tar"))
    with pytest.raises(BadDataError, match="a range in braces ends before it begins"):
        load_captions(str(folder / "shards-{3..1}.tar"))
    with pytest.raises(LandbridgeError, match="templates are for a folder with a folder a class"):
        load_captions(f"{folder}?templates=a {{}}")
