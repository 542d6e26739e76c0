import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeWarning, MissingDataError
from landbridge.data import own
from landbridge.data.registry import load_domain


def fill(draw, folder, classes=("cat", "dog"), count=10):
    for name in classes:
        for number in range(count):
            draw(folder / name / f"{number}.png")
    return folder


def counts(domain):
    return {name: torch.bincount(part.y).tolist() for name, part in domain.splits.items()}


def test_one_folder_a_class(tmp_path, draw):
    fill(draw, tmp_path / "pets")
    draw(tmp_path / "pets/dog/deeper/11.png")
    (tmp_path / "pets/.hidden").mkdir()
    (tmp_path / "pets/readme.txt").write_text("hello")
    domain = load_domain(str(tmp_path / "pets"))
    assert (domain.name, domain.classes) == (str(tmp_path / "pets"), ("cat", "dog"))
    assert counts(domain) == {"train": [8, 9], "test": [2, 2]}


def test_train_and_test_folders_are_the_splits(tmp_path, draw):
    fill(draw, tmp_path / "train", count=3)
    fill(draw, tmp_path / "test", ("dog",), count=2)
    domain = own.load(tmp_path)
    assert domain.classes == ("cat", "dog")
    assert counts(domain) == {"train": [3, 3], "test": [0, 2]}
    fill(draw, tmp_path / "test", ("cow",), count=1)
    with pytest.raises(BadDataError, match=r"has the class 'cow', which .*train lacks"):
        own.load(tmp_path)


def test_a_train_folder_alone(tmp_path, draw):
    fill(draw, tmp_path / "data/train")
    assert counts(own.load(tmp_path / "data")) == {"train": [8, 8], "test": [2, 2]}
    fill(draw, tmp_path / "vehicles", ("bus", "train"))  # here `train` is a class
    assert own.load(tmp_path / "vehicles").classes == ("bus", "train")


def test_without_labels(tmp_path, draw):
    for number in range(10):
        draw(tmp_path / "loose" / ("a" if number % 2 else "b/c") / f"{number}.png")
    domain = load_domain(tmp_path / "loose", unlabelled=True)
    assert (domain.classes, [len(part) for part in domain.splits.values()]) == ((), [8, 2])
    assert domain.splits["train"].y is None
    fill(draw, tmp_path / "sides/train", ("x",), 4)
    draw(tmp_path / "sides/test/1.png")
    assert [len(part) for part in own.load(tmp_path / "sides", unlabelled=True).splits.values()] == [4, 1]


def test_what_a_folder_can_lack(tmp_path, draw):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="empty is empty: one sub-folder"):
        own.load(tmp_path / "empty")
    with pytest.raises(MissingDataError, match=r"no images in .*\.jpg, \.jpeg"):
        own.load(tmp_path / "empty", unlabelled=True)
    (tmp_path / "texts/a").mkdir(parents=True)
    (tmp_path / "texts/a/1.txt").write_text("no image")
    with pytest.raises(MissingDataError, match=r"no images in .*texts or its sub-folders"):
        own.load(tmp_path / "texts")
    draw(tmp_path / "flat/1.png")
    with pytest.raises(BadDataError, match=r"has images but no class folders.*--unlabelled"):
        own.load(tmp_path / "flat")
    draw(tmp_path / "one/only/1.png")
    with pytest.raises(BadDataError, match=r"one class only \('only'\)"):
        own.load(tmp_path / "one")
    with pytest.raises(MissingDataError, match="no such file or folder"):
        own.load(tmp_path / "nowhere")
    (tmp_path / "notes.md").write_text("")
    with pytest.raises(BadDataError, match=r"neither a folder, nor a \.csv"):
        own.load(tmp_path / "notes.md")


def test_an_empty_class_folder_is_left_out_aloud(tmp_path, draw):
    fill(draw, tmp_path)
    (tmp_path / "cow").mkdir()
    with pytest.warns(LandbridgeWarning, match="cow holds no images: it is not taken as a class"):
        assert own.load(tmp_path).classes == ("cat", "dog")


def test_nothing_is_written(tmp_path, draw):
    fill(draw, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    own.load(tmp_path).prepared((8, 8))
    assert sorted(tmp_path.rglob("*")) == before


def table(folder, text):
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_csv(tmp_path, draw):
    for number in range(10):
        draw(tmp_path / f"images/{number}.png")
    rows = [f"images/{n}.png, {'dog' if n % 2 else 'cat'}" for n in range(10)]
    domain = load_domain(table(tmp_path, "\ufeffpath,label\n" + "\n".join(rows)))
    assert (domain.classes, counts(domain)) == (("cat", "dog"), {"train": [4, 4], "test": [1, 1]})
    split = [f"{row},{'test' if n < 3 else 'Train'},w{n // 5}" for n, row in enumerate(rows)]
    domain = own.load(table(tmp_path, "path,label,split,group\n" + "\n".join(split)))
    assert [len(part) for part in domain.splits.values()] == [7, 3]
    assert domain.splits["train"].group.tolist() == [0, 0, 1, 1, 1, 1, 1]
    grouped = [f"{row},w{n // 2}" for n, row in enumerate(rows)]
    domain = own.load(table(tmp_path, "path,label,group\n" + "\n".join(grouped)))
    assert not set(domain.splits["train"].group.tolist()) & set(domain.splits["test"].group.tolist())
    domain = own.load(table(tmp_path, "path\n" + "\n".join(row.split(",")[0] for row in rows)), unlabelled=True)
    assert (domain.splits["train"].y, len(domain.splits["test"])) == (None, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,cat\n", "has no column 'path'; its columns are: file, label"),
        ("path,class\na.png,cat\n", "has no column 'label'; its columns are: path, class"),
        ("", "has no column 'path'; its columns are: none"),
        ("path,label\n", "a header and no rows"),
        ("path,label\na.png,cat\nb.png,\n", "row 3: no label"),
        ("path,label\na.png,cat\nb.png,dog\nc.png,dog\n", r"2 of the 3 files .* do not exist \(first: .*b\.png\)"),
        ("path,label\na.png,cat\na.png,cat\n", r"one class only \('cat'\)"),
        ("path,label,split\na.png,cat,train\na.png,dog,val\n", "row 3: the split is 'val', not train or test"),
        ("path,label,split\na.png,cat,train\na.png,dog,train\n", "needs rows of train and of test"),
    ],
)
def test_what_can_be_wrong_with_a_csv(tmp_path, draw, text, message):
    draw(tmp_path / "a.png")
    with pytest.raises((BadDataError, MissingDataError), match=message) as error:
        own.load(table(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_csv_that_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(BadDataError, match="no CSV in UTF-8"):
        own.load(tmp_path / "a.csv")
