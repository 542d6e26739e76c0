import math
from statistics import fmean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.nn import functional as F

from landbridge.losses import info_nce
from naive_pairs import LAYOUTS, SCORES, related, relation, small_blocks, table, turned, vectors


def naive(s: list[list[float]], own: list[list[bool]], temperature: float, reduction: str) -> float:
    """Anchor by anchor, positive by positive."""
    losses = []
    for row, of_row in zip(s, own, strict=True):
        if any(of_row):
            negatives = [math.exp(x / temperature) for x, its in zip(row, of_row, strict=True) if not its]
            positives = [math.exp(x / temperature) for x, its in zip(row, of_row, strict=True) if its]
            losses.append(fmean(-math.log(p / (p + math.fsum(negatives))) for p in positives))
    return (fmean if reduction == "mean" else math.fsum)(losses)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(
    n=st.integers(1, 6),
    more=st.integers(0, 3),
    similarity=st.sampled_from(list(SCORES)),
    temperature=st.floats(0.1, 2),
    direction=st.sampled_from(["both", "a_to_b"]),
    reduction=st.sampled_from(["mean", "sum"]),
    entries=st.sampled_from([1, 10, 1000]),
    seed=st.integers(0, 99),
)
def test_equals_the_naive_loops(
    layout: str,
    n: int,
    more: int,
    similarity: str,
    temperature: float,
    direction: str,
    reduction: str,
    entries: int,
    seed: int,
) -> None:
    m = n if layout in ("alone", "ids") else n + more
    a, b = vectors(n, 3, seed), vectors(m, 3, seed + 100)
    positives = relation(layout, n, m, seed)
    if layout == "mask":
        positives[0, 0] = True
    s, own = table(a, b, similarity), related(positives, n, m)
    expected = naive(s, own, temperature, reduction)
    if direction == "both":
        expected = (expected + naive(turned(s), turned(own), temperature, reduction)) / 2
    options = {"temperature": temperature, "direction": direction, "reduction": reduction}
    with small_blocks(entries):
        ours = info_nce(a, b, positives, similarity=similarity, **options)
        as_function = info_nce(a, b, positives, similarity=FUNCTIONS[similarity], **options)
    assert float(ours) == pytest.approx(expected, rel=1e-9, abs=1e-10)
    assert float(as_function) == pytest.approx(expected, rel=1e-9, abs=1e-10)


FUNCTIONS = {
    "dot": lambda x, y: x @ y.T,
    "cosine": lambda x, y: F.cosine_similarity(x[:, None], y[None], dim=2),
    "distance": lambda x, y: -(x[:, None] - y[None]).norm(dim=2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("similarity", ["cosine", "dot", "distance"])
@pytest.mark.parametrize("direction", ["both", "a_to_b"])
def test_gradient(layout: str, similarity: str, direction: str) -> None:
    a, b = vectors(5, 3, 0).requires_grad_(), vectors(5, 3, 1).requires_grad_()
    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    positives = relation(layout, 5, 5, 2)
    with small_blocks(10):
        assert gradcheck(
            lambda x, y, t: info_nce(x, y, positives, temperature=t, direction=direction, similarity=similarity),
            (a, b, temperature),
        )


def test_a_similarity_with_parameters_learns() -> None:
    """s(a, b) = a^T W b: W's gradient, collected block by block, is that of the product with W b."""
    a, b, weight = vectors(5, 3, 0), vectors(5, 4, 1), vectors(3, 4, 2).requires_grad_()
    widened = F.pad(a, (0, 1))  # the two sets have one width
    with small_blocks(10):
        ours = info_nce(widened, b, similarity=lambda x, y: x[:, :3] @ weight @ y.T)
    whole = info_nce(a, b @ weight.T, similarity="dot")
    torch.testing.assert_close(torch.autograd.grad(ours, weight), torch.autograd.grad(whole, weight))


def test_the_textbook_form() -> None:
    """-sum_i log(exp(s_ii / t) / sum_k exp(s_ik / t))."""
    image, text = F.normalize(vectors(6, 4, 0), dim=1), F.normalize(vectors(6, 4, 1), dim=1)
    t = 0.07
    similarity = (image @ text.T / t).exp()
    expected = -(similarity.diagonal() / similarity.sum(1)).log().sum()
    torch.testing.assert_close(info_nce(image, text, temperature=t, direction="a_to_b", reduction="sum"), expected)


@pytest.mark.parametrize("n", [2, 300])
def test_equals_the_loss_of_open_clip(n: int) -> None:
    open_clip = pytest.importorskip("open_clip")
    image, text = (F.normalize(vectors(n, 16, seed), dim=1).requires_grad_() for seed in (0, 1))
    scale = torch.tensor(20.0, dtype=torch.float64, requires_grad=True)
    theirs = open_clip.ClipLoss()(image, text, scale)
    with small_blocks(1000):
        ours = info_nce(image, text, temperature=1 / scale, similarity="dot")
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    inputs = (image, text, scale)
    for mine, its in zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs)):
        assert (mine - its).norm() <= 1e-10 * its.norm() + 1e-12


def test_a_repeated_caption_changes_nothing_for_its_image() -> None:
    """Positives do not compete: an image whose one caption comes five times has the same loss as with one."""
    image, text = vectors(3, 4, 0), vectors(3, 4, 1)
    repeated = text[[0, 0, 0, 0, 0, 1, 2]]
    ids = torch.arange(3), torch.tensor([0, 0, 0, 0, 0, 1, 2])
    first = info_nce(image[:1], text, (ids[0][:1], torch.arange(3)), direction="a_to_b")
    torch.testing.assert_close(info_nce(image[:1], repeated, (ids[0][:1], ids[1]), direction="a_to_b"), first)


@pytest.mark.parametrize("similarity", ["dot", FUNCTIONS["dot"]])
def test_scores_far_apart_stay_numbers(similarity: object) -> None:
    """Temperatures that make exp overflow, rows without a negative and anchors without a positive."""
    a, b = (1e3 * torch.randn(4, 8, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    a.requires_grad_()
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]).bool()
    loss = info_nce(a, b, mask, temperature=0.01, similarity=similarity)
    loss.backward()
    assert loss.isfinite()
    assert a.grad.isfinite().all()
    exact = info_nce(a.detach().double(), b.double(), mask, temperature=0.01, similarity=similarity)
    assert float(loss.detach()) == pytest.approx(float(exact), rel=1e-5)


def test_no_positives_at_all() -> None:
    a = vectors(3, 2, 0).requires_grad_()
    loss = info_nce(a, vectors(3, 2, 1), torch.zeros(3, 3, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(a.grad, torch.zeros_like(a))


def test_autocast_does_not_round_the_scores() -> None:
    image, text = (F.normalize(vectors(50, 16, seed).float(), dim=1).requires_grad_() for seed in (0, 1))
    plain = info_nce(image, text)
    with torch.autocast("cpu", torch.bfloat16):
        inside = info_nce(image, text)
        (ours,) = torch.autograd.grad(inside, image)
    assert torch.equal(inside, plain)
    assert torch.equal(ours, torch.autograd.grad(plain, image)[0])


def test_never_holds_all_pairs() -> None:
    """Nothing that the graph or an operation makes is as large as N x N."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            for each in result if isinstance(result, (tuple, list)) else [result]:
                if isinstance(each, torch.Tensor):
                    largest = max(largest, each.numel())
            return result

    a, b = vectors(200, 4, 0).requires_grad_(), vectors(200, 4, 1).requires_grad_()
    ids = torch.arange(200) // 2
    with small_blocks(4000), Watch():
        for similarity in ("cosine", FUNCTIONS["dot"]):
            info_nce(a, b, ids, similarity=similarity).backward()
    assert 4000 <= largest <= 2 * 4000 < 200 * 200
