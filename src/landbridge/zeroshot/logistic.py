"""Logistic and softmax regression on many targets at once."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, softmax

from landbridge.zeroshot.base import Array

ENOUGH = 1e-6
"""A step that promises less than so much log likelihood an example is the last."""

MOST = 500
"""Steps."""


def logistic(X: Array, targets: Array, penalty: float) -> tuple[Array, Array]:  # noqa: N803
    """Weights [A, D] and biases [A] of a logistic regression for each column of targets: its loss + penalty |w|^2 / 2.

    Of an attribute that all examples share nothing is learned: its weights are 0, and its probability is 1/2.

    Args:
        X: examples [n, D].
        targets: 0 or 1 [n, A].
        penalty: > 0.
    """
    weights, biases = np.zeros((targets.shape[1], X.shape[1])), np.zeros(targets.shape[1])
    differ = targets.min(0) < targets.max(0)
    if differ.any():
        weights[differ], biases[differ] = _fitted(X, targets[:, differ], penalty, expit, 0.25, coupled=False)
    return weights, biases


def softmax_regression(X: Array, codes: Array, penalty: float) -> tuple[Array, Array]:  # noqa: N803
    """Weights [S, D] and biases [S] of  min sum_i -log softmax(W x_i + b)[y_i] + penalty |W|^2 / 2.

    Args:
        X: examples [n, D].
        codes: classes [n], 0 to S - 1.
        penalty: > 0.
    """
    targets = np.eye(codes.max() + 1)[codes]
    return _fitted(X, targets, penalty, lambda scores: softmax(scores, axis=1), 0.5, coupled=True)


def _fitted(
    X: Array,  # noqa: N803
    targets: Array,
    penalty: float,
    link: Callable[[Array], Array],
    curvature: float,
    coupled: bool,
) -> tuple[Array, Array]:
    """Newton steps with a matrix that is never below the Hessian, the same for all columns and steps.

    The Hessian of -log likelihood is at most X^T X / 4 for a logistic regression (Boehning and Lindsay, Annals of the
    Institute of Statistical Mathematics 40, 1988) and X^T X / 2 for each class of a softmax (Boehning, ibid. 44, 1992).
    One Cholesky factor then serves all. Nesterov's momentum speeds it up, started again where it leads uphill
    (O'Donoghue and Candes, Foundations of Computational Mathematics 15, 2015).
    """
    x = np.hstack([X, np.ones((len(X), 1))])
    penalties = np.full((x.shape[1], 1), penalty)
    penalties[-1] = 0  # the bias
    bound = curvature * (x.T @ x)
    bound[np.diag_indices_from(bound)] += penalties[:, 0]
    factor = cho_factor(bound)

    def inner(a: Array, b: Array) -> Array:
        """By column, or all in all where columns depend on each other."""
        products: Array = (a * b).sum(0)
        return products.sum(keepdims=True) if coupled else products

    weights = ahead = np.zeros((x.shape[1], targets.shape[1]))
    momentum = np.ones(1)
    for _ in range(MOST):
        gradient = x.T @ (link(x @ ahead) - targets) + penalties * ahead
        step = cho_solve(factor, gradient)
        before, weights = weights, ahead - step
        if inner(gradient, step).max() / 2 < ENOUGH * len(x):
            break
        uphill = inner(gradient, weights - before) > 0
        momentum = np.where(uphill, 1.0, momentum)
        later = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = weights + np.where(uphill, 0.0, (momentum - 1) / later) * (weights - before)
        momentum = later
    return np.ascontiguousarray(weights[:-1].T), weights[-1]
