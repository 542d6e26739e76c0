"""From features to attributes, and from these to classes."""

import numpy as np
from scipy.special import expit
from sklearn.linear_model import Ridge

from landbridge.zeroshot.base import Array, one_of


def presence(signatures: Array) -> Array:
    """Which classes have which attribute, as 0 and 1 [C, A].

    A row that holds zeros and one positive value (binary attributes, maybe scaled to length 1) says so by itself.
    Where some row holds more, an attribute is there where its value is above its mean over all classes.

    >>> presence(np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])).tolist()
    [[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    >>> presence(np.array([[0.9, 0.2], [0.1, 0.6]])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    highest = signatures.max(1, keepdims=True)
    binary = ((signatures == 0) | np.isclose(signatures, highest)).all() and (highest >= 0).all()
    threshold = 0.0 if binary else signatures.mean(0)
    return (signatures > threshold).astype(np.float64)


def ridge(X: Array, targets: Array, penalty: float) -> tuple[Array, Array]:  # noqa: N803
    """Weights [A, D] and biases [A] of  min sum_i |W x_i + b - t_i|^2 + penalty |W|^2."""
    fitted = Ridge(penalty).fit(X, targets)
    return fitted.coef_, fitted.intercept_


def probabilities(X: Array, weights: Array, biases: Array) -> Array:  # noqa: N803
    """p(attribute | x) [n, A] of logistic regressions."""
    told: Array = expit(X @ weights.T + biases)
    return told


def posterior(present: Array, rows: Array, prior: Array) -> Array:
    """How much attribute probabilities speak for each class: log prod_m p(a_m = a_m^c | x) / p(a_m = a_m^c).

    Lampert et al., CVPR 2009, equation 2, by its logarithm.

    Args:
        present: p(a_m = 1 | x) [n, A].
        rows: a_m^c of the classes in question, 0 or 1 [classes, A].
        prior: p(a_m = 1) [A].

    Returns:
        [n, classes].

    >>> posterior(np.array([[0.9]]), np.array([[1.0], [0.0]]), np.array([0.5])).round(2).tolist()
    [[0.59, -1.61]]
    """
    least = np.finfo(np.float64).tiny
    there = np.log(np.maximum(present, least)) - np.log(prior)
    missing = np.log(np.maximum(1 - present, least)) - np.log1p(-prior)
    score: Array = there @ rows.T + missing @ (1 - rows).T
    return score


PRIORS = ("classes", "half")


def prior_of(name: str, seen: Array) -> Array:
    """p(a_m = 1) [A]: the share of the seen classes that have the attribute, or a half.

    A half, too, for an attribute that all of them share, or none has: of it nothing is known.

    Args:
        name: `classes` for the share, or `half`.
        seen: rows of the seen classes, 0 or 1 [S, A].

    >>> prior_of("classes", np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])).tolist()
    [0.5, 0.5, 0.5]
    """
    one_of("prior", name, PRIORS)
    prior: Array = np.where((name == "half") | shared(seen), 0.5, seen.mean(0))
    return prior


def shared(seen: Array) -> Array:
    """Which attributes are the same for all seen classes [A], so that nothing can be learned about them."""
    alike: Array = seen.min(0) == seen.max(0)
    return alike
