import numpy as np
import pytest
import torch

from landbridge.probing.deep_head import DeepHead


def circles() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(240, 5)).astype(np.float32)
    return x, (np.linalg.norm(x[:, :2], axis=1) > 1.2).astype(int)


def test_it_learns_what_no_linear_rule_can() -> None:
    from landbridge.probing.svm import LinearSVM

    x, y = circles()
    assert DeepHead(epochs=60).fit(x, y).score(x, y) > LinearSVM().fit(x, y).score(x, y) + 0.15


def test_equal_seeds_give_equal_heads_and_the_caller_s_random_numbers_stay() -> None:
    x, y = circles()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two, other = (DeepHead(epochs=2, random_state=seed).fit(x, y).scores(x) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-3


def test_a_score_does_not_depend_on_the_rest_of_the_batch() -> None:
    x, y = circles()
    head = DeepHead(epochs=2).fit(x, y)
    np.testing.assert_allclose(head.scores(x)[7:8], head.scores(x[7:8]), rtol=1e-12)


def test_dropout_is_for_learning_only() -> None:
    x, y = circles()
    head = DeepHead(dropout=0.9, epochs=2).fit(x, y)
    np.testing.assert_array_equal(head.scores(x), head.scores(x))
    assert np.abs(head.scores(x) - DeepHead(dropout=0.0, epochs=2).fit(x, y).scores(x)).max() > 1e-3


def test_dropout_out_of_range() -> None:
    with pytest.raises(ValueError, match="dropout"):
        DeepHead(dropout=1.5).fit(*circles())
