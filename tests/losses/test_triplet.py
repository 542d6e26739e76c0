import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import devise, hardest_negatives, hardest_triplet, hinge, sum_of_hinges, triplet
from naive_pairs import LAYOUTS, SCORES, related, relation, small_blocks, table, turned, vectors

OF_BATCH = {sum_of_hinges: math.fsum, hardest_triplet: lambda losses: max(losses, default=0.0)}


def naive_single(y: list[float], z: list[float], other: list[float], margin: float, similarity: str) -> float:
    if similarity == "distance":
        return max(0.0, margin + math.dist(y, z) - math.dist(y, other))
    score = SCORES[similarity]
    return max(0.0, margin - score(y, z) + score(y, other))


def naive_batch(s: list[list[float]], own: list[list[bool]], margin: float, reduce: object) -> float:
    """Both directions; C_n and D_n are sets of their own, and n is in neither."""
    total = 0.0
    for scores, belong in ((s, own), (turned(s), turned(own))):
        for n, row in enumerate(scores):
            unrelated = [m for m in range(len(row)) if m != n and not belong[n][m]]
            total += reduce([max(0.0, margin - row[n] + row[m]) for m in unrelated])
    return total / len(s)


@pytest.mark.parametrize("similarity", SCORES)
@given(seed=st.integers(0, 99), margin=st.floats(0.05, 2))
def test_single_triplets(similarity: str, seed: int, margin: float) -> None:
    y, z, other = (vectors(4, 3, seed + shift) for shift in (0, 100, 200))
    expected = [naive_single(*each, margin, similarity) for each in zip(y.tolist(), z.tolist(), other.tolist())]
    ours = triplet(y, z, other, margin, similarity)
    torch.testing.assert_close(ours, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("similarity", SCORES)
def test_gradient_of_single_triplets(similarity: str) -> None:
    inputs = [vectors(4, 3, seed).requires_grad_() for seed in range(3)]
    assert gradcheck(lambda y, z, other: triplet(y, z, other, 1.0, similarity), inputs)


@pytest.mark.parametrize("loss", OF_BATCH)
@pytest.mark.parametrize("layout", LAYOUTS)
@given(
    n=st.integers(1, 6),
    similarity=st.sampled_from(list(SCORES)),
    margin=st.floats(0.05, 2),
    entries=st.sampled_from([1, 10, 1000]),
    seed=st.integers(0, 99),
)
def test_batches_equal_the_naive_loops(
    loss: object, layout: str, n: int, similarity: str, margin: float, entries: int, seed: int
) -> None:
    a, b = vectors(n, 3, seed), vectors(n, 3, seed + 100)
    positives = relation(layout, n, n, seed)
    expected = naive_batch(table(a, b, similarity), related(positives, n, n), margin, OF_BATCH[loss])
    with small_blocks(entries):
        ours = loss(a, b, positives, margin=margin, similarity=similarity)
    assert float(ours) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("loss", OF_BATCH)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("similarity", SCORES)
def test_gradient_of_batches(loss: object, layout: str, similarity: str) -> None:
    a, b = vectors(5, 3, 0).requires_grad_(), vectors(5, 3, 1).requires_grad_()
    positives = relation(layout, 5, 5, 2)
    with small_blocks(10):
        assert gradcheck(lambda x, y: loss(x, y, positives, margin=0.5, similarity=similarity), (a, b))


@pytest.mark.parametrize("loss", OF_BATCH)
def test_laws(loss: object) -> None:
    """Nothing is lacking where all unrelated lie a margin behind, or where nothing is unrelated."""
    x = torch.eye(4)
    assert float(loss(x, x, margin=0.9)) == 0.0
    assert float(loss(x, x, margin=1.5)) > 0.0
    y = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    assert float(loss(x, y, torch.zeros(4, dtype=torch.long), margin=5.0)) == 0.0


def test_unrelated_captions_and_images_are_sets_of_their_own() -> None:
    """Caption 1 also tells of image 0, but caption 0 does not tell of image 1."""
    a = b = torch.eye(2)
    one_way = torch.tensor([[True, True], [False, True]])
    # As triplets: (x_1, v_1, v_0) and (v_0, x_0, x_1) are left, of the four.
    assert float(sum_of_hinges(a, b, one_way, margin=1.5)) == pytest.approx(2 * 0.5 / 2)
    assert float(hardest_triplet(a, b, one_way, margin=1.5)) == pytest.approx(2 * 0.5 / 2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("similarity", SCORES)
@pytest.mark.parametrize("entries", [1, 1000])
def test_the_hardest_are_those_of_the_loss(layout: str, similarity: str, entries: int) -> None:
    a, b = vectors(6, 3, 0), vectors(6, 3, 1)
    positives = relation(layout, 6, 6, 2)
    own = related(positives, 6, 6)
    with small_blocks(entries):
        found = hardest_negatives(a, b, positives, margin=0.5, similarity=similarity)
        loss = hardest_triplet(a, b, positives, margin=0.5, similarity=similarity)
    torch.testing.assert_close((found.caption_losses + found.image_losses).mean(), loss)
    for n, (caption, image) in enumerate(zip(found.captions.tolist(), found.images.tolist())):
        captions = {m for m in range(6) if m != n and not own[n][m]}
        images = {m for m in range(6) if m != n and not own[m][n]}
        assert caption in captions if captions else caption == -1
        assert image in images if images else image == -1
        if captions:
            lacking = triplet(a[n], b[n], b[caption], 0.5, similarity)
            torch.testing.assert_close(found.caption_losses[n], lacking)


def test_the_hinge_of_class_words_is_that_of_triplets() -> None:
    """Ranking an image's class word before all others (DeViSE) sums the dot form over the other words."""
    images, words, y = vectors(5, 3, 0), vectors(4, 3, 1), torch.tensor([0, 1, 2, 3, 0])
    others = [[c for c in range(4) if c != true] for true in y.tolist()]
    summed = sum(
        triplet(x, words[true], words[c], 0.1) for x, true, rest in zip(images, y, others) for c in rest
    ) / len(y)
    torch.testing.assert_close(devise(images, words, y, 0.1), summed)
    assert gradcheck(lambda x, w: devise(x, w, y, 0.5), (images.requires_grad_(), words.requires_grad_()))
    assert float(hinge(torch.tensor(1.0), torch.tensor(0.5), 0.1)) == 0.0


@pytest.mark.parametrize("loss", [*OF_BATCH, hardest_negatives])
def test_refuses_sets_that_are_no_pairs(loss: object) -> None:
    with pytest.raises(ValueError, match="need pairs, one id a pair, not 3 and 4 vectors"):
        loss(torch.zeros(3, 2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match="need pairs"):
        loss(torch.zeros(3, 2), torch.zeros(3, 2), (torch.arange(3), torch.arange(3)))
