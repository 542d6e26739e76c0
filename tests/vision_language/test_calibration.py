"""Temperature and calibration error, against their definitions."""

import pytest
import torch
from torch.nn import functional as F

from landbridge.core.errors import BadDataError
from landbridge.vision_language.calibration import expected_calibration_error, fitted_temperature


def overconfident(count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels drawn from softmax(z), and logits that say 3 z."""
    generator = torch.Generator().manual_seed(0)
    z = 2 * torch.randn(count, 4, generator=generator)
    return 3 * z, torch.multinomial(z.softmax(1), 1, generator=generator).flatten()


def test_the_temperature_that_was_put_in_comes_out() -> None:
    logits, labels = overconfident()
    found = fitted_temperature(logits, labels)
    assert found == pytest.approx(3, rel=0.05)
    losses = [float(F.cross_entropy(logits.double() / t, labels)) for t in (0.99 * found, found, 1.01 * found)]
    assert losses[1] == min(losses)
    before, after = (expected_calibration_error((logits / t).softmax(1), labels) for t in (1.0, found))
    assert after < 0.03 < before


def test_the_error_against_its_definition() -> None:
    logits, labels = overconfident(500)
    probabilities = logits.double().softmax(1)
    confidence, said = probabilities.max(1)
    expected = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if inside.any():
            gap = (said[inside] == labels[inside]).double().mean() - confidence[inside].mean()
            expected += float(inside.double().mean() * gap.abs())
    assert expected_calibration_error(probabilities.float(), labels) == pytest.approx(expected, abs=1e-5)


def test_nothing_to_fit_on() -> None:
    with pytest.raises(BadDataError, match="no validation examples"):
        fitted_temperature(torch.empty(0, 2), torch.empty(0, dtype=torch.int64))
