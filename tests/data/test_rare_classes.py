import pytest
import torch

from landbridge.core.errors import BadDataError, SealedLabelsError
from landbridge.data.batches import Batches
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.masks import ArrayMasks
from landbridge.data.rare_classes import RareClasses, class_probabilities
from landbridge.nn.preprocessing import Preprocessing


@pytest.fixture
def domain():
    """Ten images of class 0; the last two hold four and one pixels of class 1; class 2 is nowhere."""
    masks = torch.zeros(10, 8, 8, dtype=torch.uint8)
    masks[8, :2, :2], masks[9, 0, 0] = 1, 1
    masks[0, 0] = 255
    x = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 3, 8, 8).contiguous()
    return Domain("toy", ("road", "bicycle", "train"), {"train": Examples(Arrays(x), ArrayMasks(masks))})


def test_probabilities_are_the_papers():
    frequencies = torch.tensor([0.7, 0.25, 0.05, 0.0])
    found = torch.tensor([True, True, True, False])
    weights = torch.exp((1 - frequencies.double()[:3]) / 0.5)
    probabilities = class_probabilities(frequencies, found, 0.5)
    assert torch.allclose(probabilities[:3], weights / weights.sum())
    assert probabilities[3] == 0


def test_frequencies_leave_void_out(domain):
    rare = RareClasses(domain.labelled(), 0)
    pixels = 10 * 64 - 8
    assert torch.allclose(rare.frequencies, torch.tensor([pixels - 5, 5, 0], dtype=torch.float64) / pixels)


def test_images_are_drawn_by_their_classes(domain):
    even = RareClasses(domain.labelled(), 0, temperature=1e6)
    drawn = torch.cat([even.positions(step, 100) for step in range(40)])
    share = torch.bincount(drawn, minlength=10) / len(drawn)
    # Each class half of the draws: all ten images hold class 0, two hold class 1.
    assert torch.allclose(share[:8], torch.full((8,), 0.05), atol=0.015)
    assert torch.allclose(share[8:], torch.full((2,), 0.3), atol=0.03)
    large = RareClasses(domain.labelled(), 0, temperature=0.01, pixels=4)
    assert large.positions(3, 50).unique().tolist() == [8]


def test_draws_depend_on_seed_and_step_alone(domain):
    one, other = (RareClasses(domain.labelled(), 3, temperature=1.0) for _ in range(2))
    one.positions(0, 8)
    torch.manual_seed(9)
    assert torch.equal(one.positions(7, 8), other.positions(7, 8))
    assert not torch.equal(one.positions(7, 64), one.positions(8, 64))
    assert not torch.equal(one.positions(7, 64), RareClasses(domain.labelled(), 4, 1.0).positions(7, 64))


def test_batches_follow_the_order_and_ranks_share_it(domain):
    view = domain.labelled()
    rare = RareClasses(view, 0)
    whole = Batches(view, Preprocessing(), 4, 0, order=rare)
    sample = next(whole.from_step(2, 3))
    assert torch.equal(sample.index, rare.positions(2, 4))
    assert set(sample.index.tolist()) <= {8, 9}
    shares = [Batches(view, Preprocessing(), 4, 0, rank=rank, world=2, order=rare).positions(2) for rank in (0, 1)]
    assert torch.equal(torch.stack(shares, 1).flatten(), rare.positions(2, 4))


def test_refusals(domain):
    with pytest.raises(SealedLabelsError):
        RareClasses(domain.unlabelled(), 0)
    with pytest.raises(BadDataError, match="above 0, not 0"):
        RareClasses(domain.labelled(), 0, temperature=0)
    with pytest.raises(BadDataError, match=r"no mask of toy \(train\) has 65 pixels of one class"):
        RareClasses(domain.labelled(), 0, pixels=65)
    plain = Domain("plain", ("a", "b"), {"train": Examples(Arrays(torch.zeros(2, 3)), torch.tensor([0, 1]))})
    with pytest.raises(BadDataError, match="by the pixels of masks, which plain has not"):
        RareClasses(plain.labelled(), 0)
