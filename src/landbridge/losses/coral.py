"""How far the covariances of two sets of features lie apart."""

from torch import Tensor


def correlation_alignment(source: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance between the covariances, divided by 4 D^2.

        ||C_S - C_T||_F^2 / (4 D^2),  C = (X - mean)^T (X - mean) / (n - 1)

    (Sun and Saenko, "Deep CORAL", ECCV workshops 2016, eq. 1-3). It sees neither the means nor anything beyond second
    moments. Features that shrink lower it without being any better aligned, so it needs a classification loss beside
    it.

    Args:
        source: features [n, D], n >= 2.
        target: features [m, D], m >= 2.

    Returns:
        A scalar, >= 0; 0 where the covariances are equal.

    Raises:
        ValueError: fewer than two examples, or different widths.

    >>> import torch
    >>> x = torch.tensor([[0.0], [2.0]])
    >>> correlation_alignment(x, x + 5), correlation_alignment(x, 2 * x)
    (tensor(0.), tensor(9.))
    """
    if source.shape[1:] != target.shape[1:] or min(len(source), len(target)) < 2:
        raise ValueError(
            f"covariances need two sets [n >= 2, D] of one width, not {list(source.shape)} and {list(target.shape)}"
        )
    return (_covariance(source) - _covariance(target)).square().sum() / (4 * source.shape[1] ** 2)


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)
