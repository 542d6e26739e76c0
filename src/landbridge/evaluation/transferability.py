"""How well a backbone suits a labelled target, told from its frozen features without training it.

Every score here is the higher the better and takes features and labels of the target; scores of one kind can be
compared between backbones on the same examples, never between kinds or between targets. All of them look at features
as they are: what fine-tuning would make of the backbone they cannot see. Those that take the predictions of a source
classifier are in `landbridge.evaluation.label_transfer`.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landbridge.core.errors import BadDataError

Array = NDArray[Any]


def h_score(features: Array, labels: Array) -> float:
    """How much of the features' variance lies between the classes, all directions counted alike.

    tr(cov(f)^-1 cov(E[f | y])), the covariances over the examples (Bao et al., ICIP 2019, definition 2). It predicts
    the accuracy of a linear classifier. It misleads where examples are few: from n = D + 1 on downwards nearly any
    labels reach the maximum, and wide features look better than they are; take `regularised_h_score` there.

    Args:
        features: of the target's examples [n, D].
        labels: their classes [n], any values.

    Returns:
        In [0, min(D, classes - 1)].

    Raises:
        BadDataError: features and labels that do not fit together, that are not finite, or of one class only.

    >>> round(h_score(np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])), 4)
    0.9412
    """
    x, y = _checked(features, labels)
    between, _ = _between(_centred(x), y)
    return float(between.sum())


def regularised_h_score(features: Array, labels: Array) -> float:
    """The H-score with a covariance that few examples can estimate.

    tr(C_a^-1 (1 - a) cov(E[f | y])) with C_a = (1 - a) cov(f) + a tr(cov(f)) / D I, where a is the shrinkage of Ledoit
    and Wolf (Ibrahim, Ponomareva and Mazumder, ECML PKDD 2022). It predicts what `h_score` does, also where n is below
    D. It misleads between targets whose numbers of classes differ, since its maximum is that of the H-score.

    Args:
        features: of the target's examples [n, D].
        labels: their classes [n], any values.

    Returns:
        In [0, min(D, classes - 1)], and never above the H-score.

    Raises:
        BadDataError: as for `h_score`.

    >>> x = np.random.default_rng(0).normal(size=(20, 30))
    >>> y = np.arange(20) % 2
    >>> round(h_score(x, y), 4), round(regularised_h_score(x, y), 4)
    (1.0, 0.2231)
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    x, y = _checked(features, labels)
    x = _centred(x)
    between, variances = _between(x, y)
    shrinkage = float(ledoit_wolf_shrinkage(x, assume_centered=True))
    kept = (1.0 - shrinkage) * variances
    return float((between * kept / (kept + shrinkage * variances.sum() / x.shape[1])).sum())


def logme(features: Array, labels: Array) -> float:
    """Logarithm of the maximum evidence: how probable the labels are under Bayesian linear regression.

    For each class, its indicator is regressed on the features with a Gaussian prior of precision alpha and noise of
    precision beta, both set to what makes the evidence largest:

        n/2 log beta + D/2 log alpha - n/2 log 2 pi - beta/2 ||F m - y||^2 - alpha/2 m^T m - 1/2 log |A|,
        A = alpha I + beta F^T F,  m = beta A^-1 F^T y

    The score is its mean over classes, divided by n (You et al., ICML 2021, eq. 2; what their algorithm 1 goes towards
    is found here to the last digits). It predicts the order of backbones after fine-tuning, and does not reward
    overfitting as the likelihood does. Features are neither centred nor scaled, and there is no intercept, so that
    moving them changes it; multiplying them does not. It misleads where classes are far from balanced, since rare ones
    are easy to regress, and between targets: more classes make it larger.

    Args:
        features: of the target's examples [n, D].
        labels: their classes [n], any values.

    Returns:
        Mostly between -1 and 3; unbounded above, where labels fit without any error.

    Raises:
        BadDataError: as for `h_score`.

    >>> x = np.random.default_rng(0).normal(size=(200, 5))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> logme(x, y) > logme(x, np.roll(y, 7))
    True
    """
    x, y = _checked(features, labels)
    left, squares = _directions(x)
    coordinates = _class_sums(left, y).T ** 2
    outside = np.maximum(np.bincount(y) - coordinates.sum(0), 0.0)
    return float(_evidence(squares, coordinates, outside, len(x)).mean() / len(x))


def transrate(features: Array, labels: Array, epsilon: float = 1e-4) -> float:
    """How many nats about the class are in the features, measured by coding rates.

    R(Z) - sum over classes of n_c / n R(Z_c), with R(Z) = 1/2 log det(I + Z^T Z / (n epsilon)) (Huang et al., ICML
    2022, section 3). Features are centred and scaled to a mean squared norm of 1, so that epsilon, the distortion that
    a code may leave, means the same for every backbone. It predicts the order of backbones and of layers. It misleads
    where classes have fewer examples than features: each class then spans so few directions that its rate is low
    whatever it holds, and wide features look better than they are. As the classes are not centred, two that lie
    opposite each other look like one.

    Args:
        features: of the target's examples [n, D].
        labels: their classes [n], any values.
        epsilon: squared distortion, > 0, in units of the features' mean squared norm.

    Returns:
        >= 0, growing with D.

    Raises:
        BadDataError: as for `h_score`.

    >>> y = np.arange(300) % 3
    >>> x = np.eye(3)[y] + 0.1 * np.random.default_rng(0).normal(size=(300, 3))
    >>> round(transrate(x, y), 2), round(transrate(x, np.sort(y)), 2)
    (1.42, 0.02)
    """
    x, y = _checked(features, labels)
    x = _centred(x)
    norm = np.sqrt(np.square(x).sum() / len(x))
    x = x / norm if norm > 0 else x
    classes = (x[y == c] for c in range(y.max() + 1))
    return _rate(x, epsilon) - sum(len(z) / len(x) * _rate(z, epsilon) for z in classes)


def knn_estimate(features: Array, labels: Array, neighbours: int = 1) -> float:
    """Accuracy of nearest neighbours, each example classified by all others.

    Leave-one-out, Euclidean, by majority; of classes with equally many votes the one with the nearest example wins. The
    proxy by which Puigcerver et al. (ICLR 2021) choose among experts, with one neighbour. It predicts accuracy where
    little is trained on top. It misleads where near copies (frames of one video) stand among the examples, and where a
    few directions of large variance drown those that matter; a linear classifier would find them.

    Args:
        features: of the target's examples [n, D].
        labels: their classes [n], any values.
        neighbours: how many of them vote; n - 1 at most do.

    Returns:
        In [0, 1]; the share of the largest class is the least that a useful backbone reaches.

    Raises:
        BadDataError: as for `h_score`.

    >>> knn_estimate(np.array([[0.0], [1.0], [4.0], [5.0], [1.5]]), np.array([0, 0, 1, 1, 1]))
    0.6
    """
    from sklearn.neighbors import NearestNeighbors

    x, y = _checked(features, labels)
    neighbours = min(neighbours, len(x) - 1)
    # Centred, since distances are computed from products, which lose digits far from the origin.
    searcher = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(_centred(x))
    nearest = y[searcher.kneighbors(return_distance=False)]
    # Nearer ones count a little more, together less than one vote: that only breaks ties.
    weights = 1.0 + 0.5 ** np.arange(2, neighbours + 2)
    votes = np.zeros((len(y), y.max() + 1))
    np.add.at(votes, (np.arange(len(y))[:, None], nearest), weights)
    return float((votes.argmax(1) == y).mean())


def linear_probe_estimate(features: Array, labels: Array, folds: int = 5) -> float:
    """Accuracy of a linear classifier on examples that it was not fitted on.

    Ridge regression on class indicators, features standardised; the penalty, from 1e-4 n to 100 n, has the least
    squared error when each training example is left out in turn. It predicts a linear probe's accuracy well, being one.
    It misleads about fine-tuning: a backbone whose features are poor as they are may have the better start.

    Args:
        features: of the target's examples [n, D].
        labels: their classes [n], any values.
        folds: parts of near equal class shares, in the order of the examples, so that the frames of one video stay
            together; fewer where no class has as many examples.

    Returns:
        In [0, 1].

    Raises:
        BadDataError: as for `h_score`, or no class has two examples.

    >>> x = np.random.default_rng(0).normal(size=(200, 5))
    >>> linear_probe_estimate(x, x[:, 0] > 0)
    0.98
    """
    from sklearn.model_selection import StratifiedKFold

    x, y = _checked(features, labels)
    most = int(np.bincount(y).max())
    if most < 2:
        raise BadDataError("no class has two examples, one to fit and one to test on: give more examples a class")
    indicators = np.eye(y.max() + 1)[y]
    right = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer examples than folds is in fewer of them
        for fit, held in StratifiedKFold(min(folds, most)).split(x, y):
            rule = _ridge(x[fit], indicators[fit])
            right += int((rule(x[held]).argmax(1) == y[held]).sum())
    return right / len(y)


Score = Callable[[Array, Array], float]
"""(features [n, D], labels [n]) -> score; the higher, the better the backbone is expected to serve."""

SCORES: dict[str, Score] = {
    "logme": logme,
    "h-score": h_score,
    "regularised-h-score": regularised_h_score,
    "transrate": transrate,
    "knn": knn_estimate,
    "linear-probe": linear_probe_estimate,
}
"""Scores by name. Reading the table is quick: what they need of scikit-learn is imported when they are called."""


def numbered(labels: Array, examples: int) -> Array:
    """Labels as numbers 0, 1, ... in the order of their first appearance.

    Raises:
        BadDataError: not one label an example, or all labels are one.
    """
    given = np.asarray(labels)
    if given.shape != (examples,):
        raise BadDataError(
            f"transferability scores take one label an example, not labels {list(given.shape)} for {examples} examples"
        )
    _, first, y = np.unique(given, return_index=True, return_inverse=True)
    if len(first) < 2:
        raise BadDataError(f"all {examples} examples are of one class, which tells nothing: give at least two classes")
    numbers: Array = np.argsort(np.argsort(first))[y]
    return numbers


def _checked(features: Array, labels: Array) -> tuple[Array, Array]:
    """Features as float64, and labels as numbers."""
    x = np.asarray(features, dtype=np.float64)
    if x.ndim != 2:
        raise BadDataError(f"features must be [n, D], one row an example, not {list(x.shape)}: flatten or pool them")
    if not np.isfinite(x).all():
        raise BadDataError("some features are not finite numbers: check the images and the backbone's weights")
    return x, numbered(labels, len(x))


def _centred(x: Array) -> Array:
    """Features minus their means; by way of the first example, so that constant ones become 0 and not rounding."""
    shifted = x - x[0]
    centred: Array = shifted - shifted.mean(0)
    return centred


def _directions(x: Array) -> tuple[Array, Array]:
    """Left singular vectors [n, r] and squared singular values [r] above rounding, by the smaller Gram matrix."""
    wide = len(x) <= x.shape[1]
    squares, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    kept = squares > squares[-1] * max(x.shape) * np.finfo(x.dtype).eps
    squares, vectors = squares[kept], vectors[:, kept]
    return (vectors if wide else x @ vectors / np.sqrt(squares)), squares


def _class_sums(values: Array, y: Array) -> Array:
    """Sums of the rows of each class [classes, r]."""
    sums: Array = np.eye(y.max() + 1)[y].T @ values
    return sums


def _between(centred: Array, y: Array) -> tuple[Array, Array]:
    """Along each principal axis: the share of the variance that lies between classes [r], and the variance [r]."""
    left, squares = _directions(centred)
    sums = _class_sums(left, y)
    return (sums**2 / np.bincount(y)[:, None]).sum(0), squares / len(centred)


def _rate(z: Array, epsilon: float) -> float:
    """1/2 log det(I + Z^T Z / (n epsilon)), by the Gram matrix of the short side."""
    gram = z @ z.T if len(z) < z.shape[1] else z.T @ z
    return 0.5 * float(np.linalg.slogdet(np.eye(len(gram)) + gram / (len(z) * epsilon))[1])


def _ridge(x: Array, targets: Array) -> Callable[[Array], Array]:
    """The ridge regression of the targets [n, classes] whose squared error, each example left out in turn, is least.

    Leaving one out needs no fit of its own: its error is that of the fit divided by 1 - its leverage.
    """
    centred, middle = _centred(x), targets.mean(0)
    deviation = np.sqrt(np.square(centred).mean(0))
    deviation[deviation == 0] = 1.0
    z = centred / deviation
    left, squares = _directions(z)
    coordinates = left.T @ targets

    def error(penalty: float) -> float:
        shares = squares / (squares + penalty)
        residuals = targets - middle - left @ (shares[:, None] * coordinates)
        leverages = 1.0 / len(x) + left**2 @ shares
        return float(np.square(residuals / (1.0 - leverages)[:, None]).sum())

    penalty = min(len(x) * np.logspace(-4, 2, 7), key=error)
    weights = z.T @ (left @ (coordinates / (squares + penalty)[:, None]))
    return lambda new: (new - x.mean(0)) / deviation @ weights + middle


def _evidence(squares: Array, coordinates: Array, outside: Array, n: int) -> Array:
    """The largest log evidence of each class [classes].

    For given t = alpha / beta, the best beta is n / Q(t) with Q(t) = ||F m - y||^2 + t ||m||^2, and what is left to
    maximise is a function of t alone, in which D does not occur:

        L(t) = n/2 log(n / (2 pi Q(t))) - n/2 + 1/2 sum over i of log(t / (s_i + t))
        Q(t) = outside + sum over i of z_i t / (s_i + t)

    L may have several tops: a grid finds the highest, and halving its neighbourhood the place where L no longer rises.
    The grid ends where rounding does: labels that fit without any error would be infinitely probable.

    Args:
        squares: squared singular values s [r].
        coordinates: squared coordinates z of the indicators along the left singular vectors [r, classes].
        outside: what is left of their squared norms [classes].
        n: examples.
    """
    s, scale = squares[:, None], squares.max() if len(squares) else 1.0

    def left_over(log_t: Array) -> Array:
        """What regression leaves of each direction, t / (s + t) [r, len(log_t)]."""
        left: Array = 1.0 / (1.0 + s / np.exp(log_t))
        return left

    def evidence(misfit: Array, shares: Array) -> Array:
        log: Array = 0.5 * (n * (np.log(n / (2.0 * np.pi * misfit)) - 1.0) + np.log(shares).sum(0))
        return log

    reach = -np.log(np.finfo(float).eps)
    grid, step = np.linspace(-reach, reach, 145, retstep=True)
    grid += np.log(scale)
    shares = left_over(grid)
    misfits = outside[:, None] + coordinates.T @ shares
    best = grid[evidence(misfits, shares).argmax(1)]
    low, high = np.maximum(best - step, grid[0]), np.minimum(best + step, grid[-1])
    for _ in range(40):
        middle = 0.5 * (low + high)
        shares = left_over(middle)
        misfit = outside + (coordinates * shares).sum(0)
        # The sign of dL / dlog t.
        rises = (1.0 - shares).sum(0) * misfit > n * (coordinates * shares * (1.0 - shares)).sum(0)
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    shares = left_over(0.5 * (low + high))
    return evidence(outside + (coordinates * shares).sum(0), shares)
