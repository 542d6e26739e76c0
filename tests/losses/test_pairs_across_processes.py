"""Two processes with half a batch each equal one with the whole, gradients too; the local form is the mean of two."""

import pytest
import torch

from landbridge.core.processes import world
from landbridge.losses import adamine, hardest_triplet, info_nce, siglip, sum_of_hinges
from naive_pairs import vectors
from two_processes import Pair

LOSSES = {
    "info_nce": info_nce,
    "siglip": siglip,
    "sum_of_hinges": sum_of_hinges,
    "hardest_triplet": hardest_triplet,
    "adamine": adamine,
}
IDS, CLASSES = torch.tensor([0, 1, 2, 0, 3, 4, 2, 2]), torch.tensor([0, 1, 0, 0, 1, -1, 0, 0])


def learned(rank: int, name: str, with_ids: bool, local: bool, half: int | None = None) -> dict[str, torch.Tensor]:
    """The loss of our share of a batch, and the gradients of two linear encoders, averaged over processes."""
    images, texts = vectors(8, 5, 0), vectors(8, 4, 1)
    to_image, to_text = vectors(5, 3, 2).requires_grad_(), vectors(4, 3, 3).requires_grad_()
    share = (
        slice(4 * rank, 4 * rank + 4)
        if world()[1] == 2
        else slice(None)
        if half is None
        else slice(4 * half, 4 * half + 4)
    )
    given = [CLASSES[share]] if name == "adamine" else []
    loss = LOSSES[name](
        images[share] @ to_image,
        texts[share] @ to_text,
        *given,
        positives=IDS[share] if with_ids else None,
        local=local,
    )
    gradients = torch.autograd.grad(loss, (to_image, to_text))
    if world()[1] == 2:
        for each in (loss, *gradients):
            torch.distributed.all_reduce(each.detach())
        return {"loss": loss.detach() / 2, "image": gradients[0] / 2, "text": gradients[1] / 2}
    return {"loss": loss.detach(), "image": gradients[0], "text": gradients[1]}


@pytest.mark.parametrize("with_ids", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_two_equal_one(pair: Pair, name: str, with_ids: bool) -> None:
    one = learned(0, name, with_ids, False)
    for two in pair.run(learned, name, with_ids, False):
        torch.testing.assert_close(two, one)


@pytest.mark.parametrize("name", LOSSES)
def test_the_local_form_is_the_mean(pair: Pair, name: str) -> None:
    halves = [learned(0, name, True, True, half) for half in range(2)]
    mean = {key: (halves[0][key] + halves[1][key]) / 2 for key in halves[0]}
    for two in pair.run(learned, name, True, True):
        torch.testing.assert_close(two, mean)
    assert not torch.allclose(mean["loss"], learned(0, name, True, False)["loss"])


def masked(rank: int) -> tuple[str, float]:
    a, mask = vectors(4, 3, rank), torch.eye(4, dtype=torch.bool)
    try:
        info_nce(a, a, mask)
    except ValueError as error:
        return str(error), float(info_nce(a, a, mask, local=True))
    return "", 0.0


def test_a_mask_knows_only_our_own_rows(pair: Pair) -> None:
    for message, alone in pair.run(masked):
        assert "across processes, say by ids" in message
        assert alone > 0
