import pytest
import torch

from landbridge.losses.pairs import blocks, in_full_precision, matched, scores, scores_in_rows
from naive_pairs import LAYOUTS, SCORES, related, relation, small_blocks, table, vectors


@pytest.mark.parametrize("similarity", SCORES)
def test_scores_equal_the_naive_ones(similarity: str) -> None:
    a, b = vectors(4, 3, 0), vectors(4, 3, 1)
    expected = torch.tensor(table(a, b, similarity), dtype=torch.float64)
    torch.testing.assert_close(scores(a, b, similarity), expected)
    torch.testing.assert_close(scores_in_rows(a, b, similarity), expected.diagonal())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("entries", [1, 12, 1000])
def test_every_pair_lies_in_one_block(layout: str, entries: int) -> None:
    a, b = vectors(5, 2, 0), vectors(5, 2, 1)
    positives = relation(layout, 5, 5, 3)
    expected = torch.tensor(related(positives, 5, 5))
    with small_blocks(entries):
        sets = matched(a, b, positives, local=True)
        found = blocks(sets)
    mask = torch.zeros(5, 5, dtype=torch.bool)
    for block in found:
        mask[block.rows][block.at] = True
        assert torch.equal(sets.rows[block.pairs] - block.rows.start, block.at[0])
    assert torch.equal(mask, expected)
    assert [row for block in found for row in range(5)[block.rows]] == list(range(5))
    assert len(found) == {1: 5, 12: 3, 1000: 1}[entries]


def test_two_sets_of_ids() -> None:
    sets = matched(vectors(2, 3, 0), vectors(4, 3, 1), (torch.tensor([7, 9]), torch.tensor([9, 7, 8, 9])), local=False)
    assert list(zip(sets.rows.tolist(), sets.columns.tolist())) == [(0, 1), (1, 0), (1, 3)]


@pytest.mark.parametrize(
    ("b", "positives", "message"),
    [
        ((4, 2), None, r"not \[4, 3\] and \[4, 2\]"),
        ((0, 3), None, r"not \[4, 3\] and \[0, 3\]"),
        ((5, 3), None, "4 and 5 vectors: say by `positives`"),
        ((4, 3), torch.zeros(3, dtype=torch.long), r"ids of \[3\] for 4 vectors"),
        ((5, 3), torch.zeros(4, dtype=torch.long), r"ids of \[4\] for 5 vectors"),
        ((4, 3), torch.zeros(4, 5, dtype=torch.bool), r"a mask of \[4, 5\] for 4 x 4 pairs"),
    ],
)
def test_refuses_what_does_not_fit(b: tuple[int, int], positives: torch.Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matched(torch.zeros(4, 3), torch.zeros(b), positives, local=False)


def test_half_precision_ends_at_the_door() -> None:
    @in_full_precision
    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a @ b.T

    x = torch.randn(3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x.T).dtype == torch.bfloat16
        assert product(x, x).dtype == torch.float32
        assert product(x.bfloat16(), x.bfloat16()).dtype == torch.float32
    assert product(x.double(), x.double()).dtype == torch.float64
