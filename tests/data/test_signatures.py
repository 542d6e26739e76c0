from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from landbridge.core.errors import BadDataError, LandbridgeWarning, MissingDataError, UnknownNameError
from landbridge.data.signatures import SOURCES, Signatures, load_signatures, plain

TABLE = "class,furry,four legs,tail\nDog,1,1,1\nchimp,1,0,0\npolar_bear,1,1,0\nfish,0,0,1\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    return path


def made(rows: list[list[float]], classes: tuple[str, ...] | None = None) -> Signatures:
    values = torch.tensor(rows, dtype=torch.float32)
    names = tuple(f"a{number}" for number in range(values.shape[1]))
    return Signatures(classes or tuple("pqrs"[: len(rows)]), names, values, "attributes", "made")


def test_rows_follow_the_names_of_a_domain_whatever_their_order_and_spelling(table: Path) -> None:
    found = load_signatures(table, ("fish", "polar bear", "dog"))
    assert found.classes == ("fish", "polar bear", "dog")
    assert found.names == ("furry", "four legs", "tail")
    assert found.values.tolist() == [[0, 0, 1], [1, 1, 0], [1, 1, 1]]
    assert (found.kind, found.source) == ("attributes", "mine.csv")


def test_classes_without_a_row_are_named_or_dropped(table: Path) -> None:
    with pytest.raises(BadDataError, match=r"^mine\.csv lacks 2 of 4 classes: cow, ox; add them, or leave the classes"):
        load_signatures(table, ("fish", "cow", "dog", "ox"))
    with pytest.warns(LandbridgeWarning, match="left out, as the same for all 2 classes: tail"):
        kept = load_signatures(table, ("fish", "cow", "dog", "ox"), missing="drop")
    assert kept.classes == ("fish", "dog")
    with pytest.raises(BadDataError, match="knows 1 of the classes"):
        load_signatures(table, ("fish", "ox"), missing="drop")


def test_equal_rows_are_named(tmp_path: Path) -> None:
    path = tmp_path / "equal.csv"
    path.write_text(TABLE + "cat,1,1,1\nape,1,0,0\n")
    classes = ("ape", "cat", "chimp", "dog", "fish")
    with pytest.raises(BadDataError, match=r"ape, chimp have the same signature \(and 1 more groups\): nothing tells"):
        load_signatures(path, classes)
    assert load_signatures(path, ("cat", "chimp", "fish")).equal_rows() == []


def test_columns_that_tell_nothing_are_named_and_left_out(table: Path) -> None:
    with pytest.warns(LandbridgeWarning, match=r"mine\.csv: left out, as the same for all 3 classes: furry$"):
        found = load_signatures(table, ("dog", "chimp", "polar bear"))
    assert found.names == ("four legs", "tail")
    assert made([[1, 2], [1, 3]]).constant() == ["a0"]


def test_normalised_and_binary() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    table = made(rows.tolist())
    naive = rows.astype(np.float64) / np.sqrt((rows.astype(np.float64) ** 2).sum(1, keepdims=True))
    assert_allclose(table.normalised().values.numpy(), naive, rtol=1e-5)
    assert made([[0, 0], [3, 4]]).normalised().values.tolist() == [[0, 0], pytest.approx([0.6, 0.8])]
    assert table.binary().values.tolist() == (rows > rows.mean(0)).astype(float).tolist()
    assert made([[0.2, 0.6], [0.5, 0.1]]).binary(0.4).values.tolist() == [[0, 1], [1, 0]]


def test_some_columns_in_any_order() -> None:
    table = made([[1, 2, 3], [4, 5, 6]])
    assert table.only(["a2", "a0"]).values.tolist() == [[3, 1], [6, 4]]
    with pytest.raises(UnknownNameError, match="made has no attribute 'a9'"):
        table.only(["a9"])


@pytest.mark.parametrize(
    ("rows", "classes", "message"),
    [
        ([[1.0, float("nan")], [0, 1]], ("p", "q"), r"made: 'a1' of 'p' is not a finite number \(1 such\)"),
        ([[1.0, float("inf")], [0, 1]], ("p", "q"), "not a finite number"),
        ([[1.0], [0]], ("polar bear", "Polar_Bear"), "made: the class 'polar bear' is there twice"),
        ([[1.0], [0]], ("p", "q", "r"), "made: 3 classes x 1 columns, but 2 x 1"),
    ],
)
def test_tables_that_cannot_be_used(rows: list[list[float]], classes: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadDataError, match=message) as caught:
        made(rows, classes)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_there_twice() -> None:
    with pytest.raises(BadDataError, match="the column 'tail' is there twice"):
        Signatures(("p", "q"), ("tail", "tail"), torch.eye(2), "attributes", "made")


def test_sources_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown signatures 'awa3'; did you mean 'awa2'\?"):
        load_signatures("awa3", ("dog",))
    with pytest.raises(UnknownNameError, match=r"known: .*words.* or a \.csv"):
        load_signatures("://", ("dog",))
    with pytest.raises(MissingDataError, match=r"no such file: .*nothing\.csv"):
        load_signatures(tmp_path / "nothing.csv", ("dog",))


def test_every_source_can_be_resolved() -> None:
    assert all(callable(SOURCES.resolve(name)) for name in SOURCES)


def test_names_that_are_the_same() -> None:
    assert len({plain(name) for name in ("Polar_bear", "polar+bear", " polar bear", "polar-BEAR")}) == 1
    assert plain("polarbear") != plain("polar bear")
