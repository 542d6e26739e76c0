from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError
from landbridge.data.attribute_tables import read_table


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_numbers_of_any_kind_under_their_names(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, 'class, furry ,"legs, four"\r\n\r\nchimp,0.5,-1e1\r\n"fish, small",0,1\r\n'))
    assert table.names == ("furry", "legs, four")
    assert table.classes == ("chimp", "fish, small")
    assert table.values.tolist() == [[0.5, -10], [0, 1]]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    # Unheeded, the mark would hide that the first line is quoted.
    table = read_table(written(tmp_path, '"the, class",furry\ndog,1\n', "utf-8-sig"))
    assert table.names == ("furry",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dog,1,1\nfish,0,1\n", "has no header: begin with a line 'class,ATTRIBUTE"),
        ("", "has no header"),
        ("class\ndog\n", "has no header"),
        ("class,furry\n", "has no class: add a line for each"),
        ("class,furry,tail\ndog,1,1\nfish,1\n", "line 3: 1 values for 2 attributes"),
        ("class,furry,tail\n\ndog,1,yes\n", "line 3: 'tail' is no number: 'yes'"),
        ("class,furry\ndog,1\nDOG,0\n", "the class 'dog' is there twice"),
        ("class,furry,furry\ndog,1,0\n", "the column 'furry' is there twice"),
        ("class,furry\ndog,nan\nfish,1\n", "'furry' of 'dog' is not a finite number"),
    ],
)
def test_one_line_for_each_fault(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadDataError, match=message) as caught:
        read_table(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_no_text_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="no CSV that can be read"):
        read_table(written(tmp_path, "class,füße\nHund,1\n", "latin-1"))
