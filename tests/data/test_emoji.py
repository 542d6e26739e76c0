import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data import emoji
from landbridge.data.registry import load_domain


@pytest.fixture
def root(tmp_path, draw):
    rows = ["codepoint,name,keywords,group,subgroup"]
    for number in range(20):
        rows.append(f"1F6{number:02d},thing {number},a;b,{'food-drink' if number % 2 else 'animals-nature'},0")
        draw(tmp_path / "emoji/noto" / f"1F6{number:02d}.png")
        if number != 4:
            draw(tmp_path / "emoji/fluent" / f"1F6{number:02d}.png")
    (tmp_path / "emoji/metadata.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_split_is_the_same_for_all_vendors(root):
    noto, fluent = load_domain("emoji/noto", root), load_domain("emoji/fluent", root)
    assert noto.classes == ("animals-nature", "food-drink")
    assert torch.bincount(noto.splits["test"].y).tolist() == [2, 2]
    sides = [
        {split: {p.name for p in part.x.paths} for split, part in domain.splits.items()} for domain in (noto, fluent)
    ]
    missing = {"1F604.png"}
    assert {split: names - missing for split, names in sides[0].items()} == sides[1]


def test_errors(root, tmp_path):
    with pytest.raises(MissingDataError, match=r"emoji/twemoji: no <codepoint>\.png in"):
        emoji.load("twemoji", root)
    with pytest.raises(UnknownNameError, match="noto, twemoji"):
        emoji.load("nota", root)
    with pytest.raises(MissingDataError, match=r"no emoji/metadata\.csv in"):
        emoji.load("noto", tmp_path / "nowhere")
    (root / "emoji/metadata.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadDataError, match="codepoint and group"):
        emoji.load("noto", root)


@pytest.mark.data
def test_the_real_set(data_root):
    splits = [
        {
            split: [path.name for path in part.x.paths]
            for split, part in load_domain(f"emoji/{v}", data_root).splits.items()
        }
        for v in emoji.VENDORS
    ]
    assert all(split == splits[0] for split in splits)
    assert sum(map(len, splits[0].values())) == 1_487
