"""Digests of inputs; how they are read is tested with domains."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError
from landbridge.data.images import Arrays, ImageFiles, Inputs, Joined


@pytest.fixture
def files(tmp_path: Path, draw: Callable[..., Path]) -> list[Path]:
    return [draw(tmp_path / "here" / f"{number}.png", (number, 0, 0)) for number in range(9)]


def test_a_digest_of_files_is_of_their_contents_not_of_their_places(files: list[Path], tmp_path: Path) -> None:
    digest = ImageFiles(files).digest()
    assert digest == ImageFiles(files).digest()
    assert len(digest) == 64
    shutil.copytree(tmp_path / "here", tmp_path / "there" / "elsewhere")
    copies = [tmp_path / "there" / "elsewhere" / path.name for path in files]
    assert ImageFiles(copies).digest() == digest
    copies[4] = copies[4].rename(copies[4].with_name("renamed.png"))
    assert ImageFiles(copies).digest() == digest
    assert ImageFiles(copies[::-1]).digest() != digest
    assert ImageFiles(copies[:-1]).digest() != digest
    content = bytearray(copies[4].read_bytes())
    content[-1] ^= 1
    copies[4].write_bytes(content)
    assert ImageFiles(copies).digest() != digest


def test_a_file_that_is_gone_has_no_digest(files: list[Path]) -> None:
    files[3].unlink()
    with pytest.raises(BadDataError, match=r"^cannot read the image .*3\.png \(No such file or directory\): is it"):
        ImageFiles(files).digest()


@given(st.lists(st.integers(0, 255), min_size=2, max_size=12), st.data())
def test_a_digest_of_arrays_sees_every_byte_shape_and_type(values: list[int], data: st.DataObject) -> None:
    whole = torch.tensor(values, dtype=torch.uint8).reshape(-1, 1)
    digest = Arrays(whole).digest()
    assert Arrays(whole.clone()).digest() == Arrays(lambda: whole, len(whole)).digest() == digest
    changed = whole.clone()
    changed[data.draw(st.integers(0, len(values) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert Arrays(changed).digest() != digest
    assert (Arrays(whole.flip(0)).digest() == digest) == (values == values[::-1])
    for other in (whole.view(-1, 1, 1), whole.to(torch.int16), whole.float(), whole[:-1]):
        assert Arrays(other).digest() != digest


def test_a_digest_of_arrays_does_not_see_how_they_lie_in_memory() -> None:
    wide = torch.arange(5000 * 6, dtype=torch.float32).reshape(5000, 6)
    assert Arrays(wide[:, ::2]).digest() == Arrays(wide[:, ::2].contiguous()).digest()
    assert Arrays(wide.to(torch.bfloat16)).digest() != Arrays(wide.to(torch.float16)).digest()


def test_a_digest_of_joined_inputs_knows_its_parts_and_their_order(files: list[Path]) -> None:
    one: Inputs = ImageFiles(files[:4])
    other: Inputs = ImageFiles(files[4:])
    both = Joined([one, other])
    assert both.digest() == Joined([ImageFiles(files[:4]), ImageFiles(files[4:])]).digest()
    assert len({both.digest(), Joined([other, one]).digest(), one.digest(), Joined([one]).digest()}) == 4
