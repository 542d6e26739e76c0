import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from landbridge.core.errors import BadDataError
from landbridge.zeroshot.cvae import CVAE
from zeroshot.world import World, world

ARGUMENTS = {"hidden": 64, "latent": 4, "rate": 0.003, "batch": 32, "variance": 0.1}


@pytest.fixture(scope="module")
def small() -> World:
    return world()


@pytest.fixture(scope="module")
def fitted(small: World) -> CVAE:
    return CVAE(**ARGUMENTS, epochs=60).fit(*small.training())


def test_generated_features_resemble_their_class_more_than_others(small: World, fitted: CVAE) -> None:
    unit = small.x / np.linalg.norm(small.x, axis=1, keepdims=True)
    true = np.stack([unit[small.y == c].mean(0) for c in range(15)])
    made = fitted.generate(np.arange(15), 100).reshape(15, 100, 24)
    np.testing.assert_allclose(np.linalg.norm(made, axis=2), 1)
    distances = np.linalg.norm(made.mean(1)[:, None] - true, axis=2)
    assert (distances.argmin(1) == np.arange(15)).mean() > 0.7
    within = np.mean([unit[small.y == c].std(0).mean() for c in range(15)])
    assert 0.5 * within < made.std(1).mean() < 2 * within


def test_generating_is_repeatable(fitted: CVAE) -> None:
    np.testing.assert_array_equal(fitted.generate([12], 5), fitted.generate([12], 5))
    assert not np.allclose(fitted.generate([12], 5), fitted.generate([12], 5, random_state=1))


def test_unseen_classes_are_not_drowned_by_seen_ones(small: World, fitted: CVAE) -> None:
    """All classes to choose from: a classifier of the seen ones alone would never name an unseen one."""
    accuracy = (fitted.predict(small.x[~small.seen]) == small.y[~small.seen]).mean()
    assert accuracy > 0.5


def test_the_loss_is_the_negative_evidence_bound_up_to_a_constant(small: World) -> None:
    method = CVAE(hidden=16, latent=3, variance=0.25)
    network = method._fresh(24, 6).double()
    x, y, table = small.training()
    x, y, rows = torch.from_numpy(x[::20]).double(), torch.from_numpy(y[::20]), torch.from_numpy(table[:11])
    scaled, s = x * 24**0.5, rows[y]
    mean, log_variance = network["encoder"](torch.cat([scaled, s], 1)).chunk(2, 1)
    torch.manual_seed(0)
    z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    # Log density of features of variance 0.25 given z, without its constant.
    made = network["decoder"](torch.cat([z, s], 1))
    given_z = Independent(Normal(made, torch.full_like(made, 0.5)), 1)
    constant = 24 * np.log(0.5 * np.sqrt(2 * np.pi))
    divergence = kl_divergence(
        Independent(Normal(mean, (log_variance / 2).exp()), 1),
        Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1),
    )
    expected = (divergence - given_z.log_prob(scaled) - constant).mean()
    torch.manual_seed(0)
    torch.testing.assert_close(method._loss(network, x, y, rows), expected)


def test_without_unseen_classes_it_is_a_classifier(small: World) -> None:
    x, y, table = small.training()
    fitted = CVAE(**ARGUMENTS, epochs=2).fit(x, y, table[:11])
    assert (fitted.predict(x) == y).mean() > 0.9


@pytest.mark.parametrize("name", ["each", "latent", "hidden", "softmax_epochs", "variance"])
def test_arguments(small: World, name: str) -> None:
    with pytest.raises(BadDataError, match=f"{name} must be above 0, not 0"):
        CVAE(**{name: 0}).fit(*small.training())
