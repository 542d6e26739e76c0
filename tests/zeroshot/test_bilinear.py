import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, DivergedError
from landbridge.losses import hinge_rank, structured_hinge, weighted_rank
from landbridge.zeroshot.ale import ALE
from landbridge.zeroshot.devise import DeViSE
from landbridge.zeroshot.sje import SJE
from zeroshot.world import World, world

RANKINGS = {DeViSE: hinge_rank, ALE: weighted_rank, SJE: structured_hinge}


@pytest.fixture(scope="module")
def small() -> World:
    return world()


@pytest.mark.parametrize("maker", RANKINGS)
def test_training_lowers_the_ranking_loss_over_seen_classes(maker: type[DeViSE], small: World) -> None:
    x, y, table = small.training()

    def loss(method: DeViSE) -> float:
        scores = torch.from_numpy(method.decision_function(x, np.arange(11)))
        return float(RANKINGS[maker](scores, torch.from_numpy(y), method.margin))

    points = [maker(rate=0.01, batch=32, epochs=epochs).fit(x, y, table) for epochs in (1, 5, 25)]
    start = float(RANKINGS[maker](torch.zeros(len(y), 11), torch.from_numpy(y), points[0].margin))
    losses = [start, *map(loss, points)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * start


@pytest.mark.parametrize("maker", RANKINGS)
def test_the_score_is_bilinear_in_rows_of_length_one(maker: type[DeViSE], small: World) -> None:
    x, y, table = small.training()
    longer = table * np.linspace(0.5, 3, 15)[:, None]
    fitted = maker().fit(x, y, longer)
    w = fitted.network_.weight.detach().numpy()
    unit = small.x / np.linalg.norm(small.x.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.decision_function(small.x), unit @ w.T @ table.T, atol=1e-12)
    np.testing.assert_allclose(
        fitted.decision_function(small.x), maker().fit(x, y, table).decision_function(small.x), atol=1e-6
    )


def test_one_step_is_along_the_gradient(small: World) -> None:
    """The first step of AdamW from W = 0 has the size of the rate and the sign of the gradient."""
    x, y, table = small.training()
    fitted = SJE(rate=0.01, epochs=1, batch=len(x)).fit(x, y, table)
    w = torch.zeros(6, 24, dtype=torch.float64, requires_grad=True)
    unit = torch.from_numpy(x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True))
    structured_hinge(unit @ w.T @ torch.from_numpy(table[:11]).T, torch.from_numpy(y), 1.0).backward()
    clear = w.grad.abs() > 1e-4
    assert clear.float().mean() > 0.9
    torch.testing.assert_close(fitted.network_.weight[clear], -0.01 * w.grad.sign()[clear], atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"margin": 0.0}, "margin must be above 0, not 0"),
        ({"rate": -1.0}, "rate must be above 0, not -1"),
        ({"epochs": 0}, "epochs must be above 0, not 0"),
        ({"batch": 0}, "batch must be above 0, not 0"),
        ({"decay": -0.1}, "decay must not be below 0: -0.1"),
    ],
)
def test_arguments(small: World, wrong: dict, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        ALE(**wrong).fit(*small.training())


def test_a_rate_that_is_too_large_is_told(small: World) -> None:
    x, y, table = small.training()
    with pytest.raises(DivergedError, match=r"the loss is (inf|nan) after epoch \d+: try a lower rate than 1e\+37"):
        DeViSE(rate=1e37, scaling="none").fit(x, y, table)


def test_the_generator_of_the_caller_is_left_alone(small: World) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ALE(epochs=1).fit(*small.training())
    assert torch.equal(torch.rand(3), expected)
