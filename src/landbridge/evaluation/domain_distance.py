"""How far two domains lie apart, seen by features. No labels are needed.

None of them sees classes: domains may lie close while what is a cat in one lies where the dogs of the other are.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from landbridge.losses.coral import correlation_alignment
from landbridge.losses.mmd import maximum_mean_discrepancy

Array = NDArray[Any]


def proxy_a_distance(source: Array, target: Array, seed: int = 0) -> float:
    """How well a linear classifier tells the domains apart: 0 not at all, 2 perfectly.

    2 (1 - 2 e), e the error of a classifier of domains on held-out examples, here over two folds and with both domains
    of one size (Ben-David et al., NeurIPS 2006; Ganin et al., JMLR 2016, section 5.1.5). It predicts, loosely, how
    much accuracy falls from source to target: theirs is the bound that it enters. It misleads where wide features tell
    any two domains apart, so that all distances are near 2, and where features are constant: they score 0 and are
    useless.

    Args:
        source: features [n, D], n >= 2.
        target: features [m, D], m >= 2.
        seed: of the folds, and of the choice where one domain is larger.

    Returns:
        The distance in [0, 2]; an error above one half counts as 0.

    Raises:
        ValueError: fewer than two examples, or different widths.

    >>> x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    >>> proxy_a_distance(x, x + 100)
    2.0
    """
    _check(source, target)
    rng, n = np.random.default_rng(seed), min(len(source), len(target))
    both = np.concatenate([values[rng.permutation(len(values))[:n]] for values in (source, target)])
    domain = np.repeat([0, 1], n)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    folds = StratifiedKFold(2, shuffle=True, random_state=seed)
    error = 1.0 - float(cross_val_score(classifier, both, domain, cv=folds).mean())
    return max(0.0, 2.0 * (1.0 - 2.0 * error))


def mmd(source: Array, target: Array, most: int = 2000, seed: int = 0) -> float:
    """Squared maximum mean discrepancy: about 0 where both sets come from one distribution, the larger the further.

    The unbiased estimate with Gaussian kernels scaled by the median distance (Gretton et al., JMLR 2012, lemma 6): the
    value of `landbridge.losses.mmd.maximum_mean_discrepancy`. It predicts whether the domains differ in distribution at
    all, and, as the kernels follow the features' scale, by how much between backbones too. It misleads where D is large
    and examples are few, since all distances are alike then, and where the domains differ little in what counts and
    much in what does not.

    Args:
        source: features [n, D], n >= 2.
        target: features [m, D], m >= 2.
        most: examples a domain that are looked at; memory and time grow with its square.
        seed: which ones, where there are more.

    Returns:
        At most 2; chance may take it a little below 0.

    Raises:
        ValueError: fewer than two examples, or different widths.

    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> round(mmd(x[:200], x[200:]), 2), round(mmd(x[:200], x[200:] + 3), 2)
    (-0.0, 0.8)
    """
    rng = np.random.default_rng(seed)
    some = (values[rng.permutation(len(values))[:most]] for values in (source, target))
    return float(maximum_mean_discrepancy(*(_double(values) for values in some)))


def coral_distance(source: Array, target: Array) -> float:
    """Squared Frobenius distance between the covariances, divided by 4 D^2 (Sun and Saenko, 2016, eq. 1).

    The value of `landbridge.losses.coral.correlation_alignment`. It predicts what aligning covariances, as CORAL does,
    can win. It misleads where domains differ by a shift of the mean, to which it is blind, and between networks: it
    grows with the fourth power of the features' scale.

    Args:
        source: features [n, D], n >= 2.
        target: features [m, D], m >= 2.

    Returns:
        >= 0; 0 where the covariances are equal.

    Raises:
        ValueError: fewer than two examples, or different widths.

    >>> x = np.array([[0.0], [2.0]])
    >>> coral_distance(x, x + 5), coral_distance(x, 2 * x)
    (0.0, 9.0)
    """
    return float(correlation_alignment(_double(source), _double(target)))


def frechet_distance(source: Array, target: Array) -> float:
    """Squared Fréchet distance between Gaussians with the means and covariances of the two sets.

        ||m_S - m_T||^2 + tr(C_S + C_T - 2 (C_S C_T)^(1/2))

    (Heusel et al., NeurIPS 2017, who call it FID on the features of an Inception network). The trace of the root is the
    sum of the singular values of X_S X_T^T, the sets centred and divided by the roots of n - 1 and m - 1; that needs
    no root of a matrix and is exact where covariances are singular, so that nothing is regularised. It predicts how
    unlike two sets look to the network, means and correlations together. It misleads with few examples: it comes out
    too large, and two halves of one set are far apart where n is below D, so compare sets of one size only; and between
    networks, since it grows with the square of the features' scale.

    Args:
        source: features [n, D], n >= 2.
        target: features [m, D], m >= 2.

    Returns:
        >= 0; 0 where means and covariances are equal.

    Raises:
        ValueError: fewer than two examples, or different widths.

    >>> x = np.array([[0.0], [2.0]])
    >>> round(frechet_distance(x, x + 5), 6), round(frechet_distance(x, 2 * x), 6)
    (25.0, 3.0)
    """
    _check(source, target)
    means, roots = list[Array](), list[Array]()
    for values in (source, target):
        x = np.asarray(values, dtype=np.float64)
        means.append(x.mean(0))
        # R of QR has the singular values of the whole, in D rows at most.
        roots.append(np.asarray(np.linalg.qr((x - means[-1]) / np.sqrt(len(x) - 1), mode="r")))
    covariances = sum(float(np.square(root).sum()) for root in roots)
    shared = float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())
    return max(0.0, float(np.square(means[0] - means[1]).sum()) + covariances - 2.0 * shared)


def _check(source: Array, target: Array) -> None:
    if source.shape[1:] != target.shape[1:] or min(len(source), len(target)) < 2:
        raise ValueError(
            f"a distance takes two sets [n >= 2, D] of one width, not {list(source.shape)} and {list(target.shape)}"
        )


def _double(values: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
